"""Words read out on the telephone: both nodes can make them, nobody else can, and each says its own."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation.spoken import heard, spoken_words

NOW = datetime(2026, 11, 25, 18, 1, tzinfo=UTC)
ABOUT = ("key", "link", "ref-1", "offer-1", "b" * 52)


def test_they_are_the_same_on_both_sides_and_for_ever() -> None:
    assert spoken_words(*ABOUT, NOW) == ("goddess", "decorate", "price")
    assert heard("  Goddess, DECORATE - price. ", *ABOUT, NOW)


@given(st.integers(-7200, 7200))
def test_they_are_good_for_this_half_hour_and_its_neighbours(later_s: int) -> None:
    said = " ".join(spoken_words(*ABOUT, NOW))
    away = int((NOW + timedelta(seconds=later_s)).timestamp()) // 1800 - int(NOW.timestamp()) // 1800
    assert heard(said, *ABOUT, NOW + timedelta(seconds=later_s)) == (abs(away) <= 1)


def test_words_about_anything_else_are_not_taken() -> None:
    said = " ".join(spoken_words(*ABOUT, NOW))
    for at in range(len(ABOUT)):
        other = [*ABOUT]
        other[at] += "x"
        assert not heard(said, *other, NOW)
    assert not heard("", *ABOUT, NOW)
