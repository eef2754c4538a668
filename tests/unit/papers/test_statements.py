"""A payer's week: all of it, to the penny, once."""

from datetime import date

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections, treasury
from eccoo_node.escrow.sharing import Fund
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.papers import actions, queries
from eccoo_node.papers.sheet import Row
from tests.support import make
from tests.unit.papers.conftest import Circle

WEEK = date(2026, 11, 23)


async def test_a_week_is_told_visit_by_visit_and_adds_up(circle: Circle) -> None:
    keeper, payer = circle.books.treasurer, circle.books.payer
    await circle.books.top_up(50_000)
    whole, short, wrong, off, _coming = [
        await circle.visit(day, travel_pence=360 * (day == 0)) for day in (0, 1, 2, 3, 9)
    ]
    circle.on(3)
    await circle.went(whole)
    await circle.said(short, 90)
    await circle.went(short, part_pence=4500)
    await corrections.dispute(NODE, wrong, "wrong", fee_pence=2000)
    await escrow.return_line(NODE, off, "off")
    await treasury.refund(keeper, payer, 1000, "refund")
    with pytest.raises(Invalid, match=r"not over yet\. It can be made from 30 November 2026 on"):
        await actions.make_statement(keeper, payer, WEEK)
    circle.on(7)
    await circle.books.top_up(777)
    paper = await queries.paper(await actions.make_statement(keeper, payer, WEEK))
    assert (paper.called, paper.title) == ("S-1", "Statement, 23 to 29 November 2026")
    sheet = paper.sheet
    assert sheet.lead == [
        "At the end of the week £244.53 was here for you and not set aside for anything, and £86.00 was set aside for visits."
    ]
    account, back, visits, lying = sheet.blocks
    tuesday = "Tuesday 24 November, 9am to 11am: Wren"
    assert account.rows[:3] == [
        Row("At the start, Monday 23 November", "£0.00"),
        Row("Mon 23 Nov: You paid in", "£500.00"),
        Row("Mon 23 Nov: Set aside for five visits", "−£326.10"),
    ]
    assert Row(f"Thu 26 Nov: Came back from {tuesday}", "£16.13") in account.rows
    assert account.total == Row("At the end, Sunday 29 November", "£244.53")
    assert back.total == Row("At the end, Sunday 29 November", "£10.00")
    assert visits.rows[:2] == [
        Row(
            "Monday 23 November, 9am to 11am: Wren",
            "£68.10",
            "120 minutes at £30 an hour: £60.00. Wren has £51.00 of it, the circle has £9.00 (15%). "
            "You add £4.50 (7.5%) for the circle. Travel and expenses: £3.60.",
        ),
        Row(
            tuesday,
            "£48.37",
            "90 minutes at £30 an hour: £45.00. Wren has £38.25 of it, the circle has £6.75 (15%). "
            "You add £3.37 (7.5%) for the circle. £16.13 came back to you.",
        ),
    ]
    assert visits.rows[2].note.endswith("£21.50 is in question and waits.")
    assert visits.rows[3] == Row("Thursday 26 November, 9am to 11am: Wren", "£0.00", "£64.50 came back to you.")
    assert lying.rows == [
        Row(
            "Wednesday 25 November, 9am to 11am: Wren",
            "£21.50",
            "In question: it waits until it is clear what happened.",
        ),
        Row("Wednesday 2 December, 9am to 11am: Wren", "£64.50"),
    ]


