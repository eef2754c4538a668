"""What is filled in about money that is in question."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

_Words = Annotated[str, msgspec.Meta(max_length=1000)]
_Sum = Annotated[str, msgspec.Meta(max_length=20)]


class RaiseForm(msgspec.Struct):
    """Which part, and what is said of it."""

    part: Literal["minutes", "travel", "whole", "sum"]
    minutes: int | None = None
    amount: _Sum = ""
    words: _Words = ""
    SAY: ClassVar[dict[str, str]] = {
        "part": "Choose which part.", "minutes": "Write the minutes as a number, such as 45.",
    }  # fmt: skip


class SplitForm(msgspec.Struct):
    """A split, and what is said with it."""

    amount: _Sum
    words: _Words = ""
    SAY: ClassVar[dict[str, str]] = {"amount": "Write a sum, such as 12 or 17.50."}


class ProposeForm(msgspec.Struct):
    """A split that is proposed, where another sum may be on the page."""

    sum: _Sum
    with_it: _Words = ""
    SAY: ClassVar[dict[str, str]] = {"sum": "Write a sum, such as 12 or 17.50."}


class AgreeForm(msgspec.Struct):
    """Which split was on the page."""

    split: int


class WordsForm(msgspec.Struct):
    words: _Words
    SAY: ClassVar[dict[str, str]] = {"words": "Please write a few words."}


class HeardForm(msgspec.Struct):
    """What each of the two said, in short."""

    theirs: _Words
    workers: _Words
    SAY: ClassVar[dict[str, str]] = {
        "theirs": "Write a few words of what the person said.",
        "workers": "Write a few words of what the worker said.",
    }


class NoteForm(msgspec.Struct):
    note: _Words
    SAY: ClassVar[dict[str, str]] = {"note": "Please write a few words."}


class AsideForm(msgspec.Struct):
    interest: _Words
    SAY: ClassVar[dict[str, str]] = {"interest": "Say in a few words what part you have in this."}


class PauseForm(msgspec.Struct):
    """A sum that waits until a day. `spoke_up`: it is the pay of whoever told us."""

    line: str
    amount: _Sum
    until: date
    spoke_up: Literal["no", "yes"]
    worker_yes: _Words = ""
    SAY: ClassVar[dict[str, str]] = {
        "line": "Choose which money.", "amount": "Write a sum, such as 12 or 17.50.",
        "spoke_up": "Say whether it is the pay of whoever told us.",
    }  # fmt: skip


class RenewForm(msgspec.Struct):
    until: date
