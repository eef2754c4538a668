"""What visits were, for papers: when, who came to whom, for how long and at what rate."""

from collections.abc import Iterable

import msgspec

from eccoo_node.escrow import telling
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.sharing import Shares
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import percent, pounds, price_pence
from eccoo_node.members import queries as members
from eccoo_node.papers.sheet import sum_of
from eccoo_node.rota import queries as rota


class Went(msgspec.Struct, frozen=True):
    """One visit. `minutes`: how long it was to be; `said`: what either side said it was, newest first. `rate_pence` an hour
    and `way_pence`, for the time on the way, as they were agreed, where this line is the one that was agreed so."""

    words: str
    day: str = ""
    who: str = ""
    whom: str = ""
    minutes: int = 0
    said: tuple[int, ...] = ()
    rate_pence: int = 0
    way_pence: int = 0


async def of_lines(bookings: Iterable[Booking], reader: str) -> dict[int, Went]:
    """The visits that these lines are for, by line, in five statements. `reader`: a worker reads the words that
    they may know of visits in other circles."""
    lines = list(bookings)
    ids = {line.id: line.reference.split(":")[1] for line in lines if line.reference.startswith("visit:")}
    wanted = sorted(set(ids.values()))
    found = {one.id: one for one in await rota.visits_named(wanted)} if wanted else {}
    said = await rota.said_minutes(wanted) if wanted else {}
    names = await members.people({line.worker_id for line in lines} | {line.person_id for line in lines})
    other = [line.reference for line in lines if ids.get(line.id) not in found]
    told = await telling.tell(Actor(person_id=reader), other) if other else {}
    went = {}
    for line in lines:
        whom = names[line.person_id].called if line.person_id in names else ""
        who = names[line.worker_id].called if line.worker_id in names else ""
        visit = found.get(ids.get(line.id, ""))
        if visit is None:
            words = told[line.reference]
            when = clock.say_day(words.at, clock.zone()) if words.at else "a visit"
            went[line.id] = Went(words.words, when, who, whom or words.who)
            continue
        zone = clock.zone()
        ours = visit.line == line.reference and not visit.cover_circle
        went[line.id] = Went(
            clock.say_when(visit.starts_at, visit.ends_at, zone),
            clock.say_day(visit.starts_at, zone),
            visit.cover_name or "someone from another circle" if line.link_id else who,
            whom,
            # What was missing of a visit is no length of it, and one that was called off had none.
            0
            if ":more:" in line.reference or visit.state == "stopped"
            else clock.minutes_between(visit.starts_at, visit.ends_at),
            tuple(said.get(visit.id, ())),
            visit.rate_pence if ours else 0,
            visit.on_the_way_pence if ours else 0,
        )
    return went


def rate_pence(line: Booking, went: Went) -> int:
    """Pence an hour, as it was agreed, or by the fee; 0 where the length of the visit is not known."""
    fee = line.terms.fee_pence
    if went.rate_pence or not went.minutes:
        return went.rate_pence
    near = fee * 60 // went.minutes
    return next((rate for rate in range(near - 1, near + 2) if price_pence(max(rate, 0), went.minutes) == fee), near)


def minutes_paid(line: Booking, went: Went, fee_pence: int) -> int:
    """How long the visit was by what was paid for it; 0 where that says nothing of it."""
    if not went.rate_pence and (not went.minutes or fee_pence == line.terms.fee_pence):
        return went.minutes
    rate = rate_pence(line, went)
    long = (went.minutes, *went.said)
    return next((one for one in long if one and price_pence(rate, one) + went.way_pence == fee_pence), 0)


def reckoned(line: Booking, went: Went, given: Shares, *, back_pence: int, apart_pence: int, worker: bool) -> str:
    """How the sum of one visit came about, in sentences: both read both shares."""
    terms, said = line.terms, []
    rate, minutes = rate_pence(line, went), minutes_paid(line, went, given.fee_pence)
    if given.fee_pence and rate and minutes:
        way = f", and {pounds(went.way_pence)} for the time on the way" if went.way_pence else ""
        said.append(f"{minutes} minutes at {pounds(rate)} an hour{way}: {sum_of(given.fee_pence)}")
    elif given.fee_pence:
        said.append(f"The fee is {sum_of(given.fee_pence)}")
    circles = "the circles" if line.link_id else "the circle"
    if given.fee_pence and not terms.employed:
        you = "You have" if worker else f"{went.who or 'The worker'} has"
        share = f", {circles} {'has' if circles == 'the circle' else 'have'} {sum_of(given.commission_pence)}"
        share = f"{share} ({percent(terms.worker_deduct_bps)})" if terms.worker_deduct_bps else ""
        said.append(f"{you} {sum_of(given.worker_pence)} of it{share}")
        top = f"{sum_of(given.contribution_pence)} ({percent(terms.payer_add_bps)}) for {circles}"
        if terms.payer_add_bps:
            said.append(f"{'Whoever pays adds' if worker else 'You add'} {top}")
    if given.travel_pence:
        said.append(f"Travel and expenses: {sum_of(given.travel_pence)}")
    if back_pence and not worker:
        said.append(f"{sum_of(back_pence)} came back to you")
    if apart_pence:
        said.append(f"{sum_of(apart_pence)} is in question and waits")
    return "".join(f"{sentence}. " for sentence in said).strip()


def header(went: Went, *, worker: bool) -> str:
    """ "Thursday 26 November, 9am to 11am: Wren"."""
    name = went.whom if worker else went.who
    return f"{went.words}: {name}" if name else went.words
