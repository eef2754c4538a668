"""What stands of a line, and in which quarter: it adds up to the books however often it is let go and taken back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.escrow import sharing
from eccoo_node.escrow.earned import Part, Step, parts
from eccoo_node.escrow.sharing import Shares, State, Terms
from eccoo_node.hmrc import reckoning
from eccoo_node.hmrc.reckoning import Quarter, by_quarter, in_pounds, pounds_of, total

LONDON = ZoneInfo("Europe/London")
JANUARY = datetime(2026, 1, 10, 12, tzinfo=UTC)
TERMS = st.builds(
    Terms, fee_pence=st.integers(1, 60_000), travel_pence=st.integers(0, 5_000), payer_add_bps=st.integers(0, 3000),
    worker_deduct_bps=st.integers(0, 4000), vat_bps=st.sampled_from([0, 500, 2000]), cancelled_bears=st.booleans(),
)  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> tuple[Terms, list[Step], State]:
    """A line let go in parts over two years, taken back and settled, as the books' own rules do it."""
    terms, state, steps, at = draw(TERMS), State(), [], JANUARY
    for _ in range(draw(st.integers(1, 6))):
        at += timedelta(days=draw(st.integers(1, 150)))
        before = state
        if state.disputed_fee_pence or state.disputed_travel_pence:
            kind, fee, travel = "resolved", state.disputed_fee_pence, state.disputed_travel_pence
            _, state = sharing.resolve(
                terms, state, draw(st.integers(0, fee)), draw(st.integers(0, travel)), free=state.free_fee_pence > 0
            )
        elif sharing.held_pence(terms, state) and draw(st.booleans()):
            fee, travel = sharing.left(terms, state)
            free = not state.released_fee_pence and not terms.cancelled_bears
            kind = "cancelled" if free else "released"
            given = draw(st.integers(0, fee))
            _, state = sharing.release(terms, state, given, draw(st.integers(0, travel)), free=free)
        elif state.released_fee_pence + state.released_travel_pence:
            kind = "clawed_back"
            fee = draw(st.integers(0, state.released_fee_pence))
            travel = draw(st.integers(0 if fee else 1, max(1, state.released_travel_pence)))
            if not fee and travel > state.released_travel_pence:
                continue
            _, state = sharing.claw_back(terms, state, fee, min(travel, state.released_travel_pence))
        else:
            continue
        steps.append(
            Step(
                at, kind, state.released_fee_pence - before.released_fee_pence,
                state.released_travel_pence - before.released_travel_pence, state.free_fee_pence - before.free_fee_pence,
            )
        )  # fmt: skip
    return terms, steps, state


@given(lives())
def test_what_stands_adds_up_to_the_books_and_no_quarter_is_below_nothing(
    life: tuple[Terms, list[Step], State],
) -> None:
    terms, steps, state = life
    found = parts(terms, steps)
    whole = sharing.so_far(terms, state)
    for name in ("worker_pence", "commission_pence", "travel_pence", "fee_pence", "vat_pence"):
        assert sum(getattr(shares, name) for _, shares in found) == getattr(whole, name)
    told: list[Quarter] = []
    for year in (2026, 2027, 2028):
        start, end = reckoning.year_bounds(year, LONDON)
        mine = [Part("w", "visit:1", at, shares) for at, shares in found if start <= at < end]
        told += by_quarter(mine, LONDON).get("w", reckoning.NOTHING)
    for quarter in told:
        assert min(quarter.net_pence, quarter.fees_pence, quarter.tax_pence, quarter.reimbursed_pence) >= 0
        in_pounds([quarter] * 4, reimbursed=True)
    assert sum(quarter.gross_pence for quarter in told) == whole.fee_pence
    assert total(told).reimbursed_pence == whole.travel_pence
    # Each part lies at a moment at which something was let go.
    assert {at for at, _ in found} <= {step.at for step in steps if step.fee_pence + step.travel_pence > 0}


