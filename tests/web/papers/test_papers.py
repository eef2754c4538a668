"""Papers as each reads them: payer, worker, treasurer, facilitator. Nobody reads another's without its being written."""

import re
from html import unescape

import httpx
import pytest

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow.actions import top_up
from eccoo_node.papers import actions, pdf, queries
from tests.support import make
from tests.support.node import MONDAY
from tests.web.papers.conftest import Browsers, Desk


def text(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    main = re.search(r"<main.*?</main>", page.text, flags=re.DOTALL)
    assert main
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.group(0))).split())


async def test_a_payer_reads_prints_and_keeps_their_own(desk: Desk, browsers: Browsers) -> None:
    paper = await desk.week()
    ada = await browsers(desk.books.person)
    assert "Papers : statements and invoices to read" in text(await ada.get("/money"))
    assert "Statement, 23 to 29 November 2026 S-1" in text(await ada.get("/papers"))
    said = text(await ada.get(f"/papers/{paper}"))
    assert "Number: S-1 Week: 23 to 29 November 2026 At the end of the week £119.00 was here for you" in said
    assert "All of these together £340.50" in said
    assert "written down" not in said
    page = await ada.get(f"/papers/{paper}/pdf")
    assert (page.headers["content-type"], page.content[:5]) == ("application/pdf", b"%PDF-")
    sheet = (await ada.get(f"/papers/{paper}/csv")).text
    assert 'At the start, "Monday' not in sheet
    assert "Mon 23 Nov: You paid in,800.00," in sheet
    wren = await browsers(desk.books.worker)
    assert (await wren.get(f"/papers/{paper}")).status_code == 403
    assert "Your papers will be here" in text(await wren.get("/papers"))
    assert (await ada.get("/papers/all")).status_code == 403


async def test_what_a_worker_earns_is_theirs_alone(desk: Desk, browsers: Browsers) -> None:
    await desk.week()
    wren = await browsers(desk.books.worker)
    said = text(await wren.get("/papers/month?of=2026-11"))
    assert "You earned £255.00, after what the circle takes." in said
    assert "Monday 23 November, 9am to 11am: Ada £54.60 120 minutes at £30 an hour" in said
    assert "Nothing was earned here in October 2026." in text(await wren.get("/papers/month?of=2026-10"))
    assert [(await wren.get(f"/papers/month?of={of}")).status_code for of in ("2026-13", "0001-01", "x")] == [404] * 3
    paper = await desk.year()
    wren = await browsers(desk.books.worker)
    assert "This does not include income from elsewhere." in text(await wren.get(f"/papers/{paper}"))
    assert (await (await browsers(desk.books.person)).get(f"/papers/{paper}")).status_code == 403


