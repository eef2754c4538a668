"""Entries in the books against the same rows as raw committed SQLite transactions."""

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.figures import Figure, limit, rate
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.rows import fetch_one, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow.actions import release, set_aside, top_up
from eccoo_node.escrow.batch import Asked, set_aside_many
from eccoo_node.escrow.lines import New
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from eccoo_node.rota.tables import Visit
from eccoo_node.rota.weekly import pay_due_weeks
from tests.support import make
from tests.support.node import build

BLOCKS, IN_BLOCK = 20, 100
BATCH = 250
# Visits of a week, and the people they are to.
WEEK, PEOPLE = 10_000, 100
WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
Statement = tuple[str, Sequence[Any]]


@contextmanager
def noting(writes: list[Statement]) -> Iterator[None]:
    """Note every statement that writes, with its values."""
    execute = NodeSQLite.execute

    async def noted(self: NodeSQLite, sql: str, params: Any = ()) -> list[Any]:
        if sql.lstrip()[:6].upper() in {"INSERT", "UPDATE"}:
            writes.append((sql, params))
        return await execute(self, sql, params)

    NodeSQLite.execute = noted  # type: ignore[method-assign]
    yield
    NodeSQLite.execute = execute  # type: ignore[method-assign]


class Raw:
    """The rows of one entry, written into the same columns by SQLite alone: no index, no rule, no trigger."""

    def __init__(self, path: Path, writes: list[Statement]) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.statements = [one for sql, params in writes for one in self._plain(sql, params)]

    def _plain(self, sql: str, params: Sequence[Any]) -> list[Statement]:
        found = re.match(r"INSERT INTO (\w+) \(([^)]*)\)", sql)
        if found and "DO UPDATE" not in sql:
            self.db.execute(f"CREATE TABLE IF NOT EXISTS {found[1]} (row INTEGER PRIMARY KEY, {found[2]})")
            return [(sql.partition(" ON CONFLICT")[0].partition(" RETURNING")[0], params)]
        table = found[1] if found else sql.split()[1]
        self.db.execute(f"CREATE TABLE IF NOT EXISTS {table} (row INTEGER PRIMARY KEY, amount)")
        self.db.executemany(f"INSERT INTO {table} (amount) VALUES (?)", [(i,) for i in range(IN_BLOCK)])
        # A row for each that the statement changes.
        one = f"UPDATE {table} SET amount = amount + 1 WHERE row = ?"
        return [(one, (len(params) + row,)) for row in range(max(1, sql.count("(?")))]

    def entries(self, many: int) -> None:
        for _ in range(many):
            self.db.execute("BEGIN IMMEDIATE")
            for sql, params in self.statements:
                self.db.execute(sql, params)
            self.db.execute("COMMIT")


async def _blocks(folder: Path) -> tuple[list[float], list[float]]:
    """Entries a second, ours and raw by turns, so that what else the machine does weighs on both."""
    engine = NodeSQLite(folder / "node.sqlite")
    await engine.open()
    ours, raws = [], []
    with bound.bound(engine):
        payer, person, worker = await _payer(9_000_000)
        for i in range(BLOCKS * IN_BLOCK + 2):
            await set_aside(NODE, f"bench:{i}", payer, person, worker, 2000, 0, f"bench:{i}")
        writes: list[Statement] = []
        await release(NODE, f"bench:{BLOCKS * IN_BLOCK}", "bench:opens the accounts")
        with noting(writes):
            await release(NODE, f"bench:{BLOCKS * IN_BLOCK + 1}", "bench:noted")
        raw = Raw(folder / "raw.sqlite", writes)
        for block in range(BLOCKS):
            began = time.perf_counter()
            for i in range(block * IN_BLOCK, (block + 1) * IN_BLOCK):
                await release(NODE, f"bench:{i}", f"bench:{i}:released")
            between = time.perf_counter()
            raw.entries(IN_BLOCK)
            ours.append(IN_BLOCK / (between - began))
            raws.append(IN_BLOCK / (time.perf_counter() - between))
        raw.db.close()
    await engine.close()
    return ours, raws


