"""Letters about cover from linked circles, the answers to their questions, and the clock of both machines."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies, limits
from eccoo_federation import cover as wire
from eccoo_federation.errors import ProtocolError
from eccoo_federation.times import parse_time
from eccoo_node.cover import actions, disclosing, machine, offering, queries, settling
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.near import who_fits
from eccoo_node.cover.shown import stored
from eccoo_node.cover.tables import CoverOffer, OpenRequest
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert_once
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.words import plain
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.links.letters import Letter
from eccoo_node.pools import attesting
from eccoo_node.pools import queries as pools
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota.actions import LONGEST
from eccoo_node.rota.telling import tell

# A question that comes again so soon is no news to those who were told of it.
QUIET = timedelta(minutes=10)


@letters.handles("cover.requested")
async def hear_request(actor: Actor, letter: Letter) -> None:
    await take_request(actor, letter=letter)


@door("cover.hear_request")
async def take_request(act: Act, *, letter: Letter) -> None:
    """Another circle asks. The same question again opens it again for our workers; it never opens twice."""
    act.allow(Thing("open_request", link_id=letter.link_id))
    body = letter.read
    if not isinstance(body, bodies.CoverRequested):
        raise ProtocolError("bad_body")
    starts_at, ends_at = parse_time(body.starts_at), parse_time(body.ends_at)
    if ends_at - starts_at > LONGEST:
        # Every minute and every quarter of an hour of it would be counted, for each of our workers.
        raise ProtocolError("bad_body")
    if not await queries.has_room(letter.link_id, body.request, limits.OPEN_REQUESTS):
        # Each is told to people: a circle that asks without end would drown what others ask.
        raise ProtocolError("too_many")
    row = OpenRequest(
        link_id=letter.link_id, reference=body.request, body=msgspec.json.encode(letter.body).decode(), area=body.area,
        starts_at=starts_at, ends_at=ends_at,
        go_no_go_at=parse_time(body.go_no_go_at), received_at=clock.now(),
    )  # fmt: skip
    if not await insert_once(row):
        await fetch(
            "UPDATE open_request SET state = 'open' WHERE link_id = ? AND reference = ? AND starts_at > ?",
            letter.link_id, body.request, clock.now(),
        )  # fmt: skip
    found = await queries.open_by_ref(letter.link_id, body.request)
    if found is None:
        raise ProtocolError("unknown_subject")
    act.about(found.id)
    lately = await fetch(
        "SELECT person_id FROM told WHERE about_id = ? AND news IN ('asked_away', 'asked_by_name') AND at > ?",
        found.id,
        clock.now() - QUIET,
    )
    fits = await who_fits(found)
    fresh = fits - {row[0] for row in lately} - await queries.told_enough(letter.link_id)
    if not fits:
        # Whoever waits for us can ask others the sooner. The request stays open here, should somebody be free after all.
        nobody = bodies.CoverDeclined(request=body.request, reason="nobody")
        await letters.send(letter.link_id, nobody.TYPE, body.request, nobody.as_wire())
    # Who was named and can't come is told nothing, and nobody there learns that, or why.
    named = fresh & await pools.named(letter.link_id, body.invited)
    await tell(named, None, "asked_by_name", about=found.id, path=f"/requests/{found.id}")
    await tell(fresh - named, None, "asked_away", about=found.id, path=f"/requests/{found.id}")
    await jobs.add("cover.close_open", found.id, run_at=found.ends_at, open=found.id)


@events.on("letter.refused")
async def refused(happened: Happened) -> None:
    letter = happened.payload
    if (letter["type"], letter["code"]) == ("cover.requested", queries.FULL):
        await note_full(NODE, link_id=happened.subject_id, ref=letter["subject"])


@door("cover.note_full")
async def note_full(act: Act, *, link_id: str, ref: str) -> None:
    """A circle that we ask can take no more requests for now; the page says so, and it is asked again."""
    asked = await queries.asked_by_ref(link_id, ref)
    if asked is None:
        return
    act.allow(Thing("cover_request", asked.request_id))
    await fetch("UPDATE asked_circle SET answer = ? WHERE id = ? AND answer = ''", queries.FULL, asked.id)
    await machine.look_again(asked.request_id)


@letters.handles("cover.offered")
async def hear_offer(actor: Actor, letter: Letter) -> None:
    await take_offer(actor, letter=letter)


@door("cover.hear_offer")
async def take_offer(act: Act, *, letter: Letter) -> None:
    """Someone in another circle offers to come: kept as it came, with the terms that a yes would fix."""
    act.allow(Thing("cover_offer", link_id=letter.link_id))
    body = letter.read
    asked = await queries.asked_by_ref(letter.link_id, letter.body["request"])
    if asked is None or not asked.body or not isinstance(body, bodies.CoverOffered):
        raise ProtocolError("unknown_subject")
    request = await queries.lock_request(asked.request_id)
    await fetch("UPDATE asked_circle SET answer = '' WHERE id = ?", asked.id)
    circle = await links.circle(letter.link_id)
    question = stored(asked.body, bodies.CoverRequested)
    terms = wire.terms_of(question, body, schedule=circle.terms.schedule, home_share_bps=circle.home_share_bps)
    hash_ = wire.terms_hash(terms)
    # Their word for how long it stays good never outlasts the start of the visit.
    hold_until = min(parse_time(body.hold_until), parse_time(question.starts_at))
    fresh = await insert_once(
        CoverOffer(
            id=body.offer, request_id=request.id, link_id=letter.link_id, first_name=plain(body.first_name) or "Someone",
            face_media=body.face.media if body.face else "", face=body.face.data if body.face else "",
            words=plain(body.own_words), languages=" ".join(body.languages), rate_pence=body.rate_pence_per_hour,
            fee_pence=body.fee_pence, travel_pence=body.travel_pence,
            attested=msgspec.json.encode([a.as_wire() for a in body.attested]).decode(),
            worker_deduct_bps=terms.schedule.worker_deduct_bps, payer_add_bps=terms.schedule.payer_add_bps,
            home_share_bps=terms.home_share_bps, hold_until=hold_until, terms_hash=hash_,
            letter_id=letter.id, state="live" if request.live else "closed", received_at=clock.now(),
        )
    )  # fmt: skip
    if not fresh:
        known = await queries.offer(body.offer)
        if (known.request_id, known.link_id) != (request.id, letter.link_id):
            raise ProtocolError("unknown_subject")
        # It is kept already, with the letter in which it came first.
        await letters.forget(letter.link_id, letter.id)
    elif request.live:
        await attesting.note(letter.link_id, [a.attestation for a in body.attested if a.attestation], body.offer)
    state = await machine.step(act, request, wire.Incoming(letter.link_id, body, hash_))
    if not any(v.offer == body.offer and v.status in {"live", "refused"} for v in state.offers):
        await machine.set_offer(body.offer, "closed")
    act.about(body.offer)


@letters.handles("cover.confirmed", "cover.refused", "cover.withdrawn", "cover.acknowledged", "visit.claimed")
async def hear_for_asking(actor: Actor, letter: Letter) -> None:
    await take_for_asking(actor, letter=letter)


@door("cover.hear_answer")
async def take_for_asking(act: Act, *, letter: Letter) -> None:
    """What the offering circle says goes to the asking side's machine."""
    act.allow(Thing("cover_request", link_id=letter.link_id))
    asked = await queries.asked_by_ref(letter.link_id, letter.body["request"])
    if asked is None or await queries.is_anothers(letter.body.get("offer"), letter.link_id):
        raise ProtocolError("unknown_subject")
    request = await queries.lock_request(asked.request_id)
    state = await machine.step(act, request, wire.Incoming(letter.link_id, letter.read))
    for view in state.offers:
        if view.status == "withdrawn" and view.offer == letter.body.get("offer"):
            await machine.set_offer(view.offer, "taken_back")
            await machine.look_again(request.id)
    act.about(request.id)


