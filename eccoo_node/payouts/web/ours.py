"""A change of one of the circle's own accounts, for the second person who makes sure of it."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import access, clock
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.payouts import changing, ours, say
from eccoo_node.payouts.forms import ChangeForm
from eccoo_node.payouts.rules import say_sort_code
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

PAGE = "payouts/our_change.html"


class OursController(Controller):
    """A treasurer's, a convenor's, a facilitator's and an admin's; never whoever asked for it."""

    include_in_schema = False

    @get("/money/account-changes/{change_id:str}", opt={"action": "payouts.see_account_change"})
    async def about(self, request: AnyRequest, change_id: FromPath[str]) -> Response[Any]:
        """Is this really our account now?"""
        return render(request, PAGE, **await _facts(request, change_id))

    @post("/money/account-changes/{change_id:str}", opt={"action": "payouts.confirm_account"})
    async def confirm(self, request: AnyRequest, change_id: FromPath[str]) -> Response[Any]:
        facts = await _facts(request, change_id)
        try:
            form = read_form(request, ChangeForm)
            await changing.confirm_account(actor_of(request), change_id, how=form.how)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, PAGE, error, **facts)
        return redirect(request, f"/money/account-changes/{change_id}", "The new account counts from now on.")

    @post("/money/account-changes/{change_id:str}/no", opt={"action": "payouts.turn_down_account"})
    async def turn_down(self, request: AnyRequest, change_id: FromPath[str]) -> Response[Any]:
        await changing.turn_down_account(actor_of(request), change_id)
        return redirect(request, f"/money/account-changes/{change_id}", "It is turned down. Nothing has changed.")

    @post("/money/account-changes/{change_id:str}/back", opt={"action": "payouts.take_back_account"})
    async def take_back(self, request: AnyRequest, change_id: FromPath[str]) -> Response[Any]:
        await changing.take_back_account(actor_of(request), change_id)
        return redirect(request, f"/money/account-changes/{change_id}", "It is taken back. Nothing has changed.")


async def _facts(request: AnyRequest, change_id: str) -> dict[str, Any]:
    actor = actor_of(request)
    one = await ours.change(actor, change_id)
    old, new = _shown(one.before), _shown(one.told)
    ways = [("rang", f"I rang {one.asker}, and they read it to me", one.phone)] if one.phone else []
    return {
        "one": one,
        "body": [
            (label, was, "the same" if was == to else to)
            for label, was, to in zip(("Name", "Sort code", "Account number"), old, new, strict=True)
        ],
        "asked": f"{one.asker} asked for this on {clock.say_day(one.asked_at, clock.zone())}.",
        "became": say.account_change(one),
        "may": one.state == "waits" and access.may(actor, "payouts.confirm_account", one.thing),
        "mine": one.asked_by == actor.person_id,
        "ways": [*ways, ("paper", "I read it off the bank’s own paper", "A statement or a letter, not a copy by mail")],
    }


def _shown(told: tuple[str, str, str]) -> tuple[str, str, str]:
    return told[0], say_sort_code(told[1]), told[2]
