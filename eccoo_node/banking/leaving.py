"""Money that left the bank: the one place where it is found out what it was.

A line that left is one of these:

- a refund that was on its way (2500 / 1000). Known by itself where the bank's words have that payer's reference and the
  sum is theirs to the penny; offered otherwise.
- a payment of a batch, or a whole batch: to workers (2290 / 1000), a refund (2500 / 1000), shares (2600 / 1010). One is
  known by itself where the words carry its own reference and the sum is its to the penny; by the sum alone it is
  offered, and so is a batch. `payouts` writes it; what it has written before by hand is not written again.
- what the circle had earned, moved to its own account (1010 / 1000).
- money of a payer that the bank took back (2000 / 1000).
- a charge of the bank, another circle paid, shares or a gift sent back, a gift spent on its purpose (`others`).
- a transfer between our own accounts, or something else, that the books have already (`answering`).

Until somebody has said which, the line waits on the page "Whose money is this?", and nothing is in the books.
"""

from collections.abc import Mapping, Sequence

import msgspec

from eccoo_node.banking import answering, lines, others, sent
from eccoo_node.banking.lines import End, Line
from eccoo_node.banking.rules import CLIENT, OPERATING
from eccoo_node.banking.sent import Moved, Sent
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import treasury
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.money import pounds
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts import queries as batches
from eccoo_node.record.door import Act, door


class Waiting(msgspec.Struct, frozen=True):
    """What the books expect to leave the bank: refunds by payer or receipt, shares by member, payments of batches.

    What lies in a batch whose file was made is among the payments, and not among the refunds and shares.
    """

    refunds: Mapping[str, int] = {}
    shares: Mapping[str, int] = {}
    payments: Sequence[Sent] = ()


async def waiting(actor: Actor) -> Waiting:
    """Raises Forbidden."""
    payments = await sent.payments(actor)
    refunds, shares = await escrow.waiting_on("2500"), await escrow.waiting_on("2600")
    for one in (each.payment for each in payments if each.payment.state == "sent"):
        expected = {"refund": refunds, "share": shares}.get(one.kind, {})
        if one.holder in expected:
            expected[one.holder] -= one.amount_pence
    return Waiting(_above_nothing(refunds), _above_nothing(shares), payments)


def _above_nothing(expected: Mapping[str, int]) -> dict[str, int]:
    return {of: pence for of, pence in expected.items() if pence > 0}


def is_refund(payer_id: str, amount_pence: int, refunds: Mapping[str, int]) -> bool:
    """Whether a line that names this payer is their refund: all of what is on its way to them."""
    return refunds.get(payer_id) == -amount_pence


class Option(msgspec.Struct, frozen=True):
    """Something that a line may have been. `of`: which refund, which payer, which member."""

    what: str
    of: str
    words: str
    hint: str = ""

    @property
    def value(self) -> str:
        return f"{self.what}:{self.of}"


def options(
    line: Line, expected: Waiting, bounced: Sequence[str], called: Mapping[str, str], own_named: bool
) -> list[Option]:
    """What this line may have been, the likeliest first.

    `bounced`: payers who once sent just this much and are named or known by their sender. `called`: names by id.
    `own_named`: the bank's words have the number of another account of ours.
    """
    amount = -line.amount_pence
    found = [
        Option(one.what, one.of, one.words, one.hint) for one in sent.may_have_left(moved(line), expected.payments)
    ]
    if line.code == CLIENT:
        exact = [of for of, pence in expected.refunds.items() if pence == amount]
        more = [of for of, pence in expected.refunds.items() if pence > amount]
        found += [
            Option(
                "bounced",
                of,
                f"Money of {called.get(of, 'a payer')} that the bank took back",
                "They sent as much before.",
            )
            for of in bounced
        ]
        found += [
            Option("refund_left", of, f"The refund to {called.get(of, 'whoever had sent it')}", f"{pounds(expected.refunds[of])} is on its way.")
            for of in [*exact, *more]
        ]  # fmt: skip
        swept = Option("swept", "", "What the circle had earned, moved to its own account")
        found = [swept, *found] if own_named else [*found, swept]
    else:
        exact = [of for of, pence in expected.shares.items() if pence == amount] if line.code == OPERATING else []
        found += [Option("share_paid", of, f"The shares of {called.get(of, 'a member')}, paid back") for of in exact]
        found.append(Option("other", "", "Something the circle paid for itself", "These books keep nothing of that."))
    return found


