"""Reads of what is bought for people. Each list is one statement however long it is."""

from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, locking, marks
from eccoo_node.escrow.entering import concerned
from eccoo_node.escrow.rules import is_public
from eccoo_node.expenses import rules
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.rota.telling import still_to_be_told

LISTED = 60


class Expense(msgspec.Struct, frozen=True):
    """One thing that is bought for someone, with whom it concerns."""

    id: str
    person_id: str
    worker_id: str
    payer_id: str
    purpose: str
    ceiling_pence: int
    state: str
    line: str
    agreed_at: datetime
    back_at: datetime
    cost_pence: int
    shown: str
    said_at: datetime | None
    more: bool
    settles_at: datetime | None
    answer: str
    right_pence: int
    words: str
    paid_pence: int
    ended_at: datetime | None
    payer_person_id: str
    person_called: str
    worker_called: str
    standing: str
    # Whose money it is about, and who speaks for one of them about money; known of one, not in lists.
    parties: frozenset[str] = frozenset()

    @property
    def thing(self) -> Thing:
        return Thing(
            "expense", self.id, self.person_id, worker_id=self.worker_id, payer_id=self.payer_person_id,
            parties=self.parties,
        )  # fmt: skip

    @property
    def claimed_pence(self) -> int:
        """What the worker has of it without a new yes."""
        return rules.claimed_pence(self.cost_pence, self.ceiling_pence)

    @property
    def over_pence(self) -> int:
        """By how much it cost more than was agreed."""
        return max(0, self.cost_pence - self.ceiling_pence)

    @property
    def asks(self) -> str:
        """What an answer answers: this cost, said then, with or without asking for more than was agreed."""
        return f"{self.cost_pence}-{int(self.more)}-{self.said_at.timestamp() if self.said_at else ''}"

    @property
    def open(self) -> bool:
        return self.state in {"agreed", "said", "questioned"}


_EXPENSE = """SELECT e.id, e.person_id, e.worker_id, e.payer_id, e.purpose, e.ceiling_pence, e.state, e.line, e.agreed_at,
 e.back_at, e.cost_pence, e.shown, e.said_at, e.more, e.settles_at, e.answer, e.right_pence, e.words, e.paid_pence,
 e.ended_at, y.payer_person_id, p.called, w.called, p.standing FROM expense e JOIN payer y ON y.id = e.payer_id
 JOIN person p ON p.id = e.person_id JOIN person w ON w.id = e.worker_id"""
# Open ones first, the newest of each.
_ORDER = "ORDER BY CASE WHEN e.state IN ('agreed', 'said', 'questioned') THEN 0 ELSE 1 END, e.agreed_at DESC, e.id DESC"


def _expense(row: Any) -> Expense:
    values = list(row)
    values[13] = bool(values[13])
    return Expense(*values)


async def expense(expense_id: str) -> Expense:
    """Raises NotFound."""
    row = await fetch_one(f"{_EXPENSE} WHERE e.id = ?", expense_id)
    if row is None:
        raise NotFound()
    found = _expense(row)
    return msgspec.structs.replace(found, parties=await concerned([found.payer_id, found.worker_id]))


async def to_tell(one: Expense) -> bool:
    """Whether someone still has to ring the person, write to them or call round, to ask about what it cost; nobody who
    has died is rung."""
    return (
        one.state == "said" and one.standing != "died" and await still_to_be_told("expense_cost", one.id, one.person_id)
    )


async def lock_expense(expense_id: str) -> Expense:
    """The same, held against others until the transaction ends. Inside `write()`."""
    await fetch(f"SELECT id FROM expense WHERE id = ?{locking()}", expense_id)
    return await expense(expense_id)


async def seen_by(actor: Actor, expense_id: str) -> Expense:
    """Raises NotFound for what this reader may not know of."""
    found = await expense(expense_id)
    if not access.may(actor, "expenses.see", found.thing):
        raise NotFound()
    return found


