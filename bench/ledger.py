"""Entries in the books against the same rows as raw committed SQLite transactions."""

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, rate
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.escrow.actions import release, set_aside, top_up
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.node import build

BLOCKS, IN_BLOCK = 20, 100
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
        self.statements = [self._plain(sql, params) for sql, params in writes]

    def _plain(self, sql: str, params: Sequence[Any]) -> Statement:
        found = re.match(r"INSERT INTO (\w+) \(([^)]*)\)", sql)
        if found and "DO UPDATE" not in sql:
            self.db.execute(f"CREATE TABLE IF NOT EXISTS {found[1]} (row INTEGER PRIMARY KEY, {found[2]})")
            return sql.partition(" ON CONFLICT")[0].partition(" RETURNING")[0], params
        table = found[1] if found else sql.split()[1]
        self.db.execute(f"CREATE TABLE IF NOT EXISTS {table} (row INTEGER PRIMARY KEY, amount)")
        self.db.executemany(f"INSERT INTO {table} (amount) VALUES (?)", [(i,) for i in range(IN_BLOCK)])
        return f"UPDATE {table} SET amount = amount + 1 WHERE row = ?", (len(params),)

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
        circle, person = await make.circle(), await make.person("Ada")
        treasurer, worker = await make.person("Tess"), await make.worker("Wren")
        await make.hat(treasurer, circle, "treasurer")
        await make.takes()
        payer = await make.payer(person)
        await top_up(await members.actor_for(treasurer), payer, 9_000_000, key="top up")
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


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(build("", folder))
        ours, raws = asyncio.run(_blocks(folder))
    return [rate("ledger.entries", median(ours), median(raws), 0.2)]
