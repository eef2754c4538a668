"""Who a circle's node is: a hash-chained key log, and the signed document that shows its present state.

The log is in the manner of did:webvh: ``node_id`` is the hash of the first entry, so it survives a change of domain and
a seized domain does not convey it. Each root-signed entry uses up one root key and commits to the hash of the next, so
a root key that leaks after use opens nothing. Root keys are derived from 24 words kept on paper (``words.root_seed``).

Entry operations: ``create`` (genesis), ``move`` (new base_url), ``recover`` (these are all my keys now): root-signed;
``keys`` (add keys, for routine rotation): signed by an object key that the log already holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from . import jcs, limits, words
from .errors import ProtocolError
from .keys import PublicKey, SigningKey, from_multibase, multibase, thumbprint
from .proofs import ResolveKey, check_proof_value, sign_object, verify_object
from .times import parse_time, wire_time

ROOT_OPS = ("create", "move", "recover")
PROTOCOLS = ("circle-fed-1",)
# What this library can do beyond linking, letters and forgetting, which every node can.
CAPS = ("attest-1", "cover-1", "introduce-1", "pool-1", "settle-1")

Log = list[dict[str, Any]]


class LogState(msgspec.Struct, frozen=True):
    """What a whole, verified log says.

    ``keys`` holds every key ever named; ``head`` is the digest of the last entry.
    """

    node_id: str
    seq: int
    head: str
    base_url: str
    next_root_hash: str
    keys: tuple[PublicKey, ...]
    digests: tuple[str, ...]

    def key(self, kid: str, use: str, at: str) -> bytes | None:
        """The raw key with this ``kid`` and use, if it was good at wire time ``at``."""
        for key in self.keys:
            if key.kid == kid and key.use == use and key.holds_at(at):
                return key.raw
        return None

    def live_keys(self) -> tuple[PublicKey, ...]:
        return tuple(key for key in self.keys if key.revoked_at is None)

    def resolve_object(self, node_id: str, kid: str, created: str) -> bytes | None:
        """For archived evidence: a key that was good when the proof was made, even if it was revoked afterwards."""
        return self.key(kid, "object", created) if node_id == self.node_id else None

    def resolve_fresh(self, node_id: str, kid: str, created: str) -> bytes | None:
        """For what arrives now: a revoked key proves nothing new, whatever date the thief writes into the proof."""
        if any(key.kid == kid and key.revoked_at is not None for key in self.keys):
            return None
        return self.resolve_object(node_id, kid, created)


class NewIdentity(msgspec.Struct, frozen=True):
    """``words`` go on paper and are kept nowhere else."""

    words: str
    node_id: str
    log: Log
    transport_key: SigningKey
    object_key: SigningKey
    document: dict[str, Any]


def root_hash(public: str) -> str:
    """The pre-commitment to a root key that is not shown yet: digest of its Multikey text."""
    return jcs.digest_bytes(public.encode("ascii"))


def node_id_of(genesis: Mapping[str, Any]) -> str:
    """Lower-case base32 (52 characters) of the SHA-256 of the genesis entry without its proof."""
    unsecured = {name: value for name, value in genesis.items() if name != "proof"}
    return base64.b32encode(hashlib.sha256(jcs.dump(unsecured)).digest()).decode().rstrip("=").lower()


def create_identity(
    base_url: str,
    name: str,
    now: datetime,
    *,
    phone: str | None = None,
    recovery_words: str | None = None,
    transport_key: SigningKey | None = None,
    object_key: SigningKey | None = None,
) -> NewIdentity:
    """A new node: fresh words and keys unless given, a log of one entry, and the first document."""
    sheet = words.tidy_recovery_words(recovery_words) if recovery_words else words.new_recovery_words()
    transport = transport_key or SigningKey.generate("transport")
    obj = object_key or SigningKey.generate("object")
    published = [
        transport.public(wire_time(now), wire_time(now + limits.TRANSPORT_KEY_LIFE)),
        obj.public(wire_time(now), wire_time(now + limits.OBJECT_KEY_LIFE)),
    ]
    entry = _root_entry("create", sheet, None, 0, now)
    entry |= {"base_url": base_url, "keys": [key.as_wire() for key in published]}
    root = SigningKey.from_seed(words.root_seed(sheet, 0), "root")
    node_id = node_id_of(entry)
    log = [sign_object(entry, root, node_id, now)]
    document = build_document(verify_log(log), name=name, key=obj, now=now, phone=phone)
    return NewIdentity(sheet, node_id, log, transport, obj, document)


def add_keys(log: Log, new: Sequence[PublicKey], object_key: SigningKey, now: datetime) -> Log:
    """Routine rotation. Publish at least ``limits.KEY_NOTICE`` before the first use."""
    state = verify_log(log)
    entry = {"v": 1, "op": "keys", "seq": state.seq + 1, "prev": state.head, "at": wire_time(now)}
    entry |= {"keys": [key.as_wire() for key in new]}
    return _checked([*log, sign_object(entry, object_key, state.node_id, now)])


def move(log: Log, recovery_words: str, base_url: str, now: datetime, *, new_words: str | None = None) -> Log:
    """A new home on the web for the same node. Peers ask their admin before they follow."""
    return _by_root(log, "move", recovery_words, new_words, now, {"base_url": base_url})


def recover(
    log: Log, recovery_words: str, keys: Sequence[PublicKey], now: datetime, *, new_words: str | None = None
) -> Log:
    """After a loss: these are all the keys; every other one is revoked from now on."""
    return _by_root(log, "recover", recovery_words, new_words, now, {"keys": [key.as_wire() for key in keys]})


def is_promised(log: Log, recovery_words: str) -> bool:
    """Whether these words sign the next root entry of this log. Raises ``bad_words`` for none of any sheet."""
    root = SigningKey.from_seed(words.root_seed(recovery_words, _root_index(log)), "root")
    return root_hash(multibase(root.public_raw)) == verify_log(log).next_root_hash


def verify_log(entries: Sequence[Any]) -> LogState:
    """Walks the whole chain.

    Raises ``bad_log`` (or ``bad_key``, ``bad_proof``) at the first entry that does not hold.
    """
    if not 1 <= len(entries) <= limits.LOG_ENTRIES:
        raise ProtocolError("bad_log", "A key log has 1 to 256 entries.")
    state: LogState | None = None
    previous_at = ""
    for seq, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("v") != 1 or entry.get("seq") != seq:
            raise ProtocolError("bad_log", "The entries of the key log are not numbered as they should be.")
        if entry.get("prev") != (state.head if state else None):
            raise ProtocolError("bad_log", "The entries of the key log do not follow one another.")
        at = wire_time(parse_time(entry.get("at")))
        if at < previous_at:
            raise ProtocolError("bad_log", "The entries of the key log go back in time.")
        previous_at = at
        state = _apply(state, entry, at)
    assert state is not None
    return state


def extends(old: LogState | Sequence[Any], new: LogState | Sequence[Any]) -> LogState:
    """The state of ``new``, if it continues ``old`` entry by entry. Raises ``log_forked`` on a fork or a rollback."""
    before = old if isinstance(old, LogState) else verify_log(old)
    after = new if isinstance(new, LogState) else verify_log(new)
    if after.digests[: len(before.digests)] != before.digests:
        raise ProtocolError("log_forked")
    return after


def dump_log(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """JSON lines, each canonical, each ending in a newline."""
    return b"".join(jcs.dump(dict(entry)) + b"\n" for entry in entries)


def parse_log(body: bytes) -> Log:
    if len(body) > jcs.MAX_BYTES:
        raise ProtocolError("too_large")
    lines = body.split(b"\n")
    if lines.pop() != b"" or not 1 <= len(lines) <= limits.LOG_ENTRIES:
        raise ProtocolError("bad_log", "A key log is 1 to 256 lines, each ended by a newline.")
    return [jcs.parse(line) for line in lines]


def build_document(
    state: LogState,
    *,
    name: str,
    key: SigningKey,
    now: datetime,
    phone: str | None = None,
    caps: Sequence[str] = CAPS,
    life: timedelta = limits.DOCUMENT_LIFE,
) -> dict[str, Any]:
    """The answer to ``GET /.well-known/circle-node``, signed with the object key ``key``.

    ``name`` and ``phone`` are for people to read; nothing is decided by them.
    """
    document: dict[str, Any] = {
        "v": 1,
        "type": "circle-node",
        "node_id": state.node_id,
        "base_url": state.base_url,
        "name": name,
        "seq": state.seq,
        "prev": state.head,
        "keys": [known.as_wire() for known in state.live_keys()],
        "next_root_hash": state.next_root_hash,
        "protocols": list(PROTOCOLS),
        "caps": sorted(caps),
        "limits": limits.advertised(),
        "at": wire_time(now),
        "valid_until": wire_time(now + life),
    }
    if phone is not None:
        document["phone"] = phone
    return sign_object(document, key, state.node_id, now)


def verify_document(document: Any, state: LogState, now: datetime) -> dict[str, Any]:
    """The document, if it shows exactly what the verified log says. ``log_behind`` means: fetch the log, check
    ``extends``.

    Raises ``bad_body``, ``wrong_node``, ``log_behind``, ``log_forked``, ``document_expired``, ``bad_proof``,
    ``unknown_key``.
    """
    if not isinstance(document, dict) or document.get("v") != 1 or document.get("type") != "circle-node":
        raise ProtocolError("bad_body", "That is not an identity document.")
    if document.get("node_id") != state.node_id:
        raise ProtocolError("wrong_node")
    seq = document.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise ProtocolError("bad_body", "That is not an identity document.")
    if seq > state.seq:
        raise ProtocolError("log_behind", detail={"seq": seq})
    shown = (seq, document.get("prev"), document.get("base_url"), document.get("next_root_hash"), document.get("keys"))
    known = [key.as_wire() for key in state.live_keys()]
    if shown != (state.seq, state.head, state.base_url, state.next_root_hash, known):
        raise ProtocolError("log_forked", "The identity document does not agree with its key log.")
    if not isinstance(document.get("name"), str) or "circle-fed-1" not in _texts(document.get("protocols")):
        raise ProtocolError("bad_body", "The identity document does not offer this protocol.")
    _texts(document.get("caps"))
    verify_object(document, state.resolve_fresh, by=state.node_id)
    at, until = parse_time(document.get("at")), parse_time(document.get("valid_until"))
    if not (at - timedelta(seconds=limits.CLOCK_FUTURE_S) <= now < until <= at + limits.DOCUMENT_LIFE):
        raise ProtocolError("document_expired")
    return document


def resolver(*states: LogState, fresh: bool = True) -> ResolveKey:
    """One resolver over several pinned logs, for ``proofs.verify_object``."""
    by_node = {state.node_id: state for state in states}

    def resolve(node_id: str, kid: str, created: str) -> bytes | None:
        state = by_node.get(node_id)
        if state is None:
            return None
        return state.resolve_fresh(node_id, kid, created) if fresh else state.resolve_object(node_id, kid, created)

    return resolve


def transport_keys(state: LogState, now: datetime) -> Callable[[str], bytes | None]:
    """The pinned node's transport keys that are good now, as ``verify_request`` and ``signed_call`` take them."""

    def resolve(kid: str) -> bytes | None:
        return state.key(kid, "transport", wire_time(now))

    return resolve


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProtocolError("bad_body", "That is not an identity document.")
    return value


