"""Members' shares, for the treasurer: who has sent money for some, who has some, who takes some out."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.escrow import capital, entering, say_capital, treasury
from eccoo_node.escrow.capital import Holding, Member
from eccoo_node.escrow.forms import AllotForm, TakeOutForm
from eccoo_node.escrow.rules import SHARES_OUT
from eccoo_node.governance import queries as governance
from eccoo_node.governance.queries import Decision
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.kernel.words import many
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

PATH = "/money/shares-of-members"


class CapitalController(Controller):
    """The list and each member's page are the treasurer's alone; nobody decides on their own shares."""

    include_in_schema = False

    @get(PATH, opt={"action": "money.see_books"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Who has sent money for shares, who takes some out, who has some."""
        found = await capital.holdings(actor_of(request))
        have = [one for one in found if one.shares_pence]
        total = sum(one.shares_pence for one in have)
        return render(
            request, "money/members_shares.html",
            said=f"{pounds(total)} is in shares, of {many(len(have), 'member')}." if have else "",
            first=next((one for one in found if one.applied_pence), None),
            applied=[_card(one, f"{pounds(one.applied_pence)} to be allotted") for one in found if one.applied_pence],
            leaving=[_card(one, f"{pounds(one.leaving_pence)} on its way") for one in found if one.leaving_pence],
            have=[_card(one, f"{pounds(one.shares_pence)} in shares") for one in have],
            suspended=not await governance.figure(SHARES_OUT), figure=SHARES_OUT.name,
        )  # fmt: skip

    @get(f"{PATH}/{{member_id:str}}", opt={"action": "money.trace_shares"})
    async def member(self, request: AnyRequest, member_id: FromPath[str]) -> Response[Any]:
        """One member's shares with their history. Reading it is written down."""
        found = await capital.trace_member(actor_of(request), member_id)
        return render(request, "money/member_shares.html", **await _facts(request, found))

    @post(f"{PATH}/{{member_id:str}}/allot", opt={"action": "money.share_allotted"})
    async def allot(self, request: AnyRequest, member_id: FromPath[str]) -> Response[Any]:
        """What they sent becomes shares."""
        actor = actor_of(request)
        access.requires(actor, "money.share_allotted", Thing("member", member_id, person_id=member_id))
        facts = await _facts(request, await capital.member(actor, member_id))
        try:
            form = read_form(request, AllotForm)
            pence = parse_pounds(form.amount)
            await treasury.share_allotted(actor, member_id, pence, f"allot:{form.key}", decision_id=form.decision)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "money/member_shares.html", error, **facts)
        called = facts["one"].called
        moved = f"Now move {pounds(pence)} at the bank, from what is kept apart to the circle’s own account."
        return redirect(request, PATH, f"{called} has {pounds(pence)} more in shares. {moved}")

    @get(f"{PATH}/{{member_id:str}}/out", opt={"action": "money.share_withdrawn"})
    async def about_taking_out(self, request: AnyRequest, member_id: FromPath[str]) -> Response[Any]:
        """How much do they take out, and by which decision?"""
        return render(request, "money/take_shares_out.html", **await _out_facts(request, member_id))

    @post(f"{PATH}/{{member_id:str}}/out", opt={"action": "money.share_withdrawn"})
    async def take_out(self, request: AnyRequest, member_id: FromPath[str]) -> Response[Any]:
        """They are on their way out, until the bank has paid them."""
        actor, facts = actor_of(request), await _out_facts(request, member_id)
        try:
            form = read_form(request, TakeOutForm)
            pence = parse_pounds(form.amount)
            await treasury.share_withdrawn(
                actor, member_id, pence, f"shares-out:{form.key}", decision_id=form.decision, because=form.because
            )
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "money/take_shares_out.html", error, **facts)
        said = f"{pounds(pence)} of {facts['one'].called} is on its way out. Pay it with the next batch of shares."
        return redirect(request, PATH, said)


def _card(one: Holding, words: str) -> dict[str, Any]:
    return {"path": f"{PATH}/{one.member_id}", "title": one.called, "words": words}


def _choices(found: list[Decision], person_id: str) -> list[tuple[str, str]]:
    """Decisions that somebody else wrote down; empty where there is none."""
    listed = [(one.id, one.title) for one in found if one.recorded_by != person_id]
    return [("", "Choose"), *listed] if listed else []


async def _facts(request: AnyRequest, found: Member) -> dict[str, Any]:
    actor, one = actor_of(request), found.holding
    decisions = await governance.decisions(actor) if one.applied_pence else []
    parties = await entering.concerned([one.member_id])
    return {
        "one": one, "here": f"{PATH}/{one.member_id}", "key": new_id(),
        "sentences": say_capital.holding(one, yours=False), "steps": [say_capital.step(step) for step in found.steps],
        "own": actor.person_id in parties, "amount": pounds(one.applied_pence).removeprefix("£"),
        "decisions": _choices([each for each in decisions if not each.about], actor.person_id),
        "suspended": not await governance.figure(SHARES_OUT),
    }  # fmt: skip


async def _out_facts(request: AnyRequest, member_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    parties = await entering.concerned([member_id])
    access.requires(actor, "money.share_withdrawn", Thing("member", member_id, person_id=member_id, parties=parties))
    one = await capital.holding(actor, member_id)
    decisions = await governance.decisions(actor, about=SHARES_OUT.name)
    good = [each for each in decisions if each.decided_on >= capital.oldest_decision()]
    return {
        "one": one, "here": f"{PATH}/{member_id}", "key": new_id(), "figure": SHARES_OUT.name,
        "own_money": pounds(max(0, await capital.own_pence())), "has": pounds(one.shares_pence),
        "decisions": _choices(good, actor.person_id), "suspended": not await governance.figure(SHARES_OUT),
    }  # fmt: skip
