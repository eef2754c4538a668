"""The week, of oneself or of someone whose team one is in, and the page of one visit."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.cover import lists, sums
from eccoo_node.cover.queries import Mine
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.say import Reader
from eccoo_node.rota.telling import still_to_be_told
from eccoo_node.rota.web import money_of, paid_ahead_at, reader_of, show, told_lines, visit_for
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

# News of a visit that its whole team may know was told; whom we asked to come instead is not among it.
_TOLD = frozenset({"gap", "gap_again", "coming", "coming_by_phone", "stopped"})


class Blank(msgspec.Struct, frozen=True):
    """Where somebody is missing."""

    called: str = "Someone is needed"
    id: str = ""
    face: str = ""
    blank: bool = True


NOBODY = Blank()


class Entry(msgspec.Struct, frozen=True):
    """One visit in a week."""

    path: str
    person: PersonCard | Blank
    time: str
    place: str
    state: tuple[str, str]
    at: datetime
    money: str = ""


class Day(msgspec.Struct, frozen=True):
    words: str
    today: bool
    visits: list[Entry]


def monday(text: str) -> date:
    """The Monday a link names, or this week's; nonsense is this week."""
    try:
        named = date.fromisoformat(text)
        return (
            named - timedelta(days=named.weekday())
            if 2000 < named.year < 2100
            else clock.week_of(clock.now(), clock.zone())
        )
    except ValueError:
        return clock.week_of(clock.now(), clock.zone())


def entry(
    visit: Visit,
    reader: Reader,
    faces: dict[str, PersonCard],
    now: datetime,
    search: lists.Search | None = None,
    money: str = "",
    *,
    answered: bool = False,
    in_question: bool = False,
) -> Entry:
    """Whoever is looked for stands first: to a worker the person, to everyone else the worker."""
    person: PersonCard | Blank
    if reader.comes(visit):
        person, place = (
            faces.get(visit.person_id, PersonCard("", visit.person_called)),
            visit.address.replace("\n", ", "),
        )
    else:
        known = faces.get(visit.worker_id or "") if not visit.cover_name else None
        person = known or PersonCard("", visit.who) if visit.who else NOBODY
        place = visit.what
    state = say.state(visit, reader, now, answered=answered, in_question=in_question)
    if search is not None and visit.state == "gap" and not reader.comes(visit):
        state = ("waiting", "someone offers" if search.offers else "we’ve asked")
    return Entry(f"/visits/{visit.id}", person, say.hours_of(visit), place, state, visit.starts_at, money)


def away_entry(mine: Mine) -> Entry:
    """A visit in another circle, in the worker's own week."""
    told, zone = mine.told or {}, clock.zone()
    hours = f"{clock.say_time(mine.starts_at, zone)} to {clock.say_time(mine.ends_at, zone)}"
    words = {
        "coming": ("certain", "you are coming"),
        "said": ("waiting", "waits for an answer"),
        "too_late": ("waiting", "people settle it"),
    }
    return Entry(
        f"/coming/{mine.id}", PersonCard("", told.get("called") or f"Someone in {mine.area}"), hours,
        told.get("address") or f"{mine.area}, another circle", words.get(mine.state, ("certain", "went ahead")), mine.starts_at,
    )  # fmt: skip


