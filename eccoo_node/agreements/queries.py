"""Reads of what was agreed."""

from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock


class TermsCard(msgspec.Struct, frozen=True):
    """What a person and a worker agreed. Late cancellation owes `cancel_bps` of the fee inside `cancel_hours`."""

    id: str
    person_id: str
    worker_id: str
    payer_id: str
    rate_pence: int
    travel_pence: int
    travel_minutes: int
    miles: int
    cancel_hours: int
    cancel_bps: int
    person_yes_at: datetime | None
    worker_yes_at: datetime | None
    from_at: datetime | None


_TERMS = """t.id, t.person_id, t.worker_id, t.payer_id, t.rate_pence, t.travel_pence, t.travel_minutes, t.miles,
 t.cancel_hours, t.cancel_bps, t.person_yes_at, t.worker_yes_at, t.from_at"""


def _terms(row: Any) -> TermsCard:
    id_, person_id, worker_id, payer_id, *rest = row
    return TermsCard(id_, person_id, worker_id, payer_id or "", *rest)


async def terms_of(person_id: str) -> list[TermsCard]:
    """Everything in force or waiting for a yes, in which this person is either side; oldest first."""
    rows = await fetch(
        f"SELECT {_TERMS} FROM terms t WHERE (t.person_id = ? OR t.worker_id = ?) AND t.ended_at IS NULL ORDER BY t.id",
        person_id,
        person_id,
    )
    return [_terms(row) for row in rows]


class Pair(msgspec.Struct, frozen=True):
    """A person and a worker of their team, who may agree on terms."""

    person_id: str
    worker_id: str
    person_called: str
    worker_called: str


async def could_agree(subject: str) -> list[Pair]:
    """The workers of someone's own team, and the people in whose teams they work."""
    now = clock.now()
    rows = await fetch(
        "SELECT DISTINCT c.person_id, h.person_id, p.called, w.called FROM hat h JOIN community c ON c.id = h.community_id "
        "JOIN person p ON p.id = c.person_id JOIN person w ON w.id = h.person_id WHERE c.kind = 'team' "
        "AND h.role = 'worker' AND h.ended_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?) "
        "AND h.person_id <> c.person_id AND (c.person_id = ? OR h.person_id = ?) AND p.standing <> 'died' ORDER BY p.called, w.called",
        now, now, subject, subject,
    )  # fmt: skip
    return [Pair(*row) for row in rows]
