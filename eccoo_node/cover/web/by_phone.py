"""Two circles on the telephone: each page shows the words to read out, and takes those of the other."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.cover import queries, speaking
from eccoo_node.cover.queries import Mine, Request
from eccoo_node.cover.web.look import circle_of, seen_by
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.links import queries as links
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect


class Heard(msgspec.Struct):
    code: str = ""
    words: str = ""


class ByPhoneController(Controller):
    @get("/cover/{request_id:str}/override", opt={"action": "cover.override"})
    async def ring(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        found, visit, thing = await seen_by(actor_of(request), request_id)
        access.requires(actor_of(request), "cover.override", thing)
        return await show(request, "cover/override.html", visit.person_id, **await self._ring(request, found, visit))

    async def _ring(self, request: AnyRequest, found: Request, visit: Visit) -> dict[str, Any]:
        if not found.chosen_offer:
            raise NotFound()
        offer = await queries.offer(found.chosen_offer)
        if not offer.link_id:
            raise NotFound()
        ref = await speaking.reference(found, offer.link_id)
        return {
            "search": found, "visit": visit, "offer": offer, "their_circle": await circle_of(request, offer),
            "ours": await speaking.our_words(offer.link_id, ref, offer.id),
        }  # fmt: skip

    @post("/cover/{request_id:str}/override", opt={"action": "cover.override"})
    async def note(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        found, visit, _ = await seen_by(actor, request_id)
        try:
            form = read_form(request, Heard)
            await speaking.override(actor, request_id=request_id, code=form.code, words=form.words)
        except (FormError, Invalid) as error:
            context = await self._ring(request, found, visit) | await around(request, visit.person_id)
            return form_error(request, "cover/override.html", error, **context)
        return redirect(request, f"/cover/{request_id}", "Written down.")

    async def _mine(self, request: AnyRequest, offer_id: str) -> Mine:
        mine = await queries.mine(offer_id)
        if not access.may(actor_of(request), "cover.spoken_away", mine.thing):
            raise NotFound("This one has closed.", "offer_closed")
        return mine

    @get("/coming/{offer_id:str}/by-phone", opt={"action": "cover.spoken_away"})
    async def rung(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine = await self._mine(request, offer_id)
        if not speaking.may_speak(mine):
            return redirect(request, f"/coming/{offer_id}")
        return await show(request, "cover/by_phone.html", **await self._rung(mine))

    async def _rung(self, mine: Mine) -> dict[str, Any]:
        return {
            "mine": mine, "their_circle": await links.circle(mine.link_id),
            "ours": await speaking.our_words(mine.link_id, mine.ref, mine.id),
            "when": clock.say_when(mine.starts_at, mine.ends_at, clock.zone()),
            "on_day": say.on_day(mine.starts_at, clock.now()),
        }  # fmt: skip

    @post("/coming/{offer_id:str}/by-phone", opt={"action": "cover.spoken_away"})
    async def note_away(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine = await self._mine(request, offer_id)
        try:
            form = read_form(request, Heard)
            await speaking.spoken_away(actor_of(request), offer_id=offer_id, code=form.code, words=form.words)
        except (FormError, Invalid) as error:
            context = await self._rung(mine) | await around(request)
            return form_error(request, "cover/by_phone.html", error, **context)
        return redirect(request, f"/coming/{offer_id}", "Written down.")
