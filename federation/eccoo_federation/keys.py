"""Ed25519 keys: which ones may be trusted, how they are named, how they are written."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from . import jcs
from .errors import ProtocolError

Use = Literal["transport", "object", "root"]

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_MULTICODEC = b"\xed\x01"

# A point as (X, Y, Z, T), x = X/Z, y = Y/Z, T = XY/Z (RFC 8032 section 5.1.4).
_Point = tuple[int, int, int, int]
_IDENTITY: _Point = (0, 1, 1, 0)


def _decompress(raw: bytes) -> _Point:
    """RFC 8032 section 5.1.3, with every non-canonical encoding refused."""
    encoded = int.from_bytes(raw, "little")
    sign, y = encoded >> 255, encoded & (2**255 - 1)
    if y >= _P:
        raise ProtocolError("bad_key", "The key is written in a form that is not canonical.")
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if (x * x - x2) % _P:
        x = x * _SQRT_MINUS_1 % _P
    if (x * x - x2) % _P:
        raise ProtocolError("bad_key", "The key is not a point of the curve.")
    if x == 0 and sign:
        raise ProtocolError("bad_key", "The key is written in a form that is not canonical.")
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: _Point) -> _Point:
    result = _IDENTITY
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _is_identity(point: _Point) -> bool:
    return point[0] % _P == 0 and (point[1] - point[2]) % _P == 0


@lru_cache(maxsize=4096)
def screen_public_key(raw: bytes) -> bytes:
    """``raw`` again, if it is a key we are willing to pin; else ``bad_key``.

    Refused: wrong length, not canonical, not on the curve, low order, or carrying a low-order part. OpenSSL accepts all
    of those. Under a low-order key one signature holds for many messages; under a mixed one, a verifier that multiplies
    by the cofactor and one that does not disagree, so two honest circles could differ over the same evidence.
    """
    if len(raw) != 32:
        raise ProtocolError("bad_key", "An Ed25519 key has 32 bytes.")
    point = _decompress(raw)
    if _is_identity(_times(8, point)):
        raise ProtocolError("bad_key", "The key is one of the few that prove nothing.")
    if not _is_identity(_times(_L, point)):
        raise ProtocolError("bad_key", "The key carries a part that proves nothing.")
    return raw


def thumbprint(raw: bytes) -> str:
    """The ``kid``: RFC 7638 thumbprint of the OKP key (RFC 8037 section 2), base64url."""
    return jcs.b64url(hashlib.sha256(jcs.dump({"crv": "Ed25519", "kty": "OKP", "x": jcs.b64url(raw)})).digest())


def base58btc_encode(raw: bytes) -> str:
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def base58btc_decode(text: str) -> bytes:
    """Raises ``bad_body``. Inputs are capped at 128 characters: the arithmetic is quadratic."""
    if len(text) > 128 or not _DIGITS.keys() >= set(text):
        raise ProtocolError("bad_body", "That is not base58btc.")
    number = 0
    for character in text:
        number = number * 58 + _DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multibase(raw: bytes) -> str:
    """A public key as Multikey text (``z6Mk…``)."""
    return "z" + base58btc_encode(_MULTICODEC + raw)


@lru_cache(maxsize=4096)
def from_multibase(text: str) -> bytes:
    """The 32 screened bytes. Raises ``bad_key`` or ``bad_body``."""
    if not text.startswith("z"):
        raise ProtocolError("bad_key", "A public key is written as z6Mk….")
    decoded = base58btc_decode(text[1:])
    if decoded[:2] != _MULTICODEC:
        raise ProtocolError("bad_key", "The key is not an Ed25519 key.")
    return screen_public_key(decoded[2:])


@lru_cache(maxsize=1024)
def _ready(raw: bytes) -> Ed25519PublicKey:
    """Raises ``bad_key``, each time that it is asked for such a key."""
    return Ed25519PublicKey.from_public_bytes(screen_public_key(raw))


def verify_signature(raw: bytes, signature: bytes, message: bytes) -> bool:
    """The key is screened on every use, so that no caller can forget to."""
    try:
        _ready(raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class PublicKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key as log and document carry it. ``public`` is Multikey text; ``exp`` is exclusive; times are wire times.

    ``revoked_at`` never travels: it is worked out while reading the log, when a recovery entry leaves the key out.
    """

    kid: str
    use: Literal["transport", "object"]
    public: str
    nbf: str
    exp: str
    revoked_at: str | None = None

    @property
    def raw(self) -> bytes:
        return from_multibase(self.public)

    def holds_at(self, at: str) -> bool:
        return self.nbf <= at < self.exp and (self.revoked_at is None or at < self.revoked_at)

    def as_wire(self) -> dict[str, str]:
        return {"kid": self.kid, "use": self.use, "public": self.public, "nbf": self.nbf, "exp": self.exp}


class SigningKey:
    """A private key and what it may be used for. Its repr never shows the seed."""

    def __init__(self, kid: str, use: Use, private: Ed25519PrivateKey) -> None:
        self.kid = kid
        self.use = use
        self.private = private

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, use={self.use!r})"

    @classmethod
    def from_seed(cls, seed: bytes, use: Use) -> SigningKey:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(thumbprint(private.public_key().public_bytes_raw()), use, private)

    @classmethod
    def generate(cls, use: Use) -> SigningKey:
        return cls.from_seed(os.urandom(32), use)

    @property
    def seed(self) -> bytes:
        return self.private.private_bytes_raw()

    @property
    def public_raw(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    def public(self, nbf: str, exp: str) -> PublicKey:
        if self.use == "root":
            raise ValueError("a root key is never published among the online keys")
        return PublicKey(self.kid, self.use, multibase(self.public_raw), nbf, exp)


def save_key(path: Path, key: SigningKey) -> None:
    """Writes the raw 32-byte seed, readable by the owner only. Never overwrites (FileExistsError)."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.seed)
        file.flush()
        os.fsync(file.fileno())


def load_key(path: Path, use: Use) -> SigningKey:
    return SigningKey.from_seed(path.read_bytes(), use)
