"""What a treasurer writes in the books besides lines: the bank, the circle's own money, refunds, gifts and shares.

Each door is one entry of money.md A4 with its key: the same act asked twice moves money once. What must never happen is
not asked here: an account that may not go below nothing refuses by itself, and so does the bank where an entry would
use money that is looked after for someone else.
"""

from datetime import datetime

from eccoo_node.db.rows import fetch_one
from eccoo_node.escrow import capital, chart, ledger
from eccoo_node.escrow.entering import concerned, enter, reason, refuse_on_its_way
from eccoo_node.escrow.payers import thing_of as of_payer
from eccoo_node.escrow.rules import SHARES_OUT, Leg, check_sum, is_public
from eccoo_node.governance import queries as governance
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import MAX_PENCE, pounds
from eccoo_node.record.door import Act, door


async def _payer(payer_id: str) -> tuple[str, bool]:
    """The fund that a payer pays out of, and whether the person it was for has died."""
    row = await fetch_one(
        "SELECT y.fund, p.standing FROM payer y JOIN person p ON p.id = y.person_id WHERE y.id = ?", payer_id
    )
    if row is None:
        raise NotFound("There is no such payer.", "no_payer")
    return row[0], row[1] == "died"


# ---------------------------------------------------------------- what came in and nobody knows from whom


@door("money.receive")
async def receive_unmatched(
    act: Act, receipt: str, amount_pence: int, key: str, *, effective_at: datetime | None = None, note: str = ""
) -> int:
    """Money is in the bank and nobody knows yet whose it is (1000 / 2090). `receipt` names it; the entry. `note`: what
    the bank says of whoever sent it."""
    act.allow(Thing("receipt", receipt))
    check_sum(amount_pence)
    act.because(note)
    body = {"receipt": receipt, "amount": amount_pence}
    leg = Leg(chart.BANK, chart.unmatched(receipt), amount_pence)
    return await enter(act, "received", key, body, leg, effective_at=effective_at)


@door("money.match")
async def match(act: Act, receipt: str, payer_id: str, amount_pence: int, key: str) -> int:
    """It is this payer's (2090 / 2000). A part of it may be, where one transfer is for several."""
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    await _payer(payer_id)
    body = {"receipt": receipt, "payer": payer_id, "amount": amount_pence}
    return await enter(act, "matched", key, body, Leg(chart.unmatched(receipt), chart.credit(payer_id), amount_pence))


@door("money.send_back")
async def send_back(act: Act, receipt: str, amount_pence: int, key: str, *, because: str) -> int:
    """It is nobody's here and goes back to where it came from (2090 / 2500)."""
    act.allow(Thing("receipt", receipt))
    check_sum(amount_pence)
    reason(act, because, "Say why it goes back.")
    body = {"receipt": receipt, "amount": amount_pence}
    return await enter(act, "sent_back", key, body, Leg(chart.unmatched(receipt), chart.refunds(receipt), amount_pence))


