"""What is ready to be paid out, and the making of a batch of it."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.escrow.checking import books_break
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.days import next_working_day
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.members.cards import Helper
from eccoo_node.members.say import say_date
from eccoo_node.payouts import actions, queries, rules, say
from eccoo_node.payouts.forms import BatchForm
from eccoo_node.payouts.queries import Batch, Payment
from eccoo_node.payouts.ready import Bank, Ready, ready
from eccoo_node.payouts.rules import say_sort_code
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of

OWN = "own"


def _bank(source: str) -> Bank:
    return "1010" if source == OWN else "1000"


def _waits(found: Sequence[Ready]) -> list[dict[str, Any]]:
    """What can't be sent yet, by why not, each reason said once."""
    by_reason: dict[str, list[dict[str, str]]] = {}
    for one in found:
        if one.reason:
            path = f"/money/details/{one.person_id}" if one.reason in say.MENDED else ""
            line = {"called": one.called or "Money that nobody knew", "sum": pounds(one.amount_pence), "path": path}
            by_reason.setdefault(one.reason, []).append(line)
    return [
        {"reason": reason, "words": say.REASONS[reason], "lines": lines}
        for reason, lines in sorted(by_reason.items(), key=lambda item: list(say.REASONS).index(item[0]))
    ]


class BatchesController(Controller):
    """The treasurer's; the second yes is somebody else's."""

    include_in_schema = False

    @get("/money/payouts", opt={"action": "payouts.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """What is ready, what can't go yet, and the batches that were made."""
        actor = actor_of(request)
        access.requires(actor, "payouts.see", Thing("batch"))
        found, shares = await ready("1000"), await ready("1010")
        place = page_of(request.query_params)
        batches = await queries.batches(actor, place.skip(queries.SHOWN))
        cards = [
            {"path": f"/money/payouts/{one.id}", "title": f"Batch {one.number}: {say.batch(one)}",
             "words": f"Made by {one.maker} on {clock.say_day(one.made_at, clock.zone())}",
             "state": say.state(one, [row for row, _ in to_pay_again(one, [*found, *shares])])}
            for one in batches
        ]  # fmt: skip
        able = [one for one in found if not one.reason]
        return render(
            request, "payouts/index.html", said=say.ready(found), broken=bool(await books_break()), cards=cards,
            rows=[(one.called, pounds(one.amount_pence)) for one in able],
            shares=say.ready(shares) if any(not one.reason for one in shares) else "",
            waits=_waits([*found, *shares]), next_one=_next(batches, [*found, *shares]),
            helpers=await members.facilitators(),
            **place.links("/money/payouts", bool(batches) and batches[-1].number > 1),
        )  # fmt: skip

    @get("/money/payouts/new", opt={"action": "payouts.make_batch"})
    async def about_making(self, request: AnyRequest, source: FromQuery[str] = "") -> Response[Any]:
        """Who is paid?"""
        facts = await _choices(request, source)
        return render(request, "payouts/new.html", **facts, key=new_id())

    @post("/money/payouts/new", opt={"action": "payouts.make_batch"})
    async def make(self, request: AnyRequest, source: FromQuery[str] = "") -> Response[Any]:
        facts = await _choices(request, source)
        try:
            form = read_form(request, BatchForm)
            now = {value for value, *_ in facts["who"]}
            # Whoever came to be ready since the page was shown is left for the next one.
            left = dict.fromkeys(now - set(form.who), form.because)
            left |= dict.fromkeys(now - set(form.asked) - set(form.who), "Not ready when this was chosen")
            made = await actions.make_batch(
                actor_of(request), bank=_bank(source), pay_on=form.pay_on, leave_out=left, key=f"batch:{form.key}"
            )
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "payouts/new.html", error, **facts, key=new_id())
        return redirect(request, f"/money/payouts/{made}")

    @get("/money/payouts/{batch_id:str}", opt={"action": "payouts.see"})
    async def show(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        """One batch, how it stands, and what comes next."""
        actor = actor_of(request)
        access.requires(actor, "payouts.see", Thing("batch", batch_id))
        one = await queries.batch(actor, batch_id)
        paid_from = (await queries.order(one)).ours
        again = to_pay_again(one, await ready(one.bank)) if one.state in {"sent", "over"} else []
        facts = await batch_facts(request, one)
        return render(
            request, "payouts/batch.html",
            **facts | {"state": say.state(one, [row for row, _ in again])},
            may_approve=access.may(actor, "payouts.approve", one.thing),
            to_ring=await _seconds(one) if one.state == "waits" else [], again=[_again(*both) for both in again],
            # A file is made of the account as it stood then.
            service_user=bool(paid_from and paid_from.service_user),
            account_path=f"/money/bank/accounts/{one.bank}",
        )  # fmt: skip

    @get("/money/payouts/{batch_id:str}/yes", opt={"action": "payouts.approve"})
    async def about_approving(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        """May this be sent? For a second person."""
        actor = actor_of(request)
        one = await queries.batch(actor, batch_id)
        access.requires(actor, "payouts.approve", one.thing)
        maker = next((row for row in await members.wearing("treasurer") if row.person_id == one.made_by), None)
        return render(
            request, "payouts/approve.html", **await batch_facts(request, one), maker=maker, limit=await _limit(actor)
        )

    @post("/money/payouts/{batch_id:str}/yes", opt={"action": "payouts.approve"})
    async def approve(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        await actions.approve(actor_of(request), batch_id)
        return redirect(request, "/home", "Your yes is written down. The treasurer can send it now.")

    @post("/money/payouts/{batch_id:str}/make", opt={"action": "payouts.file"})
    async def file(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        await actions.file_batch(actor_of(request), batch_id)
        return redirect(request, f"/money/payouts/{batch_id}", "The file is made. Take it to the bank.")

    @post("/money/payouts/{batch_id:str}/back", opt={"action": "payouts.take_back"})
    async def take_back(self, request: AnyRequest, batch_id: FromPath[str]) -> Response[Any]:
        await actions.take_back(actor_of(request), batch_id)
        return redirect(request, "/money/payouts", "The batch is taken back. Nothing had moved.")


async def _choices(request: AnyRequest, source: str) -> dict[str, Any]:
    access.requires(actor_of(request), "payouts.make_batch", Thing("batch"))
    able = [one for one in await ready(_bank(source)) if not one.reason]
    return {
        "source": source,
        "who": [(one.key, f"{one.called}: {pounds(one.amount_pence)}", _hint(one)) for one in able],
        "chosen": [one.key for one in able],
        "pay_on": say_date(next_working_day(clock.today())),
        "total": say.ready(able),
    }


def _hint(one: Ready) -> str:
    ending = f"Account {one.details.ending}" if one.details else ""
    return ". ".join(part for part in (ending, say.consists(one)) if part)


async def batch_facts(request: AnyRequest, one: Batch) -> dict[str, Any]:
    """What both who make a batch and who give it their second yes see of it."""
    out = [(row.called or "Nobody’s", say.out(row)) for row in await queries.left_out(actor_of(request), one.id)]
    return {
        "one": one,
        "about": f"Batch {one.number}",
        "said": f"{say.batch(one)}, to be paid on {say.weekday(one.pay_on)}.",
        "made": f"{one.maker} made it on {clock.say_day(one.made_at, clock.zone())}.",
        "state": say.state(one),
        "body": [_row(payment) for payment in one.payments],
        "cards": [_card(payment) for payment in one.payments],
        "out": out,
        "twice": say.twice(one),
    }


def to_pay_again(one: Batch, found: Sequence[Ready]) -> list[tuple[Payment, Ready]]:
    """What of a batch came back and is not sent again yet, with what it waits for."""
    back = {f"{row.kind}:{row.holder}": row for row in one.payments if row.state == "bounced"}
    return [(back[row.key], row) for row in found if row.key in back]


async def _limit(actor: Actor) -> dict[str, str]:
    """The limit that makes this take two people, and the decision it rests on, for whoever is the second to see."""
    now = next(now for now, _ in await governance.figures(actor) if now.figure.name == rules.PAYOUT_ALONE.name)
    return {
        "value": now.figure.say(now.value), "words": now.words, "path": f"/decisions/{now.decision_id}" if now.words else "",
        "by": f"{now.by or 'Somebody'} wrote the limit down, {now.decision_by or 'somebody'} the decision.",
    }  # fmt: skip


def _again(row: Payment, now: Ready) -> dict[str, str]:
    """What is left to do about a payment that came back, and where."""
    title = f"{pounds(row.amount_pence)} to {row.called} came back"
    if not now.reason:
        return {"title": title, "words": "Somebody has made sure of the account. It can be paid again, in a new batch.",
                "path": f"/money/payouts/new{'?source=own' if row.kind == 'share' else ''}", "button": "Make a batch"}  # fmt: skip
    if now.reason in say.MENDED:
        return {"title": title, "words": "First ring them: is this really their account?",
                "path": f"/money/details/{now.person_id}", "button": f"Make sure of {row.called}’s account"}  # fmt: skip
    return {
        "title": title,
        "words": say.REASONS[now.reason],
        "path": "/money/payouts",
        "button": "See what it waits for",
    }


def _next(batches: Sequence[Batch], found: Sequence[Ready]) -> tuple[str, str] | None:
    """What comes next where nobody can be put in a batch: an open batch, else an account to make sure of."""
    for one in reversed(batches):
        if one.state in {"waits", "ready", "sent"}:
            return f"/money/payouts/{one.id}", f"Go on with batch {one.number}"
    sure = next((one for one in found if one.reason in say.MENDED), None)
    return (f"/money/details/{sure.person_id}", f"Make sure of {sure.called}’s account") if sure else None


async def _seconds(one: Batch) -> list[Helper]:
    """Who can be rung for the second yes: nobody who made the batch, is paid by it or speaks for somebody who is."""
    not_these = one.parties | {one.made_by}
    return [row for row in await members.wearing(*rules.SECONDS) if row.person_id not in not_these]


def _row(one: Payment) -> tuple[str, str]:
    account = f"{say_sort_code(one.sort_code)} {one.account_number}" if one.sort_code else f"account {one.ending}"
    parts = [f"{pounds(one.amount_pence)} to {one.name}, {account}", say.consists(one)]
    return one.called, ". ".join(part for part in parts if part)


def _card(one: Payment) -> dict[str, Any]:
    words = [f"Account {one.ending}", f"“{one.reference}” on their statement", say.consists(one)]
    return {
        "path": f"/money/payments/{one.id}", "title": f"{one.called}: {pounds(one.amount_pence)}",
        "words": ". ".join(part for part in words if part), "state": say.became(one),
    }  # fmt: skip