def _root_entry(op: str, sheet: str, new_sheet: str | None, seq: int, now: datetime) -> dict[str, Any]:
    root = SigningKey.from_seed(words.root_seed(sheet, seq), "root")
    following = SigningKey.from_seed(words.root_seed(new_sheet or sheet, seq + 1), "root")
    return {
        "v": 1,
        "op": op,
        "seq": seq,
        "prev": None,
        "at": wire_time(now),
        "root": multibase(root.public_raw),
        "next_root_hash": root_hash(multibase(following.public_raw)),
    }


def _by_root(log: Log, op: str, sheet: str, new_sheet: str | None, now: datetime, more: dict[str, Any]) -> Log:
    state = verify_log(log)
    seq = state.seq + 1
    entry = _root_entry(op, sheet, new_sheet, _root_index(log), now) | {"seq": seq, "prev": state.head} | more
    root = SigningKey.from_seed(words.root_seed(sheet, _root_index(log)), "root")
    if root_hash(multibase(root.public_raw)) != state.next_root_hash:
        raise ProtocolError("bad_words", "Those are not the words that this node’s log was promised to.")
    return _checked([*log, sign_object(entry, root, state.node_id, now)])


def _root_index(log: Log) -> int:
    # Root keys are counted by root-signed entries, so that routine rotations use none up.
    return sum(1 for entry in log if entry.get("op") in ROOT_OPS)


