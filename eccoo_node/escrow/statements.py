"""What the money pages read: a payer's, a worker's, the treasurer's. Each is a constant number of statements."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, marks
from eccoo_node.escrow import queries, telling
from eccoo_node.escrow.ledger import spare_cash
from eccoo_node.escrow.queries import Booking, LineState
from eccoo_node.escrow.telling import Told
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.kernel.words import paid_by

# A page shows the newest of these, and all on which something lies; the rest stands in the books.
SHOWN = 40
T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    """One line on a page: what it is for, and how far its money has got."""

    told: Told
    line: LineState
    # Where several pay for it: what this one gave and has not had back.
    part_pence: int | None = None

    @property
    def aside_pence(self) -> int:
        """What of it is set aside out of this payer's money."""
        return self.line.set_aside_pence if self.part_pence is None else self.part_pence

    @property
    def in_question(self) -> bool:
        """Whether part of it waits, and the rest has gone."""
        return self.line.state == "disputed"


class PayerStatement(msgspec.Struct, frozen=True):
    """What a payer's money is doing. `coming` is set aside or in question, soonest first; `past` is settled, newest first."""

    payer_id: str
    person_id: str
    payer_person_id: str
    person_called: str
    payer_called: str
    fund: str
    credit_pence: int
    coming: list[Row]
    past: list[Row]
    # There are older ones than these.
    more: bool = False
    # What they are still to pay to the circle, what is on its way back to them, and whether they pay after each visit.
    owed_pence: int = 0
    returning_pence: int = 0
    pays_after: bool = False


class WorkerStatement(msgspec.Struct, frozen=True):
    """What a worker has earned here. `awaiting` is what linked circles have yet to settle, by circle's name; `sent_pence`
    is on its way to their bank, `owes_pence` is to be given back."""

    ready_pence: int
    paid_pence: int
    awaiting: dict[str, int]
    coming: list[Row]
    past: list[Row]
    sent_pence: int = 0
    owes_pence: int = 0
    # There are older ones than these.
    more: bool = False
    # What of all this is for what they laid out, or drove: no earnings.
    laid_out_pence: int = 0

    @property
    def whole_pence(self) -> int:
        return self.ready_pence + self.sent_pence + self.paid_pence + sum(self.awaiting.values())

    @property
    def earned_pence(self) -> int:
        return self.whole_pence - self.laid_out_pence

    @property
    def coming_pence(self) -> int:
        return sum(row.line.worker_pence for row in self.coming if not row.in_question)

    @property
    def empty(self) -> bool:
        return not (self.coming or self.past or self.whole_pence or self.owes_pence)


class PayerLine(msgspec.Struct, frozen=True):
    """One payer as the treasurer sees them."""

    payer_id: str
    person_called: str
    payer_called: str
    fund: str
    credit_pence: int
    set_aside_pence: int
    owed_pence: int = 0

    @property
    def called(self) -> str:
        return paid_by(self.person_called, self.payer_called)


class BetweenCircles(msgspec.Struct, frozen=True):
    """What we and one linked circle owe each other."""

    link_id: str
    name: str
    we_owe_pence: int
    for_visits: int
    they_owe_pence: int
    for_their_visits: int


class Overview(msgspec.Struct, frozen=True):
    """The circle's books as its treasurer sees them first."""

    trial: dict[str, int]
    spare_pence: int
    # How many visits are in what is set aside, and in what is in question; and how many things that are bought.
    held: tuple[int, int]
    disputed: tuple[int, int]
    awaiting_pence: int
    circles: list[BetweenCircles]
    payers: list[PayerLine]

    def owed(self, *codes: str) -> int:
        """What stands on these accounts, as something that is owed."""
        return -sum(self.trial.get(code, 0) for code in codes)

    @property
    def workers_pence(self) -> int:
        """What our own bank owes workers now; what they wait for from other circles is not in it."""
        return self.owed("2200", "2210", "2290") - self.awaiting_pence

    @property
    def looked_after_pence(self) -> int:
        return self.owed("2000", "2090", "2100", "2110", "2300", "2500") + self.workers_pence


