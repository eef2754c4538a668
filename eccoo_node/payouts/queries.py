"""Reads of what was and is to be sent. A whole account number is for the treasurer alone, while a batch has no file yet."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, locking, marks
from eccoo_node.escrow import entering
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.payouts import rules
from eccoo_node.payouts.files import Line, Order, Ours
from eccoo_node.payouts.ready import Bank
from eccoo_node.payouts.rules import COUNTS_TOGETHER, PAYOUT_ALONE


class Batch(msgspec.Struct, frozen=True):
    """One batch. `paid_people` are those whom it pays; `parties` they, whose support a refund was for, and whoever speaks
    for one of them about money. `second`: it needs the yes of a second person."""

    id: str
    number: int
    bank: Bank
    pay_on: date
    made_by: str
    maker: str
    made_at: datetime
    approved_by: str
    approver: str
    approved_at: datetime | None
    filed_at: datetime | None
    ended_at: datetime | None
    account_id: int | None
    payments: list["Payment"]
    second: bool
    parties: frozenset[str]

    @property
    def total_pence(self) -> int:
        return sum(one.amount_pence for one in self.payments)

    @property
    def paid_people(self) -> frozenset[str]:
        return frozenset(one.person_id for one in self.payments)

    @property
    def thing(self) -> Thing:
        return Thing("batch", self.id, worker_id=self.made_by, parties=self.parties)

    @property
    def state(self) -> str:
        """taken_back, waits (for a second yes), ready (for its file), sent (some of it on its way), over."""
        if self.ended_at:
            return "taken_back"
        if not self.filed_at:
            return "waits" if self.second and not self.approved_by else "ready"
        return "sent" if any(one.state == "sent" for one in self.payments) else "over"


class Payment(msgspec.Struct, frozen=True):
    """One line of a batch. The account number is whole only where `batch` was asked for it."""

    id: str
    batch_id: str
    n: int
    kind: str
    holder: str
    person_id: str
    called: str
    pay_pence: int
    expenses_pence: int
    recovered_pence: int
    amount_pence: int
    reference: str
    state: str
    paid_on: str
    bounced_on: str
    details_id: str
    name: str
    sort_code: str
    account_number: str
    yes_id: str = ""
    paid_key: str = ""
    bounced_key: str = ""

    @property
    def ending(self) -> str:
        return rules.ending(self.account_number)


_PAYMENT = (
    "SELECT m.id, m.batch_id, m.n, m.kind, m.holder, m.person_id, p.called, m.pay_pence, m.expenses_pence, "
    "m.recovered_pence, m.amount_pence, m.reference, m.state, m.paid_on, m.bounced_on, m.details_id, d.name, "
    "d.sort_code, d.account_number, COALESCE(m.yes_id, ''), m.paid_key, m.bounced_key FROM payout_payment m "
    "JOIN person p ON p.id = m.person_id JOIN bank_details d ON d.id = m.details_id"
)
_BATCH = (
    "SELECT b.id, b.number, b.bank, b.pay_on, b.made_by, COALESCE(p.called, ''), b.made_at, b.approved_by, "
    "COALESCE(q.called, ''), b.approved_at, b.filed_at, b.ended_at, b.account_id FROM payout_batch b "
    "LEFT JOIN person p ON p.id = b.made_by LEFT JOIN person q ON q.id = b.approved_by"
)
SHOWN = 30


async def _batches(where: str, *params: Any) -> list[Batch]:
    """Batches with their payments, and whether each needs a second yes. Six statements."""
    rows = await fetch(f"{_BATCH} WHERE {where}", *params)
    if not rows:
        return []
    by_batch: dict[str, list[Payment]] = {row[0]: [] for row in rows}
    for row in await fetch(f"{_PAYMENT} WHERE m.batch_id IN ({marks(list(by_batch))}) ORDER BY m.n", *by_batch):
        by_batch[row[1]].append(Payment(*row))
    alone, limit = await sent_alone(), await governance.figure(PAYOUT_ALONE)
    concerned = await entering.concerned_each(one.holder for some in by_batch.values() for one in some)
    found = []
    for row in rows:
        payments = by_batch[row[0]]
        total = sum(one.amount_pence for one in payments)
        parties = frozenset[str]().union(*(concerned[one.holder] for one in payments))
        second = total + alone > limit or row[4] in parties
        approved, filed, ended = (as_time(row[n]) for n in (9, 10, 11))
        found.append(
            Batch(
                row[0], row[1], row[2], date.fromisoformat(row[3]), row[4], row[5], as_time(row[6]) or clock.now(),
                row[7], row[8], approved, filed, ended, row[12], payments, second, parties,
            )
        )  # fmt: skip
    return found


async def sent_alone() -> int:
    """What was sent on one person's word of late."""
    total = await fetch_value(
        "SELECT CAST(COALESCE(SUM(m.amount_pence), 0) AS BIGINT) FROM payout_payment m "
        "JOIN payout_batch b ON b.id = m.batch_id WHERE b.filed_at > ? AND b.approved_by = ''",
        clock.now() - COUNTS_TOGETHER,
    )
    return int(total)


