"""When papers are made by themselves: statements and invoices early on Monday, a worker's year once it is over."""

from datetime import date, datetime, time, timedelta
from typing import Any

from eccoo_node.db import jobs
from eccoo_node.db.jobs import job
from eccoo_node.db.transaction import write
from eccoo_node.escrow import periods
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.papers import actions, queries, rules
from eccoo_node.papers.rules import INVOICE_WEEKS, Period
from eccoo_node.record.events import Happened, on

EARLY = time(5)
# How many weeks are caught up with after a node was away.
MOST_WEEKS = 8
WEEK = timedelta(days=7)


def next_run(now: datetime) -> datetime:
    """The next Monday, or 6 April, early in the morning of the circle's own clock."""
    local = now.astimezone(clock.zone())
    monday = local.date() - timedelta(days=local.weekday())
    april = date(local.year, 4, 6)
    days = [monday, monday + WEEK, april, date(local.year + 1, 4, 6)]
    return min(at for at in (datetime.combine(day, EARLY, tzinfo=clock.zone()) for day in days) if at > now)


@job("papers.due", every=timedelta(days=7))
async def make_what_is_due(payload: dict[str, Any]) -> datetime | None:
    """Write a job for each paper that is due and not there. A node that has just begun begins with the coming Monday."""
    now = clock.now()
    async with write():
        begun = await actions.begin()
    local = now.astimezone(clock.zone())
    early = local.weekday() == 0 and local.time() < EARLY
    if early or (begun and local.weekday() != 0):
        return next_run(now)
    newest, last = await queries.newest_week(), rules.last_week(local.date())
    week = max(newest + WEEK, last.first - WEEK * (MOST_WEEKS - 1)) if newest else last.first
    while week <= last.first:
        await _week(rules.week(week))
        week += WEEK
    # Also of the newest week where it was made in part.
    await _week(last)
    await _year(rules.tax_year(rules.tax_year(local.date()).first - timedelta(days=1)))
    return next_run(now)


async def _week(period: Period) -> None:
    start, end = period.bounds(clock.zone())
    weeks = await governance.figure(INVOICE_WEEKS, end)
    there, asked = await queries.made("payer", period), set[str]()
    if rules.ends_a_run(period, weeks):
        asked = set(await periods.debtors())
    payers = [payer for payer in await periods.payers_since(start) if payer not in there]
    async with write():
        for payer in payers:
            await jobs.add("papers.statement", f"{payer}:{period.first}", payer=payer, monday=period.first.isoformat())
        for payer in sorted(asked):
            await jobs.add(
                "papers.invoice", f"{payer}:{period.last}", payer=payer, last=period.last.isoformat(), weeks=weeks
            )


async def _year(period: Period) -> None:
    there = await queries.made("worker", period)
    workers = [id_ for id_ in await periods.workers_between(*period.bounds(clock.zone())) if id_ not in there]
    async with write():
        for worker in workers:
            await jobs.add("papers.year", f"{worker}:{period.first}", worker=worker, year=period.first.year)


@job("papers.statement")
async def statement(payload: dict[str, Any]) -> datetime | None:
    await _unless_empty(actions.make_statement(NODE, payload["payer"], date.fromisoformat(payload["monday"])))
    return None


@job("papers.invoice")
async def invoice(payload: dict[str, Any]) -> datetime | None:
    await _unless_empty(actions.make_invoice(NODE, payload["payer"]))
    return None


@job("papers.year")
async def year(payload: dict[str, Any]) -> datetime | None:
    await _unless_empty(actions.make_year(NODE, payload["worker"], payload["year"]))
    return None


@on("money.finders_fee")
async def finders_fee(happened: Happened) -> None:
    """A finder's fee that is owed is invoiced at once; one that came out of what was there is on the statement."""
    entry = int(happened.subject_id)
    if payer := await actions.payer_of_debt(entry):
        await _unless_empty(actions.make_invoice(NODE, payer, entry=entry))


async def _unless_empty(making: Any) -> None:
    try:
        await making
    except Conflict as refused:
        if refused.code != actions.NOTHING:
            raise
