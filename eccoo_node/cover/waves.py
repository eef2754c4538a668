"""Asking circles one after the other, with one yes for all of it: the next are asked at their hour, or sooner."""

from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation import cover as wire
from eccoo_federation.times import wire_time
from eccoo_node.cover import queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.machine import set_request, step
from eccoo_node.cover.plans import Plan, by_nearness, due, hours_of, usual
from eccoo_node.cover.queries import Later, Request
from eccoo_node.cover.rules import hours
from eccoo_node.cover.tables import AskedCircle, AskLater
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert, insert_once
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.links.queries import KnownCircle
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit


async def left_to_ask(request_id: str) -> list[KnownCircle]:
    """Circles that may be asked and have not been, those that are to be asked later among them."""
    asked = {one.link_id for one in await queries.asked_circles(request_id)}
    return [circle for circle in await links.askable("cover.request") if circle.id not in asked]


async def proposed(request: Request, visit: Visit) -> Plan:
    """The order that is agreed already; else what is usual, nearest first."""
    left = {circle.id: circle for circle in await left_to_ask(request.id)}
    later = [one for one in await queries.ask_later(request.id) if one.link_id in left]
    if later:
        numbers = sorted({one.wave for one in later})
        return Plan(((), *(tuple(one.link_id for one in later if one.wave == n) for n in numbers)))
    near = by_nearness(list(left), await queries.came_from(visit.person_id))
    return usual(near, clock.now(), visit.starts_at)


async def agreed(request: Request, visit: Visit, plan: Plan | None) -> tuple[Plan, dict[str, datetime]]:
    """The plan as far as its circles can be asked now, and the hour of each that is asked later.

    Without a plan everyone is asked at once. Raises Conflict where nobody is left to be asked.
    """
    left = [circle.id for circle in await left_to_ask(request.id)]
    kept = plan.only(left) if plan else Plan((tuple(left),))
    if not kept.all:
        raise Conflict("No other circle can be asked just now. A facilitator can help.", "no_links")
    if not kept.waves[0] and not request.further:
        kept = Plan(kept.waves[1:], kept.wait_minutes)
    times = hours_of(kept, clock.now(), visit.starts_at, clock.zone())
    return kept, {link: at for wave, at in zip(kept.waves[1:], times, strict=True) for link in wave}


async def begin(request_id: str, later: dict[str, datetime]) -> None:
    """A new order takes the place of what was still to come."""
    await fetch("DELETE FROM ask_later WHERE request_id = ?", request_id)
    await jobs.cancel("cover.wave", request_id)
    if later:
        await jobs.add("cover.wave", request_id, run_at=min(later.values()), request=request_id)


async def put(act: Act, request_id: str, link_id: str, ref: str, body: Any, plan: Plan, at: datetime | None) -> None:
    """Ask one circle: now, or keep for its hour what it will be shown."""
    text = msgspec.json.encode(body).decode()
    if at is None:
        await _ask(act, request_id, link_id, ref, text)
        return
    wave = next(n for n, links_ in enumerate(plan.waves) if link_id in links_)
    row = AskLater(request_id=request_id, link_id=link_id, wave=wave, goes_at=at, reference=ref, body=text)
    await insert(row)


async def _ask(act: Act, request_id: str, link_id: str, ref: str, body: str) -> None:
    row = AskedCircle(request_id=request_id, link_id=link_id, reference=ref, body=body, asked_at=clock.now())
    if await insert_once(row):
        circle = await links.circle(link_id)
        await step(act, await queries.request(request_id), wire.AddLink(wire.Asked(link_id, circle.node_id, ref)))
        await letters.send(link_id, "cover.requested", ref, msgspec.json.decode(body))


@door("cover.hurry")
async def hurry(act: Act, *, request_id: str) -> None:
    """Ask everyone who was to be asked later now. They agreed to it already; a second press asks nobody twice."""
    request = await queries.lock_request(request_id)
    act.allow(await rota.thing_of(await rota.visit(request.visit_id)))
    if request.state != "asking":
        raise Conflict("Someone is being asked already.", "request_closed")
    await _go(act, request, await queries.ask_later(request_id))
    await begin(request_id, {})


@door("cover.stop_asking")
async def stop_asking(act: Act, *, request_id: str) -> None:
    """Nobody else is asked. Those who were asked already may still offer."""
    request = await queries.lock_request(request_id)
    act.allow(await rota.thing_of(await rota.visit(request.visit_id)))
    await begin(request_id, {})


async def _go(act: Act, request: Request, wave: list[Later]) -> int:
    """Ask these now; those with whom the link does not allow it any more are left out. How many were asked."""
    now, asked = clock.now(), 0
    visit = await rota.visit(request.visit_id)
    news = hours(now, visit.starts_at, clock.zone()).next_news_at
    for one in wave:
        await fetch("DELETE FROM ask_later WHERE id = ?", one.id)
        if await links.may_cross(one.link_id, "out", "cover.request") is not None:
            continue
        body = msgspec.json.decode(one.body) | {"reply_by": wire_time(news)}
        await _ask(act, request.id, one.link_id, one.ref, msgspec.json.encode(body).decode())
        asked += 1
    if asked:
        await set_request(request.id, next_news_at=news)
        await jobs.cancel("cover.news", request.id)
        await jobs.add("cover.news", request.id, run_at=news, request=request.id)
        await act.tell("cover.asked_further", "cover_request", request.id)
    return asked


@door("cover.next_wave")
async def next_wave(act: Act, *, request_id: str) -> datetime | None:
    """Ask the next circles if it is their turn: nobody offers, and their hour has come or all before them have said
    nobody. Returns when to look again."""
    request = await queries.lock_request(request_id)
    act.allow(Thing("cover_request", request_id, request.person_id))
    later = await queries.ask_later(request_id)
    now = clock.now()
    visit = await rota.visit(request.visit_id)
    if request.state != "asking" or visit.starts_at <= now:
        return None
    while later:
        wave = [one for one in later if one.wave == later[0].wave]
        if not due(wave[0].goes_at, now, await _answers(request_id), offers=await _offers(request_id, now)):
            break
        later = later[len(wave) :]
        await _go(act, request, wave)
    return min((one.goes_at for one in later if one.goes_at > now), default=None)


async def _answers(request_id: str) -> list[bool]:
    """Of each circle that was asked, whether nobody there can come, or it can't be asked any more."""
    able = {circle.id for circle in await links.askable("cover.request")}
    asked = await queries.asked_circles(request_id)
    return [one.link_id not in able or one.answer in {"nobody", queries.FULL} for one in asked]


async def _offers(request_id: str, now: datetime) -> bool:
    return any(one.state == "live" and one.hold_until > now for one in await queries.offers(request_id))


@jobs.job("cover.wave")
async def _wave_due(payload: dict[str, Any]) -> datetime | None:
    return await next_wave(NODE, request_id=payload["request"])
