"""`eccoo ledger verify`: the whole books, added up again from their postings.

Reads one moment of the database and holds up nobody: it goes page by page, and lets the node answer in between.
Everything here is reckoned from entries and postings; nothing is taken from a stored balance or a line's stored numbers
except to compare it. Entries that were found to hold some days ago, and are the same to the byte, are gone by
(`verify_checkpoint`).

Two things make it fast (docs/decisions/0024-the-books-are-added-up-by-the-column.md). A page is read and compared as
whole columns, and only one that does not hold is gone through entry by entry, for the first that is wrong. And lines that
went the same way at the same terms are reckoned once: each entry has a shape, each line a path of shapes.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from copy import copy
from typing import Any

from eccoo_node.db import bound, bulk
from eccoo_node.db.engine import DATABASE_ERRORS
from eccoo_node.db.rows import fetch, fetch_value, marks
from eccoo_node.db.transaction import snapshot
from eccoo_node.escrow import ledger, purity, verify_checkpoint
from eccoo_node.escrow.chart import CHART, Account, due_from
from eccoo_node.escrow.verify_checkpoint import Checkpoint
from eccoo_node.escrow.verify_lines import Lines
from eccoo_node.escrow.verify_pages import PAGE, Chain, Page, asks, told_columns
from eccoo_node.escrow.verify_paths import Paths
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.money import pounds

_ACCOUNTS = "account WHERE id > ? AND id <= ?"
_SUMS = (
    "(SELECT account_id, CAST(SUM(amount_pence) AS BIGINT) AS pence FROM posting WHERE account_id > ? AND account_id <= ? "
    "GROUP BY account_id) AS sums"
)
_NEVER = (
    (
        "SELECT MAX(id) FROM entry GROUP BY key HAVING COUNT(*) > 1 LIMIT 1",
        "Entry {} uses a key that an earlier entry used.",
        "entry_key",
    ),
    *purity.NEVER,
)
_UNDONE = "SELECT id, fee_pence, travel_pence, free_fee_pence, line_id, reverses_id FROM entry"
_POSTED = "SELECT p.entry_id, a.code, a.holder, a.awaiting, p.amount_pence FROM posting p JOIN account a ON a.id = p.account_id"


# Which way a balance may lean under each guard: -1 credit, 1 debit.
_MAY = {"credit": (-1, 0), "debit": (0, 1), "any": (-1, 0, 1)}


def _leans(balance: int) -> int:
    return (balance > 0) - (balance < 0)


async def verify(*, whole: bool = False) -> dict[str, int]:
    """Check every invariant of money.md A5 that live books can show; counts. Raises Broken at the first that fails.

    What lies before a checkpoint of less than a week ago is compared and not reckoned again, unless the `whole` is asked
    for. Where all was reckoned, a new checkpoint is kept. Not inside `write()`.
    """
    books = Books(None if whole else await verify_checkpoint.kept())
    async with snapshot():
        counts = await books.check()
        checkpoint = await books.checkpoint_made()
    if checkpoint is not None:
        await verify_checkpoint.keep(checkpoint)
    return counts


async def check_inside() -> dict[str, int]:
    """As `verify`, of what the open transaction sees, without a checkpoint."""
    return await Books().check()


class Books:
    """One walk through the books."""

    def __init__(self, checkpoint: Checkpoint | None = None) -> None:
        self.checkpoint = checkpoint
        # How everything stood behind the last page before a new checkpoint, and where its pages end.
        self._stood: Checkpoint | None = None
        self._ends: list[int] = []
        self.lines = Lines()
        self.names: dict[int, tuple[str, str, str]] = {}
        self.stored: dict[int, tuple[str, int]] = {}
        self.undone: set[int] = set()
        self.entries = self.postings = self.last = 0
        self.chain = Chain()

    async def check(self) -> dict[str, int]:
        await self.lines.read()
        await self.read_accounts()
        await self._go_by_the_checkpoint()
        # Among those behind it, one may still be committed.
        newest = int(await fetch_value("SELECT MAX(id) FROM entry") or 0) - ledger.LOOK_BACK
        async with aclosing(bulk.ahead("entry", PAGE, asks, self.last)) as pages:
            while (page := await self._next(pages)) is not None:
                # A large act that was rolled back leaves numbers that nobody has, more of them than fit on a page.
                if page.ids:
                    if self.last <= newest < page.ids[-1]:
                        self._stood = self._stands()
                    await self._add(page)
        await self._mirrors()
        total = int(await fetch_value("SELECT COUNT(*) FROM posting") or 0)
        if total != self.postings:
            raise Broken(
                f"Of {total} postings, {total - self.postings} belong to no entry or account.", "posting_orphan"
            )
        balances = await self._check_accounts()
        _check_cash(balances)
        await self.lines.check_funds()
        async with bulk.meanwhile(*(sql for sql, *_ in _NEVER)) as answers:
            await self.lines.check(
                {(of.code, of.holder): -n for of, n in balances.items() if of.code in {"2100", "2110"}}
            )
            _check_awaiting(balances)
            for _, told, code in _NEVER:
                for (first,) in await anext(answers):
                    raise Broken(told.format(first), code)
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
        wanted = ("id", "code", "holder", "awaiting", "guard", "balance_pence")
        async with aclosing(
            bulk.ahead("account", 2 * PAGE, lambda *range_: [bulk.Ask(wanted, _ACCOUNTS, range_)])
        ) as pages:
            async for ((ids, codes, holders, waits, guards, balances),) in pages:
                if unknown := next((code for code in set(codes) if code not in CHART), None):
                    raise Broken(f"Account {unknown} is not in the chart of accounts.", "account_unknown")
                for code, holder in zip(codes, holders, strict=True):
                    if bool(CHART[code].holder) != bool(holder):
                        raise Broken(f"Account {code} {holder} is not in the chart of accounts.", "account_unknown")
                self.names.update(zip(ids, zip(codes, holders, waits, strict=True), strict=True))
                self.stored.update(zip(ids, zip(guards, balances, strict=True), strict=True))

    async def _go_by_the_checkpoint(self) -> None:
        """Begin behind the checkpoint, if the entries before it are what they were."""
        checkpoint, self.checkpoint = self.checkpoint, None
        try:
            if (
                checkpoint is None
                or await verify_checkpoint.digest(checkpoint, self.names, self.lines.told) != checkpoint.digest
            ):
                return
        except DATABASE_ERRORS:
            # What can't be read is named by whoever goes through it.
            return
        self.checkpoint = checkpoint
        self.entries, self.postings, self.last = checkpoint.entries, checkpoint.postings, checkpoint.pages[-1]
        self.chain, self.lines.paths = copy(checkpoint.chain), Paths(checkpoint.paths)

    def _stands(self) -> Checkpoint | None:
        """All that is known by now, to go on from another time; nothing for short books, or where the chain has gaps."""
        if self.checkpoint is not None or self.entries < verify_checkpoint.LEAST or not self.chain.whole:
            return None
        return Checkpoint(
            list(self._ends), max(self.names), max(self.lines.terms_of, default=0), self.entries, self.postings,
            copy(self.chain), self.lines.paths.written(),
        )  # fmt: skip

    async def checkpoint_made(self) -> Checkpoint | None:
        """The one to go by from now on, once everything was found to hold; nothing where one was gone by."""
        checkpoint = self._stood
        if checkpoint is not None:
            checkpoint.digest = await verify_checkpoint.digest(checkpoint, self.names, self.lines.told)
        return checkpoint

    async def _next(self, pages: AsyncIterator[list[bulk.Found]]) -> "Page | None":
        try:
            found = await anext(pages, None)
        except DATABASE_ERRORS:
            # SQLite keeps anything in any column. What is no text and no number was not written by us.
            last = self.last
            while rows := await fetch("SELECT +id FROM entry WHERE id > ? ORDER BY id LIMIT ?", last, PAGE):
                for (id_,) in rows:
                    await self._name(id_)
                last = rows[-1][0]
            raise
        return None if found is None else self.page(found)

    def page(self, found: list[bulk.Found]) -> Page:
        """These entries, without what was posted to no entry."""
        entries, posted, chain = found
        if posted[0] != entries[0]:
            known = set(entries[0])
            rows = [row for row in zip(*posted, strict=True) if row[0] in known]
            posted = [[row[at] for row in rows] for at in range(3)]
        return Page(*entries, *posted, *chain)

    async def _add(self, page: Page) -> None:
        """Add a page to the lines and the chain. Raises Broken for the first entry that does not hold."""
        with bulk.no_sweeping():
            holds = self.holds(page)
        if not holds:
            for id_ in page.ids:
                await self._name(id_)
            raise Broken(f"The entries up to {page.ids[-1]} can’t be read in their order.", "entry_digest")
        self.entries += len(page.ids)
        self.last = page.ids[-1]
        self._ends.append(self.last)
        self.chain.follow(page)

    def holds(self, page: Page) -> bool:
        """Whether every entry of the page balances and is as its digest says; each is added to where it belongs."""
        if page.owners != page.ids:
            return False
        try:
            marks_ = list(map(self.lines.marks.__getitem__, page.lines))
        except KeyError:
            return False
        told = [
            ledger.sealed(f'[{content},"{mark}",[{posted}]]'.encode())
            for content, mark, posted in zip(page.contents, marks_, page.postings, strict=True)
        ]
        if told != page.digests:
            return False
        postings = self.lines.paths.went(page.lines, page.gone, page.codes)
        self.postings += postings
        return bool(postings)

    async def _name(self, id_: int) -> None:
        """Raise Broken for the first thing about this entry that is not as it should be."""
        row = (await fetch(f"SELECT {', '.join(map(_raw, told_columns()))}, digest FROM entry WHERE id = ?", id_))[0]
        *values, digest = tuple(row)
        found = [
            (*self.names[account], amount)
            for account, amount in await fetch(
                "SELECT +account_id, +amount_pence FROM posting WHERE entry_id = ? ORDER BY id", id_
            )
            if account in self.names
        ]
        amounts: list[Any] = [amount for *_, amount in found]
        if len(amounts) < 2 or not all(type(amount) is int and amount for amount in amounts):
            raise Broken(f"Entry {id_} does not have two lines of whole pence.", "entry_lines")
        if sum(amounts) != 0:
            raise Broken(f"Entry {id_} is out of balance by {pounds(sum(amounts))}.", "entry_balance")
        line = values[ledger.COLUMNS.index("line_id")]
        if line is not None and line not in self.lines.told:
            raise Broken(f"Entry {id_} names a line that is not there.", "entry_line")
        if ledger.digest(values, self.lines.marks[line], found) != digest:
            raise Broken(f"Entry {id_}, or the line it belongs to, is not as it was written.", "entry_digest")

    async def _mirrors(self) -> None:
        """An entry that undoes another is its exact opposite, and undoes it once."""
        undoing = await fetch("SELECT id, reverses_id FROM entry WHERE reverses_id IS NOT NULL")
        async for some in bulk.in_turns(sorted(map(tuple, undoing)), 200):
            await self._mirror(some)

    async def _mirror(self, undoing: list[tuple[int, int]]) -> None:
        both = sorted({id_ for pair in undoing for id_ in pair})
        parts = {row[0]: tuple(row)[1:] for row in await fetch(f"{_UNDONE} WHERE id IN ({marks(both)})", *both)}
        posted: dict[int, list[tuple[Any, ...]]] = {id_: [] for id_ in both}
        for entry, *names, amount in await fetch(f"{_POSTED} WHERE p.entry_id IN ({marks(both)})", *both):
            posted[entry].append((*names, amount))
        for id_, of in undoing:
            (*mine, line, _), theirs = parts[id_], parts.get(of)
            if (
                theirs is None
                or of in self.undone
                or of >= id_
                or theirs != (*(-value for value in mine), line, None)
                or sorted((*names, -amount) for *names, amount in posted[of]) != sorted(posted[id_])
            ):
                raise Broken(f"Entry {id_} does not mirror entry {of}, which it undoes.", "entry_mirror")
            self.undone.add(of)

    async def _check_accounts(self) -> dict[Account, int]:
        """Each account says what its entries add up to, and may stand there; those that anything stands on."""
        sums: dict[int, int] = {}
        wanted = ("account_id", "pence")
        async with aclosing(
            bulk.ahead("account", 2 * PAGE, lambda *range_: [bulk.Ask(wanted, _SUMS, range_)])
        ) as pages:
            async for ((ids, pence),) in pages:
                sums.update(zip(ids, pence, strict=True))
        open_: dict[Account, int] = {}
        async for some in bulk.in_turns(self.stored.items()):
            for id_, (guard, stored) in some:
                kind, balance = CHART[self.names[id_][0]], sums.get(id_, 0)
                if balance:
                    account = Account(*self.names[id_])
                    open_[account] = open_.get(account, 0) + balance
                if stored == balance and guard == kind.guard and _leans(balance) in _MAY[guard]:
                    continue
                name = " ".join(filter(None, self.names[id_]))
                if stored != balance:
                    told = f"Account {name} says {pounds(stored)}, but its entries add up to {pounds(balance)}."
                    raise Broken(told, "account_balance")
                if guard != kind.guard:
                    raise Broken(f"Account {name} is no longer guarded as the chart says.", "account_guard")
                raise Broken(f"Account {name} stands at {pounds(balance)}, which it never may.", "account_negative")
        return open_


def _check_cash(balances: dict[Account, int]) -> None:
    spare = sum(balance for account, balance in balances.items() if account.kind.cash or account.claims_cash)
    if spare < 0:
        raise Broken(f"The money we look after is {pounds(-spare)} short of what it must cover.", "cash_short")


def _check_awaiting(balances: dict[Account, int]) -> None:
    """What our workers wait for is covered by what that circle owes us."""
    waiting: dict[str, int] = {}
    for account, balance in balances.items():
        if account.awaiting:
            waiting[account.awaiting] = waiting.get(account.awaiting, 0) - balance
    for link_id, pence in waiting.items():
        if pence > balances.get(due_from(link_id), 0):
            raise Broken(f"Workers wait for more than circle {link_id} owes us.", "awaiting_uncovered")


def _raw(expression: str) -> str:
    """As it lies there: without the plus, SQLite's driver would make a moment of it."""
    return f"+{expression}" if bound.engine().engine_type == "sqlite" else expression
