"""Reads of those who give support: what they say about their work, what was seen of them, who fits a visit."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.db.rows import fetch, locking, marks
from eccoo_node.kernel import clock
from eccoo_node.members.cards import Need, SeenCheck, Stretch, WorkerCard, WorkerFit
from eccoo_node.members.rules import checks_missing, on_the_wall, why_not

_WORKER = """w.person_id, p.called, w.words, w.languages, w.gender, w.rate_pence, w.travel_pence, w.goes_to, w.skills,
 w.avoids, w.paid, w.covers, p.face"""


def _card(row: Any) -> WorkerCard:
    goes_to, skills, avoids = (frozenset(msgspec.json.decode(row[i])) for i in (7, 8, 9))
    person_id, called, words, languages, gender, rate, travel = list(row)[:7]
    return WorkerCard(
        person_id,
        called,
        words,
        languages,
        gender,
        rate,
        travel,
        goes_to,
        skills,
        avoids,
        bool(row[10]),
        bool(row[11]),
        row[12],
    )


async def worker(person_id: str) -> WorkerCard | None:
    """What someone says about their work; None for someone who gives no support."""
    rows = await fetch(
        f"SELECT {_WORKER} FROM worker w JOIN person p ON p.id = w.person_id WHERE w.person_id = ?",
        person_id,
    )
    return _card(rows[0]) if rows else None


async def checks_of(person_id: str, at: datetime | None = None) -> list[SeenCheck]:
    """The checks of someone that are in date at a moment (now, unless told), by kind."""
    moment = at or clock.now()
    checks = (await _checks([person_id])).get(person_id, [])
    return [c for c in checks if c.seen_at <= moment and (c.expires_at is None or c.expires_at >= moment)]


async def checks_hold(person_id: str, kinds: Iterable[str], at: datetime) -> bool:
    """Whether each of these kinds is in date up to and at this moment."""
    return not checks_missing((await _checks([person_id])).get(person_id, []), kinds, at)


async def _checks(person_ids: list[str]) -> dict[str, list[SeenCheck]]:
    rows = await fetch(
        "SELECT k.person_id, k.id, k.kind, k.seen_at, k.seen_by, s.called, k.how, k.expires_at FROM credential k "
        f"JOIN person s ON s.id = k.seen_by WHERE k.person_id IN ({marks(person_ids)}) AND k.ended_at IS NULL "
        "ORDER BY k.kind, k.seen_at, k.id",
        *person_ids,
    )
    found: dict[str, list[SeenCheck]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(SeenCheck(*list(row)[1:]))
    return found


async def free_times(person_ids: list[str]) -> dict[str, list[Stretch]]:
    """When each of these people may be asked, by weekday and minute of the circle's clock."""
    rows = await fetch(
        "SELECT person_id, weekday, from_minute, to_minute FROM free_time "
        f"WHERE person_id IN ({marks(person_ids)}) ORDER BY weekday, from_minute",
        *person_ids,
    )
    found: dict[str, list[Stretch]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Stretch(*list(row)[1:]))
    return found


async def workers_free(
    starts_at: datetime,
    ends_at: datetime,
    *,
    zone: ZoneInfo,
    skills: Iterable[str] = (),
    facts: Iterable[str] = (),
    gender_wished: str = "",
    outward: str = "",
    exclude: Iterable[str] = (),
) -> list[WorkerFit]:
    """The circle's own workers who fit a visit, by the name they are called; three statements however many there are.

    Knows nothing of visits already planned: rota says who is busy, and `exclude` takes them out.
    """
    need = Need(starts_at, ends_at, frozenset(skills), frozenset(facts), gender_wished, outward)
    now = clock.now()
    rows = await fetch(
        f"SELECT {_WORKER} FROM worker w JOIN person p ON p.id = w.person_id "
        "WHERE w.covers = TRUE AND p.standing = 'here' AND EXISTS (SELECT 1 FROM hat h "
        "JOIN community c ON c.id = h.community_id WHERE h.person_id = w.person_id AND c.kind = 'circle' "
        "AND h.role IN ('worker', 'volunteer') AND h.ended_at IS NULL AND h.from_at <= ? "
        "AND (h.until_at IS NULL OR h.until_at > ?)) ORDER BY lower(p.called), p.id",
        now,
        now,
    )
    left_out = frozenset(exclude)
    cards = [card for card in map(_card, rows) if card.person_id not in left_out]
    if not cards:
        return []
    ids = [card.person_id for card in cards]
    checks, free = await _checks(ids), await free_times(ids)
    wanted = on_the_wall(starts_at, ends_at, zone)
    return [
        WorkerFit(c.person_id, c.called, c.words, c.languages, c.gender, c.rate_pence, c.travel_pence, c.paid, c.face)
        for c in cards
        if why_not(c, checks.get(c.person_id, []), free.get(c.person_id, []), need, zone, wanted=wanted) is None
    ]


async def lock_worker(worker_id: str) -> None:
    """Two who choose the same worker at one moment wait for each other. Inside `write()`."""
    await fetch(f"SELECT person_id FROM worker WHERE person_id = ?{locking()}", worker_id)
