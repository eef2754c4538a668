"""What is to be paid: each visit once, what is put right on the next one, and paid when it is settled."""

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections, treasury
from eccoo_node.escrow.sharing import Fund
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.papers import actions, due, queries
from eccoo_node.papers.sheet import Row
from tests.support import make
from tests.unit.papers.conftest import DAY, Circle


async def paid(paper_id: str) -> int:
    return (await queries.paid([await queries.paper(paper_id)]))[paper_id]


async def test_a_council_is_asked_for_what_is_settled_and_each_thing_once(circle: Circle) -> None:
    books, keeper = circle.books, circle.books.treasurer
    await escrow.set_schedule(keeper, 750, 1500, decision_id=await make.decision(), vat_bps=2000)
    council = await make.person(
        "Council", full_name="Calderdale Council", address="Town Hall\nHalifax", channel="email"
    )
    payer = await make.payer(books.person, council, fund="local_authority")
    # The circle's own money stands in until the council has paid.
    await treasury.donation(keeper, 100_000, "gift")
    await books.top_up(10_000)
    circle.node.clock.move(DAY / 1440)
    first = await circle.visit(0, payer=payer, arrears=True)
    short = await circle.visit(1, payer=payer, arrears=True)
    coming = await circle.visit(9, payer=payer, arrears=True)
    funds = [Fund(payer, 4000, arrears=True), Fund(books.payer, 2450)]
    both = await circle.visit(2, payer=payer, funds=funds)
    circle.on(3)
    await circle.went(first)
    await circle.said(short, 60)
    await circle.went(short, part_pence=3000)
    await circle.went(both)
    circle.on(7)
    invoice = await actions.make_invoice(NODE, payer)
    paper = await queries.paper(invoice)
    assert (paper.called, paper.owed_pence, paper.for_called) == ("INV-1", 6450 + 3225 + 4000, "Council")
    assert paper.sheet.to == ["Calderdale Council", "Town Hall", "Halifax"]
    what, tax, how = paper.sheet.blocks
    assert [row.amount for row in what.rows] == ["£64.50", "£32.25", "£40.00"]
    assert what.rows[2].note.endswith("Your part of it is £40.00.")
    assert what.total == Row("To be paid", "£136.75")
    assert tax.rows == [Row("VAT at 20%, within what you add for the circle", "£1.58")]
    assert how.words[0] == "Please pay £136.75 by bank transfer to Hebden circle, and write INV-1 as its reference."
    with pytest.raises(Conflict, match="Nothing moved"):
        await actions.make_invoice(NODE, payer)
    assert await paid(invoice) == 0
    await treasury.paid_owing(keeper, payer, 10_000, "part")
    assert await paid(invoice) == 10_000

    # A visit that is undone since, and one that went ahead since, stand on the next.
    await corrections.reverse(keeper, await _entry(short, "released"), "undo", because="Nobody came")
    await escrow.return_line(NODE, short, "nobody came")
    circle.on(9, 18)
    await circle.went(coming)
    circle.on(14)
    second = await queries.paper(await actions.make_invoice(NODE, payer))
    undone, settled = second.sheet.blocks[0].rows
    assert (undone.amount, undone.note) == ("−£32.25", "£32.25 was asked for before; £0.00 is right.")
    assert (settled.words, settled.amount) == ("Wednesday 2 December, 9am to 11am: Wren", "£64.50")
    assert second.owed_pence == 3225
    # So does the tax: that of the visit that was not comes off that of the one that was.
    assert second.sheet.blocks[1].rows == [Row("VAT at 20%, within what you add for the circle", "£0.38")]
    await treasury.paid_owing(keeper, payer, 6900, "the rest")
    assert (await paid(invoice), await paid(second.id)) == (13_675, 3225)
    # Put right from the books as they are: the visit that was not is not on it, and the next one then has it too often.
    right = await queries.paper(await actions.correct(keeper, invoice, because="Nobody came on Tuesday."))
    assert (right.called, right.owed_pence, right.replaces) == ("INV-3", 13_675, invoice)
    with pytest.raises(Conflict, match="Nothing moved"):
        await actions.make_invoice(NODE, payer)


async def _entry(line: str, kind: str) -> int:
    rows = await fetch(
        "SELECT e.id FROM entry e JOIN line l ON l.id = e.line_id WHERE l.reference = ? AND e.kind = ?", line, kind
    )
    return int(rows[0][0])


async def test_a_finders_fee_is_invoiced_at_once_and_put_right_when_it_is_undone(circle: Circle) -> None:
    books = circle.books
    entry = await treasury.finders_fee(books.treasurer, books.payer, 25_000, "fee")
    assert due.finders_fee
    await circle.node.settle()
    [line] = await queries.found(books.treasurer, "inv-1")
    assert (line.owed_pence, line.by_post) == (25_000, True)
    await corrections.reverse(books.treasurer, entry, "undo", because="They stay")
    right = await queries.paper(await actions.correct(books.treasurer, line.id, because="They stay."))
    assert (right.owed_pence, right.sheet.lead[0]) == (0, "This paper is in place of INV-1. They stay.")
    assert await paid(right.id) == 0
    circle.on(7)
    with pytest.raises(Conflict, match="Nothing moved"):
        await actions.make_invoice(NODE, books.payer)


async def test_what_is_to_a_payers_credit_has_its_tax_too(circle: Circle) -> None:
    """Of £64.50 that was asked for with 75p of VAT half is taken back, in two goes; then an invoice is put right."""
    books, keeper = circle.books, circle.books.treasurer
    await escrow.set_schedule(keeper, 750, 1500, decision_id=await make.decision(), vat_bps=2000)
    await treasury.donation(keeper, 100_000, "gift")
    circle.node.clock.move(DAY / 1440)
    line = await circle.visit(0, arrears=True)
    circle.on(1)
    await circle.went(line)
    papers = [await actions.make_invoice(NODE, books.payer)]
    for number in range(2):
        await clawback.claw_back(NODE, line, f"back {number}", fee_pence=1500, because="Both agreed")
        await corrections.resolve(NODE, line, f"settled {number}", fee_pence=0, because="Both agreed")
        papers.append(await actions.make_invoice(NODE, books.payer))
    told = [await queries.paper(one) for one in papers]
    assert [one.owed_pence for one in told] == [6450, -1613, -1612]
    assert [one.sheet.blocks[1].rows[0].amount for one in told] == ["£0.75", "−£0.19", "−£0.19"]
    # What is wrong is put right as the books are, less what the others say: with the tax within it.
    right = await queries.paper(await actions.correct(keeper, papers[0], because="Half of it"))
    assert (right.owed_pence, right.sheet.blocks[1].rows[0].amount) == (6450, "£0.75")
