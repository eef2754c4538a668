"""The recovery sheet: 24 words that are shown once, on paper ever after. Whether they were written down is asked by three.

Until those came back, the words lie beside the keys: the screen that showed them may never have been seen. The three that
are asked for travel with the form, as a mark that only this node can make, and that holds for these 24 words alone.
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from eccoo_federation import identity as wire
from eccoo_federation import words as library
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import Log
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken, Invalid
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.keys import rules
from eccoo_node.links import identity

ORDINALS = ("first", "second", "third")


class Sheet(msgspec.Struct, frozen=True):
    """What stands on the paper, and what is asked back."""

    words: tuple[str, ...]
    name: str
    address: str
    node_id: str
    at: datetime
    places: str
    mark: str


def make(words: str) -> Sheet:
    us, listed = identity.current(), tuple(words.split())
    places = rules.asked_back(len(listed), [secrets.randbelow(1 << 16) for _ in ORDINALS])
    written = " ".join(str(place) for place in places)
    asked = " ".join(listed[place - 1] for place in places)
    whose = _of(listed)
    mark = f"{whose}.{_mark(whose, written, asked)}"
    return Sheet(listed, us.name, us.state.base_url, us.node_id, clock.now(), written, mark)


def put_by(folder: DataFolder, words: str) -> str:
    """Keep the words in a file of the node's own user until they were written down; its name. In one step: where that
    fails, what waited before still does. Raises Broken."""
    path, fresh = folder.keys / identity.WORDS_FILE, folder.keys / f"{identity.WORDS_FILE}.new"
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write("Write these on paper, then delete this file. They bring a node back whose keys are lost.\n\n")
            file.write(in_rows(words) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise Broken(f"The words could not be written: {error.strerror}.", "not_written") from None
    return str(path)


@contextlib.contextmanager
def put_by_first(folder: DataFolder, words: str) -> Iterator[None]:
    """Put the words by, if there are any, before a log is written that is promised to them: no log may wait for words that
    nobody saw. Where the log then fails they go again, and those that waited before come back. Raises Broken."""
    path = folder.keys / identity.WORDS_FILE
    before = path.with_suffix(".before")
    if words:
        with contextlib.suppress(FileNotFoundError):
            path.replace(before)
    try:
        if words:
            put_by(folder, words)
        yield
    except BaseException:
        if words:
            path.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                before.replace(path)
        raise
    before.unlink(missing_ok=True)


def in_rows(words: str) -> str:
    """The words numbered, in columns, as they are copied onto paper."""
    listed = [f"{number:2}. {word:<10}" for number, word in enumerate(words.split(), 1)]
    return "\n".join("  " + " ".join(listed[i : i + 4]).rstrip() for i in range(0, len(listed), 4))


def waiting() -> Sheet | None:
    """The sheet whose words nobody has typed back; None once it was written down."""
    try:
        text = (identity.kept().folder.keys / identity.WORDS_FILE).read_text("ascii")
    except FileNotFoundError:
        return None
    return make(" ".join(re.findall(r"\d+\. +([a-z]+)", text)))


def places_of(places: str) -> tuple[int, ...]:
    """Three places, from a form. Raises Invalid for anything else."""
    found = tuple(int(part) for part in places.split() if part.isdecimal() and len(part) < 3)
    if len(found) != len(ORDINALS):
        raise Invalid("Please begin with the sheet again.", "bad_places")
    return found


def check(places: str, mark: str, typed: str) -> None:
    """Raises Invalid unless these are the words at these places."""
    places_of(places)
    whose, _, right = mark.partition(".")
    if not hmac.compare_digest(right.encode(), _mark(whose, places, typed).encode()):
        raise Invalid(
            "At least one word is another one on the sheet. Please compare them with the paper.", "other_words"
        )


def opens(log: Log, words: str) -> bool:
    """Whether these are the words that this log is promised to."""
    try:
        return wire.is_promised(log, words)
    except ProtocolError:
        return False


def unknown(words: str) -> list[str]:
    """What was typed and is no word of any sheet: where a slip of the pen is looked for first."""
    return library.unknown_words(words)


def are_waiting(mark: str) -> bool:
    """Whether the words that this mark was made for still lie here, or none do."""
    found = waiting()
    return found is None or found.mark.partition(".")[0] == mark.partition(".")[0]


def _of(words: Sequence[str]) -> str:
    """Which sheet this is, without a word of it."""
    return _keyed(f"all:{' '.join(words)}")[:32]


def _mark(whose: str, places: str, words: str) -> str:
    return _keyed(f"{whose}:{places}:{words}")


def _keyed(text: str) -> str:
    key = hashlib.sha256(b"circle-sheet" + identity.current().object_key.seed).digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()
