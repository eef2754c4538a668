"""Being introduced to a circle through one that both know: what is shown, the asking, its way through the middle, the answer.

The one in the middle keeps which asking went where, and none of its words. The invitation that comes back works for the
asking node alone.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies, invites, limits
from eccoo_federation.bodies_introduce import Asking, read_asking
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState
from eccoo_federation.proofs import verify_object
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.kernel.circle import circle
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.words import plain, plain_line
from eccoo_node.links import actions, identity, letters, queries, showing
from eccoo_node.links.letters import Letter
from eccoo_node.links.tables import Introduction, Invite
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened

ANSWER_WITHIN = timedelta(days=14)
# Which asking went where is known so long, so that nobody asks the same again and again.
REMEMBERED = timedelta(days=30)
# Askings of one circle that wait at one moment, and in all that one link brings in a month.
WAITING, A_MONTH = 3, 10
WHY = 300
# Of a name nothing is left but signs that nobody sees.
UNNAMED = "A circle without a name"


@access.rule("links.tidy_introductions", "links.lapse_introduction")
def _by_itself(actor: Actor, thing: Thing) -> bool:
    return actor.is_node()


# asking


@door("links.ask_introduction")
async def ask(act: Act, link_id: str, *, reference: str, why: str) -> str:
    """Ask to be introduced to one circle of those that were shown to us; the id of our row."""
    act.allow(Thing("link", link_id, link_id=link_id))
    await showing.requires_scope(link_id)
    heard = await fetch_one("SELECT * FROM heard_circle WHERE link_id = ? AND reference = ?", link_id, reference)
    if heard is None:
        raise Invalid("Please choose a circle.", "no_circle", field="circle")
    if not why.strip():
        raise Invalid("Please say in a few words why.", "no_why", field="why")
    if len(why) > WHY:
        raise Invalid(f"Please keep it under {WHY} letters.", "too_long", field="why")
    waiting = await fetch(
        "SELECT reference FROM introduction WHERE role = 'ours' AND link_id = ? AND state = 'waiting'", link_id
    )
    if len(waiting) >= WAITING or any(row[0] == reference for row in waiting):
        raise Conflict("They are being asked already. Please wait for the answer.", "asked_already")
    us, now, number = identity.current(), clock.now(), new_id()
    asking = Asking(
        introduction=number, node_id=us.node_id, via=(await queries.circle(link_id)).node_id, name=us.name[:120],
        place=circle().place[:120], phone=us.phone[:40], why=why.strip(), asked_at=letters.stamp(),
    )  # fmt: skip
    body = {"introduction": number, "circle": reference, "asking": letters.sign(asking.as_wire())}
    letter = await _send(link_id, "introduce.asked", body)
    row = Introduction(
        id=new_id(), role="ours", number=number, link_id=link_id, reference=reference, name=heard["name"],
        place=heard["place"], letter_id=letter, at=now, keep_until=now + ANSWER_WITHIN + timedelta(days=1),
    )  # fmt: skip
    await insert(row)
    return str(row.id)


async def _send(link_id: str, type_: str, body: dict[str, Any]) -> str:
    """There is no state of it to compare, so nothing of it is followed."""
    letter = await letters.send(link_id, type_, body["introduction"], body)
    await letters.finish(link_id, body["introduction"])
    return letter


@letters.handles("introduce.asked", "introduce.passed", "introduce.answered")
async def hear(actor: Actor, letter: Letter) -> None:
    await _take(actor, letter=letter)


@door("links.hear_introduction")
async def _take(act: Act, *, letter: Letter) -> None:
    act.allow(Thing("link", letter.link_id, link_id=letter.link_id))
    # What is needed of its words is kept elsewhere, for as long as it is needed.
    await letters.forget(letter.link_id, letter.id)
    await letters.finish(letter.link_id, letter.subject)
    match letter.read:
        case bodies.IntroduceAsked() as body:
            await _pass_on(letter.link_id, body)
        case bodies.IntroducePassed() as body:
            await _keep(act, letter.link_id, body)
        case bodies.IntroduceAnswered() as body:
            await _answered(act, letter.link_id, body)


async def _refuse_flood(role: str, link_id: str, number: str) -> None:
    rows = await fetch(
        "SELECT number, state FROM introduction WHERE role = ? AND link_id = ? AND at > ?",
        role, link_id, clock.now() - REMEMBERED,
    )  # fmt: skip
    if any(row["number"] == number for row in rows):
        raise ProtocolError("wrong_state")
    if len(rows) >= A_MONTH or sum(row["state"] == "waiting" for row in rows) >= WAITING:
        raise ProtocolError("too_many")


async def _pass_on(link_id: str, body: bodies.IntroduceAsked) -> None:
    """In the middle: both have agreed to this, so it goes on by itself, word for word."""
    asking, them = read_asking(body.asking), await queries.circle(link_id)
    said = (asking.introduction, asking.node_id, asking.via)
    if said != (body.introduction, them.node_id, identity.current().node_id):
        raise ProtocolError("bad_body")
    await letters.verify(body.asking, link_id)
    await _refuse_flood("middle", link_id, body.introduction)
    found = (await showing.shown_to(link_id)).get(body.circle)
    if found is None:
        raise ProtocolError("unknown_subject")
    onward, now = found[0], clock.now()
    again = await fetch_value(
        "SELECT 1 FROM introduction WHERE role = 'middle' AND link_id = ? AND onward = ? AND at > ?",
        link_id, onward, now - REMEMBERED,
    )  # fmt: skip
    if again:
        raise ProtocolError("too_many")
    letter = await _send(onward, "introduce.passed", {"introduction": body.introduction, "asking": body.asking})
    await insert(
        Introduction(
            id=new_id(), role="middle", number=body.introduction, link_id=link_id, onward=onward, letter_id=letter, at=now,
            keep_until=now + REMEMBERED,
        )
    )  # fmt: skip


async def _keep(act: Act, link_id: str, body: bodies.IntroducePassed) -> None:
    """At the circle that is asked. Whether its words are the asking circle's own is seen when that circle comes."""
    asking = read_asking(body.asking)
    us = identity.current().node_id
    if asking.introduction != body.introduction or asking.via != (await queries.circle(link_id)).node_id:
        raise ProtocolError("bad_body")
    if asking.node_id == us or not (await showing.link(link_id))["shown_there"]:
        # We have not agreed to be heard of through them.
        raise ProtocolError("scope_denied")
    await _refuse_flood("asked", link_id, body.introduction)
    now = clock.now()
    await insert(
        Introduction(
            id=new_id(), role="asked", number=body.introduction, link_id=link_id, reference=asking.node_id,
            name=plain_line(asking.name) or UNNAMED, place=plain_line(asking.place), phone=plain_line(asking.phone),
            why=plain(asking.why),
            asking=msgspec.json.encode(body.asking).decode(), at=now, keep_until=now + ANSWER_WITHIN,
        )
    )  # fmt: skip
    await act.tell("introduction.asked", "link", link_id)


