"""The files for the bank, and what became of what was sent."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts import actions, files, queries, say
from eccoo_node.payouts.forms import BecameForm, SentForm
from eccoo_node.payouts.web.batches import batch_facts
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import as_file, redirect, render


class SentController(Controller):
    """The treasurer's."""

    include_in_schema = False

    @get("/money/payouts/{batch_id:str}/file/{bank_file:str}", opt={"action": "payouts.take_file"})
    async def take_file(self, request: AnyRequest, batch_id: FromPath[str], bank_file: FromPath[str]) -> Response[Any]:
        """The file to hand to the bank. That it was taken is written down."""
        access.requires(actor_of(request), "payouts.take_file", Thing("batch", batch_id))
        if bank_file not in files.FORMS:
            raise NotFound("There is no such file.", "no_file")
        made = await actions.take_file(actor_of(request), batch_id, bank_file)
        return Response(
            made.data,
            media_type=made.media_type,
            headers=as_file(made.name),
        )

    @get("/money/payouts/{batch_id:str}/sent", opt={"action": "payouts.confirm_batch"})
    async def about_sent(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        """On which day did the bank pay them?"""
        return render(request, "payouts/sent.html", **await _batch(request, batch_id), key=new_id())

    @post("/money/payouts/{batch_id:str}/sent", opt={"action": "payouts.confirm_batch"})
    async def sent(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        facts = await _batch(request, batch_id)
        try:
            form = read_form(request, SentForm)
            number = await actions.confirm_batch(actor_of(request), batch_id, on=form.on, key=f"paid:{form.key}")
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "payouts/sent.html", error, **facts, key=new_id())
        return redirect(request, f"/money/payouts/{batch_id}", f"Written down as paid: {say.people(number)}.")

    @get("/money/payments/{payment_id:str}", opt={"action": "payouts.see"})
    async def payment(self, request: AnyRequest, payment_id: FromPath[str]) -> Response[Any]:
        """One payment: how it stands, and what became of it."""
        return render(request, "payouts/payment.html", **await _payment(request, payment_id), key=new_id())

    @post("/money/payments/{payment_id:str}", opt={"action": "payouts.confirm_paid"})
    async def became(self, request: AnyRequest, payment_id: FromPath[str]) -> Response[Any]:
        facts, actor = await _payment(request, payment_id), actor_of(request)
        one = facts["one"]
        try:
            form = read_form(request, BecameForm)
            if form.what == "arrived":
                await actions.confirm_paid(actor, payment_id, on=form.on, key=f"paid:{form.key}")
            else:
                await actions.bounced(actor, payment_id, on=form.on, key=f"bounced:{form.key}", because=form.because)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "payouts/payment.html", error, **facts, key=new_id())
        notice = f"Written down. {one.called} has it."
        if form.what == "back":
            notice = (
                f"Written down. {one.called} is told, and is paid again once somebody has made sure of the account."
            )
        return redirect(request, f"/money/payouts/{one.batch_id}", notice)


async def _batch(request: AnyRequest, batch_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    access.requires(actor, "payouts.see", Thing("batch", batch_id))
    one = await queries.batch(actor, batch_id)
    waiting = sum(payment.amount_pence for payment in one.payments if payment.state == "sent")
    return {**await batch_facts(request, one), "waiting": pounds(waiting), "day": say_date(clock.today())}


async def _payment(request: AnyRequest, payment_id: str) -> dict[str, Any]:
    one = await queries.payment(actor_of(request), payment_id)
    back = ("back", "It came back", "They are told, and a facilitator rings them.")
    rows = [
        ("To", one.name), ("Account", one.ending), ("On their statement", one.reference), ("It is", say.consists(one)),
    ]  # fmt: skip
    choices = {"sent": [("arrived", "The bank has paid it", ""), back], "paid": [back] if one.amount_pence else []}
    return {
        "one": one, "title": f"{pounds(one.amount_pence)} to {one.called}", "state": say.became(one), "rows": rows,
        "choices": choices.get(one.state, []), "day": say_date(clock.today()),
    }  # fmt: skip
