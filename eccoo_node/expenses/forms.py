"""What is filled in about something bought for someone."""

from typing import Annotated, ClassVar, Literal

import msgspec

_Sum = Annotated[str, msgspec.Meta(max_length=20)]


class AgreeForm(msgspec.Struct):
    """What for, who goes, and at most how much."""

    purpose: Annotated[str, msgspec.Meta(max_length=120)]
    ceiling: _Sum
    worker: str
    SAY: ClassVar[dict[str, str]] = {
        "purpose": "Say what it is for, such as “Shopping on Thursday”.",
        "ceiling": "Write the most it may cost, such as 15 or 12.50.",
        "worker": "Choose who goes.",
    }


class CostForm(msgspec.Struct):
    """What it cost. The photo comes beside it; `nothing` is ticked where nothing was spent."""

    cost: _Sum = ""
    nothing: bool = False
    paper: bool = False


class AnswerForm(msgspec.Struct):
    """Whether it is right. `asked` is set once the second question was on the page."""

    answer: Literal["yes", "ceiling", "wrong"]
    # What the page asked about, so that nobody says yes to a sum they have not read.
    seen: Annotated[str, msgspec.Meta(max_length=60)] = ""
    right: _Sum = ""
    words: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    asked: bool = False
    SAY: ClassVar[dict[str, str]] = {"answer": "Choose one answer."}


class ResolveForm(msgspec.Struct):
    """How much of what is in question both agree was due."""

    due: _Sum
    because: Annotated[str, msgspec.Meta(max_length=500)]
    SAY: ClassVar[dict[str, str]] = {
        "due": "Write a sum, such as 12 or 17.50. Write 0 for nothing.", "because": "Say how this was agreed.",
    }  # fmt: skip


class PlanForm(msgspec.Struct):
    """Whether a plan lets shopping and mileage be paid out of it, and what says so."""

    allows: Literal["yes", "no"]
    travel: Literal["yes", "no"]
    rests_on: Annotated[str, msgspec.Meta(max_length=500)]
    SAY: ClassVar[dict[str, str]] = {
        "allows": "Choose one answer.", "travel": "Choose one answer.",
        "rests_on": "Name the decision or the letter that says so, and its day.",
    }  # fmt: skip
