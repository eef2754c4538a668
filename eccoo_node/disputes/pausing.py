"""The doors of the safeguarding lead: a named sum waits until a day, behind words that say nothing of anybody."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.disputes import queries
from eccoo_node.escrow import pausing
from eccoo_node.escrow import queries as books
from eccoo_node.escrow.pausing import Paused
from eccoo_node.escrow.queries import Booking
from eccoo_node.escrow.tables import Pause
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.money import pounds
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.rota import queries as visits
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.rules import local
from eccoo_node.rota.telling import tell

LONGEST = timedelta(days=28)
REMINDED = timedelta(days=2)
LOOKED_AT = timedelta(days=60)


async def leads() -> set[str]:
    now = clock.now()
    rows = await fetch(
        "SELECT h.person_id FROM hat h JOIN community c ON c.id = h.community_id WHERE c.kind = 'circle' "
        "AND h.role = 'safeguarding' AND h.ended_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?)",
        now, now,
    )  # fmt: skip
    return {row[0] for row in rows}


def _until(day: date) -> datetime:
    """6pm of that day, at most four weeks away. Raises Invalid."""
    at = local(day, time(18), clock.zone())
    if not clock.now() < at <= clock.now() + LONGEST:
        raise Invalid("Choose a day within the next four weeks.", "bad_day", field="until")
    return at


async def _visit_of(reference: str) -> Visit:
    return await visits.visit(reference.split(":")[1])


async def _thing(found: Booking) -> Thing:
    """Without the person as the one it is about: so nobody who speaks for them learns from the record that it was read."""
    people = (await queries.parties_of_lines([found]))[found.reference]
    return Thing("pause", found.reference, found.person_id, worker_id=found.worker_id, parties=people)


def _unnamed(act: Act) -> None:
    """Keep the person out of the record's own column for whom an act was about: what it was about stays named."""
    if act.thing:
        act.thing = msgspec.structs.replace(act.thing, person_id="")


async def _both(found: Booking, news: str) -> None:
    """Both sides read the same words, and nothing else."""
    visit = await _visit_of(found.reference)
    people = ({found.person_id, found.worker_id} | await queries.payers_of_line(found.reference)) - {""}
    await tell(people, visit.id, news, path=f"/visits/{visit.id}/money")


@door("safeguarding.pause")
async def pause(act: Act, *, line: str, amount_pence: int, until: date, spoke_up: bool, worker_yes: str = "") -> str:
    """So much of what this line gives its worker is not paid out before that day; the pause's id.

    `spoke_up`: the worker is the one who told us, and then only with their own yes, written down as it was said. Raises
    Conflict("gone") for what has been paid out already.
    """
    found = await books.booking(line, lock=True)
    act.allow(await _thing(found))
    _unnamed(act)
    if found.origin != "held" or found.link_id or not line.startswith("visit:"):
        raise Conflict("This money is paid by another circle. Please ring its safeguarding lead.", "not_ours")
    until_at = _until(until)
    if spoke_up and not worker_yes.strip():
        raise Invalid(
            "It is the pay of whoever told us. It waits only with their own yes: write down how they said it.",
            "no_yes", field="worker_yes",
        )  # fmt: skip
    if type(amount_pence) is not int or amount_pence <= 0:
        raise Invalid("Write a sum above £0.", "bad_amount", field="amount")
    most = await _most(found)
    if not most:
        raise Conflict("Nothing of this is left to wait: it has been paid out.", "gone")
    if amount_pence > most:
        raise Invalid(f"Write a sum up to {pounds(most)}.", "bad_amount", field="amount")
    if await pausing.standing(line):
        raise Conflict("Part of this waits already.", "paused")
    await fetch("UPDATE pause SET ended_at = ? WHERE line_id = ? AND ended_at IS NULL", clock.now(), found.id)
    row = Pause(
        line_id=found.id, worker_id=found.worker_id, amount_pence=amount_pence, worker_yes=worker_yes.strip(),
        set_by=act.actor.person_id, from_at=clock.now(), until_at=until_at,
    )  # fmt: skip
    await insert(row)
    act.because(worker_yes)
    await _look_again(str(row.id), until_at)
    await _both(found, "money_waits")
    await act.tell("money.paused", "line", line, amount_pence=amount_pence)
    return str(row.id)


async def _look_again(pause_id: str, until_at: datetime) -> None:
    for kind, at in (("safeguarding.remind", until_at - REMINDED), ("safeguarding.over", until_at)):
        await jobs.cancel(kind, pause_id)
        await jobs.add(kind, pause_id, run_at=max(at, clock.now()), pause=pause_id)


