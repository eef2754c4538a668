"""Reads of the circle's own accounts, and of changes to them that wait for a second person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.payouts import rules
from eccoo_node.payouts.rules import ACCOUNTS


class OurAccount(msgspec.Struct, frozen=True):
    """One of the circle's own accounts as it stands. `since`: since when money is sent to these very numbers."""

    id: str
    code: str
    name: str
    sort_code: str
    account_number: str
    service_user: str
    recorded_at: datetime
    recorded_by: str
    since: datetime

    @property
    def title(self) -> str:
        return ACCOUNTS[self.code]

    @property
    def told(self) -> tuple[str, str, str]:
        """What a payer is told, and what a second person sees to."""
        return self.name, self.sort_code, self.account_number


_ROWS = (
    "SELECT id, code, name, sort_code, account_number, service_user, recorded_at, recorded_by FROM bank_account "
    "ORDER BY code, id"
)


def standing(rows: Sequence[OurAccount]) -> dict[str, OurAccount]:
    """What holds now, by its account of the chart, of all that was ever written down in its order."""
    found: dict[str, OurAccount] = {}
    for row in rows:
        before = found.get(row.code)
        same = before is not None and before.told == row.told
        found[row.code] = msgspec.structs.replace(row, since=before.since if same and before else row.recorded_at)
    return found


async def accounts() -> dict[str, OurAccount]:
    """The accounts that are written down, as they stand, by their account of the chart."""
    rows = []
    for row in await fetch(_ROWS):
        at = as_time(row[6]) or clock.now()
        rows.append(OurAccount(str(row[0]), row[1], row[2], row[3], row[4], row[5], at, row[7], at))
    return standing(rows)


async def where_paid_in() -> OurAccount | None:
    """Where payers send their money; None until it has been written down."""
    return (await accounts()).get("1000")


# ---------------------------------------------------------------- changes


class Change(msgspec.Struct, frozen=True):
    """A change that was asked for, beside what stood then. `state`: waits, confirmed, turned_down or taken_back."""

    id: str
    code: str
    name: str
    sort_code: str
    account_number: str
    asked_by: str
    asker: str
    phone: str
    asked_at: datetime
    state: str
    how: str
    ender: str
    ended_at: datetime | None
    before: tuple[str, str, str]

    @property
    def title(self) -> str:
        return ACCOUNTS[self.code]

    @property
    def told(self) -> tuple[str, str, str]:
        return self.name, self.sort_code, self.account_number

    @property
    def thing(self) -> Thing:
        return Thing("bank_account_change", self.id, worker_id=self.asked_by)


_CHANGE = (
    "SELECT c.id, c.code, c.name, c.sort_code, c.account_number, c.asked_by, COALESCE(p.called, ''), "
    "COALESCE(p.phone, ''), c.asked_at, c.state, c.how, COALESCE(q.called, ''), c.ended_at, b.name, b.sort_code, "
    "b.account_number FROM bank_account_change c JOIN bank_account b ON b.id = c.before_id "
    "LEFT JOIN person p ON p.id = c.asked_by LEFT JOIN person q ON q.id = c.ended_by"
)


def _change(row: Any) -> Change:
    values = [*list(row)[:13], (row[13], row[14], row[15])]
    values[8], values[12] = as_time(row[8]) or clock.now(), as_time(row[12])
    return Change(*values)


async def find_change(change_id: str) -> Change:
    """One change: for doors. Raises NotFound."""
    rows = await fetch(f"{_CHANGE} WHERE c.id = ?", change_id)
    if not rows:
        raise NotFound("There is no such change.", "no_change")
    return _change(rows[0])


async def change(actor: Actor, change_id: str) -> Change:
    """For whoever may make sure of it, whoever asked. Raises Forbidden and NotFound."""
    access.requires(actor, "payouts.see_account_change", Thing("bank_account_change", change_id))
    return await find_change(change_id)


async def waiting(actor: Actor) -> list[Change]:
    """Changes that wait, the oldest first. No statement for whoever never makes sure of them."""
    if not rules.sees_account_changes(actor):
        return []
    return [_change(row) for row in await fetch(f"{_CHANGE} WHERE c.state = 'waits' ORDER BY c.asked_at, c.id")]
