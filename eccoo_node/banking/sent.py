"""Payments of ours in the lines of a bank: which of them a line is, by its reference and its sum, or by its sum alone.

A payment is found twice at most: once when it leaves, once when it comes back. Each finding is kept as the end of its
line, so a line is never taken for a payment that another line was before it, whichever of the two was read first.
"""

import re
from collections.abc import Sequence
from datetime import date

import msgspec

from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts import queries as payouts
from eccoo_node.payouts.queries import InTransit
from eccoo_node.payouts.rules import MAY_COME_BACK, plain

# What a line that was a payment, and one that was a payment come back, has as its end.
LEFT, BACK = "payout", "came_back"
_LONGEST = 2_000


class Sent(msgspec.Struct, frozen=True):
    """A payment whose file was made. `left`, `back`: a line of the bank has been found for it."""

    payment: InTransit
    left: bool = False
    back: bool = False

    @property
    def id(self) -> str:
        return self.payment.payment_id


class Moved(msgspec.Struct, frozen=True):
    """What a line says: on which account of ours, when, how much without its sign, and in which words."""

    code: str
    on: date
    amount_pence: int
    text: str


async def payments(actor: Actor) -> list[Sent]:
    """Every payment on its way, and each that went so lately that it may come back. Raises Forbidden. Two statements."""
    since = clock.now() - MAY_COME_BACK
    found = await payouts.in_transit(actor, since=since)
    rows = await fetch(
        "SELECT what, about FROM bank_line_end WHERE at >= ? AND what IN (?, ?)", since, LEFT, BACK
    )  # fmt: skip
    seen = {tuple(row) for row in rows}
    return [Sent(one, (LEFT, one.payment_id) in seen, (BACK, one.payment_id) in seen) for one in found]


# ---------------------------------------------------------------- which one it is


def carries(text: str, reference: str) -> bool:
    """Whether the bank's words carry this reference: "HEBDEN CIRCLE 12-3", never within "12-31" or "112-3"."""
    circle, _, code = reference.rpartition(" ")
    if not circle:
        # A circle whose name has no letter that a bank can read: two numbers are too little to go by.
        return False
    number, _, n = code.partition("-")
    words = r"\s*".join(re.escape(word) for word in circle.split())
    between = r"\s+" if circle[-1].isdigit() else r"\s*"
    pattern = rf"(?<![A-Z0-9]){words}{between}{number}[\s-]+{n}(?!-?\d)"
    return re.search(pattern, plain(text, _LONGEST)) is not None


def _fits(line: Moved, one: InTransit) -> bool:
    """Whether it left this account by then. Banks tell the day alone."""
    return one.bank == line.code and one.filed_at.astimezone(clock.zone()).date() <= line.on


def _left(line: Moved, found: Sequence[Sent]) -> list[Sent]:
    return [one for one in found if not one.left and _fits(line, one.payment)]


def _back(line: Moved, found: Sequence[Sent]) -> list[Sent]:
    return [one for one in found if not one.back and _fits(line, one.payment)]


def _only(line: Moved, found: Sequence[Sent]) -> Sent | None:
    """The one of this very sum that the words carry; None where there are several."""
    exact = [one for one in found if one.payment.amount_pence == line.amount_pence]
    named = [one for one in exact if carries(line.text, one.payment.reference)]
    return named[0] if len(named) == 1 else None


def that_left(line: Moved, found: Sequence[Sent], payer_id: str = "") -> Sent | None:
    """The payment that this line is beyond doubt. `payer_id`: whose reference stands in it, if a payer's does.

    A refund that lies in a batch may carry that payer's own reference; it is that payment all the same.
    """
    able = _left(line, found)
    if one := _only(line, able):
        return one
    theirs = [
        one
        for one in able
        if payer_id and (one.payment.kind, one.payment.holder, one.payment.state) == ("refund", payer_id, "sent")
        and one.payment.amount_pence == line.amount_pence
    ]  # fmt: skip
    return theirs[0] if len(theirs) == 1 else None


def that_came_back(line: Moved, found: Sequence[Sent], payer_id: str = "") -> Sent | None:
    """The payment that has come back with this line beyond doubt. With another payer's reference in it there is doubt."""
    one = _only(line, _back(line, found))
    return one if one and payer_id in {"", one.payment.holder} else None


# ---------------------------------------------------------------- what it may be


class Offer(msgspec.Struct, frozen=True):
    """What a line may have been: one payment, or all of a batch. `likely`: the bank's words point to it."""

    what: str
    of: str
    payments: Sequence[InTransit]
    likely: bool
    # Of a batch: nothing of it has come back before.
    whole: bool = True

    @property
    def words(self) -> str:
        one = self.payments[0]
        if self.what == BACK:
            return f"{called(one)}, come back"
        if self.what == "batch":
            all_of = f"All {len(self.payments)} payments" if self.whole else "All that was still on its way"
            return f"{all_of} of the batch of {say_date(one.pay_on)}"
        return called(one)

    @property
    def hint(self) -> str:
        one = self.payments[0]
        if self.what == "batch":
            return f"Batch {one.batch_number}, {pounds(sum(each.amount_pence for each in self.payments))} together."
        return f"{pounds(one.amount_pence)}, in the batch of {say_date(one.pay_on)}."


def called(one: InTransit) -> str:
    """ "The payment to Wren", as every page says it."""
    if one.kind == "share":
        return f"The shares of {one.called}, paid back"
    return f"The {'refund' if one.kind == 'refund' else 'payment'} to {one.called}"


def may_have_left(line: Moved, found: Sequence[Sent]) -> list[Offer]:
    """Batches and payments of this very sum, the likeliest first."""
    singles = [one for one in _left(line, found) if one.payment.amount_pence == line.amount_pence]
    offers = [*_batches(line, found), *(_offer("payout", line, one.payment) for one in singles)]
    return sorted(offers, key=lambda one: not one.likely)


def may_have_come_back(line: Moved, found: Sequence[Sent]) -> list[Offer]:
    """Payments of this very sum that may come back, the likeliest first."""
    exact = [one for one in _back(line, found) if one.payment.amount_pence == line.amount_pence]
    return sorted((_offer(BACK, line, one.payment) for one in exact), key=lambda one: not one.likely)


def _offer(what: str, line: Moved, one: InTransit) -> Offer:
    said = plain(line.text, _LONGEST)
    likely = carries(line.text, one.reference) or any(
        plain(name, 70) in said for name in (one.name, one.called) if name
    )
    return Offer(what, one.payment_id, [one], likely)


def _batches(line: Moved, found: Sequence[Sent]) -> list[Offer]:
    """Batches of which no payment has been seen to leave: by the sum of all, or of all that nobody says came back."""
    by_batch: dict[str, list[Sent]] = {}
    for one in found:
        if _fits(line, one.payment):
            by_batch.setdefault(one.payment.batch_id, []).append(one)
    offers = []
    for batch_id, able in by_batch.items():
        if any(one.left or one.payment.was_paid for one in able):
            continue
        every = [one.payment for one in able]
        for some in (every, [one for one in every if one.state == "sent"]):
            if len(some) > 1 and sum(one.amount_pence for one in some) == line.amount_pence:
                number = some[0].batch_number
                likely = re.search(rf"BATCH[\s-]*{number}(?!\d)", plain(line.text, _LONGEST)) is not None
                offers.append(Offer("batch", batch_id, some, likely, some is every))
                break
    return offers
