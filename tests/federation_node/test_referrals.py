"""Somebody outside is put in touch with the circle of their place: with their yes, once, and the answer comes back."""

from datetime import timedelta

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND, Actor
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import actions as links
from eccoo_node.links import letters as wire
from eccoo_node.referrals import actions, letters, queries, rules
from eccoo_node.rota import news
from eccoo_node.rota.queries import news_of
from eccoo_node.rota.say import Reader
from tests.support import make
from tests.support.pair import Pair
from tests.support.searched import Wire, found_in
from tests.support.story import actor

GWEN = ("Gwendolen", "07700 900461")


async def begin(pair: Pair) -> str:
    """Two linked circles, the second there for OL14; a facilitator in each. The link."""
    for node, called in zip(pair.both, ("Fay", "Tom"), strict=True):
        with node.bound():
            helper = await make.person(called)
            await make.hat(helper, await make.circle(node.name), "facilitator")
    with pair.b.bound():
        await actions.set_areas(COMMAND, text="OL14, hx7")
    link_id = await pair.link()
    for node in pair.both:
        with node.bound():
            await jobs.ensure_recurring()
    await pair.settle()
    return link_id


async def gwen_asks(pair: Pair, outward: str = "ol14 5aa") -> str:
    with pair.a.bound():
        return await actions.ask(
            name="Gwendolen Roe", reach="07700 900461 after six", outward=outward, wish="support", words="For my mum"
        )


async def helper(pair: Pair, at_b: bool) -> Actor:
    node = pair.b if at_b else pair.a
    [(who,)] = await node.rows("SELECT person_id FROM hat WHERE role = 'facilitator'")
    return await actor(who)


async def test_a_name_crosses_once_with_their_yes_and_the_answer_comes_back(two_nodes: Pair) -> None:
    link_id = await begin(two_nodes)
    heard = Wire(two_nodes)
    token = await gwen_asks(two_nodes)
    with two_nodes.a.bound():
        [circle] = await queries.circles_of("OL14")
        assert await queries.circles_of("LS1") == []
        assert heard.tells(GWEN) == []
        await actions.say_yes(Actor(), token=token, link_id=circle.id)
        with pytest.raises(Conflict):
            await actions.say_yes(Actor(), token=token, link_id=circle.id)
    await two_nodes.a.settle()
    # The letter itself says a place and two hashes.
    assert heard.tells((*GWEN, "For my mum")) == []
    assert heard.tells(["OL14"]) == ["OL14"]
    await two_nodes.settle()
    assert heard.tells(GWEN) == list(GWEN)
    with two_nodes.b.bound():
        _, [sent] = await queries.enquiries(await helper(two_nodes, at_b=True))
        # Each circle's facilitator was told of it, once, and where to look.
        for node, said in ((two_nodes.a, "enquiry"), (two_nodes.b, "enquiry_sent")):
            assert await node.rows("SELECT news FROM told") == [(said,)]
        [one] = await news_of((await helper(two_nodes, at_b=True)).person_id, two_nodes.b.clock() - timedelta(days=1))
        assert (news.sentence(one, Reader("", ""), two_nodes.b.clock()), news.path(one)) == (
            "Another circle puts somebody in touch with us.", "/enquiries",
        )  # fmt: skip
        assert (sent.name, sent.reach, sent.wish, sent.area) == (
            "Gwendolen Roe", "07700 900461 after six", "support", "OL14",
        )  # fmt: skip
        await actions.answer(await helper(two_nodes, at_b=True), referral_id=sent.id, word="taken_up")
    await two_nodes.settle()
    with two_nodes.a.bound():
        asked = await queries.by_token(token)
        assert (asked.state, asked.answer, asked.name) == ("closed", "taken_up", "")
    for node in two_nodes.both:
        with node.bound():
            await letters_bytes_gone(link_id)
            await actions.let_go({})
        assert await found_in(node, (*GWEN, "For my mum")) == []


async def letters_bytes_gone(link_id: str) -> None:
    kept = await fetch("SELECT bytes FROM letter_out WHERE link_id = ? AND bytes <> ''", link_id)
    assert not any("Gwen" in row[0] for row in kept)


