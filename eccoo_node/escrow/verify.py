"""`eccoo ledger verify`: the whole books, added up again from their postings.

Reads one moment of the database and holds up nobody: it goes page by page, and lets the node answer in between.
Everything here is reckoned anew from entries and postings; nothing is taken from a stored balance or a line's stored
numbers except to compare it.

Two things make it fast (docs/decisions/0024-the-books-are-added-up-by-the-column.md). A page is read and compared as
whole columns, and only one that does not hold is gone through entry by entry, for the first that is wrong. And lines that
went the same way at the same terms are reckoned once: each entry has a shape, each line a path of shapes.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from eccoo_node.db import bound, bulk
from eccoo_node.db.engine import DATABASE_ERRORS
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import snapshot
from eccoo_node.escrow import ledger, queries
from eccoo_node.escrow.chart import CHART, Account
from eccoo_node.escrow.ledger import sealed
from eccoo_node.escrow.verify_lines import Lines
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.money import pounds

PAGE = 1000

# These take back what was let go: they debit our own part of the commission, not the whole of it.
_TAKING_BACK = {"clawed_back", "owed_back"}
_ENTRIES = "entry WHERE id > ? AND id <= ? ORDER BY id"
_POSTINGS = "posting WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id, id"
_ACCOUNTS = "account WHERE id > ? AND id <= ?"
_CHAINED = "entry_chain WHERE id > ? AND id <= ?"
_UNDONE = "SELECT fee_pence, travel_pence, free_fee_pence, line_id, reverses_id FROM entry WHERE id = ?"
_CHAIN = (
    "SELECT c.id, c.entry_id, c.chain, e.digest FROM entry_chain c LEFT JOIN entry e ON e.id = c.entry_id "
    "WHERE c.id > ? ORDER BY c.id LIMIT 2000"
)


# Which way a balance may lean under each guard: -1 credit, 1 debit.
_MAY = {"credit": (-1, 0), "debit": (0, 1), "any": (-1, 0, 1)}


def _leans(balance: int) -> int:
    return (balance > 0) - (balance < 0)


async def verify() -> dict[str, int]:
    """Check every invariant of money.md A5 that live books can show; counts. Raises Broken at the first that fails."""
    async with snapshot():
        return await check_inside()


async def check_inside() -> dict[str, int]:
    """As `verify`, of what the open transaction sees."""
    return await Books().check()


def told_columns() -> tuple[str, ...]:
    """The columns that a digest covers, as it has them."""
    return tuple(bulk.moment(name) if name in {"at", "effective_at"} else name for name in ledger.COLUMNS)


class _Page(msgspec.Struct):
    """Some entries, column by column, and all that was posted to them. `contents`: what a digest covers, as JSON."""

    ids: list[int]
    digests: list[str]
    contents: list[str]
    owners: list[int]
    accounts: list[int]
    amounts: list[int]


class Books:
    """One walk through the books."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.names: dict[int, tuple[str, str, str]] = {}
        # The same as the beginning of a posting in JSON, and the code alone.
        self.told: dict[int, str] = {}
        self.codes: dict[int, str] = {}
        self.stored: dict[int, tuple[str, int]] = {}
        self.balances: dict[int, int] = defaultdict(int)
        self.undone: set[int] = set()
        self.entries = self.postings = 0
        self.chain = _Chain()

    async def check(self) -> dict[str, int]:
        await self.lines.read()
        await self.read_accounts()
        async for after, upto in bulk.stretches("entry", PAGE):
            await self._add(await self.page(after, upto))
        await self._check_keys()
        total = int(await fetch_value("SELECT COUNT(*) FROM posting") or 0)
        if total != self.postings:
            raise Broken(
                f"Of {total} postings, {total - self.postings} belong to no entry or account.", "posting_orphan"
            )
        self._check_accounts()
        self._check_cash()
        await self.lines.check(self._lying())
        self._check_awaiting()
        chained = await self.chain.check()
        return {
            "entries": self.entries,
            "postings": self.postings,
            "accounts": len(self.names),
            "lines": len(self.lines.terms_of),
            "chained": chained,
            "unchained": self.entries - chained,
        }

    async def read_accounts(self) -> None:
        wanted = ("id", "code", "holder", "awaiting", "guard", "balance_pence", ("code", "holder", "awaiting"))
        async for after, upto in bulk.stretches("account", 2 * PAGE):
            for id_, code, holder, awaiting, guard, balance, told in zip(
                *await bulk.columns(wanted, _ACCOUNTS, after, upto), strict=True
            ):
                kind = CHART.get(code)
                if kind is None or bool(kind.holder) != bool(holder):
                    raise Broken(f"Account {code} {holder} is not in the chart of accounts.", "account_unknown")
                self.names[id_], self.codes[id_], self.told[id_] = (code, holder, awaiting), code, f"[{told},"
                self.stored[id_] = (guard, balance)

    async def page(self, after: int, upto: int) -> _Page:
        """These entries, without what belongs to no entry or account."""
        try:
            found = await bulk.columns(("id", "digest", told_columns()), _ENTRIES, after, upto)
            posted = await bulk.columns(("entry_id", "account_id", "amount_pence"), _POSTINGS, after, upto)
        except DATABASE_ERRORS:
            # SQLite keeps anything in any column. What is no text and no number was not written by us.
            for (id_,) in await fetch("SELECT +id FROM entry WHERE id > ? AND id <= ?", after, upto):
                await self._name(id_)
            raise
        owners, accounts, _ = posted
        known = set(found[0])
        if not (known.issuperset(owners) and self.names.keys() >= set(accounts) and owners == sorted(owners)):
            rows = [row for row in zip(*posted, strict=True) if row[0] in known and row[1] in self.names]
            rows.sort(key=lambda row: row[0])
            posted = [[row[at] for row in rows] for at in range(3)]
        return _Page(*found, *posted)

    async def _add(self, page: _Page) -> None:
        """Add a page to the balances, the lines and the chain. Raises Broken for the first entry that does not hold."""
        with bulk.no_sweeping():
            holds = self.holds(page)
        if not holds:
            for id_ in page.ids:
                await self._name(id_)
            raise Broken(f"The entries up to {page.ids[-1]} can’t be read in their order.", "entry_digest")
        self.entries += len(page.ids)
        self.postings += len(page.owners)
        for id_, content in zip(page.ids, page.contents, strict=True):
            if not content.endswith(",null]"):
                await self._mirrors(id_, int(content[content.rindex(",") + 1 : -1]))
        await self.chain.follow(page.ids, page.digests)

    def holds(self, page: _Page) -> bool:
        """Whether every entry of the page balances and is as its digest says; each is added to where it belongs."""
        if not set(map(type, page.amounts)) <= {int} or 0 in page.amounts:
            return False
        marks, went, balances = self.lines.marks, self.lines.went, self.balances
        counts = Counter(page.owners)
        posted = [f"{self.told[account]}{amount}]" for account, amount in zip(page.accounts, page.amounts, strict=True)]
        codes = list(map(self.codes.__getitem__, page.accounts))
        amounts, digests, at = page.amounts, [], 0
        for id_, content in zip(page.ids, page.contents, strict=True):
            end = at + counts[id_]
            moved = amounts[at:end]
            # No number has a comma in it, and these five come last.
            head, line, fee, travel, free, undoes = content.rsplit(",", 5)
            if len(moved) < 2 or sum(moved) != 0 or line not in marks:
                return False
            digests.append(sealed(f'[{content},"{marks[line]}",[{",".join(posted[at:end])}]]'.encode()))
            if line != "null":
                taking = '_back"' in head and head.split('"', 6)[5] in _TAKING_BACK
                went(line, (fee, travel, free, undoes != "null]", taking, *codes[at:end], *moved))
            at = end
        for account, amount in zip(page.accounts, amounts, strict=True):
            balances[account] += amount
        return digests == page.digests

    async def _name(self, id_: int) -> None:
        """Raise Broken for the first thing about this entry that is not as it should be."""
        row = (await fetch(f"SELECT {', '.join(map(_raw, told_columns()))}, digest FROM entry WHERE id = ?", id_))[0]
        *values, digest = tuple(row)
        found = [
            (self.names[account], amount)
            for account, amount in await fetch(
                "SELECT +account_id, +amount_pence FROM posting WHERE entry_id = ? ORDER BY id", id_
            )
            if account in self.names
        ]
        amounts: list[Any] = [amount for _, amount in found]
        if len(amounts) < 2 or not all(type(amount) is int and amount for amount in amounts):
            raise Broken(f"Entry {id_} does not have two lines of whole pence.", "entry_lines")
        if sum(amounts) != 0:
            raise Broken(f"Entry {id_} is out of balance by {pounds(sum(amounts))}.", "entry_balance")
        line = values[ledger.COLUMNS.index("line_id")]
        mark = self.lines.marks.get("null" if line is None else str(line))
        if mark is None:
            raise Broken(f"Entry {id_} names a line that is not there.", "entry_line")
        if ledger.digest(values, mark, found) != digest:
            raise Broken(f"Entry {id_}, or the line it belongs to, is not as it was written.", "entry_digest")

    async def _mirrors(self, id_: int, of: int) -> None:
        """An entry that undoes another is its exact opposite, and undoes it once."""
        mine, theirs = (await fetch(_UNDONE, id_))[0], await fetch(_UNDONE, of)
        opposite = sorted((*names, -amount) for *names, amount in await queries.postings_of(of))
        if (
            not theirs
            or of in self.undone
            or of >= id_
            or [-value for value in tuple(theirs[0])[:3]] != list(tuple(mine)[:3])
            or theirs[0]["reverses_id"] is not None
            or theirs[0]["line_id"] != mine["line_id"]
            or opposite != sorted(await queries.postings_of(id_))
        ):
            raise Broken(f"Entry {id_} does not mirror entry {of}, which it undoes.", "entry_mirror")
        self.undone.add(of)

    async def _check_keys(self) -> None:
        """No two entries have one key. Read along the keys themselves, a stretch at a time."""
        low = ""
        while True:
            high = await fetch_value(
                f"SELECT key FROM entry WHERE key > ? ORDER BY key LIMIT 1 OFFSET {10 * PAGE}", low
            )
            upto, values = (" AND key <= ?", (low, high)) if high is not None else ("", (low,))
            twice = await fetch_value(
                f"SELECT MAX(id) FROM entry WHERE key >= ?{upto} GROUP BY key HAVING COUNT(*) > 1 LIMIT 1", *values
            )
            if twice is not None:
                raise Broken(f"Entry {twice} uses a key that an earlier entry used.", "entry_key")
            if high is None:
                return
            low = high
            await asyncio.sleep(0)

    def _check_accounts(self) -> None:
        for id_, (guard, stored) in self.stored.items():
            kind, balance = CHART[self.codes[id_]], self.balances[id_]
            if stored == balance and guard == kind.guard and _leans(balance) in _MAY[guard]:
                continue
            name = " ".join(filter(None, self.names[id_]))
            if stored != balance:
                told = f"Account {name} says {pounds(stored)}, but its entries add up to {pounds(balance)}."
                raise Broken(told, "account_balance")
            if guard != kind.guard:
                raise Broken(f"Account {name} is no longer guarded as the chart says.", "account_guard")
            raise Broken(f"Account {name} stands at {pounds(balance)}, which it never may.", "account_negative")

    def _open(self) -> Iterator[tuple[Account, int]]:
        """Every account that anything stands on."""
        return ((Account(*self.names[id_]), balance) for id_, balance in self.balances.items() if balance)

    def _check_cash(self) -> None:
        spare = sum(balance for account, balance in self._open() if account.kind.cash or account.claims_cash)
        if spare < 0:
            raise Broken(f"The money we look after is {pounds(-spare)} short of what it must cover.", "cash_short")

    def _lying(self) -> dict[tuple[str, str], int]:
        """What lies on 2100 and 2110, by account code and line."""
        return {
            (account.code, account.holder): -balance
            for account, balance in self._open()
            if account.code in {"2100", "2110"}
        }

    def _check_awaiting(self) -> None:
        """What our workers wait for is covered by what that circle owes us."""
        waiting: dict[str, int] = {}
        owing: dict[str, int] = {}
        for account, balance in self._open():
            if account.awaiting:
                waiting[account.awaiting] = waiting.get(account.awaiting, 0) - balance
            if account.code == "1200":
                owing[account.holder] = balance
        for link_id, pence in waiting.items():
            if pence > owing.get(link_id, 0):
                raise Broken(f"Workers wait for more than circle {link_id} owes us.", "awaiting_uncovered")


