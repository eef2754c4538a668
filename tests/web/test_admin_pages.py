"""What an admin finds before there is anything to look after."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eccoo_node.theming.loader import Themes
from tests.support import make
from tests.support.node import Node
from tests.support.plugins import SignedIn, Site, migrations_begun, shelf, wearing


@pytest.fixture
def empty_shelf(tmp_path: Path) -> Iterator[None]:
    with shelf(tmp_path / "shelf"):
        yield


@pytest.fixture
async def site(node: Node, empty_shelf: None, tmp_path: Path) -> Site:
    await migrations_begun(node)
    made = Site(node, tmp_path / "home")
    made.people["Amara"] = SignedIn(wearing(await make.person("Amara"), await make.circle(), "admin"), "Amara")
    await made.host.reload()
    return made


async def read(site: Site, path: str) -> str:
    page = await site.client("Amara").get(path)
    assert page.status_code == 200
    return page.text


async def test_the_front_page_leads_to_all_that_an_admin_decides(site: Site) -> None:
    page = await read(site, "/admin")
    assert [f'href="/admin/{where}"' in page for where in ("links", "plugins", "themes")] == [True] * 3
    assert "Circles that may ask ours for cover, and that we may ask." in page
    assert "None is on." in page


async def test_without_plugins_the_page_says_how_one_comes(site: Site) -> None:
    site.host.statuses = {}
    assert "No plugin is installed. Whoever looks after the machine can install one" in await read(
        site, "/admin/plugins"
    )


async def test_with_one_theme_nothing_is_asked_and_the_page_says_how_another_comes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Wear this theme" in await read(site, "/admin/themes")
    all_ = Themes.all
    monkeypatch.setattr(Themes, "all", lambda self: (all_(self)[0][:1], all_(self)[1]))
    page = await read(site, "/admin/themes")
    assert "Wear this theme" not in page
    assert (
        "This is the only theme here. Whoever looks after the machine can add one; it will then be here to choose."
        in page
    )
