"""Pages of a pool: workers of one circle who let the other see some of what they say about their work.

A page carries no proof: it is no evidence of anything, and nothing of it may be kept once it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from . import limits
from .body_base import Minutes, Outward
from .errors import ProtocolError
from .shapes import Code, Count, Language, Name, Pence, Ref, Shape, Time, Uuid7, read

# A field of the agreement -> the member of a worker that it opens.
MEMBERS = {
    "first_name": "first_name",
    "skills": "skills",
    "languages": "languages",
    "areas": "areas",
    "rate": "rate_pence_per_hour",
    "hours": "hours",
}


class Stretch(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Minutes of a weekday on the clock of the worker's circle; Monday is 0, ``to_minute`` is not part of it."""

    weekday: Annotated[int, Meta(ge=0, le=6)]
    from_minute: Minutes
    to_minute: Minutes

    def __post_init__(self) -> None:
        if self.from_minute >= self.to_minute:
            raise ValueError("a stretch ends after it begins")


class PoolWorker(Shape, frozen=True, kw_only=True):
    """One worker, under a reference of this link and this yes. What they said no to is absent."""

    worker: Ref
    first_name: Name | None = None
    skills: Annotated[tuple[Code, ...], Meta(max_length=30)] = ()
    languages: Annotated[tuple[Language, ...], Meta(max_length=10)] = ()
    areas: Annotated[tuple[Outward, ...], Meta(max_length=30)] = ()
    rate_pence_per_hour: Pence | None = None
    hours: Annotated[tuple[Stretch, ...], Meta(max_length=21)] = ()
    attestations: Annotated[tuple[Ref, ...], Meta(max_length=10)] = ()

    def only(self, fields: Iterable[str]) -> PoolWorker:
        """The same worker without what these fields do not open."""
        given = {MEMBERS[field] for field in fields}
        bare = PoolWorker(worker=self.worker, attestations=self.attestations)
        kept = {name: getattr(self, name) for name in MEMBERS.values() if name in given}
        return msgspec.structs.replace(bare, **kept)


class PoolPage(Shape, frozen=True, kw_only=True):
    """Workers in the order of their references. ``next`` is the last reference of a page that is not the last."""

    v: Literal[1] = 1
    type: Literal["pool.page"] = "pool.page"
    link: Uuid7
    revision: Count
    at: Time
    workers: Annotated[tuple[PoolWorker, ...], Meta(max_length=limits.POOL_PAGE)] = ()
    next: Ref | None = None

    def as_wire(self) -> dict[str, Any]:
        return {**super().as_wire(), "v": 1, "type": self.type, "workers": [one.as_wire() for one in self.workers]}


def read_page(value: Any, link: str, after: str) -> PoolPage:
    """A page of this link that begins behind ``after``. Raises ``bad_body`` or ``wrong_link``."""
    page = read(value, PoolPage)
    if page.link != link:
        raise ProtocolError("wrong_link")
    refs = [one.worker for one in page.workers]
    if any(one >= other for one, other in zip([after, *refs], refs, strict=False)):
        raise ProtocolError("bad_body", "The workers of a pool come in the order of their references, each once.")
    if page.next is not None and (not refs or page.next != refs[-1]):
        raise ProtocolError("bad_body", "A page of a pool goes on behind its last worker.")
    return page
