"""Money that came in: whose it is, or what it was, as a treasurer says where no reference does.

A payment of a batch that came back is one more kind of it, known by itself where the bank's words carry its reference and
the sum is its to the penny. `payouts` writes it; what it has written before by hand is not written again.
"""

from eccoo_node.banking import leaving, lines, others, sent
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.rules import CLIENT
from eccoo_node.banking.tables import KnownSender
from eccoo_node.db.rows import as_time, fetch, fetch_value, insert
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import chart, corrections, ledger, treasury, undoing
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts import actions as payouts
from eccoo_node.record.door import Act, door

# What money may have been that no payer sent for visits.
KINDS = (
    "owing",
    "gift",
    "interest",
    "own",
    "by_hand",
    "other",
    sent.BACK,
    *sorted({one for some in others.CAME.values() for one in some}),
)


@door("banking.match")
async def match(act: Act, line_id: int, payer_id: str, amount_pence: int, key: str, *, remember: bool = False) -> int:
    """It is this payer's, or that much of it is (2090 / 2000); the entry.

    `remember`: the same sum from the same sender is this payer's from now on, unless a reference says otherwise.
    """
    act.allow(Thing("bank_line", str(line_id), payer_id=payer_id))
    line = await lines.locked(line_id)
    entry = await treasury.match(act.actor, line.receipt, payer_id, amount_pence, key)
    if await _said_by(entry):
        return entry
    await lines.end(act, line.id, End("matched", amount_pence, payer_id, entry), by_hand=True)
    if remember and line.sender_mark:
        await insert(
            KnownSender(
                sender_mark=line.sender_mark, payer_id=payer_id, said_at=clock.now(), said_by=act.actor.person_id
            )
        )
    return entry


async def _said_by(entry_id: int) -> bool:
    return bool(await fetch_value("SELECT COUNT(*) FROM bank_line_end WHERE entry_id = ?", entry_id))


@door("banking.send_back")
async def send_back(act: Act, line_id: int, key: str, *, because: str) -> int:
    """What is left of it is nobody's here, and goes back to where it came from (2090 / 2500); the entry."""
    act.allow(Thing("bank_line", str(line_id)))
    line = await lines.locked(line_id)
    left = -await ledger.balance(chart.unmatched(line.receipt), lock=True)
    if left == 0:
        raise Conflict("Nothing of this is left to send back.", "nothing_left")
    entry = await treasury.send_back(act.actor, line.receipt, left, key, because=because)
    await lines.end(act, line.id, End("sent_back", left, line.receipt, entry), by_hand=True)
    return entry


@door("banking.explain")
async def explain(
    act: Act,
    line_id: int,
    what: str,
    *,
    payer_id: str = "",
    purpose: str = "",
    payment_id: str = "",
    of: str = "",
    fee_pence: int = 0,
) -> None:
    """It was no payer's money for visits: a gift, interest, what somebody owed us, our own, a payment of ours that came
    back, written down before, or one of `others`: a grant, shares, another circle's (`of`: whose), the card company's.

    Money in the account where we look after others' was nobody's until now; that is undone first, by its mirror.
    Raises Conflict where a part of it has gone somewhere already.
    """
    act.allow(Thing("bank_line", str(line_id)))
    if what == sent.BACK:
        await payouts.take_turn()
    line = await lines.locked(line_id)
    if line.amount_pence <= 0:
        raise Invalid("This left the bank. Say what it was.", "left")
    if what not in KINDS or (what == "other" and line.code == CLIENT):
        raise Invalid("Choose what it was.", "no_choice", field="what")
    if what == "owing" and not payer_id:
        raise Invalid("Choose who owed it.", "no_payer", field="payer")
    ended = await lines.ends(line.id)
    if ended and (ended[-1].what, ended[-1].of) == (what, payment_id or payer_id or of):
        return
    written = await _written_by_hand(act, line) if what == "by_hand" else None
    if line.code == CLIENT:
        await _take_back(act, line, ended)
    elif ended:
        raise Conflict("Somebody has already said what this was.", "line_ended")
    if what == sent.BACK:
        await came_back(act, line, payment_id, by_hand=True)
        return
    if written:
        entry: int | None = written
    elif what in others.CAME[line.code]:
        entry = await others.write_came(act.actor, line, what, of, purpose, fee_pence)
    else:
        entry = await _write(act, line, what, payer_id, purpose)
    await lines.end(act, line.id, End(what, line.amount_pence, payer_id or of, entry), by_hand=True)


async def _take_back(act: Act, line: Line, ended: list[End]) -> None:
    received = [one for one in ended if one.what == "received"]
    if len(ended) != 1 or not received or received[0].entry_id is None:
        raise Conflict("Somebody has already said whose this is, or whose a part of it is.", "line_ended")
    await corrections.reverse(
        act.actor,
        received[0].entry_id,
        f"{line.key}:known",
        because="It is known what this money was.",
        told_anew=True,
    )


