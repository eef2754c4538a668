"""What workers have earned, visit by visit and moment by moment, as whoever must tell of it by the year reads it.

A line's fee is let go in parts, and parts of it may be taken back. Each part that stands is a `Part`: its moment is the
one at which it was let go. What is taken back comes off the latest parts first, and so belongs to the time in which it
had been earned, whenever that becomes known. What was taken back into question and is then given to the worker after
all goes back where it was taken from.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch
from eccoo_node.escrow import queries, sharing
from eccoo_node.escrow.sharing import Shares, State, Terms
from eccoo_node.kernel import clock


class Step(msgspec.Struct, frozen=True):
    """One entry of a line, as far as it let go of something or took it back."""

    at: datetime
    kind: str
    fee_pence: int
    travel_pence: int
    free_fee_pence: int


class Part(msgspec.Struct, frozen=True):
    """So much of a line, let go at this moment and not taken back, with who had what of it. `reference`: the line's."""

    worker_id: str
    reference: str
    at: datetime
    shares: Shares


_Amounts = tuple[int, int, int]  # fee, travel, and how much of the fee bears no commission
_NOTHING: _Amounts = (0, 0, 0)


def _less(one: _Amounts, other: _Amounts) -> _Amounts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def _least(one: _Amounts, other: _Amounts) -> _Amounts:
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2])


def parts(terms: Terms, steps: Iterable[Step]) -> list[tuple[datetime, Shares]]:
    """The parts of one line that stand, oldest first. They add up to all that was ever let go of it, less what came back.

    Raises ValueError where more was taken back than let go, which the books refuse.
    """
    stack: list[tuple[datetime, _Amounts]] = []
    # What the newest claw-back took, oldest first: it waits in question for the entry that settles it.
    in_question: list[tuple[datetime, _Amounts]] = []
    for step in steps:
        amounts = (step.fee_pence, step.travel_pence, step.free_fee_pence)
        if amounts[0] < 0 or amounts[1] < 0:
            taken = _take(stack, _less(_NOTHING, amounts))
            in_question = taken if step.kind == "clawed_back" else []
        elif step.kind == "resolved":
            still = []
            for at, gone in in_question:
                back = _least(gone, amounts)
                if back != _NOTHING:
                    stack.append((at, back))
                    amounts = _less(amounts, back)
                still.append((at, _less(gone, back)))
            # Where only a part is settled, the rest waits for the next.
            in_question = still
            if amounts != _NOTHING:
                stack.append((step.at, amounts))
        elif amounts != _NOTHING:
            stack.append((step.at, amounts))
    return _shared(terms, stack)


def _take(stack: list[tuple[datetime, _Amounts]], rest: _Amounts) -> list[tuple[datetime, _Amounts]]:
    """Take this much off the newest parts; what was taken, oldest first."""
    taken: list[tuple[datetime, _Amounts]] = []
    for place in range(len(stack) - 1, -1, -1):
        at, there = stack[place]
        gone = _least(there, rest)
        stack[place] = (at, _less(there, gone))
        rest = _less(rest, gone)
        taken.insert(0, (at, gone))
    if rest != _NOTHING:
        raise ValueError("more was taken back than was let go")
    stack[:] = [one for one in stack if one[1] != _NOTHING]
    return taken


def _shared(terms: Terms, stack: Sequence[tuple[datetime, _Amounts]]) -> list[tuple[datetime, Shares]]:
    # Commission follows from all that stands of a line, so what a part bears is the difference it makes (sharing.py).
    found, reached = [], State()
    for at, (fee, travel, free) in stack:
        after = State(
            reached.released_fee_pence + fee, reached.released_travel_pence + travel, reached.free_fee_pence + free
        )
        found.append((at, sharing.between(sharing.so_far(terms, reached), sharing.so_far(terms, after))))
        reached = after
    return sorted(found, key=lambda one: one[0])


async def earned(start: datetime, end: datetime, worker_id: str = "") -> list[Part]:
    """What our own workers, or one of them, earned between these moments and still have a right to.

    Not what employed workers did, who have a wage, nor what a linked circle's worker did here: their own circle tells it.
    """
    one = " AND l.worker_id = ?" if worker_id else ""
    mine = (
        "SELECT l.id FROM line l WHERE l.employed = FALSE AND (l.link_id = '' OR l.origin = 'due') "
        f"AND l.worker_id <> ''{one} AND EXISTS (SELECT 1 FROM entry e WHERE e.line_id = l.id AND e.at >= ? AND e.at < ? "
        "AND e.fee_pence + e.travel_pence > 0)"
    )
    params: list[Any] = [*([worker_id] if worker_id else []), start, end]
    steps: dict[int, list[Step]] = {}
    for row in await fetch(
        "SELECT line_id, at, kind, fee_pence, travel_pence, free_fee_pence FROM entry "
        f"WHERE line_id IN ({mine}) AND (fee_pence <> 0 OR travel_pence <> 0) ORDER BY id",
        *params,
    ):
        steps.setdefault(row[0], []).append(Step(as_time(row[1]) or clock.now(), *tuple(row)[2:]))
    lines = await queries.bookings_where(f"l.id IN ({mine})", *params)
    return [
        Part(line.worker_id, line.reference, at, shares)
        for line in lines
        for at, shares in parts(line.terms, steps.get(line.id, []))
        if start <= at < end
    ]


async def years() -> list[int]:
    """The calendar years of the circle in which anything was let go to anyone, oldest first."""
    rows = await fetch("SELECT MIN(at), MAX(at) FROM entry WHERE fee_pence + travel_pence > 0")
    first, last = as_time(rows[0][0]), as_time(rows[0][1])
    if first is None or last is None:
        return []
    return list(range(first.astimezone(clock.zone()).year, last.astimezone(clock.zone()).year + 1))
