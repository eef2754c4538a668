"""Who can be asked: our own workers whose skills, checks, free time and wishes fit, the person's own team first."""

from datetime import datetime

import msgspec

from eccoo_federation.bodies import CoverRequested
from eccoo_node.cover import queries
from eccoo_node.cover.queries import Open, Request
from eccoo_node.cover.shown import stored
from eccoo_node.cover.tables import CoverOffer
from eccoo_node.db.rows import insert
from eccoo_node.escrow import queries as money
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.money import price_pence
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.members.payers import employed_among
from eccoo_node.members.workers import workers_free
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit


class Candidate(msgspec.Struct, frozen=True):
    """Someone who could be asked for a visit."""

    person_id: str
    called: str
    words: str
    rate_pence: int
    travel_pence: int
    in_team: bool
    face: str = ""


async def _not_busy(ids: list[str], starts_at: datetime, ends_at: datetime) -> set[str]:
    taken = await rota.busy(ids, starts_at, ends_at) | await queries.busy_away(ids, starts_at, ends_at)
    return set(ids) - taken


async def candidates(visit: Visit) -> list[Candidate]:
    """Those of our own who fit this visit and are free, the person's team before the rest of the circle."""
    codes, person = await members.care_facts(visit.person_id), await members.person(visit.person_id)
    team = {m.person_id for m in await members.team_members(visit.team_id)}
    fits = await workers_free(
        visit.starts_at, visit.ends_at, zone=clock.zone(), skills=codes.skills, facts=codes.facts,
        gender_wished=codes.gender_wished, outward=person.outward,
        exclude={visit.worker_id or "", visit.person_id},
    )  # fmt: skip
    free = await _not_busy([f.person_id for f in fits], visit.starts_at, visit.ends_at)
    found = [
        Candidate(f.person_id, f.called, f.words, f.rate_pence, f.travel_pence, f.person_id in team, f.face)
        for f in fits
        if f.person_id in free and f.paid
    ]
    return sorted(found, key=lambda c: (not c.in_team, c.called.casefold()))


async def who_fits(open_request: Open) -> set[str]:
    """Which of our workers a request from another circle fits."""
    asked = stored(open_request.body, CoverRequested)
    facts = {name for name in ("two_people", "hoist", "stairs", "smoke") if getattr(asked.needs, name)}
    facts |= {"pets"} if asked.needs.pets else set()
    fits = await workers_free(
        open_request.starts_at, open_request.ends_at, zone=clock.zone(), skills=asked.skills, facts=facts,
        gender_wished="" if asked.needs.gender == "any" else asked.needs.gender, outward=asked.area,
    )  # fmt: skip
    paid = [f.person_id for f in fits if f.paid]
    return await _not_busy(paid, open_request.starts_at, open_request.ends_at)


async def offer_from_home(request: Request, visit: Visit, worker_id: str) -> None:
    card = await workers.worker(worker_id)
    if card is None:
        raise Conflict("They do not give support any more.", "not_a_worker")
    schedule, employed = await money.schedule_now(), worker_id in await employed_among([worker_id])
    fee = price_pence(card.rate_pence, clock.minutes_between(visit.starts_at, visit.ends_at))
    seen = [
        {"kind": c.kind, "seen_on": c.seen_at.date().isoformat()}
        for c in await workers.checks_of(worker_id, clock.now())
    ]
    await insert(
        CoverOffer(
            request_id=request.id, worker_id=worker_id, first_name=card.called, words=card.words,
            languages=card.languages, rate_pence=card.rate_pence, fee_pence=fee, travel_pence=card.travel_pence,
            attested=msgspec.json.encode(seen).decode(), worker_deduct_bps=0 if employed else schedule.worker_deduct_bps,
            payer_add_bps=0 if employed else schedule.payer_add_bps, hold_until=visit.starts_at, received_at=clock.now(),
        )
    )  # fmt: skip
