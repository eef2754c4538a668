"""What tests of the bank's side share: books with our accounts written down, and a file read and written in one go."""

from collections.abc import Sequence

import msgspec

from eccoo_node.banking import actions, importing, queries
from eccoo_node.banking.importing import Written
from eccoo_node.banking.statements.model import StatementLine
from eccoo_node.db.rows import fetch, fetch_value
from tests.support import statements as banks
from tests.support.escrow import Books, open_books


class Bank(msgspec.Struct, frozen=True):
    """Books, and the circle's accounts by their account of the chart."""

    books: Books
    accounts: dict[str, str]

    async def reads(self, lines: Sequence[StatementLine], *, code: str = "1000", opening_pence: int = 0) -> str:
        """A file of these lines, read and waiting; its id."""
        data = banks.starling(lines, opening_pence)
        return await actions.read_statement(self.books.treasurer, self.accounts[code], "march.csv", data)

    async def imports(self, lines: Sequence[StatementLine], *, code: str = "1000", opening_pence: int = 0) -> Written:
        """The same, written in the books."""
        draft = await self.reads(lines, code=code, opening_pence=opening_pence)
        return await importing.write_statement(self.books.treasurer, draft)

    async def reference(self) -> str:
        """The reference of the books' payer."""
        await actions.references({})
        return str(await fetch_value("SELECT reference FROM payer_reference WHERE payer_id = ?", self.books.payer))

    async def line(self, amount_pence: int) -> int:
        """The newest line of this sum."""
        return int(
            await fetch_value("SELECT id FROM bank_line WHERE amount_pence = ? ORDER BY id DESC LIMIT 1", amount_pence)
        )

    async def ends(self) -> list[tuple[int, str, int]]:
        """What became of each line: its sum, what it was, how much of it."""
        rows = await fetch(
            "SELECT l.amount_pence, x.what, x.amount_pence FROM bank_line l LEFT JOIN bank_line_end x ON x.line_id = l.id "
            "ORDER BY l.id, x.id"
        )
        return [tuple(row) for row in rows]


async def open_bank(layout: str = "starling") -> Bank:
    """A circle whose three accounts are written down, all with files of one kind."""
    books = await open_books()
    accounts = {}
    for code, number in (("1000", "65432101"), ("1010", "65432102"), ("1020", "65432103")):
        accounts[code] = await actions.set_account(
            books.treasurer, code, name="Hebden circle", sort_code="08-92-99", account_number=number, layout=layout
        )
    assert set(await queries.accounts()) == set(accounts)
    return Bank(books, accounts)
