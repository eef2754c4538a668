"""Who owes the circle: workers who are to give back (1300), payers whose money did not come (1100). And letting it go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_value, marks
from eccoo_node.escrow import chart, ledger, queries
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.entering import concerned
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.rules import Leg, check_sum
from eccoo_node.escrow.sharing import Fund, parts_of
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.record.door import Act, door

Who = Literal["worker", "payer"]
_CODES: dict[Who, str] = {"worker": "1300", "payer": "1100"}


class Owes(msgspec.Struct, frozen=True):
    """What one worker or payer owes, and since when the oldest of it. `aside_pence` is for what is still set aside:
    the visit is yet to be settled, and it may come back."""

    who: Who
    holder: str
    called: str
    fund: str
    amount_pence: int
    since: datetime
    aside_pence: int = 0

    @property
    def most_pence(self) -> int:
        """How much of it can be let go now."""
        return max(0, self.amount_pence - self.aside_pence)


# The oldest that is not made up for: what came back is taken off the first that was owed.
_SINCE = (
    "SELECT a.code, a.holder, a.balance_pence, MIN(e.effective_at) FROM account a JOIN (SELECT p.account_id, p.entry_id, "
    "p.amount_pence, SUM(CASE WHEN p.amount_pence > 0 THEN p.amount_pence ELSE 0 END) OVER (PARTITION BY p.account_id "
    "ORDER BY p.id) AS came, SUM(CASE WHEN p.amount_pence < 0 THEN -p.amount_pence ELSE 0 END) OVER "
    "(PARTITION BY p.account_id) AS gone FROM posting p WHERE p.account_id IN "
    "(SELECT id FROM account WHERE code IN ('1100', '1300') AND balance_pence > 0)) AS o ON o.account_id = a.id "
    "JOIN entry e ON e.id = o.entry_id WHERE o.amount_pence > 0 AND o.came > o.gone "
    "GROUP BY a.code, a.holder, a.balance_pence"
)
_NAMES = (
    "SELECT y.id, p.called, q.called, y.fund FROM payer y JOIN person p ON p.id = y.person_id "
    "JOIN person q ON q.id = y.payer_person_id WHERE y.id IN ({marks}) "
    "UNION ALL SELECT w.id, w.called, w.called, '' FROM person w WHERE w.id IN ({marks})"
)


async def owing(actor: Actor) -> list[Owes]:
    """Everyone who owes the circle something, the oldest first. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "money.see_books", Thing("books"))
    rows = await fetch(_SINCE)
    ids = [row[1] for row in rows]
    names = {row[0]: row for row in await fetch(_NAMES.format(marks=marks(ids)), *ids, *ids)} if ids else {}
    aside = await _set_aside(ids)
    found = []
    for code, holder, pence, at in map(tuple, rows):
        _, person, payer, fund = tuple(names[holder]) if holder in names else (holder, "Somebody", "Somebody", "")
        called = payer if person == payer else f"{payer}, for {person}"
        who: Who = "worker" if code == _CODES["worker"] else "payer"
        waits = aside.get(holder, 0) if who == "payer" else 0
        found.append(Owes(who, holder, called, fund, int(pence), as_time(at) or clock.now(), min(waits, int(pence))))
    return sorted(found, key=lambda one: (one.since, one.called))


async def one_who_owes(actor: Actor, who: Who, holder: str) -> Owes:
    """Raises NotFound for whoever owes nothing, and Forbidden."""
    for one in await owing(actor):
        if (one.who, one.holder) == (who, holder):
            return one
    raise NotFound("They owe the circle nothing.", "owes_nothing")


async def _set_aside(payer_ids: Sequence[str]) -> dict[str, int]:
    """What still lies set aside for each of these who pay after the visit."""
    if not payer_ids:
        return {}
    lies = "account h ON h.holder = CAST(l.id AS VARCHAR) AND h.code IN ('2100', '2110') AND h.balance_pence < 0"
    rows = await fetch(
        f"SELECT l.payer_id, -h.balance_pence FROM line l JOIN {lies} WHERE l.arrears = TRUE AND l.funds = '' "
        f"AND l.payer_id IN ({marks(payer_ids)})",
        *payer_ids,
    )
    found: dict[str, int] = {}
    for payer_id, pence in map(tuple, rows):
        found[payer_id] = found.get(payer_id, 0) + int(pence)
    # Of what several pay for, the part of each is what would come back to them.
    shared: dict[tuple[int, int], list[Fund]] = {}
    for line_id, pence, payer_id, left, arrears in await fetch(
        f"SELECT l.id, -h.balance_pence, f.payer_id, {queries.LEFT}, f.arrears FROM line_fund f "
        f"JOIN line l ON l.id = f.line_id JOIN {lies} WHERE l.id IN (SELECT g.line_id FROM line_fund g "
        f"WHERE g.arrears = TRUE AND g.payer_id IN ({marks(payer_ids)})) ORDER BY f.id",
        *payer_ids,
    ):
        shared.setdefault((line_id, int(pence)), []).append(Fund(payer_id, int(left), bool(arrears)))
    for (_, pence), funds in shared.items():
        for fund, part in zip(funds, parts_of(pence, [fund.amount_pence for fund in funds]), strict=True):
            if fund.arrears and fund.payer_id in payer_ids:
                found[fund.payer_id] = found.get(fund.payer_id, 0) + part
    return found


@door("money.write_off")
async def write_off(act: Act, worker_id: str, amount_pence: int, key: str, *, because: str) -> int:
    """What a worker was to give back, and the circle bears instead (5100 / 1300)."""
    act.allow(Thing("worker", worker_id, worker_id=worker_id, parties=await concerned([worker_id])))
    return await _let_go(act, "worker", chart.worker_owes(worker_id), amount_pence, key, because)


@door("money.write_off_payer")
async def write_off_payer(act: Act, payer_id: str, amount_pence: int, key: str, *, because: str) -> int:
    """What a payer owes, and the circle bears instead (5100 / 1100). Its own money has stood in for it since it was
    owed, so that no money moves. Raises Conflict for what is still set aside: that is called off or settled first."""
    act.allow(Thing("payer", payer_id, payer_id=payer_id, parties=await concerned([payer_id])))
    if await fetch_value("SELECT id FROM payer WHERE id = ?", payer_id) is None:
        raise NotFound("There is no such payer.", "no_payer")
    return await _let_go(act, "payer", chart.receivable(payer_id), amount_pence, key, because)


async def _let_go(act: Act, who: Who, owes: Account, amount_pence: int, key: str, because: str) -> int:
    check_sum(amount_pence)
    act.because(because)
    if not because.strip():
        raise Invalid("Say who agreed to this, and why.", "no_reason", field="because")
    # What is set aside after the visit is paid by the bank's own account first; so nothing is, while this is asked.
    await ledger.lock_bank()
    waits = (await _set_aside([owes.holder])).get(owes.holder, 0) if who == "payer" else 0
    draft = Draft(kind="written_off", key=key, body={who: owes.holder, "amount": amount_pence})
    posted = await ledger.post(act, draft, [Leg(chart.GOODWILL, owes, amount_pence)])
    if posted.fresh:
        if waits > await ledger.balance(owes):
            raise Conflict(
                f"{pounds(waits)} of this is for visits that are not settled yet. Let go of that once they are.",
                "still_set_aside",
            )
        await act.tell("money.written_off", "entry", str(posted.entry_id))
    return posted.entry_id
