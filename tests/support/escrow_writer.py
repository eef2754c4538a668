"""One of several processes that write to the same books at once; run by the tests of concurrency.

`python -m tests.support.escrow_writer FOLDER URL BOOKS NUMBER ACTS`: does that many acts in five tasks and prints how
many entries it made, by kind.
"""

import asyncio
import collections
import random
import sys
from pathlib import Path

import msgspec

from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.escrow import actions, corrections, treasury
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from tests.support.escrow import Books
from tests.support.node import MONDAY

TASKS = 5


class Writer:
    """Sets aside more than there is, lets go of it, and asks again for what was asked already."""

    def __init__(self, books: Books, number: int) -> None:
        self.books = books
        self.number = number
        self.chance = random.Random(number)
        self.made: collections.Counter[str] = collections.Counter()
        # Keys that every process uses for the same thing: the first makes an entry, all get its number.
        self.shared: dict[str, int] = {}

    async def act(self, name: str) -> None:
        books = self.books
        line = f"visit:{self.number}:{name}"
        fee = self.chance.randint(100, 900)
        if not await actions.set_aside(NODE, line, books.payer, books.person, books.worker, fee, 0, f"hold {line}"):
            await self.top_up()
            return
        self.made["set_aside"] += 1
        what = self.chance.choice(("release", "release", "return", "dispute", "leave", "undo", "write"))
        if what == "release":
            await actions.release(NODE, line, f"went {line}", part_pence=self.chance.randint(0, fee))
            self.made["released"] += 1
        elif what == "return":
            await actions.return_line(NODE, line, f"off {line}")
            self.made["returned"] += 1
        elif what == "dispute":
            await corrections.dispute(NODE, line, f"wrong {line}")
            await corrections.resolve(NODE, line, f"agreed {line}", fee_pence=fee // 2, because="Agreed")
            self.made["disputed"] += 1
            self.made["resolved"] += 1
        elif what == "undo":
            await self.undo()
        elif what == "write":
            await self.write(name)

    async def top_up(self) -> None:
        key = f"shared {self.chance.randint(0, 30)}"
        self.shared[key] = await actions.top_up(self.books.treasurer, self.books.payer, 500, key)

    async def write(self, name: str) -> None:
        """What a treasurer writes; there may not be as much by then."""
        by, payer, key = self.books.treasurer, self.books.payer, f"written {self.number}:{name}"
        kind = self.chance.choice(("refunded", "goodwill", "bounced", "swept"))
        amount = self.chance.randint(1, 300)
        try:
            if kind == "refunded":
                await treasury.refund(by, payer, amount, key)
            elif kind == "goodwill":
                await treasury.goodwill(by, payer, amount, key, because="Sorry")
            elif kind == "bounced":
                await treasury.bounce(by, payer, amount, key)
            else:
                await treasury.sweep(by, amount, key)
        except Conflict as refused:
            if refused.code not in {"short_2000", "short_1000", "cash_short"}:
                raise
        else:
            self.made[kind] += 1

    async def undo(self) -> None:
        """Take a top-up back, which may have been spent, or taken back by another process."""
        if not self.shared:
            return
        key, entry = self.chance.choice(list(self.shared.items()))
        try:
            await corrections.reverse(self.books.treasurer, entry, f"undo {key}", because="Not ours")
        except Conflict as refused:
            if refused.code not in {"short_2000", "short_1000"}:
                raise


async def main(folder: str, url: str, books: str, number: str, acts: str) -> None:
    engine = engine_for(url, Path(folder) / "node.sqlite")
    await engine.open()
    writer = Writer(msgspec.json.decode(books, type=Books), int(number))

    async def task(which: int) -> None:
        for act in range(int(acts) // TASKS):
            await writer.act(f"{which}.{act}")

    with bound.bound(engine), clock.clock_bound(lambda: MONDAY):
        await asyncio.gather(*(task(which) for which in range(TASKS)))
    await engine.close()
    sys.stdout.write(msgspec.json.encode({"made": writer.made, "shared": writer.shared}).decode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