async def _standing(pause_id: str) -> tuple[Booking, datetime, datetime | None]:
    row = await fetch_one(
        "SELECT l.reference, s.until_at, s.ended_at FROM pause s JOIN line l ON l.id = s.line_id WHERE s.id = ?",
        pause_id,
    )
    if row is None:
        raise NotFound("There is no such sum.", "no_pause")
    found = await books.booking(row[0], lock=True)
    row = await fetch_one("SELECT until_at, ended_at FROM pause WHERE id = ?", pause_id)
    return found, row[0], row[1]  # type: ignore[index]


@door("safeguarding.renew")
async def renew(act: Act, *, pause_id: str, until: date) -> None:
    """It waits longer, until another day. Both sides read the new day."""
    found, old, ended = await _standing(pause_id)
    act.allow(await _thing(found))
    _unnamed(act)
    if ended or old <= clock.now():
        raise Conflict("This does not wait any more.", "over")
    until_at = _until(until)
    await fetch("UPDATE pause SET until_at = ? WHERE id = ?", until_at, pause_id)
    await _look_again(pause_id, until_at)
    await _both(found, "money_waits")


@door("safeguarding.end")
async def end(act: Act, *, pause_id: str) -> None:
    """It goes on, at any time. Said twice is said once."""
    found, _, ended = await _standing(pause_id)
    act.allow(await _thing(found))
    _unnamed(act)
    if not ended:
        await _end(found, pause_id, act.actor.person_id)


async def _end(found: Booking, pause_id: str, by: str) -> None:
    await fetch("UPDATE pause SET ended_at = ?, ended_by = ? WHERE id = ?", clock.now(), by, pause_id)
    for kind in ("safeguarding.remind", "safeguarding.over"):
        await jobs.cancel(kind, pause_id)
    await _both(found, "money_goes_on")


@door("safeguarding.over")
async def over(act: Act, *, pause_id: str) -> datetime | None:
    """The day has come and nobody renewed it: it ends by itself."""
    found, until_at, ended = await _standing(pause_id)
    act.allow(Thing("pause", found.reference))
    if ended:
        return None
    if until_at > clock.now():
        if until_at - REMINDED <= clock.now():
            visit = await _visit_of(found.reference)
            await tell(await leads(), visit.id, "pause_ends", path="/money/waits")
        return until_at
    await _end(found, pause_id, "")
    return None


@jobs.job("safeguarding.over")
async def _over(payload: dict[str, str]) -> datetime | None:
    return await over(NODE, pause_id=payload["pause"])


@jobs.job("safeguarding.remind")
async def _remind(payload: dict[str, str]) -> datetime | None:
    await over(NODE, pause_id=payload["pause"])
    return None


class Could(msgspec.Struct, frozen=True):
    """A line of which something may wait: what it has given its worker and not sent, or may still give."""

    reference: str
    amount_pence: int
    visit: Visit


@door("safeguarding.look")
async def look(act: Act, *, name: str) -> list[Could]:
    """The visits of the last two months that somebody of this name made or had, the newest first, as far as their money
    can still wait. Reading it is an act; nobody is named in it, so that it never stands among what somebody who speaks
    for them reads of who looked."""
    act.allow(Thing("pause"))
    wanted = {card.id for card in await members.find_people(name)} - {act.actor.person_id} if name.strip() else set()
    found = [
        visit
        for visit in await visits.visits(
            "v.line <> '' AND v.cover_circle = '' AND v.starts_at > ? AND v.starts_at <= ?",
            clock.now() - LOOKED_AT,
            clock.now(),
            limit=2000,
        )
        if wanted & {visit.person_id, visit.worker_id} and act.actor.person_id not in {visit.person_id, visit.worker_id}
    ][-20:]
    lines = await books.bookings(*[visit.line for visit in found])
    people = await queries.parties_of_lines(list(lines.values()))
    could = []
    for visit in reversed(found):
        if act.actor.person_id in people[visit.line]:
            continue
        amount = await _most(lines[visit.line])
        if amount:
            could.append(Could(visit.line, amount, visit))
    return could


async def _most(found: Booking) -> int:
    most = pausing.could_give_pence(found)
    if found.held_pence or found.disputed_pence:
        return most
    return min(most, (await pausing.left_by_line([found.worker_id])).get(found.reference, 0))


async def waiting(actor: Actor) -> list[tuple[Paused, Visit]]:
    """Every sum that waits now, with its visit. For the lead alone."""
    access.requires(actor, "safeguarding.look", Thing("pause"))
    found = await pausing.standing()
    by_id = {visit.id: visit for visit in await visits.visits_named([_id(one.reference) for one in found])}
    return [(one, by_id[_id(one.reference)]) for one in found if _id(one.reference) in by_id]


def _id(reference: str) -> str:
    return reference.split(":")[1]


async def of_line(references: Sequence[str]) -> dict[str, Paused]:
    """What waits of these lines. The caller has made sure that the reader has to do with their money."""
    return {one.reference: one for one in await pausing.standing(*references)} if references else {}
