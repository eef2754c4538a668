"""Days as pages say them: one that is past never sounds like one that is to come."""

from datetime import UTC, datetime, timedelta

import pytest

from eccoo_node.rota import say

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "days, words",
    [
        (0, "today"), (1, "tomorrow"), (2, "on Friday"), (6, "on Tuesday"), (7, "on Wednesday 2 December"),
        (-1, "yesterday"), (-2, "last Monday"), (-6, "last Thursday"), (-7, "on Wednesday 18 November"),
        (-12, "on Friday 13 November"),
    ],
)  # fmt: skip
def test_a_day_that_is_past_does_not_sound_like_one_to_come(days: int, words: str) -> None:
    at = NOW + timedelta(days=days)
    assert say.on_day(at, NOW) == words
    assert say.at_time(at, NOW) == f"{words} at noon"
    assert say.of_day(at, NOW) == words.removeprefix("on ")


def test_a_line_begins_with_a_capital_and_keeps_the_others() -> None:
    assert [say.first(words) for words in ("last Friday", "Friday 13 November", "someone in HX7", "")] == [
        "Last Friday", "Friday 13 November", "Someone in HX7", "",
    ]  # fmt: skip
