"""A circle with a week behind it, and papers about it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from eccoo_node.app import Shell, create_app
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.kernel.circle import circle_bound
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import CircleSettings, Settings
from eccoo_node.members import sign_in
from eccoo_node.papers import actions
from eccoo_node.rota.tables import Visit
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import MONDAY, Node
from tests.web.client import Reader

DAY = timedelta(days=1)
SETTINGS = Settings(circle=CircleSettings(name="Hebden circle", place="Hebden Bridge", phone="01422 496 0123"))


class Desk(msgspec.Struct, frozen=True):
    """Books of a circle, with a facilitator; Ada reads mail, Wren would rather have letters."""

    books: Books
    team: str
    poster: str
    node: Node

    async def week(self) -> str:
        """A normal week, five visits and five for the next; Ada's statement."""
        books = self.books
        await books.top_up(80_000)
        lines = [await self.visit(day) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
        self.node.clock.set(MONDAY + 4 * DAY + timedelta(hours=9))
        for line in lines[:5]:
            await escrow.release(NODE, line, f"went {line}")
        self.node.clock.set(MONDAY + 7 * DAY)
        return await actions.make_statement(NODE, books.payer, MONDAY.date())

    async def year(self) -> str:
        """Wren's tax year, once it is over."""
        self.node.clock.set(datetime.fromisoformat("2027-04-06T08:00:00+00:00"))
        return await actions.make_year(NODE, self.books.worker, 2026)

    async def visit(self, day: int) -> str:
        books, starts = self.books, MONDAY + DAY * day + timedelta(hours=1)
        row = Visit(
            team_id=self.team, person_id=books.person, worker_id=books.worker, payer_id=books.payer, starts_at=starts,
            ends_at=starts + 2 * timedelta(hours=1), what="help to wash", fee_pence=6000, rate_pence=3000,
            travel_pence=360, agreed_at=clock.now(),
        )  # fmt: skip
        row.line = f"visit:{row.id}"
        async with write():
            await insert(row)
        assert await escrow.set_aside(
            NODE, row.line, books.payer, books.person, books.worker, 6000, 360, f"hold {row.line}"
        )
        return str(row.line)


async def desk_of(node: Node) -> Desk:
    books = await open_books(payer_add_bps=750)
    poster = await make.person("Ivy", channel="email", email="ivy@example.test")
    await make.hat(poster, await make.circle(), "facilitator")
    async with write():
        await fetch("UPDATE person SET channel = 'email', email = 'ada@example.test' WHERE id = ?", books.person)
        await fetch("UPDATE person SET channel = 'post' WHERE id = ?", books.worker)
    return Desk(books, await make.team(books.person), poster, node)


@pytest.fixture
async def desk(node: Node) -> AsyncIterator[Desk]:
    with circle_bound(SETTINGS.circle):
        yield await desk_of(node)


@pytest.fixture
def shell(node: Node, tmp_path: Path) -> Shell:
    folder = DataFolder(tmp_path)
    folder.make()
    return create_app(SETTINGS, folder, engine=node.engine, clock=node.clock, node_id="n0de1234", services=())


async def token_of(person_id: str) -> str:
    return (await sign_in.sign_in_as(COMMAND, person_id, device="Firefox on Linux")).token


class Browsers:
    """`ada = await browsers(person_id)`: a browser in which that person is signed in."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.opened: list[Reader] = []

    async def __call__(self, person_id: str) -> Reader:
        reader = Reader(self.shell)
        self.opened.append(reader)
        reader.http.cookies.set(self.shell.site.session_cookie, await token_of(person_id))
        return reader


@pytest.fixture
async def browsers(shell: Shell) -> AsyncIterator[Browsers]:
    made = Browsers(shell)
    yield made
    for reader in made.opened:
        await reader.http.aclose()
