"""Small pictures made by hand."""

import struct
import zlib


def png(colour: tuple[int, int, int] = (107, 45, 115), size: int = 8, *, talk: bytes = b"") -> bytes:
    """A square of one colour. `talk` is a comment inside it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes(colour) * size) * size
    said = chunk(b"tEXt", b"Comment\0" + talk) if talk else b""
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + said + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
