"""What was set aside, earned and paid out, week by week, in the circle's own weeks from Monday to Sunday."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_value, marks
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.money import share_out

SHOWN = 8
# What a worker has of a line; once it was paid out, what is taken back of it is owed (1300).
_HAD = "('2200', '2210', '1300')"


class Week(msgspec.Struct, frozen=True):
    """One week from its Monday. `aside_pence` is what payers gave to visits, less what came back to them from any;
    `earned_pence` is what workers had of visits, less what was taken back, also once it was paid out; `paid_pence` is
    what was sent to workers' banks, less what came back from there. Each may be below 0."""

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
    return await _weeks("AND a.holder = ?", (actor.person_id,))


async def of_payers(actor: Actor) -> list[Week]:
    """What was set aside and earned out of the money that the reader pays, or that pays for whom they speak."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        "SELECT id, person_id, payer_person_id FROM payer WHERE person_id = ? OR payer_person_id = ?", subject, subject
    )
    ids = [
        row[0] for row in rows if access.may(actor, "money.see_payer", Thing("payer", row[0], row[1], payer_id=row[2]))
    ]
    if not ids:
        return []
    # What they gave is theirs by the account; what workers had of it by the line, or by their part of it.
    found = await _weeks(
        f"AND ((a.code IN ('2000', '1100') AND a.holder IN ({marks(ids)})) OR (a.code IN {_HAD} "
        f"AND l.funds = '' AND l.payer_id IN ({marks(ids)})))",
        (*ids, *ids),
    )
    return [
        msgspec.structs.replace(week, earned_pence=week.earned_pence + more)
        for week, more in zip(found, await _of_shared(ids), strict=True)
    ]


async def _of_shared(ids: Sequence[str]) -> list[int]:
    """What workers had in each week out of lines that several pay for, as far as these payers bear it."""
    week, params = await _since()
    rows = await fetch(
        f"SELECT {week} AS week, l.id, CAST(SUM(-p.amount_pence) AS BIGINT) FROM entry e "
        "JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id JOIN line l ON l.id = e.line_id "
        f"WHERE e.id > ? AND e.at >= ? AND a.code IN {_HAD} AND l.id IN (SELECT line_id FROM line_fund "
        f"WHERE payer_id IN ({marks(ids)})) GROUP BY 1, 2",
        *params, *ids,
    )  # fmt: skip
    lines = sorted({row[1] for row in rows})
    funds: dict[int, dict[str, int]] = {}
    for line_id, payer_id, pence in await fetch(
        f"SELECT line_id, payer_id, amount_pence FROM line_fund WHERE line_id IN ({marks(lines)}) ORDER BY id", *lines
    ):
        funds.setdefault(line_id, {})[payer_id] = pence
    found = [0] * SHOWN
    for number, line_id, pence in rows:
        parts = share_out(abs(int(pence)), list(funds[line_id].values()))
        borne = sum(part for payer_id, part in zip(funds[line_id], parts, strict=True) if payer_id in ids)
        found[number] += borne if pence > 0 else -borne
    return found


async def _since() -> tuple[str, list[Any]]:
    """In which of the shown weeks an entry is, as SQL, with its parameters; then the entry and the moment they begin after."""
    starts = [clock.day_bounds(day, clock.zone())[0] for day in mondays(clock.now())]
    # Entries are numbered as they are written, so the newest before the first week bounds the search.
    before = await fetch_value(
        "SELECT id FROM entry WHERE at < ? ORDER BY id DESC LIMIT 1", starts[0] - timedelta(days=1)
    )
    which = " ".join(f"WHEN e.at < ? THEN {number}" for number in range(SHOWN - 1))
    return f"CASE {which} ELSE {SHOWN - 1} END", [*starts[1:], before or 0, starts[0]]


async def _weeks(only: str, params: Sequence[Any]) -> list[Week]:
    """`only` is a condition of our own; those the reader may not see are left out by it."""
    week, since = await _since()
    rows = await fetch(
        f"SELECT {week} AS week, "
        "CAST(SUM(CASE WHEN a.code IN ('2000', '1100') AND e.line_id IS NOT NULL THEN p.amount_pence ELSE 0 END) "
        "AS BIGINT), "
        f"CAST(SUM(CASE WHEN a.code IN {_HAD} AND e.line_id IS NOT NULL THEN -p.amount_pence ELSE 0 END) "
        "AS BIGINT), CAST(SUM(CASE WHEN a.code IN ('2200', '2210', '1300') AND e.kind IN ('payout', 'payout_bounced') "
        "THEN p.amount_pence ELSE 0 END) AS BIGINT) FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id LEFT JOIN line l ON l.id = e.line_id "
        f"WHERE e.id > ? AND e.at >= ? {only} GROUP BY 1",
        *since, *params,
    )  # fmt: skip
    found = {row[0]: tuple(map(int, tuple(row)[1:])) for row in rows}
    return [Week(day, *found.get(number, ())) for number, day in enumerate(mondays(clock.now()))]
