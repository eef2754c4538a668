"""How a link stands, in words for someone who has never read the protocol."""

import typing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import limits
from eccoo_node.links import say
from eccoo_node.links.rules import Standing

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
STANDINGS = typing.get_args(Standing)


def ago(**parts: int) -> datetime:
    return NOW - timedelta(**parts)


def test_every_standing_has_a_shape_and_words_and_only_an_open_link_looks_certain() -> None:
    drawn = {word: say.standing(word, "") for word in STANDINGS}
    assert [word for word, (kind, _) in drawn.items() if kind == "certain"] == ["open"]
    assert len({words for _, words in drawn.values()}) == len(STANDINGS)


@pytest.mark.parametrize(
    "trouble, drawn",
    [
        ("", ("certain", "linked")), ("too_many", ("certain", "linked")), ("unreachable", ("open", "linked, but not reached now")),
        ("clock_skew", ("open", "linked, but a clock is wrong")), ("a new code", ("open", "linked, but not reached now")),
    ],
)  # fmt: skip
def test_a_link_that_is_not_reached_is_not_shown_as_if_all_were_well(trouble: str, drawn: tuple[str, str]) -> None:
    assert say.standing("open", trouble) == drawn
    # What is paused or over stands as that, whatever the wire says.
    assert say.standing("ended", trouble) == ("waiting", "ended")


def test_a_code_without_words_is_still_a_sentence_and_can_be_looked_up() -> None:
    assert say.trouble("") == ""
    assert say.trouble("unreachable") == "Their node does not answer."
    for words in (say.trouble("x_17"), say.alarm("x_17")):
        assert (words[0].isupper(), words[-1], "x_17" in words) == (True, ".", True)


def test_whatever_may_mean_that_someone_stands_between_says_to_ring_first() -> None:
    for code in ("wrong_node", "log_forked", "bad_reveal"):
        assert "Don’t go on before you have rung them." in say.trouble(code)
    assert "Ring them" in say.alarm("moved")


@pytest.mark.parametrize(
    "offset, words, matters",
    [
        (None, "", False), (0, "The two clocks agree.", False), (30, "The two clocks agree.", False),
        (-30, "The two clocks agree.", False), (31, "Their clock is 31 seconds ahead of ours.", False),
        (-61, "Their clock is 61 seconds behind ours.", True), (120, "Their clock is 2 minutes ahead of ours.", True),
        (-3 * 3600, "Their clock is 3 hours behind ours.", True), (3 * 86400, "Their clock is 3 days ahead of ours.", True),
    ],
)  # fmt: skip
def test_whose_clock_is_ahead_and_whether_it_keeps_them_apart(offset: int | None, words: str, matters: bool) -> None:
    assert (say.clock_offset(offset), say.clock_matters(offset)) == (words, matters)


@given(st.integers(-(10**7), 10**7))
def test_clocks_that_refuse_each_other_are_never_said_to_agree(offset: int) -> None:
    if abs(offset) > limits.CLOCK_FUTURE_S:
        assert say.clock_matters(offset)
        assert "agree" not in say.clock_offset(offset)
    assert ("ahead" in say.clock_offset(offset)) == (offset > say.CLOCKS_AGREE_S)


@pytest.mark.parametrize(
    "at, words",
    [
        (None, "We have not heard from them yet."), (NOW, "Just now"), (ago(seconds=89), "Just now"),
        # Their letter may bear a time a little ahead of ours.
        (NOW + timedelta(seconds=20), "Just now"), (ago(seconds=100), "2 minutes ago"), (ago(minutes=89), "89 minutes ago"),
        (ago(hours=3), "Today at 6am"), (ago(hours=10), "Sunday 22 November, 11pm"), (ago(days=9), "Saturday 14 November, 9am"),
    ],
)  # fmt: skip
def test_when_they_were_last_heard(at: datetime | None, words: str) -> None:
    assert say.last_seen(at, NOW, LONDON) == words


def test_today_is_the_circles_own_day() -> None:
    """Half past midnight of summer time is still yesterday in UTC."""
    now = datetime(2026, 7, 2, 8, tzinfo=UTC)
    assert say.last_seen(datetime(2026, 7, 1, 23, 30, tzinfo=UTC), now, LONDON) == "Today at 12.30am"
    assert say.last_seen(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), now, LONDON) == "Wednesday 1 July, 11.30pm"


@pytest.mark.parametrize(
    "at, words",
    [
        (None, ""), (ago(hours=1), "Now"), (NOW, "Now"), (NOW + timedelta(seconds=1), "In 5 seconds"),
        (NOW + timedelta(seconds=59), "In 59 seconds"), (NOW + timedelta(minutes=10), "In 10 minutes"),
        (NOW + timedelta(hours=4), "At 1pm"), (NOW + timedelta(hours=13), "Monday 23 November, 10pm"),
    ],
)  # fmt: skip
def test_when_we_call_again(at: datetime | None, words: str) -> None:
    assert say.next_try(at, NOW, LONDON) == words


def test_how_many_letters_wait() -> None:
    assert [say.waiting(n) for n in (0, 1, 12)] == [
        "Nothing", "One letter. It goes out as soon as their node answers.",
        "12 letters. They go out as soon as their node answers.",
    ]  # fmt: skip
