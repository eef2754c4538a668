"""`eccoo theme`: how the node looks, from a shell."""

import click

from eccoo_node.admin import actions
from eccoo_node.admin.queries import theme_name
from eccoo_node.cli._node import Node, Plain, on_node
from eccoo_node.kernel.access import COMMAND
from eccoo_node.theming import Themes


@click.group(cls=Plain)
def theme() -> None:
    """List themes, and choose the one that is worn."""


@theme.command("list")
@on_node()
async def list_themes(node: Node) -> None:
    """Every theme that can be worn, the present one marked; and of the others, why not."""
    good, bad = Themes.of(node.folder).all()
    worn = await theme_name()
    for one in good:
        click.echo(f"{'*' if one.name == worn else ' '} {one.name}\t{one.title}\t{one.about}")
    for broken in bad:
        click.echo(f"! {broken.sentence}")


@theme.command()
@click.argument("name")
@on_node()
async def use(node: Node, name: str) -> None:
    """Wear this theme, unless its colours cannot be read."""
    new = await actions.use_theme(COMMAND, Themes.of(node.folder), name)
    click.echo(
        f"The node wears {name}. A node that is running changes within a second."
        if new
        else f"It wears {name} already."
    )
