"""Every penny of a line is followed from the bank to the worker, and what is followed adds up."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import actions, clawback, corrections, say_trace, tracing
from eccoo_node.escrow.tracing import Fate, Move, Slice, Step, Trace, fates_of, first_in_first_out
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.errors import Forbidden, NotFound
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts import giving
from tests.support import make
from tests.support.escrow import open_books
from tests.support.node import Node
from tests.support.payouts import TODAY, open_circle, payments


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


def _left(seen: Trace) -> list[str]:
    return [say_trace.left(part)[1] for part in seen.paid or []]


@pytest.mark.parametrize("paid_first", [True, False])
async def test_what_came_back_from_the_bank_is_followed_until_it_is_there(node: Node, paid_first: bool) -> None:
    """It came back, once it was paid or before; it is then sent again, with what was earned since."""
    circle, on = await open_circle(), "Monday 23 November"
    worker = circle.books.worker
    wren = Actor(person_id=worker)
    await circle.details(worker)
    await circle.earns(worker, 2000)
    line = await circle.earns(worker, 6000, 700)
    (first,) = await payments(await circle.sent())
    if paid_first:
        await payouts.confirm_paid(circle.treasurer, first, on=TODAY, key="paid")
    await payouts.bounced(circle.treasurer, first, on=TODAY, key="back", because="No such account")
    then = (f". The bank confirmed it on {on}" if paid_first else "") + f". It came back from the bank on {on}"
    again = ["£51 was sent to the worker’s bank", "£7 was sent to the worker’s bank"]
    before = [words + then for words in again]
    assert _left(await tracing.trace(wren, line)) == before
    await circle.sure(worker)
    later = await circle.earns(worker, 1000)
    (second,) = await payments(await circle.sent("b2"))
    assert _left(await tracing.trace(wren, line)) == before + again
    await payouts.confirm_paid(circle.treasurer, second, on=TODAY, key="paid again")
    sure = [f"{words}. The bank confirmed it on {on}" for words in again]
    assert _left(await tracing.trace(wren, line)) == before + sure
    assert _left(await tracing.trace_whole(circle.treasurer, line)) == before + sure
    assert _left(await tracing.trace(wren, later)) == [
        f"£8.50 was sent to the worker’s bank. The bank confirmed it on {on}"
    ]


async def test_what_a_worker_gives_back_was_never_sent(node: Node) -> None:
    circle = await open_circle()
    worker, by = circle.books.worker, circle.treasurer
    wren = Actor(person_id=worker)
    await circle.details(worker)
    line = await circle.earns(worker, 6000)
    (first,) = await payments(await circle.sent())
    await payouts.confirm_paid(by, first, on=TODAY, key="paid")
    await clawback.claw_back(NODE, line, "claw", fee_pence=6000, because="Agreed")
    await corrections.resolve(NODE, line, "resolved", fee_pence=0, because="Agreed")
    await giving.agree_recovery(wren, worker, most_pence=1000)
    later = await circle.earns(worker, 2000)
    (second,) = await payments(await circle.sent("b2"))
    sent = ["£10 went towards what the worker gives back", "£7 was sent to the worker’s bank"]
    assert _left(await tracing.trace(wren, later)) == sent
    await payouts.bounced(by, second, on=TODAY, key="back", because="No such account")
    await circle.sure(worker)
    await giving.agree_recovery(wren, worker, most_pence=300)
    await circle.sent("b3")
    sent[1] += ". It came back from the bank on Monday 23 November"
    assert _left(await tracing.trace(wren, later)) == [
        *sent, "£3 went towards what the worker gives back", "£4 was sent to the worker’s bank"
    ]  # fmt: skip


def test_of_two_payments_alike_the_first_sent_is_the_first_confirmed() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    sent, other = Fate(1, "payout", at, 500), Fate(2, "payout", at, 300)
    paid, back = Fate(4, "payout_paid", at, 300), Fate(5, "payout_bounced", at, 500)
    back_again = Fate(6, "payout_bounced", at, 300, paid_before=True)
    alike, paid_alike = Fate(3, "payout", at, 300), Fate(7, "payout_paid", at, 300)
    assert fates_of([sent, other, alike, paid, back, back_again, paid_alike]) == {
        1: (back,), 2: (paid, back_again), 3: (paid_alike,)
    }  # fmt: skip


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
