"""For those who help: what is in question, hearing both, deciding."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.disputes import actions, elsewhere, queries, say
from eccoo_node.disputes import resolving as helping
from eccoo_node.disputes.forms import AsideForm, HeardForm, NoteForm, ProposeForm, SplitForm
from eccoo_node.disputes.queries import Question
from eccoo_node.disputes.web.money import steps_of
from eccoo_node.escrow import queries as books
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.rota import queries as visits
from eccoo_node.rota.web import around, show
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect

LIST = "/money/questions"


class HelpingController(Controller):
    """Nobody finds here what they have a part in."""

    include_in_schema = False

    @get("/money/questions", opt={"action": "disputes.list"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Everything that is in question, the one that is looked at first first."""
        found = await queries.open_questions(actor_of(request))
        cards = [{"path": f"{LIST}/{one.id}", "title": say.card(one), "words": say.waits(one)} for one in found]
        between = [say.elsewhere(*one) for one in await elsewhere.waiting(actor_of(request))]
        decided = [
            {"path": f"{LIST}/{one.id}", "title": say.card(one), "words": say.ended(one)}
            for one in await queries.decided_lately(actor_of(request))
        ]
        return await show(request, "disputes/questions.html", cards=cards, between=between, decided=decided)

    async def _one(self, request: AnyRequest, question_id: str) -> tuple[Question, Thing]:
        one = await queries.question(question_id)
        thing = await queries.thing(one)
        access.requires(actor_of(request), "disputes.help", thing)
        return one, thing

    async def _facts(self, request: AnyRequest, one: Question, thing: Thing) -> dict[str, Any]:
        actor, known = actor_of(request), await queries.keepers()
        deciding, second = queries.deciding(known, thing.parties)
        instead = [keeper for keeper in known if keeper.role == "admin"]
        line, split = await books.find(one.line) if one.line else None, await queries.newest_split(one.id)
        spoken = (await visits.said(one.visit_id)).get("person") if actor.wears("facilitator") else None
        return {
            "one": one, "line": line, "words": say, "title": say.title(one) if one.open else say.ended(one), "when": say.when(one),
            "who": f"{one.person_called} and {say.who(one, 'worker')}", "proposal": say.split(one, line, split) if split and one.open else "",
            "steps": steps_of(one, await queries.steps(one.id)), "notes": await queries.notes(actor, one, thing),
            "heard": await helping.heard(one.id), "decides": say.may_decide(deciding, second, instead, actor.person_id),
            "may_decide": access.may(actor, "disputes.resolve", thing), "alone": spoken.words if spoken else "",
            "can_split": one.stands in {"apart", "unpaid"}, "numbers": self._numbers(actor, one),
        }  # fmt: skip

    def _numbers(self, actor: Actor, one: Question) -> list[tuple[str, str]]:
        """Where a facilitator finds the numbers of both; to anyone else they are not shown."""
        both = ((one.person_id, one.person_called), (one.worker_id or "", say.who(one, "worker")))
        return [
            (f"/phone/{id_}", called) for id_, called in both
            if id_ and access.may(actor, "members.look_up", Thing("person", id_, id_))
        ]  # fmt: skip

    async def _again(
        self, request: AnyRequest, one: Question, thing: Thing, error: FormError | Invalid | Conflict
    ) -> Page:
        context = await self._facts(request, one, thing) | await around(request, one.person_id)
        return form_error(request, "disputes/question.html", error, **context)

    @get("/money/questions/{question_id:str}", opt={"action": "disputes.help"})
    async def one(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        """One of them: what both read, what only those who help read, and what to do."""
        one, thing = await self._one(request, question_id)
        return await show(request, "disputes/question.html", one.person_id, **await self._facts(request, one, thing))

    @post("/money/questions/{question_id:str}/heard", opt={"action": "disputes.help"})
    async def heard(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        one, thing = await self._one(request, question_id)
        try:
            form = read_form(request, HeardForm)
            await helping.have_heard_both(
                actor_of(request), question_id=question_id, person_words=form.theirs, worker_words=form.workers
            )
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, one, thing, error)
        return redirect(request, f"{LIST}/{question_id}", "Written down: both have been heard.")

    @post("/money/questions/{question_id:str}/decide", opt={"action": "disputes.resolve"})
    async def decide(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        one, thing = await self._one(request, question_id)
        access.requires(actor_of(request), "disputes.resolve", thing)
        try:
            form = read_form(request, SplitForm)
            pence = parse_pounds(form.amount)
            await helping.resolve(actor_of(request), question_id=question_id, sum_pence=pence, words=form.words)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, one, thing, error)
        return redirect(request, LIST, f"Decided: {pounds(pence)} of {pounds(one.whole_pence)}. Both are told.")

    @post("/money/questions/{question_id:str}/split", opt={"action": "disputes.propose"})
    async def split(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        one, thing = await self._one(request, question_id)
        try:
            form = read_form(request, ProposeForm)
            pence = parse_pounds(form.sum, field="sum")
            await actions.propose(actor_of(request), question_id=question_id, sum_pence=pence, words=form.with_it)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, one, thing, error)
        return redirect(request, f"{LIST}/{question_id}", "Proposed to both. It needs the yes of each.")

    @post("/money/questions/{question_id:str}/note", opt={"action": "disputes.note"})
    async def note(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        one, thing = await self._one(request, question_id)
        try:
            await helping.note(actor_of(request), question_id=question_id, words=read_form(request, NoteForm).note)
        except (FormError, Invalid) as error:
            return await self._again(request, one, thing, error)
        return redirect(request, f"{LIST}/{question_id}", "Written down. Neither side reads it.")

    @post("/money/questions/{question_id:str}/aside", opt={"action": "disputes.step_aside"})
    async def aside(self, request: AnyRequest, question_id: FromPath[str]) -> Response[Any]:
        one, thing = await self._one(request, question_id)
        try:
            words = read_form(request, AsideForm).interest
            await helping.step_aside(actor_of(request), question_id=question_id, words=words)
        except (FormError, Invalid, Conflict) as error:
            return await self._again(request, one, thing, error)
        return redirect(request, LIST, "Thank you. Someone else sees to it.")
