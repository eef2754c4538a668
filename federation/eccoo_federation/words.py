"""BIP-39 words: 24 of them keep the root key on paper, six of them are read out over the phone."""

from __future__ import annotations

import hashlib
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

from .errors import ProtocolError


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


def new_recovery_words() -> str:
    """24 words, 256 bits, from the system's randomness, separated by single spaces."""
    return _english().generate(strength=256)


def tidy_recovery_words(text: str) -> str:
    """What a person typed from paper, in one spelling. Raises ``bad_words`` when the BIP-39 checksum does not hold."""
    words = " ".join(text.lower().split())
    if len(words.split()) != 24 or not _english().check(words):
        raise ProtocolError("bad_words")
    return words


def unknown_words(text: str) -> list[str]:
    """Words that are on no sheet at all, as they were typed."""
    known = set(_english().wordlist)
    return [word for word in text.lower().split() if word not in known]


def root_seed(words: str, index: int) -> bytes:
    """The 32-byte seed of root key number ``index``: how many root-signed log entries came before the one that it
    signs.

    BIP-39 seed with an empty passphrase, then HKDF-SHA256 (RFC 5869), no salt, info ``circle-root-1:<index>``.
    """
    seed = Mnemonic.to_seed(tidy_recovery_words(words), passphrase="")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"circle-root-1:%d" % index).derive(seed)


def six_words_of(material: bytes) -> tuple[str, ...]:
    """The first 66 bits of SHA-256(material), eleven bits a word, most significant first."""
    return words_of(hashlib.sha256(material).digest(), 6)


def words_of(digest: bytes, count: int) -> tuple[str, ...]:
    """As many words from the first bits of a digest, eleven bits a word, most significant first."""
    number = int.from_bytes(digest, "big") >> (8 * len(digest) - 11 * count)
    wordlist = _english().wordlist
    return tuple(wordlist[(number >> (11 * left)) & 0x7FF] for left in reversed(range(count)))
