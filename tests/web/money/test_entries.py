"""What was written in the books, on its pages: found, read and undone by a treasurer who is no programmer."""

import msgspec
import pytest

from eccoo_node.banking import actions as banking
from eccoo_node.banking import importing, kept
from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import actions, queries, say_entry
from eccoo_node.escrow.chart import CHART
from eccoo_node.escrow.entries import Entry, Names, Posted
from eccoo_node.escrow.telling import Told
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.money import pounds
from tests.support import make
from tests.support import statements as banks
from tests.support.escrow import last_entry
from tests.support.statements import line
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_banking_pages import accounts, main_text, reference_of
from tests.web.money.test_money_pages import text

LIST = "/money/entries"


async def test_a_wrong_payer_is_put_right_from_the_page_to_the_inbox(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    ours = await accounts(circle)
    data = banks.starling([line("2026-11-02", 10_000, await reference_of(circle), "B HILL")])
    draft = await banking.read_statement(books.treasurer, ours["1000"], "march.csv", data)
    await importing.write_statement(books.treasurer, draft)
    tess = await browser_of(books.treasurer.person_id)
    assert 'href="/money/entries"' in (await tess.get("/money")).text
    entry = await fetch_value("SELECT id FROM entry")
    said = text(await tess.get(LIST))
    assert "Money came in: £100 2 November 2026. Ada. Written by Tess." in said
    page = await tess.get(f"{LIST}/{entry}")
    assert "Came into the account in which we look after money Ada, not set aside £100" in text(page)
    said = text(await tess.get(f"{LIST}/{entry}/undo"))
    assert "Ada, not set aside Out of the account in which we look after money £100" in said
    assert "It came from the bank’s statement: 2 November 2026, £100. That line then waits" in said
    refused = await tess.send(f"{LIST}/{entry}/undo", {"because": " "})
    assert "Say why this is undone" in main_text(refused)
    done = await tess.send(f"{LIST}/{entry}/undo", {"because": "It was Bill’s"})
    assert (done.status_code, done.headers["location"]) == (303, "/money/inbox")
    assert "It is undone. Now say here whose money it was" in text(await tess.get("/money/inbox"))
    (waits,) = await kept.waiting_lines(books.treasurer)
    assert (waits.left_pence, await queries.credit_pence(books.payer)) == (10_000, 0)
    page = await tess.get(f"{LIST}/{entry}")
    assert "This was undone" in text(page)
    assert "Undo this" not in text(page)
    undone = await fetch_value("SELECT id FROM entry WHERE kind = 'reversed'")
    assert "Why It was Bill’s" in text(await tess.get(f"{LIST}/{undone}"))
    assert "already been undone" in text(await tess.get(f"{LIST}/{entry}/undo"))
    await verify()


async def test_what_the_books_refuse_is_said_at_the_form_and_nobody_undoes_their_own(
    circle: Circle, browser_of: SignIn
) -> None:
    books = circle.books
    first = await books.top_up(10_000)
    await circle.visit()
    own = await make.payer(books.treasurer.person_id)
    thea = msgspec.structs.replace(books.treasurer, person_id=await make.person("Thea"))
    mine = await actions.top_up(thea, own, 500, "mine")
    tess = await browser_of(books.treasurer.person_id)
    await tess.get(f"{LIST}/{first}/undo")
    page = await tess.send(f"{LIST}/{first}/undo", {"because": "A slip of mine"})
    assert "There is not enough credit for this. There is £40, and £100 is needed." in main_text(page)
    assert "A slip of mine" in page.text
    assert "Another treasurer writes it down" in text(await tess.get(f"{LIST}/{mine}"))
    aside = await last_entry(await circle.visit(1, fee_pence=1000))
    assert "It goes back by itself once that is called off." in text(await tess.get(f"{LIST}/{aside}"))
    for path in (LIST, f"{LIST}/{first}", f"{LIST}/{first}/undo"):
        assert (await (await browser_of(books.person)).get(path)).status_code == 403
    for path in (f"{LIST}/x", f"{LIST}/999", f"{LIST}?whose=payer:nobody"):
        assert (await tess.get(path)).status_code == 404
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'reversed'") == 0


async def test_they_are_found_by_whose_and_by_what_and_paged(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    other = await make.payer(await make.person("Bill"))
    await books.top_up(20_000)
    await actions.release(NODE, await circle.visit(), "went")
    for number in range(60):
        await actions.top_up(books.treasurer, other, 100 + number, f"many {number}")
    tess = await browser_of(books.treasurer.person_id)
    first = text(await tess.get(LIST))
    assert (first.count("Money came in: £"), "Older ones" in first) == (50, True)
    with counting_queries() as many:
        second = text(await tess.get(f"{LIST}?page=2"))
    assert second.count("Money came in: £") == 11
    assert "A visit went ahead: £60" in second
    assert "Written by itself" in second
    with counting_queries() as few:
        worker = text(await tess.get(f"{LIST}?whose=worker:{books.worker}"))
    # One more says whom the reading is about.
    assert len(few) == len(many) + 1
    assert ("A visit went ahead: £60" in worker, "Set aside: £60" in worker, "Money came in: £" in worker) == (
        True, True, False,
    )  # fmt: skip
    assert text(await tess.get(f"{LIST}?whose=payer:{books.payer}")).count("Money came in: £") == 1
    assert text(await tess.get(f"{LIST}?kind=set_aside")).count("Set aside: £") == 1
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.look_through'") == 5
    assert (
        await fetch_value(
            "SELECT COUNT(*) FROM audit WHERE person_id = ? AND action = 'money.look_through'", books.person
        )
        == 1
    )
    beyond = await tess.get(f"{LIST}?page=99&kind=set_aside")
    assert "There is nothing as long ago as this." in text(beyond)
    assert 'href="/money/entries?kind=set_aside">Go back to the newest' in beyond.text


def test_an_entry_says_what_it_was_and_the_sum_of_it() -> None:
    now = clock.now()

    def titled(kind: str, *posted: tuple[str, int], bought: bool = False) -> str:
        sides = [Posted(code, "a" if CHART[code].holder else "", "", pence) for code, pence in posted]
        told = {"line": Told("So", bought=bought)}
        return say_entry.title(Entry(1, now, now, kind, "line", "", None, None, "", sides), Names({}, {}, told))

    part = [("2100", 6600), ("2000", -2600), ("4000", -600)]
    assert titled("released", *part, ("2200", -3400)) == "A visit went ahead: £40"
    assert (
        titled("released", *part, ("2300", -4000), ("2300", 600))
        == "A visit of another circle’s worker went ahead: £40"
    )
    shopping = [("2100", 1500), ("2210", -1245), ("2000", -255)]
    assert titled("released", *shopping, bought=True) == "Shopping was paid for: £12.45"
    assert titled("top_up", ("1000", 500), ("2000", -500)) == "Money came in: £5"


@pytest.mark.parametrize(
    "posted, expected",
    [
        ([("1000", 100), ("2000", -100)], [("Came into the account in which we look after money", "Ada, not set aside", 100)]),
        ([("2500", 100), ("1000", -100)], [("On its way back to Ada", "Out of the account in which we look after money", 100)]),
        ([("1010", 9), ("1000", -9)], [("The account in which we look after money", "The circle’s own account", 9)]),
        # A payment bounced, of which 20 was still there: the circle's own account stands in for the rest.
        (
            [("1000", 30), ("1000", -50), ("1010", -30), ("1100", 30), ("2000", 20)],
            [
                ("The circle’s own account", "What Ada owes the circle", 30),
                ("Ada, not set aside", "Out of the account in which we look after money", 20),
            ],
        ),
        ([("1010", -5), ("5200", 5)], [("The circle’s own account", "What banks charged", 5)]),
        (
            [("1000", 10), ("1010", -10), ("2000", -10), ("5100", 10)],
            [
                ("The circle’s own account", "The account in which we look after money", 10),
                ("What the circle gave", "Ada, not set aside", 10),
            ],
        ),
    ],
)  # fmt: skip
def test_an_entry_is_told_from_where_to_where(
    posted: list[tuple[str, int]], expected: list[tuple[str, str, int]]
) -> None:
    now = clock.now()
    sides = [Posted(code, "a" if CHART[code].holder else "", "", pence) for code, pence in posted]
    entry = Entry(1, now, now, "top_up", "", "", None, None, "", sides)
    names = Names({"a": "Ada"}, {}, {})
    assert say_entry.rows(entry, names) == [[source, to, pounds(pence)] for source, to, pence in expected]
