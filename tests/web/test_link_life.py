"""An admin's pages of looking after a link, walked without a browser: its health, another year, the end, introductions."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.links import keeping, showing
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.links.tables import HeardCircle, Link, LinkWire
from tests.support.pair import Pair
from tests.web.admins import TOKEN, an_admin, put_pages
from tests.web.client import Reader

ALL = Terms(we_may=(*BOTH_WAYS, "introduce"), they_may=(*BOTH_WAYS, "introduce"))


async def test_a_link_is_looked_after_on_plain_pages(two_nodes: Pair) -> None:
    node = two_nodes.a
    link_id = await two_nodes.link(ALL)
    shell = put_pages(node)
    await an_admin(node, "Ada")
    here = f"/admin/links/{link_id}"
    async with Reader(shell, node.url, cookies={shell.site.session_cookie: TOKEN}) as reader:

        async def page(path: str) -> str:
            answer = await reader.get(path)
            assert (path, answer.status_code) == (path, 200)
            assert len(re.findall(r'class="(?:button )?act"', answer.text)) <= 1, path
            return unescape(answer.text)

        assert "All is well." in await page(f"{here}/health")
        assert "Version 1: cover, settling what is owed." in await page(f"{here}/health")
        # Silent for a day: named with what to do, on both lists and by news.
        node.clock.move(timedelta(days=1, hours=1))
        with node.bound():
            await keeping.watch({})
        said = await page(f"{here}/health")
        assert "Todmorden circle has not been reached since Monday 23 November." in said
        assert "Nothing is lost, and we go on trying. If it lasts: Ring Todmorden circle on 01422 900000." in said
        # Shown to others, and asking to be introduced.
        await page(f"{here}/shown")
        await reader.send(f"{here}/shown", {"shown": ["shown_there", "we_show"]})
        with node.bound():
            row = await showing.link(link_id)
            assert (bool(row["shown_there"]), bool(row["we_show"])) == (True, True)
            async with write():
                await insert(
                    HeardCircle(link_id=link_id, reference="r1", name="Burnley circle", place="Burnley", heard_at=clock.now())
                )  # fmt: skip
        assert "Burnley circle, Burnley" in await page(f"{here}/circles")
        wrong = await reader.send(f"{here}/circles", {"circle": "r1", "why": " "})
        assert (wrong.status_code, "Please say in a few words why." in unescape(wrong.text)) == (422, True)
        await page(f"{here}/circles")
        await reader.send(f"{here}/circles", {"circle": "r1", "why": "We share a valley."})
        assert "Todmorden circle passes it on. No answer yet." in await page("/admin/links/introductions")
        # The last weeks of the year, and after it.
        node.clock.move(timedelta(days=340))
        with node.bound():
            async with write():
                await fetch(
                    "UPDATE session SET ends_at = ?, seen_at = ?", clock.now() + timedelta(days=90), clock.now()
                )
        assert "runs out on" in await page(here)
        assert "Go on for another year" in reader.page.text
        await reader.send(f"{here}/renew")
        assert "You have suggested a change." in unescape((await reader.get(here)).text).replace("You’ve", "You have")
        node.clock.move(timedelta(days=28))
        assert "the agreement has run out" in await page(here)
        assert "has run out" in await page(f"{here}/health")
        assert "This goes on until it is done" in await page(f"{here}/end")
        await reader.send(f"{here}/end")
        assert "letters are still to reach them." in await page(here)


async def test_two_hundred_links_take_as_many_questions_as_one(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = two_nodes.a
    await two_nodes.link()
    shell = put_pages(node)
    await an_admin(node, "Ada")
    asked: list[str] = []
    kind = type(node.engine)
    execute = kind.execute

    async def counting(self: Any, sql: str, *rest: Any, **named: Any) -> Any:
        asked.append(sql)
        return await execute(self, sql, *rest, **named)

    monkeypatch.setattr(kind, "execute", counting)
    async with Reader(shell, node.url, cookies={shell.site.session_cookie: TOKEN}) as reader:
        await reader.get("/admin/links")
        asked.clear()
        await reader.get("/admin/links")
        few = len(asked)
        with node.bound():
            async with write():
                [(agreement,)] = await fetch("SELECT agreement FROM link")
                for n in range(200):
                    made = f"01937b2c-0000-7000-8000-{n:012}"
                    await insert(
                        Link(
                            id=made, state="open", node_id=f"n{n}", name=f"Circle {n:03}", base_url="https://x.example",
                            agreement=agreement, asked_at=clock.now(), opened_at=clock.now(),
                        )
                    )  # fmt: skip
                    await insert(LinkWire(link_id=made))
        asked.clear()
        page = await reader.get("/admin/links")
        assert (len(asked), page.text.count("/admin/links/0193")) == (few, 50)
        page = await reader.get("/admin/links?page=5")
        assert "Todmorden circle" in page.text
        assert (await reader.get(f"/admin/links?page={'9' * 20}")).status_code == 200
