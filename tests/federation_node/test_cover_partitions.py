"""A closed port at each step of award, confirm, commit, acknowledge and disclose: one worker, and both nodes agree."""

from datetime import timedelta

import pytest

from eccoo_node.db import jobs
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair, PairNode
from tests.support.story import Story


@pytest.fixture
async def chosen(two_nodes: Pair) -> Story:
    """Bea has offered and Edith has just said yes; nothing of it has crossed yet."""
    story = await Story(two_nodes).begin()
    await story.ask_far()
    await story.offers()
    assert await story.chooses() == "done"
    return story


async def one_round(node: PairNode) -> None:
    with node.bound():
        await jobs.run_due()


# Every step and either side on SQLite; on PostgreSQL those at which one side is sure of what the other has not heard.
STEPS = [("sqlite", who, rounds) for rounds in range(5) for who in ("a", "b")]
ON_POSTGRES = [
    pytest.param("postgres", who, rounds, marks=pytest.mark.postgres) for who, rounds in (("b", 0), ("a", 1), ("b", 2))
]


@pytest.mark.parametrize("pair_urls,who,rounds", [*STEPS, *ON_POSTGRES], indirect=["pair_urls"])
async def test_a_closed_port_at_any_step_heals_to_one_worker(chosen: Story, who: str, rounds: int) -> None:
    pair = chosen.pair
    for _ in range(rounds):
        for node in pair.both:
            await one_round(node)
    away = getattr(pair, who)
    await away.stop()
    for _ in range(6):
        for node in pair.both:
            await one_round(node)
    pair.move(timedelta(minutes=30))
    await away.start()
    for _ in range(3):
        await pair.settle()
        pair.move(timedelta(minutes=10))
    assert await chosen.states() == ("covered", "coming", "coming")
    assert await chosen.b.rows("SELECT COUNT(*) FROM worker_slot") == [(8,)]
    assert await chosen.b.rows("SELECT COUNT(*) FROM my_offer WHERE disclosure <> ''") == [(1,)]
    await balanced(chosen)
