"""Pictures of people tell how they look and nothing else."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eccoo_node.members import pictures
from eccoo_node.members.pictures import NoPicture, TooLarge, face
from tests.support.pictures import noise, picture

TALK = b"53.7413 N, 2.0165 W, 1 Bank Street"
KINDS = ["PNG", "JPEG", "WEBP"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_camera_wrote_beside_the_picture_is_left_out(kind: str) -> None:
    told = picture(kind, talk=TALK)
    assert TALK in told
    kept = face(told)
    assert TALK not in kept
    assert kept == face(picture(kind)) == face(picture(kind) + b"<script>alert(1)</script>")
    with Image.open(io.BytesIO(kept)) as drawn:
        assert (drawn.format, drawn.size, dict(drawn.getexif())) == ("WEBP", (160, 160), {})


def test_the_middle_is_kept_and_stands_upright() -> None:
    lying = Image.new("RGB", (300, 100), "white")
    lying.paste((0, 0, 200), (100, 0, 200, 50))  # Blue above the middle, once it was turned.
    turned, exif = lying.rotate(90, expand=True), Image.Exif()
    exif[0x0112] = 6  # "Turn me by a quarter to the right."
    kept = io.BytesIO()
    turned.save(kept, "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(face(kept.getvalue()))) as drawn:
        above, below = drawn.getpixel((80, 20)), drawn.getpixel((80, 140))
    assert above[2] > 150 > above[0]
    assert min(below) > 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_cut_short_is_none(kind: str) -> None:
    whole = picture(kind)
    for end in range(0, len(whole) - 30, 7):
        with pytest.raises(NoPicture):
            face(whole[:end])


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_damaged_anywhere_in_its_head_is_drawn_or_is_none(kind: str) -> None:
    whole = picture(kind, talk=TALK)
    for at in range(min(len(whole), 240)):
        damaged = whole[:at] + b"\0" + whole[at + 1 :]
        for draw in (face, pictures.paper):
            with contextlib.suppress(NoPicture):
                assert draw(damaged)[8:12] == b"WEBP"


def test_however_large_it_was_it_becomes_small() -> None:
    assert len(face(noise((2000, 1500)))) <= pictures.FACE_BYTES


def test_what_would_fill_the_memory_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = picture("PNG", size=(5_000, 5_000))
    assert len(bomb) < pictures.MOST_BYTES
    with pytest.raises(TooLarge):
        face(bomb)
    monkeypatch.setattr(pictures, "MOST_BYTES", 50)
    with pytest.raises(NoPicture):
        face(picture())


@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBP", b"GIF89a", b"<svg onload=x>"]),
    st.binary(max_size=200),
)
def test_bytes_that_are_no_picture_are_refused_in_one_way(head: bytes, rest: bytes) -> None:
    with pytest.raises(NoPicture):
        face(head + rest)
