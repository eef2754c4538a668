"""Money that is a worker's and is not paid out before a day, because the safeguarding lead asked for it.

A pause moves nothing in the books: what a worker has earned stays theirs, on their own account. Whoever makes a payout
asks `paused_by_worker` and leaves so much out of it. It ends by itself on its day.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, marks
from eccoo_node.escrow import sharing
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import clock


class Paused(msgspec.Struct, frozen=True):
    """One sum that waits, and the day on which it is looked at again."""

    id: str
    reference: str
    worker_id: str
    amount_pence: int
    from_at: datetime
    until_at: datetime
    set_by: str


_PAUSED = (
    "SELECT s.id, l.reference, s.worker_id, s.amount_pence, s.from_at, s.until_at, s.set_by FROM pause s "
    "JOIN line l ON l.id = s.line_id WHERE s.ended_at IS NULL AND s.until_at > ?"
)


async def standing(*references: str) -> list[Paused]:
    """The pauses of these lines that hold now, or every one; the first to end first."""
    chosen = f" AND l.reference IN ({marks(references)})" if references else ""
    rows = await fetch(f"{_PAUSED}{chosen} ORDER BY s.until_at, s.id", clock.now(), *references)
    return [Paused(*row) for row in rows]


async def paused_by_worker(worker_ids: list[str]) -> dict[str, int]:
    """How much of what is ready for each is not paid out now, without what has gone to them already.

    A constant number of statements, however many workers.
    """
    found = dict.fromkeys(worker_ids, 0)
    rows = await fetch(f"{_PAUSED} AND s.worker_id IN ({marks(worker_ids)})", clock.now(), *worker_ids)
    pauses = [Paused(*row) for row in rows]
    if not pauses:
        return found
    left = await left_by_line(sorted({one.worker_id for one in pauses}))
    for one in pauses:
        found[one.worker_id] += min(one.amount_pence, left.get(one.reference, 0))
    ready = await fetch(
        "SELECT holder, CAST(SUM(-balance_pence) AS BIGINT) FROM account WHERE code IN ('2200', '2210') "
        f"AND awaiting = '' AND holder IN ({marks(worker_ids)}) GROUP BY holder",
        *worker_ids,
    )
    there = {row[0]: int(row[1]) for row in ready}
    return {worker: min(pence, there.get(worker, 0)) for worker, pence in found.items()}


def earned_pence(found: Booking) -> int:
    """What a line has given its worker so far."""
    given = sharing.so_far(found.terms, found.state)
    return given.worker_pence + given.travel_pence


def could_give_pence(found: Booking) -> int:
    """What a line has given its worker, or may still give."""
    terms = found.terms
    if found.held_pence or found.disputed_pence:
        given = sharing.shares(terms, terms.fee_pence, terms.travel_pence)
        return given.worker_pence + given.travel_pence
    return earned_pence(found)


class Came(msgspec.Struct, frozen=True):
    """What one entry did to what is ready for a worker; above 0 it came in, and then `reference` is the line that gave it."""

    entry_id: int
    at: datetime
    amount_pence: int
    reference: str = ""
    reverses_id: int | None = None


class Waited(msgspec.Struct, frozen=True):
    """From when until when so much of a line was not paid out."""

    reference: str
    from_at: datetime
    until_at: datetime


def left(moves: Sequence[Came], waited: Sequence[Waited]) -> dict[str, int]:
    """What each line gave that is still ready. The first that came in goes first, and before what waits; what a
    line takes back comes out of what it gave, and what a bank sends back is again what it was."""
    lying: list[tuple[Came, int]] = []
    went: dict[int, list[tuple[Came, int]]] = {}
    for move in moves:
        if move.amount_pence > 0:
            lying += went.pop(_undone(move, went), [(move, move.amount_pence)])
            continue
        waits = {one.reference for one in waited if one.from_at <= move.at < one.until_at}
        ranked = sorted((_rank(came, move, waits), n) for n, (came, _) in enumerate(lying))
        need = -move.amount_pence
        for _, n in ranked:
            came, there = lying[n]
            part = min(need, there)
            lying[n], need = (came, there - part), need - part
            if part:
                went.setdefault(move.entry_id, []).append((came, part))
        lying = [one for one in lying if one[1]]
    found: dict[str, int] = {}
    for came, there in lying:
        found[came.reference] = found.get(came.reference, 0) + there
    return found


def _rank(came: Came, move: Came, waits: set[str]) -> tuple[bool, bool]:
    own = came.entry_id == move.reverses_id or (bool(move.reference) and came.reference == move.reference)
    return not own, came.reference in waits


def _undone(move: Came, went: dict[int, list[tuple[Came, int]]]) -> int:
    """The entry whose sum comes back by this one: the one it undoes, or the newest payment of the same sum; or 0."""
    if move.reverses_id or move.reference:
        return move.reverses_id or 0
    same = [id_ for id_, parts in went.items() if sum(part for _, part in parts) == move.amount_pence]
    return max(same, default=0)


async def left_by_line(worker_ids: list[str], codes: Sequence[str] = ("2200", "2210")) -> dict[str, int]:
    """What lines have given these workers that has not been sent to them, by the line's reference. Two statements.

    Pay and expenses are one here, as they are where a sum is left out of a payout."""
    rows = await fetch(
        "SELECT a.holder, e.id, e.at, CAST(SUM(-p.amount_pence) AS BIGINT), COALESCE(l.reference, ''), "
        "e.reverses_id FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        f"LEFT JOIN line l ON l.id = e.line_id WHERE a.code IN ({marks(codes)}) AND a.awaiting = '' "
        f"AND a.holder IN ({marks(worker_ids)}) GROUP BY a.holder, e.id, e.at, l.reference, e.reverses_id "
        "HAVING SUM(p.amount_pence) <> 0 ORDER BY e.id",
        *codes, *worker_ids,
    )  # fmt: skip
    moves: dict[str, list[Came]] = {}
    for holder, id_, at, pence, reference, reverses_id in map(tuple, rows):
        came = Came(id_, as_time(at) or clock.now(), int(pence), reference, reverses_id)
        moves.setdefault(holder, []).append(came)
    ended = await fetch(
        "SELECT l.reference, s.from_at, s.until_at, s.ended_at FROM pause s JOIN line l ON l.id = s.line_id "
        f"WHERE s.worker_id IN ({marks(worker_ids)})",
        *worker_ids,
    )
    # The books keep whole seconds.
    waited = [Waited(row[0], row[1].replace(microsecond=0), min(row[2], row[3] or row[2])) for row in ended]
    found: dict[str, int] = {}
    for of_worker in moves.values():
        for reference, pence in left(of_worker, waited).items():
            found[reference] = found.get(reference, 0) + pence
    return found
