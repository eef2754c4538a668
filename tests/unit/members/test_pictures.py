"""Pictures of people tell how they look and nothing else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.members.pictures import NoPicture, bare
from tests.support.pictures import png


def _jpeg(*, talk: bytes = b"") -> bytes:
    def segment(kind: int, body: bytes) -> bytes:
        return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body

    said = segment(0xE1, b"Exif\0\0" + talk) + segment(0xFE, talk) if talk else b""
    head = b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return head + said + segment(0xDB, b"\0" * 65) + segment(0xDA, b"\1" * 8) + b"\x12\x34\xff\x00\x56\xff\xd9"


def _webp(*, talk: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    said = chunk(b"EXIF", talk) + chunk(b"XMP ", talk) if talk else b""
    body = b"WEBP" + chunk(b"VP8X", bytes([0x1C if talk else 0x10]) + b"\0" * 9) + chunk(b"VP8L", b"pixels!") + said
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("make", [png, _jpeg, _webp])
def test_what_a_camera_wrote_beside_the_picture_is_left_out(make) -> None:  # type: ignore[no-untyped-def]
    plain = make()
    kind, kept = bare(make(talk=b"53.7413 N, 2.0165 W, 1 Bank Street"))
    assert kept == plain
    assert bare(plain) == (kind, plain)
    assert bare(plain + b"<script>alert(1)</script>")[1] == plain


@pytest.mark.parametrize("make", [png, _jpeg, _webp])
def test_a_picture_that_is_cut_short_is_none(make) -> None:  # type: ignore[no-untyped-def]
    whole = make()
    for end in range(len(whole)):
        with pytest.raises(NoPicture):
            bare(whole[:end])


@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBP", b"GIF89a"]),
    st.binary(max_size=200),
)
def test_bytes_that_are_no_picture_are_refused_in_one_way(head: bytes, rest: bytes) -> None:
    try:
        kind, kept = bare(head + rest)
    except NoPicture:
        return
    assert (kind, len(kept) <= len(head + rest)) in {(k, True) for k in ("image/png", "image/jpeg", "image/webp")}
