"""Who may move money, what is refused, and the mistakes others made that these books must not repeat (money.md A2)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, chart, corrections, ledger, queries, sharing
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import COMMAND, NODE, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from eccoo_node.record.door import Act
from tests.support import make
from tests.support.escrow import entries, last_entry, open_books
from tests.support.node import Node


async def refused(awaitable: object, kind: type[Refusal] = Conflict) -> str:
    """The code of the refusal."""
    with pytest.raises(kind) as caught:
        await awaitable  # type: ignore[misc]
    assert caught.value.sentence.endswith(".")
    return caught.value.code


# ---------------------------------------------------------------- who may


async def test_only_a_treasurer_records_what_came_into_the_bank(node: Node) -> None:
    books = await open_books()
    for role in ("worker", "facilitator", "admin", "coordinator", "family", "member"):
        actor = Actor(person_id=books.worker, hats=(Hat(role, "c", "circle"),))
        assert await refused(actions.top_up(actor, books.payer, 500, "k"), Forbidden) == "forbidden"
    speaking = msgspec.structs.replace(books.treasurer, acting_for=books.person, scopes=frozenset({"money"}))
    assert await refused(actions.top_up(speaking, books.payer, 500, "k"), Forbidden) == "forbidden"
    assert await entries(books) == []
    # What came with a payer's reference is theirs by itself.
    assert await actions.top_up(NODE, books.payer, 500, "k")


async def test_nobody_moves_what_is_set_aside_by_hand(node: Node) -> None:
    """Not even a treasurer: only what happened to the visit moves it."""
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 500)
    for actor in (books.treasurer, Actor(person_id=books.worker), Actor(link_id="circle B", via="federation"), Actor()):
        for asking in (
            actions.set_aside(actor, "visit:2", books.payer, books.person, books.worker, 5, 0, "k"),
            actions.release(actor, "visit:1", "k"),
            actions.return_line(actor, "visit:1", "k"),
            actions.move_line(actor, "visit:1", "visit:2", "w", 5, 0, "k"),
            actions.pay_cancelled(actor, "visit:1", 5000, "k"),
            corrections.dispute(actor, "visit:1", "k"),
            actions.owe_worker_from(
                actor, "B", "c", "w", 5, 0, payer_add_bps=0, worker_deduct_bps=0, home_share_bps=0, key="k"
            ),
        ):
            assert await refused(asking, Forbidden) == "forbidden"
    assert len(await entries(books)) == 2


async def test_every_entry_leads_to_the_act_and_so_to_who_did_it(node: Node) -> None:
    books = await open_books()
    entry = await actions.top_up(books.treasurer, books.payer, 500, "k", "BACS MRS A SUNDERLAND")
    rows = await fetch(
        "SELECT a.action, a.actor_id, a.thing_id, t.text FROM entry e JOIN audit a ON a.act_id = e.act_id "
        "JOIN audit_text t ON t.audit_id = a.id WHERE e.id = ?",
        entry,
    )
    assert [tuple(row) for row in rows] == [
        ("money.top_up", books.treasurer.person_id, books.payer, "BACS MRS A SUNDERLAND")
    ]


# ---------------------------------------------------------------- what is refused


async def test_a_sum_that_is_none_is_refused(node: Node) -> None:
    books = await open_books()
    amounts: list[Any] = [0, -5, 10_000_001, 2.5, True, "500", None]
    for amount in amounts:
        assert await refused(books.top_up(amount, "k"), Invalid) == "bad_amount"
        assert await refused(books.set_aside("visit:1", amount), Invalid) == "bad_amount"


async def test_a_payer_that_is_not_there_is_refused(node: Node) -> None:
    books = await open_books()
    assert await refused(actions.top_up(books.treasurer, "nobody", 500, "k"), NotFound) == "no_payer"


async def test_a_line_that_is_not_there_is_refused(node: Node) -> None:
    books = await open_books()
    for asking in (
        actions.release(NODE, "visit:1", "k"),
        actions.return_line(NODE, "visit:1", "k"),
        corrections.dispute(NODE, "visit:1", "k"),
    ):
        assert await refused(asking, NotFound) == "no_line"
    assert await books.set_aside("visit:1", 500) is False


async def test_a_reference_is_used_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 500)
    asking = actions.set_aside(NODE, "visit:1", books.payer, books.person, books.worker, 400, 0, "other")
    assert await refused(asking) == "line_taken"
    assert await queries.credit_pence(books.payer) == 500


async def test_a_circle_that_has_not_decided_takes_no_bookings(node: Node) -> None:
    books = await open_books(valid_from=node.clock() + timedelta(days=1))
    await books.top_up(1000)
    assert await refused(books.set_aside("visit:1", 500)) == "no_schedule"
    node.clock.move(timedelta(days=1))
    assert await books.set_aside("visit:1", 500)


async def test_a_share_changes_with_a_recorded_decision_and_for_new_bookings_only(node: Node) -> None:
    books = await open_books()
    await books.top_up(3000)
    await books.set_aside("visit:1", 1000)
    by = books.treasurer
    assert await refused(actions.set_schedule(by, 1750, 750, decision_id="none"), Invalid) == "no_decision"
    decision = await make.decision()
    again = actions.set_schedule(COMMAND, 1750, 750, decision_id=decision)
    assert await refused(again) == "has_schedule"
    assert await refused(actions.set_schedule(Actor(), 0, 0, decision_id=decision), Forbidden) == "forbidden"
    past = node.clock() - timedelta(days=1)
    assert (
        await refused(actions.set_schedule(by, 0, 0, decision_id=decision, valid_from=past), Invalid) == "in_the_past"
    )
    await actions.set_schedule(by, 1750, 750, decision_id=decision)
    await books.set_aside("visit:2", 1000)
    # The line that was agreed before keeps its rates, also when part of it is refunded after the change.
    first = await actions.release(NODE, "visit:1", "went 1", part_pence=500)
    second = await actions.release(NODE, "visit:2", "went 2", part_pence=500)
    assert (first.worker_pence, first.commission_pence, first.contribution_pence) == (425, 75, 0)
    assert (second.worker_pence, second.commission_pence, second.contribution_pence) == (463, 37, 87)
    terms = (await queries.schedule_now()).terms(1000, 30)
    assert (sharing.shares(terms, 1000).worker_pence, terms.total_pence) == (925, 1205)
    await verify()


async def test_a_linked_line_follows_the_terms_agreed_with_that_circle(node: Node) -> None:
    books = await open_books()
    await books.top_up(7050)
    await books.set_aside("visit:1", 6000, across=Across("circle B", 4000, 1750, 750))
    given = await actions.release(NODE, "visit:1", "went")
    assert (given.asking_pence, given.home_pence, given.due_pence) == (270 + 630, 180 + 420, 5550 + 600)


# ---------------------------------------------------------------- keys


async def test_the_same_key_with_another_body_is_refused(node: Node) -> None:
    books = await open_books()
    await books.top_up(500, "k")
    assert await refused(books.top_up(501, "k")) == "key_reused"
    # Nor can a key be used for another kind of act.
    await books.set_aside("visit:1", 400)
    assert await refused(actions.release(NODE, "visit:1", "k")) == "key_reused"
    assert len(await entries(books)) == 2


async def test_what_was_given_back_since_is_not_set_aside_by_the_same_key(node: Node) -> None:
    books = await open_books()
    await books.top_up(10_000)
    assert [await books.set_aside("visit:1", 3000) for _ in range(2)] == [True, True]
    await actions.return_line(NODE, "visit:1", "back")
    assert not await books.set_aside("visit:1", 3000)
    assert await books.set_aside("visit:2", 3000)


async def test_two_payments_of_the_same_sum_are_both_kept(node: Node) -> None:
    books = await open_books()
    await books.top_up(500, "line 1 of the statement")
    await books.top_up(500, "line 2 of the statement")
    assert await queries.credit_pence(books.payer) == 1000


async def test_an_act_that_was_refused_leaves_its_key_unused(node: Node) -> None:
    books = await open_books()
    assert not await books.set_aside("visit:1", 500)
    await books.top_up(500)
    assert await books.set_aside("visit:1", 500)
    assert await books.set_aside("visit:1", 500)
    assert await queries.credit_pence(books.payer) == 0


# ---------------------------------------------------------------- mistakes of others


async def test_parts_never_exceed_the_whole(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000, 0)
    assert await refused(actions.release(NODE, "visit:1", "k", part_pence=1001), Invalid) == "more_than_held"
    assert await refused(actions.release(NODE, "visit:1", "k", part_pence=-1), Invalid) == "more_than_held"
    assert await refused(corrections.dispute(NODE, "visit:1", "k", fee_pence=1001), Invalid) == "more_than_held"
    await actions.release(NODE, "visit:1", "k")
    assert await refused(actions.release(NODE, "visit:1", "again")) == "line_closed"
    assert await refused(actions.return_line(NODE, "visit:1", "again")) == "line_touched"
    await verify()


async def test_a_refund_while_a_dispute_is_open_deducts_nothing_twice(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    await corrections.dispute(NODE, "visit:1", "wrong", fee_pence=400)
    for asking in (
        actions.return_line(NODE, "visit:1", "off"),
        actions.pay_cancelled(NODE, "visit:1", 5000, "late"),
        actions.move_line(NODE, "visit:1", "visit:2", "w", 10, 0, "moved"),
    ):
        assert await refused(asking) == "line_touched"
    assert await refused(corrections.dispute(NODE, "visit:1", "more")) == "line_closed"
    state = await queries.line("visit:1")
    assert state is not None
    assert (state.state, state.set_aside_pence, state.disputed_pence, state.worker_pence) == ("disputed", 0, 400, 510)


async def test_a_lost_dispute_is_recorded_as_the_part_it_was(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    await corrections.dispute(NODE, "visit:1", "wrong", fee_pence=400)
    by, keeper = NODE, books.treasurer
    assert (
        await refused(corrections.resolve(by, "visit:1", "k", fee_pence=401, because="x"), Invalid) == "more_than_held"
    )
    assert await refused(corrections.resolve(by, "visit:1", "k", fee_pence=0, because=""), Invalid) == "no_reason"
    assert (
        await refused(corrections.resolve(keeper, "visit:1", "k", fee_pence=0, because="x"), Forbidden) == "forbidden"
    )
    await corrections.resolve(by, "visit:1", "k", fee_pence=100, because="It was an hour short")
    state = await queries.line("visit:1")
    assert state is not None
    assert (state.state, state.returned_pence, state.worker_pence, state.circles_pence) == ("released", 300, 595, 105)
    assert await refused(corrections.resolve(by, "visit:1", "2", fee_pence=0, because="x")) == "not_disputed"


async def test_money_that_was_spent_cannot_be_taken_back_by_undoing_the_top_up(node: Node) -> None:
    books = await open_books()
    entry = await books.top_up(1000)
    await books.set_aside("visit:1", 600)
    sentence = "There is not enough credit for this. There is £4, and £10 is needed."
    with pytest.raises(Conflict, match=sentence) as caught:
        await corrections.reverse(books.treasurer, entry, "undo", because="Bounced")
    assert caught.value.code == "short_2000"
    assert len(await entries(books)) == 2


async def test_fees_are_given_back_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    await actions.release(NODE, "visit:1", "went")
    entry = await last_entry("visit:1")
    assert entry is not None
    undone = await corrections.reverse(books.treasurer, entry, "undo", because="Wrong visit")
    assert await refused(corrections.reverse(books.treasurer, entry, "undo 2", because="Again")) == "already_reversed"
    assert await refused(corrections.reverse(books.treasurer, undone, "redo", because="Back")) == "not_reversible"
    assert await queries.trial_balance() == {"1000": 1000, "2000": 0, "2100": -1000, "2200": 0, "4000": 0}


async def test_a_top_up_is_undone_once(node: Node) -> None:
    books = await open_books()
    entry = await books.top_up(1000, "one")
    await books.top_up(1000, "two")
    await corrections.reverse(books.treasurer, entry, "undo", because="Not ours")
    assert await refused(corrections.reverse(books.treasurer, entry, "undo 2", because="Again")) == "already_reversed"
    assert await queries.credit_pence(books.payer) == 1000


async def test_only_the_newest_entry_of_a_line_is_undone(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    held = await last_entry("visit:1")
    assert held is not None
    await actions.release(NODE, "visit:1", "went")
    assert await refused(corrections.reverse(books.treasurer, held, "undo", because="Wrong")) == "not_newest"
    released = await last_entry("visit:1")
    assert released is not None
    await corrections.reverse(books.treasurer, released, "undo 1", because="Wrong")
    await corrections.reverse(books.treasurer, held, "undo 2", because="Wrong")
    assert await queries.credit_pence(books.payer) == 1000
    state = await queries.line("visit:1")
    assert state is not None
    assert state.state == "returned"
    await verify()


# ---------------------------------------------------------------- no one is paid from another's money


async def test_what_a_circle_owes_us_pays_nobody_until_it_has_paid(node: Node) -> None:
    """Payers' money lies in the bank, and our worker waits for another circle: the two never meet."""
    books = await open_books()
    await books.top_up(100_000)
    await actions.owe_worker_from(
        NODE, "circle A", "claim:1", books.worker, 6000, 0,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    awaiting = chart.worker(books.worker, awaiting="circle A")
    ready, transit = chart.worker(books.worker), chart.Account("2290", books.worker)
    act = Act(NODE, "test", "act")
    async with write():
        with pytest.raises(ValueError, match="not paid out before"):
            await ledger.post(act, Draft(kind="payout", key="1", body={}), [Leg(awaiting, transit, 5100)])
    for legs in (
        # Paid as if it had come; paid through the worker's ready account; its commission swept; the bank emptied.
        [Leg(awaiting, ready, 5100)],
        [Leg(awaiting, ready, 5100), Leg(ready, transit, 5100), Leg(transit, chart.BANK, 5100)],
        [Leg(chart.OPERATING, chart.BANK, 450)],
    ):
        assert await refused(post(act, legs)) == "cash_short"
    # The circle lends it from its own purse, or the other one settles.
    async with write():
        fronted = [Leg(awaiting, ready, 1000), Leg(chart.BANK, chart.OPERATING, 1000)]
        await ledger.post(act, Draft(kind="fronted", key="2", body={}), fronted)
    async with write():
        settled = [Leg(awaiting, ready, 4100), Leg(chart.BANK, chart.due_from("circle A"), 5550)]
        await ledger.post(act, Draft(kind="settled", key="3", body={}), settled)
        await ledger.post(act, Draft(kind="swept", key="4", body={}), [Leg(chart.OPERATING, chart.BANK, 1450)])
    assert await ledger.spare_cash() == 0
    await verify()


async def post(act: Act, legs: list[Leg]) -> None:
    async with write():
        await ledger.post(act, Draft(kind="try", key="try", body={}), legs)


async def test_the_circle_sweeps_what_it_earned_and_not_a_penny_more(node: Node) -> None:
    books = await open_books()
    await books.top_up(6000)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    act = Act(NODE, "test", "act")
    assert await refused(post(act, [Leg(chart.OPERATING, chart.BANK, 901)])) == "cash_short"
    await post(act, [Leg(chart.OPERATING, chart.BANK, 900)])
    assert await ledger.spare_cash() == 0


# ---------------------------------------------------------------- the chain


async def test_entries_are_chained_soon_after_and_an_idle_node_writes_nothing(node: Node) -> None:
    books = await open_books()
    await books.top_up(500)
    await node.settle()
    assert await fetch_value("SELECT COUNT(*) FROM entry_chain") == 1
    await node.settle()
    assert await fetch_value("SELECT COUNT(*) FROM job WHERE kind = 'escrow.chain'") == 0
    await books.top_up(600)
    await books.top_up(700)
    await node.settle()
    assert [row[0] for row in await fetch("SELECT entry_id FROM entry_chain ORDER BY id")] == [1, 2, 3]


async def test_an_entry_that_commits_late_is_chained_after_its_successors(node: Node) -> None:
    """PostgreSQL hands out numbers before it commits; the chain follows the order in which it meets entries."""
    books = await open_books()
    for number in range(1, 4):
        await books.top_up(number * 100)
    async with write():
        head = ""
        for entry in (1, 3):
            digest = await fetch_value("SELECT digest FROM entry WHERE id = ?", entry)
            head = ledger.chained(head, digest)
            await fetch("INSERT INTO entry_chain (entry_id, chain) VALUES (?, ?)", entry, head)
    await node.settle()
    assert [row[0] for row in await fetch("SELECT entry_id FROM entry_chain ORDER BY id")] == [1, 3, 2]
    assert (await verify())["unchained"] == 0
