"""Reads of what is kept of statements: files that were written, lines that wait, and whether bank and books agree."""

from datetime import date, datetime
from typing import Any

import msgspec

from eccoo_node.banking import lines
from eccoo_node.banking.lines import Line
from eccoo_node.banking.reopening import SAID_ALONE
from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import NotFound

SHOWN = 50


class Imported(msgspec.Struct, frozen=True):
    """One file that was written in the books."""

    id: str
    code: str
    file_name: str
    first_on: date
    last_on: date
    closing_pence: int | None
    lines_read: int
    lines_new: int
    gaps: list[str]
    imported_at: datetime
    by: str


async def imports(actor: Actor) -> list[Imported]:
    """The newest files that were written in the books, newest first. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement"))
    rows = await fetch(
        "SELECT i.id, a.code, i.file_name, i.first_on, i.last_on, i.closing_pence, i.lines_read, i.lines_new, i.gaps, "
        "i.imported_at, COALESCE(p.called, '') FROM statement_import i JOIN bank_account a ON a.id = i.account_id "
        f"LEFT JOIN person p ON p.id = i.imported_by ORDER BY i.imported_at DESC, i.id DESC LIMIT {SHOWN}"
    )
    return [
        Imported(
            row[0], row[1], row[2], date.fromisoformat(row[3]), date.fromisoformat(row[4]), row[5], row[6], row[7],
            msgspec.json.decode(row[8], type=list[str]), as_time(row[9]) or clock.now(), row[10],
        )
        for row in map(tuple, rows)
    ]  # fmt: skip


class HalfWritten(msgspec.Struct, frozen=True):
    """A file of which some lines are in the books, and the rest is being written."""

    id: str
    file_name: str
    reached: int
    lines: int


async def half_written(actor: Actor) -> list[HalfWritten]:
    """Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement"))
    rows = await fetch(
        "SELECT d.id, d.file_name, d.reached, i.lines_read FROM statement_draft d "
        "JOIN statement_import i ON i.id = d.id ORDER BY d.begun_at, d.id"
    )
    return [HalfWritten(*tuple(row)) for row in rows]


class Open(msgspec.Struct, frozen=True):
    """A line that waits for somebody to say what it was. `left_pence`: how much of it, above 0 for what came in."""

    line: Line
    left_pence: int


_OPEN = (
    "SELECT l.id, l.code, l.mark, l.on_day, l.amount_pence, COALESCE(w.text, '') AS words, l.sender_mark, "
    f"{lines.UNDONE} AS undone, COALESCE(("
    "SELECT -a.balance_pence FROM account a WHERE a.code = '2090' AND a.holder = 'bank:' || CAST(l.id AS VARCHAR) "
    "AND a.awaiting = ''), 0) AS lying, "
    f"(SELECT COUNT(*) FROM bank_line_end x WHERE x.line_id = l.id AND {lines.STANDS}) AS ended "
    "FROM bank_line l LEFT JOIN bank_words w ON w.line_id = l.id WHERE l.amount_pence <> 0 {more}"
)
_WAITS = "(lying > 0 OR ended = 0)"


async def waiting_lines(actor: Actor, skip: int = 0) -> list[Open]:
    """Money that is nobody's yet, and what left the bank unexplained, oldest first; one more than is shown, where there
    are more. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line"))
    return await _open("", SHOWN + 1, skip=skip)


async def waiting_line(actor: Actor, line_id: int) -> Open:
    """One of them. Raises NotFound for a line of which everything has been said."""
    access.requires(actor, "banking.see_lines", Thing("bank_line", str(line_id)))
    if found := await _open("AND l.id = ?", 1, line_id):
        return found[0]
    raise NotFound("There is nothing left to say of this.", "nothing_left")


async def is_said(actor: Actor, line_id: int) -> bool:
    """Whether there is such a line, and everything has been said of it. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line", str(line_id)))
    there = await fetch("SELECT 1 FROM bank_line WHERE id = ? AND amount_pence <> 0", line_id)
    return bool(there) and not await _open("AND l.id = ?", 1, line_id)


async def full_names(actor: Actor) -> dict[str, str]:
    """By payer, the whole name of whoever pays, as a bank may write it. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line"))
    rows = await fetch("SELECT y.id, p.full_name FROM payer y JOIN person p ON p.id = y.payer_person_id")
    return {row[0]: row[1] for row in rows if row[1]}


class Said(msgspec.Struct, frozen=True):
    """A line of which somebody said what it was, and that wrote nothing in the books. `of`: what it answers to, if to anything:
    an entry's number, or another line ("line:12")."""

    line: Line
    what: str
    of: str
    at: datetime
    by: str


