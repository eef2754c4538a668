"""Where the plugins' host reads what was decided and writes down what failed."""

from eccoo_node.admin import queries
from eccoo_node.admin.actions import note_plugin_failure
from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import NODE
from eccoo_node.plugins_host.host import Allowed


class DecidedPlugins:
    """The host's Register, kept in this node's own database."""

    async def allowed(self) -> dict[str, Allowed]:
        return await queries.plugins()

    async def failed(self, name: str, code: str) -> bool:
        return await note_plugin_failure(NODE, name, code)

    async def revision(self) -> str:
        """One row or two: the theme counts too, because another process must wear it as well."""
        rows = await fetch("SELECT key, value FROM node_choice WHERE key IN ('plugins', 'theme') ORDER BY key")
        return ",".join(f"{row[0]}={row[1]}" for row in rows)
