"""Who may see whom: what somebody has a say in, person by person, and whose picture is theirs to look at."""

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.members.queries import _LIVE_HAT as LIVE_HAT
from eccoo_node.members.queries import _LIVE_VOICE as LIVE_VOICE
from eccoo_node.members.queries import _PAID as PAID
from eccoo_node.members.rules import NOT_FOR_PAID


async def scopes_by_person(speaker_id: str) -> dict[str, frozenset[str]]:
    """What someone may do now for each person they speak for, less what being paid in that person's team forbids."""
    now = clock.now()
    rows = await fetch(
        "SELECT f.person_id, f.scope, CASE WHEN EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id "  # noqa: S608
        "LEFT JOIN worker w ON w.person_id = h.person_id WHERE c.kind = 'team' AND c.person_id = f.person_id "
        f"AND h.person_id = f.speaker_id AND {PAID} AND {LIVE_HAT}) THEN 1 ELSE 0 END "
        "FROM speaks_for f JOIN person p ON p.id = f.person_id "
        f"WHERE f.speaker_id = ? AND p.standing <> 'died' AND {LIVE_VOICE}",
        now,
        now,
        speaker_id,
        now,
    )
    found: dict[str, set[str]] = {}
    for person_id, scope, paid in rows:
        found.setdefault(person_id, set()).update({scope} - (NOT_FOR_PAID if paid else frozenset()))
    return {person_id: frozenset(scopes) for person_id, scopes in found.items()}


async def may_show_face(viewer: Actor, person_id: str) -> bool:
    """Whether someone's picture is the reader's to see: of whoever does something for the circle, or is in a team with
    them, or speaks for them or is spoken for by them."""
    now = clock.now()
    return await fetch_value(
        f"SELECT 1 WHERE EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id WHERE c.kind = 'circle' "  # noqa: S608
        f"AND h.role <> 'member' AND h.person_id = ? AND {LIVE_HAT}) "
        "OR EXISTS (SELECT 1 FROM hat h JOIN hat o ON o.community_id = h.community_id JOIN community c "
        "ON c.id = h.community_id WHERE c.kind = 'team' AND h.person_id = ? AND o.person_id IN (?, ?) "
        f"AND o.ended_at IS NULL AND {LIVE_HAT}) "
        f"OR EXISTS (SELECT 1 FROM speaks_for f WHERE {LIVE_VOICE} AND ((f.speaker_id = ? AND f.person_id = ?) "
        "OR (f.speaker_id = ? AND f.person_id = ?)))",
        person_id, now, now, person_id, viewer.person_id, viewer.acting_for, now, now, now,
        viewer.person_id, person_id, person_id, viewer.person_id,
    ) is not None  # fmt: skip
