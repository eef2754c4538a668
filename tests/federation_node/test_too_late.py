"""A claim that comes after its fortnight: everyone who can settle it learns of it, and both books come out equal."""

from datetime import timedelta

import pytest

from eccoo_federation import bodies, claims
from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, settling
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.actions import set_aside
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.links import letters
from eccoo_node.rota import actions as rota
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair
from tests.support.story import NINE_TO_ELEVEN, Story, actor

AFTER = NINE_TO_ELEVEN[1] + timedelta(hours=2)
FORTNIGHT = timedelta(days=14, hours=1)
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    story = await Story(two_nodes).begin()
    await story.committed()
    return story


async def went_and_was_not_heard(story: Story) -> None:
    """Bea said in time how it went, and Hebden was away until the fortnight was over."""
    await until(story, AFTER - story.a.clock())
    await story.a.stop()
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await until(story, FORTNIGHT)
    await heard_again(story)


async def until(story: Story, by: timedelta) -> None:
    story.pair.move(by)
    await story.a.settle()
    await story.b.settle()


async def heard_again(story: Story) -> None:
    await story.a.start()
    for _ in range(3):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()


async def taken(story: Story) -> None:
    with story.a.bound():
        await settling.take_after_all(await actor(story.fay), request_id=story.request, words="Rang Tom.")
    # After a fortnight away the next try of either may be an hour off.
    for _ in range(6):
        await story.pair.settle()
        story.pair.move(QUARTER)


async def test_a_claim_that_came_too_late_is_told_to_whoever_can_settle_it(story: Story) -> None:
    await went_and_was_not_heard(story)
    assert await story.states() == ("stopped", "ended", "too_late")
    told = [(await story.news(story.b, who))[-1] for who in (story.bea, story.tom, story.kit)]
    assert told == ["too_late_away", "too_late_ring_away", "too_late_away"]
    assert (await story.news(story.a, story.fay))[-1] == "claimed_late"
    for node in story.pair.both:
        assert await node.rows("SELECT subject FROM letter_subject WHERE followed") == []
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
    await balanced(story)


async def test_what_both_circles_agree_to_pay_is_claimed_confirmed_and_booked_once(story: Story) -> None:
    await went_and_was_not_heard(story)
    await taken(story)
    assert await story.states() == ("said", "coming", "said")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 6600
        await settling.take_after_all(await actor(story.fay), request_id=story.request)
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 6600
        assert (await money.owed(story.pair.link_id)).we_owe_pence > 0
    with story.b.bound(), pytest.raises(Conflict):
        await settling.let_go(await actor(story.tom), offer_id=story.offer)
    assert "taken_after_all" in await story.news(story.a, story.edith)
    assert "taken_after_all_away" in await story.news(story.b, story.bea)
    await balanced(story)


async def test_what_both_circles_agree_not_to_pay_is_closed_and_never_claimed_again(story: Story) -> None:
    await went_and_was_not_heard(story)
    with story.b.bound():
        for who in (story.tom, story.kit):
            await settling.let_go(await actor(who), offer_id=story.offer, words="Rang Fay.")
    assert (await story.news(story.b, story.bea))[-1] == "let_go_away"
    # One side says this and the other that: nothing is claimed, and after a fortnight the money is the payer's again.
    await taken(story)
    assert await story.states() == ("covered", "coming", "closed")
    await until(story, FORTNIGHT)
    await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "closed")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
    await balanced(story)


async def test_a_share_for_calling_off_late_that_came_too_late_is_paid_when_both_agree(story: Story) -> None:
    story.pair.move(timedelta(days=2, hours=20))
    await story.b.stop()
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    await story.a.settle()
    # Word reaches Todmorden, and before its answer gets back Hebden is away for a fortnight.
    await story.b.start()
    for _ in range(20):
        await story.a.settle()
        if (await story.b.row("SELECT state FROM my_offer WHERE id = ?", story.offer))[0] == "closed":
            break
        story.pair.move(timedelta(minutes=1))
    await story.a.stop()
    await until(story, timedelta(hours=8) + FORTNIGHT)
    await heard_again(story)
    assert await story.states() == ("stopped", "ended", "too_late")
    await taken(story)
    assert await story.states() == ("stopped", "ended", "settled")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 3300
    await balanced(story)


async def test_nobody_settles_their_own_pay_or_opens_what_did_not_come_too_late(story: Story) -> None:
    await until(story, AFTER - story.a.clock())
    with story.a.bound(), pytest.raises(Conflict, match="too late"):
        await settling.take_after_all(await actor(story.fay), request_id=story.request)
    with story.a.bound(), pytest.raises(Forbidden):
        await settling.take_after_all(await actor(story.sol), request_id=story.request)
    with story.b.bound(), pytest.raises(Conflict, match="not waiting"):
        await settling.let_go(await actor(story.tom), offer_id=story.offer)
    with story.b.bound(), pytest.raises(Forbidden):
        await settling.let_go(await actor(story.bea), offer_id=story.offer)


async def test_money_that_was_spent_since_is_not_set_aside_again(story: Story) -> None:
    await went_and_was_not_heard(story)
    with story.a.bound():
        assert await set_aside(NODE, "other", story.payer, story.edith, story.sol, 50_000, 0, "other")
        with pytest.raises(Conflict, match="not enough paid in"):
            await settling.take_after_all(await actor(story.fay), request_id=story.request)
    assert await story.states() == ("stopped", "ended", "too_late")


async def test_a_visit_called_off_in_good_time_is_never_owed_whatever_is_claimed_later(story: Story) -> None:
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    await story.pair.settle()
    await until(story, timedelta(days=20))
    due = claims.due_pence(3300, 0, 1500, 0, 5000)
    [(ref,)] = await story.a.rows("SELECT reference FROM asked_circle WHERE request_id = ?", story.request)
    claim = bodies.VisitClaimed(
        request=ref, n=1, outcome="cancelled_late", minutes=0, fee_pence=3300, travel_pence=0, due_pence=due
    )
    with story.b.bound():
        async with write():
            await letters.send(story.pair.link_id, claim.TYPE, ref, claim.as_wire())
    await story.pair.settle()
    assert "claimed_late" not in await story.news(story.a, story.fay)
    with story.a.bound():
        with pytest.raises(Conflict, match="Nothing came too late here"):
            await settling.take_after_all(await actor(story.fay), request_id=story.request, words="Rang Tom.")
        assert await money.credit_pence(story.payer) == 50_000
    await balanced(story)
