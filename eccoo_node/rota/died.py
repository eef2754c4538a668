"""What becomes of someone's week when they have died: nothing more is planned, and nobody goes there any more.

Also of a worker who has died, whose visits need somebody else; and of what is open when someone is home again.
"""

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.members import deaths
from eccoo_node.members import queries as members
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened
from eccoo_node.rota import patterns, queries
from eccoo_node.rota.actions import set_fields, wait_for_answer
from eccoo_node.rota.telling import team_around, tell

_UNANSWERED = "v.state = 'said' AND v.settles_at IS NULL AND NOT EXISTS " + (
    "(SELECT 1 FROM said a WHERE a.visit_id = v.id AND a.side = 'person')"
)


@events.on("person.died")
async def _died(happened: Happened) -> None:
    await let_rest(NODE, person_id=happened.subject_id)


@events.on("person.death_told")
async def _is_it_so(happened: Happened) -> None:
    """Somebody with power in the circle is said to have died: the others who have some are asked, and not the person."""
    async with write():
        to = await deaths.others(happened.payload["by"], happened.subject_id)
        await tell(to, None, "death_told", about=happened.subject_id, path=f"/phone/{happened.subject_id}/standing")


@door("rota.let_rest")
async def let_rest(act: Act, *, person_id: str) -> None:
    """Someone has died: every week that was planned for them or by them ends today, and what has not begun is called off.

    All that was set aside for it goes back, however late it is: the person did not call it off. Who comes to them, and
    who keeps their week, is told once. Visits by a worker who has died become gaps. Done again, it finds nothing to do.
    A gap for which somebody is sought, and a visit that is covered, are cover's to call off.
    """
    act.allow(Thing("person", person_id, person_id))
    if await fetch_value("SELECT standing FROM person WHERE id = ?", person_id) != "died":
        return
    rows = await fetch(
        "SELECT id FROM pattern WHERE (person_id = ? OR worker_id = ?) AND ended_at IS NULL ORDER BY id",
        person_id,
        person_id,
    )
    for row in rows:
        await patterns.end_from(await patterns.lock(row[0]), clock.today())
    now, ended = clock.now(), bool(rows)
    around: set[str] = set()
    for visit in await queries.visits("v.person_id = ? AND v.state = 'planned' AND v.starts_at > ?", person_id, now):
        locked = await queries.lock_visit(visit.id)
        if locked.state != "planned":
            continue
        if locked.line:
            await escrow.return_line(NODE, locked.line, f"return:{locked.line}")
        await set_fields(locked.id, state="stopped", line="")
        around |= {locked.worker_id or ""}
        ended = True
        await act.tell("visit.stopped", "visit", locked.id, by="", acting_for="")
    if ended and (team := await members.team_of(person_id)):
        around |= await team_around(person_id, team)
    await tell(around - {person_id, ""}, None, "died", about=person_id, path="/week")
    await _needs_another(act, person_id)


async def _needs_another(act: Act, worker_id: str) -> None:
    """The visits that this worker would have made need somebody else, and each team sees it at once."""
    for visit in await queries.visits(
        "v.worker_id = ? AND v.state = 'planned' AND v.starts_at > ?", worker_id, clock.now()
    ):
        locked = await queries.lock_visit(visit.id)
        if locked.state != "planned":
            continue
        await set_fields(locked.id, state="gap")
        await jobs.add("rota.gap_over", locked.id, run_at=locked.ends_at, visit=locked.id)
        await tell(await team_around(locked.person_id, locked.team_id), locked.id, "gap")
        await act.tell("visit.gap", "visit", locked.id, cannot_be_missed=locked.cannot_be_missed)


@events.on("person.here")
async def _home_again(happened: Happened) -> None:
    await ask_again(NODE, person_id=happened.subject_id)


@door("rota.ask_again")
async def ask_again(act: Act, *, person_id: str) -> None:
    """Someone is home again: they are asked anew how the visits went that nobody answered, with the whole time for it."""
    act.allow(Thing("person", person_id, person_id))
    if (await members.person(person_id)).standing != "here":
        return
    for visit in await queries.visits(f"v.person_id = ? AND {_UNANSWERED}", person_id):
        await jobs.cancel("rota.settle", visit.id)
        speakers = await members.speakers_for(person_id, "say_visit_went")
        await tell({person_id, *speakers}, visit.id, "how_did_it_go")
        await wait_for_answer(visit)
