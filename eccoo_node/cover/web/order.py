"""In which order other circles are asked: choosing it, asking the others sooner, asking nobody else."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.cover import queries, waves
from eccoo_node.cover.plans import WAITS, Plan, hours_of, read_plan
from eccoo_node.cover.queries import Request
from eccoo_node.cover.web.choice import may_ask
from eccoo_node.cover.web.look import seen_by
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Invalid
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

_WAIT_WORDS = {
    0: "until the next news", 30: "half an hour", 60: "one hour", 120: "two hours", 240: "four hours", 720: "half a day",
}  # fmt: skip
_NOBODY = "Choose at least one circle to ask."


class Order(msgspec.Struct):
    """Of each circle "link=wave"; wave 0 is not at all."""

    order: list[str] = []
    wait: int = 0
    SAY: ClassVar[dict[str, str]] = {"wait": "Choose how long to wait."}


async def plan_of(found: Request, visit: Visit, text: str, wait: int) -> Plan:
    """The order that was chosen, as far as it can be had; without one, what is agreed already or usual."""
    left = [circle.id for circle in await waves.left_to_ask(found.id)]
    chosen = read_plan(text, wait).only(left) if text else await waves.proposed(found, visit)
    return chosen if chosen.all else await waves.proposed(found, visit)


def said(plan: Plan, names: dict[str, str], times: list[datetime], now: datetime, *, again: bool) -> list[str]:
    """ "First Todmorden circle." "If nobody offers by 6pm, also Sowerby circle and Halifax circle." """
    waves_ = [say.names(names[link] for link in wave) for wave in plan.waves]
    lines = [f"{'Now' if again else 'First'} {waves_[0]}."] if waves_[0] else []
    for wave, at in zip(waves_[1:], times, strict=True):
        still = "still nobody offers" if len(lines) > 1 else "nobody offers"
        lines.append(f"If {still} by {say.by_time(at, now)}, also {wave}.")
    return lines


async def later_words(found: Request, names: dict[str, str], now: datetime) -> list[str]:
    """What is still to come, as the page of the search says it."""
    later, lines = await queries.ask_later(found.id), []
    for wave in sorted({one.wave for one in later}):
        of = [one for one in later if one.wave == wave]
        called = say.names(names.get(one.link_id, "another circle") for one in of)
        if of[0].goes_at > now:
            lines.append(f"If nobody offers by {say.by_time(of[0].goes_at, now)}, we also ask {called}.")
        else:
            lines.append(f"We also ask {called} if nobody offers any more.")
    return lines


class OrderController(Controller):
    @get("/cover/{request_id:str}/order", opt={"action": "cover.ask_further"})
    async def choose(
        self, request: AnyRequest, request_id: FromPath[str], plan: FromQuery[str] = "", wait: FromQuery[str] = ""
    ) -> Response[Any]:
        found, visit, _ = await seen_by(actor_of(request), request_id)
        visit, instead = await may_ask(request, visit.id)
        if instead is not None:
            return instead
        if found.state != "asking" or not await waves.left_to_ask(found.id):
            return redirect(request, f"/cover/{request_id}")
        chosen = await plan_of(found, visit, plan, int(wait) if wait.isdecimal() and len(wait) < 5 else 0)
        return await show(request, "cover/order.html", visit.person_id, **await self._order(found, visit, chosen))

    async def _order(self, found: Request, visit: Visit, plan: Plan) -> dict[str, Any]:
        number = {link: n for n, wave in enumerate(plan.waves, 1) for link in wave}
        left = await waves.left_to_ask(found.id)
        left.sort(key=lambda circle: number.get(circle.id, 9))
        first = "Now" if found.further else "First"
        return {
            "search": found, "visit": visit, "wait": str(plan.wait_minutes),
            "circles": [(circle.id, circle.name, number.get(circle.id, 0)) for circle in left],
            "places": [(1, first), (2, "Next"), (3, "Last"), (0, "Don’t ask them")],
            "waits": [(str(minutes), say.first(_WAIT_WORDS[minutes])) for minutes in WAITS],
        }  # fmt: skip

    @post("/cover/{request_id:str}/order", opt={"action": "cover.ask_further"})
    async def chosen(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        """Nothing is asked yet: the page that comes shows what the yes will mean."""
        found, visit, _ = await seen_by(actor_of(request), request_id)
        visit, instead = await may_ask(request, visit.id)
        if instead is not None:
            return instead
        form = read_form(request, Order)
        places = dict(line.rpartition("=")[::2] for line in form.order)
        left = [circle.id for circle in await waves.left_to_ask(found.id)]
        asked = [tuple(link for link in left if places.get(link) == str(n)) for n in (1, 2, 3)]
        if not found.further:
            asked = [wave for wave in asked if wave]
        plan = Plan(tuple(asked or ((),)), form.wait if form.wait in WAITS else 0).only(left)
        try:
            if not plan.all:
                raise Invalid(_NOBODY, "nothing_chosen", field="order")
            hours_of(plan, clock.now(), visit.starts_at, clock.zone())
        except Invalid as error:
            context = await self._order(found, visit, plan) | await around(request, visit.person_id)
            return form_error(request, "cover/order.html", error, **context)
        return redirect(request, f"/cover/{request_id}/further?plan={plan.written()}&wait={plan.wait_minutes}")

    @post("/cover/{request_id:str}/hurry", opt={"action": "cover.hurry"})
    async def hurry(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        await seen_by(actor, request_id)
        await waves.hurry(actor, request_id=request_id)
        return redirect(request, f"/cover/{request_id}", reader_of(request).read_back("They are asked now."))

    @post("/cover/{request_id:str}/stop-asking", opt={"action": "cover.stop_asking"})
    async def stop(self, request: AnyRequest, request_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        await seen_by(actor, request_id)
        await waves.stop_asking(actor, request_id=request_id)
        notice = "Nobody else is asked. Those who know may still offer."
        return redirect(request, f"/cover/{request_id}", reader_of(request).read_back(notice))
