"""Reads of where someone's money goes. Whole account numbers are for the person and whoever wrote them down; doors that
take them from here show them to nobody."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, marks
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.members import numbers, ways_in
from eccoo_node.payouts import rules


class Details(msgspec.Struct, frozen=True):
    """Someone's bank details as they stand. `whole` is empty for whoever may not read it."""

    id: str
    person_id: str
    name: str
    sort_code: str
    account_number: str
    given_by: str
    given_via: str
    given_at: datetime
    outcome: str
    how: str
    checked_at: datetime | None

    @property
    def sure(self) -> bool:
        return self.outcome == "confirmed"

    @property
    def ending(self) -> str:
        return rules.ending(self.account_number)


_DETAILS = (
    "SELECT d.id, d.person_id, d.name, d.sort_code, d.account_number, d.given_by, d.given_via, d.given_at, "
    "COALESCE(c.outcome, ''), COALESCE(c.how, ''), c.checked_at FROM bank_details d LEFT JOIN bank_details_check c "
    "ON c.id = (SELECT MAX(k.id) FROM bank_details_check k WHERE k.details_id = d.id AND k.outcome <> 'unreached')"
)
# Ids are made in the order of time, so the greatest is the newest. Forgotten ones are none.
_NEWEST = "d.sort_code <> '' AND d.id = (SELECT MAX(n.id) FROM bank_details n WHERE n.person_id = d.person_id)"


def _details(row: Any) -> Details:
    values = list(row)
    values[7], values[10] = as_time(row[7]) or clock.now(), as_time(row[10])
    return Details(*values)


async def current_details(people: Iterable[str]) -> dict[str, Details]:
    """What holds now, by person, whole: for doors, which show it to nobody."""
    ids = sorted(set(people))
    rows = await fetch(f"{_DETAILS} WHERE d.person_id IN ({marks(ids)}) AND {_NEWEST}", *ids)
    return {found.person_id: found for found in map(_details, rows)}


async def things(found: Iterable[Details]) -> dict[str, Thing]:
    """These details by their id, each with those who can't make sure of it: whoever wrote it down, and whoever printed a
    code that the person had used by then. One statement."""
    given = list(found)
    printed = await ways_in.printed_by({one.person_id for one in given if one.given_by == one.person_id})
    return {
        one.id: Thing(
            "bank_details", one.id, one.person_id, worker_id=one.given_by,
            parties=frozenset(by for by, used_at in printed.get(one.person_id, ()) if used_at <= one.given_at),
        )
        for one in given
    }  # fmt: skip


async def thing_of(found: Details | None, person_id: str) -> Thing:
    """As `things`, of one person's details, where they have given any."""
    return (await things([found]))[found.id] if found else Thing("bank_details", "", person_id)


async def details_of(actor: Actor, person_id: str) -> Details | None:
    """Someone's own details: whole for themselves and for whoever wrote them down, else only how the number ends."""
    access.requires(actor, "payouts.see_details", Thing("bank_details", "", person_id))
    found = (await current_details([person_id])).get(person_id)
    if found is None or actor.person_id in {person_id, found.given_by}:
        return found
    return msgspec.structs.replace(found, sort_code="", account_number=f"??????{found.account_number[-2:]}")


async def given_by(details_id: str) -> str:
    """Who wrote these details down."""
    rows = await fetch("SELECT given_by FROM bank_details WHERE id = ?", details_id)
    return str(rows[0][0]) if rows else ""


class ToConfirm(msgspec.Struct, frozen=True):
    """Details that nobody has made sure of yet, or to which a payment did not arrive."""

    person_id: str
    called: str
    phone: str
    ending: str
    name: str
    came_back: bool
    given_at: datetime
    tried_at: datetime | None
    thing: Thing
    # That their number is too new to be rung, and which is rung instead; empty where the one we have is known.
    new_number: str = ""


async def to_confirm(actor: Actor) -> list[ToConfirm]:
    """What waits for this actor to make sure of, the oldest first. Raises Forbidden for whoever never does."""
    access.requires(actor, "payouts.confirm_details", Thing("bank_details"))
    rows = await fetch(
        "SELECT f.*, p.called, p.phone, (SELECT MAX(u.checked_at) FROM bank_details_check u WHERE u.details_id = f.id "
        f"AND u.outcome = 'unreached') FROM ({_DETAILS} WHERE {_NEWEST}) f JOIN person p ON p.id = f.person_id "
        "WHERE p.standing <> 'died' ORDER BY f.given_at, f.id"
    )
    stands = [_details(list(row)[:11]) for row in rows]
    found, new = [], await numbers.changed({one.person_id: one.given_at for one in stands})
    whose = await things(stands)
    for one, row in zip(stands, rows, strict=True):
        thing = whose[one.id]
        if not one.sure and one.outcome != "wrong" and access.may(actor, "payouts.confirm_details", thing):
            back = one.outcome == "bounced"
            changed = new.get(one.person_id)
            found.append(
                ToConfirm(
                    one.person_id, row[11], changed.before if changed else row[12], one.ending, one.name, back,
                    one.given_at, as_time(row[13]), thing, numbers.say_changed(changed, row[12]) if changed else "",
                )
            )  # fmt: skip
    return found
