"""Two circles as `eccoo demo` makes them, and a browser to walk through both."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Demo
from tests.journeys.walking import Walk
from tests.support.browser import Pages
from tests.support.ports import neighbouring_ports


@pytest.fixture(scope="session")
def first_morning(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo made from nothing, linked, and stopped by Ctrl-C at nine on its Monday. It is copied, never started again."""
    demo = Demo(tmp_path_factory.mktemp("demo") / "first", neighbouring_ports())
    demo.root.mkdir()
    demo.start()
    assert demo.stop() == 0
    return demo


@pytest.fixture
def demo(first_morning: Demo, tmp_path: Path) -> Iterator[Demo]:
    """A demo of one's own on its first morning. After the story Ctrl-C ends it, and every check holds on both nodes."""
    own = first_morning.copy_to(tmp_path / "demo").start()
    try:
        yield own
        assert own.stop() == 0
    finally:
        own.kill()
    assert own.broken() == []


@pytest.fixture
def new_walk(demo: Demo, new_page: Pages) -> Callable[..., object]:
    """`walk = await new_walk(js=False, width=1280)`: both circles side by side in one browser, a tab for each."""

    async def begin(**how: object) -> Walk:
        first = await new_page(**how)  # type: ignore[arg-type]
        return Walk(demo, first, await first.context.new_page())

    return begin
