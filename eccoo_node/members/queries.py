"""Reads of people, hats, teams and who speaks for whom. Each is a constant number of statements.

They are asked by doors and pages that have already asked `may`; what a page shows of a phone or an email is its own
decision. Nothing here gives back the number of a check.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from eccoo_node.db.rows import fetch, fetch_one, fetch_value, marks
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Hat, Via
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members.cards import (
    FACTS,
    CareCodes,
    Helper,
    MustKnow,
    PayerCard,
    PersonCard,
    SafeWay,
    TeamMember,
    Voice,
    Wish,
)  # fmt: skip
from eccoo_node.members.rules import NOT_FOR_PAID, answers_to, worn

_PERSON = "p.id, p.called, p.outward, p.phone, p.email, p.channel, p.standing, p.face"
_LIVE_HAT = "h.ended_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?)"
_LIVE_VOICE = "f.ended_at IS NULL AND (f.until_at IS NULL OR f.until_at > ?)"
# What the person of a team has said yes to for someone who wears family there, beside `hat h` and `community c`.
FAMILY_YES = (
    "h.role = 'family' AND f.speaker_id = h.person_id AND f.person_id = c.person_id AND "
    f"{_LIVE_VOICE} AND NOT EXISTS (SELECT 1 FROM person d WHERE d.id = f.person_id AND d.standing = 'died')"
)
# A worker nobody has written down as unpaid is paid: the doubt never lets a paid worker ask for cover.
_PAID = "(h.role = 'worker' AND (w.paid IS NULL OR w.paid = TRUE))"


def _words(text: str) -> frozenset[str]:
    return frozenset(msgspec.json.decode(text))


async def circle_id() -> str:
    """The circle of this node. Raises NotFound before the first-run command has made it."""
    found = await fetch_value("SELECT id FROM community WHERE kind = 'circle' ORDER BY created_at, id LIMIT 1")
    if found is None:
        raise NotFound("This node has no circle yet.", "no_circle")
    return str(found)


async def person(person_id: str) -> PersonCard:
    """Raises NotFound."""
    found = await people([person_id])
    if person_id not in found:
        raise NotFound()
    return found[person_id]


async def people(ids: Iterable[str]) -> dict[str, PersonCard]:
    """Those of these people whom the circle knows, by id."""
    wanted = sorted({id_ for id_ in ids if id_})
    if not wanted:
        return {}
    rows = await fetch(f"SELECT {_PERSON} FROM person p WHERE p.id IN ({marks(wanted)})", *wanted)
    return {row[0]: PersonCard(*row) for row in rows}


async def find_people(text: str, *, whole: bool = False, limit: int = 20) -> list[PersonCard]:
    """Living people who answer to what was typed or heard: the beginnings of their names, or digits of their number; or
    only who is named by all of it, for whoever does not keep the list of people.

    Read whole and sifted here, because the two engines do not fold letters beyond ASCII alike.
    """
    rows = await fetch(f"SELECT {_PERSON}, p.full_name FROM person p WHERE p.standing <> 'died'")
    found = [PersonCard(*list(row)[:8]) for row in rows if answers_to(row[1], row[8], row[3], text, whole=whole)]
    return sorted(found, key=lambda p: (p.called.lower(), p.id))[:limit]


async def standing_on(person_id: str) -> date | None:
    """Since when someone is in hospital, or the day of their death."""
    day = await fetch_value("SELECT standing_on FROM person WHERE id = ?", person_id)
    return date.fromisoformat(day) if day else None


async def shares_contact(person_id: str) -> list[PersonCard]:
    """Others who have this person's number or address: what is told there may be heard by them."""
    me = await person(person_id)
    digits = "".join(c for c in me.phone if c.isdigit())[-9:]
    rows = await fetch(
        f"SELECT {_PERSON} FROM person p WHERE p.standing <> 'died' AND p.id <> ? "
        "AND (p.phone <> '' OR (p.email <> '' AND p.email = ?)) ORDER BY lower(p.called), p.id",
        person_id,
        me.email,
    )
    others = [PersonCard(*row) for row in rows]
    return [
        other
        for other in others
        if (me.email and other.email == me.email)
        or (digits and "".join(c for c in other.phone if c.isdigit())[-9:] == digits)
    ]


async def hats_of(person_id: str) -> tuple[Hat, ...]:
    """What someone wears now; of family, only as far as the person's own yes goes."""
    now = clock.now()
    rows = await fetch(
        "SELECT h.role, h.community_id, c.kind, c.person_id, f.scope FROM hat h JOIN community c "
        f"ON c.id = h.community_id LEFT JOIN speaks_for f ON {FAMILY_YES} "
        f"WHERE h.person_id = ? AND {_LIVE_HAT} ORDER BY c.kind, h.from_at, h.id",
        now,
        person_id,
        now,
        now,
    )
    return worn(rows)


