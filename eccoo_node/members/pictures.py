"""Pictures that people send: drawn anew at the size they are shown in, so that nothing a camera wrote beside them is kept."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# What a telephone's camera makes; more is no picture of a face.
MOST_BYTES = 12 * 1024 * 1024
MOST_PIXELS = 24_000_000
# A JPEG is read at a fraction of its size, so that a large one takes no more memory than the others.
MOST_JPEG_PIXELS = 64_000_000
# Twice the width of the largest dot. A face weighs what one page can carry beside everything else on it.
SIDE = 160
FACE_BYTES = 8 * 1024
# A long receipt, fully legible; and what a page on a poor signal can carry.
LONGEST_SIDE = 1600
PAPER_BYTES = 320 * 1024


class NoPicture(ValueError):
    """The bytes are not a whole PNG, JPEG or WebP of a usual size."""


class TooLarge(NoPicture):
    """A picture, and a larger one than is taken."""


def face(data: bytes) -> bytes:
    """A square WebP of at most 8 KiB, upright, of the middle of a PNG, JPEG or WebP. Raises NoPicture.

    What the sender calls it is not believed. Place, time, maker and comments are left behind with the old bytes.
    """
    from PIL import ImageOps  # Faces are seldom changed, and a node starts without this.

    # Made smaller before it gets colours: a picture of one bit a pixel would become four bytes a pixel.
    upright = _upright(data, 2 * SIDE, 8 * SIDE, MOST_PIXELS)
    return _kept(ImageOps.fit(upright, (SIDE, SIDE)), (80, 60, 40, 20, 0), FACE_BYTES)


def paper(data: bytes) -> bytes:
    """The whole of a photographed piece of paper as a WebP of at most 320 KiB, upright. Raises NoPicture, as `face`."""
    upright = _upright(data, LONGEST_SIDE, LONGEST_SIDE, MOST_JPEG_PIXELS)
    return _kept(upright, (80, 65, 50, 35, 20, 5), PAPER_BYTES)


def _upright(data: bytes, enough: int, most: int, most_jpeg_pixels: int) -> "Image.Image":
    """The picture as it is to be looked at, with `most` pixels along its longer side. A JPEG is read at `enough`."""
    from PIL import Image, ImageOps

    if len(data) > MOST_BYTES:
        raise TooLarge
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as found:
            if found.width * found.height > (most_jpeg_pixels if found.format == "JPEG" else MOST_PIXELS):
                raise TooLarge
            found.draft("RGB", (enough, enough))
            found.thumbnail((most, most))
            return ImageOps.exif_transpose(found).convert("RGBA")
    except NoPicture:
        raise
    except Exception:
        # Readers of damaged files fail each in their own way, and what a camera wrote beside a picture is read too.
        raise NoPicture from None


def _kept(drawn: "Image.Image", qualities: tuple[int, ...], most_bytes: int) -> bytes:
    from PIL import Image

    ground = Image.new("RGBA", drawn.size, "white")
    whole = Image.alpha_composite(ground, drawn).convert("RGB")
    for quality in qualities:
        kept = io.BytesIO()
        whole.save(kept, "WEBP", quality=quality, method=4)
        if len(kept.getvalue()) <= most_bytes:
            return kept.getvalue()
    raise NoPicture
