"""A plugin that goes wrong is told of and left out; the others run."""

import asyncio
from pathlib import Path

import pytest

from eccoo_node.admin import actions
from eccoo_node.admin.queries import plugins as decided
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.plugins_host.catalogue import catalogue
from eccoo_node.plugins_host.guard import in_thread
from tests.support.node import Node
from tests.support.plugins import DECLARE, MANIFEST, ROUTES, Shelf, Site, migrations_begun


@pytest.fixture
async def site(node: Node, plugins: Shelf, tmp_path: Path) -> Site:
    await migrations_begun(node)
    return Site(node, tmp_path / "home")


async def allow(site: Site, *names: str) -> None:
    found = catalogue()
    for name in names:
        await actions.enable_plugin(COMMAND, found[name], found[name].approval())
    await site.host.reload()


def codes(site: Site) -> dict[str, str]:
    return {name: status.code for name, status in site.host.statuses.items() if name != "gatherings"}


async def errors() -> dict[str, str]:
    return {name: kept.last_error for name, kept in (await decided()).items() if kept.last_error}


async def test_whatever_goes_wrong_with_one_the_others_run(site: Site, plugins: Shelf) -> None:
    tables = "@hookimpl\ndef register_tables():\n    return Tables((), Path(__file__).parent / 'migrations')\n"
    plugins.put("good")
    plugins.put("badimport", code="import nothing_of_this_name")
    plugins.put("slowimport", code="raise SystemExit(0)")
    plugins.put("badhook", routes=ROUTES.replace("return", "raise ValueError('Ada of 1 Bank Street')  #"))
    plugins.put("slowhook", routes=ROUTES.replace("    return", "    time.sleep(30)\n    return"))
    plugins.put("misspelt", code="@hookimpl\ndef register_route():\n    return []\n")
    plugins.put("wrongargs", routes=ROUTES.replace("register_routes()", "register_routes(app)"))
    plugins.put("wronganswer", routes=ROUTES.replace("[Route('GET', '', page)]", "'pages'"))
    plugins.put("blocking", page="def page(request):\n    pass\n")
    plugins.put("wrapper", routes=ROUTES.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return", "yield #"))
    plugins.put("other", declare=DECLARE.replace("Plugin.of(__file__, Settings)", "Plugin('other', 'Another', '>=1')"))
    folder = plugins.put("badmigration", code=tables)
    (folder / "migrations").mkdir()
    (folder / "migrations" / "x_badmigration_1.py").write_text(
        'STATEMENTS = {d: ["CREATE TABLE x_badmigration_a (id INTEGER)", "CREATE NONSENSE"] for d in ("sqlite", "postgres")}'
    )
    names = sorted(codes(site) | dict.fromkeys(n for n in catalogue() if n != "gatherings"))
    await allow(site, *names)
    assert codes(site) == dict.fromkeys(names, "failed") | {"good": "running"}
    kept = await errors()
    assert kept | {"badmigration": "", "wrapper": ""} == {
        "badhook": "register_routes:ValueError", "badimport": "import:ModuleNotFoundError", "badmigration": "",
        "blocking": "register_routes:NotAsync", "misspelt": "import:UnknownHook", "other": "changed:declare",
        "slowhook": "register_routes:Stalled", "slowimport": "import:SystemExit",
        "wronganswer": "register_routes:WrongAnswer", "wrongargs": "import:WrongArguments", "wrapper": "",
    }  # fmt: skip
    assert kept["badmigration"].startswith("migration:")
    # Half a migration is none.
    async with write():
        await fetch("CREATE TABLE x_badmigration_a (id INTEGER)")


async def test_what_was_not_asked_for_is_refused(site: Site, plugins: Shelf) -> None:
    silent = MANIFEST.replace('["pages", "navigation", "records", "who"]', '["records"]')
    plugins.put("pages", manifest=silent, navigation="")
    plugins.put("ways", manifest=silent, routes="")
    folder = plugins.put("layout")
    (folder / "templates" / "layout.html").write_text("Mine now")
    plugins.put(
        "tables",
        code="""
        class Mine(Table, tablename="person"):
            id = serial()

        @hookimpl
        def register_tables():
            return Tables((Mine,), Path(__file__).parent)
        """,
    )
    await allow(site, "pages", "ways", "layout", "tables")
    assert await errors() == {
        "layout": "permissions:templates", "pages": "permissions:pages", "tables": "permissions:records",
        "ways": "permissions:navigation",
    }  # fmt: skip
    assert site.host.running == {}


async def test_one_that_was_changed_since_it_was_allowed_does_not_run(site: Site, plugins: Shelf) -> None:
    plugins.put("choir")
    await allow(site, "choir")
    assert codes(site) == {"choir": "running"}
    plugins.put("choir", code="CHANGED = True\n")
    await site.host.reload()
    assert (codes(site), site.host.running) == ({"choir": "changed"}, {})
    # Allowed anew, the new code runs, not the one this process had loaded before.
    await allow(site, "choir")
    assert codes(site) == {"choir": "running"}
    page = site.host.running["choir"].routes[0].handler
    assert page.__globals__["CHANGED"] is True


async def test_one_that_is_no_longer_installed_or_fits_no_more_is_told_of(site: Site, plugins: Shelf) -> None:
    plugins.put("choir")
    plugins.put("walks")
    await allow(site, "choir", "walks")
    (plugins.folder / "made_choir-0.1.0.dist-info" / "entry_points.txt").unlink()
    plugins.put("walks", manifest=MANIFEST.replace(">=1.0,<2", ">=9"))
    await site.host.reload()
    assert codes(site) == {"choir": "gone", "walks": "incompatible"}


async def test_in_safe_mode_none_is_loaded(node: Node, plugins: Shelf, tmp_path: Path) -> None:
    await migrations_begun(node)
    site = Site(node, tmp_path / "home", settings={"plugins": "none"})
    plugins.put("choir", code="raise SystemExit('loaded')")
    await allow(site, "choir")
    assert (codes(site), await errors()) == ({"choir": "safe"}, {})


async def test_pages_that_spoil_the_app_leave_with_their_plugin(site: Site, plugins: Shelf) -> None:
    plugins.put("good")
    plugins.put("twice", routes=ROUTES.replace("[Route('GET', '', page)]", "[Route('GET', '', page)] * 2"))
    await allow(site, "good", "twice")
    assert codes(site) == {"good": "running", "twice": "failed"}
    assert list(site.host.running) == ["good"]


async def test_each_app_has_its_own_manager(site: Site, plugins: Shelf, node: Node, tmp_path: Path) -> None:
    plugins.put("choir")
    await allow(site, "choir")
    other = Site(node, tmp_path / "other")
    assert other.host.running == {}
    await other.host.reload()
    assert list(other.host.running) == ["choir"]
    assert other.host.running["choir"] is not site.host.running["choir"]


async def test_a_hook_never_runs_inside_a_transaction(node: Node) -> None:
    async with write():
        with pytest.raises(RuntimeError, match="a plugin’s hook inside a transaction"):
            await in_thread(lambda: None, "declare", 1)


async def test_a_decision_made_elsewhere_is_followed(site: Site, plugins: Shelf) -> None:

    plugins.put("choir")
    await site.host.reload()
    stop = asyncio.Event()
    following = asyncio.create_task(site.host.follow(stop, every_s=0.01))
    found = catalogue()["choir"]
    await actions.enable_plugin(COMMAND, found, found.approval())
    async with asyncio.timeout(5):
        while "choir" not in site.host.running:
            await asyncio.sleep(0.01)
    stop.set()
    await following
