"""The doors of the side that asks: someone can't come, and the person chooses what happens next."""

from collections.abc import Collection
from datetime import timedelta
from typing import Literal

from eccoo_federation import cover as wire
from eccoo_federation import limits
from eccoo_federation.times import parse_time
from eccoo_node.agreements.actions import give_consent
from eccoo_node.cover import owing, queries, waves
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.machine import (
    ask_full_again,
    close_near,
    hold_for,
    look_again,
    new_machine,
    set_offer,
    set_request,
    step,
)
from eccoo_node.cover.near import candidates, offer_from_home
from eccoo_node.cover.plans import Plan
from eccoo_node.cover.queries import Offer, Request
from eccoo_node.cover.rules import hours
from eccoo_node.cover.seen import refuse_gone
from eccoo_node.cover.shown import confirm_by, open_question
from eccoo_node.cover.tables import CoverRequest, NearAsk
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert, insert_once
from eccoo_node.escrow import queries as money
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import held, identity, letters
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.pools import queries as pools
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as rota_queries
from eccoo_node.rota.paying import more_is_needed
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.telling import team_around, tell

# What became of a choice: done, the payer is asked first, or the person themselves has chosen otherwise.
Outcome = Literal["done", "wants_payer", "differs"]
CLOSED = "This one has closed."
A_MOMENT = timedelta(seconds=1)


async def differs(act: Act, visit: Visit, request: Request | None) -> bool:
    """Whether the person's own "no" stands against someone who speaks for them. A facilitator is told, not the relative
    overruled in silence."""
    if not act.actor.acting_for or act.actor.via in {"phone", "paper"}:
        return False
    own = False
    if request and request.state == "ended" and request.ended_reason in {"not_needed", "moved"}:
        own = request.ended_by == visit.person_id or request.ended_for == visit.person_id
    if own:
        await tell({f.person_id for f in await members.facilitators()}, visit.id, "differ", about=act.actor.person_id)
        await act.tell("cover.differs", "visit", visit.id, speaker=act.actor.person_id)
    return own


@door("cover.ask")
async def ask(act: Act, *, visit_id: str, worker_ids: list[str], by_wish: bool = False) -> Outcome:
    """Ask our own people first: these workers, or those of the person's standing wish, in its order.

    A second press asks nobody twice. Raises Conflict when there is no gap, Invalid when nobody is named although
    someone could be; where none of our own fits, the search begins without them.
    """
    visit = await rota_queries.lock_visit(visit_id)
    act.allow(await rota_queries.thing_of(visit))
    request = await queries.request_for(visit_id)
    if await differs(act, visit, request):
        return "differs"
    if visit.state != "gap" or visit.starts_at <= clock.now():
        raise Conflict("This visit does not need anyone just now.", "no_gap")
    fitting = {c.person_id: c for c in await candidates(visit)}
    if by_wish:
        wish = await members.standing_wish(visit.person_id)
        worker_ids = [w for w in wish.ask_first if w in fitting] if wish else []
    elif not worker_ids and fitting:
        raise Invalid("Choose at least one person to ask.", "nothing_chosen", field="workers")
    if any(worker_id not in fitting for worker_id in worker_ids):
        raise Invalid("Someone you chose can’t be asked for this visit.", "does_not_fit", field="workers")
    if request is None or not request.live:
        request = await _open(act, visit, by_wish=by_wish)
    for worker_id in worker_ids:
        row = NearAsk(request_id=request.id, worker_id=worker_id, asked_at=clock.now())
        # Asked once, unless the asking was closed since because someone else was to come.
        asked = await insert_once(row) or await fetch(
            "UPDATE near_ask SET answer = '', asked_at = ? WHERE request_id = ? AND worker_id = ? AND answer = 'closed' "
            "RETURNING id",
            clock.now(), request.id, worker_id,
        )  # fmt: skip
        if asked:
            await tell({worker_id}, visit.id, "asked")
    act.about(request.id)
    await act.tell("cover.asked", "cover_request", request.id, visit=visit.id)
    return "done"


