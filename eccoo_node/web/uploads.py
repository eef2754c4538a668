"""Files that come with a form. Only pages that say so take them, and only of someone who is signed in.

What the sender calls a file, and of what kind it says it is, is not believed and not kept: a page that takes pictures
draws them anew, one that takes statements reads them as what it knows.
"""

import re

from multipart import MultipartError, PushMultipartParser
from multipart import parse_options_header as read_header

KIND = b"multipart/form-data"
_MOST_FIELD = 64 * 1024
_MOST_PARTS = 40
_PLACES: dict[str, tuple[re.Pattern[str], int]] = {}


def takes(path: str, most_bytes: int) -> None:
    """Let the form that goes to this path bring files, of so many bytes in all. A `{part}` stands for one piece of it."""
    pattern = "".join("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in re.split(r"({\w+})", path))
    _PLACES[path] = (re.compile(pattern), most_bytes)


def most_for(path: str) -> int:
    """How large a form with files may be there; 0 where none are taken."""
    return next((most for pattern, most in _PLACES.values() if pattern.fullmatch(path)), 0)


def parse(content_type: str, body: bytes) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """The fields and the files of a form. A file that was not chosen is absent. Raises ValueError for what is no form."""
    boundary = read_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise ValueError("a form with files names what parts them")
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    name, is_file, kept = "", False, bytearray()
    parts = 0
    try:
        with PushMultipartParser(boundary, max_header_count=8) as parser:
            for found in parser.parse(body):
                if found is None:
                    _keep(fields, files, name, bytes(kept), is_file=is_file)
                elif isinstance(found, bytes | bytearray):
                    kept += found
                    if not is_file and len(kept) > _MOST_FIELD:
                        raise ValueError("a field is longer than any of ours")
                else:
                    name, is_file, kept, parts = found.name, found.filename is not None, bytearray(), parts + 1
                    if parts > _MOST_PARTS:
                        raise ValueError("more parts than any form of ours has")
    except MultipartError as error:
        raise ValueError("not a form") from error
    return fields, files


def _keep(fields: dict[str, list[str]], files: dict[str, bytes], name: str, kept: bytes, *, is_file: bool) -> None:
    if is_file:
        if kept:
            files[name] = kept
        return
    text = kept.decode("utf-8").replace("\r\n", "\n").replace("\0", "").strip()
    fields.setdefault(name, []).append(text)
