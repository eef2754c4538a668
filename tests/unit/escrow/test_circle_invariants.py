"""A whole circle over any sequence of acts: every invariant of money.md A5, by its number, after each of them.

`test_invariants` compares one payer's books with a model to the penny. Here there are more people, payers, workers and doors,
and the rows alone are asked (`tests.support.circle_play`). A step may be refused for the reasons named beside it and no
other; one that never runs fails the test.
"""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import eccoo_node.expenses.plans  # noqa: F401 (who knows what plans allow)
from eccoo_node.db.transaction import write
from tests.support.banking import open_bank
from tests.support.circle_play import START, Play
from tests.support.node import open_node
from tests.support.payouts import Circle, hatted

pence, nth, part = st.integers(1, 9000), st.integers(0, 12), st.integers(0, 100)
bps = st.sampled_from([0, 750, 1500, 10_000])
who = st.integers(0, 3)
FREE, SHORT = {"line_closed", "line_touched", "no_line"}, {"short_2000"}

# Each step, what it is given, and why it may be refused: there is nothing to do it to, or not enough.
STEPS: dict[str, tuple[st.SearchStrategy[Any], set[str]]] = {
    "days": (st.tuples(st.integers(0, 9)), set()),
    "midnight": (st.tuples(st.booleans(), st.booleans()), set()),
    "top_up": (st.tuples(who, st.integers(1, 30_000)), set()),
    "schedule": (st.tuples(bps, bps, st.booleans(), st.sampled_from([0, 2000])), set()),
    "plan": (st.tuples(st.booleans(), st.booleans()), set()),
    "visit": (st.tuples(who, st.integers(0, 2), pence, st.integers(0, 500), st.booleans()), {"plan_forbids"}),
    "shop": (st.tuples(who, pence), {"plan_forbids"}),
    "cover": (st.tuples(nth, pence, st.integers(0, 500)), {"plan_forbids"} | FREE),
    "went": (st.tuples(nth, part), FREE),
    "off": (st.tuples(nth), FREE),
    "late": (st.tuples(nth, st.integers(0, 10_000)), FREE),
    "wrong": (st.tuples(nth, part), {"more_than_held"} | FREE),
    "agreed": (st.tuples(nth, part, st.booleans()), {"not_disputed", "bad_amount"}),
    "back": (st.tuples(nth, part, part), {"bad_amount", "disputed"}),
    "across": (st.tuples(pence, st.integers(0, 500), bps, bps, bps), {"bad_amount"}),
    "across_back": (st.tuples(nth, part, part), {"bad_amount", "disputed"}),
    "set_off": (st.tuples(pence), {"short_1200", "short_2300"}),
    "made_even": (st.tuples(pence), {"short_1200", "short_2300", "short_1000", "cash_short"}),
    "owed": (st.tuples(pence, st.integers(0, 500)), set()),
    "owed_back": (st.tuples(nth, part, part), {"bad_amount"}),
    "circle_paid": (st.tuples(pence), {"short_1200"}),
    "front": (st.tuples(pence), {"not_waiting"}),
    "batch": (st.tuples(), {"empty_batch", "bad_pay_on"}),
    "paid": (st.tuples(nth), {"not_on_its_way"}),
    "bounced": (st.tuples(nth), {"not_on_its_way"}),
    "recover": (st.tuples(pence), set()),
    "pause": (st.tuples(nth, pence), set()),
    "write_off": (st.tuples(pence), {"short_1300"}),
    "statement": (st.tuples(pence), set()),
    "refund": (st.tuples(who, st.integers(1, 90_000)), SHORT),
    "goodwill": (st.tuples(who, pence), set()),
    "gift": (st.tuples(pence, st.booleans()), set()),
    "sweep": (st.tuples(part), {"short_1000"}),
    "card": (st.tuples(who, pence), set()),
    "left": (st.tuples(who, pence), {"short_2500", "in_a_batch", "short_1000"}),
    "stray": (st.tuples(who, pence), set()),
    "finder": (st.tuples(who, pence, st.booleans()), {"public_money"} | SHORT),
    "share": (st.tuples(pence), set()),
    "share_out": (st.tuples(pence), {"short_3000", "own_short"}),
    "undo": (
        st.tuples(nth),
        {"not_reversible", "not_newest", "already_reversed", "disputed", "cash_short", "in_a_batch", "between_circles", "not_here"}
        | {f"short_{code}" for code in ("1000", "1020", "1100", "1200", "2000", "2090", "2200", "2210", "2500", "2610", "3000")},
    ),
    "again": (st.tuples(nth, st.booleans()), set()),
}  # fmt: skip
Act = tuple[str, tuple[Any, ...]]
ACT = st.one_of(*(st.tuples(st.just(name), given_) for name, (given_, _) in STEPS.items()))

