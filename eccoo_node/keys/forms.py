"""What an admin fills in about our own keys."""

from typing import ClassVar

import msgspec

WORDS = "Please type the 24 words of the sheet."


class MoveForm(msgspec.Struct):
    """A new address, with the words of the sheet."""

    address: str
    words: str
    new_sheet: bool = False
    SAY: ClassVar[dict[str, str]] = {"address": "Please write the new address.", "words": WORDS}


class RecoverForm(msgspec.Struct):
    """The words of the sheet; `log` is our own key log as another circle keeps it, where ours is an old copy."""

    words: str
    new_sheet: bool = False
    log: str = ""
    SAY: ClassVar[dict[str, str]] = {"words": WORDS}


class AnewForm(msgspec.Struct):
    """That keys and words are lost; `instead_of`: the id that is given up."""

    instead_of: str
    lost: bool = False


class KeptForm(msgspec.Struct):
    """Three words of the sheet, from the places that were asked for; `mark` says which answer is right."""

    places: str
    mark: str
    first: str = ""
    second: str = ""
    third: str = ""

    def typed(self) -> str:
        return " ".join(word.lower() for word in (self.first, self.second, self.third))
