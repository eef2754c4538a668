"""What outlives a link: visits that are certain, what is owed, what must still be delivered. When all is through it closes.

Other domains say what they still have with a circle (`still_going`); they let go of the rest when they hear `link.ended`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from eccoo_federation.bodies import BODIES
from eccoo_federation.handshake import FORGETS
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import pounds
from eccoo_node.links import queries
from eccoo_node.links.actions import SUBJECT
from eccoo_node.record import events

# Letters that a circle has not taken by then are not waited for: nobody there reads them any more.
GIVE_UP = timedelta(days=60)


class Still(msgspec.Struct, frozen=True):
    """One thing that goes on after the end, or is let go of at it. It names nobody.

    "open": nothing here will ever settle it; people have to. It keeps no link from closing. `path`: where somebody writes
    down what they heard on the telephone, if what they wait for does not come.
    """

    kind: Literal["certain", "stops", "money", "kept", "letters", "open"]
    sentence: str
    at: datetime | None = None
    path: str = ""


Provider = Callable[[str], Awaitable[list[Still]]]
_PROVIDERS: list[Provider] = []


def still_going(function: Provider) -> Provider:
    """Register who knows of things with a circle: `async (link_id) -> [Still]`, without names. "stops" ends at the end."""
    _PROVIDERS.append(function)
    return function


async def goes_on(link_id: str) -> list[Still]:
    """All that there is with this circle now, certain visits first, in order of their days."""
    found = [still for provider in _PROVIDERS for still in await provider(link_id)]
    order = ("certain", "open", "money", "kept", "letters", "stops")
    return sorted(found, key=lambda still: (order.index(still.kind), still.at or clock.now(), still.sentence))


@still_going
async def _owed(link_id: str) -> list[Still]:
    found = await money.owed(link_id)
    told = []
    if found.we_owe_pence:
        told.append(Still("money", f"We owe them {pounds(found.we_owe_pence)}."))
    if found.they_owe_pence:
        told.append(Still("money", f"They owe us {pounds(found.they_owe_pence)}."))
    return told


@still_going
async def _undelivered(link_id: str) -> list[Still]:
    row = await fetch_one(
        "SELECT agreement, superseded_by, (SELECT COUNT(*) FROM letter_out o WHERE o.link_id = l.id "
        "AND o.state IN ('waiting', 'sent')) AS waiting FROM link l WHERE id = ?",
        link_id,
    )
    # Where one of the two has lost who it was, nobody has the keys: what lies there never goes.
    count = 0
    if row and not row["superseded_by"] and queries.in_our_name(row["agreement"]):
        count = int(row["waiting"])
    said = "One letter is still to reach them." if count == 1 else f"{count} letters are still to reach them."
    return [Still("letters", said)] if count else []


async def gone_since(link_id: str) -> datetime | None:
    """Since when no node of theirs will answer on this link: another took its place, or it has ended and neither reached the
    other for `GIVE_UP`. None while one may. What is open then is for people alone."""
    if at := await queries.superseded_at(link_id):
        return at
    row = await fetch_one(
        "SELECT l.ended_at, w.last_seen_at, w.reached_at FROM link l JOIN link_wire w ON w.link_id = l.id "
        "WHERE l.id = ? AND l.state = 'ended' AND l.ended_at IS NOT NULL",
        link_id,
    )
    return given_up(*map(as_time, row)) if row else None


def given_up(*heard: datetime | None) -> datetime | None:
    """The last of these moments, once it is so long ago that nobody waits for an answer any more."""
    last = max((at for at in heard if at), default=None)
    return last if last and clock.now() - last > GIVE_UP else None


async def close_if_through(link_id: str) -> bool:
    """Close an ended link with which nothing goes on any more, inside `write()`."""
    row = await fetch_one(
        "SELECT ended_at, agreement, superseded_by FROM link WHERE id = ? AND state = 'ended' AND closed_at IS NULL",
        link_id,
    )
    if row is None:
        return False
    left = [still for still in await goes_on(link_id) if still.kind not in ("stops", "open")]
    ended_at = as_time(row["ended_at"])
    recent = ended_at is not None and clock.now() - ended_at <= GIVE_UP
    if recent and not row["agreement"]:
        # No letter tells them of the end of what was never agreed: they learn of it when they call.
        return False
    if not recent:
        left = [still for still in left if still.kind != "letters"]
    if left:
        return False
    now = clock.now()
    await fetch("UPDATE link SET closed_at = ? WHERE id = ?", now, link_id)
    # What was given up never goes: only these cross it from now on.
    still = [type_ for type_, body in BODIES.items() if body.SCOPE in FORGETS]
    await fetch(
        "UPDATE letter_out SET state = 'refused', code = 'link_ended', answered_at = ? WHERE link_id = ? AND state = 'waiting' "
        f"AND type NOT IN ({marks(still)})",
        now, link_id, *still,
    )  # fmt: skip
    if not row["agreement"]:
        # Nothing ever crossed: no key speaks for it any more. Else either side may be asked to forget somebody years later.
        await fetch("DELETE FROM link_key WHERE link_id = ?", link_id)
    await fetch("UPDATE letter_subject SET followed = FALSE WHERE link_id = ?", link_id)
    await events.tell(new_id(), "link.closed", SUBJECT, link_id, superseded_by=row["superseded_by"])
    return True


@job("links.close", every=timedelta(hours=1))
async def close_ended(payload: dict[str, Any]) -> datetime | None:
    """Each ended link is looked at once an hour."""
    for row in await fetch("SELECT id FROM link WHERE state = 'ended' AND closed_at IS NULL ORDER BY id"):
        async with write():
            await close_if_through(row[0])
    return None
