"""Reads of what the admins decided."""

import msgspec

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.plugins_host.host import Allowed

THEME = "theme"
REVISION = "plugins"
_COLUMNS = "name, enabled, settings, content_hash, failures, last_error"


async def plugins() -> dict[str, Allowed]:
    """Every plugin that was ever switched on, by name."""
    rows = await fetch(f"SELECT {_COLUMNS} FROM plugin_state ORDER BY name")
    return {row[0]: Allowed(row[0], bool(row[1]), msgspec.json.decode(row[2]), *list(row)[3:]) for row in rows}


async def theme_name(default: str = "calm") -> str:
    """The theme that is worn."""
    return await chosen(THEME) or default


async def chosen(key: str) -> str:
    return str(await fetch_value("SELECT value FROM node_choice WHERE key = ?", key) or "")


def requires_admin(actor: Actor) -> None:
    """Raises Forbidden for whoever may not read the admins' pages."""
    access.requires(actor, "admin.see", Thing("node"))