async def list_for(actor: Actor) -> list[Expense]:
    """Those of the reader, or of the person they speak for: bought for them, by them, or out of what they pay."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        f"{_EXPENSE} WHERE e.person_id = ? OR e.worker_id = ? OR y.payer_person_id = ? {_ORDER} LIMIT {LISTED}",
        subject, subject, subject,
    )  # fmt: skip
    return [found for found in map(_expense, rows) if access.may(actor, "expenses.see", found.thing)]


async def bought_between(person_id: str, start: datetime, end: datetime) -> list[Expense]:
    """What was agreed to be bought for someone in this time, in its order. Ask `expenses.see` of each before it is shown."""
    rows = await fetch(
        f"{_EXPENSE} WHERE e.person_id = ? AND e.agreed_at >= ? AND e.agreed_at < ? ORDER BY e.agreed_at, e.id",
        person_id, start, end,
    )  # fmt: skip
    return [_expense(row) for row in rows]


async def everyones(actor: Actor) -> list[Expense]:
    """For the treasurer: all of them. Raises Forbidden."""
    access.requires(actor, "expenses.see_all", Thing("expense"))
    return [_expense(row) for row in await fetch(f"{_EXPENSE} {_ORDER} LIMIT {4 * LISTED}")]


async def told_by_line(lines: list[str]) -> dict[str, Expense]:
    """By the line that their money lies on, or lay on: one of them may have had several."""
    ids = {line: line.split(":")[1] for line in lines}
    wanted = sorted(set(ids.values()))
    rows = await fetch(f"{_EXPENSE} WHERE e.id IN ({marks(wanted)})", *wanted)
    found = {one.id: one for one in map(_expense, rows)}
    return {line: found[id_] for line, id_ in ids.items() if id_ in found}


async def to_say(worker_id: str) -> list[Expense]:
    """What someone has been asked to buy and has not said the cost of."""
    rows = await fetch(f"{_EXPENSE} WHERE e.worker_id = ? AND e.state = 'agreed' ORDER BY e.agreed_at, e.id", worker_id)
    return [_expense(row) for row in rows]


async def to_answer(person_id: str, *, pays: bool = True) -> list[Expense]:
    """Costs that wait for this person's word: for whom it was bought or, where `pays`, out of whose money."""
    rows = await fetch(
        f"{_EXPENSE} WHERE e.state = 'said' AND (e.person_id = ? OR y.payer_person_id = ?) ORDER BY e.said_at, e.id",
        person_id,
        person_id if pays else "",
    )
    return [_expense(row) for row in rows]


async def to_answer_for(person_ids: list[str]) -> list[Expense]:
    """Costs that wait for these people's word, for whoever speaks for them about money."""
    rows = await fetch(
        f"{_EXPENSE} WHERE e.state = 'said' AND e.person_id IN ({marks(person_ids)}) ORDER BY e.said_at, e.id",
        *person_ids,
    )
    return [_expense(row) for row in rows]


async def receipt(actor: Actor, expense_id: str, before: int = 0) -> tuple[str, str] | None:
    """The photo as media type and base64, for one of the two; None where there is none. Raises Forbidden."""
    access.requires(actor, "expenses.see_own_receipt", (await expense(expense_id)).thing)
    return await photo(expense_id, before)


async def of_the_dead() -> list[Expense]:
    """Costs for people who have died that nobody has answered, and that do not settle themselves."""
    where = "e.state = 'said' AND e.settles_at IS NULL AND p.standing = 'died'"
    return [_expense(row) for row in await fetch(f"{_EXPENSE} WHERE {where} ORDER BY e.said_at, e.id LIMIT {LISTED}")]


async def photo(expense_id: str, before: int = 0) -> tuple[str, str] | None:
    """The newest photo, or the one so many before it."""
    row = await fetch_one(
        "SELECT media_type, data FROM expense_photo WHERE expense_id = ? ORDER BY made_at DESC, id DESC LIMIT 1 OFFSET ?",
        expense_id,
        min(max(before, 0), 1000),
    )
    return (row[0], row[1]) if row else None


