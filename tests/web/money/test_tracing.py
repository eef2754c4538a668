"""Each follows the money that is theirs to follow, page by page, and the treasurer's looking is written down."""

import re
from html import unescape

import pytest

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import actions, statements
from eccoo_node.escrow.sharing import Fund
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
    # Both sides of the books come to the same, and stand below them.
    foot = page.text[page.text.index("<tfoot>") : page.text.index("</tfoot>")]
    assert " ".join(re.sub(r"<[^>]+>", " ", foot).split()) == "Together £1,000 £1,000"
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


async def test_each_who_pays_a_part_reads_theirs_and_turns_back_to_older_pages(
    circle: Circle, browser_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "SHOWN", 2)
    books = circle.books
    joan = await make.person("Joan")
    hers = await make.payer(books.person, payer_person_id=joan, fund="family")
    await books.top_up(50_000)
    await actions.top_up(books.treasurer, hers, 9_000, "from Joan")
    for day in range(3):
        await circle.visit(day)
    shared = await circle.visit(3, funds=[Fund(books.payer, 4_000), Fund(hers, 2_000)])
    tess, of_joan = await browser_of(books.treasurer.person_id), await browser_of(joan)
    said = text(await of_joan.get("/money"))
    assert "£60 is set aside for Sunday 29 November." in said
    assert "£20 of it is paid here, the rest by others. £70 more is there" in said
    assert "£51 to the worker, £9 to the circle. £20 of it paid here" in text(await tess.get(f"/money/payers/{hers}"))
    # The first of them reads their own part in the sum too: three times £60, and £40 of the newest.
    page = await tess.get(f"/money/payers/{books.payer}")
    assert "£220 is set aside for four visits." in text(page)
    assert (shared in page.text, f"/money/payers/{books.payer}?page=2" in unescape(page.text)) == (True, True)
    older = await tess.get(f"/money/payers/{books.payer}?page=2")
    assert [text(older).count(said) for said in ("£51 to the worker", "Newer ones", "Older ones")] == [2, 1, 0]
    # The same for those whose money it is, and for nobody else.
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    assert f"/money/before?payer={books.payer}" in unescape((await ada.get("/money")).text)
    page = await ada.get(f"/money/before?payer={books.payer}&page=2")
    assert [text(page).count(said) for said in ("£51 to the worker", "Newer ones", "Older ones")] == [2, 1, 0]
    assert "What you earned before" in text(await wren.get("/money"))
    assert text(await wren.get("/money/before?page=2")).count("£51") == 2
    # A number that no list reaches is a page too.
    assert (await tess.get(f"/money/payers/{books.payer}?page={'9' * 20}")).status_code == 200
    assert (await wren.get(f"/money/before?page={'9' * 20}")).status_code == 200
    assert (await of_joan.get(f"/money/before?payer={books.payer}")).status_code == 403
    assert (await ada.get("/money/before?payer=none")).status_code == 404
