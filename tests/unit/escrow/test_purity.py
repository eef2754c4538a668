"""Nobody pays for anybody else, and public money pays for care alone (money.md A5.8): at the doors and in the books."""

from collections.abc import Awaitable
from datetime import timedelta

import pytest

import eccoo_node.expenses.plans  # noqa: F401 (who knows what plans allow)
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, checking, treasury
from eccoo_node.escrow.batch import Asked, set_aside_many
from eccoo_node.escrow.lines import New
from eccoo_node.escrow.sharing import Fund
from eccoo_node.escrow.verify import verify
from eccoo_node.expenses.actions import allow_plan
from eccoo_node.kernel import clock, ids
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Broken, Conflict
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(Conflict) as caught:
        await asked
    return caught.value.code


def new(books: Books, payer: str, **more: object) -> New:
    return New("visit:many", payer, books.person, books.worker, 1000, 0, None, **more)  # type: ignore[arg-type]


async def test_nobody_pays_for_somebody_else(node: Node) -> None:
    books = await open_books()
    bill = await make.person("Bill")
    his = await make.payer(bill)
    await books.top_up(5000)
    await actions.top_up(books.treasurer, his, 5000, "his")

    def aside(payer: str, person: str, **more: object) -> Awaitable[object]:
        return actions.set_aside(NODE, "visit:1", payer, person, books.worker, 1000, 0, "k", **more)  # type: ignore[arg-type]

    both = (Fund(books.payer, 600), Fund(his, 400))
    assert {
        await refused(aside(his, books.person)),
        await refused(aside("nobody", books.person)),
        await refused(aside(books.payer, books.person, funds=both)),
        await refused(set_aside_many(NODE, [Asked(new(books, his), "k")])),
        await refused(set_aside_many(NODE, [Asked(new(books, books.payer, funds=both), "k")])),
    } == {"not_their_payer"}
    assert await books.set_aside("visit:1", 1000)
    await verify()
    # As someone with the database in hands would have it.
    async with write():
        await fetch("UPDATE payer SET person_id = ? WHERE id = ?", bill, books.payer)
    with pytest.raises(Broken, match="Line visit:1 is paid for out of somebody else’s money"):
        await verify()


async def test_public_money_pays_for_what_its_plan_lets_it(node: Node) -> None:
    books, minute = await open_books(), timedelta(minutes=1)
    council = await make.payer(books.person, fund="council")
    await actions.top_up(books.treasurer, council, 50_000, "council")

    async def aside(line: str, fee: int, travel: int) -> bool:
        return await actions.set_aside(NODE, line, council, books.person, books.worker, fee, travel, f"hold {line}")

    # Care, and the way to it; something bought only by its word.
    one = f"visit:{ids.new_id()}"
    assert await aside(one, 3000, 360)
    assert await aside("visit:volunteer", 0, 360)
    assert await refused(aside("expense:1", 0, 1500)) == "plan_forbids"
    node.clock.move(minute)
    await allow_plan(books.treasurer, payer_id=council, allows=True, travel=False, rests_on="Letter of 3 November")
    node.clock.move(minute)
    assert await aside("expense:1", 0, 1500)
    assert await aside("visit:2", 3000, 0)
    assert await refused(aside("visit:3", 3000, 360)) == "plan_forbids"
    assert await refused(aside("visit:3", 0, 360)) == "plan_forbids"
    # What was agreed before that word stays agreed, whoever comes; no more than that.
    move = actions.move_line
    assert await refused(move(NODE, one, f"{one}:1", books.other, 3000, 361, "m1")) == "plan_forbids"
    assert await move(NODE, one, f"{one}:1", books.other, 3000, 360, "m1")
    # And a key that was used says what it said.
    assert await aside("visit:volunteer", 0, 360)
    assert await treasury.finders_fee(books.treasurer, council, 500, "an invoice")
    assert (await checking.check()).broken == ""


@pytest.mark.parametrize("line, told", [("visit:1", "Line visit:1 takes"), ("expense:1", "Line expense:1 takes")])
async def test_public_money_beyond_its_plan_is_found(node: Node, line: str, told: str) -> None:
    books = await open_books()
    await books.top_up(9000)
    assert await actions.set_aside(NODE, line, books.payer, books.person, books.worker, 1000, 360, "k")
    assert (await checking.check()).broken == ""
    async with write():
        await fetch("UPDATE payer SET fund = 'direct_payment'")
        if line == "visit:1":
            await fetch(
                "INSERT INTO plan_allows (id, payer_id, allows, travel, rests_on, recorded_by, recorded_at) "
                "VALUES ('1', ?, FALSE, FALSE, 'A letter', '', ?)", books.payer, clock.now() - timedelta(days=1),
            )  # fmt: skip
    assert (await checking.check()).broken.startswith(told)


async def test_public_money_that_went_elsewhere_is_found(node: Node) -> None:
    books = await open_books()
    await books.top_up(9000)
    entry = await treasury.finders_fee(books.treasurer, books.payer, 500, "fee", agreed="Ada said yes by phone")
    await verify()
    async with write():
        await fetch("UPDATE payer SET fund = 'nhs'")
    with pytest.raises(Broken, match=f"Entry {entry} took public money"):
        await verify()
