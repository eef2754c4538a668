"""The whole node's pages on a test's floor, with visits whose money is set aside."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from eccoo_node.app import Shell, create_app
from eccoo_node.db.rows import insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, Settings
from eccoo_node.links.tables import Link
from eccoo_node.members import sign_in
from eccoo_node.rota.tables import Visit
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node
from tests.web.client import Reader

THURSDAY = datetime.fromisoformat("2026-11-26T09:00:00+00:00")


class Circle(msgspec.Struct, frozen=True):
    """Books with a team around Ada, and visits by Wren."""

    books: Books
    team: str

    async def visit(self, days: int = 0, *, fee_pence: int = 6000, travel_pence: int = 0, **more: object) -> str:
        """A visit so many days after Thursday with its money set aside; the reference of its line."""
        books, starts = self.books, THURSDAY + timedelta(days=days)
        row = Visit(
            team_id=self.team, person_id=books.person, worker_id=books.worker, payer_id=books.payer, starts_at=starts,
            ends_at=starts + timedelta(hours=2), what="help to wash and dress", state="planned", fee_pence=fee_pence,
            rate_pence=fee_pence // 2, travel_pence=travel_pence, agreed_at=clock.now(),
        )  # fmt: skip
        line = f"visit:{row.id}"
        row.line = line
        async with write():
            await insert(row)
        assert await actions.set_aside(
            NODE, line, books.payer, books.person, books.worker, fee_pence, travel_pence, f"hold {line}", **more
        )
        return line

    async def link(self, name: str = "Todmorden circle") -> str:
        """A linked circle's id."""
        row = Link(state="open", node_id="n", base_url="https://todmorden.example", name=name, asked_at=clock.now())
        async with write():
            await insert(row)
        return str(row.id)


@pytest.fixture
async def circle(node: Node) -> Circle:
    books = await open_books()
    return Circle(books, await make.team(books.person))


@pytest.fixture
def shell(node: Node, tmp_path: Path) -> Shell:
    folder = DataFolder(tmp_path)
    folder.make()
    settings = Settings(circle=CircleSettings(name="Hebden circle", place="Hebden Bridge", phone="01422 496 0123"))
    return create_app(settings, folder, engine=node.engine, clock=node.clock, node_id="n0de1234", services=())


SignIn = Callable[[str], Awaitable[Reader]]


@pytest.fixture
async def browser_of(shell: Shell) -> AsyncIterator[SignIn]:
    """`ada = await browser_of(person_id)`: a browser in which that person is signed in."""
    opened: list[Reader] = []

    async def sign_in_as(person_id: str) -> Reader:
        reader = Reader(shell)
        opened.append(reader)
        signed_in = await sign_in.sign_in_as(COMMAND, person_id, device="Firefox on Linux")
        reader.http.cookies.set(shell.site.session_cookie, signed_in.token)
        return reader

    yield sign_in_as
    for reader in opened:
        await reader.http.aclose()
