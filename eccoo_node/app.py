"""The one place where the node is put together: settings, database, look, pages, jobs.

`create_app` gives a `Shell`: it owns what lives as long as the process (engine, job loop) and passes requests on to
an inner app that can be built anew and swapped while it runs, because a route cannot be taken out of a built one.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ControllerRouterHandler

from eccoo_federation.client import GuardedClient
from eccoo_node.admin.queries import theme_name as chosen_theme
from eccoo_node.admin.register import DecidedPlugins
from eccoo_node.banking import booked as bank_booked
from eccoo_node.banking import todo as bank_todo
from eccoo_node.cover import died as cover_died
from eccoo_node.cover import leaving
from eccoo_node.cover import letters as cover_letters
from eccoo_node.cover import lines as cover_lines
from eccoo_node.db import bound, jobs
from eccoo_node.db.engine import NodeEngine, engine_for
from eccoo_node.db.migrate import migrate, pending
from eccoo_node.disputes import actions as questions
from eccoo_node.disputes import pausing
from eccoo_node.disputes import todo as question_todo
from eccoo_node.expenses import lines as expense_lines
from eccoo_node.expenses import plans as expense_plans
from eccoo_node.expenses import todo as expense_todo
from eccoo_node.federating import pulls, sender
from eccoo_node.federating.app import FederationApp
from eccoo_node.federating.wire import Wire
from eccoo_node.hmrc import asking as hmrc_asking
from eccoo_node.kernel.circle import circle_bound
from eccoo_node.kernel.clock import Clock, clock_bound, offset_clock, zone_bound
from eccoo_node.kernel.courtesy import somebody_waits
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.post import post_bound
from eccoo_node.kernel.settings import Settings
from eccoo_node.links import ending as link_ending
from eccoo_node.links import identity, introducing, keeping
from eccoo_node.links import names as link_names
from eccoo_node.members.sign_in import resume
from eccoo_node.papers import due as papers_due
from eccoo_node.payouts import checking as payout_checking
from eccoo_node.payouts import todo as payout_todo
from eccoo_node.plugins_host.host import Brought, Host, Register
from eccoo_node.pools import attesting, giving, reading
from eccoo_node.privacy import leaving as privacy_leaving
from eccoo_node.privacy import letters as privacy_letters
from eccoo_node.referrals import letters as referral_letters
from eccoo_node.rota import died as rota_died
from eccoo_node.rota import lines as rota_lines
from eccoo_node.rota import link_news, patterns, payout_news
from eccoo_node.rota import todo as rota_todo
from eccoo_node.settlement import checking as settlement_checking
from eccoo_node.settlement import letters as settlement_letters
from eccoo_node.settlement import todo as settlement_todo
from eccoo_node.theming import Themes
from eccoo_node.web.asgi import ASGIApp, Receive, Scope, Send
from eccoo_node.web.entrance import Entrance
from eccoo_node.web.errors import handle
from eccoo_node.web.front import FrontController
from eccoo_node.web.guards import refuse_nameless, requires_sign_in
from eccoo_node.web.health import HealthController
from eccoo_node.web.mailer import mailer_of
from eccoo_node.web.security import Outermost
from eccoo_node.web.serving import listen, only_one, run
from eccoo_node.web.sessions import LoadSession
from eccoo_node.web.site import NavItem, Site

log = structlog.get_logger("app")

# Each domain with pages. Its `web` module has CONTROLLERS and may have NAV.
DOMAINS = (
    "members", "governance", "agreements", "escrow", "payouts", "banking", "links", "keys", "teams", "rota",
    "expenses", "disputes", "pools", "cover", "settlement", "papers", "hmrc", "privacy", "referrals", "federating", "admin",
)  # fmt: skip
# Modules whose jobs, listeners and handlers are registered by importing them.
WORKING = (
    attesting, bank_booked, bank_todo, cover_died, cover_letters, cover_lines, expense_lines, expense_plans, expense_todo, giving,
    hmrc_asking, introducing, keeping, leaving, link_ending, link_names, link_news, papers_due, patterns, pausing,
    payout_checking, payout_news, payout_todo, privacy_leaving, privacy_letters, pulls, question_todo, questions, reading,
    referral_letters, rota_died, rota_lines, rota_todo, sender, settlement_checking, settlement_letters, settlement_todo,
)  # fmt: skip
MAX_REQUEST_BODY = 1024 * 1024

Service = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class Parts(msgspec.Struct, frozen=True):
    """What the inner app is built from; plugins add to it."""

    controllers: tuple[ControllerRouterHandler, ...] = ()
    nav: tuple[NavItem, ...] = ()
    templates: tuple[Path, ...] = ()
    mounts: Mapping[str, ASGIApp] = {}

    def with_plugins(self, brought: Brought) -> "Parts":
        return Parts(
            (*self.controllers, *brought.routes),
            (*self.nav, *brought.nav),
            (*self.templates, *brought.templates),
            self.mounts,
        )


def domain_parts() -> Parts:
    """The pages of every domain that has some."""
    controllers: list[ControllerRouterHandler] = [FrontController, HealthController]
    nav: list[NavItem] = []
    for domain in DOMAINS:
        name = f"eccoo_node.{domain}.web"
        if find_spec(f"eccoo_node.{domain}") and find_spec(name):
            module = import_module(name)
            controllers += module.CONTROLLERS
            nav += getattr(module, "NAV", ())
    return Parts(tuple(controllers), tuple(nav))


class Mounts:
    """Passes what lies below a prefix to an app of its own, with its path whole; the rest to the pages."""

    def __init__(self, pages: ASGIApp, mounts: Mapping[str, ASGIApp]) -> None:
        self.pages = pages
        self.mounts = dict(mounts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        for prefix, app in self.mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                await app(scope, receive, send)
                return
        with somebody_waits():
            await self.pages(scope, receive, send)


class Pages(Litestar):
    """Litestar without its plugin for Pydantic: nothing here uses it, and its import is a sixth of the time to start."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


