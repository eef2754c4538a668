"""Once a week the money for next week is set aside, in batches; and what could not be paid for is tried again when more
money is there.

A run can be stopped anywhere and begun again: a batch is one transaction, a visit that has its money is not asked for
again, and a run that was missed is made up for at the next hour. So it does not matter how often it runs.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert_once, locking, marks
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import payers
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened
from eccoo_node.rota import paying, queries
from eccoo_node.rota.paying import COLUMNS, ToPay
from eccoo_node.rota.rules import WEEKLY_DAY, WEEKLY_HOUR, pays_for_week_at, week_after, weeks_due
from eccoo_node.rota.tables import WITHOUT_MONEY, WeeklyRun

BATCH = 250
LOOK_AGAIN = timedelta(hours=1)


class After(msgspec.Struct, frozen=True):
    """How far a run has got: those that cannot be missed come first, then by when they begin."""

    cannot_be_missed: bool = True
    starts_at: datetime = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    id: str = ""


@jobs.job("rota.weekly", every=LOOK_AGAIN)
async def _weekly(payload: dict[str, Any]) -> datetime | None:
    await pay_due_weeks()
    return min(await next_run(clock.now()), clock.now() + LOOK_AGAIN)


async def pay_due_weeks() -> None:
    """Set aside the money for this week and, from the circle's day and hour on, for the next."""
    now, zone = clock.now(), clock.zone()
    for week in weeks_due(now, await governance.figure(WEEKLY_DAY), await governance.figure(WEEKLY_HOUR), zone):
        if await begin_week(NODE, week=week):
            after: After | None = After()
            while after is not None:
                after = await pay_batch(NODE, week=week, after=after)
            await end_week(NODE, week=week)


async def next_run(now: datetime) -> datetime:
    """When the next run is due."""
    week = week_after(clock.week_of(now, clock.zone()))
    at = await runs_at(week)
    return at if at > now else await runs_at(week_after(week))


async def runs_at(week: date) -> datetime:
    """When the money for a week, named by its Monday, is or was to be set aside."""
    zone = clock.zone()
    begins = max(clock.now(), clock.day_bounds(week - timedelta(days=7), zone)[0])
    day, hour = await governance.figure(WEEKLY_DAY, begins), await governance.figure(WEEKLY_HOUR, begins)
    return pays_for_week_at(week, day, hour, zone)


async def covered_until(now: datetime) -> datetime:
    """Up to when the money for visits has been set aside; what is planned before that is paid for at once."""
    last = await fetch_value("SELECT MAX(week) FROM weekly_run")
    week = max(clock.week_of(now, clock.zone()), date.fromisoformat(last) if last else date.min)
    return clock.day_bounds(week, clock.zone(), 7)[1]


def _within(week: date) -> datetime:
    return clock.day_bounds(week, clock.zone(), 7)[1]


@door("rota.begin_week")
async def begin_week(act: Act, *, week: date) -> bool:
    """Begin the run of a week, or take it up again; False when there is nothing to do."""
    act.allow(Thing("week", week.isoformat()))
    if await insert_once(WeeklyRun(week=week.isoformat(), began_at=clock.now())):
        return True
    ended = await fetch_value("SELECT ended_at FROM weekly_run WHERE week = ?", week.isoformat())
    # Something may have been planned in the very moment in which the run passed it by.
    missed = f"SELECT id FROM visit WHERE {WITHOUT_MONEY} AND starts_at < ? AND unpaid_at IS NULL LIMIT 1"
    return ended is None or await fetch_one(missed, _within(week)) is not None


@door("rota.pay_batch")
async def pay_batch(act: Act, *, week: date, after: After) -> After | None:
    """Set aside the money for the next visits of a run; where it has got to, or None at its end."""
    act.allow(Thing("week", week.isoformat()))
    where = (
        f"{WITHOUT_MONEY} AND cannot_be_missed = ? AND starts_at < ? AND (starts_at, id) > (?, ?) "
        f"ORDER BY starts_at, id LIMIT {BATCH}{locking()}"
    )
    visits = await _visits(where, after.cannot_be_missed, _within(week), after.starts_at, after.id)
    if not visits:
        return After(cannot_be_missed=False) if after.cannot_be_missed else None
    done = await paying.pay(visits, until=_within(week))
    await _release_settled(done.paid)
    await fetch(
        "UPDATE weekly_run SET visits = visits + ?, aside_pence = aside_pence + ? WHERE week = ?",
        len(done.paid),
        done.aside_pence,
        week.isoformat(),
    )
    return After(after.cannot_be_missed, visits[-1].starts_at, visits[-1].id)


