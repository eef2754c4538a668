"""A circle whose money moves, for the papers about it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import pytest

from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.circle import circle_bound
from eccoo_node.kernel.settings import CircleSettings
from eccoo_node.rota.tables import Said, Visit
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node

MONDAY = datetime.fromisoformat("2026-11-23T08:00:00+00:00")
DAY = timedelta(days=1)


class Circle(msgspec.Struct, frozen=True):
    """Books with a team around Ada, whose worker is Wren. The clock stands on Monday 23 November 2026."""

    books: Books
    team: str
    node: Node

    async def visit(
        self, day: int = 0, *, fee_pence: int = 6000, travel_pence: int = 0, minutes: int = 120, **more: object
    ) -> str:
        """A visit so many days after Monday at 9, its money set aside; the reference of its line."""
        books, starts = self.books, MONDAY + DAY * day + timedelta(hours=1)
        row = Visit(
            team_id=self.team, person_id=books.person, worker_id=books.worker, payer_id=books.payer, starts_at=starts,
            ends_at=starts + timedelta(minutes=minutes), what="help to wash", state="planned", fee_pence=fee_pence,
            rate_pence=fee_pence * 60 // minutes, travel_pence=travel_pence, agreed_at=clock.now(),
        )  # fmt: skip
        line = row.line = f"visit:{row.id}"
        async with write():
            await insert(row)
        assert await actions.set_aside(
            NODE, line, more.pop("payer", books.payer), books.person, books.worker, fee_pence, travel_pence,  # type: ignore[arg-type]
            f"hold {line}", **more,
        )  # fmt: skip
        return line

    async def said(self, line: str, minutes: int) -> None:
        """That the visit was shorter."""
        async with write():
            await insert(
                Said(visit_id=line.split(":")[1], side="worker", answer="shorter", minutes=minutes, said_at=clock.now())
            )

    async def went(self, line: str, part_pence: int | None = None) -> None:
        await actions.release(NODE, line, f"went {line}", part_pence=part_pence)

    def on(self, day: int, hour: int = 12) -> None:
        """Move the clock to so many days after Monday."""
        self.node.clock.set(MONDAY + DAY * day + timedelta(hours=hour - 8))


@pytest.fixture
async def circle(node: Node) -> AsyncIterator[Circle]:
    books = await open_books(payer_add_bps=750, worker_deduct_bps=1500)
    with circle_bound(CircleSettings(name="Hebden circle", place="Hebden Bridge", phone="01422 496 0123")):
        yield Circle(books, await make.team(books.person), node)


async def number_of(paper_id: str) -> int:
    return int((await fetch("SELECT number FROM paper WHERE id = ?", paper_id))[0][0])