@letters.handles("visit.resolved")
async def hear_resolved(actor: Actor, letter: Letter) -> None:
    """Either circle may say what both came to; whose machine it belongs to depends on who asked."""
    asking = await queries.asked_by_ref(letter.link_id, letter.body["request"])
    await (take_for_asking if asking else take_for_offering)(actor, letter=letter)


@letters.handles("cover.awarded", "cover.rescinded", "cover.committed", "visit.confirmed", "visit.disputed")
async def hear_for_offering(actor: Actor, letter: Letter) -> None:
    await take_for_offering(actor, letter=letter)


@door("cover.hear_award")
async def take_for_offering(act: Act, *, letter: Letter) -> None:
    """What the asking circle says about one of our offers goes to that offer's machine."""
    act.allow(Thing("my_offer", link_id=letter.link_id))
    opened = await queries.open_by_ref(letter.link_id, letter.body["request"])
    if opened:
        await queries.lock_open(opened.id)
    mine = await queries.mine_for(opened.id) if opened else []
    wanted = letter.body.get("offer") or letter.body.get("certificate", {}).get("offer")
    for one in mine:
        if one.id == wanted or (wanted is None and one.n == letter.body.get("n") and one.n):
            locked = await queries.lock_mine(one.id)
            if isinstance(letter.read, bodies.CoverCommitted):
                await letters.verify(letter.body["certificate"], letter.link_id)
            await offering.step(act, locked, wire.Incoming(letter.link_id, letter.read))
            act.about(one.id)
            return
    raise ProtocolError("unknown_subject")


