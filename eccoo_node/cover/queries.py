"""Reads of cover, on both sides of the hill."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import cover as wire
from eccoo_node.db.rows import fetch, fetch_one, locking, marks
from eccoo_node.escrow.sharing import Terms
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import queries as links
from eccoo_node.rota.promised import promises
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.rules import late


class Request(msgspec.Struct, frozen=True):
    """One search for someone else for one visit."""

    id: str
    visit_id: str
    person_id: str
    asked_by: str
    state: str
    further: bool
    next_news_at: datetime
    go_no_go_at: datetime
    chosen_offer: str
    unsure: bool
    override_at: datetime | None
    override_n: int
    override_code: str
    machine: str
    ended_reason: str
    ended_by: str
    ended_for: str
    created_at: datetime

    @property
    def live(self) -> bool:
        return self.state != "ended"

    @property
    def committed(self) -> bool:
        """Whether both circles are sure that somebody comes."""
        return msgspec.json.decode(self.machine, type=wire.RequesterState).phase == "committed"


_REQUEST = """SELECT id, visit_id, person_id, asked_by, state, further, next_news_at, go_no_go_at, chosen_offer, unsure,
 override_at, override_n, override_code, machine, ended_reason, ended_by, ended_for, created_at
 FROM cover_request"""


async def request(request_id: str) -> Request:
    """Raises NotFound."""
    row = await fetch_one(f"{_REQUEST} WHERE id = ?", request_id)
    if row is None:
        raise NotFound()
    return Request(*row)


async def lock_request(request_id: str) -> Request:
    await fetch(f"SELECT id FROM cover_request WHERE id = ?{locking()}", request_id)
    return await request(request_id)


async def request_for(visit_id: str) -> Request | None:
    """The newest search for this visit, live or ended."""
    row = await fetch_one(f"{_REQUEST} WHERE visit_id = ? ORDER BY created_at DESC, id DESC LIMIT 1", visit_id)
    return Request(*row) if row else None


def cancelled_late(visit: Visit, now: datetime) -> bool:
    return late(now, visit.starts_at, visit.cancel_hours) and visit.cancel_bps > 0


class Near(msgspec.Struct, frozen=True):
    """One of our own workers who was asked."""

    id: str
    request_id: str
    worker_id: str
    called: str
    asked_at: datetime
    answer: str


_NEAR = "SELECT n.id, n.request_id, n.worker_id, p.called, n.asked_at, n.answer FROM near_ask n JOIN person p ON p.id = n.worker_id"


async def near_asks(request_id: str) -> list[Near]:
    rows = await fetch(f"{_NEAR} WHERE n.request_id = ? ORDER BY n.asked_at, p.called", request_id)
    return [Near(*row) for row in rows]


async def near_ask(ask_id: str) -> Near:
    row = await fetch_one(f"{_NEAR} WHERE n.id = ?", ask_id)
    if row is None:
        raise NotFound()
    return Near(*row)


# The answer of a circle that can take no more requests for now.
FULL = "too_many"
# News of one circle's requests that somebody is sent in a day; what else it asks stands on their page.
TOLD_A_DAY = 30


class Asked(msgspec.Struct, frozen=True):
    """One linked circle that was asked, and what it was shown."""

    id: str
    request_id: str
    link_id: str
    ref: str
    body: str
    asked_at: datetime
    answer: str


_ASKED = "SELECT id, request_id, link_id, reference, body, asked_at, answer FROM asked_circle"


async def asked_circles(request_id: str) -> list[Asked]:
    rows = await fetch(f"{_ASKED} WHERE request_id = ? ORDER BY asked_at, id", request_id)
    return [Asked(*row) for row in rows]


async def asked_by_ref(link_id: str, ref: str) -> Asked | None:
    row = await fetch_one(f"{_ASKED} WHERE link_id = ? AND reference = ?", link_id, ref)
    return Asked(*row) if row else None


class Later(msgspec.Struct, frozen=True):
    """One linked circle that is asked later, and what it will be shown."""

    id: str
    request_id: str
    link_id: str
    wave: int
    goes_at: datetime
    ref: str
    body: str


async def ask_later(request_id: str) -> list[Later]:
    """Wave by wave."""
    rows = await fetch(
        "SELECT id, request_id, link_id, wave, goes_at, reference, body FROM ask_later WHERE request_id = ? "
        "ORDER BY wave, link_id",
        request_id,
    )
    return [Later(*row) for row in rows]


async def came_from(person_id: str) -> dict[str, tuple[int, int]]:
    """How often workers of each linked circle were to come to this person, and to anyone here."""
    rows = await fetch(
        "SELECT o.link_id, SUM(CASE WHEN r.person_id = ? THEN 1 ELSE 0 END), COUNT(*) FROM cover_offer o "
        "JOIN cover_request r ON r.id = o.request_id WHERE o.state = 'chosen' AND o.link_id <> '' GROUP BY o.link_id",
        person_id,
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


class Offer(msgspec.Struct, frozen=True):
    """Someone offers to come."""

    id: str
    request_id: str
    worker_id: str | None
    link_id: str
    first_name: str
    face_media: str
    face: str
    words: str
    languages: str
    rate_pence: int
    fee_pence: int
    travel_pence: int
    attested: str
    worker_deduct_bps: int
    payer_add_bps: int
    home_share_bps: int
    hold_until: datetime
    terms_hash: str
    state: str
    received_at: datetime

    @property
    def total_pence(self) -> int:
        """What it costs the payer, with what is added for them."""
        return Terms(self.fee_pence, self.travel_pence, payer_add_bps=self.payer_add_bps).total_pence

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What the worker's own circle says it has seen."""
        found: list[dict[str, Any]] = msgspec.json.decode(self.attested)
        return found


