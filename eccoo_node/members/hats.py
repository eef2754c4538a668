"""What is done about teams and hats: form a team, offer a role, take it by one's own yes, take it off."""

from datetime import datetime

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert_once, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from eccoo_node.members import offers, queries, ways_in, workers
from eccoo_node.members.rules import POWERS, checks_needed, how_said
from eccoo_node.members.tables import CIRCLE_ROLES, HOW_SAID, TEAM_ROLES, Community, HatOffer, HatRow
from eccoo_node.record.door import Act, door


@door("members.start_team")
async def start_team(act: Act, person_id: str) -> str:
    """Form the team around a person, who owns it; the team's id. The same team when it is there already."""
    act.allow(Thing("team", "", person_id))
    card = await queries.person(person_id)
    if card.standing == "died":
        raise Conflict("This person has died.", "has_died")
    row = Community(kind="team", name="", person_id=person_id, created_at=clock.now())
    if not await insert_once(row):
        return await queries.team_of(person_id)
    team_id = str(row.id)
    await put_on(team_id, person_id, "owner", said_via=how_said(act.actor), given_by=person_id)
    act.about(team_id)
    await act.tell("team.started", "team", team_id, person=person_id)
    return team_id


async def put_on(
    community_id: str,
    person_id: str,
    role: str,
    *,
    said_via: str,
    given_by: str,
    known_as: str = "",
    until_at: datetime | None = None,
) -> str:
    """Write a hat; the one already worn stays if there is one. Its id."""
    now = clock.now()
    same = "community_id = ? AND person_id = ? AND role = ? AND ended_at IS NULL"
    lapsed = f"UPDATE hat SET ended_at = until_at WHERE {same} AND until_at <= ?"
    await fetch(lapsed, community_id, person_id, role, now)
    row = HatRow(
        community_id=community_id, person_id=person_id, role=role, known_as=known_as.strip()[:40], said_yes_at=now,
        said_yes_via=said_via, given_by=given_by, from_at=now, until_at=until_at,
    )  # fmt: skip
    if await insert_once(row):
        return str(row.id)
    return str(await fetch_value(f"SELECT id FROM hat WHERE {same}", community_id, person_id, role))


async def _community(community_id: str, role: str) -> Thing:
    """What a hat there is, for permission: its kind and role, and whose team it is. Raises NotFound and Invalid."""
    row = await fetch_one("SELECT kind, person_id FROM community WHERE id = ?", community_id)
    if row is None:
        raise NotFound()
    if role not in (TEAM_ROLES if row[0] == "team" else CIRCLE_ROLES) or role == "owner":
        raise Invalid("Choose what they will be.", "bad_role", field="role")
    return Thing(f"{row[0]}:{role}", "", row[1] or "", community_id)


def _concerning(thing: Thing, hat_id: str, wearer: str) -> Thing:
    return Thing(thing.kind, hat_id, thing.person_id, thing.community_id, wearer)


async def _may_begin(thing: Thing, wearer: str, until_at: datetime | None) -> None:
    """Refuse a hat that cannot begin: for the dead, in the past, or a worker whose papers were not seen."""
    standing = await fetch_value("SELECT standing FROM person WHERE id = ?", wearer)
    if standing is None:
        raise NotFound()
    if standing == "died":
        raise Conflict("This person has died.", "has_died")
    if until_at is not None and until_at <= clock.now():
        raise Invalid("Choose a day that is still to come.", "bad_until", field="until_at")
    if thing.kind == "team:worker":
        card = await workers.worker(wearer)
        kinds = checks_needed(paid=card is None or card.paid)
        if not await workers.checks_hold(wearer, kinds, clock.now()):
            # Which paper is missing is between the worker and the circle.
            raise Conflict("They can’t join a team yet: their papers are not all in date.", "checks_missing")


