"""Running someone else's code so that the circle's pages go on without it."""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from eccoo_node.db.transaction import outside

T = TypeVar("T")

HOOK_S = 3.0
IMPORT_S = 10.0
MIGRATION_S = 60.0
PAGE_S = 10.0

# What an admin reads, by where it went wrong.
PLACES = {
    "import": "its code could not be loaded",
    "declare": "it could not say what it is",
    "permissions": "it uses something it did not ask for",
    "changed": "it says something else than what was allowed",
    "settings": "its settings cannot be used",
    "register_routes": "its pages could not be prepared",
    "register_navigation": "its line in the navigation could not be prepared",
    "register_tables": "its records could not be prepared",
    "migration": "its records could not be brought up to date",
    "page": "one of its pages broke",
    "template": "one of its pages could not be drawn",
}


class Failed(Exception):
    """A plugin did not do its part. `where` is a key of PLACES, `what` the kind of error; never the error's text,
    which may hold a name."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what

    @property
    def code(self) -> str:
        """As it is kept: "register_routes:ValueError"."""
        return f"{self.where}:{self.what}"[:64]


def say(code: str) -> str:
    """A kept code as an admin reads it."""
    where, _, what = code.partition(":")
    if what == "Stalled":
        return f"It took too long ({where})."
    told = PLACES.get(where, "something in it broke")
    return f"{told[:1].upper()}{told[1:]}{f' ({what})' if what else ''}."


async def in_thread(function: Callable[[], T], where: str, deadline_s: float) -> T:
    """Run a plain function in a thread of its own. Raises Failed when it raises, or has not ended by the deadline.

    The thread is a daemon, so that one that never ends does not keep the process from ending; and it runs in an empty
    context, so that no database is bound in it.
    """
    outside("a plugin’s hook")
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if not ended.done():
            if error is None:
                ended.set_result(result)
            else:
                ended.set_exception(error)

    def run() -> None:
        result: Any = None
        failed: Exception | None = None
        try:
            result = contextvars.Context().run(function)
        except Failed as error:
            failed = error
        except BaseException as error:  # SystemExit from a plugin must not pass for an ending.
            failed = Failed(where, type(error).__name__)
        # The loop may have been closed by the time a stalled thread wakes.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, daemon=True, name=f"plugin {where}").start()
    try:
        async with asyncio.timeout(deadline_s):
            return await ended
    except TimeoutError:
        raise Failed(where, "Stalled") from None


async def in_loop(work: Awaitable[T], where: str, deadline_s: float, passing: tuple[type[Exception], ...] = ()) -> T:
    """Await a plugin's coroutine. Raises Failed when it raises anything but `passing`, or not ended by the deadline."""
    outside("a plugin’s page")
    try:
        async with asyncio.timeout(deadline_s):
            return await work
    except passing:
        raise
    except Failed:
        raise
    except TimeoutError:
        raise Failed(where, "Stalled") from None
    except Exception as error:
        raise Failed(where_of(error, where), type(error).__name__) from error


def where_of(error: Exception, otherwise: str) -> str:
    """A template's error is told apart from a page's."""
    return "template" if type(error).__module__.startswith("jinja2") else otherwise