@lru_cache(maxsize=2)
def _pages(title: str, controllers: tuple[ControllerRouterHandler, ...]) -> Litestar:
    """These pages, which know nothing of the node that shows them. Putting them together takes half a second."""
    pages = Pages(
        list(controllers),
        guards=[requires_sign_in],
        exception_handlers={Exception: handle},
        openapi_config=OpenAPIConfig(
            title=title,
            version="1",
            openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, opt={"action": "public"}),
            # As JSON only: the HTML pages of it load scripts from elsewhere.
            render_plugins=[JsonRenderPlugin()],
        ),
        request_max_body_size=MAX_REQUEST_BODY,
        logging_config=None,
    )
    refuse_nameless(pages)
    return pages


def build(site: Site, parts: Parts) -> tuple[ASGIApp, Litestar]:
    """The inner app, from the socket to the doors. Raises RuntimeError for a handler that names no action."""
    pages = _pages(site.circle.name, tuple(parts.controllers))
    return Outermost(Mounts(Entrance(pages, site), parts.mounts), site.settings), pages


class Shell:
    """The running node: its engine, its clock, its services, and the inner app that can be swapped."""

    def __init__(
        self, inner: ASGIApp, pages: Litestar, site: Site, *, engine: NodeEngine, clock: Clock | None, owns_engine: bool
    ) -> None:
        self.inner = inner
        self.pages = pages
        self.site = site
        self.engine = engine
        self.clock = clock
        self.mailer = mailer_of(site.settings)
        self.owns_engine = owns_engine
        self.services: list[Service] = []
        # What else belongs to this node alone, such as its keys and its client, bound around each request and job.
        self.bindings: list[Callable[[], contextlib.AbstractContextManager[object]]] = []
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self.theme_name: Callable[[], Awaitable[str]] | None = None
        self.plugins: Host | None = None
        # Why it could not start, for `serve` to say.
        self.broken: Broken | None = None

    def swap(self, inner: ASGIApp, pages: Litestar, site: Site) -> None:
        """Answer with this app from the next request on; requests under way end where they began."""
        self.inner, self.pages, self.site = inner, pages, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.bound():
            if scope["type"] == "lifespan":
                await self._live(receive, send)
            else:
                await self.inner(scope, receive, send)

    @contextlib.contextmanager
    def bound(self) -> Iterator[None]:
        """This node's database, clock and mail, for whatever runs inside."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(bound.bound(self.engine))
            stack.enter_context(post_bound(self.mailer))
            stack.enter_context(zone_bound(self.site.settings.zone))
            stack.enter_context(circle_bound(self.site.settings.circle))
            if self.clock is not None:
                stack.enter_context(clock_bound(self.clock))
            for binding in self.bindings:
                stack.enter_context(binding())
            yield

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stop = asyncio.Event()
        try:
            if self.owns_engine:
                await self.engine.open()
            await self._check()
        except Exception as error:
            self.broken = (
                error if isinstance(error, Broken) else Broken(f"The node could not start: {error}.", "not_started")
            )
            await send({"type": "lifespan.startup.failed", "message": self.broken.sentence})
            return
        running = [asyncio.create_task(service(stop)) for service in self.services]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        stop.set()
        self.engine.changed.set()
        if running:
            await asyncio.wait(running, timeout=12)
            for task in running:
                task.cancel()
        for close in self.closing:
            await close()
        if self.owns_engine:
            await self.engine.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _check(self) -> None:
        if left := await pending(shipped("migrations")):
            raise Broken(f"The database is {len(left)} steps behind this version. Run `eccoo migrate`.", "not_migrated")
        if self.plugins is None:
            await self.wear()
        else:
            await self.plugins.reload()

    async def wear(self) -> None:
        """Wear the theme that was chosen."""
        if self.theme_name is None:
            return
        try:
            self.site.themes.use(await self.theme_name())
        except Broken as broken:
            # A theme that has gone bad must not keep people from their rota.
            log.warning("theme not worn", why=broken.sentence)


def create_app(
    settings: Settings,
    folder: DataFolder,
    *,
    engine: NodeEngine | None = None,
    clock: Clock | None = None,
    node_id: str = "",
    load_session: LoadSession = resume,
    parts: Parts | None = None,
    mounts: Mapping[str, ASGIApp] | None = None,
    theme_name: Callable[[], Awaitable[str]] | None = None,
    plugins: Register | None = None,
    services: Sequence[Service] = (jobs.loop,),
) -> Shell:
    """Put a node together. An engine that is given is opened and closed by whoever gives it."""
    themes = Themes.of(folder)
    parts = parts or domain_parts()
    if mounts:
        parts = msgspec.structs.replace(parts, mounts={**parts.mounts, **mounts})
    whole = parts

    def site_of(parts: Parts) -> Site:
        return Site(
            settings, folder, themes,
            # Until the node has made its keys, its folder tells it from another on the same host.
            node_id=node_id or hashlib.sha256(str(folder.home).encode()).hexdigest(),
            load_session=load_session, nav=parts.nav, templates=parts.templates,
        )  # fmt: skip

    def use(brought: Brought) -> None:
        """Answer from now on with the node's own pages and what the plugins bring."""
        site = site_of(parts := whole.with_plugins(brought))
        site.plugins = shell.plugins
        inner, pages = build(site, parts)
        shell.swap(inner, pages, site)

    site = site_of(parts)
    inner, pages = build(site, parts)
    shell = Shell(
        inner, pages, site, engine=engine or engine_for(settings.database.url, folder.database), clock=clock,
        owns_engine=engine is None,
    )  # fmt: skip
    shell.services = list(services)
    # Started without plugins, a node wears its own look too: either may be what went wrong.
    safe = settings.plugins == "none"
    shell.theme_name = None if safe else theme_name
    if plugins is not None:
        shell.plugins = site.plugins = Host(plugins, use, safe=safe, refresh=shell.wear)
        shell.services.append(shell.plugins.follow)
    return shell