def _and_all_that_lies(newest: list[T], lying: list[T], key: Callable[[T], object]) -> list[T]:
    """The newest with every other on which something lies: a page says how much that is in all."""
    known = set(map(key, newest))
    return [*newest, *(one for one in lying if key(one) not in known)]


async def _rows(actor: Actor, found: Sequence[Booking]) -> list[Row]:
    told = await telling.tell(actor, [line.reference for line in found])
    return [Row(told[line.reference], queries.line_state(line)) for line in found]


def _split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    coming = [row for row in rows if row.line.state in {"set_aside", "disputed"}]
    past = [row for row in rows if row.line.state not in {"set_aside", "disputed"}]
    return sorted(coming, key=_when), sorted(past, key=_when, reverse=True)


def _when(row: Row) -> float:
    return row.told.at.timestamp() if row.told.at else 0


_PAYER = (
    "SELECT y.id, y.person_id, y.payer_person_id, p.called AS person_called, q.called AS payer_called, y.fund, y.arrears "
    "FROM payer y "
    "JOIN person p ON p.id = y.person_id JOIN person q ON q.id = y.payer_person_id"
)


async def payer_statements(actor: Actor) -> list[PayerStatement]:
    """What the reader, or the person they speak for about money, pays or has paid for them."""
    subject = actor.acting_for or actor.person_id
    payers = await fetch(
        f"{_PAYER} WHERE y.person_id = ? OR y.payer_person_id = ? ORDER BY p.called, y.from_at DESC", subject, subject
    )
    allowed = [row for row in payers if access.may(actor, "money.see_payer", _thing(row))]
    ids = [row["id"] for row in allowed]
    there = await _standing_of(ids)
    by_payer: dict[str, list[Row]] = {}
    most = SHOWN * max(1, len(ids))
    lines = await queries.newest_of_payers(ids, most)
    # As one statement reads them all, whether one has older ones is only known while fewer than that were found.
    full = len({line.id for _, line, _ in lines}) >= most
    lying = await queries.newest_of_payers(ids, 0, lying=True) if full else []
    for payer_id, row in await _parts(actor, _and_all_that_lies(lines, lying, lambda one: (one[0], one[1].id))):
        by_payer.setdefault(payer_id, []).append(row)
    found = []
    for payer in allowed:
        coming, past = _split(by_payer.get(payer["id"], []))
        id_ = payer["id"]
        found.append(_payer_statement(payer, there[id_], coming, past, full))
    return found


class _Standing(NamedTuple):
    """What a payer has here that is not set aside, what they owe, and what is on its way back to them."""

    credit: int
    owed: int
    returning: int


def _payer_statement(row: Any, there: _Standing, coming: list[Row], past: list[Row], more: bool) -> PayerStatement:
    id_, person, payer_person, called, payer_called, fund, after = tuple(row)
    return PayerStatement(
        id_, person, payer_person, called, payer_called, fund, there.credit, coming, past, more,
        there.owed, there.returning, bool(after),
    )  # fmt: skip


async def _standing_of(ids: Sequence[str]) -> dict[str, _Standing]:
    rows = await fetch(
        "SELECT holder, code, balance_pence FROM account WHERE code IN ('1100', '2000', '2500') AND awaiting = '' "
        f"AND holder IN ({marks(ids)})",
        *ids,
    )
    pence = {(row[0], row[1]): int(row[2]) for row in rows}
    return {
        id_: _Standing(-pence.get((id_, "2000"), 0), pence.get((id_, "1100"), 0), -pence.get((id_, "2500"), 0))
        for id_ in ids
    }


async def _parts(actor: Actor, lines: Sequence[tuple[str, Booking, int | None]]) -> list[tuple[str, Row]]:
    told = await telling.tell(actor, list(dict.fromkeys(line.reference for _, line, _ in lines)))
    return [(who, Row(told[line.reference], queries.line_state(line), part)) for who, line, part in lines]


class Older(msgspec.Struct, frozen=True):
    """One page of what was before, newest first; whether there is another."""

    rows: list[Row]
    more: bool
    called: str = ""


