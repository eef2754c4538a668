"""What the bank says of whoever sent money goes after as long as the law asks, also where somebody wrote it down by hand."""

from datetime import timedelta

from eccoo_node.banking import erasing
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions, treasury
from eccoo_node.escrow.verify import verify
from eccoo_node.record import audit
from tests.support.escrow import open_books
from tests.support.node import MONDAY, Node

SAID = "J BLOGGS 08-92-99 65432101 RENT FLAT 3"


async def kept() -> list[str]:
    return [row[0] for row in await fetch("SELECT text FROM audit_text ORDER BY id")]


async def test_words_of_the_bank_that_were_copied_by_hand_end_with_those_it_sent(node: Node) -> None:
    books = await open_books()
    await treasury.receive_unmatched(books.treasurer, "receipt:1", 4000, "k1", note=SAID)
    await actions.top_up(books.treasurer, books.payer, 4000, "k2", SAID)
    await treasury.send_back(books.treasurer, "receipt:1", 4000, "k3", because="Nobody knows it.")
    assert await kept() == [SAID, SAID, "Nobody knows it."]
    for years, left in ((6, 3), (8, 1)):
        node.clock.set(MONDAY + timedelta(days=366 * years))
        await erasing.let_go({})
        assert len(await kept()) == left
    assert await kept() == ["Nobody knows it."]
    await audit.chain_tail({})
    await audit.verify()
    await verify()
