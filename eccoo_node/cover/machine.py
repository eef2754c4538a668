"""The asking side's machine at work: the protocol decides what follows, and here it is done.

One step is one transaction: the state, the letters and the effects are kept together or not at all.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies
from eccoo_federation import cover as wire
from eccoo_federation.cover_types import RequesterInput
from eccoo_federation.events import disclosure_hash
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.cover import queries, sums
from eccoo_node.cover.claiming import check_claim
from eccoo_node.cover.queries import Offer, Request
from eccoo_node.cover.shown import disclosure
from eccoo_node.cover.tables import DisclosureOut
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert_once
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow.lines import Across
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.money import price_pence
from eccoo_node.links import identity, letters
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.members.cards import Helper
from eccoo_node.pools import attesting
from eccoo_node.record.door import Act
from eccoo_node.rota import actions as rota
from eccoo_node.rota import paying
from eccoo_node.rota import queries as rota_queries
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.telling import team_around, tell


async def step(act: Act, request: Request, given: RequesterInput) -> wire.RequesterState:
    """Feed one input to the machine of a locked request and carry out everything that follows."""
    state = msgspec.json.decode(request.machine, type=wire.RequesterState)
    claim = given.body if isinstance(given, wire.Incoming) else None
    # Without an award there are no terms to hold it against; the machine says why it is refused.
    if isinstance(claim, bodies.VisitClaimed) and state.claim is None and state.award is not None:
        await check_claim(request, claim)
    done = wire.step(state, given, now=clock.now(), sign=letters.sign)
    if done.state.agreed is not None or (done.state.phase == "ended" and done.state.award is None):
        for asked in done.state.asked:
            await letters.finish(asked.link, asked.request)
    await set_request(request.id, machine=msgspec.json.encode(done.state).decode())
    await sums.heard_here(act, request, state, done.state)
    for emit in done.emit:
        letter = emit.link, emit.type, emit.body["request"], emit.body
        if not (isinstance(given, wire.Resend) and await letters.refused_lately(*letter)):
            await letters.send(*letter)
    for effect in done.effects:
        now = await queries.request(request.id)
        # What is said again, or pulled again, rings nobody twice.
        if not (isinstance(effect, wire.RingAlarm) and now.unsure and done.state == state):
            await _carry_out(act, now, done.state, effect)
    return done.state


async def set_request(request_id: str, **values: object) -> None:
    """Change columns of one request. Names come from our own code."""
    names = ", ".join(f'"{name}" = ?' for name in values)
    await fetch(f"UPDATE cover_request SET {names} WHERE id = ?", *values.values(), request_id)


async def set_offer(offer_id: str, state: str) -> None:
    """Change an offer's state; whoever is not chosen for good is forgotten here: name, face and words."""
    await fetch("UPDATE cover_offer SET state = ? WHERE id = ?", state, offer_id)
    if state not in {"closed", "taken_back"}:
        return
    gone = await fetch(
        "UPDATE cover_offer SET first_name = '', face = '', face_media = '', words = '', languages = '' "
        "WHERE id = ? AND worker_id IS NULL RETURNING link_id, letter_id",
        offer_id,
    )
    for link_id, letter_id in gone:
        await letters.forget(link_id, letter_id)
        await attesting.let_go(offer_id)


async def _carry_out(act: Act, request: Request, state: wire.RequesterState, effect: wire.Effect) -> None:
    match effect:
        case wire.HoldMoney():
            await _hold(request, await queries.offer(effect.offer), _line(request, state, effect.n))
        case wire.ReleaseMoney():
            await _give_money_back(request, state, effect.n)
        case wire.ApplyCancellation():
            await _cancelled_after_commit(request, effect.n)
        case wire.SendDisclosure():
            await _disclose(request, state, effect)
        case wire.AskAgain():
            await _ask_again(request, effect.links)
        case wire.AskHowItWent():
            await _ask_how_it_went(act, request, state)
        case wire.BookVisit():
            await _book(act, request, state, effect)
        case wire.RingAlarm():
            await _ring(request, effect.why)
        case wire.Tell():
            await _news(act, request, state, effect)
        case _:
            raise AssertionError(f"unknown effect {effect}")


async def hold_for(visit_id: str, offer: Offer, line: str) -> bool:
    """Move the money of a visit onto a line for this offer, at its price; False when credit is short."""
    visit = await rota_queries.visit(visit_id)
    # Whoever says yes is shown the price at the shares that held when this was offered.
    across = None
    if offer.link_id:
        across = Across(offer.link_id, offer.home_share_bps, offer.payer_add_bps, offer.worker_deduct_bps)
    return await _move(
        visit, line, offer.worker_id or "", offer.fee_pence, offer.travel_pence, across, offer.received_at
    )


