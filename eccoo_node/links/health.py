"""How one link is doing, all of it, for its admin: a constant number of statements."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import limits
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import keeping
from eccoo_node.links.queries import read_agreement


class Report(msgspec.Struct, frozen=True):
    """The wire of one link in numbers and moments."""

    heard_at: datetime | None
    reached_at: datetime | None
    silent_since: datetime | None
    waiting: int
    oldest_at: datetime | None
    refused: int
    failures: int
    resting: bool
    next_try_at: datetime | None
    trouble: str
    clock_offset_s: int | None
    came_today: int
    went_today: int
    busiest_requests: int
    busiest_events: int
    version: str
    caps: tuple[str, ...]
    agreed_until: datetime | None


async def report(link_id: str) -> Report:
    """Raises NotFound."""
    row = await fetch_one(
        "SELECT l.agreement, l.opened_at, l.state, w.*, (SELECT COUNT(*) FROM letter_out o WHERE o.link_id = l.id AND "
        "o.state IN ('waiting', 'sent')) AS waiting, (SELECT MIN(o.written_at) FROM letter_out o WHERE o.link_id = l.id "
        "AND o.state IN ('waiting', 'sent')) AS oldest_at, (SELECT COUNT(*) FROM letter_out o WHERE o.link_id = l.id "
        "AND o.state = 'refused') AS refused FROM link l JOIN link_wire w ON w.link_id = l.id WHERE l.id = ?",
        link_id,
    )
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    now = clock.now()
    came, went, requests, events = await _traffic(link_id, now)
    agreement = read_agreement(row["agreement"])
    return Report(
        heard_at=as_time(row["last_seen_at"]), reached_at=as_time(row["reached_at"]),
        silent_since=keeping.silent_since(row, now) if row["state"] == "open" else None,
        waiting=row["waiting"], oldest_at=as_time(row["oldest_at"]), refused=row["refused"], failures=row["failures"],
        resting=row["failures"] >= limits.BREAKER_FAILURES, next_try_at=as_time(row["next_try_at"]),
        trouble=row["trouble"], clock_offset_s=row["clock_offset_s"], came_today=came, went_today=went,
        busiest_requests=requests, busiest_events=events, version=str(agreement["v"]) if agreement else "",
        caps=tuple(agreement["caps"]) if agreement else (),
        agreed_until=datetime.fromisoformat(agreement["expires_at"]) if agreement else None,
    )  # fmt: skip


async def _traffic(link_id: str, now: datetime) -> tuple[int, int, int, int]:
    """Letters of today each way, and the busiest of the last five minutes, as requests and as letters."""
    start, _ = clock.day_bounds(now.astimezone(clock.zone()).date(), clock.zone())
    rows: list[Any] = await fetch(
        "SELECT (SELECT COUNT(*) FROM letter_in WHERE link_id = ? AND at >= ?), "
        "(SELECT COUNT(*) FROM letter_seal WHERE link_id = ? AND at >= ?), "
        "(SELECT COALESCE(MAX(requests), 0) FROM link_rate WHERE link_id = ? AND minute >= ?), "
        "(SELECT COALESCE(MAX(events), 0) FROM link_rate WHERE link_id = ? AND minute >= ?)",
        link_id, start, link_id, start, link_id, now - timedelta(minutes=5), link_id, now - timedelta(minutes=5),
    )  # fmt: skip
    return int(rows[0][0]), int(rows[0][1]), int(rows[0][2]), int(rows[0][3])