async def days_of(
    visits: list[Visit], away: list[Mine], reader: Reader, start: date, searches: dict[str, lists.Search],
    *, sees_money: bool,
) -> list[Day]:  # fmt: skip
    now, zone = clock.now(), clock.zone()
    # All of these lie in one week, so one run is theirs.
    ahead = await paid_ahead_at(visits[0]) if visits else None
    faces = await members.people({v.person_id for v in visits} | {v.worker_id or "" for v in visits})
    answered = await rota.answered([v.id for v in visits if v.state == "said"])
    lines = await escrow.lines(*{v.line for v in visits if v.state == "said" and v.line})
    sees = {v.id: sees_money if not reader.comes(v) else not say.replaced(v, reader) for v in visits}
    disputed = {reference for reference, line in lines.items() if line.state == "disputed"}
    entries = [
        entry(
            v, reader, faces, now, searches.get(v.id), say.money_state(v, ahead) if sees[v.id] and v.line not in disputed else "",
            answered=v.id in answered, in_question=sees[v.id] and v.line in disputed,
        )
        for v in visits
    ] + [away_entry(m) for m in away]  # fmt: skip
    today, found = now.astimezone(zone).date(), []
    for day in (start + timedelta(days=n) for n in range(7)):
        of_day = sorted((e for e in entries if e.at.astimezone(zone).date() == day), key=lambda e: e.at)
        found.append(Day(f"{day:%A} {day.day} {day:%B}", day == today, of_day))
    return found


async def with_payer(thing: Thing) -> Thing:
    """Someone's week with whoever pays for it, as the rule of its money sees it."""
    payer = await members.payer_for(thing.person_id)
    return msgspec.structs.replace(thing, payer_id=payer.payer_person_id if payer else "")


def _plans(actor: Actor, thing: Thing, team: str) -> str:
    """Whose visits the reader may plan here; nobody's where they have no say in who comes."""
    thing = msgspec.structs.replace(thing, community_id=team)
    return thing.person_id if team and access.may(actor, "rota.plan", thing) else ""


async def _money_page(actor: Actor, visit: Visit, thing: Thing) -> str:
    """Where the money of this visit is talked about, for whoever may read it there."""
    if search := await sums.in_question(visit.id):
        may = access.may(actor, "cover.see_sum", await sums.thing_here(visit, search))
        return f"/visits/{visit.id}/between" if may else ""
    # Another circle's worker came in their place: whoever was to come first has no part in its money.
    seen = msgspec.structs.replace(thing, worker_id="") if visit.cover_circle else thing
    has = bool(visit.line) or (say.waits_for_money(visit) and visit.state == "said")
    may = has and visit.state in {"said", "settled"} and access.may(actor, "disputes.agree", seen)
    return f"/visits/{visit.id}/money" if may else ""


