"""From an invitation to a booked visit, over signed bytes alone: what two strangers' implementations would exchange."""

from __future__ import annotations

from typing import Any

from eccoo_federation import bodies, cover, events, handshake, identity, inbox, invites, jcs, proofs, transport
from eccoo_federation.handshake import LinkState, Side
from eccoo_federation.identity import NewIdentity

from .cover_story import OFFER, OFFERED, REF, REQUEST
from .helpers import NOW, circle

A, B = circle("a"), circle("b")
LINK = "01a20074-c523-7ebe-a48f-28326f1f95b5"


def pinned(other: NewIdentity, node_id: str) -> identity.LogState:
    """What a node does with the two public answers of a peer whose node_id it was told."""
    state = identity.verify_log(identity.parse_log(identity.dump_log(other.log)))
    assert state.node_id == node_id
    identity.verify_document(jcs.parse(jcs.dump(other.document)), state, NOW)
    return state


def post(sender: NewIdentity, receiver: NewIdentity, path: str, body: bytes) -> bytes:
    """Over the wire: signed by one, verified by the other against the pinned key."""
    url = f"https://{receiver.document['base_url'].removeprefix('https://')}{path}"
    headers = transport.sign_request("POST", url, [], body, sender.transport_key, NOW)
    known = identity.transport_keys(pinned(sender, sender.node_id), NOW)
    assert transport.verify_request("POST", url, headers, body, known, NOW).kid == sender.transport_key.kid
    return body


class Node:
    """One side's outgoing numbers, incoming row and keys."""

    def __init__(self, me: NewIdentity, peer: NewIdentity) -> None:
        self.me, self.peer = me, peer
        self.seq, self.rev = 0, 0
        self.prev: str | None = None
        self.inbox = inbox.InboxState()
        self.resolve = identity.resolver(pinned(peer, peer.node_id))

    def sign(self, value: dict[str, Any]) -> dict[str, Any]:
        return proofs.sign_object(value, self.me.object_key, self.me.node_id, NOW)

    def send(self, type: str, body: dict[str, Any]) -> bytes:
        draft = events.draft(LINK, self.peer.node_id, REF, type, body, NOW)
        self.seq, self.rev = self.seq + 1, self.rev + 1
        numbers: dict[str, Any] = {"seq": self.seq, "rev": self.rev, "prev": self.prev}
        event, wire = events.seal(draft, from_=self.me.node_id, key=self.me.object_key, now=NOW, **numbers)
        self.prev = event.digest
        return wire

    def receive(self, batch: bytes, agreement: handshake.Agreement) -> list[bodies.Body]:
        link = LinkState(us=self.me.node_id, them=self.peer.node_id, status="active")
        applied = []
        for value in events.read_batch(batch):
            event, envelope = events.parse_event(value), events.read_envelope(value)
            events.verify_event(event, self.resolve, link=LINK, from_=self.peer.node_id, to=self.me.node_id)
            assert handshake.allowed(agreement, link, "in", events.scope_of(event), NOW)
            assert inbox.place(self.inbox, envelope, event.digest, None) == "apply"
            self.inbox = inbox.settle(self.inbox, envelope, "applied")
            applied.append(event.body)
        return applied


