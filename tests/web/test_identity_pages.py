"""The admins' pages about keys: renewing, the sheet, bringing them back, moving, and what the other circle's admin is asked."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.keys import sheet
from eccoo_node.links import actions, identity, keeping
from eccoo_node.links.alarms import alarm_once
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.ports import free_port
from tests.web.admins import admins
from tests.web.client import Reader
from tests.web.test_links import linked, links_page, plum_buttons, take_up, until, words_on

HERE = "/admin/identity"


@pytest.fixture
async def two_admins(two_nodes: Pair) -> AsyncIterator[tuple[Reader, Reader]]:
    async with admins(two_nodes) as readers:
        yield readers


def text_of(reader: Reader) -> str:
    assert plum_buttons(reader) <= 1
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", reader.page.text.partition("<main")[2])).split())


def hidden(reader: Reader) -> dict[str, str]:
    return dict(re.findall(r'name="(places|mark)" value="([^"]*)"', reader.page.text))


async def another_admin(node: PairNode) -> str:
    with node.bound():
        async with write():
            other = await make.person("Cy")
            [(circle,)] = await fetch("SELECT id FROM community WHERE kind = 'circle'")
            await make.hat(other, circle, "admin")
    return other


async def write_down(reader: Reader, words: list[str]) -> None:
    """From a page that shows a sheet: three words are asked back, first wrongly, then rightly."""
    await reader.send(f"{HERE}/sheet/check", hidden(reader))
    assert not any(f"<li>{word}</li>" in reader.page.text for word in words)
    asked = hidden(reader)
    right = [words[int(place) - 1] for place in asked["places"].split()]
    wrong = await reader.send(f"{HERE}/sheet/kept", asked | {"first": "zebra", "second": right[1], "third": right[2]})
    assert wrong.status_code == 422
    assert "At least one word is another one on the sheet." in unescape(wrong.text)
    named = dict(zip(("first", "second", "third"), right, strict=True))
    assert (await reader.send(f"{HERE}/sheet/kept", asked | named)).status_code == 303


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_an_admin_renews_writes_the_sheet_down_and_brings_keys_back(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    a = two_nodes.a
    link_id = await linked(two_nodes, ada, bronwen)
    sheet.put_by(a.folder, a.words)
    other = await another_admin(a)
    await ada.get(HERE)
    assert "The recovery sheet has not been written down yet." in text_of(ada)
    await ada.get(f"{HERE}/sheet")
    await ada.send(f"{HERE}/sheet")
    assert re.findall(r"<li>([a-z]+)</li>", ada.page.text) == a.words.split()
    assert ada.page.headers["cache-control"] == "no-store"
    # Who had them shown is written down, and whoever else looks after the node hears of it.
    [(shown_to,)] = await a.rows("SELECT actor_id FROM audit WHERE action = 'keys.show_sheet'")
    await a.settle()
    told = await a.rows("SELECT person_id, about_id FROM told WHERE news = 'sheet_shown'")
    assert (other, shown_to) in told
    assert shown_to not in [person for person, _ in told]
    await write_down(ada, a.words.split())
    assert not (a.folder.keys / identity.WORDS_FILE).exists()
    await ada.get(HERE)
    assert "Todmorden circle: knows our present key." in text_of(ada)
    await ada.send(f"{HERE}/renew")
    assert "They count from tomorrow." in (await ada.follow()).text
    assert "New keys Made already. They count from" in text_of(ada)

    await ada.get(f"{HERE}/recover")
    slip = a.words.replace(a.words.split()[6], "hebdenn", 1)
    assert "Not on any sheet: hebdenn." in (await ada.send(f"{HERE}/recover", {"words": slip})).text
    assert "hebdenn" in ada.page.text.partition("<textarea")[2]
    refused = await ada.send(f"{HERE}/recover", {"words": two_nodes.b.words})
    assert "These are not the words of this node’s sheet." in unescape(refused.text)
    two_nodes.move(timedelta(minutes=1))
    await ada.send(f"{HERE}/recover", {"words": f" {a.words.upper()} ", "new_sheet": "yes"})
    fresh = re.findall(r"<li>([a-z]+)</li>", ada.page.text)
    assert len(fresh) == 24
    assert " ".join(fresh) != a.words
    await write_down(ada, fresh)
    two_nodes.move(timedelta(minutes=11))
    page = await until(bronwen, link_id, "has replaced its keys")
    assert "Ring them before you trust a change of account." in unescape(page)
    await bronwen.get("/admin/links")
    assert "Hebden circle has replaced its keys." in text_of(bronwen)
    await links_page(bronwen, link_id)
    await bronwen.send(
        f"/admin/links/{link_id}/rung", dict(re.findall(r'name="(up_to)" value="(\d+)"', bronwen.page.text))
    )
    page = await links_page(bronwen, link_id)
    assert "Ring them before you trust" not in page
    assert "They have replaced all their keys." in page


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_a_move_is_told_with_the_words_and_followed_or_refused_by_the_other_admin(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    a, b = two_nodes.both
    link_id = await linked(two_nodes, ada, bronwen)
    new = f"http://127.0.0.1:{free_port()}"
    await ada.get(f"{HERE}/move")
    typed = {"address": "circle.example", "words": a.words}
    assert "Write an address such as" in (await ada.send(f"{HERE}/move", typed)).text
    assert "circle.example" in ada.page.text
    await ada.send(f"{HERE}/move", {"address": f"{new}/", "words": a.words})
    assert f'web.public_url = "{new}"' in text_of(ada)
    await ada.get(HERE)
    assert "the linked circles know another address" in text_of(ada)
    await until(bronwen, link_id, "They say that they have moved.")
    await bronwen.get(f"/admin/links/{link_id}/moved")
    said = text_of(bronwen)
    assert f"Until now {a.url} They say, from now on {new}" in said
    assert "01422 900000" in said
    stale = await bronwen.send(f"/admin/links/{link_id}/moved", {"to": "http://127.0.0.1:1"})
    assert stale.status_code == 409
    await bronwen.get(f"/admin/links/{link_id}/moved")
    await bronwen.send(f"/admin/links/{link_id}/not-moved")
    page = await links_page(bronwen, link_id)
    assert "was announced that they know nothing of" in page
    assert "paused by us" in page
    assert tuple(await b.row("SELECT base_url, moving_to FROM link")) == (a.url, "")


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_also_after_the_end_an_admin_is_told_of_a_move_and_asked_to_ring(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    a, b = two_nodes.both
    link_id = await linked(two_nodes, ada, bronwen)
    with a.bound():
        await actions.end(COMMAND, link_id)
    await until(bronwen, link_id, "They have ended this link")
    port = free_port()
    await ada.get(f"{HERE}/move")
    await ada.send(f"{HERE}/move", {"address": f"http://127.0.0.1:{port}", "words": a.words})
    assert "See where to" in await until(bronwen, link_id, "They say that they have moved.")
    assert plum_buttons(bronwen) == 1
    await bronwen.get("/admin/links")
    assert "They say that they have moved. Please ring them." in text_of(bronwen)
    with b.bound():
        await keeping.watch({})
        await jobs.drain()
    async with asyncio.timeout(20):
        while ("link_alarm", link_id) not in await b.rows("SELECT news, about_id FROM told"):
            await asyncio.sleep(0.05)
    await a.stop()
    a.port = port
    await a.start()
    await bronwen.get(f"/admin/links/{link_id}/moved")
    await bronwen.send(f"/admin/links/{link_id}/moved", {"to": f"http://127.0.0.1:{port}"})
    there = [(f"http://127.0.0.1:{port}", "", "ended")]
    async with asyncio.timeout(20):
        while await b.rows("SELECT base_url, moving_to, state FROM link") != there:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_after_a_move_was_followed_new_words_are_made_and_compared(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    a = two_nodes.a
    link_id = await linked(two_nodes, ada, bronwen)
    here = f"/admin/links/{link_id}"
    assert (await ada.get(f"{here}/words")).headers["location"] == here
    port = free_port()
    await ada.get(f"{HERE}/move")
    await ada.send(f"{HERE}/move", {"address": f"http://127.0.0.1:{port}", "words": a.words})
    await a.stop()
    a.port = port
    await a.start()
    await until(bronwen, link_id, "They say that they have moved.")
    await bronwen.get(f"{here}/moved")
    await bronwen.send(f"{here}/moved")
    page = await until(bronwen, link_id, "One of the two has moved since you agreed.")
    assert "linked</span>" in page
    await bronwen.send(f"{here}/words")
    shown = []
    for reader in two_admins:
        await until(reader, link_id, "Six new words are there to be compared.")
        await reader.get(f"{here}/words")
        assert "Are they the same on both screens?" in text_of(reader)
        shown.append(words_on(reader))
    assert (shown[0] == shown[1], len(shown[0])) == (True, 6)
    for reader in two_admins:
        await reader.send(f"{here}/same")
        assert "What you agree from now on names the new address." in await links_page(reader, link_id)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_whoever_is_not_who_we_linked_with_is_said_so_at_the_top(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    for code, told in (("log_forked", "is not the circle we linked with"), ("not_them", "somebody else answers")):
        with two_nodes.b.bound():
            async with write():
                await alarm_once(link_id, code)
        assert told in unescape(await links_page(bronwen, link_id))


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_without_the_words_an_admin_begins_anew_and_is_linked_again(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, bronwen = two_admins
    a = two_nodes.a
    old = await linked(two_nodes, ada, bronwen)
    sheet.put_by(a.folder, a.words)
    with a.bound():
        before = identity.current().node_id
    other = await another_admin(a)
    await ada.get(f"{HERE}/recover")
    assert f'href="{HERE}/anew"' in ada.page.text
    await ada.get(f"{HERE}/anew")
    assert "Every link ends at once: Todmorden circle." in text_of(ada)
    was = dict(re.findall(r'name="(instead_of)" value="([^"]*)"', ada.page.text))
    assert was == {"instead_of": before}
    refused = await ada.send(f"{HERE}/anew", was)
    assert refused.status_code == 422
    assert "then no link ends" in unescape(refused.text)
    assert await a.rows("SELECT state FROM link") == [("open",)]
    await ada.send(f"{HERE}/anew", was | {"lost": "yes"})
    fresh = re.findall(r"<li>([a-z]+)</li>", ada.page.text)
    assert len(fresh) == 24
    assert "Ring each circle on a number from before: Todmorden circle." in text_of(ada)
    await ada.get("/home")
    for told in ("The recovery sheet has not been written down", "Todmorden circle is to be linked with anew"):
        assert told in text_of(ada)
    # The page may never have arrived: the new words are there until three of them came back.
    await ada.get(f"{HERE}/sheet")
    await ada.send(f"{HERE}/sheet")
    assert re.findall(r"<li>([a-z]+)</li>", ada.page.text) == fresh
    await write_down(ada, fresh)
    assert not (a.folder.keys / identity.WORDS_FILE).exists()
    # Whoever pressed twice, or goes back and presses again, begins no third time.
    await ada.get(f"{HERE}/anew")
    assert "No circle is linked, so no link ends." in text_of(ada)
    assert (await ada.send(f"{HERE}/anew", was | {"lost": "yes"})).status_code == 409
    assert "Somebody changed the keys a moment ago." in text_of(ada)
    with a.bound():
        assert identity.current().node_id != before
        assert sheet.opens(identity.current().log, " ".join(fresh))
        assert list(a.folder.keys.glob(f"log-{before[:16]}.jsonl"))
    await a.settle()
    assert await a.rows("SELECT state, superseded_by FROM link") == [("ended", "")]
    assert (other,) in await a.rows("SELECT person_id FROM told WHERE news = 'keys_anew'")
    await ada.get(HERE)
    assert "We began with other keys on" in text_of(ada)

    # The other circle sees at its next call that somebody else answers there. One that was under way while time was moved
    # is refused for its clock, and is not that.
    forked = "Their node showed another history of its keys than before."
    for _ in range(3):
        two_nodes.move(timedelta(minutes=11))
        await bronwen.get(f"/admin/links/{old}/health")
        await bronwen.send(f"/admin/links/{old}/try")
        assert "has answered" not in (await bronwen.follow()).text
        if forked in text_of(bronwen):
            break
    for told in ("not reached now", forked):
        assert told in text_of(bronwen)
    new = await take_up(two_nodes, ada, bronwen)
    for reader in two_admins:
        await links_page(reader, new)
        await reader.send(f"/admin/links/{new}/same")
    await links_page(bronwen, new)
    assert "We were linked with Hebden circle before. Did one of us lose everything?" in text_of(bronwen)
    await bronwen.get(f"/admin/links/{new}/before")
    await bronwen.send(f"/admin/links/{new}/before", {"old": old})
    for reader in (bronwen, ada):
        await links_page(reader, new)
        await reader.send(f"/admin/links/{new}/agree")
    for reader in two_admins:
        await until(reader, new, "linked</span>")
    for node in two_nodes.both:
        assert await node.rows(f"SELECT state, superseded_by FROM link WHERE id = '{old}'") == [("ended", new)]
    await ada.get("/home")
    assert "to be linked with anew" not in text_of(ada)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_the_old_sheets_three_words_do_not_delete_the_new_sheet(
    two_nodes: Pair, two_admins: tuple[Reader, Reader]
) -> None:
    ada, _ = two_admins
    a = two_nodes.a
    sheet.put_by(a.folder, a.words)
    await ada.get(f"{HERE}/sheet")
    await ada.send(f"{HERE}/sheet")
    await ada.send(f"{HERE}/sheet/check", hidden(ada))
    open_tab, asked = ada.page, hidden(ada)
    right = dict(
        zip(("first", "second", "third"), (a.words.split()[int(p) - 1] for p in asked["places"].split()), strict=True)
    )
    for odd in ("é", "a.é", ""):
        refused = await ada.send(f"{HERE}/sheet/kept", asked | right | {"mark": odd})
        assert refused.status_code == 422
        ada.page = open_tab
    await ada.get(f"{HERE}/move")
    two_nodes.move(timedelta(minutes=1))
    moved = {"address": f"http://127.0.0.1:{free_port()}", "words": a.words, "new_sheet": "yes"}
    await ada.send(f"{HERE}/move", moved)
    fresh = re.findall(r"<li>([a-z]+)</li>", ada.page.text)
    ada.page = open_tab
    refused = await ada.send(f"{HERE}/sheet/kept", asked | right)
    assert refused.status_code == 409
    assert "There are newer words since that page was opened." in unescape(refused.text)
    await ada.get(f"{HERE}/sheet")
    await ada.send(f"{HERE}/sheet")
    assert re.findall(r"<li>([a-z]+)</li>", ada.page.text) == fresh
    await write_down(ada, fresh)
    assert not (a.folder.keys / identity.WORDS_FILE).exists()
