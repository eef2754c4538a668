"""What is to become of each line of a statement, from what is known. Pure: the preview and the books say the same."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from eccoo_node.banking import leaving, sent
from eccoo_node.banking.leaving import Waiting
from eccoo_node.banking.rules import CLIENT, by_shape, references_in
from eccoo_node.banking.sent import Moved, Sent
from eccoo_node.banking.statements.model import StatementLine, Trouble, Unreadable
from eccoo_node.banking.statements.reading import sender_mark
from eccoo_node.payouts.queries import InTransit

# before: an earlier file had it. top_up: a payer's. received: nobody's yet. refund_left: a refund has been sent.
# payout: a payment of a batch has been sent. came_back: it has come back. waits: someone must say what it was.
# nothing: it moved no money.
What = Literal["before", "top_up", "received", "refund_left", "payout", "came_back", "waits", "nothing"]


class Seen(msgspec.Struct, frozen=True):
    """A line that is kept already."""

    on: date
    amount_pence: int


class ByHand(msgspec.Struct, frozen=True):
    """Money that was written down by hand, and that no line of a statement has yet been found for."""

    entry_id: int
    payer_id: str
    amount_pence: int
    on: date


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a statement is read."""

    references: Mapping[str, str] = {}  # reference: payer
    # Sender's mark and a sum that came from them before: payer. Two people may have one name, so the name alone is none.
    senders: Mapping[tuple[str, int], str] = {}
    seen: Mapping[str, Seen] = {}  # mark: the line as it is kept
    by_hand: Sequence[ByHand] = ()
    waiting: Waiting = Waiting()


class Planned(msgspec.Struct, frozen=True):
    """One line and what will become of it. `how` it is known: by reference, by sender, or empty."""

    line: StatementLine
    mark: str
    what: What
    payer_id: str = ""
    how: str = ""
    # The entry of a sum that was written down by hand and looks the same.
    same_entry: int | None = None
    # The payment that left, or came back.
    payment: InTransit | None = None

    @property
    def sender(self) -> str:
        return sender_mark(self.line.sender)


def payer_named(text: str, references: Mapping[str, str]) -> str:
    """The payer whose reference stands in the text; empty where there is none, or more than one."""
    return _only([references[one] for one in references_in(text, by_shape(references))])


def _only(payers: Sequence[str]) -> str:
    return payers[0] if len(set(payers)) == 1 else ""


def plan(code: str, lines: Sequence[StatementLine], marks: Sequence[str], known: Known) -> list[Planned]:
    """What will become of each line. Raises Unreadable where the bank gave one number to two different payments."""
    found: list[Planned] = []
    troubles: list[Trouble] = []
    refunds = dict(known.waiting.refunds)
    by_hand = list(known.by_hand)
    payments = list(known.waiting.payments)
    shapes = by_shape(known.references)
    for line, mark in zip(lines, marks, strict=True):
        if before := known.seen.get(mark):
            if (before.on, before.amount_pence) != (line.on, line.amount_pence):
                reason = "The bank gave this payment the number of another one, on another day or of another sum."
                troubles.append(Trouble(line.number, reason))
            found.append(Planned(line, mark, "before"))
            continue
        named = [known.references[reference] for reference in references_in(line.text, shapes)]
        one = _payment(code, line, mark, _only(named), payments) or _new(code, line, mark, named, known, refunds)
        if one.what == "top_up" and (same := _same(one, by_hand)):
            by_hand.remove(same)
            one = msgspec.structs.replace(one, same_entry=same.entry_id)
        found.append(one)
    if troubles:
        raise Unreadable(*troubles)
    return found


def _payment(code: str, line: StatementLine, mark: str, payer_id: str, payments: list[Sent]) -> Planned | None:
    """The payment of ours that this line is beyond doubt; each leaves once and comes back once."""
    if line.amount_pence == 0:
        return None
    moved = Moved(code, line.on, abs(line.amount_pence), line.text)
    left = line.amount_pence < 0
    found = (sent.that_left if left else sent.that_came_back)(moved, payments, payer_id)
    if found is None:
        return None
    seen = msgspec.structs.replace(found, left=True) if left else msgspec.structs.replace(found, back=True)
    payments[payments.index(found)] = seen
    return Planned(line, mark, "payout" if left else "came_back", how="reference", payment=found.payment)


def _new(
    code: str, line: StatementLine, mark: str, named: Sequence[str], known: Known, refunds: dict[str, int]
) -> Planned:
    if line.amount_pence == 0:
        return Planned(line, mark, "nothing")
    if code != CLIENT:
        return Planned(line, mark, "waits")
    payer_id = _only(named)
    if line.amount_pence < 0:
        if payer_id and leaving.is_refund(payer_id, line.amount_pence, refunds):
            del refunds[payer_id]
            return Planned(line, mark, "refund_left", payer_id, "reference")
        return Planned(line, mark, "waits")
    if payer_id:
        return Planned(line, mark, "top_up", payer_id, "reference")
    by_sender = known.senders.get((sender_mark(line.sender), line.amount_pence), "")
    # A reference of two payers in one transfer is a question, whoever sent it.
    if by_sender and not named:
        return Planned(line, mark, "top_up", by_sender, "sender")
    return Planned(line, mark, "received")


# A bank's day and the day on which a treasurer wrote it down lie close together.
_CLOSE_DAYS = 10


def _same(one: Planned, by_hand: Sequence[ByHand]) -> ByHand | None:
    for other in by_hand:
        close = abs((other.on - one.line.on).days) <= _CLOSE_DAYS
        if close and (other.payer_id, other.amount_pence) == (one.payer_id, one.line.amount_pence):
            return other
    return None
