"""What someone's week costs: each visit with its price and how it stands, what is bought, and what is still to be paid in.

A constant number of statements, however many visits there are.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from eccoo_node.disputes.later import lines_of_more
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import telling
from eccoo_node.escrow.queries import LineState, Schedules
from eccoo_node.escrow.telling import Coming
from eccoo_node.expenses import queries as expenses
from eccoo_node.expenses.queries import Expense
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import many
from eccoo_node.members import queries as members
from eccoo_node.members.payers import Pays, employed_among, who_pays
from eccoo_node.rota import queries as rota
from eccoo_node.rota import say, unpaid, weekly
from eccoo_node.rota.paying import Short
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.say import Reader, State
from eccoo_node.rota.unpaid import Missing

_ENDED = {"settled", "back"}


class Cost(msgspec.Struct, frozen=True):
    """One visit, or one thing that is bought. `aside_pence` lies there for it; `open_pence` is still without money."""

    title: str
    who: str
    path: str
    pence: int
    state: State
    aside_pence: int = 0
    open_pence: int = 0
    travel_pence: int = 0
    at: datetime | None = None

    @property
    def price(self) -> str:
        return pounds(self.pence) if self.pence else "nothing"


class Week(msgspec.Struct, frozen=True):
    """A local week, named by its Monday."""

    monday: date
    visits: list[Cost]
    bought: list[Cost]

    @property
    def all(self) -> list[Cost]:
        return [*self.visits, *self.bought]

    @property
    def total_pence(self) -> int:
        return sum(one.pence for one in self.all)

    @property
    def total(self) -> str:
        return pounds(self.total_pence)

    @property
    def span(self) -> str:
        last = self.monday + timedelta(days=6)
        return f"{self.monday.day} {self.monday:%B} to {last.day} {last:%B}"

    def sentence(self, called: str) -> str:
        """ "This week costs £240. £180 of it is set aside. £60 is not set aside yet."."""
        if not self.all:
            return f"No visits are planned {called}."
        aside, open_ = sum(one.aside_pence for one in self.all), sum(one.open_pence for one in self.all)
        parts = [f"{called[:1].upper()}{called[1:]} costs {pounds(self.total_pence)}."]
        if self.total_pence == 0:
            parts = [f"{called[:1].upper()}{called[1:]} costs nothing."]
        if aside:
            parts.append(
                "All of it is set aside." if aside == self.total_pence else f"{pounds(aside)} of it is set aside."
            )
        if open_:
            parts.append(f"{pounds(open_)} is not set aside yet.")
        return " ".join(parts)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What the total consists of; only what is more than nothing."""
        sums = [
            ("Visits", sum(one.pence for one in self.visits)),
            ("Of that, mileage and travel", sum(one.travel_pence for one in self.visits)),
            ("Shopping and errands", sum(one.pence for one in self.bought)),
        ]
        return [(words, pounds(pence)) for words, pence in sums if pence]


class ToPayIn(msgspec.Struct, frozen=True):
    """What one who pays still has to pay in, and by when."""

    payer_id: str
    called: str
    you: bool
    pence: int
    by: datetime

    @property
    def words(self) -> str:
        by = say.by_day(self.by, clock.now())
        if self.you:
            return f"Please pay in {pounds(self.pence)} {by}."
        return f"{self.called} is to pay in {pounds(self.pence)} {by}."


class Costs(msgspec.Struct, frozen=True):
    """What one page shows."""

    weeks: list[Week]
    to_pay_in: list[ToPayIn]
    # A visit here has no money because of its mileage.
    no_mileage: bool = False


async def thing_for(person_id: str) -> Thing:
    """Someone's week as the rule of what it costs sees it: with the paid workers of the team, and whoever pays."""
    team = await members.team_of(person_id)
    paid = await members.paid_workers_of(team)
    pays = (await who_pays([person_id])).get(person_id, [])
    return Thing(
        "week", person_id, person_id, team, paid_workers=paid, parties=frozenset(one.payer_person_id for one in pays)
    )


