"""A visit keeps the share it was agreed at, whenever its money is set aside and whatever the circle decides meanwhile."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.cover import actions as cover
from eccoo_node.cover import costs
from eccoo_node.cover import queries as searches
from eccoo_node.cover.queries import Offer
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.queries import Schedule, Schedules
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import identity
from eccoo_node.links.identity import Identity
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import weekly
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import MONDAY, Node

NEXT_WEEK = (MONDAY + timedelta(days=7)).date()


async def plan(circle: Books, days: int) -> str:
    """A visit by Wren of an hour at £20, with £1 for travel."""
    starts = MONDAY + timedelta(days=days, hours=1)
    return await rota.plan_visit(
        await members.actor_for(circle.person), person_id=circle.person, worker_id=circle.worker, starts_at=starts,
        ends_at=starts + timedelta(hours=1), what="Breakfast",
    )  # fmt: skip


async def begin(payer_add_bps: int, worker_deduct_bps: int) -> Books:
    circle = await open_books(payer_add_bps, worker_deduct_bps)
    team = await make.team(circle.person)
    for worker in (circle.worker, circle.other):
        await make.hat(worker, team, "worker")
    for side in (circle.person, circle.worker):
        await agree_terms(
            await members.actor_for(side), person_id=circle.person, worker_id=circle.worker, rate_pence=2000,
            travel_pence=100,
        )  # fmt: skip
    return circle


async def decide(circle: Books, payer_add_bps: int, worker_deduct_bps: int, **more: bool) -> None:
    await escrow.set_schedule(
        circle.treasurer, payer_add_bps, worker_deduct_bps, decision_id=await make.decision(), **more
    )


async def cost(circle: Books) -> tuple[int, list[int], int]:
    """What next week is said to cost: in all, each visit, and what is still to be paid in."""
    found = await costs.costs_of(
        await members.actor_for(circle.person), await costs.thing_for(circle.person), [NEXT_WEEK]
    )
    [week] = found.weeks
    return week.total_pence, [one.pence for one in week.visits], sum(one.pence for one in found.to_pay_in)


async def aside() -> list[tuple[int, int, int, bool]]:
    """Of each line, oldest first: what is set aside, and the rates that it keeps."""
    rows = await fetch(
        "SELECT fee_pence + contribution_pence + travel_pence, payer_add_bps, worker_deduct_bps, cancelled_bears "
        "FROM line ORDER BY id"
    )
    return [(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def test_what_is_planned_keeps_its_share_until_its_money_is_set_aside(node: Node) -> None:
    circle = await begin(1000, 1500)
    before = [await plan(circle, day) for day in (8, 9)]
    assert await cost(circle) == (4600, [2300, 2300], 4600)
    node.clock.set(MONDAY + timedelta(hours=2))
    await decide(circle, 2000, 500, cancelled_bears=False)
    assert await cost(circle) == (4600, [2300, 2300], 4600)
    node.clock.set(MONDAY + timedelta(hours=3))
    after = await plan(circle, 10)
    said = await cost(circle)
    assert said == (7100, [2300, 2300, 2500], 7100)
    await circle.top_up(7100)
    node.clock.set(MONDAY + timedelta(days=3, hours=1))
    await weekly.pay_due_weeks()
    assert await aside() == [(2300, 1000, 1500, True), (2300, 1000, 1500, True), (2500, 2000, 500, False)]
    assert await cost(circle) == (7100, [2300, 2300, 2500], 0)
    given = [await escrow.release(NODE, f"visit:{id_}", f"r{id_}") for id_ in (*before, after)]
    assert [one.worker_pence for one in given] == [1700, 1700, 1900]
    assert await books.credit_pence(circle.payer) == 0
    await verify()


async def covered_by_another(circle: Books, node: Node) -> tuple[str, Offer]:
    """Robin comes instead of Wren: the circle takes one share at Wren's yes, another at Robin's, another at Ada's."""
    ada = await members.actor_for(circle.person)
    visit = await plan(circle, 8)
    await circle.top_up(10_000)
    await rota.cant_come(await members.actor_for(circle.worker), visit_ids=[visit])
    await cover.ask(ada, visit_id=visit, worker_ids=[circle.other])
    request = await searches.request_for(visit)
    assert request is not None
    [ask] = await searches.near_asks(request.id)
    node.clock.set(MONDAY + timedelta(hours=2))
    await decide(circle, 500, 1000)
    node.clock.set(MONDAY + timedelta(hours=3))
    await cover.answer_near(await members.actor_for(circle.other), ask_id=ask.id, yes=True)
    [offer] = await searches.offers(request.id)
    node.clock.set(MONDAY + timedelta(hours=4))
    await decide(circle, 2000, 2500)
    assert await cover.choose(ada, offer_id=offer.id, words="Yes, Robin") == "done"
    return visit, offer


async def test_who_comes_instead_comes_at_the_share_that_stood_on_their_offer(node: Node) -> None:
    circle = await begin(1000, 1500)
    with identity.identity_bound(lambda: cast("Identity", SimpleNamespace(node_id="hebden"))):
        visit, offer = await covered_by_another(circle, node)
    assert [row[:3] for row in await aside()] == [(offer.total_pence, 500, 1000)]
    # What is agreed with whoever comes now is what the visit keeps, also once its money has come back.
    [agreed_at] = (await fetch("SELECT agreed_at FROM visit WHERE id = ?", visit))[0]
    assert agreed_at == offer.received_at
    await verify()


def test_the_share_is_the_one_that_held_and_was_written_down_by_then() -> None:
    def at(hours: int) -> datetime:
        return MONDAY + timedelta(hours=hours)

    first, second, late = (Schedule(number, number, 0, True, 0) for number in (1, 2, 3))
    # The third was written down an hour after the time it holds from.
    found = Schedules(((at(0), at(0), first), (at(10), at(2), second), (at(20), at(21), late)))
    with clock.clock_bound(lambda: at(30)):
        assert [found.at(at(hours)).id for hours in (-5, 0, 9, 10, 20, 21)] == [1, 1, 1, 2, 2, 3]
    with pytest.raises(Conflict):
        Schedules(()).at(MONDAY)
