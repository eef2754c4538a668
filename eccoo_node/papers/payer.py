"""A payer's week: what came in, what was set aside, what each visit cost and who has it, what came back and what is left.

Every entry that touched the payer's account in that week is a row of it, so what stood there at the start and all of
them together are what stands there at the end, to the penny.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby

import msgspec

from eccoo_node.escrow import periods, sharing
from eccoo_node.escrow.periods import History, Move
from eccoo_node.escrow.say import fund as say_fund
from eccoo_node.escrow.say import visits as say_visits
from eccoo_node.escrow.sharing import Shares
from eccoo_node.kernel import clock
from eccoo_node.kernel.circle import circle
from eccoo_node.papers import visits
from eccoo_node.papers.people import Party
from eccoo_node.papers.rules import Period, local_day
from eccoo_node.papers.sheet import Block, Row, Sheet, day, days, sum_of
from eccoo_node.papers.visits import Went

# What a payer has here, what they owe, and what is on its way back to them. Above 0 is as its heading says it.
ACCOUNTS = {"2000": -1, "1100": 1, "2500": -1}


class Moved(msgspec.Struct, frozen=True):
    """One entry on one of a payer's accounts."""

    entry_id: int
    day: str
    kind: str
    words: str
    amount_pence: int


class Account(msgspec.Struct, frozen=True):
    """One of a payer's accounts over the week: opening + moves = closing."""

    opening_pence: int
    moves: list[Moved]

    @property
    def closing_pence(self) -> int:
        return self.opening_pence + sum(move.amount_pence for move in self.moves)

    @property
    def empty(self) -> bool:
        return not (self.opening_pence or self.moves)


class Visited(msgspec.Struct, frozen=True):
    """What one visit did with the payer's money in that week. With several payers, `yours_pence` is this one's part."""

    reference: str
    words: str
    who: str
    note: str
    minutes: int
    rate_pence: int
    fee_pence: int
    worker_pence: int
    deduct_bps: int
    commission_pence: int
    add_bps: int
    contribution_pence: int
    travel_pence: int
    back_pence: int
    apart_pence: int
    yours_pence: int
    shared: bool = False

    @property
    def cost_pence(self) -> int:
        return self.fee_pence + self.contribution_pence + self.travel_pence


class Lying(msgspec.Struct, frozen=True):
    """What lies set aside, or in question, for one visit at the end."""

    reference: str
    words: str
    amount_pence: int
    in_question: bool


class Week(msgspec.Struct, frozen=True):
    """The figures of a payer's week."""

    period: Period
    accounts: dict[str, Account]
    visits: list[Visited]
    lying: list[Lying]

    @property
    def empty(self) -> bool:
        return all(account.empty for account in self.accounts.values()) and not (self.visits or self.lying)


async def reckon(payer_id: str, reader: str, period: Period) -> Week:
    """The figures of a payer's week out of the books."""
    start, end = period.bounds(clock.zone())
    opening = await periods.opening(payer_id, list(ACCOUNTS), start)
    moves = await periods.moves(payer_id, list(ACCOUNTS), start, end)
    wanted = {*await periods.lines_of_payer(payer_id, start), *(move.line_id for move in moves if move.line_id)}
    lines = await periods.histories(sorted(wanted), end)
    funds = await periods.funds_of(sorted(lines))
    went = await visits.of_lines([one.booking for one in lines.values()], reader)
    accounts = {
        code: Account(sign * opening[code], [_moved(move, sign, went) for move in moves if move.code == code])
        for code, sign in ACCOUNTS.items()
    }
    done, lying = [], []
    for id_, history in sorted(lines.items()):
        part = funds.get(id_, {})
        if visited := _visited(history, went[id_], period, payer_id, part):
            done.append(visited)
        lying += _lying(history, went[id_], part, payer_id)
    return Week(period, accounts, done, lying)


