"""Money that is in question: only that part waits, the two settle it, and every penny leaves it once."""

from datetime import timedelta

import pytest

from eccoo_node.disputes import actions, queries
from eccoo_node.disputes import resolving as helping
from eccoo_node.escrow import payers, treasury
from eccoo_node.escrow import queries as books
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, Refusal
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits
from eccoo_node.rota.web import for_others
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.support.questions import HEARD, THURSDAY, Cast, both_at_once, cast


async def refused(asking: object, kind: type[Refusal] = Conflict) -> str:
    with pytest.raises(kind) as found:
        await asking  # type: ignore[misc]
    return found.value.code


async def test_only_the_part_in_question_waits_and_the_worker_can_say_that_is_right(node: Node) -> None:
    them = await cast(node)
    one = await them.asked()
    # £20 of the fee and the travel went at once; £10 waits; 66.40 was never set aside.
    assert await them.sums() == {
        "1000": 10_000,
        "2000": -6640,
        "2110": -1000,
        "2200": -1700,
        "2210": -360,
        "4000": -300,
    }
    assert (one.stands, one.apart_pence, one.let_go_pence, one.waits_for) == ("apart", 1000, 2060, "worker")
    assert await them.told("Wren") == ["money_question"]
    # Whoever has answered, on their own page too, need not be rung about it.
    left = [n.news for n in await visits.news_to_bring() if n.called == "Ada"]
    assert (await them.told("Ada"), left) == (["how_did_it_go"], [])
    assert await refused(them.agree("Ada", one)) == "own_split"
    assert await refused(them.agree("Mia", one), Forbidden) == "forbidden"
    assert await them.agree("Wren", one)
    assert await them.sums() == {"1000": 10_000, "2000": -7640, "2200": -1700, "2210": -360, "4000": -300}
    assert (await visits.visit(one.visit_id)).state == "settled"
    assert await refused(them.agree("Wren", one)) == "ended"
    assert await them.kinds(one) == [
        ("theirs", "asked_minutes"), ("node", "apart"), ("node", "let_go"), ("worker", "agreed"), ("node", "moved_apart"),
    ]  # fmt: skip
    # Ongoing care is never touched by it.
    assert (await visits.visit(await them.visit(days=2))).line


@pytest.mark.parametrize(
    "answer, waits, gone",
    [
        ({"answer": "wrong", "part": "travel"}, 360, 2550),
        ({"answer": "wrong", "part": "minutes", "minutes": 45}, 1500, 1275 + 360),
        ({"answer": "wrong", "part": "whole"}, 3360, 0),
        ({"answer": "no", "minutes": None}, 3360, 0),
    ],
)
async def test_each_part_that_can_be_in_question(node: Node, answer: dict[str, object], waits: int, gone: int) -> None:
    them = await cast(node)
    one = await them.asked(**{"minutes": None} | answer)
    assert (one.apart_pence, one.let_go_pence) == (waits, gone)
    assert (await them.sums())["2110"] == -waits
    await actions.withdraw(await them.be("Ada"), question_id=one.id)
    await actions.withdraw(await them.be("Ada"), question_id=one.id)
    assert await them.sums() == {"1000": 10_000, "2000": -6640, "2200": -2550, "2210": -360, "4000": -450}
    assert await them.told("Wren") == ["money_question", "money_settled"]


async def test_where_both_say_the_same_nothing_is_in_question(node: Node) -> None:
    them = await cast(node)
    visit = await them.went("shorter", minutes=60)
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=60) == "settled"
    assert await queries.of_visit(visit) == []
    assert (await them.sums())["2200"] == -1700


async def test_a_split_is_proposed_back_and_forth_and_only_the_newest_can_be_agreed_to(node: Node) -> None:
    them = await cast(node)
    one = await them.asked(answer="wrong", part="whole", minutes=None)
    first = await them.split(one)
    for wrong in (3361, -1):
        asking = actions.propose(await them.be("Wren"), question_id=one.id, sum_pence=wrong)
        assert await refused(asking, Invalid) == "bad_amount"
    await actions.propose(await them.be("Wren"), question_id=one.id, sum_pence=3000, words="I was there.")
    assert await refused(actions.agree(await them.be("Ada"), question_id=one.id, split_id=first)) == "newer_split"
    assert await them.told("Ada") == ["how_did_it_go", "money_split"]
    # Alan's like: whoever may only say how a visit went has no say in what it costs.
    ruth = await them.be("Ruth", acting_for=them.ids["Ada"])
    assert (
        await refused(actions.agree(ruth, question_id=one.id, split_id=await them.split(one)), Forbidden) == "forbidden"
    )
    assert await them.agree("Ada", one)
    ended = await them.question(one.visit_id)
    # 3000 of 3360, in proportion: 2679 of the fee and 321 of the travel.
    assert (ended.ended, ended.given_fee_pence, ended.given_travel_pence) == ("agreed", 2679, 321)
    assert await them.sums() == {"1000": 10_000, "2000": -7000, "2200": -2278, "2210": -321, "4000": -401}


