"""The doors of held money. Each takes an idempotency key: the same act asked twice moves money once.

Money moves because something happened: a visit was agreed, went ahead, was called off. So the doors on a line are the
node's own, and the door that knows what happened (of rota or cover) asks whoever may say so, then calls these as
`access.NODE`; the audit shows both under one act. A treasurer records what came into the bank, decides disputes and
undoes mistakes, and no door takes an account number from anyone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.escrow import chart, ledger, lines, purity, queries, rules, sharing
from eccoo_node.escrow.entering import concerned
from eccoo_node.escrow.ledger import Draft
from eccoo_node.escrow.lines import Across, New
from eccoo_node.escrow.queries import Booking, Owed
from eccoo_node.escrow.rules import Leg, check_sum
from eccoo_node.escrow.sharing import Fund, Shares, State, Terms
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.record.door import Act, door


@door("money.set_schedule")
async def set_schedule(
    act: Act,
    payer_add_bps: int,
    worker_deduct_bps: int,
    *,
    decision_id: str,
    valid_from: datetime | None = None,
    cancelled_bears: bool = True,
    vat_bps: int = 0,
) -> int:
    """Write down what the circle has decided to take. Holds for bookings made from `valid_from` on.

    `decision_id` names the decision it rests on. Raises Invalid where the circle has decided no such thing.
    """
    act.allow(Thing("schedule"))
    now = clock.now()
    if not all(0 <= bps <= sharing.WHOLE_BPS for bps in (payer_add_bps, worker_deduct_bps, vat_bps)):
        raise Invalid("A share lies between 0% and 100%.", "bad_share")
    await governance.requires_decision(decision_id)
    first = await fetch_value("SELECT COUNT(*) FROM schedule") == 0
    if act.actor.is_node() and not first:
        raise Conflict(
            "The circle has already decided what it takes. Changing it is for the treasurer.", "has_schedule"
        )
    if valid_from and valid_from < now - timedelta(minutes=1) and not first:
        raise Invalid(
            "This can’t begin in the past: those visits were agreed at another share.", "in_the_past", field="from_day"
        )
    rows = await fetch(
        "INSERT INTO schedule (payer_add_bps, worker_deduct_bps, cancelled_bears, vat_bps, valid_from, recorded_at, "
        "recorded_by, decision_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        payer_add_bps, worker_deduct_bps, cancelled_bears, vat_bps, valid_from or now, now, act.actor.person_id, decision_id,
    )  # fmt: skip
    act.about(str(rows[0][0]))
    await act.tell("money.schedule_set", "schedule", str(rows[0][0]))
    return int(rows[0][0])


@door("money.top_up")
async def top_up(
    act: Act, payer_id: str, amount_pence: int, key: str, note: str = "", *, effective_at: datetime | None = None
) -> int:
    """Record that a payer's money has reached the client account (1000 / 2000); the entry. `note`: the bank's words."""
    act.allow(Thing("payer", payer_id, payer_id=payer_id, parties=await concerned([payer_id])))
    check_sum(amount_pence)
    if await fetch_one("SELECT id FROM payer WHERE id = ?", payer_id) is None:
        raise NotFound("There is no such payer.", "no_payer")
    when = effective_at.isoformat() if effective_at else ""
    body = {"payer": payer_id, "amount": amount_pence, "effective_at": when}
    draft = Draft(kind="top_up", key=key, body=body, effective_at=effective_at)
    posted = await ledger.post(act, draft, [Leg(chart.BANK, chart.credit(payer_id), amount_pence)])
    act.because(note)
    if posted.fresh:
        await act.tell("money.topped_up", "payer", payer_id, entry=posted.entry_id, amount_pence=amount_pence)
    return posted.entry_id


@door("money.set_aside")
async def set_aside(
    act: Act,
    line: str,
    payer_id: str,
    person_id: str,
    worker_id: str,
    fee_pence: int,
    travel_pence: int,
    key: str,
    *,
    across: Across | None = None,
    employed: bool = False,
    arrears: bool = False,
    funds: Sequence[Fund] = (),
    agreed_at: datetime | None = None,
) -> bool:
    """Set money aside for one booking under its reference (2000 / 2100) and freeze its rates: those that held when it
    was agreed, which is now unless `agreed_at` says when.

    `travel_pence` is mileage and tickets, or shopping up to a ceiling, which bear no commission; travel time is part of
    the fee. `employed`: the circle pays its worker a wage, so all of it is the circle's. `arrears`: the payer pays
    after the visit, and the circle's own money stands in until then (1100 / 2100, 1000 / 1010). `funds`: several pay,
    each their part. False when a credit is too short, or when what this key set aside was given back since: nothing has
    changed, and the booking is not paid for.
    """
    act.allow(Thing("line", line, person_id, worker_id=worker_id, payer_id=payer_id))
    new = New(
        line,
        payer_id,
        person_id,
        worker_id,
        fee_pence,
        travel_pence,
        across,
        employed,
        arrears,
        tuple(funds),
        agreed_at,
    )
    new.check()
    new = lines.of_one_fund(new)
    credits_ = await lines.credits_of(new)
    if await ledger.already("set_aside", key, new.body):
        return not (await queries.booking(line)).given_back
    await purity.refuse_unfit([new])
    terms, schedule_id = await lines.terms_of(new)
    if not lines.affordable(new.out_of(terms.total_pence), credits_):
        return False
    await _set_aside(act, new, key, terms, schedule_id)
    await act.tell("money.set_aside", "line", line, amount_pence=terms.total_pence, payer=payer_id)
    return True


async def _set_aside(
    act: Act, new: New, key: str, terms: Terms, schedule_id: int, body: dict[str, Any] | None = None
) -> None:
    funds = new.out_of(terms.total_pence)
    found = await lines.open_line(new, "held", terms, schedule_id, State(), funds)
    legs = rules.fund_legs(chart.held(found.id), funds, [fund.amount_pence for fund in funds])
    await ledger.post(act, lines.draft_for(found, "set_aside", key, body or new.body), legs)


@door("money.return")
async def return_line(act: Act, line: str, key: str) -> None:
    """Give the whole of a line back to its payer (2100 / 2000): the visit will not be, or nobody came."""
    found = await lines.own(act, line)
    if await ledger.already("returned", key, {"line": line}):
        return
    if not found.untouched:
        raise Conflict("Some of this has already been let go, or is in question.", "line_touched")
    await _give_back(act, found, key)
    await act.tell("money.returned", "line", line, amount_pence=found.terms.total_pence, payer=found.payer_id)


async def _give_back(act: Act, found: Booking, key: str) -> None:
    total = found.terms.total_pence
    draft = lines.draft_for(found, "returned", key, {"line": found.reference})
    await ledger.post(act, draft, await lines.back_legs(found, chart.held(found.id), total))
    await lines.keep(found, msgspec.structs.replace(found.state, returned_pence=total))


@door("money.move")
async def move_line(
    act: Act,
    old_line: str,
    new_line: str,
    worker_id: str,
    fee_pence: int,
    travel_pence: int,
    key: str,
    *,
    across: Across | None = None,
    employed: bool = False,
    agreed_at: datetime | None = None,
) -> bool:
    """Cover at its own rate: back to the payer and set aside for the cover worker, in one act.

    At the shares that held when the cover was agreed, as in `set_aside`. Where several paid for it, each bears the new
    price by their part of the old one. False when a credit does not stretch to it: nothing has changed, and the payer
    is asked first.
    """
    found = await lines.own(act, old_line)
    asked = New(
        new_line, found.payer_id, found.person_id, worker_id, fee_pence, travel_pence, across, employed, found.arrears,
        agreed_at=agreed_at,
    )  # fmt: skip
    asked.check()
    body = {**asked.body, "instead_of": old_line}
    left = (
        await queries.funds_left(found.id) if found.funds else [Fund(found.payer_id, found.held_pence, found.arrears)]
    )
    if found.arrears or found.funds:
        await ledger.lock_bank()
    credits_ = {
        fund.payer_id: fund.amount_pence - await ledger.balance(chart.credit(fund.payer_id), lock=True)
        for fund in sorted(left, key=lambda fund: fund.payer_id)
    }
    if await ledger.already("set_aside", key, body):
        return not (await queries.booking(new_line)).given_back
    if not found.untouched:
        raise Conflict("Some of this has already been let go, or is in question.", "line_touched")
    terms, schedule_id = await lines.terms_of(asked)
    new = lines.shared_as_before(asked, left, terms.total_pence)
    if travel_pence > found.terms.travel_pence:
        # What was agreed while the plan allowed it stays agreed, whoever comes.
        await purity.refuse_unfit([new])
    if not lines.affordable(new.out_of(terms.total_pence), credits_):
        return False
    await _give_back(act, found, f"{key}:back")
    await _set_aside(act, new, key, terms, schedule_id, body)
    await act.tell(
        "money.moved", "line", new_line, amount_pence=terms.total_pence, payer=found.payer_id, from_line=old_line
    )
    return True


@door("money.release")
async def release(
    act: Act, line: str, key: str, *, part_pence: int | None = None, travel_pence: int | None = None
) -> Shares:
    """The visit went ahead: let the line go to the worker, and to the circles what they agreed (2100 / 2200, 4000…).

    `part_pence` is the part of the fee that is due when it was shorter, at the frozen rate; the rest goes back to the
    payer. Travel is due whole unless said otherwise. A line whose worker is a linked circle's goes to that circle.
    """
    found = await lines.own(act, line)
    body = {"line": line, "part": part_pence, "travel": travel_pence}
    if before := await ledger.already("released", key, body):
        return await queries.entry_shares(found, before)
    lines.refuse_unless_held(found)
    fee, travel = sharing.left(found.terms, found.state)
    draft = lines.draft_for(found, "released", key, body)
    return await lines.let_go(
        act, found, draft, fee if part_pence is None else part_pence, travel if travel_pence is None else travel_pence
    )


@door("money.pay_cancelled")
async def pay_cancelled(act: Act, line: str, share_bps: int, key: str) -> Shares:
    """Called off too late: the agreed share of the fee is due, no travel, and the rest goes back to the payer."""
    found = await lines.own(act, line)
    body = {"line": line, "share": share_bps}
    if before := await ledger.already("cancelled", key, body):
        return await queries.entry_shares(found, before)
    if not found.untouched:
        raise Conflict("Some of this has already been let go, or is in question.", "line_touched")
    draft = lines.draft_for(found, "cancelled", key, body)
    return await lines.let_go(act, found, draft, sharing.share_pence(found.terms.fee_pence, share_bps), 0)


@door("money.owe")
async def owe_worker_from(
    act: Act,
    link_id: str,
    line: str,
    worker_id: str,
    fee_pence: int,
    travel_pence: int,
    *,
    payer_add_bps: int,
    worker_deduct_bps: int,
    home_share_bps: int,
    key: str,
) -> Shares:
    """Our worker went for a linked circle, which has confirmed it: it owes us, and our worker's part waits for it.

    The mirror of that circle's `release`, to the penny. `fee_pence` is what was confirmed, which may be a part.
    """
    act.allow(Thing("line", line, worker_id=worker_id, link_id=link_id))
    new = New(
        line, "", "", worker_id, fee_pence, travel_pence,
        Across(link_id, home_share_bps, payer_add_bps, worker_deduct_bps),
    )  # fmt: skip
    new.check()
    terms = Terms(
        fee_pence, travel_pence, payer_add_bps, worker_deduct_bps, True, home_share_bps, at_home=True,
        vat_bps=(await queries.schedule_now()).vat_bps,
    )  # fmt: skip
    given = sharing.shares(terms, fee_pence, travel_pence)
    legs = rules.due_legs(link_id, worker_id, given, terms)
    if not legs:
        raise Invalid("At these shares nothing is owed for it.", "bad_amount", field="fee")
    if await ledger.already("owed", key, new.body):
        return given
    found = await lines.open_line(new, "due", terms, None, State(fee_pence, travel_pence))
    draft = msgspec.structs.replace(
        lines.draft_for(found, "owed", key, new.body), fee_pence=fee_pence, travel_pence=travel_pence
    )
    await ledger.post(act, draft, legs)
    await act.tell("money.owed", "line", line, worker=worker_id, worker_pence=given.worker_pence, link=link_id)
    return given


@door("money.trace")
async def trace_owed(act: Act, link_id: str) -> Owed:
    """Where what we and a linked circle owe each other came from. Reading it is an act of its own."""
    act.allow(Thing("link", link_id, link_id=link_id))
    return await queries.owed(link_id)
