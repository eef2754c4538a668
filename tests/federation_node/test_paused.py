"""A pause in the middle of a story, with every job of a running node at work for half a day."""

import re
from datetime import timedelta

from eccoo_node.app import WORKING
from eccoo_node.db import jobs
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions
from tests.federation_node.test_cover_story import balanced
from tests.federation_node.test_link_policy import FREES
from tests.federation_node.test_privacy import EDITH
from tests.support.pair import Pair
from tests.support.searched import Wire
from tests.support.story import Story

assert WORKING


async def test_only_what_is_always_allowed_crosses_a_paused_link_whatever_jobs_are_due(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    for node in two_nodes.both:
        with node.bound():
            await jobs.ensure_recurring()
    await story.ask_far()
    await story.offers()
    assert await story.chooses() == "done"
    await story.a.settle()
    with story.a.bound():
        await actions.suspend(COMMAND, two_nodes.link_id)
    await story.a.settle()
    assert await story.b.rows("SELECT state FROM letter_out WHERE type = 'cover.confirmed'") == [("waiting",)]
    wire = Wire(two_nodes)
    for _ in range(8):
        two_nodes.move(timedelta(minutes=90))
        for node in two_nodes.both:
            await node.settle()
    types = set(re.findall(r'"type":"([a-z]+\.[a-z]+)"', wire.seen.decode(errors="replace")))
    kinds = set(re.findall(r"b'/fed/v1/(\w+)", wire.seen.decode(errors="replace")))
    assert types - FREES == set()
    assert kinds - {"inbox", "ping", "events"} == set()
    # Something did cross: the choice that nobody confirmed was taken back, which frees Bea.
    assert "cover.rescinded" in types
    assert wire.tells(EDITH) == []
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(0,)]
    assert await story.states() == ("gap", "asking", "offered")
    with story.a.bound():
        await actions.resume(COMMAND, two_nodes.link_id)
    two_nodes.move(timedelta(minutes=40))
    await two_nodes.settle()
    assert await story.chooses() == "done"
    await two_nodes.settle()
    assert await story.states() == ("covered", "coming", "coming")
    await balanced(story)
