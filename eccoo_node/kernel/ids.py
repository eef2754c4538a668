"""Names for things: UUIDv7 where an id leaves the node, short codes where a person says one aloud."""

import hashlib
import secrets
import time

# No vowels, so that no word appears by chance; no 0 and 1, which look like letters on paper. 29 signs: a prime.
_ALPHABET = "23456789BCDFGHJKLMNPQRSTVWXYZ"


_last = 0


def new_id() -> str:
    """A UUIDv7 (RFC 9562 5.7 and 6.2): later ids of one process sort after earlier ones, and 62 bits are random."""
    global _last
    # Milliseconds and 12 bits that count on within one; a clock that was set back does not take them back.
    chance = secrets.randbits(72)
    _last = max(_last + 1, time.time_ns() // 1_000_000 << 12 | chance >> 62)
    value = _last >> 12 << 80 | 0x7 << 76 | (_last & 0xFFF) << 64 | 0x2 << 62 | chance & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret() -> str:
    """256 random bits for a session or a link, safe in a URL."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is kept of a secret that holds enough chance that nobody can try it out."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(body: str) -> str:
    # Position times value, modulo a prime, catches every single slip and swap of neighbours.
    total = sum((i + 2) * _ALPHABET.index(c) for i, c in enumerate(body)) % 29
    return _ALPHABET[total]


def new_code(length: int = 8) -> str:
    """A code to read aloud, such as "K7M2-P9XD"; the last character checks the others."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(length - 1))
    code = body + _check(body)
    return f"{code[: length // 2]}-{code[length // 2 :]}"


def read_code(text: str) -> str | None:
    """The code as `new_code` wrote it, from what a person typed, or None when a character is wrong."""
    plain = "".join(c for c in text.upper() if c.isalnum())
    if len(plain) < 4 or any(c not in _ALPHABET for c in plain) or _check(plain[:-1]) != plain[-1]:
        return None
    return f"{plain[: len(plain) // 2]}-{plain[len(plain) // 2 :]}"


def new_digits(length: int = 6) -> str:
    """Digits for signing in by letter or mail; always with a limit on tries."""
    return "".join(secrets.choice("0123456789") for _ in range(length))