async def once_sent(line: Line, payer_named: str) -> list[str]:
    """Payers whose line of this very sum came in before, by the same sender or with the reference named here."""
    rows = await fetch(
        "SELECT DISTINCT x.about, l.sender_mark FROM bank_line l JOIN bank_line_end x ON x.line_id = l.id "
        "WHERE l.code = ? AND l.amount_pence = ? AND x.what IN ('top_up', 'matched') AND l.on_day <= ? "
        f"AND {lines.STANDS} AND (l.sender_mark = ? OR x.about = ?)",
        line.code, -line.amount_pence, line.on.isoformat(), line.sender_mark, payer_named,
    )  # fmt: skip
    return list(dict.fromkeys(row[0] for row in rows if row[0] == payer_named or row[1]))


@door("banking.explain_leaving")
async def explain(act: Act, line_id: int, what: str, of: str = "") -> None:
    """Somebody says what a line that left the bank was, and it is written in the books.

    Raises Conflict where that was said before, and whatever the entry itself refuses: no such refund on its way, more
    than is spare. Then nothing is written.
    """
    act.allow(Thing("bank_line", str(line_id)))
    await payouts.take_turn()
    line = await lines.locked(line_id)
    if line.amount_pence >= 0:
        raise Invalid("This came in. Say whose it is.", "came_in")
    ended = await lines.ends(line.id)
    if answering.said_before(ended, what, of) or (what == "batch" and await _all_of(ended, of)):
        return
    await lines.refuse_unless_open(line)
    if what in answering.KINDS:
        await answering.answer(act, line, what, of)
        return
    await settle(act, line, what, of, by_hand=True)


async def settle(act: Act, line: Line, what: str, of: str, *, by_hand: bool) -> None:
    """Write in the books what a line was, and that it has come to its end."""
    if what in {"payout", "batch"}:
        await _confirm(act, line, what, of, by_hand=by_hand)
        return
    entry = await _write(act, line, what, of)
    await lines.end(act, line.id, End(what, -line.amount_pence, of, entry), by_hand=by_hand)


async def _all_of(ended: Sequence[End], batch_id: str) -> bool:
    """Whether a line was said to be this very batch."""
    of_batch = {one.id for one in (await batches.find_batch(batch_id)).payments} if ended else set[str]()
    return bool(ended) and all(one.what == sent.LEFT and one.of in of_batch for one in ended)


async def _confirm(act: Act, line: Line, what: str, of: str, *, by_hand: bool) -> None:
    """The bank has paid a payment, or all of a batch. Of one that was written down before, the line alone is kept."""
    offers = sent.may_have_left(moved(line), await sent.payments(act.actor))
    offer = next((one for one in offers if (one.what, one.of) == (what, of)), None)
    if offer is None:
        raise Conflict("This payment is not on its way any more, or is of another sum.", "not_on_its_way")
    if what == "batch":
        await payouts.confirm_batch(act.actor, of, on=line.on, key=line.key)
    elif offer.payments[0].state == "sent":
        await payouts.confirm_paid(act.actor, of, on=line.on, key=line.key)
    entries = await batches.entries_of([one.payment_id for one in offer.payments])
    for one in offer.payments:
        end = End(sent.LEFT, one.amount_pence, one.payment_id, entries.get(one.payment_id))
        await lines.end(act, line.id, end, by_hand=by_hand)


def moved(line: Line) -> Moved:
    return Moved(line.code, line.on, abs(line.amount_pence), line.text)


async def _write(act: Act, line: Line, what: str, of: str) -> int | None:
    if what in others.LEFT[line.code]:
        return await others.write_left(act.actor, line, what, of)
    actor, amount, key, at = act.actor, -line.amount_pence, line.key, line.noon
    allowed = {CLIENT: ("refund_left", "swept", "bounced")}.get(line.code, ("share_paid", "other"))
    if what not in allowed:
        raise Invalid("Choose what it was.", "no_choice", field="what")
    if what == "refund_left":
        return await treasury.refund_left(actor, of, amount, key, effective_at=at)
    if what == "swept":
        return await treasury.sweep(actor, amount, key, effective_at=at)
    if what == "bounced":
        return await treasury.bounce(actor, of, amount, key, effective_at=at)
    if what == "share_paid":
        return await treasury.share_paid(actor, of, amount, key, effective_at=at)
    return None
