"""Throw-away plugins, installed as a stranger's would be: a package and a dist-info with an entry point, on the path."""

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path

import httpx
import msgspec

from eccoo_node.admin.queries import theme_name
from eccoo_node.admin.register import DecidedPlugins
from eccoo_node.admin.web import NAV, AdminController
from eccoo_node.app import Parts, Shell, create_app
from eccoo_node.db.migrate import _MAKE, MigrationDone, chain
from eccoo_node.db.rows import insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor, Hat
from eccoo_node.kernel.ids import hash_secret
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import Settings
from eccoo_node.plugins_host.catalogue import GROUP
from eccoo_node.plugins_host.host import Host
from eccoo_node.web.front import FrontController
from tests.support.node import Node
from tests.support.sources import ROOT

MANIFEST = """
name = "{name}"
title = "{title}"
about = "A test."
api = ">=1.0,<2"
permissions = ["pages", "navigation", "records", "who"]

[acts.add]
words = "add one"
roles = ["convenor"]
"""
# A plugin that does everything right; a test replaces the part that it wants to go wrong.
DECLARE = "@hookimpl\ndef declare():\n    return Plugin.of(__file__, Settings)\n"
ROUTES = "@hookimpl\ndef register_routes():\n    return [Route('GET', '', page)]\n"
PAGE = "async def page(request):\n    return request.render('page.html', words=request.settings.words)\n"
NAVIGATION = "@hookimpl\ndef register_navigation():\n    return [Way('{title}')]\n"
HEAD = """
import time
from pathlib import Path
from msgspec import Struct
from eccoo_node.plugin_api import *


class Settings(Struct):
    words: str = "All is well."
"""
TEMPLATE = (
    "{% extends 'layout.html' %}{% block title %}A{% endblock %}{% block main %}<h1>{{ words }}</h1>{% endblock %}"
)


class Shelf:
    """A folder on the path into which plugins are put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def dist(self, name: str, module: str, dist: str = "") -> None:
        """Make an entry point known, as an installed distribution does."""
        info = self.folder / f"{(dist or f'made_{name}').replace('-', '_')}-0.1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist or f'made-{name}'}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}\n")

    def put(
        self, name: str, code: str = "", *, manifest: str = MANIFEST, template: str = TEMPLATE, declare: str = DECLARE,
        routes: str = ROUTES, page: str = PAGE, navigation: str = NAVIGATION,
    ) -> Path:  # fmt: skip
        """Install a plugin; its package's folder. `code` is added at the end."""
        package = self.folder / f"made_{name}"
        (package / "templates" / "x" / name).mkdir(parents=True, exist_ok=True)
        words = {"name": name, "title": name.title()}
        (package / "__init__.py").write_text("")
        (package / "plugin.toml").write_text(manifest.format(**words))
        (package / "templates" / "x" / name / "page.html").write_text(template)
        parts = [HEAD, page, declare, routes, navigation.format(**words), textwrap.dedent(code)]
        (package / "plugin.py").write_text("\n\n".join(parts))
        self.dist(name, f"made_{name}.plugin")
        return package

    def bundled(self) -> None:
        """The plugin that comes with the node, where the node itself is not installed."""
        if not any(d.name == "eccoo-node" for d in _installed()):
            self.dist("gatherings", "eccoo_gatherings.plugin", "eccoo-node")


def _installed() -> Iterator[Distribution]:
    return iter(distributions())


@contextmanager
def shelf(folder: Path) -> Iterator[Shelf]:
    """A shelf on the path; afterwards nothing of its plugins is left in this process."""
    made = Shelf(folder)
    sys.path.insert(0, str(folder))
    try:
        yield made
    finally:
        sys.path.remove(str(folder))
        for name in [n for n in sys.modules if n.partition(".")[0].startswith(("made_", "eccoo_gatherings"))]:
            del sys.modules[name]


class SignedIn(msgspec.Struct, frozen=True):
    """A session as a test needs it."""

    actor: Actor
    called: str
    session_id: str = "s"
    acting_for_called: str = ""
    relation: str = ""
    large_print: bool = False


def wearing(person_id: str, circle_id: str, *roles: str) -> Actor:
    return Actor(person_id, tuple(Hat(role, circle_id, "circle") for role in roles))


class Site:
    """A running app with the admins' pages, and people who are signed in by naming them."""

    def __init__(self, node: Node, folder: Path, **options: object) -> None:
        self.people: dict[str, SignedIn] = {}
        home = DataFolder(folder)
        home.make()

        async def load(token_hash: str) -> SignedIn | None:
            return next((s for name, s in self.people.items() if hash_secret(name) == token_hash), None)

        settings = msgspec.convert(options.get("settings", {}), Settings)
        self.shell: Shell = create_app(
            settings, home, engine=node.engine, clock=node.clock,
            load_session=load, parts=Parts((FrontController, AdminController), tuple(NAV)), services=(),
            plugins=DecidedPlugins(), theme_name=theme_name,
        )  # fmt: skip
        assert self.shell.plugins is not None
        self.host: Host = self.shell.plugins
        # As long as a test waits for a plugin that stalls.
        self.host.page_s = 0.5
        self.host.hook_s = 0.5

    def client(self, name: str = "") -> httpx.AsyncClient:
        """A browser without scripts; signed in as one of `people` when named."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.shell), base_url="http://127.0.0.1:8000", follow_redirects=True
        )
        if name:
            client.cookies.set(self.shell.site.session_cookie, name)
        return client


async def migrations_begun(node: Node) -> None:
    """The list of migrations that have run, which a database made from its classes lacks."""
    async with write():
        await node.engine.script([_MAKE[node.engine.engine_type]])
        for path in chain(shipped("migrations"), "core"):
            await insert(MigrationDone(app="core", name=path.stem, at=clock.now()))


async def send(client: httpx.AsyncClient, page: str, action: str, **values: str) -> httpx.Response:
    """Fill in the form with this action on a page and press its button."""
    shown = (await client.get(page)).text
    form = shown.partition(f'action="{action}"')[2].partition("</form>")[0]
    assert form, f"no form for {action} on {page}"
    hidden = dict(_hidden(form))
    return await client.post(action, data=hidden | values)


def _hidden(form: str) -> Iterator[tuple[str, str]]:
    for part in form.split('<input type="hidden" name="')[1:]:
        name, _, rest = part.partition('"')
        yield name, rest.partition('value="')[2].partition('"')[0]


GATHERINGS = ROOT / "plugins" / "eccoo_gatherings"
