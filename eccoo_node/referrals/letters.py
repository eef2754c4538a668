"""Referrals and areas as they cross: no name in a letter, a name once by a fetch, and the answer back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies
from eccoo_federation.errors import ProtocolError
from eccoo_federation.referrals import Served, check_referred
from eccoo_federation.shapes import read
from eccoo_federation.times import parse_time
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert, insert_once, marks
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.words import plain
from eccoo_node.links import erasing, letters
from eccoo_node.links import queries as links
from eccoo_node.links.alarms import alarm
from eccoo_node.links.erasing import Deleted
from eccoo_node.links.letters import Letter
from eccoo_node.members import queries as members
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened
from eccoo_node.referrals import actions, queries, rules
from eccoo_node.referrals.tables import LinkedArea, ReferralIn
from eccoo_node.rota.telling import tell

AREAS = "areas/served"


@letters.handles("referral.sent", "referral.answered", "referral.withdrawn")
async def hear(actor: Actor, letter: Letter) -> None:
    await take(actor, letter=letter)


@door("referrals.hear")
async def take(act: Act, *, letter: Letter) -> None:
    """Another circle sends somebody, answers about somebody we sent, or takes it back because they did."""
    act.allow(Thing("referral", link_id=letter.link_id))
    await letters.finish(letter.link_id, letter.subject)
    match letter.read:
        case bodies.ReferralSent() as sent:
            await _take_sent(letter.link_id, sent)
        case bodies.ReferralAnswered() as answered:
            asked = await queries.by_reference(letter.link_id, answered.referral)
            if asked is None:
                raise ProtocolError("unknown_subject")
            if asked.state == "sent" and answered.answer == "taken_up":
                await actions.close(asked.id, "taken_up")
            elif asked.state == "sent":
                # It is ours again; whoever asked reads what the other circle said.
                await fetch(
                    "UPDATE enquiry SET state = 'new', answer = ?, body = '', consent = '' WHERE id = ?",
                    answered.answer, asked.id,
                )  # fmt: skip
        case bodies.ReferralWithdrawn() as withdrawn:
            await _delete(letter.link_id, [withdrawn.referral], "taken_back")
        case _:
            raise ProtocolError("bad_body")


async def _take_sent(link_id: str, sent: bodies.ReferralSent) -> None:
    now = clock.now()
    until = min(parse_time(sent.retain_until), now + rules.RETAIN)
    known = await queries.sent("r.link_id = ? AND r.reference = ?", link_id, sent.referral)
    if known is not None:
        return
    if until <= now:
        raise ProtocolError("too_late")
    if sent.area not in await queries.our_areas():
        # Said at once, and nothing about them is fetched.
        body = bodies.ReferralAnswered(referral=sent.referral, answer="not_ours")
        await letters.send(link_id, body.TYPE, sent.referral, body.as_wire())
        await letters.finish(link_id, sent.referral)
        return
    if await queries.count_of(link_id) >= rules.MOST_OF_LINK:
        raise ProtocolError("too_many")
    row = ReferralIn(
        link_id=link_id, reference=sent.referral, area=sent.area, salted_hash=sent.salted_hash, received_at=now,
        retain_until=until,
    )  # fmt: skip
    if await insert_once(row):
        helpers = {one.person_id for one in await members.facilitators()}
        await tell(helpers, None, "enquiry_sent", about=str(row.id), path="/enquiries")
        await letters.pull(link_id, f"referrals/{sent.referral}")


@erasing.deletes
async def delete(link_id: str, subjects: Sequence[str]) -> Deleted:
    return Deleted(await _delete(link_id, subjects, "taken_back"))


async def _delete(link_id: str, subjects: Sequence[str], answer: str) -> bool:
    rows = await fetch(
        f"SELECT id, state FROM referral_in WHERE link_id = ? AND reference IN ({marks(subjects)})", link_id, *subjects
    )
    for row in rows:
        if row["state"] != "closed":
            await actions.close_sent(row["id"], answer)
    return bool(rows)


# ---- the name, fetched once


@letters.answers("referrals")
async def answer_referral(actor: Actor, ref: str) -> dict[str, Any]:
    return await give(actor, ref=ref)


@door("referrals.give")
async def give(act: Act, *, ref: str) -> dict[str, Any]:
    """Name and how to reach them, to the circle they said yes to, and only while that yes stands."""
    asked = await queries.by_reference(act.actor.link_id, ref)
    if asked is None:
        raise ProtocolError("unknown_subject")
    act.allow(Thing("enquiry", asked.id, link_id=asked.link_id))
    now = clock.now()
    if asked.state != "sent" or (asked.fetched_at and now - asked.fetched_at > rules.FETCH_AGAIN):
        raise ProtocolError("gone")
    await fetch("UPDATE enquiry SET fetched_at = COALESCE(fetched_at, ?) WHERE id = ?", now, asked.id)
    body: dict[str, Any] = msgspec.json.decode(asked.body)
    return body


@letters.pulled("referrals")
async def read_referral(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await keep(actor, ref=path.split("/")[1], body=body)


@door("referrals.keep")
async def keep(act: Act, *, ref: str, body: dict[str, Any]) -> None:
    """Keep what was fetched until it is answered; refuse what was not announced."""
    act.allow(Thing("referral", link_id=act.actor.link_id))
    found = await queries.sent("r.link_id = ? AND r.reference = ?", act.actor.link_id, ref)
    if found is None or found.state != "new":
        return
    try:
        told = check_referred(body, found.salted_hash)
    except ProtocolError as refused:
        if refused.code != "event_changed":
            raise
        await alarm(act.actor.link_id, "other_disclosure", ref)
        return
    await fetch(
        "UPDATE referral_in SET state = 'here', name = ?, reach = ?, wish = ?, words = ? WHERE id = ?",
        plain(told.name), plain(told.reach), told.wish, plain(told.words), found.id,
    )  # fmt: skip


# ---- which places each circle serves


@letters.answers("areas")
async def answer_areas(actor: Actor, which: str) -> dict[str, Any]:
    if which != "served":
        raise ProtocolError("not_found")
    areas = await queries.our_areas()
    return letters.sign({"v": 1, "type": "circle.areas", "areas": areas, "at": letters.stamp()})


@letters.pulled("areas")
async def read_areas(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await letters.verify(body, actor.link_id)
    served = read(body, Served)
    await fetch("DELETE FROM linked_area WHERE link_id = ?", actor.link_id)
    for outward in dict.fromkeys(served.areas):
        await insert(LinkedArea(link_id=actor.link_id, outward=outward))


@jobs.job("referrals.areas", every=timedelta(days=1))
async def ask_areas(payload: dict[str, Any]) -> datetime | None:
    """Each linked circle is asked once a day which places it serves."""
    circles = await links.askable("cover.request")
    async with write():
        for circle in circles:
            await letters.pull(circle.id, AREAS)
    return None


@events.on("link.opened")
async def opened(happened: Happened) -> None:
    async with write():
        await letters.pull(happened.subject_id, AREAS)
