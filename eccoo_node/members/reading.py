"""Reading what people write: addresses, numbers, postcodes, words. Each raises Invalid with the place in the form."""

import re
from collections.abc import Iterable

import msgspec

from eccoo_node.kernel.errors import Invalid

_OUTWARD = re.compile(r"^([A-Z]{1,2}\d[A-Z\d]?)(?:\d[A-Z]{2})?$")
_EMAIL = re.compile(r"^[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]+\.[^@\s<>,;\"]+$")


def read_email(text: str) -> str:
    """An address as it is kept: small letters, no spaces around. Raises Invalid; empty stays empty."""
    plain = text.strip().lower()
    if plain and (len(plain) > 254 or not _EMAIL.match(plain)):
        raise Invalid("Write an email address such as name@example.org.", "bad_email", field="email")
    return plain


def read_outward(text: str) -> str:
    """The first half of a postcode, from either half or all of it. Raises Invalid; empty stays empty."""
    plain = "".join(text.upper().split())
    if not plain:
        return ""
    found = _OUTWARD.match(plain)
    if not found:
        raise Invalid("Write the first half of the postcode, such as HX7.", "bad_postcode", field="outward")
    return found[1]


def read_phone(text: str) -> str:
    plain = " ".join(text.split())
    digits = sum(c.isdigit() for c in plain)
    if plain and (not 7 <= digits <= 15 or not re.match(r"^[+\d][\d ()-]*$", plain)):
        raise Invalid("Write a phone number with its area code, such as 01422 496 0101.", "bad_phone", field="phone")
    return plain


def read_words(text: str, field: str, longest: int = 2000) -> str:
    """What someone wrote, without the spaces around it. Raises Invalid when it is longer than a page."""
    plain = text.replace("\r\n", "\n").strip()
    if len(plain) > longest:
        raise Invalid(f"Please write {longest} letters or fewer.", "too_long", field=field)
    return plain


def read_codes(codes: Iterable[str], field: str, *, most: int = 40) -> str:
    """Short codes, sorted and each once, as the JSON that a row keeps. Raises Invalid for anything else."""
    plain = sorted({code.strip() for code in codes if code.strip()})
    if len(plain) > most or any(len(code) > 40 for code in plain):
        raise Invalid("Please choose fewer.", "too_many", field=field)
    return msgspec.json.encode(plain).decode()
