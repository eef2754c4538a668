"""The doors of the side that offers: one of our workers comes to someone in another circle."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eccoo_federation import bodies, claims, limits
from eccoo_federation import cover as wire
from eccoo_federation.cover_types import OffererInput
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.agreements.actions import give_consent
from eccoo_node.cover import owing, queries, sums
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.near import who_fits
from eccoo_node.cover.queries import Mine, Open
from eccoo_node.cover.rules import called_off_at, slots
from eccoo_node.cover.shown import stored
from eccoo_node.cover.tables import MyOffer, WorkerSlot
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert, insert_once
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import queries as money
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import price_pence
from eccoo_node.links import identity, letters
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.pools import attesting
from eccoo_node.rota import queries as rota
from eccoo_node.rota.actions import refuse_begun
from eccoo_node.rota.rules import ASKED_AGAIN, check_said
from eccoo_node.rota.telling import tell

HIGHEST_RATE_PENCE = 20_000
# Times on the wire have whole seconds.
A_MOMENT = timedelta(minutes=1)


@door("cover.offer")
async def offer(act: Act, *, open_request_id: str, worker_id: str, own_words: str, rate_pence: int, words: str) -> str:
    """A worker offers to come, in their own words and at their own rate, agreeing to what is shown with the offer.

    `words` is the sentence they agreed to. Returns the offer's id; a second press gives the first one's.
    """
    asked = await queries.open_request(open_request_id)
    act.allow(Thing("open_request", asked.id, worker_id=worker_id, link_id=asked.link_id))
    for mine in await queries.mine_for(asked.id):
        if mine.worker_id == worker_id and mine.state not in {"taken_back", "closed"}:
            return mine.id
    if asked.state != "open" or asked.starts_at <= clock.now():
        raise Conflict("This one has closed.", "request_closed")
    if await links.may_cross(asked.link_id, "out", "cover.offer") is not None:
        raise Conflict("Nothing can be offered to this circle at the moment.", "link_closed")
    if not 0 < rate_pence <= HIGHEST_RATE_PENCE:
        raise Invalid("Write your rate for an hour, such as 20 or 17.50.", "bad_rate", field="rate")
    if len(own_words) > 600:
        raise Invalid("Please keep your words under 600 letters.", "too_long", field="own_words")
    if worker_id not in await who_fits(asked):
        raise Conflict("This visit does not fit your times, skills or checks any more.", "does_not_fit")
    if past := await owing.past_limit(asked.link_id):
        raise Conflict(past, "credit_limit")
    id_ = new_id()
    proofs = await attesting.lay_out(asked.link_id, id_, worker_id)
    body, terms = await _body(asked, id_, worker_id, own_words, rate_pence, proofs)
    consent = await give_consent(
        act.actor, person_id=worker_id, kind="cover.offer", words=words, subject_kind="my_offer", subject_id=id_
    )
    state = wire.OffererState(
        us=identity.current().node_id, peer=(await links.circle(asked.link_id)).node_id, link=asked.link_id,
        request=asked.ref, offer=id_, terms_hash=wire.terms_hash(terms), worker_ref=id_, hold_until=body.hold_until,
        go_no_go_at=wire_time(asked.go_no_go_at), starts_at=wire_time(asked.starts_at), ends_at=wire_time(asked.ends_at),
    )  # fmt: skip
    await insert(
        MyOffer(
            id=id_, open_request_id=asked.id, link_id=asked.link_id, worker_id=worker_id, words=own_words,
            rate_pence=rate_pence, fee_pence=body.fee_pence, travel_pence=body.travel_pence, consent_id=consent,
            body=msgspec.json.encode(body.as_wire()).decode(), worker_deduct_bps=terms.schedule.worker_deduct_bps,
            payer_add_bps=terms.schedule.payer_add_bps, home_share_bps=terms.home_share_bps,
            machine=msgspec.json.encode(state).decode(), created_at=clock.now(),
        )
    )  # fmt: skip
    await letters.send(asked.link_id, body.TYPE, asked.ref, body.as_wire())
    await jobs.add("cover.mine_sure", id_, run_at=asked.go_no_go_at, offer=id_)
    await jobs.add("cover.mine_over", id_, run_at=asked.ends_at, offer=id_)
    act.about(id_)
    await act.tell("cover.offered", "my_offer", id_)
    return id_


async def _body(
    asked: Open, id_: str, worker_id: str, own_words: str, rate_pence: int, proofs: dict[str, str]
) -> tuple[bodies.CoverOffered, wire.Terms]:
    card = await workers.worker(worker_id)
    if card is None:
        raise Conflict("This visit does not fit your times, skills or checks any more.", "does_not_fit")
    question = stored(asked.body, bodies.CoverRequested)
    circle, schedule = await links.circle(asked.link_id), await money.schedule_now()
    checks = await workers.checks_of(worker_id, clock.now())
    face = await members.face(worker_id)
    zone = clock.zone()
    body = bodies.CoverOffered(
        request=asked.ref,
        offer=id_,
        first_name=card.called,
        face=_face(face),
        own_words=own_words,
        languages=tuple(card.languages.split()),
        rate_pence_per_hour=rate_pence,
        fee_pence=price_pence(rate_pence, clock.minutes_between(asked.starts_at, asked.ends_at)),
        travel_pence=card.travel_pence,
        attested=tuple(
            bodies.Attested(
                kind=c.kind,
                seen_on=c.seen_at.astimezone(zone).date().isoformat(),
                expires_on=c.expires_at.astimezone(zone).date().isoformat() if c.expires_at else None,
                attestation=proofs.get(c.id),
            )
            for c in checks
        ),
        schedule=bodies.Schedule(worker_deduct_bps=schedule.worker_deduct_bps, payer_add_bps=schedule.payer_add_bps),
        hold_until=question.hold_until,
    )
    terms = wire.terms_of(question, body, schedule=circle.terms.schedule, home_share_bps=circle.home_share_bps)
    return body, terms


def _face(kept: tuple[str, str] | None) -> bodies.Face | None:
    return bodies.Face(media="image/webp", data=kept[1]) if kept else None


async def step(act: Act, mine: Mine, given: OffererInput) -> wire.OffererState:
    """Feed one input to the machine of a locked offer and carry out what follows, in the same transaction."""
    state = msgspec.json.decode(mine.machine, type=wire.OffererState)
    said = given.body if isinstance(given, wire.Incoming) else None
    if isinstance(given, wire.Incoming) and isinstance(said, bodies.CoverAwarded | bodies.CoverCommitted):
        ours = [
            msgspec.json.decode(m.machine, type=wire.OffererState) for m in await queries.mine_for(mine.open_request_id)
        ]
        given = msgspec.structs.replace(given, another_goes=wire.another_goes(ours, mine.id))
    done = wire.step(state, given, now=clock.now())
    await set_mine(mine.id, machine=msgspec.json.encode(done.state).decode(), n=done.state.n)
    await sums.heard_away(act, mine, given, state, done.state)
    if done.state.agreed is not None or done.state.phase in {"withdrawn", "declined"}:
        await finish(mine)
    for emit in done.emit:
        letter = emit.link, emit.type, emit.body["request"], emit.body
        if not (isinstance(given, wire.Resend) and await letters.refused_lately(*letter)):
            await letters.send(*letter)
    after = done.state
    for effect in done.effects:
        match effect:
            case wire.LockWorker():
                why = await _lock_worker(mine, sure=done.state.certificate is not None)
                after = await step(
                    act, await queries.mine(mine.id), wire.Availability(effect.n, not why, why or "not_free")
                )
            case wire.ReleaseWorker():
                await fetch("DELETE FROM worker_slot WHERE offer_id = ?", mine.id)
            case wire.BookVisit():
                await _book(act, mine, effect)
            case wire.ResendOffer():
                # Whoever asked to be forgotten offers nothing any more.
                if mine.body:
                    await letters.send(mine.link_id, "cover.offered", mine.ref, msgspec.json.decode(mine.body))
            case wire.RingAlarm() if mine.unsure and done.state == state:
                pass  # It has rung; what is said again, or pulled again, rings nobody twice.
            case wire.RingAlarm():
                await set_mine(mine.id, unsure=True)
                people = {mine.worker_id} | {f.person_id for f in await members.facilitators()}
                await tell(people, None, "not_sure_away", about=mine.id, path=f"/coming/{mine.id}")
            case wire.Tell():
                await _news(mine, effect.news)
            case _:
                raise AssertionError(f"unknown effect {effect}")
    if isinstance(said, bodies.CoverCancelled) and (state.phase, after.phase) == ("committed", "ended"):
        return await _claim_late_cancellation(act, mine, said)
    if isinstance(said, bodies.CoverCommitted) and mine.state == "too_late":
        # They take it after all, and what the worker said has just gone to them again.
        await set_mine(mine.id, state="said")
        await tell({mine.worker_id}, None, "taken_after_all_away", about=mine.id, path=f"/coming/{mine.id}")
    return after


async def finish(mine: Mine) -> None:
    """Nothing more will happen about this offer; the state is pulled on while another of ours is in the same request."""
    others = [one for one in await queries.mine_for(mine.open_request_id) if one.id != mine.id]
    if all(one.state in {"taken_back", "closed", "settled"} for one in others):
        await letters.finish(mine.link_id, mine.ref)


async def set_mine(offer_id: str, **values: object) -> None:
    """Change columns of one offer. Names come from our own code."""
    names = ", ".join(f'"{name}" = ?' for name in values)
    await fetch(f"UPDATE my_offer SET {names} WHERE id = ?", *values.values(), offer_id)
    if values.get("state") in {"closed", "taken_back", "settled"}:
        await attesting.put_away(offer_id)


async def _lock_worker(mine: Mine, *, sure: bool) -> Literal["", "not_free", "credit_limit"]:
    """Take every quarter hour of the visit, or none and why. The unique pair decides between two circles at one moment.

    Where it is sure, by a certificate that our node had forgotten, no sum that is owed stops it.
    """
    await workers.lock_worker(mine.worker_id)
    if not sure and await owing.past_limit(mine.link_id):
        return "credit_limit"
    if await rota.busy([mine.worker_id], mine.starts_at, mine.ends_at):
        return "not_free"
    for at in slots(mine.starts_at, mine.ends_at):
        if not await insert_once(WorkerSlot(worker_id=mine.worker_id, slot_at=at, offer_id=mine.id)):
            await fetch("DELETE FROM worker_slot WHERE offer_id = ?", mine.id)
            return "not_free"
    return ""


_STATES = {
    "prepared": ("preparing", ""),
    "coming": ("coming", "chosen"),
    "rescinded": ("offered", ""),
    "not_chosen": ("closed", "not_chosen"),
    "cancelled": ("closed", "cancelled_away"),
    "withdrawn": ("taken_back", ""),
    "unclaimed": ("closed", "unclaimed_away"),
}


async def _news(mine: Mine, news: str) -> None:
    if news not in _STATES:
        return
    state, told = _STATES[news]
    await set_mine(mine.id, state=state)
    if state in {"closed", "taken_back"}:
        await set_mine(mine.id, disclosure="", retain_until=None, unsure=False)
    if news == "unclaimed":
        await finish(mine)
    if state == "coming":
        await set_mine(mine.id, unsure=False)
        if mine.ends_at <= clock.now():
            await jobs.wake("cover.mine_over", mine.id, offer=mine.id)
    if state == "offered":
        await set_mine(mine.id, unsure=False, spoken_at=None)
    if told:
        await tell({mine.worker_id}, None, told, about=mine.id, path=f"/coming/{mine.id}")


@door("cover.take_back")
async def take_back(act: Act, *, offer_id: str) -> None:
    """The worker takes an offer back before anyone has chosen it. No reason, no mark."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state in {"offered", "preparing"}:
        await step(act, mine, wire.Withdraw())
    elif mine.state == "coming":
        raise Conflict("You are expected now. If you can’t come after all, say so on the visit’s page.", "is_coming")


