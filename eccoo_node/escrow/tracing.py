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
    `then`: what later entries say of the same sum, in order, such as that the bank has sent it."""

    kind: str
    at: datetime
    amount_pence: int
    reference: str = ""
    then: tuple[tuple[str, datetime], ...] = ()


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
    """Where the worker's part of a line went: also when a payment came back and was sent again."""
    fates, kept_back = fates_of(await _transit(worker_id)), await _kept_back(worker_id)
    found: list[tuple[int, Part]] = []
    for code in ("2200", "2210"):
        moves = await _moves(code, worker_id)
        by_id = {move.entry_id: move for move in moves}
        slices = first_in_first_out(moves)
        waiting = deque((move.entry_id, 0, move.amount_pence) for move in moves if move.entry_id in entries)
        while waiting:
            for use_id, start, end in _uses(slices, *waiting.popleft()):
                if use_id in entries:
                    continue
                move, then = by_id[use_id], fates.get(use_id, ())
                # What was kept of pay towards what is to be given back is the first of it, and was never sent.
                whole = kept_back.get(use_id, 0) if code == "2200" else 0
                kept = min(max(0, whole - start), end - start)
                if kept:
                    found.append((use_id, _part(msgspec.structs.replace(move, kind="given_back"), kept)))
                if end - start > kept:
                    found.append((use_id, _part(move, end - start - kept, tuple((one.kind, one.at) for one in then))))
                waiting.extend(
                    (one.entry_id, max(0, start - whole), end - whole)
                    for one in then
                    if one.kind == "payout_bounced" and end > whole
                )
    return [part for _, part in sorted(found, key=lambda one: one[0])]


def _uses(slices: Sequence[Slice], source_id: int, start: int, end: int) -> list[tuple[int, int, int]]:
    """Where the pence from `start` to `end` of what one entry brought in went: the entry, and which pence of it."""
    found, out, into = [], 0, dict.fromkeys((one.use_id for one in slices), 0)
    for one in slices:
        if one.source_id == source_id:
            first, last = max(start, out), min(end, out + one.amount_pence)
            if first < last:
                found.append((one.use_id, into[one.use_id] + first - out, into[one.use_id] + last - out))
            out += one.amount_pence
        into[one.use_id] += one.amount_pence
    return found


class Fate(msgspec.Struct, frozen=True):
    """What an entry says of a worker's money in transit. `amount_pence` was sent, was confirmed or came back."""

    entry_id: int
    kind: str
    at: datetime
    amount_pence: int
    paid_before: bool = False


def fates_of(entries: Sequence[Fate]) -> dict[int, tuple[Fate, ...]]:
    """By the entry that sent a payment, what became of it: a payment is confirmed and comes back whole. Of two alike,
    the first that was sent is the first of which something is said."""
    found: dict[int, tuple[Fate, ...]] = {}
    sent: dict[int, int] = {}
    for one in entries:
        if one.kind == "payout":
            found[one.entry_id], sent[one.entry_id] = (), one.amount_pence
            continue
        before = ["payout_paid"] if one.paid_before else []
        for id_, so_far in found.items():
            if sent[id_] == one.amount_pence and [fate.kind for fate in so_far] == before:
                found[id_] = (*so_far, one)
                break
    return found


async def _transit(worker_id: str) -> list[Fate]:
    """What went into transit and out of it. One that came back once it was paid goes through it: in and out again."""
    rows = await fetch(
        "SELECT e.id, e.kind, e.effective_at, CAST(SUM(ABS(p.amount_pence)) AS BIGINT), "
        "CAST(SUM(p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        "JOIN entry e ON e.id = p.entry_id WHERE a.code = '2290' AND a.holder = ? "
        "GROUP BY e.id, e.kind, e.effective_at ORDER BY e.id",
        worker_id,
    )
    return [
        Fate(id_, kind, as_time(at) or clock.now(), int(moved if net else moved // 2), paid_before=not net)
        for id_, kind, at, moved, net in map(tuple, rows)
    ]


async def _kept_back(worker_id: str) -> dict[int, int]:
    """What of each payment went towards what the worker is to give back."""
    rows = await fetch(
        "SELECT e.id, CAST(SUM(-p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        "JOIN entry e ON e.id = p.entry_id WHERE a.code = '1300' AND a.holder = ? AND e.kind = 'payout' GROUP BY e.id",
        worker_id,
    )
    return {row[0]: int(row[1]) for row in rows}


def _part(move: Move, pence: int, then: tuple[tuple[str, datetime], ...] = ()) -> Part:
    return Part(move.kind, move.at or clock.now(), pence, move.reference, then)


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
