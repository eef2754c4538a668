"""Reads of the books over a stretch of time, for papers. By the moment at which an entry was written, so that a week
that is over never changes: what is put right later stands in the week in which it was put right.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.escrow import sharing
from eccoo_node.escrow.bookings import LINE, Booking, read_booking
from eccoo_node.escrow.sharing import Shares, State
from eccoo_node.kernel import clock


class Move(msgspec.Struct, frozen=True):
    """What one entry did to one account of a holder; above 0 is debit.

    `undone` is the kind of entry that this one undoes, `bank_pence` what the same entry did to the bank accounts.
    """

    entry_id: int
    at: datetime
    effective_at: datetime
    kind: str
    undone: str
    undone_id: int
    line_id: int | None
    code: str
    amount_pence: int
    bank_pence: int


async def opening(holder: str, codes: Sequence[str], before: datetime) -> dict[str, int]:
    """The balance of each of these accounts at a moment, debit positive; one that was never used is 0."""
    found = dict.fromkeys(codes, 0)
    for code, total in await fetch(
        "SELECT a.code, CAST(SUM(p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        f"JOIN entry e ON e.id = p.entry_id WHERE a.holder = ? AND a.code IN ({marks(codes)}) AND e.at < ? GROUP BY a.code",
        holder, *codes, before,
    ):  # fmt: skip
        found[code] = int(total)
    return found


async def moves(holder: str, codes: Sequence[str], start: datetime | None, end: datetime) -> list[Move]:
    """Every entry that touched these accounts of a holder, in the order in which it was written."""
    rows = await fetch(
        "SELECT e.id, e.at, e.effective_at, e.kind, COALESCE(u.kind, ''), COALESCE(u.id, 0), e.line_id, a.code, "
        "CAST(SUM(p.amount_pence) AS BIGINT), CAST(COALESCE((SELECT SUM(b.amount_pence) FROM posting b "
        "JOIN account k ON k.id = b.account_id WHERE b.entry_id = e.id AND k.code IN ('1000', '1050')), 0) AS BIGINT) "
        "FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "LEFT JOIN entry u ON u.id = e.reverses_id "
        f"WHERE a.holder = ? AND a.code IN ({marks(codes)}) AND e.at >= ? AND e.at < ? "
        "GROUP BY e.id, e.at, e.effective_at, e.kind, u.kind, u.id, e.line_id, a.code ORDER BY e.id, a.code",
        holder, *codes, start or datetime(2000, 1, 1, tzinfo=end.tzinfo), end,
    )  # fmt: skip
    return [Move(row[0], _at(row[1]), _at(row[2]), *tuple(row)[3:]) for row in rows]


def _at(value: object) -> datetime:
    return as_time(value) or clock.now()


class Step(msgspec.Struct, frozen=True):
    """What one entry did to a line: who got what of it (below 0 where it was taken back), what it set aside or let go
    of, what it put in question, and what it gave back to each payer (below 0: took from them)."""

    entry_id: int
    at: datetime
    kind: str
    given: Shares
    held_pence: int
    apart_pence: int
    back_pence: dict[str, int]


class History(msgspec.Struct, frozen=True):
    """A line with everything that happened to it before a moment."""

    booking: Booking
    steps: list[Step]

    @property
    def lying_pence(self) -> int:
        """Set aside and not in question, at that moment."""
        return sum(step.held_pence for step in self.steps)

    @property
    def apart_pence(self) -> int:
        return sum(step.apart_pence for step in self.steps)

    def given_by(self, payer_id: str) -> int:
        """What a payer has given to it and not had back."""
        return -sum(step.back_pence.get(payer_id, 0) for step in self.steps)


async def histories(line_ids: Sequence[int], before: datetime) -> dict[int, History]:
    """These lines as they stood at a moment, in three statements."""
    wanted = sorted(set(line_ids))
    if not wanted:
        return {}
    lines = {one.id: one for one in map(read_booking, await fetch(f"{LINE} WHERE l.id IN ({marks(wanted)})", *wanted))}
    posted: dict[int, list[tuple[str, str, int]]] = {}
    for entry_id, code, holder, amount in await fetch(
        "SELECT e.id, a.code, a.holder, p.amount_pence FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id "
        f"WHERE e.line_id IN ({marks(wanted)}) AND e.at < ? AND a.code IN ('1100', '2000', '2100', '2110')",
        *wanted, before,
    ):  # fmt: skip
        posted.setdefault(entry_id, []).append((code, holder, amount))
    reached: dict[int, State] = {}
    steps: dict[int, list[Step]] = {id_: [] for id_ in wanted}
    for entry_id, at, kind, line_id, fee, travel, free in await fetch(
        "SELECT e.id, e.at, e.kind, e.line_id, e.fee_pence, e.travel_pence, e.free_fee_pence FROM entry e "
        f"WHERE e.line_id IN ({marks(wanted)}) AND e.at < ? ORDER BY e.id",
        *wanted, before,
    ):  # fmt: skip
        state = reached.get(line_id, State())
        after = State(state.released_fee_pence + fee, state.released_travel_pence + travel, state.free_fee_pence + free)
        reached[line_id] = after
        terms = lines[line_id].terms
        given = sharing.between(sharing.so_far(terms, state), sharing.so_far(terms, after))
        steps[line_id].append(_step(entry_id, _at(at), kind, given, posted.get(entry_id, [])))
    return {id_: History(lines[id_], steps[id_]) for id_ in lines}


def _step(entry_id: int, at: datetime, kind: str, given: Shares, posted: list[tuple[str, str, int]]) -> Step:
    back: dict[str, int] = {}
    for code, holder, amount in posted:
        if code in {"1100", "2000"}:
            back[holder] = back.get(holder, 0) - amount
    held = -sum(amount for code, _, amount in posted if code == "2100")
    apart = -sum(amount for code, _, amount in posted if code == "2110")
    return Step(entry_id, at, kind, given, held, apart, back)


async def lines_of_payer(payer_id: str, since: datetime) -> list[int]:
    """The lines that a payer gives to and that moved since a moment, or on which something still lies."""
    rows = await fetch(
        "SELECT l.id FROM line l WHERE (l.payer_id = ? OR l.id IN (SELECT f.line_id FROM line_fund f WHERE f.payer_id = ?)) "
        "AND (EXISTS (SELECT 1 FROM entry e WHERE e.line_id = l.id AND e.at >= ?) OR EXISTS (SELECT 1 FROM account h "
        "WHERE h.code IN ('2100', '2110') AND h.holder = CAST(l.id AS VARCHAR) AND h.awaiting = '' "
        "AND h.balance_pence <> 0)) ORDER BY l.id",
        payer_id, payer_id, since,
    )  # fmt: skip
    return [row[0] for row in rows]


async def lines_in_arrears(payer_id: str) -> list[int]:
    """Every line of which a payer owed or owes something."""
    rows = await fetch(
        "SELECT DISTINCT e.line_id FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "WHERE a.code = '1100' AND a.holder = ? AND e.line_id IS NOT NULL ORDER BY e.line_id",
        payer_id,
    )
    return [row[0] for row in rows]


async def funds_of(line_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Of lines with several payers: how much each gives."""
    found: dict[int, dict[str, int]] = {}
    for line_id, payer_id, amount in await fetch(
        f"SELECT line_id, payer_id, amount_pence FROM line_fund WHERE line_id IN ({marks(line_ids)}) ORDER BY id",
        *line_ids,
    ):
        found.setdefault(line_id, {})[payer_id] = amount
    return found