async def scopes_of(speaker_id: str, person_id: str) -> frozenset[str]:
    """What this speaker may do for this person now: un-ended, its date not passed, and the person alive."""
    rows = await fetch(
        "SELECT f.scope FROM speaks_for f JOIN person p ON p.id = f.person_id "
        f"WHERE f.speaker_id = ? AND f.person_id = ? AND p.standing <> 'died' AND {_LIVE_VOICE}",
        speaker_id,
        person_id,
        clock.now(),
    )
    return frozenset(row[0] for row in rows)


async def actor_for(person_id: str, via: Via = "screen", acting_for: str = "", known_by: str = "") -> Actor:
    """Someone with their hats, and the scopes of whoever they act for. Someone who has died acts no more."""
    found = await fetch_value("SELECT standing FROM person WHERE id = ?", person_id)
    if found is None or found == "died":
        raise NotFound()
    scopes = await scopes_of(person_id, acting_for) if acting_for else frozenset()
    return Actor(person_id, await hats_of(person_id), via, acting_for, scopes, known_by)


async def team_of(person_id: str) -> str:
    """The team around this person; empty when they have none."""
    return str(await fetch_value("SELECT id FROM community WHERE kind = 'team' AND person_id = ?", person_id) or "")


async def teams_of(person_id: str) -> list[tuple[str, PersonCard]]:
    """The teams someone wears a hat in, each with the person it is around; one's own first."""
    now = clock.now()
    rows = await fetch(
        f"SELECT DISTINCT c.id, {_PERSON} FROM hat h JOIN community c ON c.id = h.community_id "
        f"JOIN person p ON p.id = c.person_id WHERE h.person_id = ? AND c.kind = 'team' AND {_LIVE_HAT}",
        person_id,
        now,
        now,
    )
    found = [(row[0], PersonCard(*list(row)[1:])) for row in rows]
    return sorted(found, key=lambda t: (t[1].id != person_id, t[1].called.lower(), t[0]))


async def team_members(team_id: str) -> list[TeamMember]:
    """Everyone who wears a hat in the team, the person it is around first, then in the order in which they came."""
    now = clock.now()
    rows = await fetch(
        f"SELECT h.person_id, p.called, h.role, h.known_as, CASE WHEN {_PAID} THEN 1 ELSE 0 END, h.id, p.face, "
        "p.standing FROM hat h JOIN person p ON p.id = h.person_id LEFT JOIN worker w ON w.person_id = h.person_id "
        f"WHERE h.community_id = ? AND {_LIVE_HAT} "
        "ORDER BY CASE WHEN h.role = 'owner' THEN 0 ELSE 1 END, h.from_at, h.id",
        team_id,
        now,
        now,
    )
    return [TeamMember(r[0], r[1], r[2], r[3], bool(r[4]), r[5], r[6], r[7]) for r in rows]


async def paid_workers_of(team_id: str) -> frozenset[str]:
    """Who is paid to work in this team: none of them opens a request for cover, whatever other hats they wear."""
    now = clock.now()
    rows = await fetch(
        "SELECT DISTINCT h.person_id FROM hat h LEFT JOIN worker w ON w.person_id = h.person_id "
        f"WHERE h.community_id = ? AND {_PAID} AND {_LIVE_HAT}",
        team_id,
        now,
        now,
    )
    return frozenset(row[0] for row in rows)


async def speakers_for(person_id: str, scope: str) -> frozenset[str]:
    """Who may do this for the person now, by id.

    For asking for cover and choosing who comes, whoever is paid to work in the person's team is left out.
    """
    now = clock.now()
    rows = await fetch(
        "SELECT f.speaker_id FROM speaks_for f JOIN person p ON p.id = f.person_id "
        "JOIN person s ON s.id = f.speaker_id "
        f"WHERE f.person_id = ? AND f.scope = ? AND p.standing <> 'died' AND s.standing <> 'died' AND {_LIVE_VOICE}",
        person_id,
        scope,
        now,
    )
    found = frozenset(row[0] for row in rows)
    if found and scope in NOT_FOR_PAID:
        return found - await paid_workers_of(await team_of(person_id))
    return found


