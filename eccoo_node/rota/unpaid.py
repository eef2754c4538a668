"""What is not paid for yet, as pages tell of it: by the person it is for, with what is missing and who can pay it in."""

from collections.abc import Collection
from datetime import date, datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.members import queries as members
from eccoo_node.members.payers import Pays
from eccoo_node.rota.paying import COLUMNS, Short, ToPay, missing_for
from eccoo_node.rota.tables import WITHOUT_MONEY

SHOWN = 500


class NotPaid(msgspec.Struct, frozen=True):
    """The visits to one person that are not paid for yet, the soonest first. `mine_pence` is what the reader would pay in."""

    person_id: str
    called: str
    visits: list[ToPay]
    pays: list[Pays]
    missing_pence: int
    mine_pence: int
    # Those that have no money because of their mileage, whatever is paid in.
    no_mileage: frozenset[str] = frozenset()
    # What is due for these is in question first.
    in_question: frozenset[str] = frozenset()

    @property
    def first(self) -> ToPay:
        return self.visits[0]


async def _not_paid(where: str, *params: object, reader: str = "") -> list[NotPaid]:
    rows = await fetch(
        f"SELECT {COLUMNS} FROM visit WHERE {WITHOUT_MONEY} AND unpaid_at IS NOT NULL {where} "
        f"ORDER BY starts_at, id LIMIT {SHOWN}",
        *params,
    )
    by_person: dict[str, list[ToPay]] = {}
    for row in rows:
        visit = ToPay(*tuple(row))
        by_person.setdefault(visit.person_id, []).append(visit)
    short = await missing_for([visit for visits in by_person.values() for visit in visits])
    cards = await members.people(by_person)
    found = []
    for person_id, visits in by_person.items():
        missing = short[person_id].missing
        mine = sum(missing.get(one.id, 0) for one in short[person_id].pays if one.payer_person_id == reader)
        one, called = short[person_id], cards[person_id].called
        found.append(
            NotPaid(person_id, called, visits, one.pays, one.missing_pence, mine, one.no_mileage, one.in_question)
        )
    return found


async def for_reader(person_id: str) -> list[NotPaid]:
    """What is not paid for yet of someone's own visits, and of those they pay for."""
    return await _not_paid(
        "AND (person_id = ? OR person_id IN (SELECT y.person_id FROM payer y WHERE y.payer_person_id = ? "
        "AND y.ended_at IS NULL))",
        person_id,
        person_id,
        reader=person_id,
    )


class Missing(msgspec.Struct, frozen=True):
    """Visits to one person that have no money, the soonest first, and what is missing for them."""

    visits: list[ToPay]
    short: Short


async def missing_until(people: Collection[str], until: datetime) -> dict[str, Missing]:
    """The visits to each of these before then that have no money, who pays for them, and what each has to pay in beyond what
    is there, with the visits to come whose week has not had its run. Whoever has none is left out."""
    ids = sorted(people)
    rows = await fetch(
        f"SELECT {COLUMNS} FROM visit WHERE {WITHOUT_MONEY} AND person_id IN ({marks(ids)}) AND starts_at < ? "
        f"ORDER BY starts_at, id LIMIT {SHOWN}",
        *ids, until,
    )  # fmt: skip
    visits = [ToPay(*tuple(row)) for row in rows]
    short = await missing_for(visits)
    return {id_: Missing([visit for visit in visits if visit.person_id == id_], one) for id_, one in short.items()}


async def everywhere(actor: Actor) -> list[NotPaid]:
    """The same for the whole circle. Raises Forbidden for whoever neither keeps its money nor helps its people."""
    access.requires(actor, "rota.see_unpaid", Thing("week"))
    return await _not_paid("")


class Run(msgspec.Struct, frozen=True):
    """The money for the visits of one week was set aside: how many, how much, and how many were not paid for then."""

    week: date
    began_at: datetime
    ended_at: datetime | None
    visits: int
    aside_pence: int
    short: int


async def last_run(actor: Actor) -> Run | None:
    """The newest run. Raises Forbidden as `everywhere`."""
    access.requires(actor, "rota.see_unpaid", Thing("week"))
    row = await fetch_one(
        "SELECT week, began_at, ended_at, visits, aside_pence, short FROM weekly_run ORDER BY week DESC LIMIT 1"
    )
    if row is None:
        return None
    return Run(date.fromisoformat(row[0]), as_time(row[1]) or clock.now(), as_time(row[2]), *tuple(row)[3:])
