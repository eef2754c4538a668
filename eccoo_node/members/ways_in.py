"""What is kept of a way in: never the secret, only what it can be compared with."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.kernel import clock

# How long a mailed link and its digits work.
MAIL_LASTS = timedelta(minutes=10)
# Whoever can read or change what is others' signs in again each week.
POWERFUL_LASTS = timedelta(days=7)


def hash_digits(digits: str, salt: str) -> str:
    """Six digits can be tried out by whoever holds the row; the limit on tries and ten minutes guard them."""
    return hmac.new(salt.encode(), digits.encode(), hashlib.sha256).hexdigest()


async def printed_by(people: Iterable[str]) -> dict[str, list[tuple[str, datetime]]]:
    """Who printed a code with which each of these people signed in, and when it was used, while what it opened may last.
    Whoever prints a code holds it, and may have been the one who used it."""
    ids = sorted(set(people))
    if not ids:
        return {}
    rows = await fetch(
        "SELECT person_id, issued_by, used_at FROM sign_in WHERE kind = 'printed' AND issued_by <> '' "
        f"AND used_at IS NOT NULL AND person_id IN ({marks(ids)})",
        *ids,
    )
    found: dict[str, list[tuple[str, datetime]]] = {}
    for person_id, by, at in map(tuple, rows):
        if used_at := as_time(at):
            found.setdefault(person_id, []).append((by, used_at))
    return found


async def handed_by(session_id: str, person_id: str) -> str | None:
    """Who printed the code with which this session of theirs began; None where it began in another way."""
    row = await fetch_one(
        "SELECT (SELECT c.issued_by FROM sign_in c WHERE c.person_id = s.person_id AND c.kind = 'printed' "
        "AND c.used_at <= s.created_at ORDER BY c.used_at DESC LIMIT 1) AS printed_by FROM session s "
        "WHERE s.id = ? AND s.person_id = ? AND s.signed_in_by = 'printed'",
        session_id,
        person_id,
    )
    return (row["printed_by"] or "") if row else None


async def end_all_but(session_id: str, person_id: str) -> None:
    """Sign someone out everywhere else, and let nothing that was printed or mailed for them open any more; here they stay
    signed in for as long as whoever looks after the circle does."""
    now = clock.now()
    await fetch(
        "UPDATE sign_in SET expires_at = ? WHERE person_id = ? AND used_at IS NULL AND expires_at > ?",
        now, person_id, now,
    )  # fmt: skip
    await fetch(
        "UPDATE session SET ended_at = ? WHERE person_id = ? AND id <> ? AND ended_at IS NULL",
        now, person_id, session_id,
    )  # fmt: skip
    until = now + POWERFUL_LASTS
    await fetch(
        "UPDATE session SET ends_at = ? WHERE id = ? AND person_id = ? AND ends_at > ?",
        until,
        session_id,
        person_id,
        until,
    )
