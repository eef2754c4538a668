"""Work that waits: one table, one loop in the process, safe with several processes.

At least once: a handler may run again after a crash, so each is idempotent by its key, and has less than `LEASE` for
one run. A job is written in the transaction that causes it and deleted when its handler returns. A handler that raises
is tried again later; after the last try the row stays, marked dead, for the admin to see.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from piccolo.table import Table

from eccoo_node.db import bound, extras
from eccoo_node.db.columns import flag, moment, number, prose, serial, word
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import current, write
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id

log = structlog.get_logger("jobs")


class Job(Table, tablename="job"):
    """One piece of waiting work."""

    id = serial()
    kind = word()
    key = word(200)
    payload = prose()
    run_at = moment()
    leased_until = moment(null=True)
    leased_by = word(36)
    attempts = number()
    dead = flag()
    error = prose()


extras.unique("job", "kind", "key")
extras.index("job", "run_at", where="dead = FALSE")

Handler = Callable[[dict[str, Any]], Awaitable[datetime | None]]
_HANDLERS: dict[str, Handler] = {}
_EVERY: dict[str, timedelta] = {}
_WHEN: dict[str, Callable[[], Awaitable[bool]]] = {}

LEASE = timedelta(minutes=2)
RETRY_S = (1, 5, 30, 120, 600, 1800, 3600)
MAX_ATTEMPTS = 12
# Most of them wait for somebody else: a mail server, another circle.
AT_ONCE = 16


def job(
    kind: str, *, every: timedelta | None = None, when: Callable[[], Awaitable[bool]] | None = None
) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of job. It may return a moment at which to run again.

    With `every`, one such job always exists and runs at that interval. With `when`, a read that is asked about
    once a second, a job is written only while there is something to do, so that an idle node writes nothing.
    """

    def register(function: Handler) -> Handler:
        if kind in _HANDLERS:
            raise RuntimeError(f"two handlers for the job {kind}")
        _HANDLERS[kind] = function
        if every:
            _EVERY[kind] = every
        if when:
            _WHEN[kind] = when
        return function

    return register


def handled(kind: str) -> bool:
    return kind in _HANDLERS


async def add(kind: str, key: str, *, run_at: datetime | None = None, **payload: Any) -> bool:
    """Write a job in the open transaction; False when one with this kind and key already waits."""
    if current() is None:
        raise RuntimeError("a job is written in the transaction that causes it")
    made = await fetch(
        "INSERT INTO job (kind, key, payload, run_at, leased_by, attempts, dead, error) "
        "VALUES (?, ?, ?, ?, '', 0, FALSE, '') ON CONFLICT DO NOTHING RETURNING id",
        kind,
        key,
        msgspec.json.encode(payload).decode(),
        run_at or clock.now(),
    )
    return bool(made)


async def cancel(kind: str, key: str) -> None:
    """Take a waiting job back, inside `write()`."""
    await fetch("DELETE FROM job WHERE kind = ? AND key = ?", kind, key)


async def wake(kind: str, key: str, **payload: Any) -> None:
    """Let a job run now, or once more if it is just running, inside `write()`. Brings a dead one to life."""
    if current() is None:
        raise RuntimeError("a job is woken in the transaction that gives it something to do")
    # Whoever runs it deletes the row only while it still bears their name. One statement: between a look whether it is
    # there and an UPDATE, PostgreSQL would let it be deleted, and nobody be woken.
    await fetch(
        "INSERT INTO job (kind, key, payload, run_at, leased_by, attempts, dead, error) "
        "VALUES (?, ?, ?, ?, '', 0, FALSE, '') ON CONFLICT (kind, key) DO UPDATE "
        "SET run_at = excluded.run_at, attempts = 0, dead = FALSE, leased_by = ''",
        kind,
        key,
        msgspec.json.encode(payload).decode(),
        clock.now(),
    )


async def ensure_recurring() -> None:
    """Make sure that each recurring job exists."""
    async with write():
        for kind in _EVERY:
            await add(kind, "every")


async def _notice() -> None:
    """Write a job for each kind whose `when` says that something is to be done."""
    for kind, when in _WHEN.items():
        if await when():
            async with write():
                await add(kind, "when")


async def alone() -> bool:
    """Whether no other process is connected to this PostgreSQL database; False on SQLite, where a lock tells.

    A session ends with its process, and whoever serves asks at least once a second. Where something else is connected, or a
    pooler keeps sessions, the answer is False, and leases run out by themselves. Two that start at one moment may both hear
    True: a job is begun twice then, which each handler bears.
    """
    if bound.engine().engine_type != "postgres":
        return False
    others = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND usesysid IS NOT NULL "
        "AND application_name IS DISTINCT FROM current_setting('application_name') LIMIT 1"
    )
    return not await fetch(others)


async def let_go() -> None:
    """End every lease. For a process that knows itself alone on this database: whoever held one has died, and what they
    were doing is taken up at once instead of when the lease runs out."""
    async with write():
        await fetch("UPDATE job SET leased_until = NULL, leased_by = '' WHERE leased_until IS NOT NULL")


