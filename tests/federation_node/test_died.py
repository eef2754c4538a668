"""A death reaches every circle that was asked: nobody is sought any more, and whoever was to come is told."""

from datetime import timedelta

import pytest

from eccoo_node.cover import died, offering, queries
from eccoo_node.escrow import queries as money
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import actions as people
from eccoo_node.rota import due
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair
from tests.support.story import Story, actor

assert died


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def dies(story: Story) -> None:
    with story.a.bound():
        await people.say_standing(await actor(story.fay), story.edith, "died")
    await story.pair.settle()


async def test_what_is_only_sought_is_closed_in_both_circles(story: Story) -> None:
    await story.ask_far()
    await story.pair.settle()
    assert (await story.b.row("SELECT state FROM open_request"))[0] == "open"
    await dies(story)
    assert (await story.visit_row()).state == "stopped"
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
        request = await queries.request_for(story.visit)
        assert request is not None
        assert (request.state, request.ended_reason) == ("ended", "died")
    assert (await story.b.row("SELECT state FROM open_request"))[0] == "closed"
    await balanced(story)


async def test_a_worker_who_was_sure_to_come_is_told_and_the_money_goes_back(story: Story) -> None:
    await story.committed()
    await dies(story)
    assert await story.states() == ("stopped", "ended", "closed")
    assert "cancelled_away" in await story.news(story.b, story.bea)
    with story.a.bound():
        owed = await money.owed(story.pair.link_id)
        assert (owed.we_owe_pence, (await story.visit_row()).line) == (0, "")
    await balanced(story)


async def test_what_their_worker_said_before_the_death_is_written_down_and_owed(story: Story) -> None:
    await story.committed()
    with story.b.bound():
        await offering.read_and_coming(await actor(story.bea), offer_id=story.offer)
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    await dies(story)
    assert (await story.visit_row()).state == "said"
    story.pair.move(timedelta(days=10))
    await story.pair.settle()
    assert (await story.visit_row()).state == "said"
    with story.a.bound():
        tess = await actor(story.tess)
        assert [one.id for one in await due.waiting(tess)] == [story.visit]
        with pytest.raises(Conflict, match="Their circle settles this"):
            await due.write_due(tess, visit_id=story.visit, minutes=0, because="x")
        await due.write_due(tess, visit_id=story.visit, minutes=120, because="Ruth was there.")
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert await due.waiting(tess) == []
    await balanced(story)


async def test_a_worker_who_has_died_is_not_waited_for_in_the_other_circle(story: Story) -> None:
    await story.committed()
    with story.b.bound():
        await people.say_standing(await actor(story.tom), story.bea, "died")
    await story.pair.settle()
    assert await story.states() == ("gap", "asking", "taken_back")
    await balanced(story)
