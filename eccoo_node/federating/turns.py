"""Whose letters are taken in next: one batch at a time, and the short ones first.

Twenty circles that come back at one moment have a thousand letters each; a twenty-first with one word to say must not wait
until all of them were heard.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eccoo_federation.errors import ProtocolError

# A batch of so many letters is short.
SHORT = 5
# More waiting than this would have given up before their turn; each is told to come again.
MOST_WAITING = 60
COME_AGAIN_S = 20


class Turns:
    """One at a time. Whoever waits costs nothing."""

    def __init__(self) -> None:
        self._taken = False
        self._short: deque[asyncio.Future[None]] = deque()
        self._long: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, letters: int) -> AsyncIterator[None]:
        """Wait for one's turn. Raises ProtocolError("too_many") when too many long ones wait already."""
        if self._taken:
            await self._wait(self._short if letters <= SHORT else self._long)
        self._taken = True
        try:
            yield
        finally:
            self._next()

    async def _wait(self, row: deque[asyncio.Future[None]]) -> None:
        if row is self._long and len(row) >= MOST_WAITING:
            raise ProtocolError("too_many", detail={"retry_after": COME_AGAIN_S})
        mine = asyncio.get_running_loop().create_future()
        row.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():
                # It was given to whoever waits no more.
                self._next()
            raise

    def _next(self) -> None:
        for row in (self._short, self._long):
            while row:
                waiting = row.popleft()
                if not waiting.done():
                    waiting.set_result(None)
                    return
        self._taken = False