def _by_the_machine() -> datetime:
    """A lease measures the life of a process, so moving the circle's clock on must not end it."""
    return datetime.now(UTC)


async def _lease(limit: int, me: str) -> list[Any]:
    moment_, machine = clock.now(), _by_the_machine()
    due = (
        "SELECT id FROM job WHERE dead = FALSE AND run_at <= ? AND (leased_until IS NULL OR leased_until < ?) "
        "ORDER BY run_at, id LIMIT ?"
    )
    # Ask without the write lock first: most of the time nothing is due.
    if not await fetch(due, moment_, machine, limit):
        return []
    skip = " FOR UPDATE SKIP LOCKED" if bound.engine().engine_type == "postgres" else ""
    async with write():
        return await fetch(
            f"UPDATE job SET leased_until = ?, leased_by = ? WHERE id IN ({due}{skip}) "
            "RETURNING id, kind, key, payload, attempts",
            machine + LEASE,
            me,
            moment_,
            machine,
            limit,
        )


async def _run(row: Any, me: str) -> None:
    id_, kind, key, payload, attempts = row
    handler = _HANDLERS.get(kind)
    again: datetime | None = None
    try:
        if handler is None:
            raise LookupError(f"no handler for the job {kind}")
        # Stopped before the lease ends, so that nobody else begins what is still being done here.
        async with asyncio.timeout(LEASE.total_seconds() * 0.9):
            again = await handler(msgspec.json.decode(payload))
    except Exception as error:
        await _failed(id_, kind, key, attempts + 1, error, me)
        return
    if again is None and kind in _EVERY:
        again = clock.now() + _EVERY[kind]
    async with write():
        if again is None:
            await fetch("DELETE FROM job WHERE id = ? AND leased_by = ?", id_, me)
        else:
            await fetch(
                "UPDATE job SET run_at = ?, leased_until = NULL, leased_by = '', attempts = 0, error = '' "
                "WHERE id = ? AND leased_by = ?",
                again,
                id_,
                me,
            )
        # Woken while it ran: let go of the lease, so that it runs again.
        await fetch("UPDATE job SET leased_until = NULL WHERE id = ? AND leased_by = ''", id_)


async def _failed(id_: int, kind: str, key: str, attempts: int, error: Exception, me: str) -> None:
    # The place and kind of the error, never its text: that may hold a name.
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames))
    told = f"{type(error).__name__} in {where}"
    log.warning("job failed", kind=kind, job=id_, attempts=attempts, error=told)
    wait = timedelta(seconds=RETRY_S[min(attempts, len(RETRY_S)) - 1])
    dead = attempts >= MAX_ATTEMPTS and kind not in _EVERY
    async with write():
        await fetch(
            "UPDATE job SET attempts = ?, dead = ?, error = ?, run_at = ?, leased_until = NULL, leased_by = '' "
            "WHERE id = ? AND leased_by = ?",
            attempts,
            dead,
            told,
            clock.now() + wait,
            id_,
            me,
        )
        await fetch("UPDATE job SET leased_until = NULL WHERE id = ? AND leased_by = ''", id_)


async def run_due(me: str | None = None) -> int:
    """Run what is due now, once; the number of jobs that ran. Tests and commands call it until it gives 0."""
    who = me or new_id()
    await _notice()
    rows = await _lease(AT_ONCE, who)
    await asyncio.gather(*(_run(row, who) for row in rows))
    return len(rows)


async def drain(limit: int = 1000) -> int:
    """Run until nothing is due; the number of jobs that ran."""
    total = 0
    while total < limit and (ran := await run_due()):
        total += ran
    return total


async def _next_due() -> float:
    row = await fetch_one("SELECT MIN(run_at) FROM job WHERE dead = FALSE AND leased_until IS NULL")
    at = as_time(row[0]) if row else None
    return 1.0 if at is None else max(0.01, min(1.0, (at - clock.now()).total_seconds()))


async def loop(stop: asyncio.Event) -> None:
    """Run jobs until told to stop. Wakes at each commit of this process and at least once a second."""
    me = new_id()
    engine = bound.engine()
    running: set[asyncio.Task[None]] = set()
    noticed, recurring = 0.0, False
    while not stop.is_set():
        engine.changed.clear()
        try:
            if not recurring:
                await ensure_recurring()
                recurring = True
            if (tick := asyncio.get_running_loop().time()) - noticed >= 1:
                noticed = tick
                await _notice()
            rows = await _lease(AT_ONCE - len(running), me) if len(running) < AT_ONCE else []
            pause = 0 if rows else await _next_due()
        except Exception as error:
            # A database that is away for a moment must not end the loop for good.
            log.warning("job loop", error=type(error).__name__)
            rows, pause = [], 1.0
        for row in rows:
            task = asyncio.create_task(_run(row, me))
            running.add(task)
            task.add_done_callback(running.discard)
        if pause:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await engine.changed.wait()
    if running:
        await asyncio.wait(running, timeout=10)
