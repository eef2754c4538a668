"""What was paid out and swept, and is taken back all the same: the row of money.md A4, posting by posting."""

import eccoo_node.payouts.checking  # noqa: F401 (what it compares with the books)
from eccoo_node.escrow import clawback, corrections, owing, statements, treasury
from eccoo_node.escrow.checking import check
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions, giving
from tests.support.escrow import entries
from tests.support.node import Node
from tests.support.payouts import TODAY, is_ready, open_circle, payments


async def test_taken_back_after_payout_and_sweep(node: Node) -> None:
    circle = await open_circle()
    books, wren, by = circle.books, circle.books.worker, circle.treasurer
    await circle.details(wren)
    line = await circle.earns(wren, 6000)
    (payment,) = await payments(await circle.sent())
    await actions.confirm_paid(by, payment, on=TODAY, key="paid")
    await treasury.sweep(by, 900, "swept")
    await clawback.claw_back(NODE, line, "back", fee_pence=6000, because="Ada and Wren agreed, by phone on Monday")
    assert (await entries(books))[-4:] == [
        ("payout", [("2200", "worker", "", 5100), ("2290", "worker", "", -5100)]),
        ("payout_paid", [("1000", "", "", -5100), ("2290", "worker", "", 5100)]),
        ("swept", [("1000", "", "", -900), ("1010", "", "", 900)]),
        ("clawed_back", [
            ("1000", "", "", 6000), ("1010", "", "", -6000), ("1300", "worker", "", 5100), ("2110", line, "", -6000),
            ("4000", "", "", 900),
        ]),
    ]  # fmt: skip
    # Settled: £12 of it was due after all. What the worker has of it is theirs, and what they were paid is still to be
    # given back, so their own yes sets the one against the other.
    await corrections.resolve(NODE, line, "settled", fee_pence=1200, because="As agreed")
    await giving.agree_recovery(await members.actor_for(wren), wren, most_pence=1000)
    assert (await check()).broken == ""
    await circle.sent("b2")
    await owing.write_off(by, wren, 4100, "off", because="The circle’s meeting of 2 November")
    assert (await entries(books))[-3:] == [
        ("resolved", [
            ("2000", "payer", "", -4800), ("2110", line, "", 6000), ("2200", "worker", "", -1020), ("4000", "", "", -180),
        ]),
        ("payout", [
            ("1000", "", "", -1000), ("1010", "", "", 1000), ("1300", "worker", "", -1000), ("2200", "worker", "", 1020),
            ("2290", "worker", "", -20),
        ]),
        ("written_off", [("1300", "worker", "", -4100), ("5100", "", "", 4100)]),
    ]  # fmt: skip
    assert (await check()).broken == ""


async def test_what_came_back_from_the_bank_is_not_paid_out(node: Node) -> None:
    """So it is taken back from where it stands, and what they earned since is left to them."""
    circle = await open_circle()
    wren, by = circle.books.worker, circle.treasurer
    await circle.details(wren)
    line = await circle.earns(wren, 6000)
    (payment,) = await payments(await circle.sent())
    await circle.earns(wren, 2000)
    await actions.bounced(by, payment, on=TODAY, key="bounced", because="No such account")
    await clawback.claw_back(NODE, line, "back", fee_pence=6000, because="Ada and Wren agreed, by phone on Monday")
    kind, posted = (await entries(circle.books))[-1]
    assert (kind, posted) == (
        "clawed_back", [("2110", line, "", -6000), ("2200", "worker", "", 5100), ("4000", "", "", 900)],
    )  # fmt: skip
    assert [one[1] for one in await is_ready()] == [1700]
    assert (await check()).broken == ""


async def test_travel_that_was_paid_out_is_taken_back_and_nothing_else_waits(node: Node) -> None:
    """The fee stands; what they had for the way they give back. Everybody else is paid as ever."""
    circle = await open_circle()
    wren, by = circle.books.worker, circle.treasurer
    await treasury.own_money(by, 1000, "own", because="To begin with")
    await circle.details(wren)
    line = await circle.earns(wren, 6000, 360)
    (payment,) = await payments(await circle.sent())
    await actions.confirm_paid(by, payment, on=TODAY, key="paid")
    await clawback.claw_back(NODE, line, "back", fee_pence=0, travel_pence=360, because="Both agreed, by phone")
    assert (await entries(circle.books))[-1] == (
        "clawed_back", [("1300", "worker", "", 360), ("2110", line, "", -360)],
    )  # fmt: skip
    assert (await check()).broken == ""
    # Some of it was due after all, and is in question once more: of that, what is still here is taken first.
    await corrections.resolve(NODE, line, "settled", fee_pence=0, travel_pence=100, because="As agreed")
    assert (await check()).broken == ""
    await clawback.claw_back(NODE, line, "again", fee_pence=0, travel_pence=100, because="Both agreed, by phone")
    assert (await check()).broken == ""
    await corrections.resolve(NODE, line, "none", fee_pence=0, because="As agreed")
    assert (await check()).broken == ""


async def test_mileage_that_was_given_back_is_laid_out_no_more(node: Node) -> None:
    """The worker’s page says the same as their statement of the year, before and after it is taken off a payout."""
    circle = await open_circle()
    wren = circle.books.worker
    own = await members.actor_for(wren)
    await circle.details(wren)
    line = await circle.earns(wren, 6000, 300)
    await circle.sent()
    await clawback.claw_back(NODE, line, "back", fee_pence=0, travel_pence=300, because="She came by bicycle.")
    told = await statements.worker_statement(own)
    assert told
    assert (told.earned_pence, told.laid_out_pence, told.owes_pence) == (5100, 300, 300)
    await giving.agree_recovery(own, wren, most_pence=1000)
    await circle.earns(wren, 4000)
    await circle.sent("b2")
    told = await statements.worker_statement(own)
    assert told
    assert (told.earned_pence, told.laid_out_pence, told.owes_pence) == (8500, 0, 0)