async def test_news_of_a_split_goes_once_it_is_answered_and_is_not_a_colleagues_to_bring(node: Node) -> None:
    them = await cast(node)
    one = await them.asked(answer="wrong", part="whole", minutes=None)
    await actions.propose(await them.be("Wren"), question_id=one.id, sum_pence=3000)

    async def to_bring(called: str) -> list[str]:
        rows = await for_others(await them.be(called), await visits.news_to_bring())
        return [n.news for n in rows if n.called == "Ada"]

    async def read(called: str) -> set[str]:
        return {n.news for n in await visits.news_of(them.ids[called], MONDAY)} - {"how_did_it_go"}

    assert (await to_bring("Fay"), await read("Ada"), await read("Wren")) == (["money_split"], {"money_split"}, set())
    await make.hat(them.ids["Mia"], (await visits.visit(one.visit_id)).team_id, "worker")
    await make.hat(them.ids["Mia"], await make.circle(), "facilitator")
    assert await to_bring("Mia") == []
    await them.agree("Ada", one)
    assert (await to_bring("Fay"), await read("Ada"), await read("Wren")) == ([], set(), {"money_settled"})


async def test_a_second_answer_says_that_it_is_in_question_already(node: Node) -> None:
    """From a page that was left open, or from a second phone."""
    them = await cast(node)
    one = await them.asked(answer="wrong", part="whole", minutes=None)
    before = await them.sums()
    for answer, minutes in (("yes", None), ("partly", 60)):
        told = rota.answer_visit(await them.be("Ada"), visit_id=one.visit_id, answer=answer, minutes=minutes)
        assert await refused(told) == "in_question"
    assert await rota.answer_visit(await them.be("Ada"), visit_id=one.visit_id, answer="no") == "said"
    assert await them.sums() == before


async def test_what_was_paid_comes_back_only_with_the_workers_yes(node: Node) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    before = await them.sums()
    one = await actions.raise_question(await them.be("Bill"), visit_id=visit, part="sum", sum_pence=1000)
    assert await refused(actions.raise_question(await them.be("Ada"), visit_id=visit, part="whole")) == "in_question"
    assert await them.sums() == before
    tess, fay = await them.be("Tess"), await them.be("Fay")
    await helping.have_heard_both(fay, question_id=one, **HEARD)
    assert await refused(helping.resolve(tess, question_id=one, sum_pence=500, words="Half")) == "needs_yes"
    await actions.propose(fay, question_id=one, sum_pence=500, words="Half each.")
    found = await them.question(visit)
    assert not await them.agree("Bill", found)
    assert await them.sums() == before
    assert await them.agree("Wren", found)
    assert await them.sums() == {"1000": 10_000, "2000": -7140, "2200": -2125, "2210": -360, "4000": -375}
    assert [entry for entry in await them.kinds(found) if entry[1] == "proposed"] == [("circle", "proposed")]


async def test_what_is_missing_is_paid_by_the_yes_of_whoever_pays(node: Node) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    assert (await them.sums())["2200"] == -2550
    asking = actions.raise_question(await them.be("Wren"), visit_id=visit, part="minutes", minutes=90)
    assert await refused(asking, Invalid) == "nothing_missing"
    second = await them.visit(days=1)
    node.clock.set(THURSDAY + timedelta(days=1, hours=2))
    await rota.say_how_it_went(await them.be("Wren"), visit_id=second, answer="shorter", minutes=45)
    await rota.answer_visit(await them.be("Ada"), visit_id=second, answer="partly", minutes=45)
    await actions.raise_question(await them.be("Wren"), visit_id=second, part="minutes", minutes=90, words="A slip.")
    one = await them.question(second)
    assert (one.stands, one.whole_pence) == ("more", 1500)
    assert await refused(them.agree("Ada", one)) == "payer_first"
    assert await them.agree("Bill", one)
    assert (await them.sums())["2200"] == -2550 * 2
    line = await books.line(f"visit:{second}:more:{one.id[-8:]}")
    assert line is not None
    assert line.worker_pence == 1275


async def test_whoever_pays_asks_before_the_visit_is_confirmed_and_that_part_alone_waits(node: Node) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    await actions.raise_question(await them.be("Bill"), visit_id=visit, part="travel", words="It is next door.")
    assert (await them.question(visit)).stands == "waiting"
    one = await them.question(visit)
    assert await refused(them.agree("Wren", one)) == "not_yet"
    assert "2110" not in await them.sums()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    assert await them.sums() == {"1000": 10_000, "2000": -6640, "2110": -360, "2200": -2550, "4000": -450}
    await them.agree("Wren", await them.question(visit))
    assert "2110" not in await them.sums()


async def test_the_one_question_grows_when_the_person_asks_more(node: Node) -> None:
    them = await cast(node, pays="Bill")
    visit = await them.went()
    await actions.raise_question(await them.be("Bill"), visit_id=visit, part="travel")
    assert await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=60) == "said"
    one = await them.question(visit)
    assert (one.fee_pence, one.travel_pence, one.apart_pence) == (1000, 360, 1360)
    assert (await them.sums())["2200"] == -1700


