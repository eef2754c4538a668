"""What a treasurer writes in the books, as a test plays it: the door, and beside it what it moves."""

from collections.abc import Callable
from typing import Any, NamedTuple

from eccoo_node.escrow import treasury
from tests.support.escrow import Books
from tests.support.escrow_model import Account, Model, of

Amounts = dict[Account, int]


class Written(NamedTuple):
    """The door, what it moves, where what it takes lies (nowhere: any sum comes in), and what comes of it next."""

    call: Callable[[Books, int, str], Any]
    moved: Callable[[int], Amounts]
    there: Callable[[Model], int] | None = None
    then: str = ""


def on(account: Account) -> Callable[[Model], int]:
    return lambda model: abs(model.balances().get(account, 0))


BANK, OWN, CARD, CREDIT = ("1000", "", ""), ("1010", "", ""), ("1050", "", ""), ("2000", "payer", "")
UNKNOWN, TO_PAYER, BACK = ("2090", "receipt", ""), ("2500", "payer", ""), ("2500", "receipt", "")
OWING, GIVEN, GIFTS, COST = ("1100", "payer", ""), ("5100", "", ""), ("4200", "", ""), ("5200", "", "")

WRITTEN = {
    "received": Written(
        lambda b, n, k: treasury.receive_unmatched(b.treasurer, "receipt", n, k), lambda n: {BANK: n, UNKNOWN: -n},
        then="matched",
    ),
    "matched": Written(
        lambda b, n, k: treasury.match(b.treasurer, "receipt", b.payer, n, k), lambda n: {UNKNOWN: n, CREDIT: -n},
        on(UNKNOWN), "sent back",
    ),
    "sent back": Written(
        lambda b, n, k: treasury.send_back(b.treasurer, "receipt", n, k, because="Nobody’s here"),
        lambda n: {UNKNOWN: n, BACK: -n}, on(UNKNOWN), "went back",
    ),
    "went back": Written(
        lambda b, n, k: treasury.refund_left(b.treasurer, "receipt", n, k), lambda n: {BACK: n, BANK: -n}, on(BACK)
    ),
    "refunded": Written(
        lambda b, n, k: treasury.refund(b.treasurer, b.payer, n, k), lambda n: {CREDIT: n, TO_PAYER: -n},
        on(CREDIT), "refund left",
    ),
    "refund left": Written(
        lambda b, n, k: treasury.refund_left(b.treasurer, b.payer, n, k), lambda n: {TO_PAYER: n, BANK: -n}, on(TO_PAYER)
    ),
    "paid owing": Written(
        lambda b, n, k: treasury.paid_owing(b.treasurer, b.payer, n, k), lambda n: {OWN: n, OWING: -n}, on(OWING)
    ),
    "goodwill": Written(
        lambda b, n, k: treasury.goodwill(b.treasurer, b.payer, n, k, because="Sorry"),
        lambda n: {GIVEN: n, CREDIT: -n, BANK: n, OWN: -n},
    ),
    "swept": Written(
        lambda b, n, k: treasury.sweep(b.treasurer, n, k), lambda n: {OWN: n, BANK: -n}, lambda model: model.spare()
    ),
    "by card": Written(
        lambda b, n, k: treasury.gateway_top_up(b.treasurer, b.payer, n, k), lambda n: {CARD: n, CREDIT: -n},
        then="card paid",
    ),
    "card paid": Written(
        lambda b, n, k: treasury.gateway_paid(b.treasurer, n, n // 50, k),
        lambda n: {BANK: n, CARD: -n, COST: n // 50, OWN: -(n // 50)}, on(CARD),
    ),
    "interest": Written(lambda b, n, k: treasury.interest(b.treasurer, n, k), lambda n: {GIFTS: -n, OWN: n}),
}  # fmt: skip


ENTRIES = (*WRITTEN, "bounced")


class Treasurer:
    """The part of a play of the books that a treasurer writes."""

    books: Books
    model: Model
    key: Callable[[], str]
    act: Callable[[Callable[[], Any], Callable[[], Any]], Any]

    async def write(self, name: str, part: int, amount: int) -> None:
        """One thing and what comes of it: of what lies there a part, now and then more than all of it."""
        if name == "bounced":
            await self.bounce(part)
            return
        written = WRITTEN[name]
        if written.there:
            amount = of(written.there(self.model), part) or 0
        if await self._written(written.call, written.moved(amount), amount) and written.then:
            await self.write(written.then, part, amount)

    async def bounce(self, part: int) -> None:
        """More than their credit may bounce: then they owe it, and the circle's own money stands in."""
        amount = (of(self.model.credit(), part) or 0) + 1
        taken = min(self.model.credit(), amount)
        moved = {CREDIT: taken, BANK: -taken, OWING: amount - taken, OWN: taken - amount}
        await self._written(lambda b, n, k: treasury.bounce(b.treasurer, b.payer, n, k), moved, amount)

    async def _written(self, call: Callable[[Books, int, str], Any], moved: Amounts, amount: int) -> bool:
        key = self.key()
        done = await self.act(lambda: call(self.books, amount, key), lambda: call(self.books, amount + 1, key))
        assert (done is not None) == (amount > 0 and self.model.write(moved))
        return done is not None
