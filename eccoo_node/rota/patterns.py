"""Doors of planning: one visit, a standing week, a change of either, and calling off from a day on.

The visits of a standing week are made some weeks ahead, each day once however often it is looked at.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch, fetch_one, insert, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, NotFound
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota import queries, standing
from eccoo_node.rota.actions import return_money, set_fields
from eccoo_node.rota.planning import make_visit
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.rules import late
from eccoo_node.rota.standing import AHEAD, Difference, Slot, Wanted, difference
from eccoo_node.rota.tables import Pattern as PatternRow
from eccoo_node.rota.telling import team_around, tell

EVERY_DAY = timedelta(days=1)


class Pattern(msgspec.Struct, frozen=True):
    """A standing week as pages and doors need it."""

    id: str
    team_id: str
    wanted: Wanted
    worker_called: str
    ended_at: datetime | None


_PATTERN = """SELECT p.id, p.team_id, p.person_id, p.worker_id, p.weekdays, p.starts_minute, p.ends_minute, p.what,
 p.cannot_be_missed, p.not_on_holidays, p.first_day, p.last_day, w.called, p.ended_at
 FROM pattern p JOIN person w ON w.id = p.worker_id"""


def _pattern(row: Any) -> Pattern:
    id_, team, person, worker, weekdays, starts, ends, what, missed, holidays, first, last, called, ended = tuple(row)
    wanted = Wanted(
        person, worker, tuple(int(day) for day in weekdays.split(",")), _time(starts), _time(ends), what,
        date.fromisoformat(first), date.fromisoformat(last) if last else None, bool(missed), bool(holidays),
    )  # fmt: skip
    return Pattern(id_, team, wanted, called, as_time(ended))


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


async def pattern(pattern_id: str) -> Pattern:
    """Raises NotFound."""
    row = await fetch_one(f"{_PATTERN} WHERE p.id = ?", pattern_id)
    if row is None:
        raise NotFound()
    return _pattern(row)


async def patterns_of(person_id: str, today: date) -> list[Pattern]:
    """The standing weeks of someone that still make visits."""
    rows = await fetch(
        f"{_PATTERN} WHERE p.person_id = ? AND p.ended_at IS NULL AND (p.last_day = '' OR p.last_day >= ?) ORDER BY p.id",
        person_id,
        today.isoformat(),
    )
    return [_pattern(row) for row in rows]


async def coming_of(pattern_id: str, from_day: date) -> list[Visit]:
    """The visits of a standing week from this day on that nobody has changed: somebody comes, and has not begun."""
    since = max(clock.day_bounds(from_day, clock.zone())[0], clock.now())
    return await queries.visits("v.pattern_id = ? AND v.state = 'planned' AND v.starts_at > ?", pattern_id, since)


async def thing_for(person_id: str, worker_id: str = "") -> Thing:
    """Planning for someone, as its rule sees it."""
    team = await members.team_of(person_id)
    paid = await members.paid_workers_of(team)
    return Thing("visit", "", person_id, team, worker_id, paid_workers=paid)


@door("rota.arrange")
async def arrange_visit(
    act: Act, *, person_id: str, worker_id: str, slot: Slot, what: str, cannot_be_missed: bool = False
) -> str:
    """Plan one visit to come, and tell the worker; the visit's id. Raises as `plan_visit`."""
    thing = await thing_for(person_id, worker_id)
    act.allow(thing)
    if slot.starts_at <= clock.now():
        raise Conflict("That time has passed.", "too_late")
    visit_id = await make_visit(
        act, slot, team=thing.community_id, person_id=person_id, worker_id=worker_id, what=what,
        cannot_be_missed=cannot_be_missed,
    )  # fmt: skip
    await _tell(act, person_id, thing.community_id, {worker_id}, visit_id, "planned")
    return visit_id


@door("rota.move")
async def move_visit(act: Act, *, visit_id: str, slot: Slot) -> str:
    """The same visit at another time, at what is agreed now; the new visit's id. What was set aside for it goes along.

    Raises Conflict once it is so late that calling it off would cost: the worker has kept that time free.
    """
    visit = await queries.lock_visit(visit_id)
    act.allow(await thing_for(visit.person_id, visit.worker_id or ""))
    if visit.state != "planned" or visit.starts_at <= clock.now() or not visit.worker_id:
        raise Conflict("This visit has already changed. Please look at your week again.", "visit_changed")
    if slot.starts_at <= clock.now():
        raise Conflict("That time has passed.", "too_late")
    if visit.cancel_bps and late(clock.now(), visit.starts_at, visit.cancel_hours):
        raise Conflict("It is too late to move this visit. Please ring, or call it off.", "too_late")
    await _stop(act, visit)
    made = await make_visit(
        act, slot, team=visit.team_id, person_id=visit.person_id, worker_id=visit.worker_id, what=visit.what,
        cannot_be_missed=visit.cannot_be_missed, pattern_id=visit.pattern_id,
    )  # fmt: skip
    await _tell(act, visit.person_id, visit.team_id, {visit.worker_id}, made, "moved")
    return made


