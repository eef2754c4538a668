"""The part of `ledger verify` that is about lines: each stands where its entries leave it.

Most lines go the same few ways at the same few prices. What is agreed for a line and how far it has got is its terms.
Each pair of terms and path is reckoned once.
"""

from contextlib import aclosing
from itertools import repeat
from typing import Any

import msgspec

from eccoo_node.db import bulk
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import ledger, sharing
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.sharing import Fund, State, Terms
from eccoo_node.escrow.verify_paths import Paths, Sums
from eccoo_node.kernel.errors import Broken

_PAGE = 2000
_FLAGS = {"cancelled_bears", "employed", "arrears"}
_AGREED = tuple(f"CAST({name} AS INTEGER)" if name in _FLAGS else name for name in ledger.AGREED)
_STATE = State.__struct_fields__
# Besides what was agreed: how far it has got, and what else decides who has what of it.
_REST = (
    "origin", "CASE WHEN link_id = '' THEN 0 ELSE 1 END", "CASE WHEN funds = '' THEN 0 ELSE 1 END", "schedule_id",
    "contribution_pence", *_STATE,
)  # fmt: skip
_LINES = "line l JOIN line_state s ON s.line_id = l.id WHERE l.id > ? AND l.id <= ? ORDER BY l.id"
_RATES = "SELECT id, payer_add_bps, worker_deduct_bps, vat_bps FROM schedule"
_FUNDS = "line_fund WHERE id > ? AND id <= ? ORDER BY id"
_FUNDED = "line WHERE funds <> '' AND id > ? AND id <= ? ORDER BY id"
# Accounts that stand in for one another within a line: what a payer gave or owes, what a worker has or is to give back,
# what a linked circle is owed or owes. The bank's two take no part, because what one gives the other has.
_TOGETHER = {"1100": "2000", "1300": "2200", "1200": "2300", "5100": "2300", "1010": "1000"}


class _Agreed(msgspec.Struct, frozen=True):
    """What lines of one sort share: all but whose they are."""

    booking: Booking
    schedule_id: int | None
    contribution_pence: int


class Marks(dict[int | None, str]):
    """The mark of each line, made when it is asked for. An entry of no line covers the mark of nothing. Raises KeyError for
    a line that is not there."""

    def __init__(self, told: dict[int, str]) -> None:
        self._told = told
        self[None] = ""

    def __missing__(self, line: int) -> str:
        self[line] = mark = ledger.sealed(self._told[line].encode())
        return mark