async def test_each_penny_leaves_once_however_many_end_it_at_once(node: Node) -> None:
    them = await cast(node)
    one = await them.asked()
    await helping.have_heard_both(await them.be("Fay"), question_id=one.id, **HEARD)
    tess = await them.be("Tess")
    found = await both_at_once(
        helping.resolve(tess, question_id=one.id, sum_pence=400, words="So"),
        helping.resolve(tess, question_id=one.id, sum_pence=600, words="Or so"),
        actions.withdraw(await them.be("Ada"), question_id=one.id),
        them.agree("Wren", one),
    )
    assert found == ["done", "ended", "ended", "ended"]
    sums = await them.sums()
    assert "2110" not in sums
    assert sum(sums.values()) == 0
    assert len([kind for _, kind in await them.kinds(one) if kind == "moved_apart"]) == 1


async def test_after_five_working_days_a_facilitator_is_told_to_ring_and_again_after_five_more(node: Node) -> None:
    them = await cast(node)
    one = await them.asked()
    assert one.next_at == THURSDAY.replace(hour=18) + timedelta(days=7)
    node.clock.set(one.next_at)
    await node.settle()
    assert await them.told("Fay") == ["money_to_ring"]
    again = (await them.question(one.visit_id)).next_at
    assert again == one.next_at + timedelta(days=7)
    await actions.say(await them.be("Wren"), question_id=one.id, words="I was there until ten.")
    assert (await them.question(one.visit_id)).waits_for == "theirs"
    node.clock.set(again + timedelta(days=7))
    await node.settle()
    assert await them.told("Fay") == ["money_to_ring"] * 2


async def shorter(them: Cast) -> str:
    """A visit of which both sides said an hour, where an hour and a half was agreed."""
    visit = await them.went("shorter", minutes=60)
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="partly", minutes=60)
    return visit


async def test_only_whoever_pays_proposes_what_costs_them_more_or_what_they_asked_about(node: Node) -> None:
    them = await cast(node, pays="Bill")
    visit = await shorter(them)
    before = await them.sums()
    more = await actions.raise_question(await them.be("Wren"), visit_id=visit, part="minutes", minutes=90)
    asking = actions.propose(await them.be("Ada"), question_id=more, sum_pence=1000)
    assert await refused(asking) == "payer_first"
    assert await them.sums() == before
    await actions.propose(await them.be("Bill"), question_id=more, sum_pence=500)
    assert await them.agree("Wren", await them.question(visit))
    own = await actions.raise_question(await them.be("Bill"), visit_id=visit, part="whole")
    asking = actions.propose(await them.be("Ada"), question_id=own, sum_pence=(await them.question(visit)).whole_pence)
    assert await refused(asking) == "payer_first"
    assert (await them.question(visit)).open


async def test_what_was_missing_is_paid_once(node: Node) -> None:
    them = await cast(node)
    visit = await shorter(them)
    wren = await them.be("Wren")
    await actions.raise_question(wren, visit_id=visit, part="minutes", minutes=75)
    assert await them.agree("Ada", await them.question(visit))
    await actions.raise_question(wren, visit_id=visit, part="minutes", minutes=90)
    one = await them.question(visit)
    assert one.whole_pence == 500
    assert await them.agree("Ada", one)
    asking = actions.raise_question(wren, visit_id=visit, part="minutes", minutes=90)
    assert await refused(asking, Invalid) == "nothing_missing"
    assert (await them.sums())["2200"] == -2550


async def test_what_waits_is_let_go_only_by_whoever_deals_with_the_money_of_the_one_who_asked(node: Node) -> None:
    them = await cast(node, pays="Bill")
    one = await them.asked(answer="wrong", part="whole", minutes=None)
    for who in (await them.be("Ruth", acting_for=them.ids["Ada"]), await them.be("Bill"), await them.be("Wren")):
        assert await refused(actions.withdraw(who, question_id=one.id)) == "not_yours"
    assert (await them.sums())["2110"] == -3360
    await actions.withdraw(await them.be("Ada"), question_id=one.id)
    assert "2110" not in await them.sums()


async def test_what_is_missing_is_asked_later_of_whoever_pays_after_the_visit(node: Node) -> None:
    them = await cast(node)
    tess = await them.be("Tess")
    await payers.pays_after(tess, them.payer, True, decision_id=await make.decision(about="pays_after"))
    await treasury.own_money(tess, 100_000, "own", because="x")
    visit = await shorter(them)
    await treasury.refund(tess, them.payer, 10_000, "back")
    await actions.raise_question(await them.be("Wren"), visit_id=visit, part="minutes", minutes=90)
    assert await them.agree("Ada", await them.question(visit))
    assert (await them.sums())["2200"] == -2550


@pytest.mark.parametrize("minutes", [None, 0, -5, 90, 10**12])
async def test_minutes_that_cannot_be_are_named(node: Node, minutes: int | None) -> None:
    them = await cast(node)
    visit = await them.went()
    await rota.answer_visit(await them.be("Ada"), visit_id=visit, answer="yes")
    asking = actions.raise_question(await them.be("Ada"), visit_id=visit, part="minutes", minutes=minutes)
    assert await refused(asking, Invalid) == "bad_minutes"