async def _begin_power(person_id: str, session_id: str = "") -> None:
    """What may lie in other hands ends as a role with power begins: their other sessions, and every open code and link.

    A facilitator may print a code for any member, and may have used it. Where this very session began with one, the role
    waits for another way in; one that an admin printed is as good here as for whoever has such a role already.
    """
    await fetch(f"SELECT id FROM person WHERE id = ?{locking()}", person_id)
    by = await ways_in.handed_by(session_id, person_id)
    if by is not None and not (by and any(hat.role == "admin" for hat in await queries.hats_of(by))):
        told = (
            "You came in with a printed code, and whoever printed it could have used it too. Please sign in by mail, or with "
            "a code that someone who looks after this node prints for you, and say yes then. The asking stays open."
        )
        raise Conflict(told, "handed_over")
    await ways_in.end_all_but(session_id, person_id)


@door("members.offer_hat")
async def offer_hat(
    act: Act, *, community_id: str, person_id: str, role: str, known_as: str = "", until_at: datetime | None = None
) -> str:
    """Offer someone a role, which begins with their own yes; the offer's id. The one that waits stays."""
    thing = await _community(community_id, role)
    act.allow(_concerning(thing, "", person_id))
    await _may_begin(thing, person_id, until_at)
    # One that counts no more stands in nobody's way.
    holds, values = offers.held(clock.now())
    await fetch(
        "UPDATE hat_offer SET outcome = 'taken_back', closed_at = ? WHERE community_id = ? AND person_id = ? AND role = ? "
        "AND closed_at IS NULL AND id NOT IN (SELECT o.id FROM hat_offer o JOIN community c ON c.id = o.community_id "
        f"WHERE {holds})",
        clock.now(), community_id, person_id, role, *values,
    )  # fmt: skip
    row = HatOffer(
        community_id=community_id, person_id=person_id, role=role, known_as=known_as.strip()[:40],
        offered_by=act.actor.person_id, offered_via=how_said(act.actor), offered_at=clock.now(), until_at=until_at,
    )  # fmt: skip
    if not await insert_once(row):
        return str(
            await fetch_value(
                "SELECT id FROM hat_offer WHERE community_id = ? AND person_id = ? AND role = ? AND closed_at IS NULL",
                community_id,
                person_id,
                role,
            )
        )
    act.thing = _concerning(thing, str(row.id), person_id)
    await act.tell("hat.offered", "person", person_id, offer=str(row.id), community=community_id, role=role)
    return str(row.id)


async def _close_offer(offer_id: str, outcome: str) -> None:
    closed = await fetch(
        "UPDATE hat_offer SET outcome = ?, closed_at = ? WHERE id = ? AND closed_at IS NULL RETURNING id",
        outcome,
        clock.now(),
        offer_id,
    )
    if not closed:
        raise Conflict("This one has closed.", "offer_closed")


@door("members.answer_hat")
async def answer_hat(act: Act, offer_id: str, *, yes: bool, session_id: str = "") -> str:
    """Say yes or no to a role; the hat's id, or nothing for a no. A no asks for no reason. Raises Conflict("run_out") for a
    yes to an asking that counts no more.

    A yes to a role with power signs the wearer out everywhere but in this session. Raises Conflict("handed_over") where it
    began with a code of somebody who is no admin.
    """
    row = await fetch_one(
        "SELECT community_id, person_id, role, known_as, offered_by, until_at FROM hat_offer WHERE id = ?", offer_id
    )
    if row is None:
        raise NotFound()
    thing = await _community(row[0], row[2])
    act.allow(_concerning(thing, offer_id, row[1]))
    holds, values = offers.held(clock.now())
    counts = f"SELECT o.id FROM hat_offer o JOIN community c ON c.id = o.community_id WHERE o.id = ? AND {holds}"
    waits = await fetch_value("SELECT id FROM hat_offer WHERE id = ? AND closed_at IS NULL", offer_id)
    if yes and waits and await fetch_value(counts, offer_id, *values) is None:
        raise Conflict(
            "This asking has run out. If you would still do it, say so, and you can be asked anew.", "run_out"
        )
    await _close_offer(offer_id, "accepted" if yes else "declined")
    if not yes:
        await act.tell("hat.declined", "person", row[1], offer=offer_id)
        return ""
    await _may_begin(thing, row[1], row[5])
    if row[2] in POWERS:
        await _begin_power(row[1], session_id)
    hat_id = await put_on(
        row[0], row[1], row[2], said_via=how_said(act.actor), given_by=row[4], known_as=row[3], until_at=row[5]
    )
    await act.tell("hat.given", "person", row[1], hat=hat_id, community=row[0], role=row[2])
    return hat_id


