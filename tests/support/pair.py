"""Two whole nodes in one test process, each with its own database, clock, keys and HTTP server on loopback.

`with pair.a.bound(): …` makes everything inside speak as node A. What travels between them travels over HTTP.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from eccoo_federation.client import GuardedClient
from eccoo_node.db import bound, jobs
from eccoo_node.db.engine import NodePostgres, NodeSQLite, engine_for
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.federating import pulls, sender  # noqa: F401 their jobs are registered by importing them
from eccoo_node.federating.app import FederationApp
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, Actor
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, FederationSettings, Settings, WebSettings
from eccoo_node.keys import actions as _keys  # noqa: F401 its job too
from eccoo_node.links import actions, identity
from eccoo_node.links.rules import Terms
from tests.support.node import MONDAY, MovableClock, build
from tests.support.ports import free_port

App = Callable[[Any, Any, Any], Awaitable[None]]
PAIR = ("Hebden", "Todmorden")
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The test runner keeps its own."""
        yield


class PairNode:
    """One node of the two. `app` is what its server answers with; a test may put another in its place."""

    def __init__(self, name: str, folder: Path, engine: NodeSQLite | NodePostgres) -> None:
        self.name = name
        self.folder = DataFolder(folder)
        self.engine = engine
        self.clock = MovableClock(MONDAY)
        self.app: App = FederationApp()
        self.port = free_port()
        self.settings = Settings(
            circle=CircleSettings(name=f"{name} circle", phone="01422 900000"),
            web=WebSettings(port=self.port, public_url=f"http://127.0.0.1:{self.port}"),
            federation=FederationSettings(loopback_peers=True),
        )
        self.wire: Wire
        self.words = ""
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self.settings.public_url

    @contextmanager
    def bound(self) -> Iterator["PairNode"]:
        """Speak as this node."""
        with bound.bound(self.engine), clock.clock_bound(self.clock), self.wire.bound():
            yield self

    async def open(self) -> None:
        self.folder.home.mkdir(parents=True, exist_ok=True)
        self.folder.make()
        await self.engine.open()
        with bound.bound(self.engine), clock.clock_bound(self.clock):
            _, self.words = identity.create(self.folder, self.settings)
            kept = identity.Kept(self.folder, self.settings)
        self.wire = Wire(kept, GuardedClient(loopback_peers=True, timeout_s=5))

    async def begin_anew(self, engine: NodeSQLite | NodePostgres) -> None:
        """As another process on the same folder and database: what the last one held in memory is gone. Not served yet."""
        await self.close()
        self.engine, self.app = engine, FederationApp()
        await self.engine.open()
        with bound.bound(self.engine), clock.clock_bound(self.clock):
            kept = identity.Kept(self.folder, self.settings)
        self.wire = Wire(kept, GuardedClient(loopback_peers=True, timeout_s=5))
        with self.bound():
            await jobs.let_go()

    async def close(self) -> None:
        await self.stop()
        await self.wire.client.aclose()
        await self.engine.close()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        with self.bound():
            await self.app(scope, receive, send)

    async def start(self) -> None:
        """Serve on the node's port; also again, after `stop`."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        config = uvicorn.Config(
            self._answer, interface="asgi3", http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
            proxy_headers=False,
        )  # fmt: skip
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Nobody answers on the port any more."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            await self._task
        self._server = self._task = None

    async def settle(self) -> int:
        """Run this node's jobs until none is due."""
        with self.bound():
            return await jobs.drain()

    async def row(self, sql: str, *params: Any) -> Any:
        with self.bound():
            return await fetch_one(sql, *params)

    async def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with self.bound():
            return [tuple(row) for row in await fetch(sql, *params)]


