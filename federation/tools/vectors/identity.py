"""Key logs and identity documents, good and bad."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from eccoo_federation import identity, jcs, proofs, words
from eccoo_federation.keys import SigningKey, multibase
from eccoo_federation.times import wire_time

from .world import NOW, WORDS, Case, a, b, case, seed, sign

Log = identity.Log
DAY = timedelta(days=1)


def vectors() -> dict[str, dict[str, Any]]:
    good = _good()
    return {
        "identity_log": {
            "about": "`log` holds the lines. `pinned`, where there, is the log known before. `state` is what follows. `repeat`: so many times.",
            "cases": [*good.values(), *_bad_logs(), *_against_pinned()],
            "bodies": _bodies(),
        },
        "identity_document": {
            "about": "A document looked at at `at`, beside the verified `log`.",
            "cases": _documents(),
        },
        "proofs": {
            "about": "Object proofs of circle A (and B): `by` must have signed; keys as in world.json.",
            "cases": _proofs(),
        },
    }


def key(name: str, use: Any, at: datetime, days: int) -> Any:
    return SigningKey.from_seed(seed(name), use).public(wire_time(at), wire_time(at + days * DAY))


def rotated() -> Log:
    new = [key("transport a 2", "transport", NOW + 2 * DAY, 90), key("object a 2", "object", NOW + 2 * DAY, 365)]
    return identity.add_keys(a().log, new, a().object_key, NOW)


def moved() -> Log:
    return identity.move(rotated(), WORDS["a"], "https://a-new.example", NOW + 5 * DAY)


def recovered() -> Log:
    kept = [key("transport a 3", "transport", NOW + 9 * DAY, 90), key("object a 3", "object", NOW + 9 * DAY, 365)]
    return identity.recover(moved(), WORDS["a"], kept, NOW + 9 * DAY)


def _lines(log: Log) -> list[str]:
    return [jcs.dump(entry).decode() for entry in log]


def _state(log: Log) -> dict[str, Any]:
    state = identity.verify_log(log)
    known = []
    for one in state.keys:
        shown: dict[str, Any] = {"kid": one.kid, "use": one.use, "nbf": one.nbf, "exp": one.exp}
        known.append({**shown, "revoked_at": one.revoked_at} if one.revoked_at else shown)
    return {
        "node_id": state.node_id,
        "seq": state.seq,
        "head": state.head,
        "base_url": state.base_url,
        "next_root_hash": state.next_root_hash,
        "keys": known,
    }


def _good() -> dict[str, Case]:
    logs = {"create": a().log, "keys": rotated(), "move": moved(), "recover": recovered(), "another circle": b().log}
    after = identity.add_keys(
        recovered(), [key("transport a 4", "transport", NOW + 20 * DAY, 90)],
        SigningKey.from_seed(seed("object a 3"), "object"), NOW + 20 * DAY,
    )  # fmt: skip
    logs["keys, by a key of the recovery"] = after
    return {name: case(name, log=_lines(log), state=_state(log)) for name, log in logs.items()}


def _resigned(log: Log, change: Callable[[dict[str, Any]], None], index: int = -1, root: int | None = None) -> Log:
    """The log with one entry changed and honestly signed again, by root key number `root` or A's first object key."""
    made = copy.deepcopy(log)
    entry = made[index]
    entry.pop("proof")
    change(entry)
    signer = a().object_key if root is None else SigningKey.from_seed(words.root_seed(WORDS["a"], root), "root")
    node = identity.node_id_of(made[0])
    made[index] = proofs.sign_object(entry, signer, node, NOW if root is None else NOW + 5 * DAY)
    return made