@door("rota.end_week")
async def end_week(act: Act, *, week: date) -> None:
    """The end of a run: whoever is concerned by what is not paid for yet is told, each once."""
    act.allow(Thing("week", week.isoformat()))
    short = await _visits(f"{WITHOUT_MONEY} AND starts_at < ? ORDER BY starts_at, id{locking()}", _within(week))
    await paying.mark_unpaid(short)
    ended = await fetch(
        "UPDATE weekly_run SET ended_at = ?, short = ? WHERE week = ? AND ended_at IS NULL RETURNING id",
        clock.now(),
        len(short),
        week.isoformat(),
    )
    if ended:
        await act.tell("week.paid", "week", week.isoformat(), short=len(short))


@door("rota.pay_again")
async def pay_again(act: Act, *, person_id: str) -> list[str]:
    """More money is there for someone's visits: what is not paid for yet is tried again, what cannot be missed first;
    the visits that have their money now."""
    act.allow(Thing("week", "", person_id))
    visits = await _visits(
        f"{WITHOUT_MONEY} AND unpaid_at IS NOT NULL AND person_id = ? "
        f"ORDER BY cannot_be_missed DESC, starts_at, id LIMIT 1000{locking()}",
        person_id,
    )
    if not visits:
        return []
    done = await paying.pay(visits)
    await _release_settled(done.paid)
    await paying.tell_paid(done.paid)
    return [visit.id for visit in done.paid]


async def _visits(where: str, *params: object) -> list[ToPay]:
    return [ToPay(*tuple(row)) for row in await fetch(f"SELECT {COLUMNS} FROM visit WHERE {where}", *params)]


async def _release_settled(paid: Sequence[ToPay]) -> None:
    """A visit that took place before it was paid for: the worker has their money as soon as it is there."""
    for visit in paid:
        if visit.state != "settled":
            continue
        if await fetch_one("SELECT id FROM money_question WHERE visit_id = ? AND state = 'ended'", visit.id):
            # What it costs was settled between the two.
            await escrow.release(NODE, visit.reference, f"release:{visit.reference}")
            continue
        whole, said = await queries.visit(visit.id), await queries.said(visit.id)
        length = clock.minutes_between(whole.starts_at, whole.ends_at)
        minutes = next((said[side].minutes for side in ("person", "worker") if side in said), length)
        part = None if minutes == length else whole.fee_for(minutes)
        await escrow.release(NODE, visit.reference, f"release:{visit.reference}", part_pence=part)


@jobs.job("rota.pay_again")
async def _pay_again(payload: dict[str, str]) -> datetime | None:
    await pay_again(NODE, person_id=payload["person"])
    return None


@events.on(
    "money.topped_up", "money.matched", "money.by_card", "money.goodwill", "money.returned", "money.cancelled",
    "money.resolved", "money.moved", "money.reversed", "payer.set", "payer.shared",
)  # fmt: skip
async def more_money(happened: Happened) -> None:
    """A payer has more to set aside than before, or somebody else pays."""
    if happened.subject_kind == "person":
        people = [happened.subject_id]
    else:
        entry = happened.payload.get("entry") or (happened.subject_id if happened.subject_kind == "entry" else 0)
        ids = await payers.credited_by(int(entry)) if entry else [happened.payload["payer"]]
        rows = await fetch(f"SELECT DISTINCT person_id FROM payer WHERE id IN ({marks(ids)})", *ids)
        people = [row[0] for row in rows]
    for person_id in people:
        if await fetch_one(
            f"SELECT id FROM visit WHERE {WITHOUT_MONEY} AND unpaid_at IS NOT NULL AND person_id = ? LIMIT 1", person_id
        ):
            await pay_again(NODE, person_id=person_id)
