"""What linked circles ask us to delete, what we answer, and their answers to us."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation import bodies
from eccoo_federation.bodies import Body
from eccoo_federation.errors import ProtocolError
from eccoo_federation.times import parse_time, wire_time
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.links import erasing as across
from eccoo_node.links import letters
from eccoo_node.links.erasing import Deleted
from eccoo_node.links.letters import Letter
from eccoo_node.privacy import rules
from eccoo_node.privacy.actions import look_again, wipe_soon
from eccoo_node.record.door import Act, door


@letters.handles("erasure.requested", "erasure.completed", "erasure.partial")
async def hear(actor: Actor, letter: Letter) -> None:
    await take(actor, letter=letter)


@door("privacy.hear")
async def take(act: Act, *, letter: Letter) -> None:
    """Another circle asks us to delete what we know under references of our link, or answers that it did."""
    act.allow(Thing("erasure", link_id=letter.link_id))
    await letters.finish(letter.link_id, letter.subject)
    match letter.read:
        case bodies.ErasureRequested() as asked:
            deleted = await across.delete(letter.link_id, asked.subjects)
            await _answer(letter.link_id, asked.erasure, asked.subjects, deleted)
        case bodies.ErasureCompleted() as done:
            await _answered(letter.link_id, done.erasure, "done", "", None)
        case bodies.ErasurePartial() as partly:
            await _answered(letter.link_id, partly.erasure, "kept", partly.reason, parse_time(partly.keep_until))
        case _:
            raise ProtocolError("bad_body")


async def _answer(link_id: str, erasure: str, subjects: Sequence[str], deleted: Deleted) -> None:
    """Say what became of it. Of what we never knew, nothing is written down."""
    last = deleted.kept[-1] if deleted.kept else None
    before = await fetch_one("SELECT id FROM erasure_in WHERE link_id = ? AND erasure = ?", link_id, erasure)
    if before is None and deleted.found:
        rows = await fetch_value("SELECT COUNT(*) FROM erasure_in WHERE link_id = ?", link_id)
        if rows >= rules.MOST_ROWS and last is not None:
            raise ProtocolError("too_many")
        if rows < rules.MOST_ROWS:
            [before] = await fetch(
                "INSERT INTO erasure_in (link_id, erasure, subjects, state, reason, received_at) "
                "VALUES (?, ?, ?, 'done', '', ?) RETURNING id",
                link_id, erasure, msgspec.json.encode(subjects).decode(), clock.now(),
            )  # fmt: skip
    if before is not None:
        await fetch(
            "UPDATE erasure_in SET state = ?, reason = ?, keep_until = ?, done_at = ? WHERE id = ?",
            "kept" if last else "done", last.reason if last else "", last.until if last else None,
            None if last else clock.now(), before["id"],
        )  # fmt: skip
        if last:
            await jobs.add("privacy.finish", str(before["id"]), run_at=last.until, row=before["id"])
    body: Body = bodies.ErasureCompleted(erasure=erasure, completed_at=wire_time(clock.now()))
    if last:
        body = bodies.ErasurePartial(erasure=erasure, reason=last.reason, keep_until=wire_time(last.until))
    await letters.send(link_id, body.TYPE, erasure, body.as_wire())
    await letters.finish(link_id, erasure)
    if deleted.found:
        await wipe_soon()


async def _answered(link_id: str, erasure: str, state: str, reason: str, until: datetime | None) -> None:
    """Their receipt, kept with its letter. What is done is done: an older answer that comes late changes nothing."""
    row = await fetch_one(
        "SELECT id, forgetting_id, state FROM erasure_out WHERE id = ? AND link_id = ?", erasure, link_id
    )
    if row is None:
        raise ProtocolError("unknown_subject")
    if row["state"] == "done":
        return
    await fetch(
        "UPDATE erasure_out SET state = ?, reason = ?, keep_until = ?, answered_at = ? WHERE id = ?",
        state, reason, until, clock.now(), erasure,
    )  # fmt: skip
    await look_again(row["forgetting_id"])


@door("privacy.finish")
async def finish(act: Act, *, row_id: int) -> None:
    """The day until which something was kept has come: delete it, and say so unasked."""
    act.allow(Thing("erasure", str(row_id)))
    row = await fetch_one("SELECT link_id, erasure, subjects, state FROM erasure_in WHERE id = ?", row_id)
    if row is None or row["state"] == "done":
        return
    subjects = msgspec.json.decode(row["subjects"], type=list[str])
    await _answer(row["link_id"], row["erasure"], subjects, await across.delete(row["link_id"], subjects))


@jobs.job("privacy.finish")
async def _finish_due(payload: dict[str, Any]) -> datetime | None:
    await finish(NODE, row_id=payload["row"])
    return await fetch_value("SELECT keep_until FROM erasure_in WHERE id = ? AND state = 'kept'", payload["row"])