async def costs_of(actor: Actor, thing: Thing, mondays: Sequence[date]) -> Costs:
    """These weeks, one after the other. Raises Forbidden for whoever has no say in what they cost."""
    access.requires(actor, "rota.see_cost", thing)
    zone, now, person_id = clock.zone(), clock.now(), thing.person_id
    bounds = [clock.day_bounds(monday, zone, 7) for monday in mondays]
    start, end = bounds[0][0], bounds[-1][1]
    visits = await rota.week_of_person(person_id, start, end)
    later = await lines_of_more([visit.id for visit in visits])
    wanted = {visit.line or f"visit:{visit.id}" for visit in visits} | {one for more in later.values() for one in more}
    lines = await escrow.lines(*wanted)
    answered = await rota.answered([visit.id for visit in visits if visit.state == "said"])
    employed = await employed_among(visit.worker_id or "" for visit in visits)
    ahead = {monday: await _ahead(monday, now) for monday in mondays}
    taken = await escrow.schedules()
    sees = access.may(actor, "rota.see_visit", Thing("week", person_id, person_id, thing.community_id))
    bought = [
        one
        for one in await expenses.bought_between(person_id, start, end)
        if access.may(actor, "expenses.see", one.thing)
    ]
    to_pay_in: list[ToPayIn] = []
    no_mileage = False
    if (missing := (await unpaid.missing_until([person_id], max(end, now))).get(person_id)) is not None:
        pays = _paying(actor, person_id, missing.short)
        to_pay_in = _to_pay_in(actor, pays, missing, ahead, now)
        no_mileage = bool(missing.short.no_mileage and pays)
    found = []
    for monday, (first, last) in zip(mondays, bounds, strict=True):
        theirs = [
            _visit(
                visit, lines.get(visit.line or f"visit:{visit.id}"), [lines[one] for one in later.get(visit.id, ())],
                taken, ahead[monday], now,
                answered=visit.id in answered, employed=visit.worker_id in employed, sees=sees or actor.person_id == visit.worker_id,
            )
            for visit in visits if first <= visit.starts_at < last
        ]  # fmt: skip
        found.append(Week(monday, theirs, [_bought(one) for one in bought if first <= one.agreed_at < last]))
    return Costs(found, to_pay_in, no_mileage)


async def _ahead(monday: date, now: datetime) -> datetime | None:
    """When the money for a week is to be set aside; None where that has been."""
    if clock.day_bounds(monday, clock.zone())[0] < await weekly.covered_until(now):
        return None
    return await weekly.runs_at(monday)


def _visit(
    visit: Visit, line: LineState | None, later: Sequence[LineState], taken: Schedules, ahead: datetime | None,
    now: datetime, *, answered: bool, employed: bool, sees: bool,
) -> Cost:  # fmt: skip
    title = say.when(visit)
    who = (visit.who or "Nobody is coming yet") if sees else ""
    path = f"/visits/{visit.id}" if sees else ""
    if visit.state == "stopped" and not visit.owed_pence and (line is None or line.state == "returned"):
        return Cost(title, who if visit.who else "", path, 0, ("over", "called off"), at=visit.starts_at)
    pence = spent_pence(line) if line is not None else 0
    if line is None and visit.paid and not visit.cover_circle:
        pence = _price(visit, taken, employed=employed)
    more = sum(spent_pence(one) for one in later)
    aside = sum(one.set_aside_pence + one.disputed_pence for one in (line, *later) if one)
    waits = say.waits_for_money(visit)
    return Cost(
        title,
        who,
        path,
        pence + more,
        cost_state(visit, line, ahead, now, answered=answered),
        aside,
        pence if waits else 0,
        _travel(visit, line) + sum(one.travel_pence for one in later),
        visit.starts_at,
    )


def _travel(visit: Visit, line: LineState | None) -> int:
    """What of the cost is for mileage and travel: nothing of it is due where the visit was called off."""
    if line is None or line.state == "disputed":
        return 0 if visit.owed_pence else visit.travel_pence
    return line.travel_pence


def _price(visit: Visit, taken: Schedules, *, employed: bool) -> int:
    """What is to be set aside for it, at the share that it was agreed at."""
    fee, travel = (visit.owed_pence, 0) if visit.owed_pence else (visit.fee_pence, visit.travel_pence)
    try:
        return taken.at(visit.agreed_at).price(fee, travel, employed=employed)
    except Conflict:
        return fee + travel


def spent_pence(line: LineState) -> int:
    """What a line costs whoever pays: what lies there and is in question, or what went on. Nothing of what came back."""
    gone = 0 if line.set_aside_pence else line.worker_pence + line.circles_pence
    return line.set_aside_pence + line.disputed_pence + gone


