"""What happens next is the person's to choose: someone else, another time, do without, or a talk."""

from typing import Any, ClassVar, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.cover import actions, queries
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow.sharing import share_pence
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.web import around, reader_of, show, visit_for, who_rings
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import Page, redirect


class Choice(msgspec.Struct):
    next: Literal["ask", "another-time", "without", "talk"]
    SAY: ClassVar[dict[str, str]] = {"next": "Choose what happens next."}


class Words(msgspec.Struct):
    words: str = ""


async def not_theirs(request: AnyRequest, visit: Visit) -> Page:
    """(e) Why someone who is paid to come, or has no say, cannot ask; and whom to ring. Names only who was told."""
    speakers = await members.speakers_for(visit.person_id, "ask_for_cover")
    gap = visit.state == "gap"
    decide = {visit.person_id, *speakers}
    rows = [
        r for r in await rota.told_about(visit.id) if r.person_id in decide and r.news in {"gap", "gap_again"} and gap
    ]
    reached = {r.called for r in rows if r.told_at}
    known = [r.called for r in sorted(rows, key=lambda r: r.person_id != visit.person_id)]
    told, waiting = say.names(c for c in known if c in reached), say.names(c for c in known if c not in reached)
    said = f"{told} {'have' if ' and ' in told else 'has'} been told." if told else ""
    said += f" We are telling {waiting}." if waiting else ""
    return await show(
        request, "cover/not_yours.html", visit.person_id, status=403, visit=visit, told=said,
        may_speak=actor_of(request).person_id in speakers,
    )  # fmt: skip


async def may_ask(request: AnyRequest, visit_id: str) -> tuple[Visit, Page | None]:
    """The visit, and the page to show instead to whoever has no say in it. Raises NotFound to whom it is private."""
    actor = actor_of(request)
    visit = await visit_for(actor, visit_id)
    if access.may(actor, "cover.ask", await rota.thing_of(visit)):
        return visit, None
    return visit, await not_theirs(request, visit)


class ChoiceController(Controller):
    @get("/visits/{visit_id:str}/choose", opt={"action": "cover.ask"})
    async def choices(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """(f, g) What would you like to happen?"""
        visit, instead = await may_ask(request, visit_id)
        if instead is not None:
            return instead
        search = await queries.request_for(visit_id)
        if search and search.live:
            return redirect(request, f"/cover/{search.id}")
        if visit.state != "gap":
            return redirect(request, f"/visits/{visit_id}")
        return await show(request, "cover/choose.html", visit.person_id, visit=visit)

    @post("/visits/{visit_id:str}/choose", opt={"action": "cover.ask"})
    async def choose(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        if instead is not None:
            return instead
        try:
            form = read_form(request, Choice)
        except FormError as error:
            return form_error(
                request, "cover/choose.html", error, visit=visit, **await around(request, visit.person_id)
            )
        if form.next == "ask":
            return redirect(request, f"/cover/ask?visit={visit_id}")
        return redirect(request, f"/visits/{visit_id}/{form.next}")

    @get("/visits/{visit_id:str}/without", opt={"action": "cover.end"})
    async def without(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        return instead or await show(request, "cover/without.html", visit.person_id, **await self._without(visit))

    async def _without(self, visit: Visit) -> dict[str, Any]:
        line = await escrow.line(visit.line) if visit.line else None
        aside, search = line.set_aside_pence if line else 0, await queries.request_for(visit.id)
        someone = visit.state in {"planned", "covered"}
        late = someone and queries.cancelled_late(visit, clock.now())
        back = f"The {pounds(aside)} set aside goes back." if aside else ""
        if late and (line or (visit.paid and visit.state == "planned")):
            kept = pounds(share_pence(line.fee_pence if line else visit.fee_pence, visit.cancel_bps))
            rest = (
                "The rest goes back."
                if line
                else "It comes out of what is paid in, or is paid as soon as that is enough."
            )
            back = f"It is late, so {kept} goes to {visit.who}, as agreed. {rest}"
        return {
            "visit": visit, "back": back, "someone": someone, "searching": bool(search and search.live),
            "over": visit.state not in {"planned", "covered", "gap"}, "contact": await contact_of(visit),
        }  # fmt: skip

    @post("/visits/{visit_id:str}/without", opt={"action": "cover.end"})
    async def do_without(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        if instead is not None:
            return instead
        await actions.end(actor_of(request), visit_id=visit_id)
        reader = reader_of(request)
        day = say.on_day(visit.starts_at, clock.now())
        return redirect(
            request, f"/visits/{visit_id}", reader.read_back(f"Nobody comes {day}. Those who were asked know.")
        )

    @get("/visits/{visit_id:str}/talk", opt={"action": "cover.talk"})
    async def talk(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        return instead or await show(request, "cover/talk.html", visit.person_id, visit=visit, another=False)

    @get("/visits/{visit_id:str}/another-time", opt={"action": "cover.talk"})
    async def another_time(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        return instead or await show(request, "cover/talk.html", visit.person_id, visit=visit, another=True)

    @post(["/visits/{visit_id:str}/talk", "/visits/{visit_id:str}/another-time"], opt={"action": "cover.talk"})
    async def please_ring(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit, instead = await may_ask(request, visit_id)
        if instead is not None:
            return instead
        another = request.url.path.endswith("/another-time")
        words = read_form(request, Words).words
        if another and not words:
            error = {"words": "Write which time would suit."}
            context = await around(request, visit.person_id)
            return form_error(request, "cover/talk.html", error, visit=visit, another=another, **context)
        about: Literal["talk", "another_time"] = "another_time" if another else "talk"
        await actions.talk(actor_of(request), visit_id=visit_id, about=about, words=words)
        notice = await who_rings(request, visit.person_id) or "That is written down."
        return redirect(request, f"/visits/{visit_id}", reader_of(request).read_back(notice))


async def contact_of(visit: Visit) -> PersonCard | None:
    """The team's own first number to ring: whoever co-ordinates it, else family."""
    team = [m for m in await members.team_members(visit.team_id) if m.person_id != visit.person_id]
    first = next((m for role in ("coordinator", "family") for m in team if m.role == role), None)
    return await members.person(first.person_id) if first else None
