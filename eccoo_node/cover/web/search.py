"""One search for someone else: whom we asked, what they said, and asking further away."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_federation.bodies import CoverRequested
from eccoo_node.cover import actions, queries, settling, waves
from eccoo_node.cover import say as words
from eccoo_node.cover.near import candidates
from eccoo_node.cover.plans import Plan
from eccoo_node.cover.queries import Offer, Request
from eccoo_node.cover.rules import hours
from eccoo_node.cover.shown import open_question, stored
from eccoo_node.cover.web.choice import contact_of, may_ask
from eccoo_node.cover.web.look import Numbers, circle_of, seen_by
from eccoo_node.cover.web.order import later_words, plan_of
from eccoo_node.cover.web.order import said as said_order
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.pools import queries as pools
from eccoo_node.pools import say as near_words
from eccoo_node.pools.rules import may_suit
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect

_WISH = "wish"
# As many as one may name, and as a page can hold.
NAMED_AT_MOST = 20


class AskFirst(msgspec.Struct):
    workers: list[str] = []


class Further(msgspec.Struct):
    invited: list[str] = []
    # The order in which they are asked, as the page showed it.
    plan: str = ""
    wait: int = 0
    # A digest of the sentences that were on the page, so that a yes is a yes to what was read.
    shown: str = ""


async def differs(request: AnyRequest, visit: Visit) -> Page:
    """The person has said otherwise: their own choice stands."""
    return await show(request, "cover/differs.html", visit.person_id, status=409, visit=visit)


def phase(search: Request, offers: list[Offer]) -> str:
    """Which of the page's faces shows now."""
    if search.state == "ended":
        return "ended"
    spoken = search.override_at is not None
    if search.unsure and not spoken:
        return "unsure"
    if search.state == "asking":
        return "offers" if offers else "asking"
    if search.state == "telling" and spoken:
        return "coming"
    return search.state


async def by_name(link_ids: list[str], visit: Visit, area: str, skills: Iterable[str]) -> list[tuple[Any, ...]]:
    """Workers of these circles who let us see them and whom the visit may suit, as one ticks them."""
    now, zone = clock.now(), clock.zone()
    suits = [
        one
        for one in await pools.to_invite(link_ids)
        if may_suit(
            one.shown, area=area, skills=sorted(skills), starts_at=visit.starts_at, ends_at=visit.ends_at, zone=zone
        )
    ]
    return [
        (one.id, one.called, f"{near_words.line(one)} {say.first(near_words.as_of(one.read_at, now))}.", one)
        for one in suits[:NAMED_AT_MOST]
    ]


