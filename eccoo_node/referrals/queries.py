"""Reads of who asks from outside."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.links import queries as links
from eccoo_node.links.queries import KnownCircle


class Asked(msgspec.Struct, frozen=True):
    """Someone outside who asks us."""

    id: str
    name: str
    reach: str
    outward: str
    wish: str
    words: str
    state: str
    answer: str
    link_id: str
    reference: str
    body: str
    consented_at: datetime | None
    fetched_at: datetime | None
    asked_at: datetime
    keep_until: datetime


class Sent(msgspec.Struct, frozen=True):
    """Someone whom another circle puts in touch with us."""

    id: str
    link_id: str
    reference: str
    circle: str
    area: str
    salted_hash: str
    state: str
    answer: str
    name: str
    reach: str
    wish: str
    words: str
    received_at: datetime
    retain_until: datetime


_ASKED = (
    "SELECT id, name, reach, outward, wish, words, state, answer, link_id, reference, body, consented_at, fetched_at, "
    "asked_at, keep_until FROM enquiry"
)
_SENT = (
    "SELECT r.id, r.link_id, r.reference, l.name AS circle, r.area, r.salted_hash, r.state, r.answer, r.name, r.reach, "
    "r.wish, r.words, r.received_at, r.retain_until FROM referral_in r JOIN link l ON l.id = r.link_id"
)


def _asked(row: Any) -> Asked:
    values = {name: row[name] for name in Asked.__struct_fields__ if not name.endswith("_at")}
    times: dict[str, Any] = {name: as_time(row[name]) for name in ("consented_at", "fetched_at")}
    return Asked(**values, **times, asked_at=row["asked_at"])


def _sent(row: Any) -> Sent:
    return Sent(**{name: row[name] for name in Sent.__struct_fields__})


async def by_token(token: str) -> Asked:
    """Raises NotFound."""
    row = await fetch_one(f"{_ASKED} WHERE token_hash = ?", hash_secret(token))
    if row is None:
        raise NotFound()
    return _asked(row)


async def by_id(enquiry_id: str) -> Asked:
    row = await fetch_one(f"{_ASKED} WHERE id = ?", enquiry_id)
    if row is None:
        raise NotFound()
    return _asked(row)


async def by_reference(link_id: str, reference: str) -> Asked | None:
    row = await fetch_one(f"{_ASKED} WHERE link_id = ? AND reference = ? AND reference <> ''", link_id, reference)
    return _asked(row) if row else None


async def sent(column: str, *params: str) -> Sent | None:
    """One referral to us: by "r.id = ?" or by link and reference."""
    row = await fetch_one(f"{_SENT} WHERE {column}", *params)
    return _sent(row) if row else None


async def count_open() -> int:
    return int(await fetch_value("SELECT COUNT(*) FROM enquiry WHERE state <> 'closed'"))


async def count_of(link_id: str) -> int:
    """How many this circle has sent that wait for us, or came within a day, whatever became of them."""
    return int(
        await fetch_value(
            "SELECT COUNT(*) FROM referral_in WHERE link_id = ? AND (state <> 'closed' OR received_at > ?)",
            link_id, clock.now() - timedelta(days=1),
        )
    )  # fmt: skip


async def enquiries(actor: Actor) -> tuple[list[Asked], list[Sent]]:
    """Who waits for an answer, who was passed on, and whom others send. Raises Forbidden."""
    access.requires(actor, "referrals.see", Thing("enquiry"))
    ours = await fetch(f"{_ASKED} WHERE state <> 'closed' ORDER BY asked_at LIMIT 100")
    theirs = await fetch(f"{_SENT} WHERE r.state = 'here' ORDER BY r.received_at LIMIT 100")
    return [_asked(row) for row in ours], [_sent(row) for row in theirs]


async def our_areas() -> list[str]:
    return [row[0] for row in await fetch("SELECT outward FROM served_area ORDER BY place")]


async def circles_of(outward: str) -> list[KnownCircle]:
    """Linked circles that say they serve this place and that we may ask now; none where we serve it ourselves."""
    if outward in await our_areas():
        return []
    rows = {row[0] for row in await fetch("SELECT link_id FROM linked_area WHERE outward = ?", outward)}
    return [circle for circle in await links.askable("cover.request") if circle.id in rows] if rows else []


async def areas_by_link() -> list[tuple[str, str]]:
    """What each linked circle is called, and the places it says it serves."""
    rows = await fetch(
        "SELECT l.name, a.outward FROM linked_area a JOIN link l ON l.id = a.link_id WHERE l.state = 'open' "
        "ORDER BY l.name, a.outward"
    )
    found: dict[str, list[str]] = {}
    for name, outward in map(tuple, rows):
        found.setdefault(name, []).append(outward)
    return [(name, ", ".join(places)) for name, places in found.items()]
