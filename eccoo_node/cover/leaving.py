"""What becomes of cover when a link ends: what is certain is honoured, what was only asked or offered is let go and forgotten.

Where another link stands in for it, or the other circle is gone, no node honours anything any more: what is not settled
by then is for people.
"""

from datetime import datetime, timedelta
from typing import Any

from eccoo_federation import bodies, limits
from eccoo_federation import cover as wire
from eccoo_node.cover import machine, offering, queries, settling
from eccoo_node.cover.doors import Act, door
from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.links.ending import Still, gone_since, still_going
from eccoo_node.record import events
from eccoo_node.record.events import Happened


@still_going
async def visits(link_id: str) -> list[Still]:
    """Visits agreed across this link, either way, and what either keeps because of them. Days, never names."""
    now, zone, found = clock.now(), clock.zone(), []
    anew, gone = await links.superseded_at(link_id), await gone_since(link_id)
    # Of a link whose place another took, also what nobody claimed in time: no claim could come.
    over = "OR (r.ended_reason IN ('unclaimed', 'claimed_late') AND v.ends_at > ?)" if anew else ""
    states = "'preparing', 'coming', 'said'" + (", 'too_late'" if gone else "")
    here = await fetch(
        "SELECT v.starts_at, v.ends_at FROM cover_request r JOIN cover_offer o ON o.id = r.chosen_offer "
        "JOIN visit v ON v.id = r.visit_id WHERE o.link_id = ? AND "
        f"(r.state = 'coming' {over}) ORDER BY v.starts_at",
        link_id, *([anew - limits.CLAIM_WITHIN] if anew else []),
    )  # fmt: skip
    there = await fetch(
        "SELECT o.starts_at, o.ends_at, m.state FROM my_offer m JOIN open_request o ON o.id = m.open_request_id "
        f"WHERE m.link_id = ? AND m.state IN ({states}) ORDER BY o.starts_at",
        link_id,
    )
    for row in [*here, *there]:
        when = clock.say_when(row[0], row[1], zone)
        ours = len(row) == 2
        if gone:
            was = "their worker was to come here" if ours else "our worker was to go there"
            left = f"the visit {'here' if ours else 'there'} is not settled"
            found.append(Still("open", f"{when}: {was if row[1] > now else left}.", row[0]))
            continue
        if row[1] > now:
            said = (
                f"{when}: their worker comes to a visit here." if ours else f"{when}: our worker goes to a visit there."
            )
        else:
            said = f"{when}: the visit {'here' if ours else 'there'} is still to be settled."
        found.append(Still("certain", said, row[0]))
    kept = await fetch(
        "SELECT COUNT(*), MAX(until) FROM (SELECT retain_until AS until FROM my_offer WHERE link_id = ? AND "
        "disclosure <> '' UNION ALL SELECT retain_until AS until FROM disclosure_out WHERE link_id = ?) AS k",
        link_id, link_id,
    )  # fmt: skip
    until = as_time(kept[0][1])
    if kept[0][0] and until is not None:
        found.append(Still("kept", f"What was told for visits is deleted by {clock.say_day(until, zone)}.", until))
    return [*found, *await _only_asked(link_id)]


async def _only_asked(link_id: str) -> list[Still]:
    rows = await fetch(
        "SELECT (SELECT COUNT(*) FROM open_request WHERE link_id = ? AND state = 'open' AND ends_at > ?) AS theirs, "
        "(SELECT COUNT(*) FROM my_offer WHERE link_id = ? AND state = 'offered') AS offered, "
        "(SELECT COUNT(*) FROM cover_offer o JOIN cover_request r ON r.id = o.request_id WHERE o.link_id = ? "
        "AND o.state = 'live' AND r.state IN ('asking', 'wants_payer')) AS live, "
        "(SELECT COUNT(*) FROM asked_circle a JOIN cover_request r ON r.id = a.request_id WHERE a.link_id = ? "
        "AND a.answer = '' AND r.state IN ('asking', 'wants_payer')) AS asked",
        link_id, clock.now(), link_id, link_id, link_id,
    )  # fmt: skip
    theirs, offered, live, asked = (int(count) for count in rows[0])
    said = [
        (theirs, "One visit that they ask us about is closed.", "{} visits that they ask us about are closed."),
        (offered, "One offer of our workers is taken back.", "{} offers of our workers are taken back."),
        (live, "One offer of theirs is deleted.", "{} offers of theirs are deleted."),
        (asked, "For one visit here we ask them no more.", "For {} visits here we ask them no more."),
    ]
    return [Still("stops", one if count == 1 else many.format(count)) for count, one, many in said if count]


