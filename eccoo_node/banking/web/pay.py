"""How to pay in: for whoever pays, whoever speaks for them about money, and whoever is rung and asked."""

from typing import Any

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.banking import queries, rules, say
from eccoo_node.banking.queries import HowToPay
from eccoo_node.escrow.say import fund
from eccoo_node.kernel import clock
from eccoo_node.kernel.words import paid_by
from eccoo_node.members.say import say_date
from eccoo_node.payouts import ours
from eccoo_node.payouts.rules import say_sort_code
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, render


class PayController(Controller):
    """Reading needs no act: the reference is there before anyone asks."""

    include_in_schema = False

    @get("/money/how-to-pay", opt={"action": "signed_in"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Our account and the reader's own reference; for whoever helps others, those of everyone by name."""
        actor = actor_of(request)
        found = await queries.how_to_pay(actor)
        others = await queries.everyone_who_pays(actor) if rules.helps_to_pay(actor) else []
        own = {one.payer_id for one in found}
        cards = [
            {"path": f"/money/how-to-pay/{one.payer_id}", "title": _whose(one), "words": fund(one.fund)}
            for one in others
            if one.payer_id not in own
        ]
        return await _page(request, found, actor.acting_for or actor.person_id, cards)

    @get("/money/how-to-pay/{payer_id:str}", opt={"action": "banking.how_to_pay"})
    async def one(self, request: AnyRequest, payer_id: FromPath[str]) -> Response[Any]:
        """The same for one payer, to be read out or printed for them."""
        found = await queries.how_this_one_pays(actor_of(request), payer_id)
        return await _page(request, [found], "", [], of=_whose(found))


def _whose(one: HowToPay) -> str:
    return paid_by(one.person_called, one.payer_called)


async def _page(
    request: AnyRequest, found: list[HowToPay], subject: str, cards: list[dict[str, str]], of: str = ""
) -> Page:
    account = await ours.where_paid_in()
    rows = []
    if account is not None:
        rows = [
            ("Name of the account", account.name),
            ("Sort code", say_sort_code(account.sort_code)),
            ("Account number", account.account_number),
        ]
    return render(
        request, "banking/how_to_pay.html", account=account, rows=rows, cards=cards, of=of,
        since=say_date(account.since.astimezone(clock.zone()).date()) if account else "",
        payers=[
            {
                "title": say.whose_reference(one, subject),
                "reference": one.reference,
                "spelt": say.spelt(one.reference),
                "fund": fund(one.fund),
            }
            for one in found
        ],
    )  # fmt: skip
