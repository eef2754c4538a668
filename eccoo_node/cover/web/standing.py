"""How someone is: in hospital, home again, or died; and what is due for a visit of which nobody can be asked any more."""

from datetime import date
from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.cover import lists
from eccoo_node.cover.web.planning import said_day, typed_day
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid, NotFound, Refusal
from eccoo_node.kernel.words import many
from eccoo_node.members import actions as people
from eccoo_node.members import deaths
from eccoo_node.members import queries as members
from eccoo_node.rota import due, say
from eccoo_node.rota import queries as rota
from eccoo_node.rota.web import around, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect


class How(msgspec.Struct):
    """How someone is, since or on which day. `sure` is set once what a death stops was read."""

    standing: Literal["here", "in_hospital", "died"]
    on: date | None = None
    sure: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "standing": "Choose how they are.", "on": "Write a day such as 23 November 2026, or leave it empty.",
    }  # fmt: skip


class Due(msgspec.Struct):
    """How much of a visit is due, and how that is known."""

    due: Literal["all", "part", "nothing"]
    because: str
    minutes: int | None = None
    SAY: ClassVar[dict[str, str]] = {
        "due": "Choose how much of it is due.", "because": "Say how you know.",
        "minutes": "Write the minutes as a number, such as 45.",
    }  # fmt: skip


