"""The doors of those who ask from outside: asking, saying yes to being put in touch, taking it back, answering."""

import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies, jcs
from eccoo_federation.referrals import Referred, referred_hash
from eccoo_federation.times import wire_time
from eccoo_node.db import bound, jobs
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.links import letters
from eccoo_node.members import limits
from eccoo_node.members import queries as members
from eccoo_node.record.door import Act, door
from eccoo_node.referrals import queries, rules
from eccoo_node.referrals.tables import Enquiry, ServedArea
from eccoo_node.rota.telling import tell

NOT_NOW = "We can’t pass this on just now. We will get in touch with you ourselves."
_EMPTY = "name = '', reach = '', outward = '', words = '', consent = '', body = ''"


async def ask(*, name: str, reach: str, outward: str, wish: str, words: str = "", client: str = "") -> str:
    """Someone outside asks us; the secret that is the address of their own page.

    Raises Invalid for what is no postcode, Conflict("too_many") for a flood.
    """
    await limits.count("enquiry.client", limits.network_of(client), rules.ASKS_BY_CLIENT)
    if await queries.count_open() >= rules.MOST_OPEN:
        raise Conflict("Many people are asking us just now. Please ring us.", "too_many")
    area = rules.outward_of(outward)
    if not area:
        raise Invalid("Write the first half of your postcode, such as HX7.", "bad_area", field="outward")
    return await _ask(Actor(), (name.strip(), reach.strip(), area, wish, words.strip()))


@door("referrals.ask")
async def _ask(act: Act, said: tuple[str, str, str, str, str]) -> str:
    act.allow(Thing("enquiry"))
    name, reach, area, wish, words = said
    if not name or not reach:
        raise Invalid("Please fill this in.", "empty", field="reach" if name else "name")
    token, now = secrets.token_urlsafe(24), clock.now()
    row = Enquiry(
        token_hash=hash_secret(token), name=name, reach=reach, outward=area, wish=wish, words=words, asked_at=now,
        keep_until=now + rules.KEEP,
    )  # fmt: skip
    await insert(row)
    act.about(str(row.id))
    await tell(
        {one.person_id for one in await members.facilitators()}, None, "enquiry", about=str(row.id), path="/enquiries"
    )
    await act.tell("enquiry.asked", "enquiry", str(row.id))
    return token


def consent_words(circle: str) -> str:
    return (
        f"You may give {circle} my name, how to reach me, where I live as far as the first half of my postcode, and what I "
        "wrote. They delete it once they have answered, after 30 days at the latest."
    )


@door("referrals.own")
async def say_yes(act: Act, *, token: str, link_id: str) -> None:
    """Their yes to being put in touch with the circle of their place. What crosses now has no name in it.

    Raises Conflict when it was passed on before, or can't be.
    """
    asked = await queries.by_token(token)
    act.allow(Thing("enquiry", asked.id))
    circle = next((one for one in await queries.circles_of(asked.outward) if one.id == link_id), None)
    if asked.state != "new" or asked.reference or circle is None:
        raise Conflict(NOT_NOW, "not_now")
    now = clock.now()
    retain = now + rules.RETAIN
    reference = await letters.reference(link_id, asked.id, "referral")
    told = Referred(
        referral=reference, salt=secrets.token_urlsafe(32), name=asked.name, reach=asked.reach, wish=asked.wish,  # type: ignore[arg-type]
        words=asked.words, retain_until=wire_time(retain),
    )  # fmt: skip
    consent = {"tag": "circle-consent-1", "salt": secrets.token_urlsafe(32), "text": consent_words(circle.name)}
    await fetch(
        "UPDATE enquiry SET state = 'sent', link_id = ?, reference = ?, consent = ?, consented_at = ?, body = ?, "
        "keep_until = ? WHERE id = ?",
        link_id, reference, msgspec.json.encode(consent).decode(), now, msgspec.json.encode(told.as_wire()).decode(),
        retain, asked.id,
    )  # fmt: skip
    body = bodies.ReferralSent(
        referral=reference, area=asked.outward, consent_hash=jcs.digest(consent), salted_hash=referred_hash(told),
        retain_until=told.retain_until,
    )  # fmt: skip
    await _send(link_id, body, reference)
    await act.tell("enquiry.sent", "enquiry", asked.id, link=link_id)


