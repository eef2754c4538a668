"""Following money: one visit from the bank to the worker, and for the treasurer one payer's visits."""

from typing import Any

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.escrow import rules, say, say_trace, statements, telling, tracing
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import render


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
            request, "money/follow.html", what=say.visit(told[reference]), visit_path=told[reference].path,
            came=[say_trace.came(part, told) for part in found.came] if found.came is not None else None,
            steps=[say_trace.step(one) for one in found.steps],
            paid=[say_trace.left(part) for part in found.paid] if found.paid is not None else None,
        )  # fmt: skip

    @get("/money/payers/{payer_id:str}", opt={"action": "money.trace_payer"})
    async def payer(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        """What one payer's money is doing, for the treasurer."""
        actor = actor_of(request)
        one = await tracing.trace_payer(actor, payer_id)
        return render(
            request, "money/payer.html", called=say.payer_called(one), fund=say.fund(one.fund),
            sentences=say.payer_sentences(one, yours=False), coming=followed(one.coming), past=followed(one.past),
        )  # fmt: skip


def followed(rows: list[statements.Row], for_worker: bool = False) -> list[dict[str, Any]]:
    """Lines as things to open: each leads to where its money came from and went."""
    words = say.for_worker if for_worker else say.to_whom
    return [
        {"path": f"/money/follow/{row.line.reference}", "title": say.visit(row.told), "words": words(row)}
        for row in rows
    ]