class WeekController(Controller):
    """Days down, visits in each."""

    @get("/week", opt={"action": "signed_in"})
    async def own(self, request: AnyRequest) -> Response[Any]:
        reader, start = reader_of(request), monday(request.query_params.get("from", ""))
        bounds = clock.day_bounds(start, clock.zone(), 7)
        visits = await rota.week_of(reader.id, *bounds, by=reader.mode != "speaks")
        away = await lists.mine_in_week(reader.id, *bounds) if reader.mode != "speaks" else []
        actor = actor_of(request)
        team = await members.team_of(reader.id)
        thing = Thing("week", reader.id, reader.id, paid_workers=await members.paid_workers_of(team))
        searches = await lists.searches_for([reader.id]) if access.may(actor, "cover.see", thing) else {}
        whose = say.whose(reader.called) if actor.acting_for else "Your"
        sees = access.may(actor, "rota.see_money", await with_payer(thing))
        return await self._page(
            request,
            await days_of(visits, away, reader, start, searches, sees_money=sees),
            start,
            whose,
            "/week",
            team,
            cost=reader.id if sees and team else "",
            plan=_plans(actor, thing, team),
        )

    @get("/weeks/{person_id:str}", opt={"action": "rota.see_week"})
    async def of_person(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        team = await members.team_of(person_id)
        if not team or not access.may(actor_of(request), "rota.see_week", Thing("week", person_id, person_id, team)):
            raise NotFound()
        start = monday(request.query_params.get("from", ""))
        card = await members.person(person_id)
        visits = await rota.week_of_person(person_id, *clock.day_bounds(start, clock.zone(), 7))
        thing = Thing("week", person_id, person_id, team, paid_workers=await members.paid_workers_of(team))
        sees = access.may(actor_of(request), "rota.see_money", await with_payer(thing))
        days = await days_of(visits, [], reader_of(request), start, {}, sees_money=sees)
        return await self._page(
            request,
            days,
            start,
            say.whose(card.called),
            f"/weeks/{person_id}",
            team,
            cost=person_id if sees else "",
            plan=_plans(actor_of(request), thing, team),
        )

    async def _page(
        self, request: AnyRequest, days: list[Day], start: date, whose: str, path: str, team: str,
        *, cost: str = "", plan: str = "",
    ) -> Response[Any]:  # fmt: skip
        last, this = start + timedelta(days=6), clock.week_of(clock.now(), clock.zone())
        span = (
            f"{start.day} to {last.day} {last:%B}"
            if start.month == last.month
            else f"{start.day} {start:%B} to {last.day} {last:%B}"
        )
        return await show(
            request, "cover/week.html", days=days, title=f"{whose} week", whose=whose, team=team, span=span, path=path, this=start == this,
            before=start - timedelta(days=7), after=start + timedelta(days=7), empty=not any(d.visits for d in days),
            cost=cost, monday=start, plan=plan,
        )  # fmt: skip

    @get("/visits/{visit_id:str}", opt={"action": "rota.see_visit"})
    async def visit(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        """(b) One visit: who, where, when, what is set aside."""
        actor, reader, now = actor_of(request), reader_of(request), clock.now()
        found = await rota.visit(visit_id)
        if not access.may(actor, "rota.see_visit", found.thing):
            return await self._elsewhere(request, found)
        visit = await visit_for(actor, visit_id)
        comes, instead = reader.comes(visit), say.replaced(visit, reader)
        answer = (await rota.said(visit.id)).get("person")
        spoken = visit.id in await rota.answered([visit.id])
        thing = await rota.thing_of(visit, payer=True)
        may_ask = not comes and access.may(actor, "cover.ask", thing)
        must = await members.must_know(visit.person_id) if comes and not instead and visit.state == "planned" else None
        faces = await members.people({visit.person_id, visit.worker_id or ""})
        money = await money_of(actor, reader, visit, thing, answer)
        line = await escrow.line(visit.line) if money and visit.line else None
        asked = line is not None and line.state == "disputed"
        to_tell = not spoken and not reader.is_you(visit.person_id)
        to_tell = to_tell and await still_to_be_told("how_did_it_go", visit.id, visit.person_id)
        return await show(
            request, "cover/visit.html", visit.person_id, visit=visit, comes=comes, may_ask=may_ask, must=must,
            sentence=say.sentence(visit, reader, now), state=say.state(visit, reader, now, answered=spoken, in_question=asked),
            past=visit.starts_at <= now, over=visit.ends_at <= now, money=money, parts=say.parts(visit) if money else [],
            settles=say.settles(visit, now, to_tell=to_tell) if visit.state == "said" else "",
            told=told_lines(await rota.told_about(visit.id), _TOLD, now), spoken=spoken,
            them=faces.get(visit.person_id), who=entry(visit, reader, faces, now).person,
            may_move=visit.state == "planned" and not comes and access.may(
                actor, "rota.move", msgspec.structs.replace(thing, payer_id="")
            ),
            may_answer=access.may(actor, "rota.answer", visit.thing) and not comes,
            money_page=await _money_page(actor, visit, thing),
        )  # fmt: skip

    async def _elsewhere(self, request: AnyRequest, visit: Visit) -> Response[Any]:
        """A link in a letter about a visit that is not theirs to see: to what they were asked, or to speak for someone."""
        actor = actor_of(request)
        if await lists.ask_for_visit(visit.id, actor.acting_for or actor.person_id):
            return redirect(request, f"/visits/{visit.id}/asked")
        if any(card.id == visit.person_id for card in await members.spoken_for_by(actor.person_id)):
            return redirect(request, "/home", f"To see this, first say that you speak for {visit.person_called}.")
        raise NotFound()
