"""Money that came in: whose it is, or what it was, as a treasurer says where no reference does.

A payment of a batch that came back is one more kind of it, known by itself where the bank's words carry its reference and
the sum is its to the penny. `payouts` writes it; what it has written before by hand is not written again.
"""

from eccoo_node.banking import answering, leaving, lines, others, sent, unknown
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.rules import CLIENT
from eccoo_node.banking.tables import KnownSender
from eccoo_node.db.rows import fetch_value, insert
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import chart, ledger, treasury
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.payouts import actions as payouts
from eccoo_node.record.door import Act, door

# What money may have been that no payer sent for visits.
KINDS = (
    "owing",
    "gift",
    "interest",
    "other",
    sent.BACK,
    *answering.KINDS,
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
    back, in the books already, or one of `others`: a grant, shares, another circle's (`of`: whose), the card company's.

    Money in the account where we look after others' was nobody's until now; that is undone first, by its mirror. Our own
    and in the books already say which entry, or which other line, it is (`of`, see `answering`).
    Raises Conflict where a part of it has gone somewhere already.
    """
    act.allow(Thing("bank_line", str(line_id)))
    if what in {sent.BACK, *answering.KINDS}:
        await payouts.take_turn()
    line = await lines.locked(line_id)
    if line.amount_pence <= 0:
        raise Invalid("This left the bank. Say what it was.", "left")
    if what not in KINDS or (what == "other" and line.code == CLIENT):
        raise Invalid("Choose what it was.", "no_choice", field="what")
    if what == "owing" and not payer_id:
        raise Invalid("Choose who owed it.", "no_payer", field="payer")
    ended = await lines.ends(line.id)
    if answering.said_before(ended, what, payment_id or payer_id or of):
        return
    if what in answering.KINDS:
        await answering.answer(act, line, what, of)
        return
    await unknown.becomes_known(act, line, ended)
    if what == sent.BACK:
        await came_back(act, line, payment_id, by_hand=True)
        return
    if what in others.CAME[line.code]:
        entry = await others.write_came(act.actor, line, what, of, purpose, fee_pence)
    else:
        entry = await _write(act, line, what, payer_id, purpose)
    await lines.end(act, line.id, End(what, line.amount_pence, payer_id or of, entry), by_hand=True)


async def _write(act: Act, line: Line, what: str, payer_id: str, purpose: str) -> int | None:
    actor, amount, key, at = act.actor, line.amount_pence, f"{line.key}:{what}", line.noon
    if what == "owing":
        return await treasury.paid_owing(actor, payer_id, amount, key, effective_at=at)
    if what == "gift":
        return await treasury.donation(actor, amount, key, fund=purpose, effective_at=at)
    if what == "interest":
        return await treasury.interest(actor, amount, key, effective_at=at)
    if what != "other":
        raise Invalid("Choose what it was.", "no_choice", field="what")
    return None


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
