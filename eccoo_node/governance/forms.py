"""What is filled in about a decision."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec


class DecisionForm(msgspec.Struct):
    """What was decided, by whom and when, and when it is looked at again."""

    words: Annotated[str, msgspec.Meta(max_length=2000)]
    decided_by: Annotated[str, msgspec.Meta(max_length=120)]
    decided_on: date
    review_on: date
    about: str = ""
    SAY: ClassVar[dict[str, str]] = {
        "words": "Write what was decided, in the circle’s own words.",
        "decided_by": "Write who decided, such as “the circle’s meeting, nine people”.",
    }


class FigureForm(msgspec.Struct):
    """A number that was decided, from a day on, and the decision it rests on."""

    value: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    decision: str
    from_day: date
    SAY: ClassVar[dict[str, str]] = {
        "value": "Write what was decided.",
        "decision": "Choose the decision that this rests on.",
    }
