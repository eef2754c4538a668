"""Where someone's money goes: for themselves to say, for somebody else to make sure of."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import parse_pounds, pounds
from eccoo_node.payouts import details, giving, ready, rules, say
from eccoo_node.payouts.details import ToConfirm
from eccoo_node.payouts.forms import DetailsForm, GiveBackForm, SureForm
from eccoo_node.payouts.rules import say_sort_code
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render

_NOTICES = {
    "unreached": "It is written down. {called} stays on the list, and nothing is paid there yet.",
    "wrong": "It is written down. Nothing is paid there, and {called} is asked to give it again.",
}


def _subject(actor: Actor) -> str:
    return actor.acting_for or actor.person_id


class WhereToController(Controller):
    """`payouts.give_details` is one's own, or a facilitator's who writes it down; somebody else makes sure."""

    include_in_schema = False

    @get("/money/where-to", opt={"action": "payouts.see_details"})
    async def own(self, request: AnyRequest) -> Response[Any]:
        """To which account does your money go?"""
        return render(request, "payouts/where_to.html", **await _own(request))

    @post("/money/where-to", opt={"action": "payouts.give_details"})
    async def give(self, request: AnyRequest) -> Response[Any]:
        facts = await _own(request)
        actor = actor_of(request)
        try:
            form = _read(request)
            odd = rules.doubt(rules.read_sort_code(form.sort_code), rules.read_account_number(form.account_number))
            if odd and not form.right:
                return form_error(
                    request, "payouts/where_to.html", {"account_number": odd}, **facts | {"odd": True}
                )  # fmt: skip
            await giving.give_details(
                actor, _subject(actor), name=form.name, sort_code=form.sort_code, account_number=form.account_number
            )
        except (FormError, Invalid) as error:
            return form_error(request, "payouts/where_to.html", error, **facts)
        return redirect(request, "/money/where-to", "It is written down.")

    @get("/money/give-back", opt={"action": "payouts.see_details"})
    async def about_giving_back(self, request: AnyRequest) -> Response[Any]:
        """What is to be given back, and how."""
        return render(request, "payouts/give_back.html", **await _owing(request))

    @post("/money/give-back", opt={"action": "payouts.agree_recovery"})
    async def give_back(self, request: AnyRequest) -> Response[Any]:
        facts, actor = await _owing(request), actor_of(request)
        try:
            form = read_form(request, GiveBackForm)
            most = parse_pounds(form.most, field="most")
            if not form.yes:
                raise Invalid("Tick this if you agree. Without it nothing is taken.", "no_yes", field="yes")
            await giving.agree_recovery(actor, _subject(actor), most_pence=most)
        except (FormError, Invalid) as error:
            return form_error(request, "payouts/give_back.html", error, **facts)
        return redirect(request, "/money/give-back", f"Your yes is written down: up to {pounds(most)} of each payout.")

    @post("/money/give-back/stop", opt={"action": "payouts.stop_recovery"})
    async def stop(self, request: AnyRequest) -> Response[Any]:
        actor = actor_of(request)
        await giving.stop_recovery(actor, _subject(actor))
        return redirect(request, "/money/give-back", "Your yes is taken back. Nothing is taken off from now on.")

    @get("/money/details", opt={"action": "payouts.confirm_details"})
    async def to_confirm(self, request: AnyRequest) -> Response[Any]:
        """Whose bank account does somebody have to make sure of?"""
        found = await details.to_confirm(actor_of(request))
        cards = [
            {
                "path": f"/money/details/{one.person_id}", "title": one.called,
                "words": f"Given on {clock.say_day(one.given_at, clock.zone())}; {one.ending}"
                + (f". Not reached on {clock.say_day(one.tried_at, clock.zone())}" if one.tried_at else ""),
                "state": ("open", "A payment came back") if one.came_back else None,
            }
            for one in found
        ]  # fmt: skip
        return render(request, "payouts/details.html", cards=cards)

    @get("/money/details/{person_id:str}", opt={"action": "payouts.confirm_details"})
    async def about_confirming(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        return render(request, "payouts/make_sure.html", **_sure(await _waiting(request, person_id)))

    @post("/money/details/{person_id:str}", opt={"action": "payouts.confirm_details"})
    async def confirm(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        one = await _waiting(request, person_id)
        try:
            form = read_form(request, SureForm)
            if form.how in rules.NOT_SURE:
                await giving.not_sure(actor_of(request), person_id, outcome=form.how)
                return redirect(request, "/money/details", _NOTICES[form.how].format(called=one.called))
            await giving.confirm_details(
                actor_of(request), person_id, how=form.how, sort_code=form.sort_code, account_number=form.account_number
            )
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "payouts/make_sure.html", error, **_sure(one))
        return redirect(request, "/money/details", f"It is the same. {one.called} can be paid.")


def _read(request: AnyRequest) -> DetailsForm:
    """Raises FormError with everything that is wrong, not only the first of it."""
    wrong: dict[str, str] = {}
    try:
        form = read_form(request, DetailsForm)
    except FormError as error:
        wrong = error.errors
    for field, read in (
        ("name", rules.read_name), ("sort_code", rules.read_sort_code), ("account_number", rules.read_account_number)
    ):  # fmt: skip
        try:
            if field not in wrong:
                read((ask_of(request).values.get(field) or [""])[-1])
        except Invalid as error:
            wrong[field] = error.sentence
    if wrong:
        raise FormError({field: wrong[field] for field in ("name", "sort_code", "account_number") if field in wrong})
    return form


async def _own(request: AnyRequest) -> dict[str, Any]:
    actor = actor_of(request)
    one = await details.details_of(actor, _subject(actor))
    yours = not actor.acting_for
    shown = [
        ("Name on the account", one.name),
        ("Sort code", say_sort_code(one.sort_code)),
        ("Account number", one.account_number if one.sort_code else one.ending),
    ] if one else []  # fmt: skip
    return {
        "about": session_of(request).acting_for_called, "rows": shown, "odd": False, "sure": say.sure(one, yours=yours) if one else None,
    }  # fmt: skip


async def _owing(request: AnyRequest) -> dict[str, Any]:
    actor = actor_of(request)
    found = await ready.recovery_of(actor, _subject(actor))
    said = clock.say_day(found.said_at, clock.zone()) if found.said_at else ""
    return {
        "about": session_of(request).acting_for_called, "found": found, "owes": pounds(found.owes_pence), "said": said,
    }  # fmt: skip


async def _waiting(request: AnyRequest, person_id: str) -> ToConfirm:
    """Raises Forbidden for one's own, and NotFound where nothing waits."""
    actor = actor_of(request)
    found = [one for one in await details.to_confirm(actor) if one.person_id == person_id]
    if not found:
        given = (await details.current_details([person_id])).get(person_id)
        access.requires(actor, "payouts.confirm_details", await details.thing_of(given, person_id))
        raise NotFound("Nothing waits to be made sure of here.", "nothing_waits")
    return found[0]


def _sure(one: ToConfirm) -> dict[str, Any]:
    known = "the earlier number" if one.new_number else "the number we know"
    ways = [("rang", f"I rang {known}", one.phone)] if one.phone else []
    more = [
        ("paper", "We are face to face, and I see it on paper", ""),
        ("unreached", "I could not reach them", "They stay on the list. Nothing is paid there until somebody has made sure."),
        ("wrong", "It is not right", "Nothing is paid there, and they are asked to give it again."),
    ]  # fmt: skip
    tried = clock.say_day(one.tried_at, clock.zone()) if one.tried_at else ""
    return {"one": one, "ways": [*ways, *more], "tried": tried}
