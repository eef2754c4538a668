"""What HMRC is told, on its pages: a worker tells and reads it, a facilitator writes it down, the treasurer sends it."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.hmrc import actions
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from eccoo_node.members.sign_in import start_writing_down
from tests.support import make
from tests.support.node import Node
from tests.unit.hmrc.said import CIRCLE, COMPANY, WREN
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text

TOLD = {
    "kind": "person", "first_names": "Wren Alice", "last_name": "Holt", "address": "2 Mill Lane", "town": "Hebden Bridge",
    "postcode": "hx7 8aa", "birth_date": "3 May 1987", "tax_number": "AB 12 34 56 C", "country": "GB",
}  # fmt: skip
OWN = {
    "operator_id": "XEDPI0000000001", "name": "Hebden Care Co-operative Limited", "tax_number": "19558 39661",
    "address": "Town Hall", "town": "Hebden Bridge", "postcode": "HX7 7BY", "nexus": "RPONEX1",
}  # fmt: skip
JANUARY = datetime(2027, 1, 4, 9, tzinfo=UTC)


async def earns(circle: Circle, days: int = 0) -> None:
    await circle.books.top_up(6360, key=f"for day {days}")
    line = await circle.visit(days, travel_pence=360)
    await escrow.release(NODE, line, f"went {days}")


async def test_a_worker_tells_what_hmrc_wants_and_reads_what_it_will_be_told(
    circle: Circle, browser_of: SignIn
) -> None:
    await earns(circle)
    wren = await browser_of(circle.books.worker)
    assert 'href="/money/told-hmrc"' in (await wren.get("/money")).text
    page = await wren.get("/money/told-hmrc")
    said = text(page)
    assert "We still need a few details of yours for HMRC." in said
    assert acts(page) == ["Tell us your tax details"]
    assert "By 31 January 2027 we tell HMRC that you earned £55 here in 2026, as it stands now." in said
    assert (
        "October to December £55 for one visit, after £9 that went to the circle. £3.60 for mileage and expenses are in it."
        in said
    )
    assert "October to December £60 £9 £0 £51 £3.60 1" in said
    await wren.get("/money/tax-details")
    wrong = await wren.send("/money/tax-details", TOLD | {"tax_number": "QQ 12 34 56 C"})
    assert (wrong.status_code, "two letters, six digits and a letter" in wrong.text) == (422, True)
    assert 'value="Wren Alice"' in wrong.text
    wrong = await wren.send("/money/tax-details", TOLD | {"birth_date": "in May", "last_name": ""})
    assert "Write your last name as it stands in your passport" in wrong.text
    assert (await wren.send("/money/tax-details", TOLD)).headers["location"] == "/money/told-hmrc"
    said = text(await wren.get("/money/told-hmrc"))
    assert "National Insurance number AB123456C" in said
    assert "Born 3 May 1987" in said
    again = await wren.get("/money/tax-details")
    assert 'value="3 May 1987"' in again.text
    assert "Told on 23 November 2026." in text(again)
    # Nobody who is not paid is asked, and nobody reads another's.
    assert (await (await browser_of(circle.books.person)).get("/money/tax-details")).status_code == 404
    assert "£" not in text(await (await browser_of(circle.books.other)).get("/money/told-hmrc"))
    assert (
        await fetch_value(
            "SELECT COUNT(*) FROM audit WHERE action = 'hmrc.read_copy' AND actor_id = ?", circle.books.worker
        )
        == 4
    )


async def test_a_facilitator_writes_down_what_is_said_and_reads_no_number_whole(
    circle: Circle, browser_of: SignIn
) -> None:
    await earns(circle)
    await actions.remind_all()
    ivy = await make.person("Ivy")
    await make.hat(ivy, await make.circle(), "facilitator")
    reader = await browser_of(ivy)
    ring = text(await reader.get("/to-ring"))
    assert "“Can you tell us your tax details? HMRC asks us for them by 31 December.”" in ring
    assert "Write down what Wren says" in ring
    session = await fetch_value("SELECT id FROM session WHERE person_id = ?", ivy)
    await start_writing_down(await members.actor_for(ivy), session, circle.books.worker, known_by="face_to_face")
    assert "Who is Wren to HMRC?" in text(await reader.get("/money/tax-details"))
    assert (await reader.send("/money/tax-details", TOLD)).headers["location"] == "/home"
    again = await reader.get("/money/tax-details")
    assert "Told on 23 November 2026." in text(again)
    copy = await reader.get("/money/told-hmrc")
    assert "National Insurance number ends in 56C" in text(copy)
    for page in (again, copy):
        assert not re.search("AB123456C|AB 12 34 56 C|1987", page.text)
    row = await fetch("SELECT told_by, via, known_by FROM tax_details")
    assert [tuple(one) for one in row] == [(ivy, "paper", "face_to_face")]


async def test_a_treasurer_goes_from_the_details_to_the_copies(circle: Circle, browser_of: SignIn, node: Node) -> None:
    await earns(circle)
    await actions.remind_all()
    tess = await browser_of(circle.books.treasurer.person_id)
    assert 'href="/money/report"' in (await tess.get("/money")).text
    assert "This year" in text(await tess.get("/money/report"))
    await tess.get("/sessions")
    token = tess.hidden("/sign-out")
    for year in (0, 2**31, 2**63):
        assert (await tess.get(f"/money/report/{year}/copies/{circle.books.worker}")).status_code == 404
        assert (await tess.post(f"/money/report/{year}/make", token)).status_code == 404
        assert (await tess.get(f"/money/report/files/{year}")).status_code == 404
    page = await tess.get("/money/report/2026")
    assert acts(page) == ["Write down the circle’s details"]
    await tess.get("/money/report/operator")
    wrong = await tess.send("/money/report/operator", OWN | {"operator_id": "12"})
    assert (wrong.status_code, "looks like XEDPI0000000001" in wrong.text) == (422, True)
    assert 'value="Town Hall"' in wrong.text
    assert (await tess.send("/money/report/operator", OWN)).status_code == 303
    page = await tess.get("/money/report/2026")
    said = text(page)
    assert (
        "In 2026, one worker earned £51 here. Two people have yet to tell us what HMRC needs. They stand below; ask each"
        in said
    )
    assert "What workers told us, by 31 December 2026 Two people to go 0 of 2 have told us" in said
    assert "Wren Asked on 23 November 2026; a facilitator has yet to tell them" in said
    assert "Wren £51 £0 £0 £0 £51 £9 £0 £3.60 1" in said
    assert acts(page) == []
    node.clock.set(JANUARY)
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get("/money/report/2026")
    assert acts(page) == ["Make the report"]
    refused = await tess.send("/money/report/2026/make")
    assert (refused.status_code, "Not everyone has told us" in refused.text) == (409, True)
    assert "Make it without Wren" in text_of(refused.text)
    await actions.tell_details(await members.actor_for(circle.books.worker), circle.books.worker, WREN)
    await actions.tell_details(await members.actor_for(circle.books.other), circle.books.other, COMPANY)
    await tess.get("/money/report/2026")
    made = await tess.send("/money/report/2026/make")
    assert made.status_code == 303
    path = made.headers["location"]
    page = await tess.follow()
    assert "Report 1 of 2026 New, made on 4 January 2027, not sent yet. It tells of 1 worker." in text(page)
    assert acts(page) == ["Download the file"]
    got = await tess.send(f"{path}/download")
    assert (got.status_code, got.headers["content-type"]) == (200, "application/xml")
    assert got.headers["content-disposition"] == 'attachment; filename="hmrc-2026-1.xml"'
    assert b'<dpi:ConsQ4 currCode="GBP">55</dpi:ConsQ4>' in got.content
    assert acts(await tess.get("/money/report/2026")) == ["See report 1"]
    await tess.get(path)
    wrong = await tess.send(path, {"outcome": "sent", "on_day": "5 January 2027", "reference": "X"})
    assert (wrong.status_code, "nor after today" in wrong.text) == (422, True)
    assert (await tess.send(path, {"outcome": "sent", "reference": "HMRC-77"})).status_code == 303
    said = text(await tess.follow())
    assert "HMRC has been told about 2026. There is nothing more to do." in said
    assert "Sent to HMRC Sent On 4 January 2027, reference HMRC-77" in said
    assert "For one person it waits on a facilitator’s list" in said
    wren = text(await (await browser_of(circle.books.worker)).get("/money/told-hmrc"))
    assert "We told HMRC on 4 January 2027 that you earned £55 here in 2026." in wren
    assert "HMRC’s reference: HMRC-77." in wren
    copy = text(await tess.get(f"/money/report/2026/copies/{circle.books.worker}"))
    assert "AB123456C" in copy
    assert "For whoever has letters, print this page" in copy
    # Something more turns up: the page asks for the next report.
    node.clock.set(datetime(2026, 12, 20, 9, tzinfo=UTC))
    await earns(circle, 20)
    node.clock.set(JANUARY + timedelta(days=1))
    page = await tess.get("/money/report/2026")
    assert "Something has changed since HMRC was told." in text(page)
    assert acts(page) == ["Make the next report"]
    rows = await fetch(
        "SELECT DISTINCT action FROM audit WHERE actor_id = ? AND action LIKE 'hmrc%'", circle.books.treasurer.person_id
    )
    assert {row[0] for row in rows} == {
        "hmrc.set_operator", "hmrc.make_report", "hmrc.download", "hmrc.mark", "hmrc.read_copy",
    }  # fmt: skip
    for missing in ("/money/report/1999", "/money/report/files/999", "/money/report/2026/copies/nobody"):
        assert (await tess.get(missing)).status_code == 404
    ada = await browser_of(circle.books.person)
    for closed in ("/money/report", "/money/report/2026", "/money/report/operator", path, "/money/export"):
        assert (await ada.get(closed)).status_code == 403


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_asked_three_times_over_sixty_days_the_treasurer_reads_what_the_law_says(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    for month in (9, 10, 11):
        node.clock.set(datetime(2027, month, 1, 9, tzinfo=UTC))
        await actions.remind_all()
        await fetch_done()
    tess = await browser_of(circle.books.treasurer.person_id)
    said = text(await tess.get("/money/report/2027"))
    assert "Robin and Wren were asked, and reminded twice, over more than 60 days. The law now lets a platform" in said
    assert "Nothing here does either by itself." in said
    # Whoever has died is asked no more; what they earned can be told without them.
    await earns(circle, 300)
    async with write():
        await fetch("UPDATE person SET standing = 'died' WHERE id = ?", circle.books.worker)
    await actions.set_operator(circle.books.treasurer, CIRCLE)
    node.clock.set(JANUARY + timedelta(days=366))
    tess = await browser_of(circle.books.treasurer.person_id)
    said = text(await tess.get("/money/report/2027"))
    assert "Make it without Wren" in said
    assert "Wren Has died, and is asked no more" in said
    assert "Robin was asked, and reminded twice" in said


async def fetch_done() -> None:
    """A facilitator has brought all the news."""
    async with write():
        await fetch("UPDATE told SET told_at = ? WHERE told_at IS NULL", clock.now())


async def test_the_years_page_asks_no_more_however_many_worked(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    await earns(circle)
    counts = []
    for more in (0, 12):
        for number in range(more):
            await make.worker(f"Sol{number}")
            await earns(circle, number + 1)
        with counting_queries() as seen:
            await tess.get("/money/report/2026")
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] <= 22


async def test_the_books_are_downloaded_by_the_treasurer(circle: Circle, browser_of: SignIn) -> None:
    await earns(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get("/money/export")
    assert acts(page) == ["Download"]
    wrong = await tess.send("/money/export", {"how": "csv", "first": "2 May 2026", "last": "1 May 2026"})
    assert (wrong.status_code, "comes before the first" in wrong.text) == (422, True)
    assert (await tess.send("/money/export", {"last": "soon"})).status_code == 422
    for _ in range(2):
        got = await tess.send("/money/export", {"how": "csv", "first": "1 May 2026"})
        assert got.status_code == 200
        assert got.headers["content-disposition"] == 'attachment; filename="books-2026-05-01.csv"'
        assert got.text.startswith("day,entry,kind,line,account")
        await tess.get("/money/export")
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.export' AND outcome = 'done'") == 2