class Pair:
    """Two nodes that can reach each other. `link_id` is set once they are linked."""

    def __init__(self, a: PairNode, b: PairNode) -> None:
        self.a = a
        self.b = b
        self.link_id = ""

    async def troubles(self) -> list[tuple[str, str, str]]:
        """What stands in the way on either side: (node, where, code)."""
        found = []
        for node in self.both:
            for (code,) in await node.rows("SELECT trouble FROM link_wire WHERE trouble <> ''"):
                found.append((node.name, "link", code))
            for kind, error in await node.rows("SELECT kind, error FROM job WHERE error <> ''"):
                found.append((node.name, kind, error))
        return found

    @property
    def both(self) -> tuple[PairNode, PairNode]:
        return self.a, self.b

    def move(self, by: timedelta) -> None:
        """Time goes on at both nodes."""
        for node in self.both:
            node.clock.move(by)

    async def settle(self, rounds: int = 60) -> int:
        """Run both job queues until neither has anything due.

        A full minute's requests let a minute pass,
        and so does a sender that waits a moment before it begins again."""
        total = 0
        for _ in range(rounds):
            ran = await self.a.settle() + await self.b.settle()
            total += ran
            if ran:
                continue
            if not await self._asked_to_wait():
                return total
            self.move(timedelta(minutes=1))
        raise AssertionError("the two nodes never come to rest")

    async def _asked_to_wait(self) -> bool:
        waits = "SELECT 1 FROM link_wire WHERE trouble = 'too_many' OR open_until > ?"
        return any([await node.rows(waits, node.clock()) for node in self.both])

    async def shake_hands(self, *, admin: Actor = COMMAND) -> str:
        """A invites, B pastes, over HTTP as far as the six words; the link's id."""
        with self.a.bound():
            invite = await actions.make_invite(admin)
        with self.b.bound():
            self.link_id = await actions.accept_invite(admin, invite)
        await self.settle()
        assert await self.troubles() == []
        return self.link_id

    async def link(self, terms: Terms | None = None, *, admin: Actor = COMMAND) -> str:
        """The whole handshake: invitation, six words, both say the same, A proposes, B agrees. The link's id."""
        await self.shake_hands(admin=admin)
        words = [(await node.row("SELECT words FROM link WHERE id = ?", self.link_id))[0] for node in self.both]
        assert words[0] == words[1]
        assert len(words[0].split()) == 6
        for node in self.both:
            with node.bound():
                await actions.words_same(admin, self.link_id)
        with self.a.bound():
            await actions.propose(admin, self.link_id, terms)
        await self.settle()
        with self.b.bound():
            await actions.agree(admin, self.link_id)
        await self.settle()
        return self.link_id


@asynccontextmanager
async def open_nodes(folder: Path, urls: Mapping[str, str]) -> AsyncIterator[list[PairNode]]:
    """A node of each name with keys of its own, serving. Its database has its tables: this, or SQLite below `folder`."""
    async with AsyncExitStack() as stack:
        nodes = []
        for name, url in urls.items():
            home = folder / name.lower()
            node = PairNode(name, home, engine_for(url, home / "node.sqlite"))
            await node.open()
            stack.push_async_callback(node.close)
            await node.start()
            nodes.append(node)
        yield nodes


@asynccontextmanager
async def open_pair(folder: Path, urls: tuple[str, str] = ("", "")) -> AsyncIterator[Pair]:
    """Two nodes, on these databases or on SQLite below `folder`."""
    async with open_nodes(folder, dict(zip(PAIR, urls, strict=True))) as nodes:
        yield Pair(*nodes)


def databases(request: pytest.FixtureRequest, folder: Path, *names: str) -> Iterator[dict[str, str]]:
    """A database with every table for each name, on the engine that the test asks for: its address, "" for SQLite."""
    if request.param == "sqlite":
        for name in names:
            (folder / name.lower()).mkdir()
            asyncio.run(build("", folder / name.lower()))
        yield dict.fromkeys(names, "")
        return
    server = request.getfixturevalue("postgres_server")
    template = server.template("core", lambda made: asyncio.run(build(made)))
    urls = {name: server.create_database(template=template) for name in names}
    yield urls
    for url in urls.values():
        server.drop_database(url)


@pytest.fixture(params=ENGINES)
def pair_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of two databases with every table: empty for SQLite below `tmp_path`."""
    for urls in databases(request, tmp_path, *PAIR):
        yield urls[PAIR[0]], urls[PAIR[1]]


@pytest.fixture
async def two_nodes(pair_urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[Pair]:
    """Two nodes that know nothing of each other yet, on either engine."""
    async with open_pair(tmp_path, pair_urls) as pair:
        yield pair
