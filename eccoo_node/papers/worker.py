"""A worker's tax year: what was earned, from whom and when, what the circle took, what was paid out. Also one month of it.

Each entry falls on one day of the circle's own calendar, and so in one week, one quarter and one tax year. What a worker
is owed at the start and everything that moved it are what they are owed at the end, to the penny.
"""

from collections.abc import Iterable

import msgspec

from eccoo_node.escrow import periods, telling
from eccoo_node.escrow.periods import Move, Step
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import clock
from eccoo_node.members import queries as members
from eccoo_node.papers import visits
from eccoo_node.papers.payer import letterhead, something_wrong
from eccoo_node.papers.people import Party
from eccoo_node.papers.rules import Period, local_day, tax_month, tax_quarter
from eccoo_node.papers.sheet import Block, Row, Sheet, Table, days, sum_of

# What a worker is owed: ready, expenses, on its way to them; less what they are to give back.
CODES = ("1300", "2200", "2210", "2290")
ELSEWHERE = "This does not include income from elsewhere."


class Sums(msgspec.Struct, frozen=True):
    """What was earned in some time. `fees` are gross, `cancelled` is the part of them for visits called off too late;
    `taken_back` is gross too, and `commission`, `travel` and `expenses` are what remains once it was taken back. `travel`
    is mileage and tickets, `expenses` what was bought."""

    fees_pence: int = 0
    cancelled_pence: int = 0
    taken_back_pence: int = 0
    commission_pence: int = 0
    travel_pence: int = 0
    expenses_pence: int = 0
    other_pence: int = 0
    paid_pence: int = 0

    @property
    def net_pence(self) -> int:
        """Earned, after what the circle takes and what was taken back; travel and expenses stand beside it."""
        return self.fees_pence - self.taken_back_pence - self.commission_pence

    @property
    def change_pence(self) -> int:
        """By how much more the worker is owed after it."""
        return self.net_pence + self.travel_pence + self.expenses_pence + self.other_pence - self.paid_pence

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(**{name: getattr(self, name) + getattr(other, name) for name in Sums.__struct_fields__})


class Part(msgspec.Struct, frozen=True):
    """What one payer's visits brought in one month of the tax year."""

    period: Period
    payer: str
    sums: Sums


class Did(msgspec.Struct, frozen=True):
    """One visit, as a month's page tells of it."""

    words: str
    note: str
    amount_pence: int


class Earned(msgspec.Struct, frozen=True):
    """The figures of some time: opening + what changed it = closing. `parts` by month of the tax year and payer."""

    period: Period
    opening_pence: int
    closing_pence: int
    whole: Sums
    parts: list[Part]
    quarters: list[tuple[Period, Sums]]
    books: str = ""
    books_entry: int = 0


async def reckon(worker_id: str, period: Period) -> tuple[Earned, list[Did]]:
    """The figures of a worker's time out of the books, and each visit in it."""
    zone = clock.zone()
    start, end = period.bounds(zone)
    opening = -sum((await periods.opening(worker_id, CODES, start)).values())
    moves = await periods.moves(worker_id, CODES, start, end)
    lines = await periods.histories([move.line_id for move in moves if move.line_id], end)
    by_entry = {step.entry_id: (one.booking, step) for one in lines.values() for step in one.steps}
    payers = await _payers([one.booking for one in lines.values()])
    effects: dict[int, list[Move]] = {}
    for move in moves:
        effects.setdefault(move.entry_id, []).append(move)
    whole, parts, quarters = Sums(), dict[tuple[Period, str, str], Sums](), dict[Period, Sums]()
    for entry_id, own in effects.items():
        booking, step = by_entry.get(entry_id, (None, None))
        sums = _sums(own, step, bought=booking is not None and booking.reference.startswith("expense:"))
        on = local_day(own[0].at, zone)
        whole += sums
        quarter = tax_quarter(on)
        quarters[quarter] = quarters.get(quarter, Sums()) + sums
        if booking:
            at = (tax_month(on), *payers[booking.id])
            parts[at] = parts.get(at, Sums()) + sums
    head, entry = await periods.chain_head()
    earned = Earned(
        period, opening, opening + whole.change_pence, whole,
        [Part(month, payer, sums) for (month, payer, _), sums in sorted(parts.items())], sorted(quarters.items()), head, entry,
    )  # fmt: skip
    went = await visits.of_lines([one.booking for one in lines.values()], worker_id)
    return earned, _did([(by_entry[id_], own) for id_, own in effects.items() if id_ in by_entry], went)


def _sums(own: list[Move], step: Step | None, *, bought: bool) -> Sums:
    """What one entry did for the worker; `bought`: of something they bought. What no rule names stands as "other", so that nothing is ever left out."""
    change = -sum(move.amount_pence for move in own)
    if step is not None:
        given = step.given
        forward = given.fee_pence > 0
        sums = Sums(
            fees_pence=given.fee_pence if forward else 0,
            cancelled_pence=given.fee_pence if forward and step.kind == "cancelled" else 0,
            taken_back_pence=0 if forward else -given.fee_pence,
            commission_pence=given.commission_pence,
            travel_pence=0 if bought else given.travel_pence,
            expenses_pence=given.travel_pence if bought else 0,
        )
        return msgspec.structs.replace(sums, other_pence=change - sums.change_pence)
    if own[0].bank_pence:
        return Sums(paid_pence=-change)
    expenses = -sum(move.amount_pence for move in own if move.code == "2210")
    if change and expenses == change:
        return Sums(travel_pence=change)
    return Sums(other_pence=change)


