"""The pages of what the circle has decided: for everyone to read, for its record-keepers to add to."""

from datetime import datetime, time
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.governance import actions, queries, rules
from eccoo_node.governance.figures import FIGURES, Figure
from eccoo_node.governance.forms import DecisionForm, FigureForm
from eccoo_node.governance.queries import Decided, Decision
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.members.say import say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of


def _card(one: Decision) -> dict[str, Any]:
    today = clock.today()
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
        place = page_of(request.query_params)
        found = await queries.decisions(actor, skip=place.skip(queries.SHOWN))
        return render(
            request, "governance/list.html", cards=[_card(one) for one in found[: queries.SHOWN]], may_record=rules.keeps_record(actor),
            **place.links("/decisions", len(found) > queries.SHOWN),
        )  # fmt: skip

    @get("/decisions/new", opt={"action": "governance.record"})
    async def about_recording(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "governance.record", Thing("decision"))
        about = request.query_params.get("about", "")
        return render(
            request, "governance/new.html", **_subjects(), values={"about": about} if about in FIGURES else None
        )

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
                about=form.about,
            )
        except (FormError, Invalid) as error:
            return form_error(request, "governance/new.html", error, **_subjects())
        return redirect(request, f"/decisions/{made}", "The decision is written down.")

    @get("/decisions/{decision_id:str}", opt={"action": "governance.see"})
    async def show(self, request: AnyRequest, decision_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        one = await queries.decision(actor, decision_id)
        figure = FIGURES.get(one.about)
        # A number that limits whoever keeps the books is written down by somebody else than its decision.
        may_go_on = (
            figure and rules.decides_figures(actor) and not (figure.two_people and one.recorded_by == actor.person_id)
        )
        rows = [
            ("It is about", figure.title if figure else ""),
            ("Decided", say_date(one.decided_on)),
            ("By", one.decided_by),
            ("Looked at again", say_date(one.review_on)),
            (
                "Written down",
                clock.say_day(one.recorded_at, clock.zone()) + (f" by {one.recorder}" if one.recorder else ""),
            ),
        ]
        return render(
            request, "governance/decision.html", paragraphs=one.words.split("\n"), rows=rows,
            figure=figure, may_go_on=may_go_on,
        )  # fmt: skip


class FiguresController(Controller):
    """The numbers that the circle decided on: everyone reads them, `governance.decide_figure` writes."""

    include_in_schema = False

    @get("/decisions/numbers", opt={"action": "governance.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Each number as it stands, and what is to come of it."""
        actor = actor_of(request)
        found = [
            {
                "title": now.figure.title,
                "words": now.figure.words,
                "now": _told(now),
                "to_come": [_told(one) for one in to_come],
                "change": f"/decisions/numbers/{now.figure.name}",
            }
            for now, to_come in await queries.figures(actor)
        ]
        return render(request, "governance/numbers.html", found=found, may_change=rules.decides_figures(actor))

    @get("/decisions/numbers/{figure:str}", opt={"action": "governance.decide_figure"})
    async def about_deciding(self, request: AnyRequest, figure: FromPath[str]) -> Response[Any]:
        return render(request, "governance/number.html", **await _facts(request, figure))

    @post("/decisions/numbers/{figure:str}", opt={"action": "governance.decide_figure"})
    async def decide(self, request: AnyRequest, figure: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, figure)
        of: Figure = facts["figure"]
        try:
            form = read_form(request, FigureForm)
            if form.decision not in facts["offered"]:
                raise Invalid(FigureForm.SAY["decision"], "no_decision", field="decision")
            value = of.read(form.value)
            today = clock.today()
            starts = None if form.from_day == today else datetime.combine(form.from_day, time(), tzinfo=clock.zone())
            await actions.decide_figure(actor_of(request), of, value, decision_id=form.decision, valid_from=starts)
        except (FormError, Invalid) as error:
            return form_error(request, "governance/number.html", error, **facts)
        return redirect(request, "/decisions/numbers", f"It is written down: {of.say(value)}.")


def _told(one: Decided) -> dict[str, Any]:
    return {
        "value": one.figure.say(one.value),
        "from_day": say_date(one.valid_from.astimezone(clock.zone()).date()) if one.valid_from else "",
        "decision": f"/decisions/{one.decision_id}",
        "words": one.words,
        "wrote": f"{one.by or 'Somebody'} wrote the number down, {one.decision_by or 'somebody'} the decision.",
    }


def _subjects() -> dict[str, Any]:
    return {"subjects": [("", "None of these"), *((name, one.title) for name, one in FIGURES.items())]}


async def _facts(request: AnyRequest, name: str) -> dict[str, Any]:
    actor = actor_of(request)
    access.requires(actor, "governance.decide_figure", Thing("figure", name))
    if name not in FIGURES:
        raise NotFound("There is no such page.", "no_page")
    found = await queries.decisions(actor, about=name)
    own = {one.id for one in found if FIGURES[name].two_people and one.recorded_by == actor.person_id}
    return {
        "offered": {one.id for one in found},
        "own": bool(own),
        "told": [
            (f"Decided on {say_date(one.decided_on)} by {one.decided_by}; {one.recorder or 'somebody'} wrote it down", one.words)
            for one in found if one.id not in own
        ],
        "name": name,
        "figure": FIGURES[name],
        "choices": [("", "Choose"), *FIGURES[name].choices()],
        "decisions": [("", "Choose"), *((one.id, one.title) for one in found if one.id not in own)],
    }  # fmt: skip


CONTROLLERS = [DecisionsController, FiguresController]