@letters.handles("cover.declined")
async def hear_declined(actor: Actor, letter: Letter) -> None:
    await take_declined(actor, letter=letter)


@door("cover.hear_declined")
async def take_declined(act: Act, *, letter: Letter) -> None:
    """From the circle we asked: nobody there can come. From the circle that asks: an offer, or the whole of us, is not needed."""
    act.allow(Thing("open_request", link_id=letter.link_id))
    ref = letter.body["request"]
    asked = await queries.asked_by_ref(letter.link_id, ref)
    if asked:
        await fetch("UPDATE asked_circle SET answer = 'nobody' WHERE id = ?", asked.id)
        await machine.step(
            act, await queries.lock_request(asked.request_id), wire.Incoming(letter.link_id, letter.read)
        )
        await machine.look_again(asked.request_id)
        return
    opened = await queries.open_by_ref(letter.link_id, ref)
    if opened is None:
        raise ProtocolError("unknown_subject")
    offer_id = letter.body.get("offer")
    if offer_id is None or letter.body.get("reason") == "filled":
        await fetch("UPDATE open_request SET state = 'closed' WHERE id = ?", opened.id)
    for one in await queries.mine_for(opened.id):
        if offer_id in {None, one.id}:
            await offering.step(act, await queries.lock_mine(one.id), wire.Incoming(letter.link_id, letter.read))


@letters.handles("cover.cancelled")
async def hear_cancelled(actor: Actor, letter: Letter) -> None:
    await take_cancelled(actor, letter=letter)


@door("cover.hear_cancelled")
async def take_cancelled(act: Act, *, letter: Letter) -> None:
    """The other circle needs nobody any more. Called off late, our worker's agreed share is claimed at once."""
    act.allow(Thing("open_request", link_id=letter.link_id))
    opened = await queries.open_by_ref(letter.link_id, letter.body["request"])
    if opened is None:
        raise ProtocolError("unknown_subject")
    await fetch("UPDATE open_request SET state = 'closed' WHERE id = ?", opened.id)
    for one in await queries.mine_for(opened.id):
        await offering.step(act, await queries.lock_mine(one.id), wire.Incoming(letter.link_id, letter.read))


@letters.answers("requests", scopes=("honour",))
async def answer_state(actor: Actor, ref: str) -> dict[str, Any]:
    """Our whole signed state of one request, as the other side may see it."""
    asked = await queries.asked_by_ref(actor.link_id, ref)
    if asked:
        request = await queries.request(asked.request_id)
        state = msgspec.json.decode(request.machine, type=wire.RequesterState)
        return wire.requester_document(state, actor.link_id, now=clock.now(), sign=letters.sign)
    opened = await queries.open_by_ref(actor.link_id, ref)
    states = (
        [msgspec.json.decode(m.machine, type=wire.OffererState) for m in await queries.mine_for(opened.id)]
        if opened
        else []
    )
    return wire.offerer_document(states, now=clock.now(), sign=letters.sign)


