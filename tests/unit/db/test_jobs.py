"""Waiting work: written with the act that causes it, done at least once, by one process at a time, never lost."""

# A refused act is several statements by nature.

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eccoo_node.app import prepare
from eccoo_node.db import jobs
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import DatabaseSettings, Settings
from tests.support.node import MONDAY, Node
from tests.support.processes import ROOT, environment


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handlers of this test alone, so that the node's own jobs do not run between its lines."""
    for name in ("_HANDLERS", "_EVERY", "_WHEN"):
        monkeypatch.setattr(jobs, name, {})
    return


def handler(ran: list[Any], kind: str = "test.note", error: str = "") -> None:
    @jobs.job(kind)
    async def note(payload: dict[str, Any]) -> datetime | None:
        ran.append(payload)
        if error:
            raise ValueError(error)
        return None


async def waiting() -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await fetch("SELECT kind, key, attempts, dead FROM job ORDER BY id")]


async def add(key: str = "a", *, kind: str = "test.note", run_at: datetime | None = None, **payload: Any) -> bool:
    async with write():
        return await jobs.add(kind, key, run_at=run_at, **payload)


@pytest.mark.usefixtures("node")
async def test_a_job_runs_once_with_what_it_was_given_and_is_gone() -> None:
    ran: list[Any] = []
    handler(ran)
    assert await add(visit="v1", pence=300)
    assert await jobs.drain() == 1
    assert ran == [{"visit": "v1", "pence": 300}]
    assert await waiting() == []


@pytest.mark.usefixtures("node")
async def test_a_job_of_an_act_that_failed_never_was() -> None:
    ran: list[Any] = []
    handler(ran)
    with pytest.raises(ValueError, match="stop"):
        async with write():
            await jobs.add("test.note", "a")
            raise ValueError("stop")
    assert await jobs.drain() == 0
    assert ran == []


@pytest.mark.usefixtures("node")
async def test_a_job_cannot_be_written_outside_an_act() -> None:
    with pytest.raises(RuntimeError, match="in the transaction that causes it"):
        await jobs.add("test.note", "a")


@pytest.mark.usefixtures("node")
async def test_the_same_job_waits_once() -> None:
    ran: list[Any] = []
    handler(ran)
    assert await add(n=1)
    assert not await add(n=2)
    await jobs.drain()
    assert ran == [{"n": 1}]


async def test_a_job_waits_for_its_hour(node: Node) -> None:
    ran: list[Any] = []
    handler(ran)
    await add(run_at=MONDAY + timedelta(hours=2))
    assert await jobs.drain() == 0
    node.clock.move(timedelta(hours=2))
    assert await jobs.drain() == 1


async def test_a_job_that_fails_is_tried_again_and_later_each_time(node: Node) -> None:
    ran: list[Any] = []
    handler(ran, error="no")
    await add()
    waits = []
    for _ in range(4):
        assert await jobs.run_due() == 1
        at = as_time(await fetch_value("SELECT run_at FROM job"))
        assert at is not None
        waits.append(int((at - node.clock.at).total_seconds()))
        assert await jobs.run_due() == 0
        node.clock.set(at)
    assert waits == [1, 5, 30, 120]
    assert len(ran) == 4


async def test_a_job_that_keeps_failing_is_kept_for_the_admin_to_see(node: Node) -> None:
    ran: list[Any] = []
    handler(ran, error="Ada Sunderland, 1 Bank Street")
    await add()
    for _ in range(jobs.MAX_ATTEMPTS + 3):
        await jobs.run_due()
        node.clock.move(timedelta(hours=2))
    assert len(ran) == jobs.MAX_ATTEMPTS
    assert await waiting() == [("test.note", "a", jobs.MAX_ATTEMPTS, True)]
    told = await fetch_value("SELECT error FROM job")
    assert told.startswith("ValueError in note:")
    # What an error says may hold a name; where it happened does not.
    assert "Ada" not in told
    assert "Bank" not in told


