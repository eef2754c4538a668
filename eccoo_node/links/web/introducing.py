"""Being introduced: whom a linked circle knows, asking for one of them, and answering one who asks for us."""

import asyncio
from typing import Annotated, Any, ClassVar

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.links import introducing, queries, showing
from eccoo_node.links.web.linking import HERE, WAIT_S, _facts, _give_a_moment, _requires
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect, render

ALL = f"{HERE}/introductions"


class AskForm(msgspec.Struct):
    """Which circle, and why."""

    circle: str
    why: Annotated[str, msgspec.Meta(max_length=2000)]
    SAY: ClassVar[dict[str, str]] = {
        "circle": "Please choose a circle.",
        "why": "Please say in a few words why.",
    }


class IntroductionsController(Controller):
    """Every handler asks the door, or `links.see`, whether this admin may."""

    include_in_schema = False

    @get(ALL, opt={"action": "links.see"})
    async def index(self, request: AnyRequest) -> Response[Any]:
        """Who asks for us, and whom we have asked for."""
        _requires(request)
        asked, ours = await introducing.listed()
        return render(request, "links/introductions.html", asked=asked, ours=ours)

    @post(f"{ALL}/{{introduction_id:str}}/yes", opt={"action": "links.answer_introduction"})
    async def yes(self, request: AnyRequest, introduction_id: FromPath[str]) -> Response[Any]:
        await introducing.answer(actor_of(request), introduction_id, yes=True)
        return redirect(request, ALL, "An invitation is on its way to them. It works for them alone.")

    @post(f"{ALL}/{{introduction_id:str}}/no", opt={"action": "links.answer_introduction"})
    async def no(self, request: AnyRequest, introduction_id: FromPath[str]) -> Response[Any]:
        await introducing.answer(actor_of(request), introduction_id, yes=False)
        return redirect(request, ALL, "They hear that you don’t link now, and nothing else.")

    @post(f"{ALL}/{{introduction_id:str}}/link", opt={"action": "links.accept"})
    async def take_up(self, request: AnyRequest, introduction_id: FromPath[str]) -> Response[Any]:
        """Use the invitation that came back; then the six words, as with any other circle."""
        _requires(request)
        link_id = await introducing.take_up(actor_of(request), introduction_id)
        await _give_a_moment(link_id, "asked")
        return redirect(request, f"{HERE}/{link_id}")

    @get(f"{HERE}/{{link_id:str}}/circles", opt={"action": "links.see"})
    async def circles(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """Whom they know and may show."""
        _requires(request, link_id)
        return render(request, "links/circles.html", **await _circles(request, link_id))

    @post(f"{HERE}/{{link_id:str}}/look", opt={"action": "links.look_for_circles"})
    async def look(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        before = [one.heard_at for one in await introducing.heard(link_id)]
        await showing.look(actor_of(request), link_id)
        until = asyncio.get_running_loop().time() + WAIT_S
        while asyncio.get_running_loop().time() < until:
            if [one.heard_at for one in await introducing.heard(link_id)] != before:
                break
            await asyncio.sleep(0.05)
        return redirect(request, f"{HERE}/{link_id}/circles")

    @post(f"{HERE}/{{link_id:str}}/circles", opt={"action": "links.ask_introduction"})
    async def ask(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        _requires(request, link_id)
        try:
            form = read_form(request, AskForm)
            await introducing.ask(actor_of(request), link_id, reference=form.circle, why=form.why)
        except (FormError, Invalid, Conflict) as error:
            return form_error(request, "links/circles.html", error, **await _circles(request, link_id))
        called = (await queries.page(link_id)).called
        return redirect(request, ALL, f"{called} passes it on. You hear as soon as there is an answer.")


async def _circles(request: AnyRequest, link_id: str) -> dict[str, Any]:
    page, heard = await queries.page(link_id), await introducing.heard(link_id)
    options = [(one.reference, f"{one.name}, {one.place}" if one.place else one.name) for one in heard]
    may = await queries.may_cross(link_id, "out", showing.SCOPE) is None
    return {
        "options": options, "may": may,
        **_facts(request, page),
    }  # fmt: skip
