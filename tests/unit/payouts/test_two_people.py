"""Nobody sends money where they alone said that it goes, nor decides on their own: two people see to each."""

from datetime import timedelta

import pytest

import eccoo_node.rota.payout_news  # noqa: F401 (who is told of it)
from eccoo_node.escrow import treasury
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.members import limits, sign_in
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions, details, giving, queries
from tests.support import make
from tests.support.node import Node
from tests.support.payouts import TODAY, Circle, hatted, is_ready, open_circle, payments

NEW = {"name": "Wren Bird", "sort_code": "60-83-71", "account_number": "66643219"}
HEARD = {"how": "paper", "sort_code": "608371", "account_number": "66643219"}


async def as_wren(circle: Circle, printer: Actor) -> Actor:
    """Whoever holds the code that this facilitator printed for Wren, which signs in as Wren."""
    printed = await sign_in.print_code(printer, circle.books.worker)
    opened = await sign_in.sign_in_with_code(printed.code)
    assert opened is not None
    return await members.actor_for(opened.person_id)


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=80)])
async def test_whoever_printed_the_code_that_gave_an_account_does_not_make_sure_of_it(
    node: Node, later: timedelta
) -> None:
    circle = await open_circle()
    wren, mal = circle.books.worker, await hatted("Mal", "facilitator")
    await circle.earns(wren, 6000)
    # What was sure before does not help: the code still signs in for as long as what it opened lasts.
    own = await as_wren(circle, mal)
    await circle.details(wren)
    node.clock.move(later)
    await limits.forget_tries({})
    await giving.give_details(own, wren, **NEW)
    with pytest.raises(Forbidden, match="You gave them the code"):
        await giving.confirm_details(mal, wren, **HEARD)
    with pytest.raises(Forbidden, match="You gave them the code"):
        await giving.not_sure(mal, wren, outcome="wrong")
    assert (await details.to_confirm(mal), await is_ready()) == ([], [("Wren", 5100, "not_sure")])
    assert len(await details.to_confirm(circle.facilitator)) == 1
    await giving.confirm_details(circle.facilitator, wren, **HEARD)
    assert await is_ready() == [("Wren", 5100, "")]


async def test_a_code_that_opened_nothing_by_which_they_were_given_keeps_nobody_from_making_sure(node: Node) -> None:
    circle = await open_circle()
    wren, mal, fay = circle.books.worker, await hatted("Mal", "facilitator"), circle.facilitator
    # One that nobody used, one that another took the place of, and one that was used afterwards.
    await sign_in.print_code(mal, wren)
    await as_wren(circle, fay)
    node.clock.move(timedelta(hours=1))
    await giving.give_details(await members.actor_for(wren), wren, **NEW)
    node.clock.move(timedelta(hours=1))
    await as_wren(circle, mal)
    await giving.confirm_details(mal, wren, **HEARD)
    # Fay writes down what Wren says on the phone: they are two already, whoever printed a code before.
    phone = Actor(person_id=fay.person_id, hats=fay.hats, via="phone", acting_for=wren, known_by="rang_back")
    await giving.give_details(phone, wren, **{**NEW, "account_number": "12349876"})
    await giving.confirm_details(mal, wren, **{**HEARD, "account_number": "12349876"})


async def test_a_batch_for_whom_one_speaks_takes_somebody_else_as_well(node: Node) -> None:
    circle = await open_circle()
    by, wren, payer = circle.treasurer, circle.books.worker, circle.books.payer
    fay, convenor = circle.facilitator, await hatted("Cora", "convenor")
    await make.speaks(by.person_id, wren, "money")
    await make.speaks(convenor.person_id, wren, "money")
    await circle.details(wren)
    await circle.earns(wren, 6000)
    made = await circle.batch()
    assert (await queries.batch(by, made)).second
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(by, made)
    with pytest.raises(Forbidden, match="speak for"):
        await actions.approve(convenor, made)
    assert await queries.waiting_for(convenor) == []
    assert [one.id for one in await queries.waiting_for(fay)] == [made]
    # Nor does another treasurer who speaks for them send it alone, whoever made it.
    await actions.take_back(by, made)
    theo = await hatted("Theo", "treasurer")
    made = await actions.make_batch(theo, pay_on=TODAY, key="theo's")
    assert not (await queries.batch(theo, made)).second
    with pytest.raises(Conflict, match="second person"):
        await actions.file_batch(by, made)
    await actions.file_batch(theo, made)
    # A refund goes to whoever paid; whose support it was, and who speaks for them, have a part in it too.
    await circle.books.top_up(1000, "more")
    await treasury.refund(theo, payer, 1000, "refund")
    await circle.details(circle.books.person, "33334444")
    await make.speaks(theo.person_id, circle.books.person, "money")
    made = await actions.make_batch(theo, pay_on=TODAY, key="refunds")
    assert (await queries.batch(theo, made)).second


async def test_nobody_says_that_their_own_payment_came_back(node: Node) -> None:
    """It would be paid again, and the bank may have paid it."""
    circle = await open_circle()
    by, wren = circle.treasurer, circle.books.worker
    theo = await hatted("Theo", "treasurer")
    await circle.earns(by.person_id, 6000)
    await circle.earns(wren, 3000)
    await circle.details(by.person_id)
    await circle.details(wren, "55667788")
    await make.speaks(by.person_id, wren, "money")
    made = await actions.make_batch(theo, pay_on=TODAY, key="theo's")
    await actions.file_batch(theo, made)
    ids = await payments(made)
    for one in ids:
        with pytest.raises(Forbidden, match="Another treasurer"):
            await actions.bounced(by, one, on=TODAY, key=f"sent {one}", because="Came back")
        await actions.confirm_paid(by, one, on=TODAY, key=f"paid {one}")
        with pytest.raises(Forbidden, match="Another treasurer"):
            await actions.bounced(by, one, on=TODAY, key=f"back {one}", because="Came back")
    assert await is_ready() == []
    await actions.bounced(theo, ids[0], on=TODAY, key="back", because="Came back")
    assert len(await is_ready()) == 1
