"""A worker's own offer to another circle: waiting, chosen, what to read, and how it went."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_federation.bodies import CoverRequested
from eccoo_federation.times import parse_time
from eccoo_node.cover import offering, queries, settling, sums
from eccoo_node.cover.queries import Mine
from eccoo_node.cover.shown import stored
from eccoo_node.escrow import queries as money
from eccoo_node.escrow import sharing
from eccoo_node.escrow.sharing import Terms
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.links import ending
from eccoo_node.links import queries as links
from eccoo_node.rota import say
from eccoo_node.rota.web import Went, around, reader_of, second_question, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect


class ComingController(Controller):
    async def _mine(self, request: AnyRequest, offer_id: str) -> Mine:
        mine = await queries.mine(offer_id)
        actor = actor_of(request)
        settles = mine.state == "too_late" and access.may(actor, "cover.let_go", mine.thing)
        rings = (mine.unsure or mine.spoken_at) and not mine.told and access.may(actor, "cover.spoken_away", mine.thing)
        if not settles and not rings and not access.may(actor, "cover.see_mine", mine.thing):
            raise NotFound("This one has closed.", "offer_closed")
        return mine

    @get("/coming/{offer_id:str}", opt={"action": "cover.see_mine"})
    async def coming(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        """(q, r, t) Whatever holds now."""
        mine = await self._mine(request, offer_id)
        may_let_go = access.may(actor_of(request), "cover.let_go", mine.thing)
        own = access.may(actor_of(request), "cover.see_mine", mine.thing)
        may_write = mine.state == "too_late" and access.may(
            actor_of(request), "cover.resolve_away", await sums.thing_away(mine)
        )
        return await show(
            request,
            "cover/coming.html",
            may_let_go=may_let_go,
            may_write=may_write,
            own=own,
            **await self._coming(mine),
        )

    async def _coming(self, mine: Mine) -> dict[str, Any]:
        now, circle = clock.now(), await links.circle(mine.link_id)
        asked = stored((await queries.open_request(mine.open_request_id)).body, CoverRequested)
        reply_by = parse_time(asked.reply_by)
        terms = Terms(mine.fee_pence, mine.travel_pence, worker_deduct_bps=mine.worker_deduct_bps)
        home = sharing.shares(terms, mine.fee_pence).worker_pence + mine.travel_pence
        told = mine.told or {}
        line = await money.line(f"away:{mine.id}") if mine.state == "settled" else None
        state = msgspec.json.decode(mine.machine)
        return {
            "mine": mine, "told": told, "their_circle": circle, "when": clock.say_when(mine.starts_at, mine.ends_at, clock.zone()),
            "day": say.of_day(mine.starts_at, now), "on_day": say.on_day(mine.starts_at, now),
            "hear_by": say.by_time(reply_by if reply_by > now else mine.go_no_go_at, now),
            "take_home": pounds(home), "begun": mine.starts_at <= now, "not_chosen": state.get("phase") == "declined",
            "let_go": state.get("let_go", False) or (mine.state == "closed" and state.get("disputed", False)),
            "differs": state.get("disputed", False) and not state.get("agreed"),
            "called": told.get("called") or f"someone in {mine.area}",
            "settled": pounds(line.worker_pence) if line else "",
            "linked_anew": mine.state == "too_late" and await links.superseded_at(mine.link_id) is not None,
            "gone": mine.state == "too_late" and await ending.gone_since(mine.link_id) is not None,
        }  # fmt: skip

    @post("/coming/{offer_id:str}/take-back", opt={"action": "cover.take_back"})
    async def take_back(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        await self._mine(request, offer_id)
        await offering.take_back(actor_of(request), offer_id=offer_id)
        return redirect(request, "/week", reader_of(request).read_back("Your offer is taken back."))

    @post("/coming/{offer_id:str}/read", opt={"action": "cover.read"})
    async def read(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        await self._mine(request, offer_id)
        await offering.read_and_coming(actor_of(request), offer_id=offer_id)
        return redirect(request, f"/coming/{offer_id}", "Thank you. They know that you are coming.")

    @get("/coming/{offer_id:str}/cant-come", opt={"action": "cover.cant_after_all"})
    async def sure(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine = await self._mine(request, offer_id)
        if mine.state not in {"offered", "preparing", "coming"}:
            return redirect(request, f"/coming/{offer_id}")
        return await show(request, "cover/cant_after_all.html", **await self._coming(mine))

    @post("/coming/{offer_id:str}/cant-come", opt={"action": "cover.cant_after_all"})
    async def cant(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine = await self._mine(request, offer_id)
        await offering.cant_after_all(actor_of(request), offer_id=offer_id)
        circle = await links.circle(mine.link_id)
        ring = f" Is it today? Please also ring {circle.name}, {circle.phone}." if circle.phone else ""
        return redirect(
            request, "/week", reader_of(request).read_back(f"They have been told, and look for someone else.{ring}")
        )

    @post("/coming/{offer_id:str}/let-go", opt={"action": "cover.let_go"})
    async def let_go(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        actor, mine = actor_of(request), await queries.mine(offer_id)
        if not access.may(actor, "cover.let_go", mine.thing):
            raise NotFound("This one has closed.", "offer_closed")
        await settling.let_go(actor, offer_id=offer_id)
        return redirect(request, "/home", f"Written down. {mine.called} is told that nothing is paid.")

    @get("/coming/{offer_id:str}/went", opt={"action": "cover.say_away"})
    async def how_it_went(
        self, request: AnyRequest, offer_id: FromPath[str], said: FromQuery[str] = ""
    ) -> Response[Any]:
        """(s) How did it go?"""
        mine = await self._mine(request, offer_id)
        if mine.state != "coming":
            return redirect(request, f"/coming/{offer_id}")
        return await show(request, "rota/went.html", **self._went(mine, said))

    def _went(self, mine: Mine, said: str) -> dict[str, Any]:
        told = mine.told or {}
        return {
            "called": told.get("called") or f"someone in {mine.area}", "day": say.on_day(mine.starts_at, clock.now()),
            "when": clock.say_when(mine.starts_at, mine.ends_at, clock.zone()), "path": f"/coming/{mine.id}/went",
            "back": f"/coming/{mine.id}", "said": said, "number": told.get("phone", ""),
            "length": clock.minutes_between(mine.starts_at, mine.ends_at), "early": clock.now() < mine.starts_at,
            "their": {"called": told.get("ring_called", ""), "phone": told.get("ring", "")},
        }  # fmt: skip

    @post("/coming/{offer_id:str}/went", opt={"action": "cover.say_away"})
    async def went(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine = await self._mine(request, offer_id)
        said = second_question(request, "shorter", "no_answer")
        try:
            form = read_form(request, Went)
            if form.answer in {"shorter", "no_answer"} and not form.asked:
                return redirect(request, f"/coming/{offer_id}/went?said={form.answer}")
            await offering.say_how_it_went(
                actor_of(request), offer_id=offer_id, answer=form.answer, minutes=form.minutes
            )
        except (FormError, Invalid) as error:
            context = self._went(mine, said) | await around(request)
            return form_error(request, "rota/went.html", error, **context)
        return redirect(
            request,
            "/home",
            reader_of(request).read_back("Thank you. They are asked too, and then the money is yours."),
        )
