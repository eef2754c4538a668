"""`eccoo ledger verify` and `eccoo audit verify`: whether everything is as it was written. `eccoo ledger export`."""

from datetime import datetime
from pathlib import Path
from typing import cast

import click

from eccoo_node.cli._node import Node, Plain, Told, counted, on_node
from eccoo_node.escrow import export as books
from eccoo_node.escrow.checking import add_up
from eccoo_node.kernel.access import COMMAND
from eccoo_node.record.audit import verify as verify_record


@click.group(cls=Plain)
def ledger() -> None:
    """The books of held money."""


@ledger.command("verify")
@click.option("--whole", is_flag=True, help="Reckon again also what was found to hold this week and has not changed.")
@on_node()
async def ledger_verify(node: Node, whole: bool) -> None:
    """Check every entry and balance. Exit code 1 and the first break where something is wrong.

    What comes of it is kept, as each night: after a break nothing is paid out until the books hold again.
    """
    found = await add_up(whole=whole)
    click.echo(f"The books hold: {counted(found)}.")


@ledger.command("export")
@click.option("--format", "how", type=click.Choice(list(books.ENDINGS)), required=True, help="Which program it is for.")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day; it opens with what stood before."
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write. Without it: standard output."
)
@on_node()
async def ledger_export(node: Node, how: str, first: datetime | None, last: datetime | None, out: Path | None) -> None:
    """Write the books for another program: hledger, beancount, or a table. It names nobody."""
    period = books.Period(first.date() if first else None, last.date() if last else None)
    chosen = cast("books.Format", how)
    await books.note_export(COMMAND, chosen, period)
    try:
        with click.open_file(str(out or "-"), "w", encoding="utf-8") as file:
            async for part in books.export(chosen, period):
                file.write(part)
    except OSError as error:
        raise Told(f"{out} can’t be written: {error.strerror}.") from None


@click.group(cls=Plain)
def audit() -> None:
    """The record of who did what."""


@audit.command("verify")
@on_node()
async def audit_verify(node: Node) -> None:
    """Walk the chain of the record. Exit code 1 and the first break where something is wrong."""
    click.echo(f"The record holds: {counted(await verify_record())}.")