@door("cover.say_nobody")
async def say_nobody(act: Act, *, open_request_id: str) -> None:
    """A facilitator knows that nobody here can come: whoever waits for us asks others the sooner. An offer may follow."""
    asked = await queries.open_request(open_request_id)
    act.allow(asked.thing)
    if asked.state != "open" or asked.starts_at <= clock.now():
        raise Conflict("This one has closed.", "request_closed")
    if any(one.state in {"offered", "preparing", "coming"} for one in await queries.mine_for(asked.id)):
        raise Conflict("Somebody of ours has offered to come.", "offered")
    nobody = bodies.CoverDeclined(request=asked.ref, reason="nobody")
    await letters.send(asked.link_id, nobody.TYPE, asked.ref, nobody.as_wire())
    await act.tell("cover.nobody", "open_request", asked.id)


@door("cover.read")
async def read_and_coming(act: Act, *, offer_id: str) -> None:
    """ "I've read this and I'm coming"."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state != "coming" or not mine.disclosure:
        raise Conflict("There is nothing to read yet. We are fetching it.", "not_yet")
    if mine.read_at is None:
        await set_mine(mine.id, read_at=clock.now())


@door("cover.cant_after_all")
async def cant_after_all(act: Act, *, offer_id: str) -> None:
    """The worker can't come after all: no reason, no mark; what they were told is deleted and cover opens again."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state in {"taken_back", "closed"}:
        return
    if mine.state not in {"offered", "preparing", "coming"}:
        raise Conflict("This visit has taken place. Say how it went instead.", "visit_over")
    refuse_begun(mine.starts_at, comes=mine.state == "coming")
    await step(act, mine, wire.Withdraw())
    await act.tell("cover.withdrew", "my_offer", mine.id)


