"""What `write()` promises, on both engines."""

# A refused act is several statements by nature.

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import asyncpg
import pytest

from eccoo_node.db import bound
from eccoo_node.db.counting import counting_queries
from eccoo_node.db.engine import engine_for
from eccoo_node.db.jobs import Job
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, insert, insert_once, locking, marks
from eccoo_node.db.transaction import current, outside, write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken, Conflict
from tests.support.node import Node, open_node

only_sqlite = pytest.mark.parametrize("node_url", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize(
    "node_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
async def notes(node: Node) -> None:
    async with write():
        await fetch("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE)")


async def add(words: str) -> None:
    await fetch("INSERT INTO note VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM note), ?)", words)


async def words() -> list[str]:
    return [row[0] for row in await fetch("SELECT words FROM note ORDER BY id")]


pytestmark = pytest.mark.usefixtures("notes")


async def test_what_is_written_is_read_at_once_outside() -> None:
    async with write():
        await add("a")
        assert await words() == ["a"]
    assert await words() == ["a"]


async def test_an_error_leaves_nothing() -> None:
    with pytest.raises(ValueError, match="stop"):
        async with write():
            await add("a")
            raise ValueError("stop")
    assert await words() == []
    async with write():
        await add("b")
    assert await words() == ["b"]


async def test_a_refused_inner_part_leaves_nothing_while_the_outer_goes_on() -> None:
    async with write():
        await add("outer")
        with pytest.raises(Conflict):
            async with write():
                await add("inner")
                async with write():
                    await add("innermost")
                raise Conflict("No.", "no")
        await add("after")
    assert await words() == ["outer", "after"]


async def test_a_statement_that_fails_inside_a_savepoint_does_not_kill_the_transaction() -> None:
    async with write():
        await add("a")
        with pytest.raises(Exception, match=r"(?i)unique"):
            async with write():
                await add("a")
        await add("b")
    assert await words() == ["a", "b"]


async def test_a_task_made_inside_cannot_touch_the_transaction() -> None:
    async with write():
        await add("mine")
        with pytest.raises(RuntimeError, match="belongs to the task"):
            await asyncio.create_task(add("other"))
        with pytest.raises(RuntimeError, match="belongs to the task"):
            await asyncio.create_task(words())
    assert await words() == ["mine"]


async def test_a_task_made_inside_cannot_open_a_part_of_it() -> None:
    async def own() -> None:
        async with write():
            await add("other")

    async with write():
        with pytest.raises(RuntimeError, match="belongs to the task"):
            await asyncio.create_task(own())
    assert await words() == []


async def test_gather_inside_raises() -> None:
    with pytest.raises(RuntimeError, match="belongs to the task"):
        async with write():
            await asyncio.gather(add("a"), add("b"))
    assert await words() == []


async def test_wait_for_inside_raises_where_it_makes_a_task() -> None:
    async def inside() -> None:
        async with write():
            await asyncio.wait_for(add("a"), 5)

    if sys.version_info >= (3, 12):
        await inside()
        return
    with pytest.raises(RuntimeError, match="belongs to the task"):
        await inside()
    assert await words() == []


async def test_nothing_is_said_to_the_database_after_the_end() -> None:
    late: list[asyncio.Task[None]] = []
    gate = asyncio.Event()

    async def wait_and_add() -> None:
        await gate.wait()
        await add("late")

    async with write():
        late.append(asyncio.create_task(wait_and_add()))
        await add("in time")
    gate.set()
    with pytest.raises(RuntimeError, match="has ended"):
        await late[0]
    assert await words() == ["in time"]


async def test_cancelling_rolls_back_and_frees_the_writer() -> None:
    inside = asyncio.Event()

    async def slow() -> None:
        async with write():
            await add("cancelled")
            inside.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(slow())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with write():
        await add("after")
    assert await words() == ["after"]


@only_postgres
async def test_cancelling_in_the_middle_of_a_statement_rolls_back() -> None:
    async def slow() -> None:
        async with write():
            await add("cancelled")
            await fetch("SELECT pg_sleep(30)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with write():
        await add("after")
    assert await words() == ["after"]


async def test_cancelling_someone_who_waits_for_their_turn_leaves_the_turn_free() -> None:
    async def later() -> None:
        async with write():
            await add("never")

    async with write():
        await fetch("SELECT * FROM note" + locking())
        waiting = [asyncio.create_task(_in_fresh_context(later)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await add("first")
    await asyncio.wait(waiting)
    async with write():
        await add("second")
    assert (await words())[-1] == "second"


async def _in_fresh_context(function: Callable[[], Awaitable[None]]) -> None:
    """As another request would: without the transaction of whoever starts it."""
    bound.engine().current_transaction.set(None)
    await function()


async def test_a_timeout_inside_rolls_back() -> None:
    with pytest.raises(TimeoutError):
        async with write(), asyncio.timeout(0.05):
            await add("too slow")
            await asyncio.sleep(5)
    assert await words() == []


async def test_effects_wait_for_the_commit() -> None:
    seen: list[str] = []
    async with write() as tx:
        await add("a")
        tx.after_commit(lambda: seen.append("told"))
        assert seen == []
    assert seen == ["told"]


async def test_effects_of_what_was_rolled_back_never_happen() -> None:
    seen: list[str] = []
    with pytest.raises(ValueError, match="stop"):
        async with write() as tx:
            tx.after_commit(lambda: seen.append("outer"))
            raise ValueError("stop")
    async with write() as tx:
        tx.after_commit(lambda: seen.append("kept"))
        with pytest.raises(ValueError, match="stop"):
            async with write() as inner:
                inner.after_commit(lambda: seen.append("inner"))
                raise ValueError("stop")
    assert seen == ["kept"]


async def test_a_commit_wakes_whoever_waits_for_change(node: Node) -> None:
    node.engine.changed.clear()
    await words()
    assert not node.engine.changed.is_set()
    async with write():
        await add("a")
        assert not node.engine.changed.is_set()
    assert node.engine.changed.is_set()


async def test_a_write_outside_is_refused() -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await add("stray")
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await insert(Job(kind="a", key="b", payload="{}", run_at=clock.now()))
    assert await words() == []
    async with write():
        await add("kept")
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await fetch("DELETE FROM note")
    assert await words() == ["kept"]


async def test_the_network_is_refused_inside() -> None:
    outside("a letter")
    async with write():
        with pytest.raises(RuntimeError, match="a letter inside a transaction"):
            outside("a letter")
    outside("a letter")
    assert current() is None


async def test_no_database_is_guessed() -> None:
    async def unbound() -> None:
        with pytest.raises(RuntimeError, match="no database is bound"):
            await fetch("SELECT 1")

    await asyncio.create_task(unbound(), context=contextvars.Context())


async def test_two_nodes_in_one_process_do_not_read_each_other(tmp_path: Path) -> None:
    async with write():
        await add("ours")
    (tmp_path / "other").mkdir()
    async with open_node(tmp_path / "other"):
        with pytest.raises(Exception, match="no such table"):
            await words()
        async with write():
            await fetch("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE)")
            await add("theirs")
        assert await words() == ["theirs"]
    assert await words() == ["ours"]


async def test_tasks_of_one_process_take_turns_and_lose_nothing() -> None:
    async with write():
        await fetch("CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
        await fetch("INSERT INTO counter VALUES (1, 0)")

    async def one() -> None:
        async with write():
            value = await fetch_value(f"SELECT value FROM counter WHERE id = 1{locking()}")
            await asyncio.sleep(0)
            await fetch("UPDATE counter SET value = ? WHERE id = 1", value + 1)

    await asyncio.gather(*(one() for _ in range(50)))
    assert await fetch_value("SELECT value FROM counter") == 50


@only_sqlite
async def test_a_writer_that_waits_for_another_process_leaves_the_loop_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eccoo_node.db.engine.WRITE_WAIT_S", 1.0)
    other = engine_for("", tmp_path / "node.sqlite")
    await other.open()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    held = await other.begin()
    ticking = asyncio.create_task(tick())
    with pytest.raises(Conflict) as refused:
        async with write():
            await add("never")
    assert refused.value.code == "busy"
    ticking.cancel()
    await other.rollback(held)
    await other.close()
    # SQLite's own wait would have stopped the loop for the whole second: one tick, or none.
    assert ticks >= 5
    async with write():
        await add("after")
    assert await words() == ["after"]


@only_postgres
async def test_a_deadlock_is_raised_as_one_and_leaves_nothing() -> None:
    async with write():
        await add("a")
        await add("b")
    met = asyncio.Barrier(2)

    async def change(first: int, second: int) -> str:
        try:
            async with write():
                await fetch("UPDATE note SET words = words || '!' WHERE id = ?", first)
                await met.wait()
                await fetch("UPDATE note SET words = words || '!' WHERE id = ?", second)
        except asyncpg.DeadlockDetectedError:
            return "deadlock"
        return "done"

    assert sorted(await asyncio.gather(change(1, 2), change(2, 1))) == ["deadlock", "done"]
    assert sorted(await words()) == ["a!", "b!"]


async def test_moments_of_any_zone_are_one_moment() -> None:
    async with write():
        await fetch("CREATE TABLE at (id INTEGER PRIMARY KEY, at TIMESTAMPTZ NOT NULL)")
        nine = datetime(2026, 7, 1, 9, 0, tzinfo=timezone(timedelta(hours=1)))
        await fetch("INSERT INTO at VALUES (1, ?)", nine)
        await fetch("INSERT INTO at VALUES (2, ?)", datetime(2026, 7, 1, 8, 0, 0, 500_000, tzinfo=UTC))
        await fetch("INSERT INTO at VALUES (3, ?)", datetime(2026, 7, 1, 8, 0, 1, tzinfo=UTC))
    row = await fetch_one("SELECT at FROM at WHERE id = 1")
    assert row is not None
    assert (row["at"], row["at"].utcoffset()) == (datetime(2026, 7, 1, 8, 0, tzinfo=UTC), timedelta(0))
    assert [r[0] for r in await fetch("SELECT id FROM at ORDER BY at")] == [1, 2, 3]
    assert [r[0] for r in await fetch("SELECT id FROM at WHERE at <= ? ORDER BY id", nine)] == [1]
    assert as_time(await fetch_value("SELECT MAX(at) FROM at")) == datetime(2026, 7, 1, 8, 0, 1, tzinfo=UTC)


async def test_a_row_is_inserted_once_and_a_second_time_said_so() -> None:
    first = Job(kind="a", key="b", payload="1", run_at=clock.now())
    again = Job(kind="a", key="b", payload="2", run_at=clock.now())
    async with write():
        assert await insert_once(first)
        assert not await insert_once(again)
        await add("the transaction lives on")
    assert await fetch_value("SELECT payload FROM job") == "1"
    assert await words() == ["the transaction lives on"]


async def test_an_empty_list_matches_nothing() -> None:
    async with write():
        await add("a")
    assert await fetch(f"SELECT * FROM note WHERE words IN ({marks([])})") == []
    assert len(await fetch(f"SELECT * FROM note WHERE words IN ({marks(['a', 'b'])})", "a", "b")) == 1


async def test_queries_are_counted() -> None:
    with counting_queries() as seen:
        await words()
        await Job.select()
    assert len(seen) == 2


async def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.sqlite").write_bytes(b"Dear circle, this is not a database. " * 400)
    with pytest.raises(Broken) as told:
        await engine_for("", tmp_path / "letter.sqlite").open()
    assert told.value.code == "bad_database"
    assert str(tmp_path / "letter.sqlite") in told.value.sentence


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "postgresql://nobody:x@127.0.0.1:1/x"])
async def test_a_server_that_is_not_there_is_told_in_one_sentence(url: str) -> None:
    with pytest.raises(Broken) as told:
        await engine_for(url, Path()).open()
    assert told.value.code == "bad_database"
    assert "\n" not in told.value.sentence


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://host", "not a url"])
async def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(Broken):
        engine_for(url, Path())


@only_sqlite
async def test_sqlite_is_kept_as_safely_as_promised() -> None:
    async with write():
        kept = {
            name: (await fetch(f"PRAGMA {name}"))[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    assert kept == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "busy_timeout": 0
    }  # fmt: skip
