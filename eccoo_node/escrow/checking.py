"""The books check themselves every night. Where they do not hold, nothing is paid out until they do."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec

from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken

_AT = time(3, 30)


class Checked(msgspec.Struct, frozen=True):
    """The last time the books were added up. `broken`: the first thing that does not hold, or nothing."""

    at: datetime
    broken: str
    entries: int


async def check() -> Checked:
    """Add the books up and keep what came of it. A node that finds a break says so from now on, until one finds none."""
    try:
        counts, broken = await verify(), ""
    except Broken as found:
        counts, broken = {}, str(found)
    now = clock.now()
    async with write():
        await fetch(
            "INSERT INTO books_check (at, broken, entries) VALUES (?, ?, ?)", now, broken, counts.get("entries", 0)
        )
    return Checked(now, broken, counts.get("entries", 0))


async def last_check() -> Checked | None:
    row = await fetch_one("SELECT at, broken, entries FROM books_check ORDER BY id DESC LIMIT 1")
    return Checked(as_time(row[0]) or clock.now(), row[1], row[2]) if row else None


async def books_break() -> str:
    """Why nothing may be paid out now: the first break that the last check found; empty where the books held."""
    last = await last_check()
    return last.broken if last else ""


def next_night(after: datetime) -> datetime:
    """The next half past three of the circle's own clock."""
    zone = clock.zone()
    day = after.astimezone(zone).date()
    at = datetime.combine(day, _AT, tzinfo=zone).astimezone(UTC)
    return at if at > after else datetime.combine(day + timedelta(days=1), _AT, tzinfo=zone).astimezone(UTC)


@job("escrow.check", every=timedelta(days=1))
async def nightly(payload: dict[str, Any]) -> datetime | None:
    """Once a night."""
    await check()
    return next_night(clock.now())
