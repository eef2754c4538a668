"""Walking through both circles in one browser: a tab for each, being now this person, now that, reading and pressing."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import date

from playwright.async_api import Locator, Page

from eccoo_node.demo.cast import CIRCLES, HEBDEN, PEOPLE, TODMORDEN
from tests.journeys.running import Demo

# How long a letter between the two nodes may take on a machine that has much to do.
PATIENCE_S = 20
CIRCLE_OF = {someone.called: circle for circle, people in PEOPLE.items() for someone in people.values()}

Look = Callable[[Page, str], Awaitable[None]]


def plain(text: str) -> str:
    """As it is read: one space between words, however it is set."""
    return " ".join(text.split())


class Walk:
    """Whoever walks. `look` is called with every page that is read."""

    def __init__(self, demo: Demo, hebden: Page, todmorden: Page) -> None:
        self.demo = demo
        self.tabs = {HEBDEN: hebden, TODMORDEN: todmorden}
        self.page = hebden
        self.look: Look | None = None

    # ---- being someone

    async def be(self, called: str) -> None:
        """Sign in as one of the cast from the page of their circle; whoever is signed in in the other stays so."""
        circle = CIRCLE_OF[called]
        self.page = self.tabs[circle]
        await self.page.goto(f"{self.demo.url(circle)}/demo")
        await self.press(self.page.get_by_role("button", name=f"Sign in as {called}", exact=True).first)
        await self.page.wait_for_url("**/home")

    async def speak_for(self, called: str) -> None:
        await self.press(f"Speak for {called}")
        await self.says(
            f"You are speaking for {called}.", inside=self.page.get_by_role("region", name="Whom you act for")
        )

    async def move_on(self, words: str) -> None:
        """Move the time of both circles on, from the page of the demo."""
        await self.page.goto(f"{self.demo.url(HEBDEN if self.page is self.tabs[HEBDEN] else TODMORDEN)}/demo")
        await self.press(words)
        await self.says("in both circles.")

    # ---- pressing

    async def press(self, what: str | Locator) -> None:
        """The one button or link of this name, exact, so that a screen keeps its words; then wait for where it leads."""
        async with self.page.expect_navigation():
            await (self.one(what) if isinstance(what, str) else what).click()

    async def card(self, words: str) -> None:
        """The card on which these words stand."""
        await self.press(self.page.locator("main .cards a").filter(has_text=words))

    def one(self, words: str) -> Locator:
        button = self.page.get_by_role("button", name=words, exact=True)
        return button.or_(self.page.get_by_role("link", name=words, exact=True)).first

    async def choose(self, *words: str) -> None:
        for one in words:
            await self.page.get_by_label(one).first.check()

    async def fill(self, label: str, text: str) -> None:
        await self.page.get_by_label(label).fill(text)

    async def open(self, path: str) -> int:
        """The path in the circle of the current tab; the answer's status."""
        answer = await self.page.goto(f"{self.base}{path}")
        assert answer is not None
        return answer.status

    @property
    def base(self) -> str:
        """The address of the circle of the current tab."""
        return self.demo.url(next(name for name, tab in self.tabs.items() if tab is self.page))

    @property
    def path(self) -> str:
        return re.sub(r"^http://[^/]+", "", self.page.url)

    # ---- reading

    async def heading(self) -> str:
        return plain(await self.page.locator("h1").inner_text())

    async def text(self) -> str:
        return plain(await self.page.locator("main").inner_text())

    async def reads(self, heading: str, *sentences: str, act: str = "") -> None:
        """The page's heading, whole; sentences that stand on it; and the words on its one main button."""
        now = await self.heading()
        assert now == heading, f"“{now}”, not “{heading}”: {await self.text()}"
        await self.says(*sentences)
        if act:
            assert plain(await self.page.locator("main .act").first.inner_text()) == act
            assert await self.page.locator("main .act").count() == 1, "One plum button a page."
        if self.look is not None:
            await self.look(self.page, heading)

    async def says(self, *sentences: str, inside: Locator | None = None) -> None:
        text = plain(await (inside or self.page.locator("main")).inner_text())
        assert [one for one in sentences if one not in text] == [], text

    async def until(self, heading: str) -> None:
        """Look again until the page has this heading: the nodes write to each other meanwhile."""
        await self._again_until(lambda now, _: now == heading, f"is headed “{heading}”")

    async def until_it_says(self, words: str) -> None:
        await self._again_until(lambda _, text: words in text, f"says “{words}”")

    async def until_it_no_longer_says(self, words: str, *, heading: str) -> None:
        await self._again_until(lambda now, text: now == heading and words not in text, f"says nothing of “{words}”")

    async def _again_until(self, holds: Callable[[str, str], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds(await self.heading(), text := await self.text()):
            assert time.monotonic() < deadline, f"After {PATIENCE_S} seconds no page that {what}, but: {text}"
            await asyncio.sleep(0.2)
            await self.page.reload()

    # ---- days of this demo

    def day(self, days: int) -> str:
        """ "Thursday 26 November"."""
        return in_words(self.demo.day(days))

    def seen_on(self, days: int) -> str:
        """ "6 November", with its year where that is not this Monday's."""
        found = self.demo.day(days)
        year = "" if found.year == self.demo.day(0).year else f" {found.year}"
        return f"{found.day} {found:%B}{year}"


def in_words(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


__all__ = ["CIRCLES", "HEBDEN", "TODMORDEN", "Walk", "in_words", "plain"]
