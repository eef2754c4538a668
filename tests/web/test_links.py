"""The admins' pages of two real nodes, walked without a browser; between the nodes everything goes over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions, queries
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.web.admins import admins, put_pages, sign_in
from tests.web.client import Reader

Readers = tuple[Reader, Reader]


@pytest.fixture
async def two_admins(two_nodes: Pair) -> AsyncIterator[Readers]:
    async with admins(two_nodes) as readers:
        yield readers


def invite_on(reader: Reader) -> str:
    return unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", reader.page.text, re.DOTALL)[0])


def words_on(reader: Reader) -> list[str]:
    found = re.findall(r'<ol class="six">(.*?)</ol>', reader.page.text, re.DOTALL)
    return re.findall(r"<li>(\w+)</li>", found[0]) if found else []


def plum_buttons(reader: Reader) -> int:
    return len(re.findall(r'class="(?:button )?act"', reader.page.text))


async def links_page(reader: Reader, link_id: str) -> str:
    page = await reader.get(f"/admin/links/{link_id}")
    assert page.status_code == 200
    assert plum_buttons(reader) <= 1
    return page.text


async def until(reader: Reader, link_id: str, words: str) -> str:
    """The link's page as soon as it says this; the nodes' jobs are at work meanwhile."""
    for _ in range(200):
        page = await links_page(reader, link_id)
        if words in page:
            return page
        await asyncio.sleep(0.05)
    raise AssertionError(f"the page never says {words}: {page}")


async def until_known(node: PairNode, column: str, *, empty: bool = False) -> None:
    """As soon as the node's only link has something in this column, or nothing any more."""
    async with asyncio.timeout(20):
        while bool((await node.row(f"SELECT {column} FROM link"))[0]) is empty:
            await asyncio.sleep(0.02)


async def until_askable(node: PairNode, expected: list[str]) -> None:
    """As soon as the policy allows asking these links, and no others, for cover."""
    for _ in range(200):
        with node.bound():
            found = [circle.id for circle in await queries.askable()]
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"askable are {found}")


async def take_up(two_nodes: Pair, ada: Reader, bronwen: Reader) -> str:
    """A's admin makes an invitation, B's pastes it; the link's id."""
    await ada.get("/admin/links/invite")
    await ada.send("/admin/links/invite")
    await bronwen.get("/admin/links/accept")
    answer = await bronwen.send("/admin/links/accept", {"invite": f"  {invite_on(ada)[:60]}\n{invite_on(ada)[60:]} "})
    assert answer.status_code == 303
    where, _, link_id = answer.headers["location"].rpartition("/")
    assert where == "/admin/links"
    assert (link_id,) in await two_nodes.b.rows("SELECT id FROM link")
    return link_id


async def linked(two_nodes: Pair, ada: Reader, bronwen: Reader) -> str:
    link_id = await take_up(two_nodes, ada, bronwen)
    for reader in (ada, bronwen):
        await links_page(reader, link_id)
        await reader.send(f"/admin/links/{link_id}/same")
    for reader in (ada, bronwen):
        await links_page(reader, link_id)
        await reader.send(f"/admin/links/{link_id}/agree")
    for reader in (ada, bronwen):
        await until(reader, link_id, "linked</span>")
    return link_id


