"""Fixtures for every test. What they hand out is described in tests/support/."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser, Page, async_playwright

from tests.support import memory
from tests.support.browser import ARGUMENTS, Pages, find_chromium
from tests.support.mail import Mailbox
from tests.support.postgres import NoPostgres, PostgresServer, running_server
from tests.support.processes import NodeProcess
from tests.support.proxy import FaultProxy
from tests.support.required import everything_is_required, leave_out

memory.put_tests_there()
# A slow machine fails no property. What decides whether a change lands tries the same examples each time.
settings.register_profile(
    "suite", settings.get_profile("ci" if everything_is_required() else "default"), deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("suite")
pytest_plugins = ["tests.support.node", "tests.support.pair", "tests.support.three", "tests.support.heard"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "browser" in fixtures:
            item.add_marker("browser")
            # Playwright's objects belong to the loop they were made in, and one browser serves the whole session.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if "postgres_server" in fixtures:
            item.add_marker("postgres")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test runs sends the logs elsewhere; the next test finds them where they always are."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session; leaves the test out where there is none."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoPostgres as reason:
            leave_out(str(reason))
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database that is this test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, one for the session; leaves the test out where there is none."""
    path = find_chromium()
    if path is None:
        leave_out("no Chromium was found: install Debian's chromium.")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(browser: Browser) -> AsyncIterator[Pages]:
    """`page = await new_page(js=False, dark=True, width=320)`; fails the test if a page misbehaved."""
    pages = Pages(browser)
    yield pages
    await pages.close()
    assert pages.complaints() == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: Pages) -> Page:
    """One page with scripts on, at 1280 × 800."""
    return await new_page()


@pytest.fixture
def smtp() -> Iterator[Mailbox]:
    """A mail server on a free loopback port; `smtp.letters` is what came."""
    mailbox = Mailbox()
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def node_process(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """`node_process("a")` starts a node in its own folder and waits for it; all are stopped after the test."""
    started: list[NodeProcess] = []

    def start(name: str = "node", port: int | None = None, **options: object) -> NodeProcess:
        node = NodeProcess(tmp_path / name, port, **options)  # type: ignore[arg-type]
        started.append(node)
        return node.start()

    yield start
    for node in started:
        node.kill()


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """`fault_proxy(upstream_port)` stands before a node; see tests/support/proxy.py for what it can do."""
    started: list[FaultProxy] = []

    def start(upstream_port: int, port: int = 0) -> FaultProxy:
        proxy = FaultProxy(upstream_port, port).start()
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()
