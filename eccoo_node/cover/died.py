"""When someone has died nobody is sought for them any more, here or in another circle, and nobody goes there."""

from eccoo_federation import cover as wire
from eccoo_node.cover import offering, queries
from eccoo_node.cover.actions import call_off
from eccoo_node.cover.doors import Act, door
from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.members import queries as members
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits


@events.on("person.died")
async def _died(happened: Happened) -> None:
    await let_rest(NODE, person_id=happened.subject_id)


@door("cover.let_rest")
async def let_rest(act: Act, *, person_id: str) -> None:
    """Every search for someone who has died is over, and every visit by somebody who covers is called off.

    Circles that were asked read no more than that. What a worker of theirs has for a visit called off late is what both
    circles agreed. Done again, it finds nothing to do.
    """
    act.allow(Thing("person", person_id, person_id))
    if (await members.person(person_id)).standing != "died":
        return
    open_ = "v.person_id = ? AND (v.state = 'gap' OR (v.state = 'covered' AND v.starts_at > ?))"
    for found in await visits.visits(open_, person_id, clock.now()):
        visit = await visits.lock_visit(found.id)
        request = await queries.request_for(visit.id)
        if request is not None and request.committed and visit.starts_at <= clock.now():
            # Somebody is there: how it went is still to be said.
            continue
        if request is not None and request.live:
            await call_off(act, await queries.lock_request(request.id), "died")
        elif visit.state == "gap":
            await rota.return_money(visit)
            await rota.set_fields(visit.id, state="stopped", line="")
            await act.tell("visit.stopped", "visit", visit.id, by="", acting_for="")
    # What a worker who has died offered or promised to another circle: it asks anew, and is not told why.
    mine = await fetch(
        "SELECT m.id FROM my_offer m JOIN open_request o ON o.id = m.open_request_id WHERE m.worker_id = ? "
        "AND m.state IN ('offered', 'preparing', 'coming') AND o.starts_at > ? ORDER BY m.id",
        person_id,
        clock.now(),
    )
    for row in mine:
        await offering.step(act, await queries.lock_mine(row[0]), wire.Withdraw())
