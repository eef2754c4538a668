"""Out of whose money something may be set aside (money.md A5.8).

Nobody pays for anybody else. Public money pays for care: a visit, and the way to it unless its plan says that it does not;
something that is bought only where its plan says so. Escrow keeps no plans: whoever does registers `knows_plans`.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow.lines import New
from eccoo_node.escrow.rules import PUBLIC_FUNDS, is_public
from eccoo_node.kernel.errors import Conflict


class Plan(msgspec.Struct, frozen=True):
    """What public money may pay besides care itself: something that is bought, and miles and tickets to a visit."""

    bought: bool = False
    travel: bool = True


Plans = Callable[[Sequence[str]], Awaitable[dict[str, Plan]]]
# By the kind of reference under which something that is bought is set aside.
_PLANS: dict[str, Plans] = {}


def knows_plans(bought: str) -> Callable[[Plans], Plans]:
    """Register who knows what the plans of these payers say; one that says nothing may be left out. References that begin
    with "{bought}:" are of something bought, all others of visits."""

    def register(function: Plans) -> Plans:
        _PLANS[bought] = function
        return function

    return register


async def refuse_unfit(asked: Sequence[New]) -> None:
    """Raises Conflict for the first of these that is out of the money of somebody else than the person it is for, or out
    of public money whose plan does not let it be paid. Two statements at most."""
    payers = sorted({id_ for new in asked for id_ in _payers(new)})
    if not payers:
        return
    whose = {
        row[0]: (row[1], row[2])
        for row in await fetch(f"SELECT id, person_id, fund FROM payer WHERE id IN ({marks(payers)})", *payers)
    }
    public = sorted(id_ for id_, (_, fund) in whose.items() if is_public(fund))
    plans = await _plans(public) if any(new.travel_pence for new in asked) else {}
    for new in asked:
        for id_ in _payers(new):
            if id_ not in whose or whose[id_][0] != new.person_id:
                raise Conflict("This would be paid out of somebody else’s money.", "not_their_payer")
            if id_ in public and new.travel_pence:
                _refuse_beyond(plans.get(id_, Plan()), bought=new.reference.partition(":")[0] in _PLANS)


async def keep_no_travel(payer_ids: Sequence[str]) -> frozenset[str]:
    """Those of these payers out of whose money no way to a visit is paid, because its plan says so. Two statements at most."""
    ids = sorted(set(payer_ids))
    rows = await fetch(f"SELECT id, fund FROM payer WHERE id IN ({marks(ids)})", *ids) if ids else []
    plans = await _plans([row[0] for row in rows if is_public(row[1])])
    return frozenset(id_ for id_, plan in plans.items() if not plan.travel)


def _refuse_beyond(plan: Plan, *, bought: bool) -> None:
    if not (plan.bought if bought else plan.travel):
        what = "shopping" if bought else "mileage"
        raise Conflict(f"This is public money, and its plan does not let {what} be paid out of it.", "plan_forbids")


def _payers(new: New) -> Sequence[str]:
    return [fund.payer_id for fund in new.funds] or [new.payer_id]


async def _plans(public: Sequence[str]) -> dict[str, Plan]:
    found: dict[str, Plan] = {}
    for function in _PLANS.values() if public else ():
        found |= await function(public)
    return found


PUBLIC = ", ".join(f"'{fund}'" for fund in sorted(PUBLIC_FUNDS))
# Every line that is set aside, once for each who pays for it.
PAID_BY = (
    "SELECT l.id, l.reference, l.person_id, l.travel_pence, l.made_at, l.payer_id FROM line l "
    "WHERE l.origin = 'held' UNION ALL SELECT l.id, l.reference, l.person_id, l.travel_pence, l.made_at, "
    "f.payer_id FROM line_fund f JOIN line l ON l.id = f.line_id"
)
_OF_ANOTHER = (
    f"SELECT l.reference FROM ({PAID_BY}) l LEFT JOIN payer y ON y.id = l.payer_id "
    "WHERE y.person_id IS NULL OR y.person_id <> l.person_id LIMIT 1"
)
# What public money never comes to: shares, what is paid for taking a worker along, gifts.
_PUBLIC_GONE = (
    "SELECT p.entry_id FROM account a JOIN posting p ON p.account_id = a.id JOIN posting q ON q.entry_id = p.entry_id "
    "JOIN account b ON b.id = q.account_id JOIN payer y ON y.id = b.holder WHERE a.code IN ('2610', '3000', '4100', '4200') "
    f"AND p.amount_pence < 0 AND b.code = '2000' AND q.amount_pence > 0 AND y.fund IN ({PUBLIC}) LIMIT 1"
)
# What finds something only where that happened: the statement, what is said of the first it finds, and a code.
NEVER = (
    (_OF_ANOTHER, "Line {} is paid for out of somebody else’s money.", "line_payer"),
    (_PUBLIC_GONE, "Entry {} took public money for something else than care.", "public_money"),
)
