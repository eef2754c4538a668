"""`eccoo`: a node from a shell. One file for each group of commands."""

from importlib import import_module
from importlib.util import find_spec

import click

from eccoo_node.cli._node import Plain
from eccoo_node.cli.hosting import config, init, migrate, serve
from eccoo_node.cli.verify import audit, ledger


@click.group(cls=Plain)
@click.version_option(package_name="eccoo-node", prog_name="eccoo")
def main() -> None:
    """A node for a local care circle. ECCOO_HOME names its data folder."""


for command in (init, serve, migrate, config, ledger, audit):
    main.add_command(command)
for name in ("federation", "link", "plugin", "theme", "demo"):
    if find_spec(f"eccoo_node.cli.{name}"):
        main.add_command(getattr(import_module(f"eccoo_node.cli.{name}"), name))
