"""A circle that lost keys and words is linked anew: what stands between the two goes over, to the penny, or nothing does."""

from datetime import timedelta

import pytest

from eccoo_node.cover import leaving, offering, settling
from eccoo_node.cover import queries as cover
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import chart, ledger
from eccoo_node.escrow.actions import Across, owe_worker_from, release
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.keys import actions as own
from eccoo_node.links import actions, carrying, ending, identity, queries, say
from eccoo_node.links.superseding import stands_in_for
from eccoo_node.rota import link_news
from eccoo_node.settlement.letters import state_all
from eccoo_node.settlement.queries import waiting
from tests.support import make
from tests.support.escrow import open_books
from tests.support.hostile import ping, send
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor

assert leaving
assert link_news
BOTH = {"payer_add_bps": 0, "worker_deduct_bps": 1500, "home_share_bps": 5000}


async def stands(node: PairNode, link_id: str) -> tuple[int, int]:
    """What the other circle owes us, and what we owe it."""
    with node.bound():
        return await ledger.balance(chart.due_from(link_id)), -await ledger.balance(chart.due_to(link_id))


async def owes(node: PairNode, link_id: str, *, asked: bool, fee: int) -> str:
    """One visit between the two, seen from the circle that asked or from the other; the worker."""
    with node.bound():
        books = await open_books()
        if asked:
            await books.top_up(fee)
            assert await books.set_aside("visit:1", fee, across=Across(link_id))
            await release(NODE, "visit:1", "went")
        else:
            await owe_worker_from(NODE, link_id, "claim:1", books.worker, fee, 0, key="claim", **BOTH)
        return books.worker


async def linked_anew(pair: Pair, old: str, *, say: tuple[PairNode, ...]) -> str:
    """B begins anew and both link again; whoever is in `say` says which link it stands in for. The new link's id."""
    b = pair.b
    with b.bound():
        await own.begin_anew(COMMAND)
    await pair.shake_hands()
    for node in pair.both:
        with node.bound():
            await actions.words_same(COMMAND, pair.link_id)
            if node in say:
                await stands_in_for(COMMAND, pair.link_id, old)
    return pair.link_id


async def test_the_balance_goes_over_to_the_new_link_on_both_sides(two_nodes: Pair) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    await owes(a, old, asked=True, fee=6000)
    worker = await owes(b, old, asked=False, fee=6000)
    assert (await stands(a, old), await stands(b, old)) == ((0, 5550), (5550, 0))
    new = await linked_anew(two_nodes, old, say=(a,))
    with a.bound():
        shown = await carrying.shown(new)
        assert shown is not None
        assert (shown.we_lost, shown.signed_pence, shown.agrees) == (False, -5550, True)
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with b.bound():
        shown = await carrying.shown(new)
        assert shown is not None
        assert (shown.we_lost, shown.signed_pence, shown.book_pence) == (True, 5550, 5550)
        await actions.agree(COMMAND, new)
    await two_nodes.settle()
    assert (await stands(a, old), await stands(b, old)) == ((0, 0), (0, 0))
    assert (await stands(a, new), await stands(b, new)) == ((0, 5550), (5550, 0))
    for node in two_nodes.both:
        assert sorted(await node.rows("SELECT id, state, superseded_by FROM link")) == sorted(
            [(old, "ended", new), (new, "open", "")]
        )
        with node.bound():
            await verify()
            await verify_books()
    # No statement says it: it is asked for as it is.
    asked = {}
    for node in two_nodes.both:
        with node.bound():
            await state_all({})
            asked[node] = {one.link_id: (one.ours_due_pence, one.theirs_due_pence) for one in await waiting()}
    assert (asked[a][new], asked[b][new], asked[a].get(old, (0, 0))) == ((0, 5550), (5550, 0), (0, 0))
    with b.bound():
        # What the worker waits for, waits for the new link's money now.
        assert await ledger.balance(chart.Account("2200", worker, new)) == -5100


async def test_two_books_that_differ_carry_nothing_over_and_both_admins_see_it(two_nodes: Pair) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    await owes(a, old, asked=True, fee=6000)
    await owes(b, old, asked=False, fee=4000)
    new = await linked_anew(two_nodes, old, say=(a,))
    with a.bound():
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with b.bound():
        shown = await carrying.shown(new)
        assert shown is not None
        assert (shown.signed_pence, shown.book_pence, shown.agrees) == (5550, 3700, False)
        with pytest.raises(Conflict, match="different sums"):
            await actions.agree(COMMAND, new)
        assert (await queries.circle(new)).standing == "agreeing"
    assert (await stands(a, old), await stands(b, old)) == ((0, 5550), (3700, 0))


async def test_who_lost_the_books_too_takes_on_what_the_other_says(two_nodes: Pair) -> None:
    old = await two_nodes.link()
    a, b = two_nodes.both
    await owes(a, old, asked=True, fee=6000)
    with b.bound():
        await open_books()
        # As after a new disk: no row about the old link. What hangs on it stays where it hangs.
        async with write():
            await fetch("UPDATE link SET agreement = '' WHERE id = ?", old)
    new = await linked_anew(two_nodes, old, say=(a,))
    with a.bound():
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with b.bound():
        shown = await carrying.shown(new)
        assert shown is not None
        assert (shown.signed_pence, shown.book_pence, shown.agrees) == (5550, None, False)
        with pytest.raises(Conflict, match="have not said"):
            await actions.agree(COMMAND, new)
        await stands_in_for(COMMAND, new, carrying.ALL_OF_IT)
        await actions.agree(COMMAND, new)
    await two_nodes.settle()
    assert (await stands(a, new), await stands(b, new)) == ((0, 5550), (5550, 0))
    for node in two_nodes.both:
        with node.bound():
            await verify_books()