async def test_a_treasurer_makes_finds_and_puts_right(
    desk: Desk, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.books.top_up(5000)
    desk.node.clock.set(desk.node.clock().replace(day=30))
    tess = await browsers(desk.books.treasurer.person_id)
    await tess.get("/papers/make/statement")
    page = await tess.send("/papers/make/statement", {"payer": desk.books.payer, "week": "30 November 2026"})
    assert page.status_code == 422
    assert "This is not over yet. It can be made from 7 December 2026 on." in page.text
    assert 'value="30 November 2026"' in page.text
    page = await tess.send("/papers/make/statement", {"payer": desk.books.payer, "week": "25/11/2026"})
    first = page.headers["location"]
    said = text(await tess.follow())
    assert "The paper is made." in said
    assert "This paper is for Ada. That you opened it is written down." in said
    await tess.get(f"{first}/correct")
    page = await tess.send(f"{first}/correct", {"because": ""})
    assert "Say what was wrong. Whoever it is for reads it on the new paper." in page.text
    second = (await tess.send(f"{first}/correct", {"because": "The name was wrong."})).headers["location"]
    assert "It is in place of S-1. " in text(await tess.follow())
    assert "S-2 is in its place" in text(await tess.get(first))
    assert "in place of S-1. The name was wrong." in text(await tess.get(second))
    await tess.get("/papers/make/invoice")
    page = await tess.send("/papers/make/invoice", {"payer": desk.books.payer})
    assert (page.status_code, "there is nothing to write" in page.text) == (409, True)
    said = text(await tess.get("/papers/all?find=ada"))
    assert "No number is missing." in said
    assert said.index("S-2, for Ada") < said.index("S-1, for Ada")
    year = text(await tess.get(f"/papers/all?year=2026&whose={desk.books.person}"))
    assert ("These are the papers you looked for." in year, "S-2, for Ada" in year) == (True, True)
    assert "There is no such paper." in text(await tess.get("/papers/all?year=2025"))
    # A long list goes on over pages, and keeps what was asked for.
    monkeypatch.setattr(queries, "SHOWN", 1)
    page = await tess.get("/papers/all?find=ada")
    assert ("S-2, for Ada" in text(page), "S-1, for Ada" in text(page)) == (True, False)
    assert 'href="/papers/all?find=ada&amp;page=2">Older ones' in page.text
    last = await tess.get("/papers/all?find=ada&page=2")
    assert ("S-1, for Ada" in text(last), "Older ones" in last.text, "Newer ones" in last.text) == (True, False, True)
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'papers.read' AND outcome = 'done'") == 4


async def test_who_reads_letters_has_theirs_posted_and_who_reads_mail_is_told(desk: Desk, browsers: Browsers) -> None:
    paper = await desk.week()
    told = await fetch("SELECT person_id, news, about_id FROM told WHERE news = 'paper'")
    assert [tuple(row) for row in told] == [(desk.books.person, "paper", paper)]
    year = await desk.year()
    ivy = await browsers(desk.poster)
    said = text(await ivy.get("/papers/to-post"))
    assert "Wren Sunderland What you earned, 6 April 2026 to 5 April 2027, Y-1 1 Bank Street" in said
    assert "S-1" not in said
    assert (await ivy.get(f"/papers/{paper}")).status_code == 403
    assert "You earned £255.00 through this circle" in text(await ivy.get(f"/papers/{year}"))
    await ivy.get("/papers/to-post")
    await ivy.send(f"/papers/{year}/posted")
    assert "Nothing waits for the post." in text(await ivy.follow())
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action IN ('papers.read', 'papers.posted')") == 3


async def test_the_file_is_the_same_each_time_and_without_typst_the_page_says_so(
    desk: Desk, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = await queries.paper(await desk.week())
    usual, again, large = [await pdf.pdf(paper, large=large) for large in (False, False, True)]
    assert usual == again
    assert large != usual
    assert b"/MarkInfo" in usual
    assert b"pdfuaid" in usual
    ada = await browsers(desk.books.person)
    kept = (await ada.get(f"/papers/{paper.id}/pdf")).content
    assert kept == usual
    assert (await ada.get(f"/papers/{paper.id}/pdf?print=large")).content == large
    monkeypatch.setattr(pdf, "available", lambda: False)
    assert "choose Print in your browser" in text(await ada.get(f"/papers/{paper.id}"))
    assert "The page of the paper prints as the same paper" in text(await ada.get(f"/papers/{paper.id}/pdf"))


async def test_a_name_in_letters_that_the_files_lack_is_printed_from_the_page(desk: Desk, browsers: Browsers) -> None:
    async with write():
        await fetch("UPDATE person SET full_name = 'ਅਮਰ ਸਿੰਘ' WHERE id = ?", desk.books.person)
    paper = await queries.paper(await desk.week())
    with pytest.raises(pdf.OtherLetters):
        await pdf.pdf(paper)
    ada = await browsers(desk.books.person)
    assert "ਅਮਰ ਸਿੰਘ" in (await ada.get(f"/papers/{paper.id}")).text
    said = text(await ada.get(f"/papers/{paper.id}/pdf"))
    assert "is in letters that our files do not have. The page of the paper prints as the same paper" in said


async def test_lists_take_as_many_questions_for_one_as_for_many(desk: Desk, browsers: Browsers) -> None:
    keeper, payers = desk.books.treasurer, []
    for number in range(6):
        payers.append(await make.payer(desk.books.person, await make.person(f"Payer {number}", channel="post")))
        await top_up(keeper, payers[-1], 1000, key=f"in {number}")
    paper = await desk.week()
    await actions.make_statement(keeper, payers[0], MONDAY.date())
    tess, ada, ivy = [await browsers(one) for one in (keeper.person_id, desk.books.person, desk.poster)]

    async def asked() -> list[int]:
        found = []
        for reader, path in ((ada, "/papers"), (tess, "/papers/all"), (ivy, "/papers/to-post")):
            await reader.get(path)
            with counting_queries() as counted:
                await reader.get(path)
            found.append(len(counted))
        return found

    before = await asked()
    for payer in payers[1:]:
        await actions.make_statement(keeper, payer, MONDAY.date())
        paper = await actions.correct(keeper, paper, because="Again")
    assert await asked() == before
