"""`eccoo plugin`: what the admin's page of plugins does, from a shell. No plugin's code is run by it."""

import click

from eccoo_node.admin import actions
from eccoo_node.admin.queries import plugins as decided
from eccoo_node.cli._node import Node, Plain, on_node
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import NotFound
from eccoo_node.plugins_host import guard
from eccoo_node.plugins_host.catalogue import Found, catalogue
from eccoo_node.plugins_host.host import Allowed

NOTICED = "A node that is running notices within a second."


@click.group(cls=Plain)
def plugin() -> None:
    """List plugins, switch them on and off."""


def _how(found: Found | None, allowed: Allowed | None) -> tuple[str, str]:
    """A word for how it is, and a sentence where there is more to say."""
    on = allowed is not None and allowed.enabled
    if found is None:
        return "no longer installed", ""
    if found.trouble:
        return "can’t be switched on", found.trouble
    if allowed is not None and allowed.last_error:
        return "on" if on else "switched off", guard.say(allowed.last_error)
    if allowed is not None and on and not found.approved_by(allowed.content_hash):
        return "not running", "It has changed since it was allowed."
    return "on" if on else "off", ""


def _title(name: str) -> str:
    found = catalogue().get(name)
    return found.title if found else name


@plugin.command("list")
@on_node()
async def list_plugins(node: Node) -> None:
    """Every plugin that is installed, and how it is."""
    found, allowed = catalogue(), await decided()
    for name in sorted({*found, *allowed}):
        state, why = _how(found.get(name), allowed.get(name))
        click.echo(f"{found[name].title if name in found else name} ({name}): {state}")
        if why:
            click.echo(f"  {why}")
    if not found and not allowed:
        click.echo("No plugin is installed.")
    if node.settings.plugins == "none":
        click.echo("This node is set to run without plugins.")


@plugin.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask; what it may do is printed all the same.")
@on_node()
async def enable(node: Node, name: str, yes: bool) -> None:
    """Say what a plugin may do, and let it run."""
    found = catalogue().get(name)
    if found is None:
        raise NotFound(f"There is no plugin called {name}. `eccoo plugin list` names those there are.", "no_plugin")
    if found.plugin is not None and not found.trouble:
        click.echo(f"{found.title} (from {found.source} {found.version}):")
        for sentence in found.plugin.plain_words():
            click.echo(f"  {sentence}")
        if not yes:
            click.confirm("Let it run?", abort=True)
    new = await actions.enable_plugin(COMMAND, found, found.approval())
    click.echo(f"{found.title} is on. {NOTICED}" if new else f"{found.title} was on already.")


@plugin.command()
@click.argument("name")
@on_node()
async def disable(node: Node, name: str) -> None:
    """Stop a plugin. What it has written down is kept."""
    was_on = await actions.disable_plugin(COMMAND, name)
    kept = f"is off. What it has written down is kept. {NOTICED}"
    click.echo(f"{_title(name)} {kept if was_on else 'was off already.'}")