def _checked(log: Log) -> Log:
    verify_log(log)
    return log


def _apply(state: LogState | None, entry: dict[str, Any], at: str) -> LogState:
    op = entry.get("op")
    if (state is None) != (op == "create") or (op not in ROOT_OPS and op != "keys"):
        raise ProtocolError("bad_log", "The key log holds an entry of an unknown kind.")
    node_id = state.node_id if state else node_id_of(entry)
    if op == "keys":
        assert state is not None
        # A later object key may sign, never a key that the same entry brings along.
        signed_by = verify_object(entry, state.resolve_fresh, by=node_id)
        if signed_by.created > at:
            raise ProtocolError("bad_log", "An entry of the key log was signed after its own date.")
        next_root = state.next_root_hash
    else:
        next_root = _verify_root(entry, state, node_id)
    base_url = entry.get("base_url") if op in ("create", "move") else state.base_url if state else None
    if not isinstance(base_url, str):
        raise ProtocolError("bad_log", "An entry of the key log names no address.")
    keys = state.keys if state else ()
    if op != "move":
        keys = _merge(keys, _read_keys(entry), revoke_at=at if op == "recover" else None)
    head = jcs.digest(entry)
    digests = (*state.digests, head) if state else (head,)
    return LogState(node_id, len(digests) - 1, head, base_url, next_root, keys, digests)


