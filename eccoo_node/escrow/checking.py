"""The books check themselves every night. Where they do not hold, nothing is paid out until they do."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec

from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import snapshot, write
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Broken
from eccoo_node.members import queries as members
from eccoo_node.members.mail import news_for
from eccoo_node.record.door import Act, door

_AT = time(3, 30)
# Where whoever looks after the books or the node reads how they stand.
PAGE = "/money/books"


class Checked(msgspec.Struct, frozen=True):
    """The last time the books were added up. `broken`: the first thing that does not hold, or nothing."""

    at: datetime
    broken: str
    entries: int


Check = Callable[[], Awaitable[None]]
_CHECKS: list[Check] = []


def checks(function: Check) -> Check:
    """Register what else must agree with the books: statements of other circles, batches, the bank's lines. It raises
    Broken, and sees everything as it was at one moment."""
    _CHECKS.append(function)
    return function


async def add_up(*, whole: bool = False) -> dict[str, int]:
    """As `verify`, with all that is registered, and what came of it is kept. Raises Broken at the first thing that does
    not hold.

    Not inside `write()`: it takes as long as the books are, and holds up no writer.
    """
    try:
        counts = await verify(whole=whole)
        async with snapshot():
            for function in _CHECKS:
                await function()
    except Broken as found:
        await _keep(found.sentence, 0)
        raise
    await _keep("", counts["entries"])
    return counts


async def check() -> Checked:
    """As `add_up`, without raising: a node that finds a break says so from now on, until one finds none."""
    try:
        counts, broken = await add_up(), ""
    except Broken as found:
        counts, broken = {}, found.sentence
    return Checked(clock.now(), broken, counts.get("entries", 0))


async def _keep(broken: str, entries: int) -> None:
    async with write():
        before = await books_break()
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, ?, ?)", clock.now(), broken, entries)
        if broken and not before:
            for person_id in sorted(await members.treasurers() | {one.person_id for one in await members.admins()}):
                await news_for(person_id, PAGE)


@door("money.add_up")
async def ask_to_add_up(act: Act) -> None:
    """Whether this person may have the books added up now. Who asks then calls `check`, once this is written down."""
    act.allow(Thing("books"))


async def add_up_now(actor: Actor) -> Checked:
    """Someone wants to know now how the books stand."""
    await ask_to_add_up(actor)
    return await check()


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
