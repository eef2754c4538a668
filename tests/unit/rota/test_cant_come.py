""" "I can't be there", for one visit or several in one act."""

from datetime import timedelta

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from tests.support import make
from tests.support.node import MONDAY, Node

THURSDAY = MONDAY + timedelta(days=3, hours=1)


async def planned(called: str, worker: str, *days: int) -> list[str]:
    person = await make.person(called)
    await make.hat(worker, await make.team(person), "worker")
    own = await members.actor_for(person)
    return [
        await rota.plan_visit(
            own, person_id=person, worker_id=worker, starts_at=THURSDAY + timedelta(days=day, hours=len(called)),
            ends_at=THURSDAY + timedelta(days=day, hours=len(called) + 1), what="Breakfast",
        )
        for day in days
    ]  # fmt: skip


async def audited() -> list[tuple[str, str, str, str]]:
    rows = await fetch(
        "SELECT act_id, outcome, person_id, thing_id FROM audit WHERE action = 'rota.cant_come' ORDER BY id"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def test_each_visit_given_up_in_one_act_is_in_the_record(node: Node) -> None:
    wren = await make.worker("Wren", rate_pence=0, paid=False)
    visits = [*await planned("Edith", wren, 0, 1), *await planned("Ada", wren, 0)]
    assert await rota.cant_come(await members.actor_for(wren), visit_ids=visits) == sorted(visits)
    rows = await audited()
    assert [(outcome, thing) for _, outcome, _, thing in rows] == [("done", visit) for visit in sorted(visits)]
    assert len({act for act, *_ in rows}) == 1
    assert len({person for _, _, person, _ in rows}) == 2


async def test_a_visit_of_someone_else_among_them_stops_all_and_is_the_one_named(node: Node) -> None:
    wren, sol = [await make.worker(called, rate_pence=0, paid=False) for called in ("Wren", "Sol")]
    [mine], [theirs] = await planned("Edith", wren, 0), await planned("Ada", sol, 0)
    with pytest.raises(Forbidden):
        await rota.cant_come(await members.actor_for(wren), visit_ids=[mine, theirs])
    assert [(outcome, thing) for _, outcome, _, thing in await audited()] == [("refused", theirs)]
    states = {row[0] for row in await fetch("SELECT state FROM visit")}
    assert states == {"planned"}