async def test_a_newcomers_word_ends_no_link_and_what_our_admin_names_ends_with_its_keys(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    old, (a, b) = two_nodes.link_id, two_nodes.both
    await story.committed()
    with b.bound():
        lost = identity.current().transport_key
    new = await linked_anew(two_nodes, old, say=(b,))
    with b.bound():
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with a.bound():
        shown = await carrying.shown(new)
        assert shown is not None
        assert (shown.old_name, shown.old_stands, shown.said, shown.agrees) == ("Todmorden circle", True, False, False)
        assert "Todmorden circle still stands" in " ".join(say.carried(shown, "Halifax"))
        with pytest.raises(Conflict, match="have not said"):
            await actions.agree(COMMAND, new)
        assert (await queries.circle(old)).standing == "open"
    assert (await send(a.port, ping(b, a, old, key=lost))).status == 200
    with a.bound():
        await stands_in_for(COMMAND, new, old)
        await actions.agree(COMMAND, new)
        letters = await a.rows("SELECT id FROM letter_out WHERE link_id = ?", old)
    await two_nodes.settle()
    assert await a.rows("SELECT state, superseded_by FROM link WHERE id = ?", old) == [("ended", new)]
    assert (await send(a.port, ping(b, a, old, key=lost))).status == 401
    # What ends with a link has ended, the certain visit is kept, and nothing was sent where nobody has the keys.
    told = [row[0] for row in await a.rows("SELECT kind FROM event WHERE subject_id = ? ORDER BY id", old)]
    assert told[-2:] == ["link.ended", "link.superseded"]
    assert await a.rows("SELECT id FROM letter_out WHERE link_id = ?", old) == letters
    assert await a.rows("SELECT state FROM cover_request") == [("coming",)]
    assert "link_ended" not in [row[0] for row in await a.rows("SELECT news FROM told")]


async def left(node: PairNode, link_id: str) -> list[tuple[str, str]]:
    with node.bound():
        return [
            (still.kind, still.sentence)
            for still in await ending.goes_on(link_id)
            if still.kind not in ("kept", "stops")
        ]


@pytest.mark.parametrize("said", ["before", "after"])
async def test_what_was_not_settled_is_told_and_stays_in_sight_on_both_sides(two_nodes: Pair, said: str) -> None:
    story = await Story(two_nodes).begin()
    old, (a, b) = two_nodes.link_id, two_nodes.both
    admins = []
    for node in two_nodes.both:
        with node.bound():
            admins.append(await make.person("Ada"))
            await make.hat(admins[-1], await make.circle(), "admin")
    await story.committed()
    when = "Thursday 26 November, 9am to 11am"
    if said == "before":
        two_nodes.move(timedelta(days=3, hours=4))
        await says_how_it_went(story)
        await story.edith_is_rung()
        a_side, b_side = "the visit here is not settled", "the visit there is not settled"
    else:
        a_side, b_side = "their worker was to come here", "our worker was to go there"
    new = await linked_anew(two_nodes, old, say=two_nodes.both)
    with a.bound():
        await actions.propose(COMMAND, new)
    await two_nodes.settle()
    with b.bound():
        await actions.agree(COMMAND, new)
    await two_nodes.settle()
    assert [await left(a, old), await left(b, old)] == [
        [("open", f"{when}: {a_side}.")],
        [("open", f"{when}: {b_side}.")],
    ]
    # Every admin hears of it once, also of the circle whose own admin signed; nothing says that it was ended, or is done.
    two_nodes.move(timedelta(hours=1))
    await two_nodes.settle()
    for node, admin in zip(two_nodes.both, admins, strict=True):
        told = await node.rows("SELECT news, about_id FROM told WHERE person_id = ? AND news LIKE 'link_%'", admin)
        assert [one for one in told if one[1] == old] == [("link_superseded", old)]
        with node.bound():
            page = await queries.page(old)
            assert (page.superseded_by, page.we_lost) == (new, node is b)
    if said == "after":
        two_nodes.move(timedelta(days=3, hours=4))
        await says_how_it_went(story)
    with b.bound():
        assert (await cover.mine(story.offer)).state == "too_late"
    assert "too_late_away" in await story.news(b, story.bea)
    assert "too_late_away" in await story.news(b, story.kit)
    assert "too_late_ring_away" in await story.news(b, story.tom)
    # Neither a fortnight nor the end of what was kept takes it off the list.
    two_nodes.move(timedelta(days=16))
    await two_nodes.settle()
    if said == "before":
        # Nobody said otherwise in their week, so what was claimed is owed, and nothing brings it to the other circle.
        assert await left(a, old) == [("money", "We owe them £61.05.")]
    else:
        assert (await a.row("SELECT ended_reason FROM cover_request"))[0] == "unclaimed"
        assert await left(a, old) == [("open", f"{when}: the visit here is not settled.")]
    assert await left(b, old) == [("open", f"{when}: the visit there is not settled.")]
    with b.bound():
        await settling.let_go(await actor(story.tom), offer_id=story.offer)
    assert await left(b, old) == []
    # What people have to see to keeps no link from closing, and it does not close as if all of it were done.
    with b.bound():
        await ending.close_ended({})
    await two_nodes.settle()
    assert await b.row("SELECT 1 FROM link WHERE id = ? AND closed_at IS NOT NULL", old)
    assert await b.rows("SELECT 1 FROM told WHERE news IN ('link_closed', 'link_ended')") == []
    for node in two_nodes.both:
        with node.bound():
            await verify()
            await verify_books()


async def says_how_it_went(story: Story) -> None:
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
