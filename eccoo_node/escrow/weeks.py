"""What was set aside, earned and paid out, week by week, in the circle's own weeks from Monday to Sunday."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing

SHOWN = 8


class Week(msgspec.Struct, frozen=True):
    """One week from its Monday. `paid_pence` is what was sent to workers' banks, less what came back from there."""

    monday: date
    aside_pence: int = 0
    earned_pence: int = 0
    paid_pence: int = 0


def mondays(now: datetime) -> list[date]:
    """The Mondays of the weeks that are shown, the oldest first; this week is the last."""
    last = clock.week_of(now, clock.zone())
    return [last - timedelta(days=7 * back) for back in range(SHOWN - 1, -1, -1)]


async def of_the_circle(actor: Actor) -> list[Week]:
    """The whole circle's. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "money.see_books", Thing("books"))
    return await _weeks("", ())


async def of_worker(actor: Actor) -> list[Week]:
    """What the reader has earned and been paid; nothing of it while they speak for someone else."""
    if actor.acting_for or not actor.person_id:
        return []
    return await _weeks(
        "AND (a.holder = ? OR (a.code = '2100' AND l.worker_id = ?))", (actor.person_id, actor.person_id)
    )


async def of_payers(actor: Actor) -> list[Week]:
    """What was set aside and earned out of the money that the reader pays, or that pays for whom they speak."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        "SELECT id, person_id, payer_person_id FROM payer WHERE person_id = ? OR payer_person_id = ?", subject, subject
    )
    ids = [
        row[0] for row in rows if access.may(actor, "money.see_payer", Thing("payer", row[0], row[1], payer_id=row[2]))
    ]
    return await _weeks(f"AND l.payer_id IN ({', '.join('?' * len(ids))})", ids) if ids else []


async def _weeks(only: str, params: Sequence[Any]) -> list[Week]:
    """`only` is a condition of our own; those the reader may not see are left out by it."""
    shown = mondays(clock.now())
    starts = [clock.day_bounds(day, clock.zone())[0] for day in shown]
    # Entries are numbered as they are written, so the newest before the first week bounds the search.
    before = await fetch_value(
        "SELECT id FROM entry WHERE at < ? ORDER BY id DESC LIMIT 1", starts[0] - timedelta(days=1)
    )
    which = " ".join(f"WHEN e.at < ? THEN {number}" for number in range(SHOWN - 1))
    rows = await fetch(
        f"SELECT CASE {which} ELSE {SHOWN - 1} END AS week, "
        "CAST(SUM(CASE WHEN a.code = '2100' AND e.kind = 'set_aside' THEN -p.amount_pence ELSE 0 END) AS BIGINT), "
        "CAST(SUM(CASE WHEN a.code IN ('2200', '2210') AND e.line_id IS NOT NULL THEN -p.amount_pence ELSE 0 END) "
        "AS BIGINT), CAST(SUM(CASE WHEN a.code IN ('2200', '2210', '1300') AND e.kind IN ('payout', 'payout_bounced') "
        "THEN p.amount_pence ELSE 0 END) AS BIGINT) FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id LEFT JOIN line l ON l.id = e.line_id "
        f"WHERE e.id > ? AND e.at >= ? {only} GROUP BY 1",
        *starts[1:],
        before or 0,
        starts[0],
        *params,
    )
    found = {row[0]: tuple(map(int, tuple(row)[1:])) for row in rows}
    return [Week(day, *found.get(number, ())) for number, day in enumerate(shown)]