async def _send(link_id: str, body: Any, reference: str) -> None:
    await letters.send(link_id, body.TYPE, reference, body.as_wire())
    await letters.finish(link_id, reference)


@door("referrals.take_back")
async def take_back(act: Act, *, token: str) -> None:
    """Whoever asked takes it all back: deleted here at once, and where it was passed on to."""
    asked = await queries.by_token(token)
    act.allow(Thing("enquiry", asked.id))
    if asked.state == "closed":
        return
    if asked.reference:
        await letters.forget_subjects(asked.link_id, [asked.reference])
        if asked.state == "sent":
            await _send(asked.link_id, bodies.ReferralWithdrawn(referral=asked.reference), asked.reference)
    await close(asked.id, "taken_back")


async def close(enquiry_id: str, answer: str) -> None:
    """Nothing of what they wrote is kept; how it ended is. Inside `write()`."""
    await fetch(f"UPDATE enquiry SET {_EMPTY}, state = 'closed', answer = ? WHERE id = ?", answer, enquiry_id)


async def close_sent(referral_id: str, answer: str) -> None:
    await fetch(
        "UPDATE referral_in SET state = 'closed', answer = ?, name = '', reach = '', words = '' WHERE id = ?",
        answer, referral_id,
    )  # fmt: skip


@door("referrals.close")
async def close_ours(act: Act, *, enquiry_id: str) -> None:
    """A facilitator has been in touch: what was written is deleted."""
    asked = await queries.by_id(enquiry_id)
    act.allow(Thing("enquiry", asked.id))
    if asked.state != "new":
        raise Conflict("This was passed on. The other circle answers.", "passed_on")
    await close(asked.id, "ours")


@door("referrals.answer")
async def answer(act: Act, *, referral_id: str, word: str) -> None:
    """What became of somebody whom another circle sent: it goes back, and what we know of them is deleted."""
    found = await queries.sent("r.id = ?", referral_id)
    if found is None:
        raise NotFound()
    act.allow(Thing("referral", found.id))
    if found.state == "closed":
        return
    if word not in ("taken_up", "could_not_reach", "not_ours"):
        raise Invalid("Choose what became of it.", "bad_answer", field="answer")
    await _send(found.link_id, bodies.ReferralAnswered(referral=found.reference, answer=word), found.reference)  # type: ignore[arg-type]
    await close_sent(found.id, word)


@door("referrals.set_areas")
async def set_areas(act: Act, *, text: str) -> int:
    """The outward postcodes that this circle serves; how many. Linked circles read them within a day."""
    act.allow(Thing("areas"))
    good, bad = rules.read_areas(text)
    if bad:
        raise Invalid(f"{bad[0]} is not the first half of a postcode, such as HX7.", "bad_area", field="areas")
    if len(good) > rules.MOST_AREAS:
        raise Invalid("Please write no more than 200.", "too_many", field="areas")
    await fetch("DELETE FROM served_area WHERE TRUE")
    for place, outward in enumerate(good):
        await insert(ServedArea(outward=outward, place=place))
    return len(good)


@jobs.job("referrals.retention", every=timedelta(hours=1))
async def let_go(payload: dict[str, Any]) -> datetime | None:
    """What a stranger wrote goes when its time is over, here and where we were told of it."""
    now = clock.now()
    async with write():
        for row in await fetch("SELECT id FROM enquiry WHERE state <> 'closed' AND keep_until <= ?", now):
            await close(row[0], "lapsed")
        for row in await fetch("SELECT id FROM referral_in WHERE state <> 'closed' AND retain_until <= ?", now):
            await close_sent(row[0], "lapsed")
        await fetch("DELETE FROM enquiry WHERE state = 'closed' AND keep_until <= ?", now - rules.KEEP)
        await fetch("DELETE FROM referral_in WHERE state = 'closed' AND retain_until <= ?", now - rules.KEEP)
    await bound.engine().wipe()
    return None