_SAID = (
    "SELECT l.id, l.code, l.mark, l.on_day, l.amount_pence, COALESCE(w.text, '') AS words, l.sender_mark, 0 AS undone, "
    "x.what, CASE WHEN x.entry_id IS NULL THEN x.about ELSE CAST(x.entry_id AS VARCHAR) END AS answered, x.at, "
    "COALESCE(p.called, '') AS called FROM bank_line_end x JOIN bank_line l ON l.id = x.line_id "
    "LEFT JOIN bank_words w ON w.line_id = l.id LEFT JOIN person p ON p.id = x.by "
    f"WHERE x.what IN ({', '.join(f'{what!r}' for what in SAID_ALONE)}) AND {lines.STANDS} "
)


async def said_lines(actor: Actor, skip: int = 0) -> list[Said]:
    """Lines of which something was said that wrote nothing, the latest first; one more than is shown, where there are more.
    Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line"))
    return [_said(tuple(row)) for row in await fetch(f"{_SAID} ORDER BY x.id DESC LIMIT {SHOWN + 1} OFFSET ?", skip)]


async def said_line(actor: Actor, line_id: int) -> Said:
    """One of them. Raises NotFound for a line of which nothing is said that could be taken back."""
    access.requires(actor, "banking.see_lines", Thing("bank_line", str(line_id)))
    rows = await fetch(f"{_SAID} AND l.id = ? ORDER BY x.id DESC LIMIT 1", line_id)
    if rows:
        return _said(tuple(rows[0]))
    raise NotFound("There is no such line.", "no_line")


def _said(row: tuple[Any, ...]) -> Said:
    return Said(lines.from_row(row[:8]), row[8], row[9], as_time(row[10]) or clock.now(), row[11])


async def how_many_wait(actor: Actor) -> int:
    """How many lines wait for somebody to say what they were. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("bank_line"))
    return int(await fetch_value(f"SELECT COUNT(*) FROM ({_OPEN.format(more='')}) AS found WHERE {_WAITS}"))


async def unread_since(actor: Actor) -> dict[str, datetime]:
    """When a file of each of our accounts was written last, or since when the account has stood here. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement"))
    rows = await fetch(
        "SELECT a.code, MIN(a.recorded_at), MAX(i.imported_at) FROM bank_account a "
        "LEFT JOIN statement_import i ON i.account_id = a.id GROUP BY a.code ORDER BY a.code"
    )
    return {row[0]: as_time(row[2]) or as_time(row[1]) or clock.now() for row in rows}


async def _open(more: str, most: int, *params: object, skip: int = 0) -> list[Open]:
    """What still lies on the receipt of a line, or a line without an end."""
    rows = await fetch(
        f"SELECT * FROM ({_OPEN.format(more=more)}) AS found WHERE {_WAITS} ORDER BY on_day, id LIMIT {int(most)} OFFSET ?",
        *params,
        skip,
    )
    return [Open(lines.from_row(tuple(row)[:8]), int(row[8]) or row[4]) for row in rows]


async def payers_of_sender(line: Line) -> list[str]:
    """Whose money of this line's sender was, of other lines, newest first."""
    if not line.sender_mark:
        return []
    rows = await fetch(
        "SELECT x.about FROM bank_line l JOIN bank_line_end x ON x.line_id = l.id WHERE l.sender_mark = ? AND l.id <> ? "
        f"AND x.what IN ('top_up', 'matched') AND {lines.STANDS} ORDER BY x.id DESC LIMIT 50",
        line.sender_mark, line.id,
    )  # fmt: skip
    return list(dict.fromkeys(row[0] for row in rows))


class Standing(msgspec.Struct, frozen=True):
    """What the bank said last of one account, and what the books say. `waits_pence`: lines that nobody has explained."""

    code: str
    on: date
    bank_pence: int
    books_pence: int
    waits_pence: int

    @property
    def apart_pence(self) -> int:
        """By how much the bank has more than the books and what waits."""
        return self.bank_pence - self.books_pence - self.waits_pence


async def standings(actor: Actor) -> list[Standing]:
    """For each account with a statement that has a balance. Raises Forbidden."""
    access.requires(actor, "banking.see_lines", Thing("statement"))
    newest: dict[str, tuple[str, int]] = {}
    for code, on, closing in await fetch(
        "SELECT a.code, i.last_on, i.closing_pence FROM statement_import i JOIN bank_account a ON a.id = i.account_id "
        "WHERE i.closing_pence IS NOT NULL AND NOT EXISTS (SELECT 1 FROM statement_draft d WHERE d.id = i.id) "
        "ORDER BY i.last_on, i.imported_at"
    ):
        newest[code] = (on, closing)
    waits = {
        row[0]: int(row[1])
        for row in await fetch(
            "SELECT l.code, CAST(SUM(l.amount_pence) AS BIGINT) FROM bank_line l "
            "WHERE NOT EXISTS (SELECT 1 FROM bank_line_end x "
            f"WHERE x.line_id = l.id AND {lines.STANDS}) GROUP BY l.code"
        )
    }
    books = await escrow.trial_balance()
    return [
        Standing(code, date.fromisoformat(on), closing, books.get(code, 0), waits.get(code, 0))
        for code, (on, closing) in sorted(newest.items())
    ]
