"""The recovery sheet: 24 words that are shown once, on paper ever after. Whether they were written down is asked by three.

Nothing of them is kept. The three that are asked for travel with the form, as a mark that only this node can make.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

import msgspec

from eccoo_federation import identity as wire
from eccoo_federation import words as library
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import Log
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Invalid
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
    return Sheet(listed, us.name, us.state.base_url, us.node_id, clock.now(), written, _mark(written, asked))


def waiting() -> Sheet | None:
    """The sheet of a node that was made where nobody watched; None once it was written down."""
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
    if not hmac.compare_digest(mark, _mark(places, typed)):
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


def _mark(places: str, words: str) -> str:
    key = hashlib.sha256(b"circle-sheet" + identity.current().object_key.seed).digest()
    return hmac.new(key, f"{places}:{words}".encode(), "sha256").hexdigest()