def linked() -> handshake.Agreement:
    invite = invites.read_invite(invites.write_invite(invites.make_invite("https://a.example", A.node_id, NOW)), NOW)
    a_at_b = pinned(A, invite.node_id)
    nonces = {"a": transport.new_nonce(), "b": transport.new_nonce()}
    promise = handshake.new_nonce_commitment(LINK, B.node_id, jcs.digest(B.log[-1]), nonces["b"])
    asked = handshake.LinkRequest(
        token=invite.token,
        link=LINK,
        node_id=B.node_id,
        base_url="https://b.example",
        log_head=jcs.digest(B.log[-1]),
        commitment=promise,
    )
    body = post(B, A, "/fed/v1/links", jcs.dump(asked.as_wire()))
    got = handshake.read_link_request(jcs.parse(body))
    assert invites.token_hash(got.token) == invites.token_hash(invite.token)
    b_at_a = pinned(B, got.node_id)
    handshake.check_reveal(got.commitment, LINK, b_at_a.node_id, b_at_a.head, nonces["b"])
    sides = (Side(A.node_id, a_at_b.head, nonces["a"]), Side(B.node_id, b_at_a.head, nonces["b"]))
    assert handshake.six_words(LINK, *sides) == handshake.six_words(LINK, *sides[::-1])
    proposed = handshake.propose_agreement(
        link=LINK,
        base_urls={A.node_id: a_at_b.base_url, B.node_id: b_at_a.base_url},
        words=handshake.words_hash(LINK, *sides),
        may={A.node_id: ["cover.request", "settle"], B.node_id: ["cover.offer", "settle"]},
        credit_limit_pence=50_000,
        data_terms_hash="D" * 42 + "A",
        now=NOW,
    )
    half = proofs.cosign_object(proposed, B.object_key, B.node_id, NOW)
    whole = proofs.cosign_object(half, A.object_key, A.node_id, NOW)
    return handshake.conclude(whole, (A.node_id, B.node_id), LINK, identity.resolver(a_at_b, b_at_a), NOW)


def test_a_visit_is_asked_for_covered_and_booked_across_two_circles() -> None:
    agreement = linked()
    a, b = Node(A, B), Node(B, A)
    terms = cover.terms_of(REQUEST, OFFERED, schedule="home", home_share_bps=agreement.commission.home_share_bps)
    hashed = cover.terms_hash(terms)
    times: dict[str, Any] = {
        "starts_at": REQUEST.starts_at,
        "ends_at": REQUEST.ends_at,
        "go_no_go_at": REQUEST.go_no_go_at,
    }
    asker = cover.RequesterState(us=A.node_id, asked=(cover.Asked(LINK, B.node_id, REF),), **times)
    offerer = cover.OffererState(
        us=B.node_id,
        peer=A.node_id,
        link=LINK,
        request=REF,
        offer=OFFER,
        terms_hash=hashed,
        worker_ref="w",
        hold_until=OFFERED.hold_until,
        **times,
    )
    booked: list[cover.BookVisit] = []

    def at_a(given: Any) -> None:
        nonlocal asker
        step = cover.step(asker, given, now=NOW, sign=a.sign)
        asker = step.state
        booked.extend(effect for effect in step.effects if isinstance(effect, cover.BookVisit))
        for one in step.emit:
            batch = post(A, B, "/fed/v1/inbox", events.write_batch([a.send(one.type, one.body)]))
            for body in b.receive(batch, agreement):
                at_b(cover.Incoming(LINK, body))

    def at_b(given: Any) -> None:
        nonlocal offerer
        step = cover.step(offerer, given, now=NOW)
        offerer = step.state
        booked.extend(effect for effect in step.effects if isinstance(effect, cover.BookVisit))
        for one in step.emit:
            to_a(one.type, one.body)
        for effect in step.effects:
            if isinstance(effect, cover.LockWorker):
                at_b(cover.Availability(effect.n, True))

    def to_a(type: str, body: dict[str, Any]) -> None:
        batch = post(B, A, "/fed/v1/inbox", events.write_batch([b.send(type, body)]))
        for received in a.receive(batch, agreement):
            at_a(cover.Incoming(LINK, received, hashed))

    wire = post(A, B, "/fed/v1/inbox", events.write_batch([a.send("cover.requested", REQUEST.as_wire())]))
    assert b.receive(wire, agreement) == [REQUEST]
    to_a("cover.offered", OFFERED.as_wire())
    at_a(cover.AwardOffer(LINK, OFFER, "2026-11-22T11:00:00Z"))
    assert (asker.phase, asker.acknowledged, offerer.phase) == ("committed", True, "committed")
    args: dict[str, Any] = {"link": LINK, "from_": A.node_id, "to": B.node_id}
    assert cover.verify_certificate(offerer.certificate, b.resolve, **args).worker_ref == "w"
    at_b(cover.Claim(cover.Claimed("as_planned", 120, 6000, 360, 5910)))
    at_a(cover.ConfirmVisit())
    assert booked == [cover.BookVisit(1, 6000, 360, 5910)] * 2
    assert (asker.phase, offerer.agreed) == ("confirmed", asker.agreed)
