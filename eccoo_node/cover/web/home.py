"""Home: today, and what waits for you, in sentences, for each hat someone wears."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Controller, Response, get

from eccoo_node.cover import lists, queries, sums
from eccoo_node.cover.queries import Mine
from eccoo_node.cover.web.home_money import about_money
from eccoo_node.cover.web.items import Item, Says
from eccoo_node.cover.web.requests import asked_by_name
from eccoo_node.cover.web.week import entry
from eccoo_node.disputes import queries as questions
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing, may
from eccoo_node.kernel.words import count
from eccoo_node.links import carrying, identity
from eccoo_node.links import queries as links
from eccoo_node.members import queries as members
from eccoo_node.members.cards import PersonCard
from eccoo_node.pools import queries as pools
from eccoo_node.rota import news as news_of
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say, unpaid
from eccoo_node.rota.queries import News, Visit
from eccoo_node.rota.say import Reader
from eccoo_node.rota.web import Bring, for_others, reader_of, show, to_bring
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of

NEWS_LASTS = timedelta(days=3)
# News that the page says better by what waits now.
_SAID_ALREADY = frozenset({
    "gap", "gap_again", "offer", "asked", "how_did_it_go", "say_how_it_went", "costs_more", "no_news", "not_sure", "nobody_near",
    "expense_new", "expense_cost", "expense_more", "asked_away", "asked_by_name", "chosen", "not_sure_away", "say_how_it_went_away",
    "payout_back", "sum_written", "differs_ring_away", "sum_written_away",
})  # fmt: skip


def search_item(search: lists.Search, visit: Visit, reader: Reader, now: datetime) -> Item:
    """Where a search for someone else has got to."""
    day, path = say.on_day(visit.starts_at, now), f"/cover/{search.id}"
    to = "" if reader.is_you(visit.person_id) else f" to {visit.person_called}"
    if search.unsure and not search.overridden:
        who = search.chosen or "anyone"
        return Item(
            0,
            f"We can’t be sure {who} is coming{to} {day}",
            "Please ring. The numbers are on the next page.",
            path,
            "See whom to ring",
            "gap",
        )
    if search.state == "telling":
        return Item(
            5,
            f"We’re telling {search.chosen} about {say.of_day(visit.starts_at, now)}",
            "It says so here when we are sure.",
            path,
            "See how it stands",
            "waiting",
            tells=True,
        )
    if search.state == "wants_payer":
        return Item(
            4, f"{search.chosen} costs more {day}", "Whoever pays is asked first.", path, "See how it stands", "waiting",
            tells=True,
        )  # fmt: skip
    if search.offers:
        some = "Someone offers" if search.offers == 1 else f"{count(search.offers).capitalize()} people offer"
        return Item(
            1, f"{some} to come{to} {day}", "You can look at who it is, and choose.", path, "See who offers", "waiting"
        )
    asked = say.names(search.asked) or ("the circles around us" if search.further else "")
    news = f"The next news is by {say.by_time(search.next_news_at, now)}."
    if not asked:
        return Item(1, f"Nobody can come{to} {day} yet", "You can ask further away.", path, "See how it stands", "gap")
    return Item(
        6,
        f"We’ve asked {asked} about {say.of_day(visit.starts_at, now)}",
        f"No answer yet. {news}",
        path,
        "See how it stands",
        "waiting",
        tells=True,
    )


def gap_item(visit: Visit, reader: Reader, now: datetime) -> Item:
    title = say.sentence(visit, reader, now).removesuffix(".")
    return Item(
        1, title, "You can choose what happens next.", f"/visits/{visit.id}/choose", "Choose what happens", "gap"
    )


async def waiting(
    says: dict[str, Says], reader: Reader, now: datetime, asked_to_pay: Collection[str]
) -> list[tuple[Item, str]]:
    """What waits for these people, each with whose it is; in three statements, however many people are named.

    A search that waits for the reader's own yes to its price is left to `for_payer`: one matter is said once.
    """
    ids = sorted(says)
    searches, gaps = await lists.searches_for(ids), await rota.gaps(ids, now)
    found = []
    for visit in gaps:
        may = says[visit.person_id]
        if visit.id in asked_to_pay:
            continue
        if visit.id in searches and may.cover:
            found.append((search_item(searches[visit.id], visit, reader, now), visit.person_id))
        elif visit.id not in searches and may.asks:
            found.append((gap_item(visit, reader, now), visit.person_id))
    for visit in await rota.to_answer([id_ for id_ in ids if says[id_].answers]):
        to = "" if reader.is_you(visit.person_id) else f" to {visit.person_called}"
        title = f"Did {visit.who or 'someone'} come{to} {say.on_day(visit.starts_at, now)}?"
        item = Item(
            3, title, say.settles(visit, now), f"/visits/{visit.id}/answer", "Say whether it went ahead", "waiting"
        )
        found.append((item, visit.person_id))
    return found


async def for_speaker(actor: Actor, reader: Reader, now: datetime, asked_to_pay: Collection[str]) -> list[Item]:
    """What waits for the people someone speaks for; to act on it they first say for whom they speak."""
    cards = {card.id: card for card in await members.spoken_for_by(actor.person_id)}
    if not cards:
        return []
    says = {
        id_: Says.of(scopes)
        for id_, scopes in (await members.scopes_by_person(actor.person_id)).items()
        if id_ in cards
    }
    return [
        msgspec.structs.replace(item, button=f"Speak for {cards[person].called}", speak_for=person)
        for item, person in await waiting(says, Reader(reader.id, reader.called, "speaks"), now, asked_to_pay)
    ]


async def for_worker(reader: Reader, now: datetime) -> list[Item]:
    found = [
        Item(
            1, f"Can you come to {ask.person_called} {say.at_time(ask.starts_at, now)}?", "A no is shown to nobody.",
            f"/asks/{ask.id}", "Answer", "waiting",
        )
        for ask in await lists.asks_to(reader.id, now)
    ]  # fmt: skip
    found += [
        Item(
            2, f"How did it go with {v.person_called} {say.on_day(v.starts_at, now)}?",
            f"Then {v.person_called} is asked too{', and the money is yours' if v.fee_pence else ''}.", f"/visits/{v.id}/went", "Say how it went", "waiting",
        )
        for v in await rota.to_say(reader.id, now)
    ]  # fmt: skip
    for mine in await queries.mine_of(reader.id, "offered", "preparing", "coming"):
        found.append(mine_item(mine, now))
    opened = await queries.open_requests(now)
    answered = await lists.answered_by(reader.id)
    mine_are = await pools.names_of(reader.id) if opened else set()
    for one in await lists.fitting(reader.id, [o for o in opened if o.id not in answered], now):
        by_name, at = asked_by_name(one, mine_are), say.at_time(one.starts_at, now)
        title = (
            f"A neighbour in {one.area} asks for you {at}" if by_name else f"Someone in {one.area} needs a worker {at}"
        )
        told = "They are in another circle. It fits your times."
        found.append(Item(4 if by_name else 5, title, told, f"/requests/{one.id}", "See what is asked"))
    return found


def mine_item(mine: Mine, now: datetime) -> Item:
    """One's own offer to another circle."""
    path, day = f"/coming/{mine.id}", say.on_day(mine.starts_at, now)
    who = (mine.told or {}).get("called") or (f"someone in {mine.area}" if mine.area else "someone")
    if mine.unsure:
        return Item(
            0,
            f"We can’t be sure about {mine.area} {day}",
            "Please ring. The numbers are on the next page.",
            path,
            "See whom to ring",
            "gap",
        )
    if mine.state == "coming" and mine.ends_at <= now:
        return Item(
            2,
            f"How did it go with {who} {day}?",
            "Then they are asked too.",
            f"{path}/went",
            "Say how it went",
            "waiting",
        )
    if mine.state == "coming" and mine.read_at is None:
        return Item(
            1,
            f"You are chosen to come to {who} {day}",
            "Please read where it is and what you need to know.",
            path,
            "Read it",
            "certain",
        )
    if mine.state == "coming":
        return Item(
            7, f"You are coming to {who} {say.at_time(mine.starts_at, now)}", "", path, "See the visit", "certain"
        )
    return Item(
        6,
        f"You offered to come to {who} {day}",
        "It says so here when they have chosen.",
        path,
        "See your offer",
        "waiting",
    )