@door("rota.plan_weekly")
async def plan_weekly(act: Act, *, wanted: Wanted) -> str:
    """Somebody comes on these days from now on, at what both agreed; the id of this standing week.

    Its first visits are made at once, and the worker is told. Raises as `plan_visit`.
    """
    thing = await thing_for(wanted.person_id, wanted.worker_id)
    act.allow(thing)
    standing.check(wanted, clock.today())
    pattern_id, made = await _begin(act, wanted, thing.community_id)
    await _tell(act, wanted.person_id, thing.community_id, {wanted.worker_id}, made[0], "planned_weekly")
    return pattern_id


@door("rota.change_weekly")
async def change_weekly(act: Act, *, pattern_id: str, wanted: Wanted) -> str:
    """From the first day of what is wanted it is like this. Visits that stay the same are left as they are, with their
    money; the others are called off, and the new ones made. The id of the new standing week."""
    old = await lock(pattern_id)
    thing = await thing_for(old.wanted.person_id, old.wanted.worker_id)
    act.allow(thing)
    act.allow(msgspec.structs.replace(thing, worker_id=wanted.worker_id))
    standing.check(wanted, clock.today())
    found = await what_changes(old, wanted)
    keep: dict[Slot, Visit] = {}
    for visit in await coming_of(pattern_id, wanted.first):
        slot = Slot(visit.starts_at, visit.ends_at)
        if slot in found.stays:
            keep[slot] = visit
        else:
            await _stop(act, visit)
    await end_from(old, wanted.first)
    new_id, made = await _begin(act, wanted, old.team_id, keep)
    workers = {old.wanted.worker_id, wanted.worker_id}
    await _tell(act, wanted.person_id, old.team_id, workers, made[0], "weekly_changed")
    return new_id


@door("rota.end_weekly")
async def end_weekly(act: Act, *, pattern_id: str, from_day: date) -> int:
    """Call off every visit of a standing week from this day on, and make no more; how many were called off.

    A visit for which somebody else is being looked for stays, and is called off by itself.
    """
    old = await lock(pattern_id)
    act.allow(await thing_for(old.wanted.person_id, old.wanted.worker_id))
    if from_day < clock.today():
        raise Conflict("Choose today or a later day.", "bad_day")
    visits = await coming_of(pattern_id, from_day)
    for visit in visits:
        await _stop(act, visit)
    await end_from(old, from_day)
    if visits:
        await _tell(act, old.wanted.person_id, old.team_id, {old.wanted.worker_id}, visits[0].id, "weekly_ended")
    return len(visits)


async def what_changes(old: Pattern, wanted: Wanted) -> Difference:
    """The visits that stay, go and come, as far ahead as they are made."""
    visits = await coming_of(old.id, wanted.first)
    return difference(
        [Slot(visit.starts_at, visit.ends_at) for visit in visits], _slots(wanted).values(),
        same_worker=old.wanted.worker_id == wanted.worker_id,
    )  # fmt: skip


def _slots(wanted: Wanted) -> dict[date, Slot]:
    """Of each day whose visit is to be made by now and has not begun."""
    now, zone = clock.now(), clock.zone()
    until = max(now, clock.day_bounds(wanted.first, zone)[0]) + AHEAD
    days = wanted.days(until.astimezone(zone).date())
    found = {day: wanted.slot(day, zone) for day in days}
    return {day: slot for day, slot in found.items() if slot.starts_at > now}


async def lock(pattern_id: str) -> Pattern:
    """One that still makes visits, held against others. Inside `write()`. Raises Conflict."""
    await fetch(f"SELECT id FROM pattern WHERE id = ?{locking()}", pattern_id)
    found = await pattern(pattern_id)
    if found.ended_at is not None:
        raise Conflict("This has already been changed. Please look at the week again.", "ended")
    return found


