"""Rows of a link, locked for the rest of the transaction where something is about to change."""

from typing import Any

from eccoo_federation.errors import ProtocolError
from eccoo_node.db.rows import fetch_one, locking


async def link(link_id: str) -> Any:
    """The link, unlocked. Raises ``unknown_link``."""
    return _there(await fetch_one("SELECT * FROM link WHERE id = ?", link_id))


async def lock_link(link_id: str) -> Any:
    """Raises ``unknown_link``."""
    return _there(await fetch_one("SELECT * FROM link WHERE id = ?" + locking(), link_id))


async def wire(link_id: str) -> Any:
    """Numbers and health, unlocked. Raises ``unknown_link``."""
    return _there(await fetch_one("SELECT * FROM link_wire WHERE link_id = ?", link_id))


async def lock_wire(link_id: str) -> Any:
    """One inbox and one sender at a time work on a link: each begins by taking this row. Raises ``unknown_link``."""
    return _there(await fetch_one("SELECT * FROM link_wire WHERE link_id = ?" + locking(), link_id))


async def seal(event_id: str) -> Any:
    """The chain's own row of a numbered event. Raises LookupError."""
    row = await fetch_one("SELECT * FROM letter_seal WHERE event_id = ?", event_id)
    if row is None:
        raise LookupError("an event without a number has no seal")
    return row


def _there(row: Any) -> Any:
    if row is None:
        raise ProtocolError("unknown_link")
    return row
