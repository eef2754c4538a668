"""Letters about statements, and the clock that writes ours."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation.errors import ProtocolError
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.links.letters import Letter
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.settlement import actions, last, limit, queries


@letters.handles("settle.statement", "settle.agreed", "settle.disputed", "settle.paid", "settle.received")
async def hear(actor: Actor, letter: Letter) -> None:
    await actions.hear(actor, letter)


@letters.answers("statements", scopes=("settle.final",))
async def answer(actor: Actor, period: str) -> dict[str, Any]:
    """Our statement of a period, and the answer to theirs, as we sent them: for a node that was restored."""
    rows = await fetch(
        "SELECT type, bytes FROM letter_out WHERE link_id = ? AND subject = ? AND bytes <> '' "
        "AND type IN ('settle.statement', 'settle.agreed', 'settle.disputed') AND state <> 'refused' ORDER BY id LIMIT 20",
        actor.link_id, f"settle.{period}"[:80],
    )  # fmt: skip
    if not rows:
        raise ProtocolError("not_found")
    return letters.sign({"v": 1, "period": period, "events": [msgspec.json.decode(row[1]) for row in rows]})


@events.on("letter.refused")
async def refused(happened: Happened) -> None:
    letter = happened.payload
    if letter["type"] == "settle.statement":
        period = letter["subject"].removeprefix("settle.")
        await actions.not_taken(NODE, happened.subject_id, period, letter["code"])


@events.on("money.circle_paid", "money.paid_circle")
async def paid(happened: Happened) -> None:
    """Our bank has sent or received something: the other circle is told."""
    if await fetch_value("SELECT 1 FROM settle_account WHERE link_id = ?", happened.subject_id):
        await actions.go_on(NODE, happened.subject_id)
    await limit.look(NODE, happened.subject_id)


@events.on("money.owed", "cover.settled")
async def owed(happened: Happened) -> None:
    await limit.look(NODE, happened.payload["link"])


@events.on("link.ended")
async def ended(happened: Happened) -> None:
    if happened.payload.get("superseded_by") or happened.payload.get("anew"):
        # What is owed goes over to the link that takes its place.
        return
    await actions.write_statement(NODE, happened.subject_id)


@jobs.job("settlement.round", every=timedelta(hours=1))
async def state_all(payload: dict[str, Any]) -> datetime | None:
    """Whatever period is over is stated; circles with which nothing is open are passed over.

    On a link whose place another took nothing is sent; what is owed there for a visit settled since stands on a page once, so
    that our treasurers can put it right, or bear it.
    """
    rows = await fetch(
        "SELECT l.id, l.state FROM link l LEFT JOIN settle_account s ON s.link_id = l.id WHERE l.agreement <> '' "
        "AND s.closed_at IS NULL AND EXISTS (SELECT 1 FROM account a WHERE a.holder = l.id AND a.code IN ('1200', '2300')) "
        "ORDER BY l.id"
    )
    for row in rows:
        ended = row[1] == "ended"
        if await actions.unstated(row[0]):
            if not ended or await last.may_say(row[0]):
                await actions.write_statement(NODE, row[0])
        elif ended and await last.through(await links.circle(row[0]), await queries.standing(row[0])):
            await actions.go_on(NODE, row[0])
    return None