class Lines:
    """Every line, by what was agreed and which way it went."""

    def __init__(self) -> None:
        # By the line's id: what its mark covers, as JSON.
        self.told: dict[int, str] = {}
        self.marks = Marks(self.told)
        self.terms: list[_Agreed] = []
        self.terms_of: dict[int, int] = {}
        self.paths = Paths()
        self.rates: dict[Any, tuple[Any, ...]] = {}

    async def read(self) -> None:
        """Every line as it stands. Raises Broken where one has no state."""
        known: dict[tuple[str, str], int] = {}
        wanted = ("l.id", ledger.NAMED, _AGREED, _REST)
        async with aclosing(bulk.ahead("line", _PAGE, lambda *range_: [bulk.Ask(wanted, _LINES, range_)])) as pages:
            async for ((ids, named, agreed, rest),) in pages:
                with bulk.no_sweeping():
                    told = [f"[{who},{what}]" for who, what in zip(named, agreed, strict=True)]
                    self.told.update(zip(ids, told, strict=True))
                    for id_, both in zip(ids, zip(agreed, rest, strict=True), strict=True):
                        terms = known.get(both)
                        if terms is None:
                            terms = known[both] = len(self.terms)
                            self.terms.append(_agreed(*map(msgspec.json.decode, both)))
                        self.terms_of[id_] = terms
        self.rates = {row[0]: tuple(row)[1:] for row in await fetch(_RATES)}
        states = int(await fetch_value("SELECT COUNT(*) FROM line_state") or 0)
        lines = int(await fetch_value("SELECT COUNT(*) FROM line") or 0)
        if not states == lines == len(self.terms_of):
            raise Broken(f"There are {lines} lines and {states} states of lines.", "line_missing")

    async def check(self, lying: dict[tuple[str, str], int]) -> None:
        """Each line is paid for by whom, at the rates and with the sums that its terms and its path say."""
        paths = map(self.paths.of.get, self.terms_of, repeat(0))
        went = dict(zip(zip(self.terms_of.values(), paths, strict=True), self.terms_of, strict=True))
        async for some in bulk.in_turns(went.items(), 200):
            for (terms, path), line in some:
                if not _at_rates(self.terms[terms], self.rates):
                    told = f"Line {await _reference(line)} does not have the rates it was agreed at."
                    raise Broken(told, "line_rates")
                if wrong := _wrong(self.terms[terms].booking, self.paths.sums(path)):
                    told, code = wrong
                    raise Broken(told.format(await _reference(line)), code)
        await self._check_lying(lying)

    async def check_funds(self) -> None:
        """A line with several funds is paid for by those that its mark covers, to the whole of it."""
        given: dict[int, list[Fund]] = {}
        wanted = ("line_id", "payer_id", "amount_pence", "CAST(arrears AS INTEGER)")
        async with aclosing(
            bulk.ahead("line_fund", _PAGE, lambda *range_: [bulk.Ask(wanted, _FUNDS, range_)])
        ) as pages:
            async for (found,) in pages:
                for line, payer, amount, arrears in zip(*found, strict=True):
                    given.setdefault(line, []).append(Fund(payer, amount, bool(arrears)))
        marks: dict[int, str] = {}
        async with aclosing(
            bulk.ahead("line", _PAGE, lambda *range_: [bulk.Ask(("id", "funds"), _FUNDED, range_)])
        ) as pages:
            async for ((ids, funds_),) in pages:
                marks.update(zip(ids, funds_, strict=True))
        for line in sorted((given.keys() & self.terms_of.keys()) | marks.keys()):
            funds = given.get(line, [])
            whole = self.terms[self.terms_of[line]].booking.terms.total_pence
            if sharing.funds_mark(funds) != marks.get(line, "") or sum(fund.amount_pence for fund in funds) != whole:
                told = f"Line {await _reference(line)} is not paid for by whom it was agreed."
                raise Broken(told, "line_funds")

    async def _check_lying(self, lying: dict[tuple[str, str], int]) -> None:
        """What lies on 2100 and 2110 for each line is what its own entries leave there, and there is nothing else."""
        left = [(one.booking.held_pence, one.booking.disputed_pence) for one in self.terms]
        with_some = [any(both) for both in left]
        open_ = [line for line, terms in self.terms_of.items() if with_some[terms]]
        for line in open_:
            if (lying.pop(("2100", str(line)), 0), lying.pop(("2110", str(line)), 0)) != left[self.terms_of[line]]:
                told = f"What lies on line {await _reference(line)} is not what its entries leave there."
                raise Broken(told, "line_held")
        for _, holder in lying:
            if holder.isdecimal() and int(holder) in self.terms_of:
                told = f"What lies on line {await _reference(int(holder))} is not what its entries leave there."
                raise Broken(told, "line_held")
            raise Broken("Money is set aside on a line that is not there.", "line_held")


async def _reference(line: int) -> str:
    return str(await fetch_value("SELECT reference FROM line WHERE id = ?", line))


