"""Time. Stored in UTC, spoken in the circle's zone, and injected, so that a test or a demo can move it."""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


_clock: ContextVar[Clock] = ContextVar("clock", default=_system)
_LONDON = ZoneInfo("Europe/London")
_zone: ContextVar[ZoneInfo] = ContextVar("zone", default=_LONDON)


def now() -> datetime:
    """The present moment in UTC, with a zone, as the bound clock tells it."""
    return _clock.get()()


def set_clock(clock: Clock) -> None:
    """Bind a clock for this context and whatever it starts."""
    _clock.set(clock)


def zone() -> ZoneInfo:
    """The circle's own zone, as bound by the app or command."""
    return _zone.get()


@contextlib.contextmanager
def zone_bound(chosen: ZoneInfo) -> Iterator[None]:
    token = _zone.set(chosen)
    try:
        yield
    finally:
        _zone.reset(token)


def offset_clock(path: Path) -> Clock:
    """The system's clock, moved by the seconds that a file holds; for demo nodes, whose time a page can move on."""

    def moved() -> datetime:
        try:
            seconds = int(path.read_text("ascii").strip() or 0)
        except (OSError, ValueError):
            seconds = 0
        return _system() + timedelta(seconds=seconds)

    return moved


@contextlib.contextmanager
def clock_bound(clock: Clock) -> Iterator[None]:
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)


def today() -> date:
    """The day it is here, by the circle's own clock."""
    return now().astimezone(zone()).date()


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Real time between two moments. Two times of one zone subtract wrongly across a clock change."""
    return end.astimezone(UTC) - start.astimezone(UTC)


def minutes_between(start: datetime, end: datetime) -> int:
    return int(elapsed(start, end).total_seconds()) // 60


def week_of(moment: datetime, zone: ZoneInfo) -> date:
    """The circle's Monday on or before this moment."""
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def day_bounds(day: date, zone: ZoneInfo, days: int = 1) -> tuple[datetime, datetime]:
    """The first moment of a local day and of the day after the last, in UTC: 23, 24 or 25 hours apart."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    last = day + timedelta(days=days)
    return start.astimezone(UTC), datetime(last.year, last.month, last.day, tzinfo=zone).astimezone(UTC)


def say_time(moment: datetime, zone: ZoneInfo) -> str:
    """ "9am", "9.30am", "noon", "midnight"."""
    local = moment.astimezone(zone)
    if (local.hour, local.minute) in {(0, 0), (12, 0)}:
        return "noon" if local.hour else "midnight"
    hour, half = (local.hour % 12) or 12, "am" if local.hour < 12 else "pm"
    return f"{hour}{f'.{local.minute:02}' if local.minute else ''}{half}"


_NAMED = {"noon": time(12), "midday": time(12), "midnight": time(0)}
# "14:30", "14.30", "1430", "9", "2.30pm"; a browser may add seconds that say nothing.
_TYPED = re.compile(r"(\d{1,2})(?:[:.]?(\d\d)(?::00)?)?(am|pm)?", re.ASCII)


def read_time(text: str) -> time | None:
    """The time of day that somebody wrote, or None when it is none, or could be two.

    "2.30" is not guessed at: it is half past two to one, and 14:30 to another. Morning hours are read as they stand.
    """
    plain = "".join(text.lower().split()).removesuffix("o’clock").removesuffix("o'clock")
    if plain in _NAMED:
        return _NAMED[plain]
    found = _TYPED.fullmatch(plain.replace("a.m.", "am").replace("p.m.", "pm"))
    if not found:
        return None
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif 1 <= hour <= 6 and len(found[1]) == 1:
        return None
    return time(hour, minute) if hour < 24 and minute < 60 else None


# Beyond them the day after, or the same moment in another zone, may be no day at all.
_YEARS = range(1900, 2200)
_DAYS_TYPED = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%d/%m/%Y", "%d.%m.%Y")


def read_day(text: str) -> date | None:
    """The day that somebody wrote, with its year, or that a browser sent; None when it is none, or none that anybody here
    was born on or will see. The day comes first."""
    for how in _DAYS_TYPED:
        with contextlib.suppress(ValueError):
            day = datetime.strptime(" ".join(text.split()), how).date()  # noqa: DTZ007 - a day has no zone
            return day if day.year in _YEARS else None
    return None


def say_day(moment: datetime, zone: ZoneInfo) -> str:
    """ "Thursday 26 November"."""
    local = moment.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B}"


def say_when(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """ "Thursday 26 November, 9am to 11am", or "10pm to 7am the next day"."""
    # What ends at midnight ends with its day.
    over = (end - timedelta(minutes=1)).astimezone(zone).date() > start.astimezone(zone).date()
    return f"{say_day(start, zone)}, {say_time(start, zone)} to {say_time(end, zone)}{' the next day' if over else ''}"