def step(month: int, kind: str, fee: int, travel: int = 0) -> Step:
    return Step(datetime(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 5, tzinfo=UTC), kind, fee, travel, 0)


def test_what_comes_back_belongs_to_the_quarter_it_was_earned_in() -> None:
    terms = Terms(6000, worker_deduct_bps=1500)
    november, february = step(11, "released", 6000), step(14, "clawed_back", -6000)
    assert parts(terms, [november, february]) == []
    # Of what was taken back in February, £40 is the worker's after all: £20 less was earned in November.
    settled = parts(terms, [november, february, step(15, "resolved", 4000)])
    assert [(at, shares.worker_pence, shares.commission_pence) for at, shares in settled] == [(november.at, 3400, 600)]
    # Settled in two goes, it is earned when it was first let go all the same.
    twice = [november, february, step(15, "resolved", 1500), step(16, "resolved", 2500)]
    assert [(at, shares.worker_pence) for at, shares in parts(terms, twice)] == [
        (november.at, 1275),
        (november.at, 2125),
    ]
    # A dispute that was never let go is earned when it is settled.
    assert [at.month for at, _ in parts(terms, [step(3, "released", 2000), step(5, "resolved", 4000)])] == [3, 5]
    # What comes back comes off the latest.
    let_go = [step(3, "released", 2000), step(5, "resolved", 4000)]
    for less, left in ((1000, [(3, 2000), (5, 3000)]), (4500, [(3, 1500)])):
        found = parts(terms, [*let_go, step(7, "owed_back", -less)])
        assert [(at.month, shares.fee_pence) for at, shares in found] == left
    # Undone and let go again, it is earned the second time.
    undone = [step(3, "released", 6000), step(4, "reversed", -6000), step(5, "released", 6000)]
    assert [at.month for at, _ in parts(terms, undone)] == [5]
    with pytest.raises(ValueError, match="more was taken back"):
        parts(terms, [step(3, "released", 2000), step(4, "reversed", -2001)])


def test_a_year_begins_and_ends_at_midnight_here() -> None:
    sydney = ZoneInfo("Australia/Sydney")
    assert reckoning.year_bounds(2026, LONDON)[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert reckoning.year_bounds(2026, sydney)[0] == datetime(2025, 12, 31, 13, tzinfo=UTC)
    # Half past midnight on 1 July in Hebden is still June in UTC.
    at = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    (quarters,) = by_quarter([Part("w", "visit:1", at, Shares(worker_pence=100, fee_pence=100))], LONDON).values()
    assert [quarter.net_pence for quarter in quarters] == [0, 0, 100, 0]
    assert date(2026, 7, 1) == at.astimezone(LONDON).date()


def test_a_visit_is_one_however_its_money_came_and_shopping_is_none() -> None:
    references = ("visit:1", "visit:1:more:12345678", "visit:2:abcdef", "away:1", "expense:1", "expense:2:more")
    one = Shares(worker_pence=100, fee_pence=100)
    (quarters,) = by_quarter([Part("w", of, JANUARY, one) for of in references], LONDON).values()
    assert (quarters[0].visits, quarters[0].bought) == (3, 2)
    # Where mileage and expenses are no earnings, nothing is told of what was bought.
    assert [in_pounds(quarters, reimbursed=counts).visits[0] for counts in (True, False)] == [5, 3]


def test_pounds_are_whole_and_half_a_pound_is_rounded_up() -> None:
    assert [pounds_of(pence) for pence in (0, 49, 50, 149, 150, 12_345)] == [0, 0, 1, 1, 2, 123]
    with pytest.raises(ValueError, match="below nothing"):
        pounds_of(-1)
    quarters = [Quarter(5149, 851, 50, 101, 2)] * 4
    assert in_pounds(quarters, reimbursed=True).consideration == (53, 53, 53, 53)
    assert in_pounds(quarters, reimbursed=False) == reckoning.InPounds((51,) * 4, (9,) * 4, (1,) * 4, (2,) * 4)
