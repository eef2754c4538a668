"""Numbers as one says them."""

_SAID = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def count(number: int, *, none: str = "no") -> str:
    """ "two", and figures from ten on; for 0 the word that suits its sentence."""
    if number == 0:
        return none
    return _SAID[number] if 0 < number < len(_SAID) else f"{number:,}"


def many(number: int, one: str, several: str = "", *, none: str = "no") -> str:
    """ "one payment", "three payments", "12 payments"."""
    return f"{count(number, none=none)} {one if number == 1 else several or f'{one}s'}"
