"""Members' shares in the co-op: what each has sent for them, has, and is taking out; and how that came about.

The doors by which shares come and go stand in `treasury`.
"""

from datetime import date, datetime, timedelta

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.escrow import chart, ledger
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.record.door import Act, door

_CODES = "('2600', '2610', '3000')"
# A board says of the twelve months to come that the co-op can pay what it owes; after that it looks anew.
_LASTS = timedelta(days=365)


class Holding(msgspec.Struct, frozen=True):
    """One member's shares: sent and not allotted, allotted, on their way out. `applied_at`: when the last of it came."""

    member_id: str
    called: str
    applied_pence: int = 0
    shares_pence: int = 0
    leaving_pence: int = 0
    applied_at: datetime | None = None


class Step(msgspec.Struct, frozen=True):
    """One entry about a member's shares. `undone`: the kind of the one that it undid."""

    kind: str
    at: datetime
    amount_pence: int
    undone: str = ""


class Member(msgspec.Struct, frozen=True):
    """A member's shares with all that became of them, newest first."""

    holding: Holding
    steps: list[Step]


def oldest_decision() -> date:
    """The day from which a decision still says that the co-op can bear it."""
    return clock.today() - _LASTS


async def decision_used(decision_id: str) -> bool:
    """Whether somebody has taken shares out by this decision, and that was not undone."""
    found = await fetch_value(
        "SELECT COUNT(*) FROM audit a JOIN entry e ON e.act_id = a.act_id AND e.kind = 'withdrawn' "
        "WHERE a.action = 'money.share_withdrawn' AND a.thing_kind = 'decision' AND a.thing_id = ? "
        "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id)",
        decision_id,
    )
    return bool(found)


async def own_pence() -> int:
    """What the circle's own account has beyond what is to be paid out of it: shares on their way out, and VAT."""
    owed = await fetch_value(
        "SELECT CAST(COALESCE(SUM(-balance_pence), 0) AS BIGINT) FROM account WHERE code IN ('2400', '2600')"
    )
    return await ledger.balance(chart.OPERATING) - int(owed)


def _sum(code: str) -> str:
    return f"CAST(SUM(CASE WHEN a.code = '{code}' THEN -a.balance_pence ELSE 0 END) AS BIGINT)"


_HOLDINGS = (
    f"SELECT a.holder, COALESCE(p.called, 'Somebody'), {_sum('2610')}, {_sum('3000')}, {_sum('2600')}, "
    "(SELECT MAX(e.effective_at) FROM account b JOIN posting q ON q.account_id = b.id AND q.amount_pence < 0 "
    "JOIN entry e ON e.id = q.entry_id WHERE b.code = '2610' AND b.holder = a.holder) "
    "FROM account a LEFT JOIN person p ON p.id = a.holder WHERE "
)


async def _holdings(which: str, *params: str) -> list[Holding]:
    rows = await fetch(f"{_HOLDINGS} {which} GROUP BY a.holder, p.called ORDER BY p.called, a.holder", *params)
    return [Holding(row[0], row[1], int(row[2]), int(row[3]), int(row[4]), as_time(row[5])) for row in rows]


async def holdings(actor: Actor) -> list[Holding]:
    """Everybody who has something in shares now, by name. Raises Forbidden for anyone but the treasurer."""
    access.requires(actor, "money.see_books", Thing("books"))
    return await _holdings(f"a.code IN {_CODES} AND a.balance_pence <> 0")


async def holding(actor: Actor, member_id: str) -> Holding:
    """One member's, for the treasurer. Raises NotFound for whoever never had any, and Forbidden."""
    access.requires(actor, "money.see_books", Thing("member", member_id, person_id=member_id))
    found = await _holdings(f"a.code IN {_CODES} AND a.holder = ?", member_id)
    if not found:
        raise NotFound("Nothing is written down of their shares.", "no_shares")
    return found[0]


async def member(actor: Actor, member_id: str) -> Member:
    """The same with its history."""
    return Member(await holding(actor, member_id), await _steps(member_id))


@door("money.trace_shares")
async def trace_member(act: Act, member_id: str) -> Member:
    """A member's shares, opened by the treasurer. Reading it is an act of its own. Raises NotFound."""
    act.allow(Thing("member", member_id, person_id=member_id))
    return await member(act.actor, member_id)


async def own(actor: Actor) -> Member | None:
    """The shares of the reader, or of whom they speak for about money; None where there never were any."""
    subject = actor.acting_for or actor.person_id
    if not access.may(actor, "money.see_shares", Thing("member", subject, person_id=subject)):
        return None
    found = await _holdings(f"a.code IN {_CODES} AND a.holder = ?", subject)
    return Member(found[0], await _steps(subject)) if found else None


async def _steps(member_id: str) -> list[Step]:
    rows = await fetch(
        "SELECT e.id, e.kind, e.effective_at, COALESCE(u.kind, ''), MAX(ABS(p.amount_pence)) FROM account a "
        "JOIN posting p ON p.account_id = a.id JOIN entry e ON e.id = p.entry_id LEFT JOIN entry u ON u.id = e.reverses_id "
        f"WHERE a.holder = ? AND a.code IN {_CODES} GROUP BY e.id, e.kind, e.effective_at, u.kind ORDER BY e.id DESC",
        member_id,
    )
    return [Step(row[1], row[2], int(row[4]), row[3]) for row in rows]


async def members_called() -> dict[str, str]:
    """The circle's members by name, for whom a share may be. For whoever keeps the books."""
    rows = await fetch(
        "SELECT DISTINCT p.id, p.called FROM person p JOIN hat h ON h.person_id = p.id "
        "JOIN community c ON c.id = h.community_id WHERE c.kind = 'circle' AND h.role = 'member' AND h.ended_at IS NULL "
        "AND p.standing <> 'died' ORDER BY p.called, p.id"
    )
    return {row[0]: row[1] for row in rows}
