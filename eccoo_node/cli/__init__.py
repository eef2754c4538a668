"""`eccoo`: a node from a shell. One file for each group of commands."""

import click

from eccoo_node.cli._node import Plain
from eccoo_node.cli.demo import demo
from eccoo_node.cli.federation import federation
from eccoo_node.cli.hosting import config, init, migrate, serve
from eccoo_node.cli.link import link
from eccoo_node.cli.plugin import plugin
from eccoo_node.cli.theme import theme
from eccoo_node.cli.verify import audit, ledger


@click.group(cls=Plain)
@click.version_option(package_name="eccoo-node", prog_name="eccoo")
def main() -> None:
    """A node for a local care circle. ECCOO_HOME names its data folder."""


for command in (init, serve, migrate, config, ledger, audit, federation, link, plugin, theme, demo):
    main.add_command(command)
