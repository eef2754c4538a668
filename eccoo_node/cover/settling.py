"""After a visit by someone from another circle: the answer of the person becomes an entry in both circles' books.

Where the two sides differ, only the part in question waits; each circle writes down what both came to, and the sums
are booked once both have written the same.
"""

import msgspec

from eccoo_federation import claims
from eccoo_federation import cover as wire
from eccoo_node.cover import machine, offering, queries, sums
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.queries import Request
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.links import ending, letters
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
    """The person says that nobody came, or that something was wrong, perhaps with how long of it was as it should be, or that only
    the travel was not."""
    minutes = int(happened.payload["minutes"])
    visit = await rota.visit(happened.subject_id)
    how = machine.how_said(happened.payload["answer"], minutes, clock.minutes_between(visit.starts_at, visit.ends_at))
    await confirm_visit(NODE, visit_id=happened.subject_id, how=how, minutes=minutes)


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
async def resolve(act: Act, *, request_id: str, fee_pence: int, travel_pence: int, words: str = "") -> None:
    """The asking circle writes down what both came to. Once the other has written the same, the money moves: at once where
    no node of theirs will ever write it (`ending.gone_since`).

    Raises Invalid for more than was claimed. What is agreed already is not written again.
    """
    request = await queries.lock_request(request_id)
    act.allow(await sums.thing_here(await rota.visit(request.visit_id), request.id))
    state = msgspec.json.decode(request.machine, type=wire.RequesterState)
    if state.claim is None or state.dispute is None:
        raise Conflict("Nothing is in question here.", "no_dispute")
    offer = await queries.offer(request.chosen_offer)
    sums_ = await _whole(offer, state.claim, fee_pence, travel_pence)
    if _written(state.agreed, sums_):
        return
    act.because(words)
    await machine.step(act, request, sums_)


@door("cover.resolve_away")
async def resolve_away(act: Act, *, offer_id: str, fee_pence: int, travel_pence: int, words: str = "") -> None:
    """The worker's circle writes down what both came to. Where no node of theirs will ever answer, also of what nobody there
    has put in question, and it counts at once in our books."""
    mine = await queries.lock_mine(offer_id)
    act.allow(await sums.thing_away(mine))
    state = msgspec.json.decode(mine.machine, type=wire.OffererState)
    if state.claim is None or state.let_go or not (state.disputed or await ending.gone_since(mine.link_id)):
        raise Conflict("Nothing is in question here.", "no_dispute")
    sums_ = await _whole(mine, state.claim, fee_pence, travel_pence)
    if _written(state.agreed, sums_):
        return
    act.because(words)
    await offering.step(act, mine, sums_)


async def _whole(terms: queries.Offer | queries.Mine, claim: wire.Claimed, fee: int, travel: int) -> wire.ResolveVisit:
    """Sums for the whole visit, with the debt that follows from them. Raises Invalid for more than was claimed."""
    for field, part, most in (("fee", fee, claim.fee_pence), ("travel", travel, claim.travel_pence)):
        if type(part) is not int or not 0 <= part <= most:
            raise Invalid(f"Write a sum from £0 to {pounds(most)}.", "bad_amount", field=field)
    due = claims.due_pence(fee, travel, terms.worker_deduct_bps, terms.payer_add_bps, terms.home_share_bps)
    return wire.ResolveVisit(fee, travel, due, alone=await ending.gone_since(terms.link_id) is not None)


def _written(agreed: wire.Claimed | None, given: wire.ResolveVisit) -> bool:
    """Whether just this is agreed already. Raises Conflict where something else is."""
    if agreed is None:
        return False
    if (agreed.fee_pence, agreed.travel_pence) != (given.fee_pence, given.travel_pence):
        raise Conflict("Both circles have agreed on a sum since. Please look at the page again.", "agreed")
    return True


@door("cover.step_aside")
async def step_aside(act: Act, *, request_id: str, words: str) -> None:
    """A facilitator says that they have a part in this: from then on they write nothing about it."""
    request = await queries.lock_request(request_id)
    act.allow(Thing("cover_request", request.id, request.person_id))
    await sums.step_aside(act, request.id, words)