async def _write(act: Act, line: Line, what: str, payer_id: str, purpose: str) -> int | None:
    actor, amount, key, at = act.actor, line.amount_pence, f"{line.key}:{what}", line.noon
    if what == "owing":
        return await treasury.paid_owing(actor, payer_id, amount, key, effective_at=at)
    if what == "gift":
        return await treasury.donation(actor, amount, key, fund=purpose, effective_at=at)
    if what == "interest":
        return await treasury.interest(actor, amount, key, effective_at=at)
    if what not in {"own", "other"}:
        raise Invalid("Choose what it was.", "no_choice", field="what")
    return None


# The card company keeps its fee, which the circle makes good, so its entry is of more than came.
_WRITTEN = (
    "SELECT e.id, e.effective_at FROM entry e JOIN posting p ON p.entry_id = e.id JOIN account a ON a.id = p.account_id "
    "AND a.code = ? AND p.amount_pence > 0 WHERE e.reverses_id IS NULL AND (p.amount_pence = ? OR (e.kind = 'card_paid' "
    "AND p.amount_pence - ? = (SELECT SUM(q.amount_pence) FROM posting q JOIN account b ON b.id = q.account_id "
    "WHERE q.entry_id = e.id AND b.code = '5200'))) "
    "AND NOT EXISTS (SELECT 1 FROM entry r WHERE r.reverses_id = e.id) "
    "AND NOT EXISTS (SELECT 1 FROM bank_line_end x JOIN bank_line l ON l.id = x.line_id WHERE x.entry_id = e.id "
    "AND l.code = ? AND l.amount_pence > 0) ORDER BY e.id DESC LIMIT 50"
)


async def _written_by_hand(act: Act, line: Line) -> int:
    """The entry of this sum that no other line tells of, the nearest in time. Raises Conflict where there is none, and
    Forbidden where all are about the reader's own money."""
    rows = await fetch(_WRITTEN, line.code, line.amount_pence, line.amount_pence, line.code)
    found = sorted((abs((as_time(row[1]) or line.noon) - line.noon), row[0]) for row in rows)
    if not found:
        raise Conflict(
            f"Nothing of {pounds(line.amount_pence)} was written by hand that this line could be. Say what the money was.",
            "not_written",
        )
    whose = [(entry, await undoing.parties(entry)) for _, entry in found]
    others_ = [one for one in whose if act.actor.person_id not in one[1]]
    entry, parties = (others_ or whose)[0]
    act.allow(Thing("entry", str(entry), parties=parties))
    return int(entry)


async def receive(act: Act, line: Line, *, again: bool = False) -> None:
    """Money in the account where we look after others', and nobody knows whose it is (1000 / 2090).

    `again`: what was written of it has just been undone, and so as of today.
    """
    entry = await treasury.receive_unmatched(
        act.actor, line.receipt, line.amount_pence, line.key, effective_at=None if again else line.noon
    )
    await lines.end(act, line.id, End("received", line.amount_pence, "", entry), by_hand=False)


async def top_up(act: Act, line: Line, payer_id: str) -> None:
    """A payer's money has reached the account (1000 / 2000). Its reference says whose it is, and so nobody decides it."""
    entry = await escrow.top_up(NODE, payer_id, line.amount_pence, line.key, line.text, effective_at=line.noon)
    await lines.end(act, line.id, End("top_up", line.amount_pence, payer_id, entry), by_hand=False)


async def came_back(act: Act, line: Line, payment_id: str, *, by_hand: bool) -> None:
    """A payment of ours has come back with this line. Of one that was written down before, the line alone is kept."""
    offers = sent.may_have_come_back(leaving.moved(line), await sent.payments(act.actor))
    offer = next((one for one in offers if one.of == payment_id), None)
    if offer is None:
        raise Conflict("This payment was not sent by then, is of another sum, or has come back before.", "not_sent")
    (one,) = offer.payments
    if one.state != "bounced":
        # The bank's own words may name people, so they stay with the line.
        # Where its reference says which payment it was, nobody decides that.
        await payouts.bounced(
            act.actor if by_hand else NODE,
            payment_id,
            on=line.on,
            key=f"{line.key}:{sent.BACK}",
            because="The bank sent it back.",
        )
    await lines.end(act, line.id, End(sent.BACK, line.amount_pence, payment_id), by_hand=by_hand)


# ---------------------------------------------------------------- what was written of a line is undone


async def _lines_of(entry_id: int) -> list[tuple[int, str]]:
    """The lines that an entry was written of, with what they were."""
    rows = await fetch("SELECT line_id, what FROM bank_line_end WHERE entry_id = ? ORDER BY line_id", entry_id)
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
        """Money that is in the account where we look after others' is there still, and nobody's until it is said anew."""
        for line_id, _ in await _lines_of(entry_id):
            line = await lines.find(line_id)
            if line.code == CLIENT and line.amount_pence > 0 and not await lines.ends(line_id):
                await receive(act, line, again=True)


undoing.source(_BankLines())
