"""A number that the circle decides on holds from its day on, rests on a decision, and stays within its bounds."""

from datetime import timedelta

import pytest

from eccoo_node.governance import queries
from eccoo_node.governance.actions import decide_figure, record_decision
from eccoo_node.governance.figures import FIGURES, Figure, declare
from eccoo_node.kernel.access import NODE, Actor, Hat
from eccoo_node.kernel.errors import Forbidden, Invalid
from eccoo_node.payouts.rules import PAYOUT_ALONE
from eccoo_node.rota.rules import WEEKLY_DAY
from tests.support import make
from tests.support.node import Node

TREASURER = Actor(person_id="t", hats=(Hat("treasurer", "x", "circle"),))
LIMIT = Figure(name="limit", kind="pence", first=50_000, least=0, most=1_000_000, title="", words="")


async def test_it_holds_from_its_day_on(node: Node) -> None:
    now, decision = node.clock(), await make.decision()
    assert await queries.figure(WEEKLY_DAY) == WEEKLY_DAY.first == 3
    await decide_figure(TREASURER, WEEKLY_DAY, 1, decision_id=decision)
    await decide_figure(TREASURER, WEEKLY_DAY, 2, decision_id=decision, valid_from=now + timedelta(days=7))
    assert await queries.figure(WEEKLY_DAY) == 1
    assert await queries.figure(WEEKLY_DAY, now - timedelta(seconds=1)) == 3
    assert await queries.figure(WEEKLY_DAY, now + timedelta(days=7)) == 2
    [(current, to_come)] = [row for row in await queries.figures(NODE) if row[0].figure is WEEKLY_DAY]
    assert (current.value, current.decision_id, [one.value for one in to_come]) == (1, decision, [2])


async def test_it_rests_on_a_decision_and_stays_within_its_bounds(node: Node) -> None:
    decision = await make.decision()
    for value, rests_on, starts in (
        (5, decision, None), (-1, decision, None), (2, "", None), (2, decision, node.clock() - timedelta(hours=1))
    ):  # fmt: skip
        with pytest.raises(Invalid):
            await decide_figure(TREASURER, WEEKLY_DAY, value, decision_id=rests_on, valid_from=starts)
    assert await queries.figure(WEEKLY_DAY) == 3


async def test_a_limit_of_the_treasurer_rests_on_what_somebody_else_wrote_down(node: Node) -> None:
    today = node.clock().date()
    own = await record_decision(
        TREASURER, words="Up to £900.", decided_by="Us", decided_on=today, review_on=today + timedelta(days=30)
    )
    other, tomorrow = await make.decision(), node.clock() + timedelta(days=1)
    for value, decision, starts, field in (
        (90_000, own, tomorrow, "decision"), (40_000, own, None, "decision"),
        (90_000, other, None, "from_day"), (90_000, other, node.clock() + timedelta(hours=1), "from_day"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await decide_figure(TREASURER, PAYOUT_ALONE, value, decision_id=decision, valid_from=starts)
        assert refused.value.field == field
    await decide_figure(TREASURER, PAYOUT_ALONE, 40_000, decision_id=other)
    await decide_figure(TREASURER, PAYOUT_ALONE, 90_000, decision_id=other, valid_from=tomorrow)
    await decide_figure(TREASURER, WEEKLY_DAY, 1, decision_id=own)
    assert await queries.figure(PAYOUT_ALONE) == 40_000
    assert await queries.figure(PAYOUT_ALONE, tomorrow) == 90_000


@pytest.mark.parametrize("role", ["worker", "facilitator", "owner", "member"])
async def test_only_the_treasurer_or_a_convenor_writes_it_down(node: Node, role: str) -> None:
    with pytest.raises(Forbidden):
        await decide_figure(
            Actor(person_id="w", hats=(Hat(role, "x", "circle"),)), WEEKLY_DAY, 1, decision_id=await make.decision()
        )


@pytest.mark.parametrize("typed, pence", [("500", 50_000), ("£17.50", 1_750), ("0", 0)])
def test_it_is_read_as_it_is_written(typed: str, pence: int) -> None:
    assert LIMIT.read(typed) == pence


@pytest.mark.parametrize("typed", ["", "-1", "1e3", "12.345", "10,000.01", "²"])
def test_what_is_no_such_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        LIMIT.read(typed)


def test_a_figure_is_declared_once() -> None:
    assert declare(WEEKLY_DAY) is WEEKLY_DAY
    with pytest.raises(RuntimeError):
        declare(Figure(name="weekly_day", kind="weekday", first=0, least=0, most=1, title="", words=""))
    assert FIGURES["weekly_day"] is WEEKLY_DAY


@pytest.mark.parametrize(
    "kind, value, said",
    [
        ("hour", 0, "midnight"),
        ("hour", 12, "noon"),
        ("hour", 18, "6pm"),
        ("weekday", 6, "Sunday"),
        ("pence", 1750, "£17.50"),
    ],
)
def test_it_is_said_in_words(kind: str, value: int, said: str) -> None:
    assert Figure(name="x", kind=kind, first=0, least=0, most=9, title="", words="").say(value) == said  # type: ignore[arg-type]
