"""Where two circles write down the sum that both came to for one visit: at the one that asked, and at the worker's."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_federation import cover as wire
from eccoo_node.cover import queries, settling, sums
from eccoo_node.cover import say_sums as words
from eccoo_node.cover.queries import Mine, Request
from eccoo_node.cover.say_sums import Told
from eccoo_node.cover.sums import Step
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.links import ending
from eccoo_node.links import queries as links
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect

PAGE = "cover/between.html"


class SumForm(msgspec.Struct):
    fee: str = ""
    travel: str = ""
    words: str = ""


class PartForm(msgspec.Struct):
    interest: str = ""


def read_sums(request: AnyRequest) -> tuple[int, int, str]:
    """The two sums, and by whom they were agreed. Raises FormError, Invalid."""
    form = read_form(request, SumForm)
    fee = parse_pounds(form.fee, field="fee")
    travel = parse_pounds(form.travel, field="travel") if form.travel.strip() else 0
    if not form.words.strip():
        raise Invalid("Write who agreed to it, and when.", "no_reason", field="words")
    return fee, travel, form.words.strip()


def facts(
    steps: list[Step],
    told: Told,
    claim: wire.Claimed,
    reason: str,
    *,
    here: bool,
    writes: bool,
    said_at: datetime | None,
    gone: bool,
) -> dict[str, Any]:
    """What both pages show. `gone`: no node of theirs will ever write anything, so what is written here counts alone."""
    differs, agreed = words.newest(steps, "differs"), words.newest(steps, "agreed")
    ours, theirs = words.newest(steps, "ours"), words.newest(steps, "theirs")
    (kind, stands), same = words.stands(steps, told), words.same(steps)
    sure = differs.fee_pence if differs else 0
    told = msgspec.structs.replace(told, alone=gone and not same)
    timeline = [
        {"at": words.day(one.at), "words": words.step(one, told, claim, reason, here=here),
         "said": one.words if one.kind == "ours" else ""}
        for one in steps
    ]  # fmt: skip
    if said_at:
        claimed = {"at": words.day(said_at), "words": f"{told.worker} said: {words.claimed(claim)}.", "said": ""}
        timeline = [claimed, *timeline]
    title = "What did both circles come to?" if writes else "Part of the money is in question"
    came_to = words.sums(agreed.fee_pence, agreed.travel_pence) if agreed else ""
    done = f"{came_to} is written down" if gone else f"Both circles came to {came_to}"
    if gone:
        title = "What is paid for this visit?"
    against = f"{told.person if here else told.circle} says", words.differs(claim, sure, reason, told.minutes)
    return {
        "gone": gone, "title": done if agreed else title, "claim": claim, "told": told,
        "agreed": agreed, "steps": timeline, "writes": writes and not agreed,
        "rows": [(f"{told.worker} says", words.claimed(claim)),
                 against if differs else ("", ""),
                 ("We wrote", words.sums(ours.fee_pence, ours.travel_pence) if ours else ""),
                 (f"{told.circle} wrote", words.sums(theirs.fee_pence, theirs.travel_pence) if theirs else "")],
        "kind": kind, "stands": stands if writes or same else "", "same": same, "waits": bool(ours) and not theirs,
        "fee": pounds(theirs.fee_pence).removeprefix("£") if theirs else "",
        "travel": pounds(theirs.travel_pence).removeprefix("£") if theirs else "",
    }  # fmt: skip


def requires_sight(actor: Actor, action: str, thing: Thing, nothing: NotFound) -> None:
    """Raises `nothing`, as where there is no such thing; to a facilitator who has a part in it, Forbidden with the reason."""
    if not access.may(actor, action, thing):
        if actor.wears("facilitator"):
            access.requires(actor, action, thing)
        raise nothing


def closed() -> NotFound:
    """As for an offer that is not there."""
    return NotFound("This one has closed.", "offer_closed")


class BetweenController(Controller):
    include_in_schema = False

    async def _here(self, request: AnyRequest, visit_id: str) -> tuple[Visit, Request, Thing]:
        visit, found = await rota.visit(visit_id), await queries.request_for(visit_id)
        if found is None:
            raise NotFound()
        thing = await sums.thing_here(visit, found.id)
        requires_sight(actor_of(request), "cover.see_sum", thing, NotFound())
        return visit, found, thing

    async def _of_visit(self, request: AnyRequest, visit: Visit, found: Request, thing: Thing) -> dict[str, Any]:
        state = msgspec.json.decode(found.machine, type=wire.RequesterState)
        steps = await sums.steps(found.id)
        if not steps or state.claim is None or state.dispute is None:
            raise NotFound()
        offer = await queries.offer(found.chosen_offer)
        circle = await links.circle(offer.link_id)
        path, said = f"/visits/{visit.id}/between", await rota.said(visit.id)
        spoken = said["person"].minutes if "person" in said else 0
        told = Told(offer.first_name, visit.person_called, circle.name, spoken)
        writes = access.may(actor_of(request), "cover.resolve", thing)
        return {
            "alone": said["person"].words if writes and "person" in said else "",
            "path": path, "back": (f"/visits/{visit.id}", "The visit"), "their_circle": circle,
            "whose": f"{offer.first_name} of {circle.name}, {say.when(visit)}",
            **facts(steps, told, state.claim, state.dispute.reason, here=True, writes=writes,
                    gone=await ending.gone_since(offer.link_id) is not None,
                    said_at=said["worker"].said_at if "worker" in said else None),
        }  # fmt: skip

    @get("/visits/{visit_id:str}/between", opt={"action": "cover.see_sum"})
    async def here(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """What did both circles come to?"""
        visit, found, thing = await self._here(request, visit_id)
        return await show(request, PAGE, visit.person_id, **await self._of_visit(request, visit, found, thing))

    @post("/visits/{visit_id:str}/between", opt={"action": "cover.resolve"})
    async def write_here(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, found, thing = await self._here(request, visit_id)
        access.requires(actor_of(request), "cover.resolve", thing)
        try:
            fee, travel, why = read_sums(request)
            await settling.resolve(
                actor_of(request), request_id=found.id, fee_pence=fee, travel_pence=travel, words=why
            )
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, error, await self._of_visit(request, visit, found, thing), visit)
        return self._written(request, f"/visits/{visit_id}/between", await sums.steps(found.id))

    @post("/visits/{visit_id:str}/between/aside", opt={"action": "cover.step_aside"})
    async def aside_here(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, found, thing = await self._here(request, visit_id)
        try:
            form = read_form(request, PartForm)
            await settling.step_aside(actor_of(request), request_id=found.id, words=form.interest)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, error, await self._of_visit(request, visit, found, thing), visit)
        return redirect(request, "/home", "Thank you. Someone else sees to it.")

    async def _away(self, request: AnyRequest, offer_id: str) -> tuple[Mine, Thing]:
        mine = await queries.mine(offer_id)
        thing = await sums.thing_away(mine)
        requires_sight(actor_of(request), "cover.see_sum_away", thing, closed())
        return mine, thing

    async def _of_offer(self, request: AnyRequest, mine: Mine, thing: Thing) -> dict[str, Any]:
        state = msgspec.json.decode(mine.machine, type=wire.OffererState)
        steps = await sums.steps(mine.id)
        gone = await ending.gone_since(mine.link_id) is not None
        if state.claim is None or state.let_go or not (steps or gone):
            raise closed()
        circle = await links.circle(mine.link_id)
        own = actor_of(request).person_id == mine.worker_id
        return {
            "path": f"/coming/{mine.id}/between", "their_circle": circle,
            "back": (f"/coming/{mine.id}", "The visit") if own else ("/home", "Today"),
            "whose": f"{mine.called} in {mine.area}, {clock.say_when(mine.starts_at, mine.ends_at, clock.zone())}",
            **facts(steps, Told(mine.called, "", circle.name), state.claim, "", here=False, gone=gone,
                    writes=access.may(actor_of(request), "cover.resolve_away", thing),
                    said_at=await sums.claimed_at(mine)),
        }  # fmt: skip

    @get("/coming/{offer_id:str}/between", opt={"action": "cover.see_sum_away"})
    async def away(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        """The same at the circle whose worker came."""
        mine, thing = await self._away(request, offer_id)
        return await show(request, PAGE, **await self._of_offer(request, mine, thing))

    @post("/coming/{offer_id:str}/between", opt={"action": "cover.resolve_away"})
    async def write_away(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine, thing = await self._away(request, offer_id)
        access.requires(actor_of(request), "cover.resolve_away", thing)
        try:
            fee, travel, why = read_sums(request)
            await settling.resolve_away(
                actor_of(request), offer_id=offer_id, fee_pence=fee, travel_pence=travel, words=why
            )
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, error, await self._of_offer(request, mine, thing))
        return self._written(request, f"/coming/{offer_id}/between", await sums.steps(mine.id))

    @post("/coming/{offer_id:str}/between/aside", opt={"action": "cover.step_aside_away"})
    async def aside_away(self, request: AnyRequest, offer_id: FromPath[str]) -> Response[Any]:
        mine, thing = await self._away(request, offer_id)
        try:
            form = read_form(request, PartForm)
            await settling.step_aside_away(actor_of(request), offer_id=offer_id, words=form.interest)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, error, await self._of_offer(request, mine, thing))
        return redirect(request, "/home", "Thank you. Someone else sees to it.")

    async def _again(
        self, request: AnyRequest, error: FormError | Invalid | Conflict, context: dict[str, Any],
        visit: Visit | None = None,
    ) -> Page:  # fmt: skip
        return form_error(request, PAGE, error, **context | await around(request, visit.person_id if visit else ""))

    def _written(self, request: AnyRequest, path: str, steps: list[Step]) -> Response[Any]:
        done, theirs = words.newest(steps, "agreed"), words.newest(steps, "theirs")
        told = "Written down. The other circle reads it."
        if done:
            told = "Both circles have written the same. It is settled." if theirs else "Written down. It is settled."
        return redirect(request, path, told)
