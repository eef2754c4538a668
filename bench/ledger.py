"""Entries in the books against the same rows as raw committed SQLite transactions."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import Figure, rate
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.escrow.actions import set_aside, set_schedule, top_up
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.node import build

ENTRIES = 1500


@contextmanager
def noting(writes: list[str]) -> Iterator[None]:
    """Note every statement that writes."""
    execute = NodeSQLite.execute

    async def noted(self: NodeSQLite, sql: str, params: Any = ()) -> list[Any]:
        if sql.lstrip()[:6].upper() in {"INSERT", "UPDATE"}:
            writes.append(sql)
        return await execute(self, sql, params)

    NodeSQLite.execute = noted  # type: ignore[method-assign]
    yield
    NodeSQLite.execute = execute  # type: ignore[method-assign]


async def _entries(folder: Path) -> tuple[float, list[str]]:
    """Entries a second through the door, and the writes that one of them made."""
    engine = NodeSQLite(folder / "node.sqlite")
    await engine.open()
    with bound.bound(engine):
        circle, person = await make.circle(), await make.person("Ada")
        treasurer, worker = await make.person("Tess"), await make.worker("Wren")
        await make.hat(treasurer, circle, "treasurer")
        await set_schedule(COMMAND, 0, 1500, decision="For the measurement.")
        payer = await make.payer(person)
        await top_up(await members.actor_for(treasurer), payer, 9_000_000, key="top up")
        writes: list[str] = []
        with noting(writes):
            await set_aside(NODE, "bench:first", payer, person, worker, 2000, 0, "bench:first")
        began = time.perf_counter()
        for i in range(ENTRIES):
            await set_aside(NODE, f"bench:{i}", payer, person, worker, 2000, 0, f"bench:{i}")
        each = ENTRIES / (time.perf_counter() - began)
    await engine.close()
    return each, writes


def _raw(folder: Path, writes: list[str]) -> float:
    """The same number of rows in the same tables, one committed transaction an entry, with nothing around them."""
    db = sqlite3.connect(folder / "node.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER, d INTEGER, e TEXT)")
    began = time.perf_counter()
    for i in range(ENTRIES):
        db.execute("BEGIN IMMEDIATE")
        for sql in writes:
            if sql.lstrip()[:6].upper() == "INSERT":
                db.execute(
                    "INSERT INTO raw (a, b, c, d, e) VALUES (?, ?, ?, ?, ?)", (f"key {i}", "held", i, 2000, "x" * 64)
                )
            else:
                db.execute("UPDATE raw SET c = ? WHERE id = ?", (i, 1))
        db.execute("COMMIT")
    each = ENTRIES / (time.perf_counter() - began)
    db.close()
    return each


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(build("", folder))
        each, writes = asyncio.run(_entries(folder))
        raw_folder = folder / "raw"
        raw_folder.mkdir()
        return [rate("ledger.entries", each, _raw(raw_folder, writes), 0.2)]