# A story in which every step runs, and what is rare by chance follows upon another.
STORY: list[Act] = [
    ("top_up", (0, 60_000)), ("top_up", (1, 60_000)), ("top_up", (3, 20_000)), ("gift", (30_000, False)),
    ("gift", (700, True)), ("visit", (0, 0, 6001, 360, False)), ("visit", (1, 1, 3000, 360, False)),
    ("visit", (2, 0, 5000, 100, False)), ("visit", (3, 2, 4000, 0, False)), ("visit", (1, 0, 3000, 0, True)),
    ("went", (0, 100)), ("went", (1, 67)), ("late", (4, 5000)), ("schedule", (750, 1500, False, 2000)),
    ("days", (5,)), ("visit", (0, 0, 4000, 300, False)), ("late", (5, 3333)), ("back", (5, 50, 60)), ("agreed", (5, 40, False)),
    ("wrong", (2, 60)), ("agreed", (2, 30, True)), ("agreed", (2, 100, False)), ("batch", ()), ("paid", (1,)),
    ("bounced", (0,)), ("back", (0, 100, 0)), ("agreed", (0, 0, False)), ("recover", (500,)), ("visit", (0, 0, 4000, 0, False)),
    ("went", (6, 100)), ("pause", (6, 100)), ("batch", ()), ("write_off", (200,)), ("plan", (True, False)), ("shop", (1, 800)),
    ("visit", (1, 0, 900, 50, False)), ("across", (6000, 200, 0, 1500, 5000)), ("across", (5000, 0, 750, 1500, 3333)),
    ("across_back", (0, 50, 40)), ("set_off", (700,)), ("made_even", (800,)), ("owed", (4000, 100)), ("front", (900,)),
    ("circle_paid", (1500,)), ("owed_back", (0, 50, 70)), ("statement", (900,)), ("statement", (900,)), ("refund", (0, 300)), ("refund", (0, 900_000)),
    ("left", (0, 200)), ("card", (1, 700)), ("stray", (2, 500)), ("midnight", (False, True)),
    ("goodwill", (3, 200)), ("finder", (0, 100, True)), ("finder", (1, 100, True)), ("share", (2500,)), ("share_out", (900,)),
    ("sweep", (1,)), ("cover", (3, 4500, 20)), ("visit", (0, 1, 700, 0, False)), ("off", (9,)), ("undo", (0,)), ("days", (9,)), ("top_up", (0, 5)),
    ("undo", (0,)), ("again", (0, True)), ("again", (1, False)),
]  # fmt: skip


