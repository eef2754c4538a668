"""Going on with a circle at its new address, once our admin has asked theirs: is it really them who answer there?"""

from datetime import datetime, timedelta
from typing import Any

from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import extends
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating.handshake import look_up
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Refusal
from eccoo_node.links import alarms, moves, queries

LOOK_AGAIN = timedelta(minutes=5)


@job("federation.move")
async def follow(payload: dict[str, Any]) -> datetime | None:
    """Fetch log and document at the new address. They must be the same node's, continue what we know, and name this
    very address: then the link is there. Else an alarm, and we stay where we were."""
    link_id = payload["link"]
    link = await fetch_one("SELECT * FROM link WHERE id = ? AND moving_agreed_by <> ''", link_id)
    if link is None or not moves.still_reached(link):
        return None
    try:
        log, state, _ = await look_up(link["moving_to"], link["node_id"])
        state = extends(queries.read_log(link["log"]), state)
    except ProtocolError as refused:
        if refused.status >= 500:
            return clock.now() + LOOK_AGAIN
        async with write():
            await alarms.alarm_once(link_id, "not_them", refused.code)
            await fetch("UPDATE link SET moving_agreed_by = '' WHERE id = ?", link_id)
        return None
    try:
        await moves.moved(NODE, link_id, link["moving_to"], log, state)
    except Refusal:
        # They said something else while we looked; the page asks anew.
        return None
    return None
