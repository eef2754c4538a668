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
    "agreed": (st.tuples(nth, part, st.booleans()), {"not_disputed"}),
    "back": (st.tuples(nth, part), {"bad_amount", "disputed"}),
    "across": (st.tuples(pence, st.integers(0, 500), bps, bps, bps), {"bad_amount"}),
    "across_back": (st.tuples(nth, part), {"bad_amount", "disputed"}),
    "set_off": (st.tuples(pence), {"short_1200", "short_2300"}),
    "made_even": (st.tuples(pence), {"short_1200", "short_2300", "short_1000", "cash_short"}),
    "owed": (st.tuples(pence, st.integers(0, 500)), set()),
    "owed_back": (st.tuples(nth, part), {"bad_amount"}),
    "circle_paid": (st.tuples(pence), {"short_1200"}),
    "front": (st.tuples(pence), {"not_waiting"}),
    "batch": (st.tuples(), {"empty_batch"}),
    "paid": (st.tuples(nth), {"not_on_its_way"}),
    "bounced": (st.tuples(nth), {"not_on_its_way"}),
    "recover": (st.tuples(pence), set()),
    "pause": (st.tuples(nth, pence), set()),
    "write_off": (st.tuples(pence), {"short_1300"}),
    "statement": (st.tuples(pence), set()),
    "refund": (st.tuples(who, st.integers(1, 90_000)), SHORT),
    "goodwill": (st.tuples(who, pence), set()),
    "gift": (st.tuples(pence, st.booleans()), set()),
    "sweep": (st.tuples(pence), {"cash_short", "short_1000"}),
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
ACT = st.one_of(*(st.tuples(st.just(name), given_) for name, (given_, _) in STEPS.items()))

# A story in which every step runs, and what is rare by chance follows upon another.
STORY: list[tuple[str, tuple[Any, ...]]] = [
    ("top_up", (0, 60_000)), ("top_up", (1, 60_000)), ("top_up", (3, 20_000)), ("gift", (30_000, False)),
    ("gift", (700, True)), ("visit", (0, 0, 6001, 360, False)), ("visit", (1, 1, 3000, 360, False)),
    ("visit", (2, 0, 5000, 100, False)), ("visit", (3, 2, 4000, 0, False)), ("visit", (1, 0, 3000, 0, True)),
    ("went", (0, 100)), ("went", (1, 67)), ("late", (4, 5000)), ("schedule", (750, 1500, False, 2000)),
    ("days", (5,)), ("visit", (0, 0, 4000, 300, False)), ("late", (5, 3333)), ("back", (5, 50)), ("agreed", (5, 40, False)),
    ("wrong", (2, 60)), ("agreed", (2, 30, True)), ("agreed", (2, 100, False)), ("batch", ()), ("paid", (1,)),
    ("bounced", (0,)), ("back", (0, 100)), ("agreed", (0, 0, False)), ("recover", (500,)), ("visit", (0, 0, 4000, 0, False)),
    ("went", (6, 100)), ("pause", (6, 100)), ("batch", ()), ("write_off", (200,)), ("plan", (True, False)), ("shop", (1, 800)),
    ("visit", (1, 0, 900, 50, False)), ("across", (6000, 200, 0, 1500, 5000)), ("across", (5000, 0, 750, 1500, 3333)),
    ("across_back", (0, 50)), ("set_off", (700,)), ("made_even", (800,)), ("owed", (4000, 100)), ("front", (900,)),
    ("circle_paid", (1500,)), ("owed_back", (0, 50)), ("statement", (900,)), ("statement", (900,)), ("refund", (0, 300)), ("refund", (0, 900_000)),
    ("goodwill", (3, 200)), ("finder", (0, 100, True)), ("finder", (1, 100, True)), ("share", (2500,)), ("share_out", (900,)),
    ("sweep", (10,)), ("cover", (3, 4500, 20)), ("visit", (0, 1, 700, 0, False)), ("off", (9,)), ("undo", (0,)), ("days", (9,)), ("top_up", (0, 5)),
    ("undo", (0,)), ("again", (0, True)), ("again", (1, False)),
]  # fmt: skip


class Rolled(Exception):
    """Ends an example, so that the next begins with empty books."""


Act = tuple[str, tuple[Any, ...]]


async def live(url: str, folder: Path, steps: list[Act], ran: Counter[str]) -> None:
    async with open_node(folder, url) as node:
        node.clock.set(START)
        with contextlib.suppress(Rolled):
            async with write():
                bank = await open_bank()
                play = await Play(node, bank, Circle(bank.books, await hatted("Fay", "facilitator"))).begin()
                for name, given_ in [*STORY[:10], *steps]:
                    await play.do(name, given_, STEPS[name][1], ran)
                await play.end()
                raise Rolled


def check_circles(url: str, folder: Path, examples: int) -> None:
    ran: Counter[str] = Counter()

    @given(st.lists(ACT, min_size=5, max_size=25))
    @example(STORY[10:])
    @settings(max_examples=examples, deadline=None)
    def check(steps: list[Act]) -> None:
        asyncio.run(live(url, folder, steps, ran))

    check()
    assert set(ran) == set(STEPS)


def test_a_circle_holds_through_any_sequence_of_acts(node_url: str, tmp_path: Path) -> None:
    check_circles(node_url, tmp_path, 3 if node_url else 10)


@pytest.mark.long
def test_a_circle_holds_through_hundreds_of_sequences(node_url: str, tmp_path: Path) -> None:
    check_circles(node_url, tmp_path, 500)