def cost_state(
    visit: Visit, line: LineState | None, ahead: datetime | None, now: datetime, *, answered: bool = False
) -> State:
    """How the money for one visit stands, in plain words; once it is over, in those of the week."""
    if visit.state == "stopped":
        return ("open", "not paid for yet") if visit.owed_pence else ("over", "called off late, paid as agreed")
    if line is not None and line.state == "disputed":
        return "waiting", "in question"
    if line is not None and line.state == "released":
        return "certain", "paid"
    if not visit.paid and not visit.cover_circle:
        return "certain", "costs nothing"
    if visit.unpaid_at is not None or (ahead is None and say.waits_for_money(visit)):
        return "open", "not paid for yet"
    if say.waits_for_money(visit) and ahead is not None:
        return "waiting", f"paid ahead {clock.say_day(ahead, clock.zone())}"
    if visit.state == "settled":
        return "waiting", "done, being settled"
    if visit.state == "said" or visit.ends_at <= now:
        return say.state(visit, Reader("", ""), now, answered=answered)
    return "certain", "set aside"


_BOUGHT: dict[str, State] = {
    "agreed": ("certain", "set aside, at most"),
    "said": ("waiting", "bought, being settled"),
    "questioned": ("waiting", "in question"),
    "settled": ("certain", "paid"),
    "back": ("over", "nothing was spent"),
}


def _bought(one: Expense) -> Cost:
    pence = {"agreed": one.ceiling_pence, "said": one.claimed_pence, "questioned": one.claimed_pence}.get(
        one.state, one.paid_pence
    )
    aside = 0 if one.state in _ENDED else pence
    return Cost(one.purpose, one.worker_called, f"/expenses/{one.id}", pence, _BOUGHT[one.state], aside)


def _paying(actor: Actor, person_id: str, short: Short) -> list[Pays]:
    """Those whose money the reader has a say in. One who pays a part reads their own part; who only chooses who comes reads
    none of it."""
    whole = actor.speaks_as(person_id, "money") or (actor.wears("facilitator") and not actor.acting_for)
    return [one for one in short.pays if whole or actor.speaks_as(one.payer_person_id, "money")]


def _to_pay_in(
    actor: Actor, pays: Sequence[Pays], missing: Missing, ahead: Mapping[date, datetime | None], now: datetime
) -> list[ToPayIn]:
    """What each of these still has to pay in for all that has no money. `ahead`: when that of each week is set aside, where
    that has not been."""
    first, short = missing.visits[0], missing.short
    due = ahead.get(clock.week_of(first.starts_at, clock.zone()))
    by = first.starts_at if first.unpaid_at is not None or due is None else due
    return [
        ToPayIn(one.id, one.called, _is_you(actor, one), short.missing[one.id], max(by, now))
        for one in pays if short.missing.get(one.id)
    ]  # fmt: skip


@telling.tells_what_comes
async def what_comes(actor: Actor, people: Collection[str]) -> dict[str, Coming]:
    """What the next run sets aside for these people, and what is still to be paid in, by payer; up to the end of next week."""
    zone, now = clock.zone(), clock.now()
    monday = clock.week_of(now, zone) + timedelta(days=7)
    start, end = clock.day_bounds(monday, zone, 7)
    runs = await _ahead(monday, now)
    found: dict[str, Coming] = {}
    for person_id, missing in (await unpaid.missing_until(people, end)).items():
        pays, visits = _paying(actor, person_id, missing.short), missing.visits
        for due in _to_pay_in(actor, pays, missing, {monday: runs}, now):
            found[due.payer_id] = Coming(due.words, due.you)
        if runs is None or visits[0].starts_at < start or missing.short.no_mileage:
            continue
        for one in pays:
            if pence := missing.short.needed.get(one.id):
                words = f"{pounds(pence)} is to be set aside for {many(len(visits), 'visit')} next week"
                words = f"On {clock.say_day(runs, zone)} {words}."
                found[one.id] = msgspec.structs.replace(found.get(one.id, Coming()), words=words)
    return found


def _is_you(actor: Actor, one: Pays) -> bool:
    return one.payer_person_id == actor.person_id and not actor.acting_for
