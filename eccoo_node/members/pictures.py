"""Pictures of people: known by their bytes, and kept without what cameras write beside them, such as where it was taken."""

import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
# What is needed to draw a PNG; everything else in it is talk.
_DRAWN = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"}


class NoPicture(ValueError):
    """The bytes are not a whole PNG, JPEG or WebP."""


def bare(data: bytes) -> tuple[str, bytes]:
    """A picture's media type and its bytes without place, time, maker or comment. Raises NoPicture.

    What the sender calls it is not believed; what follows its end is cut off.
    """
    try:
        if data.startswith(_PNG):
            return "image/png", _bare_png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return "image/jpeg", _bare_jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "image/webp", _bare_webp(data)
    except (struct.error, IndexError):
        raise NoPicture from None
    raise NoPicture


def _bare_png(data: bytes) -> bytes:
    kept, at = [_PNG], len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(kind + body) != check:
            raise NoPicture
        if kind in _DRAWN:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
        if kind == b"IEND":
            return b"".join(kept)


def _bare_jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while True:
        marker, kind = data[at], data[at + 1]
        if marker != 0xFF:
            raise NoPicture
        (length,) = struct.unpack_from(">H", data, at + 2)
        if kind == 0xDA:
            end = data.rfind(b"\xff\xd9")
            if end < at:
                raise NoPicture
            return b"".join(kept) + data[at : end + 2]
        # APP0 (JFIF) and APP14 (Adobe's colours) are needed to draw it; the other APPn and comments are talk.
        if not (0xE1 <= kind <= 0xEF and kind != 0xEE) and kind != 0xFE:
            kept.append(data[at : at + 2 + length])
        at += 2 + length


def _bare_webp(data: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", data, 4)
    kept, at, end = [], 12, 8 + size
    if end > len(data):
        raise NoPicture
    while at < end:
        kind, length = struct.unpack_from("<4sI", data, at)
        whole = data[at : at + 8 + length + length % 2]
        if len(whole) < 8 + length:
            raise NoPicture
        if kind == b"VP8X":
            # The flags that say that EXIF (8) and XMP (4) follow.
            whole = whole[:8] + bytes([whole[8] & ~0x0C]) + whole[9:]
        if kind not in {b"EXIF", b"XMP "}:
            kept.append(whole)
        at += 8 + length + length % 2
    if not kept:
        raise NoPicture
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
