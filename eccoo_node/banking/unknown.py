"""Money in the account where we look after others', of which nobody knows whose it is."""

from collections.abc import Sequence

from eccoo_node.banking import lines
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.rules import CLIENT
from eccoo_node.escrow import corrections, treasury
from eccoo_node.kernel.errors import Conflict
from eccoo_node.record.door import Act


async def receive(act: Act, line: Line, *, again: bool = False) -> None:
    """It has come in (1000 / 2090).

    `again`: what was written of it has just been undone, and so as of today.
    """
    entry = await treasury.receive_unmatched(
        act.actor, line.receipt, line.amount_pence, line.key, effective_at=None if again else line.noon
    )
    await lines.end(act, line.id, End("received", line.amount_pence, "", entry), by_hand=False)


def received_as(line: Line, ended: Sequence[End]) -> int | None:
    """The entry by which a line is nobody's; None for one that no entry was written of yet.

    Raises Conflict where a part of it has gone somewhere already, or all of it has been said before.
    """
    if line.code != CLIENT or line.amount_pence < 0:
        if ended:
            raise Conflict("Somebody has already said what this was.", "line_ended")
        return None
    if [one.what for one in ended] != ["received"] or ended[0].entry_id is None:
        raise Conflict("Somebody has already said whose this is, or whose a part of it is.", "line_ended")
    return ended[0].entry_id


async def becomes_known(act: Act, line: Line, ended: Sequence[End]) -> None:
    """Somebody says what a line was, all of it: what had been written of it as nobody's is undone by its mirror.

    Raises Conflict as `received_as`.
    """
    if entry := received_as(line, ended):
        because = "It is known what this money was."
        await corrections.reverse(act.actor, entry, f"{line.key}:known", because=because, told_anew=True)
