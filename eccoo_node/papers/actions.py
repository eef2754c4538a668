"""The doors of papers: make one, put a wrong one right by another, read someone else's, and say that one was posted."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, insert, locking
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.papers import invoice, payer, people, queries, rules, worker
from eccoo_node.papers.people import Party
from eccoo_node.papers.queries import Paper as Whole
from eccoo_node.papers.rules import Period
from eccoo_node.papers.sheet import Sheet, days
from eccoo_node.papers.tables import Paper, PaperItem
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell

NOTHING = "nothing_to_say"


class Made(msgspec.Struct, frozen=True):
    """What is about to become a paper. `items` is what an invoice asks for, by what it is for."""

    figures: Any
    sheet: Sheet
    items: dict[str, int] = {}


class Wanted(msgspec.Struct, frozen=True):
    """Which paper is asked for. `key`: what it is made for, so that it is made once. `old`: what it puts right."""

    series: str
    party: Party
    period: Period
    key: str
    old: Whole | None = None
    because: str = ""


def _over(period: Period, field: str) -> None:
    if period.last >= clock.today():
        raise Invalid(f"This is not over yet. It can be made from {days(_after(period))} on.", "not_over", field=field)


def _after(period: Period) -> Period:
    day = date.fromordinal(period.last.toordinal() + 1)
    return Period(day, day)


async def begin() -> bool:
    """Let there be a counter for each series, inside `write()`; False where there was one already."""
    rows = [
        await fetch("INSERT INTO paper_series (name, last) VALUES (?, 0) ON CONFLICT DO NOTHING RETURNING name", name)
        for name in rules.SERIES
    ]
    return any(rows)


async def _lock(series: str) -> int:
    """The last number of a series, locked until the transaction ends."""
    asked = f"SELECT last FROM paper_series WHERE name = ?{locking()}"
    row = await fetch_one(asked, series)
    if row is None:
        await begin()
        row = await fetch_one(asked, series)
    return int(row[0]) if row else 0


async def _write(act: Act, wanted: Wanted, make: Callable[[str], Awaitable[Made | None]]) -> str:
    """Give it the next number and keep it; the id of the paper, or of the one that was made for this before.

    The counter is locked until the act ends and goes back with it, so that no number is left out or given twice.
    """
    last = await _lock(wanted.series)
    before = await fetch_one("SELECT id FROM paper WHERE key = ?", wanted.key)
    if before is not None:
        return str(before[0])
    number = last + 1
    made = await make(rules.called(wanted.series, number))
    if made is None:
        raise Conflict("Nothing moved and nothing stood there in that time, so there is nothing to write.", NOTHING)
    sheet = _in_place_of(made.sheet, wanted.old, wanted.because)
    facts = msgspec.json.encode({"figures": made.figures, "sheet": sheet}, order="deterministic").decode()
    party, old = wanted.party, wanted.old.id if wanted.old else ""
    row = Paper(
        series=wanted.series, number=number, for_id=party.id, person_id=party.person_id, payer_id=party.payer_id,
        from_day=wanted.period.first.isoformat(), to_day=wanted.period.last.isoformat(), facts=facts,
        digest=queries.digest(wanted.series, number, party.id, party.payer_id, wanted.period, old, facts),
        owed_pence=sum(made.items.values()), replaces=old, key=wanted.key, by_post=party.by_post, made_at=clock.now(),
        made_by=act.actor.person_id, act_id=act.id,
    )  # fmt: skip
    await insert(row)
    for item, pence in made.items.items():
        await insert(PaperItem(paper_id=row.id, item=item, amount_pence=pence))
    await fetch("UPDATE paper_series SET last = ? WHERE name = ?", number, wanted.series)
    act.about(str(row.id))
    await act.tell("paper.made", "paper", str(row.id), series=wanted.series, number=number)
    if not party.by_post:
        await tell({party.id}, None, "paper", about=str(row.id), path=f"/papers/{row.id}")
    return str(row.id)


def _in_place_of(sheet: Sheet, old: Whole | None, because: str) -> Sheet:
    if old is None:
        return sheet
    lead = [f"This paper is in place of {old.called}. {because.strip()}", *sheet.lead]
    return msgspec.structs.replace(sheet, lead=lead)


@door("papers.make_statement")
async def make_statement(act: Act, payer_id: str, monday: date) -> str:
    """A payer's statement for the week from this Monday; the paper. Made once, however often it is asked for.

    Raises Invalid for a week that is not over, Conflict where nothing moved or stood in the payer's account.
    """
    party = await people.payer(payer_id)
    act.allow(Thing("paper", "", party.person_id, payer_id=party.id))
    period = rules.week(monday)
    _over(period, "week")
    return await _write(
        act,
        Wanted("payer", party, period, f"payer:{payer_id}:{period.first}"),
        lambda number: _statement(party, period),
    )


async def _statement(party: Party, period: Period) -> Made | None:
    week = await payer.reckon(party.payer_id, party.id, period)
    return None if week.empty else Made(week, payer.sheet(week, party))


@door("papers.make_invoice")
async def make_invoice(act: Act, payer_id: str, *, entry: int = 0) -> str:
    """What a payer has yet to be asked for of all that is settled; the invoice. Raises Conflict where that is nothing.

    `entry`: that debt alone, such as a finder's fee.
    """
    party = await people.payer(payer_id)
    act.allow(Thing("paper", "", party.person_id, payer_id=party.id))
    today = clock.today()
    only = frozenset({f"entry:{entry}"}) if entry else frozenset[str]()
    # Asked twice at once, both wait for the counter, and the second finds that nothing is left to ask for.
    key = f"invoice:entry:{entry}" if entry else f"invoice:{act.id}"
    return await _write(
        act,
        Wanted("invoice", party, Period(today, today), key),
        lambda number: _invoice(party, today, number, only=only),
    )


async def _invoice(
    party: Party, day: date, number: str, *, only: frozenset[str] = frozenset(), without: str = ""
) -> Made | None:
    found = await invoice.reckon(party.payer_id, party.id, day, only=only, without=without)
    if not found.items and not without:
        return None
    return Made(found, invoice.sheet(found, party, number), {one.item: one.amount_pence for one in found.items})


@door("papers.make_year")
async def make_year(act: Act, worker_id: str, first_year: int) -> str:
    """A worker's statement for the tax year that began on 6 April of this year; the paper."""
    party = await people.worker(worker_id)
    act.allow(Thing("paper", worker_id=worker_id))
    if not 2000 <= first_year <= 9000:
        raise Invalid("Choose a tax year.", "bad_year", field="year")
    period = rules.tax_year(date(first_year, 4, 6))
    _over(period, "year")
    wanted = Wanted("worker", party, period, f"worker:{worker_id}:{first_year}")
    return await _write(act, wanted, lambda number: _year(party, period))