_OFFER = """SELECT id, request_id, worker_id, link_id, first_name, face_media, face, words, languages, rate_pence,
 fee_pence, travel_pence, attested, worker_deduct_bps, payer_add_bps, home_share_bps, hold_until, terms_hash, state,
 received_at FROM cover_offer"""


async def offer(offer_id: str) -> Offer:
    row = await fetch_one(f"{_OFFER} WHERE id = ?", offer_id)
    if row is None:
        raise NotFound("This one has closed.", "offer_closed")
    return Offer(*row)


async def choosable(request_id: str) -> list[Offer]:
    """The offers as whoever chooses sees them: none of a circle that may not offer now."""
    found = await offers(request_id)
    if not any(one.link_id for one in found):
        return found
    offering = await links.crossing("in", "cover.offer")
    return [one for one in found if not one.link_id or one.state != "live" or one.link_id in offering]


async def offers(request_id: str) -> list[Offer]:
    """Oldest first, as they are shown."""
    rows = await fetch(f"{_OFFER} WHERE request_id = ? ORDER BY received_at, id", request_id)
    return [Offer(*row) for row in rows]


class Open(msgspec.Struct, frozen=True):
    """A request from another circle."""

    id: str
    link_id: str
    ref: str
    body: str
    area: str
    starts_at: datetime
    ends_at: datetime
    go_no_go_at: datetime
    state: str
    received_at: datetime

    @property
    def thing(self) -> Thing:
        return Thing("open_request", self.id, link_id=self.link_id)


_OPEN = (
    "SELECT id, link_id, reference, body, area, starts_at, ends_at, go_no_go_at, state, received_at FROM open_request"
)


async def open_request(id_: str) -> Open:
    row = await fetch_one(f"{_OPEN} WHERE id = ?", id_)
    if row is None:
        raise NotFound("This one has closed.", "request_closed")
    return Open(*row)


async def open_by_ref(link_id: str, ref: str) -> Open | None:
    row = await fetch_one(f"{_OPEN} WHERE link_id = ? AND reference = ?", link_id, ref)
    return Open(*row) if row else None


async def has_room(link_id: str, ref: str, most: int) -> bool:
    """Whether one more request of this circle may be open here; one that is open already takes no more room."""
    rows = await fetch(
        "SELECT reference FROM open_request WHERE link_id = ? AND state = 'open' AND ends_at > ?", link_id, clock.now()
    )
    return len(rows) < most or any(row[0] == ref for row in rows)


async def is_anothers(offer_id: str | None, link_id: str) -> bool:
    """Whether this offer came from somebody else than this circle."""
    return bool(await fetch("SELECT 1 FROM cover_offer WHERE id = ? AND link_id <> ?", offer_id or "", link_id))


