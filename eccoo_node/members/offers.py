"""Roles in the circle: who has one, and who was asked and has not yet answered."""

from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.kernel import clock
from eccoo_node.members.rules import POWERS


class Role(msgspec.Struct, frozen=True):
    """A role that somebody has, or is asked to take. `id`: the hat's, or the offer's."""

    id: str
    role: str
    person_id: str
    called: str
    face: str
    at: datetime


async def open_offers(person_id: str) -> list[tuple[str, str, str, datetime]]:
    """Roles that wait for this person's yes: offer, role, whose team or which circle, when."""
    rows = await fetch(
        "SELECT o.id, o.role, COALESCE(p.called, c.name), o.offered_at FROM hat_offer o "
        "JOIN community c ON c.id = o.community_id LEFT JOIN person p ON p.id = c.person_id "
        "WHERE o.person_id = ? AND o.closed_at IS NULL ORDER BY o.offered_at, o.id",
        person_id,
    )
    return [tuple(row) for row in rows]


_CIRCLE = (
    "x.person_id, p.called, p.face, {at} FROM {table} x JOIN community c ON c.id = x.community_id "
    "JOIN person p ON p.id = x.person_id WHERE c.kind = 'circle'"
)


async def in_the_circle() -> list[Role]:
    """Whoever has a role with power in the circle now, the longest-serving first."""
    roles, now = sorted(POWERS), clock.now()
    return [
        Role(*row)
        for row in await fetch(
            f"SELECT x.id, x.role, {_CIRCLE.format(at='x.from_at', table='hat')} AND x.role IN ({marks(roles)}) "
            "AND x.ended_at IS NULL AND (x.until_at IS NULL OR x.until_at > ?) AND p.standing <> 'died' "
            "ORDER BY x.from_at, x.id",
            *roles,
            now,
        )
    ]


async def asked_in_the_circle() -> list[Role]:
    """Whoever was asked to take such a role and has not yet answered."""
    roles = sorted(POWERS)
    return [
        Role(*row)
        for row in await fetch(
            f"SELECT x.id, x.role, {_CIRCLE.format(at='x.offered_at', table='hat_offer')} AND x.role IN ({marks(roles)}) "
            "AND x.closed_at IS NULL ORDER BY x.offered_at, x.id",
            *roles,
        )
    ]
