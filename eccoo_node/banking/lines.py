"""One line of a statement as it is kept, and writing down what became of it."""

from datetime import date, datetime, time

import msgspec

from eccoo_node.banking.tables import BankLineEnd
from eccoo_node.db.rows import fetch, fetch_one, insert, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, NotFound
from eccoo_node.record.door import Act


class Line(msgspec.Struct, frozen=True):
    """One line that is kept. `code`: the account of ours that it stands on."""

    id: int
    code: str
    mark: str
    on: date
    amount_pence: int
    text: str
    sender_mark: str = ""
    # How often something that was written or said of it has been undone since.
    undone: int = 0

    @property
    def receipt(self) -> str:
        """How the books name money of this line that is nobody's yet."""
        return receipt_of(self.id)

    @property
    def key(self) -> str:
        """The idempotency key of the one entry that a whole line makes; another one once that was undone."""
        return f"bank:{self.mark}:{self.undone}" if self.undone else f"bank:{self.mark}"

    @property
    def noon(self) -> datetime:
        """The bank's day as a moment: its noon, which is that day in every part of the books."""
        return noon(self.on)


class End(msgspec.Struct, frozen=True):
    """What became of a line, or of a part of it."""

    what: str
    amount_pence: int
    of: str = ""
    entry_id: int | None = None


def receipt_of(line_id: int) -> str:
    return f"bank:{line_id}"


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), tzinfo=clock.zone())


# Whether an end of a line (x) was taken back, and whether it still stands: what it wrote in the books may have been undone.
OPENED = "EXISTS (SELECT 1 FROM bank_line_opened taken WHERE taken.end_id = x.id)"
STANDS = f"(NOT EXISTS (SELECT 1 FROM entry mirror WHERE mirror.reverses_id = x.entry_id) AND NOT {OPENED})"
UNDONE = f"(SELECT COUNT(*) FROM bank_line_end x WHERE x.line_id = l.id AND NOT {STANDS})"
COLUMNS = (
    "SELECT l.id, l.code, l.mark, l.on_day, l.amount_pence, COALESCE(w.text, '') AS text, l.sender_mark, "
    f"{UNDONE} AS undone FROM bank_line l LEFT JOIN bank_words w ON w.line_id = l.id"
)


def from_row(row: tuple[int, str, str, str, int, str, str, int]) -> Line:
    id_, code, mark, on, amount, text, sender, undone = row
    return Line(id_, code, mark, date.fromisoformat(on), amount, text, sender, undone)


async def find(line_id: int) -> Line:
    """Raises NotFound. Asks nobody: whoever calls it has asked who may."""
    row = await fetch_one(f"{COLUMNS} WHERE l.id = ?", line_id)
    if row is None:
        raise NotFound("There is no such line.", "no_line")
    return from_row(tuple(row))


async def locked(line_id: int) -> Line:
    """As `find`; nobody else writes down what became of it until the transaction ends."""
    await fetch(f"SELECT id FROM bank_line WHERE id = ?{locking()}", line_id)
    return await find(line_id)


async def ends(line_id: int) -> list[End]:
    """What became of it so far, in order, as far as it was not undone."""
    rows = await fetch(
        "SELECT x.what, x.amount_pence, x.about, x.entry_id FROM bank_line_end x "
        f"WHERE x.line_id = ? AND {STANDS} ORDER BY x.id",
        line_id,
    )
    return [End(*tuple(row)) for row in rows]


async def refuse_unless_open(line: Line) -> None:
    """Raises Conflict for a line of which somebody has said what it was."""
    if await ends(line.id):
        raise Conflict("Somebody has already said what this was.", "line_ended")


async def end(act: Act, line_id: int, found: End, *, by_hand: bool) -> None:
    """Write down what became of a line. `by_hand`: somebody said so, and no reference did."""
    await insert(
        BankLineEnd(
            line_id=line_id, what=found.what, amount_pence=found.amount_pence, entry_id=found.entry_id, about=found.of,
            by_hand=by_hand, at=clock.now(), by=act.actor.person_id,
        )
    )  # fmt: skip
