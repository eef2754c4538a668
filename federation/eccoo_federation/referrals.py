"""What is pulled about a person who asked to be put in touch, and which places a circle says that it serves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from . import jcs
from .body_base import Outward
from .errors import ProtocolError
from .shapes import Digest, Ref, Shape, Text, Time, read


class Referred(Shape, frozen=True, kw_only=True):
    """``GET /fed/v1/referrals/{ref}``. ``reach``: how to reach them, in their own words. ``salt`` has 256 random bits."""

    v: Literal[1] = 1
    referral: Ref
    salt: Digest
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    reach: Annotated[str, Meta(min_length=1, max_length=200)]
    wish: Literal["support", "give", "other"]
    words: Text = ""
    retain_until: Time

    def as_wire(self) -> dict[str, Any]:
        return {**super().as_wire(), "v": 1}


class Served(Shape, frozen=True, kw_only=True):
    """``GET /fed/v1/areas/served``: outward postcodes, signed. Says where people live for whom this circle is there."""

    v: Literal[1]
    type: Literal["circle.areas"]
    areas: Annotated[tuple[Outward, ...], Meta(max_length=200)]
    at: Time


def referred_hash(told: Referred) -> str:
    """``salted_hash`` of ``referral.sent``."""
    return jcs.digest(told.as_wire())


def check_referred(value: Any, salted_hash: str) -> Referred:
    """Raises ``bad_body``, or ``event_changed`` when it is not what the event announced."""
    told = read(value, Referred)
    if jcs.digest(value) != salted_hash:
        raise ProtocolError("event_changed", "This is not what was announced.")
    return told