# What is refused, and why, where it would break something: after all that is spare was swept, while money is on its way,
# with part of a line in question.
ON: list[tuple[Act, str]] = [
    # A release that is undone; and what is tried with a line of which all has been let go.
    (("went", (0, 100)), ""), (("undo", (0,)), ""), (("went", (0, 100)), ""), (("undo", (2,)), "already_reversed"),
    (("undo", (7,)), "not_newest"), (("went", (0, 100)), "line_closed"), (("off", (0,)), "line_touched"),
    (("late", (0, 5000)), "line_touched"), (("wrong", (0, 50)), "line_closed"),
    # Commission that was swept is not there to be given back, nor pay that was sent; and another's money is not spare.
    (("went", (1, 100)), ""), (("sweep", (100,)), ""), (("undo", (1,)), "cash_short"), (("batch", ()), ""),
    (("undo", (4,)), "short_2200"), (("goodwill", (0, 200)), ""), (("refund", (0, 300)), ""), (("sweep", (0,)), ""),
    (("left", (0, 301)), "short_2500"), (("left", (0, 100)), ""), (("card", (0, 500)), ""), (("sweep", (0,)), ""),
    # In question: twelve pence bear one of commission, and twice six bear none.
    (("visit", (0, 1, 12, 0, False)), ""), (("wrong", (5, 50)), ""), (("undo", (0,)), "disputed"),
    (("undo", (1,)), "not_reversible"), (("back", (5, 50, 0)), "disputed"), (("agreed", (5, 50, True)), ""),
    (("agreed", (5, 100, False)), ""), (("undo", (0,)), "not_reversible"), (("agreed", (5, 0, False)), "not_disputed"),
    (("schedule", (750, 1500, False, 0)), ""),
    (("visit", (0, 0, 4001, 0, False)), ""), (("wrong", (6, 33)), ""), (("agreed", (6, 0, True)), "bad_amount"), (("agreed", (6, 40, True)), ""),
    (("agreed", (6, 30, False)), ""), (("visit", (0, 0, 4001, 30, False)), ""), (("wrong", (7, 33)), ""),
    (("agreed", (7, 40, False)), ""), (("back", (7, 50, 0)), ""), (("back", (7, 50, 0)), "disputed"),
    # Another circle: what waits for it, what was put up for it, what comes and what it takes back once it was paid out.
    (("owed", (4000, 100)), ""), (("undo", (0,)), "between_circles"), (("sweep", (100,)), ""), (("front", (900,)), ""), (("sweep", (0,)), ""),
    (("circle_paid", (2000,)), ""), (("circle_paid", (1801,)), "short_1200"), (("circle_paid", (1800,)), ""), (("batch", ()), ""),
    (("paid", (0,)), ""), (("paid", (0,)), "not_on_its_way"), (("sweep", (100,)), ""), (("owed_back", (0, 100, 0)), ""),
    (("across", (6000, 200, 0, 1500, 5000)), ""), (("sweep", (100,)), ""), (("made_even", (5750,)), ""),
    (("across_back", (0, 50, 100)), ""),
    # Travel that was paid out is taken back; and what a circle paid for a visit that is put right is there for the next,
    # whether or not ours was put up for it, for as much of it as is paid.
    (("back", (0, 0, 100)), ""), (("agreed", (0, 50, False)), ""), (("owed", (4000, 0)), ""), (("circle_paid", (3700,)), ""),
    (("owed", (4000, 300)), ""), (("owed_back", (1, 100, 0)), ""), (("circle_paid", (1,)), ""), (("front", (200,)), ""),
    (("owed", (8000, 0)), ""), (("front", (3000,)), ""), (("owed_back", (2, 100, 100)), ""), (("circle_paid", (3100,)), ""),
    (("owed", (4000, 300)), ""), (("circle_paid", (1000,)), ""), (("owed_back", (4, 100, 100)), ""),
    # At the very moment in which a quarter, or a week and a tax year, begins, and at the second before it.
    (("visit", (0, 0, 2001, 10, False)), ""), (("visit", (0, 0, 2003, 20, False)), ""), (("midnight", (True, True)), ""),
    (("went", (8, 100)), ""), (("midnight", (True, False)), ""), (("went", (9, 100)), ""),
    (("visit", (0, 0, 2005, 30, False)), ""), (("visit", (0, 0, 2007, 40, False)), ""), (("wrong", (10, 50)), ""),
    (("midnight", (False, True)), ""), (("went", (11, 50)), ""), (("midnight", (False, False)), ""),
    (("agreed", (10, 100, False)), ""),
    # Out of whose money.
    (("stray", (0, 500)), ""), (("stray", (3, 500)), ""), (("shop", (1, 800)), "plan_forbids"), (("top_up", (2, 500)), ""),
    (("finder", (2, 100, True)), "public_money"), (("refund", (0, 900_000)), "short_2000"),
]  # fmt: skip


class Rolled(Exception):
    """Ends an example, so that the next begins with empty books."""


async def live(url: str, folder: Path, steps: list[Act], ran: Counter[str]) -> list[str]:
    """Why each step was refused; nothing for one that was not."""
    told: list[str] = []
    async with open_node(folder, url) as node:
        node.clock.set(START)
        with contextlib.suppress(Rolled):
            async with write():
                bank = await open_bank()
                play = await Play(node, bank, Circle(bank.books, await hatted("Fay", "facilitator"))).begin()
                for name, given_ in [*STORY[:10], *steps]:
                    told.append(await play.do(name, given_, STEPS[name][1], ran))
                await play.end()
                raise Rolled
    return told[10:]


def check_circles(url: str, folder: Path, examples: int) -> None:
    ran: Counter[str] = Counter()

    @given(st.lists(ACT, min_size=5, max_size=25))
    @example(STORY[10:])
    @settings(max_examples=examples)
    def check(steps: list[Act]) -> None:
        asyncio.run(live(url, folder, steps, ran))

    check()
    assert set(ran) == set(STEPS)


def test_a_circle_holds_through_any_sequence_of_acts(node_url: str, tmp_path: Path) -> None:
    check_circles(node_url, tmp_path, 3 if node_url else 10)


def test_what_would_break_the_books_is_refused_for_what_it_is(node_url: str, tmp_path: Path) -> None:
    told = asyncio.run(live(node_url, tmp_path, [act for act, _ in ON], Counter()))
    assert list(zip([act for act, _ in ON], told, strict=True)) == ON


@pytest.mark.long
def test_a_circle_holds_through_hundreds_of_sequences(node_url: str, tmp_path: Path) -> None:
    check_circles(node_url, tmp_path, 500)
