"""Roles in the circle: who has one, and who was asked and has not yet answered."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.kernel import clock
from eccoo_node.members.rules import POWERS

# An asking without an answer runs out: by then the circle may have thought better of it.
LASTS = timedelta(days=60)


def held(now: datetime) -> tuple[str, tuple[Any, ...]]:
    """Which askings `o` in a community `c` count: not run out, and for the circle's roles by someone who lives and may
    still ask for that role. As a condition, with its values."""
    roles = sorted(POWERS)
    return (
        "o.closed_at IS NULL AND o.offered_at > ? AND (c.kind <> 'circle' OR EXISTS (SELECT 1 FROM hat w JOIN person q "
        "ON q.id = w.person_id WHERE w.person_id = o.offered_by AND w.community_id = c.id AND q.standing <> 'died' "
        "AND w.ended_at IS NULL AND (w.until_at IS NULL OR w.until_at > ?) AND (w.role = 'admin' "
        f"OR (w.role = 'facilitator' AND o.role NOT IN ({marks(roles)})))))"
    ), (now - LASTS, now, *roles)


class Role(msgspec.Struct, frozen=True):
    """A role that somebody has, or is asked to take. `id`: the hat's, or the offer's."""

    id: str
    role: str
    person_id: str
    called: str
    face: str
    at: datetime


async def open_offers(person_id: str) -> list[tuple[str, str, str, datetime]]:
    """Roles that wait for this person's yes: offer, role, whose team or which circle, until when."""
    holds, values = held(clock.now())
    rows = await fetch(
        "SELECT o.id, o.role, COALESCE(p.called, c.name), o.offered_at FROM hat_offer o "
        "JOIN community c ON c.id = o.community_id LEFT JOIN person p ON p.id = c.person_id "
        f"WHERE o.person_id = ? AND {holds} ORDER BY o.offered_at, o.id",
        person_id,
        *values,
    )
    return [(row[0], row[1], row[2], row[3] + LASTS) for row in rows]


async def in_the_circle() -> list[Role]:
    """Whoever has a role with power in the circle now, the longest-serving first."""
    roles, now = sorted(POWERS), clock.now()
    return [
        Role(*row)
        for row in await fetch(
            f"SELECT o.id, o.role, {_CIRCLE.format(at='o.from_at', table='hat')} AND o.role IN ({marks(roles)}) "
            "AND o.ended_at IS NULL AND (o.until_at IS NULL OR o.until_at > ?) AND p.standing <> 'died' "
            "ORDER BY o.from_at, o.id",
            *roles,
            now,
        )
    ]


async def asked_in_the_circle() -> list[Role]:
    """Whoever was asked to take such a role and can still answer; `at`: until when."""
    roles, (holds, values) = sorted(POWERS), held(clock.now())
    rows = await fetch(
        f"SELECT o.id, o.role, {_CIRCLE.format(at='o.offered_at', table='hat_offer')} AND o.role IN ({marks(roles)}) "
        f"AND {holds} ORDER BY o.offered_at, o.id",
        *roles,
        *values,
    )
    return [msgspec.structs.replace(one, at=one.at + LASTS) for one in (Role(*row) for row in rows)]


_CIRCLE = (
    "o.person_id, p.called, p.face, {at} FROM {table} o JOIN community c ON c.id = o.community_id "
    "JOIN person p ON p.id = o.person_id WHERE c.kind = 'circle'"
)
