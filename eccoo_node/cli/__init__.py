"""`eccoo`: a node from a shell. One file for each group of commands, read when one of its commands is asked for."""

from importlib import import_module

import click

from eccoo_node.cli._node import Plain

# Each command with the file it is in.
WHERE = {
    "init": "hosting", "serve": "hosting", "enter": "hosting", "migrate": "hosting", "config": "hosting", "ledger": "verify",
    "audit": "verify", "federation": "federation", "identity": "identity", "link": "link", "plugin": "plugin", "theme": "theme", "demo": "demo",
}  # fmt: skip


class Commands(Plain):
    """Reads only the file that is needed: the pages' libraries alone take as long to load as most commands to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in WHERE:
            return None
        found: click.Command = getattr(import_module(f"eccoo_node.cli.{WHERE[cmd_name]}"), cmd_name)
        return found


@click.group(cls=Commands)
@click.version_option(package_name="eccoo-node", prog_name="eccoo")
def main() -> None:
    """A node for a local care circle. ECCOO_HOME names its data folder."""
