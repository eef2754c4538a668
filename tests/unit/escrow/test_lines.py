"""Lines that are not the plain case, to the penny as money.md A4 has them: several funds, arrears, tax, wages, taking back."""

from typing import Any

import pytest

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, corrections, queries, treasury
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.clawback import claw_back, owe_back
from eccoo_node.escrow.sharing import Fund
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Broken, Conflict, Forbidden, Invalid, Refusal
from tests.support import make
from tests.support.escrow import Books, entries, open_books, paid_out
from tests.support.node import Node


async def refused(awaitable: Any, kind: type[Refusal] = Conflict) -> str:
    with pytest.raises(kind) as caught:
        await awaitable
    return caught.value.code


async def newest(books: Books, council: str = "") -> list[tuple[str, str, int]]:
    """The postings of the newest entry, each on its net account."""
    found: dict[tuple[str, str], int] = {}
    for code, of, _, amount in (await entries(books))[-1][1]:
        name = "council" if of and of == council else of
        found[code, name] = found.get((code, name), 0) + amount
    return sorted((code, name, amount) for (code, name), amount in found.items() if amount)


async def council_of(books: Books) -> str:
    return await make.payer(books.person, fund="local_authority")


# ---------------------------------------------------------------- several funds, and paying after


async def test_two_funds_pay_for_one_visit_and_each_has_back_its_part(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.top_up(books.treasurer, council, 12_000, "the council’s")
    await books.top_up(3000)
    funds = [Fund(council, 12_000), Fund(books.payer, 3000)]
    assert await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 15_000, 0, "k", funds=funds)
    assert await newest(books, council) == [
        ("2000", "council", 12_000),
        ("2000", "payer", 3000),
        ("2100", "visit:1", -15_000),
    ]
    given = await actions.release(NODE, "visit:1", "went", part_pence=14_000)
    assert await newest(books, council) == [
        ("2000", "council", -800), ("2000", "payer", -200), ("2100", "visit:1", 15_000), ("2200", "worker", -11_900),
        ("4000", "", -2100),
    ]  # fmt: skip
    assert given.returned_pence == 1000
    assert await actions.release(NODE, "visit:1", "went", part_pence=14_000) == given
    await verify()


async def test_what_goes_back_later_goes_by_what_is_left_of_each(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.top_up(books.treasurer, council, 667, "the council’s")
    await books.top_up(333)
    funds = [Fund(council, 667), Fund(books.payer, 333)]
    assert await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 1000, 0, "k", funds=funds)
    await corrections.dispute(NODE, "visit:1", "in question", fee_pence=500)
    await corrections.resolve(NODE, "visit:1", "settled", fee_pence=0, because="Both agreed")
    assert await queries.credit_pence(council) + await queries.credit_pence(books.payer) == 500
    assert await queries.credit_pence(books.payer) == 166
    await verify()


async def test_funds_that_do_not_add_up_are_refused(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.top_up(books.treasurer, council, 5000, "the council’s")
    await books.top_up(5000)
    for funds in (
        [Fund(council, 500), Fund(books.payer, 499)],
        [Fund(council, 1000), Fund(books.payer, 0)],
        [Fund(council, 500), Fund(council, 500)],
        [Fund(council, 1500), Fund(books.payer, -500)],
    ):
        asking = actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 1000, 0, "k", funds=funds)
        assert await refused(asking, Invalid) == "bad_funds"
    # One of the two is short: nothing is set aside from either.
    funds = [Fund(council, 4000), Fund(books.payer, 5001)]
    assert not await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 9001, 0, "k", funds=funds)
    assert (await queries.credit_pence(council), await queries.credit_pence(books.payer)) == (5000, 5000)


async def test_cover_at_another_rate_is_borne_by_both_as_before(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.top_up(books.treasurer, council, 5280, "the council’s")
    await books.top_up(1320)
    funds = [Fund(council, 4800), Fund(books.payer, 1200)]
    await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 6000, 0, "k", funds=funds)
    assert await actions.move_line(NODE, "visit:1", "visit:2", books.other, 6600, 0, "move")
    assert (await queries.credit_pence(council), await queries.credit_pence(books.payer)) == (0, 0)
    assert [tuple(r) for r in await fetch("SELECT amount_pence FROM line_fund ORDER BY id")] == [
        (4800,), (1200,), (5280,), (1320,),
    ]  # fmt: skip
    assert await actions.move_line(NODE, "visit:1", "visit:2", books.other, 6600, 0, "move")
    assert not await actions.move_line(NODE, "visit:2", "visit:3", books.other, 6601, 0, "dearer")
    await verify()


