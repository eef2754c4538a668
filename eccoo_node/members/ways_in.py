"""What is kept of a way in: never the secret, only what it can be compared with."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from eccoo_node.db.rows import as_time, fetch, marks

# How long a mailed link and its digits work.
MAIL_LASTS = timedelta(minutes=10)


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
