"""What is filled in about where money goes, and about what was sent there."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

Key = Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
Short = Annotated[str, msgspec.Meta(max_length=40)]
_NUMBERS = {
    "name": "Write the name on the account.",
    "sort_code": "Write the six digits of the sort code, such as 12-34-56.",
    "account_number": "Write the eight digits of the account number.",
}


class DetailsForm(msgspec.Struct):
    """Someone's own account."""

    name: Annotated[str, msgspec.Meta(max_length=70)]
    sort_code: Short
    account_number: Short
    # It looks odd, and is right all the same.
    right: bool = False
    SAY: ClassVar[dict[str, str]] = _NUMBERS


class SureForm(msgspec.Struct):
    """What was heard or seen, and how; or why nobody can be sure. The numbers belong to the first two alone."""

    how: Literal["rang", "paper", "unreached", "wrong"]
    sort_code: Short = ""
    account_number: Short = ""
    SAY: ClassVar[dict[str, str]] = {"how": "Choose what you found.", **_NUMBERS}


class ChangeForm(msgspec.Struct):
    """How a second person made sure of a change of our own account."""

    how: Literal["rang", "paper"]
    SAY: ClassVar[dict[str, str]] = {"how": "Choose how you know that it is right."}


class BatchForm(msgspec.Struct):
    """Who is paid, on which day, and why somebody is left out. `key` is the page's own."""

    pay_on: date
    key: Key
    who: list[str] = []
    # All who stood on the page: whoever came to be ready since then is asked about anew.
    asked: list[str] = []
    because: Annotated[str, msgspec.Meta(max_length=300)] = ""


class SentForm(msgspec.Struct):
    """The day on which the bank paid all of a batch."""

    on: date
    key: Key


class BecameForm(msgspec.Struct):
    """What became of one payment."""

    what: Literal["arrived", "back"]
    on: date
    key: Key
    because: Annotated[str, msgspec.Meta(max_length=300)] = ""
    SAY: ClassVar[dict[str, str]] = {"what": "Choose what became of it."}


class GiveBackForm(msgspec.Struct):
    """How much of each payout may go towards what is to be given back."""

    most: Annotated[str, msgspec.Meta(max_length=20)]
    yes: bool = False
    SAY: ClassVar[dict[str, str]] = {"most": "Write a sum, such as 10 or 17.50."}
