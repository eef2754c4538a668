"""Vectors that nobody on this project wrote."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, algorithms
from mnemonic import Mnemonic

from eccoo_federation import jcs, keys, proofs
from eccoo_federation.errors import ProtocolError

from .helpers import load, refused, vectors

_ALGORITHMS = {
    "test-key-rsa-pss": algorithms.RSA_PSS_SHA512,
    "test-key-ecc-p256": algorithms.ECDSA_P256_SHA256,
    "test-shared-secret": algorithms.HMAC_SHA256,
    "test-key-ed25519": algorithms.ED25519,
}


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_canonical_form_is_that_of_rfc_8785(name: str) -> None:
    data = vectors("jcs/testdata")
    expected = (data / f"output/{name}.json").read_bytes()
    assert bytes.fromhex((data / f"outhex/{name}.txt").read_text()) == expected
    assert rfc8785.dumps(load(data / f"input/{name}.json")) == expected
    if name == "values":
        # It holds numbers with a fraction, which our narrower profile does not send.
        assert refused(jcs.parse, expected) == "bad_json"
    else:
        assert jcs.dump(jcs.parse(expected)) == expected


def _rfc9421_keys(given: dict[str, list[str]]) -> dict[str, Any]:
    def pem(title: str) -> Any:
        texts = next(value for name, value in given.items() if title in name)
        public = [text for text in texts if "PUBLIC KEY" in text]
        if public:
            return load_pem_public_key(public[0].encode())
        return load_pem_private_key(texts[0].encode(), None).public_key()

    secret = next(value for name, value in given.items() if "Shared Secret" in name)
    return {
        "test-key-rsa-pss": pem("RSA PSS"),
        "test-key-ecc-p256": pem("ECC P-256"),
        "test-key-ed25519": pem("Ed25519"),
        "test-shared-secret": base64.b64decode("".join(secret).strip()),
    }


class _Message:
    def __init__(self, text: str, digest: str | None) -> None:
        head, self.body = text.split("\n\n", 1)
        first, *lines = head.split("\n")
        self.fields = [(name, value) for name, value in (line.split(": ", 1) for line in lines)]
        if digest:
            self.fields = [(k, digest if k == "Content-Digest" else v) for k, v in self.fields]
        if first.startswith("HTTP/"):
            self.status_code, self.request = int(first.split()[1]), None
        else:
            self.method, target, _ = first.split()
            self.url = "https://example.com" + target

    @property
    def headers(self) -> Any:
        return dict(self.fields)


@pytest.mark.parametrize("number", range(6))
def test_every_signature_of_rfc_9421_appendix_b_verifies(number: int) -> None:
    data = load(vectors("rfc9421/appendix-b.json"))
    case = data["cases"][number]
    found = re.search(r'"content-digest": (\S+)', case["signature_base"])
    which = "test-response" if '"@status"' in case["signature_base"] else "test-request"
    # The printed response's digest does not match its own body; the signature base has the right one.
    message = _Message(data["messages"][which], found.group(1) if found else None)
    message.fields += [("Signature-Input", case["signature_input"]), ("Signature", case["signature"])]
    keyid = re.search(r'keyid="([^"]+)"', case["signature_input"]).group(1)  # type: ignore[union-attr]

    class Timeless(HTTPMessageVerifier):
        def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
            """The appendix is from 2021."""

    resolver = MappingKeyResolver(public_keys=_rfc9421_keys(data["keys"]), private_keys={})
    verifier = Timeless(signature_algorithm=_ALGORITHMS[keyid], key_resolver=resolver)
    tag = re.search(r'tag="([^"]+)"', case["signature_input"])
    results = verifier.verify(message, max_age=None, expect_tag=tag.group(1) if tag else None)
    assert [result.label for result in results] == [case["signature"].split("=", 1)[0]]


def test_the_w3c_proof_is_reproduced_step_by_step() -> None:
    folder = vectors("eddsa-jcs-2022/TestVectors")
    pair = load(folder / "keyPair.json")
    signed, config = load(folder / "eddsa-jcs-2022/signedJCS.json"), load(folder / "eddsa-jcs-2022/proofConfigJCS.json")
    unsigned = load(folder / "unsigned.json")
    seed = keys.base58btc_decode(pair["privateKeyMultibase"][1:])[2:]
    key = keys.SigningKey.from_seed(seed, "object")
    assert keys.multibase(key.public_raw) == pair["publicKeyMultibase"]
    assert keys.from_multibase(pair["publicKeyMultibase"]) == key.public_raw
    assert jcs.dump(config).decode() == (folder / "eddsa-jcs-2022/proofCanonJCS.txt").read_text()
    assert jcs.dump(unsigned).decode() == (folder / "eddsa-jcs-2022/canonDocJCS.txt").read_text()
    assert proofs.hash_data(unsigned, config).hex() == (folder / "eddsa-jcs-2022/combinedHashJCS.txt").read_text()
    proof = proofs.make_proof(unsigned, key, config["verificationMethod"], config["created"])
    assert {**unsigned, "proof": proof} == signed
    proofs.check_proof_value(signed, signed["proof"], key.public_raw)


def test_wycheproof_ed25519() -> None:
    data = load(vectors("wycheproof/testvectors_v1/ed25519_test.json"))
    cases = [(group["publicKey"]["pk"], case) for group in data["testGroups"] for case in group["tests"]]
    wrong = []
    for public, case in cases:
        signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
        holds = len(signature) == 64 and keys.verify_signature(bytes.fromhex(public), signature, message)
        if holds != (case["result"] == "valid"):
            wrong.append(case["tcId"])
    assert (len(cases), wrong) == (151, [])


def test_low_order_and_odd_keys_are_refused_at_pinning() -> None:
    cases = load(vectors("cctv-ed25519/ed25519vectors.json"))
    by_key: dict[str, set[str]] = {}
    for case in cases:
        by_key.setdefault(case["key"], set()).update(case["flags"] or [])
    bad_flags = {"low_order_A", "non_canonical_A", "low_order_component_A"}

    def taken(public: str) -> bool:
        try:
            return keys.screen_public_key(bytes.fromhex(public)) == bytes.fromhex(public)
        except ProtocolError as error:
            assert error.code == "bad_key"
            return False

    assert len(cases) == 914
    assert {key for key in by_key if taken(key)} == {key for key, flags in by_key.items() if not flags & bad_flags}
    # The vectors use one good key; make sure that the comparison above was not between two empty sets.
    assert any(taken(key) for key in by_key)


def test_key_names_are_rfc_7638_thumbprints() -> None:
    cases = {case["name"]: case for case in load(vectors("jwk-thumbprint/vectors.json"))}
    case = cases["ed25519"]
    jwk = json.loads(case["jwk"])
    assert keys.thumbprint(jcs.unb64url(jwk["x"])) == case["thumbprint"]


def test_vectors_that_are_not_there_fail_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECCOO_VECTORS", "/nowhere")
    for required, outcome in (("", pytest.skip.Exception), ("1", pytest.fail.Exception)):
        monkeypatch.setenv("TESTS_REQUIRE_ALL", required)
        with pytest.raises(outcome, match="no published vectors"):
            vectors("jcs")


def test_the_words_are_bip_39_english() -> None:
    assert list(Mnemonic("english").wordlist) == vectors("wordlists/bip39-english.txt").read_text().split()
