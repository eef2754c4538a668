"""What the admins decided."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import flag, moment, number, prose, serial, word


class PluginState(Table, tablename="plugin_state"):
    """One plugin that was ever switched on. Switching it off keeps the row, its settings and its own tables."""

    id = serial()
    name = word()
    enabled = flag()
    # As JSON, in the plugin's own words.
    settings = prose("{}")
    # What exactly was allowed: see `Found.approval`.
    content_hash = word(128)
    # How often it failed of late, when last, and where: a code, never an error's text.
    failures = number()
    failed_at = moment(null=True)
    last_error = word()
    changed_at = moment()


class NodeChoice(Table, tablename="node_choice"):
    """One thing that was chosen for the whole node: its theme, and a count of the changes to its plugins."""

    id = serial()
    key = word()
    value = word(200)
    changed_at = moment()


TABLES = [PluginState, NodeChoice]

extras.unique("plugin_state", "name")
extras.unique("node_choice", "key")
