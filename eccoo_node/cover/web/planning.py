"""Planning visits: one, or every week; changing and calling off. What will be is read before it is said yes to."""

from datetime import date, time, timedelta
from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath

from eccoo_node.agreements import queries as agreements
from eccoo_node.cover import lists
from eccoo_node.cover import say as words
from eccoo_node.cover.web.planning_forms import WHO, End, Move, Once, Weekly
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import sharing
from eccoo_node.escrow.sharing import Shares, share_pence
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.days import is_bank_holiday
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound, Refusal
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import count, many
from eccoo_node.members import queries as members
from eccoo_node.members.payers import employed_among
from eccoo_node.rota import patterns, planning, say, standing
from eccoo_node.rota.patterns import Pattern
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.rules import late
from eccoo_node.rota.standing import AHEAD, WEEKDAYS, Slot, Wanted, slot_on
from eccoo_node.rota.web import around, reader_of, show, visit_for
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.forms import FormError, form_error, read_form
from eccoo_node.web.guards import actor_of
from eccoo_node.web.page import redirect

_FORM, _CHECK = "rota/plan_form.html", "rota/plan_check.html"
# Longer than that in minutes, and the page says how long before the yes.
_LONG = 12 * 60


def said_day(day: date) -> str:
    """ "Friday 25 December"."""
    return f"{day:%A} {day.day} {day:%B}"


def typed_day(day: date | None) -> str:
    """As the form takes it."""
    return f"{day.day} {day:%B} {day.year}" if day else ""


def typed_time(at: time) -> str:
    return f"{at:%H:%M}"


def hours(wanted: Wanted) -> str:
    over = " the next day" if time() < wanted.ends <= wanted.starts else ""
    return f"{_hour(wanted.starts)} to {_hour(wanted.ends)}{over}"


def _hour(at: time) -> str:
    return f"{at.hour % 12 or 12}{f'.{at.minute:02}' if at.minute else ''}{'am' if at.hour < 12 else 'pm'}"


def pattern_words(one: Pattern) -> str:
    """ "Mondays and Thursdays, 9am to 10am, until 3 December"."""
    until = f", until {said_day(one.wanted.last)}" if one.wanted.last else ""
    starts = f", from {said_day(one.wanted.first)}" if one.wanted.first > clock.today() else ""
    return f"{say.first(one.wanted.on_days)}, {hours(one.wanted)}{starts}{until}"


async def _may(actor: Actor, person_id: str) -> None:
    """Raise NotFound for whoever has no say in who comes."""
    if not access.may(actor, "rota.plan", await patterns.thing_for(person_id)):
        raise NotFound()


async def _pattern_for(actor: Actor, pattern_id: str) -> Pattern:
    found = await patterns.pattern(pattern_id)
    await _may(actor, found.wanted.person_id)
    if found.ended_at is not None:
        raise Conflict("This has already been changed. Please look at the week again.", "ended")
    return found


