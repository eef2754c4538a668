"""What still goes between two circles once their link has ended, and once it is closed: who they are, where, and forgetting."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation.bodies import SettleStatement, StatementEntry
from eccoo_federation.times import wire_time
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import between
from eccoo_node.kernel.access import COMMAND
from eccoo_node.keys import actions as own
from eccoo_node.links import actions, ending, letters, moves, queries
from tests.federation_node.test_identity import a_stranger, alarms
from tests.federation_node.test_privacy import ask_to_delete
from tests.federation_node.test_settling import closes, went_well
from tests.support import hostile
from tests.support.pair import Pair, PairNode
from tests.support.ports import free_port
from tests.support.story import Story, actor


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


def final(pence: int, on: str) -> dict[str, Any]:
    """A last statement over a visit that never was."""
    entries = (StatementEntry(request="made-up", n=1, amount_pence=pence),)
    return SettleStatement(
        period=f"final-{on}",
        starts_on=on,
        ends_on=on,
        opening_pence=0,
        entries=entries,
        closing_pence=pence,
        final=True,
    ).as_wire()


async def test_no_sum_is_said_on_a_closed_link_and_nothing_to_be_forgotten_is_held_up_by_it(two_nodes: Pair) -> None:
    a, b = await ended(two_nodes, closed=True)
    link_id, today = two_nodes.link_id, b.clock().date().isoformat()
    with b.bound():
        async with write():
            # Whoever lies has not closed it, or says so.
            await fetch("UPDATE link SET closed_at = NULL")
            await letters.send(link_id, "settle.statement", f"settle.final-{today}", final(9_000_000_000, today))
    erasure = await ask_to_delete(b, link_id, "visit-of-before")
    await two_nodes.settle()
    assert await a.rows(
        "SELECT i.type, r.verdict, r.code FROM letter_in i JOIN letter_read r ON r.letter_id = i.id "
        "WHERE i.type IN ('settle.statement', 'erasure.requested') ORDER BY i.seq"
    ) == [("settle.statement", "refused", "link_ended"), ("erasure.requested", "applied", "")]
    assert await a.rows("SELECT id FROM settle_page") == []
    assert await b.rows("SELECT state, code FROM letter_out WHERE type = 'settle.statement'") == [
        ("refused", "link_ended")
    ]
    assert await b.rows("SELECT id, state FROM erasure_out") == [(erasure, "done")]
    pulled = hostile.sign(b, "GET", f"{a.url}/fed/v1/statements/final-{today}")
    assert (await hostile.send(a.port, pulled)).code == "link_ended"


async def test_whoever_missed_that_it_ended_learns_of_it_on_a_closed_link_too(two_nodes: Pair) -> None:
    a, b = await ended(two_nodes, closed=True)
    link_id, day = two_nodes.link_id, wire_time(b.clock() + timedelta(days=1))
    sent = {"referral": "r1", "area": "OL14", "consent_hash": "A" * 43, "salted_hash": "A" * 43, "retain_until": day}
    with b.bound():
        async with write():
            # As if a backup had been put back.
            await fetch("UPDATE link SET state = 'open', closed_at = NULL, ended_at = NULL")
            await letters.send(link_id, "referral.sent", "r1", sent)
    await two_nodes.settle()
    assert await b.rows("SELECT state, ended_by_them FROM link") == [("ended", True)]
    assert await a.rows(
        "SELECT i.type, r.verdict FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE i.subject = 'r1'"
    ) == [("tombstone", "applied")]


async def test_a_link_is_not_closed_before_they_say_that_our_payment_came(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    a, b = two_nodes.both
    link_id = two_nodes.link_id
    await went_well(story)
    with a.bound():
        await actions.end(COMMAND, link_id)
    await two_nodes.settle()
    with a.bound():
        await between.paid_circle(await actor(story.tess), link_id, 6105, "by hand")
    await two_nodes.settle()
    # Nothing is owed in our books any more, and what they will say about it is still to come.
    await closes(story, False)
    with b.bound():
        await between.circle_paid(await actor(story.kit), link_id, 6105, "line 1")
    await two_nodes.settle()
    await closes(story, True)
    for node in (a, b):
        assert await node.rows("SELECT closed_at IS NOT NULL FROM settle_account") == [(True,)]
        assert await node.rows("SELECT type FROM letter_out WHERE state NOT IN ('acked', 'tombstone')") == []
