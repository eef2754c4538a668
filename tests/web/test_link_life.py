"""An admin's pages of looking after a link, walked without a browser: its health, another year, the end, introductions."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from eccoo_federation import invites
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.ids import new_id
from eccoo_node.keys import actions as keys
from eccoo_node.links import actions, keeping, showing
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.links.superseding import stands_in_for
from eccoo_node.links.tables import HeardCircle, Introduction, Link, LinkWire
from tests.support.pair import Pair, PairNode
from tests.support.story import Story
from tests.web.admins import TOKEN, an_admin, put_pages
from tests.web.client import Reader

ALL = Terms(we_may=(*BOTH_WAYS, "introduce"), they_may=(*BOTH_WAYS, "introduce"))


@asynccontextmanager
async def clock_out(node: PairNode, link_id: str, *, seconds: int) -> AsyncIterator[None]:
    """Their clock is so far ahead of ours meanwhile."""
    for offset in (seconds, 0):
        with node.bound():
            async with write():
                await fetch("UPDATE link_wire SET clock_offset_s = ? WHERE link_id = ?", offset, link_id)
        if offset:
            yield


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
        both = (
            "Reading what was seen of a worker, cover, introducing circles to each other, seeing who is there to come and "
            "settling what is owed (version 1)."
        )
        assert both in await page(f"{here}/health")
        assert "We last reached them" in reader.page.text
        assert "Not yet" not in reader.page.text
        assert "Calls that failed" in reader.page.text
        # Silent for a day: named with what to do, on both lists and by news.
        node.clock.move(timedelta(days=1, hours=1))
        with node.bound():
            await keeping.watch({})
        said = await page(f"{here}/health")
        assert "Todmorden circle has not been reached since Monday 23 November." in said
        assert "Nothing is lost, and we go on trying. If it lasts: Ring Todmorden circle on 01422 900000." in said
        assert "Calls that failed" not in said
        # A clock that is wrong says more than the silence that it causes, or only seems to.
        async with clock_out(node, link_id, seconds=-7200):
            said = await page(f"{here}/health")
            assert "Their clock is 2 hours behind ours." in said
            assert "has not been reached since" not in said
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


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_a_link_says_which_lost_one_it_stands_in_for(two_nodes: Pair) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    with b.bound():
        await keys.begin_anew(COMMAND)
    await two_nodes.shake_hands()
    new = two_nodes.link_id
    shell = put_pages(a)
    await an_admin(a, "Ada")
    before = f"/admin/links/{new}/before"
    async with Reader(shell, a.url, cookies={shell.site.session_cookie: TOKEN}) as ada:
        await ada.get(f"/admin/links/{new}")
        await ada.send(f"/admin/links/{new}/same")
        assert before in (await ada.get(f"/admin/links/{new}")).text
        page = unescape((await ada.get(before)).text)
        assert "Which link does this one stand in for?" in page
        assert f"Todmorden circle, {b.url}" in page
        assert len(re.findall(r'<input[^>]*name="old"', page)) == 3
        assert (await ada.send(before, {"old": new})).status_code == 404
        await ada.get(before)
        assert (await ada.send(before, {"old": old})).headers["location"] == f"/admin/links/{new}"
        page = unescape((await ada.follow()).text)
        assert "Todmorden circle lost its keys, and is linked anew." in page
        assert "What is owed goes over to this link: nothing is owed. Our books say the same." in re.sub(
            r"<[^>]+>\s*", " ", page
        ).replace("  ", " ")
        # Taken back, and once it is agreed no more to be said.
        await ada.get(before)
        await ada.send(before, {"old": ""})
        assert "lost its keys" not in (await ada.follow()).text
        await ada.get(before)
        with a.bound():
            async with write():
                await fetch(
                    "UPDATE link SET agreement = (SELECT agreement FROM link WHERE id = ?) WHERE id = ?", old, new
                )
        assert (await ada.send(before, {"old": old})).status_code == 409


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_whoever_is_introduced_hears_yes_or_no_and_an_invitation_is_used(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = two_nodes.a
    link_id = await two_nodes.link(ALL)
    shell, here = put_pages(a), "/admin/links/introductions"
    await an_admin(a, "Ada")
    monkeypatch.setattr("eccoo_node.links.web.linking.WAIT_S", 0)
    made = invites.make_invite("http://127.0.0.1:1", "a" * 52, a.clock())
    at = {"link_id": link_id, "at": a.clock(), "keep_until": a.clock() + timedelta(days=1)}
    rows = [
        Introduction(id=new_id(), role="asked", number=new_id(), reference="b" * 52, name=name, why="Near you.", phone=phone, **at)
        for name, phone in (("Burnley circle", "01632 960700"), ("Colne circle", ""))
    ]  # fmt: skip
    ours = Introduction(
        id=new_id(),
        role="ours",
        number=new_id(),
        name="Nelson circle",
        state="yes",
        invite=invites.write_invite(made),
        **at,
    )
    with a.bound():
        async with write():
            for row in (*rows, ours):
                await insert(row)
    async with Reader(shell, a.url, cookies={shell.site.session_cookie: TOKEN}) as ada:
        page = unescape((await ada.get(here)).text)
        assert len(re.findall(r'class="(?:button )?act"', page)) == 1
        assert [name in page for name in ("Burnley circle", "01632 960700", "Colne circle", "they say yes")] == [
            True
        ] * 4
        await ada.send(f"{here}/{rows[0].id}/yes")
        assert "An invitation is on its way to them." in (page := unescape((await ada.follow()).text))
        assert "Burnley circle" not in page
        await ada.send(f"{here}/{rows[1].id}/no")
        assert "They hear that you don’t link now, and nothing else." in unescape((await ada.follow()).text)
        assert sorted(await a.rows("SELECT state, why FROM introduction WHERE role = 'asked'")) == [
            ("no", ""),
            ("yes", "Near you."),
        ]
        assert await a.rows("SELECT for_node FROM invite WHERE for_node <> ''") == [("b" * 52,)]
        held = ada.hidden(f"{here}/{ours.id}/link")
        assert (await ada.send(f"{here}/{ours.id}/link")).status_code == 303
        assert "We’re calling their node" in unescape((await ada.follow()).text)
        await ada.get(here)
        assert "This asking is over." in ada.page.text
        # Pressed twice it is done once.
        again = await ada.post(f"{here}/{ours.id}/link", held)
        assert await a.rows("SELECT id FROM link WHERE state = 'asked'") == [
            (again.headers["location"].split("/")[-1],)
        ]


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


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_the_page_of_a_link_whose_place_another_took_lists_what_people_have_to_settle(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    old, (a, b) = two_nodes.link_id, two_nodes.both
    await story.committed()
    with b.bound():
        await keys.begin_anew(COMMAND)
    new = await two_nodes.shake_hands()
    for node in two_nodes.both:
        with node.bound():
            await actions.words_same(COMMAND, new)
    with a.bound():
        await stands_in_for(COMMAND, new, old)
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with b.bound():
        await actions.agree(COMMAND, new)
    await two_nodes.settle()
    for node, lost, left in (
        (a, "Todmorden circle lost", "9am to 11am: their worker was to come here."),
        (b, "We lost", "9am to 11am: our worker was to go there."),
    ):
        shell = put_pages(node)
        await an_admin(node, "Ada")
        async with Reader(shell, node.url, cookies={shell.site.session_cookie: TOKEN}) as ada:
            page = unescape((await ada.get(f"/admin/links/{old}")).text)
            assert f"{lost} everything, and the two circles were linked anew on Monday 23 November." in page
            assert "These visits are not settled, and don’t settle themselves any more." in page
            assert f"<li>Thursday 26 November, {left}</li>" in page
            assert f'href="/admin/links/{new}"' in page
            # Nothing is promised that can't come.
            for never in ("still honoured", "Waiting to be sent", "Everything is done", "ended this link"):
                assert never not in page
            page = unescape((await ada.get(f"/admin/links/{old}/health")).text)
            assert "Nothing goes over this link any more." in page
            assert "Try now" not in page
            assert "Waiting to be sent" not in page
            assert "Linked anew, after everything was lost." in unescape((await ada.get("/admin/links")).text)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_six_words_that_a_newer_invitation_put_away_are_shown_nowhere_and_said_to_be_no_good(
    two_nodes: Pair,
) -> None:
    old = await two_nodes.shake_hands()
    node = two_nodes.a
    gone = (await node.row("SELECT words FROM link WHERE id = ?", old))[0].split()
    two_nodes.move(timedelta(minutes=1))
    new = await two_nodes.shake_hands()
    shell = put_pages(node)
    await an_admin(node, "Ada")
    async with Reader(shell, node.url, cookies={shell.site.session_cookie: TOKEN}) as ada:
        page = unescape((await ada.get(f"/admin/links/{old}")).text)
        assert "was put away on Monday 23 November, because a newer invitation between the two was taken up." in page
        assert "The six words that stood here are no longer good." in page
        assert f'href="/admin/links/{new}"' in page
        assert "Everything is done" not in page
        assert (await ada.get(f"/admin/links/{old}/words")).headers["location"] == f"/admin/links/{old}"
        page = unescape((await ada.get(f"/admin/links/{new}")).text)
        assert "You had six other words with them before. A newer invitation took their place" in page
        shown = re.findall(r"<li>([a-z]+)</li>", page)
        assert len(shown) == 6
        assert shown != gone
        assert "A newer invitation took its place." in unescape((await ada.get("/admin/links")).text)
