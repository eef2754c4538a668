"""A proof holds for one object, by one node, and moves nowhere."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from eccoo_federation import identity, proofs

from .helpers import NOW, circle, refused

A, B = circle("a"), circle("b")
RESOLVE = identity.resolver(identity.verify_log(A.log), identity.verify_log(B.log))
OBJECT = {"type": "test", "amount": 1, "list": [1, 2]}
SIGNED = proofs.sign_object(OBJECT, A.object_key, A.node_id, NOW)


def test_who_signed_and_when_is_told() -> None:
    assert proofs.verify_object(SIGNED, RESOLVE, by=A.node_id) == proofs.Signer(
        A.node_id, A.object_key.kid, "2026-11-22T09:00:00Z"
    )


def test_signing_leaves_the_object_alone() -> None:
    before = copy.deepcopy(OBJECT)
    proofs.sign_object(OBJECT, A.object_key, A.node_id, NOW)
    assert before == OBJECT


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 2},
        {"more": 1},
        {"list": [2, 1]},
        {"@context": ["https://www.w3.org/ns/credentials/v2"]},
        {"proof": []},
        {"proof": {}},
        {"proof": None},
    ],
)
def test_a_changed_object_is_refused(change: dict[str, Any]) -> None:
    assert refused(proofs.verify_object, {**SIGNED, **change}, RESOLVE) == "bad_proof"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"created": "2026-11-22T09:00:01Z"}, "bad_proof"),
        ({"created": "2020-11-22T09:00:01Z"}, "unknown_key"),
        ({"created": "yesterday"}, "bad_body"),
        ({"cryptosuite": "eddsa-rdfc-2022"}, "bad_proof"),
        ({"proofPurpose": "authentication"}, "bad_proof"),
        ({"type": "Ed25519Signature2020"}, "bad_proof"),
        ({"domain": "x"}, "bad_proof"),
        ({"proofValue": "z1"}, "bad_proof"),
        ({"proofValue": "u1"}, "bad_proof"),
        ({"proofValue": 1}, "bad_proof"),
        ({"verificationMethod": "did:key:z6Mk#z6Mk"}, "bad_proof"),
        ({"verificationMethod": f"urn:circle:{A.node_id}#{A.object_key.kid}\n"}, "bad_proof"),
        ({"verificationMethod": f"urn:circle:{B.node_id}#{A.object_key.kid}"}, "unknown_key"),
        ({"verificationMethod": f"urn:circle:{B.node_id}#{B.object_key.kid}"}, "bad_proof"),
        ({"verificationMethod": f"urn:circle:{A.node_id}#{A.transport_key.kid}"}, "unknown_key"),
        ({"verificationMethod": f"urn:circle:{'c' * 52}#{A.object_key.kid}"}, "unknown_key"),
    ],
)
def test_a_changed_proof_is_refused(change: dict[str, Any], code: str) -> None:
    tampered = {**SIGNED, "proof": {**SIGNED["proof"], **change}}
    assert refused(proofs.verify_object, tampered, RESOLVE) == code


def test_a_proof_does_not_move_to_another_object() -> None:
    other = {**OBJECT, "type": "other", "proof": SIGNED["proof"]}
    assert refused(proofs.verify_object, other, RESOLVE) == "bad_proof"


def test_another_node_cannot_sign_for_the_one_expected() -> None:
    theirs = proofs.sign_object(OBJECT, B.object_key, B.node_id, NOW)
    assert refused(proofs.verify_object, theirs, RESOLVE, by=A.node_id) == "bad_proof"


def test_two_sides_sign_the_same_object() -> None:
    one = proofs.cosign_object(OBJECT, A.object_key, A.node_id, NOW)
    both = proofs.cosign_object(one, B.object_key, B.node_id, NOW)
    nodes = sorted([A.node_id, B.node_id])
    assert [signer.node_id for signer in proofs.verify_cosigned(both, RESOLVE, nodes)] == nodes
    twice = proofs.cosign_object(one, A.object_key, A.node_id, NOW)
    for wrong in (one, twice, SIGNED, {**both, "amount": 2}, {**both, "proof": [*both["proof"], one["proof"][0]]}):
        assert refused(proofs.verify_cosigned, wrong, RESOLVE, nodes) == "bad_proof"
