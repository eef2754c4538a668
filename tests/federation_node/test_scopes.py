"""A circle that was allowed little and asks for more: by an event, by a question, and by a paper that it alone has signed."""

from datetime import timedelta
from typing import Any

import msgspec

from eccoo_federation import handshake, jcs
from eccoo_federation.bodies_cover import CoverRequested, Needs, Schedule
from eccoo_federation.keys import SigningKey
from eccoo_federation.proofs import cosign_object
from eccoo_federation.times import wire_time
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions
from eccoo_node.links.rules import BOTH_WAYS, Terms
from tests.federation_node.test_attacks import everything
from tests.federation_node.test_privacy import forged
from tests.support.hostile import Answer, send, sign
from tests.support.pair import Pair, PairNode

# What a request leaves behind whatever its answer: that it was made, so that it is not made twice.
SPENT = {"nonce_seen"}


class Greedy:
    """Hebden may offer and settle, nothing else, and goes by the wire alone."""

    def __init__(self, pair: Pair, event: dict[str, Any], agreement: dict[str, Any]) -> None:
        self.a, self.b = pair.both
        self.link_id, self.event, self.agreement = pair.link_id, event, agreement

    async def post(self, path: str, value: Any) -> Answer:
        return await send(self.b.port, sign(self.a, "POST", f"{self.b.url}/fed/v1/{path}", jcs.dump(value)))

    async def sends(self) -> Answer:
        return await self.post("inbox", {"events": [self.event]})

    async def asks(self) -> list[Answer]:
        paths = ("introductions/x", "attestations/x", "pool")
        return [await send(self.b.port, sign(self.a, "GET", f"{self.b.url}/fed/v1/{path}")) for path in paths]

    async def shows(self, paper: dict[str, Any]) -> Answer:
        return await self.post(f"links/{self.link_id}/agreement", {"v": 1, "agreement": paper})

    def widened(self) -> dict[str, Any]:
        """Everything for Hebden, with its own proof and no other."""
        us, old = self.a.wire.us, self.agreement
        may = {**old["may"], us.node_id: (*BOTH_WAYS, "introduce", "attest.read")}
        value = handshake.propose_agreement(
            link=self.link_id, base_urls=old["base_urls"], words=old["words_hash"], may=may, now=self.a.clock(),
            credit_limit_pence=old["credit_limit_pence"], data_terms_hash=old["data_terms_hash"], previous=old,
        )  # fmt: skip
        return cosign_object(value, us.object_key, us.node_id, self.a.clock())


def an_event(node: PairNode) -> dict[str, Any]:
    begins = node.clock() + timedelta(days=2)
    return CoverRequested(
        request="r" * 43, area="HX7", starts_at=wire_time(begins), ends_at=wire_time(begins + timedelta(hours=2)),
        needs=Needs(), fee_pence=6000, schedule=Schedule(worker_deduct_bps=1500, payer_add_bps=0),
        reply_by=wire_time(node.clock() + timedelta(hours=2)), hold_until=wire_time(begins), go_no_go_at=wire_time(begins),
    ).as_wire()  # fmt: skip


def forgeries(greedy: Greedy) -> dict[str, dict[str, Any]]:
    """The widened paper with a second proof that Todmorden never gave."""
    one, b, now = greedy.widened(), greedy.b.wire.us, greedy.a.clock()
    stranger = SigningKey.generate("object")
    by_stranger = cosign_object(one, stranger, b.node_id, now)
    their_key = cosign_object(one, b.object_key, b.node_id, now)["proof"][1]
    mine, false = by_stranger["proof"]
    return {
        "unknown_key": by_stranger,
        "bad_proof": {**one, "proof": [mine, {**their_key, "proofValue": false["proofValue"]}]},
        "bad_proof ": {**one, "proof": [mine, mine]},
    }


async def test_what_was_not_agreed_is_refused_whatever_one_side_signs_alone(two_nodes: Pair) -> None:
    link_id = await two_nodes.link(Terms(we_may=("cover.offer", "settle"), they_may=BOTH_WAYS))
    a, b = two_nodes.both
    [(text,)] = await b.rows("SELECT agreement FROM link")
    event = await forged(a, link_id, "cover.requested", an_event(a))
    greedy = Greedy(two_nodes, event, msgspec.json.decode(text))
    before = await rows_of(b)
    for answer in (await greedy.sends(), *await greedy.asks()):
        assert (answer.status, answer.code) == (403, "scope_denied")
    assert await rows_of(b) == before
    # One signature proposes and opens nothing.
    assert (await greedy.shows(greedy.widened())).status == 200
    assert (await greedy.sends()).code == "scope_denied"
    for code, paper in forgeries(greedy).items():
        answer = await greedy.shows(paper)
        assert (answer.status >= 400, answer.code) == (True, code.strip())
        assert (await greedy.sends()).code == "scope_denied"
    assert await b.rows("SELECT agreement FROM link") == [(text,)]
    assert await b.rows("SELECT id FROM open_request") == []
    # Two signatures do, and the very same event is taken.
    with b.bound():
        await actions.agree(COMMAND, link_id)
    answer = await greedy.sends()
    assert (answer.status, jcs.parse(answer.body)["verdicts"][0]["verdict"]) == (200, "applied")
    assert len(await b.rows("SELECT id FROM open_request")) == 1


async def rows_of(node: PairNode) -> dict[str, int]:
    return {table: rows for table, rows in (await everything(node)).items() if table not in SPENT}
