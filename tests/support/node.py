"""A node's floor for a test: a fresh database of either engine, bound, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eccoo_node.db import bound, extras, jobs
from eccoo_node.db.engine import NodePostgres, NodeSQLite, engine_for
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from tests.support.tables import all_tables

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def set(self, at: datetime) -> None:
        self.at = at

    def move(self, by: timedelta) -> None:
        self.at += by


class Node:
    """The bound engine and clock of one test."""

    def __init__(self, engine: NodeSQLite | NodePostgres, moving: MovableClock) -> None:
        self.engine = engine
        self.clock = moving

    async def settle(self) -> int:
        """Run jobs until none is due."""
        return await jobs.drain()


@asynccontextmanager
async def open_node(folder: Path, url: str = "") -> AsyncIterator[Node]:
    """A node's database that has its tables, opened and bound here with a clock of its own."""
    engine = engine_for(url, folder / "node.sqlite")
    await engine.open()
    moving = MovableClock()
    try:
        with bound.bound(engine), clock.clock_bound(moving):
            yield Node(engine, moving)
    finally:
        await engine.close()


# A SQLite database that has just been built, so that each test copies one instead of building its own.
_built: list[bytes] = []


async def build(url: str, folder: Path = Path()) -> None:
    """Every table of the core in an empty database."""
    if not url and _built:
        (folder / "node.sqlite").write_bytes(_built[0])
        return
    engine = engine_for(url, folder / "node.sqlite")
    await engine.open()
    with bound.bound(engine):
        async with write():
            await engine.script(extras.create_statements(all_tables(), engine.engine_type))
    await engine.close()
    if not url:
        _built.append((folder / "node.sqlite").read_bytes())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def node_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database with every table: empty for SQLite in `tmp_path`."""
    if request.param == "sqlite":
        asyncio.run(build("", request.getfixturevalue("tmp_path")))
        yield ""
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database(template=server.template("core", lambda made: asyncio.run(build(made))))
    yield url
    server.drop_database(url)


@pytest.fixture
async def node(node_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    """A node's floor on either engine."""
    async with open_node(tmp_path, node_url) as opened:
        yield opened
