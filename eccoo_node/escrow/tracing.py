"""Where the money of one line came from and where it went: every penny, from the bank to the worker.

Money in one account is not told apart, so the first that came in is the first that goes out. That is the same for
everyone who follows it, and adds up: what is followed out of an account is what left it.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, marks
from eccoo_node.escrow import queries, statements
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.statements import PayerStatement
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Forbidden
from eccoo_node.record.door import Act, door


class Move(msgspec.Struct, frozen=True):
    """What one entry did to one account; above 0 it came in."""

    entry_id: int
    amount_pence: int
    kind: str = ""
    at: datetime | None = None
    reference: str = ""
    reverses_id: int | None = None


class Slice(msgspec.Struct, frozen=True):
    """So much of what one entry brought into an account left it with another."""

    source_id: int
    use_id: int
    amount_pence: int


def first_in_first_out(moves: Sequence[Move]) -> list[Slice]:
    """Which of what came in left with what, in the order of the entries. An entry that undoes another takes that first."""
    waiting: deque[list[int]] = deque()
    found: list[Slice] = []
    for move in moves:
        if move.amount_pence > 0:
            waiting.append([move.entry_id, move.amount_pence])
            continue
        need = -move.amount_pence
        undone = [one for one in waiting if one[0] == move.reverses_id] if move.reverses_id else []
        for one in (*undone, *(one for one in waiting if one not in undone)):
            part = min(need, one[1])
            if part:
                found.append(Slice(one[0], move.entry_id, part))
            one[1] -= part
            need -= part
            if not need:
                break
        while waiting and not waiting[0][1]:
            waiting.popleft()
    return found


class Part(msgspec.Struct, frozen=True):
    """So much, by an entry of this kind on that day. `reference`: the line it came back from, where it was one.
    `then`: what the entry after it says of the same sum, such as that the bank has sent it."""

    kind: str
    at: datetime
    amount_pence: int
    reference: str = ""
    then: str = ""
    then_at: datetime | None = None


class Step(msgspec.Struct, frozen=True):
    """One entry of a line: what it gave to whom. What it took is below 0."""

    kind: str
    at: datetime
    worker_pence: int = 0
    circle_pence: int = 0
    other_circle_pence: int = 0
    back_pence: int = 0
    question_pence: int = 0
    aside_pence: int = 0


class Trace(msgspec.Struct, frozen=True):
    """One line from end to end. `came` and `paid` are None for a reader whose affair they are not."""

    found: Booking
    came: list[Part] | None
    steps: list[Step]
    paid: list[Part] | None


async def _moves(code: str, holder: str) -> list[Move]:
    rows = await fetch(
        "SELECT e.id, CAST(SUM(-p.amount_pence) AS BIGINT), e.kind, e.effective_at, COALESCE(l.reference, ''), e.reverses_id "
        "FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "LEFT JOIN line l ON l.id = e.line_id WHERE a.code = ? AND a.holder = ? AND a.awaiting = '' "
        "GROUP BY e.id, e.kind, e.effective_at, l.reference, e.reverses_id HAVING SUM(p.amount_pence) <> 0 ORDER BY e.id",
        code,
        holder,
    )
    return [Move(row[0], int(row[1]), row[2], as_time(row[3]), row[4], row[5]) for row in rows]


async def _entries(line_id: int) -> set[int]:
    return {row[0] for row in await fetch("SELECT id FROM entry WHERE line_id = ?", line_id)}


async def _came(payers: Sequence[str], entries: set[int]) -> list[Part]:
    """What was set aside for a line, by what it came in with."""
    found: list[Part] = []
    for payer_id in payers:
        moves = await _moves("2000", payer_id)
        by_id = {move.entry_id: move for move in moves}
        for one in first_in_first_out(moves):
            if one.use_id in entries and one.source_id not in entries:
                found.append(_part(by_id[one.source_id], one.amount_pence))
    return found


async def _paid(worker_id: str, entries: set[int]) -> list[Part]:
    """Where the worker's part of a line went."""
    found: list[Part] = []
    leaving = {one.entry_id: one for one in await _moves("2290", worker_id)}
    sent = {one.source_id: leaving[one.use_id] for one in first_in_first_out(list(leaving.values()))}
    for code in ("2200", "2210"):
        moves = await _moves(code, worker_id)
        by_id = {move.entry_id: move for move in moves}
        for one in first_in_first_out(moves):
            if one.source_id in entries and one.use_id not in entries:
                then = sent.get(one.use_id) if one.use_id in leaving else None
                found.append(_part(by_id[one.use_id], one.amount_pence, then))
    return found


