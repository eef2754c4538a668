"""Every macro in every state, in a real browser: readable by everyone, whole on a small phone, light to load."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Page

from tests.support.browser import SIDEWAYS, SMALL, Pages, axe_violations
from tests.support.node import build, open_node
from tests.web.gallery.app import gallery

PAGES = ("home", "visit", "form", "form?sent", "week", "team", "money", "weeks", "fail/broken", "nothing", "../")


@asynccontextmanager
async def serving(home: Path, theme: str = "calm") -> AsyncIterator[str]:
    """The gallery on a free port; its address."""
    await build("", home)
    async with open_node(home) as node:
        app = gallery(home, engine=node.engine)
        app.site.themes.use(theme)
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        await task


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with serving(tmp_path_factory.mktemp("gallery")) as found:
        yield found


async def visit(page: Page, address: str, name: str) -> None:
    """Open one page of the gallery; "form?sent" is the form sent empty."""
    await page.goto(f"{address}/gallery/{name.partition('?')[0]}")
    if name.endswith("?sent"):
        await page.get_by_role("button", name="Ask them").click()
        await page.wait_for_load_state()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_axe_finds_nothing(new_page: Pages, address: str, width: int, dark: bool) -> None:
    page = await new_page(width=width, dark=dark)
    await page.goto(f"{address}/gallery/in/ruth")
    found = {}
    for name in PAGES:
        await visit(page, address, name)
        if violations := await axe_violations(page):
            found[name] = violations
    assert found == {}


async def test_the_second_theme_is_as_readable(new_page: Pages, tmp_path: Path) -> None:
    async with serving(tmp_path, theme="moor") as address:
        for dark in (False, True):
            page = await new_page(width=1280, dark=dark)
            for name in ("in/ruth", "form?sent", "week"):
                await visit(page, address, name)
                assert await axe_violations(page) == []


# What a person sets in their browser: text twice as large (WCAG 1.4.4), or spaced out (1.4.12).
SETTINGS = {
    "as it is": "",
    "twice as large": "html{font-size:225%!important}",
    "spaced out": "*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}",
}


async def test_a_small_phone_never_scrolls_sideways_even_with_large_or_spaced_text(
    new_page: Pages, address: str
) -> None:
    page = await new_page(width=320, height=640)
    await page.goto(f"{address}/gallery/in/maryam")
    sideways = {}
    for name in PAGES:
        for setting, rule in SETTINGS.items():
            await visit(page, address, name)
            if rule:
                await page.evaluate("rule => document.styleSheets[0].insertRule(rule, 0)", rule)
            if beyond := await page.evaluate(SIDEWAYS):
                sideways[name, setting] = beyond
    assert sideways == {}


async def test_the_sums_of_a_week_stand_whole_beside_each_other_on_a_phone(new_page: Pages, address: str) -> None:
    page = await new_page(width=360, height=640)
    await page.goto(f"{address}/gallery/in/ada")
    await visit(page, address, "weeks")
    assert await page.locator(".table").evaluate("e => e.scrollWidth - e.clientWidth") == 0
    # In large print the words of the picture are larger as well.
    words = "() => document.querySelector('.bars text').getBoundingClientRect().height"
    before = await page.evaluate(words)
    await page.evaluate("() => document.documentElement.classList.add('large')")
    assert await page.evaluate(words) > before * 1.2
    # A table that is wider than the screen is shaded where more of it is, until that is seen.
    shade = page.locator(".table")
    more, seen = [], []
    for found, at in ((more, 0), (seen, 10_000)):
        await shade.evaluate("(e, at) => e.scrollTo(at, 0)", at)
        box = await shade.bounding_box()
        assert box is not None
        edge = {"x": box["x"] + box["width"] - 3, "y": box["y"] + 2, "width": 2, "height": 2}
        found.append(await page.screenshot(full_page=True, clip=edge))
    assert more != seen


async def test_what_is_done_does_not_look_like_something_wrong(new_page: Pages, address: str) -> None:
    page = await new_page(width=360, height=640)
    await page.goto(f"{address}/gallery/form")
    await page.get_by_label("Someone else comes").check()
    await page.get_by_label("Thursday 26 November, 9am").check()
    await page.get_by_role("button", name="Ask them").click()
    look = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).borderTopColor]"
    certain = await page.evaluate("() => getComputedStyle(document.querySelector('.certain')).color")
    assert await page.get_by_role("status").evaluate(look) == ["rgb(255, 255, 255)", certain]


async def test_everything_one_presses_is_large_enough_for_an_unsteady_hand(new_page: Pages, address: str) -> None:
    page = await new_page(width=360, height=640)
    await page.goto(f"{address}/gallery/in/ruth")
    small = {}
    for name in PAGES:
        await visit(page, address, name)
        if found := await page.evaluate(SMALL):
            small[name] = found
    assert small == {}


@pytest.mark.parametrize("name", ["home", "../"])
async def test_the_next_thing_to_do_is_seen_without_scrolling(new_page: Pages, address: str, name: str) -> None:
    page = await new_page(width=360, height=640)
    if name == "home":
        await page.goto(f"{address}/gallery/in/ruth")
    await visit(page, address, name)
    box = await page.locator("main .act").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 640


async def test_a_page_is_light_and_asks_nobody_else(new_page: Pages, address: str) -> None:
    page = await new_page()
    sizes: dict[str, int] = {}
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    urls: dict[str, str] = {}
    session.on("Network.requestWillBeSent", lambda e: urls.__setitem__(e["requestId"], e["request"]["url"]))
    session.on(
        "Network.loadingFinished", lambda e: sizes.__setitem__(urls[e["requestId"]], int(e["encodedDataLength"]))
    )
    await page.goto(f"{address}/gallery/week", wait_until="networkidle")
    assert len(urls) <= 6
    assert sum(sizes.values()) < 40_000
    styles = next(size for url, size in sizes.items() if "/theme.css" in url)
    assert styles < 6.5 * 1024


async def test_a_form_is_sent_by_keyboard_alone_without_scripts_and_what_is_wrong_is_met_first(
    new_page: Pages, address: str
) -> None:
    page = await new_page(js=False, width=360, height=640)
    await page.goto(f"{address}/gallery/form")
    await page.get_by_label("Anything they should know?").press("Tab")
    await page.get_by_role("button", name="Ask them").press("Enter")
    await page.wait_for_load_state()
    assert (await page.title()).startswith("Error: Thursday at 9")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert page.url.endswith("#next")
    await page.get_by_label("Someone else comes").check()
    await page.get_by_label("Thursday 26 November, 9am").check()
    await page.get_by_role("button", name="Ask them").press("Enter")
    await page.wait_for_load_state()
    assert page.url == f"{address}/gallery/home"
    assert await page.get_by_role("status").inner_text() == "We’ve told Ada’s team."


async def test_back_shows_a_form_again_that_had_come_back_and_a_browser_keeps_nothing_of_it(
    new_page: Pages, address: str
) -> None:
    page = await new_page(width=360, height=640)
    await page.goto(f"{address}/gallery/in/ada")
    await page.goto(f"{address}/gallery/form")
    await page.get_by_label("Anything they should know?").fill("The key is under the pot.")
    async with page.expect_navigation() as wrong:
        await page.get_by_role("button", name="Ask them").click()
    answer = await wrong.value
    assert (answer.status, answer.headers["cache-control"]) == (422, "no-store")
    assert await page.get_by_label("Anything they should know?").input_value() == "The key is under the pot."
    await page.goto(f"{address}/gallery/home")
    # Without the script Chromium has only ERR_CACHE_MISS to show.
    await page.go_back()
    assert page.url == f"{address}/gallery/form"
    assert not (await page.title()).startswith("Error")
    assert await page.get_by_label("Anything they should know?").input_value() == ""
    assert await page.get_by_role("button", name="Ask them").is_visible()


async def test_in_forced_colours_and_on_paper_nothing_is_lost(new_page: Pages, address: str) -> None:
    page = await new_page(width=1280)
    await page.goto(f"{address}/gallery/in/ada")
    await page.emulate_media(forced_colors="active")
    await visit(page, address, "week")
    assert await axe_violations(page) == []
    await page.emulate_media(media="print", forced_colors="none")
    assert not await page.locator("nav.ways").is_visible()
    assert await page.get_by_role("heading", name="Your week").is_visible()