async def _move(
    visit: Visit, line: str, worker_id: str, fee: int, travel: int, across: Across | None, agreed_at: datetime
) -> bool:
    key = f"move:{line}"
    if visit.line:
        held = await escrow.move_line(
            NODE, visit.line, line, worker_id, fee, travel, key, across=across,
            employed=await paying.is_employed(worker_id, across), agreed_at=agreed_at,
        )  # fmt: skip
    else:
        held = await paying.set_aside_for(visit.person_id, line, worker_id, fee, travel, key, across, agreed_at)
    if held:
        await rota.set_fields(visit.id, line=line)
    return held


def _line(request: Request, state: wire.RequesterState, n: int, back: str = "") -> str:
    # Awards are numbered within one search; a visit may be searched for again, and a line is used once: what came too late
    # and is taken after all has its day behind it.
    after_all = state.taken_until[2:10].replace("-", "")
    return f"visit:{request.visit_id}:{request.id[-8:]}:{back}{n}{after_all and '+'}{after_all}"


async def _hold(request: Request, offer: Offer, line: str) -> None:
    if not await hold_for(request.visit_id, offer, line):
        raise Conflict("There is not enough paid in for this yet.", "not_enough")


async def _give_money_back(request: Request, state: wire.RequesterState, n: int) -> None:
    """The award is over: the sum lies again where it lay, for whoever comes instead."""
    visit = await rota_queries.visit(request.visit_id)
    if visit.line != _line(request, state, n):
        return
    if visit.ends_at <= clock.now():
        # Nobody comes instead any more.
        await escrow.return_line(NODE, visit.line, f"return:{visit.line}")
        await rota.set_fields(visit.id, line="")
        return
    line = _line(request, state, n, "back")
    if not await _move(visit, line, visit.worker_id or "", visit.fee_pence, visit.travel_pence, None, visit.agreed_at):
        await escrow.return_line(NODE, visit.line, f"return:{visit.line}")
        await rota.set_fields(visit.id, line="")


async def _cancelled_after_commit(request: Request, n: int) -> None:
    """In good time the money goes back whole; late, the agreed share waits for the other circle's claim."""
    visit = await rota_queries.visit(request.visit_id)
    # Nobody goes there any more, so nobody may fetch the name and the address any more.
    await fetch("DELETE FROM disclosure_out WHERE request_id = ? AND n = ?", request.id, n)
    if not queries.cancelled_late(visit, clock.now()):
        await escrow.return_line(NODE, visit.line, f"return:{visit.line}")
        await rota.set_fields(visit.id, line="")


async def _disclose(request: Request, state: wire.RequesterState, effect: wire.SendDisclosure) -> None:
    visit = await rota_queries.visit(request.visit_id)
    if visit.ends_at <= clock.now():
        # Who was sent by telephone has been there: nothing needs to be told any more.
        return
    facts = await members.must_know(request.person_id)
    us = identity.current()
    ring = await members.facilitator_for(request.person_id) or Helper("", us.name, us.phone)
    ref = next(asked.request for asked in state.asked if asked.link == effect.link)
    told = disclosure(facts, visit, ring, ref, effect.n)
    row = DisclosureOut(
        request_id=request.id, link_id=effect.link, reference=ref, n=effect.n,
        body=msgspec.json.encode(told.as_wire()).decode(), retain_until=parse_time(told.retain_until),
    )  # fmt: skip
    if await insert_once(row):
        sent = bodies.DisclosureSent(
            request=ref, n=effect.n, salted_hash=disclosure_hash(told), retain_until=told.retain_until
        )
        await letters.send(effect.link, sent.TYPE, ref, sent.as_wire())
        await jobs.add("cover.forget_out", f"{ref}:{effect.n}", run_at=parse_time(told.retain_until), row=str(row.id))


async def _ask_again(request: Request, link_ids: tuple[str, ...]) -> None:
    for asked in await queries.asked_circles(request.id):
        if (
            asked.body
            and asked.link_id in link_ids
            and await links.may_cross(asked.link_id, "out", "cover.request") is None
        ):
            await fetch("UPDATE asked_circle SET answer = '' WHERE id = ?", asked.id)
            await letters.send(asked.link_id, "cover.requested", asked.ref, msgspec.json.decode(asked.body))


async def look_again(request_id: str) -> None:
    """Something has changed that may make it the turn of the circles that are asked later."""
    if await queries.ask_later(request_id):
        await jobs.wake("cover.wave", request_id, request=request_id)


async def ask_full_again(request: Request) -> None:
    """The circles that could take no more requests are asked again, at the hours for news."""
    full = await fetch(
        "UPDATE asked_circle SET answer = '' WHERE request_id = ? AND answer = ? RETURNING link_id",
        request.id, queries.FULL,
    )  # fmt: skip
    await _ask_again(request, tuple(row[0] for row in full))


