"""Working days are the bank's: weekends and the bank holidays of England and Wales are passed over."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.kernel.days import is_working_day, next_working_day, working_days_after

DAYS = st.dates(date(2024, 1, 1), date(2060, 12, 31))


def test_over_christmas_two_working_days_are_six_days() -> None:
    # In 2026 Christmas Day is a Friday, and Boxing Day is kept on the Monday.
    assert working_days_after(date(2026, 12, 24), 1) == date(2026, 12, 29)
    assert working_days_after(date(2026, 12, 24), 2) == date(2026, 12, 30)
    assert next_working_day(date(2026, 12, 25)) == date(2026, 12, 29)
    assert next_working_day(date(2026, 12, 24)) == date(2026, 12, 24)


@given(DAYS, st.integers(1, 9))
def test_as_many_working_days_are_passed_as_are_asked_for(day: date, number: int) -> None:
    at = working_days_after(day, number)
    passed = [n for n in range(day.toordinal() + 1, at.toordinal() + 1) if is_working_day(date.fromordinal(n))]
    assert len(passed) == number
    assert passed[-1] == at.toordinal()