@events.on("link.ended")
async def ended(happened: Happened) -> None:
    await leave(NODE, link_id=happened.subject_id)


@events.on("link.superseded")
async def superseded(happened: Happened) -> None:
    await leave_open(NODE, link_id=happened.subject_id)


@events.on("cover.said")
async def said(happened: Happened) -> None:
    """A worker says how it went at a circle that was linked anew since: nobody at the old link hears it."""
    mine = await queries.mine(happened.subject_id)
    if await links.superseded_at(mine.link_id):
        await leave_open(NODE, link_id=mine.link_id)


@jobs.job("cover.leave_open", every=timedelta(days=1))
async def look_for_gone(payload: dict[str, Any]) -> datetime | None:
    """What our workers said to a circle that will never answer waits for it no longer, but for people."""
    rows = await fetch(
        "SELECT DISTINCT m.link_id FROM my_offer m JOIN link l ON l.id = m.link_id WHERE m.state = 'said' "
        "AND l.state = 'ended' AND NOT EXISTS (SELECT 1 FROM sum_step s WHERE s.subject_id = m.id) ORDER BY m.link_id"
    )
    for (link_id,) in rows:
        if await gone_since(link_id):
            await leave_open(NODE, link_id=link_id)
    return None


@door("cover.leave_open")
async def leave_open(act: Act, *, link_id: str) -> None:
    """What our workers said and nobody answered on this link will not be answered on it: those who can settle it are told."""
    act.allow(Thing("link", link_id, link_id=link_id))
    for row in await fetch("SELECT id FROM my_offer WHERE link_id = ? AND state = 'said' ORDER BY id", link_id):
        if await settling.left_to_people(await queries.lock_mine(row[0])):
            await act.tell("cover.left_open", "my_offer", row[0], link=link_id)


@door("cover.leave")
async def leave(act: Act, *, link_id: str) -> None:
    """Let go of what is not certain: offers both ways, and what was asked. Words that nobody needs any more are deleted."""
    act.allow(Thing("link", link_id, link_id=link_id))
    for row in await fetch("SELECT id FROM my_offer WHERE link_id = ? AND state = 'offered' ORDER BY id", link_id):
        await offering.step(act, await queries.lock_mine(row[0]), wire.Withdraw())
    await fetch("UPDATE open_request SET state = 'closed' WHERE link_id = ? AND state = 'open'", link_id)
    live = await fetch(
        "SELECT o.id, o.request_id, a.reference FROM cover_offer o JOIN asked_circle a ON a.request_id = o.request_id "
        "AND a.link_id = o.link_id WHERE o.link_id = ? AND o.state = 'live' ORDER BY o.id",
        link_id,
    )
    for offer_id, request_id, ref in live:
        # As if they had taken it back, which their own node does as well.
        gone = bodies.CoverWithdrawn(request=ref, offer=offer_id, reason="lapsed")
        await machine.step(act, await queries.lock_request(request_id), wire.Incoming(link_id, gone))
        await machine.set_offer(offer_id, "taken_back")
    await fetch("UPDATE asked_circle SET answer = 'ended' WHERE link_id = ? AND answer = ''", link_id)
    await _forget_asked(link_id)


async def _forget_asked(link_id: str) -> None:
    """What they asked and none of ours is going to: of it only that it was asked is kept."""
    rows = await fetch(
        "SELECT o.id, o.reference FROM open_request o WHERE o.link_id = ? AND NOT EXISTS (SELECT 1 FROM my_offer m "
        "WHERE m.open_request_id = o.id AND m.state NOT IN ('taken_back', 'closed'))",
        link_id,
    )
    for open_id, ref in rows:
        for (event,) in await fetch(
            "SELECT event_id FROM letter_in WHERE link_id = ? AND subject = ? AND type = 'cover.requested'",
            link_id,
            ref,
        ):
            await letters.forget(link_id, event)
        if not await fetch("SELECT 1 FROM my_offer WHERE open_request_id = ? LIMIT 1", open_id):
            await fetch("DELETE FROM open_request WHERE id = ?", open_id)
