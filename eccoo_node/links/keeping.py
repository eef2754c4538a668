"""Looking after links by itself: word to the admins before an agreement runs out, and when something is not well.

Each thing is told once; when it is over the note goes, so that it is told again should it come back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, insert_once, marks
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import rules, say
from eccoo_node.links.actions import SUBJECT
from eccoo_node.links.queries import read_agreement
from eccoo_node.links.tables import LinkNotice
from eccoo_node.record import events

SILENT_AFTER = timedelta(days=1)


def silent_since(row: Any, now: datetime) -> datetime | None:
    """Since when neither has reached the other, where that is longer than a day."""
    known = [at for at in (as_time(row["last_seen_at"]), as_time(row["reached_at"]), as_time(row["opened_at"])) if at]
    return max(known) if known and now - max(known) >= SILENT_AFTER else None


def due(row: Any, now: datetime) -> Iterator[tuple[str, str]]:
    """(what it is, what is told) of all that an admin should know of this link now."""
    if row["alarm"]:
        yield f"alarm:{row['alarm']}", "link_alarm"
    if row["state"] == "ended":
        return
    agreement = read_agreement(row["agreement"])
    if agreement:
        days = rules.reminder(datetime.fromisoformat(agreement["expires_at"]), now)
        if days is not None:
            yield f"ends:{agreement['rev']}:{days}", f"link_ends_{days}" if days else "link_lapsed"
    # Without a call that failed we have not tried: a node that was off for two days says nothing of the others.
    if row["trouble"] and silent_since(row, now):
        yield "silent", "link_silent"
    if say.clock_matters(row["clock_offset_s"]):
        yield "clock", "link_clock"


_LOOK = (
    "SELECT l.id, l.state, l.agreement, l.opened_at, w.last_seen_at, w.reached_at, w.clock_offset_s, w.trouble, "
    "(SELECT MAX(a.id) FROM link_alarm a WHERE a.link_id = l.id) AS alarm "
    "FROM link l JOIN link_wire w ON w.link_id = l.id WHERE l.state = 'open' "
    # Once it has ended, what is to be forgotten still crosses it: who they are, and where, is asked as before.
    "OR (l.state = 'ended' AND l.agreement <> '' AND l.superseded_by = '')"
)


@job("links.watch", every=timedelta(minutes=15))
async def watch(payload: dict[str, Any]) -> datetime | None:
    """One look at all links on which something crosses; a word to the admins for each thing that they have not been told of."""
    now = clock.now()
    found = {row["id"]: dict(due(row, now)) for row in await fetch(_LOOK)}
    noted: dict[str, set[str]] = {link_id: set() for link_id in found}
    for link_id, code in await fetch(
        f"SELECT link_id, code FROM link_notice WHERE link_id IN ({marks(list(found))})", *found
    ):
        noted[link_id].add(code)
    for link_id, things in found.items():
        over = {code for code in noted[link_id] - set(things) if not code.startswith(("ends:", "alarm:"))}
        fresh = set(things) - noted[link_id]
        if not over and not fresh:
            continue
        async with write():
            if over:
                await fetch(
                    f"DELETE FROM link_notice WHERE link_id = ? AND code IN ({marks(list(over))})", link_id, *over
                )
            for code in sorted(fresh):
                if await insert_once(LinkNotice(link_id=link_id, code=code, at=now)):
                    await events.tell(new_id(), "link.news", SUBJECT, link_id, news=things[code])
    return None
