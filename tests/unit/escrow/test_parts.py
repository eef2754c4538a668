"""Where several pay for a line, each page has each one's part of it, and all the parts are the whole."""

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, corrections, owing, payers, statements
from eccoo_node.escrow.sharing import Fund
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node


async def two_pay(*, arrears: bool = False) -> tuple[Books, list[str]]:
    """£60 is set aside for Ada, £40 of it out of the council’s money and £20 out of Fern’s."""
    books = await open_books()
    council = await make.payer(books.person, await make.person("Council"), fund="council")
    fern = await make.payer(books.person, await make.person("Fern"), fund="family")
    for payer in (council, fern):
        await actions.top_up(books.treasurer, payer, 10_000, payer)
    funds = (Fund(council, 4000, arrears), Fund(fern, 2000))
    assert await actions.set_aside(NODE, "visit:1", council, books.person, books.worker, 6000, 0, "hold", funds=funds)
    return books, [council, fern]


async def test_the_treasurer_reads_of_each_what_is_set_aside_out_of_their_money(node: Node) -> None:
    books, (council, fern) = await two_pay()
    await books.top_up(3000)
    await books.set_aside("visit:2", 3000)
    aside = {one.payer_id: one.set_aside_pence for one in await statements.payers(books.treasurer)}
    assert aside == {books.payer: 3000, council: 4000, fern: 2000}
    # Whoever no longer pays is told the same of theirs.
    async with write():
        await fetch("UPDATE payer SET ended_at = ? WHERE id = ?", clock.now(), fern)
    [left] = await payers.left_behind()
    assert (left.credit_pence, left.set_aside_pence) == (8000, 2000)
    await actions.return_line(NODE, "visit:1", "off")
    assert [one.set_aside_pence for one in await payers.left_behind()] == [0]


async def test_of_what_is_in_question_only_the_part_of_whoever_pays_after_may_come_back(node: Node) -> None:
    books, (council, _) = await two_pay(arrears=True)
    await corrections.dispute(NODE, "visit:1", "wrong", fee_pence=900)
    [one] = await owing.owing(books.treasurer)
    assert (one.holder, one.amount_pence, one.aside_pence, one.most_pence) == (council, 4000, 600, 3400)
    await owing.write_off_payer(books.treasurer, council, 3400, "let go", because="The meeting")
    await corrections.resolve(NODE, "visit:1", "settled", fee_pence=0, because="Both")
    assert await owing.owing(books.treasurer) == []
