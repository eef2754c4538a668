"""What was written in the books, entry by entry, as the treasurer reads it: what, when, whose, and who wrote it.

Each reading is an act of its own, like following one payer's money. A page is a constant number of statements.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, marks
from eccoo_node.escrow import queries, telling, undoing
from eccoo_node.escrow.chart import CHART
from eccoo_node.escrow.telling import Told
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Forbidden, NotFound
from eccoo_node.kernel.words import paid_by
from eccoo_node.record.door import Act, door

SHOWN = 50
_OF_PAYERS = ("1100", "2000", "2500")
_OF_WORKERS = ("1300", "2200", "2210", "2290")


class Posted(msgspec.Struct, frozen=True):
    """One side of an entry: above 0 is debit."""

    code: str
    holder: str
    awaiting: str
    amount_pence: int


class Entry(msgspec.Struct, frozen=True):
    """One entry. `payer_id`: who pays for its line. `by`: who wrote it, empty where it followed by itself. `undoes`, `undone_by`: other entries."""

    id: int
    at: datetime
    effective_at: datetime
    kind: str
    reference: str
    payer_id: str
    undoes: int | None
    undone_by: int | None
    by: str
    postings: list[Posted]

    @property
    def amount_pence(self) -> int:
        """How much it is about: of what was let go, so much as did not go back to whoever pays; else the largest of what it
        moved."""
        largest = max(abs(one.amount_pence) for one in self.postings)
        if self.kind not in {"released", "cancelled"}:
            return largest
        apart = sum(one.amount_pence for one in self.postings if one.code in {"2100", "2110"})
        back = sum(one.amount_pence for one in self.postings if one.code in {"1100", "2000"})
        return apart + back or largest


class Names(msgspec.Struct, frozen=True):
    """What holders of accounts, circles and lines are called."""

    people: dict[str, str]
    circles: dict[str, str]
    told: dict[str, Told]


class Page(msgspec.Struct, frozen=True):
    """One page of them, newest first, and whether there are older ones."""

    entries: list[Entry]
    names: Names
    more: bool


class Whole(msgspec.Struct, frozen=True):
    """One entry with all that is known of it. `because`: why it was written, where somebody said so.

    `refused`: why this reader can't undo it now, as far as that is known before it is tried. `sources`: what it came from
    outside the books, and what becomes of that; `then`: where that is said anew.
    """

    entry: Entry
    names: Names
    because: str
    refused: str
    sources: list[str]
    then: str


class Whose(msgspec.Struct, frozen=True):
    """Somebody whose entries can be looked for. `of`: "payer:…" or "worker:…"."""

    of: str
    called: str


_ENTRY = (
    "SELECT e.id, e.at, e.effective_at, e.kind, e.act_id, COALESCE(l.reference, '') AS reference, "
    "COALESCE(l.payer_id, '') AS payer_id, e.reverses_id, r.id AS undone_by "
    "FROM entry e LEFT JOIN line l ON l.id = e.line_id LEFT JOIN entry r ON r.reverses_id = e.id"
)
_HELD_BY = (
    "e.id IN (SELECT p.entry_id FROM posting p JOIN account a ON a.id = p.account_id "
    "WHERE a.code IN ({codes}) AND a.holder = ? UNION SELECT x.id FROM entry x WHERE x.line_id IN ({lines}))"
)
_WHOSE = {
    "payer": (
        _OF_PAYERS, "SELECT id FROM line WHERE payer_id = ? UNION SELECT line_id FROM line_fund WHERE payer_id = ?"
    ),
    "worker": (_OF_WORKERS, "SELECT id FROM line WHERE worker_id = ?"),
}  # fmt: skip


@door("money.look_through")
async def look_through(act: Act, whose: str = "", kind: str = "", skip: int = 0) -> Page:
    """A page of entries, of one payer or worker if asked. Reading it is an act of its own. Raises NotFound for nobody."""
    side, _, of = whose.partition(":")
    act.allow(Thing(side, of) if whose else Thing("books"))
    where, params = ["1 = 1"], list[object]()
    if whose:
        act.thing = Thing(side, of, await _person_of(side, of))
        codes, lines = _WHOSE[side]
        where.append(_HELD_BY.format(codes=marks(codes), lines=lines))
        params += [*codes, of, *[of] * lines.count("?")]
    if kind:
        where.append("e.kind = ?")
        params.append(kind)
    rows = await fetch(
        f"{_ENTRY} WHERE {' AND '.join(where)} ORDER BY e.id DESC LIMIT {SHOWN + 1} OFFSET ?", *params, skip
    )
    found = await _read(rows[:SHOWN])
    return Page(found, await _names(act.actor, found), len(rows) > SHOWN)


async def _person_of(side: str, of: str) -> str:
    """Whom reading this is about. Raises NotFound where there is no such payer or worker."""
    sql = {"payer": "SELECT person_id FROM payer WHERE id = ?", "worker": "SELECT id FROM person WHERE id = ?"}
    person = await fetch_value(sql[side], of) if side in sql else None
    if person is None:
        raise NotFound("There is nobody of that kind here.", "nobody")
    return str(person)


async def everyone(actor: Actor) -> list[Whose]:
    """Every payer and every worker who has something in the books, by name. Raises Forbidden."""
    access.requires(actor, "money.look_through", Thing("books"))
    payers = await fetch(
        "SELECT y.id, p.called, q.called FROM payer y JOIN person p ON p.id = y.person_id "
        "JOIN person q ON q.id = y.payer_person_id WHERE EXISTS (SELECT 1 FROM account a WHERE a.code IN ('1100', '2000') "
        "AND a.holder = y.id) ORDER BY p.called, q.called, y.id"
    )
    workers = await fetch(
        "SELECT p.id, p.called FROM person p WHERE EXISTS (SELECT 1 FROM account a WHERE a.code IN ('2200', '2210') "
        "AND a.holder = p.id) ORDER BY p.called, p.id"
    )
    return [
        *(Whose(f"payer:{row[0]}", paid_by(row[1], row[2])) for row in payers),
        *(Whose(f"worker:{row[0]}", f"{row[1]}, as a worker") for row in workers),
    ]


@door("money.trace_entry")
async def trace_entry(act: Act, entry_id: int) -> Whole:
    """One entry with what it moved, why, and whether it can be undone. Reading it is an act of its own. Raises NotFound."""
    act.allow(Thing("entry", str(entry_id)))
    rows = await fetch(f"{_ENTRY} WHERE e.id = ?", entry_id)
    if not rows:
        raise NotFound("There is no such entry.", "no_entry")
    (entry,) = await _read(rows)
    names = await _names(act.actor, [entry])
    because = await fetch_one(
        "SELECT t.text FROM audit a JOIN audit_text t ON t.audit_id = a.id WHERE a.act_id = ? AND a.action LIKE 'money.%' "
        "ORDER BY a.id LIMIT 1",
        rows[0]["act_id"],
    )
    return Whole(
        entry, names, because[0] if because else "", await _refused(act.actor, entry), await undoing.says(entry_id),
        await undoing.then(entry_id),
    )  # fmt: skip


async def _refused(actor: Actor, entry: Entry) -> str:
    try:
        access.requires(actor, "money.reverse", Thing("entry", "", parties=await undoing.parties(entry.id)))
    except Forbidden as refused:
        return refused.sentence
    found = await queries.find(entry.reference) if entry.reference else None
    conflict = await undoing.refusal(entry.id, entry.kind, entry.reference, found)
    return conflict.sentence if conflict else ""


async def _read(rows: Sequence[Any]) -> list[Entry]:
    """These rows with what they moved and who wrote them."""
    ids = [row["id"] for row in rows]
    moved: dict[int, list[Posted]] = {id_: [] for id_ in ids}
    for id_, *posted in await fetch(
        "SELECT p.entry_id, a.code, a.holder, a.awaiting, p.amount_pence FROM posting p JOIN account a ON a.id = p.account_id "
        f"WHERE p.entry_id IN ({marks(ids)}) ORDER BY p.id",
        *ids,
    ):
        moved[id_].append(Posted(*posted))
    by = await _written_by({row["act_id"] for row in rows})
    return [
        Entry(id_, at, effective, kind, reference, payer_id, undoes, undone, by.get(act_id, ""), moved[id_])
        for id_, at, effective, kind, act_id, reference, payer_id, undoes, undone in map(tuple, rows)
    ]  # fmt: skip


# Acts in which somebody decides on money, and the node then writes it; in any other it follows from what happened.
_DECIDES = (
    "action LIKE 'banking.%' OR action IN ('disputes.resolve', 'expenses.resolve', 'expenses.send_back', "
    "'settlement.put_right', 'settlement.bear')"
)


async def _written_by(acts: Iterable[str]) -> dict[str, str]:
    """Who wrote in the books with each of these acts; none for what followed from something else."""
    ids = sorted(acts)
    rows = await fetch(
        "SELECT w.act_id, p.called FROM (SELECT act_id, CASE WHEN MAX(CASE WHEN action LIKE 'money.%' THEN 1 ELSE 0 END) = 1 "
        f"THEN MAX(CASE WHEN action LIKE 'money.%' OR {_DECIDES} THEN actor_id ELSE '' END) "
        "ELSE MAX(actor_id) END AS actor_id "
        f"FROM audit WHERE act_id IN ({marks(ids)}) GROUP BY act_id) AS w JOIN person p ON p.id = w.actor_id",
        *ids,
    )
    return {row[0]: row[1] for row in rows}


async def _names(actor: Actor, found: Sequence[Entry]) -> Names:
    """What everyone in these entries is called, in as many statements for one as for many."""
    posted = [one for entry in found for one in entry.postings]
    holders = {one.holder for one in posted if CHART[one.code].holder in {"payer", "worker", "member"}}
    people = await called(holders | {entry.payer_id for entry in found})
    links = {one.holder for one in posted if CHART[one.code].holder == "link"} | {one.awaiting for one in posted}
    circles = await telling.circles(sorted(links - {""}))
    told = await telling.tell(actor, sorted({entry.reference for entry in found} - {""}))
    return Names(people, circles, told)


async def called(holders: Iterable[str]) -> dict[str, str]:
    """Payers, workers and members by name."""
    ids = sorted(holders)
    payers = await fetch(
        "SELECT y.id, p.called, q.called FROM payer y JOIN person p ON p.id = y.person_id "
        f"JOIN person q ON q.id = y.payer_person_id WHERE y.id IN ({marks(ids)})",
        *ids,
    )
    people = await fetch(f"SELECT id, called FROM person WHERE id IN ({marks(ids)})", *ids)
    return {row[0]: paid_by(row[1], row[2]) for row in payers} | {row[0]: row[1] for row in people}