class SearchController(Controller):
    @get("/cover/ask", opt={"action": "cover.ask"})
    async def whom(self, request: AnyRequest, visit: FromQuery[str] = "") -> Response[Any]:
        """(h) Who shall we ask first?"""
        found, instead = await may_ask(request, visit)
        if instead is not None:
            return instead
        search = await queries.request_for(found.id)
        if found.state != "gap":
            return redirect(request, f"/visits/{found.id}")
        return await show(request, "cover/ask.html", found.person_id, **await self._whom(found, search))

    async def _whom(self, visit: Visit, search: Request | None) -> dict[str, Any]:
        near = await queries.near_asks(search.id) if search and search.live else []
        asked = {n.worker_id for n in near if n.answer != "closed"}
        people = [c for c in await candidates(visit) if c.person_id not in asked]
        wish = await members.standing_wish(visit.person_id)
        named = wish is not None and not asked and any(c.person_id in wish.ask_first for c in people)
        return {"visit": visit, "people": people, "wish": wish if named else None, "asked": search.id if search and asked else "",
                "faces": {c.person_id: PersonCard(c.person_id, c.called, face=c.face) for c in people}}  # fmt: skip

    @post("/cover/ask", opt={"action": "cover.ask"})
    async def ask(self, request: AnyRequest, visit: FromQuery[str] = "") -> Response[Any]:
        found, instead = await may_ask(request, visit)
        if instead is not None:
            return instead
        try:
            form = read_form(request, AskFirst)
            outcome = await actions.ask(
                actor_of(request), visit_id=found.id, by_wish=_WISH in form.workers,
                worker_ids=[w for w in form.workers if w != _WISH],
            )  # fmt: skip
        except (FormError, Invalid) as error:
            context = await self._whom(found, await queries.request_for(found.id))
            return form_error(request, "cover/ask.html", error, **context, **await around(request, found.person_id))
        if outcome == "differs":
            return await differs(request, found)
        search = await queries.request_for(found.id)
        return redirect(request, f"/cover/{search.id}" if search else f"/visits/{found.id}")

    @get("/cover/{request_id:str}", opt={"action": "cover.see"})
    async def search(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        """(i, k, m) How things stand, on one page."""
        actor = actor_of(request)
        found = await queries.request(request_id)
        visit = await rota.visit(found.visit_id)
        thing = await rota.thing_of(visit, payer=True)
        if not access.may(actor, "cover.see", thing):
            if found.chosen_offer and access.may(actor, "rota.see_money", thing):
                return redirect(request, f"/cover/offers/{found.chosen_offer}")
            raise NotFound()
        return await show(
            request, "cover/search.html", visit.person_id, **await self._stands(request, found, visit, thing)
        )

    async def _stands(self, request: AnyRequest, found: Request, visit: Visit, thing: Thing) -> dict[str, Any]:
        actor, now = actor_of(request), clock.now()
        offers = await queries.choosable(found.id)
        live = [o for o in offers if o.state == "live" and o.hold_until > now]
        near = await queries.near_asks(found.id)
        asked = await queries.asked_circles(found.id) if found.further else []
        later = await queries.ask_later(found.id) if found.further else []
        circles = {c.id: c for c in await links.circles()} if asked or any(o.link_id for o in offers) else {}
        chosen = next((o for o in offers if o.id == found.chosen_offer), None)
        waiting = [n.called for n in near if not n.answer]
        offered_from = {o.link_id for o in live}
        waiting += [
            circles[a.link_id].name for a in asked
            if not a.answer and a.link_id in circles and a.link_id not in offered_from
        ]  # fmt: skip
        full = [circles[a.link_id].name for a in asked if a.answer == queries.FULL and a.link_id in circles]
        people = await members.people({o.worker_id or "" for o in live} | {thing.payer_id})
        aside = await actions.aside_pence(visit)
        payer = people.get(thing.payer_id)
        return {
            "search": found, "visit": visit, "phase": phase(found, live), "offers": [
                {"path": f"/cover/{found.id}/offers/{o.id}", "title": o.first_name,
                 "words": f"{circles[o.link_id].name if o.link_id in circles else 'Our own circle'}, {words.beside(o.total_pence, aside)}",
                 "person": face_of(o, people)} for o in live
                if found.state == "asking" or (found.state == "wants_payer" and o.id != found.chosen_offer)],
            "waiting": say.names(waiting), "nobody": bool(near) and not waiting,
            "full": say.names(full), "full_one": len(full) == 1,
            "none_asked": not near and len(full) == len(asked),
            "chosen": chosen, "their_circle": await circle_of(request, chosen) if chosen else None,
            "ring": [Numbers(c.name, c.phone) for i, c in circles.items() if i in ({chosen.link_id} if chosen else offered_from)],
            "may_ask": access.may(actor, "cover.ask", thing),
            "may_further": bool({c.id for c in await links.askable("cover.request")} - {a.link_id for a in asked} - {a.link_id for a in later}),
            "later": await later_words(found, {i: c.name for i, c in circles.items()}, now) if found.state == "asking" else [],
            "may_pay": access.may(actor, "cover.pay_more", thing), "payer": payer.called if payer else "",
            # Whoever speaks for someone says yes to the cost under their own name, not under the banner.
            "pays_as_oneself": bool(actor.acting_for) and actor.via not in {"phone", "paper"} and actor.person_id == thing.payer_id,
            "next_news": say.by_time(found.next_news_at, now), "sure_by": say.by_time(found.go_no_go_at, now),
            "contact": await contact_of(visit) if visit.cannot_be_missed or found.unsure else None,
            "may_take": found.ended_reason == "claimed_late" and access.may(actor, "cover.take_after_all", thing),
            "may_override": access.may(actor, "cover.override", thing),
        }  # fmt: skip

    @get("/cover/{request_id:str}/further", opt={"action": "cover.ask_further"})
    async def further(
        self, request: AnyRequest, request_id: FromPath[str], plan: FromQuery[str] = "", wait: FromQuery[str] = ""
    ) -> Response[Any]:
        """(j) Exactly what linked circles will see."""
        found, visit, _ = await seen_by(actor_of(request), request_id)
        visit, instead = await may_ask(request, visit.id)
        if instead is not None:
            return instead
        if found.state != "asking" or (found.further and not await waves.left_to_ask(found.id)):
            return redirect(request, f"/cover/{request_id}")
        chosen = await plan_of(found, visit, plan, int(wait) if wait.isdecimal() and len(wait) < 5 else 0)
        return await show(
            request, "cover/further.html", visit.person_id, **await self._further(request, found, visit, chosen)
        )

    async def _further(self, request: AnyRequest, found: Request, visit: Visit, plan: Plan) -> dict[str, Any]:
        plan, later = await waves.agreed(found, visit, plan)
        left = await waves.left_to_ask(found.id)
        circles = [circle for circle in left if circle.id in plan.all]
        person, codes = await members.person(visit.person_id), await members.care_facts(visit.person_id)
        now, reader = clock.now(), reader_of(request)
        named = hours(now, visit.starts_at, clock.zone())
        # The same body that is sent, but for the reference that only the link knows.
        body = open_question(visit, person.outward, codes, await escrow.schedule_now(), named, "preview", clock.zone())
        question = words.question(stored(msgspec.json.encode(body).decode(), CoverRequested), now)
        whose = reader.your(visit.person_id, visit.person_called)
        not_shown = f"They do not see {whose} name or address."
        named_circles = say.names(c.name for c in circles)
        near = await by_name([c.id for c in circles], visit, person.outward, codes.skills)
        times = sorted(set(later.values()))
        order = said_order(plan, {c.id: c.name for c in circles}, times, now, again=found.further)
        order = order if later else []
        said = "\n".join([*order, question.words(named_circles, not_shown)])
        return {
            "search": found, "visit": visit, "circles": named_circles, "question": question, "not_shown": not_shown,
            "said": said, "shown": hashlib.sha256(said.encode()).hexdigest(), "one": len(circles) == 1, "near": near,
            "order": order, "several": len(left) > 1, "plan": plan.written(), "wait": plan.wait_minutes,
        }  # fmt: skip

    @post("/cover/{request_id:str}/further", opt={"action": "cover.ask_further"})
    async def ask_further(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        found, visit, _ = await seen_by(actor_of(request), request_id)
        visit, instead = await may_ask(request, visit.id)
        if instead is not None:
            return instead
        form = read_form(request, Further)
        if found.further and not await waves.left_to_ask(found.id):
            return redirect(request, f"/cover/{request_id}")
        plan = await plan_of(found, visit, form.plan, form.wait)
        context = await self._further(request, found, visit, plan)
        if form.shown != context["shown"]:
            error = {"": "What they will see has changed since you opened this page. Please read it again."}
            return form_error(request, "cover/further.html", error, **context, **await around(request, visit.person_id))
        named = say.names(option[1] for option in context["near"] if option[0] in form.invited)
        said = "\n".join([context["said"], *([f"Asked for by name: {named}"] if named else [])])
        actor = actor_of(request)
        try:
            outcome = await actions.ask_further(
                actor, request_id=request_id, words=said, plan=plan, invited=form.invited
            )
        except Invalid as error:
            return form_error(request, "cover/further.html", error, **context, **await around(request, visit.person_id))
        if outcome == "differs":
            return await differs(request, visit)
        reader = reader_of(request)
        done = "It is done in that order." if context["order"] else f"We’ve asked {context['circles']}."
        notice = reader.read_back(done) if reader.writes else ""
        return redirect(request, f"/cover/{request_id}", notice)

    @post("/cover/{request_id:str}/after-all", opt={"action": "cover.take_after_all"})
    async def after_all(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        await seen_by(actor, request_id)
        await settling.take_after_all(actor, request_id=request_id)
        return redirect(request, f"/cover/{request_id}", "Written down. The money is set aside again.")


class Shown(msgspec.Struct, frozen=True):
    """Someone who offers, as a dot shows them."""

    called: str
    id: str = ""
    face: str = ""
    face_path: str = ""


def face_of(offer: Offer, people: dict[str, PersonCard]) -> Shown:
    own = people.get(offer.worker_id or "")
    if own is not None:
        return Shown(offer.first_name, own.id, own.face)
    return Shown(offer.first_name, face_path=f"/cover/offers/{offer.id}/face" if offer.face else "")
