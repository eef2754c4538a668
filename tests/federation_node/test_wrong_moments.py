"""What is pressed at the wrong moment is told in a sentence, whatever the machine between the circles says of it."""

from datetime import timedelta

import pytest

from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, settling
from eccoo_node.cover.doors import NOT_NOW
from eccoo_node.kernel.errors import Conflict
from tests.support import make
from tests.support.pair import Pair
from tests.support.story import Story, actor


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def been(story: Story) -> None:
    """Bea came, and says so."""
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()


async def test_a_visit_is_not_called_off_once_its_worker_has_said_how_it_went(story: Story) -> None:
    await been(story)
    with story.a.bound(), pytest.raises(Conflict, match="The visit took place; say how it went instead"):
        await cover.end(await story.as_edith(), visit_id=story.visit)
    assert (await story.states())[0] == "said"
    with story.b.bound(), pytest.raises(Conflict, match="Say how it went instead"):
        await offering.cant_after_all(await actor(story.bea), offer_id=story.offer)


async def test_what_is_not_in_question_is_not_resolved(story: Story) -> None:
    await been(story)
    with story.a.bound(), pytest.raises(Conflict, match="Nothing is in question"):
        await settling.resolve(await actor(story.fay), request_id=story.request, fee_pence=5000, travel_pence=0)
    with story.b.bound(), pytest.raises(Conflict, match="Nothing is in question"):
        await settling.resolve_away(await actor(story.tom), offer_id=story.offer, fee_pence=5000, travel_pence=0)


async def test_an_offer_is_not_taken_twice_nor_when_its_time_has_run_out(story: Story) -> None:
    await story.ask_far()
    bea, cass = await story.offers(), await story.offers(story.cass, rate_pence=3300)
    assert await story.chooses(bea) == "done"
    assert await story.chooses(bea) == "done"
    with pytest.raises(Conflict, match="Someone is coming already"):
        await story.chooses(cass)
    assert await story.a.rows("SELECT COUNT(*) FROM cover_offer WHERE state = 'chosen'") == [(1,)]


async def test_nobody_is_chosen_once_the_visit_should_have_begun(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    story.pair.move(timedelta(days=3, hours=1))
    with pytest.raises(Conflict, match="has closed"):
        await story.chooses()
    with story.b.bound(), pytest.raises(Conflict, match="has closed"):
        await offering.offer(
            await actor(story.cass), open_request_id=story.open, worker_id=story.cass, own_words="", rate_pence=2800,
            words="Yes",
        )  # fmt: skip


async def test_an_offer_that_cannot_be_written_down_for_the_other_circle_is_refused_in_words(story: Story) -> None:
    await story.ask_far()
    with story.b.bound():
        who = await make.worker("B" * 70, rate_pence=3000)
        with pytest.raises(Conflict) as refused:
            await offering.offer(
                await actor(who), open_request_id=story.open, worker_id=who, own_words="", rate_pence=3000, words="Yes"
            )
    assert (refused.value.sentence, refused.value.code) == (NOT_NOW, "bad_body")
    assert await story.b.rows("SELECT COUNT(*) FROM my_offer") == [(0,)]