def _part(move: Move, pence: int, then: Move | None = None) -> Part:
    at = move.at or clock.now()
    return Part(move.kind, at, pence, move.reference, then.kind if then else "", then.at if then else None)


_SIDES = {
    "2200": "worker_pence", "2210": "worker_pence", "1300": "worker_pence", "4000": "circle_pence",
    "4010": "circle_pence", "4050": "circle_pence", "2400": "circle_pence", "2300": "other_circle_pence",
    "2000": "back_pence", "1100": "back_pence", "2110": "question_pence", "2100": "aside_pence",
}  # fmt: skip


async def _steps(line_id: int) -> list[Step]:
    rows = await fetch(
        "SELECT e.id, e.kind, e.effective_at, a.code, CAST(SUM(-p.amount_pence) AS BIGINT) FROM entry e "
        "JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id WHERE e.line_id = ? "
        "GROUP BY e.id, e.kind, e.effective_at, a.code ORDER BY e.id, a.code",
        line_id,
    )
    found: dict[int, dict[str, int]] = {}
    facts: dict[int, tuple[str, datetime]] = {}
    for id_, kind, at, code, pence in map(tuple, rows):
        facts[id_] = (kind, as_time(at) or clock.now())
        if side := _SIDES.get(code):
            sums = found.setdefault(id_, {})
            sums[side] = sums.get(side, 0) + int(pence)
    empty = Step("", clock.now())
    return [msgspec.structs.replace(empty, kind=kind, at=at, **found.get(id_, {})) for id_, (kind, at) in facts.items()]


async def _payers(found: Booking) -> dict[str, Thing]:
    """The payers of a line, each with whose affair their money is."""
    ids = [fund.payer_id for fund in await queries.funds_left(found.id)] if found.funds else [found.payer_id]
    rows = await fetch(f"SELECT id, person_id, payer_person_id FROM payer WHERE id IN ({marks(ids)}) ORDER BY id", *ids)
    return {row[0]: Thing("payer", row[0], row[1], payer_id=row[2]) for row in rows}


async def trace(actor: Actor, reference: str) -> Trace:
    """The line from end to end, as far as it is this reader's: a payer reads what came in, a worker what was paid out.

    Raises NotFound, and Forbidden for whoever has no part in it.
    """
    found = await queries.booking(reference)
    payers = await _payers(found)
    mine = [id_ for id_, thing in payers.items() if access.may(actor, "money.see_payer", thing)]
    works = bool(found.worker_id) and actor.person_id == found.worker_id and not actor.acting_for
    if not (mine or works):
        raise Forbidden("Only whoever pays for this, or is paid for it, can follow its money.")
    return await _trace(found, mine or None, pays_worker=works)


@door("money.trace_line")
async def trace_whole(act: Act, reference: str) -> Trace:
    """The whole of it, for the treasurer. Reading it is an act of its own."""
    act.allow(Thing("line", reference))
    found = await queries.booking(reference)
    return await _trace(found, list(await _payers(found)), pays_worker=True)


@door("money.trace_payer")
async def trace_payer(act: Act, payer_id: str, skip: int = 0) -> PayerStatement:
    """What one payer's money is doing, for the treasurer. Reading it is an act of its own. Raises NotFound."""
    act.allow(Thing("payer", payer_id))
    found = await statements.of_payer(act.actor, payer_id, skip)
    act.thing = Thing("payer", payer_id, found.person_id, payer_id=found.payer_person_id)
    return found


async def _trace(found: Booking, payers: list[str] | None, *, pays_worker: bool) -> Trace:
    entries = await _entries(found.id)
    came = await _came(payers, entries) if payers is not None else None
    ours = pays_worker and bool(found.worker_id) and not (found.origin == "held" and found.link_id)
    return Trace(found, came, await _steps(found.id), await _paid(found.worker_id, entries) if ours else None)