async def told_enough(link_id: str) -> set[str]:
    """Who was told of so many requests of this circle within a day that the next ones only stand on their page."""
    rows = await fetch(
        "SELECT t.person_id FROM told t JOIN open_request o ON o.id = t.about_id WHERE o.link_id = ? AND t.at > ? "
        "AND t.news IN ('asked_away', 'asked_by_name') GROUP BY t.person_id HAVING COUNT(*) >= ?",
        link_id, clock.now() - timedelta(days=1), TOLD_A_DAY,
    )  # fmt: skip
    return {row[0] for row in rows}


async def open_requests(now: datetime) -> list[Open]:
    """What other circles may ask for now, and ask for, soonest first."""
    rows = await fetch(f"{_OPEN} WHERE state = 'open' AND starts_at > ? ORDER BY starts_at, id", now)
    asking = await links.crossing("in", "cover.request") if rows else frozenset()
    return [found for row in rows if (found := Open(*row)).link_id in asking]


class Mine(msgspec.Struct, frozen=True):
    """One of our workers' offers to someone in another circle."""

    id: str
    open_request_id: str
    link_id: str
    worker_id: str
    called: str
    words: str
    rate_pence: int
    fee_pence: int
    travel_pence: int
    state: str
    n: int
    body: str
    worker_deduct_bps: int
    payer_add_bps: int
    home_share_bps: int
    machine: str
    disclosure: str
    retain_until: datetime | None
    read_at: datetime | None
    unsure: bool
    spoken_at: datetime | None
    created_at: datetime
    ref: str
    area: str
    starts_at: datetime
    ends_at: datetime
    go_no_go_at: datetime

    @property
    def thing(self) -> Thing:
        return Thing("my_offer", self.id, worker_id=self.worker_id, link_id=self.link_id)

    @property
    def told(self) -> dict[str, str] | None:
        """Name, address and what must be known; only while there is a certificate and the time to keep it."""
        return msgspec.json.decode(self.disclosure) if self.disclosure else None


MINE = """SELECT m.id, m.open_request_id, m.link_id, m.worker_id, p.called, m.words, m.rate_pence, m.fee_pence,
 m.travel_pence, m.state, m.n, m.body, m.worker_deduct_bps, m.payer_add_bps, m.home_share_bps, m.machine, m.disclosure,
 m.retain_until, m.read_at, m.unsure, m.spoken_at, m.created_at, o.reference, o.area, o.starts_at, o.ends_at, o.go_no_go_at
 FROM my_offer m JOIN open_request o ON o.id = m.open_request_id JOIN person p ON p.id = m.worker_id"""


async def mine(offer_id: str) -> Mine:
    row = await fetch_one(f"{MINE} WHERE m.id = ?", offer_id)
    if row is None:
        raise NotFound("This one has closed.", "offer_closed")
    return Mine(*row)


async def lock_mine(offer_id: str) -> Mine:
    await fetch(f"SELECT id FROM my_offer WHERE id = ?{locking()}", offer_id)
    return await mine(offer_id)


async def lock_open(open_request_id: str) -> None:
    """All our offers to one request; before any of them is locked. What crosses for one may depend on the others."""
    await fetch(f"SELECT id FROM open_request WHERE id = ?{locking()}", open_request_id)


async def mine_for(open_request_id: str) -> list[Mine]:
    rows = await fetch(f"{MINE} WHERE m.open_request_id = ? ORDER BY m.created_at, m.id", open_request_id)
    return [Mine(*row) for row in rows]


async def mine_to_come(link_id: str) -> list[Mine]:
    """Our offers to a circle that were chosen and are not in the books yet."""
    rows = await fetch(f"{MINE} WHERE m.link_id = ? AND m.state IN ('preparing', 'coming', 'said')", link_id)
    return [Mine(*row) for row in rows]


async def mine_of(worker_id: str, *states: str) -> list[Mine]:
    rows = await fetch(
        f"{MINE} WHERE m.worker_id = ? AND m.state IN ({marks(states)}) ORDER BY o.starts_at", worker_id, *states
    )
    return [Mine(*row) for row in rows]


@promises
async def busy_away(worker_ids: list[str], starts_at: datetime, ends_at: datetime) -> frozenset[str]:
    """Which of these workers have promised a quarter hour of this stretch to another circle."""
    rows = await fetch(
        f"SELECT DISTINCT worker_id FROM worker_slot WHERE worker_id IN ({marks(worker_ids)}) "
        "AND slot_at > ? AND slot_at < ?",
        *worker_ids,
        starts_at - timedelta(minutes=15),
        ends_at,
    )
    return frozenset(row[0] for row in rows)
