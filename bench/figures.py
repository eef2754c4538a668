"""One figure: what was measured, beside what the machine can do at all."""

import json
from pathlib import Path

import msgspec

BEGIN, END = "<!-- measured -->", "<!-- until here -->"


class Figure(msgspec.Struct):
    """`ratio` is value to floor where more is better, floor to value where less is; `bar` is what must be reached."""

    name: str
    value: float
    unit: str
    floor: float | None
    ratio: float | None
    bar: float
    holds: bool


def rate(name: str, value: float, floor: float, bar: float, unit: str = "/s") -> Figure:
    """More is better: holds when value is at least `bar` of the floor."""
    ratio = value / floor
    return Figure(name, round(value, 1), unit, round(floor, 1), round(ratio, 3), bar, ratio >= bar)


def limit(name: str, value: float, bar: float, unit: str, floor: float | None = None) -> Figure:
    """Less is better: holds when value is at most `bar`."""
    ratio = round(floor / value, 3) if floor and value else None
    return Figure(name, round(value, 2), unit, round(floor, 2) if floor else None, ratio, bar, value <= bar)


def least(name: str, value: float, bar: float, unit: str = "/s") -> Figure:
    """More is better: holds when value is at least `bar`."""
    return Figure(name, round(value, 1), unit, None, None, bar, value >= bar)


def write(figures: list[Figure], path: Path) -> None:
    path.write_text(json.dumps([msgspec.to_builtins(f) for f in figures], indent=1) + "\n", "utf-8")


def show(figures: list[Figure], page: Path) -> None:
    """Put the table between the two marks of docs/performance.md."""
    before, rest = page.read_text("utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{rest.split(END)[1]}", "utf-8")


def table(figures: list[Figure]) -> str:
    """As Markdown, for the screen and for docs/performance.md."""
    lines = ["| figure | measured | floor | ratio | bar | holds |", "|---|---:|---:|---:|---:|---|"]
    for f in figures:
        floor = "" if f.floor is None else f"{f.floor:g} {f.unit}"
        ratio = "" if f.ratio is None else f"{f.ratio:.2f}"
        lines.append(
            f"| {f.name} | {f.value:g} {f.unit} | {floor} | {ratio} | {f.bar:g} | {'yes' if f.holds else 'NO'} |"
        )
    return "\n".join(lines)
