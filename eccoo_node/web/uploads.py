"""Forms that bring a file. Taken only from someone who is signed in, and kept in memory: nothing is written beside it."""

import hashlib

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from eccoo_node.web.ask import AnyRequest, ask_of

KIND = b"multipart/form-data"
# The file and the few fields beside it.
MAX_UPLOAD = 2 * 1024 * 1024 + 64 * 1024
_MOST_PARTS = 40
_LONGEST_FIELD = 64 * 1024


class File(msgspec.Struct, frozen=True):
    """A file that somebody chose. Its name is theirs, and says nothing about what is in it."""

    name: str
    data: bytes


def parse_parts(body: bytes, content_type: bytes) -> tuple[dict[str, list[str]], dict[str, File]]:
    """The fields and the files of such a form. Raises ValueError for one that is none."""
    _, options = parse_options_header(content_type.decode("latin-1"))
    fields: dict[str, list[str]] = {}
    files: dict[str, File] = {}
    try:
        for part, data in _parts(body, options.get("boundary", "")):
            if part.filename is not None:
                files.setdefault(part.name, File(part.filename.replace("\0", "").rpartition("/")[2][-120:], data))
            elif len(data) > _LONGEST_FIELD:
                raise ValueError("a field is too long")
            else:
                # As in a form without files.
                value = data.decode("utf-8").replace("\r\n", "\n").replace("\0", "").strip()
                fields.setdefault(part.name, []).append(value)
    except MultipartError as error:
        raise ValueError("this is no form") from error
    return fields, files


def _parts(body: bytes, boundary: str) -> list[tuple[MultipartSegment, bytes]]:
    found: list[tuple[MultipartSegment, bytes]] = []
    with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS, max_segment_size=MAX_UPLOAD) as parser:
        part, pieces = None, list[bytes]()
        for event in [*parser.parse(body), *parser.parse(b"")]:
            if isinstance(event, MultipartSegment):
                part, pieces = event, []
            elif event:
                pieces.append(bytes(event))
            elif part is not None:
                found.append((part, b"".join(pieces)))
                part = None
    return found


def same_again(fields: dict[str, list[str]], files: dict[str, File]) -> bytes:
    """What makes two sendings one and the same: a browser draws the line between the parts anew each time."""
    told = [[name, one.name, hashlib.sha256(one.data).hexdigest()] for name, one in sorted(files.items())]
    return msgspec.json.encode([sorted(fields.items()), told])


def file_of(request: AnyRequest, field: str) -> File | None:
    """The file that was chosen; None where none was, or an empty one."""
    found = ask_of(request).files.get(field)
    return found if found is not None and found.data else None
