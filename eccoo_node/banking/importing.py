"""Writing a statement in the books: looked at as a whole before the first line, then written in parts.

A long file would keep everyone else from writing for a minute, so no more than `PART` lines are written at once. What can't
be read or does not fit is refused before the first of them, and then nothing is kept. A file that stops half-way, because
the process did, goes on by itself where it stopped.
"""

import asyncio
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_node.banking import arriving, checking, leaving, lines, planning, queries, unknown
from eccoo_node.banking.checking import Looked
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.planning import Planned
from eccoo_node.banking.queries import Draft
from eccoo_node.banking.statements import reading
from eccoo_node.banking.tables import BankWords, StatementImport
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert, locking
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions as payouts
from eccoo_node.record.door import Act, door

# Some tenths of a second on a small machine.
PART = 50
# A job has two minutes for one run.
_ONE_RUN_S = 45.0
# How often a file is looked at anew because another one was written meanwhile.
_LOOKS = 3


class Written(msgspec.Struct, frozen=True):
    """What an import did. `fresh` is False where this very file had been written before; `left`: lines still to write."""

    import_id: str
    lines_new: int
    fresh: bool = True
    left: int = 0


class _File(msgspec.Struct, frozen=True):
    """A draft with the marks of all its lines."""

    draft: Draft
    marks: list[str]


async def write_statement(
    actor: Actor, draft_id: str, *, again: Collection[str] = (), seconds: float | None = None
) -> Written:
    """Write a file that was read in the books, part by part.

    `again`: the marks of lines that look like what was written down by hand, and are other money all the same. The draft
    is the import's own name, so that the same file is written once. After so many `seconds` the rest is left to the job.
    Raises Conflict when it can no longer be written.
    """
    began = time.monotonic()
    for attempt in range(_LOOKS):
        known = await _imports()
        try:
            file = await _load(actor, draft_id)
            looked = None
            if await _lines_new(draft_id) is None:
                looked = await checking.look(actor, file.draft.account, file.draft.statement)
            done = await begin(actor, draft_id, file, looked, again, known)
            break
        except NotFound:
            if (before := await _lines_new(draft_id)) is None:
                raise
            return Written(draft_id, before, fresh=False)
        except Conflict as stopped:
            # Another import was written while this one was looked at.
            if stopped.code != "just_written" or attempt == _LOOKS - 1:
                raise
    while done.left and (seconds is None or time.monotonic() - began < seconds):
        # Whoever waits to write has their turn first.
        await asyncio.sleep(0)
        done = msgspec.structs.replace(done, left=await go_on(actor, draft_id, file))
    return done


async def _load(actor: Actor, draft_id: str) -> _File:
    access.requires(actor, "banking.import", Thing("statement", draft_id))
    draft = await queries.draft(actor, draft_id)
    account = draft.account
    return _File(draft, reading.marks(account.sort_code, account.account_number, draft.statement.lines))


async def _imports() -> int:
    return int(await fetch_value("SELECT COUNT(*) FROM statement_import"))


async def _lines_new(draft_id: str) -> int | None:
    row = await fetch_one("SELECT lines_new FROM statement_import WHERE id = ?", draft_id)
    return None if row is None else int(row[0])


async def _is_begun(draft_id: str) -> bool:
    return bool(await fetch("SELECT 1 FROM statement_draft WHERE id = ? AND begun_at IS NOT NULL", draft_id))


@door("banking.import")
async def begin(
    act: Act, draft_id: str, file: _File, looked: Looked | None, again: Collection[str], known: int
) -> Written:
    """Keep that this file is being written, and write its first part; all of it, where it has no more lines than that.

    `known`: how many imports there were when it was looked at, so that what was seen still holds.
    """
    act.allow(Thing("statement", draft_id))
    # Before any account is locked, and before it is looked at what is on its way.
    await payouts.take_turn()
    await fetch(f"SELECT id FROM statement_draft WHERE id = ?{locking()}", draft_id)
    before = await _lines_new(draft_id)
    if before is not None:
        left = len(file.marks) - await _reached(draft_id) if await _is_begun(draft_id) else 0
        return Written(draft_id, before, fresh=False, left=left)
    if looked is None or await _imports() != known:
        raise Conflict("Some of these lines have just been written. Look at the file again.", "just_written")
    await _refuse_two(file.draft)
    new = [one for one in looked.planned if one.what != "before"]
    await _keep_import(act, file.draft, looked, len(new))
    by_hand = {one.mark: one.same_entry for one in new if one.same_entry is not None and one.mark not in again}
    await fetch(
        "UPDATE statement_draft SET begun_at = ?, begun_by = ?, by_hand = ? WHERE id = ?",
        clock.now(), act.actor.person_id, msgspec.json.encode(by_hand).decode(), draft_id,
    )  # fmt: skip
    return Written(draft_id, len(new), left=await _part(act, file, 0))


async def _reached(draft_id: str) -> int:
    return int(await fetch_value("SELECT reached FROM statement_draft WHERE id = ?", draft_id))