async def voices_for(person_id: str) -> list[Voice]:
    """Everything that others may do for this person now, by speaker in the order in which the yes was said."""
    rows = await fetch(
        "SELECT f.id, f.speaker_id, s.called, f.relation, f.basis, f.scope, f.words, f.said_at, f.said_via, "
        "f.recorded_by, r.called, f.until_at FROM speaks_for f JOIN person p ON p.id = f.person_id "
        "JOIN person s ON s.id = f.speaker_id JOIN person r ON r.id = f.recorded_by "
        f"WHERE f.person_id = ? AND p.standing <> 'died' AND {_LIVE_VOICE} ORDER BY f.said_at, f.speaker_id, f.scope",
        person_id,
        clock.now(),
    )
    return [Voice(*row) for row in rows]


async def spoken_for_by(speaker_id: str) -> list[PersonCard]:
    """The people someone may speak for now, in at least one thing."""
    rows = await fetch(
        f"SELECT DISTINCT {_PERSON} FROM speaks_for f JOIN person p ON p.id = f.person_id "
        f"WHERE f.speaker_id = ? AND p.standing <> 'died' AND {_LIVE_VOICE}",
        speaker_id,
        clock.now(),
    )
    return sorted((PersonCard(*row) for row in rows), key=lambda p: (p.called.lower(), p.id))


async def scopes_by_person(speaker_id: str) -> dict[str, frozenset[str]]:
    """What someone may do now for each person they speak for, less what being paid in that person's team forbids."""
    now = clock.now()
    rows = await fetch(
        "SELECT f.person_id, f.scope, CASE WHEN EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id "
        "LEFT JOIN worker w ON w.person_id = h.person_id WHERE c.kind = 'team' AND c.person_id = f.person_id "
        f"AND h.person_id = f.speaker_id AND {_PAID} AND {_LIVE_HAT}) THEN 1 ELSE 0 END "
        "FROM speaks_for f JOIN person p ON p.id = f.person_id "
        f"WHERE f.speaker_id = ? AND p.standing <> 'died' AND {_LIVE_VOICE}",
        now,
        now,
        speaker_id,
        now,
    )
    found: dict[str, set[str]] = {}
    for person_id, scope, paid in rows:
        found.setdefault(person_id, set()).update({scope} - (NOT_FOR_PAID if paid else frozenset()))
    return {person_id: frozenset(scopes) for person_id, scopes in found.items()}


_FACILITATORS = (
    "SELECT h.person_id, p.called, p.phone FROM hat h JOIN community c ON c.id = h.community_id "
    "JOIN person p ON p.id = h.person_id "
    f"WHERE c.kind = 'circle' AND h.role = 'facilitator' AND p.standing <> 'died' AND {_LIVE_HAT} "
)


async def facilitators() -> list[Helper]:
    """The circle's facilitators, the longest-serving first."""
    now = clock.now()
    return [Helper(*row) for row in await fetch(f"{_FACILITATORS} ORDER BY h.from_at, h.id", now, now)]


async def admins() -> list[Helper]:
    """Who looks after the circle's node, the longest-serving first."""
    return await wearing("admin")


async def wearing(*roles: str) -> list[Helper]:
    """Whoever has one of these roles in the circle, each once, the longest-serving first."""
    now = clock.now()
    sql = f"{_FACILITATORS} ORDER BY h.from_at, h.id".replace("= 'facilitator'", f"IN ({marks(roles)})")
    rows = await fetch(sql, *roles, now, now)
    return list({row[0]: Helper(*row) for row in reversed(rows)}.values())[::-1]


async def treasurers() -> set[str]:
    """Who keeps the circle's books."""
    return {row.person_id for row in await wearing("treasurer")}


async def facilitator_for(person_id: str) -> Helper | None:
    """Whom this person rings: the longest-serving facilitator who is somebody else, has a telephone and is not paid in this
    person's team, so that nobody has to speak of their care to someone who earns by it.

    None where there is no such one; the circle's own number stands in their place.
    """
    now = clock.now()
    row = await fetch_one(
        f"{_FACILITATORS} AND p.phone <> '' AND h.person_id <> ? AND h.person_id NOT IN "
        "(SELECT h.person_id FROM hat h JOIN community c ON c.id = h.community_id "
        "LEFT JOIN worker w ON w.person_id = h.person_id "
        f"WHERE c.kind = 'team' AND c.person_id = ? AND {_PAID} AND {_LIVE_HAT}) ORDER BY h.from_at, h.id LIMIT 1",
        now, now, person_id, person_id, now, now,
    )  # fmt: skip
    return Helper(*row) if row else None


async def standing_wish(person_id: str) -> Wish | None:
    row = await fetch_one(
        "SELECT id, words, ask_first, ask_further, said_at, said_via, recorded_by FROM standing_wish "
        "WHERE person_id = ? AND ended_at IS NULL",
        person_id,
    )
    if row is None:
        return None
    return Wish(row[0], row[1], tuple(msgspec.json.decode(row[2])), bool(row[3]), row[4], row[5], row[6])