class Desk(msgspec.Struct, frozen=True):
    """What a facilitator does today: whom to tell, where nobody is coming, what is not paid for yet, what was said."""

    bring: list[Bring]
    more: bool
    gaps: list[tuple[str, str, bool]]
    unpaid: list[tuple[str, str]]
    to_do: list[tuple[str, str]]

    @property
    def quiet(self) -> bool:
        return not (self.bring or self.gaps or self.unpaid or self.to_do)


async def for_facilitator(actor: Actor, reader: Reader, now: datetime) -> Desk:
    bring = to_bring(await for_others(actor, await rota.news_to_bring()), now)
    beside = Reader("", "")
    gaps, unsure = await rota.gaps_everywhere(now), {s.visit_id: s for s in await lists.searches_unsure()}
    lines = [
        (f"We can’t be sure anyone is coming to {v.person_called} {say.at_time(v.starts_at, now)}." if v.id in unsure
         else say.sentence(v, beside, now), f"/cover/{unsure[v.id].id}" if v.id in unsure else f"/visits/{v.id}", v.id in unsure)
        for v in gaps
    ]  # fmt: skip
    told = await for_others(actor, await rota.news_of(reader.id, now - NEWS_LASTS))
    # What the list of gaps says already is not said twice.
    open_ = [n for n in told if n.news in news_of.TO_DO and not (n.news == "not_sure" and n.visit_id in unsure)]
    away = await _away(open_)
    differing = await sums.unsettled()
    here = await sums.open_here(reader.id, differing) if differing else []
    elsewhere = await sums.open_away(reader.id, differing) if differing else []
    differ = {one.id for one in here}
    to_do = [
        (f"What both circles came to for {one.person_called} {say.on_day(one.starts_at, now)} is not written down yet.",
         f"/visits/{one.id}/between") for one in here
    ] + [
        (f"What both circles came to for {one.called} in {one.area} {say.on_day(one.starts_at, now)} is not written down yet.",
         f"/coming/{one.id}/between") for one in elsewhere
    ]  # fmt: skip
    to_do += [
        (news_of.sentence(n, beside, now, away.get(n.about_id)), news_of.path(n)) for n in open_
        if not (n.news == "something_wrong" and n.visit_id in differ)
    ]  # fmt: skip
    short = [(say.to_ring_about(one, now), f"/visits/{one.first.id}") for one in await unpaid.everywhere(actor)]
    return Desk(bring[:3], len(bring) > 3, lines, short, list(dict.fromkeys(to_do)))