async def _refuse_two(draft: Draft) -> None:
    other = await fetch(
        "SELECT 1 FROM statement_draft d JOIN bank_account a ON a.id = d.account_id "
        "WHERE d.begun_at IS NOT NULL AND a.code = ? LIMIT 1",
        draft.account.code,
    )
    if other:
        raise Conflict("Another file of this account is being written. Try again in a few minutes.", "being_written")


@door("banking.import_part")
async def go_on(act: Act, draft_id: str, file: _File) -> int:
    """Write the next part of a file that was begun; how many lines are left."""
    act.allow(Thing("statement", draft_id))
    await payouts.take_turn()
    rows = await fetch(f"SELECT reached FROM statement_draft WHERE id = ?{locking()}", draft_id)
    # None is left where somebody else has written the last of them.
    return await _part(act, file, int(rows[0][0])) if rows else 0


async def _part(act: Act, file: _File, start: int) -> int:
    """Each part is planned anew for its own lines, by what the books say now; only what was written by hand was decided."""
    draft, end = file.draft, start + PART
    some, marks = draft.statement.lines[start:end], file.marks[start:end]
    known = msgspec.structs.replace(await queries.known(act.actor, draft.account.code, marks), by_hand=())
    by_hand = await _still_by_hand(draft.id)
    for one in planning.plan(draft.account.code, some, marks, known):
        if one.what == "before":
            continue
        planned = msgspec.structs.replace(one, same_entry=by_hand.get(one.mark) if one.what == "top_up" else None)
        if start:
            await _write_or_leave(act, draft, planned)
        else:
            await _write(act, draft, planned)
        # Others are served between two lines.
        await asyncio.sleep(0)
    if end < len(file.marks):
        await fetch("UPDATE statement_draft SET reached = ? WHERE id = ?", end, draft.id)
        return len(file.marks) - end
    await fetch("DELETE FROM statement_draft WHERE id = ?", draft.id)
    await act.tell("bank.imported", "statement_import", draft.id, lines=await _lines_new(draft.id))
    return 0


async def _still_by_hand(draft_id: str) -> dict[str, int]:
    """What the treasurer left as written by hand, without what another line has turned out to be since, or was undone."""
    decided = msgspec.json.decode(
        await fetch_value("SELECT by_hand FROM statement_draft WHERE id = ?", draft_id), type=dict[str, int]
    )
    if not decided:
        return {}
    gone = {
        row[0]
        for row in await fetch(
            f"SELECT x.entry_id FROM bank_line_end x WHERE x.entry_id IS NOT NULL AND x.what = 'by_hand' AND {lines.STANDS}"
        )
    } | {row[0] for row in await fetch("SELECT reverses_id FROM entry WHERE reverses_id IS NOT NULL")}
    return {mark: entry for mark, entry in decided.items() if entry not in gone}


async def _write_or_leave(act: Act, draft: Draft, one: Planned) -> None:
    """A line of a file that is half in the books. Where it turns out not to be what it seemed, somebody says what it is."""
    try:
        async with write():
            await _write(act, draft, one)
    except (Conflict, Invalid, NotFound):
        what: planning.What = "received" if draft.account.code == "1000" and one.line.amount_pence > 0 else "waits"
        await _write(act, draft, Planned(one.line, one.mark, what))


# ---------------------------------------------------------------- a file that stopped


async def _stopped() -> bool:
    return bool(await fetch("SELECT 1 FROM statement_draft WHERE begun_at IS NOT NULL LIMIT 1"))


@job("banking.go_on", when=_stopped)
async def finish(payload: dict[str, Any]) -> datetime | None:
    """Write what is left of files that were begun, for whoever began them. Where they keep the books no more, it waits."""
    until = time.monotonic() + _ONE_RUN_S
    for draft_id, by in await fetch(
        "SELECT id, begun_by FROM statement_draft WHERE begun_at IS NOT NULL ORDER BY begun_at, id"
    ):
        actor = await members.actor_for(by, via="job")
        if not access.may(actor, "banking.import_part", Thing("statement", draft_id)):
            return clock.now() + timedelta(hours=1)
        done = await write_statement(actor, draft_id, seconds=until - time.monotonic())
        if done.left:
            return clock.now()
    return None


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


async def _write(act: Act, draft: Draft, one: Planned) -> None:
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
        await unknown.receive(act, kept)
    elif one.what == "refund_left":
        await leaving.settle(act, kept, "refund_left", one.payer_id, by_hand=False)
    elif one.what == "payout" and one.payment:
        await leaving.settle(act, kept, "payout", one.payment.payment_id, by_hand=False)
    elif one.what == "came_back" and one.payment:
        await arriving.came_back(act, kept, one.payment.payment_id, by_hand=False)
    elif one.what == "top_up":
        if one.same_entry is not None:
            await lines.end(act, kept.id, End("by_hand", line.amount_pence, one.payer_id, one.same_entry), by_hand=True)
        else:
            await arriving.top_up(act, kept, one.payer_id)