async def test_a_job_nobody_knows_is_kept_too(node: Node) -> None:
    await add(kind="test.removed")
    for _ in range(jobs.MAX_ATTEMPTS):
        await jobs.run_due()
        node.clock.move(timedelta(hours=2))
    assert await waiting() == [("test.removed", "a", jobs.MAX_ATTEMPTS, True)]


async def test_a_dead_job_that_is_wanted_again_lives_again(node: Node) -> None:
    ran: list[Any] = []
    handler(ran)
    await add()
    async with write():
        await fetch("UPDATE job SET dead = TRUE, attempts = 12")
    assert await jobs.drain() == 0
    async with write():
        await jobs.wake("test.note", "a")
    assert await jobs.drain() == 1
    assert await waiting() == []


@pytest.mark.usefixtures("node")
async def test_one_that_fails_does_not_hold_up_the_others() -> None:
    ran: list[Any] = []
    handler(ran, kind="test.bad", error="no")
    handler(ran)
    await add(kind="test.bad", n=1)
    await add(n=2)
    assert await jobs.run_due() == 2
    assert sorted(p["n"] for p in ran) == [1, 2]
    assert await waiting() == [("test.bad", "a", 1, False)]


async def test_a_job_taken_back_does_not_run(node: Node) -> None:
    ran: list[Any] = []
    handler(ran)
    await add(run_at=MONDAY + timedelta(hours=1))
    async with write():
        await jobs.cancel("test.note", "a")
    node.clock.move(timedelta(hours=2))
    assert await jobs.drain() == 0


async def test_a_job_that_is_woken_runs_now(node: Node) -> None:
    ran: list[Any] = []
    handler(ran)
    await add(run_at=MONDAY + timedelta(hours=1))
    async with write():
        await jobs.wake("test.note", "a")
    assert await jobs.drain() == 1


@pytest.mark.usefixtures("node")
async def test_a_job_woken_while_it_runs_runs_once_more() -> None:
    ran: list[int] = []

    @jobs.job("test.send")
    async def send(payload: dict[str, Any]) -> datetime | None:
        ran.append(1)
        if len(ran) == 1:
            async with write():
                # Something new is to be sent, just after this run looked for it.
                assert not await jobs.add("test.send", "link")
                await jobs.wake("test.send", "link")
        return None

    await add("link", kind="test.send")
    await jobs.drain()
    assert len(ran) == 2
    assert await waiting() == []


@pytest.mark.usefixtures("node")
async def test_nobody_is_woken_in_vain() -> None:
    """Whoever has something new wakes the job at the very moment at which its run ends and takes it away: at one moment
    only on PostgreSQL, where writers do not wait for each other."""
    seen = 0

    @jobs.job("test.look")
    async def look(payload: dict[str, Any]) -> datetime | None:
        nonlocal seen
        seen = await fetch_value("SELECT MAX(number) FROM brought")
        return None

    async def bring(number: int) -> None:
        await asyncio.sleep(random.uniform(0, 0.004))
        async with write():
            await fetch("INSERT INTO brought VALUES (?)", number)
            await jobs.wake("test.look", "link")

    async with write():
        await fetch("CREATE TABLE brought (number INTEGER NOT NULL)")
    for number in range(200):
        await add("link", kind="test.look")
        await asyncio.gather(jobs.run_due(), bring(number))
        await jobs.drain()
        assert seen == number


async def test_a_job_may_name_its_next_hour(node: Node) -> None:
    ran: list[int] = []

    @jobs.job("test.later")
    async def later(payload: dict[str, Any]) -> datetime | None:
        ran.append(1)
        return clock.now() + timedelta(hours=1) if len(ran) < 3 else None

    await add(kind="test.later")
    for _ in range(5):
        await jobs.drain()
        node.clock.move(timedelta(hours=1))
    assert len(ran) == 3
    assert await waiting() == []


