"""What a person's answer about a visit by another circle's worker puts in question."""

import pytest

from eccoo_node.cover.machine import how_said
from eccoo_node.rota.rules import spoken_minutes


@pytest.mark.parametrize(
    "answer, part, minutes, how",
    [
        ("yes", "", None, "said_so"), ("partly", "", 60, "said_so"), ("no", "", None, "no"), ("wrong", "", None, "wrong"),
        ("wrong", "whole", None, "wrong"), ("wrong", "minutes", 45, "said_so"), ("wrong", "travel", None, "travel"),
    ],
)  # fmt: skip
def test_travel_is_asked_about_by_itself_and_nothing_else_is_taken_for_it(
    answer: str, part: str, minutes: int | None, how: str
) -> None:
    assert how_said(answer, spoken_minutes(answer, part, minutes, 90), 90) == how
