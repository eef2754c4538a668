"""Pages of one visit: "I can't be there", who has been told, how it went, and the news that a facilitator brings."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.rota import actions, news, paying, queries, say, unpaid, weekly
from eccoo_node.rota.queries import News, ToldRow, Visit
from eccoo_node.rota.say import Reader
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import Page, redirect, render


def reader_of(request: AnyRequest) -> Reader:
    """Whose page this is: of whoever is signed in, or of the person they speak for or write down."""
    session = session_of(request)
    return say.reader(session.actor, session.called, session.acting_for_called)


async def show(request: AnyRequest, template: str, about: str = "", **context: Any) -> Page:
    """A page with what all of these pages need: who reads it, the present moment, and whom to ring."""
    return render(request, template, **await around(request, about), **context)


async def around(request: AnyRequest, about: str = "") -> dict[str, Any]:
    """The same for a form that is shown again. `about` is the person whose facilitator is named."""
    reader = reader_of(request)
    helper = await members.facilitator_for(about or reader.id)
    return {
        "reader": reader,
        "now": clock.now(),
        "say": say,
        "helper": helper,
        # A facilitator who reads this herself, or aloud on the telephone, is not told to ring herself.
        "you_help": helper is not None and helper.person_id == actor_of(request).person_id,
    }


async def who_rings(request: AnyRequest, person_id: str) -> str:
    """ "Fay has been told and will ring.", or nothing to Fay herself, who has just been told."""
    helper = await members.facilitator_for(person_id)
    if helper is not None and helper.person_id == actor_of(request).person_id:
        return ""
    return f"{helper.called if helper else 'Someone from the circle'} has been told and will ring."


async def visit_for(actor: Actor, visit_id: str, action: str = "rota.see_visit") -> Visit:
    """The visit, for someone who may do this with it; without its address for whom that is not for.

    Raises NotFound for one they may not know of, or Forbidden.
    """
    visit = await queries.visit(visit_id)
    if not access.may(actor, "rota.see_visit", visit.thing):
        raise NotFound()
    access.requires(actor, action, visit.thing)
    return visit if access.may(actor, "rota.see_where", visit.thing) else msgspec.structs.replace(visit, address="")


async def money_of(
    actor: Actor, reader: Reader, visit: Visit, thing: Thing, said: queries.SaidRow | None = None
) -> str:
    """What is set aside for a visit and where it goes, in words; nothing for whoever has no say in its money.

    `thing` is the visit with its payer (`queries.thing_of`). Whoever comes reads what is theirs. `said`: the person's answer.
    """
    comes = reader.comes(visit) and not say.replaced(visit, reader)
    if not comes and not access.may(actor, "rota.see_money", thing):
        return ""
    # What was called off late was paid out of a line that the visit does not name any more.
    line = await escrow.line(visit.line or f"visit:{visit.id}")
    ahead = await paid_ahead_at(visit) if say.waits_for_money(visit) else None
    waits = say.waits_for_money(visit) and (ahead is None or visit.unpaid_at is not None)
    no_mileage = waits and await paying.may_not_pay_mileage(visit.person_id, visit.travel_pence)
    back = line is not None and line.state == "released" and line.returned_pence > 0
    lengths = (await queries.said_minutes([visit.id])).get(visit.id, []) if back else []
    return say.money(visit, line, reader, clock.now(), ahead, said, no_mileage=no_mileage, lengths=lengths)


async def paid_ahead_at(visit: Visit) -> datetime | None:
    """When the money for a visit is set aside; None where the run of its week has been."""
    if visit.starts_at < await weekly.covered_until(clock.now()):
        return None
    return await weekly.runs_at(clock.week_of(visit.starts_at, clock.zone()))


def second_question(request: AnyRequest, *answers: str) -> str:
    """Which of these answers the page asked more about, from what was sent back of it, whatever is wrong with the rest."""
    sent = ask_of(request).values
    answer = (sent.get("answer") or [""])[-1]
    return answer if any(sent.get("asked", [])) and answer in answers else ""


class CantCome(msgspec.Struct):
    visits: list[str]
    SAY: ClassVar[dict[str, str]] = {"visits": "Tick the visits you can’t be there for."}


class Went(msgspec.Struct):
    """How the worker says it went. `asked` is set once the second question, where there is one, was on the page."""

    answer: Literal["as_planned", "shorter", "no_answer", "did_not_go"]
    minutes: int | None = None
    asked: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "answer": "Choose how it went.", "minutes": "Write the minutes as a number, such as 45.",
    }  # fmt: skip


class Answer(msgspec.Struct):
    """How the person says it went."""

    answer: Literal["yes", "partly", "no", "wrong"]
    minutes: int | None = None
    words: str = ""
    part: Literal["", "minutes", "travel", "whole"] = ""
    asked: bool = False
    SAY: ClassVar[dict[str, str]] = {
        "answer": "Choose one answer.",
        "minutes": "Write the minutes as a number, such as 45.",
    }


class Told(msgspec.Struct, frozen=True):
    """One line of "who has been told"."""

    called: str
    words: str
    reached: bool


def told_lines(rows: list[ToldRow], codes: Collection[str], now: datetime) -> list[Told]:
    """Each person once, with the latest word of it, those first whom it has reached."""
    found = {}
    for row in rows:
        if row.news in codes:
            soon = {"phone": "we are ringing them", "post": "we are writing to them"}.get(
                row.channel, "we are going to see them"
            )
            at = row.told_at and f"{say.of_day(row.told_at, now)}, {clock.say_time(row.told_at, clock.zone())}"
            found[row.person_id] = Told(row.called, f"told {at}" if at else soon, bool(at))
    return sorted(found.values(), key=lambda told: not told.reached)


class VisitController(Controller):
    """What is said about one visit, before and after."""

    @get("/visits/{visit_id:str}/cant-come", opt={"action": "rota.cant_come"})
    async def which(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """(c) Which visits can't you be there for?"""
        visit = await visit_for(actor_of(request), visit_id, "rota.cant_come")
        if visit.state == "gap":
            return redirect(request, f"/visits/{visit_id}/told")
        if visit.state != "planned" or visit.starts_at <= clock.now():
            raise Conflict("This visit has already changed. Please look at your week again.", "visit_changed")
        return await show(request, "rota/cant_come.html", visit.person_id, **await self._choices(visit))

    async def _choices(self, visit: Visit) -> dict[str, Any]:
        now = clock.now()
        day = visit.starts_at.astimezone(clock.zone()).date()
        until = clock.day_bounds(day, clock.zone(), 2)[1]
        return {"visit": visit, "visits": await queries.same_worker_near(visit, until, now)}

    @post("/visits/{visit_id:str}/cant-come", opt={"action": "rota.cant_come"})
    async def cant_come(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        visit = await visit_for(actor, visit_id, "rota.cant_come")
        try:
            form = read_form(request, CantCome)
            await actions.cant_come(actor, visit_ids=form.visits)
        except (FormError, Invalid) as error:
            context = await around(request, visit.person_id) | await self._choices(visit)
            return form_error(request, "rota/cant_come.html", error, **context)
        first = visit_id if visit_id in form.visits else sorted(form.visits)[0]
        return redirect(request, f"/visits/{first}/told")

    @get("/visits/{visit_id:str}/told", opt={"action": "rota.see_visit"})
    async def told(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """(d) Who has been told, and when."""
        visit = await visit_for(actor_of(request), visit_id)
        now = clock.now()
        told = told_lines(await queries.told_about(visit_id), {"gap", "gap_again"}, now)
        today = say.on_day(visit.starts_at, now) == "today"
        return await show(request, "rota/told.html", visit.person_id, visit=visit, told=told, today=today)

    @get("/visits/{visit_id:str}/went", opt={"action": "rota.say_how_it_went"})
    async def how_it_went(
        self, request: AnyRequest, visit_id: FromPath[str], said: FromQuery[str] = ""
    ) -> Response[Any]:
        """(s) How did it go? For a worker of this circle."""
        visit = await visit_for(actor_of(request), visit_id, "rota.say_how_it_went")
        if visit.state != "planned":
            return redirect(request, f"/visits/{visit_id}")
        return await show(request, "rota/went.html", visit.person_id, **await self._went(visit, said))

    async def _went(self, visit: Visit, said: str) -> dict[str, Any]:
        number = (await members.person(visit.person_id)).phone if said == "no_answer" else ""
        length = clock.minutes_between(visit.starts_at, visit.ends_at)
        return {
            "called": visit.person_called, "when": say.when(visit), "day": say.on_day(visit.starts_at, clock.now()),
            "path": f"/visits/{visit.id}/went", "back": f"/visits/{visit.id}", "said": said, "number": number,
            "length": length, "early": clock.now() < visit.starts_at, "their": None,
        }  # fmt: skip

    @post("/visits/{visit_id:str}/went", opt={"action": "rota.say_how_it_went"})
    async def went(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        visit = await visit_for(actor, visit_id, "rota.say_how_it_went")
        said = second_question(request, "shorter", "no_answer")
        try:
            form = read_form(request, Went)
            if form.answer in {"shorter", "no_answer"} and not form.asked:
                return redirect(request, f"/visits/{visit_id}/went?said={form.answer}")
            await actions.say_how_it_went(actor, visit_id=visit_id, answer=form.answer, minutes=form.minutes)
        except (FormError, Invalid) as error:
            context = await around(request, visit.person_id) | await self._went(visit, said)
            return form_error(request, "rota/went.html", error, **context)
        notice = f"Thank you. We’re asking {visit.person_called}{', and then the money is yours' if visit.fee_pence else ''}."
        if form.answer in {"no_answer", "did_not_go"}:
            notice = "Thank you for saying so. We’ve told those who need to know."
        return redirect(request, "/home", reader_of(request).read_back(notice))

    @get("/visits/{visit_id:str}/answer", opt={"action": "rota.answer"})
    async def question(self, request: AnyRequest, visit_id: FromPath[str], said: FromQuery[str] = "") -> Response[Any]:
        """(n) Did they come?"""
        visit = await visit_for(actor_of(request), visit_id, "rota.answer")
        if visit.state not in {"planned", "covered", "said"}:
            return redirect(request, f"/visits/{visit_id}")
        return await show(request, "rota/answer.html", visit.person_id, **await self._answer(request, visit, said))

    async def _answer(self, request: AnyRequest, visit: Visit, said: str) -> dict[str, Any]:
        now, reader = clock.now(), reader_of(request)
        thing = await queries.thing_of(visit, payer=True)
        to = "" if reader.is_you(visit.person_id) else f" to {visit.person_called}"
        money = await money_of(actor_of(request), reader, visit, thing)
        worker = (await queries.said(visit.id)).get("worker")
        waits = said == "no" and money and visit.line and not (worker and not worker.minutes)
        line = await escrow.line(visit.line) if waits else None
        length = clock.minutes_between(visit.starts_at, visit.ends_at)
        shorter = worker.minutes if worker and worker.answer == "shorter" else 0
        return {
            "shorter": shorter,
            "visit": visit, "said": said, "aside": pounds(line.set_aside_pence) if line else "", "early": now < visit.starts_at,
            "question": f"Did {visit.who or 'someone'} come{to} {say.on_day(visit.starts_at, now)}?",
            "money": say.for_shorter(visit, shorter) if money and shorter else money, "settles": say.settles(visit, now), "length": length,
        }  # fmt: skip

    @post("/visits/{visit_id:str}/answer", opt={"action": "rota.answer"})
    async def answer(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        visit = await visit_for(actor, visit_id, "rota.answer")
        said = second_question(request, "partly", "no", "wrong")
        try:
            form = read_form(request, Answer)
            if form.answer in {"partly", "no", "wrong"} and not form.asked:
                return redirect(request, f"/visits/{visit_id}/answer?said={form.answer}")
            state = await actions.answer_visit(
                actor, visit_id=visit_id, answer=form.answer, minutes=form.minutes, words=form.words, part=form.part
            )
        except (FormError, Invalid) as error:
            context = await around(request, visit.person_id) | await self._answer(request, visit, said)
            return form_error(request, "rota/answer.html", error, **context)
        reader = reader_of(request)
        back = f"/visits/{visit_id}"
        if state == "said" and visit.paid and not visit.cover_circle:
            # Whoever may only say how it went is not shown what it costs.
            thing = await queries.thing_of(visit, payer=True)
            back += "/money" if access.may(actor, "disputes.agree", thing) else ""
        if form.answer in {"no", "wrong"}:
            rings = await who_rings(request, visit.person_id)
            money = {"said": "Only the part in question waits.", "stopped": "Nothing is paid for it."}.get(state, "")
            notice = " ".join(part for part in ("Thank you.", rings, money) if part)
            return redirect(request, back, reader.read_back(notice))
        worker = (await queries.said(visit_id)).get("worker")
        came = f"yes, {worker.minutes} minutes" if worker and worker.answer == "shorter" else "yes, as planned"
        words = {"yes": came, "partly": f"{form.minutes} minutes"}[form.answer]
        waits = f" The rest waits until {visit.who} has answered." if state == "said" and visit.who else ""
        return redirect(request, back, reader.read_back(f"Thank you. Your answer is: {words}.{waits}"))


class Bring(msgspec.Struct, frozen=True):
    """What one person waits to be told, and how they may be reached. `last` is the newest piece of it."""

    last: News
    sentences: list[str]


def to_bring(rows: list[News], now: datetime) -> list[Bring]:
    """News to be brought, by person, in the words in which it is said to them. Of one visit only the newest holds."""
    by_person: dict[str, dict[str, News]] = {}
    for one in rows:
        of = by_person.setdefault(one.person_id, {})
        of.pop(one.visit_id or one.about_id, None)
        of[one.visit_id or one.about_id] = one
    return [
        Bring(
            max(of.values(), key=lambda n: n.at),
            [news.sentence(n, Reader(n.person_id, n.called), now) for n in of.values()],
        )
        for of in by_person.values()
    ]


async def for_others(actor: Actor, rows: list[News]) -> list[News]:
    """News for a facilitator to see to, less what they may not know of a team in which they give support themselves.

    Another facilitator has it on their list; where there is no other, somebody must still be rung.
    """
    works_for = {hat.person_id for hat in actor.hats if hat.kind == "team" and hat.role == "worker"}
    hidden = news.OF_COVER | news.IN_CONFIDENCE | news.OF_MONEY
    mine = [n for n in rows if n.visit_person_id in works_for and n.news in hidden]
    if not mine or not [f for f in await members.facilitators() if f.person_id != actor.person_id]:
        return rows
    return [n for n in rows if n not in mine]


class NewsController(Controller):
    """For a facilitator: people who are rung, written to or called on."""

    @get("/to-ring", opt={"action": "rota.mark_told"})
    async def to_ring(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "rota.mark_told", access.Thing("told"))
        rows = await for_others(actor_of(request), await queries.news_to_bring())
        return await show(request, "rota/to_ring.html", rows=to_bring(rows, clock.now()))

    @post("/news/{told_id:str}/done", opt={"action": "rota.mark_told"})
    async def done(self, request: AnyRequest, told_id: FromPath[str]) -> Response[Any]:
        """They know: this news, and what waited for the same person before it."""
        actor = actor_of(request)
        access.requires(actor, "rota.mark_told", access.Thing("told"))
        one = await queries.one_news(told_id)
        if not await for_others(actor, [one]):
            raise NotFound()
        earlier = [
            n
            for n in await for_others(actor, await queries.news_to_bring(200))
            if n.person_id == one.person_id and n.at <= one.at
        ]
        for waiting in earlier or [one]:
            await actions.mark_told(actor, told_id=waiting.id)
        return redirect(request, "/to-ring", f"Written down: {one.called} knows.")


class WeeklyController(Controller):
    """For the treasurer: what was set aside for next week, and what is not paid for yet."""

    include_in_schema = False

    @get("/money/weekly", opt={"action": "rota.see_unpaid"})
    async def weekly(self, request: AnyRequest) -> Response[Any]:
        """When, how many and how much; then what is not paid for yet, by person."""
        actor, now = actor_of(request), clock.now()
        access.requires(actor, "rota.see_unpaid", Thing("week"))
        run, short = await unpaid.last_run(actor), await unpaid.everywhere(actor)
        return render(
            request, "money/weekly.html", sentences=say.run(run) if run else [], short=short, words=say.to_ring_about,
            now=now, next=say.at_time(await weekly.next_run(now), now), many_words=say.missing_in_all(short),
            keeps=actor.wears("treasurer"),
        )  # fmt: skip


CONTROLLERS = [VisitController, NewsController, WeeklyController]