def node_app(settings: Settings, folder: DataFolder, *, parts: Parts | None = None) -> Shell:
    """The whole node of an initialised data folder: pages, wire, jobs. Raises Broken when its keys cannot be read."""
    kept = identity.Kept(folder, settings)
    us = kept()
    wire = Wire(kept, GuardedClient(loopback_peers=us.loopback_peers))
    federation = FederationApp()
    below = {"", *map(identity.prefix_of, us.bases)}
    prefixes = {f"{prefix}{path}" for path in ("/fed", "/.well-known/circle-node") for prefix in below}
    shell = create_app(
        settings,
        folder,
        clock=offset_clock(folder.clock) if settings.demo else None,
        node_id=us.node_id,
        load_session=resume,
        parts=parts,
        theme_name=chosen_theme,
        plugins=DecidedPlugins(),
        mounts=dict.fromkeys(prefixes, federation),
    )
    shell.bindings.append(wire.bound)
    shell.closing.append(wire.client.aclose)
    return shell


async def prepare(settings: Settings, folder: DataFolder, *, alone: bool = False) -> list[str]:
    """Bring the database to this version, or make it. The names of the migrations that ran; raises Broken.

    `alone`: the folder's lock is held, so jobs that are still leased were left by a process that died. PostgreSQL is asked
    who else is connected.
    """
    engine = engine_for(settings.database.url, folder.database)
    await engine.open()
    try:
        with bound.bound(engine):
            ran = await migrate(shipped("migrations"))
            if alone or await jobs.alone():
                await jobs.let_go()
            return ran
    finally:
        await engine.close()


def serve(
    settings: Settings,
    folder: DataFolder,
    *,
    ready: Callable[[], None] | None = None,
    make_app: Callable[[], Shell] | None = None,
) -> None:
    """Serve this folder until told to stop. Raises Broken, with one plain sentence, when it cannot."""
    try:
        folder.make()
    except OSError as error:
        raise Broken(f"{folder.home} cannot be used as the data folder: {error.strerror}.", "bad_folder") from None
    with contextlib.ExitStack() as stack:
        if not settings.database.url:
            stack.enter_context(only_one(folder.lock))
        listener = listen(settings.web.host, settings.web.port)
        stack.callback(listener.close)
        asyncio.run(prepare(settings, folder, alone=not settings.database.url))
        shell = make_app() if make_app else create_app(settings, folder)
        run(shell, listener, ready=ready)
        if shell.broken is not None:
            raise shell.broken
