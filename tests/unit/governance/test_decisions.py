"""What the circle decided is written once, read by all who belong, and never changed."""

from datetime import date, timedelta

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.governance import queries, rules
from eccoo_node.governance.actions import record_decision
from eccoo_node.kernel.access import COMMAND, NODE, Actor, Hat
from eccoo_node.kernel.errors import Forbidden, Invalid, NotFound
from tests.support.node import Node

CONVENOR = Actor(person_id="c", hats=(Hat("convenor", "x", "circle"),))
ANYONE = Actor(person_id="a")
TODAY = date(2026, 11, 23)
SAID = {
    "words": " Mileage is 45p. ",
    "decided_by": "The meeting",
    "decided_on": TODAY,
    "review_on": date(2027, 5, 3),
}


async def test_a_decision_says_what_who_and_when(node: Node) -> None:
    made = await record_decision(CONVENOR, **SAID)
    found = await queries.decision(ANYONE, made)
    assert (found.words, found.decided_by, found.decided_on, found.review_on, found.recorded_at) == (
        "Mileage is 45p.", "The meeting", TODAY, date(2027, 5, 3), node.clock(),
    )  # fmt: skip
    assert await queries.decisions(ANYONE) == [found]
    assert (found.due(date(2027, 5, 2)), found.due(date(2027, 5, 3))) == (False, True)


@pytest.mark.parametrize("role", ["worker", "volunteer", "family", "owner", "member", "panel"])
async def test_only_who_keeps_the_record_adds_to_it(node: Node, role: str) -> None:
    with pytest.raises(Forbidden):
        await record_decision(Actor(person_id="w", hats=(Hat(role, "x", "circle"),)), **SAID)
    assert await queries.decisions(ANYONE) == []


async def test_nobody_writes_a_decision_while_speaking_for_someone(node: Node) -> None:
    with pytest.raises(Forbidden):
        await record_decision(Actor(person_id="c", hats=CONVENOR.hats, acting_for="p"), **SAID)


async def test_a_visitor_reads_nothing(node: Node) -> None:
    made = await record_decision(COMMAND, **SAID)
    for reading in (queries.decisions(Actor()), queries.decision(Actor(), made)):
        with pytest.raises(Forbidden):
            await reading


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"words": "  "}, "words"),
        ({"decided_by": ""}, "decided_by"),
        ({"decided_on": TODAY + timedelta(days=1)}, "decided_on"),
        ({"review_on": TODAY}, "review_on"),
        ({"review_on": TODAY + rules.LONGEST_REVIEW + timedelta(days=1)}, "review_on"),
    ],
)
async def test_what_is_no_decision_is_refused_at_its_place(node: Node, wrong: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await record_decision(CONVENOR, **{**SAID, **wrong})
    assert refused.value.field == field
    assert await queries.decisions(NODE) == []


async def test_today_is_the_circles_own_day(node: Node) -> None:
    """Half past midnight in summer is still yesterday in UTC."""
    node.clock.set(node.clock().replace(year=2027, month=6, day=30, hour=23, minute=30))
    assert await record_decision(CONVENOR, **{**SAID, "decided_on": date(2027, 7, 1), "review_on": date(2027, 8, 1)})


async def test_a_decision_that_stands_cannot_be_changed(node: Node) -> None:
    await record_decision(CONVENOR, **SAID)
    for sql in ("UPDATE decision SET words = 'Mileage is 25p.'", "DELETE FROM decision"):
        with pytest.raises(Exception, match="append-only"):
            async with write():
                await fetch(sql)


async def test_what_rests_on_no_decision_is_refused(node: Node) -> None:
    made = await record_decision(CONVENOR, **SAID)
    await queries.requires_decision(made)
    for none in ("", "no such"):
        with pytest.raises(Invalid):
            await queries.requires_decision(none)
    with pytest.raises(NotFound):
        await queries.decision(ANYONE, "no such")
