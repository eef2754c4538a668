"""Forms that bring a file. Only pages that say so take them, and only of someone who is signed in.

They are kept in memory; nothing is written beside it. What the sender calls a file, and of what kind it says it is, is
not believed: a page that takes pictures draws them anew, one that takes statements reads them as what it knows.
"""

import hashlib
import re
from collections.abc import Iterator

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from eccoo_node.web.ask import AnyRequest, ask_of

KIND = b"multipart/form-data"
# What may stand beside a file in its form.
BESIDE = 64 * 1024
_MOST_PARTS = 40
_PLACES: dict[str, tuple[re.Pattern[str], int]] = {}


class File(msgspec.Struct, frozen=True):
    """A file that somebody chose. Its name is theirs, and says nothing about what is in it."""

    name: str
    data: bytes


def takes(path: str, most_bytes: int) -> None:
    """Let the form that goes to this path bring files, of so many bytes in all. A `{part}` stands for one piece of it."""
    pattern = "".join("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in re.split(r"({\w+})", path))
    _PLACES[path] = (re.compile(pattern), most_bytes + BESIDE)


def most_for(path: str) -> int:
    """How large a form with files may be there; 0 where none are taken."""
    return next((most for pattern, most in _PLACES.values() if pattern.fullmatch(path)), 0)


def parse(body: bytes, content_type: bytes) -> tuple[dict[str, list[str]], dict[str, File]]:
    """The fields and the files of such a form. A file that was not chosen is absent. Raises ValueError for what is no form."""
    _, options = parse_options_header(content_type.decode("latin-1"))
    fields: dict[str, list[str]] = {}
    files: dict[str, File] = {}
    try:
        for part, data in _parts(body, options.get("boundary", "")):
            if part.filename is not None:
                if data:
                    files.setdefault(part.name, File(part.filename.replace("\0", "").rpartition("/")[2][-120:], data))
            elif len(data) > BESIDE:
                raise ValueError("a field is longer than any of ours")
            else:
                # As in a form without files.
                value = data.decode("utf-8").replace("\r\n", "\n").replace("\0", "").strip()
                fields.setdefault(part.name, []).append(value)
    except MultipartError as error:
        raise ValueError("this is no form") from error
    return fields, files


def _parts(body: bytes, boundary: str) -> Iterator[tuple[MultipartSegment, bytes]]:
    with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS, max_header_count=8) as parser:
        part, pieces = None, list[bytes]()
        for event in [*parser.parse(body), *parser.parse(b"")]:
            if isinstance(event, MultipartSegment):
                part, pieces = event, []
            elif event:
                pieces.append(bytes(event))
            elif part is not None:
                yield part, b"".join(pieces)
                part = None


def same_again(fields: dict[str, list[str]], files: dict[str, File]) -> bytes:
    """What makes two sendings one and the same: a browser draws the line between the parts anew each time."""
    told = [[name, one.name, hashlib.sha256(one.data).hexdigest()] for name, one in sorted(files.items())]
    return msgspec.json.encode([sorted(fields.items()), told])


def file_of(request: AnyRequest, field: str) -> File | None:
    """The file that was chosen; None where none was, or an empty one."""
    found: File | None = ask_of(request).files.get(field)
    return found
