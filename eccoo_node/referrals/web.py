"""The pages of those who ask from outside: their form, their own page, and the facilitators' list of them."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel import access
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import queries as links
from eccoo_node.members.say import say_date
from eccoo_node.referrals import actions, queries
from eccoo_node.referrals.forms import Areas, AskUs, Choose, One
from eccoo_node.referrals.queries import Asked
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render
from eccoo_node.web.site import NavItem

WISH_WORDS = {"support": "would like support", "give": "would like to give support", "other": "asks something else"}
WISHES = [
    ("support", "I would like support, or somebody I know would"),
    ("give", "I would like to give support"),
    ("other", "Something else"),
]


async def _own(request: AnyRequest, asked: Asked) -> dict[str, Any]:
    """What the page of whoever asked says."""
    circle = await links.circle(asked.link_id) if asked.link_id else None
    choices = await queries.circles_of(asked.outward) if asked.state == "new" and not asked.reference else []
    until = asked.keep_until.astimezone(ask_of(request).site.zone).date()
    return {
        "asked": asked, "circle_name": circle.name if circle else "", "until": say_date(until),
        "choices": [(one.id, one.name, actions.consent_words(one.name)) for one in choices],
    }  # fmt: skip


class AskUsController(Controller):
    """For everyone; each asking has a page of its own, at an address that nobody can guess."""

    include_in_schema = False

    @get("/ask-us", opt={"action": "public"})
    async def about(self, request: AnyRequest) -> Response[Any]:
        return render(request, "referrals/ask.html", wishes=WISHES)

    @post("/ask-us", opt={"action": "public"})
    async def ask(self, request: AnyRequest) -> Response[Any]:
        try:
            form = read_form(request, AskUs)
            token = await actions.ask(
                name=form.name, reach=form.reach, outward=form.outward, wish=form.wish, words=form.words,
                client=ask_of(request).address,
            )  # fmt: skip
        except (FormError, Invalid) as error:
            return form_error(request, "referrals/ask.html", error, wishes=WISHES)
        except Conflict as error:
            return form_error(request, "referrals/ask.html", error, status=429, wishes=WISHES)
        return redirect(request, f"/ask-us/{token}")

    @get("/ask-us/{token:str}", opt={"action": "public"})
    async def own(self, request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        """How it stands, and whether a circle nearer to them may be told."""
        asked = await queries.by_token(token)
        return render(request, "referrals/own.html", token=token, **await _own(request, asked))

    @post("/ask-us/{token:str}", opt={"action": "public"})
    async def say_yes(self, request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        try:
            await actions.say_yes(actor_of(request), token=token, link_id=read_form(request, Choose).circle)
        except Conflict as error:
            asked = await queries.by_token(token)
            return form_error(request, "referrals/own.html", error, token=token, **await _own(request, asked))
        return redirect(request, f"/ask-us/{token}")

    @post("/ask-us/{token:str}/take-back", opt={"action": "public"})
    async def take_back(self, request: AnyRequest, token: FromPath[str]) -> Response[Any]:
        await actions.take_back(actor_of(request), token=token)
        return redirect(request, f"/ask-us/{token}")


class EnquiriesController(Controller):
    """For facilitators, and for whoever looks after the node."""

    include_in_schema = False

    @get("/enquiries", opt={"action": "referrals.see"})
    async def all(self, request: AnyRequest) -> Response[Any]:
        ours, theirs = await queries.enquiries(actor_of(request))
        names = {circle.id: circle.name for circle in await links.circles()}
        return render(
            request, "referrals/all.html", ours=[one for one in ours if one.state == "new"], theirs=theirs,
            sent=[(one, names.get(one.link_id, "")) for one in ours if one.state == "sent"], names=names,
            wish_words=WISH_WORDS,
        )  # fmt: skip

    @post("/enquiries/close", opt={"action": "referrals.close"})
    async def close(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "referrals.close", Thing("enquiry"))
        await actions.close_ours(actor_of(request), enquiry_id=read_form(request, One).id)
        return redirect(request, "/enquiries", "Thank you. What they wrote is deleted.")

    @post("/enquiries/answer", opt={"action": "referrals.answer"})
    async def answer(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "referrals.answer", Thing("referral"))
        form = read_form(request, One)
        await actions.answer(actor_of(request), referral_id=form.id, word=form.answer)
        return redirect(
            request, "/enquiries", "Thank you. The other circle is told, and what we know of them is deleted."
        )

    @get("/admin/places", opt={"action": "referrals.set_areas"})
    async def places(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "referrals.set_areas", Thing("areas"))
        values = {"areas": " ".join(await queries.our_areas())}
        return render(request, "referrals/places.html", values=values, theirs=await queries.areas_by_link())

    @post("/admin/places", opt={"action": "referrals.set_areas"})
    async def set_places(self, request: AnyRequest) -> Response[Any]:
        access.requires(actor_of(request), "referrals.set_areas", Thing("areas"))
        try:
            await actions.set_areas(actor_of(request), text=read_form(request, Areas).areas)
        except (FormError, Invalid) as error:
            return form_error(request, "referrals/places.html", error, theirs=await queries.areas_by_link())
        return redirect(request, "/admin/places", "Kept. Linked circles read it within a day.")


NAV = (
    NavItem(
        "/enquiries",
        "Enquiries",
        lambda session: session.actor.wears("facilitator") and not session.actor.acting_for,
        75,
    ),
)
CONTROLLERS = [AskUsController, EnquiriesController]