@door("cover.say_away")
async def say_how_it_went(act: Act, *, offer_id: str, answer: str, minutes: int | None = None) -> None:
    """How a visit in another circle went. Both circles book the same sum once the person there has answered."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state in {"said", "settled"}:
        return
    if mine.state != "coming":
        raise Conflict("This visit is not waiting for you any more.", "visit_changed")
    if clock.now() < mine.starts_at:
        raise Conflict("You can say how it went once the visit has begun.", "too_early")
    length = clock.minutes_between(mine.starts_at, mine.ends_at)
    there = check_said(answer, minutes, length)
    fee = mine.fee_pence if there == length else price_pence(mine.rate_pence, there)
    travel = mine.travel_pence if there else 0
    await step(act, mine, wire.Claim(_claimed(mine, answer, there, fee, travel)))
    await set_mine(mine.id, state="said")
    await act.tell("cover.said", "my_offer", mine.id, answer=answer)


def _claimed(mine: Mine, outcome: str, minutes: int, fee: int, travel: int) -> wire.Claimed:
    due = claims.due_pence(fee, travel, mine.worker_deduct_bps, mine.payer_add_bps, mine.home_share_bps)
    return wire.Claimed(outcome, minutes, fee, travel, due)


async def _claim_late_cancellation(act: Act, mine: Mine, said: bodies.CoverCancelled) -> wire.OffererState:
    """The visit was called off later than agreed: the share that the terms name is claimed at once."""
    mine, at = await queries.mine(mine.id), called_off_at(parse_time(said.cancelled_at), clock.now())
    terms = stored((await queries.open_request(mine.open_request_id)).body, bodies.CoverRequested).cancellation
    fee = mine.fee_pence * terms.pay_bps // 10_000
    if fee and (mine.starts_at - at).total_seconds() < terms.notice_hours * 3600:
        return await step(act, mine, wire.Claim(_claimed(mine, "cancelled_late", 0, fee, 0)))
    await finish(mine)
    return msgspec.json.decode(mine.machine, type=wire.OffererState)


async def _book(act: Act, mine: Mine, effect: wire.BookVisit) -> None:
    """The other circle's yes: what they owe us, and through us our worker, enters the books of the worker's home."""
    if not effect.fee_pence + effect.travel_pence:
        # They did not go, as they said: there is nothing to write down.
        await set_mine(mine.id, state="closed", disclosure="", retain_until=None)
        return
    await escrow.owe_worker_from(
        NODE, mine.link_id, f"away:{mine.id}", mine.worker_id, effect.fee_pence, effect.travel_pence,
        payer_add_bps=mine.payer_add_bps, worker_deduct_bps=mine.worker_deduct_bps, home_share_bps=mine.home_share_bps,
        key=f"claim:{mine.id}:{effect.n}",
    )  # fmt: skip
    await set_mine(mine.id, state="settled")
    await tell({mine.worker_id}, None, "released_away", about=mine.id, path=f"/coming/{mine.id}")
    await act.tell("cover.booked", "my_offer", mine.id, link=mine.link_id, due_pence=effect.due_pence)


@door("cover.mine_by_itself")
async def by_clock(act: Act, *, offer_id: str) -> datetime | None:
    """The machine of an offer looks at the time. Returns when to look again, once the visit should be over."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state in {"offered", "preparing"}:
        await step(act, mine, wire.Tick())
        if (await queries.mine(offer_id)).state == mine.state and clock.now() >= mine.ends_at:
            # It ends within the second after its hour, or, where both circles spoke, once nobody may claim any more.
            return (mine.ends_at + limits.CLAIM_WITHIN if mine.spoken_at else clock.now()) + A_MOMENT
    elif mine.state == "coming" and clock.now() >= mine.ends_at:
        until = mine.ends_at + limits.CLAIM_WITHIN
        if clock.now() > until:
            await step(act, mine, wire.Tick())
            return None
        await tell({mine.worker_id}, None, "say_how_it_went_away", about=mine.id, path=f"/coming/{mine.id}")
        return mine.ends_at + ASKED_AGAIN if clock.now() < mine.ends_at + ASKED_AGAIN else until + A_MOMENT
    return None
