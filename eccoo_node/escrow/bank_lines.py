"""What else a line of the bank may be, besides payers' money and what a batch sends: each one entry, with its key.

Where a line stands on an account that the money does not belong to, the books say where it belongs, and the treasurer
moves it at the bank. What the bank charges is always the circle's own: others' money never bears it.
"""

from datetime import datetime
from typing import Any

from eccoo_node.escrow import chart
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.entering import enter
from eccoo_node.escrow.rules import Leg, check_sum
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.record.door import Act, door

BANKS = ("1000", "1010", "1020")


async def _enter(
    act: Act, kind: str, key: str, amount_pence: int, legs: list[Leg], at: datetime | None, **body: Any
) -> int:
    check_sum(amount_pence)
    return await enter(act, kind, key, {"amount": amount_pence, **body}, *legs, effective_at=at)


def _bank(code: str) -> Account:
    if code not in BANKS:
        raise Invalid("Choose which account it is.", "no_account", field="code")
    return Account(code)


@door("money.bank_charge")
async def bank_charge(act: Act, code: str, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The bank took a charge (5200 / 1010). Off another account it is made good at once (5200 / 1000, 1000 / 1010)."""
    act.allow(Thing("books"))
    bank = _bank(code)
    legs = [Leg(chart.FEES, bank, amount_pence)]
    if bank != chart.OPERATING:
        legs.append(Leg(bank, chart.OPERATING, amount_pence))
    return await _enter(act, "bank_charge", key, amount_pence, legs, effective_at, code=code)


@door("money.bank_charge_back")
async def bank_charge_back(
    act: Act, code: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """The bank gave a charge back (1010 / 5200). Into another account, it is the circle's own all the same."""
    act.allow(Thing("books"))
    bank = _bank(code)
    legs = [Leg(bank, chart.FEES, amount_pence)]
    if bank != chart.OPERATING:
        legs.append(Leg(chart.OPERATING, bank, amount_pence))
    return await _enter(act, "bank_charge_back", key, amount_pence, legs, effective_at, code=code)


@door("money.put_in")
async def put_in(act: Act, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The circle's own money was moved to the account in which it looks after others' (1000 / 1010)."""
    act.allow(Thing("books"))
    legs = [Leg(chart.BANK, chart.OPERATING, amount_pence)]
    return await _enter(act, "put_in", key, amount_pence, legs, effective_at)


@door("money.share_back")
async def share_back(
    act: Act, member_id: str, amount_pence: int, key: str, *, effective_at: datetime | None = None
) -> int:
    """What someone sent for shares that were not allotted went back to them (2610 / 1020)."""
    act.allow(Thing("member", member_id, person_id=member_id))
    legs = [Leg(chart.applied(member_id), chart.RING_FENCED, amount_pence)]
    return await _enter(act, "share_back", key, amount_pence, legs, effective_at, member=member_id)


@door("money.fund_spent")
async def fund_spent(act: Act, fund: str, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """What was given for one purpose was spent on it, or went back to whoever gave it (3200 / 1020)."""
    act.allow(Thing("books"))
    legs = [Leg(chart.restricted(fund), chart.RING_FENCED, amount_pence)]
    return await _enter(act, "fund_spent", key, amount_pence, legs, effective_at, fund=fund)


@door("money.vat_paid")
async def vat_paid(act: Act, code: str, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """The VAT in what the circle took went to HMRC (2400 / 1010). Off the account in which it looks after others' money
    it is made good at once (2400 / 1000, 1000 / 1010)."""
    act.allow(Thing("books"))
    bank = _bank(code)
    legs = [Leg(chart.VAT, bank, amount_pence)]
    if bank != chart.OPERATING:
        legs.append(Leg(bank, chart.OPERATING, amount_pence))
    return await _enter(act, "vat_paid", key, amount_pence, legs, effective_at, code=code)


@door("money.gift_back")
async def gift_back(act: Act, amount_pence: int, key: str, *, effective_at: datetime | None = None) -> int:
    """A gift or a grant for nothing in particular went back to whoever gave it (4200 / 1010)."""
    act.allow(Thing("books"))
    legs = [Leg(chart.DONATIONS, chart.OPERATING, amount_pence)]
    return await _enter(act, "gift_back", key, amount_pence, legs, effective_at)
