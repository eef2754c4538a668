"""Chromium from the machine, driven by Playwright, and what every page is held to."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Without these Chromium itself calls out, which a closed network refuses many times a second.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# `target-size` runs only when the 2.2 tag is named.
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

# How far a page reaches beyond the screen.
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Everything one can press: its height and width. A link within a sentence may be as small as its words.
SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary, label')]
  .filter(e => e.getClientRects().length && !e.closest('p:not(.back), dd, .skip') && !e.matches('.option input'))
  .map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
  .filter(([_, r]) => r.height < 43.5 || r.width < 43.5)
  .filter(([h]) => !h.startsWith('<label for') || h.includes('option')).map(([h]) => h)"""

# Rules across the page that have nothing between them: where each stands in the page's own words.
BARE_RULES = """() => {
  const shown = e => e.checkVisibility() && e.getClientRects().length && !e.closest('.hidden, .skip');
  const clear = colour => colour === 'transparent' || colour.endsWith(', 0)');
  const rules = [], filled = [];
  for (const e of document.querySelectorAll('body *')) {
    const s = getComputedStyle(e), r = e.getBoundingClientRect();
    if (!shown(e) || r.width < 100 || parseFloat(s.borderLeftWidth) || parseFloat(s.borderRightWidth)) continue;
    for (const [side, y] of [['Top', r.top], ['Bottom', r.bottom]])
      if (parseFloat(s[`border${side}Width`]) && !clear(s[`border${side}Color`]))
        rules.push({y, left: r.left, right: r.right, at: `${e.localName}.${e.className}`});
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode());) {
    if (!text.data.trim() || !shown(text.parentElement)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    filled.push(...range.getClientRects());
  }
  filled.push(...[...document.querySelectorAll('svg, img, input, textarea, select')].map(e => e.getBoundingClientRect()));
  rules.sort((a, b) => a.y - b.y);
  return rules.flatMap((a, i) => {
    const b = rules.slice(i + 1).find(b => b.y - a.y >= 6 && b.left < a.right && a.left < b.right);
    return b && !filled.some(r => r.height && r.top < b.y - 1 && r.bottom > a.y + 1) ? [`${a.at}, ${b.at}`] : [];
  });
}"""
# A full stop or comma that stands on a line by itself.
LONE_STOPS = """() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode());) {
    const stop = text.data.match(/^\\s*[.,;:?!](?=\\s|$)/), block = text.parentElement.closest('p, li, dd, div');
    if (!stop || !block) continue;
    const range = document.createRange();
    range.setStart(text, stop[0].length - 1);
    range.setEnd(text, stop[0].length);
    const own = range.getBoundingClientRect();
    range.selectNodeContents(block);
    const beside = [...range.getClientRects()].some(
      r => r.width > own.width + 1 && r.top < own.bottom - 2 && r.bottom > own.top + 2);
    if (own.width && !beside) found.push(block.innerText.slice(0, 60));
  }
  return found;
}"""


def find_chromium() -> Path | None:
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


class Pages:
    """Opens pages, each in a context of its own, and watches them.

    After the test, `complaints()` must be empty: scripts that failed, requests that left loopback, and the console's
    own errors (a blocked inline style, for one). `expected_errors` lists words that a test means to provoke.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._complaints: list[str] = []
        self.expected_errors: list[str] = []

    async def __call__(
        self, *, js: bool = True, dark: bool = False, width: int = 1280, height: int = 800, **context: Any
    ) -> Page:
        """A new page with its own cookies. For a second page of the same person: `await page.context.new_page()`."""
        made = await self._browser.new_context(
            java_script_enabled=js,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            locale="en-GB",
            timezone_id="Europe/London",
            **context,
        )
        made.set_default_timeout(10_000)
        self._contexts.append(made)
        made.on("page", self._watch)
        return await made.new_page()

    def complaints(self) -> list[str]:
        return [line for line in self._complaints if not any(word in line for word in self.expected_errors)]

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._complaints.append(f"{page.url}: script failed: {error}"))
        page.on("console", lambda message: self._hear(page, message.type, message.text))
        page.on("request", lambda request: self._see(page, request.url))

    def _hear(self, page: Page, kind: str, text: str) -> None:
        # A page that answers 403, 404 or 409 is a page like any other; the test reads its status itself.
        if kind == "error" and "Failed to load resource" not in text:
            self._complaints.append(f"{page.url}: console: {text}")

    def _see(self, page: Page, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost"):
            self._complaints.append(f"{page.url}: asked a stranger for {url}")


async def axe_violations(page: Page, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> list[str]:
    """What axe-core objects to, a line each with the first place; empty is what a test compares with."""
    options = {
        "runOnly": {"type": "rule", "values": list(only)} if only else {"type": "tag", "values": list(AXE_TAGS)},
        "rules": {rule: {"enabled": False} for rule in without},
        # What passes is most of a page, and would only be carried here to be thrown away.
        "resultTypes": ["violations"],
    }
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(Axe().axe_script)
    found = (await page.evaluate("options => axe.run(document, options)", options))["violations"]
    return [
        f"{item['id']}: {item['help']} ({len(item['nodes'])}×, at {item['nodes'][0]['target'][0]})" for item in found
    ]
