"""Papers on a screen and on A4: nothing cut, a normal week on one side, for every eye."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from playwright.async_api import Page

from eccoo_node.app import Shell, create_app
from eccoo_node.kernel.circle import circle_bound
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.papers import pdf, queries
from tests.support.browser import SIDEWAYS, SMALL, Pages, axe_violations
from tests.support.node import build, open_node
from tests.web.papers.conftest import SETTINGS, Desk, desk_of, token_of

# Set to a folder to look at the screens and the files.
SHOTS = os.environ.get("PAPERS_SHOTS", "")
# A4 less the margins that site.css gives, in CSS pixels.
A4 = {"width": 733, "height": 1047}


def sides(file: bytes) -> int:
    """How many sides a file has."""
    return len(re.findall(rb"/Type ?/Page(?![a-z])", file))


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[str, Shell, Desk]]:
    await build("", home)
    async with open_node(home) as node:
        folder = DataFolder(home)
        folder.make()
        shell = create_app(SETTINGS, folder, engine=node.engine, clock=node.clock, node_id="n0de1234", services=())
        server = uvicorn.Server(uvicorn.Config(shell, port=0, lifespan="off", log_config=None))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        with circle_bound(SETTINGS.circle):
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", shell, await desk_of(node)
        server.should_exit = True
        await task


async def look(page: Page, name: str) -> dict[str, object]:
    """What is wrong with the page that is open."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)
    found = {
        "axe": await axe_violations(page), "sideways": await page.evaluate(SIDEWAYS), "small": await page.evaluate(SMALL),
    }  # fmt: skip
    return {what: bad for what, bad in found.items() if bad}


async def test_every_page_of_papers_is_whole_on_a_phone_and_prints_on_a4(new_page: Pages, tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, shell, desk):
        paper = await desk.week()
        right = await queries.paper(paper)
        usual, large = [await pdf.pdf(right, large=large) for large in (False, True)]
        tess, ivy = desk.books.treasurer.person_id, desk.poster
        year = await desk.year()
        file = await pdf.pdf(await queries.paper(year))
        walk = {
            desk.books.person: ["/papers", f"/papers/{paper}"],
            desk.books.worker: ["/papers/month?of=2026-11", f"/papers/{year}"],
            tess: ["/papers/all", "/papers/make", "/papers/make/statement", "/papers/make/year", f"/papers/{paper}/correct"],
            ivy: ["/papers/to-post"],
        }  # fmt: skip
        bad = {}
        for width in (320, 1280) if not SHOTS else (360, 1280):
            for who, paths in walk.items():
                page = await new_page(width=width)
                cookie = {"name": shell.site.session_cookie, "value": await token_of(who), "url": address}
                await page.context.add_cookies([cookie])  # type: ignore[list-item]
                for path in paths:
                    if width == 1280 and not SHOTS and path not in {f"/papers/{paper}", f"/papers/{year}"}:
                        continue
                    await page.goto(address + path)
                    name = (
                        path.replace(paper, "S-1").replace(year, "Y-1").strip("/").replace("/", "_").partition("?")[0]
                    )
                    if wrong := await look(page, f"{name}_{width}"):
                        bad[path, width] = wrong
                    if width == 1280 and path in {f"/papers/{paper}", f"/papers/{year}"}:
                        printed = await page.pdf(format="A4")
                        await page.set_viewport_size(A4)
                        await page.emulate_media(media="print")
                        cut = await page.evaluate(SIDEWAYS)
                        await page.emulate_media(media="screen")
                        if cut or (path.endswith(paper) and sides(printed) != 1):
                            bad[path, 0] = {"cut": cut, "sides": sides(printed)}
                        if SHOTS:
                            Path(SHOTS, f"{name}_print.pdf").write_bytes(printed)
        if SHOTS:
            for name, made in (("usual", usual), ("large", large), ("year", file)):
                Path(SHOTS, f"{name}.pdf").write_bytes(made)
        assert bad == {}
        assert (sides(usual), sides(file)) == (1, 1)
        assert sides(large) > 1
