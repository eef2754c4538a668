"""What a statement is once it has been read, and how a file says that it cannot be."""

import re
from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import MAX_PENCE, pounds

# More than a circle's year; one file is written in one transaction.
MOST_LINES = 5000
MOST_TROUBLES = 8
LONGEST_TEXT = 600
# A balance may be larger than any one payment.
MOST_BALANCE = 100_000 * MAX_PENCE
EARLIEST = date(2000, 1, 1)


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is wrong with a file. `line` is counted as in the file; 0 for the file as a whole."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}" if self.line else self.reason


class Unreadable(Invalid):
    """A file that is not taken in, with every reason found, a few at most."""

    def __init__(self, *troubles: Trouble) -> None:
        self.troubles = troubles[:MOST_TROUBLES]
        said = " ".join(str(one) for one in self.troubles)
        super().__init__(f"{said} Nothing has been taken in.", "bad_statement", field="file")


def whole_file(reason: str) -> Unreadable:
    return Unreadable(Trouble(0, reason))


class StatementLine(msgspec.Struct, frozen=True):
    """One line of a statement. Above 0 came in, below 0 went out.

    `text` is all that the bank says of it, `sender` whoever it names on the other side, where it keeps that apart.
    `bank_id` is the bank's own number for it, where there is one.
    """

    number: int
    on: date
    amount_pence: int
    text: str
    sender: str = ""
    bank_id: str = ""
    balance_pence: int | None = None


class Statement(msgspec.Struct, frozen=True):
    """What a file says, oldest line first. Sort code and account number are empty where it does not say whose it is."""

    lines: list[StatementLine]
    sort_code: str = ""
    account_number: str = ""
    opening_pence: int | None = None
    closing_pence: int | None = None
    # Lines that the bank itself had not yet settled, and that are no part of the statement.
    pending: int = 0

    @property
    def first_on(self) -> date:
        return self.lines[0].on

    @property
    def last_on(self) -> date:
        return self.lines[-1].on