@door("money.bounce")
async def bounce(act: Act, payer_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The bank took back what a payer had sent (2000 / 1000 as far as their credit lasts).

    The payer owes us the rest (1100), and the circle's own money stands in for it, so that nobody else's does.
    """
    act.allow(Thing("payer", payer_id, payer_id=payer_id))
    check_sum(amount_pence)
    await _payer(payer_id)
    body = {"payer": payer_id, "amount": amount_pence}
    await ledger.lock_bank()
    there = -await ledger.balance(chart.credit(payer_id), lock=True)
    if before := await ledger.already("bounced", key, body):
        return before
    taken = min(there, amount_pence)
    owing = amount_pence - taken
    return await enter(
        act, "bounced", key, body,
        Leg(chart.credit(payer_id), chart.BANK, taken),
        Leg(chart.receivable(payer_id), chart.BANK, owing),
        Leg(chart.BANK, chart.OPERATING, owing), effective_at=effective_at,
    )  # fmt: skip


@door("money.paid_owing")
async def paid_owing(
    act: Act, payer_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """A payer has paid what they owed us into the circle's own account, which had stood in for it (1010 / 1100)."""
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    body = {"payer": payer_id, "amount": amount_pence}
    leg = Leg(chart.OPERATING, chart.receivable(payer_id), amount_pence)
    return await enter(act, "paid_owing", key, body, leg, effective_at=effective_at)


# ---------------------------------------------------------------- back to whoever paid


@door("money.refund")
async def refund(act: Act, payer_id: str, amount_pence: int, key: str, *, because: str = "") -> int:
    """A payer asks for what is not set aside (2000 / 2500). It goes to the same payer, out of the same fund.

    Once the person it was for has died, `because` says on whose authority it goes to the estate; public money goes
    back to where it came from without that.
    """
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    fund, died = await _payer(payer_id)
    act.because(because)
    if died and not is_public(fund) and not because.strip():
        raise Invalid(
            "Say on whose authority it goes to the estate, and what you have seen.", "no_reason", field="because"
        )
    body = {"payer": payer_id, "amount": amount_pence}
    return await enter(act, "refunded", key, body, Leg(chart.credit(payer_id), chart.refunds(payer_id), amount_pence))


@door("money.refund_left")
async def refund_left(act: Act, of: str, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The bank has sent it (2500 / 1000). `of`: the payer or the receipt."""
    act.allow(Thing("refund", of))
    check_sum(amount_pence)
    body = {"of": of, "amount": amount_pence}
    leg = Leg(chart.refunds(of), chart.BANK, amount_pence)
    entry = await enter(act, "refund_left", key, body, leg, effective_at=effective_at)
    await refuse_on_its_way(chart.refunds(of))
    return entry


@door("money.goodwill")
async def goodwill(act: Act, payer_id: str, amount_pence: int, key: str, *, because: str) -> int:
    """The circle gives a payer credit out of its own money (5100 / 2000, with 1000 / 1010)."""
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    await _payer(payer_id)
    reason(act, because, "Say why the circle gives this.")
    body = {"payer": payer_id, "amount": amount_pence}
    return await enter(
        act, "goodwill", key, body,
        Leg(chart.GOODWILL, chart.credit(payer_id), amount_pence), Leg(chart.BANK, chart.OPERATING, amount_pence),
    )  # fmt: skip


# ---------------------------------------------------------------- the circle's own


@door("money.sweep")
async def sweep(act: Act, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """What the circle has earned leaves the account in which it looks after others' money (1010 / 1000).

    Refused beyond what is spare: also for the commission on work that another circle has yet to pay.
    """
    act.allow(Thing("books"))
    check_sum(amount_pence)
    leg = Leg(chart.OPERATING, chart.BANK, amount_pence)
    return await enter(act, "swept", key, {"amount": amount_pence}, leg, effective_at=effective_at)


@door("money.own")
async def own_money(act: Act, amount_pence: int, key: str, *, because: str) -> int:
    """What the circle has of its own that these books did not know of, such as when they began (1010 / 3100)."""
    act.allow(Thing("books"))
    check_sum(amount_pence)
    reason(act, because, "Say where it is from.")
    return await enter(act, "own", key, {"amount": amount_pence}, Leg(chart.OPERATING, chart.RESERVES, amount_pence))


@door("money.donation")
async def donation(
    act: Act, amount_pence: int, key: str, *, fund: str = "", effective_at: datetime | None = None
) -> int:
    """A gift (1010 / 4200); one for a purpose is kept apart for it (1020 / 3200), named by `fund`."""
    act.allow(Thing("books"))
    check_sum(amount_pence)
    body = {"amount": amount_pence, "fund": fund}
    leg = (
        Leg(chart.RING_FENCED, chart.restricted(fund), amount_pence)
        if fund
        else Leg(chart.OPERATING, chart.DONATIONS, amount_pence)
    )
    return await enter(act, "donated", key, body, leg, effective_at=effective_at)


@door("money.interest")
async def interest(act: Act, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The bank paid interest on what we look after; it is the circle's, and moved at once (1000 / 4200, 1010 / 1000)."""
    act.allow(Thing("books"))
    check_sum(amount_pence)
    return await enter(
        act, "interest", key, {"amount": amount_pence},
        Leg(chart.BANK, chart.DONATIONS, amount_pence), Leg(chart.OPERATING, chart.BANK, amount_pence),
        effective_at=effective_at,
    )  # fmt: skip


@door("money.gateway_top_up")
async def gateway_top_up(act: Act, payer_id: str, amount_pence: int, key: str) -> int:
    """A payer paid by card; the money lies with the gateway (1050 / 2000). All of it is theirs."""
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    await _payer(payer_id)
    body = {"payer": payer_id, "amount": amount_pence}
    return await enter(act, "by_card", key, body, Leg(chart.GATEWAY, chart.credit(payer_id), amount_pence))


@door("money.gateway_paid")
async def gateway_paid(
    act: Act, amount_pence: int, fee_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """The gateway has sent on what it held, less its fee, which the circle bears (1000, 5200 / 1050; 1000 / 1010)."""
    act.allow(Thing("books"))
    check_sum(amount_pence)
    if type(fee_pence) is not int or not 0 <= fee_pence < amount_pence:
        raise Invalid("The fee is less than what was paid by card.", "bad_amount", field="fee")
    body = {"amount": amount_pence, "fee": fee_pence}
    return await enter(
        act, "card_paid", key, body,
        Leg(chart.BANK, chart.GATEWAY, amount_pence - fee_pence), Leg(chart.FEES, chart.GATEWAY, fee_pence),
        Leg(chart.BANK, chart.OPERATING, fee_pence), effective_at=effective_at,
    )  # fmt: skip


@door("money.finders_fee")
async def finders_fee(act: Act, payer_id: str, amount_pence: int, key: str, *, agreed: str = "") -> int:
    """A finder's fee for whoever leaves with their worker, as the circle decided; never asked of a worker.

    Invoiced (1100 / 4100), or with the payer's yes to that sum taken from their credit (2000 / 4100): `agreed` says how
    they said it. Never out of public money, which is there for care alone (money.md A5.8).
    """
    act.allow(await of_payer(payer_id))
    check_sum(amount_pence)
    fund, _ = await _payer(payer_id)
    act.because(agreed)
    if agreed.strip() and is_public(fund):
        raise Conflict(
            "This is public money, which is there for care alone. Send them an invoice instead.", "public_money"
        )
    body = {"payer": payer_id, "amount": amount_pence, "from_credit": bool(agreed.strip())}
    source = chart.credit(payer_id) if agreed.strip() else chart.receivable(payer_id)
    return await enter(act, "finders_fee", key, body, Leg(source, chart.FINDERS_FEES, amount_pence))


# ---------------------------------------------------------------- shares in the co-op


@door("money.share_applied")
async def share_applied(
    act: Act, member_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """Someone sends money for shares; it lies apart until they are allotted, and may go back (1020 / 2610)."""
    await _of_member(act, member_id)
    check_sum(amount_pence)
    body = {"member": member_id, "amount": amount_pence}
    leg = Leg(chart.RING_FENCED, chart.applied(member_id), amount_pence)
    return await enter(act, "applied", key, body, leg, effective_at=effective_at)


@door("money.share_allotted")
async def share_allotted(act: Act, member_id: str, amount_pence: int, key: str, *, decision_id: str) -> int:
    """Shares are allotted (2610 / 3000, with 1010 / 1020), as the circle decided and somebody else wrote down. Nobody
    may hold more than £100,000 (care-rules.md C3.22)."""
    await _of_member(act, member_id)
    check_sum(amount_pence)
    await governance.requires_decision(decision_id, not_by=act.actor.person_id)
    act.allow(Thing("decision", decision_id))
    body = {"member": member_id, "amount": amount_pence, "decision": decision_id}
    entry = await enter(
        act, "allotted", key, body,
        Leg(chart.applied(member_id), chart.shares(member_id), amount_pence),
        Leg(chart.OPERATING, chart.RING_FENCED, amount_pence),
    )  # fmt: skip
    # Asked once it is written, and so once the account is this act's own, even where there was none to lock before.
    if -await ledger.balance(chart.shares(member_id)) > MAX_PENCE:
        raise Conflict(f"Nobody may have more than {pounds(MAX_PENCE)} in shares.", "too_many_shares")
    return entry


@door("money.share_withdrawn")
async def share_withdrawn(
    act: Act, member_id: str, amount_pence: int, key: str, *, decision_id: str, because: str
) -> int:
    """The board lets a member take shares out (3000 / 2600). It rests on its decision of the last twelve months that
    the co-op can bear it, which somebody else wrote down (care-rules.md C3.22).

    Raises Conflict while the circle has suspended it, and beyond what the circle's own money would cover.
    """
    await _of_member(act, member_id)
    check_sum(amount_pence)
    reason(act, because, "Say why they take it out, and how they asked.")
    await governance.requires_decision(
        decision_id, not_by=act.actor.person_id, figure=SHARES_OUT.name, named=True, since=capital.oldest_decision()
    )
    act.allow(Thing("decision", decision_id))
    body = {"member": member_id, "amount": amount_pence, "decision": decision_id}
    # Two that each take out what is there must see one another: both wait here for the circle's own account.
    await ledger.balance(chart.OPERATING, lock=True)
    if before := await ledger.already("withdrawn", key, body):
        return before
    if await capital.decision_used(decision_id):
        raise Invalid(
            "Shares were taken out by this decision already. Each time rests on a decision of its own.", "used_decision",
            field="decision",
        )  # fmt: skip
    if not await governance.figure(SHARES_OUT):
        raise Conflict("The circle has decided that nobody takes shares out for now.", "shares_suspended")
    free = await capital.own_pence()
    if amount_pence > free:
        raise Conflict(
            f"The circle’s own money would not cover this. There is {pounds(max(free, 0))} of it, once all that it owes "
            "for shares and VAT is paid.", "own_short",
        )  # fmt: skip
    return await enter(
        act, "withdrawn", key, body, Leg(chart.shares(member_id), chart.leaving(member_id), amount_pence)
    )


async def _of_member(act: Act, member_id: str) -> None:
    """Ask for a member's shares. Nobody decides as a treasurer on their own."""
    act.allow(Thing("member", member_id, person_id=member_id, parties=await concerned([member_id])))


@door("money.share_paid")
async def share_paid(
    act: Act, member_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """The bank has sent a member their shares back (2600 / 1010)."""
    act.allow(Thing("member", member_id, person_id=member_id))
    check_sum(amount_pence)
    body = {"member": member_id, "amount": amount_pence}
    leg = Leg(chart.leaving(member_id), chart.OPERATING, amount_pence)
    entry = await enter(act, "share_paid", key, body, leg, effective_at=effective_at)
    await refuse_on_its_way(chart.leaving(member_id))
    return entry
