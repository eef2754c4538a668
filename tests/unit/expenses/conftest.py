"""A circle whose person has a team, and money for shopping."""

import msgspec
import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.expenses import actions, queries
from eccoo_node.expenses.queries import Expense
from eccoo_node.kernel.access import Actor
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node


class Shopping(msgspec.Struct, frozen=True):
    """Ada, who reads mail, and for whom Wren buys things; Fay, a facilitator. £100 is paid in."""

    books: Books
    team: str
    facilitator: str

    async def ada(self, **acting: str) -> Actor:
        return await members.actor_for(self.books.person, **acting)  # type: ignore[arg-type]

    async def wren(self) -> Actor:
        return await members.actor_for(self.books.worker)

    async def fay(self, acting_for: str, via: str = "phone") -> Actor:
        return await members.actor_for(self.facilitator, via, acting_for, "rang_back")  # type: ignore[arg-type]

    async def agreed(self, ceiling_pence: int = 1500, **more: str) -> str:
        return await actions.agree(
            await self.ada(), person_id=self.books.person, worker_id=self.books.worker, ceiling_pence=ceiling_pence,
            purpose=more.get("purpose", "Shopping on Thursday"),
        )  # fmt: skip

    async def bought(self, cost_pence: int = 1245, ceiling_pence: int = 1500) -> str:
        """Agreed, and Wren has sent what it cost with a photo."""
        id_ = await self.agreed(ceiling_pence)
        await actions.say_cost(await self.wren(), expense_id=id_, cost_pence=cost_pence, photo=b"a photo drawn anew")
        return id_

    async def one(self, expense_id: str) -> Expense:
        return await queries.expense(expense_id)


@pytest.fixture
async def shopping(node: Node) -> Shopping:
    books = await open_books()
    async with write():
        await fetch("UPDATE person SET channel = 'email' WHERE id = ?", books.person)
    team = await make.team(books.person)
    await make.hat(books.worker, team, "worker")
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    await books.top_up(10_000)
    return Shopping(books, team, fay)
