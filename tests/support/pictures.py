"""Small pictures."""

import io

from PIL import Image, PngImagePlugin


def picture(
    kind: str = "PNG",
    *,
    colour: tuple[int, int, int] = (107, 45, 115),
    size: tuple[int, int] = (8, 8),
    talk: bytes = b"",
) -> bytes:
    """A surface of one colour. `talk` is what a camera wrote beside it."""
    kept = io.BytesIO()
    info, exif = PngImagePlugin.PngInfo(), Image.Exif()
    if talk:
        info.add_text("Comment", talk.decode())
        exif[0x010E] = talk.decode()  # The description.
    beside = {"pnginfo": info} if kind == "PNG" else {"exif": exif}
    Image.new("RGB", size, colour).save(kept, kind, **beside)
    return kept.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    """A JPEG that no compression makes small."""
    kept = io.BytesIO()
    Image.effect_noise(size, 200).convert("RGB").save(kept, "JPEG")
    return kept.getvalue()
