"""A page that shows the newest says of all that lies there how much it is, however many visits that is for."""

from eccoo_node.escrow import actions, say, statements
from eccoo_node.escrow.sharing import Fund
from eccoo_node.escrow.statements import SHOWN
from eccoo_node.kernel.access import NODE, Actor
from tests.support import make
from tests.support.escrow import open_books
from tests.support.node import Node

MANY = SHOWN + 12


async def test_all_that_is_set_aside_is_counted(node: Node) -> None:
    books = await open_books()
    fern = await make.payer(books.person, await make.person("Fern"), fund="family")
    await books.top_up(100_000)
    await actions.top_up(books.treasurer, fern, 10_000, "fern")
    await actions.set_aside(
        NODE, "visit:shared", books.payer, books.person, books.worker, 900, 0, "shared",
        funds=(Fund(books.payer, 600), Fund(fern, 300)),
    )  # fmt: skip
    for number in range(MANY):
        await books.set_aside(f"visit:{number}", 1000)
    for number in range(SHOWN):
        # The newest of all are settled already.
        await books.set_aside(f"visit:past {number}", 100)
        await actions.release(NODE, f"visit:past {number}", f"went {number}")
    own = [
        one for one in await statements.payer_statements(Actor(person_id=books.person)) if one.payer_id == books.payer
    ]
    for one in (*own, await statements.of_payer(books.treasurer, books.payer)):
        assert len(one.coming) == MANY + 1
        assert say.payer_sentences(one, yours=True)[0] == f"£526 is set aside for {MANY + 1} visits."
        assert one.more
    told = await statements.worker_statement(Actor(person_id=books.worker))
    assert told
    # 85% of each.
    assert (len(told.coming), told.coming_pence, told.more) == (MANY + 1, MANY * 850 + 765, True)
    assert len(told.past) == SHOWN
