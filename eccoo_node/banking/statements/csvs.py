"""Statements as CSV, by the layout of the bank. A file that is laid out otherwise is refused, not guessed at."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date

from eccoo_node.banking.statements.model import (
    LONGEST_TEXT,
    MOST_BALANCE,
    MOST_LINES,
    Reader,
    Statement,
    StatementLine,
    Trouble,
    Unreadable,
    account_digits,
    decode,
    ends,
    in_order,
    plain_text,
    read_pence,
    short,
    whole_file,
)
from eccoo_node.banking.statements.profiles import PROFILES, Profile

Row = tuple[int, list[str]]


def rows_of(text: str) -> list[Row]:
    """Each row with the number of the line on which it begins; empty ones are left out. Raises Unreadable."""
    found: list[Row] = []
    try:
        found.extend(_rows(text))
    except csv.Error:
        at = found[-1][0] + 1 if found else 1
        raise Unreadable(Trouble(at, "This line is not CSV: a quotation mark is missing or too many.")) from None
    return found


def _rows(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield begins, row
        begins = reader.line_num + 1


def _named(row: list[str]) -> list[str]:
    """Headings as they are compared: without spaces around, and without the empty ones of a comma at the end."""
    cells = [" ".join(cell.split()) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def has_headings(row: list[str], profile: Profile) -> bool:
    cells = _named(row)
    if profile.headings:
        return tuple(cells[: len(profile.headings)]) == profile.headings
    return all(cells.count(name) == 1 for name in profile.needed)


def read_csv(data: bytes, profile: Profile, *, today: date) -> Statement:
    """The statement, oldest line first. Raises Unreadable with each line that is wrong, and why."""
    rows = rows_of(decode(data))[profile.skip :]
    if not rows:
        raise whole_file("The file has no lines.")
    if not has_headings(rows[0][1], profile):
        raise Unreadable(Trouble(rows[0][0], _not_theirs(rows[0][1], profile)))
    if len(rows) - 1 > MOST_LINES:
        raise whole_file(f"This file has more than {MOST_LINES:,} lines. Choose a shorter time at the bank.")
    headings, reader = _named(rows[0][1]), Reader(today)
    lines, accounts = [], set()
    for number, cells in rows[1:]:
        if len(cells) < len(headings) or any(cell.strip() for cell in cells[len(headings) :]):
            reader.wrong(number, f"There are {len(cells)} columns here, and {len(headings)} in the first line.")
            continue
        row = dict(zip(headings, cells, strict=False))
        accounts.add((_digits(row, profile.sort_code), _digits(row, profile.account_number)))
        if line := _line(reader, number, row, profile):
            lines.append(line)
    reader.end()
    if not lines:
        raise whole_file("There is nothing in this file but its headings.")
    if len(accounts) > 1:
        raise whole_file("This file has lines of more than one account. Choose one account at the bank.")
    lines = in_order(lines)
    return Statement(lines, *_account(*accounts.pop()), *ends(lines))


def _digits(row: Mapping[str, str], column: str) -> str:
    # Lloyds writes an apostrophe before the sort code, so that a spreadsheet leaves its zeros alone.
    return account_digits(row[column]) if column else ""


def _account(sort_code: str, number: str) -> tuple[str, str]:
    """NatWest writes both in one column: "601234-12345678"."""
    return (number[:6], number[6:]) if not sort_code and len(number) == 14 else (sort_code, number)


def _not_theirs(row: list[str], profile: Profile) -> str:
    others = [one.title for one in PROFILES.values() if one.name != profile.name and has_headings(row, one)]
    wanted = ", ".join(profile.headings or profile.needed)
    said = f"This is not a file of {profile.title}: its headings should be {wanted}."
    return f"{said} It looks like one of {others[0]}." if others else said


def _line(reader: Reader, number: int, row: Mapping[str, str], profile: Profile) -> StatementLine | None:
    on = reader.day(number, row[profile.day], profile.day_form)
    amount = _amount(reader, number, row, profile)
    balance = None
    if profile.balance and row[profile.balance].strip():
        balance = reader.amount(number, row[profile.balance], most=MOST_BALANCE)
        if balance is None:
            return None
    text = plain_text(*(row[column] for column in profile.texts))
    if sum(len(row[column]) for column in profile.texts) > LONGEST_TEXT:
        reader.wrong(number, f"“{short(text)}” is longer than any bank writes.")
    if on is None or amount is None:
        return None
    sender = plain_text(row[profile.sender]) if profile.sender else ""
    return StatementLine(number, on, amount, text, sender, "", balance)


def _amount(reader: Reader, number: int, row: Mapping[str, str], profile: Profile) -> int | None:
    if profile.amount:
        found = reader.amount(number, row[profile.amount])
        return -found if found is not None and profile.turned else found
    both = [row[profile.paid_in].strip(), row[profile.paid_out].strip()]
    if all(both) and [read_pence(one) for one in both].count(0) == 1:
        # Some banks write 0.00 in the other column, and some leave it empty.
        both = [one if read_pence(one) else "" for one in both]
    if all(both) or not any(both):
        several = "Both" if all(both) else "Neither"
        reader.wrong(number, f"{several} of “{profile.paid_in}” and “{profile.paid_out}” have a sum.")
        return None
    found = reader.amount(number, both[0] or both[1])
    if found is not None and found < 0:
        reader.wrong(number, f"{both[0] or both[1]} is below 0, where only sums above 0 are written.")
        return None
    return found if both[0] or found is None else -found
