"""Each follows the money that is theirs to follow, page by page, and the treasurer's looking is written down."""

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import actions
from eccoo_node.kernel.access import NODE
from tests.support import make
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


async def test_a_visits_money_is_followed_by_those_it_concerns(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    await books.top_up(10_000)
    line = await circle.visit()
    await actions.release(NODE, line, "went", part_pence=5000)
    ada, wren, tess = [await browser_of(id_) for id_ in (books.person, books.worker, books.treasurer.person_id)]
    assert f"/money/follow/{line}" in (await ada.get("/money")).text
    said = text(await ada.get(f"/money/follow/{line}"))
    assert "£60 came by bank transfer" in said
    assert "It went ahead £42.50 to the worker, £7.50 to the circle, £10 back to whoever pays" in said
    assert "The worker’s part" not in said
    assert f'href="/visits/{line.partition(":")[2]}">See the visit' in (await ada.get(f"/money/follow/{line}")).text
    said = text(await wren.get(f"/money/follow/{line}"))
    assert "It came in" not in said
    assert "Nothing of it has been sent to the worker’s bank so far." in said
    said = text(await tess.get(f"/money/follow/{line}"))
    assert "It came in" in said
    assert "The worker’s part" in said
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.trace_line'") == 1
    bob = await browser_of(await make.person("Bob"))
    assert (await bob.get(f"/money/follow/{line}")).status_code == 403
    assert (await bob.get("/money/follow/visit:none")).status_code == 404


async def test_the_treasurer_opens_one_payer(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    await books.top_up(100_000)
    for day in range(5):
        await circle.visit(day)
    tess, ada = await browser_of(books.treasurer.person_id), await browser_of(books.person)
    page = await tess.get("/money")
    assert "Ada £300 set aside, £700 not" in text(page)
    assert "£300 is set aside for five visits." in text(await tess.get(f"/money/payers/{books.payer}"))
    with counting_queries() as few:
        await tess.get(f"/money/payers/{books.payer}")
    for day in range(5, 12):
        await circle.visit(day)
    with counting_queries() as many:
        await tess.get(f"/money/payers/{books.payer}")
    assert len(few) == len(many)
    assert (await ada.get(f"/money/payers/{books.payer}")).status_code == 403
    assert (await tess.get("/money/payers/none")).status_code == 404