def _agreed(agreed: list[int], rest: list[Any]) -> _Agreed:
    fee, travel, add, deduct, home, bears, vat, employed, arrears = agreed
    origin, across, funded, schedule_id, contribution, *state = rest
    terms = Terms(
        fee, travel, add, deduct, bool(across), home, bool(bears), origin == "due", vat, bool(employed)
    )  # fmt: skip
    booking = Booking(
        0, "", origin, "", "", "", "a circle" if across else "", terms, State(*state), bool(arrears),
        "funds" if funded else "",
    )  # fmt: skip
    return _Agreed(booking, schedule_id, contribution)


def _at_rates(agreed: _Agreed, rates: dict[Any, tuple[Any, ...]]) -> bool:
    terms = agreed.booking.terms
    if agreed.contribution_pence != terms.contribution_pence:
        return False
    free = agreed.booking.link_id or terms.employed
    return bool(free) or rates.get(agreed.schedule_id) == (terms.payer_add_bps, terms.worker_deduct_bps, terms.vat_bps)


def _wrong(line: Booking, sums: Sums) -> tuple[str, str] | None:
    """What does not hold of a line whose entries add up to this: a sentence that wants its name, and a code."""
    state = line.state
    if (sums.fee, sums.travel, sums.free) != (
        state.released_fee_pence,
        state.released_travel_pence,
        state.free_fee_pence,
    ):
        return "Line {} does not stand where its entries leave it.", "line_state"
    bearing = sums.fee - sums.free
    taken = (
        sums.gross_commission
        if _shows_gross(line) and not sums.taken_back
        else sharing.shares(line.terms, bearing).commission_pence
    )
    if not 0 <= bearing * line.terms.worker_deduct_bps - sharing.WHOLE_BPS * taken < sharing.WHOLE_BPS:
        return "Line {} bears a commission that was not agreed.", "commission"
    owes = sums.by_code.get("1100", 0) and not (line.arrears or line.funds)
    given = expected(line)
    if owes or _together(_told(sums.by_code, given)) != _together(given):
        told = "what worker, circles and payer had of it and what is still there is not what was set aside"
        return f"Line {{}}: {told}.", "line_shares"
    return None


def _told(by_code: dict[str, int], given: dict[str, int]) -> dict[str, int]:
    """With what a worker is to give back of their travel set against 2210: 1300 does not say what it was for."""
    owed, over = -by_code.get("1300", 0), by_code.get("2210", 0) - given.get("2210", 0)
    if not 0 < over <= owed:
        return by_code
    return by_code | {"1300": over - owed, "2210": by_code["2210"] - over}


def _together(by_code: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for code, amount in by_code.items():
        name = _TOGETHER.get(code, code)
        found[name] = found.get(name, 0) + amount
    return {name: amount for name, amount in found.items() if amount}


def _shows_gross(line: Booking) -> bool:
    """Whether the whole commission of the line stands in these books, or only our part of it."""
    if line.terms.vat_bps:
        return False
    return not line.link_id or (line.origin == "due" and line.terms.payer_add_bps == 0)


def expected(line: Booking) -> dict[str, int]:
    """What a line's entries must add up to, by account code and credit positive, given how far it has got."""
    given = sharing.so_far(line.terms, line.state)
    if line.origin == "due":
        found = {
            "1200": -given.due_pence,
            "2200": given.worker_pence,
            "2210": given.travel_pence,
            "2400": given.vat_pence + given.contribution_vat_pence,
            "4000": given.home_commission_pence - given.vat_pence,
            "4010": given.home_contribution_pence - given.contribution_vat_pence,
        }
    else:
        found = {
            "2000": given.returned_pence - line.terms.total_pence,
            "2100": line.held_pence,
            "2110": line.disputed_pence,
            "2400": given.vat_pence + given.contribution_vat_pence,
            "4000": given.asking_commission_pence - given.vat_pence,
            "4010": given.asking_contribution_pence - given.contribution_vat_pence,
            "4050": given.employer_pence,
        }
        if line.link_id:
            found["2300"] = given.due_pence
        elif not line.terms.employed:
            found |= {"2200": given.worker_pence, "2210": given.travel_pence}
    return found
