"""Plugins and themes as an admin and a member meet them in the browser."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eccoo_node.admin.queries import plugins as decided
from eccoo_node.db.extras import create_statements
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import Actor
from tests.support import make
from tests.support.node import Node
from tests.support.plugins import MANIFEST, PAGE, Shelf, SignedIn, Site, migrations_begun, send, shelf, wearing

ON, OFF = "/admin/plugins/gatherings/on", "/admin/plugins/gatherings/off"
PAGE_OF = "/admin/plugins/gatherings"
SOCIAL = {
    "title": "Tea and cake",
    "day": "2026-11-26",
    "at": "14:30",
    "place": "The Pavilion",
    "words": "Bring a friend.",
}


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Shelf]:
    with shelf(tmp_path / "shelf") as made:
        made.bundled()
        yield made


@pytest.fixture
async def site(node: Node, plugins: Shelf, tmp_path: Path) -> Site:
    await migrations_begun(node)
    circle = await make.circle()
    made = Site(node, tmp_path / "home")
    for called, roles in (("Amara", ("admin",)), ("Colm", ("convenor",)), ("Mei", ("member",))):
        id_ = await make.person(called)
        made.people[called] = SignedIn(wearing(id_, circle, *roles), called)
    made.people["Ruth"] = SignedIn(Actor(await make.person("Ruth")), "Ruth")
    await made.host.reload()
    return made


async def switch_on(site: Site, name: str = "gatherings") -> Any:
    return await send(site.client("Amara"), f"/admin/plugins/{name}", f"/admin/plugins/{name}/on")


async def audited() -> list[tuple[str, str, str]]:
    rows = await fetch(
        "SELECT action, outcome, thing_id FROM audit WHERE action LIKE 'admin.%' OR action LIKE 'plugin.%' ORDER BY id"
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def test_an_admin_reads_what_it_does_and_switches_it_on_without_a_restart(site: Site) -> None:
    admin, member = site.client("Amara"), site.client("Mei")
    before = site.shell.inner
    page = (await admin.get(PAGE_OF)).text
    assert "Lets facilitators and convenors add a gathering." in page
    assert "Keeps records of its own in the database." in page
    assert (await member.get("/x/gatherings")).status_code == 404
    told = await send(admin, PAGE_OF, ON)
    assert "Gatherings is on." in told.text
    assert site.shell.inner is not before
    listed = await member.get("/x/gatherings")
    assert (listed.status_code, "Nothing is planned in the next 8 weeks" in listed.text) == (200, True)
    assert '/x/gatherings" aria-current="page">Gatherings</a>' in listed.text
    assert await audited() == [("admin.enable_plugin", "done", "gatherings")]
    words = await fetch_value("SELECT text FROM audit_text")
    assert "Shows pages of its own at /x/gatherings." in words


async def test_switching_it_on_twice_is_one_act(site: Site) -> None:
    await switch_on(site)
    admin = site.client("Amara")
    page = (await admin.get(PAGE_OF)).text
    assert f'action="{ON}"' not in page
    assert await fetch_value("SELECT COUNT(*) FROM event WHERE kind = 'plugin.enabled'") == 1


async def test_nobody_but_an_admin_decides(site: Site) -> None:
    for name in ("Mei", "Colm", "Ruth"):
        client = site.client(name)
        for path in ("/admin", "/admin/plugins", PAGE_OF, "/admin/themes"):
            assert (await client.get(path)).status_code == 403
    await switch_on(site)
    # A form of this member's own, sent to where only an admin's goes.
    member = site.client("Colm")
    shown = (await member.get("/x/gatherings/add")).text
    token = shown.partition('name="_form" value="')[2].partition('"')[0]
    answer = await member.post(OFF, data={"_form": token})
    assert (answer.status_code, "Only an admin of the circle can do this." in answer.text) == (403, True)
    assert site.host.statuses["gatherings"].code == "running"
    assert (await audited())[-1] == ("admin.disable_plugin", "refused", "gatherings")
    assert (
        (await site.client().get("/admin/plugins", follow_redirects=False)).headers["location"].startswith("/sign-in")
    )


async def test_a_convenor_adds_a_gathering_and_everyone_sees_it(site: Site) -> None:
    await switch_on(site)
    convenor = site.client("Colm")
    listed = await send(convenor, "/x/gatherings/add", "/x/gatherings/add", **SOCIAL)
    assert "Tea and cake is on the list." in listed.text
    # Where a browser has no way of choosing a time, people write it.
    await send(convenor, "/x/gatherings/add", "/x/gatherings/add", **SOCIAL | {"title": "Walk", "at": "9.15am"})
    assert "Thursday 26 November, 9.15am" in (await convenor.get("/x/gatherings")).text
    for name in ("Mei", "Ruth"):
        page = (await site.client(name).get("/x/gatherings")).text
        assert ["Thursday 26 November, 2.30pm" in page, "The Pavilion" in page, "Bring a friend." in page] == [True] * 3
        assert ("Add a gathering" in page, "Call off" in page) == (False, False)
    assert (await audited())[-1] == ("plugin.act", "done", "gatherings.add")
    assert await fetch_value("SELECT added_by FROM x_gatherings_gathering") == site.people["Colm"].actor.person_id


async def test_whoever_is_neither_convenor_nor_facilitator_adds_none(site: Site) -> None:
    await switch_on(site)
    member = site.client("Mei")
    assert (await member.get("/x/gatherings/add")).status_code == 403
    token = (
        (await site.client("Colm").get("/x/gatherings/add")).text.partition('name="_form" value="')[2].partition('"')[0]
    )
    assert (await member.post("/x/gatherings/add", data={"_form": token} | SOCIAL)).status_code == 403
    assert await fetch_value("SELECT COUNT(*) FROM x_gatherings_gathering") == 0


async def test_what_cannot_be_used_is_said_and_what_was_typed_is_kept(site: Site) -> None:
    await switch_on(site)
    convenor = site.client("Colm")
    past = await send(convenor, "/x/gatherings/add", "/x/gatherings/add", **SOCIAL | {"day": "2026-11-20"})
    assert (past.status_code, "That day is over." in past.text, 'value="Tea and cake"' in past.text) == (
        422,
        True,
        True,
    )
    vague = await send(convenor, "/x/gatherings/add", "/x/gatherings/add", **SOCIAL | {"at": "after lunch"})
    assert "Please say when it begins, such as 2.30pm or 14:30." in vague.text
    blank = await send(convenor, "/x/gatherings/add", "/x/gatherings/add", words="Only words")
    assert "Please say what it is, in up to 80 letters." in blank.text
    assert await fetch_value("SELECT COUNT(*) FROM x_gatherings_gathering") == 0


async def test_what_is_called_off_stays_on_the_list_and_says_so(site: Site) -> None:
    await switch_on(site)
    convenor = site.client("Colm")
    await send(convenor, "/x/gatherings/add", "/x/gatherings/add", **SOCIAL)
    id_ = await fetch_value("SELECT id FROM x_gatherings_gathering")
    await send(convenor, "/x/gatherings", f"/x/gatherings/{id_}/call-off")
    page = (await site.client("Mei").get("/x/gatherings")).text
    assert ("Tea and cake" in page, "Called off" in page) == (True, True)


async def test_the_settings_change_the_page(site: Site, node: Node) -> None:
    await switch_on(site)
    await send(site.client("Colm"), "/x/gatherings/add", "/x/gatherings/add", **SOCIAL | {"day": "2026-12-17"})
    admin, member = site.client("Amara"), site.client("Mei")
    kept = await send(admin, PAGE_OF, f"{PAGE_OF}/settings", heading="What’s on", weeks="2")
    assert "The settings are kept." in kept.text
    page = (await member.get("/x/gatherings")).text
    assert ("<h1>What’s on</h1>" in page, "Tea and cake" in page, "in the next 2 weeks" in page) == (True, False, True)
    node.clock.move(timedelta(days=14))
    assert "Tea and cake" in (await member.get("/x/gatherings")).text
    words = [row[0] for row in await fetch("SELECT text FROM audit_text ORDER BY id")]
    assert words[-1] == "Changed: heading, weeks"


async def test_settings_that_cannot_be_used_are_named_and_kept_in_the_form(site: Site) -> None:
    await switch_on(site)
    admin = site.client("Amara")
    again = await send(admin, PAGE_OF, f"{PAGE_OF}/settings", heading="", weeks="99")
    assert again.status_code == 422
    assert [
        "Heading: please fill this in." in again.text,
        "Weeks ahead: the largest number here is 52." in again.text,
    ] == [True] * 2
    assert ('value="99"' in again.text, "<title>Error: Gatherings" in again.text) == (True, True)
    assert (await decided())["gatherings"].settings == {}


async def test_switching_it_off_takes_its_pages_and_keeps_its_records(site: Site) -> None:
    await switch_on(site)
    await send(site.client("Colm"), "/x/gatherings/add", "/x/gatherings/add", **SOCIAL)
    admin, member = site.client("Amara"), site.client("Mei")
    await send(admin, PAGE_OF, f"{PAGE_OF}/settings", heading="What’s on", weeks="4")
    off = await send(admin, PAGE_OF, OFF)
    assert "Gatherings is off. What it has written down is kept." in off.text
    gone = await member.get("/x/gatherings")
    assert (gone.status_code, "/x/gatherings" in gone.text) == (404, False)
    await switch_on(site)
    page = (await member.get("/x/gatherings")).text
    assert ("What’s on" in page, "Tea and cake" in page) == (True, True)


async def test_a_request_under_way_ends_in_the_app_it_began_in(site: Site, plugins: Shelf) -> None:
    slow = PAGE.replace("    return", "    import asyncio\n    await asyncio.sleep(0.3)\n    return")
    plugins.put("choir", page=slow)
    await site.host.reload()
    await switch_on(site, "choir")
    site.host.page_s = 5
    under_way = asyncio.create_task(site.client("Mei").get("/x/choir"))
    await asyncio.sleep(0.1)
    await send(site.client("Amara"), "/admin/plugins/choir", "/admin/plugins/choir/off")
    assert (await site.client("Mei").get("/x/choir")).status_code == 404
    assert ((await under_way).status_code, "All is well." in (await under_way).text) == (200, True)


async def test_content_that_changed_while_it_was_read_is_not_allowed(site: Site, plugins: Shelf) -> None:
    plugins.put("choir")
    await site.host.reload()
    admin = site.client("Amara")
    shown = (await admin.get("/admin/plugins/choir")).text
    token = shown.partition('name="_form" value="')[2].partition('"')[0]
    seen = shown.partition('name="seen" value="')[2].partition('"')[0]
    plugins.put("choir", manifest=MANIFEST.replace("add one", "do anything at all"))
    answer = await admin.post("/admin/plugins/choir/on", data={"_form": token, "seen": seen})
    assert (answer.status_code, "It changed while you were reading." in answer.text) == (409, True)
    assert "Lets convenors do anything at all." in answer.text
    assert site.host.running == {}


async def test_the_admin_is_told_that_it_changed_and_can_allow_it_again(site: Site, plugins: Shelf) -> None:
    plugins.put("choir")
    await site.host.reload()
    await switch_on(site, "choir")
    plugins.put("choir", page=PAGE.replace("settings.words", "settings.words + ' Indeed.'"))
    await site.host.reload()
    admin, member = site.client("Amara"), site.client("Mei")
    page = (await admin.get("/admin/plugins/choir")).text
    assert "It has changed since you allowed it, so it is not running." in page
    assert (await member.get("/x/choir")).status_code == 404
    await switch_on(site, "choir")
    assert "All is well. Indeed." in (await member.get("/x/choir")).text


@pytest.mark.parametrize(
    "page, template, code",
    [
        ("async def page(request):\n    raise ValueError('Ada of 1 Bank Street')\n", "", "page:ValueError"),
        ("async def page(request):\n    import asyncio\n    await asyncio.sleep(30)\n", "", "page:Stalled"),
        ("async def page(request):\n    return 'text'\n", "", "page:NoPage"),
        (
            "async def page(request):\n    return await request.rows('SELECT * FROM person')\n",
            "",
            "permissions:records",
        ),
        (PAGE, "{{ nothing_of_this_name }}", "template:UndefinedError"),
    ],
)
async def test_a_page_that_fails_three_times_is_switched_off_and_all_else_goes_on(
    site: Site, plugins: Shelf, page: str, template: str, code: str
) -> None:
    plugins.put("choir", page=page, template=template)
    await site.host.reload()
    await switch_on(site, "choir")
    await switch_on(site)
    member, admin = site.client("Mei"), site.client("Amara")
    for count in (1, 2, 3):
        answer = await member.get("/x/choir")
        assert (answer.status_code, "Choir is not working just now." in answer.text) == (503, True)
        assert "Bank Street" not in answer.text
        kept = (await decided())["choir"]
        assert (kept.failures, kept.last_error, kept.enabled) == (count, code, count < 3)
    async with asyncio.timeout(5):
        while (answer := await member.get("/x/choir")).status_code != 404:
            assert answer.status_code == 503
            await asyncio.sleep(0.02)
    assert (await member.get("/x/gatherings")).status_code == 200
    told = (await admin.get("/admin/plugins/choir")).text
    assert "It was switched off because it kept failing." in told
    assert "Not working: Choir." in (await admin.get("/admin")).text
    assert (await audited())[-1] == ("admin.note_plugin_failure", "done", "choir")


async def test_a_page_that_holds_up_the_whole_node_is_told_of(site: Site, plugins: Shelf) -> None:
    plugins.put("choir", page=PAGE.replace("    return", "    time.sleep(0.7)\n    return"))
    await site.host.reload()
    await switch_on(site, "choir")
    assert (await site.client("Mei").get("/x/choir")).status_code == 200
    assert (await decided())["choir"].last_error == "page:Stalled"


async def test_failures_of_long_ago_are_forgotten(site: Site, plugins: Shelf, node: Node) -> None:
    plugins.put("choir", page="async def page(request):\n    raise ValueError\n")
    await site.host.reload()
    await switch_on(site, "choir")
    member = site.client("Mei")
    for _ in range(5):
        assert (await member.get("/x/choir")).status_code == 503
        node.clock.move(timedelta(hours=2))
    assert [(k.failures, k.enabled) for k in (await decided()).values()] == [(1, True)]


async def test_what_it_did_not_ask_for_it_does_not_get(site: Site, plugins: Shelf) -> None:
    plugins.put(
        "choir",
        manifest=MANIFEST.replace(', "who"', ""),
        page="async def page(request):\n    return request.render('page.html', words=request.person.called)\n",
    )
    await site.host.reload()
    await switch_on(site, "choir")
    answer = await site.client("Mei").get("/x/choir")
    assert (answer.status_code, (await decided())["choir"].last_error) == (503, "permissions:who")


async def test_secrets_are_never_shown_again(site: Site, plugins: Shelf) -> None:
    secret = """
    from typing import Annotated, Literal
    from msgspec import Meta

    class Settings(Struct):
        words: str = "All is well."
        key: Annotated[str, Meta(title="Key", extra={"secret": True})] = ""
        loud: bool = False
        voice: Literal["high", "low"] = "low"
    """
    plugins.put("choir", code=secret)
    await site.host.reload()
    await switch_on(site, "choir")
    admin, path = site.client("Amara"), "/admin/plugins/choir"
    await send(admin, path, f"{path}/settings", words="La", key="swordfish", loud="yes", voice="high")
    whole = {"words": "La", "key": "swordfish", "loud": True, "voice": "high"}
    assert (await decided())["choir"].settings == whole
    page = (await admin.get(path)).text
    assert ("swordfish" in page, "Something is set. Leave this empty to keep it." in page) == (False, True)
    wrong = await send(admin, path, f"{path}/settings", words="La", key="other-secret", voice="middling")
    assert ("other-secret" in wrong.text, "Voice: please choose one of these." in wrong.text) == (False, True)
    await send(admin, path, f"{path}/settings", words="Lo", key="", voice="low")
    assert (await decided())["choir"].settings == whole | {"words": "Lo", "loud": False, "voice": "low"}


async def test_in_safe_mode_the_admin_page_says_so(node: Node, site: Site, tmp_path: Path) -> None:
    await switch_on(site)
    safe = Site(node, tmp_path / "safe", settings={"plugins": "none"})
    safe.people = site.people
    await safe.host.reload()
    admin = safe.client("Amara")
    assert "This node was started without plugins" in (await admin.get("/admin/plugins")).text
    assert (await admin.get("/x/gatherings")).status_code == 404


async def test_the_admin_chooses_the_theme(site: Site, node: Node, tmp_path: Path) -> None:
    admin = site.client("Amara")
    before = (await admin.get("/admin/themes")).text
    assert ("Calm" in before, "Moor" in before) == (True, True)
    after = await send(admin, "/admin/themes", "/admin/themes", theme="moor")
    assert "The node now wears Moor." in after.text
    assert "#F7F6F1" in (await admin.get("/static/theme.css")).text
    # Another process of the same node wears it too, and so does this one after a restart.
    other = Site(node, tmp_path / "home")
    await other.host.reload()
    assert other.shell.site.themes.current.name == "moor"
    assert (await audited())[-1] == ("admin.use_theme", "done", "moor")


async def test_a_theme_that_nobody_could_read_is_refused_with_its_pair(site: Site) -> None:
    folder = site.shell.site.folder.themes / "fog"
    folder.mkdir(parents=True)
    moor = Path("themes/moor/theme.toml").read_text().replace('name = "moor"', 'name = "fog"')
    (folder / "theme.toml").write_text(moor.replace('ink = "#1D2A2B"', 'ink = "#C0C0C0"', 1))
    admin = site.client("Amara")
    assert "ink on rose is 1.4" in (await admin.get("/admin/themes")).text
    answer = await send(admin, "/admin/themes", "/admin/themes", theme="fog")
    assert (answer.status_code, site.shell.site.themes.current.name) == (422, "calm")
    assert await fetch_value("SELECT COUNT(*) FROM node_choice WHERE key = 'theme'") == 0


async def test_the_migration_makes_the_table_that_the_class_describes(site: Site, node: Node) -> None:
    await switch_on(site)
    made = await _columns(node)
    table = site.host.running["gatherings"].routes[0].handler.__globals__["Gathering"]
    async with write():
        await node.engine.script(["DROP TABLE x_gatherings_gathering"])
        await node.engine.script(create_statements([table], node.engine.engine_type))
    assert await _columns(node) == made


async def _columns(node: Node) -> list[Any]:
    if node.engine.engine_type == "sqlite":
        rows = await fetch("SELECT name, type, \"notnull\", pk FROM pragma_table_info('x_gatherings_gathering')")
    else:
        rows = await fetch(
            "SELECT column_name, data_type, is_nullable, character_maximum_length FROM information_schema.columns "
            "WHERE table_name = 'x_gatherings_gathering' ORDER BY ordinal_position"
        )
    return [tuple(row) for row in rows]
