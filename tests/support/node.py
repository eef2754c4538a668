"""A node's floor for a test: a fresh database of either engine, bound, with a clock that the test moves."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
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


async def make_postgres_database(server_url: str) -> str:
    """A new empty database on this server; its address."""
    name = f"eccoo_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


async def drop_postgres_database(server_url: str, url: str) -> None:
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")
    await connection.close()


@asynccontextmanager
async def open_node(folder: Path, url: str = "") -> AsyncIterator[Node]:
    """A node's database built from the classes, opened and bound here."""
    engine = engine_for(url, folder / "node.sqlite")
    await engine.open()
    moving = MovableClock()
    with bound.bound(engine), clock.clock_bound(moving):
        async with write():
            await engine.script(extras.create_statements(all_tables(), engine.engine_type))
        yield Node(engine, moving)
    await engine.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def node_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh database: empty for SQLite in `tmp_path`."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres_url")
    url = asyncio.run(make_postgres_database(server))
    yield url
    asyncio.run(drop_postgres_database(server, url))


@pytest.fixture
async def node(node_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    async with open_node(tmp_path, node_url) as opened:
        yield opened


__all__ = ["MONDAY", "MovableClock", "Node", "node", "node_url", "open_node"]
