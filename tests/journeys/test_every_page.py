"""Every page of the story and every page that someone can get to, held to the same measures; and a task by keyboard alone."""

from collections.abc import Awaitable, Callable

import pytest
from litestar import Litestar
from playwright.async_api import Page

from eccoo_node.app import domain_parts
from eccoo_node.demo.cast import PEOPLE
from eccoo_node.demo.web import CONTROLLERS
from eccoo_node.web import guards
from tests.journeys import story
from tests.journeys.inspecting import Inspector, pattern, read
from tests.journeys.walking import CIRCLE_OF, Walk, plain

NewWalk = Callable[..., Awaitable[Walk]]
# Read by machines.
NO_PAGES = {"/healthz", "/readyz", "/favicon.ico"}


def paths_without_parameters() -> list[str]:
    """Every address that a page of the node has by itself."""
    app = Litestar([*domain_parts().controllers, *CONTROLLERS], openapi_config=None)
    found = {path for method, path, _ in guards.routes(app) if method == "GET" and "{" not in path}
    return sorted(found - NO_PAGES)


async def everywhere(walk: Walk, inspector: Inspector) -> None:
    """Whoever is signed in goes to every address, and through each kind of link they find; what is new is looked at."""
    base = walk.demo.url(next(name for name, tab in walk.tabs.items() if tab is walk.page))
    waiting, known = paths_without_parameters(), set[str]()
    for path in waiting:
        if pattern(path) in known or path.startswith("/static/"):
            continue
        known.add(pattern(path))
        answer = await walk.page.context.request.get(f"{base}{path}", max_redirects=0)
        if answer.status >= 500:
            inspector.found.setdefault(pattern(path), []).append(f"answers {answer.status}")
        if "text/html" not in answer.headers.get("content-type", "") or answer.status in {301, 302, 303}:
            continue
        html = await answer.text()
        # A refusal is one page, wherever it is met.
        if inspector.is_new(path if answer.ok else f"/refused-{answer.status}", html):
            await walk.page.goto(f"{base}{path}")
            await inspector.look_at(walk.page, await walk.heading())
        waiting += read(html)[1]


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    """What was looked at in the story need not be looked at again."""
    return Inspector()


async def test_every_screen_of_the_story_can_be_read_by_everyone(new_walk: NewWalk, inspector: Inspector) -> None:
    walk = await new_walk(width=320, height=640)
    walk.look = inspector
    await inspector.watch(*walk.tabs.values())
    await story.whole(walk)
    inspector.approve()
    assert len(inspector.paths) >= 19


async def test_every_page_of_everyone_can_be_read_by_everyone(new_walk: NewWalk, inspector: Inspector) -> None:
    walk = await new_walk(width=320, height=640)
    await inspector.watch(*walk.tabs.values())
    await walk.open("/demo")
    await everywhere(walk, inspector)
    await walk.be("Gwen")
    await walk.open("/admin/plugins/gatherings")
    await walk.press("Switch on Gatherings")
    await walk.says("Go to its pages")
    for called in CIRCLE_OF:
        await walk.be(called)
        await everywhere(walk, inspector)
    await walk.be("Joan")
    await walk.speak_for("Edith")
    await everywhere(walk, inspector)
    inspector.approve()
    assert {
        "/demo",
        "/home",
        "/week",
        "/visits/{id}",
        "/teams/{id}",
        "/admin/links/{id}",
        "/x/gatherings",
    } <= inspector.paths
    assert len(CIRCLE_OF) == sum(len(people) for people in PEOPLE.values())


async def reached(page: Page) -> str:
    """What the keyboard is on, in the words that stand there."""
    words = await page.evaluate("e => (document.activeElement.labels?.[0] ?? document.activeElement).innerText ?? ''")
    return plain(str(words))


async def tab_to(page: Page, words: str) -> None:
    met = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        met.append(await reached(page))
        if met[-1].startswith(words):
            return
    raise AssertionError(f"“{words}” is not reached by Tab, only {met}.")


async def enter(page: Page) -> None:
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_a_worker_says_by_keyboard_alone_that_she_cannot_be_there(new_walk: NewWalk) -> None:
    walk = await new_walk(js=False, width=360, height=640)
    await walk.be("Maryam")
    page = walk.page
    for words in ("E Edith Wednesday", "I can’t be there"):
        await tab_to(page, words)
        outline = await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "One sees where one is."
        await enter(page)
    await tab_to(page, f"Edith {walk.day(2)}")
    await page.keyboard.press("Space")
    await page.keyboard.press("Space")
    await tab_to(page, "Tell Edith’s team")
    await enter(page)
    await walk.reads("We’re telling Edith’s team")
    await tab_to(page, "Back to my week")
    await enter(page)
    await walk.says("you can’t be there")
