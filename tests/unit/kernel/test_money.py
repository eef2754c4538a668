"""Money is whole pence, and no split makes or loses any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import MAX_PENCE, commission_pence, parse_pounds, pounds, price_pence, share_out

PENCE = st.integers(0, MAX_PENCE)
BPS = st.integers(0, 10_000)


def test_the_example_of_the_books() -> None:
    assert price_pence(1835, 75) == 2294
    assert commission_pence(2294, 1500) == 344


@given(PENCE, st.integers(0, 24 * 60))
def test_a_price_is_the_nearest_penny_and_half_goes_up(rate: int, minutes: int) -> None:
    price = price_pence(rate, minutes)
    assert -60 < 2 * (60 * price - rate * minutes) <= 60


@given(PENCE, BPS)
def test_commission_is_never_more_than_agreed_and_less_than_a_penny_under_it(fee: int, bps: int) -> None:
    taken = commission_pence(fee, bps)
    assert 0 <= fee * bps - 10_000 * taken < 10_000


@given(st.lists(PENCE, min_size=1, max_size=8), BPS)
def test_commission_does_not_depend_on_how_the_line_is_split(parts: list[int], bps: int) -> None:
    taken, sofar = 0, 0
    for part in parts:
        sofar += part
        step = commission_pence(sofar, bps, already_pence=taken)
        assert step >= 0
        taken += step
    assert taken == commission_pence(sum(parts), bps)


@given(PENCE, st.lists(st.integers(0, 10_000), min_size=1, max_size=8).filter(any))
def test_shares_add_up_to_the_sum_and_each_is_within_a_penny(total: int, weights: list[int]) -> None:
    parts = share_out(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


def test_a_tie_goes_by_order() -> None:
    assert share_out(100, [1, 1, 1]) == [34, 33, 33]
    assert share_out(1, [1, 1]) == [1, 0]


@pytest.mark.parametrize("call", [
    lambda: price_pence(-1, 60), lambda: price_pence(1, -60), lambda: commission_pence(-1, 1500),
    lambda: commission_pence(100, 10_001), lambda: commission_pence(100, -1), lambda: share_out(-1, [1]),
    lambda: share_out(1, [0, 0]), lambda: share_out(1, [2, -1]), lambda: share_out(1, []),
])  # fmt: skip
def test_what_cannot_be_is_refused(call: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 several sentences, one kind
        call()  # type: ignore[operator]


@given(PENCE)
def test_what_is_said_is_read_back(pence: int) -> None:
    assert parse_pounds(pounds(pence)) == pence


@pytest.mark.parametrize(
    "text, pence",
    [("20", 2000), ("17.50", 1750), ("£17.50", 1750), (" £ 1,234.05 ", 123_405), ("0", 0), ("100000", MAX_PENCE)],
)
def test_what_people_type(text: str, pence: int) -> None:
    assert parse_pounds(text) == pence


@pytest.mark.parametrize(
    "text", ["", "17.5", "17.505", "-5", "1e3", "12,34", "£", "ten", "17,50", "1 000", "٣", "NaN", "5.", ".50", "£-1"]
)
def test_nothing_is_guessed(text: str) -> None:
    with pytest.raises(Invalid) as told:
        parse_pounds(text, field="rate")
    assert (told.value.code, told.value.field) == ("bad_amount", "rate")


@pytest.mark.parametrize("text", ["100000.01", "9" * 10, "£" + "9" * 5000])
def test_a_slip_of_the_finger_is_stopped(text: str) -> None:
    with pytest.raises(Invalid) as told:
        parse_pounds(text)
    assert told.value.code == "amount_too_large"


@pytest.mark.parametrize(
    "pence, said",
    [(1750, "£17.50"), (6000, "£60"), (5, "£0.05"), (-5, "−£0.05"), (0, "£0"), (123_456, "£1,234.56")],
)
def test_how_money_is_said(pence: int, said: str) -> None:
    assert pounds(pence) == said