class PlanController(Controller):
    """For the person, whoever chooses for them who comes, and whoever keeps their week."""

    include_in_schema = False

    @get("/weeks/{person_id:str}/plan", opt={"action": "rota.plan"})
    async def index(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        """Who comes every week, and the way to plan more."""
        await _may(actor_of(request), person_id)
        found = [
            {
                "path": f"/weekly/{one.id}/change", "title": f"{one.worker_called}: {one.wanted.what}",
                "words": pattern_words(one), "end": f"/weekly/{one.id}/end",
            }
            for one in await patterns.patterns_of(person_id, clock.today())
        ]  # fmt: skip
        return await show(request, "rota/plan.html", person_id, found=found, **await self._about(request, person_id))

    async def _about(self, request: AnyRequest, person_id: str) -> dict[str, Any]:
        card = await members.person(person_id)
        return {"person": card, "yours": reader_of(request).is_you(person_id), "base": f"/weeks/{person_id}/plan"}

    async def _form(self, request: AnyRequest, person_id: str, **more: Any) -> dict[str, Any]:
        """Those who come at agreed terms, and who of the team has none yet."""
        team = await members.team_of(person_id)
        come = [one for one in await members.team_members(team) if one.role in {"worker", "volunteer"}]
        people = await members.people(one.person_id for one in come)
        terms = {one.worker_id: one for one in await agreements.terms_of(person_id) if one.from_at is not None}
        who = [
            (one.person_id, people[one.person_id].called, _rate(terms.get(one.person_id)), people[one.person_id])
            for one in come if one.role == "volunteer" or one.person_id in terms
        ]  # fmt: skip
        none = [people[one.person_id].called for one in come if one.role == "worker" and one.person_id not in terms]
        return {
            "who": who, "none": say.names(none), "weekdays": list(enumerate(WEEKDAYS)),
            **await self._about(request, person_id), **more,
        }  # fmt: skip

    @get("/weeks/{person_id:str}/plan/once", opt={"action": "rota.arrange"})
    async def once(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        await _may(actor_of(request), person_id)
        context = await self._form(request, person_id, weekly=False, form=f"/weeks/{person_id}/plan/once")
        return await show(request, _FORM, person_id, **context)

    @post("/weeks/{person_id:str}/plan/once", opt={"action": "rota.arrange"})
    async def plan_once(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        actor = actor_of(request)
        await _may(actor, person_id)
        context = await self._form(request, person_id, weekly=False, form=f"/weeks/{person_id}/plan/once")
        try:
            form = read_form(request, Once)
            if form.again:
                return await show(request, _FORM, person_id, **context)
            who = _named(context, form.worker)
            wanted = Wanted(
                person_id, form.worker, (form.day.weekday(),), form.starts, form.ends, form.what, form.day, form.day,
                form.cannot_be_missed,
            )  # fmt: skip
            standing.check(wanted, clock.today())
            slot = wanted.slot(form.day, clock.zone())
            if not form.sure or form.shown != (await _price(actor, wanted)).shown:
                rows = [("When", clock.say_when(slot.starts_at, slot.ends_at, clock.zone()))]
                return await self._check(request, wanted, who, rows, [slot], context)
            visit_id = await patterns.arrange_visit(
                actor, person_id=person_id, worker_id=form.worker, slot=slot, what=form.what,
                cannot_be_missed=form.cannot_be_missed,
            )  # fmt: skip
        except (FormError, Refusal) as error:
            return await _again(request, _FORM, error, person_id, context)
        notice = f"It is planned, and {who} is told."
        return redirect(request, f"/visits/{visit_id}", reader_of(request).read_back(notice))

    @get("/weeks/{person_id:str}/plan/weekly", opt={"action": "rota.plan_weekly"})
    async def weekly(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        await _may(actor_of(request), person_id)
        context = await self._form(request, person_id, weekly=True, form=f"/weeks/{person_id}/plan/weekly")
        first = clock.week_of(clock.now(), clock.zone()) + timedelta(days=7)
        return await show(request, _FORM, person_id, values={"first": typed_day(first)}, **context)

    @post("/weeks/{person_id:str}/plan/weekly", opt={"action": "rota.plan_weekly"})
    async def plan_weekly(self, request: AnyRequest, person_id: FromPath[str]) -> Response[Any]:
        await _may(actor_of(request), person_id)
        context = await self._form(request, person_id, weekly=True, form=f"/weeks/{person_id}/plan/weekly")
        return await self._weekly(request, person_id, context, None)

    @get("/weekly/{pattern_id:str}/change", opt={"action": "rota.change_weekly"})
    async def about_change(self, request: AnyRequest, pattern_id: FromPath[str]) -> Response[Any]:
        """The same form, as it is now."""
        old = await _pattern_for(actor_of(request), pattern_id)
        wanted = old.wanted
        context = await self._form(request, wanted.person_id, weekly=True, form=f"/weekly/{pattern_id}/change", old=old)
        values = {
            "worker": wanted.worker_id, "days": list(wanted.weekdays), "starts": typed_time(wanted.starts),
            "ends": typed_time(wanted.ends), "what": wanted.what, "last": typed_day(wanted.last),
            "first": typed_day(max(wanted.first, clock.today() + timedelta(days=1))),
            "cannot_be_missed": "yes" if wanted.cannot_be_missed else "",
            "not_on_holidays": "yes" if wanted.not_on_holidays else "",
        }  # fmt: skip
        return await show(request, _FORM, wanted.person_id, values=values, **context)

    @post("/weekly/{pattern_id:str}/change", opt={"action": "rota.change_weekly"})
    async def change(self, request: AnyRequest, pattern_id: FromPath[str]) -> Response[Any]:
        old = await _pattern_for(actor_of(request), pattern_id)
        person_id = old.wanted.person_id
        context = await self._form(request, person_id, weekly=True, form=f"/weekly/{pattern_id}/change", old=old)
        return await self._weekly(request, person_id, context, old)

    async def _weekly(
        self, request: AnyRequest, person_id: str, context: dict[str, Any], old: Pattern | None
    ) -> Response[Any]:
        actor = actor_of(request)
        try:
            form = read_form(request, Weekly)
            if form.again:
                return await show(request, _FORM, person_id, **context)
            who = _named(context, form.worker)
            wanted = Wanted(
                person_id, form.worker, tuple(sorted(set(form.days))), form.starts, form.ends, form.what, form.first,
                form.last, form.cannot_be_missed, form.not_on_holidays,
            )  # fmt: skip
            standing.check(wanted, clock.today())
            if not form.sure or form.shown != (await _price(actor, wanted)).shown:
                return await self._check_weekly(request, wanted, who, context, old)
            if old is None:
                await patterns.plan_weekly(actor, wanted=wanted)
            else:
                await patterns.change_weekly(actor, pattern_id=old.id, wanted=wanted)
        except (FormError, Refusal) as error:
            return await _again(request, _FORM, error, person_id, context)
        told = f"It is planned, and {who} is told." if old is None else f"It is changed, and {who} is told."
        week = clock.week_of(clock.day_bounds(wanted.first, clock.zone())[0], clock.zone())
        path = "/week" if reader_of(request).is_you(person_id) else f"/weeks/{person_id}"
        return redirect(request, f"{path}?from={week.isoformat()}", reader_of(request).read_back(told))

    async def _check_weekly(
        self, request: AnyRequest, wanted: Wanted, who: str, context: dict[str, Any], old: Pattern | None
    ) -> Response[Any]:
        zone = clock.zone()
        until = max(clock.today(), wanted.first) + AHEAD
        slots = [wanted.slot(day, zone) for day in wanted.days(until)]
        rows = [
            ("Days", say.first(wanted.on_days)), ("Hours", hours(wanted)), ("From", said_day(wanted.first)),
            ("Until", said_day(wanted.last) if wanted.last else "it is changed or ended"),
        ]  # fmt: skip
        changes, costs = "", ""
        if old is not None:
            found = await patterns.what_changes(old, wanted)
            changes = found.words
            visits = await patterns.coming_of(old.id, wanted.first)
            costs = _late([one for one in visits if Slot(one.starts_at, one.ends_at) in found.goes])
        return await self._check(request, wanted, who, rows, slots, context, old=old, changes=changes, late=costs)

    async def _check(
        self, request: AnyRequest, wanted: Wanted, who: str, rows: list[tuple[str, str]], slots: list[Slot],
        context: dict[str, Any], *, old: Pattern | None = None, changes: str = "", late: str = "",
    ) -> Response[Any]:  # fmt: skip
        """What will be, in words, before the yes."""
        price = await _price(actor_of(request), wanted)
        costs, goes = "", ""
        if given := price.given:
            costs = f"Each visit costs {pounds(price.pence)}"
            costs += f", so a week costs {pounds(price.pence * len(wanted.weekdays))}." if context["weekly"] else "."
            goes = words.goes(who, given, of="of each" if context["weekly"] else "of it")
        off = [day for day in wanted_days(wanted) if is_bank_holiday(day)]
        if wanted.minutes > _LONG:
            rows = [*rows, ("How long", f"{wanted.minutes / 60:g} hours")]
        rows = [("Who", who), *rows, ("What for", wanted.what)]
        return await show(
            request, _CHECK, wanted.person_id, **context, rows=rows, price=costs, goes=goes, changes=changes, late=late, worker=who,
            missed=wanted.cannot_be_missed, holidays=say.names(said_day(day) for day in off),
            left_out=wanted.not_on_holidays, busy=await lists.busy_on(wanted.worker_id, slots, but=old.id if old else ""),
            fields=[*_fields(wanted, context["weekly"]), ("shown", price.shown)],
        )  # fmt: skip

    @get("/weekly/{pattern_id:str}/end", opt={"action": "rota.end_weekly"})
    async def about_end(self, request: AnyRequest, pattern_id: FromPath[str]) -> Response[Any]:
        old = await _pattern_for(actor_of(request), pattern_id)
        values = {"day": typed_day(max(old.wanted.first, clock.today() + timedelta(days=1)))}
        return await show(
            request, "rota/plan_end.html", old.wanted.person_id, values=values, **await self._end(request, old)
        )

    async def _end(self, request: AnyRequest, old: Pattern) -> dict[str, Any]:
        about = await self._about(request, old.wanted.person_id)
        return {"old": old, "words": pattern_words(old), "asked": "", **about}

    @post("/weekly/{pattern_id:str}/end", opt={"action": "rota.end_weekly"})
    async def end(self, request: AnyRequest, pattern_id: FromPath[str]) -> Response[Any]:
        """From which day on; then what that means; then yes."""
        actor = actor_of(request)
        old = await _pattern_for(actor, pattern_id)
        context = await self._end(request, old)
        person_id = old.wanted.person_id
        try:
            form = read_form(request, End)
            if form.day < clock.today():
                raise Invalid("Choose today or a later day.", "bad_day", field="day")
            if not form.sure:
                visits = await patterns.coming_of(pattern_id, form.day)
                said = f"{many(len(visits), 'visit').capitalize()} {'is' if len(visits) == 1 else 'are'} called off"
                asked = f"{said}, and no more are planned from {said_day(form.day)} on. {_late(visits)}".strip()
                return await show(
                    request, "rota/plan_end.html", person_id, **context | {"asked": asked, "day": typed_day(form.day)}
                )
            off = await patterns.end_weekly(actor, pattern_id=pattern_id, from_day=form.day)
        except (FormError, Refusal) as error:
            return await _again(request, "rota/plan_end.html", error, person_id, context)
        notice = f"{many(off, 'visit').capitalize()} called off. {old.worker_called} is told."
        return redirect(request, f"/weeks/{person_id}/plan", reader_of(request).read_back(notice))

    @get("/visits/{visit_id:str}/move", opt={"action": "rota.move"})
    async def about_move(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit = await self._to_move(request, visit_id)
        zone = clock.zone()
        starts, ends = visit.starts_at.astimezone(zone), visit.ends_at.astimezone(zone)
        values = {"day": typed_day(starts.date()), "starts": f"{starts:%H:%M}", "ends": f"{ends:%H:%M}"}
        return await show(request, "rota/plan_move.html", visit.person_id, visit=visit, values=values)

    async def _to_move(self, request: AnyRequest, visit_id: str) -> Visit:
        visit = await visit_for(actor_of(request), visit_id)
        access.requires(
            actor_of(request), "rota.move", await patterns.thing_for(visit.person_id, visit.worker_id or "")
        )
        return visit

    @post("/visits/{visit_id:str}/move", opt={"action": "rota.move"})
    async def move(self, request: AnyRequest, visit_id: FromPath[str]) -> Response[Any]:
        visit = await self._to_move(request, visit_id)
        try:
            form = read_form(request, Move)
            slot = slot_on(form.day, form.starts, form.ends, clock.zone())
            made = await patterns.move_visit(actor_of(request), visit_id=visit_id, slot=slot)
        except (FormError, Refusal) as error:
            return await _again(request, "rota/plan_move.html", error, visit.person_id, {"visit": visit})
        notice = f"It is moved, and {visit.who} is told."
        return redirect(request, f"/visits/{made}", reader_of(request).read_back(notice))


async def _again(
    request: AnyRequest, template: str, error: FormError | Refusal, about: str, context: dict[str, Any]
) -> Response[Any]:
    return form_error(request, template, error, **await around(request, about) | context)


def wanted_days(wanted: Wanted) -> list[date]:
    """The days of the coming weeks, with those that are left out."""
    return msgspec.structs.replace(wanted, not_on_holidays=False).days(wanted.first + timedelta(weeks=8))


def _rate(terms: Any) -> str:
    return f"{pounds(terms.rate_pence)} an hour, as agreed" if terms and terms.rate_pence else ""


def _named(context: dict[str, Any], worker_id: str) -> str:
    """The name of who was chosen. Raises Invalid for someone who cannot be."""
    found = next((one[1] for one in context["who"] if one[0] == worker_id), "")
    if not found:
        raise Invalid(WHO, "nothing_chosen", field="worker")
    return str(found)


def _late(visits: list[Visit]) -> str:
    """What calling these off costs, where it is so late that the agreed share is due."""
    owed = [one for one in visits if one.paid and one.cancel_bps and late(clock.now(), one.starts_at, one.cancel_hours)]
    if not owed:
        return ""
    share = pounds(sum(share_pence(one.fee_pence, one.cancel_bps) for one in owed))
    return f"{count(len(owed)).capitalize()} of them {'is' if len(owed) == 1 else 'are'} so soon that {share} is due, as agreed."


class _Price(msgspec.Struct, frozen=True):
    """What one visit costs and who has what of it; nothing for whoever has no say in its money."""

    pence: int = 0
    given: Shares | None = None

    @property
    def shown(self) -> str:
        """Goes with the yes, to tell whether it is to this."""
        return f"{self.pence}-{self.given.worker_pence}" if self.given else ""


async def _price(actor: Actor, wanted: Wanted) -> _Price:
    thing = await patterns.thing_for(wanted.person_id, wanted.worker_id)
    priced = await planning.agreed(wanted.person_id, wanted.worker_id)
    if not priced.rate_pence or not access.may(actor, "rota.see_money", thing):
        return _Price()
    employed = wanted.worker_id in await employed_among([wanted.worker_id])
    terms = (await escrow.schedule_now()).terms(priced.fee(wanted.minutes), priced.travel, employed=employed)
    return _Price(terms.total_pence, sharing.shares(terms, terms.fee_pence, terms.travel_pence))


def _fields(wanted: Wanted, weekly: bool) -> list[tuple[str, str]]:
    """What was typed, to be sent again with the yes."""
    found = [
        ("worker", wanted.worker_id), ("starts", typed_time(wanted.starts)), ("ends", typed_time(wanted.ends)),
        ("what", wanted.what), ("cannot_be_missed", "yes" if wanted.cannot_be_missed else ""),
    ]  # fmt: skip
    if not weekly:
        return [*found, ("day", typed_day(wanted.first))]
    return [
        *found, *(("days", str(day)) for day in wanted.weekdays), ("first", typed_day(wanted.first)),
        ("last", typed_day(wanted.last)), ("not_on_holidays", "yes" if wanted.not_on_holidays else ""),
    ]  # fmt: skip
