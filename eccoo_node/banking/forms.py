"""What is filled in about the bank."""

from typing import Annotated, ClassVar

import msgspec

Short = Annotated[str, msgspec.Meta(max_length=80)]


class AccountForm(msgspec.Struct):
    """One of the circle's own accounts."""

    name: Short
    sort_code: Short
    account_number: Short
    layout: Short
    service_user: Short = ""
    SAY: ClassVar[dict[str, str]] = {
        "name": "Write the name that the account is kept under.",
        "sort_code": "Write the sort code, such as 08-60-01.",
        "account_number": "Write the account number: eight digits.",
        "layout": "Choose how its statements come.",
    }


class StatementForm(msgspec.Struct):
    """Of which account a file is. The file itself comes beside the form."""

    account: str
    SAY: ClassVar[dict[str, str]] = {"account": "Choose which account the file is of."}


class WriteForm(msgspec.Struct):
    """What looks as if it had been written by hand, and is other money."""

    again: list[str] = []
    # It is of this account, though it looks like another's.
    this: bool = False


class WhoseForm(msgspec.Struct):
    """Whose money a line is: a payer, how much of it, and whether the sender is to be remembered."""

    payer: str
    amount: Annotated[str, msgspec.Meta(max_length=20)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    remember: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "payer": "Choose whose money it is.",
        "amount": "Write how much of it is theirs, such as 100 or 17.50.",
    }


class WhatForm(msgspec.Struct):
    """What a line was. `what` may carry whom it is about: "refund_left:…"."""

    what: str
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    who: str = ""
    purpose: Annotated[str, msgspec.Meta(max_length=64)] = ""
    because: Annotated[str, msgspec.Meta(max_length=500)] = ""
    member: str = ""
    fee: Annotated[str, msgspec.Meta(max_length=20)] = ""
    # What it means that the money becomes the circle's own has been read.
    own: bool = False
    SAY: ClassVar[dict[str, str]] = {"what": "Choose what it was."}


class TakeBackForm(msgspec.Struct):
    """Why what was said of a line was a mistake."""

    because: Annotated[str, msgspec.Meta(max_length=500)]
    SAY: ClassVar[dict[str, str]] = {"because": "Say why it is taken back."}


class SampleForm(msgspec.Struct):
    """The first lines of a bank's file."""

    sample: Annotated[str, msgspec.Meta(max_length=16_000)]
    SAY: ClassVar[dict[str, str]] = {"sample": "Choose one of this bank’s files."}


class DescribeForm(msgspec.Struct):
    """What each column of a bank's CSV is, by its heading."""

    title: Annotated[str, msgspec.Meta(max_length=60)]
    sample: Annotated[str, msgspec.Meta(max_length=16_000)]
    day: str
    day_form: str
    texts: list[str]
    amount: str = ""
    turned: bool = False
    paid_in: str = ""
    paid_out: str = ""
    balance: str = ""
    sender: str = ""
    account_number: str = ""
    sort_code: str = ""
    SAY: ClassVar[dict[str, str]] = {
        "title": "Write what you call this bank.",
        "day": "Choose the column with the day.",
        "day_form": "Choose how this bank writes a day.",
        "texts": "Tick each column that says who or what for.",
    }
