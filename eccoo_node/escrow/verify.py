"""`eccoo ledger verify`: the whole books, added up again from their postings.

Reads one moment of the database and holds up nobody. Everything here is reckoned anew from entries and postings;
nothing is taken from a stored balance or a line's stored numbers except to compare it.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.db.transaction import snapshot
from eccoo_node.escrow import chart, ledger, queries, sharing
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.sharing import Fund
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.money import pounds

PAGE = 2000
# Entries that take back what was let go. They debit our own part of the commission, not the whole of it.
_TAKING_BACK = ("clawed_back", "owed_back")
# Accounts that stand in for one another within a line: what a payer gave or owes, what a worker has or is to give back,
# what a linked circle is owed or owes. The bank's two take no part, because what one gives the other has.
_TOGETHER = {"1100": "2000", "1300": "2200", "1200": "2300", "1010": "1000"}


_POSTINGS = "SELECT entry_id, account_id, amount_pence FROM posting WHERE entry_id > ? AND entry_id <= ? ORDER BY id"
_FROZEN = "SELECT id, schedule_id, contribution_pence FROM line"
_PARTS_OF_A_PENNY = "SELECT MIN(entry_id) FROM posting WHERE amount_pence <> CAST(amount_pence AS BIGINT)"
_RATES = "SELECT id, payer_add_bps, worker_deduct_bps, vat_bps FROM schedule"
_UNDONE = "SELECT fee_pence, travel_pence, free_fee_pence, reverses_id, line_id FROM entry WHERE id = ?"
_CHAIN = (
    "SELECT c.id, c.entry_id, c.chain, e.digest FROM entry_chain c LEFT JOIN entry e ON e.id = c.entry_id "
    "WHERE c.id > ? ORDER BY c.id LIMIT 2000"
)


class _Entry(msgspec.Struct):
    """One entry as it was read, with what was posted to which account."""

    id: int
    values: tuple[Any, ...]
    digest: str
    postings: list[tuple[Account, int]]

    def value(self, name: str) -> Any:
        return self.values[ledger.COLUMNS.index(name)]


class _Sums(msgspec.Struct):
    """What a line's entries add up to: by account code, credit positive, and let go so far."""

    fee: int = 0
    travel: int = 0
    free: int = 0
    by_code: dict[str, int] = msgspec.field(default_factory=dict)
    gross_commission: int = 0
    taken_back: bool = False


async def verify() -> dict[str, int]:
    """Check every invariant of money.md A5 that live books can show; counts. Raises Broken at the first that fails."""
    async with snapshot():
        return await check_inside()


async def check_inside() -> dict[str, int]:
    """As `verify`, of what the open transaction sees."""
    return await _Books().check()


