"""Reads of pools: what a worker lets be seen, and whom other circles show us."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation import limits
from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.links import queries as links
from eccoo_node.links.queries import KnownCircle
from eccoo_node.members.cards import Stretch
from eccoo_node.pools.rules import OLD, Shown


class Share(msgspec.Struct, frozen=True):
    """A worker's yes to one circle, as it holds now."""

    id: str
    link_id: str
    person_id: str
    reference: str
    fields: tuple[str, ...]
    consent_id: str
    from_at: datetime


_SHARE = "SELECT id, link_id, person_id, reference, fields, consent_id, from_at FROM pool_share"


def _share(row: Any) -> Share:
    id_, link_id, person_id, ref, fields, consent_id, from_at = row
    return Share(id_, link_id, person_id, ref, tuple(msgspec.json.decode(fields)), consent_id, from_at)


async def shares_of(actor: Actor, worker_id: str) -> dict[str, Share]:
    """By circle. Raises Forbidden to whoever is not that worker."""
    access.requires(actor, "pools.see_mine", Thing("pool", "", worker_id, worker_id=worker_id))
    return {share.link_id: share for share in await _shares_of(worker_id)}


async def _shares_of(worker_id: str) -> list[Share]:
    return [_share(row) for row in await fetch(f"{_SHARE} WHERE person_id = ? AND ended_at IS NULL", worker_id)]


async def share_with(link_id: str, worker_id: str) -> Share | None:
    row = await fetch_one(f"{_SHARE} WHERE link_id = ? AND person_id = ? AND ended_at IS NULL", link_id, worker_id)
    return _share(row) if row else None


async def named(link_id: str, refs: Sequence[str]) -> set[str]:
    """Which of our workers a circle means by these references. One that is not of this link, or over, means nobody."""
    rows = await fetch(
        f"SELECT person_id FROM pool_share WHERE link_id = ? AND reference IN ({marks(refs)}) AND ended_at IS NULL",
        link_id,
        *refs,
    )
    return {row[0] for row in rows}


async def names_of(worker_id: str) -> set[tuple[str, str]]:
    """The (circle, reference) pairs under which a worker may be asked by name."""
    return {(share.link_id, share.reference) for share in await _shares_of(worker_id)}


class Neighbour(msgspec.Struct, frozen=True):
    """A worker of another circle, as far as they let us see."""

    id: str
    link_id: str
    reference: str
    first_name: str
    skills: tuple[str, ...]
    languages: str
    areas: tuple[str, ...]
    rate_pence: int | None
    hours: tuple[Stretch, ...]
    attestations: tuple[str, ...]
    circle: KnownCircle
    read_at: datetime

    @property
    def called(self) -> str:
        return self.first_name or "Someone who gives no name"

    @property
    def shown(self) -> Shown:
        return Shown(frozenset(self.skills), tuple(self.languages.split()), frozenset(self.areas), self.hours)

    def old(self, now: datetime) -> bool:
        """Whether it may well have changed since."""
        return now - self.read_at > OLD


_NEIGHBOUR = """SELECT w.id, w.link_id, w.reference, w.first_name, w.skills, w.languages, w.areas, w.rate_pence, w.hours,
 w.attestations, l.read_at, l.asked_at FROM pool_worker w JOIN pool_link l ON l.link_id = w.link_id"""


def _neighbour(row: Any, circle: KnownCircle) -> Neighbour:
    skills, areas, hours, refs = (msgspec.json.decode(row[i]) for i in (4, 6, 8, 9))
    read_at = as_time(row[10]) or as_time(row[11])
    if read_at is None:
        raise ValueError("a copy has been read at some time")
    stretches = tuple(Stretch(one["weekday"], one["from_minute"], one["to_minute"]) for one in hours)
    return Neighbour(
        row[0],
        row[1],
        row[2],
        row[3],
        tuple(skills),
        row[5],
        tuple(areas),
        row[7],
        stretches,
        tuple(refs),
        circle,
        read_at,
    )


async def neighbours(actor: Actor) -> list[Neighbour]:
    """Everyone whom linked circles show us now, by name; of a circle whose link does not allow it, nobody. Two queries.

    Raises Forbidden to whoever chooses for nobody.
    """
    access.requires(actor, "pools.browse", Thing("pool"))
    return await _readable()


async def _readable() -> list[Neighbour]:
    may = await links.pooled("out")
    rows = await fetch(f"{_NEIGHBOUR} WHERE w.link_id IN ({marks(list(may))})", *may)
    found = [_neighbour(row, may[row[1]][0]) for row in rows]
    return sorted(found, key=lambda one: (one.called.casefold(), one.id))


async def neighbour(actor: Actor, id_: str) -> Neighbour:
    """One of them. Raises NotFound, also where the link does not allow it any more, and Forbidden."""
    access.requires(actor, "pools.browse", Thing("pool", id_))
    row = await fetch_one(f"{_NEIGHBOUR} WHERE w.id = ?", id_)
    may = await links.pooled("out")
    if row is None or row[1] not in may:
        raise NotFound("This worker is not shown to us any more.", "not_shown")
    return _neighbour(row, may[row[1]][0])


async def references(ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """By circle, the references of these workers. Raises Invalid where one is not shown to us any more, or too many are."""
    may = {one.id: one for one in await _readable()} if ids else {}
    if len(set(ids)) > limits.INVITED:
        raise Invalid(f"Please name {limits.INVITED} people at most.", "too_many", field="invited")
    if not set(ids) <= set(may):
        raise Invalid(
            "Someone you named can’t be asked by name any more. Please look again.", "not_shown", field="invited"
        )
    found: dict[str, tuple[str, ...]] = {}
    for id_ in sorted(set(ids)):
        found[may[id_].link_id] = (*found.get(may[id_].link_id, ()), may[id_].reference)
    return found


async def to_invite(link_ids: Collection[str]) -> list[Neighbour]:
    """Those whom somebody may ask by name while these circles are asked; for the domain that asks."""
    return [one for one in await _readable() if one.link_id in link_ids]


class Read(msgspec.Struct, frozen=True):
    """How the copy of one circle's pool stands."""

    circle: KnownCircle
    read_at: datetime | None
    trouble: str


async def copies(actor: Actor) -> list[Read]:
    """Each circle that may show us workers, by name. Raises Forbidden."""
    access.requires(actor, "pools.browse", Thing("pool"))
    rows = {row[0]: row for row in await fetch("SELECT link_id, read_at, trouble FROM pool_link")}
    may = await links.pooled("out")
    return [
        Read(circle, as_time(rows[id_][1]) if id_ in rows else None, rows[id_][2] if id_ in rows else "")
        for id_, (circle, _) in may.items()
    ]
