"""The pages of what is bought for someone: a yes beforehand, what it cost, and whether that is right."""

import asyncio
import base64
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import say as escrow_say
from eccoo_node.expenses import actions, queries, say
from eccoo_node.expenses.forms import AgreeForm, AnswerForm, CostForm, PlanForm, ResolveForm
from eccoo_node.expenses.queries import Expense, Pays
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.members.pictures import MOST_BYTES, NoPicture, TooLarge, paper
from eccoo_node.rota.say import Reader
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web import uploads
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

# The photo as a telephone makes it, and the few fields beside it.
uploads.takes("/expenses/{id}/cost", MOST_BYTES)
_NO_PICTURE = "We can’t read this as a photo. Please send one as your phone makes it, or a screenshot of it."
_TOO_LARGE = "This photo is too large for us. Choose “medium” where your phone asks for a size, or send a screenshot of the photo."
_Refused = (FormError, Invalid, Conflict)


async def _seen(actor: Actor, expense_id: str, action: str) -> Expense:
    """Raises NotFound for what this reader may not know of, and Forbidden."""
    one = await queries.seen_by(actor, expense_id)
    access.requires(actor, action, one.thing)
    return one


def _card(one: Expense, reader: Reader) -> dict[str, Any]:
    for_whom = "you" if reader.is_you(one.person_id) else one.person_called
    goes = "You go" if reader.is_you(one.worker_id) else f"{one.worker_called} goes"
    return {
        "path": f"/expenses/{one.id}", "title": one.purpose, "state": say.state(one, reader),
        "words": f"{say.money(one)}. {goes} for {for_whom}, agreed on {say.day(one.agreed_at)}",
    }  # fmt: skip


async def _photo(request: AnyRequest) -> bytes:
    """The photo that came with the form, drawn anew; empty where none was chosen."""
    sent = uploads.file_of(request, "photo")
    if sent is None:
        return b""
    try:
        # Beside the loop: a large photo takes a second, in which others read their pages.
        return await asyncio.to_thread(paper, sent.data)
    except TooLarge:
        raise Invalid(_TOO_LARGE, "too_large", field="photo") from None
    except NoPicture:
        raise Invalid(_NO_PICTURE, "no_picture", field="photo") from None


