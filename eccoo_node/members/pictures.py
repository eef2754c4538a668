"""Pictures of people: drawn anew at the size of a dot, so that nothing a camera wrote beside them is kept."""

import io

# What a telephone's camera makes; more is no picture of a face.
MOST_BYTES = 12 * 1024 * 1024
MOST_PIXELS = 24_000_000
# Twice the width of the largest dot. A face weighs what one page can carry beside everything else on it.
SIDE = 160
FACE_BYTES = 8 * 1024


class NoPicture(ValueError):
    """The bytes are not a whole PNG, JPEG or WebP of a usual size."""


def face(data: bytes) -> bytes:
    """A square WebP of at most 8 KiB, upright, of the middle of a PNG, JPEG or WebP. Raises NoPicture.

    What the sender calls it is not believed. Place, time, maker and comments are left behind with the old bytes.
    """
    from PIL import Image, ImageOps  # Faces are seldom changed, and a node starts without this.

    if len(data) > MOST_BYTES:
        raise NoPicture
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as found:
            if found.width * found.height > MOST_PIXELS:
                raise NoPicture
            found.draft("RGB", (2 * SIDE, 2 * SIDE))
            # Made smaller before it gets colours: a picture of one bit a pixel would become four bytes a pixel.
            found.thumbnail((8 * SIDE, 8 * SIDE))
            upright = ImageOps.exif_transpose(found).convert("RGBA")
            small = ImageOps.fit(upright, (SIDE, SIDE))
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NoPicture from None
    paper = Image.new("RGBA", small.size, "white")
    whole = Image.alpha_composite(paper, small).convert("RGB")
    for quality in (80, 60, 40, 20, 0):
        kept = io.BytesIO()
        whole.save(kept, "WEBP", quality=quality, method=4)
        if len(kept.getvalue()) <= FACE_BYTES:
            return kept.getvalue()
    raise NoPicture
