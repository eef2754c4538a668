"""What the documents say of plugins is what there is, and the tutorial's plugin works as it stands there."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from eccoo_node import plugin_api
from eccoo_node.plugins_host import hookspecs
from eccoo_node.plugins_host.handle import Request
from eccoo_node.plugins_host.loading import new_manager
from eccoo_node.plugins_host.manifest import API_VERSION, PERMISSIONS, ROLES, Plugin, Verb
from tests.support import make
from tests.support.node import Node
from tests.support.plugins import Shelf, SignedIn, Site, migrations_begun, send, shelf, wearing
from tests.support.sources import ROOT

REFERENCE = (ROOT / "docs" / "plugins" / "reference.md").read_text()
TUTORIAL = (ROOT / "docs" / "plugins" / "tutorial.md").read_text()
BLOCK = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)


def hooks() -> dict[str, str]:
    """Each hook with the very arguments it is called with."""
    return {
        name: f"{name}({', '.join(inspect.signature(function).parameters)})"
        for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
        if hasattr(function, f"{hookspecs.PROJECT}_spec")
    }


def rows(text: str, pattern: str) -> list[tuple[str, ...]]:
    return re.findall(pattern, text, re.MULTILINE)


def test_every_hook_has_its_heading_with_its_arguments() -> None:
    assert sorted(rows(REFERENCE, r"^### `([a-z_]+\([^)]*\))`$")) == sorted(hooks().values())
    assert len(hooks()) == 4


def test_every_hook_is_used_by_a_plugin_that_comes_with_the_node() -> None:
    source = (ROOT / "plugins" / "eccoo_gatherings" / "plugin.py").read_text()
    used = rows(source, r"^@hookimpl\ndef ([a-z_]+\([^)]*\))")
    assert sorted(used) == sorted(hooks().values())
    assert set(vars(new_manager().hook)) == set(hooks())


def test_every_permission_is_told_in_the_admins_words() -> None:
    assert dict(rows(REFERENCE, r"^\| `(\w+)` \| ([A-Z].*?) \|$")) == PERMISSIONS  # type: ignore[arg-type]


def test_every_key_of_the_manifest_has_its_row() -> None:
    documented = rows(REFERENCE, r"^\| `(name|title|about|api|permissions|\[acts\.<verb>\])` \|")
    keys = [f.name for f in msgspec.structs.fields(Plugin) if f.name not in ("Settings", "acts")]
    assert sorted(documented) == sorted([*keys, "[acts.<verb>]"])
    verb = next(line for line in REFERENCE.splitlines() if line.startswith("| `[acts"))
    assert all(f"`{f.name}`" in verb for f in msgspec.structs.fields(Verb))
    said = REFERENCE.partition("\nRoles are ")[2].partition(".\n")[0]
    assert rows(said, r"`(\w+)`") == list(ROLES)


def test_everything_a_request_has_is_in_the_reference() -> None:
    documented = rows(REFERENCE, r"^\| `request\.(\w+)(?:\(([^)]*)\))?` \|")
    there = [(name, "") for name in ("settings", "params")]
    for name, member in vars(Request).items():
        if name.startswith("_"):
            continue
        parameters = inspect.signature(member).parameters.values() if callable(member) else ()
        arguments = [str(p).partition(":")[0].partition("=")[0] for p in parameters if p.name != "self"]
        there.append((name, ", ".join(arguments)))
    assert sorted(documented) == sorted(there)


def test_every_name_to_import_is_listed() -> None:
    listed = REFERENCE.partition("All from `eccoo_node.plugin_api`: ")[2].partition(".\n\n")[0]
    assert rows(listed, r"`(\w+)`") == plugin_api.__all__
    assert all(hasattr(plugin_api, name) for name in plugin_api.__all__)
    assert f"version {API_VERSION}." in REFERENCE


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Shelf]:
    with shelf(tmp_path / "shelf") as made:
        yield made


async def test_the_tutorials_plugin_works_as_it_stands_there(node: Node, plugins: Shelf, tmp_path: Path) -> None:
    files = dict(BLOCK.findall(TUTORIAL))
    assert len(files) == 5
    for name, text in files.items():
        # The package has a name of its own here, so that it leaves this process with the shelf.
        path = plugins.folder / name.replace("circle_thanks", "made_thanks")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (plugins.folder / "made_thanks" / "__init__.py").write_text("")
    plugins.dist("thanks", "made_thanks.plugin")
    assert 'thanks = "circle_thanks.plugin"' in files["pyproject.toml"]

    await migrations_begun(node)
    circle = await make.circle()
    site = Site(node, tmp_path / "home")
    for called, roles in (("Amara", ("admin",)), ("Mei", ("member",)), ("Ruth", ())):
        site.people[called] = SignedIn(wearing(await make.person(called), circle, *roles), called)
    await site.host.reload()
    await send(site.client("Amara"), "/admin/plugins/thanks", "/admin/plugins/thanks/on")
    member = site.client("Mei")
    assert "Nobody has written anything yet." in (await member.get("/x/thanks")).text
    wrong = await send(member, "/x/thanks", "/x/thanks/write", words="a" * 201)
    assert (wrong.status_code, "in up to 200 letters" in wrong.text) == (422, True)
    await send(member, "/x/thanks", "/x/thanks/write", words="Thank you for the soup.")
    seen = (await site.client("Ruth").get("/x/thanks")).text
    assert ('Thank you for the soup. <span class="soft">Mei</span>' in seen, "Put it on the board" in seen) == (
        True,
        False,
    )
