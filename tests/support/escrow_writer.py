"""One of several processes that write to the same books at once; run by the tests of concurrency.

`python -m tests.support.escrow_writer FOLDER URL BANK NUMBER ACTS`: does that many acts in five tasks and prints how
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
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions, between, clawback, corrections, treasury
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.payouts import actions as payouts
from tests.support import statements as banks
from tests.support.banking import Bank
from tests.support.node import MONDAY

TASKS = 5
LINK = "tod"
# It was on its way already, or is spoken for by a batch that is not filed yet.
PAID_BY_ANOTHER = {"empty_batch", "batch_made", "less_owed"}
# What was to be paid was put right before the file was made: nothing of the batch is sent, and it is taken back.
PUT_RIGHT_MEANWHILE = {"less_owed", "short_2200", "short_2210"}


class Writer:
    """Sets aside more than there is, lets go of it, and asks again for what was asked already."""

    def __init__(self, bank: Bank, number: int) -> None:
        self.bank, self.books = bank, bank.books
        self.number = number
        self.chance = random.Random(number)
        self.made: collections.Counter[str] = collections.Counter()
        # Keys that every process uses for the same thing: the first makes an entry, all get its number.
        self.shared: dict[str, int] = {}

    async def act(self, name: str) -> None:
        await self.on_visit(name)
        if self.chance.random() < 0.25:
            await self.chance.choice((self.statement, self.pay_out, self.circle))(name)

    async def statement(self, name: str) -> None:
        """The bank's lines so far: each file holds all of the ones before, whoever comes with it."""
        lines = [banks.line("2026-11-20", 100 + n, "from somebody") for n in range(self.chance.randint(1, 12))]
        try:
            await self.bank.imports(lines)
        except Conflict as refused:
            if refused.code != "just_written":
                raise

    async def pay_out(self, name: str) -> None:
        """What is ready when its turn comes is on its way, once; and the bank has sent some of it."""
        by, key = self.books.treasurer, f"batch {self.number}:{name}"
        try:
            batch = await payouts.make_batch(by, pay_on=clock.today(), key=key)
        except Conflict as refused:
            if refused.code not in PAID_BY_ANOTHER:
                raise
            return
        try:
            await payouts.file_batch(by, batch)
        except Conflict as refused:
            if refused.code not in PUT_RIGHT_MEANWHILE:
                raise
            await payouts.take_back(by, batch)
            return
        await payouts.confirm_batch(by, batch, on=clock.today(), key=f"{key} sent")

    async def circle(self, name: str) -> None:
        """Somebody went for another circle, which pays for it, or for another visit; and some of it is put right."""
        claim, by = f"claim:{self.number}:{name}", self.books.treasurer
        await actions.owe_worker_from(
            NODE, LINK, claim, self.books.other, self.chance.randint(100, 900), 50, payer_add_bps=0,
            worker_deduct_bps=1500, home_share_bps=5000, key=claim,
        )  # fmt: skip
        try:
            await between.circle_paid(by, LINK, self.chance.randint(100, 900), f"{claim} paid")
        except Conflict as refused:
            if refused.code != "short_1200":
                raise
        if self.chance.random() < 0.5:
            [one] = await fetch(
                "SELECT s.released_fee_pence, s.released_travel_pence FROM line l JOIN line_state s ON s.line_id = l.id "
                "WHERE l.reference = ?",
                claim,
            )
            await clawback.owe_back(NODE, claim, f"{claim} right", fee_pence=one[0], travel_pence=one[1])

    async def on_visit(self, name: str) -> None:
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


async def main(folder: str, url: str, bank: str, number: str, acts: str) -> None:
    engine = engine_for(url, Path(folder) / "node.sqlite")
    await engine.open()
    writer = Writer(msgspec.json.decode(bank, type=Bank), int(number))

    async def task(which: int) -> None:
        for act in range(int(acts) // TASKS):
            await writer.act(f"{which}.{act}")

    with bound.bound(engine), clock.clock_bound(lambda: MONDAY):
        await asyncio.gather(*(task(which) for which in range(TASKS)))
    await engine.close()
    sys.stdout.write(msgspec.json.encode({"made": writer.made, "shared": writer.shared}).decode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