async def test_a_correction_names_the_old_and_both_stay_readable(circle: Circle) -> None:
    keeper, payer = circle.books.treasurer, circle.books.payer
    await circle.books.top_up(5000)
    circle.on(7)
    first = await actions.make_statement(keeper, payer, WEEK)
    assert await actions.make_statement(keeper, payer, date(2026, 11, 29)) == first
    with pytest.raises(Conflict, match="Nothing moved and nothing stood there"):
        await actions.make_statement(keeper, payer, date(2026, 11, 16))
    with pytest.raises(Invalid, match="Say what was wrong"):
        await actions.correct(keeper, first, because=" ")
    second = await actions.correct(keeper, first, because="Your name was wrong.")
    old, new = await queries.paper(first), await queries.paper(second)
    assert (old.called, old.replaced_called, new.called, new.replaces) == ("S-1", "S-2", "S-2", first)
    assert new.sheet.lead[0] == "This paper is in place of S-1. Your name was wrong."
    with pytest.raises(Conflict, match="S-2 is in its place"):
        await actions.correct(keeper, first, because="Again")
    assert await queries.missing(keeper) == []
    assert [line.called for line in await queries.found(keeper, "ada")] == ["S-2", "S-1"]
    assert [line.called for line in await queries.found(keeper, "s-1")] == ["S-1"]
    kept = [await fetch_value("SELECT facts FROM paper WHERE id = ?", one) for one in (first, second)]
    before, after = (msgspec.json.decode(facts)["figures"]["accounts"] for facts in kept)
    assert before == after


async def test_what_is_taken_back_comes_off_the_part_of_each_who_paid(circle: Circle) -> None:
    """A visit that two pay for is paid, and in the next week half of it is taken back and goes back to both."""
    books = circle.books
    council = await make.payer(books.person, await make.person("Council"), fund="council")
    for payer in (council, books.payer):
        await escrow.top_up(books.treasurer, payer, 10_000, payer)
    line = await circle.visit(payer=council, funds=(Fund(council, 4300), Fund(books.payer, 2150)))
    await circle.went(line)
    circle.on(7)
    await clawback.claw_back(NODE, line, "back", fee_pence=3000, because="Both agreed")
    await corrections.resolve(NODE, line, "settled", fee_pence=0, because="Both agreed")
    circle.on(14)
    told = []
    for monday in (WEEK, date(2026, 11, 30)):
        paper = await queries.paper(await actions.make_statement(books.treasurer, council, monday))
        told += [block.rows for block in paper.sheet.blocks if block.title == "Visits that were settled this week"]
    [[first], [second]] = told
    assert (first.amount, second.amount) == ("£43.00", "−£21.50")
    assert first.note.endswith("You pay £43.00 of it, and another payer the rest.")
    assert second.note == "Put right: £32.25 was taken back. £21.50 of that was yours."


async def test_a_visit_is_told_at_the_rate_that_was_agreed(circle: Circle) -> None:
    """With time on the way, with what was missing and came later, and where less was agreed before it was paid for."""
    books, payer = circle.books, circle.books.payer
    await books.top_up(50_000)
    way = await circle.visit(0, fee_pence=3600, minutes=90)
    short = await circle.visit(1, fee_pence=3600, minutes=90)
    less = await circle.visit(2, fee_pence=2500, minutes=90)
    off = await circle.visit(3, fee_pence=1500, minutes=90)
    async with write():
        await fetch("UPDATE visit SET rate_pence = 2000, travel_minutes = 18 WHERE line IN (?, ?)", way, short)
        await fetch("UPDATE visit SET rate_pence = 2000 WHERE line = ?", less)
        # Half of £30 was due, and was set aside once there was money.
        await fetch("UPDATE visit SET state = 'stopped', line = '' WHERE line = ?", off)
    circle.on(3)
    await circle.went(way)
    await circle.said(short, 60)
    await circle.went(short, part_pence=2600)
    await circle.went(less)
    await escrow.pay_cancelled(NODE, off, 10_000, "off")
    more = f"{short}:more:12345678"
    await books.set_aside(more, 500)
    await circle.went(more)
    circle.on(7)
    paper = await queries.paper(await actions.make_statement(books.treasurer, payer, WEEK))
    [block] = [one for one in paper.sheet.blocks if one.title == "Visits that were settled this week"]
    assert [row.note.split(". ")[0] for row in block.rows] == [
        "90 minutes at £20 an hour, and £6 for the time on the way: £36.00",
        "60 minutes at £20 an hour, and £6 for the time on the way: £26.00",
        "The fee is £25.00",
        "The fee is £15.00",
        "The fee is £5.00",
    ]
