"""`/demo`: the walk, a way to be each of its people, and the time of both circles. Only on nodes of a demo."""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.banking import queries as banking
from eccoo_node.cover import queries as cover
from eccoo_node.demo.acts import Monday
from eccoo_node.demo.alive import statement
from eccoo_node.demo.cast import CIRCLES, HATS, PEOPLE
from eccoo_node.demo.place import Made, Place, other_of, stops, url_of
from eccoo_node.demo.seeding import Seeded
from eccoo_node.demo.walk import LOOKS, STEPS
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries, sign_in
from eccoo_node.rota import queries as rota
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.page import as_file, redirect, render
from eccoo_node.web.sessions import keep_session

# Whom to begin as, in the first circle.
FIRST = "joan"
_OFFERED = ("offered", "preparing", "coming", "said", "settled", "closed")


class Here(msgspec.Struct, frozen=True):
    """The demo as one of its two nodes sees it."""

    place: Place
    made: Made
    name: str
    monday: Monday


class Guest(msgspec.Struct, frozen=True):
    """Someone one can be. Shown by initials: a face is for those who are signed in."""

    id: str
    called: str
    words: str


def _here(request: AnyRequest) -> Here:
    """Raises NotFound on a node that says it is a demo and was not made as one."""
    site = ask_of(request).site
    place = Place.around(site.folder)
    made, name = place.read(), site.folder.home.name
    if made is None or name not in made.circles:
        raise NotFound("This node was not made by `eccoo demo`, so it has no walk to show.", "no_demo")
    return Here(place, made, name, Monday(made.monday, site.zone))


async def _stage(here: Here, seeded: Seeded) -> str:
    """How far the story has run, as this circle knows it: "" before anyone has asked, then "begun", then "over"."""
    if clock.now() >= here.monday.at(7, 0):
        return "over"
    if seeded.thursday:
        state = (await rota.visit(seeded.thursday)).state
        if state in {"settled", "stopped"}:
            return "over"
        return "begun" if state != "gap" or await cover.request_for(seeded.thursday) else ""
    states = {offer.state for id_ in seeded.people.values() for offer in await cover.mine_of(id_, *_OFFERED)}
    return "over" if "settled" in states else "begun" if states else ""


class DemoController(Controller):
    """The walk through both circles."""

    include_in_schema = False

    @get("/demo", opt={"action": "public"})
    async def walk(self, request: AnyRequest) -> Response[Any]:
        """What to do in which circle, in the order of the story."""
        here = _here(request)
        seeded, now = here.made.circles[here.name], clock.now()
        cards = await queries.people([*seeded.people.values(), seeded.asked])
        guests = [
            Guest(id_, cards[id_].called, HATS[key])
            for key in PEOPLE[here.name] if (id_ := seeded.people.get(key)) in cards
        ]  # fmt: skip
        if seeded.asked in cards and seeded.asked not in seeded.people.values():
            guests.append(
                Guest(seeded.asked, cards[seeded.asked].called, "care worker, one of whose visits is in question")
            )
        other = other_of(here.name)
        return render(
            request, "demo/walk.html", steps=STEPS, looks=LOOKS, stage=await _stage(here, seeded), here=here.name, circles=CIRCLES, other=CIRCLES[other],
            other_url=f"{url_of(here.made, other)}{ask_of(request).site.url('/demo')}", ids=seeded.people, guests=guests,
            now=f"{clock.say_day(now, here.monday.zone)}, {clock.say_time(now, here.monday.zone)}",
            stops=stops(here.made, here.monday, now), first=next((g for g in guests if g.id == seeded.people.get(FIRST)), None),
        )  # fmt: skip

    @get("/demo/statement", opt={"action": "public"})
    async def bank_statement(self, request: AnyRequest) -> Response[Any]:
        """A bank’s file to try: last Friday’s payments."""
        here = _here(request)
        seeded = here.made.circles[here.name]
        payer = await queries.payer_for(seeded.short)
        found = {of: words for words, of in (await banking.references()).items()}
        reference = found.get(payer.id, "") if payer else ""
        if not reference:
            raise NotFound("The bank has nothing yet. Please look again in a moment.", "no_file")
        return Response(
            statement(here.monday.at(-3, 12).date(), reference, seeded.bank_pence), media_type="text/csv",
            headers=as_file("statement.csv"),
        )  # fmt: skip

    @get("/demo/everyone", opt={"action": "public"})
    async def everyone(self, request: AnyRequest) -> Response[Any]:
        """The people of the circle's other teams: whom they are for, who comes to them, and their families."""
        here = _here(request)
        seeded = here.made.circles[here.name]
        hats = dict.fromkeys(seeded.others, "has a team of their own")
        hats |= dict.fromkeys(seeded.workers, "comes to people") | dict.fromkeys(seeded.family, "of somebody’s family")
        cards = await queries.people(hats)
        guests = sorted((Guest(c.id, c.called, hats[c.id]) for c in cards.values()), key=lambda g: g.called)
        return render(request, "demo/everyone.html", guests=guests)

    @post("/demo/sign-in/{person_id:str}", opt={"action": "public"})
    async def sign_in(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """Be this person from now on, in this browser, in this circle."""
        _here(request)
        before = ask_of(request).session
        # First this: whoever presses a button for someone who is not there stays who they are.
        signed_in = await sign_in.sign_in_as(NODE, person_id, device="The demo")
        if before is not None:
            await sign_in.end_session(before.actor, before.session_id)
        answer = redirect(request, "/home")
        keep_session(request, answer, signed_in.token, signed_in.lasts)
        return answer

    @post("/demo/time/{stop:str}", opt={"action": "public"})
    async def move_on(self, request: AnyRequest, stop: FromPath[str]) -> Response[Any]:
        """Move the time of both circles on. It never goes back: what has happened has happened."""
        here = _here(request)
        named = {one.name: one for one in stops(here.made, here.monday, here.place.now())}
        if stop not in named:
            return redirect(request, "/demo", "That moment has passed already.")
        here.place.move_to(named[stop].at)
        return redirect(request, "/demo", f"It is now {clock.say_day(named[stop].at, here.monday.zone)}, "
                        f"{clock.say_time(named[stop].at, here.monday.zone)}, in both circles.")  # fmt: skip


CONTROLLERS = (DemoController,)
