"""What every event body has: its type, and the scope that its sender needs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from .shapes import Shape

Outward = Annotated[str, Meta(pattern=r"^[A-Z]{1,2}[0-9][0-9A-Z]?\Z")]
Minutes = Annotated[int, Meta(ge=0, le=1440)]


class Body(Shape, frozen=True, kw_only=True):
    """``TYPE`` is the event type; ``SCOPE`` the scope that its sender needs on the link."""

    TYPE: ClassVar[str] = ""
    SCOPE: ClassVar[str] = ""
