"""The books check themselves each night, and say so where they do not hold."""

import contextlib
from datetime import UTC, datetime

import pytest

import eccoo_node.payouts.checking  # noqa: F401 (what it compares with the books)
from eccoo_node.banking import booked
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import checking
from eccoo_node.escrow.checking import books_break, last_check, next_night
from eccoo_node.kernel.errors import Broken, Conflict
from eccoo_node.payouts import actions as payouts
from tests.support import statements as banks
from tests.support.banking import open_bank
from tests.support.escrow import open_books
from tests.support.node import Node
from tests.support.payouts import TODAY, Circle, hatted


class RolledBack(Exception):
    """Takes back what was planted."""


async def test_a_break_is_found_in_the_night_and_stands_until_it_is_mended(node: Node) -> None:
    await (await open_books()).top_up(1000)
    await jobs.ensure_recurring()
    await node.settle()
    first = await last_check()
    assert first is not None
    assert (first.at, first.broken, await books_break()) == (node.clock(), "", "")
    async with write():
        await fetch("UPDATE account SET balance_pence = 999 WHERE code = '1000'")
    node.clock.set(next_night(node.clock()))
    await node.settle()
    told = "Account 1000 says £9.99, but its entries add up to £10."
    assert await books_break() == told
    async with write():
        await fetch("UPDATE account SET balance_pence = 1000 WHERE code = '1000'")
    assert (await checking.check()).broken == await books_break() == ""


@pytest.mark.parametrize(
    "after, at",
    [
        ("2026-11-23T09:00", "2026-11-24T03:30"),
        ("2026-11-24T03:29", "2026-11-24T03:30"),
        ("2026-11-24T03:30", "2026-11-25T03:30"),
        # The night the clocks go forward, and the one they go back.
        ("2027-03-27T12:00", "2027-03-28T02:30"),
        ("2026-10-24T12:00", "2026-10-25T03:30"),
    ],
)
def test_the_night_is_the_circles_own(after: str, at: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_night(moment) == datetime.fromisoformat(at).replace(tzinfo=UTC)


async def test_what_else_does_not_agree_with_the_books_stops_payouts_and_no_receipts(node: Node) -> None:
    """A batch that is not what is on its way (money.md A5.12), and a bank's line that is not what was booked (A5.11)."""
    bank = await open_bank()
    circle = Circle(bank.books, await hatted("Fay", "facilitator"))
    await circle.earns(bank.books.worker, 6000)
    await circle.details(bank.books.worker)
    await circle.sent()
    await bank.imports([banks.line("2026-11-23", 4000, "from somebody")])

    async def told(planted: str, mended: str) -> str:
        assert (await checking.check()).broken == ""
        async with write():
            await fetch(planted)
        found = (await checking.check()).broken
        assert found == await books_break()
        with pytest.raises(Conflict, match="The books do not add up"):
            await circle.batch("b2")
        async with write():
            await fetch(mended)
        return found

    sets = "UPDATE payout_payment SET state = '{}'".format
    adds = "UPDATE payout_payment SET amount_pence = amount_pence + {0}, pay_pence = pay_pence + {0}".format
    assert "is £51 more in the books" in await told(sets("paid"), sets("sent"))
    assert "is £0.01 less in the books" in await told(adds(1), adds(-1))
    (payment,) = await fetch("SELECT id FROM payout_payment")
    await payouts.confirm_paid(circle.treasurer, payment[0], on=TODAY, key="s1")
    assert await told(adds(1), adds(-1)) == "Batch 1 is not what its entries in the books say."
    # The bank's line, and a part of it that went to somebody, are each what their entry says.
    (receipt,) = await fetch("SELECT line_id, entry_id FROM bank_line_end")
    end = (
        "INSERT INTO bank_line_end (line_id, what, amount_pence, entry_id, about, by_hand, at, by) "
        f"SELECT line_id, '{{}}', {{}}, entry_id, '', FALSE, at, '' FROM bank_line_end WHERE line_id = {receipt[0]}"
    ).format
    await circle.books.top_up(77, "comes in all the same")
    for what, pence in (("matched", 3999), ("top_up", 3999), ("sent_back", 4001)):
        with contextlib.suppress(RolledBack):
            async with write():
                await fetch(end(what, pence))
                with pytest.raises(Broken, match="is not what the books say of it"):
                    await booked.verify_lines()
                raise RolledBack
