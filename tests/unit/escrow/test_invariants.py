"""The invariants of held money, over any sequence of acts, on the real tables of both engines (money.md A5)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, corrections, queries
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.clawback import claw_back
from eccoo_node.escrow.verify import check_inside
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Refusal
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.escrow_model import Line, Model, of
from tests.support.escrow_written import BANK, ENTRIES, Treasurer
from tests.support.node import open_node

pence = st.one_of(st.integers(1, 200), st.integers(1, 20_000))
bps = st.one_of(st.sampled_from([0, 750, 1500, 1750, 10_000]), st.integers(0, 10_000))
nth = st.integers(0, 30)
# A part of what is there, now and then more than all of it.
part = st.one_of(st.integers(0, 10_000), st.sampled_from([0, 5000, 10_000, 12_000]))

HOLD = st.tuples(st.just("set_aside"), pence, st.one_of(st.just(0), pence), st.booleans(), bps)

STEP = st.one_of(
    st.tuples(st.just("top_up"), st.integers(1, 60_000)),
    st.tuples(st.just("schedule"), bps, bps),
    HOLD,
    st.tuples(st.just("release"), nth, st.none() | part, st.none() | part),
    st.tuples(st.just("give_back"), nth),
    st.tuples(st.just("cancel"), nth, bps),
    st.tuples(st.just("dispute"), nth, st.none() | part),
    st.tuples(st.just("resolve"), nth, part, part),
    st.tuples(st.just("take_back"), nth, part, part),
    st.tuples(st.just("settle"), nth, st.none() | part, part, part),
    st.tuples(st.just("move"), nth, pence, st.one_of(st.just(0), pence), st.booleans()),
    st.tuples(st.just("owe"), pence, st.one_of(st.just(0), pence), bps, bps, bps),
    st.tuples(st.just("reverse"), nth),
    st.tuples(st.just("again"), nth, st.booleans()),
    st.tuples(st.just("write"), st.sampled_from(ENTRIES), part, pence),
    st.tuples(st.just("write"), st.sampled_from(ENTRIES), part, pence),
)
# Begin with what makes the rest possible: money, and three bookings.
STEPS = st.tuples(
    st.just([("top_up", 100_000)]), st.lists(HOLD, min_size=3, max_size=3), st.lists(STEP, min_size=4, max_size=25)
).map(lambda parts: [step for part in parts for step in part])

# What chance seldom draws: a release undone and swept, a penny that two parts bear and neither alone, what lies between circles.
SELDOM: list[tuple[Any, ...]] = [
    ("top_up", 100_000), ("schedule", 750, 1500), ("set_aside", 10_001, 300, False, 0), ("release", 0, None, None),
    ("reverse", 1), ("release", 0, None, None), ("release", 0, None, None), ("write", "swept", 12_000, 1),
    ("write", "swept", 10_000, 1), ("reverse", 1), ("set_aside", 12, 0, False, 0), ("settle", 1, 5000, 10_000, 0),
    ("set_aside", 4001, 0, False, 0), ("settle", 2, 3300, 4000, 0), ("take_back", 2, 5000, 0), ("take_back", 2, 5000, 0),
    ("set_aside", 5000, 100, True, 5000), ("release", 3, None, None), ("reverse", 4), ("owe", 4000, 100, 0, 1500, 5000),
    ("reverse", 5), ("write", "refunded", 5000, 1), ("write", "by card", 0, 700), ("again", 0, True), ("again", 0, False),
]  # fmt: skip


class RolledBack(Exception):
    """Ends an example: nothing of it stays, so that the next begins with empty books."""


class Play(Treasurer):
    """Plays steps through the doors and through the model, and compares the two after each."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.model = Model()
        self.schedule = (0, 1500)
        self.made = 0
        # What was done: a call to repeat it, one to ask its key for something else, and what it answers, or how to tell.
        self.done: list[tuple[Callable[[], Any], Callable[[], Any], Any]] = []

    def key(self) -> str:
        self.made += 1
        return f"key {self.made}"

    def pick(self, number: int) -> Line | None:
        """One of the bookings whose money lies here."""
        found = [line for line in self.model.lines.values() if line.reference and not line.due]
        return found[number % len(found)] if found else None

    async def act(self, call: Callable[[], Any], other: Callable[[], Any]) -> Any:
        """The answer, or None where it was refused, in which case nothing at all has changed."""
        before = await everything()
        try:
            answer = await call()
        except Refusal:
            assert await everything() == before
            return None
        self.done.append((call, other, answer))
        return answer

    async def top_up(self, amount: int) -> None:
        key, books = self.key(), self.books
        entry = await self.act(
            lambda: actions.top_up(books.treasurer, books.payer, amount, key),
            lambda: actions.top_up(books.treasurer, books.payer, amount + 1, key),
        )
        self.model.paid_in += amount
        self.model.lines.setdefault(f"top-up {entry}", Line("", 0, 0, 0, 0, "", entries=[entry]))

    async def set_schedule(self, add: int, deduct: int) -> None:
        await actions.set_schedule(self.books.treasurer, add, deduct, decision_id=await make.decision())
        self.schedule = (add, deduct)

    async def set_aside(self, fee: int, travel: int, across: bool, home: int) -> None:
        key, reference = self.key(), f"visit:{self.made}"
        terms = Across("circle B", home) if across else None

        def call(worker: str) -> Any:
            books = self.books
            return actions.set_aside(NODE, reference, books.payer, books.person, worker, fee, travel, key, across=terms)

        line = Line(reference, fee, travel, *self.schedule, "worker", "circle B" if across else "", home)
        enough = self.model.credit() >= line.total
        done = await self.act(lambda: call(self.books.worker), lambda: call("someone else"))
        assert done is enough
        if done:
            self.said_of(line)
            await self.opened(line)
        else:
            self.done.pop()

    def said_of(self, line: Line) -> None:
        """Said again, it is set aside as long as not all of it was given back."""
        call, other, _ = self.done.pop()
        self.done.append((call, other, lambda: not line.given_back))

    async def opened(self, line: Line) -> None:
        line.entries.append(await newest())
        self.model.lines[line.reference] = line

    async def release(self, number: int, fee_part: int | None, travel_part: int | None) -> None:
        line = self.pick(number)
        if line is None:
            return
        part, travel = of(line.fee, fee_part), of(line.travel, travel_part)
        key, reference = self.key(), line.reference
        given = await self.act(
            lambda: actions.release(NODE, reference, key, part_pence=part, travel_pence=travel),
            lambda: actions.release(NODE, reference, key, part_pence=part, travel_pence=(travel or 0) + 1),
        )
        most = line.fee - line.disputed_fee - line.paid_fee
        most_travel = line.travel - line.disputed_travel - line.paid_travel
        fits = (part or 0) <= most and (travel or 0) <= most_travel and not line.closed
        assert (given is not None) == (fits and most + most_travel > 0)
        if given is not None:
            line.paid_fee += most if part is None else part
            line.paid_travel += most_travel if travel is None else travel
            line.closed = True
            line.entries.append(await newest())

    async def give_back(self, number: int) -> None:
        line = self.pick(number)
        if line is None:
            return
        key, reference = self.key(), line.reference
        untouched, before = line.untouched(), await newest()
        await self.act(
            lambda: actions.return_line(NODE, reference, key), lambda: actions.return_line(NODE, "visit:none", key)
        )
        assert (await newest() > before) == untouched
        if untouched:
            line.closed = True
            line.entries.append(await newest())

    async def cancel(self, number: int, share: int) -> None:
        line = self.pick(number)
        if line is None:
            return
        key, reference = self.key(), line.reference
        untouched = line.untouched()
        given = await self.act(
            lambda: actions.pay_cancelled(NODE, reference, share, key),
            lambda: actions.pay_cancelled(NODE, reference, (share + 1) % 10_001, key),
        )
        assert (given is not None) == untouched
        if given is not None:
            line.paid_fee = line.fee * share // 10_000
            line.closed = True
            line.entries.append(await newest())

    async def dispute(self, number: int, fee_part: int | None) -> None:
        line = self.pick(number)
        if line is None:
            return
        fee = of(line.fee, fee_part)
        key, reference = self.key(), line.reference
        untouched = line.untouched()
        done = await self.act(
            lambda: corrections.dispute(NODE, reference, key, fee_pence=fee),
            lambda: corrections.dispute(NODE, reference, key, fee_pence=(fee or 0) + 1),
        )
        assert (done is not None) == (untouched and fee != 0 and (fee or 0) <= line.fee)
        if done is not None:
            line.disputed_fee = line.fee if fee is None else fee
            line.disputed_travel = line.travel if fee is None else 0
            line.disputed_extra = line.fee * line.add // 10_000 - (line.fee - line.disputed_fee) * line.add // 10_000
            line.paid_fee, line.paid_travel = line.fee - line.disputed_fee, line.travel - line.disputed_travel
            line.closed = True
            # A dispute is not undone by a mirror, nor is what went with it.
            line.entries.clear()

    async def resolve(self, number: int, fee_part: int, travel_part: int) -> None:
        line = next((line for line in self.model.lines.values() if line.disputed), self.pick(number))
        if line is None:
            return
        fee, travel = of(line.disputed_fee, fee_part) or 0, of(line.disputed_travel, travel_part) or 0
        key, reference, by = self.key(), line.reference, NODE

        def call(more: int) -> Any:
            return corrections.resolve(
                by, reference, key, fee_pence=fee + more, travel_pence=travel, because="Both agreed"
            )

        done = await self.act(lambda: call(0), lambda: call(1))
        assert (done is not None) == (line.disputed and fee <= line.disputed_fee and travel <= line.disputed_travel)
        if done is not None:
            line.paid_fee, line.paid_travel = line.paid_fee + fee, line.paid_travel + travel
            line.disputed_fee = line.disputed_travel = line.disputed_extra = 0
            line.entries.clear()

    async def take_back(self, number: int, fee_part: int, travel_part: int) -> None:
        line = self.pick(number)
        if line is None:
            return
        fee, travel = of(line.paid_fee, fee_part) or 0, of(line.paid_travel, travel_part) or 0
        key, reference, by = self.key(), line.reference, NODE

        def call(more: int) -> Any:
            return claw_back(by, reference, key, fee_pence=fee + more, travel_pence=travel, because="Both agreed")

        done = await self.act(lambda: call(0), lambda: call(1))
        fits = 0 <= fee <= line.paid_fee and 0 <= travel <= line.paid_travel and fee + travel > 0
        assert (done is not None) == (fits and not line.disputed)
        if done is not None:
            line.disputed_extra = line.paid_fee * line.add // 10_000 - (line.paid_fee - fee) * line.add // 10_000
            line.paid_fee, line.paid_travel = line.paid_fee - fee, line.paid_travel - travel
            line.disputed_fee, line.disputed_travel = fee, travel
            line.entries.clear()
            self.model.front()

    async def settle(self, number: int, fee_part: int | None, worker_part: int, travel_part: int) -> None:
        """Both in a row, because by chance alone few disputes would ever be resolved."""
        await self.dispute(number, fee_part)
        await self.resolve(number, worker_part, travel_part)

    async def move(self, number: int, fee: int, travel: int, across: bool) -> None:
        old = self.pick(number)
        if old is None:
            return
        key = self.key()
        reference = f"{old.reference}:{self.made}"
        terms = Across("circle B") if across else None
        new = Line(reference, fee, travel, *self.schedule, "other", "circle B" if across else "", 5000)
        untouched, enough = old.untouched(), self.model.credit() + old.total >= new.total

        def call(worker: str) -> Any:
            return actions.move_line(NODE, old.reference, reference, worker, fee, travel, key, across=terms)

        done = await self.act(lambda: call(self.books.other), lambda: call("someone else"))
        assert done is (enough if untouched else None)
        if done:
            old.closed = True
            old.entries.append(await newest() - 1)
            self.said_of(new)
            await self.opened(new)
        elif done is False:
            self.done.pop()

    async def owe(self, fee: int, travel: int, add: int, deduct: int, home: int) -> None:
        key, reference = self.key(), f"claim:{self.made}"

        def call(more: int) -> Any:
            return actions.owe_worker_from(
                NODE, "circle A", reference, self.books.worker, fee + more, travel, key=key,
                payer_add_bps=add, worker_deduct_bps=deduct, home_share_bps=home,
            )  # fmt: skip

        given = await self.act(lambda: call(0), lambda: call(1))
        line = Line(reference, fee, travel, add, deduct, "worker", "circle A", home, due=True)
        line.paid_fee, line.paid_travel = fee, travel
        # Where the other circle keeps it all, there is nothing to write down here.
        owed = Model(lines={reference: line}).balances().get(("1200", "circle A", ""), 0)
        assert (given is not None) == (add == 0 or owed > 0)
        if given is not None:
            await self.opened(line)

    async def reverse(self, number: int) -> None:
        """Undo the newest entry of some line or a top-up; the model goes back by what it knows of it."""
        lines = list(self.model.lines.items())
        if not lines:
            return
        name, line = lines[number % len(lines)]
        if not line.entries:
            return
        key, entry, by = self.key(), line.entries[-1], self.books.treasurer
        kind = await fetch_value("SELECT kind FROM entry WHERE id = ?", entry)
        amount = await fetch_value("SELECT MAX(amount_pence) FROM posting WHERE entry_id = ?", entry)
        # One end of what lies between two circles is not undone without the other.
        between = {"1200", "2300"} & {code for code, *_ in await queries.postings_of(entry)}
        # A line whose money was given back can be set aside again only while the payer has it still.
        credit, bank, spare = self.model.credit(), self.model.balances().get(BANK, 0), self.model.spare()
        undone = await self.act(
            lambda: corrections.reverse(by, entry, key, because="A mistake"),
            lambda: corrections.reverse(by, entry + 1, key, because="A mistake"),
        )
        if kind == "top_up":
            assert (undone is not None) == (credit >= amount and bank >= amount)
            if undone is not None:
                self.model.paid_in -= amount
                del self.model.lines[name]
            return
        assert not (between and undone)
        if undone is None and not between:
            # Given back and spent since, so it can't be set aside again; or what the circle took of it was swept.
            assert kind in {"returned", "released", "cancelled"}
            assert credit < amount or spare < amount
        if undone is None:
            return
        line.entries.pop()
        if kind == "set_aside":
            line.closed = True
        else:
            line.closed = False
            line.paid_fee = line.paid_travel = 0

    async def again(self, number: int, same: bool) -> None:
        """The same key once more: the same answer and no change; with another body it is refused."""
        if not self.done:
            return
        call, other, answer = self.done[number % len(self.done)]
        before = await everything()
        if same:
            assert await call() == (answer() if callable(answer) else answer)
        else:
            with pytest.raises(Refusal) as refused:
                await other()
            assert refused.value.code in {"key_reused", "no_line", "no_entry", "bad_amount"}
        assert await everything() == before

    async def compare(self) -> None:
        """The stored balances are what the model adds up, and every invariant of the books holds."""
        short = {self.books.payer: "payer", self.books.worker: "worker", self.books.other: "other"}
        for row in await fetch("SELECT id, reference FROM line"):
            short[str(row[0])] = row[1]
        rows = await fetch("SELECT code, holder, awaiting, balance_pence FROM account WHERE balance_pence <> 0")
        assert {(code, short.get(of, of), waits): amount for code, of, waits, amount in map(tuple, rows)} == (
            self.model.balances()
        )
        assert sum((await queries.trial_balance()).values()) == 0
        await check_inside()


