"""Names for things, and codes that survive being read aloud."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.kernel import ids

LENGTHS = st.sampled_from([4, 6, 8, 10, 12, 16])
CODES = LENGTHS.map(ids.new_code)


@given(CODES)
def test_a_code_is_read_as_it_was_written_however_it_is_typed(code: str) -> None:
    for typed in (code, code.lower(), code.replace("-", ""), f"  {code.replace('-', ' ')} ", f"{code}."):
        assert ids.read_code(typed) == code


@given(CODES)
def test_every_single_slip_is_caught(code: str) -> None:
    plain = code.replace("-", "")
    for place, was in enumerate(plain):
        for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            if other != was:
                assert ids.read_code(plain[:place] + other + plain[place + 1 :]) is None, (plain, place, other)


@given(CODES)
def test_every_swap_of_neighbours_is_caught(code: str) -> None:
    plain = code.replace("-", "")
    for place in range(len(plain) - 1):
        swapped = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
        if swapped != plain:
            assert ids.read_code(swapped) is None, (plain, swapped)


def test_no_code_spells_a_word_or_looks_like_another() -> None:
    letters = {c for _ in range(300) for c in ids.new_code().replace("-", "")}
    assert letters.isdisjoint("AEIOU01")
    assert len(letters) == 29


@pytest.mark.parametrize("typed", ["", "-", "A", "222", "not a code at all", "²²²²²²²²", "🙂"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert ids.read_code(typed) is None


def test_an_id_is_a_uuid_of_version_seven_and_they_follow_each_other() -> None:
    made = [ids.new_id() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in made)
    assert made == sorted(made)


def test_secrets_and_digits_are_as_long_as_they_say() -> None:
    assert len(ids.new_secret()) >= 43
    assert re.fullmatch(r"\d{6}", ids.new_digits())
    assert len({ids.new_secret() for _ in range(100)}) == 100