_PLAIN = {
    "top_up": "You paid in",
    "matched": "You paid in",
    "by_card": "You paid in by card",
    "goodwill": "The circle gave you this back, out of its own money",
    "refunded": "Goes back to you by bank",
    "refund_left": "The bank sent it back to you",
    "bounced": "A payment of yours did not go through",
    "finders_fee": "Finder’s fee",
    "paid_owing": "You paid what you owed",
    "written_off": "The circle let this go, so you don’t owe it any more",
}


def _moved(move: Move, sign: int, went: Mapping[int, Went]) -> Moved:
    amount = sign * move.amount_pence
    words = _PLAIN.get(move.undone or move.kind, "")
    if move.line_id:
        visit = visits.header(went[move.line_id], worker=False) if move.line_id in went else "a visit"
        given = (amount < 0) == (move.code == "2000")
        words = f"{'Set aside for' if given else 'Came back from'} {visit}"
    if move.undone:
        words = f"Put right: {words[:1].lower() + words[1:]}" if words else "Put right"
    zone = clock.zone()
    written, dated = local_day(move.at, zone), local_day(move.effective_at, zone)
    when = f"{written:%a} {written.day} {written:%b}" if written == dated else f"{dated:%a} {dated.day} {dated:%b}"
    return Moved(move.entry_id, when, move.kind, words or "Another entry in the books", amount)


def _visited(history: History, went: Went, period: Period, payer_id: str, funds: Mapping[str, int]) -> Visited | None:
    """What was let go, taken back or put in question in that week; None where nothing of it was."""
    zone, line = clock.zone(), history.booking
    steps = [step for step in history.steps if period.first <= local_day(step.at, zone) <= period.last]
    told = [step for step in steps if step.kind not in {"set_aside"}]
    if not told:
        return None
    given = Shares()
    for step in told:
        given = _add(given, step.given)
    back = sum(step.back_pence.get(payer_id, 0) for step in told)
    apart = history.apart_pence
    note = visits.reckoned(line, went, given, back_pence=back, apart_pence=apart, worker=False)
    if given.fee_pence < 0 or given.travel_pence < 0:
        note = f"Put right: {sum_of(-given.fee_pence - given.travel_pence - given.contribution_pence)} was taken back."
    cost = given.fee_pence + given.contribution_pence + given.travel_pence
    yours = cost
    if funds:
        yours = _borne(history, funds, payer_id, period.last + timedelta(days=1))
        yours -= _borne(history, funds, payer_id, period.first)
        note += _your_part(cost, yours)
    if not (cost or back or apart):
        return None
    return Visited(
        line.reference, went.words, went.who, note, visits.minutes_paid(line, went, given.fee_pence),
        visits.rate_pence(line, went), given.fee_pence, given.worker_pence, line.terms.worker_deduct_bps,
        given.commission_pence, line.terms.payer_add_bps, given.contribution_pence, given.travel_pence, back, apart,
        yours, bool(funds),
    )  # fmt: skip


def _your_part(cost: int, yours: int) -> str:
    if cost <= 0:
        return f" {sum_of(-yours)} of that was yours." if cost else ""
    return f" You pay {sum_of(yours)} of it, and another payer the rest."


def _borne(history: History, funds: Mapping[str, int], payer_id: str, before: date) -> int:
    """What this payer bore of a line with several before a day: what they gave, less what they had back and what of it
    still lies there."""
    zone = clock.zone()
    until = History(history.booking, [step for step in history.steps if local_day(step.at, zone) < before])
    return until.given_by(payer_id) - sum(
        _of(amount, funds, payer_id) for amount in (until.lying_pence, until.apart_pence)
    )


def _of(amount_pence: int, funds: Mapping[str, int], payer_id: str) -> int:
    """This payer's part of what lies on a line, by what each gave to it."""
    if not funds or not amount_pence:
        return amount_pence
    return sharing.parts_of(amount_pence, list(funds.values()))[list(funds).index(payer_id)]


