"""On the phone: find who is calling, say how you know that it's them, and write down what they say."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel.access import Thing, requires
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.post import post as carrier
from eccoo_node.members import actions, care, numbers, queries, sign_in
from eccoo_node.members.cards import Caller
from eccoo_node.members.forms import FindSomeone, KnownBy, Register
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of, session_of
from eccoo_node.web.page import redirect, render


def _form(calling: Caller) -> dict[str, Any]:
    """Who seems to be calling, and each way to know that it's them which there is."""
    phone, ways = calling.changed.before if calling.changed else calling.person.phone, []
    if calling.agreed:
        hint = f"Ask: what are our words? They are “{calling.agreed}”."
        ways.append(("agreed_words", "They said our agreed words", hint))
    if phone and not calling.unsafe:
        ways.append(("rang_back", "I rang back the number we know", phone))
    ways += [("face_to_face", "We are face to face", ""), ("letter", "I have their letter here", "")]
    return {"calling": calling, "known_by": ways, "new_number": changed_words(calling)}


def changed_words(calling: Caller) -> str:
    """That their number was changed of late, by whom, and which to ring."""
    if calling.changed is None:
        return ""
    return numbers.say_changed(calling.changed, calling.person.phone)


class PhoneController(Controller):
    """For facilitators."""

    include_in_schema = False

    @get("/phone", opt={"action": "members.find_people"})
    async def who(self, request: AnyRequest) -> Response[Any]:
        """Who is it?"""
        requires(actor_of(request), "members.find_people", Thing("person"))
        return render(request, "members/phone.html", found=None)

    @post("/phone", opt={"action": "members.find_people"})
    async def find(self, request: AnyRequest) -> Response[Any]:
        """Those who answer to it. Sent as a form, because an address with a name in it would be kept by proxies."""
        requires(actor_of(request), "members.find_people", Thing("person"))
        try:
            form = read_form(request, FindSomeone)
        except FormError as error:
            return form_error(request, "members/phone.html", error, found=None)
        found = await queries.find_people(form.who)
        if len(found) == 1:
            return redirect(request, f"/phone/{found[0].id}")
        return render(request, "members/phone.html", found=found)

    @get("/phone/new", opt={"action": "members.register_person"})
    async def new(self, request: AnyRequest) -> Response[Any]:
        """Someone we don't know yet."""
        requires(actor_of(request), "members.register_person", Thing("person"))
        return render(request, "members/register.html")

    @post("/phone/new", opt={"action": "members.register_person"})
    async def register(self, request: AnyRequest) -> Response[Any]:
        """Write them down, with as much as was asked."""
        requires(actor_of(request), "members.register_person", Thing("person"))
        try:
            form = read_form(request, Register)
            person_id = await actions.register_person(
                msgspec.structs.replace(actor_of(request), via="phone"), **msgspec.structs.asdict(form)
            )
        except (FormError, Invalid) as error:
            return form_error(request, "members/register.html", error)
        return redirect(request, f"/phone/{person_id}", f"{form.called} is written down.")

    @get("/phone/{person_id:str}", opt={"action": "members.look_up"})
    async def ask_how(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """How do you know it's them?"""
        return render(request, "members/known_by.html", **_form(await care.look_up(actor_of(request), person_id)))

    @post("/phone/{person_id:str}", opt={"action": "members.start_writing_down"})
    async def start(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """From now on what is pressed here are their words, and every page says so."""
        try:
            form = read_form(request, KnownBy)
            await sign_in.start_writing_down(
                actor_of(request), session_of(request).session_id, person_id, known_by=form.known_by
            )
        except (FormError, Invalid) as error:
            calling = await care.look_up(actor_of(request), person_id)
            return form_error(request, "members/known_by.html", error, **_form(calling))
        return redirect(request, "/home")

    @post("/phone/{person_id:str}/code", opt={"action": "members.print_code"})
    async def code(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """A code on paper. Shown this once: it is kept nowhere."""
        printed = await sign_in.print_code(actor_of(request), person_id)
        return render(
            request,
            "members/printed_code.html",
            printed=printed,
            by_mail=carrier() is not None,
            address=ask_of(request).site.settings.public_url,
        )
