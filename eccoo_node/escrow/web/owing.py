"""Who owes the circle, and letting a debt go: the treasurer's."""

from typing import Any, Literal

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import entering, owing, say_capital
from eccoo_node.escrow.forms import LetGoForm
from eccoo_node.escrow.owing import Who
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

PATH = "/money/owed"
_KINDS: dict[Who, Literal["money.write_off", "money.write_off_payer"]] = {
    "worker": "money.write_off", "payer": "money.write_off_payer",
}  # fmt: skip


class OwingController(Controller):
    """Nobody lets go of their own debt."""

    include_in_schema = False

    @get(PATH, opt={"action": "money.see_books"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Everyone who owes the circle something, the oldest first."""
        found = await owing.owing(actor_of(request))
        cards = {
            who: [
                {"path": f"{PATH}/{who}s/{one.holder}", "title": say_capital.owes(one), "words": say_capital.since(one)}
                for one in found
                if one.who == who
            ]
            for who in _KINDS
        }
        total = pounds(sum(one.amount_pence for one in found))
        return render(
            request, "money/owed.html", said=f"The circle is owed {total}." if found else "", payers=cards["payer"],
            workers=cards["worker"],
        )  # fmt: skip

    @get(f"{PATH}/workers/{{worker_id:str}}", opt={"action": "money.write_off"})
    async def about_worker(self, request: AnyRequest, worker_id: FromPath[str]) -> Response[Any]:
        """How much of it does the circle bear?"""
        return render(request, "money/let_go.html", **await _facts(request, "worker", worker_id))

    @post(f"{PATH}/workers/{{worker_id:str}}", opt={"action": "money.write_off"})
    async def let_worker_go(self, request: AnyRequest, worker_id: FromPath[str]) -> Response[Any]:
        return await _let_go(request, "worker", worker_id)

    @get(f"{PATH}/payers/{{payer_id:str}}", opt={"action": "money.write_off_payer"})
    async def about_payer(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        """The same of what a payer owes."""
        return render(request, "money/let_go.html", **await _facts(request, "payer", payer_id))

    @post(f"{PATH}/payers/{{payer_id:str}}", opt={"action": "money.write_off_payer"})
    async def let_payer_go(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        return await _let_go(request, "payer", payer_id)


async def _asked(request: AnyRequest, who: Who, holder: str) -> Actor:
    """Whoever reads, if they may let this go."""
    actor, parties = actor_of(request), await entering.concerned([holder])
    access.requires(actor, _KINDS[who], Thing(who, holder, parties=parties))
    return actor


async def _facts(request: AnyRequest, who: Who, holder: str) -> dict[str, Any]:
    actor = await _asked(request, who, holder)
    one = await owing.one_who_owes(actor, who, holder)
    return {
        "one": one, "title": say_capital.owes(one), "since": say_capital.since(one), "here": f"{PATH}/{who}s/{holder}",
        "amount": pounds(one.most_pence).removeprefix("£"), "most": pounds(one.most_pence), "key": new_id(),
    }  # fmt: skip


async def _let_go(request: AnyRequest, who: Who, holder: str) -> Response[Any]:
    actor = await _asked(request, who, holder)
    door = owing.write_off if who == "worker" else owing.write_off_payer
    try:
        form = read_form(request, LetGoForm)
        pence = parse_pounds(form.amount)
        await door(actor, holder, pence, f"let-go:{form.key}", because=form.because)
    except (FormError, Invalid, Conflict) as error:
        return form_error(request, "money/let_go.html", error, **await _facts(request, who, holder))
    return redirect(request, PATH, f"{pounds(pence)} is let go, and not owed any more.")
