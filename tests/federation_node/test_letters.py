"""Letters between two real nodes: what one writes in an act, the other handles once, in order."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import letters as cover
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import letters
from eccoo_node.links.letters import Letter
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair

# Who answers for the state of a request, without whom none is pulled.
assert cover


async def test_a_letter_is_handled_by_the_other_circle_once(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    for _ in range(3):
        await write_letter(two_nodes.a, link_id)
    await two_nodes.settle()
    assert heard.letters == [("cover.declined", "req-1", n) for n in (1, 2, 3)]
    assert set(heard.actors) == {Actor(via="federation", link_id=link_id)}
    assert await two_nodes.a.rows("SELECT state, seq, rev FROM letter_out ORDER BY seq") == [
        ("acked", n, n) for n in (1, 2, 3)
    ]  # fmt: skip


async def test_a_letter_of_an_act_that_failed_is_never_sent(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()

    async def fail() -> None:
        async with write():
            await letters.send(link_id, "cover.declined", "req-1", {"request": "req-1"})
            raise Conflict("No.", "no")

    with two_nodes.a.bound(), pytest.raises(Conflict):
        await fail()
    await two_nodes.settle()
    assert heard.letters == []


async def test_a_letter_waits_while_the_other_node_is_down_and_arrives_when_it_is_back(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    await two_nodes.b.stop()
    await write_letter(two_nodes.a, link_id)
    await two_nodes.settle()
    assert await two_nodes.a.rows("SELECT failures, trouble FROM link_wire") == [(1, "unreachable")]
    for _ in range(6):
        two_nodes.move(timedelta(hours=1))
        await two_nodes.settle()
    await two_nodes.b.start()
    assert heard.letters == []
    two_nodes.move(timedelta(hours=1))
    await two_nodes.settle()
    assert heard.letters == [("cover.declined", "req-1", 1)]
    assert await two_nodes.a.rows("SELECT failures, trouble FROM link_wire") == [(0, "")]


async def test_a_refused_letter_keeps_its_number_and_its_subject_waits_for_a_pull(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    heard.refuse["req-1"] = ProtocolError("wrong_state")
    await write_letter(two_nodes.a, link_id, "req-1")
    await write_letter(two_nodes.a, link_id, "req-1")
    await write_letter(two_nodes.a, link_id, "req-2")
    await two_nodes.a.settle()
    assert heard.letters == [("cover.declined", "req-2", 1)]
    assert await two_nodes.a.rows("SELECT seq, state, code FROM letter_out ORDER BY seq") == [
        (1, "refused", "wrong_state"), (2, "refused", "blocked"), (3, "acked", ""),
    ]  # fmt: skip
    heard.refuse.clear()
    await two_nodes.settle()
    await write_letter(two_nodes.a, link_id, "req-1")
    await two_nodes.settle()
    assert heard.letters == [("cover.declined", "req-2", 1), ("cover.declined", "req-1", 3)]


async def test_what_a_refusing_handler_wrote_is_not_kept(two_nodes: Pair, heard: Heard, monkeypatch: Any) -> None:
    link_id = await two_nodes.link()

    async def write_and_refuse(actor: Actor, letter: Letter) -> None:
        await fetch("UPDATE link SET name = 'changed' WHERE id = ?", letter.link_id)
        raise Conflict("No.", "not_now")

    monkeypatch.setitem(letters._HANDLERS, "cover.declined", write_and_refuse)
    await write_letter(two_nodes.a, link_id)
    await two_nodes.settle()
    assert await two_nodes.b.rows("SELECT name FROM link") == [("Hebden circle",)]
    assert await two_nodes.a.rows("SELECT state, code FROM letter_out") == [("refused", "not_now")]


async def test_references_tell_nothing_and_differ_by_link_and_request(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    made = []
    for node in two_nodes.both:
        with node.bound():
            made += [await letters.reference(link_id, "person", r) for r in ("one", "one", "two")]
    assert made[0] == made[1]
    assert len(set(made)) == 4


async def test_each_side_verifies_what_the_other_signed(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    with two_nodes.a.bound():
        signed = letters.sign({"v": 1, "type": "cover.state"})
        assert letters.verify_own(signed).node_id == two_nodes.a.wire.us.node_id
    with two_nodes.b.bound():
        assert (await letters.verify(signed, link_id)).node_id == two_nodes.a.wire.us.node_id
        with pytest.raises(ProtocolError, match="bad_proof"):
            await letters.verify({**signed, "v": 2}, link_id)
        assert clock.now() == two_nodes.b.clock()