async def care_facts(person_id: str) -> CareCodes:
    """The coded facts of someone's support; all absent for someone of whom nothing is written."""
    row = await fetch_one(
        "SELECT two_people, hoist, stairs, pets, smoke, language, gender_wished, skills, safety_review_at "
        "FROM care_facts WHERE person_id = ?",
        person_id,
    )
    if row is None:
        return CareCodes()
    facts = frozenset(name for name, holds in zip(FACTS, list(row)[:5], strict=True) if holds)
    return CareCodes(facts, row[5], row[6], _words(row[7]), row[8])


async def must_know(person_id: str) -> MustKnow:
    """What only one who is coming may read; the caller has made sure of that. Raises NotFound."""
    row = await fetch_one(
        "SELECT p.called, p.full_name, p.address, p.phone, COALESCE(f.way_in, ''), COALESCE(f.must_know, '') "
        "FROM person p LEFT JOIN care_facts f ON f.person_id = p.id WHERE p.id = ?",
        person_id,
    )
    if row is None:
        raise NotFound()
    return MustKnow(*row)


async def payer_for(person_id: str) -> PayerCard | None:
    """Who pays now; None when nobody has been named. The newest holds."""
    return await _payer("y.person_id = ? AND y.ended_at IS NULL", person_id)


async def payer(payer_id: str) -> PayerCard | None:
    return await _payer("y.id = ?", payer_id)


async def _payer(where: str, *params: Any) -> PayerCard | None:
    row = await fetch_one(
        "SELECT y.id, y.person_id, y.payer_person_id, p.called, y.fund FROM payer y "
        f"JOIN person p ON p.id = y.payer_person_id WHERE {where} ORDER BY y.from_at DESC, y.id DESC LIMIT 1",
        *params,
    )
    return PayerCard(*row) if row else None


async def payers_called(payer_ids: Iterable[str]) -> dict[str, str]:
    """What those who pay are called, by payer."""
    wanted = sorted(payer_ids)
    rows = await fetch(
        f"SELECT y.id, p.called FROM payer y JOIN person p ON p.id = y.payer_person_id WHERE y.id IN ({marks(wanted)})",
        *wanted,
    )
    return {row[0]: row[1] for row in rows}


async def safe_contacts(person_id: str) -> dict[str, SafeWay]:
    """What is agreed for each channel of which something was said."""
    rows = await fetch(
        "SELECT channel, safe, leave_message, agreed_words, note FROM safe_contact "
        "WHERE person_id = ? ORDER BY channel",
        person_id,
    )
    return {row[0]: SafeWay(row[0], bool(row[1]), bool(row[2]), row[3], row[4]) for row in rows}


async def face(person_id: str) -> tuple[str, str] | None:
    """Someone's picture as media type and base64, or None."""
    row = await fetch_one("SELECT media_type, data FROM face WHERE person_id = ?", person_id)
    return (row[0], row[1]) if row else None


async def may_show_face(viewer: Actor, person_id: str) -> bool:
    """Whether someone's picture is the reader's to see: of whoever does something for the circle, or is in a team with
    them, or speaks for them or is spoken for by them."""
    now = clock.now()
    return await fetch_value(
        f"SELECT 1 WHERE EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id WHERE c.kind = 'circle' "
        f"AND h.role <> 'member' AND h.person_id = ? AND {_LIVE_HAT}) "
        "OR EXISTS (SELECT 1 FROM hat h JOIN hat o ON o.community_id = h.community_id JOIN community c "
        "ON c.id = h.community_id WHERE c.kind = 'team' AND h.person_id = ? AND o.person_id IN (?, ?) "
        f"AND o.ended_at IS NULL AND {_LIVE_HAT} AND (o.role <> 'family' OR h.person_id = c.person_id "
        f"OR EXISTS (SELECT 1 FROM speaks_for f WHERE f.speaker_id = o.person_id AND f.person_id = c.person_id AND {_LIVE_VOICE}))) "
        f"OR EXISTS (SELECT 1 FROM speaks_for f WHERE {_LIVE_VOICE} AND ((f.speaker_id = ? AND f.person_id = ?) "
        "OR (f.speaker_id = ? AND f.person_id = ?)))",
        person_id, now, now, person_id, viewer.person_id, viewer.acting_for, now, now, now, now,
        viewer.person_id, person_id, person_id, viewer.person_id,
    ) is not None  # fmt: skip
