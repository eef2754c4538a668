"""What was set aside, earned and paid in each week: one's own, in the circle's weeks, as a picture and as a table."""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from eccoo_node.escrow import actions, clawback, weeks
from eccoo_node.escrow.sharing import Fund
from eccoo_node.escrow.web.weeks import part
from eccoo_node.escrow.weeks import Week
from eccoo_node.kernel.access import NODE, Actor
from tests.support import make
from tests.support.escrow import open_books
from tests.support.node import Node
from tests.support.payouts import open_circle
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


async def test_each_reads_their_own_weeks(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    await books.top_up(20_000)
    line = await circle.visit()
    await circle.visit(1)
    await actions.release(NODE, line, "went")
    ada, wren, tess = [await browser_of(id_) for id_ in (books.person, books.worker, books.treasurer.person_id)]
    said = text(await ada.get("/money/weeks"))
    assert "This week so far: set aside £120, to workers £51." in said
    # True for whoever it is that pays.
    assert "What is paid for visits" in said
    assert "This week so far: earned £51, sent to you £0." in text(await wren.get("/money/weeks"))
    assert "“Earned” is for visits that went ahead, and for what was laid out; “Sent to you” has left" in text(
        await wren.get("/money/weeks")
    )
    page = await tess.get("/money/weeks")
    assert "23 Nov £120 £51 £0 16 Nov £0 £0 £0" in text(page)
    assert 'role="img"' in page.text
    assert "you see here how much in each week" in text(
        await (await browser_of(await make.person("Bob"))).get("/money/weeks")
    )


async def test_a_week_is_the_circles_own(circle: Circle, node: Node) -> None:
    """Half past eleven on a Sunday evening in June is still that week, though in Greenwich it is 22:30."""
    books = circle.books
    await books.top_up(20_000)
    for at in ("2027-06-06T22:30", "2027-06-06T23:00"):
        node.clock.set(datetime.fromisoformat(at).replace(tzinfo=UTC))
        await circle.visit()
    found = await weeks.of_the_circle(books.treasurer)
    assert found[-2:] == [Week(date(2027, 5, 31), 6000), Week(date(2027, 6, 7), 6000)]
    assert len(found) == weeks.SHOWN
    assert await weeks.of_worker(Actor(person_id=books.worker, acting_for="x")) == []


async def test_each_of_several_payers_reads_their_own_part(node: Node) -> None:
    books = await open_books()
    joan, fern = await make.person("Joan"), await make.person("Fern")
    first, second = [await make.payer(books.person, one, fund="family") for one in (joan, fern)]
    for payer in (first, second):
        await actions.top_up(books.treasurer, payer, 10_000, payer)
    funds = (Fund(first, 4000), Fund(second, 2000))
    await actions.set_aside(NODE, "visit:1", first, books.person, books.worker, 6000, 0, "k", funds=funds)
    await actions.release(NODE, "visit:1", "went", part_pence=3001)
    this = weeks.mondays(node.clock())[-1]
    read = [(await weeks.of_payers(Actor(person_id=one)))[-1] for one in (joan, fern)]
    assert read == [Week(this, 2001, 1701), Week(this, 1000, 850)]
    # Whoever reads both has what the whole circle has of it.
    assert (await weeks.of_payers(Actor(person_id=books.person)))[-1] == Week(this, 3001, 2551)
    assert (await weeks.of_the_circle(books.treasurer))[-1] == Week(this, 3001, 2551)


async def test_what_came_back_is_not_set_aside(node: Node) -> None:
    """A visit is covered for £33 instead of £30, so £33 is set aside and not £63; one that is called off is not."""
    books = await open_books()
    await books.top_up(20_000)
    await books.set_aside("visit:1", 3000)
    await actions.move_line(NODE, "visit:1", "visit:1:cover", books.other, 3300, 0, "move")
    await books.set_aside("visit:2", 4000)
    this = weeks.mondays(node.clock())[-1]
    ada = Actor(person_id=books.person)
    assert (await weeks.of_payers(ada))[-1] == Week(this, 7300)
    node.clock.move(timedelta(days=7))
    await actions.return_line(NODE, "visit:2", "off")
    assert (await weeks.of_payers(ada))[-2:] == [Week(this, 7300), Week(this + timedelta(days=7), -4000)]
    assert (await weeks.of_the_circle(books.treasurer))[-1] == Week(this + timedelta(days=7), -4000)
    assert (await weeks.of_worker(Actor(person_id=books.worker)))[-1] == Week(this + timedelta(days=7))


@pytest.mark.parametrize(
    "highest, scale",
    [
        (259_001, ["£1,000", "£2,000"]),
        (327_150, ["£1,000", "£2,000", "£3,000"]),
        (8_926, ["£20", "£40", "£60", "£80"]),
        (5_100, ["£20", "£40"]),
        (7, ["£0.02", "£0.04", "£0.06"]),
        (1, ["£0.01"]),
    ],
)
def test_the_picture_has_a_scale_in_pounds(highest: int, scale: list[str]) -> None:
    found = part("Earned", [Week(date(2026, 11, 2 + 7 * n), 0, highest) for n in range(4)], {"earned": "Earned"})
    assert found is not None
    assert [line["sum"] for line in found["scale"]] == scale
    assert all(20 <= line["y"] < 140 for line in found["scale"])


async def test_what_was_taken_back_once_it_was_paid_out_is_not_earned(node: Node) -> None:
    circle = await open_circle()
    books = circle.books
    await circle.details(books.worker)
    line = await circle.earns(books.worker, 6000, 300)
    await circle.sent()
    this = weeks.mondays(node.clock())[-1]
    node.clock.move(timedelta(days=7))
    await clawback.claw_back(NODE, line, "back", fee_pence=2000, travel_pence=300, because="Both agreed")
    told = [Week(this, 6300, 5400, 5400), Week(this + timedelta(days=7), 0, -2000)]
    assert (await weeks.of_the_circle(books.treasurer))[-2:] == told
    assert (await weeks.of_worker(Actor(person_id=books.worker)))[-2:] == [replace(one, aside_pence=0) for one in told]
    assert (await weeks.of_payers(Actor(person_id=books.person)))[-2:] == [replace(one, paid_pence=0) for one in told]
