"""Two circles come to one sum for a visit: what each has said, in its order, and who of ours may write it.

The machine of either side alone decides when it is agreed. What is new in it after a step is written down here, and
whoever it waits for is told.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from eccoo_federation import bodies
from eccoo_federation import cover as wire
from eccoo_node.cover.queries import MINE, Mine, Request
from eccoo_node.cover.tables import SumStep
from eccoo_node.db.rows import as_time, fetch, fetch_value, insert, marks
from eccoo_node.disputes import elsewhere
from eccoo_node.disputes import queries as disputes
from eccoo_node.escrow import queries as money
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.telling import tell


class Step(msgspec.Struct, frozen=True):
    kind: str
    by_id: str
    fee_pence: int
    travel_pence: int
    words: str
    at: datetime


async def steps(subject_id: str) -> list[Step]:
    """Everything that was said of one visit, in its order."""
    rows = await fetch(
        "SELECT kind, by_id, fee_pence, travel_pence, words, at FROM sum_step WHERE subject_id = ? ORDER BY id",
        subject_id,
    )
    return [Step(*row) for row in rows]


async def any_of(subject_id: str) -> bool:
    """Whether this was ever in question between the two circles."""
    return await fetch_value("SELECT 1 FROM sum_step WHERE subject_id = ? LIMIT 1", subject_id) is not None


async def in_question(visit_id: str) -> str:
    """The search whose worker's money is or was in question between the two circles; empty where none is."""
    found = await fetch_value(
        "SELECT r.id FROM cover_request r WHERE r.visit_id = ? "
        "AND EXISTS (SELECT 1 FROM sum_step s WHERE s.subject_id = r.id) ORDER BY r.created_at DESC, r.id DESC LIMIT 1",
        visit_id,
    )
    return str(found or "")


async def claimed_at(mine: Mine) -> datetime | None:
    """When our worker's word of the visit was written for the other circle."""
    return as_time(
        await fetch_value(
            "SELECT MIN(written_at) FROM letter_out WHERE link_id = ? AND subject = ? AND type = 'visit.claimed'",
            mine.link_id, mine.ref,
        )
    )  # fmt: skip


# ---------------------------------------------------------------- who may write it


async def thing_here(visit: Visit, request_id: str) -> Thing:
    """A visit here, with everyone who has a part in its money: by what they are to it, or by their own word."""
    thing = await rota.thing_of(visit, payer=True)
    lines = await money.bookings_where("l.reference = ?", visit.line) if visit.line else []
    parties = (await disputes.parties_of_lines(lines)).get(visit.line, frozenset[str]()) if lines else frozenset[str]()
    # Whoever was to come first has no part in what another circle's worker is paid; the rest of the team is named.
    return msgspec.structs.replace(thing, worker_id="", parties=parties | thing.payers | await _aside(request_id))


async def thing_away(mine: Mine) -> Thing:
    """An offer of ours, with the worker, whoever speaks for them, and who said that they have a part in it."""
    rows = await fetch("SELECT speaker_id FROM speaks_for WHERE person_id = ? AND ended_at IS NULL", mine.worker_id)
    parties = {mine.worker_id} | {row[0] for row in rows} | await _aside(mine.id)
    return msgspec.structs.replace(mine.thing, parties=frozenset(parties))


async def _aside(subject_id: str) -> frozenset[str]:
    rows = await fetch("SELECT by_id FROM sum_step WHERE subject_id = ? AND kind = 'aside'", subject_id)
    return frozenset(row[0] for row in rows)


async def step_aside(act: Act, subject_id: str, words: str) -> None:
    """Write down that the actor keeps out of it. Said twice is said once. Raises Invalid without a word of why."""
    if not words.strip():
        raise Invalid("Say in a few words what part you have in this.", "empty", field="interest")
    if not await any_of(subject_id):
        raise Conflict("Nothing is in question here.", "no_dispute")
    if act.actor.person_id not in await _aside(subject_id):
        await _write(subject_id, "aside", 0, 0, act.actor.person_id, words)


# ---------------------------------------------------------------- what is still open


async def unsettled() -> list[str]:
    """Our searches, and our workers' offers, of which the two circles have not come to one sum. One statement."""
    rows = await fetch(
        "SELECT DISTINCT s.subject_id FROM sum_step s WHERE s.kind = 'differs' AND NOT EXISTS "
        "(SELECT 1 FROM sum_step t WHERE t.subject_id = s.subject_id AND t.kind = 'agreed') LIMIT 100"
    )
    return [row[0] for row in rows]


@elsewhere.waits
async def waiting() -> list[tuple[int, str]]:
    """The whole sum of each of them, which waits whole, with the other circle. For the list of what is in question."""
    subjects = await unsettled()
    if not subjects:
        return []
    among = f"IN ({marks(subjects)})"
    here = await fetch(
        "SELECT r.machine, l.name FROM cover_request r JOIN cover_offer o ON o.id = r.chosen_offer "
        f"JOIN link l ON l.id = o.link_id WHERE r.id {among} ORDER BY r.id",
        *subjects,
    )
    away = await fetch(
        f"SELECT m.machine, l.name FROM my_offer m JOIN link l ON l.id = m.link_id WHERE m.id {among} ORDER BY m.id",
        *subjects,
    )
    claims = [(msgspec.json.decode(row[0], type=wire.RequesterState).claim, row[1]) for row in here]
    claims += [(msgspec.json.decode(row[0], type=wire.OffererState).claim, row[1]) for row in away]
    return [(claim.fee_pence + claim.travel_pence, name) for claim, name in claims if claim]


