"""The part of `ledger verify` that is about which way the lines went.

What an entry let go and posted is its shape; what the entries of a line did, one after the other, its path. Most lines go
the same few ways, so each path is kept once and known by a number.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from eccoo_node.escrow import chart

# From a path to a longer one, by the numbers of what an entry let go and of what it posted.
Step = tuple[int, int, int]
# Each posting's account code and amount.
Moved = list[tuple[str, Any]]
Told = TypeVar("Told")


class Numbers(dict[str, int], Generic[Told]):
    """The number of each JSON text, and by that number what the text says: each is read once."""

    def __init__(self, read: Callable[[str], Told]) -> None:
        self._read = read
        self.told: list[Told] = []

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self.told)
        self.told.append(self._read(text))
        return number


def _moved(posted: str) -> Moved:
    """Nothing where that is no entry: fewer than two parts, or not of whole pence that add up to nothing."""
    moved = _decode(f"[{posted}]")
    amounts = [amount for _, amount in moved]
    whole = len(amounts) > 1 and all(type(amount) is int and amount for amount in amounts)
    return moved if whole and sum(amounts) == 0 else []


_decode = msgspec.json.Decoder(list[tuple[str, Any]]).decode


class Sums(msgspec.Struct):
    """What a line's entries add up to: by account code, credit positive, and let go so far."""

    fee: int = 0
    travel: int = 0
    free: int = 0
    by_code: dict[str, int] = msgspec.field(default_factory=dict)
    gross_commission: int = 0
    taken_back: bool = False

    def add(self, gone: list[int], moved: Moved) -> None:
        fee, travel, free, undoes, takes_back = gone
        self.fee += fee
        self.travel += travel
        self.free += free
        self.taken_back = self.taken_back or bool(takes_back)
        for code, amount in moved:
            self.by_code[code] = self.by_code.get(code, 0) - amount
            # The commission as a whole stands on one side of 4000 before the other circle's part is taken off it.
            if code == chart.COMMISSION.code and (amount > 0) == bool(undoes):
                self.gross_commission -= amount


class Written(msgspec.Struct):
    """Paths as they are kept: of each line, and the last step of each path but the first; what each number says."""

    of: list[tuple[int, int]]
    steps: list[Step]
    gone: list[str]
    moved: list[str]


class Paths:
    """Which way each line went. The path 0 is that of a line without entries."""

    def __init__(self, written: Written | None = None) -> None:
        # What an entry let go: fee, travel, free of commission, whether it undoes another, whether it takes back.
        self._gone = Numbers(msgspec.json.Decoder(list[int]).decode)
        self._moved = Numbers(_moved)
        self._steps: list[Step] = [(0, 0, 0)]
        self.of: dict[int, int] = {}
        if written is not None:
            for texts, numbers in ((written.gone, self._gone), (written.moved, self._moved)):
                for text in texts:
                    numbers[text]
            self._steps += written.steps
            self.of.update(written.of)
        self._known = {step: path for path, step in enumerate(self._steps) if path}

    def written(self) -> Written:
        return Written(list(self.of.items()), self._steps[1:], list(self._gone), list(self._moved))

    def went(self, lines: Sequence[int | None], gone: Sequence[str], posted: Sequence[str]) -> int:
        """One more entry of each of these lines, by what it let go and what it posted; how many postings these have between
        them, or 0 where one of them is no entry. Its texts are JSON, `posted` without the brackets around it."""
        moved = list(map(self._moved.__getitem__, posted))
        told = self._moved.told
        parts = [len(told[number]) for number in moved]
        if 0 in parts:
            return 0
        of, known = self.of, self._known
        for line, let_go, move in zip(lines, map(self._gone.__getitem__, gone), moved, strict=True):
            if line is None:
                continue
            step = (of.get(line, 0), let_go, move)
            path = known.get(step)
            if path is None:
                path = known[step] = len(self._steps)
                self._steps.append(step)
            of[line] = path
        return sum(parts)

    def sums(self, path: int) -> Sums:
        """What the entries of a line that went this way add up to."""
        sums = Sums()
        while path:
            path, gone, moved = self._steps[path]
            sums.add(self._gone.told[gone], self._moved.told[moved])
        return sums
