"""Writing a statement in the books: all of its lines, or none."""

import asyncio
from collections.abc import Collection

import msgspec

from eccoo_node.banking import arriving, checking, leaving, lines, queries
from eccoo_node.banking.checking import Looked
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.planning import Planned
from eccoo_node.banking.queries import Draft
from eccoo_node.banking.tables import BankWords, StatementImport
from eccoo_node.db.rows import fetch, fetch_one, insert, locking
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.payouts import actions as payouts
from eccoo_node.record.door import Act, door


class Written(msgspec.Struct, frozen=True):
    """What an import did. `fresh` is False where this very file had been written before."""

    import_id: str
    lines_new: int
    fresh: bool = True


@door("banking.import")
async def write_statement(act: Act, draft_id: str, *, again: Collection[str] = ()) -> Written:
    """Write a file that was read in the books, line by line, in one transaction.

    `again`: the marks of lines that look like what was written down by hand, and are other money all the same. The draft
    is the import's own name, so that the same file is written once. Raises Conflict when it can no longer be written.
    """
    act.allow(Thing("statement", draft_id))
    # Before any account is locked, and before it is looked at what is on its way.
    await payouts.take_turn()
    await fetch(f"SELECT id FROM statement_draft WHERE id = ?{locking()}", draft_id)
    before = await fetch_one("SELECT lines_new FROM statement_import WHERE id = ?", draft_id)
    if before is not None:
        return Written(draft_id, before[0], fresh=False)
    draft = await queries.draft(act.actor, draft_id)
    looked = await checking.look(act.actor, draft.account, draft.statement)
    new = [one for one in looked.planned if one.what != "before"]
    await _keep_import(act, draft, looked, len(new))
    for one in new:
        await _write(act, draft, one, again)
        # Others are served between two lines.
        await asyncio.sleep(0)
    await fetch("DELETE FROM statement_draft WHERE id = ?", draft_id)
    await act.tell("bank.imported", "statement_import", draft_id, lines=len(new))
    return Written(draft_id, len(new))


async def _keep_import(act: Act, draft: Draft, looked: Looked, new: int) -> None:
    found = draft.statement
    await insert(
        StatementImport(
            id=draft.id, account_id=int(draft.account.id), file_name=draft.file_name, layout=draft.account.layout,
            first_on=found.first_on.isoformat(), last_on=found.last_on.isoformat(), opening_pence=found.opening_pence,
            closing_pence=found.closing_pence, lines_read=len(found.lines), lines_new=new,
            gaps=msgspec.json.encode(looked.gaps).decode(), imported_at=clock.now(), imported_by=act.actor.person_id,
        )
    )  # fmt: skip


_INSERT = (
    "INSERT INTO bank_line (import_id, code, mark, on_day, amount_pence, balance_pence, place, sender_mark) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
)


async def _write(act: Act, draft: Draft, one: Planned, again: Collection[str]) -> None:
    line, code = one.line, draft.account.code
    rows = await fetch(
        _INSERT,
        draft.id,
        code,
        one.mark,
        line.on.isoformat(),
        line.amount_pence,
        line.balance_pence,
        line.number,
        one.sender,
    )
    if not rows:
        # Another import of the same days was written while this one was looked at.
        raise Conflict("Some of these lines have just been written. Look at the file again.", "just_written")
    kept = Line(int(rows[0][0]), code, one.mark, line.on, line.amount_pence, line.text, one.sender)
    if line.text:
        await insert(BankWords(line_id=kept.id, text=line.text))
    if one.what == "nothing":
        await lines.end(act, kept.id, End("nothing", 0), by_hand=False)
    elif one.what == "received":
        await arriving.receive(act, kept)
    elif one.what == "refund_left":
        await leaving.settle(act, kept, "refund_left", one.payer_id, by_hand=False)
    elif one.what == "payout" and one.payment:
        await leaving.settle(act, kept, "payout", one.payment.payment_id, by_hand=False)
    elif one.what == "came_back" and one.payment:
        await arriving.came_back(act, kept, one.payment.payment_id, by_hand=False)
    elif one.what == "top_up":
        if one.same_entry is not None and one.mark not in again:
            await lines.end(act, kept.id, End("by_hand", line.amount_pence, one.payer_id, one.same_entry), by_hand=True)
        else:
            await arriving.top_up(act, kept, one.payer_id)
