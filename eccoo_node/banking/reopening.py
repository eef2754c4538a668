"""A line waits again: what was written of it has been undone, or what was said of it is taken back.

Where saying it wrote an entry, that entry is undone (`escrow.corrections`). Where it wrote none, there is none to undo, and
only what was said is taken back; an entry that the line answered to stays as it is.
"""

from eccoo_node.banking import answering, lines, unknown
from eccoo_node.banking.lines import OPENED, STANDS, Line
from eccoo_node.banking.rules import CLIENT
from eccoo_node.banking.tables import BankLineOpened
from eccoo_node.db.rows import fetch, fetch_one, insert
from eccoo_node.escrow import undoing
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts import actions as payouts
from eccoo_node.record.door import Act, door

# What a line was said to be where that wrote nothing in the books.
SAID_ALONE = (*answering.KINDS, "other", "elsewhere", "own_in", "own_cost")
_NAMED = ", ".join(f"'{what}'" for what in SAID_ALONE)


@door("banking.take_back")
async def take_back(act: Act, line_id: int, *, because: str) -> None:
    """What was said of a line was a mistake, and had written nothing: the line waits again, and so does whatever answers to
    it. Raises Conflict where an entry was written, which is undone instead, or where it has been taken back already."""
    row = await fetch_one(
        f"SELECT x.entry_id FROM bank_line_end x WHERE x.line_id = ? AND x.what IN ({_NAMED}) AND {STANDS}", line_id
    )
    parties = await undoing.parties(row[0]) if row and row[0] else frozenset[str]()
    act.allow(Thing("bank_line", str(line_id), parties=parties))
    act.because(because)
    if not because.strip():
        raise Invalid("Say why it is taken back.", "no_reason", field="because")
    await payouts.take_turn()
    line = await lines.locked(line_id)
    if not await _open_end(act, line):
        raise Conflict("What was said of this has been taken back, or is undone in the books.", "nothing_said")
    await _open_answers(act, line_id)


async def _open_end(act: Act, line: Line) -> bool:
    """Take back what was said of a line alone, and receive it anew where it is money that we look after."""
    ends = await fetch(
        f"SELECT x.id FROM bank_line_end x WHERE x.line_id = ? AND x.what IN ({_NAMED}) AND {STANDS} ORDER BY x.id",
        line.id,
    )
    for (end_id,) in ends:
        await insert(BankLineOpened(end_id=end_id, at=clock.now(), by=act.actor.person_id))
    if ends:
        await _receive_again(act, line.id)
    return bool(ends)


async def _open_answers(act: Act, line_id: int) -> None:
    """The other lines of transfers that name this one."""
    rows = await fetch(
        f"SELECT x.line_id FROM bank_line_end x WHERE x.what = 'own' AND x.about = ? AND {STANDS} ORDER BY x.line_id",
        f"line:{line_id}",
    )
    for (other,) in rows:
        if await _open_end(act, await lines.locked(other)):
            await _open_answers(act, other)


async def _receive_again(act: Act, line_id: int) -> None:
    """Money that is in the account where we look after others' is there still, and nobody's until it is said anew."""
    line = await lines.find(line_id)
    if line.code == CLIENT and line.amount_pence > 0 and not await lines.ends(line_id):
        await unknown.receive(act, line, again=True)


# ---------------------------------------------------------------- what was written of a line is undone


async def _lines_of(entry_id: int) -> list[tuple[int, str]]:
    """The lines that an entry was written of, or that answer to it, with what they were."""
    rows = await fetch(
        f"SELECT x.line_id, x.what FROM bank_line_end x WHERE x.entry_id = ? AND NOT {OPENED} ORDER BY x.line_id",
        entry_id,
    )
    return [(int(row[0]), row[1]) for row in rows]


class _BankLines:
    """A line of the bank of which an entry was written waits again once that entry is undone."""

    path = "/money/inbox"

    async def says(self, entry_id: int) -> str:
        found = [await lines.find(line_id) for line_id, _ in await _lines_of(entry_id)]
        if not found:
            return ""
        days = ", ".join(f"{say_date(line.on)}, {pounds(abs(line.amount_pence))}" for line in found)
        return (
            f"It came from the bank’s statement: {days}. That line then waits under “Whose money is this?” again, and you "
            "say there what it was."
        )

    async def refuses(self, entry_id: int) -> str:
        if any(what == "received" for _, what in await _lines_of(entry_id)):
            return "This money is in the bank, and nobody’s yet. Say whose it is at “Whose money is this?”."
        return ""

    async def take(self, entry_id: int) -> bool:
        found = await _lines_of(entry_id)
        for line_id, _ in found:
            await lines.locked(line_id)
        return bool(found)

    async def open_again(self, act: Act, entry_id: int) -> None:
        for line_id, _ in await _lines_of(entry_id):
            await _receive_again(act, line_id)
            await _open_answers(act, line_id)


undoing.source(_BankLines())
