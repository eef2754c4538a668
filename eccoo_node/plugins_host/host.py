"""The host: which plugins run in this process, what they bring to the app, and what became of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from litestar import Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from eccoo_node.kernel.errors import Refusal
from eccoo_node.plugins_host import guard
from eccoo_node.plugins_host.catalogue import Found, catalogue
from eccoo_node.plugins_host.guard import Failed, in_loop
from eccoo_node.plugins_host.handle import Request
from eccoo_node.plugins_host.hookspecs import Route, Way
from eccoo_node.plugins_host.loading import Running, new_manager, start
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.errors import Trouble, answer
from eccoo_node.web.forms import FormError
from eccoo_node.web.sessions import SessionActor
from eccoo_node.web.site import NavItem

log = structlog.get_logger("plugins")


class Allowed(msgspec.Struct, frozen=True):
    """What an admin decided about one plugin, as it is kept."""

    name: str
    enabled: bool
    settings: dict[str, Any]
    content_hash: str
    failures: int = 0
    last_error: str = ""


class Register(Protocol):
    """Where the admins' decisions are kept."""

    async def allowed(self) -> dict[str, Allowed]: ...

    async def failed(self, name: str, code: str) -> bool:
        """Count one failure; True when it was one too many and the plugin has been switched off."""

    async def revision(self) -> str:
        """Changes whenever a decision does, in this process or another."""


class Status(msgspec.Struct, frozen=True):
    """How a plugin is, for the admin's page. codes: running, off, incompatible, troubled, changed, failed, gone, safe."""

    code: str
    words: str


class Brought(msgspec.Struct, frozen=True):
    """What all running plugins bring to the app."""

    routes: tuple[HTTPRouteHandler, ...] = ()
    nav: tuple[NavItem, ...] = ()
    templates: tuple[Path, ...] = ()


RUNNING = Status("running", "It is on.")
OFF = Status("off", "It is off.")
SAFE = Status("safe", "It is on, but this node was started without plugins.")
CHANGED = Status(
    "changed", "It has changed since you allowed it, so it is not running. Read again what it does, then allow it."
)
GONE = Status("gone", "It is on, but no longer installed. Its records are kept.")