@door("links.answer_introduction")
async def answer(act: Act, introduction_id: str, *, yes: bool) -> None:
    """Yes makes an invitation for that one node, which travels back the way the asking came; a no says no more than that."""
    row = await fetch_one("SELECT * FROM introduction WHERE id = ? AND role = 'asked'", introduction_id)
    if row is None:
        raise NotFound("This asking is over.", "no_introduction")
    act.allow(Thing("link", row["link_id"], link_id=row["link_id"]))
    if row["state"] != "waiting":
        return
    if await queries.may_cross(row["link_id"], "out", showing.SCOPE) is not None:
        raise Conflict("The circle that passed this on can’t be reached now. Please try later.", "link_closed")
    now = clock.now()
    body = {"introduction": row["number"], "answer": "yes" if yes else "no"}
    if yes:
        us = identity.current()
        made = invites.make_invite(us.base_url, us.node_id, now, life=limits.INTRODUCED_LIFE)
        await insert(
            Invite(
                id=row["id"], token_hash=invites.token_hash(made.token), made_by=act.actor.person_id, made_at=now,
                expires_at=datetime.fromisoformat(made.expires_at), for_node=row["reference"],
            )
        )  # fmt: skip
        body["invite"] = invites.write_invite(made)
    letter = await _send(row["link_id"], "introduce.answered", body)
    # After a yes the words are kept until the node has come: then it is seen whether they were its own.
    keep = ", why = '', phone = '', asking = ''" if not yes else ""
    await fetch(
        f"UPDATE introduction SET state = ?, answered_at = ?, letter_id = ?, keep_until = ?{keep} WHERE id = ?",
        body["answer"], now, letter, now + limits.INTRODUCED_LIFE, row["id"],
    )  # fmt: skip


