"""Which text is the first half of a postcode, however somebody writes it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation.body_base import Outward
from eccoo_node.referrals.rules import outward_of, read_areas

PATTERN = re.compile(Outward.__metadata__[0].pattern)
OUTWARD = st.from_regex(r"\A[A-Z]{1,2}[0-9][0-9A-Z]?\Z")


@given(OUTWARD, st.from_regex(r"\A[0-9][A-Z]{2}\Z"), st.sampled_from(["", " ", "  "]), st.booleans())
def test_half_a_postcode_is_found_in_a_whole_one_or_alone(out: str, inward: str, gap: str, lower: bool) -> None:
    for text in (out, f" {out} ", f"{out}{gap or ' '}{inward}"):
        said = outward_of(text.lower() if lower else text)
        assert PATTERN.match(said)
        assert out.startswith(said) or said == out
    assert outward_of(out) == out


@given(st.text(max_size=40))
def test_nothing_else_is_taken_and_what_is_taken_may_cross(text: str) -> None:
    assert outward_of(text) == "" or PATTERN.match(outward_of(text))
    good, bad = read_areas(text)
    assert all(PATTERN.match(one) for one in good)
    assert len(good) == len(set(good))
    assert not set(good) & set(bad)


def test_a_whole_postcode_gives_its_first_half() -> None:
    said = ["hx7 8aa", "OL145AA", "EC1A 1BB", "W1A", "Todmorden", "", "HX7 8"]
    assert [outward_of(text) for text in said] == ["HX7", "OL14", "EC1A", "W1A", "", "", "HX7"]
