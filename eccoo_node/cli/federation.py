"""`eccoo federation verify`: whether everything between the circles is as it was signed."""

import click

from eccoo_node.cli._node import Node, Plain, counted, on_node
from eccoo_node.federating.verify import verify
from eccoo_node.settlement.checking import verify as verify_statements


@click.group(cls=Plain)
def federation() -> None:
    """What goes between linked circles."""


@federation.command("verify")
@on_node()
async def federation_verify(node: Node) -> None:
    """Check keys, agreements, letters, chains and statements. Exit code 1 and the first break where something is wrong."""
    click.echo(f"The links hold: {counted(await verify() | {'statements': await verify_statements()})}.")
