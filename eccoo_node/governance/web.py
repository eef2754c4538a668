"""The pages of what the circle has decided: for everyone to read, for its record-keepers to add to."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.governance import actions, queries, rules
from eccoo_node.governance.forms import DecisionForm
from eccoo_node.governance.queries import Decision
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members.say import say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render


def _card(one: Decision) -> dict[str, Any]:
    today = clock.now().astimezone(clock.zone()).date()
    return {
        "path": f"/decisions/{one.id}",
        "title": one.title,
        "words": f"Decided on {say_date(one.decided_on)} by {one.decided_by}",
        "state": ("open", "To be looked at again") if one.due(today) else None,
    }


class DecisionsController(Controller):
    """Whoever belongs to the circle reads; `governance.record` writes."""

    include_in_schema = False

    @get("/decisions", opt={"action": "governance.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What the circle has decided, newest first."""
        actor = actor_of(request)
        found = await queries.decisions(actor)
        return render(
            request, "governance/list.html", cards=[_card(one) for one in found], may_record=rules.keeps_record(actor)
        )

    @get("/decisions/new", opt={"action": "governance.record"})
    async def about_recording(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "governance.record", Thing("decision"))
        return render(request, "governance/new.html")

    @post("/decisions/new", opt={"action": "governance.record"})
    async def record(self, request: AnyRequest) -> Response[Any]:
        actor = actor_of(request)
        access.requires(actor, "governance.record", Thing("decision"))
        try:
            form = read_form(request, DecisionForm)
            made = await actions.record_decision(
                actor,
                words=form.words,
                decided_by=form.decided_by,
                decided_on=form.decided_on,
                review_on=form.review_on,
            )
        except (FormError, Invalid) as error:
            return form_error(request, "governance/new.html", error)
        return redirect(request, f"/decisions/{made}", "The decision is written down.")

    @get("/decisions/{decision_id:str}", opt={"action": "governance.see"})
    async def show(self, request: AnyRequest, decision_id: FromPath[str]) -> Response[Any]:
        one = await queries.decision(actor_of(request), decision_id)
        rows = [
            ("Decided", say_date(one.decided_on)),
            ("By", one.decided_by),
            ("Looked at again", say_date(one.review_on)),
            ("Written down", clock.say_day(one.recorded_at, clock.zone())),
        ]
        return render(request, "governance/decision.html", paragraphs=one.words.split("\n"), rows=rows)


CONTROLLERS = [DecisionsController]