async def batches(actor: Actor, skip: int = 0) -> list[Batch]:
    """The newest batches, newest first; batches are numbered without gaps. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "payouts.see", Thing("batch"))
    newest = "(SELECT COALESCE(MAX(number), 0) FROM payout_batch)"
    found = await _batches(f"b.number > {newest} - ? AND b.number <= {newest} - ?", skip + SHOWN, skip)
    return [_short(one) for one in sorted(found, key=lambda one: -one.number)]


async def open_batches(actor: Actor) -> list[Batch]:
    """Batches that are not over yet, the oldest first. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "payouts.see", Thing("batch"))
    found = await _batches(
        "b.ended_at IS NULL AND (b.filed_at IS NULL OR EXISTS "
        "(SELECT 1 FROM payout_payment s WHERE s.batch_id = b.id AND s.state = 'sent')) ORDER BY b.number"
    )
    return [_short(one) for one in found]


async def find_batch(batch_id: str, *, lock: bool = False) -> Batch:
    """One batch, whole: for doors. Raises NotFound."""
    if lock:
        await fetch(f"SELECT id FROM payout_batch WHERE id = ?{locking()}", batch_id)
    found = await _batches("b.id = ?", batch_id)
    if not found:
        raise NotFound("There is no such batch.", "no_batch")
    return found[0]


async def batch(actor: Actor, batch_id: str) -> Batch:
    """For the treasurer, with whole account numbers until its file is made; for a second person with their ends alone."""
    found = await find_batch(batch_id)
    if not access.may(actor, "payouts.see", found.thing):
        access.requires(actor, "payouts.approve", found.thing)
        return _short(found)
    return found if found.state in {"waits", "ready"} else _short(found)


def _short(found: Batch) -> Batch:
    return msgspec.structs.replace(
        found,
        payments=[
            msgspec.structs.replace(one, sort_code="", account_number=f"??????{one.account_number[-2:]}")
            for one in found.payments
        ],
    )


class Out(msgspec.Struct, frozen=True):
    """Someone who was left out of a batch, and why."""

    called: str
    amount_pence: int
    reason: str
    words: str


async def left_out(actor: Actor, batch_id: str) -> list[Out]:
    found = await find_batch(batch_id)
    if not access.may(actor, "payouts.see", found.thing):
        access.requires(actor, "payouts.approve", found.thing)
    rows = await fetch(
        "SELECT COALESCE(p.called, ''), o.amount_pence, o.reason, o.words FROM payout_left_out o "
        "LEFT JOIN person p ON p.id = o.person_id WHERE o.batch_id = ? ORDER BY o.id",
        batch_id,
    )
    return [Out(*row) for row in rows]


async def find_payment(payment_id: str, *, lock: bool = False) -> Payment:
    """One payment: for doors. Raises NotFound."""
    if lock:
        await fetch(f"SELECT id FROM payout_payment WHERE id = ?{locking()}", payment_id)
    row = await fetch_one(f"{_PAYMENT} WHERE m.id = ?", payment_id)
    if row is None:
        raise NotFound("There is no such payment.", "no_payment")
    return Payment(*row)


