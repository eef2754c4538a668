"""Time across the days of 23 and 25 hours, and how it is said."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.kernel import clock

LONDON = ZoneInfo("Europe/London")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 so Hypothesis wants it


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=LONDON)  # type: ignore[misc,arg-type]


def test_a_night_in_october_is_an_hour_longer_than_it_looks() -> None:
    start, end = local(2026, 10, 24, 22), local(2026, 10, 25, 7)
    assert end - start == timedelta(hours=9)
    assert clock.elapsed(start, end) == timedelta(hours=10)
    assert clock.minutes_between(start, end) == 600


def test_a_night_in_march_is_an_hour_shorter() -> None:
    assert clock.minutes_between(local(2026, 3, 28, 22), local(2026, 3, 29, 7)) == 480


@pytest.mark.parametrize("day, hours", [(date(2026, 3, 29), 23), (date(2026, 6, 1), 24), (date(2026, 10, 25), 25)])
def test_a_day_has_the_hours_it_has(day: date, hours: int) -> None:
    start, end = clock.day_bounds(day, LONDON)
    assert end - start == timedelta(hours=hours)
    assert (start.tzinfo, start.astimezone(LONDON).date(), start.astimezone(LONDON).hour) == (UTC, day, 0)


def test_a_week_over_the_change_is_seven_local_days() -> None:
    start, end = clock.day_bounds(date(2026, 10, 19), LONDON, days=7)
    assert end - start == timedelta(days=7, hours=1)


@given(MOMENTS)
def test_every_moment_lies_in_its_own_week_and_the_week_begins_on_a_monday(moment: datetime) -> None:
    monday = clock.week_of(moment, LONDON)
    start, end = clock.day_bounds(monday, LONDON, days=7)
    assert monday.weekday() == 0
    assert start <= moment < end


@given(MOMENTS)
def test_the_next_days_bound_is_where_this_day_ends(moment: datetime) -> None:
    day = moment.astimezone(LONDON).date()
    assert clock.day_bounds(day, LONDON)[1] == clock.day_bounds(day + timedelta(days=1), LONDON)[0]


@pytest.mark.parametrize(
    "moment, said",
    [
        (local(2026, 11, 26, 9), "9am"), (local(2026, 11, 26, 9, 30), "9.30am"), (local(2026, 11, 26, 12), "noon"),
        (local(2026, 11, 26, 0), "midnight"), (local(2026, 11, 26, 12, 5), "12.05pm"),
        (local(2026, 11, 26, 0, 10), "12.10am"), (local(2026, 11, 26, 23, 59), "11.59pm"),
        # Nine in the morning of summer time is eight in UTC.
        (datetime(2026, 7, 1, 8, tzinfo=UTC), "9am"),
    ],
)  # fmt: skip
def test_how_an_hour_is_said(moment: datetime, said: str) -> None:
    assert clock.say_time(moment, LONDON) == said


def test_how_a_visit_is_said() -> None:
    start, end = local(2026, 11, 26, 9), local(2026, 11, 26, 11)
    assert clock.say_when(start, end, LONDON) == "Thursday 26 November, 9am to 11am"


def test_a_bound_clock_tells_the_time_until_it_is_let_go() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    with clock.clock_bound(lambda: at):
        assert clock.now() == at
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("14:30", time(14, 30)), ("14.30", time(14, 30)), ("1430", time(14, 30)), ("2.30pm", time(14, 30)),
        (" 2:30 PM ", time(14, 30)), ("2.30 p.m.", time(14, 30)), ("230pm", time(14, 30)), ("9am", time(9)),
        ("9 a.m.", time(9)), ("0930", time(9, 30)), ("930", time(9, 30)), ("9.30", time(9, 30)), ("09:30:00", time(9, 30)),
        ("9", time(9)), ("02:30", time(2, 30)), ("0230", time(2, 30)), ("14", time(14)), ("00:00", time()),
        ("12", time(12)), ("12pm", time(12)), ("12am", time()), ("12.15am", time(0, 15)), ("noon", time(12)),
        ("Midday", time(12)), ("midnight", time()), ("10 o’clock", time(10)),
    ],
)  # fmt: skip
def test_a_time_is_read_as_people_write_it(typed: str, meant: time) -> None:
    assert clock.read_time(typed) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "25:00", "24:00", "12:60", "13pm", "14:30pm", "0am", "9:3", "12345", "-9", "9am to 11am", "09:30:20",
     # Half past two in the day or at night? Whoever reads it must not guess.
     "2.30", "2:30", "230", "6"],
)  # fmt: skip
def test_what_is_no_time_or_could_be_two_is_not_guessed(typed: str) -> None:
    assert clock.read_time(typed) is None


@pytest.mark.parametrize(
    "typed", ["2027-05-03", "3 May 2027", " 03  may 2027", "3 MAY 2027", "3/5/2027", "03/05/2027", "3.5.2027"]
)
def test_a_day_is_read_as_people_write_it(typed: str) -> None:
    assert clock.read_day(typed) == date(2027, 5, 3)


@pytest.mark.parametrize("typed", ["", "soon", "31 April 2027", "3 May", "2027", "3/15/2027", "3 May 27", "0/0/2027"])
def test_what_is_no_day_is_not_guessed(typed: str) -> None:
    assert clock.read_day(typed) is None


@given(MOMENTS)
def test_a_time_as_we_say_it_is_read_as_we_meant_it(moment: datetime) -> None:
    whole = moment.replace(second=0, microsecond=0)
    assert clock.read_time(clock.say_time(whole, LONDON)) == whole.astimezone(LONDON).time()


@pytest.mark.parametrize("typed", ["31 December 9999", "9999-12-31", "0001-01-01", "1 January 2200", "31/12/1899"])
def test_a_day_that_nobody_here_will_see_is_none(typed: str) -> None:
    assert clock.read_day(typed) is None
    assert clock.read_day("31 December 2199") == date(2199, 12, 31)
    assert clock.read_day("1 January 1900") == date(1900, 1, 1)
