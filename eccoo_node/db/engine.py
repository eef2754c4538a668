"""The two engines. Both keep their connections, count their queries and refuse a write outside `write()`.

Piccolo's own SQLite engine opens a connection and a thread for each query, which costs 1.6 ms where the query
itself takes 0.005 ms. Here one reading and one writing connection are kept and used in the loop itself.
"""

import asyncio
import random
import re
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from eccoo_node.db.counting import count_query
from eccoo_node.kernel.courtesy import in_a_row
from eccoo_node.kernel.errors import Broken, Conflict

# By which the sessions of one process are known as its own.
THIS_PROCESS = f"eccoo {secrets.token_hex(8)}"
# How long a writer waits for other processes before a person is asked to try again.
WRITE_WAIT_S = 20.0
# PostgreSQL gave up on this transaction because of another; run again, it will most likely pass.
DEADLOCKS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# What was to be written does not fit into its column: the statement's own fault, and no second try helps.
DATA_ERRORS = (sqlite3.DataError, asyncpg.DataError)
# The database itself failed, whatever the statement was about.
DATABASE_ERRORS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def _moment_in(value: datetime) -> str:
    return str(value if value.tzinfo is None or value.tzinfo is UTC else value.astimezone(UTC))


def _moment_out(value: bytes) -> datetime:
    return datetime.fromisoformat(value.decode()).replace(tzinfo=UTC)


# Piccolo reads each whole number through two functions and a Decimal: with ten columns that is a tenth of a page.
# Nothing but whole numbers is ever written to these columns, and anything else still raises.
sqlite3.register_converter("INTEGER", int)
sqlite3.register_converter("BOOLEAN", b"1".__eq__)
sqlite3.register_converter("TIMESTAMPTZ", _moment_out)
sqlite3.register_adapter(datetime, _moment_in)


class Tx:
    """One open transaction. It belongs to the task that opened it and to no other."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.task = asyncio.current_task()
        self.open = True
        self.savepoints = 0
        self.references = True
        self.callbacks: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this once the transaction is committed; never when it is rolled back."""
        self.callbacks.append(callback)

    def check(self) -> None:
        """Raise RuntimeError for a statement from another task, or after the end."""
        if not self.open:
            raise RuntimeError("this transaction has ended")
        if asyncio.current_task() is not self.task:
            raise RuntimeError("a transaction belongs to the task that began it: no gather, create_task or wait_for")


class NodeEngine(Protocol):
    """What the rest of the node asks of either engine."""

    engine_type: str
    current_transaction: Any
    changed: asyncio.Event

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def begin(self, *, references: bool = True) -> Tx: ...
    async def commit(self, tx: Tx) -> None: ...
    async def rollback(self, tx: Tx) -> None: ...
    async def wipe(self) -> None: ...
    async def begin_snapshot(self) -> Tx: ...
    async def end_snapshot(self, tx: Tx) -> None: ...
    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Any]: ...
    async def script(self, statements: Sequence[str]) -> None: ...
    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> Any: ...
    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any: ...
    async def get_version(self) -> float: ...
    def get_version_sync(self) -> float: ...
    async def batch(self, query: Any, batch_size: int = 100, node: str | None = None) -> Any: ...
    def transform_response_to_dicts(self, results: Any) -> list[dict[str, Any]]: ...
    def transaction(self, *args: Any, **kwargs: Any) -> Any: ...
    def atomic(self, *args: Any, **kwargs: Any) -> Any: ...