def _verify_root(entry: dict[str, Any], state: LogState | None, node_id: str) -> str:
    public, promised, proof = entry.get("root"), entry.get("next_root_hash"), entry.get("proof")
    if not isinstance(public, str) or not isinstance(promised, str) or not isinstance(proof, dict):
        raise ProtocolError("bad_log", "A root-signed entry of the key log lacks its key, promise or proof.")
    if state is not None and root_hash(public) != state.next_root_hash:
        raise ProtocolError("bad_log", "An entry is signed by another root key than the one promised.")
    raw = from_multibase(public)
    if proof.get("verificationMethod") != f"urn:circle:{node_id}#{thumbprint(raw)}":
        raise ProtocolError("bad_proof", "The proof names another key than the entry.")
    check_proof_value(entry, proof, raw)
    return promised


def _read_keys(entry: dict[str, Any]) -> tuple[PublicKey, ...]:
    listed = entry.get("keys")
    if isinstance(listed, list) and len(listed) > limits.ENTRY_KEYS:
        raise ProtocolError("bad_log", "An entry of the key log holds too many keys.")
    try:
        keys = msgspec.convert(listed, tuple[PublicKey, ...])
    except msgspec.ValidationError as error:
        raise ProtocolError("bad_log", "The key log holds a key that cannot be read.") from error
    for key in keys:
        if key.kid != thumbprint(key.raw) or parse_time(key.nbf) >= parse_time(key.exp) or key.revoked_at is not None:
            raise ProtocolError("bad_log", "The key log holds a key whose name or dates do not fit it.")
    if not keys or len({key.kid for key in keys}) != len(keys):
        raise ProtocolError("bad_log", "An entry of the key log holds no key, or the same key twice.")
    return keys


def _merge(known: tuple[PublicKey, ...], new: tuple[PublicKey, ...], *, revoke_at: str | None) -> tuple[PublicKey, ...]:
    by_kid = {key.kid: key for key in known}
    listed = {key.kid for key in new}
    merged = [
        msgspec.structs.replace(key, revoked_at=revoke_at)
        if revoke_at and key.kid not in listed and key.revoked_at is None
        else key
        for key in known
    ]
    for key in new:
        before = by_kid.get(key.kid)
        if before is None:
            merged.append(key)
        elif before != key:
            # Dates of a published key never change, and a revoked key never comes back.
            raise ProtocolError("bad_log", "The key log changes a key that it already holds.")
    if len(merged) > limits.LOG_KEYS:
        raise ProtocolError("bad_log", "The key log holds too many keys.")
    return tuple(merged)