async def before_of_payer(actor: Actor, payer_id: str, skip: int) -> Older:
    """What one payer paid for before the newest. Raises NotFound, and Forbidden for anyone whose money it is not."""
    row = await fetch_one(f"{_PAYER} WHERE y.id = ?", payer_id)
    if row is None:
        raise NotFound("There is no such payer.", "no_payer")
    access.requires(actor, "money.see_payer", _thing(row))
    rows = [one for _, one in await _parts(actor, await queries.newest_of_payers([payer_id], SHOWN + 1, skip))]
    return Older(rows[:SHOWN], len(rows) > SHOWN, row["person_called"])


async def before_of_worker(actor: Actor, skip: int) -> Older:
    """What the reader earned before the newest. Raises NotFound for whoever speaks for someone else now."""
    if actor.acting_for or not actor.person_id:
        raise NotFound("There is nothing here.", "not_yours")
    rows = await _rows(actor, await queries.newest_of_worker(actor.person_id, SHOWN + 1, skip))
    shown = [row for row in rows[:SHOWN] if row.line.state in {"released", "disputed", "set_aside"}]
    return Older(shown, len(rows) > SHOWN)


async def of_payer(actor: Actor, payer_id: str, skip: int = 0) -> PayerStatement:
    """One payer's money as the treasurer reads it. Raises NotFound, and Forbidden for anyone else."""
    access.requires(actor, "money.trace_payer", Thing("payer", payer_id))
    row = await fetch_one(f"{_PAYER} WHERE y.id = ?", payer_id)
    if row is None:
        raise NotFound("There is no such payer.", "no_payer")
    lines = await queries.newest_of_payers([payer_id], SHOWN + 1, skip)
    first = not skip and len(lines) > SHOWN
    lying = await queries.newest_of_payers([payer_id], 0, lying=True) if first else []
    shown = _and_all_that_lies(lines[:SHOWN], lying, lambda one: one[1].id)
    coming, past = _split([one for _, one in await _parts(actor, shown)])
    there = (await _standing_of([payer_id]))[payer_id]
    return _payer_statement(row, there, coming, past, len(lines) > SHOWN)


def _thing(row: object) -> Thing:
    return Thing("payer", row["id"], row["person_id"], payer_id=row["payer_person_id"])  # type: ignore[index]


# What lines put down for travel and expenses; and what of that was taken back once it had been paid out.
_LAID_OUT = (
    "SELECT CAST(COALESCE(SUM(x.laid), 0) AS BIGINT), CAST(COALESCE(SUM(x.laid - x.stands), 0) AS BIGINT) FROM ("
    "SELECT -p.amount_pence AS laid, 0 AS stands FROM posting p JOIN account a ON a.id = p.account_id "
    "JOIN entry e ON e.id = p.entry_id WHERE a.holder = ? AND a.code = '2210' AND e.line_id IS NOT NULL UNION ALL "
    "SELECT 0, e.travel_pence FROM line l JOIN entry e ON e.line_id = l.id WHERE l.worker_id = ? "
    "AND l.employed = FALSE AND (l.link_id = '' OR l.origin = 'due')) AS x"
)


