"""A claimed and confirmed visit as one entry in two mirror ledgers: who gets which penny.

Both circles compute it from the same agreed terms, so a claim that differs by a penny is refused where it arrives. The
held money stays with the asking circle; what it owes the worker's home circle is ``home_receives_pence``.
"""

from __future__ import annotations

import msgspec

from .cover_terms import Terms
from .errors import ProtocolError


class Shares(msgspec.Struct, frozen=True):
    """All in pence. ``held`` = worker_net + both circles' parts; "commission" is the worker's side, "contribution" the
    payer's.

    Account codes of the ledger: commission 4000, contribution 4010, worker_net 2200.
    """

    held_pence: int
    worker_net_pence: int
    home_commission_pence: int
    asking_commission_pence: int
    home_contribution_pence: int
    asking_contribution_pence: int

    @property
    def home_receives_pence(self) -> int:
        """What the asking circle owes the worker's home circle."""
        return self.worker_net_pence + self.home_commission_pence + self.home_contribution_pence

    @property
    def asking_keeps_pence(self) -> int:
        return self.asking_commission_pence + self.asking_contribution_pence


def price(rate_pence_per_hour: int, minutes: int) -> int:
    """rate × minutes ÷ 60, half a penny rounded up."""
    if rate_pence_per_hour < 0 or minutes < 0:
        raise ProtocolError("wrong_amount")
    return (rate_pence_per_hour * minutes * 2 + 60) // 120


def split(fee_pence: int, worker_deduct_bps: int, payer_add_bps: int, home_share_bps: int) -> Shares:
    """The shares of a whole fee.

    Each commission is the floor of fee × bps ÷ 10,000, so the co-ops never take more than agreed; the worker gets the
    rest. The asking circle's part of each commission is floored too: an odd penny goes to the worker's home circle.
    """
    if fee_pence < 0 or not all(0 <= bps <= 10_000 for bps in (worker_deduct_bps, payer_add_bps, home_share_bps)):
        raise ProtocolError("wrong_amount")
    commission = fee_pence * worker_deduct_bps // 10_000
    contribution = fee_pence * payer_add_bps // 10_000
    asking_commission = commission * (10_000 - home_share_bps) // 10_000
    asking_contribution = contribution * (10_000 - home_share_bps) // 10_000
    return Shares(
        held_pence=fee_pence + contribution,
        worker_net_pence=fee_pence - commission,
        home_commission_pence=commission - asking_commission,
        asking_commission_pence=asking_commission,
        home_contribution_pence=contribution - asking_contribution,
        asking_contribution_pence=asking_contribution,
    )


def split_more(
    before_pence: int, more_pence: int, worker_deduct_bps: int, payer_add_bps: int, home_share_bps: int
) -> Shares:
    """The shares of ``more_pence`` when ``before_pence`` of the same line was shared already.

    Cumulative, so that a fee released in parts comes to the same pennies as one released whole.
    """
    if more_pence < 0:
        raise ProtocolError("wrong_amount")
    already = split(before_pence, worker_deduct_bps, payer_add_bps, home_share_bps)
    whole = split(before_pence + more_pence, worker_deduct_bps, payer_add_bps, home_share_bps)
    parts = {name: getattr(whole, name) - getattr(already, name) for name in Shares.__struct_fields__}
    return Shares(**parts)


def due_pence(
    fee_pence: int, travel_pence: int, worker_deduct_bps: int, payer_add_bps: int, home_share_bps: int
) -> int:
    """What the asking circle owes for one visit. Mileage and tickets (``travel_pence``) carry no commission."""
    if travel_pence < 0:
        raise ProtocolError("wrong_amount")
    return split(fee_pence, worker_deduct_bps, payer_add_bps, home_share_bps).home_receives_pence + travel_pence


def check_claim(terms: Terms, fee_pence: int, travel_pence: int, due: int) -> None:
    """Raises ``wrong_amount`` unless the claim stays within what was agreed and the debt follows to the penny."""
    schedule = terms.schedule
    expected = due_pence(
        fee_pence, travel_pence, schedule.worker_deduct_bps, schedule.payer_add_bps, terms.home_share_bps
    )
    if fee_pence > terms.fee_pence or travel_pence > terms.travel_pence or due != expected:
        raise ProtocolError("wrong_amount")
