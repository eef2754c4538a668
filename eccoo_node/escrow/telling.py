"""How references and circles are told in words, by whoever owns them.

Escrow keeps "visit:018f…" and does not know what a visit is. Whoever makes such references registers how to tell them,
and decides what this reader may learn of it.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

import msgspec

from eccoo_node.kernel.access import Actor


class Told(msgspec.Struct, frozen=True):
    """What a line is for: "Thursday 26 November, 9am to 11am". `who` and `path` only where the reader may know.

    `bought`: it is for something that a worker buys, and not for a visit. `given_up`: whoever was to have it can't come, or
    it will not be, so it is not theirs any more.
    """

    words: str
    at: datetime | None = None
    who: str = ""
    path: str = ""
    bought: bool = False
    given_up: bool = False


class Coming(msgspec.Struct, frozen=True):
    """What comes next for one payer's money, in words: what is to be paid in (`you`: by the reader), and what is to be set
    aside."""

    pay_in: str = ""
    you: bool = False
    words: str = ""


Teller = Callable[[Actor, Sequence[str]], Awaitable[dict[str, Told]]]
Needer = Callable[[str], Awaitable[bool]]
Namer = Callable[[Sequence[str]], Awaitable[dict[str, str]]]
Foreteller = Callable[[Actor, Collection[str]], Awaitable[dict[str, Coming]]]
_TELLERS: dict[str, Teller] = {}
_NEEDERS: dict[str, Needer] = {}
_NAMERS: list[Namer] = []
_HOLDERS: list[Namer] = []
_FORETELLERS: list[Foreteller] = []


def tells(kind: str) -> Callable[[Teller], Teller]:
    """Register how references that begin with "{kind}:" are told, many at a time."""

    def register(function: Teller) -> Teller:
        if kind in _TELLERS:
            raise RuntimeError(f"two ways to tell {kind}")
        _TELLERS[kind] = function
        return function

    return register


def needs(kind: str) -> Callable[[Needer], Needer]:
    """Register who knows whether something still to come counts on the money of a reference that begins with "{kind}:"."""

    def register(function: Needer) -> Needer:
        if kind in _NEEDERS:
            raise RuntimeError(f"two ways to know what {kind} needs")
        _NEEDERS[kind] = function
        return function

    return register


async def needed(reference: str) -> bool:
    """Whether something that is not settled yet counts on this money."""
    needer = _NEEDERS.get(reference.partition(":")[0])
    return needer is not None and await needer(reference)


def names_circles(function: Namer) -> Namer:
    """Register who knows the names of linked circles."""
    _NAMERS[:] = [function]
    return function


def tells_what_holds(function: Namer) -> Namer:
    """Register who knows why money that is someone's can't be sent to them yet, in a sentence to them, by person."""
    _HOLDERS[:] = [function]
    return function


async def what_holds(person_id: str) -> str:
    """Why what is theirs can't be sent to them yet; empty where it can."""
    for function in _HOLDERS:
        return (await function([person_id])).get(person_id, "")
    return ""


def tells_what_comes(function: Foreteller) -> Foreteller:
    """Register who knows what is to be set aside and paid in next for these people, by payer, as far as the reader may."""
    _FORETELLERS[:] = [function]
    return function


async def what_comes(actor: Actor, people: Collection[str]) -> dict[str, Coming]:
    """What comes next for the money of those who pay for these people, by payer."""
    for function in _FORETELLERS:
        return await function(actor, people)
    return {}


async def tell(actor: Actor, references: Sequence[str]) -> dict[str, Told]:
    """Every one of these references in words; "A visit" for one that nobody can tell any more."""
    found = {reference: Told("A visit") for reference in references}
    for kind, teller in _TELLERS.items():
        if own := [reference for reference in found if reference.startswith(f"{kind}:")]:
            found |= await teller(actor, own)
    return found


async def circles(link_ids: Sequence[str]) -> dict[str, str]:
    """The names of these circles."""
    found = dict.fromkeys(link_ids, "another circle")
    for namer in _NAMERS:
        found |= await namer(list(found))
    return found
