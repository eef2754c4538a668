"""A node is its key log: it survives moves, rotations and loss, and nobody else can continue it."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation import identity, jcs, keys, limits, proofs
from eccoo_federation.times import wire_time

from .helpers import NOW, WORDS_A, WORDS_B, circle, refused

DAY = timedelta(days=1)
NEW_KEY = keys.SigningKey.from_seed(b"n" * 32, "transport")


def new_public(use: str = "transport", seed: bytes = b"n") -> keys.PublicKey:
    key = keys.SigningKey.from_seed(seed * 32, use)  # type: ignore[arg-type]
    return key.public(wire_time(NOW + DAY), wire_time(NOW + 91 * DAY))


def test_the_same_words_and_keys_give_the_same_node() -> None:
    a = circle("a")
    assert (a.node_id, a.words) == (identity.node_id_of(a.log[0]), WORDS_A)
    assert a.node_id == "lwyvhhhnugdbfj3qau4bfz4ro75d6gj2allja6afwjdmrfo4znpa"
    assert len(a.node_id) == 52


def test_a_document_shows_what_its_log_says() -> None:
    a = circle("a")
    state = identity.verify_log(a.log)
    assert identity.verify_document(a.document, state, NOW) == a.document
    assert {name: a.document[name] for name in ("name", "phone", "base_url", "seq", "valid_until")} == {
        "name": "Circle A",
        "phone": "01632 960001",
        "base_url": "https://a.example",
        "seq": 0,
        "valid_until": "2026-11-29T09:00:00Z",
    }
    assert [key["use"] for key in a.document["keys"]] == ["transport", "object"]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("node_id", "z" * 52, "wrong_node"),
        ("base_url", "https://evil.example", "log_forked"),
        ("next_root_hash", "A" * 43, "log_forked"),
        ("keys", [], "log_forked"),
        ("seq", 1, "log_behind"),
        ("seq", True, "bad_body"),
        ("name", "Circle E", "bad_proof"),
        ("valid_until", "2027-11-29T09:00:00Z", "bad_proof"),
        ("protocols", ["circle-fed-2"], "bad_body"),
    ],
)
def test_a_tampered_document_is_refused(member: str, value: Any, code: str) -> None:
    a = circle("a")
    assert refused(identity.verify_document, {**a.document, member: value}, identity.verify_log(a.log), NOW) == code


def test_a_document_is_good_for_seven_days_and_not_before_its_time() -> None:
    a = circle("a")
    state = identity.verify_log(a.log)
    assert refused(identity.verify_document, a.document, state, NOW + 7 * DAY) == "document_expired"
    assert refused(identity.verify_document, a.document, state, NOW - timedelta(seconds=61)) == "document_expired"
    long_lived = identity.build_document(state, name="A", key=a.object_key, now=NOW, life=8 * DAY)
    assert refused(identity.verify_document, long_lived, state, NOW) == "document_expired"


def test_routine_rotation_needs_no_words() -> None:
    a = circle("a")
    log = identity.add_keys(a.log, [new_public()], a.object_key, NOW)
    state = identity.extends(a.log, log)
    assert state.key(NEW_KEY.kid, "transport", wire_time(NOW)) is None
    assert state.key(NEW_KEY.kid, "transport", wire_time(NOW + DAY)) == NEW_KEY.public_raw
    assert state.key(a.transport_key.kid, "transport", wire_time(NOW + DAY)) == a.transport_key.public_raw
    assert state.key(a.transport_key.kid, "object", wire_time(NOW + DAY)) is None
    assert state.key(a.transport_key.kid, "transport", wire_time(NOW + 90 * DAY)) is None


def test_a_move_keeps_the_node_and_needs_the_words() -> None:
    a = circle("a")
    log = identity.move(a.log, WORDS_A, "https://new.example", NOW + DAY)
    state = identity.extends(a.log, log)
    assert (state.node_id, state.base_url, state.seq) == (a.node_id, "https://new.example", 1)
    assert refused(identity.move, a.log, WORDS_B, "https://evil.example", NOW + DAY) == "bad_words"
    again = identity.move(log, WORDS_A, "https://newer.example", NOW + 2 * DAY, new_words=WORDS_B)
    assert refused(identity.move, again, WORDS_A, "https://evil.example", NOW + 3 * DAY) == "bad_words"
    assert identity.verify_log(identity.move(again, WORDS_B, "https://b.example", NOW + 3 * DAY)).seq == 3


def test_recovery_shuts_out_the_thief_and_keeps_old_evidence() -> None:
    a = circle("a")
    spare = keys.SigningKey.from_seed(b"s" * 32, "object")
    log = identity.recover(a.log, WORDS_A, [new_public(), new_public("object", b"s")], NOW + 2 * DAY)
    state = identity.extends(a.log, log)
    before, after = wire_time(NOW + DAY), wire_time(NOW + 3 * DAY)
    # Evidence signed before the theft stays evidence; the thief cannot backdate anything that arrives from now on.
    assert state.resolve_object(a.node_id, a.object_key.kid, before) == a.object_key.public_raw
    assert state.resolve_object(a.node_id, a.object_key.kid, after) is None
    assert state.resolve_fresh(a.node_id, a.object_key.kid, before) is None
    assert state.resolve_fresh(a.node_id, spare.kid, after) == spare.public_raw
    assert refused(identity.add_keys, log, [new_public("object", b"t")], a.object_key, NOW + 3 * DAY) == "unknown_key"
    assert identity.verify_log(identity.add_keys(log, [new_public("object", b"t")], spare, NOW + 3 * DAY)).seq == 2


def _signed(entry: dict[str, Any], key: keys.SigningKey) -> dict[str, Any]:
    return proofs.sign_object(entry, key, circle("a").node_id, NOW)


def test_only_the_promised_root_key_continues_a_log() -> None:
    a = circle("a")
    good = identity.move(a.log, WORDS_A, "https://new.example", NOW)[1]
    thief = keys.SigningKey.from_seed(b"t" * 32, "root")
    forged = _signed({**good, "root": keys.multibase(thief.public_raw)}, thief)
    assert refused(identity.verify_log, [a.log[0], forged]) == "bad_log"
    assert refused(identity.verify_log, [a.log[0], _signed(good, thief)]) == "bad_proof"
    by_object = _signed({**good}, a.object_key)
    assert refused(identity.verify_log, [a.log[0], by_object]) == "bad_proof"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"seq": 2}, "bad_log"),
        ({"prev": "A" * 43}, "bad_log"),
        ({"op": "create"}, "bad_log"),
        ({"op": "extra"}, "bad_log"),
        ({"v": 2}, "bad_log"),
        ({"at": "2025-01-01T00:00:00Z"}, "bad_log"),
        ({"at": "2026-02-31T00:00:00Z"}, "bad_body"),
        ({"base_url": "https://evil.example"}, "bad_proof"),
        ({"next_root_hash": "A" * 43}, "bad_proof"),
    ],
)
def test_a_tampered_log_is_refused(change: dict[str, Any], code: str) -> None:
    a = circle("a")
    log = copy.deepcopy(identity.move(a.log, WORDS_A, "https://new.example", NOW))
    log[1] |= change
    assert refused(identity.verify_log, log) == code


def test_keys_in_a_log_keep_their_names_and_dates() -> None:
    a = circle("a")
    mine = a.log[0]["keys"][0]
    for key in (
        {**mine, "kid": "A" * 43},
        {**mine, "exp": "2036-01-01T00:00:00Z"},
        {**mine, "nbf": mine["exp"], "exp": mine["nbf"]},
        {**mine, "use": "root"},
    ):
        entry = {"v": 1, "op": "keys", "seq": 1, "prev": jcs.digest(a.log[0]), "at": wire_time(NOW), "keys": [key]}
        assert refused(identity.verify_log, [a.log[0], _signed(entry, a.object_key)]) == "bad_log"


def test_forks_and_rollbacks_are_noticed() -> None:
    a = circle("a")
    one = identity.move(a.log, WORDS_A, "https://one.example", NOW)
    two = identity.move(a.log, WORDS_A, "https://two.example", NOW)
    assert refused(identity.extends, one, two) == "log_forked"
    assert refused(identity.extends, one, a.log) == "log_forked"
    assert refused(identity.extends, a.log, circle("b").log) == "log_forked"
    assert identity.extends(one, one) == identity.verify_log(one)


def test_a_log_holds_so_many_keys_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    a = circle("a")
    seventeen = [new_public(seed=bytes([at])) for at in range(1, limits.ENTRY_KEYS + 2)]
    assert refused(identity.add_keys, a.log, seventeen, a.object_key, NOW) == "bad_log"
    log = identity.add_keys(a.log, seventeen[:2], a.object_key, NOW)
    monkeypatch.setattr(limits, "LOG_KEYS", 4)
    assert len(identity.verify_log(log).keys) == 4
    assert refused(identity.add_keys, log, seventeen[2:3], a.object_key, NOW) == "bad_log"


def test_a_log_travels_as_canonical_lines() -> None:
    log = identity.move(circle("a").log, WORDS_A, "https://new.example", NOW)
    body = identity.dump_log(log)
    assert identity.parse_log(body) == log
    assert refused(identity.parse_log, body[:-1]) == "bad_log"
    assert refused(identity.parse_log, b"") == "bad_log"
    assert refused(identity.parse_log, body.replace(b'"v":1', b'"v": 1')) == "not_canonical"
    assert refused(identity.parse_log, b"{}\n" * 257) == "bad_log"
    assert refused(identity.verify_log, log * 129) == "bad_log"
    assert limits.LOG_ENTRIES == 256