async def _batches(folder: Path) -> tuple[list[float], list[float]]:
    """Entries a second set aside in batches, and raw one by one, by turns."""
    engine = NodeSQLite(folder / "node.sqlite")
    await engine.open()
    ours, raws = [], []
    with bound.bound(engine):
        payer, person, worker = await _payer(9_000_000)
        writes: list[Statement] = []
        await set_aside(NODE, "bench:opens the accounts", payer, person, worker, 2000, 0, "bench:opens")
        with noting(writes):
            await set_aside(NODE, "bench:noted", payer, person, worker, 2000, 0, "bench:noted")
        raw = Raw(folder / "raw.sqlite", writes)
        for block in range(BLOCKS // 2):
            numbers = range(block * BATCH, (block + 1) * BATCH)
            asked = [Asked(New(f"bench:{i}", payer, person, worker, 2000, 0, None), f"bench:{i}") for i in numbers]
            began = time.perf_counter()
            await set_aside_many(NODE, asked)
            between = time.perf_counter()
            raw.entries(IN_BLOCK)
            ours.append(BATCH / (between - began))
            raws.append(IN_BLOCK / (time.perf_counter() - between))
        raw.db.close()
    await engine.close()
    return ours, raws


async def _weekly(folder: Path, visits: int) -> tuple[float, float]:
    """Seconds that the run of a week of so many visits takes, and those of them in which it works itself; of a hundred
    people in whose homes four workers give support, and every tenth of whom has paid in too little."""
    engine = NodeSQLite(folder / "node.sqlite")
    await engine.open()
    with bound.bound(engine), clock.clock_bound(lambda: WEDNESDAY):
        payer, person, worker = await _payer(0)
        treasurer = await members.actor_for(
            str(await fetch_value("SELECT person_id FROM hat WHERE role = 'treasurer'"))
        )
        homes = []
        for number in range(PEOPLE):
            person = await make.person(f"P{number}")
            payer = await make.payer(person)
            await top_up(treasurer, payer, (visits * 2000 // PEOPLE) // (2 if number % 10 == 0 else 1), key=payer)
            homes.append((person, payer, await make.team(person)))
        async with write():
            for number in range(visits):
                person, payer, team = homes[number % PEOPLE]
                starts = WEDNESDAY + timedelta(days=5, minutes=number % (7 * 20 * 60))
                await insert(Visit(
                    team_id=team, person_id=person, worker_id=worker, payer_id=payer, starts_at=starts,
                    ends_at=starts + timedelta(hours=1), what="Getting up", address="1 Bank Street", rate_pence=2000,
                    fee_pence=2000, cannot_be_missed=number % 4 == 0, agreed_at=WEDNESDAY,
                ))  # fmt: skip
        with clock.clock_bound(lambda: WEDNESDAY + timedelta(days=1)):
            began, working = time.perf_counter(), time.process_time()
            await pay_due_weeks()
            took = time.perf_counter() - began, time.process_time() - working
        aside, short = map(int, await fetch_one("SELECT SUM(visits), MAX(short) FROM weekly_run") or (0, 0))
        if (aside, short) != (visits - visits // 20, visits // 20):
            raise AssertionError(f"{aside} visits were paid for, {short} not")
    await engine.close()
    return took


async def _payer(credit_pence: int) -> tuple[str, str, str]:
    """A circle that takes its share, with someone who pays for themselves, and a worker."""
    circle, person = await make.circle(), await make.person("Ada")
    treasurer, worker = await make.person("Tess"), await make.worker("Wren")
    await make.hat(treasurer, circle, "treasurer")
    await make.takes()
    payer = await make.payer(person)
    if credit_pence:
        await top_up(await members.actor_for(treasurer), payer, credit_pence, key="top up")
    return payer, person, worker


T = TypeVar("T")


def _in_a_new_node(work: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(build("", folder))
        return asyncio.run(work(folder))


def measure() -> list[Figure]:
    ours, raws = _in_a_new_node(_blocks)
    batches, raws_beside = _in_a_new_node(_batches)
    # By turns and the better of two, and only the node's own work for growth, so that what else the machine does is not
    # taken for it.
    halves, wholes = [], []
    for _ in range(2):
        halves.append(_in_a_new_node(lambda folder: _weekly(folder, WEEK // 2)))
        wholes.append(_in_a_new_node(lambda folder: _weekly(folder, WEEK)))
    half, whole = min(worked for _, worked in halves), min(worked for _, worked in wholes)
    return [
        rate("ledger.entries", median(ours), median(raws), 0.25),
        rate("ledger.batch", median(batches), median(raws_beside), 0.5),
        limit("ledger.weekly", min(took for took, _ in wholes), 30, "s"),
        limit("ledger.weekly.linear", whole / half, 2.4, "times", 2),
    ]
