"""In which order circles are asked, and at which hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.cover.plans import MOST_WAVES, WAITS, Plan, by_nearness, due, hours_of, read_plan, usual
from eccoo_node.kernel.errors import Invalid

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
START = NOW + timedelta(days=3)
ZONE = ZoneInfo("Europe/London")


def test_who_has_come_before_is_asked_first_then_three_then_all() -> None:
    links = by_nearness(list("abcdef"), {"c": (0, 4), "e": (1, 1)})
    assert links == ["e", "c", "a", "b", "d", "f"]
    assert usual(links, NOW, START).waves == (("e",), ("c", "a", "b"), ("d", "f"))
    assert usual(links, START - timedelta(hours=5), START).waves == (tuple(links),)


def test_the_hours_are_those_for_news_or_the_wait_that_was_chosen() -> None:
    plan = Plan((("a",), ("b",), ("c",)))
    assert [at.hour for at in hours_of(plan, NOW, START, ZONE)] == [10, 12]
    late = [at - NOW for at in hours_of(Plan(plan.waves, 60), NOW + timedelta(minutes=2), START, ZONE)]
    assert late == [timedelta(minutes=75), timedelta(minutes=135)]
    with pytest.raises(Invalid, match="begins before"):
        hours_of(Plan(plan.waves, 720), START - timedelta(hours=20), START, ZONE)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=5), max_size=5), st.sampled_from((*WAITS, 7, -1)))
def test_a_plan_names_each_circle_once_however_it_was_written(waves: list[list[str]], wait: int) -> None:
    plan = read_plan("~".join(".".join(wave) for wave in waves), wait)
    assert len(plan.all) == len(set(plan.all))
    assert len(plan.waves) <= MOST_WAVES
    assert plan.wait_minutes in WAITS
    assert read_plan(plan.written(), plan.wait_minutes) == plan
    assert set(plan.only("abc").all) <= set("abc")


@given(st.integers(0, 100), st.lists(st.booleans()), st.booleans())
def test_nobody_more_is_asked_while_somebody_offers(minutes: int, nobody: list[bool], offers: bool) -> None:
    goes = due(NOW + timedelta(minutes=50), NOW + timedelta(minutes=minutes), nobody, offers=offers)
    assert goes == (not offers and (minutes >= 50 or (bool(nobody) and all(nobody))))