async def payment(actor: Actor, payment_id: str) -> Payment:
    access.requires(actor, "payouts.see", Thing("payment", payment_id))
    found = await find_payment(payment_id)
    return msgspec.structs.replace(found, sort_code="", account_number=f"??????{found.account_number[-2:]}")


class InTransit(msgspec.Struct, frozen=True):
    """A payment whose file was made, as lines of the bank are compared with it. `holder`: whose account in the books.

    `state` is sent while it is on its way, then paid or bounced; `was_paid`: the bank was seen to pay it, come back or not.
    """

    payment_id: str
    batch_id: str
    batch_number: int
    bank: Bank
    kind: str
    holder: str
    called: str
    name: str
    amount_pence: int
    reference: str
    pay_on: date
    filed_at: datetime
    state: str
    was_paid: bool


async def in_transit(actor: Actor, *, since: datetime | None = None) -> list[InTransit]:
    """Every payment on its way, the oldest first. `reference` is what stands on the bank statement.

    With `since` those too whose file was made since then and that have been paid or come back. Raises Forbidden.
    """
    access.requires(actor, "payouts.see", Thing("payment"))
    more = "" if since is None else "OR (m.state IN ('paid', 'bounced') AND b.filed_at >= ?) "
    rows = await fetch(
        "SELECT m.id, b.id, b.number, b.bank, m.kind, m.holder, p.called, d.name, m.amount_pence, m.reference, b.pay_on, "
        "b.filed_at, m.state, m.paid_on FROM payout_payment m JOIN payout_batch b ON b.id = m.batch_id "
        "JOIN person p ON p.id = m.person_id JOIN bank_details d ON d.id = m.details_id "
        f"WHERE m.amount_pence > 0 AND (m.state = 'sent' {more}) ORDER BY b.number, m.n",
        *(() if since is None else (since,)),
    )
    return [
        InTransit(
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9],
            date.fromisoformat(row[10]), as_time(row[11]) or clock.now(), row[12], bool(row[13]),
        )
        for row in map(tuple, rows)
    ]  # fmt: skip


async def entries_of(payment_ids: Sequence[str]) -> dict[str, int]:
    """The entry by which each of these payments left the bank, for those that have."""
    rows = await fetch(
        "SELECT m.id, e.id FROM payout_payment m JOIN entry e ON e.key = m.paid_key "
        f"WHERE m.paid_key <> '' AND m.id IN ({marks(payment_ids)})",
        *payment_ids,
    )
    return {row[0]: int(row[1]) for row in rows}


async def waiting_for(actor: Actor) -> list[Batch]:
    """Batches that wait for this actor's yes. No statement for whoever is never asked."""
    if not rules.may_be_second(actor):
        return []
    found = await _batches("b.filed_at IS NULL AND b.ended_at IS NULL AND b.approved_by = '' ORDER BY b.number")
    return [_short(one) for one in found if one.second and access.may(actor, "payouts.approve", one.thing)]


# ---------------------------------------------------------------- files


async def order(found: Batch) -> Order:
    """All that the file of a batch is made of. None of it changes once the file was made."""
    row = None
    if found.account_id:
        row = await fetch_one(
            "SELECT name, sort_code, account_number, service_user FROM bank_account WHERE id = ?", found.account_id
        )
    lines = tuple(
        Line(one.name, one.sort_code, one.account_number, one.amount_pence, one.reference)
        for one in found.payments
        if one.amount_pence
    )
    return Order(
        found.id,
        found.number,
        found.filed_at or found.made_at,
        found.pay_on,
        lines,
        Ours(*row) if row else None,
    )


async def digests(batch_id: str) -> dict[str, str]:
    """What each file of a batch was when it was made, by its form."""
    rows: Sequence[Any] = await fetch("SELECT form, digest FROM payout_file WHERE batch_id = ?", batch_id)
    return {row[0]: row[1] for row in rows}
