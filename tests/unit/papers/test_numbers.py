"""Numbers without gaps, whoever writes at once and whatever is rolled back; papers that nobody can change unseen."""

import asyncio
import contextlib
import random
from datetime import date
from pathlib import Path

import pytest

from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow.actions import top_up
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Broken, Forbidden
from eccoo_node.members import queries as members
from eccoo_node.papers import actions, queries
from tests.support import make
from tests.unit.papers.conftest import Circle

WRITERS = 8
WEEK = date(2026, 11, 23)


class Off(Exception):
    """The writer's act comes to nothing."""


async def test_eight_writers_leave_no_gap_and_nobody_has_two(circle: Circle, node_url: str, tmp_path: Path) -> None:
    keeper, payers = circle.books.treasurer, []
    for number in range(12):
        payers.append(await make.payer(await make.person(f"Payer {number}")))
        await top_up(keeper, payers[-1], 1000, key=f"in {number}")
    circle.on(7)

    async def writer(number: int) -> dict[str, str]:
        engine, chance, made = engine_for(node_url, tmp_path / "node.sqlite"), random.Random(number), {}
        await engine.open()
        with bound.bound(engine):
            for payer in chance.sample(payers, len(payers)):
                if chance.random() < 0.4:
                    with contextlib.suppress(Off):
                        async with write():
                            await actions.make_statement(NODE, payer, WEEK)
                            raise Off
                made[payer] = await actions.make_statement(NODE, payer, WEEK)
        await engine.close()
        return made

    found = await asyncio.gather(*map(writer, range(WRITERS)))
    assert all(one == found[0] for one in found)
    numbers = [row[0] for row in await fetch("SELECT number FROM paper ORDER BY number")]
    assert numbers == list(range(1, 13))
    assert await queries.missing(keeper) == []
    assert [tuple(row) for row in await fetch("SELECT name, last FROM paper_series WHERE last > 0")] == [("payer", 12)]


async def test_a_paper_cannot_be_changed_and_shows_it_where_it_was(circle: Circle) -> None:
    await circle.books.top_up(5000)
    circle.on(7)
    paper = await actions.make_statement(circle.books.treasurer, circle.books.payer, WEEK)
    for statement in ("UPDATE paper SET facts = '{}'", "DELETE FROM paper", "UPDATE paper SET number = 9"):
        with pytest.raises(Exception, match="append-only"):
            async with write():
                await fetch(statement)
    trigger = ("DROP TRIGGER paper_keeps_update", "DROP TRIGGER paper_keeps_rows ON paper")
    async with write():
        await fetch(trigger[circle.node.engine.engine_type == "postgres"])
        await fetch("UPDATE paper SET facts = replace(facts, '£50.00', '£60.00')")
    with pytest.raises(Broken, match="S-1 is not as it was written"):
        await queries.paper(paper)


async def test_only_the_treasurer_makes_them_and_reading_anothers_is_written_down(circle: Circle) -> None:
    books = circle.books
    await books.top_up(5000)
    circle.on(7)
    for person in (books.person, books.worker):
        with pytest.raises(Forbidden, match="made by the circle’s treasurer"):
            await actions.make_statement(await members.actor_for(person), books.payer, WEEK)
    paper = await actions.make_statement(books.treasurer, books.payer, WEEK)
    with pytest.raises(Forbidden, match="for someone else"):
        await actions.read_anothers(await members.actor_for(books.worker), paper)
    await actions.read_anothers(books.treasurer, paper)
    rows = await fetch("SELECT actor_id, outcome FROM audit WHERE action = 'papers.read' ORDER BY id")
    assert [tuple(row) for row in rows] == [(books.worker, "refused"), (books.treasurer.person_id, "done")]