async def _away(news: Sequence[News]) -> dict[str, news_of.Away]:
    """Where and when it is, of news about somewhere else, by what the news is about."""
    ids = [one.about_id for one in news if one.news in news_of.ABOUT_ELSEWHERE]
    opens = await lists.opens(ids) if ids else {}
    return {id_: news_of.Away(one.area or "another circle", one.starts_at) for id_, one in opens.items()}


async def news_lines(reader: Reader, now: datetime, says: Says, *, helps: bool) -> list[tuple[str, str, datetime]]:
    """What one was told lately, in words, that does not stand on the page already; the newest first, each once.

    Whoever speaks for someone reads of the visits to that person alone, and of who was asked only with a say in it.
    """
    newest: dict[str, News] = {}
    for one in await rota.news_of(reader.id, now - NEWS_LASTS):
        # Of one visit only the newest holds: who was coming and then could not is not coming.
        newest.setdefault(one.visit_id or one.about_id, one)
    rows = [
        n for n in newest.values()
        if n.news not in _SAID_ALREADY and n.news not in news_of.TO_DO
        and not (n.news in news_of.NOT_PAID and (helps or reader.is_you(n.visit_person_id)))
        and (reader.mode != "speaks" or n.visit_person_id == reader.id) and (says.cover or n.news not in news_of.OF_COVER)
    ]  # fmt: skip
    away = await _away(rows)
    found: dict[str, tuple[str, str, datetime]] = {}
    for one in rows:
        text = news_of.sentence(one, reader, now, away.get(one.about_id))
        found.setdefault(text, (text, news_of.path(one), one.at))
    return list(found.values())[:4]


