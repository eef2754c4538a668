from datetime import timedelta

import msgspec
import pytest

from eccoo_federation import handshake as handshake_forms
from eccoo_federation import jcs
from eccoo_federation.invites import read_invite
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.federating import handshake
from eccoo_node.federating.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import actions, ending, health, queries, say_health
from eccoo_node.links.rules import Terms
from tests.support.hostile import send, sign
from tests.support.pair import Pair


async def test_two_circles_link_over_http(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    seen = []
    for node in two_nodes.both:
        with node.bound():
            known = await queries.circle(link_id)
            seen.append((known.name, known.standing, known.terms.we_may, known.home_share_bps))
            assert [c.id for c in await queries.askable()] == [link_id]
    both_ways = ("cover.offer", "cover.request", "settle")
    assert seen == [("Todmorden circle", "open", both_ways, 5000), ("Hebden circle", "open", both_ways, 5000)]


async def test_both_press_agree_to_the_same_at_once_and_hold_one_paper(two_nodes: Pair) -> None:
    link_id = await two_nodes.shake_hands()
    for node in two_nodes.both:
        with node.bound():
            await actions.words_same(COMMAND, link_id)
            await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    papers = []
    for node in two_nodes.both:
        state, agreement, *proposals = await node.row("SELECT state, agreement, our_proposal, their_proposal FROM link")
        papers.append((state, msgspec.json.decode(agreement), proposals))
    assert papers[0] == papers[1]
    assert (papers[0][0], papers[0][2]) == ("open", ["", ""])
    for node in two_nodes.both:
        with node.bound():
            assert (await verify())["agreements"] == 1


async def test_both_suggest_different_terms_and_the_one_agreed_to_counts(two_nodes: Pair) -> None:
    link_id = await two_nodes.shake_hands()
    for node, limit in ((two_nodes.a, 10_000), (two_nodes.b, 20_000)):
        with node.bound():
            await actions.words_same(COMMAND, link_id)
            await actions.propose(COMMAND, link_id, Terms(credit_limit_pence=limit))
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            assert (await queries.circle(link_id)).standing == "agreeing"
    # Each signs the other's at the same moment: two papers, both truly signed, cross on the way.
    for node in two_nodes.both:
        with node.bound():
            await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    limits = []
    for node in two_nodes.both:
        with node.bound():
            limits.append((await queries.circle(link_id)).credit_limit_pence)
            await verify()
    assert limits[0] == limits[1]
    with two_nodes.a.bound():
        await actions.propose(COMMAND, link_id, Terms(credit_limit_pence=30_000))
    await two_nodes.settle()
    with two_nodes.b.bound():
        await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            assert (await queries.circle(link_id)).credit_limit_pence == 30_000
            await verify()


async def test_the_same_invitation_again_goes_on_with_the_link_under_way(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    with a.bound():
        invite = await actions.make_invite(COMMAND)
    with b.bound():
        link_id = await actions.accept_invite(COMMAND, invite)
        # Before the answer, and while the words are on both screens.
        assert await actions.accept_invite(COMMAND, invite) == link_id
    await two_nodes.settle()
    before = [await node.rows("SELECT id, state, words FROM link") for node in two_nodes.both]
    assert before[0] == before[1]
    assert before[0][0][:2] == (link_id, "words")
    with b.bound():
        assert await actions.accept_invite(COMMAND, invite) == link_id
        assert await handshake.shake_hands(link_id) == "words"
    await two_nodes.settle()
    assert [await node.rows("SELECT id, state, words FROM link") for node in two_nodes.both] == before
    for node in two_nodes.both:
        with node.bound():
            await actions.words_same(COMMAND, link_id)
    with b.bound():
        assert await actions.accept_invite(COMMAND, invite) == link_id
        await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    with a.bound():
        await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    assert [await node.rows("SELECT state, token FROM link") for node in two_nodes.both] == [[("open", "")]] * 2


@pytest.mark.parametrize("proposed_first", [False, True])
async def test_an_end_before_anything_is_agreed_is_learnt_from_the_answer(
    two_nodes: Pair, proposed_first: bool
) -> None:
    a, b = two_nodes.both
    stands = "SELECT state, ended_by_them FROM link"
    link_id = await two_nodes.shake_hands()
    with b.bound():
        await actions.words_same(COMMAND, link_id)
        if proposed_first:
            await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    with a.bound():
        await actions.end(COMMAND, link_id)
        await ending.close_ended({})
    assert await b.rows(stands) == [("agreeing", False)]
    if proposed_first:
        two_nodes.move(timedelta(hours=1))
    else:
        with b.bound():
            await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    assert await b.rows(stands) == [("ended", True)]
    # Nothing of it is kept for ever.
    two_nodes.move(timedelta(days=61))
    with a.bound():
        await ending.close_ended({})
    assert await a.rows("SELECT 1 FROM link WHERE closed_at IS NULL") == []


@pytest.mark.parametrize("said", [False, True])
async def test_a_newer_invitation_puts_a_handshake_away_and_nothing_of_it_is_taken_any_more(
    two_nodes: Pair, said: bool
) -> None:
    a, b = two_nodes.both
    with a.bound():
        first = await actions.make_invite(COMMAND)
    with b.bound():
        old = await actions.accept_invite(COMMAND, first)
        token = read_invite(first, b.clock()).token
    await two_nodes.settle()
    if said:
        for node in two_nodes.both:
            with node.bound():
                await actions.words_same(COMMAND, old)
        with b.bound():
            await actions.agree(COMMAND, old)
    rows = [await node.row("SELECT * FROM link WHERE id = ?", old) for node in two_nodes.both]
    two_nodes.move(timedelta(minutes=1))
    new = await two_nodes.shake_hands()
    pages = []
    for node in two_nodes.both:
        with node.bound():
            before, page = await queries.page(old), await queries.page(new)
            pages.append((before.circle.standing, before.put_away_for, before.other_words))
            assert (page.circle.standing, page.put_away_for, page.other_words) == ("words", "", True)
            assert before.words != page.words
            with pytest.raises(Conflict, match="The link has ended"):
                await actions.words_same(COMMAND, old)
    assert pages == [("ended", new, False)] * 2
    # Everything that was said in it, said again as it was: each is refused by name, and the newer one stays as it is.
    stands = [await node.rows("SELECT id, state, words FROM link ORDER BY id") for node in two_nodes.both]
    asked = handshake_forms.LinkRequest(
        token=token, link=old, node_id=b.wire.us.node_id, base_url=b.url, log_head=rows[1]["our_head"],
        commitment=rows[1]["our_commitment"],
    )  # fmt: skip
    reveal = handshake_forms.Reveal(link=old, nonce=rows[1]["our_nonce"])
    proposal = msgspec.json.decode(rows[1]["our_proposal"]) if said else {"v": 1}
    again = [
        ("links", asked.as_wire()), (f"links/{old}/reveal", reveal.as_wire()),
        (f"links/{old}/agreement", {"v": 1, "agreement": proposal}),
    ]  # fmt: skip
    answers = [await send(a.port, sign(b, "POST", f"{a.url}/fed/v1/{path}", jcs.dump(body))) for path, body in again]
    assert [(one.status, one.code) for one in answers] == [
        (403, "bad_invite"),
        (410, "link_ended"),
        (410, "link_ended"),
    ]
    assert [await node.rows("SELECT id, state, words FROM link ORDER BY id") for node in two_nodes.both] == stands
    for node in two_nodes.both:
        with node.bound():
            await actions.words_same(COMMAND, new)
            await actions.agree(COMMAND, new)
    await two_nodes.settle()
    assert [(await node.row("SELECT state FROM link WHERE id = ?", new))[0] for node in two_nodes.both] == ["open"] * 2


async def test_whoever_gave_up_and_links_later_reads_of_nothing_that_was_put_away(two_nodes: Pair) -> None:
    old = await two_nodes.shake_hands()
    for node in two_nodes.both:
        with node.bound():
            await actions.end(COMMAND, old)
    two_nodes.move(timedelta(minutes=1))
    new = await two_nodes.shake_hands()
    for node in two_nodes.both:
        with node.bound():
            assert (await queries.page(old)).put_away_for == ""
            assert not (await queries.page(new)).other_words


async def test_a_used_invitation_is_said_to_be_used_and_is_not_tried_again(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    with a.bound():
        invite = await actions.make_invite(COMMAND)
        async with write():
            await fetch("UPDATE invite SET used_at = ?, used_by = 'another'", a.clock())
    with b.bound():
        link_id = await actions.accept_invite(COMMAND, invite)
    await b.settle()
    assert await b.rows("SELECT kind FROM job WHERE kind = 'federation.handshake'") == []
    with b.bound():
        page, report = await queries.page(link_id), await health.report(link_id)
        told = "This invitation was used already, or its time is over. Ask them for a new one."
        assert say_health.in_one_line(report, page.called, clock.zone()) == told
        assert say_health.advice(report, "Hebden circle", "") == "It is not tried any more. Ring Hebden circle."
        await actions.end(COMMAND, link_id)
        for late in (actions.words_same(COMMAND, link_id), actions.agree(COMMAND, link_id)):
            with pytest.raises(Conflict, match="The link has ended"):
                await late
