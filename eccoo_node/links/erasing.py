"""Who keeps what of people under which reference, so that all of it can be deleted when somebody asks to be forgotten.

Each domain that sends or keeps something of a person across a link registers here what of it is theirs:
`refers` says under which references something of a person of ours went out, `deletes` deletes what came in under
references of another circle's. A domain that is added later needs nothing else.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.links import letters


class Kept(msgspec.Struct, frozen=True, order=True):
    """What can't be deleted yet: until when, and why, as a code of the wire."""

    until: datetime
    reason: str


class Deleted(msgspec.Struct, frozen=True):
    """What became of some references. `found`: whether anything was known under them."""

    found: bool = False
    kept: tuple[Kept, ...] = ()


Refers = Callable[[str], Awaitable[Iterable[tuple[str, str]]]]
Days = Callable[[Sequence[str]], Awaitable[Iterable[tuple[str, datetime]]]]
Deletes = Callable[[str, Sequence[str]], Awaitable[Deleted]]
_REFERS: list[Refers] = []
_DELETES: list[Deletes] = []
_DAYS: list[Days] = []


def refers(function: Refers) -> Refers:
    """Register `async (person_id) -> (link_id, reference) pairs`: where something of a person of ours went to."""
    _REFERS.append(function)
    return function


def deletes(function: Deletes) -> Deletes:
    """Register `async (link_id, references) -> Deleted`, inside `write()`: delete what came from this link under them.

    References are hostile: whoever deletes looks for rows of this very link. What books need stays, without anything
    that says who it was; nothing here changes a sum, or whether it is owed.
    """
    _DELETES.append(function)
    return function


def days(function: Days) -> Days:
    """Register `async (references) -> (reference, moment) pairs`: of which visits of ours these tell, for people who ring
    about them."""
    _DAYS.append(function)
    return function


async def days_of(subjects: Sequence[str]) -> dict[str, set[datetime]]:
    """Of which visits these references tell, each: all that a circle can be asked about by telephone."""
    found: dict[str, set[datetime]] = {}
    for ask in _DAYS if subjects else ():
        for reference, at in await ask(subjects):
            found.setdefault(reference, set()).add(at)
    return found


async def references(person_id: str) -> dict[str, list[str]]:
    """Every reference under which something of this person went out, by link."""
    found: dict[str, set[str]] = {}
    for ask in _REFERS:
        for link_id, reference in await ask(person_id):
            found.setdefault(link_id, set()).add(reference)
    return {link_id: sorted(names) for link_id, names in found.items()}


async def delete(link_id: str, subjects: Sequence[str]) -> Deleted:
    """Delete what came from this link, and from any whose place it took, under these references, letters included,
    inside `write()`."""
    links, done = [link_id], list[Deleted]()
    for one in links:
        links += [row[0] for row in await fetch("SELECT id FROM link WHERE superseded_by = ? ORDER BY id", one)]
        done += [await delete_(one, subjects) for delete_ in _DELETES]
    kept = tuple(sorted(one for some in done for one in some.kept))
    for one in links if not kept else ():
        await letters.forget_subjects(one, subjects)
    return Deleted(any(some.found for some in done), kept)


async def stands_for(link_id: str) -> str:
    """The link that reaches this circle now: another one where this one's keys were lost."""
    while after := await fetch_value("SELECT superseded_by FROM link WHERE id = ?", link_id):
        link_id = str(after)
    return link_id