async def open_here(person_id: str, subjects: list[str]) -> list[Visit]:
    """The visits here among them, for a facilitator without a part in them."""
    rows = await fetch(f"SELECT visit_id FROM cover_request WHERE id IN ({marks(subjects)})", *subjects)
    ids = [row[0] for row in rows]
    if not ids:
        return []
    found = await rota.visits(f"v.id IN ({marks(ids)})", *ids)
    lines = [one.line for one in found if one.line]
    with_part = await disputes.parties_of_lines(
        await money.bookings_where(f"l.reference IN ({marks(lines)})", *lines) if lines else []
    )
    left = await fetch(
        "SELECT r.visit_id FROM cover_request r JOIN sum_step s ON s.subject_id = r.id WHERE s.kind = 'aside' "
        f"AND s.by_id = ? AND r.visit_id IN ({marks(ids)})",
        person_id, *ids,
    )  # fmt: skip
    aside = {row[0] for row in left}
    return [one for one in found if one.id not in aside and person_id not in with_part.get(one.line, frozenset())]


async def open_away(person_id: str, subjects: list[str]) -> list[Mine]:
    """The visits among them that our own workers made to someone elsewhere."""
    rows = await fetch(f"{MINE} WHERE m.worker_id <> ? AND m.id IN ({marks(subjects)})", person_id, *subjects)
    found = [Mine(*row) for row in rows]
    if not found:
        return []
    left = await fetch(
        f"SELECT subject_id FROM sum_step WHERE kind = 'aside' AND by_id = ? AND subject_id IN ({marks(found)})",
        person_id, *(one.id for one in found),
    )  # fmt: skip
    aside = {row[0] for row in left}
    return [one for one in found if one.id not in aside]


# ---------------------------------------------------------------- what is new


async def heard_here(act: Act, request: Request, before: wire.RequesterState, after: wire.RequesterState) -> None:
    """What a step of the asking side's machine changed about the sum."""
    if after.dispute is None:
        return
    if before.dispute is None:
        await _write(request.id, "differs", after.dispute.undisputed_fee_pence, 0)
    fresh = await _sums(
        act, request.id, (before.resolution_ours, after.resolution_ours),
        (before.resolution_theirs, after.resolution_theirs), (before.agreed, after.agreed),
    )  # fmt: skip
    visit = await rota.visit(request.visit_id) if fresh else None
    if visit is None:
        return
    path = f"/visits/{visit.id}/between"
    if "agreed" in fresh:
        thing = await rota.thing_of(visit, payer=True)
        await tell({request.person_id, *thing.payers}, visit.id, "sum_settled", about=request.id, path=path)
    elif "theirs" in fresh:
        thing = await thing_here(visit, request.id)
        await tell(await _ringing(thing.parties), visit.id, "sum_written", about=request.id, path=path)


async def heard_away(act: Act, mine: Mine, given: object, before: wire.OffererState, after: wire.OffererState) -> None:
    """What a step of the offering side's machine changed about the sum."""
    alone = isinstance(given, wire.ResolveVisit) and given.alone
    if not (after.disputed or alone):
        return
    path = f"/coming/{mine.id}/between"
    if after.disputed and not before.disputed:
        said = given.body if isinstance(given, wire.Incoming) else None
        sure = said.undisputed_fee_pence if isinstance(said, bodies.VisitDisputed) else 0
        await _write(mine.id, "differs", sure, 0)
        await tell({mine.worker_id}, None, "differs_away", about=mine.id, path=f"/coming/{mine.id}")
        others = await _ringing((await thing_away(mine)).parties)
        await tell(others, None, "differs_ring_away", about=mine.id, path=path)
    fresh = await _sums(
        act, mine.id, (_last(before.proposed), _last(after.proposed)),
        (before.resolution_theirs, after.resolution_theirs), (before.agreed, after.agreed),
    )  # fmt: skip
    if "agreed" in fresh and after.agreed and not after.agreed.fee_pence + after.agreed.travel_pence:
        await tell({mine.worker_id}, None, "let_go_away", about=mine.id, path=f"/coming/{mine.id}")
    elif "theirs" in fresh and "agreed" not in fresh:
        others = await _ringing((await thing_away(mine)).parties)
        await tell(others, None, "sum_written_away", about=mine.id, path=path)


def _last(proposed: tuple[wire.Claimed, ...]) -> wire.Claimed | None:
    return proposed[-1] if proposed else None


async def _ringing(parties: Iterable[str]) -> set[str]:
    return {one.person_id for one in await members.facilitators()} - set(parties)


async def _sums(act: Act, subject_id: str, *pairs: tuple[wire.Claimed | None, wire.Claimed | None]) -> set[str]:
    fresh = set()
    for kind, (before, after) in zip(("ours", "theirs", "agreed"), pairs, strict=True):
        if after is None or after == before:
            continue
        by, words = (act.actor.person_id, act.text) if kind == "ours" else ("", "")
        await _write(subject_id, kind, after.fee_pence, after.travel_pence, by, words)
        fresh.add(kind)
    return fresh


async def _write(subject_id: str, kind: str, fee: int, travel: int, by: str = "", words: str = "") -> None:
    await insert(
        SumStep(
            subject_id=subject_id, kind=kind, by_id=by, fee_pence=fee, travel_pence=travel, words=words.strip(),
            at=clock.now(),
        )
    )  # fmt: skip
