"""Forgetting a person at home: each domain says what of them must be kept, and deletes the rest.

A domain registers `keeps` and `erases` here; what is added later needs nothing else. What the books stand on stays under
the person's id, which says nothing about them any more.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock
from eccoo_node.record.audit import forget_words

# What somebody is called who asked to be forgotten.
FORGOTTEN = "Someone"


class Kept(msgspec.Struct, frozen=True):
    """Something that can't be deleted before a day. `whole`: nothing at all can, because something is going on."""

    reason: str
    until: datetime
    whole: bool = False


Keeps = Callable[[str], Awaitable[list[Kept]]]
Erases = Callable[[str, frozenset[str]], Awaitable[None]]
_KEEPS: list[Keeps] = []
_ERASES: list[Erases] = []


def keeps(function: Keeps) -> Keeps:
    """Register `async (person_id) -> what must be kept now`."""
    _KEEPS.append(function)
    return function


def erases(function: Erases) -> Erases:
    """Register `async (person_id, reasons that still hold)`, inside `write()`. Runs more than once for one person."""
    _ERASES.append(function)
    return function


async def kept(person_id: str) -> list[Kept]:
    """What must be kept of this person, what ends last of each reason, soonest first."""
    latest: dict[str, Kept] = {}
    for ask in _KEEPS:
        for one in await ask(person_id):
            if one.until > clock.now() and (one.reason not in latest or latest[one.reason].until < one.until):
                latest[one.reason] = one
    return sorted(latest.values(), key=lambda one: (one.until, one.reason))


async def erase(person_id: str, still: frozenset[str]) -> None:
    """Delete all but what `still` says, inside `write()`."""
    for erase_ in _ERASES:
        await erase_(person_id, still)


# Tables of which every row about somebody goes.
_WHOLE = ("face", "safe_contact", "care_facts", "free_time", "phone_before", "session", "sign_in")


@erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    """Who they are, how they are reached, what they need, what they said of their work and who speaks for them."""
    now = clock.now()
    await fetch(
        "UPDATE person SET called = ?, full_name = '', outward = '', address = '', phone = '', email = '', "
        "channel = 'post', large_print = FALSE, easy_read = FALSE, language = 'en', face = '' WHERE id = ?",
        FORGOTTEN, person_id,
    )  # fmt: skip
    for table in _WHOLE:
        await fetch(f"DELETE FROM {table} WHERE person_id = ?", person_id)
    await fetch("UPDATE session SET ended_at = ? WHERE acting_for = ? AND ended_at IS NULL", now, person_id)
    await fetch(
        "UPDATE standing_wish SET words = '', ended_at = COALESCE(ended_at, ?) WHERE person_id = ?", now, person_id
    )
    await fetch(
        "UPDATE speaks_for SET relation = '', words = '', evidence = '', ended_at = COALESCE(ended_at, ?) "
        "WHERE person_id = ? OR speaker_id = ?",
        now, person_id, person_id,
    )  # fmt: skip
    await fetch("UPDATE capacity SET words = '', assessed_by = '' WHERE person_id = ?", person_id)
    await fetch(
        "UPDATE worker SET words = '', languages = '', gender = '', goes_to = '[]', skills = '[]', avoids = '[]', "
        "covers = FALSE WHERE person_id = ?",
        person_id,
    )
    await fetch(
        "UPDATE credential SET number = '', ended_at = COALESCE(ended_at, ?) WHERE person_id = ?", now, person_id
    )
    theirs = "person_id = ? OR community_id IN (SELECT id FROM community WHERE kind = 'team' AND person_id = ?)"
    await fetch(
        f"UPDATE hat SET known_as = '', ended_at = COALESCE(ended_at, ?) WHERE {theirs}", now, person_id, person_id
    )
    await fetch(
        "UPDATE hat_offer SET known_as = '', outcome = CASE outcome WHEN '' THEN 'taken_back' ELSE outcome END, "
        f"closed_at = COALESCE(closed_at, ?) WHERE {theirs}",
        now, person_id, person_id,
    )  # fmt: skip
    await forget_words(person_id)
