"""The books check themselves each night, and say so where they do not hold."""

from datetime import UTC, datetime

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import checking
from eccoo_node.escrow.checking import books_break, last_check, next_night
from tests.support.escrow import open_books
from tests.support.node import Node


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