async def _payers(bookings: Iterable[Booking]) -> dict[int, tuple[str, str]]:
    """Who pays for each line, by name and id; of a visit elsewhere, the circle that does."""
    lines = list(bookings)
    circles = await telling.circles(sorted({line.link_id for line in lines if line.origin == "due"}))
    called = await members.payers_called({line.payer_id for line in lines if line.payer_id})
    return {
        line.id: (circles[line.link_id], line.link_id)
        if line.origin == "due"
        else (called.get(line.payer_id, "Someone"), line.payer_id)
        for line in lines
    }


def _did(done: list[tuple[tuple[Booking, Step], list[Move]]], went: dict[int, visits.Went]) -> list[Did]:
    found = []
    for (line, step), own in done:
        change = -sum(move.amount_pence for move in own)
        if step.given.fee_pence < 0 or step.given.travel_pence < 0:
            note = "Put right: this was taken back."
        else:
            note = visits.reckoned(
                line, went[line.id], step.given, back_pence=0, apart_pence=step.apart_pence, worker=True
            )
        if change:
            found.append(Did(visits.header(went[line.id], worker=True), note, change))
    return found


# ---------------------------------------------------------------- in words


# What the columns of the tables mean.
COLUMNS = "Of the fees, what was taken back and what went to the circle come off. The rest is yours, with travel and expenses."


def _head(first: str, late: bool) -> list[str]:
    return [
        first,
        "Fees",
        *(["Called off late"] if late else []),
        "Taken back",
        "To the circle",
        "Yours",
        "Travel",
        "Expenses",
    ]


def _cells(name: str, sums: Sums, late: bool) -> list[str]:
    """`late`: also how much of the fees is for visits that were called off too late."""
    return [
        name, sum_of(sums.fees_pence), *([sum_of(sums.cancelled_pence)] if late else []), sum_of(sums.taken_back_pence),
        sum_of(sums.commission_pence), sum_of(sums.net_pence), sum_of(sums.travel_pence),
        sum_of(sums.expenses_pence),
    ]  # fmt: skip


def sheet(earned: Earned, party: Party) -> Sheet:
    """The statement in words."""
    whole, period = earned.whole, earned.period
    return Sheet(
        title="Statement of what you earned",
        circle=letterhead(),
        to=[party.full_name],
        facts=[("Tax year", days(period)), ("Your tax reference (UTR)", "write it here if you want it on this paper")],
        lead=[
            f"You earned {sum_of(whole.net_pence)} through this circle, after what the circle takes. "
            f"{sum_of(whole.paid_pence)} was paid out to you.",
            ELSEWHERE,
        ],
        blocks=[
            Block("The whole year", rows=_year(earned), total=Row(f"Owed to you on {days(Period(period.last, period.last))}", sum_of(earned.closing_pence))),
            _by_quarter(earned),
            _by_month(earned),
        ],
        foot=[
            "Travel is what was paid for mileage and tickets, expenses what was paid for shopping. Travel time is part of the "
            "fees. The books have sums and not miles, so keep your own log of those.",
            _seal(earned),
            something_wrong(),
        ],
        wide=True,
    )  # fmt: skip


def _year(earned: Earned) -> list[Row]:
    whole = earned.whole
    rows = [
        Row(f"Owed to you on {days(Period(earned.period.first, earned.period.first))}", sum_of(earned.opening_pence)),
        Row(
            "Fees for your visits",
            sum_of(whole.fees_pence),
            f"{sum_of(whole.cancelled_pence)} of it for visits that were called off too late."
            if whole.cancelled_pence
            else "",
        ),
    ]
    for words, pence in (
        ("Fees that were taken back", -whole.taken_back_pence),
        ("What the circle takes of them", -whole.commission_pence),
        ("Mileage and tickets", whole.travel_pence),
        ("Expenses, such as shopping", whole.expenses_pence),
        ("Other entries in the books", whole.other_pence),
        ("Paid out to you", -whole.paid_pence),
    ):
        if pence:
            rows.append(Row(words, sum_of(pence)))
    return rows


def _by_quarter(earned: Earned) -> Block:
    late = earned.whole.cancelled_pence > 0
    rows = [[*_cells(days(period), sums, late), sum_of(sums.paid_pence)] for period, sums in earned.quarters]
    total = [*_cells("The year", earned.whole, late), sum_of(earned.whole.paid_pence)]
    caption = "By tax quarter"
    return Block(caption, [COLUMNS], tables=[Table(caption, [*_head("Quarter", late), "Paid out"], rows, total)])


def _by_month(earned: Earned) -> Block:
    late, tables = earned.whole.cancelled_pence > 0, []
    for month in sorted({part.period for part in earned.parts}):
        own = [part for part in earned.parts if part.period == month]
        rows = [_cells(part.payer, part.sums, late) for part in own]
        total = _cells("Together", sum((part.sums for part in own), Sums()), late) if len(own) > 1 else []
        tables.append(Table(days(month), _head("Who paid", late), rows, total))
    return Block("By month and by who paid", tables=tables)


def _seal(earned: Earned) -> str:
    if not earned.books:
        return "The books were not yet sealed when this was made."
    return f"The seal of the circle’s books at entry {earned.books_entry}: {earned.books}"
