"""What someone outside fills in, and what is decided about it."""

from typing import Annotated, ClassVar, Literal

import msgspec


class AskUs(msgspec.Struct):
    """Who asks, how to reach them, where they live and what they wish."""

    wish: Literal["support", "give", "other"]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    reach: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    outward: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    words: Annotated[str, msgspec.Meta(max_length=600)] = ""
    SAY: ClassVar[dict[str, str]] = {
        "wish": "Choose what you would like.",
        "name": "Write your name.",
        "reach": "Write a telephone number, or another way to reach you.",
        "outward": "Write the first half of your postcode, such as HX7.",
        "words": "Please keep it under 600 letters.",
    }


class Choose(msgspec.Struct):
    """The circle that may be told."""

    circle: str


class One(msgspec.Struct):
    """One enquiry or referral, and what became of it."""

    id: str
    answer: Literal["", "taken_up", "could_not_reach", "not_ours"] = ""


class Areas(msgspec.Struct):
    areas: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    SAY: ClassVar[dict[str, str]] = {"areas": "Please keep it shorter."}