async def worker_statement(actor: Actor) -> WorkerStatement | None:
    """What the reader has earned; None for whoever speaks for someone else now."""
    if actor.acting_for or not actor.person_id:
        return None
    me = actor.person_id
    ready = sent = owes = 0
    awaiting: dict[str, int] = {}
    for code, link_id, balance in await fetch(
        "SELECT code, awaiting, balance_pence FROM account WHERE holder = ? AND code IN ('1300', '2200', '2210', '2290')",
        me,
    ):
        if link_id:
            awaiting[link_id] = awaiting.get(link_id, 0) - balance
        elif code == "1300":
            owes = balance
        elif code == "2290":
            sent = -balance
        else:
            ready -= balance
    paid = await fetch(
        # What came back after the bank had paid it stands there on both sides, and was not paid after all.
        "SELECT CAST(COALESCE(SUM(p.amount_pence), 0) AS BIGINT) FROM posting p JOIN account a ON a.id = p.account_id "
        "JOIN entry e ON e.id = p.entry_id WHERE a.holder = ? AND a.code = '2290' "
        "AND ((p.amount_pence > 0 AND e.kind <> 'payout_bounced') OR (p.amount_pence < 0 AND e.kind = 'payout_bounced'))",
        me,
    )
    laid_out, back = (await fetch(_LAID_OUT, me, me))[0]
    names = await telling.circles([link_id for link_id, pence in awaiting.items() if pence])
    lines = await queries.newest_of_worker(me, SHOWN + 1)
    lying = await queries.newest_of_worker(me, 0, lying=True) if len(lines) > SHOWN else []
    coming, past = _split(await _rows(actor, _and_all_that_lies(lines[:SHOWN], lying, lambda one: one.id)))
    coming = [row for row in coming if not row.told.given_up or row.line.state == "disputed"]
    past = [row for row in past if row.line.state == "released"]
    waits = {names[link_id]: pence for link_id, pence in awaiting.items() if pence}
    # What of it was to be given back and has been is theirs no more.
    laid_out -= max(0, back - owes)
    return WorkerStatement(ready, int(paid[0][0]), waits, coming, past, sent, owes, len(lines) > SHOWN, int(laid_out))


async def overview(actor: Actor) -> Overview:
    """The whole books at a glance. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "money.see_books", Thing("books"))
    counts = await fetch(
        "SELECT a.code, COUNT(*), CAST(SUM(CASE WHEN l.reference LIKE 'expense:%' THEN 1 ELSE 0 END) AS BIGINT) "
        "FROM account a JOIN line l ON CAST(l.id AS VARCHAR) = a.holder "
        "WHERE a.code IN ('2100', '2110') AND a.balance_pence <> 0 GROUP BY a.code"
    )
    awaiting = await fetch("SELECT CAST(COALESCE(SUM(-balance_pence), 0) AS BIGINT) FROM account WHERE awaiting <> ''")
    by_code = {row[0]: (row[1] - row[2], row[2]) for row in counts}
    return Overview(
        await queries.trial_balance(),
        await spare_cash(),
        by_code.get("2100", (0, 0)),
        by_code.get("2110", (0, 0)),
        int(awaiting[0][0]),
        await between_circles(),
        await payers(actor),
    )


async def between_circles() -> list[BetweenCircles]:
    by_link = await queries.owed_by_link()
    names = await telling.circles(list(by_link))
    return sorted((BetweenCircles(id_, names[id_], *owed) for id_, owed in by_link.items()), key=lambda one: one.name)


# What is set aside out of the money of payer `y`: of what several pay for, the part that each gave.
_LIES = "JOIN account h ON h.code = '2100' AND h.awaiting = '' AND h.balance_pence <> 0 AND h.holder = CAST({id} AS VARCHAR)"
ASIDE = (
    f"CAST(COALESCE((SELECT SUM(-h.balance_pence) FROM line l {_LIES.format(id='l.id')} WHERE l.payer_id = y.id "
    f"AND l.funds = ''), 0) + COALESCE((SELECT SUM(f.amount_pence) FROM line_fund f {_LIES.format(id='f.line_id')} "
    "WHERE f.payer_id = y.id), 0) AS BIGINT)"
)


async def payers(actor: Actor) -> list[PayerLine]:
    """Every payer with what is there and what is set aside, by name. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "money.see_books", Thing("books"))
    rows = await fetch(
        f"SELECT y.id, p.called, q.called, y.fund, -COALESCE(c.balance_pence, 0), {ASIDE}, COALESCE(o.balance_pence, 0) "
        "FROM payer y JOIN person p ON p.id = y.person_id JOIN person q ON q.id = y.payer_person_id "
        "LEFT JOIN account c ON c.code = '2000' AND c.holder = y.id AND c.awaiting = '' "
        "LEFT JOIN account o ON o.code = '1100' AND o.holder = y.id AND o.awaiting = '' "
        "WHERE y.ended_at IS NULL OR c.balance_pence <> 0 OR o.balance_pence <> 0 ORDER BY p.called, q.called, y.id"
    )
    return [PayerLine(*tuple(row)) for row in rows]