async def test_two_admins_link_their_circles(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    await ada.get("/admin/links")
    assert "No circle is linked yet." in ada.page.text
    link_id = await take_up(two_nodes, ada, bronwen)
    shown = []
    for reader in two_admins:
        await links_page(reader, link_id)
        assert "Are they the same on both screens?" in reader.page.text
        shown.append(words_on(reader))
    assert shown[0] == shown[1]
    assert len(shown[0]) == 6
    assert "The link with Todmorden circle is not finished" in (await ada.get("/home")).text
    await links_page(ada, link_id)
    for reader in two_admins:
        assert (await reader.send(f"/admin/links/{link_id}/same")).status_code == 303
    assert "We may ask Todmorden circle for cover, and they may ask us." in await links_page(ada, link_id)
    await ada.send(f"/admin/links/{link_id}/agree")
    assert "Now Todmorden circle is asked" in (await ada.follow()).text
    page = await links_page(bronwen, link_id)
    assert "Hebden circle suggests it" in page
    assert "We may ask Hebden circle for cover, and they may ask us." in page
    await bronwen.send(f"/admin/links/{link_id}/agree")
    assert "We are linked with Hebden circle." in (await bronwen.follow()).text
    assert "The clocks agree" not in bronwen.page.text
    assert "is not finished" not in (await ada.get("/home")).text
    for reader, node, them in ((ada, two_nodes.a, "Todmorden circle"), (bronwen, two_nodes.b, "Hebden circle")):
        await until(reader, link_id, "linked</span>")
        assert f"<strong>{them}</strong>" in (await reader.get("/admin/links")).text
        with node.bound():
            assert [c.name for c in await queries.askable()] == [them]


async def test_an_invitation_is_shown_once_and_kept_only_as_a_hash(two_nodes: Pair, two_admins: Readers) -> None:
    ada, _ = two_admins
    await ada.get("/admin/links/invite")
    await ada.send("/admin/links/invite")
    invite = invite_on(ada)
    assert invite.startswith("circle-invite:1:")
    assert ada.page.headers["cache-control"] == "no-store"
    await ada.get("/admin/links/invite")
    assert invite not in ada.page.text
    [row] = await two_nodes.a.rows("SELECT * FROM invite")
    assert not any(len(str(part)) > 20 and str(part) in invite for part in row)


@pytest.mark.parametrize(
    "typed, said",
    [
        ("", "Please paste the invitation that they gave you."),
        ("hello", "That is not an invitation: it begins with circle-invite:1:"),
        ("circle-invite:1:AAAA", "The invitation is damaged. Was all of it copied?"),
    ],
)
async def test_what_is_no_invitation_is_said_so_and_kept_in_the_field(
    two_nodes: Pair, two_admins: Readers, typed: str, said: str
) -> None:
    _, bronwen = two_admins
    await bronwen.get("/admin/links/accept")
    page = await bronwen.send("/admin/links/accept", {"invite": typed})
    assert page.status_code == 422
    assert said in unescape(page.text)
    assert invite_on(bronwen).strip() == typed
    assert await two_nodes.b.rows("SELECT 1 FROM link") == []


async def test_different_words_end_the_link_and_say_so(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await take_up(two_nodes, ada, bronwen)
    await links_page(bronwen, link_id)
    await bronwen.send(f"/admin/links/{link_id}/differ")
    page = await links_page(bronwen, link_id)
    assert "ended</span>" in page
    assert "Somebody may have stood between the two nodes." in page
    with two_nodes.b.bound():
        assert await queries.askable() == []


async def test_a_suggestion_that_changed_after_it_was_read_is_not_signed(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await take_up(two_nodes, ada, bronwen)
    for reader in two_admins:
        await links_page(reader, link_id)
        await reader.send(f"/admin/links/{link_id}/same")
    await links_page(bronwen, link_id)
    # While Bronwen reads the usual terms, Ada suggests others.
    await ada.get(f"/admin/links/{link_id}/terms")
    form = {"we": ["cover.request"], "they": ["settle"], "share": "20", "limit": "1,000", "period": "week"}
    nothing = await ada.send(f"/admin/links/{link_id}/terms", form | {"limit": "0"})
    assert "Write more than £0. At £0 no cover could be asked for." in unescape(nothing.text)
    await ada.send(f"/admin/links/{link_id}/terms", form)
    await until_known(two_nodes.b, "their_proposal")
    page = await bronwen.send(f"/admin/links/{link_id}/agree")
    assert page.status_code == 409
    assert "They have changed what they suggest." in page.text
    page_text = await links_page(bronwen, link_id)
    for said in (
        "20% stays with the worker’s circle",
        "more than £1,000",
        "Each week",
        "Hebden circle may ask us for cover.",
    ):
        assert said in page_text
    await bronwen.send(f"/admin/links/{link_id}/agree")
    await until(ada, link_id, "linked</span>")
    with two_nodes.a.bound():
        terms = (await queries.circle(link_id)).terms
    assert (terms.we_may, terms.they_may, terms.home_share_bps, terms.credit_limit_pence, terms.statement_period) == (
        ("cover.request",), ("settle",), 2000, 100_000, "week",
    )  # fmt: skip


async def test_pausing_and_going_on(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    await ada.send(f"/admin/links/{link_id}/pause")
    await until(ada, link_id, "paused by us")
    await until(bronwen, link_id, "paused by them")
    # The other side may pause as well; then the link goes on when both say so.
    page = await links_page(bronwen, link_id)
    assert "You can pause too. Then nothing new is asked until both go on." in page
    assert "Pause this link" in page
    await bronwen.send(f"/admin/links/{link_id}/pause")
    await until(bronwen, link_id, "paused by us")
    assert "Pause this link" not in await links_page(bronwen, link_id)
    await ada.send(f"/admin/links/{link_id}/resume")
    await until(ada, link_id, "paused by them")
    await bronwen.send(f"/admin/links/{link_id}/resume")
    for reader in two_admins:
        await until(reader, link_id, "linked</span>")


async def test_what_is_taken_back_counts_at_once_and_what_is_added_waits_for_a_yes(
    two_nodes: Pair, two_admins: Readers
) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    both = {"share": "50", "limit": "500", "period": "month"}
    terms = f"/admin/links/{link_id}/terms"
    await ada.get(terms)
    await ada.send(terms, both | {"we": ["cover.request", "cover.offer", "settle"], "they": ["cover.offer", "settle"]})
    assert "That counts from now on." in (await ada.follow()).text
    await until_askable(two_nodes.b, [])
    await until_askable(two_nodes.a, [link_id])
    await ada.get(terms)
    assert (await ada.send(terms, both | {"we": ["settle", "-1"]})).status_code == 422
    await until_askable(two_nodes.a, [link_id])
    await ada.get(terms)
    every = ["cover.request", "cover.offer", "settle"]
    await ada.send(terms, both | {"we": every, "they": every})
    await until(bronwen, link_id, "suggests a change")
    await until_askable(two_nodes.b, [])
    await bronwen.get(f"/admin/links/{link_id}/agree")
    await bronwen.send(f"/admin/links/{link_id}/agree")
    for node in two_nodes.both:
        await until_askable(node, [link_id])


async def test_what_no_two_circles_can_agree_is_refused_and_nothing_is_taken_back_for_it(
    two_nodes: Pair, two_admins: Readers
) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    terms = f"/admin/links/{link_id}/terms"
    await ada.get(terms)
    form = {"share": "50", "limit": "500", "period": "month", "we": ["settle"], "they": ["settle", "bogus"]}
    refused = await ada.send(terms, form)
    assert (refused.status_code, "The two circles cannot agree this." in unescape(refused.text)) == (422, True)
    assert await two_nodes.a.rows("SELECT narrowed, our_proposal FROM link") == [("{}", "")]


async def test_ending_asks_first(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    await ada.get(f"/admin/links/{link_id}/end")
    assert "End the link with Todmorden circle?" in ada.page.text
    await ada.send(f"/admin/links/{link_id}/end")
    await until(ada, link_id, "We have ended this link")
    await until(bronwen, link_id, "They have ended this link")


async def test_a_node_that_is_away_is_said_to_be_away_and_can_be_tried_now(
    two_nodes: Pair, two_admins: Readers
) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    await two_nodes.b.stop()
    await links_page(ada, link_id)
    await ada.send(f"/admin/links/{link_id}/pause")
    await until(ada, link_id, "paused by us")
    await ada.send(f"/admin/links/{link_id}/resume")
    page = await until(ada, link_id, "Their node does not answer.")
    assert "2 letters. They go out as soon as their node answers." in page
    assert "Their node does not answer." in (await ada.get("/admin/links")).text
    await two_nodes.b.start()
    await links_page(ada, link_id)
    await ada.send(f"/admin/links/{link_id}/try")
    assert "Todmorden circle has answered." in unescape((await ada.follow()).text)
    page = await until(ada, link_id, "linked</span>")
    assert "<dd>Nothing</dd>" in page


async def test_a_pause_of_both_ends_when_both_have_ended_it(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    for reader in two_admins:
        await links_page(reader, link_id)
        await reader.send(f"/admin/links/{link_id}/pause")
    # What the pages' own sender has under way is not waited for by `settle`.
    await until_known(two_nodes.a, "suspended_by_them_at")
    await links_page(ada, link_id)
    await ada.send(f"/admin/links/{link_id}/resume")
    page = unescape((await ada.follow()).text)
    assert "Our pause is over. Todmorden circle has paused, too." in page
    assert "paused by them" in page
    await until_known(two_nodes.b, "suspended_by_them_at", empty=True)
    await links_page(bronwen, link_id)
    await bronwen.send(f"/admin/links/{link_id}/resume")
    assert "The link goes on." in (await bronwen.follow()).text


async def test_a_clock_that_is_out_is_named_on_both_screens(two_nodes: Pair, two_admins: Readers) -> None:
    ada, bronwen = two_admins
    link_id = await linked(two_nodes, ada, bronwen)
    two_nodes.a.clock.move(timedelta(minutes=4))
    await links_page(ada, link_id)
    await ada.send(f"/admin/links/{link_id}/pause")
    await until(ada, link_id, "Their clock is 4 minutes behind ours.")
    await until(bronwen, link_id, "Their clock is 4 minutes ahead of ours.")


@pytest.mark.parametrize("role", ["", "facilitator", "treasurer", "worker"])
async def test_nobody_else_sees_or_does_any_of_it(two_nodes: Pair, role: str) -> None:
    link_id = await two_nodes.shake_hands()
    node = two_nodes.a
    shell = put_pages(node)
    with node.bound():
        person = await make.person("Wren")
        if role:
            await make.hat(person, await make.circle(), role)
    await sign_in(node, person, "wren")
    async with Reader(shell, node.url, cookies={shell.site.session_cookie: "wren"}) as reader:
        for path in (
            "",
            "/invite",
            "/accept",
            f"/{link_id}",
            f"/{link_id}/terms",
            f"/{link_id}/agree",
            f"/{link_id}/end",
        ):
            page = await reader.get(f"/admin/links{path}")
            assert (path, page.status_code) == (path, 403)
            assert not any(word in page.text for word in words_of(await node.row("SELECT words FROM link")))
    with node.bound():
        before = await node.rows("SELECT state, words_said_at FROM link")
    assert before == [("words", None)]


def words_of(row: tuple[str]) -> list[str]:
    return [f">{word}<" for word in row[0].split()]


async def test_not_linking_after_all_is_asked_once_and_the_other_side_hears_of_it(
    two_nodes: Pair, two_admins: Readers
) -> None:
    ada, ben = two_admins
    link_id = await take_up(two_nodes, ada, ben)
    for reader in two_admins:
        await links_page(reader, link_id)
        await reader.send(f"/admin/links/{link_id}/same")
    await links_page(ben, link_id)
    page = unescape(await links_page(ada, link_id))
    assert f'<a href="/admin/links/{link_id}/end">Don’t link with them</a>' in page
    asked = unescape((await ada.get(f"/admin/links/{link_id}/end")).text)
    assert "Not link with Todmorden circle after all?" in asked
    assert "Pause it" not in asked
    assert plum_buttons(ada) == 1
    await ada.send(f"/admin/links/{link_id}/end")
    assert "We have ended this link" in await links_page(ada, link_id)
    await ben.send(f"/admin/links/{link_id}/agree", {"seen": ""})
    assert "They have ended this link" in await until(ben, link_id, "They have ended this link")


async def test_a_used_invitation_asks_for_a_new_one(two_nodes: Pair, two_admins: Readers) -> None:
    _, ben = two_admins
    with two_nodes.a.bound():
        invite = await actions.make_invite(COMMAND)
        async with write():
            await fetch("UPDATE invite SET used_at = ?, used_by = 'another'", two_nodes.a.clock())
    await ben.get("/admin/links/accept")
    await ben.send("/admin/links/accept", {"invite": invite})
    [link_id] = [row[0] for row in await two_nodes.b.rows("SELECT id FROM link")]
    page = unescape(await until(ben, link_id, "This invitation was used already"))
    assert "go on trying" not in page
    assert 'href="/admin/links/accept">Take up a new invitation</a>' in page
