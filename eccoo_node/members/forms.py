"""What people fill in to sign in, to say who speaks for them, and on the phone."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

Short = Annotated[str, msgspec.Meta(max_length=80)]
Line = Annotated[str, msgspec.Meta(max_length=160)]
Id = Annotated[str, msgspec.Meta(max_length=36)]


class AskForLink(msgspec.Struct):
    """ "Sign in": an address, and where the reader was going."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    next: str = ""
    SAY: ClassVar[dict[str, str]] = {"email": "Write your email address."}


class UseCode(msgspec.Struct):
    """Six digits from a mail, or a code from paper."""

    code: Annotated[str, msgspec.Meta(max_length=40)]
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    asked: Annotated[str, msgspec.Meta(max_length=36)] = ""
    next: str = ""
    SAY: ClassVar[dict[str, str]] = {"code": "Write the code."}


class WhereTo(msgspec.Struct):
    """A form that is one button, and where the reader was going."""

    next: str = ""


class Stop(msgspec.Struct):
    """ "Stop this": who speaks for whom, and which one thing; all of them without one."""

    person: Id
    speaker: Id
    scope: Id = ""


Scope = Literal["ask_for_cover", "choose_who_comes", "share_my_details", "say_visit_went", "money"]


class LetSpeak(msgspec.Struct):
    """Who may speak for me, in what, until when."""

    speaker: str
    scopes: list[Scope]
    until: date | None = None
    SAY: ClassVar[dict[str, str]] = {
        "speaker": "Choose who may speak for you.",
        "scopes": "Choose at least one thing they may do.",
        "until": "Write a day such as 3 May 2027, or leave it empty.",
    }


class FindSomeone(msgspec.Struct):
    """Who is on the phone: a name or a number."""

    who: Line
    SAY: ClassVar[dict[str, str]] = {"who": "Write a name or a phone number."}


class KnownBy(msgspec.Struct):
    """ "How do you know it's them?" """

    known_by: Literal["agreed_words", "rang_back", "face_to_face", "letter"]
    SAY: ClassVar[dict[str, str]] = {"known_by": "Say how you know that it’s them."}


class Register(msgspec.Struct):
    """Someone new. Only the name is needed: the rest can be asked later."""

    called: Short
    full_name: Line = ""
    phone: Annotated[str, msgspec.Meta(max_length=32)] = ""
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    outward: Annotated[str, msgspec.Meta(max_length=10)] = ""
    address: Annotated[str, msgspec.Meta(max_length=500)] = ""
    channel: Literal["phone", "post", "face_to_face", "email", "text"] = "phone"
    large_print: bool = False
    easy_read: bool = False
    SAY: ClassVar[dict[str, str]] = {"called": "Write the name they like to be called, in up to 80 letters."}


class AskForRole(msgspec.Struct):
    """Who is asked to take which role in the circle. `person`: which of those who answer to `who`."""

    who: Line
    role: Literal["facilitator", "treasurer", "safeguarding", "panel", "convenor", "admin"]
    person: str = ""
    SAY: ClassVar[dict[str, str]] = {"who": "Write a name or a phone number.", "role": "Choose what they would do."}


class AnswerHat(msgspec.Struct):
    """Yes or no to a role that was offered."""

    answer: Literal["yes", "no"]
    SAY: ClassVar[dict[str, str]] = {"answer": "Choose yes or no."}
