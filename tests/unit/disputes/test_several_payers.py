"""Where several pay for a visit, each is heard, bears their own part of what is missing, and lets only their own part rest."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.disputes import actions, queries
from eccoo_node.escrow import payers, sharing, treasury
from eccoo_node.escrow.actions import top_up
from eccoo_node.escrow.sharing import State, Terms
from eccoo_node.kernel import access
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import actions as people
from eccoo_node.rota import actions as rota
from eccoo_node.rota import due
from eccoo_node.rota import queries as visits
from tests.support import make
from tests.support.node import Node
from tests.support.questions import THURSDAY, Cast, cast


async def shared(node: Node) -> tuple[Cast, str]:
    """Ada pays three fifths out of what is there; Bill two fifths for the council, after each visit."""
    them = await cast(node)
    tess = await them.be("Tess")
    council = await make.payer(them.ids["Ada"], them.ids["Bill"], fund="council", share_bps=4000)
    async with write():
        await fetch("UPDATE payer SET share_bps = 6000 WHERE id = ?", them.payer)
    await payers.pays_after(tess, council, True, decision_id=await make.decision(about="pays_after"))
    await treasury.own_money(tess, 100_000, "own", because="x")
    return them, council


async def owing(payer: str) -> tuple[int, int]:
    """What a payer has here, and what they owe."""
    rows = await fetch("SELECT code, balance_pence FROM account WHERE holder = ? AND code IN ('2000', '1100')", payer)
    found = {row[0]: int(row[1]) for row in rows}
    return -found.get("2000", 0), found.get("1100", 0)


async def test_what_is_missing_is_shared_as_it_was_set_aside_and_needs_the_yes_of_each(node: Node) -> None:
    them, council = await shared(node)
    visit = await them.went("shorter", minutes=60)
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=60)
    # £23.60 of £33.60: each had back three fifths and two fifths of the £10.
    assert (await owing(them.payer), await owing(council)) == ((10_000 - 1416, 0), (0, 944))
    await actions.raise_question(await them.be("Wren"), visit_id=visit, part="minutes", minutes=85)
    one = await them.question(visit)
    assert (one.whole_pence, one.needed) == (833, {"worker", them.ids["Ada"], them.ids["Bill"]})
    bill = await them.be("Bill")
    assert [found.id for found in await queries.open_for(them.ids["Bill"])] == [one.id]
    assert await them.told("Bill") == ["money_question"]
    assert visit in [found.id for found in await queries.paid_visits(bill, THURSDAY - timedelta(days=1))]
    assert access.may(bill, "disputes.agree", await visits.thing_of(await visits.visit(visit), payer=True))
    assert not await them.agree("Ada", one)
    assert not await them.agree("Ada", one)
    assert "1300" not in await them.sums()
    assert (await owing(them.payer), await owing(council)) == ((10_000 - 1416, 0), (0, 944))
    assert await them.agree("Bill", one)
    # 499.80 and 333.20: the odd penny falls to the largest remainder, and what pays after owes it.
    assert (await owing(them.payer), await owing(council)) == ((10_000 - 1916, 0), (0, 1277))
    await them.sums()


async def test_whoever_lets_their_question_rest_leaves_what_the_others_asked(node: Node) -> None:
    them, council = await shared(node)
    visit = await them.went()
    bill = await them.be("Bill")
    await actions.raise_question(bill, visit_id=visit, part="travel", words="It is next door.")
    with pytest.raises(Conflict, match="in question already"):
        await actions.raise_question(bill, visit_id=visit, part="whole")
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=60) == "said"
    one = await them.question(visit)
    assert (one.apart_pence, one.let_go_pence, one.needed) == (1360, 1700, {"worker", "theirs", them.ids["Bill"]})
    await actions.withdraw(bill, question_id=one.id)
    one = await them.question(visit)
    assert (one.open, one.fee_pence, one.travel_pence, one.apart_pence) == (True, 1000, 0, 1000)
    assert one.needed == {"worker", "theirs"}
    sums = await them.sums()
    assert (sums["2110"], sums["2210"], sums["2200"]) == (-1000, -360, -1700)
    with pytest.raises(Conflict, match="Whoever asked this"):
        await actions.withdraw(bill, question_id=one.id)
    assert await them.agree("Wren", one)
    # The £10 goes back as it was given.
    assert (await owing(them.payer), await owing(council)) == ((10_000 - 1416, 0), (0, 944))
    assert "2110" not in await them.sums()


async def test_another_who_pays_asks_as_well_and_both_say_yes_to_a_split(node: Node) -> None:
    them, _ = await shared(node)
    visit = await them.went()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    await actions.raise_question(await them.be("Bill"), visit_id=visit, part="sum", sum_pence=500)
    await actions.raise_question(await them.be("Ada"), visit_id=visit, part="sum", sum_pence=1000)
    one = await them.question(visit)
    assert (one.stands, one.whole_pence) == ("paid", 1000)
    await actions.propose(await them.be("Wren"), question_id=one.id, sum_pence=400)
    before = await them.sums()
    assert not await them.agree("Bill", one)
    assert await them.sums() == before
    assert await them.agree("Ada", one)
    assert (await them.question(visit)).given_fee_pence == 400


async def test_of_several_who_asked_only_those_wait_whose_part_is_still_due(node: Node) -> None:
    them, _ = await shared(node)
    lea = await make.payer(them.ids["Ada"], them.ids["Lea"], fund="family", share_bps=3000)
    async with write():
        await fetch("UPDATE payer SET share_bps = 3000 WHERE id = ?", them.payer)
    await top_up(NODE, lea, 10_000, key="Lea's")
    visit = await them.went()
    await actions.raise_question(await them.be("Bill"), visit_id=visit, part="travel")
    await actions.raise_question(await them.be("Lea"), visit_id=visit, part="minutes", minutes=60)
    await people.say_standing(await them.be("Fay"), them.ids["Ada"], "died")
    await make.hat(them.ids["Mia"], await make.circle(), "treasurer")
    # Just what Lea took to be right: of what she asked about nothing is left.
    await due.write_due(await them.be("Mia"), visit_id=visit, minutes=60, because="Her daughter was there.")
    one = await them.question(visit)
    assert (one.stands, one.fee_pence, one.travel_pence, one.needed) == ("apart", 0, 360, {"worker", them.ids["Bill"]})
    assert (await them.sums())["2200"] == -1700
    await actions.withdraw(await them.be("Bill"), question_id=one.id)
    assert ("2110" in await them.sums(), (await them.sums())["2210"]) == (False, -360)


@given(st.data())
def test_a_part_that_rests_goes_whole_and_the_end_is_the_same_to_the_penny(data: st.DataObject) -> None:
    fee = data.draw(st.integers(1, 9000))
    terms = Terms(fee, data.draw(st.integers(0, 900)), data.draw(st.integers(0, 2000)), data.draw(st.integers(0, 3000)))
    part = data.draw(st.integers(1, fee)), data.draw(st.integers(0, terms.travel_pence))
    rests = data.draw(st.integers(0, part[0])), data.draw(st.integers(0, part[1]))
    apart, state = sharing.set_apart(terms, State(), *part)
    due = sharing.left(terms, state)
    _, state = sharing.release(terms, state, *due)
    given_, after = sharing.resolve_part(terms, state, *rests)
    assert (given_.returned_pence, given_.fee_pence, given_.travel_pence) == (0, *rests)
    assert sharing.disputed_pence(after) == apart - sum(rests) - given_.contribution_pence >= 0
    assert after.disputed_contribution_pence >= 0
    kept = data.draw(st.integers(0, part[0] - rests[0])), data.draw(st.integers(0, part[1] - rests[1]))
    _, end = sharing.resolve(terms, after, *kept)
    _, at_once = sharing.resolve(terms, state, rests[0] + kept[0], rests[1] + kept[1])
    assert end == at_once


@given(st.integers(1, 9000), st.integers(0, 2000), st.data())
def test_what_is_due_of_the_rest_never_leaves_what_is_apart_a_penny_short(
    fee: int, add: int, data: st.DataObject
) -> None:
    terms, part = Terms(fee, 0, add, 1500), data.draw(st.integers(1, fee))
    due, gives = data.draw(st.integers(0, fee - part)), data.draw(st.integers(0, part))
    _, state = sharing.set_apart(terms, State(), part, 0, due_pence=due)
    went, state = sharing.release(terms, state, due, 0) if sharing.held_pence(terms, state) else (None, state)
    given_, end = sharing.resolve(terms, state, gives, 0)
    assert given_.returned_pence >= 0
    assert went is None or went.returned_pence >= 0
    assert sharing.held_pence(terms, end) == 0
