"""Time on the way and miles: agreed by both, reckoned into each visit, kept as they were when it was planned."""

from datetime import timedelta

import pytest

from eccoo_node.agreements import queries as agreements
from eccoo_node.agreements.actions import agree_terms
from eccoo_node.agreements.rules import MILEAGE
from eccoo_node.disputes import actions as disputes
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries, say
from tests.support import make
from tests.support.escrow import entries
from tests.support.node import MONDAY, Node
from tests.unit.expenses.conftest import Shopping

TERMS = {"rate_pence": 2000, "travel_minutes": 18, "miles": 8}


async def planned(shopping: Shopping, **terms: int) -> str:
    """Both agree on these terms, and a visit of an hour and a half is planned and begins."""
    books = shopping.books
    for side in (await shopping.ada(), await shopping.wren()):
        await agree_terms(side, person_id=books.person, worker_id=books.worker, **(TERMS | terms))  # type: ignore[arg-type]
    at = MONDAY + timedelta(minutes=5)
    return await rota.plan_visit(
        await shopping.ada(), person_id=books.person, worker_id=books.worker, starts_at=at,
        ends_at=at + timedelta(minutes=90), what="Getting up",
    )  # fmt: skip


@pytest.mark.parametrize(
    "minutes, released",
    [
        (None, [("2100", 3960), ("2200", -3060), ("2210", -360), ("4000", -540)]),
        # Whoever was there for an hour has come the whole way: 2000 and 600, and the miles.
        (60, [("2000", -1000), ("2100", 3960), ("2200", -2210), ("2210", -360), ("4000", -390)]),
    ],
)
async def test_a_visit_with_time_on_the_way_and_miles(
    shopping: Shopping, node: Node, minutes: int | None, released: list[tuple[str, int]]
) -> None:
    """money.md A4: visit 3000, travel time 600, mileage 8 × 45p."""
    visit = await planned(shopping)
    node.clock.move(timedelta(hours=2))
    shorter = "shorter" if minutes else "as_planned"
    await rota.say_how_it_went(await shopping.wren(), visit_id=visit, answer=shorter, minutes=minutes)
    partly = "partly" if minutes else "yes"
    await rota.answer_visit(await shopping.ada(), visit_id=visit, answer=partly, minutes=minutes)
    (_, held), (_, let_go) = (await entries(shopping.books))[1:]
    assert [(code, amount) for code, _, _, amount in held] == [("2000", 3960), ("2100", -3960)]
    assert [(code, amount) for code, _, _, amount in let_go] == released
    assert say.parts(await queries.visit(visit)) == [
        ("The visit, 8.05am to 9.35am", "£30"), ("Time on the way, 18 minutes", "£6"), ("8 miles at 45p", "£3.60"),
    ]  # fmt: skip
    await verify()


async def test_a_mile_is_paid_as_decided_when_the_visit_was_planned(shopping: Shopping) -> None:
    before = await planned(shopping, travel_pence=250)
    await decide_figure(shopping.books.treasurer, MILEAGE, 50, decision_id=await make.decision())
    after = await planned(shopping, travel_pence=250)
    found = [await queries.visit(id_) for id_ in (before, after)]
    assert [(one.travel_pence, one.mileage_pence) for one in found] == [(610, 45), (650, 50)]
    assert say.parts(found[1])[2:] == [("8 miles at 50p", "£4"), ("Travel", "£2.50")]


async def test_other_minutes_or_miles_are_other_terms_and_have_bounds(shopping: Shopping) -> None:
    books = shopping.books
    both = {"person_id": books.person, "worker_id": books.worker}
    offer = await agree_terms(await shopping.wren(), **both, **TERMS)  # type: ignore[arg-type]
    other = await agree_terms(await shopping.ada(), **both, **(TERMS | {"miles": 7}))  # type: ignore[arg-type]
    assert (other.in_force, other.id != offer.id) == (False, True)
    held = await agree_terms(await shopping.ada(), **both, **TERMS)  # type: ignore[arg-type]
    assert (held.in_force, held.id) == (True, offer.id)
    [card] = [terms for terms in await agreements.terms_of(books.person) if terms.from_at]
    assert (card.travel_minutes, card.miles, card.cancel_hours) == (18, 8, 24)
    for field, value in (("miles", -1), ("miles", 201), ("travel_minutes", -1), ("travel_minutes", 241)):
        with pytest.raises(Invalid) as refused:
            await agree_terms(await members.actor_for(books.worker), **both, **(TERMS | {field: value}))  # type: ignore[arg-type]
        assert (refused.value.code, refused.value.field) == ("bad_travel", field)


async def test_of_a_shorter_visit_the_way_is_not_in_question(shopping: Shopping, node: Node) -> None:
    assert disputes
    visit = await planned(shopping)
    node.clock.move(timedelta(hours=2))
    await rota.say_how_it_went(await shopping.wren(), visit_id=visit, answer="as_planned")
    assert await rota.answer_visit(await shopping.ada(), visit_id=visit, answer="partly", minutes=60) == "said"
    found = dict(await entries(shopping.books))
    assert [amount for code, _, _, amount in found["disputed"] if code == "2110"] == [-1000]
    assert [amount for code, _, _, amount in found["released"] if code == "2210"] == [-360]
    await verify()