async def _ask_how_it_went(act: Act, request: Request, state: wire.RequesterState) -> None:
    claim = state.claim
    visit = await rota_queries.lock_visit(request.visit_id)
    if claim is None:
        return
    if claim.outcome == "cancelled_late":
        # The share was agreed before the worker set out, so it is confirmed without another question.
        await step(act, await queries.request(request.id), wire.ConfirmVisit("said_so"))
    elif visit.state == "stopped":
        # They had set out before word reached them. The share for calling off late is sure; the rest is for people to settle.
        share = min(claim.fee_pence, (await queries.offer(request.chosen_offer)).fee_pence * visit.cancel_bps // 10_000)
        await _differ(act, request, visit, claim, share, "amount")
    else:
        spoken = (await rota_queries.said(visit.id)).get("person")
        if visit.state == "covered":
            await rota.worker_said(act, visit, claim.outcome, claim.minutes)
        if spoken:
            # The person spoke first: nothing is left to ask them.
            how = how_said(spoken.answer, spoken.minutes, clock.minutes_between(visit.starts_at, visit.ends_at))
            await rota.stop_asking(visit.id)
            await weigh(act, request, claim, how, spoken.minutes)


def how_said(answer: str, minutes: int, length: int) -> str:
    """What the person's answer puts in question. All the time was right and yet something was wrong: the travel was."""
    if answer == "wrong" and minutes >= length:
        return "travel"
    return "said_so" if answer in {"yes", "partly"} or minutes else answer


async def weigh(act: Act, request: Request, claim: wire.Claimed, how: str, minutes: int) -> None:
    """What the person says, beside what is claimed: as much or more is booked, and else only the part in question waits."""
    visit = await rota_queries.visit(request.visit_id)
    if how == "travel" and claim.travel_pence:
        # The whole fee is sure, so what is in question can only be the travel; no sum of the fee waits.
        await _differ(act, request, visit, claim, claim.fee_pence, "amount")
        return
    how = "said_so" if how == "travel" else how
    same = (minutes == claim.minutes or minutes > claim.minutes > 0) and how in {"said_so", "window_lapsed"}
    if same or not claim.fee_pence + claim.travel_pence:
        # Where nothing is claimed there is nothing to dispute; a facilitator hears of it if the person says otherwise.
        confirmed = wire.ConfirmVisit("window_lapsed" if how == "window_lapsed" else "said_so")
        await step(act, await queries.request(request.id), confirmed)
        if not same and minutes:
            await tell({f.person_id for f in await members.facilitators()}, visit.id, "something_wrong")
        return
    offer = await queries.offer(request.chosen_offer)
    sure = min(price_pence(offer.rate_pence, minutes), claim.fee_pence)
    await _differ(act, request, visit, claim, sure, {"no": "not_came", "wrong": "something_wrong"}.get(how, "partly"))


async def _differ(act: Act, request: Request, visit: Visit, claim: wire.Claimed, sure: int, reason: Any) -> None:
    given = wire.DisputeVisit(sure, claim.fee_pence - sure, reason)
    await step(act, await queries.request(request.id), given)
    await tell({f.person_id for f in await members.facilitators()}, visit.id, "something_wrong")


async def _book(act: Act, request: Request, state: wire.RequesterState, effect: wire.BookVisit) -> None:
    """Claim and confirmation agree: the held money goes to what we owe the other circle and to our own part."""
    award = state.award
    visit = await rota_queries.lock_visit(request.visit_id)
    if award is None:
        return
    await escrow.release(
        NODE, visit.line, f"release:{visit.line}", part_pence=effect.fee_pence, travel_pence=effect.travel_pence
    )
    if visit.state != "stopped":
        came = effect.fee_pence + effect.travel_pence
        await rota.set_fields(visit.id, state="settled" if came else "stopped", settles_at=None)
    if request.live:
        await set_request(request.id, state="ended", ended_reason="settled")
    await act.tell("cover.settled", "cover_request", request.id, link=award.link, due_pence=effect.due_pence)


async def _ring(request: Request, why: str) -> None:
    """Nobody can be sure: everyone who can lift a telephone is told, with the numbers on the page."""
    await set_request(request.id, unsure=True)
    visit = await rota_queries.visit(request.visit_id)
    people = {request.person_id, *await members.speakers_for(request.person_id, "choose_who_comes")}
    people |= {f.person_id for f in await members.facilitators()}
    await tell(people, visit.id, "not_sure", about=why)


async def _news(act: Act, request: Request, state: wire.RequesterState, effect: wire.Tell) -> None:
    visit = await rota_queries.visit(request.visit_id)
    choosers = {request.person_id, *await members.speakers_for(request.person_id, "choose_who_comes")}
    around = await team_around(visit.person_id, visit.team_id, visit_worker=visit.worker_id)
    match effect.news:
        case "offer_arrived":
            await tell(choosers, visit.id, "offer")
        case "coming" | "adopted":
            line = _line(request, state, effect.n)
            # A restored node has forgotten the award, and with it whose money this is.
            forgotten = effect.news == "adopted" and visit.line != line
            if forgotten and state.award and not await hold_for(visit.id, await queries.offer(state.award.offer), line):
                await tell({f.person_id for f in await members.facilitators()}, visit.id, "covered_unpaid")
            await _is_coming(act, request, state)
        case "committed":
            await set_request(request.id, state="telling")
            # A worker may travel on the certificate although its receipt is still under way: no hour takes its money away.
            await jobs.cancel("rota.gap_over", visit.id)
        case "unclaimed":
            if visit.line:
                await tell({f.person_id for f in await members.facilitators()}, visit.id, "unclaimed")
            await rota.set_fields(visit.id, state="stopped")
            # Called off in good time, nothing was ever owed for it, and no claim that comes later can say otherwise.
            if request.live or visit.line:
                await set_request(request.id, state="ended", ended_reason="unclaimed", unsure=False)
        case "taken_after_all":
            if state.phase == "committed":
                await rota.set_fields(visit.id, state="covered")
            await set_request(
                request.id, state="coming" if state.phase == "committed" else "ended", ended_reason="taken_after_all"
            )
            until = parse_time(state.taken_until) + timedelta(minutes=1)
            await jobs.add("cover.unclaimed", f"{request.id}:{state.taken_until}", run_at=until, request=request.id)
            payer_id = (await rota_queries.thing_of(visit, payer=True)).payer_id
            await tell({request.person_id, payer_id}, visit.id, "taken_after_all")
        case "refused" | "no_answer" | "rescinded" | "other_terms" | "withdrew":
            if effect.offer:
                await set_offer(effect.offer, "live" if effect.news in {"no_answer", "rescinded"} else "taken_back")
            await set_request(request.id, state="asking", chosen_offer="", unsure=False, override_at=None)
            await look_again(request.id)
            await fetch("DELETE FROM disclosure_out WHERE request_id = ? AND n = ?", request.id, effect.n)
            await jobs.add("rota.gap_over", visit.id, run_at=visit.ends_at, visit=visit.id)
            await jobs.add("cover.over", request.id, run_at=visit.ends_at, request=request.id)
            if visit.state == "covered":
                await rota.set_fields(visit.id, state="gap", cover_name="", cover_circle="")
                await tell(around, visit.id, "gap_again")
            elif effect.news != "rescinded":
                await tell(choosers, visit.id, "no_word" if effect.news == "no_answer" else "not_after_all")
            await act.tell(f"cover.{effect.news}", "cover_request", request.id)
        case _:
            pass


async def _is_coming(act: Act, request: Request, state: wire.RequesterState) -> None:
    visit = await rota_queries.visit(request.visit_id)
    offer = await queries.offer(state.award.offer if state.award else request.chosen_offer)
    if offer.state != "chosen":
        await set_offer(offer.id, "chosen")
    circle = await links.circle(offer.link_id)
    await set_request(request.id, state="coming", unsure=False, chosen_offer=offer.id)
    await rota.set_fields(visit.id, state="covered", cover_name=offer.first_name, cover_circle=circle.name)
    await close_near(request.id, visit.id, filled=True)
    for other in await queries.offers(request.id):
        if other.id != offer.id and other.state == "live":
            await set_offer(other.id, "closed")
    around = await team_around(visit.person_id, visit.team_id, visit_worker=visit.worker_id)
    await tell(around, visit.id, "coming")
    await act.tell("cover.coming", "cover_request", request.id)


async def close_near(request_id: str, visit_id: str, *, filled: bool, but: str = "") -> None:
    """Our own workers who were asked and are not needed: those who offered are thanked for it, those who have not answered
    are told; a no was heard by nobody. Each may be asked anew. `but` is the one who comes."""
    offered, asked = [
        await fetch(
            "UPDATE near_ask SET answer = 'closed' WHERE request_id = ? AND answer = ? AND worker_id <> ? "
            "RETURNING worker_id",
            request_id, answer, but,
        )
        for answer in ("yes", "")
    ]  # fmt: skip
    await tell({row[0] for row in offered}, visit_id, "someone_else" if filled else "closed")
    await tell({row[0] for row in asked}, visit_id, "filled" if filled else "closed")


def new_machine(us: str, go_no_go_at: datetime, starts_at: datetime, ends_at: datetime) -> str:
    """The machine of a request that has just been opened, as it is stored."""
    state = wire.RequesterState(
        us=us, starts_at=wire_time(starts_at), ends_at=wire_time(ends_at), go_no_go_at=wire_time(go_no_go_at)
    )
    return msgspec.json.encode(state).decode()
