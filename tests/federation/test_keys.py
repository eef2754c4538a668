"""Keys keep their names, their files and their silence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import keys, words

from .helpers import WORDS_A, refused


@given(st.binary(min_size=32, max_size=32))
def test_every_key_we_make_is_one_we_would_pin(seed: bytes) -> None:
    key = keys.SigningKey.from_seed(seed, "object")
    assert keys.screen_public_key(key.public_raw) == key.public_raw
    assert keys.from_multibase(keys.multibase(key.public_raw)) == key.public_raw


@given(st.binary(max_size=70))
def test_base58btc_comes_back(raw: bytes) -> None:
    assert keys.base58btc_decode(keys.base58btc_encode(raw)) == raw


@pytest.mark.parametrize(
    ("raw", "code"), [(b"", "bad_key"), (b"\x01" * 31, "bad_key"), (bytes(32), "bad_key"), (b"\xff" * 32, "bad_key")]
)
def test_what_is_no_key_is_refused(raw: bytes, code: str) -> None:
    assert refused(keys.screen_public_key, raw) == code


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    key = keys.SigningKey.from_seed(b"k" * 32, "transport")
    path = tmp_path / "transport.key"
    keys.save_key(path, key)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert keys.load_key(path, "transport").kid == key.kid
    with pytest.raises(FileExistsError):
        keys.save_key(path, key)


def test_a_key_never_prints_its_seed() -> None:
    key = keys.SigningKey.from_seed(b"k" * 32, "transport")
    assert repr(key) == f"SigningKey(kid='{key.kid}', use='transport')"


def test_the_root_keys_come_from_the_words_and_differ() -> None:
    seeds = [words.root_seed(WORDS_A, number) for number in range(3)]
    assert len(set(seeds)) == 3
    assert words.root_seed("  " + WORDS_A.upper().replace(" ", "\n") + " ", 0) == seeds[0]
    # Fixed for ever: a printed recovery sheet must still open the node in twenty years.
    assert seeds[0].hex() == "3938319edc4cdf60034e80e3345b4e8c14fb480bf956e256fe4462edbba1917d"


@pytest.mark.parametrize("text", ["", "abandon " * 24, "abandon " * 11 + "about", "hello " * 24])
def test_words_with_a_slip_are_noticed(text: str) -> None:
    assert refused(words.tidy_recovery_words, text) == "bad_words"
