"""Money is a whole number of pence, always. Rates are pence an hour, shares are basis points."""

import re

from eccoo_node.kernel.errors import Invalid

MAX_PENCE = 10_000_000  # £100,000: more than any sum a circle handles at once; stops slips of the finger.
_POUNDS = re.compile(r"^£?\s*(\d{1,3}(?:,\d{3})*|\d+)(?:\.(\d{2}))?$", re.ASCII)


def price_pence(rate_pence: int, minutes: int) -> int:
    """Price of `minutes` at `rate_pence` an hour, half a penny rounded up.

    1835 an hour for 75 minutes is 2294.
    """
    if rate_pence < 0 or minutes < 0:
        raise ValueError("a rate and a length of time are never negative")
    return (rate_pence * minutes * 2 + 60) // 120


def commission_pence(fee_pence: int, bps: int, *, already_pence: int = 0) -> int:
    """Commission on the cumulative fee of one line, rounded down, less what was taken on it before.

    The total never exceeds what was agreed and does not depend on how the line is split.
    """
    if fee_pence < 0 or not 0 <= bps <= 10_000:
        raise ValueError("a fee is never negative and a share lies between 0 and 10000")
    return fee_pence * bps // 10_000 - already_pence


def share_out(total_pence: int, weights: list[int]) -> list[int]:
    """Split a sum by weights so that the parts add up to it; largest remainder, ties by order."""
    whole = sum(weights)
    if total_pence < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError("a sum and its weights are never negative, and one weight is above 0")
    parts = [total_pence * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total_pence * weights[i] % whole))
    for i in by_remainder[: total_pence - sum(parts)]:
        parts[i] += 1
    return parts


def pounds(pence: int) -> str:
    """`1750` is "£17.50", `6000` is "£60", `-5` is "−£0.05"."""
    sign, pence = ("−" if pence < 0 else ""), abs(pence)
    whole, rest = divmod(pence, 100)
    return f"{sign}£{whole:,}" + (f".{rest:02}" if rest else "")


def percent(bps: int) -> str:
    """`1750` basis points are "17.5%"."""
    return f"{bps / 100:g}%"


_PERCENT = re.compile(r"^(\d{1,3})(?:\.(\d{1,2}))?\s*%?$", re.ASCII)


def parse_percent(text: str, *, field: str) -> int:
    """What a person typed as a share in percent, in basis points. Raises Invalid for anything but 0 to 100."""
    found = _PERCENT.match(text.strip())
    bps = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else -1
    if not 0 <= bps <= 10_000:
        raise Invalid("Write a share in percent from 0 to 100, such as 15 or 7.5.", "bad_share", field=field)
    return bps


def parse_pounds(text: str, *, field: str = "amount") -> int:
    """What a person typed as pounds, in pence. Raises Invalid for anything else, never guesses."""
    found = _POUNDS.match(text.strip())
    if not found:
        raise Invalid("Write the sum in pounds and pence, such as 20 or 17.50.", "bad_amount", field=field)
    # Python itself refuses to read a number of some thousand digits, and that is no sum either.
    whole = found[1].replace(",", "").lstrip("0")
    pence = int(whole[:9] or 0) * 100 + int(found[2] or 0)
    if pence > MAX_PENCE:
        raise Invalid("This is more than £100,000. Please check the sum.", "amount_too_large", field=field)
    return pence
