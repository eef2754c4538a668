"""Events say who, to whom, on which link, after what; and they cannot say what must not be said."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from eccoo_federation import bodies, events, identity, jcs, limits, proofs
from eccoo_federation.errors import ProtocolError

from .helpers import NOW, circle, refused

A, B = circle("a"), circle("b")
LINK = "01a20074-c523-7ebe-a48f-28326f1f95b5"
RESOLVE = identity.resolver(identity.verify_log(A.log), identity.verify_log(B.log))
OFFER = "00000000-0000-4000-8000-000000000001"
HASH = "H" * 42 + "A"
REQUESTED: dict[str, Any] = {
    "request": "ref-1",
    "area": "HX7",
    "starts_at": "2026-11-26T09:00:00Z",
    "ends_at": "2026-11-26T11:00:00Z",
    "needs": {"hoist": True, "gender": "woman", "languages": ["en", "ur"], "safety_review_on": "2026-10-01"},
    "skills": ["moving_and_handling"],
    "fee_pence": 6000,
    "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0},
    "reply_by": "2026-11-24T16:00:00Z",
    "hold_until": "2026-11-25T09:00:00Z",
    "go_no_go_at": "2026-11-26T07:00:00Z",
}
OFFERED: dict[str, Any] = {
    "request": "ref-1",
    "offer": OFFER,
    "first_name": "Sam",
    "rate_pence_per_hour": 3000,
    "fee_pence": 6000,
    "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0},
    "attested": [{"kind": "dbs_enhanced", "seen_on": "2026-03-03"}],
    "hold_until": "2026-11-25T09:00:00Z",
}
STATEMENT: dict[str, Any] = {
    "period": "2026-11",
    "starts_on": "2026-11-01",
    "ends_on": "2026-11-30",
    "opening_pence": 0,
    "entries": [{"request": "ref-1", "n": 1, "amount_pence": 5550}],
    "closing_pence": 5550,
}


def sealed(
    type: str = "cover.requested", body: dict[str, Any] = REQUESTED, **changes: Any
) -> tuple[events.Event, bytes]:
    draft = events.draft(LINK, B.node_id, "ref-1", type, body, NOW)
    numbers: dict[str, Any] = {"seq": 1, "rev": 1, "prev": None, **changes}
    return events.seal(draft, from_=A.node_id, key=A.object_key, now=NOW, **numbers)


def check(event: events.Event) -> proofs.Signer:
    return events.verify_event(event, RESOLVE, link=LINK, from_=A.node_id, to=B.node_id)


def test_an_event_travels_and_proves_who_made_it() -> None:
    event, body = sealed()
    received = events.parse_event(jcs.parse(body))
    assert received == event
    assert check(received) == proofs.Signer(A.node_id, A.object_key.kid, "2026-11-22T09:00:00Z")
    assert (received.type, received.subject, received.seq, received.digest) == (
        "cover.requested",
        "ref-1",
        1,
        jcs.digest_bytes(body),
    )
    assert received.body.as_wire() == REQUESTED


@pytest.mark.parametrize(
    "change",
    [{"seq": 2}, {"to": A.node_id}, {"link": LINK[:-1] + "6"}, {"at": "2026-11-22T09:00:01Z"}, {"subject": "x"}],
)
def test_no_part_of_an_event_can_be_changed(change: dict[str, Any]) -> None:
    event, _ = sealed()
    tampered = events.parse_event({**event.raw, **change})
    verify = (tampered.link, A.node_id, tampered.to)
    code = refused(events.verify_event, tampered, RESOLVE, link=verify[0], from_=verify[1], to=verify[2])
    assert code == "bad_proof"


def test_an_event_means_nothing_on_another_link() -> None:
    event, _ = sealed()
    for link, from_, to in [("x", A.node_id, B.node_id), (LINK, B.node_id, A.node_id), (LINK, A.node_id, A.node_id)]:
        assert refused(events.verify_event, event, RESOLVE, link=link, from_=from_, to=to) == "wrong_link"


def test_a_proof_moved_to_another_event_is_refused() -> None:
    one, other = sealed()[0], sealed(seq=2, rev=2, prev=HASH)[0]
    moved = events.parse_event({**one.raw, "proof": other.raw["proof"]})
    assert refused(check, moved) == "bad_proof"


def test_unknown_members_are_kept_and_stay_under_the_proof() -> None:
    event, _ = sealed()
    wider = {**event.raw, "later": {"x": 1}, "body": {**event.raw["body"], "new_field": True}}
    signed = proofs.sign_object(wider, A.object_key, A.node_id, NOW)
    received = events.parse_event(jcs.parse(jcs.dump(signed)))
    check(received)
    assert (received.raw["later"], received.raw["body"]["new_field"]) == ({"x": 1}, True)


def test_what_must_be_understood_is_refused_when_it_is_not() -> None:
    event, _ = sealed()
    assert refused(events.parse_event, {**event.raw, "crit": ["later"]}) == "crit_unknown"
    assert refused(check, events.parse_event({**event.raw, "crit": []})) == "bad_proof"


def test_unknown_types_are_refused_but_keep_their_number() -> None:
    event, _ = sealed()
    strange = {**event.raw, "type": "cover.telepathy"}
    assert refused(events.parse_event, strange) == "unknown_type"
    assert refused(events.draft, LINK, B.node_id, "ref-1", "cover.telepathy", {}, NOW) == "unknown_type"
    assert events.read_envelope(strange).seq == 1


def test_only_the_first_event_of_a_subject_has_none_before_it() -> None:
    event, _ = sealed()
    assert refused(events.parse_event, {**event.raw, "prev": HASH}) == "chain_broken"
    assert refused(events.parse_event, {**event.raw, "rev": 2}) == "chain_broken"


@pytest.mark.parametrize(
    "change",
    [
        {"area": "HX7 8AA"},
        {"starts_at": "2026-11-26T09:00:00+00:00"},
        {"starts_at": "2026-02-31T09:00:00Z"},
        {"starts_at": "2026-11-26T09:00:00Z\n"},
        {"ends_at": "2026-11-26T09:00:00Z"},
        {"go_no_go_at": "2026-11-26T10:00:00Z"},
        {"fee_pence": -1},
        {"fee_pence": "60"},
        {"fee_pence": True},
        {"needs": {"gender": "any woman called Ann"}},
        {"skills": ["Has a brother in Hebden"]},
        {"needs": {"safety_review_on": "2026-13-01"}},
        {"schedule": {"worker_deduct_bps": 10_001, "payer_add_bps": 0}},
        {"request": "ref 1"},
    ],
)
def test_a_request_has_no_room_for_what_does_not_belong_there(change: dict[str, Any]) -> None:
    assert refused(events.read_body, "cover.requested", {**REQUESTED, **change}) == "bad_body"


def test_a_refusal_names_the_field_and_not_what_it_held() -> None:
    with pytest.raises(ProtocolError) as caught:
        events.read_body("cover.requested", {**REQUESTED, "skills": ["ok", "Mrs Planted Name"]})
    assert caught.value.detail == {"at": "$.skills[1]"}
    assert "Planted" not in str(caught.value)


def test_a_face_is_small_and_is_what_it_says() -> None:
    webp = base64.b64encode(b"RIFF\0\0\0\0WEBPVP8 ").decode()
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0JFIF").decode()

    def offer(media: str, data: str) -> str:
        try:
            events.read_body("cover.offered", {**OFFERED, "face": {"media": media, "data": data}})
        except ProtocolError as error:
            return error.code
        return "taken"

    assert [offer("image/webp", webp), offer("image/jpeg", jpeg)] == ["taken", "taken"]
    large = base64.b64encode(b"\xff\xd8\xff" + bytes(limits.FACE_BYTES)).decode()
    wrong = [("image/webp", jpeg), ("image/svg+xml", webp), ("image/webp", "<svg>"), ("image/jpeg", large)]
    assert [offer(*one) for one in wrong] == ["bad_body"] * 4


def test_no_body_has_a_field_for_what_moves_only_in_a_disclosure() -> None:
    """Checked over every struct that a body can reach, so that a field added later is seen too."""
    forbidden = ("surname", "last_name", "address", "postcode", "phone", "email", "certificate_number", "note", "birth")
    fields = {f"{type}.{name}" for type, body in bodies.BODIES.items() for name in body.__struct_fields__}
    for shape in (bodies.Needs, bodies.Travel, bodies.Attested, bodies.Face, bodies.StatementEntry):
        fields |= {f"{shape.__name__}.{name}" for name in shape.__struct_fields__}
    assert {name for name in fields if any(word in name for word in forbidden)} == set()


def test_every_event_type_of_the_protocol_has_a_body_and_a_scope() -> None:
    assert {type: events.scope_of_type(type) for type in sorted(bodies.BODIES)} == {
        "attest.revoked": "ping",
        "cover.acknowledged": "release",
        "cover.awarded": "cover.request",
        "cover.cancelled": "release",
        "cover.committed": "honour",
        "cover.confirmed": "cover.offer",
        "cover.declined": "release",
        "cover.offered": "cover.offer",
        "cover.refused": "release",
        "cover.requested": "cover.request",
        "cover.rescinded": "release",
        "cover.withdrawn": "release",
        "disclosure.sent": "honour",
        "erasure.completed": "erasure",
        "erasure.partial": "erasure",
        "erasure.requested": "erasure",
        "identity.updated": "link",
        "introduce.answered": "introduce",
        "introduce.asked": "introduce",
        "introduce.passed": "introduce",
        "link.ended": "link",
        "link.shown": "link",
        "link.narrowed": "link",
        "link.resumed": "link",
        "link.suspended": "link",
        "pool.changed": "ping",
        "referral.answered": "release",
        "referral.sent": "cover.request",
        "referral.withdrawn": "erasure",
        "settle.agreed": "settle.final",
        "settle.disputed": "settle.final",
        "settle.paid": "settle.final",
        "settle.received": "settle.final",
        "settle.statement": "settle",
        "tombstone": "link",
        "visit.claimed": "settle",
        "visit.confirmed": "settle",
        "visit.disputed": "settle",
        "visit.resolved": "settle",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"closing_pence": 5551},
        {"opening_pence": 1},
        {"entries": STATEMENT["entries"] * 2, "closing_pence": 11_100},
    ],
)
def test_a_statement_off_by_a_penny_or_counting_twice_is_refused(change: dict[str, Any]) -> None:
    assert refused(events.read_body, "settle.statement", {**STATEMENT, **change}) == "bad_body"


def test_only_a_final_statement_crosses_a_suspended_link() -> None:
    def scope(final: bool) -> str:
        return events.scope_of(sealed("settle.statement", {**STATEMENT, "final": final})[0])

    assert [scope(False), scope(True)] == ["settle", "settle.final"]


def test_a_batch_keeps_the_stored_bytes() -> None:
    one, two = sealed()[1], sealed(seq=2, rev=2, prev=HASH)[1]
    body = events.write_batch([one, two])
    assert [jcs.dump(event) for event in events.read_batch(body)] == [one, two]


def test_batches_stop_at_fifty_events_and_192_kib() -> None:
    small, large = b"{}", b'"' + b"x" * 65_536 + b'"'
    assert events.fill_batch([small] * 80) == 50
    assert events.fill_batch([large] * 4) == 2
    assert events.fill_batch([b"x" * 300_000, small]) == 1
    assert events.fill_batch([]) == 0
    assert refused(events.write_batch, [small] * 51) == "too_large"
    assert refused(events.write_batch, [large] * 3) == "too_large"
    for body in (b"[]", b"{}", b'{"events":[]}', b'{"events":[1]}', b'{"events":{}}'):
        assert refused(events.read_batch, body) == "bad_body"


def test_an_answer_comes_back() -> None:
    one, other = (events.new_event_id(NOW) for _ in range(2))
    answer = events.BatchAnswer(7, (events.Verdict(one, "applied"), events.Verdict(other, "refused", "wrong_state")))
    body = events.write_answer(answer)
    assert body == (
        b'{"applied":7,"verdicts":[{"id":"%s","verdict":"applied"},{"code":"wrong_state","id":"%s","verdict":"refused"}]}'
        % (one.encode(), other.encode())
    )
    assert events.read_answer(body) == answer


@pytest.mark.parametrize(
    "lie",
    [
        b"[]",
        b'{"applied":-1}',
        b'{"applied":9007199254740991}',
        b'{"applied":1,"verdicts":[{"id":"\\u0000","verdict":"applied"}]}',
        b'{"applied":1,"verdicts":[%s]}'
        % b",".join([b'{"id":"01a20074-c523-7ebe-a48f-28326f1f95b5","verdict":"applied"}'] * 115),
        b'{"applied":1,"verdicts":[{"code":"\\u0000","id":"01a20074-c523-7ebe-a48f-28326f1f95b5","verdict":"refused"}]}',
    ],
)
def test_an_answer_that_no_honest_peer_gives_is_not_read(lie: bytes) -> None:
    assert refused(events.read_answer, lie) == "bad_body"


def test_event_ids_are_uuid7_and_sort_by_time() -> None:
    id = events.new_event_id(NOW)
    assert (id[14], len(id), int(id[:8] + id[9:13], 16)) == ("7", 36, int(NOW.timestamp() * 1000))
    assert events.new_event_id(NOW) != id


def test_a_disclosure_is_the_one_announced() -> None:
    disclosure = events.Disclosure(
        request="ref-1",
        n=1,
        salt=HASH,
        name="Planted Name",
        address="1 Planted Street",
        must_know=("The key safe is blue.",),
        retain_until="2026-12-01T00:00:00Z",
    )
    announced = events.disclosure_hash(disclosure)
    assert events.check_disclosure(disclosure.as_wire(), announced) == disclosure
    other = {**disclosure.as_wire(), "address": "2 Planted Street"}
    assert refused(events.check_disclosure, other, announced) == "event_changed"
