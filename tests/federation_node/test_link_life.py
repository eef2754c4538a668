"""A link from its second year to its end: going on, running out, ending while something is certain, closing."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from eccoo_federation import limits
from eccoo_federation.identity import CAPS
from eccoo_node.cover import leaving, offering, queries
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.federating import pulls, refetch
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import actions, ending, health, identity, keeping, say_health
from eccoo_node.links import queries as links
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.rota import actions as rota
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor

assert leaving


async def news(node: PairNode) -> list[str]:
    with node.bound():
        await keeping.watch({})
    rows = await node.rows("SELECT payload FROM event WHERE kind = 'link.news' ORDER BY id")
    return [msgspec.json.decode(row[0])["news"] for row in rows]


async def agreed(node: PairNode) -> tuple[int, str, bool]:
    [(text, ours)] = await node.rows("SELECT agreement, our_proposal FROM link")
    value = msgspec.json.decode(text)
    return value["rev"], value["expires_at"][:10], bool(ours)


async def test_an_agreement_goes_on_and_what_was_taken_back_stays_so(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A short year, within the life of one key.
    monkeypatch.setattr(limits, "AGREEMENT_LIFE", timedelta(days=61))
    a, b = two_nodes.both
    link_id = await two_nodes.link(Terms(home_share_bps=6000))
    with b.bound():
        await actions.narrow(COMMAND, link_id, they_no_longer=("cover.request",))
    await two_nodes.settle()
    assert await news(a) == []
    for days, told in ((1, "link_ends_60"), (30, "link_ends_30"), (23, "link_ends_7")):
        two_nodes.move(timedelta(days=days))
        for node in two_nodes.both:
            assert [one for one in await news(node) if one.startswith("link_ends")][-1] == told
    before = await agreed(a)
    monkeypatch.setattr(limits, "AGREEMENT_LIFE", timedelta(days=10))
    with a.bound():
        await actions.renew(COMMAND, link_id)
        await actions.renew(COMMAND, link_id)
    await two_nodes.settle()
    assert (await agreed(a))[0] == before[0]
    with b.bound():
        await actions.renew(COMMAND, link_id)
    await two_nodes.settle()
    assert [await agreed(node) for node in two_nodes.both] == [(2, "2027-01-26", False)] * 2
    with a.bound():
        terms = (await links.circle(link_id)).terms
        assert (terms.we_may, terms.home_share_bps) == (("cover.offer", "settle"), 6000)
    two_nodes.move(timedelta(days=11))
    told_of = await news(a)
    # Nobody called anybody in these days, so nothing is known to be wrong with the other.
    assert (told_of[-1], "link_silent" in told_of) == ("link_lapsed", False)
    with a.bound():
        assert await links.askable("cover.offer") == []
        assert await links.may_cross(link_id, "out", "settle") is None
        await actions.renew(COMMAND, link_id)
    # Both at one moment, after it has run out.
    with b.bound():
        await actions.renew(COMMAND, link_id)
    await two_nodes.settle()
    assert [(await agreed(node))[0] for node in two_nodes.both] == [3, 3]


async def test_a_circle_that_was_called_in_vain_for_a_day_is_told_of_once(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    link_id = await two_nodes.link()
    two_nodes.move(timedelta(days=2))
    assert await news(a) == []
    await b.stop()
    with a.bound():
        await pulls.pull_states({"link": link_id})
    assert await news(a) == await news(a) == ["link_silent"]
    await b.start()
    with a.bound():
        await pulls.pull_states({"link": link_id})
    assert await news(a) == ["link_silent"]
    assert await a.rows("SELECT code FROM link_notice") == []


async def test_two_proposals_that_cross_leave_one_agreement_and_other_terms_are_read_first(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    link_id = await two_nodes.link()
    for node, limit in ((a, 10_000), (b, 20_000)):
        with node.bound():
            await actions.propose(COMMAND, link_id, Terms(credit_limit_pence=limit, statement_period="week"))
    await two_nodes.settle()
    with a.bound(), pytest.raises(Conflict, match="suggest something else"):
        await actions.renew(COMMAND, link_id)
    for node in two_nodes.both:
        # Each signs what the other suggests, before it hears that the other did.
        with node.bound():
            await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    kept = [msgspec.json.decode((await node.row("SELECT agreement FROM link"))[0]) for node in two_nodes.both]
    assert kept[0] == kept[1]
    assert kept[0]["rev"] == 2
    assert await a.rows("SELECT our_proposal, their_proposal FROM link") == [("", "")]


async def test_what_was_taken_back_or_replaced_is_not_signed_into_force_by_the_other_side_alone(
    two_nodes: Pair,
) -> None:
    a, b = two_nodes.both
    link_id = await two_nodes.link()

    async def rev_and_narrowed() -> list[tuple[int, bool]]:
        rows = [await node.row("SELECT agreement, narrowed, agreement_told FROM link") for node in two_nodes.both]
        return [(msgspec.json.decode(row[0])["rev"], "cover.request" in row[1]) for row in rows]

    async def suggests(limit: int) -> None:
        with a.bound():
            await actions.propose(COMMAND, link_id, Terms(credit_limit_pence=limit))

    async def signs() -> None:
        with b.bound():
            await actions.agree(COMMAND, link_id)

    await suggests(10_000)
    await a.settle()
    with a.bound():
        await actions.narrow(COMMAND, link_id, they_no_longer=("cover.request",))
    # Their yes to what we no longer suggest: refused, and both go on with what was agreed before.
    await signs()
    assert await rev_and_narrowed() == [(1, True), (2, False)]
    await b.settle()
    await two_nodes.settle()
    assert await rev_and_narrowed() == [(1, True), (1, True)]
    await suggests(20_000)
    await a.settle()
    await suggests(30_000)
    await signs()
    await b.settle()
    assert await rev_and_narrowed() == [(1, True), (1, True)]
    await two_nodes.settle()
    await signs()
    await two_nodes.settle()
    assert await rev_and_narrowed() == [(2, False), (2, False)]
    with b.bound():
        assert (await links.circle(link_id)).terms.credit_limit_pence == 30_000
        assert await links.may_cross(link_id, "out", "cover.request") is None


async def test_what_one_of_the_two_nodes_cannot_do_is_not_agreed(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = two_nodes.both
    new = identity.Identity.document

    def older(us: identity.Identity, now: datetime) -> dict[str, Any]:
        caps = ("cover-1", "settle-1", "unheard-of-1") if us.node_id == b.wire.us.node_id else CAPS
        document = {name: said for name, said in new(us, now).items() if name != "proof"}
        return us.sign({**document, "caps": sorted(caps)}, now - identity.BACKDATE)

    monkeypatch.setattr(identity.Identity, "document", older)
    every = (*BOTH_WAYS, "attest.read", "introduce", "pool.read:first_name,skills")
    link_id = await two_nodes.link(Terms(we_may=every, they_may=every))
    for node in two_nodes.both:
        [(text,)] = await node.rows("SELECT agreement FROM link")
        assert msgspec.json.decode(text)["caps"] == ["cover-1", "settle-1"]
        with node.bound():
            assert (await links.circle(link_id)).terms == Terms()
            for scope, code in (
                ("cover.request", ""),
                ("pool.read:skills", "scope_denied"),
                ("introduce", "scope_denied"),
            ):
                refused = await links.may_cross(link_id, "out", scope)
                assert (refused.code if refused else "") == code
            # What keeps people safe needs no capability.
            assert await links.may_cross(link_id, "out", "erasure") is None
            shown = dict(say_health.figures(await health.report(link_id)))
            assert shown["What both nodes can do"] == "Cover and settling what is owed (version 1)."
    # Their node learns it, which we hear with their next keys; then it can be agreed.
    monkeypatch.setattr(identity.Identity, "document", new)
    with a.bound():
        await refetch.refetch({"link": link_id})
        await actions.propose(COMMAND, link_id, Terms(we_may=every, they_may=every))
    await two_nodes.settle()
    with b.bound():
        await actions.agree(COMMAND, link_id)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            assert await links.may_cross(link_id, "out", "pool.read:skills") is None


async def test_a_link_with_nothing_going_on_closes_on_both_sides(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    link_id = await two_nodes.link()
    with a.bound():
        await actions.end(COMMAND, link_id)
        async with write():
            # The letter that says so has not arrived yet.
            assert not await ending.close_if_through(link_id)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            await ending.close_ended({})
        [(state, closed)] = await node.rows("SELECT state, closed_at FROM link")
        assert (state, closed is not None) == ("ended", True)
        # Its keys stay: whoever was told of there may ask to be forgotten years later. Nothing else is let in.
        assert len(await node.rows("SELECT kid FROM link_key")) == 1
        with node.bound():
            assert await links.may_cross(link_id, "in", "erasure") is None
            refused = await links.may_cross(link_id, "in", "cover.request")
            assert refused is not None
            assert refused.code == "link_ended"
    assert [row[0] for row in await b.rows("SELECT kind FROM event WHERE kind IN ('link.ended', 'link.closed') ORDER BY id")] == [
        "link.ended", "link.closed",
    ]  # fmt: skip


async def test_what_is_certain_is_honoured_after_the_end(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    a, b, link_id = story.a, story.b, two_nodes.link_id
    await story.ask_far()
    await story.offers()
    # The yes and the certificate are on their way when the link ends.
    assert await story.chooses() == "done"
    await a.settle()
    await b.settle()
    with b.bound():
        await actions.end(COMMAND, link_id)
    await two_nodes.settle()
    assert (await story.states())[2] == "coming"
    assert await a.rows("SELECT state, ended_by_them FROM link") in ([("ended", 1)], [("ended", True)])
    with b.bound():
        assert (await queries.mine(story.offer)).told is not None
        said = [still.sentence for still in await ending.goes_on(link_id)]
        assert said[0] == "Thursday 26 November, 9am to 11am: our worker goes to a visit there."
        await offering.read_and_coming(await actor(story.bea), offer_id=story.offer)
    two_nodes.move(timedelta(days=3, hours=4))
    with b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await two_nodes.settle()
    with a.bound():
        assert await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes") == "settled"
    await two_nodes.settle()
    assert await story.states() == ("settled", "ended", "settled")
    owed = []
    for node in two_nodes.both:
        with node.bound():
            owed.append(await money.owed(link_id))
            left = [still for still in await ending.goes_on(link_id) if still.kind in ("certain", "money")]
            assert [still.kind for still in left] == ["money"]
            async with write():
                assert not await ending.close_if_through(link_id)
    assert (owed[0].we_owe_pence, owed[1].they_owe_pence) == (6105, 6105)


async def test_what_was_only_asked_or_offered_ends_with_the_link(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    a, b, link_id = story.a, story.b, two_nodes.link_id
    await story.ask_far()
    await story.offers()
    with a.bound():
        stops = [still.sentence for still in await ending.goes_on(link_id) if still.kind == "stops"]
        assert stops == ["For one visit here we ask them no more.", "One offer of theirs is deleted."]
        await actions.end(COMMAND, link_id)
        with pytest.raises(Conflict):
            await story.chooses()
    await two_nodes.settle()
    assert await story.states() == ("gap", "asking", "taken_back")
    assert await a.rows("SELECT state, first_name, words FROM cover_offer") == [("taken_back", "", "")]
    assert await b.rows("SELECT state FROM open_request") == [("closed",)]
    assert await b.rows(
        "SELECT r.bytes FROM letter_read r JOIN letter_in i ON i.id = r.letter_id WHERE i.type = 'cover.requested'"
    ) == [("",)]
    with b.bound():
        assert await fetch("SELECT 1 FROM worker_slot") == []
