"""Canonical JSON (RFC 8785), narrowed: what arrives must already be the bytes that we would have written.

One comparison closes a whole family of attacks: duplicate keys (parsers disagree which one counts), odd escapes, key
order, ``1e2``, NaN. Because received bytes are canonical, they can be stored verbatim and hashed again years later.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import msgspec
import rfc8785

from .errors import ProtocolError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_INT = 2**53 - 1

# A string, closed or not, so that an unclosed one cannot make the scan quadratic.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()


def parse(body: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value, if ``body`` is canonical and within the profile: no floats, integers within ±(2**53 - 1), ≤16 levels.

    Raises ``too_large``, ``too_deep``, ``bad_json`` or ``not_canonical``.
    """
    if len(body) > max_bytes:
        raise ProtocolError("too_large")
    _refuse_depth(body)
    try:
        value = _DECODER.decode(body)
    except ValueError as error:
        raise ProtocolError("bad_json") from error
    _check(value)
    try:
        canonical = _canonical(value)
    except ValueError as error:
        raise ProtocolError("bad_json") from error
    if canonical != body:
        raise ProtocolError("not_canonical")
    return value


def dump(value: Any) -> bytes:
    """Canonical bytes within the same profile. Raises ``bad_json``, ``too_deep`` or ``too_large``."""
    _check(value)
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
    # The fast encoder writes, where all text is ASCII, what RFC 8785 asks for: the same escapes, and code point order is
    # UTF-16 order. A property test compares the two.
    body = _ENCODER.encode(value)
    return body if body.isascii() else rfc8785.dumps(value)


def _refuse_depth(body: bytes) -> None:
    # Whoever recurses has no guard of its own: 100,000 opening brackets must cost a scan, not a stack.
    depth = 0
    for mark in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ProtocolError("too_deep")
        else:
            depth -= 1


def _check(value: Any) -> None:
    """Level by level: nothing but text, whole numbers, true, false, null, lists and objects, and not too deep.

    That an object's names are text is the encoder's to say.
    """
    level: list[Any] = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str) or item is None:
                continue
            if isinstance(item, dict):
                if depth == MAX_DEPTH:
                    raise ProtocolError("too_deep")
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                if depth == MAX_DEPTH:
                    raise ProtocolError("too_deep")
                below.extend(item)
            elif not isinstance(item, int):
                raise ProtocolError("bad_json", "Numbers with a fraction are not sent; money is in pence.")
            elif abs(item) > MAX_INT:
                raise ProtocolError("bad_json", "A number is beyond 2**53 - 1.")
        if not below:
            return
        level = below
