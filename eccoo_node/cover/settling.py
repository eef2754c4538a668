"""After a visit by someone from another circle: the answer of the person becomes an entry in both circles' books.

Where the two sides differ, only the part in question waits; each circle writes down what both came to, and the sums
are booked once both have written the same.
"""

import msgspec

from eccoo_federation import claims
from eccoo_federation import cover as wire
from eccoo_node.cover import machine, offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.queries import Request
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota import queries as rota


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
    await machine.weigh(act, request, claim, how, minutes)


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
