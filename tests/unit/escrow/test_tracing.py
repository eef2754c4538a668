"""Every penny of a line is followed from the bank to the worker, and what is followed adds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import actions, corrections, tracing
from eccoo_node.escrow.tracing import Move, Slice, Step, first_in_first_out
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.errors import Forbidden, NotFound
from tests.support import make
from tests.support.escrow import open_books
from tests.support.node import Node


@given(st.lists(st.integers(-500, 500).filter(bool), max_size=40))
def test_what_is_followed_out_of_an_account_is_what_left_it(amounts: list[int]) -> None:
    there, moves = 0, []
    for number, amount in enumerate(amounts):
        amount = max(amount, -there)
        there += amount
        if amount:
            moves.append(Move(number, amount))
    found = first_in_first_out(moves)
    for move in moves:
        side = [
            one.amount_pence
            for one in found
            if (one.use_id if move.amount_pence < 0 else one.source_id) == move.entry_id
        ]
        assert (sum(side) == -move.amount_pence) if move.amount_pence < 0 else (sum(side) <= move.amount_pence)
    assert sum(one.amount_pence for one in found) == -sum(m.amount_pence for m in moves if m.amount_pence < 0)
    assert all(one.source_id < one.use_id and one.amount_pence > 0 for one in found)


def test_what_is_undone_takes_its_own() -> None:
    moves = [Move(1, 100), Move(2, 50), Move(3, -50, reverses_id=2), Move(4, -80)]
    assert first_in_first_out(moves) == [Slice(2, 3, 50), Slice(1, 4, 80)]


async def test_a_visits_money_from_end_to_end(node: Node) -> None:
    books = await open_books()
    await books.top_up(4000)
    await books.set_aside("visit:0", 1000)
    await books.top_up(5000)
    await actions.return_line(NODE, "visit:0", "off")
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went", part_pence=5000)
    ada, wren = Actor(person_id=books.person), Actor(person_id=books.worker)
    seen = await tracing.trace(ada, "visit:1")
    assert [(part.kind, part.amount_pence) for part in seen.came or []] == [("top_up", 3000), ("top_up", 3000)]
    assert [(step.kind, step.worker_pence, step.circle_pence, step.back_pence, step.aside_pence) for step in seen.steps] == [
        ("set_aside", 0, 0, -6000, 6000), ("released", 4250, 750, 1000, -6000),
    ]  # fmt: skip
    assert seen.paid is None
    theirs = await tracing.trace(wren, "visit:1")
    assert (theirs.came, theirs.paid) == (None, [])
    # What came back from one visit is followed into the next.
    await books.set_aside("visit:2", 3000)
    whole = await tracing.trace_whole(books.treasurer, "visit:2")
    assert [(part.kind, part.reference, part.amount_pence) for part in whole.came or []] == [
        ("top_up", "", 2000), ("returned", "visit:0", 1000),
    ]  # fmt: skip
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.trace_line'") == 1


async def test_what_is_in_question_and_settled_shows(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    await corrections.dispute(NODE, "visit:1", "wrong")
    await corrections.resolve(NODE, "visit:1", "agreed", fee_pence=1200, because="Both agreed")
    seen = await tracing.trace(Actor(person_id=books.person), "visit:1")
    at = node.clock()
    assert seen.steps == [
        Step("set_aside", at, back_pence=-3000, aside_pence=3000),
        Step("disputed", at, question_pence=3000, aside_pence=-3000),
        Step("resolved", at, worker_pence=1020, circle_pence=180, back_pence=1800, question_pence=-3000),
    ]


async def test_nobody_follows_money_that_is_not_theirs(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 3000)
    for nobody in (Actor(), Actor(person_id=await make.person("Bob")), Actor(person_id=books.other), books.treasurer):
        with pytest.raises(Forbidden):
            await tracing.trace(nobody, "visit:1")
    for nobody in (Actor(person_id=books.person), Actor(person_id=books.worker)):
        with pytest.raises(Forbidden):
            await tracing.trace_whole(nobody, "visit:1")
    with pytest.raises(NotFound):
        await tracing.trace(Actor(person_id=books.person), "visit:9")
