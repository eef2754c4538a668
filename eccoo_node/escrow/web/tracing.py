"""Following money: one visit from the bank to the worker, and for the treasurer one payer's visits."""

from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.escrow import payers, rules, say, say_trace, statements, telling, tracing
from eccoo_node.escrow.rules import PAYS_AFTER
from eccoo_node.governance import queries as governance
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.words import paid_by
from eccoo_node.members.say import say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.paging import page_of


class TracingController(Controller):
    """A payer, a worker and the treasurer each follow what is theirs to follow; the treasurer's reading is written down."""

    include_in_schema = False

    @get("/money/follow/{reference:str}", opt={"action": "signed_in"})
    async def line(self, request: AnyRequest, reference: FromPath[str]) -> Response[Any]:
        """Where the money of one visit came from, and where it went."""
        actor = actor_of(request)
        whole = rules.keeps_books(actor)
        found = await (tracing.trace_whole if whole else tracing.trace)(actor, reference)
        others = [part.reference for part in found.came or [] if part.reference]
        told = await telling.tell(actor, [reference, *others])
        return render(
            request, "money/follow.html", what=say.visit(told[reference]), visit_path=told[reference].path, bought=told[reference].bought,
            came=[say_trace.came(part, told) for part in found.came] if found.came is not None else None,
            steps=[say_trace.step(one) for one in found.steps],
            paid=[say_trace.left(part) for part in found.paid] if found.paid is not None else None,
        )  # fmt: skip

    @get("/money/payers/{payer_id:str}", opt={"action": "money.trace_payer"})
    async def payer(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        """What one payer's money is doing, for the treasurer."""
        place = page_of(request.query_params)
        one = await tracing.trace_payer(actor_of(request), payer_id, place.skip(statements.SHOWN))
        return render(
            request, "money/payer.html", payer_id=payer_id, called=paid_by(one.person_called, one.payer_called), fund=say.fund(one.fund),
            sentences=say.payer_sentences(one, yours=False) if place.page == 1 else [],
            coming=followed([row for row in one.coming if not row.in_question]),
            asked=followed([row for row in one.coming if row.in_question]),
            past=followed(one.past), **place.links(f"/money/payers/{payer_id}", one.more),
        )  # fmt: skip

    @get("/money/before", opt={"action": "signed_in"})
    async def before(self, request: AnyRequest, payer: FromQuery[str] = "") -> Response[Any]:
        """What was paid for, or earned, before what stands on Money."""
        actor, place = actor_of(request), page_of(request.query_params)
        skip = place.skip(statements.SHOWN)
        found = (
            await statements.before_of_payer(actor, payer, skip)
            if payer
            else await statements.before_of_worker(actor, skip)
        )
        return render(
            request, "money/before.html", called=found.called, rows=followed(found.rows, for_worker=not payer),
            **place.links("/money/before", found.more, payer=payer),
        )  # fmt: skip

    @get("/money/payers/{payer_id:str}/when", opt={"action": "money.pays_after"})
    async def about_when(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        """Ahead of each visit, or after it?"""
        return render(request, "money/pays_when.html", **await _when(request, payer_id))

    @post("/money/payers/{payer_id:str}/when", opt={"action": "money.pays_after"})
    async def when(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        facts = await _when(request, payer_id)
        try:
            form = read_form(request, WhenForm)
            after = form.when == "after"
            await payers.pays_after(actor_of(request), payer_id, after, decision_id=form.decision)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "money/pays_when.html", error, **facts)
        how = "after each visit" if after else "ahead of each visit"
        return redirect(request, f"/money/payers/{payer_id}", f"{facts['called']} pays {how} from now on.")


class WhenForm(msgspec.Struct):
    """When a payer pays, and the decision that it rests on."""

    when: Literal["ahead", "after"]
    decision: str = ""
    SAY: ClassVar[dict[str, str]] = {"when": "Choose one."}


async def _when(request: AnyRequest, payer_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    access.requires(actor, "money.pays_after", await payers.thing_of(payer_id))
    one, after = await payers.named(payer_id)
    about = [each for each in await governance.decisions(actor, about=PAYS_AFTER.name) if not each.due(clock.today())]
    found = [each for each in about if each.recorded_by != actor.person_id]
    return {
        "payer_id": payer_id, "called": one, "now": "after" if after else "ahead", "figure": PAYS_AFTER.name,
        "own": len(about) > len(found), "ended": not await governance.figure(PAYS_AFTER),
        "told": [
            (f"Decided on {say_date(each.decided_on)} by {each.decided_by}; {each.recorder or 'somebody'} wrote it down", each.words)
            for each in found
        ],
        "decisions": [("", "Choose"), *((each.id, each.title) for each in found)],
    }  # fmt: skip


def followed(rows: list[statements.Row], for_worker: bool = False) -> list[dict[str, Any]]:
    """Lines as things to open: each leads to where its money came from and went."""
    words = say.for_worker if for_worker else say.to_whom
    return [
        {"path": f"/money/follow/{row.line.reference}", "title": say.visit(row.told), "words": words(row)}
        for row in rows
    ]
