"""Signed requests and responses, good and bad, each with the moment at which it is checked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from eccoo_federation import transport
from eccoo_federation.keys import SigningKey
from eccoo_federation.times import wire_time
from eccoo_federation.transport import SignedRequest

from .world import LINK, NOW, Case, a, b, case, seed

INBOX = "https://b.example/fed/v1/inbox"
POOL = "https://b.example/fed/v1/pool/w-7?a=%2f&b"
BODY = b'{"applied":0,"link":"' + LINK.encode() + b'","sent":0}'
NONCE = "AAECAwQFBgcICQoLDA0ODw"
Headers = list[tuple[str, str]]


def vectors() -> dict[str, dict[str, Any]]:
    return {
        "transport_requests": {
            "about": "Requests of circle A (key in world.json), looked at by B at `at` (Unix seconds too). `base` is what "
            "is signed. `lookups`: whether the key may be looked up at all before the refusal.",
            "cases": [*_good(), *_clock(), *_changed(), *_covers(), *_form()],
        },
        "transport_responses": {
            "about": "Answers of circle B to `request`, looked at by A at `at`.",
            "cases": _responses(),
        },
    }


def _sign(parts: Sequence[str], params: str, lines: dict[str, str], key: SigningKey) -> tuple[str, str]:
    """A signature over just these lines, made by hand, so that what is wrong can be signed too."""
    inner = " ".join(parts)
    given = f"({inner}){params}"
    base = "".join(f"{part}: {lines[part]}\n" for part in parts) + f'"@signature-params": {given}'
    return given, base64.b64encode(key.sign(base.encode())).decode()


def _params(**changes: Any) -> str:
    created = int(NOW.timestamp())
    given: dict[str, Any] = {
        "created": created, "expires": created + 300, "nonce": NONCE, "keyid": a().transport_key.kid,
        "alg": "ed25519", "tag": "circle-fed-1",
    } | changes  # fmt: skip
    texts = [f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"' for name, value in given.items()
             if value is not None]  # fmt: skip
    return "".join(texts)


def _digest(body: bytes, name: str = "sha-256") -> str:
    hashed = hashlib.sha256(body) if name == "sha-256" else hashlib.sha512(body)
    return f"{name}=:{base64.b64encode(hashed.digest()).decode()}:"


ALL = ('"@method"', '"@target-uri"', '"content-digest"', '"content-type"')


def _request(
    *,
    method: str = "POST",
    url: str = INBOX,
    body: bytes = BODY,
    parts: Sequence[str] | None = None,
    label: str = "circle",
    digest: str = "",
    kind: str = "application/json",
    key: SigningKey | None = None,
    more: Headers | None = None,
    **params: Any,
) -> dict[str, Any]:
    fields: Headers = [("Content-Type", kind)] if body else []
    fields.append(("Content-Digest", digest or _digest(body)))
    lines = {'"@method"': method, '"@target-uri"': url, '"content-digest"': fields[-1][1], '"content-type"': kind,
             '"x-other"': "1", '"@authority"': "b.example"}  # fmt: skip
    used = parts if parts is not None else ALL if body else ALL[:3]
    given, signature = _sign(used, _params(**params), lines, key or a().transport_key)
    fields += [("Signature-Input", f"{label}={given}"), ("Signature", f"{label}=:{signature}:")]
    return {
        "at": wire_time(NOW),
        "method": method,
        "target_uri": url,
        "headers": [list(pair) for pair in [*fields, *(more or [])]],
        "body": body.decode(),
    }


def _base(made: dict[str, Any]) -> str:
    found = dict(made["headers"])
    given = found["Signature-Input"].removeprefix("circle=")
    lines = [f'"@method": {made["method"]}', f'"@target-uri": {made["target_uri"]}']
    lines.append(f'"content-digest": {found["Content-Digest"]}')
    if made["body"]:
        lines.append(f'"content-type": {found["Content-Type"]}')
    return "\n".join([*lines, f'"@signature-params": {given}'])


def _good() -> list[Case]:
    post, get = _request(), _request(method="GET", url=POOL, body=b"")
    both = f"{_digest(BODY, 'sha-512')}, {_digest(BODY)}"
    unknown = f"{_digest(BODY)}, md5=:AAAA:"
    shuffled = ['"content-type"', '"content-digest"', '"@target-uri"', '"@method"']
    foreign = '("@method");created=1;keyid="proxy"'
    with_proxy = _request(more=[("Signature-Input", f"proxy={foreign}"), ("Signature", "proxy=:AAAA:")])
    names = {"kid": a().transport_key.kid, "nonce": NONCE}
    return [
        case("POST", base=_base(post), **names, **post),
        case("GET, whose digest is that of nothing", base=_base(get), **names, **get),
        case("another label", **names, **_request(label="sig-b21")),
        case("components in another order", **names, **_request(parts=shuffled)),
        case("two digests that both hold", **names, **_request(digest=both)),
        case("a digest of an unknown kind is passed over", **names, **_request(digest=unknown)),
        case("sha-512 alone", **names, **_request(digest=_digest(BODY, "sha-512"))),
        case("a second signature that is not of this protocol", **names, **with_proxy),
        case("another content type", **names, **_request(kind="application/json; charset=utf-8")),
        case("good for one second", **names, **_request(expires=int(NOW.timestamp()) + 1)),
    ]


def _clock() -> list[Case]:
    made = _request()

    def at(name: str, expect: str, seconds: int, request: dict[str, Any] = made, **more: Any) -> Case:
        return case(name, expect, **{**request, "at": wire_time(NOW + timedelta(seconds=seconds)), **more})

    return [
        at("300 s old", "ok", 300),
        at("301 s old", "clock_skew", 301, offset_s=-301),
        at("60 s in the future", "ok", -60),
        at("61 s in the future", "clock_skew", -61, offset_s=61),
        at("past its expires", "clock_skew", 2, _request(expires=int(NOW.timestamp()) + 1), offset_s=-2),
    ]


def _with(made: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    return {**made, "headers": [[key, value if key == name else old] for key, old in made["headers"]]}


def _changed() -> list[Case]:
    made = _request()
    get = _request(method="GET", url=POOL, body=b"")
    kid = SigningKey.from_seed(seed("transport b"), "transport").kid
    signature = dict(made["headers"])["Signature"]
    flipped = signature.replace(signature[12], "A" if signature[12] != "A" else "B", 1)
    wrong = f"{_digest(BODY)}, {_digest(b'other', 'sha-512')}"
    return [
        case("another method", "bad_signature", **{**made, "method": "PUT"}),
        case("another path", "bad_signature", **{**made, "target_uri": "https://b.example/fed/v1/ping"}),
        case("another host: made for somebody else", "bad_signature",
             **{**made, "target_uri": "https://c.example/fed/v1/inbox"}),
        case("another query", "bad_signature", **{**get, "target_uri": POOL.replace("w-7?", "w-7?x")}),
        case("an escape decoded", "bad_signature", **{**get, "target_uri": POOL.replace("%2f", "/")}),
        case("an escape in upper case", "bad_signature", **{**get, "target_uri": POOL.replace("%2f", "%2F")}),
        case("another body", "bad_digest", **{**made, "body": made["body"].replace("0", "1")}),
        case("a body where none was", "missing_component", **{**get, "body": "{}"}),
        case("another digest", "bad_digest", **_with(made, "Content-Digest", _digest(b"other"))),
        case("another content type", "bad_signature", **_with(made, "Content-Type", "text/plain")),
        case("one of two digests is wrong", "bad_digest", **_request(digest=wrong)),
        case("a digest of unknown kinds alone", "bad_digest", **_request(digest="md5=:AAAA:")),
        case("a digest that is no dictionary", "bad_digest", **_request(digest="sha-256=")),
        case("another signature", "bad_signature", **_with(made, "Signature", flipped)),
        case("by a key that is not pinned", "unknown_key",
             **_request(keyid=kid, key=SigningKey.from_seed(seed("nobody"), "transport"))),
        case("signed by another key than it names", "bad_signature", **_request(key=b().transport_key)),
    ]  # fmt: skip


def _without(name: str) -> dict[str, Any]:
    return {name: None}


def _covers() -> list[Case]:
    made = [
        case(f"does not cover {part}", "missing_component", **_request(parts=[one for one in ALL if one != part]))
        for part in ALL
    ]
    extra = [("X-Other", "1")]
    made.append(case("covers one thing more", "missing_component", **_request(parts=[*ALL, '"x-other"'], more=extra)))
    made.append(case("covers the authority too", "missing_component", **_request(parts=[*ALL, '"@authority"'])))
    made += [
        case(f"without {name}", "unsigned" if name == "tag" else "missing_component", **_request(**_without(name)))
        for name in ("created", "expires", "nonce", "keyid", "alg", "tag")
    ]
    made.append(case("one parameter more", "missing_component", **_request(context="x")))
    return made


def _form() -> list[Case]:
    now = int(NOW.timestamp())
    made = _request()
    bare = [pair for pair in made["headers"] if not pair[0].startswith("Signature")]
    first, second = (dict(_request(label=label)["headers"]) for label in ("one", "two"))

    def two(name: str) -> list[str]:
        return [name, f"{first[name]}, {second[name]}"]

    labels = ", ".join(f'l{n}=("@method");created=1' for n in range(500))
    many = ", ".join(f"l{n}=:AAAA:" for n in range(500))
    three = [["Signature-Input", 'x=("@method"), y=("@method")'], ["Signature", "x=:AA==:, y=:AA==:"]]
    ours = dict(made["headers"])["Signature-Input"]
    repeat = {**made, "headers": [*made["headers"], ["Signature-Input", ours]]}
    return [
        case("not signed", "unsigned", **{**made, "headers": bare}),
        case("another tag", "unsigned", **_request(tag="circle-fed-0")),
        case("two signatures of this protocol", "bad_signature",
             **{**made, "headers": [*bare, two("Signature-Input"), two("Signature")]}),
        case("three labels", "bad_signature", **{**made, "headers": [*made["headers"], *three]}),
        case("a label twice", "bad_signature", **repeat),
        case("a label without its signature", "bad_signature",
             **{**made, "headers": [*made["headers"], ["Signature-Input", 'x=("@method")']]}),
        case("500 labels", "headers_too_large",
             **{**made, "headers": [*bare, ["Signature-Input", labels], ["Signature", many]]}),
        case("8 KiB of headers", "headers_too_large", **{**made, "headers": [*made["headers"], ["X-Pad", "x" * 8192]]}),
        case("compressed", "bad_encoding", **{**made, "headers": [*made["headers"], ["Content-Encoding", "gzip"]]}),
        case("good for 301 s", "bad_signature", **_request(expires=now + 301)),
        case("ends before it begins", "bad_signature", **_request(expires=now)),
        case("another algorithm", "bad_signature", **_request(alg="rsa-pss-sha512")),
        case("a nonce too short", "bad_signature", **_request(nonce="AAAA")),
        case("a nonce in standard base64", "bad_signature", **_request(nonce="AAECAwQFBgcICQoLDA0OD/")),
        case("a key name that is none", "bad_signature", **_request(keyid="key-1")),
        case("not a dictionary", "bad_signature", **_with(made, "Signature-Input", "circle=(((")),
    ]  # fmt: skip


def _responses() -> list[Case]:
    sent = transport.sign_request("GET", POOL, [], b"", a().transport_key, NOW, NONCE)
    request = SignedRequest("GET", POOL, tuple(sent))
    unsigned = SignedRequest("GET", POOL)
    again = transport.sign_request("GET", POOL, [], b"", a().transport_key, NOW, "AgECAwQFBgcICQoLDA0ODw")
    body = b'{"applied":0}'

    def seen(
        name: str,
        expect: str,
        status: int,
        headers: Any,
        content: bytes,
        answered: SignedRequest = request,
        at: int = 0,
    ) -> Case:
        shown = {"method": answered.method, "url": answered.url, "headers": [list(pair) for pair in answered.headers]}
        moment = wire_time(NOW + timedelta(seconds=at))
        pairs = [list(pair) for pair in headers]
        return case(name, expect, at=moment, status=status, headers=pairs, body=content.decode(), request=shown)

    def signed(status: int, content: bytes, to: SignedRequest = request, key: SigningKey | None = None) -> Headers:
        return transport.sign_response(status, [], content, to, key or b().transport_key, NOW)

    good, empty, refusal = signed(200, body), signed(200, b""), b'{"error":{"code":"not_found","sentence":"No."}}'
    bare = [pair for pair in good if not pair[0].startswith("Signature")]
    elsewhere = SignedRequest("GET", POOL + "1", tuple(sent))
    posted = SignedRequest("POST", POOL, tuple(sent))
    to_other = SignedRequest("GET", POOL, tuple(again))
    return [
        seen("good", "ok", 200, good, body),
        seen("without a body", "ok", 200, empty, b""),
        seen("a refusal", "ok", 404, signed(404, refusal), refusal),
        seen("to a request that was not signed", "ok", 401, signed(401, body, unsigned), body, unsigned),
        seen("another status", "bad_signature", 201, good, body),
        seen("another body", "bad_digest", 200, good, b'{"applied":1}'),
        seen("the answer to another request", "bad_signature", 200, signed(200, body, to_other), body),
        seen("the answer to another address", "bad_signature", 200, signed(200, body, elsewhere), body),
        seen("the answer to another method", "bad_signature", 200, signed(200, body, posted), body),
        seen("does not cover the request’s signature", "missing_component", 200, signed(200, body, unsigned), body),
        seen("not signed", "unsigned_response", 502, bare, body),
        seen("by a key not known", "unknown_key", 200,
             signed(200, body, key=SigningKey.from_seed(seed("nobody"), "transport")), body),
        seen("301 s old by the receiver’s clock (taken all the same once signature and nonce hold)", "clock_skew",
             200, good, body, at=301),
    ]  # fmt: skip
