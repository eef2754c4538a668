"""The page of one visit's money: what is in question, what went at once, what happens next; and saying yes to a split."""

from datetime import timedelta
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.disputes import actions, pausing, queries, rules, say, steps
from eccoo_node.disputes.forms import AgreeForm, ProposeForm, RaiseForm, WordsForm
from eccoo_node.disputes.queries import Question
from eccoo_node.escrow import queries as books
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.rota import queries as visits
from eccoo_node.rota import say as rota_say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, money_of, reader_of, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect

MAY_ASK = {"settled", "said"}
LOOKED_BACK = timedelta(days=60)


def steps_of(one: Question, found: list[queries.Step]) -> list[dict[str, str]]:
    """Everything that was said and done, in its order; the same for whoever reads it."""
    return [{"at": say.day(step.at), "words": say.step(one, step), "said": step.words} for step in found]


class VisitMoneyController(Controller):
    """Each page asks for the visit first: whoever may not know of it finds nothing."""

    include_in_schema = False

    @get("/money/ask", opt={"action": "signed_in"})
    async def which(self, request: AnyRequest) -> Response[Any]:
        """Which visit is it about? Only those whose money the reader has to do with."""
        found = await queries.paid_visits(actor_of(request), clock.now() - LOOKED_BACK)
        cards = [
            {
                "path": f"/visits/{one.id}/money", "title": clock.say_when(one.starts_at, one.ends_at, clock.zone()),
                "words": f"{one.worker_called or 'Someone'}, for {one.person_called}",
            }
            for one in found
        ]  # fmt: skip
        return await show(request, "disputes/which.html", cards=cards)

    async def _visit(self, request: AnyRequest, visit_id: str) -> tuple[Visit, Any]:
        """The visit and its thing with the payer, for whoever may read its sums. Raises NotFound."""
        visit = await visits.visit(visit_id)
        thing = await visits.thing_of(visit, payer=True)
        comes_instead = bool(visit.cover_circle) and rules.side_of(actor_of(request), thing) == "worker"
        if comes_instead or not access.may(actor_of(request), "disputes.agree", thing):
            raise NotFound()
        return visit, thing

    async def _facts(self, request: AnyRequest, visit: Visit, thing: Any) -> dict[str, Any]:
        actor, reader = actor_of(request), reader_of(request)
        found = await queries.of_visit(visit.id)
        one = found[0] if found and found[0].open else None
        split = await queries.newest_split(one.id) if one else None
        line = await books.booking(visit.line) if visit.line else None
        waits = (await pausing.of_line([visit.line])).get(visit.line) if visit.line else None
        yes = rules.yes_of(actor, thing, one.needed) if one else frozenset()
        may_agree = bool(split and one and one.stands != "waiting" and yes - split.yes)
        told = [(say.ended(past), steps_of(past, await queries.steps(past.id))) for past in found if not past.open][:3]
        return {
            "visit": visit, "when": rota_say.when(visit), "words": say, "one": one, "line": line, "split": split, "may_agree": may_agree,
            "proposal": say.split(one, line, split) if one and split and (line or not one.line) else "",
            "steps": steps_of(one, await queries.steps(one.id)) if one else [], "past": told,
            "mine": one is not None
            and any(actions.may_rest(actor, thing, one, asked) for asked in one.asked),
            "may_split": one is not None and one.stands != "waiting" and bool(yes),
            "may_ask": (one is None or actions.may_join(actor, thing, one)) and visit.state in MAY_ASK and bool(visit.line) and not visit.cover_circle,
            "money": await money_of(actor, reader, visit, thing), "waits": say.paused(waits.until_at) if waits else "",
            "across": bool(visit.cover_circle), "settles": rota_say.settles(visit, clock.now()) if visit.state == "said" else "",
        }  # fmt: skip

    async def _again(
        self, request: AnyRequest, visit: Visit, thing: Any, error: FormError | Invalid | Conflict
    ) -> Page:
        context = await self._facts(request, visit, thing) | await around(request, visit.person_id)
        return form_error(request, "disputes/money.html", error, **context)

    @get("/visits/{visit_id:str}/money", opt={"action": "disputes.agree"})
    async def money(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """What is in question of this visit, what went at once, and what happens next."""
        visit, thing = await self._visit(request, visit_id)
        return await show(request, "disputes/money.html", visit.person_id, **await self._facts(request, visit, thing))

    @get("/visits/{visit_id:str}/money/ask", opt={"action": "disputes.raise"})
    async def about_asking(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """Which part?"""
        visit, thing = await self._visit(request, visit_id)
        one = await queries.open_of_visit(visit_id)
        if one and not actions.may_join(actor_of(request), thing, one):
            return redirect(request, f"/visits/{visit_id}/money")
        return await show(request, "disputes/ask.html", visit.person_id, **self._asking(request, visit, thing))

    def _asking(self, request: AnyRequest, visit: Visit, thing: Any) -> dict[str, Any]:
        comes = rules.side_of(actor_of(request), thing) == "worker"
        length = visit.ends_at - visit.starts_at
        parts = [("minutes", "I was there longer" if comes else "Not all of the time")]
        parts += [("travel", "The travel")] if visit.travel_pence else []
        parts += [("whole", "All of it")]
        parts += [] if comes else [("sum", "A sum of money")]
        other = visit.person_called if comes else visit.who or "The worker"
        return {
            "visit": visit, "when": rota_say.when(visit), "parts": parts, "comes": comes, "other": other,
            "length": int(length.total_seconds()) // 60,
        }  # fmt: skip

    @post("/visits/{visit_id:str}/money/ask", opt={"action": "disputes.raise"})
    async def ask(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, thing = await self._visit(request, visit_id)
        try:
            form = read_form(request, RaiseForm)
            pence = parse_pounds(form.amount) if form.part == "sum" else 0
            await actions.raise_question(
                actor_of(request), visit_id=visit_id, part=form.part, minutes=form.minutes, sum_pence=pence,
                words=form.words,
            )  # fmt: skip
        except (FormError, Invalid, Conflict) as error:
            context = self._asking(request, visit, thing) | await around(request, visit.person_id)
            return form_error(request, "disputes/ask.html", error, **context)
        return self._back(request, visit_id, "Thank you. The other side has been asked.")

    def _back(self, request: AnyRequest, visit_id: str, notice: str) -> Response[Any]:
        return redirect(request, f"/visits/{visit_id}/money", reader_of(request).read_back(notice))

    async def _open(self, visit_id: str) -> Question:
        one = await queries.open_of_visit(visit_id)
        if one is None:
            raise Conflict(steps.ENDED, "ended")
        return one

    @post("/visits/{visit_id:str}/money/split", opt={"action": "disputes.propose"})
    async def split(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, thing = await self._visit(request, visit_id)
        try:
            form = read_form(request, ProposeForm)
            one, pence = await self._open(visit_id), parse_pounds(form.sum, field="sum")
            await actions.propose(actor_of(request), question_id=one.id, sum_pence=pence, words=form.with_it)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, visit, thing, error)
        return self._back(request, visit_id, f"Your proposal of {pounds(pence)} is on the table.")

    @post("/visits/{visit_id:str}/money/agree", opt={"action": "disputes.agree"})
    async def agree(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, thing = await self._visit(request, visit_id)
        try:
            form, one = read_form(request, AgreeForm), await self._open(visit_id)
            done = await actions.agree(actor_of(request), question_id=one.id, split_id=form.split)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, visit, thing, error)
        notice = "Thank you. It is settled." if done else "Thank you. It waits for the other yes."
        return self._back(request, visit_id, notice)

    @post("/visits/{visit_id:str}/money/say", opt={"action": "disputes.say"})
    async def say(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, thing = await self._visit(request, visit_id)
        try:
            form, one = read_form(request, WordsForm), await self._open(visit_id)
            await actions.say(actor_of(request), question_id=one.id, words=form.words)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, visit, thing, error)
        return self._back(request, visit_id, "Both of you read it now.")

    @post("/visits/{visit_id:str}/money/rest", opt={"action": "disputes.withdraw"})
    async def rest(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, thing = await self._visit(request, visit_id)
        try:
            one = await self._open(visit_id)
            await actions.withdraw(actor_of(request), question_id=one.id)
        except Conflict as error:
            return await self._again(request, visit, thing, error)
        return self._back(request, visit_id, "It rests. Nothing is in question any more.")
