"""Reads of who asked to be forgotten and how far it has got."""

from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, locking, marks
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import erasing as across
from eccoo_node.members import queries as members
from eccoo_node.members.erasing import Kept


class Circle(msgspec.Struct, frozen=True):
    """One linked circle that was asked to delete."""

    name: str
    phone: str
    state: str
    reason: str
    keep_until: datetime | None
    asked_at: datetime
    answered_at: datetime | None
    # The visits that they were told of, for whoever rings them.
    days: tuple[datetime, ...] = ()
    id: str = ""
    ended: bool = False
    told_how: str = ""
    told_by: str = ""
    told_at: datetime | None = None


class Wish(msgspec.Struct, frozen=True):
    """One person's wish to be forgotten."""

    id: str
    person_id: str
    called: str
    state: str
    kept: tuple[Kept, ...]
    asked_at: datetime
    due_at: datetime
    gone_at: datetime | None
    circles: tuple[Circle, ...] = ()


class AskedOfUs(msgspec.Struct, frozen=True):
    """One thing that a linked circle asked us to delete."""

    name: str
    state: str
    reason: str
    keep_until: datetime | None
    received_at: datetime
    done_at: datetime | None


_WISH = (
    "SELECT f.id, f.person_id, p.called, f.state, f.kept, f.asked_at, f.due_at, f.gone_at FROM forgetting f "
    "JOIN person p ON p.id = f.person_id"
)


def _wish(row: Any) -> Wish:
    values = {name: row[name] for name in ("id", "person_id", "called", "state", "asked_at", "due_at")}
    kept = msgspec.json.decode(row["kept"], type=tuple[Kept, ...])
    return Wish(**values, kept=kept, gone_at=as_time(row["gone_at"]))


async def wish(wish_id: str) -> Wish | None:
    """Locked, inside `write()`."""
    await fetch(f"SELECT id FROM forgetting WHERE id = ?{locking()}", wish_id)
    row = await fetch_one(f"{_WISH} WHERE f.id = ?", wish_id)
    return _wish(row) if row else None


async def thing_of(person_id: str) -> Thing:
    paid = await members.paid_workers_of(await members.team_of(person_id))
    return Thing("person", person_id, person_id, paid_workers=paid)


async def standing(person_id: str) -> Wish | None:
    """Their wish that stands now."""
    row = await fetch_one(f"{_WISH} WHERE f.person_id = ? AND f.state <> 'taken_back'", person_id)
    return _wish(row) if row else None


async def own(actor: Actor, person_id: str) -> Wish | None:
    """Raises Forbidden."""
    access.requires(actor, "privacy.see", await thing_of(person_id))
    return await standing(person_id)


async def wishes(actor: Actor) -> list[Wish]:
    """The newest wishes with what each circle answered. Raises Forbidden."""
    access.requires(actor, "privacy.see_all", Thing("forgetting"))
    found = [_wish(row) for row in await fetch(f"{_WISH} ORDER BY f.asked_at DESC, f.id LIMIT 100")]
    told = await _circles([one.id for one in found])
    return [msgspec.structs.replace(one, circles=tuple(told.get(one.id, ()))) for one in found]


async def _circles(wish_ids: list[str]) -> dict[str, list[Circle]]:
    return await _asked(f"e.forgetting_id IN ({marks(wish_ids)})", *wish_ids)


async def asked_circle(actor: Actor, erasure: str) -> Circle:
    """One circle that was asked to delete something. Raises Forbidden, NotFound."""
    access.requires(actor, "privacy.told", Thing("erasure", erasure))
    for [one] in (await _asked("e.id = ?", erasure)).values():
        return one
    raise NotFound("There is nothing that this circle was asked to delete.", "no_erasure")


async def _asked(where: str, *values: str) -> dict[str, list[Circle]]:
    rows = await fetch(
        "SELECT e.forgetting_id, l.name, l.phone, e.state, e.reason, e.keep_until, e.asked_at, e.answered_at, "
        "CASE WHEN e.state = 'asked' THEN e.subjects ELSE '[]' END, e.id, l.state AS standing, e.told_how, p.called, "
        "e.told_at FROM erasure_out e JOIN link l ON l.id = e.link_id LEFT JOIN person p ON p.id = e.told_by "
        f"WHERE {where} ORDER BY l.name, e.id",
        *values,
    )
    found: dict[str, list[Circle]] = {}
    subjects = [msgspec.json.decode(row[8], type=list[str]) for row in rows]
    days = await across.days_of([one for some in subjects for one in some])
    for row, some in zip(rows, subjects, strict=True):
        told = sorted({at for one in some for at in days.get(one, ())})
        found.setdefault(row[0], []).append(
            Circle(
                row[1], row[2], row[3], row[4], as_time(row[5]), row[6], as_time(row[7]), tuple(told), row[9],
                row[10] == "ended", row[11], row[12] or "", as_time(row[13]),
            )
        )  # fmt: skip
    return found


async def asked_of_us(actor: Actor) -> list[AskedOfUs]:
    """What linked circles asked us to delete, newest first. Raises Forbidden."""
    access.requires(actor, "privacy.see_all", Thing("forgetting"))
    rows = await fetch(
        "SELECT l.name, e.state, e.reason, e.keep_until, e.received_at, e.done_at FROM erasure_in e "
        "JOIN link l ON l.id = e.link_id ORDER BY e.received_at DESC, e.id DESC LIMIT 50"
    )
    return [AskedOfUs(row[0], row[1], row[2], as_time(row[3]), row[4], as_time(row[5])) for row in rows]


async def told_circles(link_ids: list[str]) -> list[str]:
    """What these linked circles are called."""
    rows = await fetch(f"SELECT name FROM link WHERE id IN ({marks(link_ids)}) AND name <> '' ORDER BY name", *link_ids)
    return list(dict.fromkeys(row[0] for row in rows))
