"""What is filled in about what two circles owe each other."""

from typing import Annotated, ClassVar, Literal

import msgspec

Short = Annotated[str, msgspec.Meta(max_length=40)]


class AnswerForm(msgspec.Struct):
    """Whose books are right about one visit."""

    whose: Literal["ours", "theirs"]
    SAY: ClassVar[dict[str, str]] = {"whose": "Choose whose books are right."}


class SentForm(msgspec.Struct):
    """What was to be sent, as the page showed it, so that a second press writes nothing twice."""

    pence: int
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class AccountForm(msgspec.Struct):
    """Another circle's account, as its treasurer read it out."""

    name: Annotated[str, msgspec.Meta(max_length=70)]
    sort_code: Short
    account_number: Short
    SAY: ClassVar[dict[str, str]] = {
        "name": "Write the name on the account.",
        "sort_code": "Write the six digits of the sort code, such as 12-34-56.",
        "account_number": "Write the eight digits of the account number.",
    }


class SureForm(msgspec.Struct):
    """How a second person made sure of it, or that it is not right."""

    how: Literal["rang", "paper", "wrong"]
    SAY: ClassVar[dict[str, str]] = {"how": "Choose what you found."}


class RightForm(msgspec.Struct):
    """What was right for one visit, of what stood there."""

    was_fee: int
    was_travel: int
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    fee: Short = ""
    travel: Short = ""
    because: Annotated[str, msgspec.Meta(max_length=600)] = ""
    SAY: ClassVar[dict[str, str]] = {"because": "Please keep this under 600 letters."}


class BearForm(msgspec.Struct):
    """What the circle bears of one visit."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    amount: Short = ""
    why: Annotated[str, msgspec.Meta(max_length=600)] = ""
    SAY: ClassVar[dict[str, str]] = {"why": "Please keep this under 600 letters."}
