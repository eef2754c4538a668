"""What the week costs: for whoever it is about, whoever speaks for them, and whoever pays."""

from datetime import date, timedelta
from typing import Any

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.cover import costs
from eccoo_node.cover.web.week import monday
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries as members
from eccoo_node.rota import say
from eccoo_node.rota.web import reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of

WEEK = timedelta(days=7)


class CostController(Controller):
    """This week and the next; an earlier one by itself."""

    @get("/weeks/{person_id:str}/cost", opt={"action": "rota.see_cost"})
    async def costs(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        actor, reader = actor_of(request), reader_of(request)
        thing = await costs.thing_for(person_id)
        if not access.may(actor, "rota.see_cost", thing):
            raise NotFound()
        this = clock.week_of(clock.now(), clock.zone())
        start = min(monday(request.query_params.get("from", "")), this)
        found = await costs.costs_of(actor, thing, [start] if start < this else [this, this + WEEK])
        called = (await members.person(person_id)).called
        return await show(
            request, "cover/costs.html", person_id, path=f"/weeks/{person_id}/cost",
            title="What this week costs" if start == this else "What that week cost",
            whose="" if reader.is_you(person_id) else f"{say.whose(called)} week", this=start == this,
            weeks=[(_named(week.monday, this), week) for week in found.weeks], to_pay_in=found.to_pay_in,
            pays=any(one.you for one in found.to_pay_in), before=start - WEEK, after=start + WEEK,
            no_mileage=f"Some visits are not paid for yet. {say.NO_MILEAGE}" if found.no_mileage else "",
        )  # fmt: skip


def _named(week: date, this: date) -> str:
    return "this week" if week == this else "next week" if week > this else "that week"
