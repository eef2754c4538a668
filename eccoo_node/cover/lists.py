"""Reads of cover for lists: each is a constant number of statements, however long the list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation.bodies import CoverRequested
from eccoo_node.cover.queries import _OPEN as OPEN
from eccoo_node.cover.queries import MINE, Mine, Open
from eccoo_node.cover.rules import SLOT
from eccoo_node.cover.shown import stored
from eccoo_node.db.rows import fetch, fetch_one, marks
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import workers
from eccoo_node.members.cards import Need
from eccoo_node.members.rules import on_the_wall, why_not
from eccoo_node.rota import queries as rota
from eccoo_node.rota.standing import Slot


class Search(msgspec.Struct, frozen=True):
    """A live search as a list shows it: how far it has got, and who was asked and has not answered."""

    id: str
    visit_id: str
    person_id: str
    state: str
    further: bool
    next_news_at: datetime
    unsure: bool
    overridden: bool
    chosen: str
    chosen_id: str
    offers: int
    asked: tuple[str, ...] = ()


_SEARCH = """SELECT r.id, r.visit_id, r.person_id, r.state, r.further, r.next_news_at, r.unsure,
 CASE WHEN r.override_at IS NULL THEN 0 ELSE 1 END, COALESCE(c.first_name, ''), r.chosen_offer,
 (SELECT COUNT(*) FROM cover_offer o WHERE o.request_id = r.id AND o.state = 'live')
 FROM cover_request r LEFT JOIN cover_offer c ON c.id = r.chosen_offer"""


def _search(values: Any) -> Search:
    return Search(*values)


async def _searches(where: str, *params: object) -> list[Search]:
    rows = await fetch(f"{_SEARCH} WHERE r.state <> 'ended' AND {where} ORDER BY r.created_at, r.id LIMIT 100", *params)
    ids = [row[0] for row in rows]
    asked: dict[str, list[str]] = {}
    for row in await fetch(
        "SELECT n.request_id, p.called FROM near_ask n JOIN person p ON p.id = n.worker_id "
        f"WHERE n.answer = '' AND n.request_id IN ({marks(ids)}) ORDER BY n.asked_at, p.called",
        *ids,
    ):
        asked.setdefault(row[0], []).append(row[1])
    return [
        _search((*tuple(row)[:7], bool(row[7]), row[8], row[9], int(row[10]), tuple(asked.get(row[0], ()))))
        for row in rows
    ]


async def searches_for(person_ids: Sequence[str]) -> dict[str, Search]:
    """The live searches of these people, by visit."""
    found = await _searches(f"r.person_id IN ({marks(person_ids)})", *person_ids)
    return {search.visit_id: search for search in found}


async def searches_unsure() -> list[Search]:
    """Where the hour has passed by which we wanted to be sure; for facilitators."""
    return await _searches("r.unsure = TRUE AND r.override_at IS NULL")


async def searches_to_pay(payer_person_id: str) -> list[Search]:
    """Where a higher price waits for this payer's yes."""
    return await _searches(
        "r.state = 'wants_payer' AND EXISTS (SELECT 1 FROM visit v JOIN payer y ON y.id = v.payer_id "
        "WHERE v.id = r.visit_id AND y.payer_person_id = ?)",
        payer_person_id,
    )


class AskCard(msgspec.Struct, frozen=True):
    """What one of our own workers is asked: whom, where roughly, when."""

    id: str
    request_id: str
    visit_id: str
    worker_id: str
    answer: str
    live: bool
    person_id: str
    person_called: str
    outward: str
    what: str
    starts_at: datetime
    ends_at: datetime
    cancel_hours: int
    cancel_bps: int

    @property
    def thing(self) -> Thing:
        return Thing("near_ask", self.id, worker_id=self.worker_id)


_ASK_CARD = """SELECT n.id, r.id, r.visit_id, n.worker_id, n.answer, CASE WHEN r.state = 'ended' THEN 0 ELSE 1 END,
 p.id, p.called, p.outward, v.what, v.starts_at, v.ends_at, v.cancel_hours, v.cancel_bps
 FROM near_ask n JOIN cover_request r ON r.id = n.request_id JOIN visit v ON v.id = r.visit_id
 JOIN person p ON p.id = r.person_id"""


def _ask_card(row: Sequence[Any]) -> AskCard:
    values: Any = (*tuple(row)[:5], bool(row[5]), *tuple(row)[6:])
    return AskCard(*values)


async def ask_card(ask_id: str) -> AskCard:
    """Raises NotFound."""
    row = await fetch_one(f"{_ASK_CARD} WHERE n.id = ?", ask_id)
    if row is None:
        raise NotFound()
    return _ask_card(row)


async def ask_for_visit(visit_id: str, worker_id: str) -> AskCard | None:
    """The newest question to this worker about this visit."""
    row = await fetch_one(
        f"{_ASK_CARD} WHERE r.visit_id = ? AND n.worker_id = ? ORDER BY n.asked_at DESC LIMIT 1", visit_id, worker_id
    )
    return _ask_card(row) if row else None


