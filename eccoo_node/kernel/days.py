"""Working days, as banks keep them: no weekend and no bank holiday. Reckoned for any year; nobody is asked for them."""

from collections.abc import Container
from datetime import date, timedelta
from functools import cache


@cache
def _bank_holidays() -> Container[date]:
    """Bacs and Faster Payments keep those of England and Wales in all of the United Kingdom.

    Imported when first asked: it brings the calendars of two hundred countries, an eighth of a node's start.
    """
    import holidays

    return holidays.country_holidays("GB", subdiv="ENG")


def is_bank_holiday(day: date) -> bool:
    return day in _bank_holidays()


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and not is_bank_holiday(day)


def next_working_day(day: date) -> date:
    """The day itself, or the first working day after it."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def working_days_after(day: date, number: int) -> date:
    """The second working day after a Friday is the Tuesday, where that Monday is none of the holidays."""
    for _ in range(number):
        day = next_working_day(day + timedelta(days=1))
    return day
