"""Long work of this process lets pages pass: somebody waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

# At most so long at a time, so that the work goes on however many pages are read.
WAITS_S = 0.01
_reading = 0


@contextmanager
def somebody_waits() -> Iterator[None]:
    """Around the answer to somebody's browser."""
    global _reading
    _reading += 1
    try:
        yield
    finally:
        _reading -= 1


async def let_pages_pass() -> None:
    """A turn of the loop for everything else, and further ones while a page is being made."""
    await asyncio.sleep(0)
    if _reading:
        loop = asyncio.get_running_loop()
        until = loop.time() + WAITS_S
        while _reading and loop.time() < until:  # noqa: ASYNC110 bounded, and in turns
            await asyncio.sleep(0)
