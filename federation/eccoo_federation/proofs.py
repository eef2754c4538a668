"""Object proofs: evidence that outlives the connection it came over (W3C Data Integrity, eddsa-jcs-2022).

A transport signature says who sent a request here, now. A proof says who stands by an award, a certificate or a
statement, to whoever holds it later. No JSON-LD processing takes place, and a verification method is looked up, never
fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from . import jcs
from .errors import ProtocolError
from .keys import SigningKey, base58btc_decode, base58btc_encode, verify_signature
from .times import parse_time, wire_time

METHOD = re.compile(r"^urn:circle:([a-z2-7]{52})#([A-Za-z0-9_-]{43})\Z")
_REQUIRED = {"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"}
_FIXED = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"}

# (node_id, kid, created as wire time) -> raw public key, or None when that node had no such key then.
ResolveKey = Callable[[str, str, str], bytes | None]


class Signer(msgspec.Struct, frozen=True):
    """Who stands by an object, and when they said so (wire time)."""

    node_id: str
    kid: str
    created: str


def verification_method(node_id: str, kid: str) -> str:
    return f"urn:circle:{node_id}#{kid}"


def hash_data(obj: dict[str, Any], proof: dict[str, Any]) -> bytes:
    """The 64 bytes that are signed: hash of the proof's configuration, then hash of the object."""
    config = {name: value for name, value in proof.items() if name != "proofValue"}
    unsecured = {name: value for name, value in obj.items() if name != "proof"}
    return hashlib.sha256(jcs.dump(config)).digest() + hashlib.sha256(jcs.dump(unsecured)).digest()


def make_proof(obj: dict[str, Any], key: SigningKey, method: str, created: str) -> dict[str, Any]:
    proof: dict[str, Any] = {**_FIXED, "created": created, "verificationMethod": method}
    if "@context" in obj:
        proof["@context"] = obj["@context"]
    return {**proof, "proofValue": "z" + base58btc_encode(key.sign(hash_data(obj, proof)))}


def sign_object(obj: dict[str, Any], key: SigningKey, node_id: str, now: datetime) -> dict[str, Any]:
    """A copy of ``obj`` with one proof; an older proof is replaced."""
    proof = make_proof(obj, key, verification_method(node_id, key.kid), wire_time(now))
    return {**{name: value for name, value in obj.items() if name != "proof"}, "proof": proof}


def cosign_object(obj: dict[str, Any], key: SigningKey, node_id: str, now: datetime) -> dict[str, Any]:
    """A copy with one proof more (a proof set): each signer signs the same object, none signs the other's proof."""
    proofs = obj.get("proof", [])
    others = proofs if isinstance(proofs, list) else [proofs]
    mine = make_proof(obj, key, verification_method(node_id, key.kid), wire_time(now))
    return {**{name: value for name, value in obj.items() if name != "proof"}, "proof": [*others, mine]}


def check_proof_value(obj: dict[str, Any], proof: dict[str, Any], raw_key: bytes) -> None:
    """Raises ``bad_proof`` unless ``proof`` was made over ``obj`` with this key."""
    unknown = set(proof) - _REQUIRED - {"@context"}
    if unknown or not set(proof) >= _REQUIRED or any(proof[name] != value for name, value in _FIXED.items()):
        raise ProtocolError("bad_proof", "The proof is not an eddsa-jcs-2022 proof.")
    if proof.get("@context") != obj.get("@context"):
        raise ProtocolError("bad_proof", "The proof was made for another context.")
    value = proof["proofValue"]
    if not isinstance(value, str) or not value.startswith("z"):
        raise ProtocolError("bad_proof")
    signature = base58btc_decode(value[1:])
    if len(signature) != 64 or not verify_signature(raw_key, signature, hash_data(obj, proof)):
        raise ProtocolError("bad_proof")


def verify_object(obj: Any, resolve_key: ResolveKey, *, by: str | None = None) -> Signer:
    """Who signed. ``by``, when given, is the node that must have. Raises ``bad_proof`` or ``unknown_key``."""
    proof = obj.get("proof") if isinstance(obj, dict) else None
    if not isinstance(proof, dict):
        raise ProtocolError("bad_proof", "The object carries no proof.")
    return _verify_one(obj, proof, resolve_key, by)


def verify_cosigned(obj: Any, resolve_key: ResolveKey, by: Iterable[str]) -> tuple[Signer, ...]:
    """Exactly one proof from each node in ``by``, and no other. Sorted by node. Raises as ``verify_object``."""
    proofs = obj.get("proof") if isinstance(obj, dict) else None
    expected = sorted(by)
    if not isinstance(proofs, list) or len(proofs) != len(expected) or not all(isinstance(p, dict) for p in proofs):
        raise ProtocolError("bad_proof", "The object must carry one proof from each side.")
    signers = tuple(sorted((_verify_one(obj, proof, resolve_key, None) for proof in proofs), key=lambda s: s.node_id))
    if [signer.node_id for signer in signers] != expected:
        raise ProtocolError("bad_proof", "The object must carry one proof from each side.")
    return signers


def _verify_one(obj: dict[str, Any], proof: dict[str, Any], resolve_key: ResolveKey, by: str | None) -> Signer:
    named = proof.get("verificationMethod")
    method = METHOD.match(named) if isinstance(named, str) else None
    if method is None:
        raise ProtocolError("bad_proof", "The proof does not name a key of a circle.")
    node_id, kid = method.group(1), method.group(2)
    if by is not None and node_id != by:
        raise ProtocolError("bad_proof", "The proof is another circle’s.")
    created = str(proof.get("created"))
    parse_time(created)
    raw = resolve_key(node_id, kid, created)
    if raw is None:
        raise ProtocolError("unknown_key", "The proof names a key that was not valid then.")
    check_proof_value(obj, proof, raw)
    return Signer(node_id, kid, created)
