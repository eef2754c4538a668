"""What waits for someone on their first page, and what they may be asked about."""

import msgspec

from eccoo_node.rota.rules import SEEING_COVER


class Item(msgspec.Struct, frozen=True):
    """One thing that waits: a sentence, what can be done, and the page for it. Lower `rank` is more urgent.

    With `speak_for` the way on is to say first that one speaks for that person.
    """

    rank: int
    title: str
    words: str
    path: str
    button: str
    kind: str = ""
    speak_for: str = ""
    # Nothing is asked of the reader: it only says how something stands.
    tells: bool = False


class Says(msgspec.Struct, frozen=True):
    """What the reader has a say in, for one person: for oneself everything, else what they said yes to."""

    cover: bool = True
    asks: bool = True
    answers: bool = True
    pays: bool = True

    @classmethod
    def of(cls, scopes: frozenset[str]) -> "Says":
        return cls(
            not scopes.isdisjoint(SEEING_COVER),
            "ask_for_cover" in scopes,
            "say_visit_went" in scopes,
            "money" in scopes,
        )
