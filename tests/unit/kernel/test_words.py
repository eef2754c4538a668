"""Numbers on a page are said as one says them."""

import pytest

from eccoo_node.kernel.words import count, many, plain, plain_line


@pytest.mark.parametrize("number, said", [(0, "no"), (1, "one"), (9, "nine"), (10, "10"), (1234, "1,234"), (-3, "-3")])
def test_small_numbers_are_words_and_large_ones_figures(number: int, said: str) -> None:
    assert count(number) == said


def test_a_word_follows_its_number() -> None:
    assert [many(n, "payment") for n in (0, 1, 2, 12)] == ["no payments", "one payment", "two payments", "12 payments"]
    assert many(2, "person", "people") == "two people"
    assert many(0, "person", "people", none="none of the") == "none of the people"


def test_words_from_elsewhere_lose_what_cannot_be_seen() -> None:
    assert plain("We\u202e share\u200b a valley.\nRing us.\x00") == "We share a valley.\nRing us."
    assert plain_line(" Tod\u202emorden\u2066\n circle\ufeff ") == "Todmorden circle"
    # Spelt with a joiner, as some scripts are.
    assert plain_line("\u0645\u06cc\u200c\u062f\u0647\u062f") == "\u0645\u06cc\u200c\u062f\u0647\u062f"