async def for_admin() -> list[Item]:
    """A recovery sheet that nobody has on paper, circles to link with anew, links that are begun and wait for our word."""
    sheet = Item(
        6, "The recovery sheet has not been written down", "Without it, lost keys can’t come back.",
        "/admin/identity/sheet", "Write it down",
    )  # fmt: skip
    anew = [
        Item(6, f"{name} is to be linked with anew", "Our keys are lost. Ring them, and go through the visits to come.",
             "/admin/links/invite", "Invite them")
        for name in await carrying.to_link_anew()
    ]  # fmt: skip
    return ([sheet] if identity.sheet_waits() else []) + anew + [
        Item(6, f"The link with {one.name} is not finished", "Six words wait to be read out." if one.standing == "words"
             else "Now both say what each may ask of the other.", f"/admin/links/{one.id}", "Go on")
        for one in await links.waits_for_us()
    ]  # fmt: skip


class HomeController(Controller):
    @get("/home", opt={"action": "signed_in"})
    async def home(self, request: AnyRequest) -> Response[Any]:
        actor, reader, now = actor_of(request), reader_of(request), clock.now()
        own = reader.mode != "speaks"
        says = Says() if own else Says.of((await members.scopes_by_person(actor.person_id)).get(reader.id, frozenset()))
        to_pay = {s.visit_id: s for s in await lists.searches_to_pay(reader.id)} if says.pays else {}
        items = [item for item, _ in await waiting({reader.id: says}, reader, now, to_pay)]
        items += await about_money(actor, reader, now, says, to_pay, own=own)
        if not actor.acting_for:
            items += await for_speaker(actor, reader, now, to_pay)
        if reader.writes or (not actor.acting_for and actor.wears("worker", "volunteer")):
            items += await for_worker(reader, now)
        if not actor.acting_for and actor.wears("admin"):
            items += await for_admin()
        items.sort(key=lambda item: item.rank)
        visits = await rota.coming_up(reader.id, now, by=own)
        faces = await members.people({v.person_id for v in visits} | {v.worker_id or "" for v in visits})
        searches = await lists.searches_for([reader.id]) if says.cover else {}
        entries = [
            (say.of_day(v.starts_at, now), entry(v, reader, faces, now, searches.get(v.id), _unpaid(v, reader)))
            for v in visits
        ]
        teams = (
            []
            if actor.acting_for
            else [t for t in await members.teams_of(actor.person_id) if t[1].id != actor.person_id]
        )
        own_team = await members.team_of(reader.id)
        desk = (
            await for_facilitator(actor, reader, now) if actor.wears("facilitator") and not actor.acting_for else None
        )
        return await show(
            request, "cover/home.html", first=items[0] if items else None, items=items[1:], entries=entries, desk=desk,
            news=await news_lines(reader, now, says, helps=desk is not None), teams=_teams(actor, teams), today=clock.say_day(now, clock.zone()),
            greeting="What needs you today" if desk and not desk.quiet else _nothing(visits, reader, now),
            own_team=own_team, cost=bool(own_team) and (own or says.pays or says.asks), whose=say.whose(reader.called) if actor.acting_for else "Your",
            helps=bool(not actor.acting_for and actor.wears("treasurer", "convenor", "facilitator") and await questions.any_open()),
            leads=actor.wears("safeguarding") and not actor.acting_for,
            books=actor.wears("treasurer") and not actor.acting_for, node=actor.wears("admin") and not actor.acting_for,
        )  # fmt: skip


def _unpaid(visit: Visit, reader: Reader) -> str:
    """For whoever comes, because they choose whether they do; to the person and whoever pays the page says it above."""
    short = reader.comes(visit) and say.waits_for_money(visit) and visit.unpaid_at is not None
    return say.money_state(visit, None) if short else ""


def _teams(actor: Actor, teams: list[tuple[str, PersonCard]]) -> list[dict[str, Any]]:
    """The teams someone is in, with the week where it is theirs to see; a volunteer sees only their own visits."""
    whole = {team for team, card in teams if may(actor, "rota.see_week", Thing("week", card.id, card.id, team))}
    return [
        {"called": card.called, "id": card.id, "face": card.face, "path": f"/weeks/{card.id}" if team in whole else f"/teams/{team}",
         "words": "See the week" if team in whole else "See the team"}
        for team, card in teams
    ]  # fmt: skip


def _nothing(visits: list[Visit], reader: Reader, now: datetime) -> str:
    """The heading when nothing waits: the next visit, or that there is none."""
    coming = [v for v in visits if v.state != "gap"]
    return say.sentence(coming[0], reader, now).removesuffix(".") if coming else "Nothing waits for you"
