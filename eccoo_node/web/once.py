"""One effect for each form, however often it is sent.

Each form carries a key. The first to send it claims the key and is answered; whoever sends it again, on a slow line
or with a trembling hand, waits for that answer and gets it too. A form that was refused may be sent again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one, insert_once
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.web.tables import FormSent

Answer = list[Any]  # The ASGI messages of one response.
WAIT_S = 15.0
_KEPT = 200
_FORGET_AFTER = timedelta(days=7)

UNSURE = Conflict(
    "This was sent before, and we can’t tell from here how it ended. Please look before you send it again.",
    "sent_before",
)


class Once:
    """The forms under way in this process, and the last answers given, cookies and all."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[None]] = {}
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    async def answer(self, key: str, effect: Callable[[], Awaitable[Answer]]) -> Answer | str:
        """The answer of this form: of `effect` for the first sender, the same for the others.

        A string is where the first sender was led, when another process answered. Raises Conflict("sent_before")
        when the first sending was cut off and nobody knows how it ended.
        """
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while True:
            if key in self._answers:
                return self._answers[key]
            running = self._running.get(key)
            if running is not None:
                await asyncio.shield(running)
                continue
            self._running[key] = turn = asyncio.get_running_loop().create_future()
            try:
                if await _claim(key):
                    return await self._first(key, effect)
                row = await fetch_one("SELECT went_to, done_at FROM form_sent WHERE key = ?", key)
            finally:
                del self._running[key]
                turn.set_result(None)
            if row is not None and row["done_at"] is not None:
                return str(row["went_to"])
            if asyncio.get_running_loop().time() > deadline:
                raise UNSURE
            # Another process has it in hand, or had it when it was killed.
            await asyncio.sleep(0.05)

    async def _first(self, key: str, effect: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            messages = await effect()
        except BaseException:
            await asyncio.shield(_release(key))
            raise
        start = messages[0]
        if not 300 <= start["status"] < 400:
            await _release(key)
            return messages
        went_to = next((value.decode("latin-1") for name, value in start["headers"] if name == b"location"), "/")
        async with write():
            await fetch("UPDATE form_sent SET went_to = ?, done_at = ? WHERE key = ?", went_to, clock.now(), key)
        self._answers[key] = messages
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return messages


async def _claim(key: str) -> bool:
    async with write():
        return await insert_once(FormSent(key=key, went_to="", sent_at=clock.now(), done_at=None))


async def _release(key: str) -> None:
    async with write():
        await fetch("DELETE FROM form_sent WHERE key = ? AND done_at IS NULL", key)


async def _old_forms() -> bool:
    found = await fetch_one("SELECT 1 FROM form_sent WHERE sent_at < ? LIMIT 1", clock.now() - _FORGET_AFTER)
    return found is not None


@job("web.forget_forms", when=_old_forms)
async def forget_forms(payload: dict[str, Any]) -> datetime | None:
    """Keys of forms sent a week ago. By then the state of things refuses a second sending."""
    async with write():
        await fetch("DELETE FROM form_sent WHERE sent_at < ?", clock.now() - _FORGET_AFTER)
    return None
