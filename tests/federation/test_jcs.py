"""What is not canonical does not come in, and nothing that comes in can crash the parser."""

from __future__ import annotations

import time
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import jcs

from .helpers import refused

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-jcs.MAX_INT, jcs.MAX_INT) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_we_write_we_read(value: Any) -> None:
    assert jcs.parse(jcs.dump(value)) == value


@given(_VALUES)
def test_the_fast_path_writes_what_rfc_8785_asks_for(value: Any) -> None:
    assert jcs.dump(value) == rfc8785.dumps(value)


@given(
    st.dictionaries(st.text(st.characters(max_codepoint=0x9F), max_size=3), st.text(st.characters(max_codepoint=0x9F)))
)
def test_every_control_character_is_escaped_in_the_one_way(value: dict[str, str]) -> None:
    assert jcs.dump(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a":1,"a":2}', "not_canonical"),
        (b'{"b":1,"a":2}', "not_canonical"),
        (b'{"a": 1}', "not_canonical"),
        (b'{"a":1}\n', "not_canonical"),
        (b'"\\u0061"', "not_canonical"),
        (b'"\\/"', "not_canonical"),
        (b"-0", "not_canonical"),
        (b"1.5", "bad_json"),
        (b"1.0", "bad_json"),
        (b"1e2", "bad_json"),
        (b"NaN", "bad_json"),
        (b"Infinity", "bad_json"),
        (b"9007199254740992", "bad_json"),
        (b"-9007199254740992", "bad_json"),
        (b"1" * 5000, "bad_json"),
        (b'"\\ud800"', "bad_json"),
        (b'{"\\ud800":1}', "bad_json"),
        (b'"\xed\xa0\x80"', "bad_json"),
        (b"\xef\xbb\xbf{}", "bad_json"),
        (b"\xff", "bad_json"),
        (b"", "bad_json"),
        (b"[" * 17 + b"]" * 17, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 50_000, "too_deep"),
        (b'"' + b"a" * jcs.MAX_BYTES + b'"', "too_large"),
    ],
)
def test_hostile_bodies_are_refused(body: bytes, code: str) -> None:
    assert refused(jcs.parse, body) == code


def test_the_edges_of_the_profile_are_let_through() -> None:
    assert jcs.parse(b"9007199254740991") == 2**53 - 1
    assert jcs.parse(b"[" * 16 + b"]" * 16) == [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]
    assert jcs.parse(b'"[[[[[[[[[[[[[[[[[[[[\\"[[[[["') == "[" * 20 + '"' + "[" * 5


@pytest.mark.parametrize("body", [b'"' * 262_144, b'\\"' * 131_072, b'"\\' * 131_072, b"[]" * 131_072])
def test_no_body_makes_the_depth_scan_slow(body: bytes) -> None:
    before = time.process_time()
    assert refused(jcs.parse, body) == "bad_json"
    assert time.process_time() - before < 1


@pytest.mark.parametrize("value", [1.0, {"a": [0.5]}, float("nan"), 2**53, "\ud800", object(), {1: 2}])
def test_we_never_write_outside_the_profile(value: Any) -> None:
    assert refused(jcs.dump, value) == "bad_json"


def test_we_never_write_deeper_than_we_read() -> None:
    value: Any = []
    for _ in range(16):
        value = [value]
    assert refused(jcs.dump, value) == "too_deep"


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "YQ\n", "Y+", "é"])
def test_base64url_has_one_spelling(text: str) -> None:
    assert refused(jcs.unb64url, text) == "bad_body"
    assert jcs.unb64url("YQ") == b"a"
