"""What another circle claims for a visit, however it came here, against what was agreed."""

from datetime import timedelta

from eccoo_federation import bodies, claims, limits
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import queries
from eccoo_node.cover.queries import Request
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import price_pence
from eccoo_node.rota import queries as rota


async def check_claim(request: Request, claim: bodies.VisitClaimed) -> None:
    """Raises ProtocolError("wrong_amount") for a claim above what was agreed or above what its minutes come to, one that
    does not add up, or pay for a late cancellation that did not happen or at another share than the terms name; and
    "wrong_state" for a visit that has not begun, which would else settle by itself before anyone came."""
    offer = await queries.offer(request.chosen_offer)
    visit = await rota.visit(request.visit_id)
    due = claims.due_pence(
        claim.fee_pence, claim.travel_pence, offer.worker_deduct_bps, offer.payer_add_bps, offer.home_share_bps
    )
    if claim.fee_pence > offer.fee_pence or claim.travel_pence > offer.travel_pence or claim.due_pence != due:
        raise ProtocolError("wrong_amount")
    if visit.state == "stopped" and not visit.line:
        raise ProtocolError("wrong_state", "Nothing is set aside for this any more.")
    if claim.outcome == "cancelled_late":
        share = offer.fee_pence * visit.cancel_bps // 10_000
        if visit.state != "stopped" or not visit.line or claim.fee_pence != share or claim.travel_pence:
            raise ProtocolError("wrong_amount")
        return
    if clock.now() + timedelta(seconds=limits.CLOCK_FUTURE_S) < visit.starts_at:
        raise ProtocolError("wrong_state")
    length = clock.minutes_between(visit.starts_at, visit.ends_at)
    shorter = claim.minutes if 0 < claim.minutes < length else -1
    minutes = {"did_not_go": 0, "shorter": shorter}.get(claim.outcome, length)
    most = (
        offer.fee_pence if minutes == length else min(offer.fee_pence, price_pence(offer.rate_pence, max(minutes, 0)))
    )
    if claim.minutes != minutes or claim.fee_pence > most or (claim.travel_pence and not minutes):
        raise ProtocolError("wrong_amount")
