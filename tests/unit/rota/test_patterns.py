"""A standing week: its visits are made ahead, once, at the hours on the wall; a change leaves alone what stays the same."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.agreements import actions as agreements
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import queries as escrow
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import patterns
from eccoo_node.rota.standing import Slot, Wanted, difference, slot_on
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import MONDAY, Node

LONDON = ZoneInfo("Europe/London")
FIRST = date(2026, 11, 23)


async def home(pence: int = 100_000) -> tuple[Books, str]:
    books = await open_books()
    team = await make.team(books.person)
    await make.hat(books.worker, team, "worker")
    for side in (books.person, books.worker):
        await agreements.agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000
        )
    await books.top_up(pence)
    return books, team


def wanted(books: Books, *weekdays: int, **more: object) -> Wanted:
    return Wanted(
        **{
            "person_id": books.person, "worker_id": books.worker, "weekdays": weekdays, "starts": time(9),
            "ends": time(10), "what": "Breakfast", "first": FIRST, **more,
        }
    )  # type: ignore[arg-type] # fmt: skip


async def coming(person: str) -> list[str]:
    """The visits to come, as days and hours by the clock on the wall."""
    rows = await fetch(
        "SELECT starts_at FROM visit WHERE person_id = ? AND state = 'planned' ORDER BY starts_at", person
    )
    return [f"{row[0].astimezone(LONDON):%d.%m. %H:%M}" for row in rows]


async def news() -> list[tuple[str, str]]:
    rows = await fetch(
        "SELECT p.called, t.news FROM told t JOIN person p ON p.id = t.person_id ORDER BY t.at, p.called"
    )
    return [(row[0], row[1]) for row in rows]


async def test_visits_are_made_four_weeks_ahead_each_once_and_the_worker_is_told(node: Node) -> None:
    books, team = await home()
    own = await members.actor_for(books.person)
    with pytest.raises(Invalid):
        await patterns.plan_weekly(own, wanted=wanted(books))
    with pytest.raises(Forbidden):
        await patterns.plan_weekly(await members.actor_for(books.worker), wanted=wanted(books, 0))
    keeper = await make.person("Cora")
    await make.hat(keeper, team, "coordinator")
    pattern = await patterns.plan_weekly(
        await members.actor_for(keeper), wanted=wanted(books, 0, 3, cannot_be_missed=True)
    )
    assert await news() == [("Ada", "planned_weekly"), ("Wren", "planned_weekly")]
    first = [f"{d}. 09:00" for d in ("23.11", "26.11", "30.11", "03.12", "07.12", "10.12", "14.12", "17.12", "21.12")]
    assert await coming(books.person) == first
    # This week has had its run: its two are paid for as they are planned.
    assert await fetch_value("SELECT COUNT(*) FROM visit WHERE line <> '' AND cannot_be_missed = ?", True) == 2
    assert [await patterns.make_due_visits() for _ in range(2)] == [0, 0]
    node.clock.move(timedelta(days=7))
    assert [await patterns.make_due_visits() for _ in range(2)] == [2, 0]
    assert (await coming(books.person))[-2:] == ["24.12. 09:00", "28.12. 09:00"]
    # Nothing is agreed any more: it ends by itself, and says so once.
    (terms,) = await fetch("SELECT id FROM terms WHERE ended_at IS NULL")
    await agreements.end_terms(own, terms[0])
    node.clock.move(timedelta(days=7))
    assert [await patterns.make_due_visits() for _ in range(2)] == [0, 0]
    assert ("Ada", "weekly_stops") in await news()
    assert (await patterns.pattern(pattern)).wanted.last == date(2026, 12, 30)


async def test_a_change_leaves_alone_what_stays_and_calls_off_only_the_rest(node: Node) -> None:
    books, _ = await home()
    own = await members.actor_for(books.person)
    pattern = await patterns.plan_weekly(own, wanted=wanted(books, 1, 3, first=FIRST))
    before = {row[0] for row in await fetch("SELECT id FROM visit WHERE line <> ''")}
    assert len(before) == 2
    # Tuesday begins within the day: it stays, so nothing of it is owed for calling it off.
    node.clock.set(MONDAY + timedelta(hours=4))
    new = wanted(books, 1, 4, what="Lunch")
    found = await patterns.what_changes(await patterns.pattern(pattern), new)
    assert found.words == "Four visits stay as they are. Four are called off. Four are new."
    changed = await patterns.change_weekly(own, pattern_id=pattern, wanted=new)
    assert (await coming(books.person))[:3] == ["24.11. 09:00", "27.11. 09:00", "01.12. 09:00"]
    kept = await fetch_value("SELECT COUNT(*) FROM visit WHERE line <> '' AND state = 'planned' AND what = 'Lunch'")
    assert kept == 2
    assert await escrow.credit_pence(books.payer) == 100_000 - 4000
    with pytest.raises(Conflict):
        await patterns.change_weekly(own, pattern_id=pattern, wanted=new)
    # One is moved, and goes with the others when all are called off from a day on.
    (friday,) = await fetch("SELECT id FROM visit WHERE state = 'planned' AND pattern_day = '2026-11-27'")
    at = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)
    await patterns.move_visit(own, visit_id=friday[0], slot=Slot(at, at + timedelta(hours=1)))
    assert "28.11. 14:00" in await coming(books.person)
    assert await patterns.make_due_visits() == 0
    with pytest.raises(Conflict, match="too late to move"):
        (tuesday,) = await fetch("SELECT id FROM visit WHERE state = 'planned' AND pattern_day = '2026-11-24'")
        await patterns.move_visit(own, visit_id=tuesday[0], slot=Slot(at, at + timedelta(hours=1)))
    assert await patterns.end_weekly(own, pattern_id=changed, from_day=date(2026, 11, 25)) == 7
    assert await coming(books.person) == ["24.11. 09:00"]
    assert await escrow.credit_pence(books.payer) == 100_000 - 2000
    assert (await news())[-2:] == [("Wren", "moved"), ("Wren", "weekly_ended")]
    # The worker can say no to a single one, as to any visit.
    await rota.cant_come(await members.actor_for(books.worker), visit_ids=[tuesday[0]])


async def test_one_visit_is_planned_to_come_and_its_worker_told(node: Node) -> None:
    books, _ = await home()
    own = await members.actor_for(books.person)
    at = MONDAY + timedelta(hours=3)
    for slot in (Slot(at - timedelta(days=1), at), Slot(at, at)):
        with pytest.raises((Conflict, Invalid)):
            await patterns.arrange_visit(own, person_id=books.person, worker_id=books.worker, slot=slot, what="Tea")
    slot = Slot(at, at + timedelta(hours=1))
    await patterns.arrange_visit(own, person_id=books.person, worker_id=books.worker, slot=slot, what="Tea")
    assert await news() == [("Wren", "planned")]


def test_bank_holidays_are_left_out_where_that_is_wanted() -> None:
    every = Wanted("p", "w", (4,), time(9), time(10), "Tea", date(2026, 12, 18), date(2027, 1, 8))
    christmas = [date(2026, 12, 25), date(2027, 1, 1)]
    assert every.days(date(2027, 2, 1)) == [date(2026, 12, 18), christmas[0], christmas[1], date(2027, 1, 8)]
    none = msgspec.structs.replace(every, not_on_holidays=True)
    assert none.days(date(2027, 2, 1)) == [date(2026, 12, 18), date(2027, 1, 8)]


def test_a_night_is_as_long_as_it_really_is() -> None:
    nights = {date(2026, 10, 24): 10, date(2026, 10, 31): 9, date(2027, 3, 27): 8}
    for day, hours in nights.items():
        slot = slot_on(day, time(22), time(7), LONDON)
        assert clock.minutes_between(slot.starts_at, slot.ends_at) == hours * 60


@given(
    day=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
    minutes=st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
)
def test_a_visit_ends_after_it_begins_on_any_day(day: date, minutes: tuple[int, int]) -> None:
    starts, ends = (time(minute // 60, minute % 60) for minute in minutes)
    if starts != ends:
        slot = slot_on(day, starts, ends, LONDON)
        assert timedelta() < slot.ends_at - slot.starts_at <= timedelta(hours=25)
        if not 1 <= starts.hour < 3:
            assert slot.starts_at.astimezone(LONDON).time() == starts


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.booleans())
def test_a_change_says_what_becomes_of_every_visit(old: set[int], new: set[int], same: bool) -> None:
    slots = [Slot(MONDAY + timedelta(days=n), MONDAY + timedelta(days=n, hours=1)) for n in range(10)]
    found = difference([slots[n] for n in old], [slots[n] for n in new], same_worker=same)
    assert found.stays | found.goes == {slots[n] for n in old}
    assert found.stays | found.comes == {slots[n] for n in new}
    assert not found.stays & (found.goes | found.comes)
