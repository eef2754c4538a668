"""`eccoo ledger verify` and `eccoo audit verify`: whether everything is as it was written."""

import click

from eccoo_node.cli._node import Node, Plain, counted, on_node
from eccoo_node.escrow.checking import add_up
from eccoo_node.record.audit import verify as verify_record


@click.group(cls=Plain)
def ledger() -> None:
    """The books of held money."""


@ledger.command("verify")
@on_node()
async def ledger_verify(node: Node) -> None:
    """Check every entry and balance. Exit code 1 and the first break where something is wrong.

    What comes of it is kept, as each night: after a break nothing is paid out until the books hold again.
    """
    click.echo(f"The books hold: {counted(await add_up())}.")


@click.group(cls=Plain)
def audit() -> None:
    """The record of who did what."""


@audit.command("verify")
@on_node()
async def audit_verify(node: Node) -> None:
    """Walk the chain of the record. Exit code 1 and the first break where something is wrong."""
    click.echo(f"The record holds: {counted(await verify_record())}.")
