"""Which plugins are installed, found by their entry points without importing any of them."""

import hashlib
import importlib
import importlib.util
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import msgspec

from eccoo_node import __version__
from eccoo_node.plugins_host.manifest import API_VERSION, NAME, BadPlugin, Plugin, fits, read

GROUP = "eccoo_node.plugins"
OURS = "eccoo-node"


class Found(msgspec.Struct, frozen=True):
    """One installed plugin. `trouble` says why it cannot be switched on; its code has not been run."""

    name: str
    module: str
    version: str = ""
    source: str = ""
    content_hash: str = ""
    plugin: Plugin | None = None
    trouble: str = ""
    trouble_code: str = ""

    @property
    def bundled(self) -> bool:
        return self.source == OURS

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def title(self) -> str:
        return self.plugin.title if self.plugin is not None else self.name

    def approval(self) -> str:
        """What is written down when an admin allows it: this very content, and for one that comes with the node the
        node's own release."""
        return f"{__version__}:{self.content_hash}" if self.bundled else self.content_hash

    def approved_by(self, written: str) -> bool:
        """Whether that approval still holds. A new release of the node brings its own plugins along with it; the same
        release with other content was changed by somebody."""
        if not self.bundled:
            return written == self.content_hash
        release, _, digest = written.partition(":")
        return digest == self.content_hash or (bool(digest) and release != __version__)


def catalogue() -> dict[str, Found]:
    """Every installed plugin by its name."""
    importlib.invalidate_caches()
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        by_name.setdefault(entry.name, []).append(entry)
    return {name: _found(name, entries) for name, entries in sorted(by_name.items())}


def _found(name: str, entries: list[EntryPoint]) -> Found:
    entry = entries[0]
    source = entry.dist.name if entry.dist is not None else ""
    version = entry.dist.version if entry.dist is not None else ""
    known = Found(name, entry.module, version, source)
    if len(entries) > 1:
        # Either could be the one that was meant; running the wrong one is worse than running none.
        sources = ", ".join(sorted(e.dist.name if e.dist is not None else "?" for e in entries))
        return _troubled(known, "duplicate", f"Several installed packages call themselves {name}: {sources}. Keep one.")
    try:
        folder = _folder(entry)
        plugin = read(folder)
        known = msgspec.structs.replace(known, content_hash=content_hash(folder), plugin=plugin)
        if plugin.name != name or not NAME.match(name):
            raise BadPlugin("bad_manifest", f"It is installed as {name} but calls itself {plugin.name}.")
        if not fits(plugin.api):
            raise BadPlugin(
                "incompatible",
                f"It is made for version {plugin.api} of the plugin interface; this node has {API_VERSION}.",
            )
    except BadPlugin as bad:
        return _troubled(known, bad.code, bad.sentence)
    except Exception as error:
        return _troubled(known, "unreadable", f"It cannot be read from disk: {type(error).__name__}.")
    return known


def _troubled(known: Found, code: str, sentence: str) -> Found:
    return msgspec.structs.replace(known, trouble_code=code, trouble=sentence)


def _folder(entry: EntryPoint) -> Path:
    # A top-level name is looked up on the path and nothing more; for a dotted one Python would import its parent.
    spec = importlib.util.find_spec(entry.module.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if len(places) != 1:
        raise BadPlugin("no_package", f"Its package, {entry.module.partition('.')[0]}, cannot be found.")
    return Path(places[0])


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def content_hash(folder: Path) -> str:
    """One digest over every file of the package, by name and content."""
    digest = hashlib.sha256()
    for path in _files(folder):
        body = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(body)}\n".encode())
        digest.update(body)
    return digest.hexdigest()