@letters.pulled("requests")
async def read_state(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await take_state(actor, path=path, body=body)


@door("cover.hear_state")
async def take_state(act: Act, *, path: str, body: dict[str, Any]) -> None:
    """What the other side says holds now brings both sides together, whatever was lost on the way."""
    act.allow(Thing("cover_state", link_id=act.actor.link_id))
    await letters.verify(body, act.actor.link_id)
    ref = path.split("/")[1]
    asked = await queries.asked_by_ref(act.actor.link_id, ref)
    if asked:
        state = msgspec.json.decode((await queries.lock_request(asked.request_id)).machine, type=wire.RequesterState)
        for given in wire.reconcile(state, body):
            if isinstance(given, wire.Adopt):
                letters.verify_own(given.certificate)
            await machine.step(act, await queries.request(asked.request_id), given)
        return
    opened = await queries.open_by_ref(act.actor.link_id, ref)
    if opened:
        await queries.lock_open(opened.id)
    for one in await queries.mine_for(opened.id) if opened else []:
        mine = await queries.lock_mine(one.id)
        local = msgspec.json.decode(mine.machine, type=wire.OffererState)
        for given_ in wire.reconcile(local, body):
            if isinstance(given_, wire.Incoming) and isinstance(given_.body, bodies.CoverCommitted):
                await letters.verify(given_.body.certificate, act.actor.link_id)
            await offering.step(act, await queries.mine(mine.id), given_)


async def _clock_job(payload: dict[str, Any], what: str) -> None:
    await actions.by_clock(NODE, request_id=payload["request"], what=what)  # type: ignore[arg-type]


@jobs.job("cover.news")
async def _news_due(payload: dict[str, Any]) -> datetime | None:
    await _clock_job(payload, "news")
    return None


@jobs.job("cover.sure")
async def _sure_due(payload: dict[str, Any]) -> datetime | None:
    await _clock_job(payload, "tick")
    return None


@jobs.job("cover.over")
async def _over(payload: dict[str, Any]) -> datetime | None:
    await _clock_job(payload, "tick")
    return None


@jobs.job("cover.unclaimed")
async def _unclaimed(payload: dict[str, Any]) -> datetime | None:
    await _clock_job(payload, "lapse")
    return None


@jobs.job("cover.confirm_by")
async def _confirm_due(payload: dict[str, Any]) -> datetime | None:
    await _clock_job(payload, "tick")
    return None


@jobs.job("cover.mine_sure")
async def _mine_sure(payload: dict[str, Any]) -> datetime | None:
    await offering.by_clock(NODE, offer_id=payload["offer"])
    return None


@jobs.job("cover.mine_over")
async def _mine_over(payload: dict[str, Any]) -> datetime | None:
    return await offering.by_clock(NODE, offer_id=payload["offer"])


@jobs.job("cover.close_open")
async def _close_open(payload: dict[str, Any]) -> datetime | None:
    """Its hour is over. Where nobody of ours is in it, its state is not pulled any more."""
    async with write():
        if not await fetch("UPDATE open_request SET state = 'closed' WHERE id = ? RETURNING id", payload["open"]):
            return None
        opened = await queries.open_request(payload["open"])
        if all(one.state in {"taken_back", "closed", "settled"} for one in await queries.mine_for(opened.id)):
            await letters.finish(opened.link_id, opened.ref)
    return None


@jobs.job("cover.forget_in")
async def _forget_in(payload: dict[str, Any]) -> datetime | None:
    """The time to keep a name and an address is over."""
    async with write():
        await fetch("UPDATE my_offer SET disclosure = '', retain_until = NULL WHERE id = ?", payload["offer"])
    return None


@jobs.job("cover.forget_out")
async def _forget_out(payload: dict[str, Any]) -> datetime | None:
    async with write():
        await fetch("DELETE FROM disclosure_out WHERE id = ?", payload["row"])
    return None


__all__ = ["disclosing", "settling"]
