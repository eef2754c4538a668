"""Who is signed in: the one read that every page makes."""

from datetime import timedelta

from eccoo_node.db.rows import as_time, fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.members.cards import SessionActor, SessionRow
from eccoo_node.members.rules import worn

# A facilitator who forgets that they write for a caller stops doing so by themselves.
WRITING_LASTS = timedelta(hours=1)
# Signed in, but away this long: the device is somebody else's by now.
IDLE = timedelta(days=30)

_SESSION = """SELECT s.id, s.person_id, p.called, p.large_print, p.easy_read, p.face, s.acting_for, s.acting_via,
 s.known_by, s.acting_since, s.seen_at, a.called, a.standing, h.role, h.community_id, c.kind, c.person_id, y.scope, f.scope,
 f.relation
FROM session s JOIN person p ON p.id = s.person_id
LEFT JOIN person a ON a.id = s.acting_for
LEFT JOIN hat h ON h.person_id = s.person_id AND h.ended_at IS NULL AND h.from_at <= ?
 AND (h.until_at IS NULL OR h.until_at > ?)
LEFT JOIN community c ON c.id = h.community_id
LEFT JOIN speaks_for y ON h.role = 'family' AND y.speaker_id = s.person_id AND y.person_id = c.person_id
 AND y.ended_at IS NULL AND (y.until_at IS NULL OR y.until_at > ?)
 AND NOT EXISTS (SELECT 1 FROM person d WHERE d.id = y.person_id AND d.standing = 'died')
LEFT JOIN speaks_for f ON f.speaker_id = s.person_id AND f.person_id = s.acting_for AND f.ended_at IS NULL
 AND (f.until_at IS NULL OR f.until_at > ?)
WHERE s.token_hash = ? AND s.ended_at IS NULL AND s.ends_at > ? AND s.seen_at > ? AND p.standing <> 'died'
ORDER BY c.kind, h.from_at, h.id"""


async def session_actor(token_hash: str) -> SessionActor | None:
    """Who is signed in with this token, in one statement; None when nobody is.

    Speaking for someone ends by itself, on the next page, when the last thing they said yes to has ended, when they
    have died, or when a facilitator who writes down has left it for an hour.
    """
    now = clock.now()
    rows = await fetch(_SESSION, now, now, now, now, token_hash, now, now - IDLE)
    if not rows:
        return None
    first = rows[0]
    hats = worn([list(r)[13:18] for r in rows])
    scopes = frozenset(r[18] for r in rows if r[18])
    me = Actor(first[1], hats)
    actor = me
    if first[6] and first[12] not in {None, "died"}:
        since = as_time(first[9])
        if first[7] == "screen" and scopes:
            actor = Actor(first[1], hats, "screen", first[6], scopes)
        elif first[7] in {"phone", "paper"} and since and since > now - WRITING_LASTS and me.wears("facilitator"):
            actor = Actor(first[1], hats, first[7], first[6], scopes, first[8])
    for_whom, relation = ("", "")
    if actor.acting_for:
        for_whom, relation = first[11], first[19] or ""
    return SessionActor(
        first[0], actor, first[2], for_whom, relation, first[10], bool(first[3]), bool(first[4]), first[5]
    )


async def sessions_of(person_id: str) -> list[SessionRow]:
    """Where someone is signed in now, the latest used first."""
    now = clock.now()
    rows = await fetch(
        "SELECT id, device, created_at, seen_at FROM session WHERE person_id = ? AND ended_at IS NULL AND ends_at > ? "
        "AND seen_at > ? ORDER BY seen_at DESC, id",
        person_id,
        now,
        now - IDLE,
    )
    return [SessionRow(*row) for row in rows]