async def _year(party: Party, period: Period) -> Made | None:
    earned, did = await worker.reckon(party.id, period)
    if not (did or earned.opening_pence or earned.closing_pence or earned.whole.paid_pence):
        return None
    return Made(earned, worker.sheet(earned, party))


@door("papers.correct")
async def correct(act: Act, paper_id: str, *, because: str) -> str:
    """Put a wrong paper right by a new one, reckoned from the books as they are, that names the old; the new paper.

    Both stay readable. Raises Conflict where it was put right before.
    """
    act.allow(Thing("paper", paper_id))
    act.because(because)
    old = await queries.paper(paper_id)
    if not because.strip():
        raise Invalid("Say what was wrong. Whoever it is for reads it on the new paper.", "no_reason", field="because")
    if old.replaced_by:
        raise Conflict(f"This was put right already: {old.replaced_called} is in its place.", "replaced")
    party = await (people.worker(old.for_id) if old.series == "worker" else people.payer(old.payer_id))
    items = frozenset((await _items(paper_id)) if old.series == "invoice" else ())

    async def make(number: str) -> Made | None:
        if old.series == "payer":
            week = await payer.reckon(party.payer_id, party.id, old.period)
            return Made(week, payer.sheet(week, party))
        if old.series == "invoice":
            return await _invoice(party, clock.today(), number, only=items, without=old.id)
        earned, _ = await worker.reckon(party.id, old.period)
        return Made(earned, worker.sheet(earned, party))

    return await _write(act, Wanted(old.series, party, old.period, f"replaces:{old.id}", old, because), make)


async def _items(paper_id: str) -> list[str]:
    return [row[0] for row in await fetch("SELECT item FROM paper_item WHERE paper_id = ?", paper_id)]


@door("papers.read")
async def read_anothers(act: Act, paper_id: str) -> Whole:
    """Open a paper that is someone else's. Reading it is written down."""
    found = await queries.paper(paper_id)
    act.allow(found.thing)
    return found


@door("papers.posted")
async def say_posted(act: Act, paper_id: str) -> None:
    """It was put in the post, or brought round. Said twice, it was posted once."""
    act.allow(Thing("paper", paper_id))
    found = await queries.paper(paper_id)
    if not found.by_post:
        raise Conflict("This paper does not go by post: its reader is told by mail or on the screen.", "not_by_post")
    await fetch(
        "INSERT INTO paper_posted (paper_id, at, by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        paper_id, clock.now(), act.actor.person_id,
    )  # fmt: skip


async def payer_of_debt(entry_id: int) -> str:
    """Who came to owe us by this entry; empty where nobody did."""
    for code, holder, _, amount in await escrow.postings_of(entry_id):
        if code == "1100" and amount > 0:
            return holder
    return ""
