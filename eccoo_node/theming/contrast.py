"""Whether words and edges can be told from their ground, by WCAG 2.2 (1.4.3 and 1.4.11).

A theme that fails is refused with the failing pair by name: colours that nobody can read are not a matter of taste.
"""

import msgspec

TEXT = 4.5
SHAPE = 3.0

_GROUNDS = ("paper", "card", "rose")
# What is drawn on what. Each pair is checked in the light and in the dark.
PAIRS = (
    *((ink, ground, TEXT) for ink in ("ink", "soft", "plum", "ember", "moss", "amber") for ground in _GROUNDS),
    ("paper", "plum", TEXT),
    ("band_ink", "band", TEXT),
    ("star", "band", SHAPE),
    *(("line", ground, SHAPE) for ground in _GROUNDS),
)  # fmt: skip


class Pair(msgspec.Struct, frozen=True):
    """One colour on another, as measured."""

    ink: str
    ground: str
    ratio: float
    needed: float

    def __str__(self) -> str:
        return f"{self.ink} on {self.ground} is {self.ratio:.2f}:1 and must be at least {self.needed:g}:1"


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    """Relative luminance of "#RRGGBB"."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    """Contrast between two colours, from 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def failing_pairs(tokens: dict[str, str]) -> list[Pair]:
    """The pairs of one palette that cannot be read, worst first."""
    measured = [Pair(ink, ground, ratio(tokens[ink], tokens[ground]), needed) for ink, ground, needed in PAIRS]
    return sorted((p for p in measured if p.ratio < p.needed), key=lambda p: p.ratio / p.needed)
