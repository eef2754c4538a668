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
        click.echo(f"{one.title} ({one.name}){', worn now' if one.name == worn else ''}: {one.about}")
    for broken in bad:
        click.echo(broken.sentence)


@theme.command()
@click.argument("name")
@on_node()
async def use(node: Node, name: str) -> None:
    """Wear this theme, unless its colours cannot be read."""
    themes = Themes.of(node.folder)
    new = await actions.use_theme(COMMAND, themes, name)
    title = themes.get(name).title
    click.echo(
        f"The node wears {title}. A node that is running changes within a second."
        if new
        else f"The node wears {title} already."
    )
