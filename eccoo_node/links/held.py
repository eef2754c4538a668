"""Rows of a link, locked for the rest of the transaction where something is about to change; and its end.

Whoever changes both takes the wire's row first, as inbox and sender do: else two of them may wait for one another.
"""

from typing import Any

from eccoo_federation.errors import ProtocolError
from eccoo_node.db.rows import fetch, fetch_one, locking
from eccoo_node.kernel import clock
from eccoo_node.record import events


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


async def mark_ended(act_id: str, link_id: str, *, by_them: bool, anew: bool = False) -> bool:
    """Nothing new begins from now on; whoever keeps something of this link hears of it. False when it had ended before.

    `anew`: we have lost who we were on it, and nothing more is said there.
    """
    rows = await fetch(
        "UPDATE link SET state = 'ended', ended_at = ?, ended_by_them = ?, token = '', our_proposal = '', "
        "their_proposal = '' WHERE id = ? AND state <> 'ended' RETURNING id",
        clock.now(), by_them, link_id,
    )  # fmt: skip
    if rows:
        await events.tell(act_id, "link.ended", "link", link_id, by="them" if by_them else "us", anew=anew)
    return bool(rows)
