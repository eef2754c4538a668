"""Money that is a worker's and is not paid out before a day, because the safeguarding lead asked for it.

A pause moves nothing in the books: what a worker has earned stays theirs, on their own account. Whoever makes a payout
asks `paused_pence` and leaves so much out of it. It ends by itself on its day.
"""

from datetime import datetime

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import chart, ledger, queries, sharing
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


async def paused_pence(worker_id: str) -> int:
    """How much of what is ready for this worker is not paid out now. What has gone to them already is not in it."""
    return (await paused_by_worker([worker_id]))[worker_id]


async def paused_by_worker(worker_ids: list[str]) -> dict[str, int]:
    """The same for many workers, in a constant number of statements."""
    found = dict.fromkeys(worker_ids, 0)
    rows = await fetch(f"{_PAUSED} AND s.worker_id IN ({marks(worker_ids)})", clock.now(), *worker_ids)
    pauses = [Paused(*row) for row in rows]
    if not pauses:
        return found
    lines = await queries.bookings(*sorted({one.reference for one in pauses}))
    for one in pauses:
        found[one.worker_id] += min(one.amount_pence, earned_pence(lines[one.reference]))
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


async def ready_pence(worker_id: str) -> int:
    """What stands ready for this worker and has not been sent."""
    accounts = (chart.worker(worker_id), chart.expenses(worker_id))
    return -sum([await ledger.balance(account) for account in accounts])