async def _begin(act: Act, wanted: Wanted, team: str, keep: dict[Slot, Visit] | None = None) -> tuple[str, list[str]]:
    """The standing week and its first visits; those in `keep` are its own from now on."""
    row = PatternRow(
        team_id=team, person_id=wanted.person_id, worker_id=wanted.worker_id,
        weekdays=",".join(str(day) for day in sorted(set(wanted.weekdays))),
        starts_minute=wanted.starts.hour * 60 + wanted.starts.minute,
        ends_minute=wanted.ends.hour * 60 + wanted.ends.minute, what=wanted.what,
        cannot_be_missed=wanted.cannot_be_missed, not_on_holidays=wanted.not_on_holidays,
        first_day=wanted.first.isoformat(), last_day=wanted.last.isoformat() if wanted.last else "",
        planned_by=act.actor.person_id, planned_at=clock.now(),
    )  # fmt: skip
    await insert(row)
    pattern_id = str(row.id)
    act.about(pattern_id)
    made = []
    for day, slot in _slots(wanted).items():
        if kept := (keep or {}).get(slot):
            await set_fields(
                kept.id, pattern_id=pattern_id, pattern_day=day.isoformat(), what=wanted.what,
                cannot_be_missed=wanted.cannot_be_missed,
            )  # fmt: skip
            made.append(kept.id)
        else:
            made.append(await _make(act, pattern_id, team, wanted, day, slot))
    if not made:
        raise Conflict("None of these days comes within four weeks of the first.", "no_days")
    await act.tell("weekly.planned", "pattern", pattern_id)
    return pattern_id, made


async def _make(act: Act, pattern_id: str, team: str, wanted: Wanted, day: date, slot: Slot) -> str:
    return await make_visit(
        act, slot, team=team, person_id=wanted.person_id, worker_id=wanted.worker_id, what=wanted.what,
        cannot_be_missed=wanted.cannot_be_missed, pattern_id=pattern_id, pattern_day=day.isoformat(),
    )  # fmt: skip


async def end_from(found: Pattern, from_day: date) -> None:
    """It makes no visits for this day or a later one."""
    before = from_day - timedelta(days=1)
    last = min(before, found.wanted.last) if found.wanted.last else before
    over = clock.now() if last < max(clock.today(), found.wanted.first) else None
    await fetch("UPDATE pattern SET last_day = ?, ended_at = ? WHERE id = ?", last.isoformat(), over, found.id)


async def _stop(act: Act, visit: Visit) -> None:
    """One of several that are called off in one act, of which people are told once."""
    locked = await queries.lock_visit(visit.id)
    if locked.state != "planned":
        return
    await return_money(locked)
    await set_fields(locked.id, state="stopped", line="")
    await act.tell("visit.stopped", "visit", locked.id, by=act.actor.person_id, acting_for=act.actor.acting_for)


async def _tell(act: Act, person_id: str, team: str, workers: set[str], visit_id: str, news: str) -> None:
    """The worker, the person and who speaks for them; not whoever did it, nor the rest of the team."""
    speakers = await members.speakers_for(person_id, "choose_who_comes")
    around = await team_around(person_id, team)
    said = {act.actor.person_id} | ({act.actor.acting_for} if act.actor.via in {"phone", "paper"} else set())
    await tell((workers | ({person_id, *speakers} & around)) - said, visit_id, news)


# ---------------------------------------------------------------- by itself


@jobs.job("rota.patterns", every=EVERY_DAY)
async def _patterns(payload: dict[str, Any]) -> datetime | None:
    await make_due_visits()
    return clock.now() + EVERY_DAY


async def make_due_visits() -> int:
    """Make the visits of every standing week as far ahead as they are made; how many are new."""
    today = clock.today()
    rows = await fetch(
        "SELECT id FROM pattern WHERE ended_at IS NULL AND (last_day = '' OR last_day >= ?) ORDER BY id",
        today.isoformat(),
    )
    return sum([await go_on(NODE, pattern_id=row[0]) for row in rows])


@door("rota.go_on")
async def go_on(act: Act, *, pattern_id: str) -> int:
    """Make the visits of one standing week that are not there yet. Where nothing is agreed any more, or the worker has
    left the team, it ends, and the person and a facilitator are told."""
    act.allow(Thing("pattern", pattern_id))
    await fetch(f"SELECT id FROM pattern WHERE id = ?{locking()}", pattern_id)
    found = await pattern(pattern_id)
    if found.ended_at is not None:
        return 0
    rows = await fetch("SELECT pattern_day, id FROM visit WHERE pattern_id = ? AND pattern_day <> ''", pattern_id)
    there = {row[0]: row[1] for row in rows}
    missing = {day: slot for day, slot in _slots(found.wanted).items() if day.isoformat() not in there}
    try:
        for day, slot in missing.items():
            await _make(act, pattern_id, found.team_id, found.wanted, day, slot)
    except Conflict:
        await end_from(found, min(missing))
        helpers = {one.person_id for one in await members.facilitators()}
        last = there[max(there)] if there else None
        await tell(helpers | {found.wanted.person_id}, last, "weekly_stops", about=found.wanted.worker_id)
        return 0
    return len(missing)
