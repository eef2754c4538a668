"""How money is shared: to the penny, whatever the parts it comes in."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eccoo_node.escrow import chart, rules, sharing
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.rules import Leg
from eccoo_node.escrow.sharing import Shares, State, Terms
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import price_pence, share_out

bps = st.integers(0, 10_000)
TERMS = st.builds(
    Terms,
    fee_pence=st.integers(0, 500_000),
    travel_pence=st.integers(0, 5_000),
    payer_add_bps=bps,
    worker_deduct_bps=bps,
    across=st.booleans(),
    home_share_bps=bps,
    cancelled_bears=st.just(True),
)


def test_the_example_of_the_rounding_rule() -> None:
    assert price_pence(1835, 75) == 2294
    assert sharing.shares(Terms(2294, worker_deduct_bps=1500), 2294) == Shares(2294, 0, 1950, 344, 0, 344, 0)


@given(TERMS)
def test_the_circles_never_take_more_than_agreed(terms: Terms) -> None:
    given_ = sharing.shares(terms, terms.fee_pence)
    assert 0 <= terms.fee_pence * terms.worker_deduct_bps - 10_000 * given_.commission_pence < 10_000
    assert 0 <= terms.fee_pence * terms.payer_add_bps - 10_000 * given_.contribution_pence < 10_000
    assert given_.worker_pence + given_.commission_pence == terms.fee_pence
    # An odd penny goes to the worker's home circle.
    if terms.across and terms.home_share_bps == 5000:
        assert given_.home_commission_pence - given_.asking_commission_pence in {0, 1}


@given(TERMS, st.lists(st.integers(0, 200_000), max_size=6))
def test_the_total_does_not_depend_on_the_parts_it_comes_in(terms: Terms, parts: list[int]) -> None:
    state, sums = State(), Shares()
    for part in parts:
        fee = min(part, terms.fee_pence - state.released_fee_pence)
        before = sharing.so_far(terms, state)
        state = msgspec.structs.replace(state, released_fee_pence=state.released_fee_pence + fee)
        step = sharing.between(before, sharing.so_far(terms, state))
        assert min(msgspec.structs.astuple(step)) >= 0
        sums = Shares(*(a + b for a, b in zip(*map(msgspec.structs.astuple, (sums, step)), strict=True)))
    assert sums == sharing.shares(terms, state.released_fee_pence)


@given(TERMS.filter(lambda terms: terms.total_pence > 0), st.data())
def test_what_was_set_aside_is_all_accounted_for(terms: Terms, data: st.DataObject) -> None:
    """Through a dispute and its end: worker, circles, payer and what still lies there are the whole, at each step."""
    fee = data.draw(st.integers(0, terms.fee_pence))
    travel = data.draw(st.integers(0 if fee else min(1, terms.travel_pence), terms.travel_pence))
    steps = [State()]
    if fee + travel:
        amount, apart = sharing.set_apart(terms, State(), fee, travel)
        assert amount == sharing.disputed_pence(apart)
        steps.append(apart)
        if sharing.held_pence(terms, apart):
            steps.append(sharing.release(terms, apart, *sharing.left(terms, apart))[1])
        part, of_travel = data.draw(st.integers(0, fee)), data.draw(st.integers(0, travel))
        steps.append(sharing.resolve(terms, steps[-1], part, of_travel)[1])
    for state in steps:
        gone, still = sharing.so_far(terms, state), sharing.held_pence(terms, state)
        apart_pence = sharing.disputed_pence(state)
        assert min(still, apart_pence, *msgspec.structs.astuple(gone)) >= 0
        assert terms.total_pence == still + apart_pence + gone.returned_pence + gone.travel_pence + (
            gone.worker_pence + gone.commission_pence + gone.contribution_pence
        )
    if fee + travel:
        assert (sharing.held_pence(terms, steps[-1]), sharing.disputed_pence(steps[-1])) == (0, 0)


@given(TERMS.filter(lambda terms: terms.total_pence > 0), st.data())
def test_both_circles_books_say_the_same_of_one_visit(terms: Terms, data: st.DataObject) -> None:
    terms = msgspec.structs.replace(terms, across=True)
    fee = data.draw(st.integers(0, terms.fee_pence))
    given_, _ = sharing.release(terms, State(), fee, terms.travel_pence)
    ours = rules.across_legs(chart.held(1), "circle B", given_, terms)
    theirs = rules.due_legs("circle A", "worker", sharing.shares(terms, fee, terms.travel_pence), terms)
    we_owe = -sum(amount for account, amount in balances(ours).items() if account.code == "2300")
    they_owe = sum(amount for account, amount in balances(theirs).items() if account.code == "1200")
    assert we_owe == they_owe == given_.due_pence


def balances(legs: list[Leg]) -> dict[Account, int]:
    return rules.net(rules.postings(legs)) if legs else {}


def test_an_entry_that_does_not_balance_cannot_be_written_down() -> None:
    legs = [Leg(chart.BANK, chart.credit("p"), 5), Leg(chart.BANK, chart.COMMISSION, 7)]
    assert rules.postings(legs) == [(chart.BANK, 12), (chart.credit("p"), -5), (chart.COMMISSION, -7)]


@pytest.mark.parametrize(
    "leg",
    [
        Leg(chart.BANK, chart.credit("p"), 0),
        Leg(chart.BANK, chart.credit("p"), -5),
        Leg(chart.BANK, chart.credit("p"), 1.5),  # type: ignore[arg-type]
        Leg(chart.BANK, chart.credit("p"), True),
        Leg(chart.BANK, chart.BANK, 5),
        Leg(chart.BANK, Account("9999"), 5),
        Leg(chart.BANK, Account("2000"), 5),
        Leg(Account("1000", "someone"), chart.credit("p"), 5),
        # What a circle has yet to pay is not paid out, nor given to somebody else.
        Leg(chart.worker("w", awaiting="B"), Account("2290", "w"), 5),
        Leg(chart.worker("w", awaiting="B"), chart.worker("v"), 5),
        Leg(chart.worker("w", awaiting="B"), chart.OPERATING, 5),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(leg: Leg) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 a mistake of the programmer, which no person ever reads
        rules.postings([leg])


def test_what_was_awaited_becomes_ready_for_the_same_worker() -> None:
    leg = Leg(chart.worker("w", awaiting="B"), chart.worker("w"), 5)
    # It is now a claim on client money, so somebody's cash must come with it.
    assert rules.spare_cash_change(rules.postings([leg])) == -5
    fronted = [leg, Leg(chart.BANK, chart.OPERATING, 5)]
    assert rules.spare_cash_change(rules.postings(fronted)) == 0


@given(st.integers(0, 10_000_000), st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any))
@example(100, [1, 1, 1])
def test_parts_add_up_to_the_whole(total: int, weights: list[int]) -> None:
    parts = share_out(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    st.integers(0, 2 * 365 * 24 * 60),
    st.integers(15, 26 * 60),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
@example((296 * 24 + 21) * 60, 10 * 60, "Europe/London")
@example((86 * 24 + 22) * 60, 9 * 60, "Europe/London")
def test_a_visit_is_paid_by_the_hours_that_really_passed(start: int, minutes: int, name: str) -> None:
    zone = ZoneInfo(name)
    begins = (NEW_YEAR + timedelta(minutes=start)).astimezone(zone)
    ends = (NEW_YEAR + timedelta(minutes=start + minutes)).astimezone(zone)
    assert clock.minutes_between(begins, ends) == minutes
    # Days of 23 and of 25 hours are as long as they are, and a week begins on the circle's Monday.
    first, last = clock.day_bounds(begins.date(), zone)
    assert first <= begins < last
    assert clock.week_of(begins, zone).weekday() == 0


def test_the_night_the_clocks_go_back_is_ten_hours_long() -> None:
    zone = ZoneInfo("Europe/London")
    begins, ends = datetime(2026, 10, 24, 22, tzinfo=zone), datetime(2026, 10, 25, 7, tzinfo=zone)
    assert (ends - begins, clock.elapsed(begins, ends)) == (timedelta(hours=9), timedelta(hours=10))
    assert price_pence(1200, clock.minutes_between(begins, ends)) == 12_000