class StandingController(Controller):
    """For a facilitator, of somebody else."""

    include_in_schema = False

    @get("/phone/{person_id:str}/standing", opt={"action": "members.say_standing"})
    async def how(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        context = await self._about(request, person_id)
        return await show(request, "members/standing.html", person_id, **context)

    async def _about(self, request: AnyRequest, person_id: str) -> dict[str, Any]:
        actor = actor_of(request)
        first = await deaths.first_word(person_id)
        kind = "death_told" if first else "person"
        access.requires(actor, "members.say_standing", Thing(kind, person_id, person_id))
        person, on = await members.person(person_id), await members.standing_on(person_id)
        day = f", since {said_day(on)}" if on else ""
        now = {
            "here": f"{person.called} is at home, as far as we know.",
            "in_hospital": f"{person.called} is in hospital{day}.",
            "died": f"{person.called} died{f' on {said_day(on)}' if on else ''}.",
        }[person.standing]
        options = [
            (code, words, hint)
            for code, words, hint in (
                ("here", "At home", "What went unanswered is asked again, with the whole time for it."),
                ("in_hospital", "In hospital", "Visits stay as they are until somebody says otherwise. No visit settles itself."),
                ("died", "Died", "You read first what that stops."),
            )
            if (code != person.standing or (first and code == "here")) and (code != "in_hospital" or actor.wears("facilitator"))
        ]  # fmt: skip
        waits = ""
        if first:
            who = "You" if first.by == actor.person_id else first.called
            alone = not await deaths.others(first.by, person_id)
            then = "Nobody else looks after the circle, so it is said again a week later." if alone else (
                "It counts once a second person who looks after the circle has said so too."
            )  # fmt: skip
            waits = f"{who} wrote down on {said_day(first.at.astimezone(clock.zone()).date())} that {person.called} has died. {then}"
        return {
            "person": person, "now_words": now, "options": options, "stops": None, "values": {"on": ""}, "waits": waits,
            "helps": actor.wears("facilitator"),
        }  # fmt: skip

    async def _stops(self, person_id: str, called: str) -> list[str]:
        """What follows from a death, each as a sentence."""
        to, by = await lists.a_death_stops(person_id)
        found = ["Nobody speaks for them any more, and nobody is signed in as them."]
        if to:
            said = (
                f"{many(to, 'visit').capitalize()} to come {'is' if to == 1 else 'are'} called off, at no cost to them."
            )
            found += [said, "What was set aside for that goes back whole. Whoever was to come is told."]
        if by:
            found.append(
                f"{many(by, 'visit').capitalize()} that {called} was to make {'needs' if by == 1 else 'need'} somebody else."
            )
        return [*found, "Nothing more is planned, and nobody is sought, here or in another circle.",
                "A visit that nobody has answered for waits for our treasurer."]  # fmt: skip

    @post("/phone/{person_id:str}/standing", opt={"action": "members.say_standing"})
    async def say(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """Written down at once; of a death only once it was read what it stops."""
        context = await self._about(request, person_id)
        called = context["person"].called
        try:
            form = read_form(request, How)
            if form.on and form.on > clock.today():
                raise Invalid("Write today, or a day before.", "in_future", field="on")
            if form.standing == "died" and not form.sure:
                day = form.on or clock.today()
                stops = await self._stops(person_id, called)
                more = {"stops": stops, "day": typed_day(day), "day_words": said_day(day)}
                return await show(request, "members/standing.html", person_id, **context | more)
            counts = await people.say_standing(actor_of(request), person_id, form.standing, form.on)
        except (FormError, Refusal) as error:
            shown = await around(request, person_id) | context
            return form_error(request, "members/standing.html", error, **shown)
        notice = {
            "here": f"Written down: {called} is at home.",
            "in_hospital": f"Written down: {called} is in hospital.",
            "died": f"Written down. We are sorry. Whoever comes to {called} is being told.",
        }[form.standing]
        if not counts:
            notice = "Written down. Nothing stops yet: the others who look after the circle are asked whether it is so."
        back = actor_of(request).wears("facilitator")
        return redirect(request, f"/phone/{person_id}/standing" if back else "/home", notice)


class DueController(Controller):
    """For the treasurer: a visit that waits for a word that cannot come."""

    include_in_schema = False

    @get("/visits/{visit_id:str}/due", opt={"action": "rota.write_due"})
    async def how_much(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        context = await self._about(request, visit_id)
        return await show(request, "rota/due.html", context["visit"].person_id, **context)

    async def _about(self, request: AnyRequest, visit_id: str) -> dict[str, Any]:
        visit = await rota.visit(visit_id)
        thing = await due.thing_of(visit)
        actor = actor_of(request)
        if not actor.wears("treasurer") and not access.may(actor, "rota.see_visit", visit.thing):
            raise NotFound()
        access.requires(actor, "rota.write_due", thing)
        said = await rota.said(visit_id)
        worker, length = said.get("worker"), clock.minutes_between(visit.starts_at, visit.ends_at)
        words = {
            "as_planned": "it went as planned", "no_answer": "nobody opened the door", "did_not_go": "they did not go",
        }.get(worker.answer, f"it was {worker.minutes} minutes") if worker else ""  # fmt: skip
        whole = (
            (f"What {visit.who} said: {words}", "")
            if worker
            else (f"The whole visit, {length} minutes", f"{visit.who or 'The worker'} has not said how it went.")
        )
        options = [("all", *whole)]
        if not visit.cover_circle:
            options += [("part", "A part of it", ""), ("nothing", "Nothing", "All that is set aside for it goes back.")]
        return {
            "visit": visit, "when": say.when(visit), "waits": await due.may_write(visit), "options": options,
            "whole": worker.minutes if worker else length,
        }  # fmt: skip

    @post("/visits/{visit_id:str}/due", opt={"action": "rota.write_due"})
    async def write(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        context = await self._about(request, visit_id)
        try:
            form = read_form(request, Due)
            if form.due == "part" and form.minutes is None:
                raise Invalid("Write how many minutes.", "bad_minutes", field="minutes")
            minutes = {"all": context["whole"], "nothing": 0}.get(form.due, form.minutes or 0)
            await due.write_due(actor_of(request), visit_id=visit_id, minutes=minutes, because=form.because)
        except (FormError, Refusal) as error:
            shown = await around(request, context["visit"].person_id) | context
            return form_error(request, "rota/due.html", error, **shown)
        return redirect(request, "/money", "It is written down. The money has gone where it is due.")