async def test_a_recurring_job_is_always_there_and_never_dies(node: Node) -> None:
    ran: list[int] = []

    @jobs.job("test.nightly", every=timedelta(days=1))
    async def nightly(payload: dict[str, Any]) -> datetime | None:
        ran.append(1)
        if len(ran) > 2:
            raise ValueError("no")
        return None

    await jobs.ensure_recurring()
    await jobs.ensure_recurring()
    for _ in range(20):
        await jobs.drain()
        node.clock.move(timedelta(days=1))
    assert len(ran) == 20
    assert [(row[0], row[3]) for row in await waiting()] == [("test.nightly", False)]


@pytest.mark.usefixtures("node")
async def test_a_job_that_looks_is_written_only_while_there_is_something_to_do() -> None:
    there = [1, 2]
    ran: list[int] = []

    async def something() -> bool:
        return bool(there)

    @jobs.job("test.tail", when=something)
    async def tail(payload: dict[str, Any]) -> datetime | None:
        ran.append(there.pop())
        return None

    assert await jobs.drain() == 2
    assert (ran, await waiting()) == ([2, 1], [])


@pytest.mark.usefixtures("node")
async def test_a_job_that_hangs_is_stopped_before_its_lease_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    timeout = asyncio.timeout

    def sooner(delay: float) -> asyncio.Timeout:
        given.append(delay)
        return timeout(0.01)

    monkeypatch.setattr(asyncio, "timeout", sooner)

    @jobs.job("test.hangs")
    async def hangs(payload: dict[str, Any]) -> datetime | None:
        await asyncio.sleep(60)
        return None

    await add(kind="test.hangs")
    assert await jobs.run_due() == 1
    assert 0 < max(given) < jobs.LEASE.total_seconds()
    assert (await waiting())[0][2] == 1


async def test_moving_the_time_on_does_not_end_a_lease(node: Node) -> None:
    ran: list[str] = []
    inside, gate = asyncio.Event(), asyncio.Event()

    @jobs.job("test.slow")
    async def slow(payload: dict[str, Any]) -> datetime | None:
        ran.append("ran")
        inside.set()
        await gate.wait()
        return None

    await add(kind="test.slow")
    first = asyncio.create_task(jobs.run_due("one"))
    await inside.wait()
    node.clock.move(timedelta(days=2))
    assert await jobs.run_due("another") == 0
    gate.set()
    await first
    assert (ran, await waiting()) == (["ran"], [])


@pytest.mark.usefixtures("node")
async def test_the_loop_wakes_at_a_commit_and_stops_when_told() -> None:
    done = asyncio.Event()

    @jobs.job("test.quick")
    async def quick(payload: dict[str, Any]) -> datetime | None:
        done.set()
        return None

    stop = asyncio.Event()
    loop = asyncio.create_task(jobs.loop(stop))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await add(kind="test.quick")
    async with asyncio.timeout(5):
        await done.wait()
    assert time.monotonic() - started < 0.9, "It waited for the second to be over."
    stop.set()
    async with write():
        pass
    async with asyncio.timeout(5):
        await loop


# ---------------------------------------------------------------- two real processes


async def ready(node: Node, count: int) -> None:
    async with write():
        await fetch("CREATE TABLE ran (key TEXT NOT NULL, pid INTEGER NOT NULL, began BIGINT NOT NULL, ended BIGINT)")
        for number in range(count):
            await jobs.add("test.ran", str(number), run_at=clock.now() - timedelta(days=3650), number=number)


def worker(address: str, home: Path, *, lease_s: float = 60, hold_s: float = 0.01) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.db.working", address, str(lease_s), str(hold_s)],
        cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