async def newest() -> int:
    return int(await fetch_value("SELECT MAX(id) FROM entry") or 0)


async def everything() -> list[Any]:
    """All rows of the books, to show that nothing has changed. The audit may have grown."""
    found = []
    for table in ("entry", "posting", "account", "line", "line_state", "schedule", "event"):
        found.append([tuple(row) for row in await fetch(f"SELECT * FROM {table} ORDER BY 1")])
    return found


NAMES = {"schedule": "set_schedule"}


@contextmanager
def rolled_back() -> Iterator[None]:
    try:
        yield
    except RolledBack:
        return


async def play(url: str, folder: Path, steps: list[tuple[Any, ...]]) -> None:
    async with open_node(folder, url):
        with rolled_back():
            async with write():
                acted = Play(await open_books())
                for name, *given_ in steps:
                    await getattr(acted, NAMES.get(name, name))(*given_)
                    await acted.compare()
                raise RolledBack


def check_sequences(url: str, folder: Path, examples: int) -> None:
    @given(STEPS)
    @example(SELDOM)
    @settings(max_examples=examples)
    def check(steps: list[tuple[Any, ...]]) -> None:
        asyncio.run(play(url, folder, steps))

    check()


def test_the_books_hold_through_any_sequence_of_acts(node_url: str, tmp_path: Path) -> None:
    check_sequences(node_url, tmp_path, 12 if node_url else 25)


@pytest.mark.long
def test_the_books_hold_through_a_thousand_sequences(node_url: str, tmp_path: Path) -> None:
    check_sequences(node_url, tmp_path, 1000)
