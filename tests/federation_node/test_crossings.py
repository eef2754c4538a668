"""Two words that cross on the way: both circles come to the same, the worker's time is theirs again, no penny is lost."""

from datetime import timedelta

import pytest

from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering
from eccoo_node.escrow import queries as money
from eccoo_node.kernel.access import NODE
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair
from tests.support.story import Story, actor

# Whose word arrives first; on PostgreSQL only the order in which the later word meets what was decided without it.
EITHER_FIRST = pytest.mark.parametrize(
    "pair_urls,first",
    [("sqlite", "a"), ("sqlite", "b"), pytest.param("postgres", "b", marks=pytest.mark.postgres)],
    indirect=["pair_urls"],
)


@pytest.fixture
async def prepared(two_nodes: Pair) -> Story:
    """The award has come, Bea's time is hers to give no more, and the confirmation is not on its way yet."""
    story = await Story(two_nodes).begin()
    await story.ask_far()
    await story.offers()
    assert await story.chooses() == "done"
    await story.a.settle()
    assert await story.states() == ("gap", "telling", "preparing")
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(8,)]
    return story


async def cross(story: Story, first: str) -> None:
    """What both have written goes out, one side's before the other's."""
    for node in sorted(story.pair.both, key=lambda node: node is not getattr(story, first)):
        await node.settle()
    await story.pair.settle()


async def nobody_comes(story: Story, offer: str) -> None:
    assert await story.states() == ("gap", "asking", offer)
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(0,)]
    assert await story.a.rows("SELECT COUNT(*) FROM disclosure_out") == [(0,)]
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 6000
    await balanced(story)


@EITHER_FIRST
async def test_a_worker_withdraws_while_the_certificate_is_on_its_way(prepared: Story, first: str) -> None:
    await prepared.b.settle()
    assert await prepared.a.rows("SELECT state FROM letter_out WHERE type = 'cover.committed'") == [("waiting",)]
    with prepared.b.bound():
        await offering.cant_after_all(await actor(prepared.bea), offer_id=prepared.offer)
    await cross(prepared, first)
    await nobody_comes(prepared, "taken_back")
    assert (await prepared.news(prepared.a, prepared.edith))[-1] == "not_after_all"


@EITHER_FIRST
async def test_a_choice_is_taken_back_while_its_confirmation_is_on_its_way(prepared: Story, first: str) -> None:
    assert await prepared.b.rows("SELECT state FROM letter_out WHERE type = 'cover.confirmed'") == [("waiting",)]
    prepared.pair.move(timedelta(hours=2, minutes=2))
    with prepared.a.bound():
        await cover.by_clock(NODE, request_id=prepared.request, what="tick")
    assert await prepared.a.rows("SELECT state FROM letter_out WHERE type = 'cover.rescinded'") == [("waiting",)]
    await cross(prepared, first)
    await nobody_comes(prepared, "offered")
    # The offer stands, and whoever chooses it again has her.
    assert await prepared.chooses() == "done"
    await prepared.pair.settle()
    assert await prepared.states() == ("covered", "coming", "coming")
    await balanced(prepared)
