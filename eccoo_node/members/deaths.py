"""Whoever holds a role with power is written down as having died by two: one alone could shut the only admin out."""

from datetime import datetime, timedelta

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, insert_once
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import queries
from eccoo_node.members.rules import POWERS
from eccoo_node.members.say import say_date
from eccoo_node.members.tables import DeathTold
from eccoo_node.record.door import Act

# Where nobody else looks after the circle, the same person says it again so much later.
ALONE_AFTER = timedelta(days=7)


class FirstWord(msgspec.Struct, frozen=True):
    """Somebody said that this person has died, and a second has not yet."""

    by: str
    called: str
    at: datetime


async def first_word(person_id: str) -> FirstWord | None:
    row = await fetch_one(
        "SELECT d.told_by, p.called, d.told_at FROM death_told d JOIN person p ON p.id = d.told_by "
        "WHERE d.person_id = ? AND d.closed_at IS NULL",
        person_id,
    )
    return FirstWord(row[0], row[1], as_time(row[2]) or clock.now()) if row else None


async def others(*but: str) -> set[str]:
    """Who else looks after the circle, and could say it too."""
    return {helper.person_id for helper in await queries.wearing(*sorted(POWERS))} - set(but)


async def is_sure(act: Act, person_id: str) -> bool:
    """Whether this word settles it; the first one of two is kept, and the others are told.

    Raises Conflict where the same person says it again while somebody else could, too soon, or where the person was
    signed in since.
    """
    by, first = act.actor.person_id, await first_word(person_id)
    if act.actor.is_node() or not {hat.role for hat in await queries.hats_of(person_id)} & POWERS:
        return True
    if first is None:
        await insert_once(DeathTold(person_id=person_id, told_by=by, told_at=clock.now()))
        await act.tell("person.death_told", "person", person_id, by=by)
        return False
    if first.by != by:
        return True
    if await others(by, person_id):
        raise Conflict("You have said so. Somebody else who looks after the circle has to say so too.", "second_needed")
    again = first.at + ALONE_AFTER
    if clock.now() < again:
        day = say_date(again.astimezone(clock.zone()).date())
        raise Conflict(f"Nobody else looks after the circle, so please say it again from {day}.", "too_soon")
    if await fetch_value("SELECT id FROM session WHERE person_id = ? AND seen_at > ? LIMIT 1", person_id, first.at):
        raise Conflict("They have been signed in here since. Please ring them.", "seen_since")
    return True


async def close(person_id: str) -> None:
    """It is settled, either way."""
    await fetch("UPDATE death_told SET closed_at = ? WHERE person_id = ? AND closed_at IS NULL", clock.now(), person_id)
