"""What was set aside, earned and paid in each week: one's own, in the circle's weeks, as a picture and as a table."""

from datetime import UTC, date, datetime

from eccoo_node.escrow import actions, weeks
from eccoo_node.escrow.weeks import Week
from eccoo_node.kernel.access import NODE, Actor
from tests.support import make
from tests.support.node import Node
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
    assert "This week so far: earned £51, sent to you £0." in text(await wren.get("/money/weeks"))
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