@door("members.take_back_hat")
async def take_back_hat(act: Act, offer_id: str) -> None:
    """Take back an offer that nobody has answered."""
    row = await fetch_one("SELECT community_id, person_id, role FROM hat_offer WHERE id = ?", offer_id)
    if row is None:
        raise NotFound()
    act.allow(_concerning(await _community(row[0], row[2]), offer_id, row[1]))
    await _close_offer(offer_id, "taken_back")


@door("members.give_hat")
async def give_hat(
    act: Act,
    *,
    community_id: str,
    person_id: str,
    role: str,
    wearer_said: str,
    known_as: str = "",
    until_at: datetime | None = None,
) -> str:
    """Both yeses at once: a facilitator writes down that the wearer said yes, and how. The hat's id.

    For a team the actor is the facilitator writing down the yes of the person it is around.
    """
    thing = await _community(community_id, role)
    act.allow(_concerning(thing, "", person_id))
    if wearer_said not in HOW_SAID or wearer_said == "screen":
        raise Invalid("Say how they said yes: by phone, on paper or face to face.", "bad_said", field="wearer_said")
    await _may_begin(thing, person_id, until_at)
    if role in POWERS:
        await _begin_power(person_id)
    hat_id = await put_on(
        community_id, person_id, role, said_via=wearer_said, given_by=act.actor.person_id, known_as=known_as,
        until_at=until_at,
    )  # fmt: skip
    act.thing = _concerning(thing, hat_id, person_id)
    await act.tell("hat.given", "person", person_id, hat=hat_id, community=community_id, role=role)
    return hat_id


@door("members.end_hat")
async def end_hat(act: Act, hat_id: str) -> None:
    """Take a role off, at once and without a reason. Nobody can end the owning of a team, nor the last admin's hat."""
    row = await fetch_one("SELECT community_id, person_id, role FROM hat WHERE id = ? AND ended_at IS NULL", hat_id)
    if row is None:
        raise NotFound()
    kind = await fetch_one("SELECT kind, person_id FROM community WHERE id = ?", row[0])
    if kind is None:
        raise NotFound()
    act.allow(Thing(f"{kind[0]}:{row[2]}", hat_id, kind[1] or "", row[0], row[1]))
    if row[2] == "owner":
        raise Forbidden("A team belongs to the person it is around.")
    if row[2] == "admin":
        # Two admins leaving at once must not both see the other still there.
        await fetch(f"SELECT id FROM community WHERE id = ?{locking()}", row[0])
        now = clock.now()
        others = await fetch_value(
            "SELECT COUNT(*) FROM hat h JOIN person p ON p.id = h.person_id WHERE h.community_id = ? AND h.role = 'admin' "
            "AND h.ended_at IS NULL AND h.id <> ? AND (h.until_at IS NULL OR h.until_at > ?) AND p.standing <> 'died'",
            row[0],
            hat_id,
            now,
        )
        if not others:
            raise Conflict("Somebody has to look after this node. Give the role to someone else first.", "last_admin")
    await fetch(
        "UPDATE hat SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL",
        clock.now(),
        act.actor.person_id,
        hat_id,
    )
    await act.tell("hat.ended", "person", row[1], hat=hat_id, community=row[0], role=row[2])