def _add(one: Shares, other: Shares) -> Shares:
    return Shares(**{name: getattr(one, name) + getattr(other, name) for name in Shares.__struct_fields__})


def _lying(history: History, went: Went, funds: Mapping[str, int], payer_id: str) -> list[Lying]:
    found = []
    for amount, in_question in ((history.lying_pence, False), (history.apart_pence, True)):
        part = _of(amount, funds, payer_id)
        if part:
            words = visits.header(went, worker=False)
            found.append(Lying(history.booking.reference, words, part, in_question))
    return found


# ---------------------------------------------------------------- in words


def sheet(week: Week, party: Party) -> Sheet:
    """The statement in words."""
    credit, owed, back = (week.accounts[code] for code in ACCOUNTS)
    here, aside = credit.closing_pence, sum(one.amount_pence for one in week.lying)
    lead = f"At the end of the week {sum_of(here)} was here for {_whose(party)} and not set aside for anything"
    blocks = [_account(f"The money {'you have' if party.own else 'that is'} here", credit, week.period)]
    if not owed.empty:
        blocks.append(_account("What you owe the circle", owed, week.period))
    if not back.empty:
        blocks.append(_account("On its way back to you", back, week.period))
    if week.visits:
        rows = [Row(_title(one), sum_of(one.yours_pence), one.note) for one in week.visits]
        total = Row("All of these together", sum_of(sum(one.yours_pence for one in week.visits)))
        blocks.append(Block("Visits that were settled this week", rows=rows, total=total if len(rows) > 1 else None))
    if week.lying:
        rows = [
            Row(
                one.words,
                sum_of(one.amount_pence),
                "In question: it waits until it is clear what happened." * one.in_question,
            )
            for one in week.lying
        ]
        blocks.append(Block("Still set aside at the end", rows=rows, total=Row("Set aside in all", sum_of(aside))))
    return Sheet(
        title="Statement of held money",
        circle=letterhead(),
        to=[party.full_name],
        facts=[
            ("Week", days(week.period)),
            *([] if party.own else [("For the support of", party.person_called)]),
            *([("Out of", say_fund(party.fund))] if say_fund(party.fund) else []),
        ],
        lead=[f"{lead}, and {sum_of(aside)} was set aside for visits." if aside else f"{lead}."],
        blocks=blocks,
        foot=[
            "What is here and not set aside is yours, and you can have it back.",
            something_wrong(),
        ],
    )


def _whose(party: Party) -> str:
    return "you" if party.own else f"{party.person_called}’s support"


def _title(one: Visited) -> str:
    return f"{one.words}: {one.who}" if one.who else one.words


def _account(title: str, account: Account, period: Period) -> Block:
    rows = [Row(f"At the start, {day(period.first)}", sum_of(account.opening_pence))]
    rows += [Row(f"{day_}: {words}", sum_of(pence)) for day_, words, pence in _gathered(account.moves)]
    return Block(title, rows=rows, total=Row(f"At the end, {day(period.last)}", sum_of(account.closing_pence)))


def _gathered(moves: list[Moved]) -> list[tuple[str, str, int]]:
    """What was set aside for several visits on one day is one row: each of them stands below, once it is settled or
    while it still lies there."""
    found: list[tuple[str, str, int]] = []
    for (on, aside), same in groupby(
        moves, key=lambda move: (move.day, move.kind == "set_aside" and move.amount_pence < 0)
    ):
        several = list(same)
        if aside and len(several) > 1:
            found.append((on, f"Set aside for {say_visits(len(several))}", sum(move.amount_pence for move in several)))
        else:
            found += [(on, move.words, move.amount_pence) for move in several]
    return found


def letterhead() -> list[str]:
    """The circle's name, and where it is."""
    here = circle()
    return [line for line in (here.name, here.place, here.phone) if line]


def something_wrong() -> str:
    here = circle()
    ring = f"Ring us on {here.phone}" if here.phone else "Tell us"
    return f"Is something here not right? {ring}. We put it right with a new paper, and this one stays as it is."