async def _open(act: Act, visit: Visit, *, by_wish: bool) -> Request:
    named = hours(clock.now(), visit.starts_at, clock.zone())
    row = CoverRequest(
        visit_id=visit.id, person_id=visit.person_id, asked_by=act.actor.person_id, asked_for=act.actor.acting_for,
        asked_via=act.actor.via, by_wish=by_wish, next_news_at=named.next_news_at, go_no_go_at=named.go_no_go_at,
        machine=new_machine(identity.current().node_id, named.go_no_go_at, visit.starts_at, visit.ends_at),
        created_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    await jobs.add("cover.news", str(row.id), run_at=named.next_news_at, request=str(row.id))
    await jobs.add("cover.sure", str(row.id), run_at=named.go_no_go_at, request=str(row.id))
    await jobs.add("cover.over", str(row.id), run_at=visit.ends_at, request=str(row.id))
    lapses_at = visit.ends_at + limits.CLAIM_WITHIN + timedelta(minutes=1)
    await jobs.add("cover.unclaimed", str(row.id), run_at=lapses_at, request=str(row.id))
    return await queries.request(str(row.id))


@door("cover.answer_near")
async def answer_near(act: Act, *, ask_id: str, yes: bool) -> None:
    """One of our own workers says whether they can come. A yes is an offer at their own rate; a no is shown to nobody."""
    ask_row = await queries.near_ask(ask_id)
    act.allow(Thing("near_ask", ask_id, worker_id=ask_row.worker_id))
    request = await queries.lock_request(ask_row.request_id)
    ask_row = await queries.near_ask(ask_id)
    if not request.live or ask_row.answer == "closed":
        raise Conflict(CLOSED, "request_closed")
    if ask_row.answer:
        return
    await fetch(
        "UPDATE near_ask SET answer = ?, answered_at = ? WHERE id = ?", "yes" if yes else "no", clock.now(), ask_id
    )
    visit = await rota_queries.visit(request.visit_id)
    choosers = {request.person_id, *await members.speakers_for(request.person_id, "choose_who_comes")}
    if yes:
        await offer_from_home(request, visit, ask_row.worker_id)
        await tell(choosers, visit.id, "offer")
    elif all(n.answer in {"no", "closed"} for n in await queries.near_asks(request.id)):
        await tell(choosers, visit.id, "nobody_near")
    await act.tell("cover.answered", "cover_request", request.id, visit=visit.id)


@door("cover.ask_further")
async def ask_further(
    act: Act, *, request_id: str, words: str, plan: Plan | None = None, invited: Collection[str] = ()
) -> Outcome:
    """Ask linked circles, with one more yes. They see the outward postcode, time, coded facts and fee; nothing more.

    `words` is what the person was shown and said yes to. `plan` says who is asked at once and who later; without one
    everyone is asked at once. `invited` are workers of their pools who are asked by name. A second press asks nobody twice.
    """
    request = await queries.lock_request(request_id)
    visit = await rota_queries.lock_visit(request.visit_id)
    act.allow(await rota_queries.thing_of(visit))
    if await differs(act, visit, request):
        return "differs"
    if request.state != "asking":
        raise Conflict("Someone is being asked already.", "request_closed")
    if request.further and not await waves.left_to_ask(request.id):
        return "done"
    plan, later = await waves.agreed(request, visit, plan)
    circles = [circle for circle in await waves.left_to_ask(request.id) if circle.id in plan.all]
    if not act.actor.is_node():
        await give_consent(
            act.actor, person_id=visit.person_id, kind="cover.ask_further", words=words, subject_kind="cover_request",
            subject_id=request.id, scope="ask_for_cover",
        )  # fmt: skip
    person, codes = await members.person(visit.person_id), await members.care_facts(visit.person_id)
    named = hours(clock.now(), visit.starts_at, clock.zone())
    schedule, by_name = await money.schedule_now(), await pools.references(invited)
    await waves.begin(request.id, later)
    for circle in circles:
        ref = await letters.reference(circle.id, visit.person_id, request.id)
        body = open_question(
            visit, person.outward, codes, schedule, named, ref, clock.zone(), by_name.get(circle.id, ())
        )
        await waves.put(act, request.id, circle.id, ref, body, plan, later.get(circle.id))
    await set_request(request.id, further=True, next_news_at=named.next_news_at)
    await jobs.cancel("cover.news", request.id)
    await jobs.add("cover.news", request.id, run_at=named.next_news_at, request=request.id)
    await act.tell("cover.asked_further", "cover_request", request.id)
    return "done"


@door("cover.choose")
async def choose(act: Act, *, offer_id: str, words: str) -> Outcome:
    """Say yes to one offer. If it costs more than was agreed, or more than is paid in, the payer's yes comes first.

    The first yes counts; a later one finds that someone is coming. Raises Conflict for an offer that has closed.
    """
    request = await queries.lock_request((await queries.offer(offer_id)).request_id)
    visit = await rota_queries.lock_visit(request.visit_id)
    thing = await rota_queries.thing_of(visit, payer=True)
    act.allow(thing)
    if await differs(act, visit, request):
        return "differs"
    offer = await queries.offer(offer_id)
    if request.chosen_offer == offer_id and request.state in {"telling", "coming", "wants_payer"}:
        return "wants_payer" if request.state == "wants_payer" else "done"
    if request.state not in {"asking", "wants_payer"}:
        raise Conflict("Someone is coming already.", "someone_is_coming")
    if offer.state != "live" or offer.hold_until <= clock.now():
        raise Conflict(CLOSED, "offer_closed")
    await _refuse_closed(offer)
    if not act.actor.is_node():
        await give_consent(
            act.actor, person_id=visit.person_id, kind="cover.choose", words=words, subject_kind="cover_offer",
            subject_id=offer.id, scope="choose_who_comes",
        )  # fmt: skip
    aside = await aside_pence(visit)
    # What waits for the run of its week is agreed already, at the price it was planned at.
    agreed = aside or (await money.schedules()).at(visit.agreed_at).price(visit.fee_pence, visit.travel_pence)
    dearer = offer.total_pence > agreed and not act.actor.speaks_as(thing.payer_id, "money")
    if dearer or await more_is_needed(visit.person_id, offer.total_pence, aside):
        await set_request(request.id, state="wants_payer", chosen_offer=offer.id)
        await tell({thing.payer_id} if thing.payer_id else set(), visit.id, "costs_more", about=offer.id)
        return "wants_payer"
    await _take(act, request, visit, offer)
    return "done"


async def _refuse_closed(offer: Offer) -> None:
    """Raises Conflict where their papers are gone or their circle can't be asked now. Days may lie between two yeses.

    Locks the link after the request and its visit: choices on one link see each other's money, and no pause between.
    """
    if offer.link_id:
        await held.lock_link(offer.link_id)
        if await links.may_cross(offer.link_id, "out", "cover.request") is not None:
            raise Conflict(
                "Their circle can’t be asked at the moment. Please choose someone else, or wait.", "link_closed"
            )
    await refuse_gone(offer)


async def aside_pence(visit: Visit) -> int:
    """What is set aside for the visit now, with what is added for the payer."""
    found = await money.find(visit.line) if visit.line else None
    return found.held_pence if found else 0


@door("cover.pay_more")
async def pay_more(act: Act, *, offer_id: str, words: str) -> Outcome:
    """The payer's yes to what the chosen offer costs. Raises Conflict("not_enough") while the credit is short."""
    request = await queries.lock_request((await queries.offer(offer_id)).request_id)
    visit = await rota_queries.lock_visit(request.visit_id)
    thing = await rota_queries.thing_of(visit, payer=True)
    act.allow(thing)
    offer = await queries.offer(offer_id)
    if request.chosen_offer != offer_id or request.state != "wants_payer":
        if request.chosen_offer == offer_id:
            return "done"
        raise Conflict(CLOSED, "offer_closed")
    if offer.state != "live" or offer.hold_until <= clock.now():
        raise Conflict(CLOSED, "offer_closed")
    await _refuse_closed(offer)
    if await more_is_needed(visit.person_id, offer.total_pence, await aside_pence(visit)):
        raise Conflict("There is not enough paid in for this yet.", "not_enough")
    await give_consent(
        act.actor, person_id=thing.payer_id, kind="cover.pay_more", words=words, subject_kind="cover_offer",
        subject_id=offer.id, scope="money",
    )  # fmt: skip
    await _take(act, request, visit, offer)
    return "done"


async def _take(act: Act, request: Request, visit: Visit, offer: Offer) -> None:
    await set_offer(offer.id, "chosen")
    await set_request(request.id, chosen_offer=offer.id, state="telling")
    if offer.worker_id is None:
        if past := await owing.past_limit(offer.link_id):
            raise Conflict(past, "credit_limit")
        by = confirm_by(clock.now(), visit.starts_at)
        await step(act, await queries.request(request.id), wire.AwardOffer(offer.link_id, offer.id, by))
        # An award may still be confirmed within the second that it names.
        await jobs.add(
            "cover.confirm_by",
            f"{offer.id}:{clock.now().timestamp()}",
            run_at=parse_time(by) + A_MOMENT,
            request=request.id,
        )
        return
    await workers.lock_worker(offer.worker_id)
    span = [offer.worker_id], visit.starts_at, visit.ends_at
    if await rota_queries.busy(*span) or await queries.busy_away(*span):
        raise Conflict("They have been asked elsewhere in the meantime.", "offer_closed")
    if not await hold_for(visit.id, offer, f"visit:{visit.id}:{offer.id[-12:]}"):
        raise Conflict("There is not enough paid in for this yet.", "not_enough")
    await step(act, await queries.request(request.id), wire.Cancel("not_needed"))
    await rota.set_fields(
        visit.id, state="planned", worker_id=offer.worker_id, rate_pence=offer.rate_pence,
        fee_pence=offer.fee_pence, travel_pence=offer.travel_pence, travel_minutes=0, miles=0,
        agreed_at=offer.received_at,
    )  # fmt: skip
    await _close(act, request, "filled", keep=offer.id)
    around = await team_around(visit.person_id, visit.team_id, visit_worker=offer.worker_id)
    await tell(around, visit.id, "coming")
    await act.tell("cover.coming", "cover_request", request.id)


@door("cover.end")
async def end(act: Act, *, visit_id: str, reason: Literal["not_needed", "moved"] = "not_needed") -> None:
    """The person does without, or has it another way: nobody is asked any more, and those who were asked are told.

    After a linked worker was sure to come, the agreed terms say what of the sum is theirs.
    """
    visit = await rota_queries.lock_visit(visit_id)
    act.allow(await rota_queries.thing_of(visit))
    rota.refuse_begun(visit.starts_at, comes=visit.state in {"planned", "covered"})
    request = await queries.request_for(visit_id)
    if request is None or not request.live:
        if visit.state in {"gap", "planned"}:
            await rota.do_without(act.actor, visit_id=visit_id)
            await _remember_no(act, visit, reason)
        return
    request = await queries.lock_request(request.id)
    # The visit still reads as a gap while the receipt of the certificate is under way.
    rota.refuse_begun(visit.starts_at, comes=request.committed)
    await call_off(act, request, reason)
    around = await team_around(visit.person_id, visit.team_id, visit_worker=visit.worker_id)
    await tell(around - {act.actor.person_id}, visit_id, "stopped")


async def call_off(act: Act, request: Request, reason: str) -> None:
    """Nobody is sought or comes any more, for a live request that is held against others. Inside a door."""
    state = await step(act, request, wire.Cancel(reason))
    await _close(act, request, reason, keep=request.chosen_offer if state.award else "")
    visit = await rota_queries.visit(request.visit_id)
    if visit.line and state.award is None:
        await rota.return_money(visit)
    await rota.set_fields(visit.id, state="stopped")
    await act.tell("cover.ended", "cover_request", request.id, reason=reason)


async def _remember_no(act: Act, visit: Visit, reason: str) -> None:
    """The person's own no is kept even where nobody had been asked, so that nobody asks over their head afterwards."""
    request = await _open(act, visit, by_wish=False)
    await _close(act, request, reason, keep="")


async def _close(act: Act, request: Request, reason: str, *, keep: str) -> None:
    await set_request(
        request.id, state="ended", ended_reason=reason, ended_by=act.actor.person_id, ended_for=act.actor.acting_for,
        unsure=False,
    )  # fmt: skip
    chosen = ""
    for offer in await queries.offers(request.id):
        if offer.id == keep:
            chosen = offer.worker_id or ""
        elif offer.state in {"live", "chosen"}:
            await set_offer(offer.id, "closed")
    await close_near(request.id, request.visit_id, filled=reason == "filled", but=chosen)
    for kind in ("cover.news", "cover.sure", "cover.over"):
        await jobs.cancel(kind, request.id)
    await waves.begin(request.id, {})


@door("cover.talk")
async def talk(act: Act, *, visit_id: str, about: Literal["talk", "another_time"], words: str = "") -> None:
    """The person would like to talk, or another time: a facilitator rings. The words are kept for them alone."""
    visit = await rota_queries.visit(visit_id)
    act.allow(await rota_queries.thing_of(visit))
    act.because(words)
    await tell({f.person_id for f in await members.facilitators()}, visit.id, about, about=act.actor.person_id)
    await act.tell("cover.talk", "visit", visit.id, about=about)


@door("cover.by_itself")
async def by_clock(act: Act, *, request_id: str, what: Literal["news", "tick", "lapse"]) -> None:
    """The hour named has come: there is news, even if it is that there is none; or the machine looks at the time.

    "lapse" comes when nobody may claim anything any more, also for a request that has ended.
    """
    request = await queries.lock_request(request_id)
    act.allow(Thing("cover_request", request_id, request.person_id))
    if what == "lapse":
        state = await step(act, request, wire.Tick())
        if state.phase == "ended" and (await queries.request(request_id)).live:
            await _close(act, request, "window_passed", keep="")
        return
    if not request.live:
        return
    if what == "tick":
        state = await step(act, request, wire.Tick())
        if state.phase == "ended":
            await _close(act, request, "window_passed", keep="")
        return
    await look_again(request.id)
    visit = await rota_queries.visit(request.visit_id)
    at = hours(clock.now(), visit.starts_at, clock.zone()).next_news_at
    if request.state == "asking" and clock.now() < visit.starts_at:
        choosers = {request.person_id, *await members.speakers_for(request.person_id, "ask_for_cover")}
        await tell(choosers, visit.id, "no_news")
        await ask_full_again(request)
        await set_request(request.id, next_news_at=at)
        await jobs.add("cover.news", f"{request.id}:{at.isoformat()}", run_at=at, request=request.id)