async def photos(expense_id: str) -> int:
    """How many photos there are, with those that a later one took the place of."""
    return int(await fetch_value("SELECT COUNT(*) FROM expense_photo WHERE expense_id = ?", expense_id))


async def has_photo(expense_id: str) -> bool:
    return await fetch_one("SELECT id FROM expense_photo WHERE expense_id = ? LIMIT 1", expense_id) is not None


class Pays(msgspec.Struct, frozen=True):
    """One payer of a person, and whether shopping may be paid out of their money."""

    id: str
    payer_person_id: str
    called: str
    fund: str
    allows: bool
    rests_on: str = ""
    own: bool = False
    said_yes: bool = False
    travel: bool = True

    def agreed_by(self, actor_id: str) -> bool:
        """Whether all of it may be taken here, by this one's word. Someone else's money goes by their own yes."""
        return self.public or self.own or self.said_yes or self.payer_person_id == actor_id

    @property
    def public(self) -> bool:
        return is_public(self.fund)


_ALLOWS = "(SELECT {} FROM plan_allows a WHERE a.payer_id = y.id ORDER BY a.recorded_at DESC, a.id DESC LIMIT 1)"
_PAYS = (
    f"SELECT y.id, y.payer_person_id, q.called, y.fund, {_ALLOWS.format('a.allows')}, {_ALLOWS.format('a.rests_on')}, "
    f"p.called, y.person_id, y.share_bps, y.said_yes_at, {_ALLOWS.format('a.travel')} FROM payer y "
    "JOIN person p ON p.id = y.person_id JOIN person q ON q.id = y.payer_person_id"
)


def _pays(row: Any) -> Pays:
    public = is_public(row[3])
    # A yes to a part of each visit is none to the whole of something else.
    travel = not public or row[10] is None or bool(row[10])
    said_yes = row[8] == 10_000 and row[9] is not None
    rests_on = (row[5] or "") if public else ""
    return Pays(
        row[0], row[1], row[2], row[3], not public or bool(row[4]), rests_on, row[1] == row[7], said_yes, travel
    )


async def payers_of(person_id: str) -> list[Pays]:
    """Who pays for someone now: their own money first, then other private money, and of each the newest."""
    rows = await fetch(f"{_PAYS} WHERE y.person_id = ? AND y.ended_at IS NULL ORDER BY y.from_at DESC, y.id", person_id)
    return sorted(map(_pays, rows), key=lambda one: (one.public, not one.own))


async def plan_thing(payer_id: str) -> Thing:
    """What a plan's word is about, with whoever has a part in that money."""
    return Thing("payer", payer_id, payer_id=payer_id, parties=await concerned([payer_id]))


def pays_whole(payers: list[Pays], actor_id: str) -> Pays | None:
    """The first of these out of whose money shopping is paid by this one's word."""
    return next((one for one in payers if one.allows and one.agreed_by(actor_id)), None)


async def public_payers(actor: Actor) -> list[tuple[str, Pays]]:
    """Each payer with public money and whose support it is, for the treasurer. Raises Forbidden."""
    access.requires(actor, "expenses.allow_plan", Thing("payer"))
    rows = await fetch(f"{_PAYS} WHERE y.ended_at IS NULL ORDER BY p.called, y.id")
    return [(row[6], _pays(row)) for row in rows if is_public(row[3])]


async def who_can_go(person_id: str) -> list[PersonCard]:
    """The people of someone's team who come to them: any of these may buy something for them."""
    team = await members.team_of(person_id)
    found = {m.person_id for m in await members.team_members(team) if m.role in {"worker", "volunteer"}}
    people = await members.people(found - {person_id})
    return sorted((p for p in people.values() if p.standing == "here"), key=lambda p: (p.called.lower(), p.id))
