"""What a worker lets be seen elsewhere, and looking at workers of circles near us."""

import hashlib
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery

from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.links import queries as links
from eccoo_node.links.queries import KnownCircle
from eccoo_node.members import workers
from eccoo_node.pools import actions, attesting, giving, queries
from eccoo_node.pools import say as words
from eccoo_node.pools.rules import PARTS, SEEN, Wanted, found
from eccoo_node.rota import say
from eccoo_node.rota.web import around, reader_of, show
from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

A_PAGE = 25


class Fields(msgspec.Struct):
    fields: list[str] = []
    # A digest of what was on the page, so that a yes is a yes to what was read.
    shown: str = ""


class ShownController(Controller):
    """A worker's own yes, circle by circle."""

    include_in_schema = False

    @get("/shown", opt={"action": "pools.see_mine"})
    async def circles(self, request: AnyRequest) -> Response[Any]:
        """Each circle that could see them, and whether it does."""
        reader = reader_of(request)
        mine = await queries.shares_of(actor_of(request), reader.id)
        card = await workers.worker(reader.id)
        cards = [
            {"path": f"/shown/{circle.id}", "title": circle.name,
             "state": ("certain", "sees what you chose") if circle.id in mine else ("waiting", "does not see you")}
            for circle, _ in (await links.pooled("in")).values()
        ]  # fmt: skip
        return await show(request, "pools/shown.html", cards=cards if card and card.paid else [])

    @get("/shown/{link_id:str}", opt={"action": "pools.see_mine"})
    async def one(self, request: AnyRequest, link_id: FromPath[str], change: FromQuery[str] = "") -> Response[Any]:
        """What one circle sees; or what it would see, field by field with one's own values."""
        context = await self._one(request, link_id)
        mine: queries.Share | None = context["mine"]
        if mine is not None and not change:
            return await show(request, "pools/shown_to.html", **context)
        values = {"fields": list(mine.fields)} if mine else None
        return await show(request, "pools/show.html", values=values, **context)

    async def _one(self, request: AnyRequest, link_id: str) -> dict[str, Any]:
        reader, now = reader_of(request), clock.now()
        mine = (await queries.shares_of(actor_of(request), reader.id)).get(link_id)
        shown = await giving.shown_of(reader.id)
        if shown is None:
            # Whoever gives no support reads nothing here, not even whether there is such a circle.
            raise NotFound()
        circle = await links.circle(link_id)
        own, zone = ask_of(request).site.circle.name, clock.zone()
        checks = {
            c.kind: c.seen_at.astimezone(zone).date().isoformat() for c in await workers.checks_of(reader.id, now)
        }
        try:
            fields = await actions.fields_for(link_id)
        except Conflict:
            fields = ()
        told = [
            (field, words.label(field, own), words.papers(checks, now) if field == SEEN else words.value(shown, field))
            for field in fields
            if field != SEEN or checks
        ]
        return {
            "circle_named": circle.name, "link_id": link_id, "mine": mine, "options": told, "asked": bool(told),
            "rows": [(name, said) for field, name, said in told if mine and field in mine.fields],
            "since": say.of_day(mine.from_at, now) if mine else "",
            "shown": hashlib.sha256(repr(told).encode()).hexdigest(),
        }  # fmt: skip

    @post("/shown/{link_id:str}", opt={"action": "pools.share"})
    async def share(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        reader = reader_of(request)
        context = await self._one(request, link_id)
        try:
            form = read_form(request, Fields)
            if form.shown != context["shown"]:
                raise Invalid(
                    "What they would see has changed since you opened this page. Please read it again.", "changed"
                )
            lines = [f"{name}: {said}" for field, name, said in context["options"] if field in form.fields]
            sentence = f"People of {context['circle_named']} may see this of me. I can stop it at any time."
            await actions.share(
                actor_of(request), link_id=link_id, worker_id=reader.id, fields=form.fields,
                words="\n".join([sentence, *lines]),
            )  # fmt: skip
        except (FormError, Invalid) as error:
            return form_error(request, "pools/show.html", error, **context, **await around(request))
        said = f"People of {context['circle_named']} can see that now. You can stop it here at any time."
        return redirect(request, f"/shown/{link_id}", reader.read_back(said))

    @post("/shown/{link_id:str}/stop", opt={"action": "pools.stop"})
    async def stop(self, request: AnyRequest, link_id: FromPath[str]) -> Response[Any]:
        """At once, and no reason asked."""
        reader = reader_of(request)
        await actions.stop(actor_of(request), link_id=link_id, worker_id=reader.id)
        circle = await links.circle(link_id)
        said = f"{circle.name} is told now, and keeps nothing of you. That takes a few minutes at most."
        return redirect(request, "/shown", reader.read_back(said))


class NearController(Controller):
    """Workers of circles near us, for whoever chooses."""

    include_in_schema = False

    @get("/near", opt={"action": "pools.browse"})
    async def index(
        self,
        request: AnyRequest,
        skill: FromQuery[str] = "",
        language: FromQuery[str] = "",
        area: FromQuery[str] = "",
        day: FromQuery[str] = "",
        part: FromQuery[str] = "",
        circle: FromQuery[str] = "",
        page: FromQuery[str] = "",
    ) -> Response[Any]:
        """Everyone who lets us see them, narrowed by what is looked for."""
        actor, now = actor_of(request), clock.now()
        everyone, copies = await queries.neighbours(actor), await queries.copies(actor)
        wanted = Wanted(skill, language, area.strip().upper(), day, part, circle)
        fit = [one for one in everyone if wanted.circle in {"", one.link_id} and found(one.shown, wanted)]
        at = min(int(page), len(fit) // A_PAGE) if page.isdigit() and len(page) < 5 else 0
        some = fit[at * A_PAGE : (at + 1) * A_PAGE]
        cards = [
            {
                "path": f"/near/{one.id}",
                "title": one.called,
                "words": words.line(one),
                "person": one,
                "old": one.old(now),
            }
            for one in some
        ]
        asked, choices = msgspec.structs.asdict(wanted), _choices(everyone, [c.circle for c in copies])
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value.isalnum() or "-" in value)
        return await show(
            request, "pools/near.html", cards=cards, count=len(fit), everyone=len(everyone), values=asked,
            narrowed=_looked_for(asked, choices), choices=choices,
            before=f"/near?{query}&page={at - 1}" if at else "",
            after=f"/near?{query}&page={at + 1}" if (at + 1) * A_PAGE < len(fit) else "",
            fresh=[_fresh(copy, now) for copy in copies],
        )  # fmt: skip

    @get("/near/{neighbour_id:str}", opt={"action": "pools.browse"})
    async def one(self, request: AnyRequest, neighbour_id: FromPath[str]) -> Response[Any]:
        """One worker, with what their circle saw of them as it stands now."""
        actor, now = actor_of(request), clock.now()
        one = await queries.neighbour(actor, neighbour_id)
        pairs = {(one.link_id, ref) for ref in one.attestations}
        if pairs:
            async with write():
                asked = await attesting.ask_now(one.link_id, one.attestations)
            if asked:
                await attesting.a_moment(pairs)
        known = (await attesting.proofs(pairs)).values()
        seen = [{"kind": p.kind, "seen_on": p.seen_on, "expires_on": p.expires_on} for p in known if p.holds]
        return await show(
            request, "pools/neighbour.html", one=one, rows=words.rows(one), fresh=words.as_of(one.read_at, now),
            old=one.old(now), seen=words.seen(seen, one.circle.name, one.called, now), until=words.until(seen, now),
            caveat=words.caveat(one.called), unsure=any(not p.holds and not p.gone for p in known),
        )  # fmt: skip


def _fresh(copy: queries.Read, now: Any) -> tuple[str, str, bool]:
    if copy.read_at is None:
        return copy.circle.name, "we have not heard from them yet", True
    return copy.circle.name, words.as_of(copy.read_at, now), now - copy.read_at > queries.OLD


def _choices(everyone: list[queries.Neighbour], circles: list[KnownCircle]) -> dict[str, list[tuple[str, str]]]:
    """What can be looked for: only what somebody shows."""
    skills = {code for one in everyone for code in one.skills}
    spoken = {code.split("-")[0].lower() for one in everyone for code in one.languages.split()}
    areas = sorted({area for one in everyone for area in one.areas})
    return {
        "skill": _named((code, say.first(words.skill(code))) for code in skills),
        "language": _named((code, words.language(code)) for code in spoken),
        "area": [("", "Anywhere"), *((area, area) for area in areas)],
        "day": [("", "Any day"), *((str(number), name) for number, name in enumerate(words.DAYS))],
        "part": [("", "Any time"), *((part, f"In the {part}") for part in PARTS)],
        "circle": [("", "Any circle"), *((one.id, one.name) for one in circles)],
    }


def _looked_for(asked: dict[str, str], choices: dict[str, list[tuple[str, str]]]) -> str:
    """ "Thursday, in the morning" of what was asked for; a word that nobody shows is said as it was typed."""
    said = [dict(choices[name]).get(value, value[:20]) for name, value in asked.items() if value]
    return ", ".join(
        [*said[:1], *(word[:1].lower() + word[1:] if word.startswith("In the") else word for word in said[1:])]
    )


def _named(pairs: Any) -> list[tuple[str, str]]:
    return [("", "Any"), *sorted(pairs, key=lambda pair: pair[1].casefold())]


CONTROLLERS = (ShownController, NearController)