class Reader:
    """Collects what is wrong while a file is read, so that one look shows all of it."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.troubles: list[Trouble] = []

    def wrong(self, line: int, reason: str) -> None:
        self.troubles.append(Trouble(line, reason))
        if len(self.troubles) >= MOST_TROUBLES:
            raise Unreadable(*self.troubles)

    def end(self) -> None:
        if self.troubles:
            raise Unreadable(*self.troubles)

    def amount(self, line: int, typed: str, *, most: int = MAX_PENCE) -> int | None:
        """Pence of what stands there; None, with the reason kept, for anything that is no sum of money."""
        pence = read_pence(typed)
        if pence is None:
            self.wrong(line, f"“{short(typed)}” is not a sum in pounds and pence.")
            return None
        if abs(pence) > most:
            self.wrong(line, f"{short(typed)} is more than {pounds(most)}, the most that one line may be.")
            return None
        return pence

    def day(self, line: int, typed: str, how: str) -> date | None:
        """The day that stands there, in the one way in which this file writes days."""
        found = read_day(typed, how)
        if found is None:
            self.wrong(line, f"“{short(typed)}” is not a day written as {DAYS[how].say}.")
        elif found > self.today:
            self.wrong(line, f"{short(typed)} is yet to come.")
        elif found < EARLIEST:
            self.wrong(line, f"{short(typed)} is too long ago.")
        else:
            return found
        return None


def short(typed: str) -> str:
    plain = " ".join(typed.split())
    return plain if len(plain) <= 40 else f"{plain[:39]}…"


def plain_text(*parts: str) -> str:
    """What the bank says, in one line and with single spaces, without signs that nobody can read."""
    said = " ".join(" ".join(part.split()) for part in parts if part.strip())
    return "".join(c for c in said if c.isprintable())[:LONGEST_TEXT].strip()


# Commas only where thousands are; a point only before pence. "1.234,50", "1,23" and "12.345" are no sums.
_SUM = re.compile(r"([+\-−]?)\s*£?\s*([+\-−]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2}))?", re.ASCII)
_LONGEST_SUM = 24


def read_pence(typed: str) -> int | None:
    """Signed pence of a sum as banks write it; None for anything else, and above all never 0."""
    plain = typed.strip()
    found = _SUM.fullmatch(plain) if len(plain) <= _LONGEST_SUM else None
    if found is None or (found[1] and found[2]):
        return None
    pence = int(found[3].replace(",", "")) * 100 + int((found[4] or "").ljust(2, "0"))
    return -pence if (found[1] or found[2]) in {"-", "−"} else pence


class DayForm(msgspec.Struct, frozen=True):
    """One way of writing a day: the shape it must have, how it is read, and how to say it."""

    shape: re.Pattern[str]
    how: str
    say: str


# The day always comes first, unless the year does. There is no way to choose American days, and none is ever guessed.
DAYS: dict[str, DayForm] = {
    "dd/mm/yyyy": DayForm(re.compile(r"\d{2}/\d{2}/\d{4}", re.ASCII), "%d/%m/%Y", "31/12/2026"),
    "dd-mm-yyyy": DayForm(re.compile(r"\d{2}-\d{2}-\d{4}", re.ASCII), "%d-%m-%Y", "31-12-2026"),
    "dd Mon yyyy": DayForm(re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4}", re.ASCII), "%d %b %Y", "31 Dec 2026"),
    "yyyy-mm-dd": DayForm(re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII), "%Y-%m-%d", "2026-12-31"),
    "yyyymmdd": DayForm(re.compile(r"\d{8}", re.ASCII), "%Y%m%d", "20261231"),
}


def read_day(typed: str, how: str) -> date | None:
    form = DAYS[how]
    if not form.shape.fullmatch(typed.strip()):
        return None
    try:
        return datetime.strptime(typed.strip(), form.how).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


_MARKED = (
    (b"%PDF", "This is a PDF. Ask the bank’s website for a file to download: CSV, OFX or CAMT.053."),
    (b"PK\x03\x04", "This is a spreadsheet. Save it as CSV, or choose CSV at the bank."),
    (b"\xd0\xcf\x11\xe0", "This is a spreadsheet. Save it as CSV, or choose CSV at the bank."),
)


def decode(data: bytes) -> str:
    """The text of a file in one of the writings that banks use. Raises Unreadable for one that is no text."""
    if not data.strip():
        raise whole_file("The file is empty.")
    for mark, reason in _MARKED:
        if data.startswith(mark):
            raise whole_file(reason)
    text = _decoded(data)
    if "\0" in text:
        raise whole_file("This is not a file of text, so it can’t be a statement.")
    return text


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise whole_file("This is not a file of text, so it can’t be a statement.")


def account_digits(typed: str) -> str:
    return "".join(c for c in typed if c.isascii() and c.isdigit())


def in_order(lines: Sequence[StatementLine]) -> list[StatementLine]:
    """The lines oldest first. A file is one or the other way round; within one day the balances tell which."""
    if len(lines) < 2:
        return list(lines)
    turned = list(reversed(lines))
    if lines[0].on != lines[-1].on:
        chosen = turned if lines[0].on > lines[-1].on else list(lines)
    else:
        chosen = turned if not breaks(turned) and breaks(lines) else list(lines)
    # Stable, so that the order within a day stays as the bank has it.
    return sorted(chosen, key=lambda line: line.on)


class Break(msgspec.Struct, frozen=True):
    """Between two lines the balance does not follow from the second: something is missing, or was changed."""

    after_line: int
    at_line: int
    on: date
    missing_pence: int


def breaks(lines: Sequence[StatementLine]) -> list[Break]:
    """Where the running balance does not add up, for lines oldest first. Lines without a balance are summed over."""
    found = []
    before: StatementLine | None = None
    reached = 0
    for line in lines:
        reached += line.amount_pence
        if line.balance_pence is None:
            continue
        if before is not None and before.balance_pence is not None:
            missing = line.balance_pence - before.balance_pence - reached
            if missing:
                found.append(Break(before.number, line.number, line.on, missing))
        before, reached = line, 0
    return found


def ends(lines: Sequence[StatementLine]) -> tuple[int | None, int | None]:
    """The balance before the first line and after the last, as far as the lines themselves say."""
    opening = closing = None
    moved = 0
    for line in lines:
        moved += line.amount_pence
        if line.balance_pence is not None:
            opening = line.balance_pence - moved
            break
    moved = 0
    for line in reversed(lines):
        if line.balance_pence is not None:
            closing = line.balance_pence + moved
            break
        moved += line.amount_pence
    return opening, closing