class _Chain:
    """The chain over the entries, walked as they are read. It nearly always follows their order."""

    def __init__(self) -> None:
        self.head = ""
        self.chained = self.last = self.newest = 0
        self.unchained: int | None = None
        self.straight = True

    async def follow(self, ids: list[int], digests: list[str]) -> None:
        """The links of these entries, as long as they come in the entries' own order."""
        upto = await bulk.stretch("entry_chain", self.last, len(ids)) if self.straight else None
        if upto is None:
            self._left_out(ids)
            return
        entries, chains = await bulk.columns(("entry_id", "chain"), _CHAINED, self.last, upto)
        made = []
        for digest in digests[: len(entries)]:
            self.head = ledger.chained(self.head, digest)
            made.append(self.head)
        self.straight = entries == ids[: len(entries)] and made == chains and self.unchained is None
        self.chained, self.last, self.newest = self.chained + len(entries), upto, entries[-1]
        self._left_out(ids[len(entries) :])

    def _left_out(self, ids: list[int]) -> None:
        if ids and self.unchained is None:
            self.unchained = ids[0]

    async def check(self) -> int:
        """How many are chained. Raises Broken where the chain does not hold."""
        if not self.straight or await fetch_value("SELECT COUNT(*) FROM entry_chain") != self.chained:
            await self._walk()
        if self.unchained is not None and self.unchained <= self.newest - ledger.LOOK_BACK:
            raise Broken(f"Entry {self.unchained} was left out of the chain.", "entry_unchained")
        return self.chained

    async def _walk(self) -> None:
        """Link by link, in the order in which it was made."""
        self.head, self.chained, last = "", 0, 0
        while rows := await fetch(_CHAIN, last):
            for row in rows:
                if row["digest"] is None:
                    raise Broken(f"Entry {row['entry_id']} was chained and is gone.", "entry_missing")
                self.head = ledger.chained(self.head, row["digest"])
                if self.head != row["chain"]:
                    raise Broken(f"The chain breaks at entry {row['entry_id']}.", "entry_chain")
                self.chained += 1
            last = rows[-1]["id"]
            await asyncio.sleep(0)
        self.unchained = await fetch_value(
            "SELECT MIN(e.id) FROM entry e WHERE NOT EXISTS (SELECT 1 FROM entry_chain c WHERE c.entry_id = e.id)"
        )
        self.newest = await fetch_value("SELECT MAX(entry_id) FROM entry_chain") or 0


def _raw(expression: str) -> str:
    """As it lies there: without the plus, SQLite's driver would make a moment of it."""
    return f"+{expression}" if bound.engine().engine_type == "sqlite" else expression
