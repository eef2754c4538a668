"""The week and the cover page over HTTP, signed in, against the same rows through the same template and nothing else.

The floor is a bare Litestar handler on the same server: it runs the very statements that the page ran, with their
parameters, on one kept sqlite3 connection with plain tuples, and renders the template with what the page gave it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import jinja2
import uvicorn
from litestar import Litestar, Response, get

from bench.figures import Figure, limit, rate
from bench.load import elsewhere
from eccoo_node.app import node_app
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import Settings
from tests.support.ports import free_port

SECONDS = 3.0
# What the job loop asks meanwhile.
_NOT_OURS = ("FROM job", "FROM audit", "FROM form_sent")


class _Threaded(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: Any, port: int, *, lifespan: str) -> Iterator[None]:
    """Serve an app from a thread of this process."""
    server = _Threaded(
        uvicorn.Config(app, port=port, lifespan=lifespan, log_config=None, access_log=False, server_header=False)  # type: ignore[arg-type]
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield
    server.should_exit = True
    thread.join()


class Watched:
    """What one request asked of the database, and what it gave to the template."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.template: Any = None
        self.context: dict[str, Any] = {}
        # The globals of a page look up whose page it is in their context.
        self.around = copy_context()


@contextmanager
def watching(watched: Watched) -> Iterator[None]:
    """Note the statements and the template of what is asked meanwhile."""
    execute, make = NodeSQLite.execute, jinja2.Template.render

    async def noted(self: NodeSQLite, sql: str, params: Any = ()) -> list[Any]:
        watched.statements.append((sql, tuple(params)))
        return await execute(self, sql, params)

    def rendered(self: jinja2.Template, *given: Any, **more: Any) -> str:
        watched.template, watched.context, watched.around = self, dict(*given, **more), copy_context()
        return make(self, *given, **more)

    NodeSQLite.execute, jinja2.Template.render = noted, rendered  # type: ignore[method-assign]
    try:
        yield
    finally:
        NodeSQLite.execute, jinja2.Template.render = execute, make  # type: ignore[method-assign]


def floor_app(database: Path, watched: Watched) -> Litestar:
    connection = sqlite3.connect(database, check_same_thread=False)

    @get("/")
    async def bare() -> Response[bytes]:
        for sql, params in watched.statements:
            connection.execute(sql, params).fetchall()
        page = watched.around.copy().run(watched.template.render, watched.context)
        return Response(page.encode(), media_type="text/html")

    return Litestar([bare], openapi_config=None, logging_config=None)


def once(port: int, path: str, cookie: str) -> None:
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers={"cookie": cookie}), timeout=5) as answer:
        assert answer.status == 200


def _is_the_pages_own(sql: str) -> bool:
    return sql.lstrip()[:6].upper() == "SELECT" and not any(words in sql for words in _NOT_OURS)


def measure(settings: Settings, folder: DataFolder, paths: dict[str, tuple[str, str]]) -> list[Figure]:
    """`paths`: the figure's name, and the page's path with the cookie of whoever may see it."""
    found: list[Figure] = []
    with serving(node_app(settings, folder), settings.web.port, lifespan="on"):
        for name, (path, cookie) in paths.items():
            elsewhere(settings.web.port, path, 0.5, cookie)
            watched = Watched()
            with watching(watched):
                once(settings.web.port, path, cookie)
            watched.statements = [s for s in watched.statements if _is_the_pages_own(s[0])]
            each, median = elsewhere(settings.web.port, path, SECONDS, cookie)
            port = free_port()
            with serving(floor_app(folder.database, watched), port, lifespan="off"):
                elsewhere(port, "/", 0.5)
                floor, _ = elsewhere(port, "/", SECONDS)
            found += [rate(name, each, floor, 0.5), limit(f"{name}.p50", median, 50, "ms")]
    return found
