"""Bytes, keys, words, times and references."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from eccoo_federation import jcs, keys, words
from eccoo_federation.errors import ProtocolError
from eccoo_federation.keys import SigningKey

from .world import WORDS, Case, case, seed

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493


def vectors() -> dict[str, dict[str, Any]]:
    return {"canonical": _canonical(), "keys": _keys(), "recovery": _recovery(), "shapes": _shapes()}


def _canonical() -> dict[str, Any]:
    good = {
        "empty object": "{}",
        "text order of members is that of UTF-16": '{"\U0001f600":2,"\ufb33":1}',
        "only what must be escaped is": '{"a":"\\"\\\\\\b\\t\\n\\f\\r\\u0001/\u20ac"}',
        "largest and smallest integer": "[9007199254740991,-9007199254740991,0]",
        "16 levels": "[" * 16 + "]" * 16,
        "brackets in a text are not levels": '["' + "[" * 40 + '"]',
        "literals": "[true,false,null]",
    }
    bad = {
        "a blank": ('{"a": 1}', "not_canonical"),
        "a line end": ("{}\n", "not_canonical"),
        "members out of order": ('{"b":1,"a":2}', "not_canonical"),
        "code point order instead of UTF-16 order": ('{"\ufb33":1,"\U0001f600":2}', "not_canonical"),
        "a member twice": ('{"a":1,"a":1}', "not_canonical"),
        "an escape that is not needed": ('"\\u0041"', "not_canonical"),
        "an escaped slash": ('"\\/"', "not_canonical"),
        "an upper-case escape": ('"\\u001F"', "not_canonical"),
        "minus nought": ("-0", "not_canonical"),
        "a fraction": ("1.5", "bad_json"),
        "a fraction that is whole": ("1.0", "bad_json"),
        "an exponent": ("1e2", "bad_json"),
        "an integer too large": ("9007199254740992", "bad_json"),
        "an integer far too large": ("1" + "0" * 40, "bad_json"),
        "not a number": ("NaN", "bad_json"),
        "infinity": ("-Infinity", "bad_json"),
        "a byte order mark": ("\ufeff{}", "bad_json"),
        "a lone surrogate": ('"\\ud800"', "bad_json"),
        "nothing": ("", "bad_json"),
        "cut off": ('{"a":', "bad_json"),
        "two values": ("{}{}", "bad_json"),
        "17 levels": ("[" * 17 + "]" * 17, "too_deep"),
        "17 levels, never closed": ('{"a":' * 17, "too_deep"),
    }
    cases = [case(name, utf8=text, digest=_digest(text.encode())) for name, text in good.items()]
    cases += [case(name, code, utf8=text) for name, (text, code) in bad.items()]
    cases.append(case("not UTF-8", "bad_json", hex="22ff22"))
    cases.append(case("an overlong form of UTF-8", "bad_json", hex="22c0af22"))
    fill = {"before": '"', "repeat": "a", "after": '"'}
    cases.append(case("256 KiB", fill={**fill, "times": 262_142}))
    cases.append(case("a byte more", "too_large", fill={**fill, "times": 262_143}))
    return {
        "about": "Whether a body is taken. `utf8`, `hex` or `fill` (before, repeat × times, after) gives its bytes.",
        "cases": cases,
    }


def _digest(body: bytes) -> str:
    return jcs.b64url(hashlib.sha256(body).digest())


def _keys() -> dict[str, Any]:
    good, signatures = [], []
    for text in ("transport a", "object a", "some other key"):
        key = SigningKey.from_seed(seed(text), "object")
        public, message = key.public_raw, f"signed by {text}".encode()
        signature = key.sign(message)
        named = {"seed": key.seed.hex(), "public": public.hex(), "multikey": keys.multibase(public), "kid": key.kid}
        good.append(case(text, **named))
        whole = int.from_bytes(signature[32:], "little") + _L
        more = {"public": public.hex(), "message": message.hex()}
        signatures.append(case(f"by {text}", signature=signature.hex(), **more))
        longer = signature[:32] + whole.to_bytes(32, "little")
        signatures.append(case(f"by {text}, its scalar not reduced", "bad_proof", signature=longer.hex(), **more))
        other = {**more, "message": b"something else".hex()}
        signatures.append(case(f"by {text}, of something else", "bad_proof", signature=signature.hex(), **other))
    raw = {name: case(name, "bad_key", public=public.hex()) for name, public in _bad_points().items()}
    spelled = good[0]["multikey"]
    texts = {
        "no multibase letter": (spelled[1:], "bad_key"),
        "another multibase": ("m" + spelled[1:], "bad_key"),
        "another kind of key": ("z" + keys.base58btc_encode(b"\xec\x01" + bytes.fromhex(good[0]["public"])), "bad_key"),
        "a byte short": ("z" + keys.base58btc_encode(b"\xed\x01" + bytes.fromhex(good[0]["public"])[:31]), "bad_key"),
        "a letter that base58btc lacks": (spelled[:-1] + "0", "bad_body"),
    }
    return {
        "about": "Which public keys are pinned, how they are written and named, and which signatures hold.",
        "good": good,
        "bad": list(raw.values()),
        "bad_text": [case(name, code, multikey=text) for name, (text, code) in texts.items()],
        "signatures": signatures,
    }


def _encode(point: tuple[int, int, int, int]) -> bytes:
    z = pow(point[2], -1, _P)
    x, y = point[0] * z % _P, point[1] * z % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _bad_points() -> dict[str, bytes]:
    good = keys._decompress(SigningKey.from_seed(seed("transport a"), "object").public_raw)
    y = 2
    low = None
    off = b""
    while low is None or not off:
        raw = y.to_bytes(32, "little")
        try:
            eighth = keys._times(_L, keys._decompress(raw))
            if not keys._is_identity(keys._times(4, eighth)):
                low = eighth
        except ProtocolError:
            off = raw
        y += 1
    return {
        "order 1": (1).to_bytes(32, "little"),
        "order 2": (_P - 1).to_bytes(32, "little"),
        "order 4": bytes(32),
        "order 4, the other": bytes(31) + b"\x80",
        "order 8": _encode(low),
        "order 8, another": _encode(keys._times(3, low)),
        "a good key plus a point of order 8": _encode(keys._add(good, low)),
        "a good key plus the point of order 2": _encode(keys._add(good, keys._times(4, low))),
        "y is not reduced": (_P + 1).to_bytes(32, "little"),
        "y is not reduced, sign set": (_P + 1 | 1 << 255).to_bytes(32, "little"),
        "x is nought and its sign is set": (1 | 1 << 255).to_bytes(32, "little"),
        "not on the curve": off,
        "31 bytes": bytes(30) + b"\x01",
        "33 bytes": bytes(32) + b"\x01",
    }


def _recovery() -> dict[str, Any]:
    cases = []
    for sheet in WORDS.values():
        roots = []
        for index in range(3):
            key = SigningKey.from_seed(words.root_seed(sheet, index), "root")
            public = keys.multibase(key.public_raw)
            hashed = _digest(public.encode())
            roots.append({"index": index, "seed": key.seed.hex(), "public": public, "hash": hashed, "kid": key.kid})
        cases.append(case("a sheet", words=sheet, roots=roots))
    spelled = "  ".join(WORDS["a"].upper().split())
    cases.append(case("as a person may type it", words=spelled, roots=cases[0]["roots"]))
    cases.append(case("a wrong last word", "bad_words", words=" ".join(["abandon"] * 24)))
    cases.append(case("12 words", "bad_words", words=" ".join(["abandon"] * 11 + ["about"])))
    cases.append(case("a word of no list", "bad_words", words=WORDS["a"].replace("art", "eccoo")))
    return {"about": "From 24 words to root keys, and to the hash that commits to one.", "cases": cases}


def _shapes() -> dict[str, Any]:
    times: list[Case] = [case(text) for text in ("2026-11-26T09:00:00Z", "2028-02-29T23:59:59Z")]
    times += [
        case(text, "bad_body")
        for text in (
            "2026-11-26T09:00:00.000Z", "2026-11-26T09:00:00+00:00", "2026-11-26 09:00:00Z", "2026-11-26T09:00Z",
            "2026-02-29T09:00:00Z", "2026-11-26T24:00:00Z", "2026-11-26T09:00:60Z", "2026-11-26t09:00:00z",
            "2026-11-26T09:00:00Z\n",
        )
    ]  # fmt: skip
    dates = [case("2026-11-26"), case("2028-02-29"), case("2026-02-29", "bad_body"), case("2026-1-2", "bad_body")]
    texts = [case("AA", hex="00"), case("_-8", hex="ffef"), case("", hex="")]
    texts += [case(text, "bad_body") for text in ("AA==", "AB", "A", "a+b/", "AA\n")]
    secret = bytes(range(32))
    parts = ["person 7", "request 12"]
    made = jcs.b64url(hmac.new(secret, b'["person 7","request 12"]', hashlib.sha256).digest())
    return {
        "about": "Single texts: `name` is the text itself.",
        "times": times,
        "dates": dates,
        "base64url": texts,
        "references": [case("a request of a person", secret=secret.hex(), parts=parts, reference=made)],
    }
