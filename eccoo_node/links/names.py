"""The names of linked circles, for the pages about money."""

from collections.abc import Sequence

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import telling


@telling.names_circles
async def names_of(link_ids: Sequence[str]) -> dict[str, str]:
    rows = await fetch(f"SELECT id, name FROM link WHERE id IN ({marks(link_ids)}) AND name <> ''", *link_ids)
    return {row[0]: row[1] for row in rows}
