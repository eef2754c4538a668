"""From a visit to money in the bank: two nodes, statements that both sign, and one that lies."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_node.cover import offering
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import between, checking
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.actions import owe_worker_from, release, set_aside, top_up
from eccoo_node.escrow.lines import Across
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.links import actions as linking
from eccoo_node.links import letters
from eccoo_node.rota import actions as rota
from eccoo_node.settlement import queries
from eccoo_node.settlement.checking import verify
from eccoo_node.settlement.letters import state_all
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor

MONTH = timedelta(days=8)


async def went_well(story: Story) -> None:
    """Bea goes, and Edith says that it went as planned: both books hold £61.05."""
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()


async def opens(node: PairNode, link_id: str) -> tuple[int, int]:
    row = await node.row("SELECT ours_open_pence, theirs_open_pence FROM settle_account WHERE link_id = ?", link_id)
    return (row[0], row[1]) if row else (0, 0)


async def stated(story: Story) -> None:
    """The month is over, and both have said what they are owed."""
    story.pair.move(MONTH)
    for node in story.pair.both:
        with node.bound():
            await state_all({})
    await story.pair.settle()


async def sound(story: Story) -> None:
    owed = []
    for node in story.pair.both:
        with node.bound():
            await verify_books()
            assert await verify() >= 0
            assert (await checking.check()).broken == ""
            owed.append(await money.owed(story.pair.link_id))
    assert (owed[0].we_owe_pence, owed[0].they_owe_pence) == (owed[1].they_owe_pence, owed[1].we_owe_pence)


async def went_back(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wren of Hebden was with somebody in Todmorden: £40, of which Todmorden owes £37."""
    link = story.pair.link_id
    with story.a.bound():
        await owe_worker_from(
            NODE, link, "away:back", story.wren, 4000, 0, payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000,
            key="back",
        )  # fmt: skip
    with story.b.bound():
        pat = await make.person("Pat")
        payer = await make.payer(pat)
        await top_up(await actor(story.kit), payer, 4000, key="top up")
        assert await set_aside(NODE, "visit:back", payer, pat, "far", 4000, 0, "aside", across=Across(link))
        await release(NODE, "visit:back", "went")
    real = queries.known_to_both

    async def known(link_id: str) -> dict[str, tuple[str, int]]:
        return {**await real(link_id), "away:back": ("back", 1), "visit:back": ("back", 1)}

    monkeypatch.setattr(queries, "known_to_both", known)


async def test_from_visit_to_paid_and_a_link_that_ends(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    await went_back(story, monkeypatch)
    await stated(story)
    # Each owes the other; £37 is set off in both books, and £24.05 is left one way.
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 2405), (2405, 0))
    for node in two_nodes.both:
        assert await node.rows("SELECT DISTINCT off_pence FROM settle_page") == [(3700,)]
    await sound(story)
    assert (await story.news(story.a, story.tess))[-1] == (await story.news(story.b, story.kit))[-1] == "settle_agreed"
    with story.a.bound():
        await between.paid_circle(await actor(story.tess), link, 2405, "by hand")
    await two_nodes.settle()
    # Word that it was sent is no money: it counts when the other circle's bank shows it.
    assert (await opens(story.b, link), (await story.news(story.b, story.kit))[-1]) == ((2405, 0), "settle_paid")
    said = await story.b.row("SELECT amount_pence, reference FROM settle_payment")
    assert (said[0], said[1][:6]) == (2405, "ECCOO ")
    with story.b.bound():
        await between.circle_paid(await actor(story.kit), link, 2405, "line 1")
    await two_nodes.settle()
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 0), (0, 0))
    with story.b.bound():
        assert await fetch_value("SELECT SUM(balance_pence) FROM account WHERE awaiting <> ''") == 0
    await sound(story)
    # Where what is open does not follow from both, the night finds it, and payouts stop until it is mended.
    with story.b.bound():
        for pence in (1, 0):
            async with write():
                await fetch("UPDATE settle_account SET ours_open_pence = ?", pence)
            told = "what is open does not follow from what was agreed, set off and received."
            assert (await checking.check()).broken.endswith(told if pence else "")
            assert bool(await checking.books_break()) is bool(pence)
    # A second month with nothing in it makes no statement, and ending the link closes the account for good.
    await stated(story)
    with story.a.bound():
        await linking.end(COMMAND, link)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            await state_all({})
            assert (await queries.standing(link)).closed_at is not None
        assert (await node.row("SELECT COUNT(*) FROM settle_page"))[0] == 2
    assert await two_nodes.troubles() == []


async def test_a_lie_waits_alone(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    story = await Story(two_nodes).begin()
    link = two_nodes.link_id
    await went_well(story)
    # Todmorden's books say of one visit that is not in Hebden's, and of one a penny more than is.
    real = queries.books

    async def lying(link_id: str, up_to: int) -> queries.Books:
        found = await real(link_id, up_to)
        if two_nodes.b.wire.us.node_id == letters.identity.current().node_id:
            found.ours[("never", 1)] = 999
        return found

    monkeypatch.setattr(queries, "books", lying)
    await stated(story)
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 6105), (6105, 0))
    for node, person in ((story.a, story.tess), (story.b, story.kit)):
        rows = await node.rows("SELECT request, state, other_pence FROM settle_entry ORDER BY id")
        assert [row[1:] for row in rows if row[0] == "never"] == [("disputed", 0)]
        assert [row[1:] for row in rows if row[0] != "never"] == [("agreed", None)]
        assert {"settle_differs", "settle_agreed"} <= set(await story.news(node, person))
    monkeypatch.setattr(queries, "books", real)
    await sound(story)
    # What comes again, too much, otherwise or out of turn changes nothing.
    with story.b.bound():
        page = (await queries.standing(link)).our_page
        assert page is not None
        body: dict[str, Any] = {
            "period": page.period,
            "statement_hash": page.hash,
            "amount_pence": 6105,
            "payment_ref": "ECCOO 1",
        }
    with story.a.bound():
        for told in (body, body, {**body, "payment_ref": "ECCOO 2"}, {**body, "amount_pence": 1}):
            async with write():
                await letters.send(link, "settle.paid", f"x{told['payment_ref'][-1]}{told['amount_pence']}", told)
        async with write():
            await letters.send(
                link, "settle.statement", "early",
                {"period": "early", "starts_on": "2026-12-01", "ends_on": "2026-12-01", "opening_pence": 5,
                 "entries": [], "closing_pence": 5, "prev": (await queries.standing(link)).ours.head},
            )  # fmt: skip
    await two_nodes.settle()
    assert await story.b.rows("SELECT amount_pence FROM settle_payment WHERE NOT ours") == [(6105,)]
    refused = await story.b.rows("SELECT code FROM letter_read WHERE verdict = 'refused' ORDER BY id")
    assert refused == [("wrong_amount",), ("wrong_amount",), ("wrong_amount",)]
    assert (await opens(story.a, link), await opens(story.b, link)) == ((0, 6105), (6105, 0))
    await sound(story)
