"""A worker who says that it was shorter asks for that and no more, whatever else is in question."""

import pytest

from eccoo_node.db import jobs
from eccoo_node.disputes import actions, queries, resolving
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import treasury
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members import actions as people
from eccoo_node.rota import actions as rota
from eccoo_node.rota import due
from eccoo_node.rota import queries as visits
from tests.support.node import Node
from tests.support.questions import HEARD, Cast, cast

# 30 of 90 minutes: £10 of £30, of which £8.50 is Wren's; and £3.60 of travel.
SHORTER = 1000


async def worker(them: Cast) -> tuple[int, int]:
    sums = await them.sums()
    return -sums.get("2200", 0), -sums.get("2210", 0)


async def asked(them: Cast, *, paid: bool, **answer: object) -> queries.Question:
    if not paid:
        await treasury.refund(await them.be("Tess"), them.payer, 10_000, "out")
    visit = await them.went("shorter", minutes=30)
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, **answer) == "said"
    return await them.question(visit)


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize(
    "answer, waits, agreed",
    [
        ({"answer": "wrong", "part": "travel"}, (0, 360), (850, 0)),
        ({"answer": "wrong", "part": "minutes", "minutes": 15}, (500, 0), (425, 360)),
        ({"answer": "partly", "minutes": 15}, (500, 0), (425, 360)),
        ({"answer": "wrong", "part": "whole"}, (SHORTER, 360), (0, 0)),
        ({"answer": "no"}, (SHORTER, 360), (0, 0)),
    ],
)
@pytest.mark.parametrize("ends", ["agreed", "rests", "decided"])
async def test_what_the_worker_said_is_the_most_that_goes(
    node: Node, paid: bool, answer: dict[str, object], waits: tuple[int, int], agreed: tuple[int, int], ends: str
) -> None:
    them = await cast(node)
    one = await asked(them, paid=paid, **answer)
    assert (one.fee_pence, one.travel_pence) == waits
    if paid:
        # What nobody asks for is back at once.
        assert (await them.sums())["2000"] == -(10_000 - SHORTER - 360)
    if ends == "agreed":
        assert await them.agree("Wren", one)
    elif ends == "rests":
        await actions.withdraw(await them.be("Ada"), question_id=one.id)
    else:
        await resolving.have_heard_both(await them.be("Fay"), question_id=one.id, **HEARD)
        await resolving.resolve(
            await them.be("Tess"), question_id=one.id, sum_pence=one.whole_pence, words="As Wren said."
        )
    if not paid:
        await escrow.top_up(NODE, them.payer, 10_000, key="more")
        await jobs.drain()
    assert await worker(them) == (agreed if ends == "agreed" else (850, 360))
    sums = await them.sums()
    assert ("2100" in sums, "2110" in sums) == (False, False)
    assert (await visits.visit(one.visit_id)).state == ("stopped" if sums["2000"] == -10_000 else "settled")


@pytest.mark.parametrize("minutes", [30, 60])
async def test_of_a_shorter_time_that_the_person_does_not_put_lower_nothing_is_in_question(
    node: Node, minutes: int
) -> None:
    them = await cast(node)
    visit = await them.went("shorter", minutes=30)
    answer = {"answer": "wrong", "part": "minutes", "minutes": minutes}
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, **answer) == "settled"
    assert (await worker(them), await queries.of_visit(visit)) == ((850, 360), [])


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("answer", [{"answer": "yes"}, {"answer": "partly", "minutes": 60}])
async def test_a_yes_pays_the_worker_for_as_long_as_they_say(node: Node, paid: bool, answer: dict[str, object]) -> None:
    them = await cast(node)
    if not paid:
        await treasury.refund(await them.be("Tess"), them.payer, 10_000, "out")
    visit = await them.went("shorter", minutes=30)
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, **answer) == "settled"
    if not paid:
        await escrow.top_up(NODE, them.payer, 10_000, key="more")
        await jobs.drain()
    assert (await worker(them), (await them.sums())["2000"]) == ((850, 360), -(10_000 - SHORTER - 360))


@pytest.mark.parametrize("answer", [{"answer": "no"}, {"answer": "wrong", "part": "travel"}, {"answer": "wrong"}])
async def test_nothing_goes_to_a_worker_who_says_that_they_did_not_go(node: Node, answer: dict[str, object]) -> None:
    them = await cast(node)
    visit = await them.went("did_not_go")
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, **answer) == "stopped"
    assert (await them.sums(), (await visits.visit(visit)).line) == ({"1000": 10_000, "2000": -10_000}, "")


@pytest.mark.parametrize(
    "ask, waits",
    [
        ({"part": "minutes", "minutes": 15}, (500, 0)),
        ({"part": "sum", "sum_pence": 300}, (300, 0)),
        ({"part": "travel"}, (0, 360)),
        ({"part": "whole"}, (SHORTER, 360)),
    ],
)
async def test_whoever_pays_asks_about_what_the_worker_said_and_no_more_goes(
    node: Node, ask: dict[str, object], waits: tuple[int, int]
) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went("shorter", minutes=30)
    with pytest.raises(Invalid):
        await actions.raise_question(await them.be("Bill"), visit_id=visit, part="sum", sum_pence=SHORTER + 1)
    await actions.raise_question(await them.be("Bill"), visit_id=visit, **ask)
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=30)
    one = await them.question(visit)
    assert (one.stands, one.fee_pence, one.travel_pence) == ("apart", *waits)
    # Once it rests, Wren has what he said and no more.
    await actions.withdraw(await them.be("Bill"), question_id=one.id)
    assert await worker(them) == (850, 360)


@pytest.mark.parametrize(
    "ask",
    [{"part": "minutes", "minutes": 30}, {"part": "sum", "sum_pence": 1000}, {"part": "travel"}, {"part": "whole"}],
)
@pytest.mark.parametrize("minutes, fee", [(0, 0), (1, 29), (30, 850), (60, 1700), (90, 2550)])
async def test_what_is_written_down_as_due_goes_whatever_whoever_pays_asked_about(
    node: Node, ask: dict[str, object], minutes: int, fee: int
) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    await actions.raise_question(await them.be("Bill"), visit_id=visit, **ask)
    await people.say_standing(await them.be("Fay"), them.ids["Ada"], "died")
    await due.write_due(await them.be("Tess"), visit_id=visit, minutes=minutes, because="Her daughter was there.")
    if not minutes:
        assert await them.sums() == {"1000": 10_000, "2000": -10_000}
        assert ((await visits.visit(visit)).state, (await them.question(visit)).state) == ("stopped", "ended")
        return
    # What Bill does not ask about goes at once, and never more than was written; once he lets it rest, all of that.
    if (await them.question(visit)).open:
        await actions.withdraw(await them.be("Bill"), question_id=(await them.question(visit)).id)
    assert await worker(them) == (fee, 360)
    assert (await visits.visit(visit)).state == "settled"


async def test_no_more_is_written_down_as_due_than_the_worker_said(node: Node) -> None:
    them = await cast(node)
    visit = await them.went("shorter", minutes=30)
    await people.say_standing(await them.be("Fay"), them.ids["Ada"], "died")
    with pytest.raises(Invalid, match="from 0 to 30"):
        await due.write_due(await them.be("Tess"), visit_id=visit, minutes=31, because="Her daughter was there.")
    await due.write_due(await them.be("Tess"), visit_id=visit, minutes=30, because="Her daughter was there.")
    assert await worker(them) == (850, 360)
