"""Files that pages need: read once, named by their content, kept by browsers for a year."""

import gzip
import hashlib
import mimetypes
from pathlib import Path

import msgspec

_TYPES = {".woff2": "font/woff2", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
          ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}  # fmt: skip


class File(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    body: bytes
    zipped: bytes | None
    kind: str
    digest: str


def _file(name: str, body: bytes) -> File:
    suffix = Path(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    zipped = gzip.compress(body, 9, mtime=0) if kind.startswith(("text/", "image/svg")) else None
    return File(body, zipped, kind, hashlib.sha256(body).hexdigest()[:10])


class Static:
    """The files of one look. Later folders stand in for earlier ones, name by name."""

    def __init__(self, *folders: Path) -> None:
        self.files: dict[str, File] = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                name = path.relative_to(folder).as_posix()
                if path.is_file() and not path.name.startswith("."):
                    self.files[name] = _file(name, path.read_bytes())

    def add(self, name: str, text: str) -> None:
        """A file that is made, not read."""
        self.files[name] = _file(name, text.encode())

    def path(self, name: str) -> str:
        """ "/static/theme.css?v=0a1b2c3d4e". Raises KeyError for a file there is not."""
        return f"/static/{name}?v={self.files[name].digest}"