async def payers_since(since: datetime) -> list[str]:
    """Every payer in whose account something stands, or moved since a moment."""
    rows = await fetch(
        "SELECT a.holder FROM account a WHERE a.code IN ('1100', '2000', '2500') AND (a.balance_pence <> 0 OR EXISTS "
        "(SELECT 1 FROM posting p JOIN entry e ON e.id = p.entry_id WHERE p.account_id = a.id AND e.at >= ?)) "
        "AND EXISTS (SELECT 1 FROM payer y WHERE y.id = a.holder) "
        "UNION SELECT l.payer_id FROM line l JOIN account h ON h.holder = CAST(l.id AS VARCHAR) "
        "WHERE h.code IN ('2100', '2110') AND h.awaiting = '' AND h.balance_pence <> 0 AND l.payer_id <> '' "
        "UNION SELECT f.payer_id FROM line_fund f JOIN account h ON h.holder = CAST(f.line_id AS VARCHAR) "
        "WHERE h.code IN ('2100', '2110') AND h.awaiting = '' AND h.balance_pence <> 0",
        since,
    )
    return sorted(row[0] for row in rows)


async def debtors() -> list[str]:
    """Every payer who owed us anything, ever."""
    rows = await fetch("SELECT holder FROM account WHERE code = '1100' ORDER BY holder")
    return [row[0] for row in rows]


async def workers_between(start: datetime, end: datetime) -> list[str]:
    """Every worker whose account something moved in, in that time."""
    rows = await fetch(
        "SELECT DISTINCT a.holder FROM account a JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id "
        "WHERE a.code IN ('1300', '2200', '2210', '2290') AND e.at >= ? AND e.at < ? "
        "AND EXISTS (SELECT 1 FROM person q WHERE q.id = a.holder) ORDER BY a.holder",
        start, end,
    )  # fmt: skip
    return [row[0] for row in rows]


_DEBTS = "('bounced', 'finders_fee')"


async def paid_by(payer_ids: Sequence[str]) -> dict[str, int]:
    """What each payer has paid of what they owed, less what came back to them as credit for a visit they had paid."""
    rows = await fetch(
        "SELECT a.holder, CAST(SUM(-p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        "JOIN entry e ON e.id = p.entry_id LEFT JOIN entry u ON u.id = e.reverses_id "
        f"WHERE a.code = '1100' AND a.holder IN ({marks(payer_ids)}) AND e.line_id IS NULL "
        f"AND COALESCE(u.kind, e.kind) NOT IN {_DEBTS} GROUP BY a.holder "
        "UNION ALL SELECT a.holder, CAST(SUM(p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        f"JOIN entry e ON e.id = p.entry_id WHERE a.code = '2000' AND a.holder IN ({marks(payer_ids)}) "
        "AND EXISTS (SELECT 1 FROM entry o JOIN posting q ON q.entry_id = o.id JOIN account d ON d.id = q.account_id "
        "WHERE o.line_id = e.line_id AND d.code = '1100' AND d.holder = a.holder) GROUP BY a.holder",
        *payer_ids, *payer_ids,
    )  # fmt: skip
    found: dict[str, int] = {}
    for holder, pence in rows:
        found[holder] = found.get(holder, 0) + int(pence)
    return found


async def chain_head() -> tuple[str, int]:
    """The newest link of the chain over the books, and the entry it reaches to; nothing before the first."""
    row = await fetch_one("SELECT chain, entry_id FROM entry_chain ORDER BY id DESC LIMIT 1")
    return (row[0], row[1]) if row else ("", 0)