async def until_done(*processes: "subprocess.Popen[str]", timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while await fetch_value("SELECT COUNT(*) FROM job"):
        assert all(process.poll() is None for process in processes), [p.communicate()[0] for p in processes]
        assert time.monotonic() < deadline, "The jobs were not done in time."
        await asyncio.sleep(0.05)


def overlaps(rows: list[Any]) -> list[str]:
    """The jobs that were being done twice at one time."""
    found, last = [], {}
    for key, began, ended in sorted((row[0], row[1], row[2] or row[1]) for row in rows):
        if key in last and began < last[key]:
            found.append(key)
        last[key] = max(ended, last.get(key, 0))
    return found


async def test_two_processes_share_the_work_and_never_do_one_job_at_the_same_time(
    node: Node, node_url: str, tmp_path: Path
) -> None:
    await ready(node, 300)
    address = node_url or str(tmp_path / "node.sqlite")
    processes = [worker(address, tmp_path, hold_s=0.1) for _ in range(2)]
    try:
        await until_done(*processes)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    rows = await fetch("SELECT key, began, ended FROM ran")
    assert overlaps(rows) == []
    assert sorted(int(row[0]) for row in rows) == list(range(300))
    assert await fetch_value("SELECT COUNT(DISTINCT pid) FROM ran") == 2


async def test_what_a_killed_process_was_doing_is_done_when_its_lease_has_run_out(
    node: Node, node_url: str, tmp_path: Path
) -> None:
    await ready(node, 1)
    address = node_url or str(tmp_path / "node.sqlite")
    doomed = worker(address, tmp_path, lease_s=2, hold_s=30)
    deadline = time.monotonic() + 20
    while not await fetch_value("SELECT COUNT(*) FROM ran"):
        assert time.monotonic() < deadline
        assert doomed.poll() is None, doomed.communicate()[0]
        await asyncio.sleep(0.02)
    doomed.kill()
    doomed.communicate()
    row = await fetch_one("SELECT leased_by FROM job")
    assert row is not None
    assert row[0] != ""
    heir = worker(address, tmp_path, lease_s=2)
    try:
        await until_done(heir)
    finally:
        heir.kill()
        heir.communicate()
    rows = await fetch("SELECT pid, began, ended FROM ran ORDER BY began")
    assert [row[0] for row in rows] == [doomed.pid, heir.pid]
    assert rows[0][2] is None
    # Not before the lease of the first had run out, by the machine's own clock.
    assert rows[1][1] - rows[0][1] >= 1_500


async def test_a_process_alone_on_its_database_takes_up_at_once_what_a_dead_one_left(node: Node) -> None:
    ran: list[Any] = []
    handler(ran)
    await add(n=1)
    async with write():
        await fetch("UPDATE job SET leased_by = 'dead', leased_until = ?", datetime.now(UTC) + jobs.LEASE)
    assert await jobs.drain() == 0
    await jobs.let_go()
    assert await jobs.drain() == 1
    assert ran == [{"n": 1}]


@pytest.mark.postgres
@pytest.mark.parametrize("node_url", ["postgres"], indirect=True)
async def test_on_postgresql_a_node_that_starts_takes_up_a_dead_ones_work_unless_another_lives(
    node: Node, node_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_to_migrate(found: object) -> list[str]:
        return []

    async def leased() -> bool:
        return await fetch_value("SELECT leased_by FROM job") != ""

    monkeypatch.setattr("eccoo_node.app.migrate", nothing_to_migrate)
    settings = Settings(database=DatabaseSettings(url=node_url))
    await ready(node, 1)
    doomed = worker(node_url, tmp_path, hold_s=30)
    try:
        deadline = time.monotonic() + 20
        while not await fetch_value("SELECT COUNT(*) FROM ran"):
            assert time.monotonic() < deadline
            assert doomed.poll() is None, doomed.communicate()[0]
            await asyncio.sleep(0.02)
        await prepare(settings, DataFolder(tmp_path))
        assert await leased()
    finally:
        doomed.kill()
        doomed.communicate()
    deadline = time.monotonic() + 20
    while not await jobs.alone():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert await leased()
    await prepare(settings, DataFolder(tmp_path))
    assert not await leased()
