"""What is filled in about papers."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec


class WeekForm(msgspec.Struct):
    """Whose statement or invoice. Of a statement also of which week: any day of it."""

    payer: str
    week: date | None = None
    SAY: ClassVar[dict[str, str]] = {
        "payer": "Choose whose paper it is.",
        "week": "Write a day of that week, such as 18 November 2026.",
    }


class YearForm(msgspec.Struct):
    """Whose year, and which."""

    worker: str
    year: int
    SAY: ClassVar[dict[str, str]] = {"worker": "Choose whose year it is.", "year": "Choose a tax year."}


class CorrectForm(msgspec.Struct):
    """What was wrong with a paper."""

    because: Annotated[str, msgspec.Meta(max_length=500)]
    SAY: ClassVar[dict[str, str]] = {"because": "Say what was wrong. Whoever it is for reads it on the new paper."}