def _changed(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update(members)


def _bad_logs() -> list[Case]:
    made: list[tuple[str, str, Log]] = []
    early, late = wire_time(NOW - 30 * DAY), wire_time(NOW + 400 * DAY)
    twice = rotated()[-1]["keys"][:1] * 2
    first = a().log[0]["keys"]
    longer = [{**first[0], "exp": late}]
    low = [{**first[0], "public": multibase(bytes(32))}]
    made += [
        ("no entry", "bad_log", []),
        ("a changed letter", "bad_proof", _edited(a().log, 0, base_url="https://evil.example")),
        ("a hole in the numbers", "bad_log", _resigned(rotated(), _changed(seq=2))),
        ("another version", "bad_log", _resigned(rotated(), _changed(v=2))),
        ("does not name the entry before", "bad_log", _resigned(rotated(), _changed(prev="A" * 43))),
        ("goes back in time", "bad_log", _resigned(rotated(), _changed(at=early))),
        ("no such time", "bad_body", _resigned(rotated(), _changed(at="2026-02-30T00:00:00Z"))),
        ("an unknown op", "bad_log", _resigned(rotated(), _changed(op="forget"))),
        ("create twice", "bad_log", _resigned(rotated(), _changed(op="create"))),
        ("begins with keys", "bad_log", [{**rotated()[-1], "seq": 0, "prev": None}]),
        ("no key", "bad_log", _resigned(rotated(), _changed(keys=[]))),
        ("the same key twice", "bad_log", _resigned(rotated(), _changed(keys=twice))),
        ("a key under another name", "bad_log", _resigned(rotated(), _changed(keys=[{**twice[0], "kid": "A" * 43}]))),
        ("a root key among the others", "bad_log", _resigned(rotated(), _changed(keys=[{**twice[0], "use": "root"}]))),
        ("changed dates of a known key", "bad_log", _resigned(rotated(), _changed(keys=longer))),
        ("a key that ends before it begins", "bad_log", _resigned(rotated(), _changed(keys=[{**twice[0], "exp": early}]))),
        ("a key that is none", "bad_key", _resigned(rotated(), _changed(keys=low))),
        ("another root key than the one promised", "bad_log", _other_root()),
        ("the root key before, used again", "bad_log", _resigned(moved(), _changed(root=a().log[0]["root"]), root=0)),
        ("the promised root key named, another signs", "bad_proof", _resigned(moved(), _changed(), root=5)),
        ("keys signed by a transport key", "unknown_key", _by_transport()),
        ("keys signed by a key that it brings along", "unknown_key", _by_itself()),
        ("keys signed after their own date", "bad_log", _signed_late()),
        ("keys signed by a revoked key", "unknown_key", _by_revoked()),
        ("a revoked key returns", "bad_log", _returns()),
    ]  # fmt: skip
    cases = [case(name, code, log=_lines(log)) for name, code, log in made]
    return [*cases, case("257 entries", "bad_log", log=_lines(a().log), repeat=257)]


def _edited(log: Log, index: int, **members: Any) -> Log:
    made = copy.deepcopy(log)
    made[index].update(members)
    return made


def _other_root() -> Log:
    stranger = SigningKey.from_seed(words.root_seed(WORDS["b"], 1), "root")
    entry = {name: value for name, value in moved()[-1].items() if name != "proof"}
    entry["root"] = multibase(stranger.public_raw)
    return [*rotated(), proofs.sign_object(entry, stranger, a().node_id, NOW + 5 * DAY)]


def _unsigned(log: Log, at: datetime, keys: list[Any]) -> dict[str, Any]:
    return {"v": 1, "op": "keys", "seq": len(log), "prev": jcs.digest(log[-1]), "at": wire_time(at), "keys": keys}


def _next(log: Log, name: str, signer: SigningKey, at: datetime, created: datetime | None = None) -> Log:
    entry = _unsigned(log, at, [key(name, "object", at, 365).as_wire()])
    return [*log, proofs.sign_object(entry, signer, a().node_id, created or at)]


def _by_transport() -> Log:
    return _next(a().log, "object a 2", a().transport_key, NOW)


def _by_itself() -> Log:
    return _next(a().log, "object a 2", SigningKey.from_seed(seed("object a 2"), "object"), NOW)


def _signed_late() -> Log:
    return _next(a().log, "object a 2", a().object_key, NOW, NOW + timedelta(seconds=1))


def _by_revoked() -> Log:
    # The date is before the revocation: for a log a revoked key proves nothing new.
    return _next(recovered(), "object a 5", a().object_key, NOW + 10 * DAY, NOW + DAY)


def _returns() -> Log:
    entry = _unsigned(recovered(), NOW + 10 * DAY, [a().log[0]["keys"][1]])
    signer = SigningKey.from_seed(seed("object a 3"), "object")
    return [*recovered(), proofs.sign_object(entry, signer, a().node_id, NOW + 10 * DAY)]


def _against_pinned() -> list[Case]:
    fork = identity.add_keys(
        a().log, [key("object a of a thief", "object", NOW, 365)], a().object_key, NOW + timedelta(hours=1)
    )
    made = [
        ("has grown", "ok", rotated(), recovered()),
        ("is the same", "ok", rotated(), rotated()),
        ("a fork", "log_forked", rotated(), fork),
        ("a rollback", "log_forked", rotated(), a().log),
        ("another first entry", "log_forked", a().log, b().log),
    ]
    return [case(f"pinned before: {name}", code, pinned=_lines(old), log=_lines(new)) for name, code, old, new in made]


def _bodies() -> list[Case]:
    first, second = _lines(rotated())
    return [
        case("two lines", body=f"{first}\n{second}\n"),
        case("the last line is not ended", "bad_log", body=f"{first}\n{second}"),
        case("an empty line", "bad_json", body=f"{first}\n\n{second}\n"),
        case("a line with a blank", "not_canonical", body=f"{first} \n"),
        case("nothing", "bad_log", body=""),
        case("a carriage return", "not_canonical", body=f"{first}\r\n"),
    ]


def _documents() -> list[Case]:
    state = identity.verify_log(rotated())
    good = identity.build_document(state, name="Circle A", key=a().object_key, now=NOW, phone="01632 960001")

    def other(**members: Any) -> dict[str, Any]:
        return sign(a(), {name: value for name, value in {**good, **members}.items() if value is not None})

    def seen(name: str, expect: str, document: Any, at: datetime = NOW, log: Log | None = None) -> Case:
        return case(name, expect, at=wire_time(at), log=_lines(log or rotated()), document=document)

    backwards = list(reversed(good["keys"]))
    extra = {**good, "colour": "plum"}
    extra = sign(a(), extra)
    return [
        seen("good", "ok", good),
        seen("without a phone number", "ok", other(phone=None)),
        seen("with a member not known", "ok", extra),
        seen("a minute before its time", "ok", good, NOW - timedelta(seconds=60)),
        seen("more than a minute before its time", "document_expired", good, NOW - timedelta(seconds=61)),
        seen("a second before its end", "ok", good, NOW + 7 * DAY - timedelta(seconds=1)),
        seen("over", "document_expired", good, NOW + 7 * DAY),
        seen("good for too long", "document_expired", other(valid_until=wire_time(NOW + 8 * DAY))),
        seen("newer than the log known", "log_behind", good, log=a().log),
        seen("older than the log known", "log_forked", good, log=moved()),
        seen("another circle’s", "wrong_node", b().document),
        seen("another address than the log’s", "log_forked", other(base_url="https://evil.example")),
        seen("keys in another order", "log_forked", other(keys=backwards)),
        seen("a key missing", "log_forked", other(keys=good["keys"][:1])),
        seen("another next root", "log_forked", other(next_root_hash="A" * 43)),
        seen("not this protocol", "bad_body", other(protocols=["circle-fed-9"])),
        seen("no proof", "bad_proof", {name: value for name, value in good.items() if name != "proof"}),
        seen("changed after signing", "bad_proof", {**good, "name": "Circle Z"}),
        seen("another type", "bad_body", other(type="circle-nodes")),
    ]


def _by_revoked_keys(plain: dict[str, Any]) -> list[Case]:
    before, since = sign(a(), plain, NOW + DAY), sign(a(), plain, NOW + 10 * DAY)
    more: dict[str, Any] = {"by": [a().node_id], "log": _lines(recovered())}
    return [
        case("comes now, by a key revoked since", "unknown_key", object=before, fresh=True, **more),
        case("was stored before, by a key revoked since", object=before, fresh=False, **more),
        case("stored, dated after the key was revoked", "unknown_key", object=since, fresh=False, **more),
    ]


def _proofs() -> list[Case]:
    plain = {"v": 1, "text": "twelve pence", "list": [1, {"b": 2, "a": None}]}
    signed = sign(a(), plain)
    inside = {"@context": ["https://www.w3.org/ns/credentials/v2"], **plain}
    both = proofs.cosign_object(proofs.cosign_object(plain, a().object_key, a().node_id, NOW), b().object_key,
                                b().node_id, NOW)  # fmt: skip
    pair = sorted((a().node_id, b().node_id))

    def altered(**members: Any) -> dict[str, Any]:
        return {**signed, "proof": {**signed["proof"], **members}}

    mine: dict[str, Any] = {"by": [a().node_id]}
    method = signed["proof"]["verificationMethod"]
    other_node = method.replace(a().node_id, b().node_id)
    data = proofs.hash_data(signed, signed["proof"]).hex()
    with_context = sign(a(), inside)
    no_context = {**with_context["proof"]}
    no_context.pop("@context")
    early = sign(a(), plain, NOW - 2 * DAY)
    return [
        case("good", object=signed, signed_bytes=data, **mine),
        case("the member `proof` stands anywhere, members are not ordered", object=dict(reversed(signed.items())), **mine),
        case("with a context, which the proof repeats", object=with_context, **mine),
        case("two circles, one object", object=both, by=pair),
        case("two proofs in the other order", object={**both, "proof": both["proof"][::-1]}, by=pair),
        case("one proof where two are needed", "bad_proof", object={**both, "proof": both["proof"][:1]}, by=pair),
        case("the same proof twice", "bad_proof", object={**both, "proof": both["proof"][:1] * 2}, by=pair),
        case("no proof", "bad_proof", object=plain, **mine),
        case("the object changed", "bad_proof", object={**signed, "text": "thirteen pence"}, **mine),
        case("a member added", "bad_proof", object={**signed, "more": 1}, **mine),
        case("the date changed", "bad_proof", object=altered(created=wire_time(NOW + timedelta(seconds=1))), **mine),
        case("the purpose changed", "bad_proof", object=altered(proofPurpose="authentication"), **mine),
        case("another cryptosuite", "bad_proof", object=altered(cryptosuite="eddsa-rdfc-2022"), **mine),
        case("a member of the proof too many", "bad_proof", object=altered(domain="a.example"), **mine),
        case("of another circle than expected", "bad_proof", object=sign(b(), plain), **mine),
        case("names another circle", "unknown_key", object=altered(verificationMethod=other_node), by=[b().node_id]),
        case("not a key of a circle", "bad_proof", object=altered(verificationMethod="did:key:z6Mk"), **mine),
        case("a date with fractions", "bad_body", object=altered(created="2026-11-22T09:00:00.5Z"), **mine),
        case("signed before the key was good", "unknown_key", object=early, **mine),
        case("by a transport key", "unknown_key", object=proofs.sign_object(plain, a().transport_key, a().node_id, NOW), **mine),
        case("the context taken from the proof", "bad_proof", object={**with_context, "proof": no_context}, **mine),
        *_by_revoked_keys(plain),
        case("a signature cut short", "bad_proof", object=altered(proofValue=signed["proof"]["proofValue"][:-2]), **mine),
    ]  # fmt: skip
