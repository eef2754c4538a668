"""A visit that is not paid for yet is settled between the two as one with money is: what they agree on is then owed."""

from datetime import timedelta

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.disputes import actions, queries, resolving
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import treasury
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits
from eccoo_node.rota import say, unpaid, weekly
from tests.support.node import Node
from tests.support.questions import HEARD, Cast, cast

WHOLE = 3360


async def asked(them: Cast, by: str = "Tess", **answer: object) -> queries.Question:
    """Wren has been for £30 and £3.60 of travel, which nobody had the money for; Ada says otherwise, and money comes."""
    await treasury.refund(await them.be(by), them.payer, 10_000, "out")
    visit = await them.went()
    assert (await visits.visit(visit)).line == ""
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, **answer) == "said"
    await escrow.top_up(NODE, them.payer, 5000, key="more")
    await jobs.drain()
    return await them.question(visit)


async def stands(one: queries.Question) -> tuple[str, int, bool]:
    found = await visits.visit(one.visit_id)
    return found.state, found.fee_pence + found.travel_pence, bool(found.line)


async def test_no_money_goes_before_it_is_settled_and_the_list_says_why(node: Node) -> None:
    them = await cast(node)
    one = await asked(them, answer="no")
    assert (one.stands, one.whole_pence, one.needed) == ("unpaid", WHOLE, {"worker", "theirs"})
    assert await stands(one) == ("said", WHOLE, False)
    [short] = await unpaid.everywhere(await them.be("Fay"))
    assert say.to_ring_about(short, node.clock()) == (
        "Ada: one visit, today at 9am. What is due is in question. Nothing has to be paid until that is settled. "
        "Please ring Ada."
    )
    node.clock.move(timedelta(days=30))
    await weekly.pay_due_weeks()
    await jobs.drain()
    assert await stands(one) == ("said", WHOLE, False)
    assert "money_to_ring" in await them.told("Fay")
    assert [found.id for found in await queries.open_questions(await them.be("Fay"))] == [one.id]


async def test_nothing_is_owed_for_a_no_that_the_worker_agrees_to(node: Node) -> None:
    them = await cast(node)
    one = await asked(them, answer="no")
    assert await them.agree("Wren", one)
    await jobs.drain()
    assert await stands(one) == ("stopped", 0, False)
    assert await unpaid.everywhere(await them.be("Fay")) == []
    sums = await them.sums()
    assert (sums["2000"], "2200" in sums) == (-5000, False)


@pytest.mark.parametrize(
    "how, due, worker", [("agreed", 2360, 2060), ("split", 2860, 2485), ("rests", WHOLE, 2910), ("yes", WHOLE, 2910)]
)
async def test_what_is_agreed_is_what_is_then_paid(node: Node, how: str, due: int, worker: int) -> None:
    them = await cast(node)
    one = await asked(them, answer="partly", minutes=60)
    assert one.whole_pence == 1000
    if how == "yes":
        await rota.answer_visit(await them.be("Ada"), visit_id=one.visit_id, answer="yes")
    elif how == "rests":
        await actions.withdraw(await them.be("Ada"), question_id=one.id)
    else:
        if how == "split":
            await actions.propose(await them.be("Wren"), question_id=one.id, sum_pence=500)
        assert await them.agree("Ada" if how == "split" else "Wren", one)
    await jobs.drain()
    assert await stands(one) == ("settled", due, True)
    sums = await them.sums()
    assert (-sums["2200"] - sums["2210"], -sums["2000"]) == (worker, 5000 - due)
    assert [row[0] for row in await fetch("SELECT ended FROM money_question")] == [
        "agreed" if how in {"agreed", "split"} else "withdrawn"
    ]


async def test_whoever_decides_can_say_what_is_due(node: Node) -> None:
    # Tess pays, also where nothing is in the books yet: so she does not decide it.
    them = await cast(node, pays="Tess", treasurers=("Tess", "Bill"))
    one = await asked(them, "Bill", answer="no")
    assert "Tess" in one.payers.values()
    await resolving.have_heard_both(await them.be("Fay"), question_id=one.id, **HEARD)
    with pytest.raises(Forbidden):
        await resolving.resolve(await them.be("Tess"), question_id=one.id, sum_pence=0, words="Nothing.")
    await resolving.resolve(await them.be("Bill"), question_id=one.id, sum_pence=1680, words="Half each.")
    await jobs.drain()
    assert await stands(one) == ("settled", 1680, True)