class _Books:
    """One walk through the books."""

    def __init__(self) -> None:
        self.lines: dict[int, Booking] = {}
        self.accounts: dict[int, Account] = {}
        self.balances: dict[int, int] = {}
        self.sums: dict[int, _Sums] = {}
        self.keys: set[str] = set()
        self.undone: set[int] = set()
        self.entries = self.postings = 0

    async def check(self) -> dict[str, int]:
        self.lines = await queries.all_bookings()
        await self._count_lines()
        # SQLite stores 2.5 in a column of whole numbers, and the driver then reads 2.
        if entry := await fetch_value(_PARTS_OF_A_PENNY):
            raise Broken(f"Entry {entry} does not have two lines of whole pence.", "entry_lines")
        for row in await fetch("SELECT id, code, holder, awaiting FROM account ORDER BY id"):
            self.accounts[row[0]] = self._account(row)
        async for entry in self._entries():
            self._one(entry)
            if entry.value("reverses_id") is not None:
                await self._mirrors(entry)
        total = int(await fetch_value("SELECT COUNT(*) FROM posting") or 0)
        if total != self.postings:
            raise Broken(
                f"Of {total} postings, {total - self.postings} belong to no entry or account.", "posting_orphan"
            )
        await self._check_accounts()
        await self._check_cash()
        await self._check_lines()
        self._check_awaiting()
        chained, unchained = await self._check_chain()
        return {
            "entries": self.entries,
            "postings": self.postings,
            "accounts": len(self.accounts),
            "lines": len(self.lines),
            "chained": chained,
            "unchained": unchained,
        }

    def _account(self, row: Any) -> Account:
        kind = chart.CHART.get(row["code"])
        if kind is None or bool(kind.holder) != bool(row["holder"]):
            raise Broken(f"Account {row['code']} {row['holder']} is not in the chart of accounts.", "account_unknown")
        return Account(row["code"], row["holder"], row["awaiting"])

    async def _entries(self) -> AsyncIterator[_Entry]:
        """Every entry, oldest first, read in pages."""
        columns = ", ".join(ledger.COLUMNS)
        last = 0
        while rows := await fetch(
            f"SELECT id, digest, {columns} FROM entry WHERE id > ? ORDER BY id LIMIT {PAGE}",
            last,
        ):
            page = {row["id"]: self._read(row) for row in rows}
            for entry_id, account_id, amount in await fetch(_POSTINGS, last, rows[-1]["id"]):
                if entry_id in page and account_id in self.accounts:
                    page[entry_id].postings.append((self.accounts[account_id], amount))
                    self.balances[account_id] = self.balances.get(account_id, 0) + amount
            for entry in page.values():
                yield entry
            last = rows[-1]["id"]

    def _read(self, row: Any) -> _Entry:
        values = tuple(as_time(row[name]) if name in {"at", "effective_at"} else row[name] for name in ledger.COLUMNS)
        return _Entry(row["id"], values, row["digest"], [])

    def _one(self, entry: _Entry) -> None:
        self.entries += 1
        self.postings += len(entry.postings)
        amounts = [amount for _, amount in entry.postings]
        if len(amounts) < 2 or not all(amounts):
            raise Broken(f"Entry {entry.id} does not have two lines of whole pence.", "entry_lines")
        if sum(amounts) != 0:
            raise Broken(f"Entry {entry.id} is out of balance by {pounds(sum(amounts))}.", "entry_balance")
        line = self.lines.get(entry.value("line_id"))
        if entry.value("line_id") is not None and line is None:
            raise Broken(f"Entry {entry.id} names a line that is not there.", "entry_line")
        if ledger.digest(entry.values, line.mark if line else "", entry.postings) != entry.digest:
            raise Broken(f"Entry {entry.id}, or the line it belongs to, is not as it was written.", "entry_digest")
        if entry.value("key") in self.keys:
            raise Broken(f"Entry {entry.id} uses a key that an earlier entry used.", "entry_key")
        self.keys.add(entry.value("key"))
        if line:
            self._add(line, entry)

    def _add(self, line: Booking, entry: _Entry) -> None:
        sums = self.sums.setdefault(line.id, _Sums())
        sums.fee += entry.value("fee_pence")
        sums.travel += entry.value("travel_pence")
        sums.free += entry.value("free_fee_pence")
        undoes = entry.value("reverses_id") is not None
        sums.taken_back = sums.taken_back or entry.value("kind") in _TAKING_BACK
        for account, amount in entry.postings:
            sums.by_code[account.code] = sums.by_code.get(account.code, 0) - amount
            # The commission as a whole stands on one side of 4000 before the other circle's part is taken off it.
            if account.code == chart.COMMISSION.code and (amount > 0) == undoes:
                sums.gross_commission -= amount

    async def _mirrors(self, entry: _Entry) -> None:
        """An entry that undoes another is its exact opposite, and undoes it once."""
        of = entry.value("reverses_id")
        row = await fetch(_UNDONE, of)
        mine = [entry.value(name) for name in ("fee_pence", "travel_pence", "free_fee_pence")]
        opposite = sorted((Account(*found[:3]), -found[3]) for found in await queries.postings_of(of))
        if (
            not row
            or of in self.undone
            or of >= entry.id
            or [-value for value in tuple(row[0])[:3]] != mine
            or row[0]["reverses_id"] is not None
            or row[0]["line_id"] != entry.value("line_id")
            or opposite != sorted(entry.postings)
        ):
            raise Broken(f"Entry {entry.id} does not mirror entry {of}, which it undoes.", "entry_mirror")
        self.undone.add(of)

    async def _check_accounts(self) -> None:
        rows = await fetch("SELECT id, guard, balance_pence FROM account ORDER BY id")
        for id_, guard, stored in rows:
            account, balance = self.accounts[id_], self.balances.get(id_, 0)
            name = " ".join(part for part in (account.code, account.holder, account.awaiting) if part)
            if stored != balance:
                told = f"Account {name} says {pounds(stored)}, but its entries add up to {pounds(balance)}."
                raise Broken(told, "account_balance")
            if guard != account.kind.guard:
                raise Broken(f"Account {name} is no longer guarded as the chart says.", "account_guard")
            if (account.kind.guard == "credit" and balance > 0) or (account.kind.guard == "debit" and balance < 0):
                raise Broken(f"Account {name} stands at {pounds(balance)}, which it never may.", "account_negative")

    async def _check_cash(self) -> None:
        spare = sum(
            balance
            for id_, balance in self.balances.items()
            if self.accounts[id_].kind.cash or self.accounts[id_].claims_cash
        )
        if spare < 0:
            raise Broken(f"The money we look after is {pounds(-spare)} short of what it must cover.", "cash_short")

    async def _count_lines(self) -> None:
        states = int(await fetch_value("SELECT COUNT(*) FROM line_state") or 0)
        lines = int(await fetch_value("SELECT COUNT(*) FROM line") or 0)
        if not states == lines == len(self.lines):
            raise Broken(f"There are {lines} lines and {states} states of lines.", "line_missing")

    async def _check_lines(self) -> None:
        rates = {row[0]: tuple(row)[1:] for row in await fetch(_RATES)}
        frozen = {row[0]: (row[1], row[2]) for row in await fetch(_FROZEN)}
        funds: dict[int, list[Fund]] = {}
        for row in await fetch("SELECT line_id, payer_id, amount_pence, arrears FROM line_fund ORDER BY id"):
            funds.setdefault(row[0], []).append(Fund(row[1], row[2], bool(row[3])))
        for line in self.lines.values():
            given = funds.pop(line.id, [])
            whole = sum(fund.amount_pence for fund in given)
            if sharing.funds_mark(given) != line.funds or (given and whole != line.terms.total_pence):
                raise Broken(f"Line {line.reference} is not paid for by whom it was agreed.", "line_funds")
            schedule_id, contribution = frozen[line.id]
            agreed = (line.terms.payer_add_bps, line.terms.worker_deduct_bps, line.terms.vat_bps)
            if (
                not line.link_id and not line.terms.employed and rates.get(schedule_id) != agreed
            ) or contribution != line.terms.contribution_pence:
                raise Broken(f"Line {line.reference} does not have the rates it was agreed at.", "line_rates")
            self._check_line(line, self.sums.get(line.id, _Sums()))
        self._check_lying()

    def _check_lying(self) -> None:
        """What lies on 2100 and 2110 for each line is what its own entries leave there, and there is nothing else."""
        lying = {
            (account.code, account.holder): -self.balances.get(id_, 0)
            for id_, account in self.accounts.items()
            if account.code in {"2100", "2110"} and self.balances.get(id_, 0)
        }
        for line in self.lines.values():
            there = (lying.pop(("2100", str(line.id)), 0), lying.pop(("2110", str(line.id)), 0))
            if there != (line.held_pence, line.disputed_pence):
                raise Broken(f"What lies on line {line.reference} is not what its entries leave there.", "line_held")
        if lying:
            raise Broken("Money is set aside on a line that is not there.", "line_held")

    def _check_line(self, line: Booking, sums: _Sums) -> None:
        state = line.state
        if (sums.fee, sums.travel, sums.free) != (
            state.released_fee_pence,
            state.released_travel_pence,
            state.free_fee_pence,
        ):
            raise Broken(f"Line {line.reference} does not stand where its entries leave it.", "line_state")
        bearing = sums.fee - sums.free
        taken = (
            sums.gross_commission
            if _shows_gross(line) and not sums.taken_back
            else sharing.shares(line.terms, bearing).commission_pence
        )
        if not 0 <= bearing * line.terms.worker_deduct_bps - sharing.WHOLE_BPS * taken < sharing.WHOLE_BPS:
            raise Broken(f"Line {line.reference} bears a commission that was not agreed.", "commission")
        owes = sums.by_code.get("1100", 0) and not (line.arrears or line.funds)
        if owes or _together(sums.by_code) != _together(expected(line)):
            told = "what worker, circles and payer had of it and what is still there is not what was set aside"
            raise Broken(f"Line {line.reference}: {told}.", "line_shares")

    def _check_awaiting(self) -> None:
        """What our workers wait for is covered by what that circle owes us."""
        waiting: dict[str, int] = {}
        owing: dict[str, int] = {}
        for id_, balance in self.balances.items():
            account = self.accounts[id_]
            if account.awaiting:
                waiting[account.awaiting] = waiting.get(account.awaiting, 0) - balance
            if account.code == "1200":
                owing[account.holder] = balance
        for link_id, pence in waiting.items():
            if pence > owing.get(link_id, 0):
                raise Broken(f"Workers wait for more than circle {link_id} owes us.", "awaiting_uncovered")

    async def _check_chain(self) -> tuple[int, int]:
        """Walk the chain in the order in which it was made."""
        head, chained, last = "", 0, 0
        while rows := await fetch(_CHAIN, last):
            for row in rows:
                if row["digest"] is None:
                    raise Broken(f"Entry {row['entry_id']} was chained and is gone.", "entry_missing")
                head = ledger.chained(head, row["digest"])
                if head != row["chain"]:
                    raise Broken(f"The chain breaks at entry {row['entry_id']}.", "entry_chain")
                chained += 1
            last = rows[-1]["id"]
        first = await fetch_value(
            "SELECT MIN(e.id) FROM entry e WHERE NOT EXISTS (SELECT 1 FROM entry_chain c WHERE c.entry_id = e.id)"
        )
        newest = await fetch_value("SELECT MAX(entry_id) FROM entry_chain") or 0
        if first is not None and first <= newest - ledger.LOOK_BACK:
            raise Broken(f"Entry {first} was left out of the chain.", "entry_unchained")
        return chained, self.entries - chained


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
