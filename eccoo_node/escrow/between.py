"""Making even with a linked circle: setting off, paying and being paid, and paying our workers before it has.

What a circle pays us, or what is set off, first brings back what we put up for it out of our own money, and then frees
our workers' part of the oldest visits. The circles' own shares come last: no one's pay waits for a commission.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, marks
from eccoo_node.escrow import chart, ledger, queries, rules
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.entering import concerned
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import draft_for
from eccoo_node.escrow.rules import Leg, check_sum
from eccoo_node.governance import queries as governance
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.record.door import Act, door


class Waiting(msgspec.Struct, frozen=True):
    """What one worker waits for on one line: on 2200, or on 2210 for travel and expenses."""

    reference: str
    account: Account
    amount_pence: int


async def fronted_pence(link_id: str) -> int:
    """What we have put up for a circle out of our own money and not had back."""
    value = await fetch_value(
        "SELECT CAST(COALESCE(SUM(p.amount_pence), 0) AS BIGINT) FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id WHERE a.code = '1010' AND e.kind IN ('fronted', 'front_back') "
        "AND e.key LIKE ?",
        f"{_PREFIX}{link_id}:%",
    )
    return -int(value)


_PREFIX = "between:"


def entry_key(link_id: str, key: str) -> str:
    """The entries between us and a circle bear its name in their keys."""
    return f"{_PREFIX}{link_id}:{key}"


async def waiting(link_id: str) -> list[Waiting]:
    """What our workers wait for from this circle, the oldest visit first."""
    rows = await fetch(
        "SELECT l.reference, a.code, a.holder, CAST(SUM(-p.amount_pence) AS BIGINT) FROM line l "
        "JOIN entry e ON e.line_id = l.id JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id "
        "WHERE l.origin = 'due' AND a.awaiting = ? "
        "GROUP BY l.id, l.reference, a.code, a.holder HAVING SUM(p.amount_pence) < 0 ORDER BY l.id, a.code",
        link_id,
    )
    return [Waiting(row[0], Account(row[1], row[2], link_id), int(row[3])) for row in rows]


async def _free(act: Act, link_id: str, amount_pence: int, key: str) -> int:
    """Let our workers have up to this much of what they wait for, oldest visit first; how much it was."""
    left = amount_pence
    for one in await waiting(link_id):
        if not left:
            break
        part = min(left, one.amount_pence)
        left -= part
        found = await queries.booking(one.reference, lock=True)
        code = one.account.code
        draft = draft_for(found, "ready", f"{key}:{found.id}:{code}", {"line": one.reference, "amount": part})
        await ledger.post(act, draft, [Leg(one.account, Account(code, one.account.holder), part)])
        await act.tell("money.ready", "line", one.reference, worker=one.account.holder, amount_pence=part)
    return amount_pence - left


async def _waiting_here(link_id: str) -> frozenset[str]:
    """Whose pay waits for this circle, and who speaks for them: none of them lets it go as a treasurer."""
    return await concerned([one.account.holder for one in await waiting(link_id)])


async def _begin(act: Act, link_id: str, amount_pence: int) -> None:
    act.allow(Thing("link", link_id, link_id=link_id, parties=await _waiting_here(link_id)))
    check_sum(amount_pence)
    # Everything here moves the bank or what it must cover, and reads what stands elsewhere.
    await ledger.lock_bank()
    await ledger.balance(chart.due_from(link_id), lock=True)


async def waiting_pence(link_id: str) -> int:
    """What our workers wait for from this circle in all."""
    return int(await fetch_value("SELECT COALESCE(SUM(-balance_pence), 0) FROM account WHERE awaiting = ?", link_id))


async def came(act: Act, link_id: str, amount_pence: int, key: str) -> None:
    """So much of what the circle owed us is there: first ours comes back, then our workers' part is theirs.

    Ours only as far as what is still owed covers all that they wait for: no worker's pay makes good what was put up.
    """
    over = amount_pence + await ledger.balance(chart.due_from(link_id)) - await waiting_pence(link_id)
    back = max(0, min(amount_pence, await fronted_pence(link_id), over))
    if back:
        body = {"link": link_id, "amount": back}
        draft = Draft(kind="front_back", key=f"{key}:back", body=body)
        await ledger.post(act, draft, [Leg(chart.OPERATING, chart.BANK, back)])
    await _free(act, link_id, amount_pence - back, key)


@door("money.set_off")
async def set_off(act: Act, link_id: str, amount_pence: int, key: str) -> None:
    """What each circle owes the other is set off, so far (2300 X / 1200 X). Both circles write the same sum."""
    await _begin(act, link_id, amount_pence)
    body, key = {"link": link_id, "amount": amount_pence}, entry_key(link_id, key)
    if await ledger.already("set_off", key, body):
        return
    await take_off(act, link_id, amount_pence, key)


async def take_off(act: Act, link_id: str, amount_pence: int, key: str) -> None:
    """What both owe comes off both, inside an act that has the bank and 1200 in hand; `key` is an `entry_key`."""
    legs = [Leg(chart.due_to(link_id), chart.due_from(link_id), amount_pence)]
    await ledger.post(act, Draft(kind="set_off", key=key, body={"link": link_id, "amount": amount_pence}), legs)
    await came(act, link_id, amount_pence, key)
    await act.tell("money.set_off", "link", link_id, amount_pence=amount_pence)


@door("money.circle_paid")
async def circle_paid(
    act: Act, link_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> None:
    """A linked circle's money has reached our bank (1000 / 1200 X), and our workers' part of it is ready for them.

    `effective_at`: the bank's own day. What follows from it for our workers is of the day on which we know."""
    await _begin(act, link_id, amount_pence)
    body, key = {"link": link_id, "amount": amount_pence}, entry_key(link_id, key)
    if await ledger.already("circle_paid", key, body):
        return
    draft = Draft(kind="circle_paid", key=key, body=body, effective_at=effective_at)
    await ledger.post(act, draft, [Leg(chart.BANK, chart.due_from(link_id), amount_pence)])
    await came(act, link_id, amount_pence, key)
    await act.tell("money.circle_paid", "link", link_id, amount_pence=amount_pence)