async def _answered(act: Act, link_id: str, body: bodies.IntroduceAnswered) -> None:
    """Back in the middle it is handed on; where it was asked it is kept for the admin."""
    now = clock.now()
    middle = await fetch_one(
        "UPDATE introduction SET state = ?, answered_at = ? WHERE role = 'middle' AND onward = ? AND number = ? "
        "AND state = 'waiting' RETURNING id, link_id, letter_id",
        body.answer, now, link_id, body.introduction,
    )  # fmt: skip
    if middle is not None:
        await letters.forget(link_id, middle["letter_id"])
        letter = await _send(middle["link_id"], "introduce.answered", body.as_wire())
        await fetch("UPDATE introduction SET letter_id = ? WHERE id = ?", letter, middle["id"])
        return
    if body.invite:
        invites.read_invite(body.invite, now)
    ours = await fetch_one(
        "UPDATE introduction SET state = ?, answered_at = ?, invite = ?, keep_until = ? WHERE role = 'ours' "
        "AND link_id = ? AND number = ? AND state = 'waiting' RETURNING id, letter_id",
        body.answer, now, body.invite, now + limits.INTRODUCED_LIFE, link_id, body.introduction,
    )  # fmt: skip
    if ours is None:
        raise ProtocolError("unknown_subject")
    await letters.forget(link_id, ours["letter_id"])
    await act.tell(f"introduction.{body.answer}", "link", link_id)


async def take_up(actor: Actor, introduction_id: str) -> str:
    """Use the invitation that came back; the new link's id. Raises Conflict or Invalid as any invitation does."""
    row = await fetch_one("SELECT * FROM introduction WHERE id = ? AND role = 'ours'", introduction_id)
    if row is None or not row["invite"]:
        raise NotFound("This invitation is over.", "no_introduction")
    link_id = await actions.accept_invite(actor, row["invite"])
    async with write():
        await fetch("UPDATE introduction SET state = 'over', invite = '' WHERE id = ?", introduction_id)
    return str(link_id)


async def has_come(invite_id: str, state: LogState) -> None:
    """A node has come with an invitation. Where it was made for one that was introduced, the words that its admin read
    must be that node's own. Raises ``bad_invite``."""
    row = await fetch_one("SELECT asking FROM introduction WHERE id = ? AND role = 'asked'", invite_id)
    if row is None:
        return
    try:
        verify_object(msgspec.json.decode(row["asking"]), state.resolve_object, by=state.node_id)
    except ProtocolError:
        raise ProtocolError("bad_invite", "What was said in this circle’s name was not signed by it.") from None
    await fetch(
        "UPDATE introduction SET state = 'over', why = '', phone = '', asking = '', keep_until = ? WHERE id = ?",
        clock.now(), invite_id,
    )  # fmt: skip


# what is over


@events.on("letter.refused")
async def refused(happened: Happened) -> None:
    """One of our letters about an introduction was not taken: that is a no."""
    if happened.payload["type"] in ("introduce.asked", "introduce.passed"):
        await over(NODE, link_id=happened.subject_id, number=happened.payload["subject"])


@events.on("link.ended")
async def ended(happened: Happened) -> None:
    async with write():
        await fetch("DELETE FROM heard_circle WHERE link_id = ?", happened.subject_id)
        await fetch("UPDATE link SET shown_here = FALSE, we_show = FALSE WHERE id = ?", happened.subject_id)
    await over(NODE, link_id=happened.subject_id)