class ExpensesController(Controller):
    """Each page asks for the one thing it shows."""

    include_in_schema = False

    @get("/expenses", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What is bought, open ones first."""
        actor, reader = actor_of(request), reader_of(request)
        found = await queries.list_for(actor)
        asks = access.may(actor, "expenses.agree", Thing("expense", "", reader.id)) and await queries.who_can_go(
            reader.id
        )
        return await show(
            request, "expenses/list.html", cards=[_card(one, reader) for one in found if one.open],
            past=[_card(one, reader) for one in found if not one.open], may_ask=bool(asks),
            keeps=access.may(actor, "expenses.see_all", Thing("expense")),
        )  # fmt: skip

    @get("/expenses/all", opt={"action": "expenses.see_all"})
    async def everyones(self, request: AnyRequest) -> Response[Any]:
        """For the treasurer: every one of them, open ones first."""
        actor = actor_of(request)
        found = await queries.everyones(actor)
        beside, plans = Reader("", ""), await queries.public_payers(actor)
        return await show(
            request, "expenses/all.html", cards=[_card(one, beside) for one in found if one.open],
            past=[_card(one, beside) for one in found if not one.open], plans=[_plan_card(*one) for one in plans],
        )  # fmt: skip

    @get("/expenses/new", opt={"action": "expenses.agree"})
    async def about_new(self, request: AnyRequest) -> Response[Any]:
        return await show(request, "expenses/new.html", **await self._new(request))

    async def _new(self, request: AnyRequest) -> dict[str, Any]:
        actor, reader = actor_of(request), reader_of(request)
        access.requires(actor, "expenses.agree", Thing("expense", "", reader.id))
        who = await queries.who_can_go(reader.id)
        payer = queries.pays_whole(await queries.payers_of(reader.id), actor.person_id)
        credit = await escrow.credit_pence(payer.id) if payer else 0
        return {
            "who": [(one.id, one.called, "", one) for one in who], "credit": pounds(credit), "payer": payer,
        }  # fmt: skip

    @post("/expenses/new", opt={"action": "expenses.agree"})
    async def new(self, request: AnyRequest) -> Response[Any]:
        """Yes, to this and up to so much."""
        actor, reader = actor_of(request), reader_of(request)
        context = await self._new(request)
        try:
            form = read_form(request, AgreeForm)
            ceiling = parse_pounds(form.ceiling, field="ceiling")
            made = await actions.agree(
                actor, person_id=reader.id, worker_id=form.worker, purpose=form.purpose, ceiling_pence=ceiling
            )
        except _Refused as error:
            return form_error(request, "expenses/new.html", error, **await around(request), **context)
        one = await queries.expense(made)
        notice = f"{pounds(ceiling)} is set aside, and {one.worker_called} has been told."
        return redirect(request, f"/expenses/{made}", reader.read_back(notice))

    @get("/expenses/{expense_id:str}", opt={"action": "expenses.see"})
    async def expense(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        """Where one of them has got to."""
        actor, reader, now = actor_of(request), reader_of(request), clock.now()
        one = await _seen(actor, expense_id, "expenses.see")
        own = access.may(actor, "expenses.see_own_receipt", one.thing)
        buys = access.may(actor, "expenses.say_cost", one.thing)
        for_whom = "you" if reader.is_you(one.person_id) else one.person_called
        to_tell = not reader.is_you(one.person_id) and await queries.to_tell(one)
        return await show(
            request, "expenses/expense.html", one.person_id, one=one, sentence=say.sentence(one, reader, now),
            state=say.state(one, reader), rows=say.rows(one), settles=say.settles(one, now, to_tell=to_tell), buys=buys, own=own,
            whom=f"{'You go' if reader.is_you(one.worker_id) else f'{one.worker_called} goes'} for {for_whom}",
            may_answer=access.may(actor, "expenses.answer", one.thing), photo=await queries.photos(one.id),
            may_resolve=access.may(actor, "expenses.resolve", one.thing), over=pounds(one.over_pence),
            stuck=one.state == "said" and one.settles_at is None and not to_tell, ceiling=pounds(one.ceiling_pence),
        )  # fmt: skip

    @get("/expenses/{expense_id:str}/receipt", opt={"action": "expenses.see"})
    async def receipt(
        self, request: AnyRequest, expense_id: FromPath[str], before: FromQuery[int] = 0
    ) -> Response[bytes]:
        """The photo, or one so many `before` it. That someone beside the two has looked at it is written down, so nothing keeps a copy of it."""
        actor = actor_of(request)
        one = await _seen(actor, expense_id, "expenses.see")
        if access.may(actor, "expenses.see_own_receipt", one.thing):
            found = await queries.receipt(actor, expense_id, before)
        else:
            found = await actions.look_at_receipt(actor, expense_id=expense_id, before=before)
        if found is None:
            raise NotFound()
        headers = {"cache-control": "private, no-store", "content-disposition": 'inline; filename="receipt.webp"'}
        return Response(base64.b64decode(found[1]), media_type=found[0], headers=headers)

    @get("/expenses/{expense_id:str}/cost", opt={"action": "expenses.say_cost"})
    async def about_cost(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        """What did it cost?"""
        one = await _seen(actor_of(request), expense_id, "expenses.say_cost")
        if one.state not in {"agreed", "said"}:
            return redirect(request, f"/expenses/{expense_id}")
        return await show(request, "expenses/cost.html", one.person_id, **await self._cost(request, one))

    async def _cost(self, request: AnyRequest, one: Expense) -> dict[str, Any]:
        actor = actor_of(request)
        on_paper = actor.person_id != one.worker_id and actor.wears("facilitator")
        return {
            "one": one, "ceiling": pounds(one.ceiling_pence), "has_photo": await queries.has_photo(one.id),
            "on_paper": on_paper, "again": False,
        }  # fmt: skip

    @post("/expenses/{expense_id:str}/cost", opt={"action": "expenses.say_cost"})
    async def cost(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        actor, reader = actor_of(request), reader_of(request)
        one = await _seen(actor, expense_id, "expenses.say_cost")
        try:
            form = read_form(request, CostForm)
            pence = 0 if form.nothing else parse_pounds(form.cost, field="cost")
            if not form.nothing and not pence:
                raise Invalid("Write what it cost, or tick that nothing was spent.", "bad_amount", field="cost")
            photo = await _photo(request)
            await actions.say_cost(
                actor, expense_id=expense_id, cost_pence=pence, photo=photo, seen_on_paper=form.paper
            )
        except _Refused as error:
            context = await around(request, one.person_id) | await self._cost(request, one)
            context["again"] = bool(ask_of(request).files) and not context["has_photo"]
            return form_error(request, "expenses/cost.html", error, **context)
        notice = f"Thank you. We’re asking {one.person_called}." if pence else "Thank you. All of it goes back."
        return redirect(request, f"/expenses/{expense_id}", reader.read_back(notice))

    @post("/expenses/{expense_id:str}/more", opt={"action": "expenses.ask_more"})
    async def more(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        """It cost more than was agreed: may all of it be paid?"""
        actor = actor_of(request)
        one = await _seen(actor, expense_id, "expenses.ask_more")
        await actions.ask_more(actor, expense_id=expense_id)
        notice = f"We’ve asked {one.person_called}. Without a yes to more, {pounds(one.claimed_pence)} is yours."
        return redirect(request, f"/expenses/{expense_id}", reader_of(request).read_back(notice))

    @get("/expenses/{expense_id:str}/answer", opt={"action": "expenses.answer"})
    async def question(
        self, request: AnyRequest, expense_id: FromPath[str], said: FromQuery[str] = ""
    ) -> Response[Any]:
        """Is that right?"""
        one = await _seen(actor_of(request), expense_id, "expenses.answer")
        if one.state != "said":
            return redirect(request, f"/expenses/{expense_id}")
        return await show(request, "expenses/answer.html", one.person_id, **await self._question(request, one, said))

    async def _question(self, request: AnyRequest, one: Expense, said: str) -> dict[str, Any]:
        now, reader = clock.now(), reader_of(request)
        most, claimed = pounds(one.cost_pence), pounds(one.claimed_pence)
        yes = [("yes", "That’s right")]
        if one.more:
            yes = [("yes", f"Yes, pay all {most}"), ("ceiling", f"Pay the {claimed} that was agreed")]
        elif one.over_pence:
            yes = [("yes", f"That’s right: {claimed}, as agreed")]
        return {
            "one": one, "said": said, "sentence": say.sentence(one, reader, now), "settles": say.settles(one, now),
            "choices": [*yes, ("wrong", "Something is wrong")], "claimed": claimed,
            "photo": await queries.photos(one.id),
            "own": access.may(actor_of(request), "expenses.see_own_receipt", one.thing),
        }  # fmt: skip

    @post("/expenses/{expense_id:str}/answer", opt={"action": "expenses.answer"})
    async def answer(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        actor, reader = actor_of(request), reader_of(request)
        one = await _seen(actor, expense_id, "expenses.answer")
        said = ""
        try:
            form = read_form(request, AnswerForm)
            if form.answer == "wrong" and not form.asked:
                return redirect(request, f"/expenses/{expense_id}/answer?said=wrong")
            said = form.answer if form.asked else ""
            right = parse_pounds(form.right, field="right") if form.right else 0
            await actions.answer(
                actor, expense_id=expense_id, answer=form.answer, right_pence=right, words=form.words, seen=form.seen
            )
        except _Refused as error:
            context = await around(request, one.person_id) | await self._question(request, one, said)
            return form_error(request, "expenses/answer.html", error, **context)
        told = await queries.expense(expense_id)
        notice = "Thank you. Someone from the circle will ring. What is in question waits until then."
        if told.state == "settled":
            notice = f"Thank you. {pounds(told.paid_pence)} goes to {one.worker_called}."
        return redirect(request, f"/expenses/{expense_id}", reader.read_back(notice))

    @get("/expenses/{expense_id:str}/settle", opt={"action": "expenses.resolve"})
    async def about_settling(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        one = await _seen(actor_of(request), expense_id, "expenses.resolve")
        return await show(request, "expenses/settle.html", one.person_id, **self._settling(one))

    def _settling(self, one: Expense) -> dict[str, Any]:
        return {"one": one, "waits": pounds(one.claimed_pence - one.right_pence)}

    @post("/expenses/{expense_id:str}/settle", opt={"action": "expenses.resolve"})
    async def settle(self, request: AnyRequest, expense_id: FromPath[str]) -> Response[Any]:
        """For the treasurer: what both agreed."""
        actor = actor_of(request)
        one = await _seen(actor, expense_id, "expenses.resolve")
        try:
            form = read_form(request, ResolveForm)
            due = parse_pounds(form.due, field="due")
            await actions.resolve(actor, expense_id=expense_id, due_pence=due, because=form.because)
        except _Refused as error:
            context = await around(request, one.person_id) | self._settling(one)
            return form_error(request, "expenses/settle.html", error, **context)
        told = f"{one.worker_called} has" if one.standing == "died" else "both have"
        return redirect(request, f"/expenses/{expense_id}", f"It is written down, and {told} been told.")


def _plan_card(called: str, one: Pays) -> dict[str, Any]:
    words = one.rests_on or "Nothing is written down yet."
    return {
        "path": f"/expenses/plans/{one.id}", "title": f"{called}: {escrow_say.fund(one.fund)}", "words": words,
        "state": ("certain", "shopping is allowed") if one.allows else ("open", "care only" if one.travel else "care only, no mileage"),
    }  # fmt: skip


class PlansController(Controller):
    """For the treasurer: whether public money may pay for shopping."""

    include_in_schema = False

    @get("/expenses/plans/{payer_id:str}", opt={"action": "expenses.allow_plan"})
    async def about(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        return await show(request, "expenses/plan.html", **await self._plan(request, payer_id))

    async def _plan(self, request: AnyRequest, payer_id: str) -> dict[str, Any]:
        found = [one for one in await queries.public_payers(actor_of(request)) if one[1].id == payer_id]
        if not found:
            raise NotFound()
        access.requires(actor_of(request), "expenses.allow_plan", await queries.plan_thing(payer_id))
        called, payer = found[0]
        return {"called": called, "payer": payer, "fund": escrow_say.fund(payer.fund)}

    @post("/expenses/plans/{payer_id:str}", opt={"action": "expenses.allow_plan"})
    async def write(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        context = await self._plan(request, payer_id)
        try:
            form = read_form(request, PlanForm)
            await actions.allow_plan(
                actor_of(request), payer_id=payer_id, allows=form.allows == "yes", travel=form.travel == "yes",
                rests_on=form.rests_on,
            )  # fmt: skip
        except _Refused as error:
            return form_error(request, "expenses/plan.html", error, **await around(request), **context)
        return redirect(request, "/expenses/all", f"It is written down for {context['called']}.")


CONTROLLERS = [ExpensesController, PlansController]
