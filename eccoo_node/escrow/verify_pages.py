"""The part of `ledger verify` that is about how the entries are read, page by page, and about the chain over them."""

import asyncio

import msgspec

from eccoo_node.db import bulk
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import ledger
from eccoo_node.kernel.errors import Broken

PAGE = 2000

# These take back what was let go: they debit our own part of the commission, not the whole of it.
_TAKING_BACK = {"clawed_back", "owed_back"}
_ENTRIES = "entry WHERE id > ? AND id <= ? ORDER BY id"
# CROSS JOIN: postings lead to their accounts, not the other way.
_POSTINGS = "posting p CROSS JOIN account a WHERE a.id = p.account_id AND p.entry_id > ? AND p.entry_id <= ?"
_POSTED = (("a.code", "a.holder", "a.awaiting", "p.amount_pence"), ("a.code", "p.amount_pence"))
_CHAINED = "entry_chain WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id"
_LET_GO = (
    "fee_pence", "travel_pence", "free_fee_pence", "CASE WHEN reverses_id IS NULL THEN 0 ELSE 1 END",
    f"CASE WHEN kind IN ({', '.join(f'{kind!r}' for kind in sorted(_TAKING_BACK))}) THEN 1 ELSE 0 END",
)  # fmt: skip
_CHAIN = (
    "SELECT c.id, c.entry_id, c.chain, e.digest FROM entry_chain c LEFT JOIN entry e ON e.id = c.entry_id "
    "WHERE c.id > ? ORDER BY c.id LIMIT 2000"
)


def told_columns() -> tuple[str, ...]:
    """The columns that a digest covers, as it has them."""
    return tuple(bulk.moment(name) if name in {"at", "effective_at"} else name for name in ledger.COLUMNS)


class Page(msgspec.Struct):
    """Some entries, column by column, all that was posted to them, and their links of the chain.

    `contents`, `postings`: what a digest covers, as JSON. `gone`: what each let go, whether it undoes another and whether
    it takes back what was let go. `codes`: each posting's account code and amount. `owners`: whose the postings are.
    """

    ids: list[int]
    digests: list[str]
    contents: list[str]
    lines: list[int | None]
    gone: list[str]
    owners: list[int]
    postings: list[str]
    codes: list[str]
    links: list[int]
    linked: list[int]
    chains: list[str]


def asks(after: int, upto: int) -> list[bulk.Ask]:
    """A page of entries: their columns, what was posted to them, and their links of the chain."""
    between = (after, upto)
    return [
        bulk.Ask(("id", "digest", told_columns(), "line_id", _LET_GO), _ENTRIES, between),
        bulk.Ask(_POSTED, _POSTINGS, between, by="p.entry_id", order="p.id"),
        bulk.Ask(("id", "entry_id", "chain"), _CHAINED, between),
    ]


class Chain(msgspec.Struct):
    """The chain over the entries, walked as they are read. It nearly always follows their order.

    `last`: its newest link. `newest`: the newest entry that is chained. `unchained`: the first entry that is not.
    """

    head: str = ""
    chained: int = 0
    last: int = 0
    newest: int = 0
    unchained: int | None = None
    straight: bool = True

    @property
    def whole(self) -> bool:
        """Whether every entry so far is chained, in the order of the entries."""
        return self.straight and self.unchained is None

    def follow(self, page: Page) -> None:
        """The links of these entries, as long as they come in the entries' own order."""
        if not page.links or not self.straight:
            self._left_out(page.ids)
            return
        made, head = [], self.head
        for digest in page.digests[: len(page.linked)]:
            head = ledger.chained(head, digest)
            made.append(head)
        self.head = head
        self.straight = (
            made == page.chains
            and self.unchained is None
            and page.linked == page.ids[: len(made)]
            and self.last < page.links[0]
            and page.links == sorted(page.links)
        )
        self.chained, self.last, self.newest = self.chained + len(made), page.links[-1], page.linked[-1]
        self._left_out(page.ids[len(made) :])

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
