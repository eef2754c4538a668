"""Long work of this process lets pages pass: somebody waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# At most so long at a time, so that the work goes on however many pages are read.
WAITS_S = 0.01
_reading = 0
_is_page: ContextVar[bool] = ContextVar("is a page", default=False)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """Around the answer to somebody's browser."""
    token = _is_page.set(True)
    try:
        with _counted(1):
            yield
    finally:
        _is_page.reset(token)


@contextmanager
def in_a_row() -> Iterator[None]:
    """Around a wait for one's turn to write: letting a page pass that stands in that row would only keep it standing."""
    with _counted(-1 if _is_page.get() else 0):
        yield


@contextmanager
def _counted(by: int) -> Iterator[None]:
    global _reading
    _reading += by
    try:
        yield
    finally:
        _reading -= by


async def let_pages_pass() -> None:
    """A turn of the loop for everything else, and further ones while a page is being made."""
    await asyncio.sleep(0)
    if _reading:
        loop = asyncio.get_running_loop()
        until = loop.time() + WAITS_S
        while _reading and loop.time() < until:  # noqa: ASYNC110 bounded, and in turns
            await asyncio.sleep(0)