async def test_a_council_pays_after_and_the_circle_stands_in(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    args = (NODE, "visit:1", council, books.person, books.worker, 12_000, 0, "k")
    assert await actions.set_aside(*args, arrears=True)
    assert await newest(books, council) == [
        ("1000", "", 12_000), ("1010", "", -12_000), ("1100", "council", 12_000), ("2100", "visit:1", -12_000),
    ]  # fmt: skip
    assert await actions.set_aside(*args, arrears=True)
    await actions.release(NODE, "visit:1", "went")
    await treasury.paid_owing(books.treasurer, council, 12_000, "the council pays")
    assert await newest(books, council) == [("1010", "", 12_000), ("1100", "council", -12_000)]
    await verify()


async def test_a_shorter_visit_is_owed_less_by_who_pays_after(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 3000, 0, "k", arrears=True)
    await actions.release(NODE, "visit:1", "went", part_pence=2000)
    assert await newest(books, council) == [
        ("1000", "", -1000), ("1010", "", 1000), ("1100", "council", -1000), ("2100", "visit:1", 3000),
        ("2200", "worker", -1700), ("4000", "", -300),
    ]  # fmt: skip
    await verify()


# ---------------------------------------------------------------- tax, and wages


async def test_tax_in_the_commission_stands_apart_once_the_circle_is_registered(node: Node) -> None:
    books = await open_books(vat_bps=2000)
    await books.top_up(13_050)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    assert await newest(books) == [
        ("2100", "visit:1", 6000), ("2200", "worker", -5100), ("2400", "", -150), ("4000", "", -750),
    ]  # fmt: skip
    # The rate is frozen: what is agreed later bears none, and this one still does when it is taken back.
    await actions.set_schedule(books.treasurer, 750, 1750, decision_id=await make.decision())
    await books.set_aside("visit:2", 6000)
    await actions.release(NODE, "visit:2", "went 2")
    assert "2400" not in [code for code, _, _ in await newest(books)]
    await claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Both agreed")
    assert (await queries.trial_balance())["2400"] == 0
    await verify()


async def test_tax_is_within_both_sides_and_across_circles_within_our_part_alone(node: Node) -> None:
    books = await open_books(750, 1750, vat_bps=2000)
    await books.top_up(20_000)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    assert await newest(books) == [
        ("2100", "visit:1", 6450), ("2200", "worker", -4950), ("2400", "", -175 - 75), ("4000", "", -875),
        ("4010", "", -375),
    ]  # fmt: skip
    await books.set_aside("visit:2", 6000, across=Across("circle B", 5000, 0, 1500))
    await actions.release(NODE, "visit:2", "went 2")
    assert await newest(books) == [
        ("2100", "visit:2", 6000), ("2300", "circle B", -5550), ("2400", "", -75), ("4000", "", -375),
    ]  # fmt: skip
    await actions.owe_worker_from(
        NODE, "circle A", "away:1", books.worker, 6000, 0, payer_add_bps=0, worker_deduct_bps=1500,
        home_share_bps=5000, key="owed",
    )  # fmt: skip
    assert await newest(books) == [
        ("1200", "circle A", 5550), ("2200", "worker", -5100), ("2400", "", -75), ("4000", "", -375),
    ]  # fmt: skip
    await verify()


async def test_an_employed_workers_visit_is_the_circles_income(node: Node) -> None:
    books = await open_books(750, 1750)
    await books.top_up(6300)
    args = (NODE, "visit:1", books.payer, books.person, books.worker, 6000, 300, "k")
    assert await actions.set_aside(*args, employed=True)
    await actions.release(NODE, "visit:1", "went")
    assert await newest(books) == [("2100", "visit:1", 6300), ("4050", "", -6300)]
    with pytest.raises(Invalid):
        await actions.set_aside(*args[:1], "visit:2", *args[2:7], "l", employed=True, across=Across("circle B"))
    await verify()


async def test_shopping_up_to_a_ceiling_is_paid_by_the_receipt(node: Node) -> None:
    books = await open_books()
    await books.top_up(1500)
    assert await books.set_aside("shopping:1", 0, 1500)
    await actions.release(NODE, "shopping:1", "receipt", travel_pence=1245)
    assert await newest(books) == [("2000", "payer", -255), ("2100", "shopping:1", 1500), ("2210", "worker", -1245)]
    await verify()


# ---------------------------------------------------------------- taking back


async def _went(books: Books, *, swept: int = 0) -> None:
    await books.top_up(6000)
    await books.set_aside("visit:1", 6000)
    await actions.release(NODE, "visit:1", "went")
    if swept:
        await treasury.sweep(books.treasurer, swept, "sweep")


async def test_what_was_not_yet_paid_out_is_taken_back(node: Node) -> None:
    books = await open_books()
    await _went(books, swept=900)
    await claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Ada and Wren agreed by phone")
    assert await newest(books) == [
        ("1000", "", 900), ("1010", "", -900), ("2110", "visit:1", -6000), ("2200", "worker", 5100), ("4000", "", 900),
    ]  # fmt: skip
    given = await corrections.resolve(NODE, "visit:1", "settled", fee_pence=1200, because="As agreed")
    assert (given.worker_pence, given.commission_pence, given.returned_pence) == (1020, 180, 4800)
    await verify()


async def test_commission_that_was_not_swept_needs_no_money_of_the_circle(node: Node) -> None:
    books = await open_books()
    await _went(books)
    await claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Both agreed")
    assert await newest(books) == [("2110", "visit:1", -6000), ("2200", "worker", 5100), ("4000", "", 900)]
    await verify()


async def test_across_circles_what_is_not_settled_is_owed_less_in_both_books(node: Node) -> None:
    books = await open_books()
    await books.top_up(6000)
    await books.set_aside("visit:1", 6000, across=Across("circle B", 5000))
    await actions.release(NODE, "visit:1", "went")
    await claw_back(NODE, "visit:1", "back", fee_pence=6000, because="Both circles agreed")
    assert await newest(books) == [("2110", "visit:1", -6000), ("2300", "circle B", 5550), ("4000", "", 450)]
    await actions.owe_worker_from(
        NODE, "circle A", "away:1", books.worker, 6000, 0, payer_add_bps=0, worker_deduct_bps=1500,
        home_share_bps=5000, key="owed",
    )  # fmt: skip
    await owe_back(NODE, "away:1", "back there", fee_pence=6000)
    assert await newest(books) == [("1200", "circle A", -5550), ("2200", "worker", 5100), ("4000", "", 450)]
    await verify()


async def test_a_part_is_taken_back_to_the_penny_whatever_rounding_left(node: Node) -> None:
    books = await open_books(333, 777)
    await books.top_up(10_000)
    await books.set_aside("visit:1", 2999, 101)
    await actions.release(NODE, "visit:1", "went", part_pence=1999)
    for number, part in enumerate((1, 2, 333)):
        await claw_back(NODE, "visit:1", f"back {number}", fee_pence=part, travel_pence=1, because="Both agreed")
        asking = claw_back(NODE, "visit:1", "twice", fee_pence=1, because="Both agreed")
        assert await refused(asking) == "disputed"
        await verify()
        await corrections.resolve(NODE, "visit:1", f"settled {number}", fee_pence=part // 2, because="So")
        await verify()


async def test_taking_back_follows_an_agreement_and_is_no_more_than_was_let_go(node: Node) -> None:
    books = await open_books()
    await _went(books)
    by, keeper = NODE, books.treasurer
    assert await refused(claw_back(keeper, "visit:1", "k", fee_pence=1, because="So"), Forbidden) == "forbidden"
    assert await refused(owe_back(keeper, "visit:1", "k", fee_pence=1), Forbidden) == "forbidden"
    assert await refused(claw_back(by, "visit:1", "k", fee_pence=1, because=" "), Invalid) == "no_reason"
    for fee in (6001, -1, 2.5, True):
        assert (
            await refused(claw_back(by, "visit:1", "k", fee_pence=fee, because="So"), Invalid) == "more_than_released"
        )
    assert await refused(claw_back(by, "visit:1", "k", fee_pence=0, because="So"), Invalid) == "bad_amount"
    assert await refused(owe_back(NODE, "visit:1", "k", fee_pence=1)) == "not_theirs"
    await claw_back(by, "visit:1", "k", fee_pence=100, because="So")
    assert await claw_back(by, "visit:1", "k", fee_pence=100, because="So")
    assert await refused(claw_back(by, "visit:1", "k", fee_pence=101, because="So")) == "key_reused"


# ---------------------------------------------------------------- what once went wrong


async def test_what_is_left_over_once_a_council_has_paid_is_its_credit(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    for number, part in ((1, 6000), (2, 0)):
        line = f"visit:{number}"
        await actions.set_aside(NODE, line, council, books.person, books.worker, 12_000, 0, line, arrears=True)
        await treasury.paid_owing(books.treasurer, council, 12_000, f"pays {number}")
        if part:
            await actions.release(NODE, line, f"went {number}", part_pence=part)
        else:
            await actions.return_line(NODE, line, f"back {number}")
    assert await queries.credit_pence(council) == 18_000
    balances = await queries.trial_balance()
    assert (balances["1000"], balances["1010"], balances["1100"]) == (24_000, 0, 0)
    await verify()


async def test_a_line_left_with_one_fund_is_that_payers_own(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    alone = [Fund(council, 12_000, arrears=True)]
    await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 12_000, 0, "k", funds=alone)
    await actions.return_line(NODE, "visit:1", "back")
    await books.top_up(1)
    two = [Fund(council, 11_999, arrears=True), Fund(books.payer, 1)]
    await actions.set_aside(NODE, "visit:2", council, books.person, books.worker, 12_000, 0, "l", funds=two)
    assert await actions.move_line(NODE, "visit:2", "visit:3", books.other, 5000, 0, "move")
    await verify()
    await actions.return_line(NODE, "visit:3", "back too")
    assert (await queries.credit_pence(council), await queries.credit_pence(books.payer)) == (0, 1)
    assert (await queries.trial_balance())["1100"] == 0
    await verify()


async def test_taking_back_leaves_what_was_earned_since(node: Node) -> None:
    books = await open_books()
    await books.top_up(20_000)
    for number in (1, 2):
        await books.set_aside(f"visit:{number}", 10_000)
        await actions.release(NODE, f"visit:{number}", f"went {number}")
        if number == 1:
            await paid_out(books, 8500)
    await claw_back(NODE, "visit:1", "back", fee_pence=10_000, because="Both agreed")
    balances = await queries.trial_balance()
    assert (balances["2200"], balances["1300"], balances["2110"]) == (-8500, 8500, -10_000)
    await verify()


async def test_a_cancellation_that_was_undone_leaves_the_commission(node: Node) -> None:
    books = await open_books(cancelled_bears=False)
    await books.top_up(10_000)
    await books.set_aside("visit:1", 10_000)
    await actions.pay_cancelled(NODE, "visit:1", 5000, "called off")
    await corrections.reverse(books.treasurer, (await _last()), "undo", because="It was not late")
    await corrections.dispute(NODE, "visit:1", "in question")
    given = await corrections.resolve(NODE, "visit:1", "settled", fee_pence=10_000, because="Both agreed")
    assert given.commission_pence == 1500
    await verify()


async def test_what_bore_no_commission_bears_none_when_it_is_settled_otherwise(node: Node) -> None:
    books = await open_books(cancelled_bears=False)
    await books.top_up(10_000)
    await books.set_aside("visit:1", 10_000)
    await actions.pay_cancelled(NODE, "visit:1", 5000, "called off")
    await claw_back(NODE, "visit:1", "back", fee_pence=3000, because="Both agreed")
    given = await corrections.resolve(NODE, "visit:1", "settled", fee_pence=2000, because="Both agreed")
    assert (given.worker_pence, given.commission_pence, given.returned_pence) == (2000, 0, 1000)
    await verify()


async def test_one_key_is_one_move_and_answers_the_same(node: Node) -> None:
    books = await open_books()
    await books.top_up(9000)
    for number in (1, 2):
        await books.set_aside(f"visit:{number}", 1000)
    assert await actions.move_line(NODE, "visit:1", "visit:3", books.other, 1000, 0, "move")
    assert await refused(actions.move_line(NODE, "visit:2", "visit:3", books.other, 1000, 0, "move")) == "key_reused"
    await actions.release(NODE, "visit:3", "went")
    taken = await claw_back(NODE, "visit:3", "back", fee_pence=500, because="So")
    assert await claw_back(NODE, "visit:3", "back", fee_pence=500, because="So") == taken
    assert (taken.fee_pence, taken.worker_pence, taken.commission_pence) == (500, 425, 75)


async def test_nothing_to_owe_back_is_a_refusal(node: Node) -> None:
    books = await open_books()
    await actions.owe_worker_from(
        NODE, "circle A", "away:1", books.worker, 7, 0, payer_add_bps=0, worker_deduct_bps=1500,
        home_share_bps=0, key="owed",
    )  # fmt: skip
    assert await refused(owe_back(NODE, "away:1", "back", fee_pence=1), Invalid) == "bad_amount"
    await verify()


async def test_changed_funds_of_a_line_show(node: Node) -> None:
    books = await open_books()
    council = await council_of(books)
    await actions.top_up(books.treasurer, council, 500, "the council’s")
    await books.top_up(500)
    funds = [Fund(council, 500), Fund(books.payer, 500)]
    await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 1000, 0, "k", funds=funds)
    await verify()
    async with write():
        for trigger in await _triggers("line_fund"):
            await fetch(trigger)
        # To the same sum: only what was agreed tells of it.
        await fetch("UPDATE line_fund SET amount_pence = CASE WHEN payer_id = ? THEN 499 ELSE 501 END", council)
    with pytest.raises(Broken) as broken:
        await verify()
    assert broken.value.code == "line_funds"


async def _triggers(table: str) -> list[str]:
    if bound.engine().engine_type == "sqlite":
        rows = await fetch("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table)
        return [f'DROP TRIGGER "{row[0]}"' for row in rows]
    return [f"ALTER TABLE {table} DISABLE TRIGGER ALL"]


async def _last() -> int:
    return int(await fetch_value("SELECT MAX(id) FROM entry"))
