"""What every page is held to, whoever reads it: readable by all, whole on a small phone, light, and asking nobody else."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page

from tests.support.browser import BARE_RULES, LONE_STOPS, SIDEWAYS, SMALL, axe_violations

# (dark, width, whether all is asked or only what a look can change)
LOOKS = ((False, 320, True), (True, 320, False), (False, 1280, False))
OF_LOOKS = ("color-contrast", "target-size", "link-in-text-block", "scrollable-region-focusable")
MOST_BYTES = 40_000
MOST_REQUESTS = 6
# html is 112.5% of the browser's own size; this is what a reader gets who has set theirs to twice as large.
TWICE = "html{font-size:225%!important}"
_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}|/[A-Za-z0-9_-]{40,}|/[0-9]+(?=/|$)")


def pattern(path: str) -> str:
    """The path without what differs from one thing to the next."""
    return _ID.sub("/{id}", urlsplit(path).path)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.made_of: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.made_of.add(f"{tag}.{(named.get('class') or '').partition(' ')[0]}")
        if tag == "a" and (named.get("href") or "").startswith("/"):
            self.links.append(str(named["href"]))


def read(html: str) -> tuple[frozenset[str], list[str]]:
    """What a page is made of, and where it leads."""
    reader = _Reader()
    reader.feed(html)
    return frozenset(reader.made_of), reader.links


class Inspector:
    """Looks at each page, and at it again whenever a part is on it that was on no page before; `found` is what it objects
    to, by page."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self.paths: set[str] = set()
        self.parts: set[str] = set()
        self.weights: dict[Page, Weight] = {}
        self.weighed: set[str] = set()
        # What was seen in each look. How a part looks, by day, by night or on a desk, is the same on every page.
        self.seen: dict[tuple[bool, int], set[str]] = {}

    def is_new(self, url: str, html: str) -> bool:
        """Whether nobody was on this path yet, or some part of it was on no page."""
        path, parts = pattern(url), read(html)[0]
        new = path not in self.paths or not parts <= self.parts
        self.paths.add(path)
        self.parts |= parts
        return new

    async def __call__(self, page: Page, heading: str) -> None:
        if self.is_new(page.url, await page.content()):
            await self.look_at(page, heading)

    def approve(self) -> None:
        """Fails with everything that was found, page by page."""
        found, self.found = self.found, {}
        lines = [f"{page}\n    " + "\n    ".join(wrong) for page, wrong in sorted(found.items())]
        assert not lines, "\n".join(["", *lines])

    async def watch(self, *pages: Page) -> None:
        """From now on what these ask for is weighed."""
        for page in pages:
            self.weights[page] = await Weight().of(page)

    async def look_at(self, page: Page, heading: str) -> None:
        before = page.viewport_size
        wrong: list[str] = []
        parts = read(await page.content())[0]
        for dark, width, everything in LOOKS:
            seen = self.seen.setdefault((dark, width), set())
            known = parts <= seen
            if known and not everything:
                continue
            seen |= parts
            await page.emulate_media(color_scheme="dark" if dark else "light")
            await page.set_viewport_size({"width": width, "height": 640 if width < 1000 else 800})
            wrong += [
                f"{width} {'dark' if dark else 'light'}: {one}"
                for one in await axe_violations(
                    page, only=() if everything else OF_LOOKS, without=OF_LOOKS if known else ()
                )
            ]
            if width == 320 and not dark:
                wrong += await _on_a_small_phone(page)
        if pattern(page.url) not in self.weighed:
            self.weighed.add(pattern(page.url))
            wrong += await self.weights[page].objections(page)
        if before:
            await page.set_viewport_size(before)
        if wrong:
            self.found[f"{pattern(page.url)} “{heading}”"] = wrong


async def _on_a_small_phone(page: Page) -> list[str]:
    wrong = [f"too small to press: {one}" for one in await page.evaluate(SMALL)]
    wrong += [f"two rules with nothing between: {one}" for one in await page.evaluate(BARE_RULES)]
    if beyond := await page.evaluate(SIDEWAYS):
        wrong.append(f"scrolls sideways by {beyond} px")
    await page.evaluate("rule => document.styleSheets[0].insertRule(rule, 0)", TWICE)
    if beyond := await page.evaluate(SIDEWAYS):
        wrong.append(f"scrolls sideways by {beyond} px with text twice as large")
    wrong += [f"a stop on a line of its own: {one}" for one in await page.evaluate(LONE_STOPS)]
    await page.evaluate("() => document.styleSheets[0].deleteRule(0)")
    return wrong


class Weight:
    """What a page asks for since it was gone to, by a browser that keeps nothing of what it has seen before."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self.bytes_of: dict[str, int] = {}

    async def of(self, page: Page) -> "Weight":
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)
        return self

    def _asked(self, event: dict[str, Any]) -> None:
        if event["type"] == "Document":
            self.urls, self.bytes_of = {}, {}
        self.urls[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.urls:
            self.bytes_of[event["requestId"]] = int(event["encodedDataLength"])

    async def objections(self, page: Page) -> list[str]:
        await page.evaluate("() => document.fonts.ready.then(() => null)")
        for _ in range(40):
            if self.bytes_of.keys() >= self.urls.keys():
                break
            await page.wait_for_timeout(50)
        files = sorted({url for url in self.urls.values() if not url.startswith("data:")})
        wrong = [] if files else ["was not seen to be asked for"]
        if len(files) > MOST_REQUESTS:
            wrong.append(f"asks for {len(files)} files")
        if sum(self.bytes_of.values()) > MOST_BYTES:
            wrong.append(f"weighs {sum(self.bytes_of.values())} bytes")
        return wrong + [f"asks a stranger: {url}" for url in files if urlsplit(url).hostname != "127.0.0.1"]
