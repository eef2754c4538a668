"""After a visit by someone from another circle: the answer of the person becomes an entry in both circles' books.

Where the two sides differ, only the part in question waits; each circle writes down what both came to, and the sums
are booked once both have written the same.
"""

from datetime import timedelta

import msgspec

from eccoo_federation import bodies, claims, limits
from eccoo_federation import cover as wire
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import machine, offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.queries import Request
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import price_pence
from eccoo_node.members import queries as members
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota import queries as rota
from eccoo_node.rota.telling import tell


@events.on("visit.settled")
async def answered(happened: Happened) -> None:
    """The person has answered, or the window has passed."""
    minutes = int(happened.payload["minutes"])
    await confirm_visit(NODE, visit_id=happened.subject_id, how=happened.payload["how"], minutes=minutes)


@events.on("visit.questioned")
async def questioned(happened: Happened) -> None:
    """The person says that nobody came, or that something was wrong."""
    await confirm_visit(NODE, visit_id=happened.subject_id, how=happened.payload["answer"], minutes=0)


@door("cover.confirm_visit")
async def confirm_visit(act: Act, *, visit_id: str, how: str, minutes: int) -> None:
    """Confirm the claim of the other circle, or say which part of it is in question."""
    visit = await rota.lock_visit(visit_id)
    act.allow(visit.thing)
    request = await queries.request_for(visit_id)
    if not visit.cover_circle or request is None:
        return
    request = await queries.lock_request(request.id)
    claim, open_question = _claim(request)
    if claim is None or not open_question:
        return
    if minutes == claim.minutes and how in {"said_so", "window_lapsed"}:
        await machine.step(act, request, wire.ConfirmVisit("said_so" if how == "said_so" else "window_lapsed"))
        return
    offer = await queries.offer(request.chosen_offer)
    sure = min(price_pence(offer.rate_pence, minutes), claim.fee_pence)
    reasons = {"no": "not_came", "wrong": "something_wrong"}
    given = wire.DisputeVisit(sure, claim.fee_pence - sure, reasons.get(how, "partly"))  # type: ignore[arg-type]
    await machine.step(act, request, given)
    await tell({f.person_id for f in await members.facilitators()}, visit_id, "something_wrong")


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


def _claim(request: Request) -> tuple[wire.Claimed | None, bool]:
    state = msgspec.json.decode(request.machine, type=wire.RequesterState)
    return state.claim, state.agreed is None and state.dispute is None


@door("cover.resolve")
async def resolve(act: Act, *, request_id: str, fee_pence: int, travel_pence: int) -> None:
    """The asking circle writes down what both came to. Raises Invalid for more than was claimed."""
    request = await queries.lock_request(request_id)
    act.allow(await queries.thing_of(await rota.visit(request.visit_id)))
    claim, _ = _claim(request)
    offer = await queries.offer(request.chosen_offer)
    if claim is None:
        raise Conflict("Nothing is in question here.", "no_dispute")
    if not (0 <= fee_pence <= claim.fee_pence and 0 <= travel_pence <= claim.travel_pence):
        raise Invalid("Write a sum up to what was claimed.", "bad_amount", field="fee")
    due = claims.due_pence(fee_pence, travel_pence, offer.worker_deduct_bps, offer.payer_add_bps, offer.home_share_bps)
    await machine.step(act, request, wire.ResolveVisit(fee_pence, travel_pence, due))


@door("cover.resolve_away")
async def resolve_away(act: Act, *, offer_id: str, fee_pence: int, travel_pence: int) -> None:
    """The worker's circle writes down what both came to."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if not (0 <= fee_pence <= mine.fee_pence and 0 <= travel_pence <= mine.travel_pence):
        raise Invalid("Write a sum up to what was agreed.", "bad_amount", field="fee")
    due = claims.due_pence(fee_pence, travel_pence, mine.worker_deduct_bps, mine.payer_add_bps, mine.home_share_bps)
    await offering.step(act, mine, wire.ResolveVisit(fee_pence, travel_pence, due))
