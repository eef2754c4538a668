"""Numbers as one says them, and words that came from elsewhere."""

import unicodedata

_SAID = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def count(number: int, *, none: str = "no") -> str:
    """ "two", and figures from ten on; for 0 the word that suits its sentence."""
    if number == 0:
        return none
    return _SAID[number] if 0 < number < len(_SAID) else f"{number:,}"


def many(number: int, one: str, several: str = "", *, none: str = "no") -> str:
    """ "one payment", "three payments", "12 payments"."""
    return f"{count(number, none=none)} {one if number == 1 else several or f'{one}s'}"


def plain(text: str) -> str:
    """Words of another circle without what cannot be seen: such signs turn a line round, or hide what it says."""
    unseen = {"Cc", "Cf", "Zl", "Zp"}
    # A line break, and the two joiners that some scripts are spelt with.
    return "".join(c for c in text if c in "\n\u200c\u200d" or unicodedata.category(c) not in unseen).strip()


def plain_line(text: str) -> str:
    """The same in one line: a name, a place, a number."""
    return " ".join(plain(text).split())


def paid_by(person: str, payer: str) -> str:
    """How a payer is called wherever several are listed: "Ada", or "Ada, paid by Fern"."""
    return person if person == payer else f"{person}, paid by {payer}"
