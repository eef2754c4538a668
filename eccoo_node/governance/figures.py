"""Numbers that a circle decides on: a limit, a rate, an hour of the week. Each holds from a day on, by a decision.

A domain declares its figures here when it is imported, with what holds until the circle decides otherwise. Its code asks
`queries.figure` for the one that holds at a moment, and never has a number of its own.
"""

from typing import Literal

import msgspec

from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import parse_pounds, pounds

Kind = Literal["pence", "weekday", "hour", "number", "whether"]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number. `first` holds until the circle has decided; `least` and `most` bound what it may decide."""

    name: str
    title: str
    words: str
    kind: Kind
    first: int
    least: int
    most: int
    # It limits whoever keeps the books: it rests on a decision that somebody else wrote down, and is not raised at once.
    two_people: bool = False

    def say(self, value: int) -> str:
        """The value as it is read: "£500", "Thursday", "6pm"."""
        if self.kind == "pence":
            return pounds(value)
        if self.kind == "weekday":
            return WEEKDAYS[value]
        if self.kind == "hour":
            return say_hour(value)
        if self.kind == "whether":
            return "Yes" if value else "No"
        return str(value)

    def choices(self) -> list[tuple[str, str]]:
        """What may be chosen, for a figure that is chosen from few; empty for one that is typed."""
        if self.kind not in {"weekday", "hour", "whether"}:
            return []
        return [(str(value), self.say(value)) for value in range(self.least, self.most + 1)]

    def read(self, typed: str) -> int:
        """What a person typed or chose. Raises Invalid beside the field `value`."""
        if self.kind == "pence":
            found = parse_pounds(typed, field="value")
        else:
            found = int(typed) if typed.strip().isascii() and typed.strip().isdigit() else -1
        self.check(found)
        return found

    def check(self, value: int) -> None:
        if type(value) is not int or not self.least <= value <= self.most:
            told = f"This lies between {self.say(self.least)} and {self.say(self.most)}."
            raise Invalid("Choose one of these." if self.choices() else told, "bad_figure", field="value")


def say_hour(hour: int) -> str:
    if hour in {0, 12}:
        return "midnight" if hour == 0 else "noon"
    return f"{hour % 12}{'am' if hour < 12 else 'pm'}"


FIGURES: dict[str, Figure] = {}


def declare(figure: Figure) -> Figure:
    """Make a figure known. Its name is its own for ever: what was decided about it is kept under that name."""
    if FIGURES.setdefault(figure.name, figure) != figure:
        raise RuntimeError(f"two figures are called {figure.name}")
    figure.check(figure.first)
    return figure