class NodeSQLite(SQLiteEngine):
    """SQLite in WAL mode with one kept reader and one kept writer, both used in the loop."""

    __slots__ = ("_aside", "_reader", "_turn", "_writer", "changed")

    def __init__(self, path: Path) -> None:
        super().__init__(path=str(path))
        self.current_transaction = ContextVar(f"transaction of {path}", default=None)
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._turn = asyncio.Lock()
        # The one thread for long reads; it begins with the first of them.
        self._aside = ThreadPoolExecutor(1)
        self.changed = asyncio.Event()

    async def open(self) -> None:
        """Raises Broken with a plain sentence when the file is not a database or cannot be read."""
        try:
            self._writer = self._connect()
            self._writer.execute("PRAGMA synchronous = FULL")
            # Without it INSERT OR REPLACE deletes rows without asking the triggers of append-only tables.
            self._writer.execute("PRAGMA recursive_triggers = 1")
            # What is deleted is overwritten: a name that was forgotten must not lie in the file.
            self._writer.execute("PRAGMA secure_delete = 1")
            self._reader = self._connect()
            self._reader.execute("PRAGMA query_only = 1")
        except sqlite3.Error as error:
            await self.close()
            raise Broken(f"{self.path} cannot be opened as the node’s database: {error}.", "bad_database") from None

    def _connect(self) -> sqlite3.Connection:
        """Waits, for once in SQLite itself: another process that closes the file has it alone for some milliseconds. Where
        one would not let go, opening the database gives up after `WRITE_WAIT_S`."""
        connection = sqlite3.connect(
            self.path,
            isolation_level=None,
            detect_types=sqlite3.PARSE_DECLTYPES,
            timeout=WRITE_WAIT_S,
            cached_statements=512,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = 1")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT count(*) FROM sqlite_master")
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    async def close(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    def _opened(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise RuntimeError("the database is not open")
        return connection

    async def begin(self, *, references: bool = True) -> Tx:
        """BEGIN IMMEDIATE: one writer of this process at a time, retried while another process writes.

        busy_timeout stays 0 and the wait is a sleep of the task, because SQLite's own wait stops the whole loop.
        Without `references` foreign keys are off until the end; inside a transaction SQLite ignores being told so.
        """
        with in_a_row():
            await self._turn.acquire()
        try:
            writer = self._opened(self._writer)
            if not references:
                writer.execute("PRAGMA foreign_keys = 0")
            deadline = asyncio.get_running_loop().time() + WRITE_WAIT_S
            pause = 0.001
            while True:
                try:
                    writer.execute("BEGIN IMMEDIATE")
                    tx = Tx(writer)
                    tx.references = references
                    return tx
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) and "busy" not in str(error):
                        raise
                    if asyncio.get_running_loop().time() > deadline:
                        raise Conflict("We are busy just now. Please try again in a minute.", "busy") from None
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 spreads the retries, guards nothing
                pause = min(pause * 1.5, 0.05)
        except BaseException:
            self._next_turn(references)
            raise

    def _next_turn(self, references: bool) -> None:
        """Let the next writer in, with foreign keys on again."""
        try:
            if not references and self._writer is not None:
                self._writer.execute("PRAGMA foreign_keys = 1")
        finally:
            self._turn.release()

    async def commit(self, tx: Tx) -> None:
        try:
            tx.connection.execute("COMMIT")
        except BaseException:
            await self.rollback(tx)
            raise
        tx.open = False
        self._next_turn(tx.references)

    async def rollback(self, tx: Tx) -> None:
        tx.open = False
        try:
            if tx.connection.in_transaction:
                tx.connection.execute("ROLLBACK")
        finally:
            self._next_turn(tx.references)

    async def wipe(self) -> None:
        """Leave nothing of what was deleted on the disk: the log beside the file is folded in and cut off."""
        async with self._turn:
            self._opened(self._writer).execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def begin_snapshot(self) -> Tx:
        """A connection of its own, so that the kept reader goes on seeing what is new."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = 1")
        # Whole tables are walked in it, page by page: what leads to the next page is still there (64 MB at most).
        connection.execute("PRAGMA cache_size = -64000")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master")
        return Tx(connection)

    async def end_snapshot(self, tx: Tx) -> None:
        tx.open = False
        tx.connection.close()

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        count_query(sql)
        tx = cast("Tx | None", self.current_transaction.get())
        if tx is not None:
            tx.check()
            return list(tx.connection.execute(sql, params))
        return list(self._opened(self._reader).execute(sql, params))

    def begin_reading(self, sql: str, params: Sequence[Any] = ()) -> "asyncio.Future[list[Any]]":
        """A long read of the open transaction in a thread, after those begun before it: SQLite needs no Python while it
        reads. Whoever begins one waits for it before the transaction ends, also when cancelled.
        """
        count_query(sql)
        tx = cast("Tx", self.current_transaction.get())
        tx.check()
        connection = tx.connection
        return asyncio.get_running_loop().run_in_executor(self._aside, lambda: list(connection.execute(sql, params)))

    async def script(self, statements: Sequence[str]) -> None:
        for statement in statements:
            await self.execute(statement)

    async def run_querystring(self, querystring: Any, in_pool: bool = False) -> list[dict[str, Any]]:
        sql, params = querystring.compile_string(engine_type="sqlite")
        return [dict(row) for row in await self.execute(sql, params)]

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> list[Any]:
        return await self.execute(ddl)


@lru_cache(maxsize=2048)
def _numbered(sql: str) -> str:
    """`?` placeholders as PostgreSQL's `$1`. Our SQL has no question mark inside a string."""
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", sql)


class NodePostgres(PostgresEngine):
    """PostgreSQL through one kept pool."""

    __slots__ = ("changed",)

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
            raise Broken("database.url must look like postgresql://user@host/name.", "bad_setting")
        super().__init__(config={"dsn": url})
        self.current_transaction = ContextVar("transaction on PostgreSQL", default=None)
        self.changed = asyncio.Event()

    async def get_version(self) -> float:
        """Not asked while constructing, so that an unreachable server is told of by `open` in one sentence."""
        return 14.0

    async def prep_database(self) -> None:
        """No extension is needed."""

    async def open(self) -> None:
        try:
            self.pool = await asyncpg.create_pool(
                **self.config,
                min_size=1,
                max_size=10,
                # A statement outside write() can read and nothing more; write() asks for more by name.
                server_settings={"default_transaction_read_only": "on", "application_name": THIS_PROCESS},
            )
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise Broken(f"PostgreSQL cannot be reached: {error}.", "bad_database") from None

    async def close(self) -> None:
        if self.pool is not None:
            await self.pool.close()
            self.pool = None

    def _opened(self) -> Any:
        if self.pool is None:
            raise RuntimeError("the database is not open")
        return self.pool

    async def begin(self, *, references: bool = True) -> Tx:
        """PostgreSQL changes tables in place, so its foreign keys are never off."""
        connection = await self._opened().acquire()
        try:
            await connection.execute("BEGIN READ WRITE")
        except BaseException:
            await self._opened().release(connection)
            raise
        return Tx(connection)

    async def commit(self, tx: Tx) -> None:
        try:
            await tx.connection.execute("COMMIT")
        except BaseException:
            await self.rollback(tx)
            raise
        tx.open = False
        await self._opened().release(tx.connection)

    async def rollback(self, tx: Tx) -> None:
        tx.open = False
        try:
            if tx.connection.is_in_transaction():
                await asyncio.shield(tx.connection.execute("ROLLBACK"))
        finally:
            await asyncio.shield(self._opened().release(tx.connection))

    async def wipe(self) -> None:
        """The server's own cleaning (autovacuum) gives the place of deleted rows back by itself."""

    async def begin_snapshot(self) -> Tx:
        connection = await self._opened().acquire()
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        except BaseException:
            await self._opened().release(connection)
            raise
        return Tx(connection)

    async def end_snapshot(self, tx: Tx) -> None:
        await self.rollback(tx)

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        count_query(sql)
        return await self._run(_numbered(sql), params)

    async def _run(self, sql: str, params: Sequence[Any]) -> list[Any]:
        tx = cast("Tx | None", self.current_transaction.get())
        if tx is not None:
            tx.check()
            found: list[Any] = await tx.connection.fetch(sql, *params)
            return found
        rows: list[Any] = await self._opened().fetch(sql, *params)
        return rows

    async def script(self, statements: Sequence[str]) -> None:
        """Statements without parameters, which may hold dollar quotes and question marks."""
        for statement in statements:
            count_query(statement)
            await self._run(statement, ())

    async def run_querystring(self, querystring: Any, in_pool: bool = True) -> list[Any]:
        sql, params = querystring.compile_string(engine_type="postgres")
        count_query(sql)
        return await self._run(sql, params)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> list[Any]:
        count_query(ddl)
        return await self._run(ddl, ())


def engine_for(url: str, path: Path) -> NodeSQLite | NodePostgres:
    """SQLite in the data folder, unless a PostgreSQL address is set."""
    return NodePostgres(url) if url else NodeSQLite(path)