async def asks_to(worker_id: str, now: datetime) -> list[AskCard]:
    """What a worker has been asked at home and has not answered, soonest first."""
    rows = await fetch(
        f"{_ASK_CARD} WHERE n.worker_id = ? AND n.answer = '' AND r.state <> 'ended' AND v.starts_at > ? "
        "ORDER BY v.starts_at, n.id",
        worker_id,
        now,
    )
    return [_ask_card(row) for row in rows]


async def slots_of(worker_id: str, now: datetime) -> list[datetime]:
    """The quarter hours still to come that a worker has promised to another circle."""
    rows = await fetch(
        "SELECT slot_at FROM worker_slot WHERE worker_id = ? AND slot_at > ? ORDER BY slot_at", worker_id, now
    )
    return [row[0] for row in rows]


async def busy_on(worker_id: str, slots: Sequence[Slot], *, but: str = "") -> str:
    """The first of these days on which a worker has a visit already, at home or away; with whom is not said. `but`: a
    weekly pattern that is being changed, whose own visits don't count."""
    if not slots:
        return ""
    theirs = await rota.visits(
        "v.worker_id = ? AND v.state = 'planned' AND v.starts_at < ? AND v.ends_at > ?",
        worker_id, slots[-1].ends_at, slots[0].starts_at,
    )  # fmt: skip
    taken = [(one.starts_at, one.ends_at) for one in theirs if not but or one.pattern_id != but]
    taken += [(at, at + SLOT) for at in await slots_of(worker_id, slots[0].starts_at - SLOT)]
    for slot in slots:
        if any(start < slot.ends_at and end > slot.starts_at for start, end in taken):
            return clock.say_day(slot.starts_at, clock.zone())
    return ""


async def answered_by(worker_id: str) -> frozenset[str]:
    """The requests of other circles that a worker has answered, whatever came of it."""
    rows = await fetch(
        "SELECT DISTINCT open_request_id FROM my_offer WHERE worker_id = ? AND state <> 'taken_back'", worker_id
    )
    return frozenset(row[0] for row in rows)


async def mine_in_week(worker_id: str, start: datetime, end: datetime) -> list[Mine]:
    """What a worker does in other circles in a week."""
    rows = await fetch(
        f"{MINE} WHERE m.worker_id = ? AND m.state IN ('coming', 'said', 'too_late', 'settled') AND o.starts_at >= ? "
        "AND o.starts_at < ? ORDER BY o.starts_at",
        worker_id,
        start,
        end,
    )
    return [Mine(*row) for row in rows]


async def opens(ids: Sequence[str]) -> dict[str, Open]:
    """Several requests of other circles, by id and by the offers of ours that answer them."""
    rows = await fetch(f"{OPEN} WHERE id IN ({marks(ids)})", *ids)
    found = {row[0]: Open(*row) for row in rows}
    by_offer = await fetch(f"SELECT id, open_request_id FROM my_offer WHERE id IN ({marks(ids)})", *ids)
    missing = [row[1] for row in by_offer if row[1] not in found]
    found |= {row[0]: Open(*row) for row in await fetch(f"{OPEN} WHERE id IN ({marks(missing)})", *missing)}
    return found | {row[0]: found[row[1]] for row in by_offer}


def need_of(opened: Open) -> Need:
    """What a request from another circle asks of whoever comes."""
    asked = stored(opened.body, CoverRequested)
    facts = {name for name in ("two_people", "hoist", "stairs", "smoke") if getattr(asked.needs, name)}
    facts |= {"pets"} if asked.needs.pets else set()
    wished = "" if asked.needs.gender == "any" else asked.needs.gender
    return Need(opened.starts_at, opened.ends_at, frozenset(asked.skills), frozenset(facts), wished, asked.area)


async def fitting(worker_id: str, requests: list[Open], now: datetime) -> list[Open]:
    """Which of these requests fit this worker: skills, checks, places, free time, and nothing else planned then."""
    card = await workers.worker(worker_id)
    if card is None or not card.paid or not requests:
        return []
    checks, free = await workers.checks_of(worker_id, now), (await workers.free_times([worker_id])).get(worker_id, [])
    last = max(one.ends_at for one in requests)
    planned = [
        (v.starts_at, v.ends_at)
        for v in await rota.visits("v.worker_id = ? AND v.ends_at > ? AND v.starts_at < ?", worker_id, now, last)
        if v.state in {"planned", "said", "settled"}
    ]
    promised = [(at, at + SLOT) for at in await slots_of(worker_id, now - SLOT)]
    zone = clock.zone()
    found = []
    for one in requests:
        if any(start < one.ends_at and end > one.starts_at for start, end in (*planned, *promised)):
            continue
        need = need_of(one)
        if why_not(card, checks, free, need, zone, wanted=on_the_wall(one.starts_at, one.ends_at, zone)) is None:
            found.append(one)
    return found


async def a_death_stops(person_id: str) -> tuple[int, int]:
    """How many visits to someone, and by them, are still to come."""
    now = clock.now()
    row = await fetch_one(
        "SELECT (SELECT COUNT(*) FROM visit WHERE person_id = ? AND state IN ('planned', 'gap', 'covered') AND starts_at > ?), "
        "(SELECT COUNT(*) FROM visit WHERE worker_id = ? AND state = 'planned' AND starts_at > ?)",
        person_id, now, person_id, now,
    )  # fmt: skip
    return (int(row[0]), int(row[1])) if row else (0, 0)
