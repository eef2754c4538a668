"""Who does what in the circle: an admin asks someone to take a role, takes the asking back, and takes a role off."""

from datetime import datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing, may, requires
from eccoo_node.kernel.errors import Invalid, NotFound
from eccoo_node.members import hats, offers, queries
from eccoo_node.members.cards import PersonCard
from eccoo_node.members.forms import AskForRole
from eccoo_node.members.say import POWER_WORDS, say_date
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

HERE = "/admin/roles"


def _requires(request: AnyRequest) -> None:
    requires(actor_of(request), "members.see_roles", Thing("circle"))


class RolesController(Controller):
    """For admins."""

    include_in_schema = False

    @get(HERE, opt={"action": "members.see_roles"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Everyone who has a role with power in the circle, and who was asked."""
        _requires(request)
        worn, asked = await offers.in_the_circle(), await offers.asked_in_the_circle()
        roles = [
            (
                words,
                [one for one in worn if one.role == role],
                [one for one in asked if one.role == role],
            )
            for role, (words, _) in POWER_WORDS.items()
        ]
        return render(request, "members/roles.html", roles=roles, say_date=_say_date)

    @get(f"{HERE}/ask", opt={"action": "members.offer_hat"})
    async def choose(self, request: AnyRequest) -> Response[Any]:
        """Whom to ask, and for what."""
        _requires(request)
        return render(request, "members/ask_role.html", **_form(request, []))

    @post(f"{HERE}/ask", opt={"action": "members.offer_hat"})
    async def ask(self, request: AnyRequest) -> Response[Any]:
        """Ask them. Where several answer to what was typed, which of them is asked first."""
        _requires(request)
        actor, found = actor_of(request), list[PersonCard]()
        try:
            form = read_form(request, AskForRole)
            whole = not _keeps_the_list(request)
            found = await queries.find_people(form.who, whole=whole)
            if not found:
                other = "Write the whole name, or the whole number." if whole else "Try fewer letters, or their number."
                raise Invalid(f"Nobody here answers to that. {other}", "nobody", field="who")
            chosen = found[0] if len(found) == 1 else next((one for one in found if one.id == form.person), None)
            if chosen is None:
                raise Invalid("Several people answer to that. Choose which of them.", "which", field="person")
            await hats.offer_hat(actor, community_id=await queries.circle_id(), person_id=chosen.id, role=form.role)
        except (FormError, Invalid) as error:
            return form_error(request, "members/ask_role.html", error, **_form(request, found))
        if chosen.id == actor.person_id:
            return redirect(request, "/sessions", "Say yes here, and it begins.")
        return redirect(request, HERE, f"{chosen.called} is asked, and finds it under “You”.")

    @post(f"{HERE}/asked/{{role_id:str}}/back", opt={"action": "members.take_back_hat"})
    async def take_back(self, request: AnyRequest, role_id: FromPath[str]) -> Response[Any]:
        """Ask no longer."""
        await hats.take_back_hat(actor_of(request), role_id)
        return redirect(request, HERE, "That is taken back.")

    @get(f"{HERE}/{{hat_id:str}}/end", opt={"action": "members.end_hat"})
    async def sure(self, request: AnyRequest, hat_id: FromPath[str]) -> Response[Any]:
        """Are you sure?"""
        _requires(request)
        one = next((one for one in await offers.in_the_circle() if one.id == hat_id), None)
        if one is None:
            raise NotFound
        return render(request, "members/end_role.html", one=one, words=POWER_WORDS[one.role][0])

    @post(f"{HERE}/{{hat_id:str}}/end", opt={"action": "members.end_hat"})
    async def end(self, request: AnyRequest, hat_id: FromPath[str]) -> Response[Any]:
        """It ends at once."""
        await hats.end_hat(actor_of(request), hat_id)
        return redirect(request, HERE, "That has ended.")


def _say_date(at: datetime) -> str:
    return say_date(at.astimezone(clock.zone()).date())


def _keeps_the_list(request: AnyRequest) -> bool:
    """Whoever looks after the node alone does not see its people: they ask somebody whom they can name."""
    return may(actor_of(request), "members.find_people", Thing("person"))


def _form(request: AnyRequest, found: list[PersonCard]) -> dict[str, Any]:
    people = [(one.id, one.called, one.outward) for one in found] if len(found) > 1 else []
    return {
        "people": people,
        "who": "The beginning of a name is enough, or a phone number."
        if _keeps_the_list(request)
        else "Their whole name, or their whole phone number.",
        "days": offers.LASTS.days,
        "roles": [(role, *words) for role, words in POWER_WORDS.items()],
    }
