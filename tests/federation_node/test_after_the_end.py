"""What still goes between two circles once their link has ended, and once it is closed: who they are, where, and forgetting."""

from datetime import timedelta

import pytest

from eccoo_node.kernel.access import COMMAND
from eccoo_node.keys import actions as own
from eccoo_node.links import actions, ending, moves, queries
from tests.federation_node.test_identity import a_stranger, alarms
from tests.federation_node.test_privacy import ask_to_delete
from tests.support.pair import Pair, PairNode
from tests.support.ports import free_port


async def ended(pair: Pair, *, closed: bool) -> tuple[PairNode, PairNode]:
    """The link has ended; closed where nothing was left to do."""
    await pair.link()
    a, b = pair.both
    with a.bound():
        await actions.end(COMMAND, pair.link_id)
    await pair.settle()
    if closed:
        for node in (a, b):
            with node.bound():
                await ending.close_ended({})
    for node in (a, b):
        assert await node.rows("SELECT state, closed_at IS NOT NULL FROM link") == [("ended", closed)]
    return a, b


@pytest.mark.parametrize("closed", [False, True])
async def test_a_circle_that_moves_after_the_end_is_rung_and_followed_and_can_still_be_asked_to_forget(
    two_nodes: Pair, closed: bool
) -> None:
    a, b = await ended(two_nodes, closed=closed)
    link_id, old_url, old_port, port = two_nodes.link_id, b.url, b.port, free_port()
    new_url = f"http://127.0.0.1:{port}"
    with b.bound():
        await own.move(COMMAND, b.words, new_url)
    await two_nodes.settle()
    assert await a.rows("SELECT base_url, moving_to FROM link") == [(old_url, new_url)]
    assert await alarms(a) == ["moved"]
    await b.stop()
    b.port = port
    await b.start()
    seen: list[str] = []
    async with a_stranger(old_port, seen):
        # Whoever has the old address now gets a ping, and no word of whom somebody is to forget.
        erasure = await ask_to_delete(a, link_id, "visit-of-before")
        await a.settle()
        assert [path for path in seen if "ping" not in path] == []
        with a.bound():
            assert (await queries.page(link_id)).reached
            await moves.follow_move(COMMAND, link_id, new_url)
        two_nodes.move(timedelta(hours=1))
        await two_nodes.settle()
    assert await a.rows("SELECT base_url, moving_to FROM link") == [(new_url, "")]
    assert await a.rows("SELECT id, state FROM erasure_out") == [(erasure, "done")]
    assert await a.rows("SELECT state, closed_at IS NOT NULL FROM link") == [("ended", closed)]


async def test_a_move_that_they_know_nothing_of_changes_nothing_on_a_link_that_has_ended(two_nodes: Pair) -> None:
    a, b = await ended(two_nodes, closed=False)
    with b.bound():
        await own.move(COMMAND, b.words, f"http://127.0.0.1:{free_port()}")
    await two_nodes.settle()
    with a.bound():
        await moves.refuse_move(COMMAND, two_nodes.link_id)
        assert (await queries.page(two_nodes.link_id)).loud == "move_denied"
    await two_nodes.settle()
    assert await a.rows("SELECT base_url, moving_to, suspended_by_us_at FROM link") == [(b.url, "", None)]
    assert await a.rows("SELECT type FROM letter_out WHERE type = 'link.suspended'") == []
