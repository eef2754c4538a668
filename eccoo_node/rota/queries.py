"""Reads of the week. Each is one statement however many visits there are."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, locking, marks
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import NotFound


class Visit(msgspec.Struct, frozen=True):
    """A visit as pages and rules need it. Money in pence, times in UTC."""

    id: str
    team_id: str
    person_id: str
    worker_id: str | None
    payer_id: str | None
    starts_at: datetime
    ends_at: datetime
    what: str
    address: str
    cannot_be_missed: bool
    state: str
    rate_pence: int
    fee_pence: int
    travel_pence: int
    cancel_hours: int
    cancel_bps: int
    line: str
    cover_name: str
    cover_circle: str
    settles_at: datetime | None
    person_called: str
    worker_called: str | None
    standing: str

    @property
    def paid(self) -> bool:
        return self.rate_pence > 0

    @property
    def thing(self) -> Thing:
        return Thing("visit", self.id, self.person_id, self.team_id, self.worker_id or "")

    @property
    def who(self) -> str:
        """The first name of whoever is coming; empty when nobody is."""
        if self.state == "gap":
            return ""
        return self.cover_name or self.worker_called or ""


_COLUMNS = """v.id, v.team_id, v.person_id, v.worker_id, v.payer_id, v.starts_at, v.ends_at, v.what, v.address,
 v.cannot_be_missed, v.state, v.rate_pence, v.fee_pence, v.travel_pence, v.cancel_hours, v.cancel_bps, v.line,
 v.cover_name, v.cover_circle, v.settles_at, p.called, w.called, p.standing"""
_FROM = "FROM visit v JOIN person p ON p.id = v.person_id LEFT JOIN person w ON w.id = v.worker_id"


async def visit(visit_id: str) -> Visit:
    """Raises NotFound."""
    row = await fetch_one(f"SELECT {_COLUMNS} {_FROM} WHERE v.id = ?", visit_id)
    if row is None:
        raise NotFound()
    return Visit(*row)


async def lock_visit(visit_id: str) -> Visit:
    """The visit, held against others until the transaction ends. Inside `write()`."""
    await fetch(f"SELECT id FROM visit WHERE id = ?{locking()}", visit_id)  # noqa: S608 our own words
    return await visit(visit_id)


async def visits(where: str, *params: object) -> list[Visit]:
    rows = await fetch(f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY v.starts_at, v.id", *params)
    return [Visit(*row) for row in rows]


async def week_of_person(person_id: str, start: datetime, end: datetime) -> list[Visit]:
    return await visits("v.person_id = ? AND v.starts_at >= ? AND v.starts_at < ?", person_id, start, end)


async def week_of_worker(worker_id: str, start: datetime, end: datetime) -> list[Visit]:
    return await visits("v.worker_id = ? AND v.starts_at >= ? AND v.starts_at < ?", worker_id, start, end)


async def to_say(worker_id: str, now: datetime) -> list[Visit]:
    """Visits of a worker that have ended and of which nothing was said."""
    return await visits("v.worker_id = ? AND v.state = 'planned' AND v.ends_at <= ?", worker_id, now)


async def to_answer(person_ids: Sequence[str]) -> list[Visit]:
    """Visits whose worker has said how it went, and who waits for the person."""
    return await visits(f"v.person_id IN ({marks(person_ids)}) AND v.state = 'said'", *person_ids)


async def gaps(person_ids: Sequence[str], now: datetime) -> list[Visit]:
    return await visits(f"v.person_id IN ({marks(person_ids)}) AND v.state = 'gap' AND v.ends_at > ?", *person_ids, now)


async def busy(worker_ids: Sequence[str], starts_at: datetime, ends_at: datetime) -> frozenset[str]:
    """Which of these workers already have a visit that overlaps."""
    rows = await fetch(
        f"SELECT DISTINCT worker_id FROM visit WHERE worker_id IN ({marks(worker_ids)}) "  # noqa: S608 only marks
        "AND state IN ('planned', 'said', 'settled') AND starts_at < ? AND ends_at > ?",
        *worker_ids,
        ends_at,
        starts_at,
    )
    return frozenset(row[0] for row in rows)


class SaidRow(msgspec.Struct, frozen=True):
    side: str
    answer: str
    minutes: int
    words: str
    said_by: str
    via: str
    said_at: datetime


async def said(visit_id: str) -> dict[str, SaidRow]:
    """The newest word of each side."""
    rows = await fetch(
        "SELECT side, answer, minutes, words, said_by, via, said_at FROM said WHERE visit_id = ? ORDER BY said_at, id",
        visit_id,
    )
    return {row[0]: SaidRow(*row) for row in rows}


class ToldRow(msgspec.Struct, frozen=True):
    """Who was told what, by which way, and whether it has reached them."""

    id: str
    person_id: str
    called: str
    visit_id: str | None
    about_id: str
    news: str
    channel: str
    at: datetime
    told_at: datetime | None


_TOLD = """SELECT t.id, t.person_id, p.called, t.visit_id, t.about_id, t.news, t.channel, t.at, t.told_at
 FROM told t JOIN person p ON p.id = t.person_id"""


async def told_about(visit_id: str) -> list[ToldRow]:
    rows = await fetch(f"{_TOLD} WHERE t.visit_id = ? ORDER BY t.at, t.id", visit_id)
    return [ToldRow(*row) for row in rows]


async def told_to(person_id: str, since: datetime) -> list[ToldRow]:
    rows = await fetch(f"{_TOLD} WHERE t.person_id = ? AND t.at >= ? ORDER BY t.at DESC LIMIT 20", person_id, since)
    return [ToldRow(*row) for row in rows]


async def to_ring() -> list[ToldRow]:
    """News that waits for a facilitator to ring, write or call round."""
    rows = await fetch(f"{_TOLD} WHERE t.told_at IS NULL ORDER BY t.at LIMIT 50")
    return [ToldRow(*row) for row in rows]


async def count_visits(person_id: str) -> int:
    return int(await fetch_value("SELECT COUNT(*) FROM visit WHERE person_id = ?", person_id))
