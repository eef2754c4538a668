"""How often something may be tried. Counted by a key from which nobody can read the name or the address."""

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict

HOUR = timedelta(hours=1)
_LONGEST = timedelta(days=2)

TOO_MANY = "That was tried many times in a short while. Wait a little, or ring us."


async def count(what: str, who: str, most: int, per: timedelta = HOUR) -> None:
    """Count one try. Raises Conflict("too_many") once there were more than `most` in this stretch of time.

    Writes at once, in a transaction of its own: a try that is refused afterwards has been made all the same.
    """
    key, window = await _key(what, who), _window(per)
    async with write():
        rows = await fetch(
            'INSERT INTO attempt ("key", "window", "tries") VALUES (?, ?, 1) '
            'ON CONFLICT ("key", "window") DO UPDATE SET "tries" = attempt."tries" + 1 RETURNING "tries"',
            key,
            window,
        )
    if rows[0][0] > most:
        raise Conflict(TOO_MANY, "too_many")


def network_of(client: str) -> str:
    """A client's address, for counting: an IPv6 household has a whole /64, which counts as one."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


async def _key(what: str, who: str) -> str:
    # Bound to this circle, so that keys of two nodes cannot be compared.
    circle = await fetch_value("SELECT id FROM community WHERE kind = 'circle'") or ""
    return f"{what}:{hashlib.blake2b(who.encode(), key=circle.encode()[:64], digest_size=20).hexdigest()}"


def _window(per: timedelta) -> datetime:
    seconds = int(per.total_seconds())
    return datetime.fromtimestamp(int(clock.now().timestamp()) // seconds * seconds, UTC)


@jobs.job("members.forget_tries", every=timedelta(days=1))
async def forget_tries(payload: dict[str, Any]) -> datetime | None:
    """Old counts, ways in that have run out, and sessions that ended long ago are kept for nothing."""
    now = clock.now()
    async with write():
        await fetch('DELETE FROM attempt WHERE "window" < ?', now - _LONGEST)
        # A session lasts 90 days, and as long it is known who printed the code that opened it.
        await fetch(
            "DELETE FROM sign_in WHERE expires_at < ? AND (kind <> 'printed' OR expires_at < ?)",
            now - timedelta(days=30),
            now - timedelta(days=90),
        )
        await fetch("DELETE FROM session WHERE ends_at < ? OR ended_at < ?", now, now - timedelta(days=90))
    return None
