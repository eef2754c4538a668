"""What stands on a paper, in words and sums, ready for the page, the printer and the file. Pure.

A sheet is frozen with the figures that it was made of, so that an old paper reads as it did when better words are found.
"""

import csv
import io
import re
from datetime import date

import msgspec

from eccoo_node.members.say import say_date
from eccoo_node.papers.rules import Period

_SUM = re.compile(r"−?£[0-9,]+(\.[0-9]{2})?")
# With what something to reckon may begin; some spreadsheets take the wide signs of other scripts for the same.
_FORMULA = frozenset("=+-@＝＋－＠\t\r\n")


class Row(msgspec.Struct, frozen=True):
    """Words with a sum beside them; `note` says more below the words."""

    words: str
    amount: str = ""
    note: str = ""


class Table(msgspec.Struct, frozen=True):
    """Rows of cells below a head; every column but the first holds sums."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    total: list[str] = []


class Block(msgspec.Struct, frozen=True):
    """One part of a paper under its own heading: sentences, then rows with their total, then tables."""

    title: str
    words: list[str] = []
    rows: list[Row] = []
    total: Row | None = None
    tables: list[Table] = []


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A whole paper but for its number. `wide` lies on its side, for tables of many columns."""

    title: str
    circle: list[str]
    to: list[str]
    facts: list[tuple[str, str]]
    lead: list[str]
    blocks: list[Block]
    foot: list[str]
    wide: bool = False


def sum_of(pence: int) -> str:
    """`6000` is "£60.00": on a paper sums stand below each other, so all have their pence."""
    whole, rest = divmod(abs(pence), 100)
    return f"{'−' if pence < 0 else ''}£{whole:,}.{rest:02}"


def days(period: Period) -> str:
    """ "16 November 2026 to 22 November 2026", as short as it can be said."""
    first, last = period.first, period.last
    if first == last:
        return say_date(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {say_date(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} to {say_date(last)}"
    return f"{say_date(first)} to {say_date(last)}"


def day(of: date) -> str:
    """ "Monday 16 November"."""
    return f"{of:%A} {of.day} {of:%B}"


def as_csv(sheet: Sheet, number: str) -> str:
    """The same paper for a spreadsheet. What begins like a formula is made plain text, since a name may be anything."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")

    def put(*cells: str) -> None:
        write.writerow([_plain(cell) for cell in cells])

    put(sheet.title, number)
    for word, value in sheet.facts:
        put(word, value)
    for block in sheet.blocks:
        put()
        put(block.title)
        for row in [*block.rows, *([block.total] if block.total else [])]:
            put(row.words, row.amount, row.note)
        for table in block.tables:
            put(*([table.caption] if table.caption != block.title else []))
            put(*table.head)
            for cells in [*table.rows, *([table.total] if table.total else [])]:
                put(*cells)
    put()
    for sentence in sheet.foot:
        put(sentence)
    return out.getvalue()


def _plain(cell: str) -> str:
    """Sums as numbers, and nothing that a spreadsheet would reckon."""
    # The whole cell, or it is words: somebody may be called “£=…”, and without its sign that would be reckoned.
    if _SUM.fullmatch(cell):
        return cell.replace("−", "-").replace("£", "").replace(",", "")
    return f"'{cell}" if cell[:1] in _FORMULA or cell.lstrip()[:1] in _FORMULA else cell
