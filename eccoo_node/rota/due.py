"""What is due for a visit of which the person cannot be asked any more: written down by somebody who has no part in it."""

import msgspec

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch_value, insert
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import undoing
from eccoo_node.escrow.entering import concerned
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.record.door import Act, door
from eccoo_node.rota import queries, questions, say
from eccoo_node.rota.actions import set_fields, settle_visit
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.rules import ASKED_AGAIN
from eccoo_node.rota.tables import Said
from eccoo_node.rota.telling import tell

# Somebody has died, and what was said of a visit to them waits for a word that does not come, or its worker has said nothing.
# What is in question is ended there, and what another circle's worker claims by those who ring one another.
_WAITS = """p.standing = 'died' AND v.rate_pence > 0 AND (v.state = 'said' OR (v.state = 'planned' AND v.ends_at <= ?))
 AND NOT (v.cover_circle <> '' AND EXISTS (SELECT 1 FROM said a WHERE a.visit_id = v.id AND a.side = 'person'))
 AND NOT EXISTS (SELECT 1 FROM money_question q WHERE q.visit_id = v.id AND q.state = 'open'
 AND q.stands IN ('apart', 'unpaid'))"""
LISTED = 50


async def waiting(actor: Actor) -> list[Visit]:
    """Visits to people who have died for which somebody has to write down what is due; not those of the reader, nor of
    whom they spoke for about money. A worker has a day to say how it went."""
    before, me = clock.now() - ASKED_AGAIN, actor.person_id
    others = """COALESCE(v.worker_id, '') <> ? AND NOT EXISTS
 (SELECT 1 FROM speaks_for f WHERE f.person_id = v.person_id AND f.speaker_id = ? AND f.scope = 'money')"""
    return await queries.visits(f"{_WAITS} AND {others}", before, me, me, limit=LISTED)


async def thing_of(visit: Visit) -> Thing:
    """The visit with whoever has a part in its money."""
    thing = await queries.thing_of(visit, payer=True)
    around = {visit.person_id, visit.payer_id or "", visit.worker_id or "", thing.payer_id, *thing.payers} - {""}
    parties = await concerned(around)
    return msgspec.structs.replace(thing, parties=parties)


async def may_write(visit: Visit) -> bool:
    """Whether this waits for a word that does not come, and settles by no other way."""
    return bool(await queries.visits(f"v.id = ? AND {_WAITS}", visit.id, clock.now()))


@door("rota.write_due")
async def write_due(act: Act, *, visit_id: str, minutes: int, because: str) -> None:
    """So many minutes of a visit are due: that goes to the worker, and the rest back. 0 is nothing, and all of it goes back.

    Only for a visit to somebody who has died: whoever is in hospital is asked once they can be. Raises Conflict otherwise,
    and Invalid for minutes that cannot be or no reason.
    """
    visit = await queries.lock_visit(visit_id)
    thing = await thing_of(visit)
    act.allow(thing)
    act.because(because)
    if not await may_write(visit):
        raise Conflict("This does not wait for you. Please look at it again.", "visit_changed")
    if not because.strip():
        raise Invalid("Say how you know.", "no_reason", field="because")
    said = await queries.said(visit_id)
    length = clock.minutes_between(visit.starts_at, visit.ends_at)
    as_said = said["worker"].minutes if "worker" in said else length
    # Nobody is paid for longer than they say themselves; who says that they did not go may be told otherwise.
    most = as_said or length
    if type(minutes) is not int or not 0 <= minutes <= most:
        raise Invalid(f"Write a number of minutes from 0 to {most}.", "bad_minutes", field="minutes")
    if visit.cover_circle and minutes != as_said:
        raise Conflict("Their circle settles this with us. Here only what their worker said can be due.", "theirs")
    if not visit.line and minutes not in {0, as_said}:
        raise Conflict("No money is set aside for this visit yet, so only what the worker said can be due.", "no_money")
    await jobs.cancel("rota.ask_worker", visit.id)
    await _write(act, visit, "written", minutes)
    if minutes or visit.cover_circle:
        # Cover listens for the word with which a claim is agreed to.
        await settle_visit(act, visit, minutes, how="said_so" if visit.cover_circle else "written_down")
    else:
        await _nothing(act, visit)
    await tell((thing.payers | {visit.worker_id or ""}) - {""}, visit.id, "due_written", path="/money")


async def _write(act: Act, visit: Visit, answer: str, minutes: int) -> None:
    row = Said(
        visit_id=visit.id, side="due", answer=answer, minutes=minutes, said_by=act.actor.person_id, via=act.actor.via,
        said_at=clock.now(),
    )  # fmt: skip
    await insert(row)


async def _nothing(act: Act, visit: Visit) -> None:
    await jobs.cancel("rota.settle", visit.id)
    await set_fields(visit.id, state="stopped", settles_at=None)
    # Where nothing at all is due, what whoever pays asked about a part of it is answered too.
    if visit.line and not await questions.settle(act, visit, 0):
        await escrow.return_line(NODE, visit.line, f"return:{visit.line}{await undoing.anew(visit.line)}")
        await set_fields(visit.id, line="")
    await act.tell("visit.stopped", "visit", visit.id, by=act.actor.person_id, acting_for="")


# ---------------------------------------------------------------- a slip


class _Written:
    """A visit whose money went as somebody wrote down waits for that again once its entry is undone."""

    path = "/money"

    async def _visit(self, entry_id: int, *, stands: bool = True) -> str:
        """The visit that an entry let the money of go, by what was written down as due; empty for any other, and where
        it is undone by now."""
        undone = "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id)" if stands else ""
        reference = await fetch_value(
            "SELECT l.reference FROM entry e JOIN line l ON l.id = e.line_id WHERE e.id = ? "
            f"AND e.kind IN ('released', 'returned') {undone}",
            entry_id,
        )
        if not reference or not reference.startswith("visit:"):
            return ""
        visit_id = str(reference).removeprefix("visit:")
        written = (await queries.said(visit_id)).get("due")
        return visit_id if written and written.answer == "written" else ""

    async def says(self, entry_id: int) -> str:
        if not (visit_id := await self._visit(entry_id)):
            return ""
        visit = await queries.visit(visit_id)
        return (
            f"It follows from what was written down as due for {say.when(visit)}. That waits again then, and you write down "
            "anew what is due."
        )

    async def refuses(self, entry_id: int) -> str:
        return ""

    async def take(self, entry_id: int) -> bool:
        visit_id = await self._visit(entry_id)
        return bool(visit_id and await queries.lock_visit(visit_id))

    async def open_again(self, act: Act, entry_id: int) -> None:
        visit = await queries.visit(await self._visit(entry_id, stands=False))
        said = await queries.said(visit.id)
        state = "said" if {"worker", "person"} & said.keys() else "planned"
        await set_fields(visit.id, state=state, line=f"visit:{visit.id}", settles_at=None)
        await _write(act, visit, "undone", 0)
        await questions.drop(act, visit)


undoing.source(_Written())
