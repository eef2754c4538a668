"""The safeguarding lead's page: sums that wait until a day."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.disputes import pausing, say
from eccoo_node.disputes.forms import PauseForm, RenewForm
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.rota import say as rota_say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

LIST = "/money/waits"


def _whose(visit: Visit) -> str:
    return f"{visit.worker_called or 'Nobody'}, for {visit.person_called}: {rota_say.when(visit)}"


class WaitingController(Controller):
    """For the lead alone. Both sides read the neutral words and the day on the page of the visit's money."""

    include_in_schema = False

    @get("/money/waits", opt={"action": "safeguarding.look"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What waits now, and until when."""
        return await show(request, "disputes/waits.html", **await self._standing(request))

    async def _standing(self, request: AnyRequest) -> dict[str, Any]:
        found = await pausing.waiting(actor_of(request))
        rows = [
            {
                "id": one.id, "title": f"{pounds(one.amount_pence)}, {_whose(visit)}",
                "until": f"It is looked at again by {say.day(one.until_at)}.",
            }
            for one, visit in found
        ]  # fmt: skip
        return {"rows": rows, "neutral": say.rules.NEUTRAL}

    @get("/money/waits/new", opt={"action": "safeguarding.look"})
    async def about(self, request: AnyRequest, name: FromQuery[str] = "") -> Response[Any]:
        """Whose money, and which?"""
        return await show(request, "disputes/wait.html", **await self._choices(request, name))

    async def _choices(self, request: AnyRequest, name: str) -> dict[str, Any]:
        actor = actor_of(request)
        access.requires(actor, "safeguarding.look", Thing("pause"))
        found = await pausing.look(actor, name=name) if name.strip() else []
        lines = [(one.reference, f"{_whose(one.visit)}, up to {pounds(one.amount_pence)}") for one in found]
        return {"name": name, "lines": lines, "neutral": say.rules.NEUTRAL}

    @post("/money/waits/new", opt={"action": "safeguarding.pause"})
    async def pause(self, request: AnyRequest, name: FromQuery[str] = "") -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "safeguarding.pause", Thing("pause"))
        try:
            form = read_form(request, PauseForm)
            await pausing.pause(
                actor, line=form.line, amount_pence=parse_pounds(form.amount), until=form.until,
                spoke_up=form.spoke_up == "yes", worker_yes=form.worker_yes,
            )  # fmt: skip
        except (FormError, Invalid, Conflict) as error:
            context = await self._choices(request, name) | await around(request)
            return form_error(request, "disputes/wait.html", error, **context)
        return redirect(request, LIST, "It waits. Both sides read the same words and the day, and nothing else.")

    @post("/money/waits/{pause_id:str}/longer", opt={"action": "safeguarding.renew"})
    async def longer(self, request: AnyRequest, pause_id: FromPath[str]) -> Response[Any]:
        access.requires(actor_of(request), "safeguarding.renew", Thing("pause", pause_id))
        try:
            await pausing.renew(actor_of(request), pause_id=pause_id, until=read_form(request, RenewForm).until)
        except (FormError, Invalid, Conflict) as error:
            return form_error(
                request, "disputes/waits.html", error, **await self._standing(request) | await around(request)
            )
        return redirect(request, LIST, "It waits until the new day. Both sides read it.")

    @post("/money/waits/{pause_id:str}/end", opt={"action": "safeguarding.end"})
    async def end(self, request: AnyRequest, pause_id: FromPath[str]) -> Response[Any]:
        access.requires(actor_of(request), "safeguarding.end", Thing("pause", pause_id))
        await pausing.end(actor_of(request), pause_id=pause_id)
        return redirect(request, LIST, "It does not wait any more. Both sides read so.")
