"""What other circles ask for, and offering to come."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_federation.bodies import CoverRequested
from eccoo_node.cover import lists, offering, queries, speaking
from eccoo_node.cover import say as words
from eccoo_node.cover.queries import Open
from eccoo_node.cover.shown import stored
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import sharing
from eccoo_node.escrow.sharing import Terms
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.kernel.money import parse_pounds, pounds, price_pence
from eccoo_node.links import queries as links
from eccoo_node.links.queries import KnownCircle
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.members.cards import WorkerCard
from eccoo_node.pools import queries as pools
from eccoo_node.rota import say
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect


class OwnOffer(msgspec.Struct):
    own_words: str = ""
    rate: str = ""


def typed_rate(pence: int) -> str:
    """A rate as it is typed: "20", "17.50"."""
    return pounds(pence).removeprefix("£")


def asked_by_name(opened: Open, mine: set[tuple[str, str]]) -> bool:
    """Whether somebody there asks for this very worker, who is known there by these names."""
    return any((opened.link_id, ref) in mine for ref in stored(opened.body, CoverRequested).invited)


async def _terms(circle: KnownCircle, asked: CoverRequested, fee_pence: int, travel_pence: int = 0) -> Terms:
    """What a visit there would be agreed at: at whose shares the two circles have agreed."""
    held = asked.schedule if circle.schedule == "asking" else await escrow.schedule_now()
    return Terms(fee_pence, travel_pence, held.payer_add_bps, held.worker_deduct_bps, True, circle.home_share_bps)


class RequestController(Controller):
    @get("/requests", opt={"action": "cover.see_open"})
    async def requests(self, request: AnyRequest) -> Response[Any]:
        actor, reader, now = actor_of(request), reader_of(request), clock.now()
        access.requires(actor, "cover.see_open", access.Thing("open_request"))
        opened = await queries.open_requests(now)
        fits = (
            opened
            if actor.wears("facilitator") and not actor.acting_for
            else await lists.fitting(reader.id, opened, now)
        )
        names = {c.id: c.name for c in await links.circles()}
        mine = await queries.mine_of(reader.id, "offered", "preparing", "coming")
        answered, mine_are = {m.open_request_id for m in mine}, await pools.names_of(reader.id)
        cards = [
            {"path": f"/requests/{o.id}", "state": ("waiting", "asks for you") if asked_by_name(o, mine_are) else None,
             "title": f"{o.area}, {clock.say_when(o.starts_at, o.ends_at, clock.zone())}",
             "words": f"{names.get(o.link_id, 'Another circle')}. {pounds(stored(o.body, CoverRequested).fee_pence)} for the visit."}
            for o in fits if o.id not in answered
        ]  # fmt: skip
        offered = [
            {"path": f"/coming/{m.id}", "title": f"{m.area}, {clock.say_when(m.starts_at, m.ends_at, clock.zone())}",
             "state": ("certain", "you are coming") if m.state == "coming" else ("waiting", "you offered")}
            for m in mine
        ]  # fmt: skip
        works = await workers.worker(reader.id) is not None
        return await show(request, "cover/requests.html", cards=cards, offered=offered, works=works)

    async def _open(self, request: AnyRequest, open_id: str) -> tuple[Open, Page | None]:
        """The request, for those it fits and those who run the circle; and where to go when one has offered already."""
        actor, reader = actor_of(request), reader_of(request)
        access.requires(actor, "cover.see_open", access.Thing("open_request"))
        found = await queries.open_request(open_id)
        for mine in await queries.mine_for(open_id):
            if mine.worker_id == reader.id and mine.state != "taken_back":
                return found, redirect(request, f"/coming/{mine.id}")
        if not (actor.wears("facilitator") and not actor.acting_for) and not await lists.fitting(
            reader.id, [found], clock.now()
        ):
            raise NotFound("This one has closed.", "request_closed")
        return found, None

    @get("/requests/{open_id:str}", opt={"action": "cover.see_open"})
    async def one(self, request: AnyRequest, open_id: FromPath[str]) -> Response[Any]:
        """(p) What is asked, as it came: no name, no address."""
        found, instead = await self._open(request, open_id)
        return instead or await show(request, "cover/request.html", **await self._one(request, found))

    async def _one(self, request: AnyRequest, found: Open) -> dict[str, Any]:
        now, reader = clock.now(), reader_of(request)
        question = words.question(stored(found.body, CoverRequested), now)
        circle, card = await links.circle(found.link_id), await workers.worker(reader.id)
        by = question.reply_by if question.reply_by > now else found.go_no_go_at
        asked = stored(found.body, CoverRequested)
        given = sharing.shares(await _terms(circle, asked, question.fee_pence), question.fee_pence)
        mine_are = await pools.names_of(reader.id)
        helps, mine = access.may(actor_of(request), "cover.say_nobody", found.thing), await queries.mine_for(found.id)
        return {
            "by_name": asked_by_name(found, mine_are),
            "open": found, "question": question, "circle_named": circle.name, "card": card, "hear_by": say.by_time(by, now),
            "is_open": found.state == "open" and found.starts_at > now,
            "helps": helps,
            "ours": [(m.called, f"/coming/{m.id}/by-phone") for m in mine if helps and speaking.may_speak(m)],
            "may_say_nobody": helps and not any(m.state in {"offered", "preparing", "coming"} for m in mine),
            "money": f"You would take home {pounds(given.worker_pence)} of the {pounds(question.fee_pence)}.",
            **await self._own(found, circle, asked, card),
        }  # fmt: skip

    async def _own(
        self, found: Open, circle: KnownCircle, asked: CoverRequested, card: WorkerCard | None
    ) -> dict[str, Any]:
        if card is None:
            return {"own": "", "gives": ""}
        fee = price_pence(card.rate_pence, clock.minutes_between(found.starts_at, found.ends_at))
        terms = await _terms(circle, asked, fee, card.travel_pence)
        late = sharing.called_off_late(terms, asked.cancellation.pay_bps)
        yours = words.yours(
            sharing.shares(terms, fee, card.travel_pence), late, asked.cancellation.notice_hours, "the two circles"
        )
        return {"own": f"At your own {pounds(card.rate_pence)} an hour it comes to {pounds(fee)}. {yours}"}

    @post("/requests/{open_id:str}/nobody", opt={"action": "cover.say_nobody"})
    async def nobody(self, request: AnyRequest, open_id: FromPath[str]) -> Response[Any]:
        await offering.say_nobody(actor_of(request), open_request_id=open_id)
        return redirect(request, "/requests", "They know, and can ask others.")

    @get("/requests/{open_id:str}/offer", opt={"action": "cover.offer"})
    async def form(self, request: AnyRequest, open_id: FromPath[str]) -> Response[Any]:
        """(q) Own words, own rate, and what will be shown."""
        found, instead = await self._open(request, open_id)
        if instead is not None:
            return instead
        context = await self._offer(request, found)
        card = context["card"]
        values = {"own_words": card.words, "rate": typed_rate(card.rate_pence)}
        return await show(request, "cover/offering.html", values=values, **context)

    async def _offer(self, request: AnyRequest, found: Open) -> dict[str, Any]:
        context = await self._one(request, found)
        card: WorkerCard | None = context["card"]
        if card is None:
            raise NotFound("This one has closed.", "request_closed")
        picture = "my picture, " if (await members.face(card.person_id)) else ""
        own = request.scope["eccoo"].site.circle.name  # type: ignore[typeddict-item]
        said = (
            f"{context['circle_named']} shows the person my first name, {picture}my words and rate, and that I speak "
            f"{words.languages(card.languages)}. {own} says which of my papers it has seen."
        )
        return context | {"said": said}

    @post("/requests/{open_id:str}/offer", opt={"action": "cover.offer"})
    async def offer(self, request: AnyRequest, open_id: FromPath[str]) -> Response[Any]:
        found, instead = await self._open(request, open_id)
        if instead is not None:
            return instead
        actor, reader = actor_of(request), reader_of(request)
        context = await self._offer(request, found)
        try:
            form = read_form(request, OwnOffer)
            offer_id = await offering.offer(
                actor, open_request_id=open_id, worker_id=reader.id, own_words=form.own_words,
                rate_pence=parse_pounds(form.rate, field="rate"), words=context["said"],
            )  # fmt: skip
        except (FormError, Invalid) as error:
            return form_error(request, "cover/offering.html", error, **context, **await around(request))
        return redirect(request, f"/coming/{offer_id}", reader.read_back("Your offer is on its way."))
