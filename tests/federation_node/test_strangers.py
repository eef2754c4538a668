"""Circles that are not linked with us yet, or not any more: what they send opens nothing, and takes no other circle's place."""

from typing import Any

from eccoo_federation import events, jcs
from eccoo_node.app import WORKING
from tests.federation_node.test_attacks import everything
from tests.support.hostile import Answer, send, sign
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
