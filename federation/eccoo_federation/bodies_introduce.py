"""Bodies about being introduced to a circle through another, and the asking that the one who asks has signed.

The one in the middle passes on what was signed and an invitation for one node, and has nothing that it could use.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from .body_base import Body
from .shapes import NodeId, Ref, Shape, Time, Uuid, read

Line = Annotated[str, Meta(max_length=120)]


class LinkShown(Body, frozen=True, kw_only=True):
    """Others may hear of the sender, its name and place, through the receiver; or no more."""

    TYPE = "link.shown"
    SCOPE = "link"
    shown: bool
    place: Line = ""


class Asking(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """What one circle says of itself to one that it does not know: of its admin's page, and of nobody in care.

    ``node_id`` is whom the invitation is for, ``via`` the circle that passes it on. Signed by ``node_id``.
    """

    v: Literal[1] = 1
    type: Literal["link.introduction"] = "link.introduction"
    introduction: Uuid
    node_id: NodeId
    via: NodeId
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    place: Line
    phone: Annotated[str, Meta(max_length=40)]
    why: Annotated[str, Meta(max_length=300)]
    asked_at: Time


class IntroduceAsked(Body, frozen=True, kw_only=True):
    """To the one in the middle: ``circle`` is what it calls the third circle towards the sender."""

    TYPE = "introduce.asked"
    SCOPE = "introduce"
    introduction: Uuid
    circle: Ref
    asking: dict[str, Any]


class IntroducePassed(Body, frozen=True, kw_only=True):
    """The same, passed on to the third circle word for word."""

    TYPE = "introduce.passed"
    SCOPE = "introduce"
    introduction: Uuid
    asking: dict[str, Any]


class IntroduceAnswered(Body, frozen=True, kw_only=True):
    """Back the same way. A yes carries an invitation that is of use to the asking node alone."""

    TYPE = "introduce.answered"
    SCOPE = "introduce"
    introduction: Uuid
    answer: Literal["yes", "no"]
    invite: Annotated[str, Meta(max_length=2048)] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.answer == "yes") != bool(self.invite):
            raise ValueError("a yes, and only a yes, carries an invitation")


class KnownCircle(Shape, frozen=True, kw_only=True):
    circle: Ref
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    place: Line = ""


class Circles(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Answer of ``GET /fed/v1/introductions/circles``."""

    v: Literal[1] = 1
    circles: Annotated[tuple[KnownCircle, ...], Meta(max_length=200)]


def read_asking(value: Any) -> Asking:
    """Raises ``bad_body``. Its proof is the reader's to check, as soon as the signer's log is known."""
    return read(value, Asking)
