"""What a treasurer fills in."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec


class SharesForm(msgspec.Struct):
    """What the circle takes from a day on: shares in percent, and the decision they rest on."""

    worker: Annotated[str, msgspec.Meta(max_length=6)]
    payer: Annotated[str, msgspec.Meta(max_length=6)]
    decision: str
    from_day: date
    vat: Annotated[str, msgspec.Meta(max_length=6)] = "0"
    cancelled: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "worker": "Write a share in percent, such as 15 or 7.5. Write 0 for nothing.",
        "payer": "Write a share in percent, such as 15 or 7.5. Write 0 for nothing.",
        "decision": "Choose the decision that this rests on.",
    }


class WritingForm(msgspec.Struct):
    """One thing that happened to the money. Which of these are asked depends on what it was. `key` is the page's own."""

    amount: Annotated[str, msgspec.Meta(max_length=20)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    payer: str = ""
    owing: str = ""
    receipt: str = ""
    refund: str = ""
    circle: str = ""
    member: str = ""
    fee: Annotated[str, msgspec.Meta(max_length=20)] = ""
    purpose: Annotated[str, msgspec.Meta(max_length=64)] = ""
    because: Annotated[str, msgspec.Meta(max_length=500)] = ""
    day: date | None = None
    # As much stands in the books already, and this is another.
    another: bool = False
    SAY: ClassVar[dict[str, str]] = {"amount": "Write a sum, such as 100 or 17.50."}


class AllotForm(msgspec.Struct):
    """How much of what a member sent becomes shares, and the decision that rests on. `key` is the page's own."""

    amount: Annotated[str, msgspec.Meta(max_length=20)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    decision: str = ""
    SAY: ClassVar[dict[str, str]] = {"amount": "Write a sum, such as 100 or 17.50."}


class TakeOutForm(AllotForm):
    """How much of their shares a member takes out, by which decision, and why."""

    because: Annotated[str, msgspec.Meta(max_length=500)] = ""


class LetGoForm(msgspec.Struct):
    """How much of what somebody owes the circle bears, and who agreed to that. `key` is the page's own."""

    amount: Annotated[str, msgspec.Meta(max_length=20)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    because: Annotated[str, msgspec.Meta(max_length=500)] = ""
    SAY: ClassVar[dict[str, str]] = {"amount": "Write a sum, such as 100 or 17.50."}


class TopUpForm(msgspec.Struct):
    """Money that came into the bank: whose, how much, and what the bank says of it. `key` is the page's own."""

    payer: str
    amount: Annotated[str, msgspec.Meta(max_length=20)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    note: Annotated[str, msgspec.Meta(max_length=140)] = ""
    # As much stands in the books already, and this is another.
    another: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "payer": "Choose whose money it is.",
        "amount": "Write how much came in, such as 100 or 17.50.",
        "note": "Please make this shorter: at most 140 letters.",
    }


class UndoForm(msgspec.Struct):
    """Why something that was written was a mistake. `key` is the page's own."""

    because: Annotated[str, msgspec.Meta(max_length=500)]
    key: Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
    SAY: ClassVar[dict[str, str]] = {"because": "Say why this is undone, in at most 500 letters."}


class ExportForm(msgspec.Struct):
    """In which form, and of which days, the books are taken elsewhere."""

    how: Literal["hledger", "beancount", "csv"]
    first: date | None = None
    last: date | None = None
    SAY: ClassVar[dict[str, str]] = {"how": "Choose which program it is for."}