@door("cover.step_aside_away")
async def step_aside_away(act: Act, *, offer_id: str, words: str) -> None:
    """The same about a visit that one of our workers made elsewhere."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    await sums.step_aside(act, mine.id, words)


@events.on("letter.refused", "letter.not_taken")
async def refused(happened: Happened) -> None:
    """A claim came after its fortnight: at the circle that sent it, and at the one that could not take it."""
    letter = happened.payload
    if (letter["type"], letter["code"]) == ("visit.claimed", "too_late"):
        ours = happened.kind == "letter.refused"
        await (came_too_late if ours else heard_too_late)(NODE, link_id=happened.subject_id, ref=letter["subject"])


@door("cover.came_too_late")
async def came_too_late(act: Act, *, link_id: str, ref: str) -> None:
    """What our worker said reached the other circle too late to be paid by itself: whoever can settle it learns so."""
    act.allow(Thing("my_offer", link_id=link_id))
    opened = await queries.open_by_ref(link_id, ref)
    for one in await queries.mine_for(opened.id) if opened else []:
        if await left_to_people(await queries.lock_mine(one.id)):
            await act.tell("cover.came_too_late", "my_offer", one.id)


async def left_to_people(mine: queries.Mine) -> bool:
    """What our worker said is not answered by the other node any more, inside `write()`: whoever can settle it learns so.
    False where nothing is claimed, or it is in question or settled."""
    state = msgspec.json.decode(mine.machine, type=wire.OffererState)
    over = state.claim is None or state.let_go or state.disputed or state.agreed is not None
    if over or mine.state == "too_late":
        return False
    await offering.set_mine(mine.id, state="too_late", disclosure="", retain_until=None)
    await offering.finish(mine)
    ringing = {f.person_id for f in await members.facilitators()} - {mine.worker_id}
    path = f"/coming/{mine.id}"
    await tell(ringing, None, "too_late_ring_away", about=mine.id, path=path)
    told = {mine.worker_id, *await members.treasurers()} - ringing
    await tell(told, None, "too_late_away", about=mine.id, path=path)
    return True


@door("cover.heard_too_late")
async def heard_too_late(act: Act, *, link_id: str, ref: str) -> None:
    """Another circle's worker speaks of a visit whose money waited for them and has gone back: a facilitator may ring."""
    asked = await queries.asked_by_ref(link_id, ref)
    if asked is None:
        return
    request = await queries.lock_request(asked.request_id)
    visit = await rota.visit(request.visit_id)
    act.allow(visit.thing)
    if request.ended_reason != "unclaimed":
        return
    await machine.set_request(request.id, ended_reason="claimed_late")
    paid = (await rota.thing_of(visit)).paid_workers
    ringing = {f.person_id for f in await members.facilitators()} - set(paid)
    await tell(ringing, visit.id, "claimed_late", about=request.id, path=f"/cover/{request.id}")


@door("cover.take_after_all")
async def take_after_all(act: Act, *, request_id: str, words: str = "") -> None:
    """Both circles agreed on the telephone that a visit is paid although its claim came too late.

    The money is set aside again, and then all goes the ordinary way: the claim comes, the person is asked, both books get
    the same entry. A second press changes nothing. Raises Conflict where nothing came too late, or ("not_enough") while the
    credit is short.
    """
    request = await queries.lock_request(request_id)
    visit = await rota.lock_visit(request.visit_id)
    act.allow(await rota.thing_of(visit))
    if request.ended_reason == "taken_after_all":
        return
    if request.ended_reason != "claimed_late":
        raise Conflict("Nothing came too late here.", "wrong_state")
    act.because(words)
    state = await machine.step(act, request, wire.TakeAfterAll())
    for asked in state.asked:
        if state.award and asked.link == state.award.link:
            await letters.follow_again(asked.link, asked.request)
    await act.tell("cover.taken_after_all", "cover_request", request.id)


@door("cover.let_go")
async def let_go(act: Act, *, offer_id: str, words: str = "") -> None:
    """Both circles agreed on the telephone that nothing is paid for a visit whose claim came too late. For good."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state == "closed":
        return
    if mine.state != "too_late":
        raise Conflict("This is not waiting for people to settle it.", "wrong_state")
    act.because(words)
    await offering.step(act, mine, wire.LetGo())
    await offering.set_mine(mine.id, state="closed")
    await tell({mine.worker_id}, None, "let_go_away", about=mine.id, path=f"/coming/{mine.id}")
    await act.tell("cover.let_go", "my_offer", mine.id)
