"""Papers that are made by themselves: early on Monday, each once, also after a node was away."""

from datetime import date, datetime, timedelta

from eccoo_node.db.rows import fetch
from eccoo_node.escrow import treasury
from eccoo_node.papers import due
from tests.support import make
from tests.unit.papers.conftest import DAY, MONDAY, Circle


async def made() -> list[tuple[str, str, str]]:
    rows = await fetch("SELECT series, for_id, to_day FROM paper ORDER BY to_day, series, number")
    return [tuple(row) for row in rows]


async def test_monday_brings_what_is_due_and_catches_up_once(circle: Circle) -> None:
    books, settle = circle.books, circle.node.settle
    council = await make.payer(books.person, await make.person("Council"))
    await books.top_up(20_000)
    line = await circle.visit(0)
    circle.node.clock.set(MONDAY + 2 * DAY)
    # A node that begins on a Wednesday begins with the Monday to come.
    assert await due.make_what_is_due({}) == datetime.fromisoformat("2026-11-30T05:00:00+00:00")
    await settle()
    assert await made() == []
    await circle.went(line)
    await treasury.donation(books.treasurer, 10_000, "gift")
    await treasury.bounce(books.treasurer, council, 2000, "bounce")
    circle.node.clock.set(MONDAY + timedelta(days=7, hours=-4))
    assert await due.make_what_is_due({}) == datetime.fromisoformat("2026-11-30T05:00:00+00:00")
    assert await made() == []
    circle.node.clock.set(MONDAY + 7 * DAY)
    for _ in range(2):
        await due.make_what_is_due({})
        await settle()
    (council_id,) = (await fetch("SELECT payer_person_id FROM payer WHERE id = ?", council))[0]
    first = [
        ("payer", books.person, "2026-11-29"),
        ("payer", council_id, "2026-11-29"),
        ("invoice", council_id, "2026-11-30"),
    ]
    assert sorted(await made()) == sorted(first)
    # Away for two Mondays: the weeks between are made, and the year once it is over.
    circle.node.clock.set(MONDAY + 23 * DAY)
    await due.make_what_is_due({})
    await settle()
    weeks = {to_day for series, for_id, to_day in await made() if for_id == books.person}
    assert weeks == {"2026-11-29", "2026-12-06", "2026-12-13"}
    circle.node.clock.set(datetime.fromisoformat("2027-04-06T04:00:00+00:00"))
    assert due.next_run(circle.node.clock()).date() == date(2027, 4, 12)
    await due.make_what_is_due({})
    await settle()
    assert [one for one in await made() if one[0] == "worker"] == [("worker", books.worker, "2027-04-05")]
    assert await fetch("SELECT 1 FROM job WHERE dead = TRUE OR attempts > 0") == []
