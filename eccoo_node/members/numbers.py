"""The telephone number that stood before a change.

Whoever takes over someone's account changes the number first, and then where the money goes: a call to the new number
would make sure of nothing. So for a while the one before is kept, with who changed it, and that one is rung.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from eccoo_node.db.rows import as_time, fetch, insert, marks
from eccoo_node.kernel import clock
from eccoo_node.members.cards import Changed
from eccoo_node.members.tables import PhoneBefore

# A number that was changed so short a time ago is not the number we know.
TOO_NEW = timedelta(days=2)
KEPT = timedelta(days=90)


async def keep_before(person_id: str, new: str, changed_by: str) -> None:
    """Inside the transaction that changes it. What is older than it is ever asked for goes."""
    now = clock.now()
    await fetch("DELETE FROM phone_before WHERE changed_at < ?", now - KEPT)
    before = (await fetch("SELECT phone FROM person WHERE id = ?", person_id) or [("",)])[0][0]
    if before != new:
        await insert(PhoneBefore(person_id=person_id, phone=before, changed_by=changed_by, changed_at=now))


async def changed(people: Mapping[str, datetime]) -> dict[str, Changed]:
    """Of these people those whose number was changed within two days before a moment, or since. One statement."""
    if not people:
        return {}
    ids, found = sorted(people), dict[str, Changed]()
    rows = await fetch(
        "SELECT n.person_id, n.phone, n.changed_at, COALESCE(p.called, '') FROM phone_before n "
        f"LEFT JOIN person p ON p.id = n.changed_by WHERE n.person_id IN ({marks(ids)}) ORDER BY n.id",
        *ids,
    )
    for person_id, phone, at, by in map(tuple, rows):
        when = as_time(at) or clock.now()
        if when >= people[person_id] - TOO_NEW:
            first = found.get(person_id)
            found[person_id] = Changed(first.before if first else phone, when, by)
    return found


def say_changed(one: Changed, now: str) -> str:
    """ "Their number was changed on Monday 23 November, to 07700 900014, by Fay. Ring the earlier one: 01422 496000."."""
    zone = clock.zone()
    told = f"Their number was changed on {clock.say_day(one.at, zone)}, to {now or 'none'}"
    by = f", written down by {one.by}" if one.by else ""
    then = f"Ring the earlier one: {one.before}." if one.before else "There was none before, so see it face to face."
    return f"{told}{by}. {then}"
