"""Every penny of a fee goes somewhere, once, and the co-ops never take more than agreed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import claims
from eccoo_federation.claims import Shares

from .helpers import refused

FEE = st.integers(0, 1_000_000)
BPS = st.integers(0, 10_000)


def test_the_rows_of_the_money_table() -> None:
    """Fee £60, half and half: 15% off the worker; then 7.5% off the worker and 17.5% on top for the payer; then £40
    back.
    """
    assert claims.split(6000, 1500, 0, 5000) == Shares(6000, 5100, 450, 450, 0, 0)
    assert claims.split(6000, 1500, 0, 5000).home_receives_pence == 5550
    both = claims.split(6000, 750, 1750, 5000)
    assert both == Shares(7050, 5550, 225, 225, 525, 525)
    assert (both.home_receives_pence, both.asking_keeps_pence) == (6300, 750)
    assert claims.split(4000, 1500, 0, 5000).home_receives_pence == 3700
    assert claims.split(2294, 1500, 0, 10_000) == Shares(2294, 1950, 344, 0, 0, 0)


def test_price_rounds_half_a_penny_up() -> None:
    assert [claims.price(1835, 75), claims.price(1, 30), claims.price(1, 29), claims.price(2000, 90)] == [
        2294,
        1,
        0,
        3000,
    ]


def test_an_odd_penny_goes_to_the_workers_home_circle() -> None:
    shares = claims.split(3007, 1500, 0, 5000)
    assert (shares.home_commission_pence, shares.asking_commission_pence) == (226, 225)


@given(FEE, BPS, BPS, BPS)
def test_no_penny_is_lost_or_made(fee: int, deduct: int, add: int, share: int) -> None:
    shares = claims.split(fee, deduct, add, share)
    assert shares.held_pence == shares.home_receives_pence + shares.asking_keeps_pence
    assert min(getattr(shares, name) for name in Shares.__struct_fields__) >= 0
    commission = shares.home_commission_pence + shares.asking_commission_pence
    assert 0 <= fee * deduct - 10_000 * commission < 10_000
    contribution = shares.home_contribution_pence + shares.asking_contribution_pence
    assert 0 <= fee * add - 10_000 * contribution < 10_000
    assert shares.worker_net_pence == fee - commission


@given(st.lists(st.integers(0, 100_000), max_size=6), BPS, BPS, BPS)
def test_parts_come_to_the_same_as_the_whole(parts: list[int], deduct: int, add: int, share: int) -> None:
    done, sums = 0, Shares(0, 0, 0, 0, 0, 0)
    for part in parts:
        more = claims.split_more(done, part, deduct, add, share)
        sums = Shares(*(getattr(sums, name) + getattr(more, name) for name in Shares.__struct_fields__))
        done += part
    assert sums == claims.split(sum(parts), deduct, add, share)


def test_mileage_carries_no_commission() -> None:
    assert claims.due_pence(6000, 360, 1500, 0, 5000) == 5910


@pytest.mark.parametrize("given", [(-1, 0, 0, 0), (1, 10_001, 0, 0), (1, 0, -1, 0), (1, 0, 0, 10_001)])
def test_amounts_that_cannot_be_are_refused(given: tuple[int, int, int, int]) -> None:
    assert refused(claims.split, *given) == "wrong_amount"
