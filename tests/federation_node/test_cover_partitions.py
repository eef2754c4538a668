"""Cut off both ways at each step of award, confirm, commit, acknowledge and disclose, and either begins anew meanwhile."""

from datetime import timedelta

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.engine import engine_for
from eccoo_node.federating import sender
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


async def heard_of(pair: Pair) -> list[list[tuple[int, ...]]]:
    """How far each has come in what it heard and what it knows to be heard."""
    return [await node.rows("SELECT seq_in, acked_out FROM link_wire") for node in pair.both]


async def one_round(node: PairNode) -> None:
    with node.bound():
        await jobs.run_due()


# What has been written and not yet heard. At the last step only the disclosure is still to be fetched.
STEPS = {
    "award": ["cover.awarded"],
    "confirm": ["cover.confirmed"],
    "commit": ["cover.committed", "disclosure.sent"],
    "acknowledge": ["cover.acknowledged"],
    "disclose": [],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("restarts", ["a", "b"])
async def test_cut_off_at_any_step_and_begun_anew_it_heals_to_one_worker(
    chosen: Story, pair_urls: tuple[str, str], restarts: str, step: str
) -> None:
    pair = chosen.pair
    for node in [pair.a, pair.b, pair.a][: list(STEPS).index(step)]:
        await one_round(node)
    if step == "disclose":
        with pair.b.bound():
            await sender.send_letters({"link": pair.link_id})
    waiting = [await node.rows("SELECT type FROM letter_out WHERE state <> 'acked'") for node in pair.both]
    assert sorted(row[0] for rows in waiting for row in rows) == STEPS[step]
    assert await chosen.b.rows("SELECT COUNT(*) FROM my_offer WHERE disclosure <> ''") == [(0,)]
    for node in pair.both:
        await node.stop()
    before = await heard_of(pair)
    for _ in range(6):
        for node in pair.both:
            await one_round(node)
        pair.move(timedelta(minutes=5))
    assert await heard_of(pair) == before
    back, url = (pair.a, pair_urls[0]) if restarts == "a" else (pair.b, pair_urls[1])
    await back.begin_anew(engine_for(url, back.folder.database))
    for node in pair.both:
        await node.start()
    for _ in range(6):
        await pair.settle()
        pair.move(timedelta(minutes=10))
    assert await chosen.states() == ("covered", "coming", "coming")
    assert await chosen.b.rows("SELECT COUNT(*) FROM worker_slot") == [(8,)]
    assert await chosen.b.rows("SELECT COUNT(*) FROM my_offer WHERE disclosure <> ''") == [(1,)]
    await balanced(chosen)
