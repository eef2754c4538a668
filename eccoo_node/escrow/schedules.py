"""What the circle takes, as it was decided over time."""

from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from eccoo_node.agreements import hours
from eccoo_node.agreements.hours import Hour, Reckon
from eccoo_node.db.rows import as_time, fetch
from eccoo_node.escrow import queries, sharing
from eccoo_node.escrow.queries import Schedule
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict


class Decided(msgspec.Struct, frozen=True):
    """What the circle takes from a moment on, and the decision it rests on. `standing`: now, to_come or before."""

    payer_add_bps: int
    worker_deduct_bps: int
    cancelled_bears: bool
    vat_bps: int
    valid_from: datetime
    decision_id: str
    words: str
    standing: Literal["now", "to_come", "before"]


async def schedules() -> list[Decided]:
    """Every share that was ever decided, newest first. Anyone in the circle may read them."""
    rows = await fetch(
        "SELECT s.payer_add_bps, s.worker_deduct_bps, s.cancelled_bears, s.vat_bps, s.valid_from, s.decision_id, d.words "
        "FROM schedule s JOIN decision d ON d.id = s.decision_id ORDER BY s.valid_from DESC, s.id DESC"
    )
    now, found = clock.now(), []
    current = False
    for row in rows:
        at = as_time(row[4]) or now
        standing: Literal["now", "to_come", "before"] = "before" if current else "to_come" if at > now else "now"
        current = current or standing == "now"
        found.append(Decided(row[0], row[1], bool(row[2]), row[3], at, row[5], row[6], standing))
    return found


def hour(held: Schedule, rate_pence: int, cancel_bps: int, employed: bool) -> Hour:
    """An hour at this rate as the books would share it while this schedule holds; also of one called off late."""
    terms = held.terms(rate_pence, employed=employed)
    whole, late = sharing.shares(terms, rate_pence), sharing.called_off_late(terms, cancel_bps)
    return Hour(
        rate_pence, whole.contribution_pence, whole.worker_pence, late.fee_pence, late.contribution_pence,
        late.worker_pence, employed,
    )  # fmt: skip


@hours.reckons
async def _as_agreed_now() -> Reckon | None:
    try:
        return partial(hour, await queries.schedule_now())
    except Conflict:
        return None
