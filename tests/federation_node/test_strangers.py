"""Circles that are not linked with us yet, or not any more: what they send opens nothing, and takes no other circle's place."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from eccoo_federation import events, jcs
from eccoo_federation.identity import add_keys, create_identity, dump_log, verify_log
from eccoo_federation.times import wire_time
from eccoo_node.app import WORKING
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.federating import pulls
from eccoo_node.federating.wire import Wire
from eccoo_node.links import identity, showing
from eccoo_node.links.arrivals import circle_actor, pin_keys
from eccoo_node.links.tables import Link, LinkKey, LinkWire
from tests.federation_node.test_attacks import everything
from tests.support.hostile import Answer, ping, send, sign
from tests.support.more_links import more_links
from tests.support.pair import Pair, PairNode

# Everything that is registered is, as in a node that runs.
assert WORKING
STATEMENT = {
    "period": "2026-11", "starts_on": "2026-11-01", "ends_on": "2026-11-22", "opening_pence": 0, "entries": [],
    "closing_pence": 0, "final": True,
}  # fmt: skip


async def push(node: PairNode, to: PairNode, link_id: str, type_: str, subject: str, body: dict[str, Any]) -> Answer:
    """One letter, sealed by hand, as the first that ever crosses the link."""
    us = node.wire.us
    draft = events.draft(link_id, to.wire.us.node_id, subject, type_, body, node.clock())
    _, raw = events.seal(
        draft, from_=us.node_id, seq=1, rev=1, prev=None, key=us.object_key, now=node.clock()
    )  # fmt: skip
    return await send(to.port, sign(node, "POST", f"{to.url}/fed/v1/inbox", events.write_batch([raw])))


async def counted(node: PairNode) -> dict[str, int]:
    """All rows but those that any admitted request leaves."""
    return {name: n for name, n in (await everything(node)).items() if name not in ("nonce_seen", "link_rate", "job")}


async def test_before_anything_is_agreed_nothing_is_taken_in_and_nothing_told(two_nodes: Pair) -> None:
    link_id = await two_nodes.shake_hands()
    a, b = two_nodes.both
    assert await a.rows("SELECT state FROM link") == [("words",)]
    before = await counted(a)
    pushed = [
        await push(b, a, link_id, "settle.statement", "settle.2026-11", STATEMENT),
        await push(b, a, link_id, "link.ended", "link", {}),
    ]
    for path in ("statements/2026-11", "events/0", "pool"):
        pushed.append(await send(a.port, sign(b, "GET", f"{a.url}/fed/v1/{path}")))
    assert [(answer.status, answer.code) for answer in pushed] == [(403, "scope_denied")] * len(pushed)
    assert await counted(a) == before
    # A ping is answered: it tells two numbers, both of them 0.
    body = jcs.dump({"link": link_id, "sent": 0, "applied": 0})
    assert (await send(a.port, sign(b, "POST", f"{a.url}/fed/v1/ping", body))).status == 200


def renamed(node: PairNode, name: str, phone: str) -> None:
    """What its document says from now on."""
    with node.bound():
        us = identity.current()
    node.wire = Wire(replace(us, name=name, phone=phone), node.wire.client)


async def test_what_a_circle_calls_itself_and_others_is_one_line_of_what_can_be_seen(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    renamed(a, "Heb\u202eden\u200b\ncircle", "01422\u2066 900000")
    renamed(b, "Tod\u202emorden\u200b\ncircle", "01706\u2066 900000")
    link_id = await two_nodes.shake_hands()
    assert await a.rows("SELECT name, phone FROM link") == [("Todmorden circle", "01706 900000")]
    assert await b.rows("SELECT name, phone FROM link") == [("Hebden circle", "01422 900000")]
    told = [
        {"circle": "c1", "name": "Burn\u202eley\ncircle", "place": "Burn\u200bley"},
        {"circle": "c2", "name": "\u202e\u200b", "place": ""},
    ]
    with a.bound():
        async with write():
            await showing.read_circles(circle_actor(link_id), "introductions/circles", {"v": 1, "circles": told})
    assert await a.rows("SELECT name, place FROM heard_circle") == [("Burnley circle", "Burnley")]


async def test_a_key_of_one_circle_is_not_pinned_for_another(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    [newcomer] = await more_links(two_nodes, "Halifax")
    theirs, now = b.wire.us.transport_key, b.clock()
    made = create_identity("https://halifax.example", "Halifax", now)
    listed = [theirs.public(wire_time(now), wire_time(now + timedelta(days=9)))]
    log = add_keys(made.log, listed, made.object_key, now)
    with a.bound():
        async with write():
            await fetch(
                "UPDATE link SET node_id = ?, log = ?, asked_at = ? WHERE id = ?",
                made.node_id, dump_log(log).decode(), now + timedelta(hours=1), newcomer,
            )  # fmt: skip
            for _ in range(2):
                await pin_keys(newcomer, verify_log(log))
    assert await a.rows("SELECT kid FROM link_key WHERE link_id = ?", newcomer) == [(made.transport_key.kid,)]
    assert await a.rows("SELECT link_id, code, detail FROM link_alarm") == [(newcomer, "key_of_another", theirs.kid)]
    with a.bound():
        async with write():
            # Where it had been pinned all the same, whoever had it first is meant.
            await insert(LinkKey(link_id=newcomer, kid=theirs.kid))
    assert (await send(a.port, ping(b, a, link_id))).status == 200


async def test_whoever_lists_a_key_first_keeps_nobody_from_linking_with_it(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    theirs, now, squatter = b.wire.us.transport_key, b.clock(), "01937b2c-0000-7000-8000-00000000000a"
    made = create_identity("https://halifax.example", "Halifax", now)
    listed = [theirs.public(wire_time(now), wire_time(now + timedelta(days=9)))]
    log = add_keys(made.log, listed, made.object_key, now)
    with a.bound():
        async with write():
            await insert(
                Link(
                    id=squatter, state="words", we_invited=True, node_id=made.node_id, base_url="https://halifax.example",
                    log=dump_log(log).decode(), asked_at=now,
                )
            )  # fmt: skip
            await insert(LinkWire(link_id=squatter))
            await pin_keys(squatter, verify_log(log))
    link_id = await two_nodes.link()
    # What they sent by the name of their link shows whose key it is, and who only listed it.
    assert await a.rows("SELECT link_id, code, detail FROM link_alarm") == [(squatter, "key_of_another", theirs.kid)]
    held = await a.rows("SELECT link_id FROM link_key WHERE kid = ?", theirs.kid)
    assert held == [(link_id,)]
    get = f"{a.url}/fed/v1/events/0"
    assert (await send(a.port, sign(b, "GET", get))).status == 200
    with a.bound():
        async with write():
            # A next key that both list, and that nobody has shown yet.
            await fetch("UPDATE link_key SET shown = FALSE")
            await pin_keys(squatter, verify_log(log))
    assert (await send(a.port, sign(b, "GET", get))).code == "unknown_key"
    assert await a.rows("SELECT kid FROM link_key WHERE shown") == []
    # An honest node's round begins with a ping, so what it fetches afterwards is let in.
    with b.bound():
        assert b.wire.us.older_keys == ()
        await pulls.pull_states({"link": link_id})
    assert await a.rows("SELECT link_id FROM link_key WHERE shown") == [(link_id,)]
    assert (await send(a.port, sign(b, "GET", get))).status == 200
    assert await a.rows("SELECT link_id, code FROM link_alarm") == [(squatter, "key_of_another")]
