"""A standing week: on which days somebody comes, and when that is by the clock on the wall. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from eccoo_node.kernel.days import is_bank_holiday
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.words import count

# How far ahead the visits of a standing week are made.
AHEAD = timedelta(weeks=4)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_MINUTES = 24 * 60


class Slot(msgspec.Struct, frozen=True):
    """From when to when, in UTC."""

    starts_at: datetime
    ends_at: datetime


class Wanted(msgspec.Struct, frozen=True):
    """Who is to come to whom on which days of the week, from when on, and until when where that is known."""

    person_id: str
    worker_id: str
    weekdays: tuple[int, ...]
    starts: time
    ends: time
    what: str
    first: date
    last: date | None = None
    cannot_be_missed: bool = False
    not_on_holidays: bool = False

    def days(self, until: date) -> list[date]:
        """The days on which somebody comes, up to and with this one."""
        last = min(until, self.last) if self.last else until
        every = (self.first + timedelta(days=n) for n in range((last - self.first).days + 1))
        return [
            day for day in every
            if day.weekday() in self.weekdays and not (self.not_on_holidays and is_bank_holiday(day))
        ]  # fmt: skip

    def slot(self, day: date, zone: ZoneInfo) -> Slot:
        return slot_on(day, self.starts, self.ends, zone)

    @property
    def minutes(self) -> int:
        return _minutes(self.starts, self.ends)

    @property
    def on_days(self) -> str:
        """ "Mondays and Thursdays", "every day"."""
        if len(self.weekdays) == 7:
            return "every day"
        named = [f"{WEEKDAYS[day]}s" for day in sorted(self.weekdays)]
        return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)


def slot_on(day: date, starts: time, ends: time, zone: ZoneInfo) -> Slot:
    """The hours of a local day; what ends no later than it begins ends on the day after.

    In the nights in which the clock changes it is as long as it really is, and an hour that does not exist moves on.
    """
    begins = datetime.combine(day, starts, tzinfo=zone).astimezone(UTC)
    ends_on = day if ends > starts else day + timedelta(days=1)
    over = datetime.combine(ends_on, ends, tzinfo=zone).astimezone(UTC)
    return Slot(begins, over if over > begins else begins + timedelta(minutes=_minutes(starts, ends)))


def _minutes(starts: time, ends: time) -> int:
    between = ends.hour * 60 + ends.minute - starts.hour * 60 - starts.minute
    return between if between > 0 else between + _DAY_MINUTES


def check(wanted: Wanted, today: date) -> None:
    """Raise Invalid for what cannot be planned."""
    if not wanted.weekdays or not set(wanted.weekdays) <= set(range(7)):
        raise Invalid("Tick at least one day.", "nothing_chosen", field="days")
    if wanted.starts == wanted.ends:
        raise Invalid("A visit ends after it begins.", "bad_times", field="ends")
    if wanted.first < today:
        raise Invalid("Begin today or later.", "bad_day", field="first")
    if wanted.first > today + timedelta(days=366):
        raise Invalid("That is more than a year ahead.", "bad_day", field="first")
    if wanted.last is not None and wanted.last < wanted.first:
        raise Invalid("The last day comes after the first.", "bad_day", field="last")
    if not wanted.what:
        raise Invalid("Say in a few words what the visit is for.", "no_words", field="what")


class Difference(msgspec.Struct, frozen=True):
    """What a change means for visits: their beginnings. `stays` are the very same visits."""

    stays: frozenset[Slot]
    goes: frozenset[Slot]
    comes: frozenset[Slot]

    @property
    def words(self) -> str:
        """ "Four visits stay as they are. Two are called off. Two are new."."""
        parts = [
            (len(self.stays), "visit stays as it is", "visits stay as they are"),
            (len(self.goes), "is called off", "are called off"),
            (len(self.comes), "is new", "are new"),
        ]
        return " ".join(f"{count(n).capitalize()} {one if n == 1 else more}." for n, one, more in parts if n)


def difference(before: Iterable[Slot], after: Iterable[Slot], *, same_worker: bool) -> Difference:
    """Between what is planned now and what is wanted."""
    old, new = frozenset(before), frozenset(after)
    stays = old & new if same_worker else frozenset()
    return Difference(stays, old - stays, new - stays)
