"""Reads of the books. Amounts are pence; what is owed by us is given as a positive number."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, locking, marks
from eccoo_node.escrow import chart, ledger, sharing
from eccoo_node.escrow.bookings import LINE, read_booking
from eccoo_node.escrow.bookings import Booking as Booking
from eccoo_node.escrow.sharing import Fund, Shares, State, Terms
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, NotFound


class Schedule(msgspec.Struct, frozen=True):
    """What the circle takes from bookings made now."""

    id: int
    payer_add_bps: int
    worker_deduct_bps: int
    cancelled_bears: bool
    vat_bps: int

    def terms(self, fee_pence: int, travel_pence: int = 0, *, employed: bool = False) -> Terms:
        """What a visit of ours is agreed at."""
        return Terms(
            fee_pence, travel_pence, 0 if employed else self.payer_add_bps, 0 if employed else self.worker_deduct_bps,
            cancelled_bears=self.cancelled_bears, vat_bps=self.vat_bps, employed=employed,
        )  # fmt: skip

    def price(self, fee_pence: int, travel_pence: int, *, employed: bool = False) -> int:
        """What is set aside for a visit of ours: with what the payer adds on top."""
        return self.terms(fee_pence, travel_pence, employed=employed).total_pence


class Schedules(msgspec.Struct, frozen=True):
    """Every schedule that was ever decided, oldest first: from when each holds, and when it was written down."""

    decided: tuple[tuple[datetime, datetime, Schedule], ...]

    def at(self, moment: datetime) -> Schedule:
        """The one that held then, of those that were known then; of what is older than all of them, the first.

        Raises Conflict when the circle has not decided one.
        """
        held = [one for begins, written, one in self.decided if max(begins, written) <= moment]
        if not held:
            now = clock.now()
            held = [one for begins, _, one in self.decided if begins <= now][:1]
        if not held:
            raise Conflict("This circle has not yet decided what it takes from each visit.", "no_schedule")
        return held[-1]


async def schedules() -> Schedules:
    """What the circle takes of anything, by when it was agreed, in one statement."""
    rows = await fetch(
        "SELECT valid_from, recorded_at, id, payer_add_bps, worker_deduct_bps, cancelled_bears, vat_bps FROM schedule "
        "ORDER BY valid_from, id"
    )
    decided = ((row[0], row[1], Schedule(row[2], row[3], row[4], bool(row[5]), row[6])) for row in rows)
    return Schedules(tuple(decided))


async def schedule_now() -> Schedule:
    """The schedule that holds at this moment. Raises Conflict when the circle has not decided one."""
    return (await schedules()).at(clock.now())


async def credit_pence(payer_id: str) -> int:
    """What a payer has given that is not set aside."""
    return -await ledger.balance(chart.credit(payer_id))


# What one fund has given to its line and not had back.
LEFT = (
    "(SELECT CAST(COALESCE(SUM(p.amount_pence), 0) AS BIGINT) FROM entry e "
    "JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id "
    "WHERE e.line_id = f.line_id AND a.holder = f.payer_id AND a.code IN ('2000', '1100'))"
)


async def funds_given(found: Booking) -> list[Fund]:
    """Who gave how much to a line, in the order in which they gave; `arrears` as each pays now."""
    rows = await fetch(
        "SELECT y.id, COALESCE(f.amount_pence, 0), y.arrears FROM line l LEFT JOIN line_fund f ON f.line_id = l.id "
        "JOIN payer y ON y.id = COALESCE(f.payer_id, l.payer_id) WHERE l.id = ? ORDER BY f.id",
        found.id,
    )
    return [Fund(row[0], int(row[1]) or found.terms.total_pence, bool(row[2])) for row in rows]


async def funds_left(line_id: int) -> list[Fund]:
    """Of a line with several funds: what each has given to it and not had back, in the order in which they gave."""
    rows = await fetch(
        f"SELECT f.payer_id, f.arrears, {LEFT} FROM line_fund f WHERE f.line_id = ? ORDER BY f.id",
        line_id,
    )
    return [Fund(row[0], int(row[2]), bool(row[1])) for row in rows]


async def find(reference: str, *, lock: bool = False) -> Booking | None:
    """The line of a reference; locked until the transaction ends if asked, so that its state stays as read."""
    row = await fetch_one(f"{LINE} WHERE l.reference = ?{locking() if lock else ''}", reference)
    return read_booking(row) if row else None


async def booking(reference: str, *, lock: bool = False) -> Booking:
    """As `find`. Raises NotFound when nothing was ever set aside under this reference."""
    found = await find(reference, lock=lock)
    if found is None:
        raise NotFound("Nothing has been set aside for this.", "no_line")
    return found


async def bookings(*references: str) -> dict[str, Booking]:
    """Several lines in one query; those that do not exist are absent."""
    if not references:
        return {}
    listed = ", ".join("?" * len(references))
    rows = await fetch(f"{LINE} WHERE l.reference IN ({listed})", *references)
    return {found.reference: found for found in map(read_booking, rows)}


# Something lies on a line still, set aside or in question.
_LIES = "EXISTS (SELECT 1 FROM account h WHERE h.code IN ('2100', '2110') AND h.holder = CAST(l.id AS VARCHAR) AND h.balance_pence <> 0)"


async def newest_of_worker(worker_id: str, most: int, skip: int = 0, *, lying: bool = False) -> list[Booking]:
    """The newest lines of a worker, newest first; with `lying` all on which something lies, whatever `most` is."""
    which = f"AND {_LIES} ORDER BY l.id DESC" if lying else f"ORDER BY l.id DESC LIMIT {int(most)} OFFSET {int(skip)}"
    return [read_booking(row) for row in await fetch(f"{LINE} WHERE l.worker_id = ? {which}", worker_id)]


async def newest_of_payers(
    ids: Sequence[str], most: int, skip: int = 0, *, lying: bool = False
) -> list[tuple[str, Booking, int | None]]:
    """The newest lines that these payers pay for, or for a part of, newest first, with the payer; with `lying` as above.

    Where several pay for it, also how much of it this one has given and not had back. Two statements at most.
    """
    listed = marks(ids)
    which = f"AND {_LIES} ORDER BY l.id DESC" if lying else f"ORDER BY l.id DESC LIMIT {int(most)} OFFSET {int(skip)}"
    rows = await fetch(
        f"{LINE} WHERE l.id IN (SELECT id FROM line WHERE funds = '' AND payer_id IN ({listed}) UNION "
        f"SELECT line_id FROM line_fund WHERE payer_id IN ({listed})) {which}",
        *ids, *ids,
    )  # fmt: skip
    shared = [row["id"] for row in rows if row["funds"]]
    parts: dict[int, list[tuple[str, int]]] = {}
    given = f"SELECT f.line_id, f.payer_id, {LEFT} FROM line_fund f WHERE f.line_id IN ({marks(shared)}) "
    for line_id, payer_id, left in (
        await fetch(f"{given} AND f.payer_id IN ({listed}) ORDER BY f.id", *shared, *ids) if shared else ()
    ):
        parts.setdefault(line_id, []).append((payer_id, int(left)))
    found: list[tuple[str, Booking, int | None]] = []
    for row in rows:
        line = read_booking(row)
        if row["funds"]:
            found += [(payer_id, line, left) for payer_id, left in parts[line.id]]
        else:
            found.append((line.payer_id, line, None))
    return found


async def bookings_where(where: str, *params: Any) -> list[Booking]:
    """Lines by a condition on `line l`, oldest first; for other reads of the books."""
    return [read_booking(row) for row in await fetch(f"{LINE} WHERE {where} ORDER BY l.id", *params)]


class LineState(msgspec.Struct, frozen=True):
    """One line as its visit tells of it.

    `set_aside_pence` is what still lies there; `worker_pence` what the worker has from it in all, travel included, and
    `circles_pence` what the circles keep: when it is let go whole if `state` is "set_aside", else so far.
    """

    reference: str
    state: str  # set_aside, disputed, released, returned
    set_aside_pence: int
    disputed_pence: int
    returned_pence: int
    worker_pence: int
    circles_pence: int
    fee_pence: int
    travel_pence: int
    link_id: str
    due_pence: int


def line_state(found: Booking) -> LineState:
    waiting = found.held_pence > 0
    given = (
        sharing.shares(found.terms, found.terms.fee_pence, found.terms.travel_pence)
        if waiting
        else sharing.so_far(found.terms, found.state)
    )
    if found.disputed_pence:
        state = "disputed"
    elif waiting:
        state = "set_aside"
    else:
        state = "released" if given.fee_pence + given.travel_pence else "returned"
    return LineState(
        found.reference,
        state,
        found.held_pence,
        found.disputed_pence,
        found.state.returned_pence,
        given.worker_pence + given.travel_pence,
        given.commission_pence + given.contribution_pence,
        given.fee_pence,
        given.travel_pence,
        found.link_id,
        given.due_pence if found.link_id else 0,
    )


async def line(reference: str) -> LineState | None:
    """How far a line has got; None when nothing was ever set aside for it."""
    found = await find(reference)
    return line_state(found) if found else None


async def lines(*references: str) -> dict[str, LineState]:
    """Several lines in one query, for a week."""
    return {reference: line_state(found) for reference, found in (await bookings(*references)).items()}


async def entry_shares(found: Booking, entry_id: int) -> Shares:
    """What one entry of a line gave to whom, from the line as it stood before it."""
    before = await fetch_one(
        "SELECT CAST(COALESCE(SUM(fee_pence), 0) AS BIGINT), CAST(COALESCE(SUM(travel_pence), 0) AS BIGINT), "
        "CAST(COALESCE(SUM(free_fee_pence), 0) AS BIGINT) FROM entry WHERE line_id = ? AND id < ?",
        found.id,
        entry_id,
    )
    this = await fetch_one(
        "SELECT fee_pence, travel_pence, free_fee_pence, (SELECT CAST(COALESCE(SUM(-p.amount_pence), 0) AS BIGINT) "
        "FROM posting p JOIN account a ON a.id = p.account_id WHERE p.entry_id = entry.id AND a.code IN ('2000', '1100')) "
        "FROM entry WHERE id = ?",
        entry_id,
    )
    if before is None or this is None:
        raise NotFound("There is no such entry.", "no_entry")
    earlier = State(before[0], before[1], before[2])
    later = State(before[0] + this[0], before[1] + this[1], before[2] + this[2], this[3])
    return sharing.between(sharing.so_far(found.terms, earlier), sharing.so_far(found.terms, later))


class OwedEntry(msgspec.Struct, frozen=True):
    """One entry that changed what two circles owe each other; `amount_pence` above 0 is owed by us."""

    entry_id: int
    at: datetime
    kind: str
    code: str
    reference: str
    amount_pence: int
    fee_pence: int
    travel_pence: int
    worker_pence: int
    ours_pence: int
    theirs_pence: int


class Owed(msgspec.Struct, frozen=True):
    """What we owe a linked circle, what it owes us, and where each came from, newest first."""

    link_id: str
    we_owe_pence: int
    they_owe_pence: int
    entries: list[OwedEntry]


async def owed(link_id: str) -> Owed:
    """The books between us and one linked circle."""
    rows = await fetch(
        "SELECT e.id, e.at, e.kind, e.line_id, a.code, CAST(SUM(p.amount_pence) AS BIGINT) AS amount FROM account a "
        "JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "WHERE a.holder = ? AND a.code IN ('1200', '2300') "
        "GROUP BY e.id, e.at, e.kind, e.line_id, a.code ORDER BY e.id DESC",
        link_id,
    )
    known = {found.id: found for found in map(read_booking, await fetch(f"{LINE} WHERE l.link_id = ?", link_id))}
    given = await _given(link_id, known)
    return Owed(
        link_id,
        -sum(row["amount"] for row in rows if row["code"] == "2300"),
        sum(row["amount"] for row in rows if row["code"] == "1200"),
        [_owed_entry(row, known.get(row["line_id"]), given.get(row["id"], Shares())) for row in rows],
    )


async def _given(link_id: str, known: dict[int, Booking]) -> dict[int, Shares]:
    """What each entry of the lines of a link gave to whom."""
    reached: dict[int, State] = {}
    found = {}
    for row in await fetch(
        "SELECT e.id, e.line_id, e.fee_pence, e.travel_pence, e.free_fee_pence FROM entry e "
        "JOIN line l ON l.id = e.line_id WHERE l.link_id = ? ORDER BY e.id",
        link_id,
    ):
        before = reached.get(row["line_id"], State())
        after = State(
            before.released_fee_pence + row["fee_pence"],
            before.released_travel_pence + row["travel_pence"],
            before.free_fee_pence + row["free_fee_pence"],
        )
        terms, reached[row["line_id"]] = known[row["line_id"]].terms, after
        found[row["id"]] = sharing.between(sharing.so_far(terms, before), sharing.so_far(terms, after))
    return found


def _owed_entry(row: Any, found: Booking | None, given: Shares) -> OwedEntry:
    at = as_time(row["at"]) or clock.now()
    asking = found is not None and found.origin == "held"
    return OwedEntry(
        row["id"],
        at,
        row["kind"],
        row["code"],
        found.reference if found else "",
        -row["amount"],
        given.fee_pence,
        given.travel_pence,
        given.worker_pence,
        given.asking_pence if asking else given.home_pence,
        given.home_pence if asking else given.asking_pence,
    )


async def aside_for(link_id: str) -> int:
    """What we will owe a circle for visits of its workers whose money is still set aside, or in question."""
    rows = await fetch(
        f"{LINE} WHERE l.link_id = ? AND l.origin = 'held' AND s.released_fee_pence + s.released_travel_pence "
        "+ s.returned_pence < l.fee_pence + l.travel_pence + l.contribution_pence",
        link_id,
    )
    total = 0
    for found in map(read_booking, rows):
        whole = sharing.so_far(found.terms, State(found.terms.fee_pence, found.terms.travel_pence))
        total += min(whole.due_pence, found.held_pence + found.disputed_pence)
    return total


async def owed_by_link() -> dict[str, tuple[int, int, int, int]]:
    """For each circle that owes or is owed: what we owe and for how many visits, what they owe and for how many.

    Once some of it was paid or set off it is no longer for so many visits, and the number is 0.
    """
    rows = await fetch(
        "SELECT a.holder, a.code, a.balance_pence, CASE WHEN COUNT(e.line_id) < COUNT(*) THEN 0 "
        "ELSE COUNT(DISTINCT e.line_id) END AS visits FROM account a "
        "JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "WHERE a.code IN ('1200', '2300') AND a.balance_pence <> 0 GROUP BY a.holder, a.code, a.balance_pence"
    )
    found: dict[str, tuple[int, int, int, int]] = {}
    for link_id, code, balance, visits in rows:
        owe, for_, theirs, for_theirs = found.get(link_id, (0, 0, 0, 0))
        found[link_id] = (-balance, visits, theirs, for_theirs) if code == "2300" else (owe, for_, balance, visits)
    return found


_USED = " UNION ALL ".join(f"SELECT '{code}' AS code" for code in chart.CHART)
_TRIAL = (
    "SELECT u.code, (SELECT CAST(COALESCE(SUM(a.balance_pence), 0) AS BIGINT) FROM account a WHERE a.code = u.code "
    f"AND a.balance_pence <> 0) FROM ({_USED}) AS u WHERE EXISTS (SELECT 1 FROM account b WHERE b.code = u.code) "
    "ORDER BY u.code"
)


async def trial_balance() -> dict[str, int]:
    """The balance of each account of the chart that was ever used, debit positive. They add up to 0.

    Takes as long as there are accounts with something on them, however many there have been.
    """
    return {code: int(total) for code, total in await fetch(_TRIAL)}


async def postings_of(entry_id: int) -> list[tuple[str, str, str, int]]:
    """The postings of one entry as (code, holder, awaiting, amount), in the order in which they were written."""
    rows = await fetch(
        "SELECT a.code, a.holder, a.awaiting, p.amount_pence FROM posting p JOIN account a ON a.id = p.account_id "
        "WHERE p.entry_id = ? ORDER BY p.id",
        entry_id,
    )
    return [(row[0], row[1], row[2], int(row[3])) for row in rows]


async def waiting_on(code: str) -> dict[str, int]:
    """What stands on each sub-account of an account that we owe, oldest first: receipts, or refunds on their way."""
    rows = await fetch(
        "SELECT holder, balance_pence FROM account WHERE code = ? AND balance_pence < 0 ORDER BY id", code
    )
    return {row[0]: -int(row[1]) for row in rows}
