"""The other circle's key log grows: its new keys are pinned; where it says that it has moved, our admin asks them first.

What only the holder of the 24 words can do (a move, new keys after a loss) is shown to our admin until they have rung.
"""

from typing import Any

from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import Log, LogState, dump_log, parse_log
from eccoo_federation.net_guard import check_base_url
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import held, identity, letters
from eccoo_node.links.actions import load, thing
from eccoo_node.links.alarms import alarm, alarm_once
from eccoo_node.links.arrivals import pin_keys
from eccoo_node.record.door import Act, door


def still_reached(link: Any) -> bool:
    """Whether something may still be sent there: also once a link has ended, where visits are honoured, and closed, where
    somebody may be forgotten years later. Not where another link took its place, or nothing was ever agreed."""
    return link["state"] != "ended" or (link["agreement"] != "" and not link["superseded_by"])


async def heard(link_id: str, to: str) -> None:
    """They say in a signed letter that they live elsewhere now, inside `write()`. Nothing is called there yet."""
    try:
        check_base_url(to, loopback_peers=identity.current().loopback_peers)
    except ProtocolError:
        await alarm_once(link_id, "bad_move", to)
        return
    link = await held.lock_link(link_id)
    if not still_reached(link) or to in (link["base_url"], link["moving_to"]):
        return
    await fetch(
        "UPDATE link SET moving_to = ?, moving_since = ?, moving_agreed_by = '' WHERE id = ?",
        to, clock.now(), link_id,
    )  # fmt: skip
    await alarm_once(link_id, "moved", to)


async def pin(before: Any, log: Log, state: LogState) -> None:
    """Keep their longer log, which was checked against the one in `before`, inside `write()`."""
    await held.lock_wire(before["id"])
    link = await held.lock_link(before["id"])
    # While somebody looked there, another link may have taken this one's place: then its keys are nobody's.
    if link["log"] != before["log"] or not still_reached(link):
        return
    old = parse_log(link["log"].encode())
    await fetch("UPDATE link SET log = ? WHERE id = ?", dump_log(log).decode(), link["id"])
    await pin_keys(link["id"], state)
    if any(entry["op"] == "recover" for entry in log[len(old) :]):
        await alarm(link["id"], "keys_replaced")
    if state.base_url != link["base_url"]:
        await heard(link["id"], state.base_url)
    await fetch("UPDATE link_wire SET next_try_at = NULL WHERE link_id = ?", link["id"])
    await letters.wake(link["id"])


@door("links.follow_move")
async def follow_move(act: Act, link_id: str, to: str) -> None:
    """We rang them, and they have moved there: look at the new address and go on with it, if it is really them.

    `to` is the address that was read on the page. The look itself follows as a job.
    """
    act.allow(thing(link_id))
    link = await load(link_id)
    if not link["moving_to"] or link["moving_to"] != to:
        raise Conflict("They have said something else since. Please read it again.", "move_changed")
    await fetch(
        "UPDATE link SET moving_agreed_by = ? WHERE id = ?", act.actor.person_id or act.actor.via, link_id
    )  # fmt: skip
    await jobs.wake("federation.move", link_id, link=link_id)


@door("links.refuse_move")
async def refuse_move(act: Act, link_id: str) -> None:
    """We rang them, and they know nothing of a move: nothing changes, and a link that stands is paused until somebody has
    looked."""
    act.allow(thing(link_id))
    link = await load(link_id)
    if not link["moving_to"]:
        return
    await fetch(
        "UPDATE link SET moving_to = '', moving_since = NULL, moving_agreed_by = '' WHERE id = ?", link_id
    )  # fmt: skip
    await alarm(link_id, "move_denied", link["moving_to"])
    if link["state"] == "open" and not link["suspended_by_us_at"]:
        await fetch("UPDATE link SET suspended_by_us_at = ? WHERE id = ?", clock.now(), link_id)
        await letters.send(link_id, "link.suspended", "link", {})
    await act.tell("link.move_denied", "link", link_id)


@door("links.moved")
async def moved(act: Act, link_id: str, to: str, log: Log, state: LogState) -> None:
    """It is them at the new address, and our admin had asked: from now on the link is there, with the same node."""
    act.allow(Thing("link", link_id, link_id=link_id))
    await held.lock_wire(link_id)
    link = await load(link_id)
    if (link["moving_to"], state.base_url) != (to, to) or not (link["moving_agreed_by"] and still_reached(link)):
        raise Conflict("They have said something else since. Please read it again.", "move_changed")
    await fetch(
        "UPDATE link SET base_url = ?, moving_to = '', moving_since = NULL, moving_agreed_by = '', our_proposal = '', "
        "their_proposal = '' WHERE id = ?",
        to, link_id,
    )  # fmt: skip
    await fetch(
        "UPDATE link_wire SET trouble = '', failures = 0 WHERE link_id = ?", link_id
    )  # fmt: skip
    await pin(link, log, state)
    await act.tell("link.moved", "link", link_id)


@door("links.heard_alarms")
async def heard_alarms(act: Act, link_id: str, up_to: int) -> None:
    """We have rung them about what went wrong; it is kept below."""
    act.allow(thing(link_id))
    await load(link_id)
    await fetch("UPDATE link SET alarms_heard = ? WHERE id = ? AND alarms_heard < ?", up_to, link_id, up_to)
