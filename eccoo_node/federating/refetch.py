"""Learning of the other circle's new keys: its key log is fetched again from the pinned address, rarely, and only on
a ground that a stranger cannot give.

Grounds are its own signed letter, an answer to a call of ours signed by a key we do not know, and a letter within a
verified request whose proof names one. A request from a key that nobody knows causes nothing at all.
"""

from datetime import datetime
from typing import Any

from eccoo_federation import jcs, limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState, extends, parse_log, verify_document, verify_log
from eccoo_node.db import jobs
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating import wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.links import alarms, moves, queries
from eccoo_node.links.letters import Letter, handles
from eccoo_node.links.rules import caps_of


async def ask(link_id: str) -> None:
    """Fetch the log soon, inside `write()`; not before ten minutes after the last time."""
    row = await fetch_one("SELECT refetched_at FROM link_wire WHERE link_id = ?", link_id)
    if row is None:
        return
    last, now = as_time(row["refetched_at"]), clock.now()
    await jobs.add(
        "federation.refetch", link_id, run_at=max(now, last + limits.REFETCH_EVERY) if last else now, link=link_id
    )


async def on_unknown_key(link_id: str, refused: ProtocolError) -> None:
    """After a call of ours that was answered with a key we do not know."""
    if refused.code == "unknown_key" and wire.OF_ANSWER in refused.detail:
        async with write():
            await ask(link_id)


@handles("identity.updated")
async def _updated(actor: Actor, letter: Letter) -> None:
    """They say that their log has grown, or that it lies elsewhere now. There we look only when our admin has asked."""
    if letter.body["head"] not in (await queries.pinned(letter.link_id)).digests:
        await ask(letter.link_id)
    to = letter.body.get("base_url")
    if to is not None:
        await moves.heard(letter.link_id, to)


@job("federation.refetch")
async def refetch(payload: dict[str, Any]) -> datetime | None:
    """Fetch the key log and pin it, if it continues the one we have. Else an alarm, and what is pinned stays."""
    link_id, now = payload["link"], clock.now()
    link = await fetch_one("SELECT * FROM link WHERE id = ? AND log <> ''", link_id)
    if link is None or not moves.still_reached(link):
        return None
    async with write():
        await fetch("UPDATE link_wire SET refetched_at = ? WHERE link_id = ?", now, link_id)
    try:
        log = parse_log(await wire.get_unsigned(f"{link['base_url']}/.well-known/circle-node/log"))
        state = extends(queries.read_log(link["log"]), verify_log(log))
        caps = await _caps(link, state, now)
    except ProtocolError as error:
        if error.status < 500:
            async with write():
                # The address answers with something that is not their log: somebody else, or a log cut short.
                await alarms.alarm_once(link_id, "log_forked", error.code)
        return now + limits.REFETCH_EVERY if error.status >= 500 else None
    async with write():
        await moves.pin(link, log, state)
        await fetch("UPDATE link SET caps = ? WHERE id = ?", caps, link_id)
    return None


async def _caps(link: Any, state: LogState, now: datetime) -> str:
    """What they can do now: a newer version may have learnt something. What was known where their document does not say."""
    try:
        raw = await wire.get_unsigned(f"{link['base_url']}/.well-known/circle-node")
        return caps_of(verify_document(jcs.parse(raw), state, now))
    except ProtocolError:
        return str(link["caps"])