async def test_they_take_it_back_before_it_is_fetched_and_after(two_nodes: Pair) -> None:
    await begin(two_nodes)
    a, b = two_nodes.both
    for fetched in (False, True):
        token = await gwen_asks(two_nodes)
        with a.bound():
            [circle] = await queries.circles_of("OL14")
            await actions.say_yes(Actor(), token=token, link_id=circle.id)
        await a.settle()
        if fetched:
            await two_nodes.settle()
            assert await b.rows("SELECT state FROM referral_in WHERE name <> ''") == [("here",)]
        with a.bound():
            await actions.take_back(Actor(), token=token)
            asked = await queries.by_token(token)
            assert (asked.state, asked.answer, asked.name, asked.body) == ("closed", "taken_back", "", "")
        await two_nodes.settle()
        assert await b.rows("SELECT DISTINCT state, name FROM referral_in") == [("closed", "")]
    for node in two_nodes.both:
        with node.bound():
            await actions.let_go({})
        assert await found_in(node, GWEN) == []


async def test_what_is_nobodys_place_or_time_or_comes_in_a_flood_is_not_kept(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id = await begin(two_nodes)
    a, b = two_nodes.both
    # They have stopped serving it since: they say so, and fetch no name.
    token = await gwen_asks(two_nodes)
    with b.bound():
        await actions.set_areas(COMMAND, text="HX7")
    with a.bound():
        await actions.say_yes(Actor(), token=token, link_id=link_id)
    await two_nodes.settle()
    with a.bound():
        asked = await queries.by_token(token)
        assert (asked.state, asked.answer, asked.name, asked.fetched_at) == ("new", "not_ours", "Gwendolen Roe", None)
    assert await b.rows("SELECT COUNT(*) FROM referral_in") == [(0,)]
    # More than a circle can answer are refused, and nothing is fetched of them.
    monkeypatch.setattr(rules, "MOST_OF_LINK", 1)
    with b.bound():
        await actions.set_areas(COMMAND, text="OL14")
    for _ in range(2):
        token = await gwen_asks(two_nodes)
        with a.bound():
            await actions.say_yes(Actor(), token=token, link_id=link_id)
        await two_nodes.settle()
    assert await b.rows("SELECT COUNT(*) FROM referral_in") == [(1,)]
    assert await a.rows("SELECT code FROM letter_out WHERE type = 'referral.sent' AND state = 'refused'") == [
        ("too_many",)
    ]
    # The day comes, and neither side keeps a name.
    two_nodes.move(timedelta(days=31))
    for node in two_nodes.both:
        with node.bound():
            await actions.let_go({})
    assert await b.rows("SELECT state, name FROM referral_in") == [("closed", "")]
    assert await a.rows("SELECT COUNT(*) FROM enquiry WHERE state = 'sent'") == [(0,)]


async def test_without_the_scope_nobody_is_sent_and_only_the_right_circle_may_fetch(two_nodes: Pair) -> None:
    link_id = await begin(two_nodes)
    a = two_nodes.a
    token = await gwen_asks(two_nodes)
    with a.bound():
        await links.narrow(COMMAND, link_id, we_no_longer=("cover.request",))
        assert await queries.circles_of("OL14") == []
        with pytest.raises(Conflict):
            await actions.say_yes(Actor(), token=token, link_id=link_id)
    assert await a.rows("SELECT COUNT(*) FROM letter_out WHERE type LIKE 'referral.%'") == [(0,)]
    # Another link's circle asks for it under the right reference.
    with a.bound():
        async with write():
            await fetch("UPDATE enquiry SET state = 'sent', link_id = ?, reference = 'r1', body = '{}'", link_id)
        with pytest.raises(Exception, match=r"unknown_subject|not known"):
            await letters.give(Actor(via="federation", link_id="another"), ref="r1")
        assert (await fetch_one("SELECT fetched_at FROM enquiry"))[0] is None
    assert wire.answerer_of("referrals") is not None
