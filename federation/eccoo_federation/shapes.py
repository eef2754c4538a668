"""Small shared shapes: how a field is written on the wire, and turning JSON into a struct with a clear refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from .errors import ProtocolError
from .times import DATE_PATTERN, TIME_PATTERN, parse_date, parse_time

Time = Annotated[str, Meta(pattern=TIME_PATTERN)]
Date = Annotated[str, Meta(pattern=DATE_PATTERN)]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Uuid7 = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Ref = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,80}\Z")]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,47}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
NodeId = Annotated[str, Meta(pattern=r"^[a-z2-7]{52}\Z")]
Pence = Annotated[int, Meta(ge=0, le=100_000_000)]
SignedPence = Annotated[int, Meta(ge=-(2**52), le=2**52)]
Bps = Annotated[int, Meta(ge=0, le=10_000)]
# No link comes near it, and every database holds it.
MOST = 2**31 - 1
Count = Annotated[int, Meta(ge=1, le=MOST)]
CountFrom0 = Annotated[int, Meta(ge=0, le=MOST)]
Text = Annotated[str, Meta(max_length=600)]
Name = Annotated[str, Meta(min_length=1, max_length=60)]
Url = Annotated[str, Meta(min_length=8, max_length=400)]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z")]

T = TypeVar("T", bound="Shape")


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A JSON object. Unknown members are let through (a newer peer may send them); the received bytes keep them."""

    def __post_init__(self) -> None:
        # The pattern lets 31 February through; a time that does not exist must stop at the border.
        for name, check in _dated(type(self)):
            value = getattr(self, name)
            if isinstance(value, str):
                try:
                    check(value)
                except ProtocolError as error:
                    raise ValueError(f"{name} is not a time that exists") from error

    def as_wire(self) -> dict[str, Any]:
        """Plain JSON values (lists, not tuples), defaults left out where the shape says so."""
        made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return made


def read(value: Any, shape: type[T], code: str = "bad_body") -> T:
    """``value`` as ``shape``. Raises ``ProtocolError(code)`` whose detail names the field, never its content."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise ProtocolError(code, detail={"at": _where(str(error))}) from error


def _where(message: str) -> str:
    # msgspec ends its message with the path ("… - at `$.skills[0]`"); what stands before may quote the peer's text.
    _, found, path = message.rpartition(" - at `")
    return path.rstrip("`") if found else "$"


@cache
def _dated(shape: type[Shape]) -> tuple[tuple[str, Callable[[object], object]], ...]:
    """The members of a shape that are times or dates, each with what reads it."""
    found: list[tuple[str, Callable[[object], object]]] = []
    for name in shape.__struct_fields__:
        if name.endswith(("_at", "_until", "_by")) or name == "at":
            found.append((name, parse_time))
        elif name.endswith("_on"):
            found.append((name, parse_date))
    return tuple(found)
