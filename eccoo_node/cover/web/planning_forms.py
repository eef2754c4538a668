"""What is typed when visits are planned, moved and called off."""

from datetime import date, time
from typing import ClassVar

import msgspec

WHO = "Choose who comes."
_HOURS = {
    "starts": "From: write when it begins, such as 9am or 14:30.",
    "ends": "To: write when it ends, such as 10am.",
}


class Once(msgspec.Struct):
    """One visit. `sure` is set once what it means was read, at the price `shown`; `again` goes back to the form."""

    worker: str
    day: date
    starts: time
    ends: time
    what: str
    cannot_be_missed: bool = False
    sure: bool = False
    again: bool = False
    shown: str = ""
    SAY: ClassVar[dict[str, str]] = {"worker": WHO, "what": "Say in a few words what the visit is for.", **_HOURS}


class Weekly(msgspec.Struct):
    """Every week."""

    worker: str
    days: list[int]
    starts: time
    ends: time
    what: str
    first: date
    last: date | None = None
    cannot_be_missed: bool = False
    not_on_holidays: bool = False
    sure: bool = False
    again: bool = False
    shown: str = ""
    SAY: ClassVar[dict[str, str]] = {
        "worker": WHO, "days": "Tick at least one day.", "what": "Say in a few words what the visit is for.",
        "first": "From which day on? Write a day, such as 30 November 2026.", **_HOURS,
    }  # fmt: skip


class Move(msgspec.Struct):
    day: date
    starts: time
    ends: time
    SAY: ClassVar[dict[str, str]] = _HOURS


class End(msgspec.Struct):
    day: date
    sure: bool = False