@door("links.tidy_introductions")
async def over(act: Act, *, link_id: str, number: str = "") -> None:
    """What waited on this link gets no answer any more; whoever still waits behind us hears a no."""
    act.allow(Thing("link", link_id, link_id=link_id))
    rows = await fetch(
        "SELECT id, role, link_id, onward, number FROM introduction WHERE state = 'waiting' AND (number = ? OR ? = '') "
        "AND ((role <> 'middle' AND link_id = ?) OR (role = 'middle' AND ? IN (onward, link_id)))",
        number, number, link_id, link_id,
    )  # fmt: skip
    for row in rows:
        await _is_over(act, row, link_id)


async def _is_over(act: Act, row: Any, gone: str = "") -> None:
    if row["link_id"] != gone and row["role"] != "ours":
        body = {"introduction": row["number"], "answer": "no"}
        await _send(row["link_id"], "introduce.answered", body)
    state = "no" if row["role"] == "ours" else "over"
    await fetch(
        "UPDATE introduction SET state = ?, answered_at = ?, why = '', phone = '', asking = '' WHERE id = ?",
        state, clock.now(), row["id"],
    )  # fmt: skip
    if row["role"] == "ours":
        await act.tell("introduction.no", "link", row["link_id"])


@job("links.introductions", every=timedelta(hours=6))
async def tidy(payload: dict[str, Any]) -> datetime | None:
    """Askings that nobody answered end; what was answered and taken is forgotten, word by word, then row by row."""
    now = clock.now()
    for row in await fetch("SELECT * FROM introduction WHERE keep_until <= ? AND state = 'waiting'", now):
        await _let_lapse(NODE, row=row)
    async with write():
        for row in await fetch(
            "SELECT link_id, letter_id FROM introduction WHERE letter_id <> '' AND state <> 'waiting'"
        ):
            # Ours is deleted once it was taken; until then it is still to be said.
            await letters.forget_if_taken(row["link_id"], row["letter_id"])
        await fetch("UPDATE introduction SET invite = '', why = '', phone = '', asking = '' WHERE keep_until <= ?", now)
        await fetch("DELETE FROM introduction WHERE state <> 'waiting' AND at < ?", now - REMEMBERED)
        await fetch("DELETE FROM heard_circle WHERE heard_at < ?", now - REMEMBERED)
    return None


@door("links.lapse_introduction")
async def _let_lapse(act: Act, *, row: Any) -> None:
    act.allow(Thing("link", row["link_id"], link_id=row["link_id"]))
    await _is_over(act, row)


# for the pages


class Heard(msgspec.Struct, frozen=True):
    reference: str
    name: str
    place: str
    heard_at: datetime


class Shown(msgspec.Struct, frozen=True):
    """One asking as its admin sees it. `by`: the circle in the middle."""

    id: str
    name: str
    place: str
    phone: str
    why: str
    state: str
    at: datetime
    by: str
    invited: bool


async def heard(link_id: str) -> list[Heard]:
    """Whom this circle has shown to us, by name; nobody while nothing can be asked of it."""
    if link_id not in await queries.crossing("out", showing.SCOPE):
        return []
    rows = await fetch(
        "SELECT reference, name, place, heard_at FROM heard_circle WHERE link_id = ? ORDER BY name, id", link_id
    )
    return [Heard(*row) for row in rows]


async def listed() -> tuple[list[Shown], list[Shown]]:
    """Those who ask for us and wait for an answer, so far as their link allows it now; those for whom we asked, newest first."""
    rows = await fetch(
        "SELECT i.role, i.id, i.link_id, i.name, i.place, i.phone, i.why, i.state, i.at, l.name AS middle, i.invite FROM introduction i "
        "JOIN link l ON l.id = i.link_id WHERE i.role = 'ours' OR (i.role = 'asked' AND i.state = 'waiting') "
        "ORDER BY i.at DESC, i.id LIMIT 100"
    )
    found: dict[str, list[Shown]] = {"asked": [], "ours": []}
    crossing = await queries.crossing("in", showing.SCOPE) if rows else frozenset()
    for row in rows:
        if row["role"] == "asked" and row["link_id"] not in crossing:
            continue
        shown = Shown(
            id=row["id"], name=row["name"], place=row["place"], phone=row["phone"], why=row["why"], state=row["state"],
            at=row["at"], by=row["middle"], invited=bool(row["invite"]),
        )  # fmt: skip
        found[row["role"]].append(shown)
    return found["asked"], found["ours"]