class Host:
    """One for each running node. `use` is told what the plugins bring and swaps the app."""

    def __init__(
        self, register: Register, use: Callable[[Brought], None], *, safe: bool = False,
        refresh: Callable[[], Awaitable[None]] | None = None, hook_s: float = guard.HOOK_S, page_s: float = guard.PAGE_S,
    ) -> None:  # fmt: skip
        self.register = register
        self.use = use
        self.safe = safe
        # What else follows the admins' decisions: the theme.
        self.refresh = refresh
        self.hook_s = hook_s
        self.page_s = page_s
        self.found: dict[str, Found] = {}
        self.running: dict[str, Running] = {}
        self.statuses: dict[str, Status] = {}
        self._turn = asyncio.Lock()
        self._seen = ""
        self._brought_some = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self) -> dict[str, Found]:
        """What is installed now, read from disk; nothing of it is run."""
        return await guard.in_thread(catalogue, "import", guard.IMPORT_S)

    async def reload(self) -> None:
        """Build the app anew from what is allowed now. Requests under way end in the app they began in."""
        async with self._turn:
            self._seen = await self.register.revision()
            allowed = await self.register.allowed()
            self.found = await self.look()
            self.statuses = {name: self._at_first(name, allowed.get(name)) for name in sorted({*self.found, *allowed})}
            manager = new_manager()
            wanted = [name for name, status in self.statuses.items() if status is RUNNING]
            for name in self.statuses:
                if name not in wanted:
                    manager.set_blocked(name)
            running: dict[str, Running] = {}
            for name in sorted(wanted):
                try:
                    running[name] = await start(manager, self.found[name], allowed[name].settings, self.hook_s)
                except Failed as failure:
                    await self._count(name, failure)
            self.running = running
            if self.refresh is not None:
                await self.refresh()
            # Where none was brought and none is, the app is as it was.
            if self._brought_some or running:
                await self._swap()
                self._brought_some = bool(self.running)

    def _at_first(self, name: str, allowed: Allowed | None) -> Status:
        found = self.found.get(name)
        if found is None:
            return GONE if allowed is not None and allowed.enabled else Status("gone", "It is no longer installed.")
        if found.trouble:
            return Status("incompatible" if found.trouble_code == "incompatible" else "troubled", found.trouble)
        if allowed is None or not allowed.enabled:
            if allowed is not None and allowed.last_error:
                return Status("failed", f"It was switched off because it kept failing. {guard.say(allowed.last_error)}")
            return OFF
        if self.safe:
            return SAFE
        return RUNNING if found.approved_by(allowed.content_hash) else CHANGED

    async def _swap(self) -> None:
        """Swap the app; where a plugin's pages spoil it, find out whose they are and go on without them."""
        try:
            self.use(self._all_that(self.running))
            return
        except Exception as error:
            log.warning("plugins spoil the app", error=type(error).__name__)
        sound: dict[str, Running] = {}
        for name, running in self.running.items():
            try:
                self.use(self._all_that(sound | {name: running}))
                sound[name] = running
            except Exception as error:
                await self._count(name, Failed("register_routes", type(error).__name__))
        self.running = sound
        self.use(self._all_that(sound))

    def _all_that(self, running: dict[str, Running]) -> Brought:
        return Brought(
            tuple(self._handler(r, route) for r in running.values() for route in r.routes),
            tuple(_line(r, way) for r in running.values() for way in r.ways),
            tuple(folder for r in running.values() for folder in r.templates),
        )

    def _handler(self, running: Running, route: Route) -> HTTPRouteHandler:
        async def page(request: AnyRequest) -> Response[Any]:
            return await self._answer(running, route, request)

        page.__name__ = f"{running.plugin.name}_{route.method.lower()}_{route.handler.__name__}"
        kind, action = (get, "plugin.see") if route.method == "GET" else (post, "plugin.act")
        made: HTTPRouteHandler = kind(
            f"{running.plugin.path}{route.path}", opt={"action": action}, include_in_schema=False
        )(page)
        return made

    async def _answer(self, running: Running, route: Route, request: AnyRequest) -> Response[Any]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            handle = Request(running.plugin, running.settings, request)
            page = await in_loop(route.handler(handle), "page", self.page_s, (Refusal, FormError, HTTPException))
            if not isinstance(page, Response):
                raise Failed("page", "NoPage")
        except Failed as failure:
            await self._count_page(running, failure)
            return answer(request, not_working(running.plugin.title))
        if loop.time() - began > self.page_s:
            # It held the whole node up without once letting go, so that no deadline could end it.
            await self._count_page(running, Failed("page", "Stalled"))
        return page

    async def _count(self, name: str, failure: Failed) -> None:
        """Write down that a plugin did not start."""
        self._say_failed(name, failure, off=await self._written(name, failure))

    async def _count_page(self, running: Running, failure: Failed) -> None:
        """Write down a page's failure. The last one that is suffered builds the app without the plugin."""
        name = running.plugin.name
        # The page may belong to an app that has been swapped out, before this failure was written or after.
        if self.running.get(name) is not running:
            return
        off = await self._written(name, failure)
        if self.running.get(name) is not running:
            return
        self._say_failed(name, failure, off=off)
        if off:
            del self.running[name]
            task = asyncio.create_task(self.reload())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _written(self, name: str, failure: Failed) -> bool:
        log.warning("plugin failed", plugin=name, where=failure.where, error=failure.what)
        return await self.register.failed(name, failure.code)

    def _say_failed(self, name: str, failure: Failed, *, off: bool) -> None:
        begins = "It was switched off because it kept failing." if off else "It is on, but not working."
        self.statuses[name] = Status("failed", f"{begins} {guard.say(failure.code)}")

    async def follow(self, stop: asyncio.Event, every_s: float = 1.0) -> None:
        """Notice what another process or a command decided, and build the app anew. A service of the shell."""
        while not stop.is_set():
            try:
                if await self.register.revision() != self._seen:
                    await self.reload()
            except Exception as error:
                log.warning("plugins not followed", error=type(error).__name__)
            try:
                async with asyncio.timeout(every_s):
                    await stop.wait()
            except TimeoutError:
                continue


def not_working(title: str) -> Trouble:
    """What a member reads where a plugin's page should be."""
    return Trouble(
        503, "plugin_failed", f"{title} is not working just now.",
        "Everything else in the circle works as always. What you did just now may not have been saved.",
        "Try again in a while. We have written down what went wrong, so that an admin can look into it.",
    )  # fmt: skip


def _line(running: Running, way: Way) -> NavItem:
    roles: Sequence[str] = way.roles

    def shown_to(session: SessionActor) -> bool:
        return not roles or any(h.kind == "circle" and h.role in roles for h in session.actor.hats)

    return NavItem(f"{running.plugin.path}{way.path}", way.words, shown_to, order=80)
