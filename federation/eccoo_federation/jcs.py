"""Canonical JSON (RFC 8785), narrowed: what arrives must already be the bytes that we would have written.

One comparison closes a whole family of attacks: duplicate keys (parsers disagree which one counts), odd escapes, key
order, ``1e2``, NaN. Because received bytes are canonical, they can be stored verbatim and hashed again years later.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, NoReturn

import rfc8785

from .errors import ProtocolError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_INT = 2**53 - 1

# A string (closed or not, so that an unclosed one cannot make the scan quadratic), or one bracket.
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse(body: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value, if ``body`` is canonical and within the profile: no floats, integers within ±(2**53 - 1), ≤16 levels.

    Raises ``too_large``, ``too_deep``, ``bad_json`` or ``not_canonical``.
    """
    if len(body) > max_bytes:
        raise ProtocolError("too_large")
    _refuse_depth(body)
    try:
        value = json.loads(body.decode("utf-8"), parse_float=_refuse, parse_int=_integer, parse_constant=_refuse)
        canonical = _canonical(value)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("bad_json") from error
    if canonical != body:
        raise ProtocolError("not_canonical")
    return value


def dump(value: Any) -> bytes:
    """Canonical bytes within the same profile. Raises ``bad_json``, ``too_deep`` or ``too_large``."""
    _check(value, 0)
    try:
        body = _canonical(value)
    except (ValueError, TypeError) as error:
        raise ProtocolError("bad_json") from error
    if len(body) > MAX_BYTES:
        raise ProtocolError("too_large")
    return body


def digest(value: Any) -> str:
    """base64url (no padding) of the SHA-256 of the canonical bytes: how one object names another."""
    return digest_bytes(dump(value))


def digest_bytes(body: bytes) -> str:
    return b64url(hashlib.sha256(body).digest())


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Only the one canonical spelling is taken: no padding, no stray bits. Raises ``bad_body``."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ProtocolError("bad_body", "That is not base64url.") from error
    if b64url(raw) != text:
        raise ProtocolError("bad_body", "That is not base64url in its one allowed spelling.")
    return raw


def _canonical(value: Any) -> bytes:
    # The standard library's C encoder is some ten times faster. Where all text is ASCII it writes what RFC 8785 asks
    # for: the same escapes, and code point order is UTF-16 order. A property test compares the two.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii") if text.isascii() else rfc8785.dumps(value)


def _refuse_depth(body: bytes) -> None:
    # Both parsers recurse, and rfc8785 has no guard: 100,000 opening brackets must cost a scan, not a stack.
    depth = 0
    for token in _BRACKETS.finditer(body):
        mark = body[token.start()]
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ProtocolError("too_deep")
        elif mark in b"]}":
            depth -= 1


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not an integer")


def _integer(text: str) -> int:
    if len(text) > 17:
        raise ValueError("an integer beyond 2**53 - 1")
    number = int(text)
    if abs(number) > MAX_INT:
        raise ValueError("an integer beyond 2**53 - 1")
    return number


def _check(value: Any, depth: int) -> None:
    if isinstance(value, float):
        raise ProtocolError("bad_json", "Numbers with a fraction are not sent; money is in pence.")
    if isinstance(value, int) and abs(value) > MAX_INT:
        raise ProtocolError("bad_json", "A number is beyond 2**53 - 1.")
    if isinstance(value, dict | list | tuple):
        if depth >= MAX_DEPTH:
            raise ProtocolError("too_deep")
        if isinstance(value, dict) and not all(isinstance(name, str) for name in value):
            raise ProtocolError("bad_json")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth + 1)