@door("money.paid_circle")
async def paid_circle(
    act: Act, link_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> None:
    """Our bank has sent a linked circle what we owed it (2300 X / 1000)."""
    await _begin(act, link_id, amount_pence)
    body, key = {"link": link_id, "amount": amount_pence}, entry_key(link_id, key)
    if await ledger.already("paid_circle", key, body):
        return
    draft = Draft(kind="paid_circle", key=key, body=body, effective_at=effective_at)
    await ledger.post(act, draft, [Leg(chart.due_to(link_id), chart.BANK, amount_pence)])
    await act.tell("money.paid_circle", "link", link_id, amount_pence=amount_pence)


@door("money.front")
async def front(act: Act, link_id: str, amount_pence: int, key: str) -> None:
    """Our own money stands in, so that our workers need not wait for a circle (1000 / 1010), the oldest visit first.

    Raises Conflict beyond what they wait for, and beyond what the circle has decided to put up for another.
    """
    await _begin(act, link_id, amount_pence)
    body, key = {"link": link_id, "amount": amount_pence}, entry_key(link_id, key)
    if await ledger.already("fronted", key, body):
        return
    most = await governance.figure(rules.FRONT_LIMIT)
    if await fronted_pence(link_id) + amount_pence > most:
        told = f"The circle has decided to put up at most {pounds(most)} for another circle."
        raise Conflict(told, "front_limit")
    draft = Draft(kind="fronted", key=key, body=body)
    await ledger.post(act, draft, [Leg(chart.BANK, chart.OPERATING, amount_pence)])
    if await _free(act, link_id, amount_pence, key) < amount_pence:
        raise Conflict("Our workers do not wait for that much from this circle.", "not_waiting")
    await act.tell("money.fronted", "link", link_id, amount_pence=amount_pence)


@door("money.bear_for_circle")
async def bear_for_circle(act: Act, link_id: str, line: str, amount_pence: int, key: str, *, because: str) -> None:
    """What a circle owes us for a visit and will not pay, our circle bears (5100 / 1200 X, with 1000 / 1010).

    From then on it is as if that circle had paid so much: first what was put up for it comes back, then our workers have
    their part. Raises Invalid for more than is owed for this visit.
    """
    found = await queries.booking(line, lock=True)
    parties = await concerned([found.worker_id]) | await _waiting_here(link_id)
    act.allow(Thing("line", line, worker_id=found.worker_id, link_id=link_id, parties=parties))
    act.because(because)
    body, key = {"link": link_id, "line": line, "amount": amount_pence}, entry_key(link_id, key)
    if await ledger.already("borne", key, body):
        return
    if found.origin != "due" or found.link_id != link_id:
        raise Conflict("The money for this visit lies here. It is put right instead.", "not_theirs")
    if not because.strip():
        raise Invalid("Say who agreed to this, and why.", "no_reason", field="why")
    await ledger.lock_bank()
    owing = chart.due_from(link_id)
    open_ = min(await _owed_for(found, owing), await ledger.balance(owing, lock=True))
    check_sum(amount_pence, most_pence=open_)
    legs = [Leg(chart.GOODWILL, owing, amount_pence), Leg(chart.BANK, chart.OPERATING, amount_pence)]
    await ledger.post(act, draft_for(found, "borne", key, body), legs)
    await came(act, link_id, amount_pence, key)
    await act.tell("money.borne", "line", line, amount_pence=amount_pence, link=link_id)


async def _owed_for(found: queries.Booking, owing: Account) -> int:
    """What one line says that a circle owes us, whatever was paid since."""
    value = await fetch_value(
        "SELECT CAST(COALESCE(SUM(p.amount_pence), 0) AS BIGINT) FROM entry e JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id WHERE e.line_id = ? AND a.code IN ('1200', '2300') AND a.holder = ?",
        found.id, owing.holder,
    )  # fmt: skip
    return int(value)


# ---------------------------------------------------------------- what a statement is made of


class Due(msgspec.Struct, frozen=True):
    """What is owed for one line in all, below nothing after a correction; `ours`: to us, for a worker of ours."""

    reference: str
    ours: bool
    pence: int


async def due_by_line(link_id: str, up_to: int) -> list[Due]:
    """What two circles owe each other for each line, in the order of the books up to this entry. One statement."""
    rows = await fetch(
        "SELECT l.reference, l.origin, CAST(SUM(p.amount_pence) AS BIGINT) FROM line l JOIN entry e ON e.line_id = l.id "
        "JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id WHERE l.link_id = ? "
        "AND a.holder = ? AND a.code IN ('1200', '2300') AND e.id <= ? "
        "GROUP BY l.id, l.reference, l.origin ORDER BY MIN(e.id)",
        link_id, link_id, up_to,
    )  # fmt: skip
    return [Due(row[0], row[1] == "due", int(row[2]) if row[1] == "due" else -int(row[2])) for row in rows]


async def last_due(link_id: str) -> tuple[int, datetime | None]:
    """The newest entry of the books about what two circles owe each other for a visit, and when it was; 0 where there is none."""
    row = await fetch_one(
        "SELECT e.id, e.at FROM line l JOIN entry e ON e.line_id = l.id JOIN posting p ON p.entry_id = e.id "
        "JOIN account a ON a.id = p.account_id WHERE l.link_id = ? AND a.holder = ? AND a.code IN ('1200', '2300') "
        "ORDER BY e.id DESC LIMIT 1",
        link_id, link_id,
    )  # fmt: skip
    return (int(row[0]), as_time(row[1])) if row else (0, None)


async def undone_since(link_id: str, entry: int) -> set[str]:
    """Lines of which something was undone after this entry of the books that had been written for a circle by then."""
    rows = await fetch(
        "SELECT DISTINCT l.reference FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id "
        "JOIN line l ON l.id = e.line_id WHERE a.holder = ? AND a.code IN ('1200', '2300') AND e.id > ? AND e.reverses_id <= ?",
        link_id, entry, entry,
    )  # fmt: skip
    return {row[0] for row in rows}


async def last_entry(before: datetime | None = None) -> int:
    """The newest entry of the books, or the newest before this moment."""
    if before is None:
        return int(await fetch_value("SELECT COALESCE(MAX(id), 0) FROM entry"))
    return int(await fetch_value("SELECT COALESCE(MAX(id), 0) FROM entry WHERE at < ?", before))


async def carried_over(link_ids: Sequence[str]) -> dict[str, int]:
    """What each of these links began with: what the circle owed us then or, below zero, we it. No statement ever says it."""
    rows = await fetch(
        "SELECT a.holder, CAST(SUM(p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        f"JOIN entry e ON e.id = p.entry_id WHERE a.holder IN ({marks(link_ids)}) AND e.kind IN ('carried', 'taken_on') "
        "AND ((a.code = '1200' AND p.amount_pence > 0) OR (a.code = '2300' AND p.amount_pence < 0)) GROUP BY a.holder",
        *link_ids,
    )
    return {row[0]: int(row[1]) for row in rows}


async def paid_by_link(link_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """What each of these circles has ever paid us, and we it."""
    rows = await fetch(
        "SELECT a.holder, a.code, CAST(SUM(p.amount_pence) AS BIGINT) FROM account a JOIN posting p ON p.account_id = a.id "
        f"JOIN entry e ON e.id = p.entry_id WHERE a.holder IN ({marks(link_ids)}) AND ((a.code = '2300' AND p.amount_pence > 0 "
        "AND e.kind = 'paid_circle') OR (a.code = '1200' AND p.amount_pence < 0 AND e.kind = 'circle_paid')) "
        "GROUP BY a.holder, a.code",
        *link_ids,
    )
    sums = {(row[0], row[1]): int(row[2]) for row in rows}
    return {id_: (-sums.get((id_, "1200"), 0), sums.get((id_, "2300"), 0)) for id_ in link_ids}


async def paid_both_ways(link_id: str) -> tuple[int, int]:
    """What the circle has ever paid us, and we it, of what statements say: what was carried over is paid first."""
    came, went = (await paid_by_link([link_id]))[link_id]
    began = (await carried_over([link_id])).get(link_id, 0)
    return max(0, came - max(0, began)), max(0, went - max(0, -began))


async def to_set_off(link_id: str, pence: int) -> int:
    """So much of this as both accounts hold: a correction may have been set against one of them already."""
    owed = await ledger.balance(chart.due_from(link_id))
    owe = -await ledger.balance(chart.due_to(link_id))
    return max(0, min(pence, owed, owe))
