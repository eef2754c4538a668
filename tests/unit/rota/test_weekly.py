"""Once a week the money for next week is set aside: in order, once, whatever happens on the way, and nobody is told twice."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import corrections, payers, queries
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import NODE, Actor, Hat
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members import care, work
from eccoo_node.members import queries as members
from eccoo_node.members.care import Part
from eccoo_node.rota import actions as rota
from eccoo_node.rota import weekly
from eccoo_node.rota.rules import pays_for_week_at, weeks_due
from eccoo_node.rota.weekly import After
from tests.support import make
from tests.support.escrow import Books, last_entry, open_books
from tests.support.node import MONDAY, Node

LONDON = ZoneInfo("Europe/London")
THURSDAY = MONDAY + timedelta(days=3, hours=1)
NEXT = date(2026, 11, 30)


class Home:
    """Ada, whose own money pays for Wren; Fay helps, Tess keeps the money."""

    async def begin(self) -> "Home":
        self.books: Books = await open_books()
        self.circle = await make.circle()
        self.fay = await make.person("Fay", phone="01422 960333")
        await make.hat(self.fay, self.circle, "facilitator")
        await self.team(self.books.person, self.books.worker)
        return self

    async def team(self, person: str, *workers: str) -> None:
        team = await make.team(person)
        for worker in workers:
            await make.hat(worker, team, "worker")
            for side in (person, worker):
                await agree_terms(
                    await members.actor_for(side), person_id=person, worker_id=worker, rate_pence=2000, travel_pence=100
                )

    async def plan(self, days: int, hours: int = 0, *, person: str = "", **more: object) -> str:
        """A visit of an hour, so many days from Monday the 23rd at 9; it costs £21."""
        who = person or self.books.person
        starts = MONDAY + timedelta(days=days, hours=1 + hours)
        return await rota.plan_visit(
            await members.actor_for(who), person_id=who, worker_id=self.books.worker, starts_at=starts,
            ends_at=starts + timedelta(hours=1), what="Breakfast", **more,
        )  # fmt: skip

    async def lines(self, *visits: str) -> list[str]:
        """How the money of each visit stands: set aside, not paid for yet, or still to come."""
        found = []
        for id_ in visits:
            line, unpaid = tuple(await fetch_one("SELECT line, unpaid_at FROM visit WHERE id = ?", id_))
            found.append("aside" if line else "unpaid" if unpaid else "later")
        return found

    async def told(self) -> dict[str, list[str]]:
        rows = await fetch(
            "SELECT p.called, t.news FROM told t JOIN person p ON p.id = t.person_id ORDER BY t.at, t.id"
        )
        found: dict[str, list[str]] = {}
        for called, news in map(tuple, rows):
            found.setdefault(called, []).append(news)
        return {called: sorted(news) for called, news in sorted(found.items())}


async def runs() -> list[tuple[object, ...]]:
    return [
        (row[0], bool(row[1]), *tuple(row)[2:])
        for row in await fetch("SELECT week, ended_at, visits, aside_pence, short FROM weekly_run ORDER BY week")
    ]


# ---------------------------------------------------------------- when


@given(st.integers(0, 3 * 365 * 24 * 60), st.integers(0, 4), st.integers(6, 18))
def test_the_run_of_a_week_is_at_that_hour_on_the_wall_of_the_week_before(minutes: int, day: int, hour: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    this, *after = weeks_due(now, day, hour, LONDON)
    local = now.astimezone(LONDON)
    assert (this.weekday(), timedelta() <= local.date() - this < timedelta(days=7)) == (0, True)
    runs_at = pays_for_week_at(this + timedelta(days=7), day, hour, LONDON).astimezone(LONDON)
    assert (runs_at.weekday(), runs_at.hour, runs_at.minute, runs_at.date() - this) == (
        day,
        hour,
        0,
        timedelta(days=day),
    )
    assert after == ([this + timedelta(days=7)] if runs_at <= now else [])


def test_a_week_of_23_or_25_hour_days_begins_and_ends_at_midnight_on_the_wall() -> None:
    # The clocks go back on Sunday 25 October 2026 and forward on Sunday 28 March 2027.
    for week, at, last in (
        (date(2026, 10, 26), "2026-10-22T08:00:00+00:00", "2026-11-02T00:00:00+00:00"),
        (date(2027, 3, 29), "2027-03-25T09:00:00+00:00", "2027-04-04T23:00:00+00:00"),
        (date(2027, 3, 22), "2027-03-18T09:00:00+00:00", "2027-03-28T23:00:00+00:00"),
    ):
        assert pays_for_week_at(week, 3, 9, LONDON) == datetime.fromisoformat(at)
        assert weekly._within(week) == datetime.fromisoformat(last)


# ---------------------------------------------------------------- the run


async def test_this_week_is_paid_for_at_once_and_the_next_in_its_run(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(4 * 2100)
    visits = [await home.plan(day) for day in (3, 6, 7, 13, 14)]
    assert await home.lines(*visits) == ["aside", "aside", "later", "later", "later"]
    await weekly.pay_due_weeks()
    assert await home.lines(*visits) == ["aside", "aside", "later", "later", "later"]
    node.clock.set(THURSDAY - timedelta(seconds=1))
    await weekly.pay_due_weeks()
    assert (await home.lines(*visits))[2:] == ["later"] * 3
    node.clock.set(THURSDAY)
    assert await weekly.next_run(MONDAY) == THURSDAY
    assert await weekly.next_run(THURSDAY) == THURSDAY + timedelta(days=7)
    await weekly.pay_due_weeks()
    assert await home.lines(*visits) == ["aside", "aside", "aside", "aside", "later"]
    assert await runs() == [("2026-11-23", True, 0, 0, 0), ("2026-11-30", True, 2, 4200, 0)]
    # Run again, nothing changes; what is planned for a week that had its run is paid for at once, or said to be short.
    await weekly.pay_due_weeks()
    assert len(await runs()) == 2
    assert await home.lines(await home.plan(8)) == ["unpaid"]
    assert await home.told() == {called: ["not_paid_for"] for called in ("Ada", "Fay", "Wren")}
    await verify()


async def test_what_cannot_be_missed_comes_first_and_each_is_told_once_however_many_are_short(node: Node) -> None:
    home = await Home().begin()
    bill = await make.person("Bill")
    await home.team(bill, home.books.worker)
    other = await make.payer(bill)
    early = [await home.plan(7, hour) for hour in range(4)]
    must = await home.plan(12, cannot_be_missed=True)
    bills = [await home.plan(9, hour, person=bill) for hour in (5, 6)]
    await home.books.top_up(2 * 2100)
    node.clock.set(THURSDAY)
    await weekly.pay_due_weeks()
    assert await home.lines(must, *early) == ["aside", "aside", "unpaid", "unpaid", "unpaid"]
    assert await home.told() == {
        "Ada": ["not_paid_for_some"], "Bill": ["not_paid_for_some"], "Fay": ["not_paid_for_several"],
        "Wren": ["not_paid_for_several"],
    }  # fmt: skip
    assert (await runs())[-1] == ("2026-11-30", True, 2, 4200, 5)
    assert {row[0] for row in await fetch("SELECT state FROM visit")} == {"planned"}
    # Ada's money comes: hers are paid for at once, soonest first, and nobody else's.
    await home.books.top_up(2 * 2100, "more")
    await jobs.drain()
    assert await home.lines(*early, *bills) == ["aside", "aside", "aside", "unpaid", "unpaid", "unpaid"]
    await escrow.top_up(home.books.treasurer, other, 10_000, "Bill's")
    await jobs.drain()
    assert await home.lines(*early, *bills) == ["aside", "aside", "aside", "unpaid", "aside", "aside"]
    # One that is called off leaves its money to the next.
    await rota.do_without(await members.actor_for(home.books.person), visit_id=early[0])
    await jobs.drain()
    assert await home.lines(early[3]) == ["aside"]
    assert await home.told() == {
        "Ada": ["not_paid_for_some", "paid_for", "paid_for_some"], "Bill": ["not_paid_for_some", "paid_for_some"],
        "Fay": ["not_paid_for_several"],
        "Wren": ["not_paid_for_several", "paid_for", "paid_for_some", "paid_for_some", "stopped"],
    }  # fmt: skip
    await verify()


async def test_credit_is_kept_for_what_cannot_be_missed_until_there_is_enough(node: Node) -> None:
    home = await Home().begin()
    bill = await make.person("Bill")
    await home.team(bill, home.books.worker)
    await escrow.top_up(home.books.treasurer, await make.payer(bill), 2100, "Bill's")
    small, must = await home.plan(8), await home.plan(9, cannot_be_missed=True)
    bills = await home.plan(10, person=bill)
    async with write():
        await fetch("UPDATE visit SET fee_pence = 4000 WHERE id = ?", must)
    await home.books.top_up(3000)
    node.clock.set(THURSDAY)
    await weekly.pay_due_weeks()
    # Another person's credit is another's: it pays for theirs.
    assert await home.lines(must, small, bills) == ["unpaid", "unpaid", "aside"]
    # What is planned for a week that had its run waits as well, and so it is when more comes.
    late = await home.plan(5)
    await home.books.top_up(1000, "more")
    await jobs.drain()
    assert await home.lines(must, small, late) == ["unpaid", "unpaid", "unpaid"]
    await home.books.top_up(100, "enough for one")
    await jobs.drain()
    assert await home.lines(must, small, late) == ["aside", "unpaid", "unpaid"]
    await home.books.top_up(4200, "enough for all")
    await jobs.drain()
    assert await home.lines(must, small, late) == ["aside", "aside", "aside"]
    await verify()


async def test_a_run_that_is_cut_off_goes_on_and_one_that_was_missed_is_made_up_for(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = await Home().begin()
    await home.books.top_up(5 * 2100)
    visits = [await home.plan(7 + number) for number in range(7)]
    monkeypatch.setattr(weekly, "BATCH", 2)
    # Nobody was there on Thursday, nor on Sunday; it is Monday now, and half of the run is done when the node stops.
    node.clock.set(MONDAY + timedelta(days=7))
    assert await weekly.begin_week(NODE, week=NEXT)
    after = await weekly.pay_batch(NODE, week=NEXT, after=After())
    assert after == After(cannot_be_missed=False)
    assert await weekly.pay_batch(NODE, week=NEXT, after=after)
    assert await home.lines(*visits) == ["aside"] * 2 + ["later"] * 5
    assert await weekly.runs_at(NEXT) == THURSDAY
    await weekly.pay_due_weeks()
    assert await home.lines(*visits) == ["aside"] * 5 + ["unpaid"] * 2
    assert await runs() == [("2026-11-30", True, 5, 5 * 2100, 2)]
    assert await home.told() == {called: ["not_paid_for_some"] for called in ("Ada", "Fay", "Wren")}
    # Something planned in the moment in which the run passed it by is found at the next hour.
    async with write():
        await fetch("UPDATE visit SET unpaid_at = NULL WHERE id = ?", visits[6])
    await weekly.pay_due_weeks()
    assert await home.lines(visits[6]) == ["unpaid"]
    await weekly._weekly({})
    for actor in (home.books.treasurer, await members.actor_for(home.fay)):
        with pytest.raises(Forbidden):
            await weekly.pay_batch(actor, week=NEXT, after=After())
        with pytest.raises(Forbidden):
            await weekly.pay_again(actor, person_id=home.books.person)


async def test_one_visit_that_the_books_refuse_leaves_the_others_their_money(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(9 * 2100)
    visits = [await home.plan(7 + number) for number in range(3)]
    # Its line was used before, for something else.
    await escrow.set_aside(
        NODE, f"visit:{visits[1]}", home.books.payer, home.books.person, home.books.worker, 1, 0, "something else"
    )
    node.clock.set(THURSDAY)
    await weekly.pay_due_weeks()
    assert await home.lines(*visits) == ["aside", "unpaid", "aside"]


async def test_a_visit_that_went_ahead_unpaid_is_paid_as_soon_as_the_money_is_there(node: Node) -> None:
    home = await Home().begin()
    visit = await home.plan(0)
    assert await home.lines(visit) == ["unpaid"]
    node.clock.move(timedelta(hours=3))
    await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer="shorter", minutes=30)
    await rota.answer_visit(await members.actor_for(home.books.person), visit_id=visit, answer="partly", minutes=30)
    assert (await fetch_one("SELECT state FROM visit WHERE id = ?", visit))[0] == "settled"
    await home.books.top_up(5000)
    await jobs.drain()
    line = await queries.line(f"visit:{visit}")
    assert line is not None
    assert (line.state, line.worker_pence, line.returned_pence) == ("released", 950, 1000)
    await verify()


async def test_a_visit_that_the_person_says_was_not_takes_no_money_unasked(node: Node) -> None:
    home = await Home().begin()
    visit = await home.plan(0)
    node.clock.move(timedelta(hours=3))
    await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer="as_planned")
    ada = await members.actor_for(home.books.person)
    assert await rota.answer_visit(ada, visit_id=visit, answer="no") == "said"
    await home.books.top_up(2100)
    await jobs.drain()
    await weekly.pay_due_weeks()
    assert await home.lines(visit) == ["unpaid"]
    assert await queries.credit_pence(home.books.payer) == 2100
    # Said to have been after all, it is paid for.
    assert await rota.answer_visit(ada, visit_id=visit, answer="yes") == "settled"
    await jobs.drain()
    line = await queries.line(f"visit:{visit}")
    assert line is not None
    assert line.state == "released"
    await verify()


async def test_what_a_visit_still_to_come_counts_on_is_not_undone(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(2100)
    visit = await home.plan(0)
    entry = await last_entry(f"visit:{visit}")
    assert entry is not None
    with pytest.raises(Conflict) as caught:
        await corrections.reverse(home.books.treasurer, entry, "undo", because="A mistake")
    assert caught.value.code == "still_needed"
    node.clock.move(timedelta(hours=3))
    await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer="as_planned")
    await rota.answer_visit(await members.actor_for(home.books.person), visit_id=visit, answer="yes")
    released = await last_entry(f"visit:{visit}")
    assert released is not None
    # What is settled and turns out never to have been is undone, the newest first.
    await corrections.reverse(home.books.treasurer, released, "undo the pay", because="Nobody came")
    await corrections.reverse(home.books.treasurer, entry, "undo", because="Nobody came")
    assert await queries.credit_pence(home.books.payer) == 2100
    await verify()


async def test_a_trial_is_paid_ahead_or_not_agreed(node: Node) -> None:
    home = await Home().begin()
    with pytest.raises(Conflict, match="A first visit by someone new is paid ahead"):
        await home.plan(20, trial=True)
    assert await fetch("SELECT id FROM visit") == []
    await home.books.top_up(2100)
    assert await home.lines(await home.plan(20, trial=True)) == ["aside"]
    # What is there is kept for what cannot be missed, and that is said.
    must = await home.plan(21, cannot_be_missed=True)
    async with write():
        await fetch("UPDATE visit SET unpaid_at = ? WHERE id = ?", MONDAY, must)
    with pytest.raises(Conflict, match="kept for a visit that can’t be missed") as refused:
        await home.plan(22, trial=True)
    assert refused.value.code == "kept_for_others"


# ---------------------------------------------------------------- wages, paying after, and several who pay


async def test_several_pay_each_their_part_and_a_wage_takes_no_commission(node: Node) -> None:
    home = await Home().begin()
    person, worker = home.books.person, home.books.worker
    own = await members.actor_for(person)
    ids = await care.share_payers(
        own, person_id=person, parts=[Part(fund="council", share_bps=6667), Part(share_bps=3333)]
    )
    council, [kept] = ids[0], ids[1:]
    assert kept == home.books.payer
    await home.books.top_up(5000)
    await escrow.top_up(home.books.treasurer, council, 2000, "the council's")
    visits = [await home.plan(1), await home.plan(2)]
    assert await home.lines(*visits) == ["aside", "unpaid"]
    assert [await queries.credit_pence(id_) for id_ in (council, kept)] == [600, 4300]
    # The circle lets the council pay after: what was not paid for is, and the circle's own money stands in.
    with pytest.raises(Invalid):
        await payers.pays_after(home.books.treasurer, council, True)
    with pytest.raises(Forbidden):
        await payers.pays_after(own, council, True, decision_id=await make.decision(about="pays_after"))
    await payers.pays_after(home.books.treasurer, council, True, decision_id=await make.decision(about="pays_after"))
    await jobs.drain()
    assert await home.lines(*visits) == ["aside", "aside"]
    assert await queries.waiting_on("1100") == {}
    assert (await queries.trial_balance())["1100"] == 1400
    keeper = Actor(person_id=home.books.treasurer.person_id, hats=(Hat("treasurer", home.circle, "circle"),))
    with pytest.raises(Forbidden):
        await work.set_employed(await members.actor_for(worker), worker, True)
    await work.set_employed(keeper, worker, True)
    third = await home.plan(3)
    found = await queries.booking(f"visit:{third}")
    assert (found.terms.employed, found.payer_id, bool(found.funds)) == (True, kept, True)
    await verify()
    for parts, code in (
        ([Part(share_bps=5000)], "bad_share"), ([Part(share_bps=5000), Part(share_bps=5000)], "named_twice"),
        ([Part(share_bps=5000), Part(fund="lottery", share_bps=5000)], "bad_fund"), ([], "bad_share"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            await care.share_payers(own, person_id=person, parts=parts)
        assert caught.value.code == code
    # Nobody shares any more: one pays the whole, and whoever began first keeps their books.
    assert await care.set_payer(own, person_id=person) == kept
    assert [tuple(row) for row in await fetch("SELECT id, share_bps FROM payer WHERE ended_at IS NULL")] == [
        (kept, 10_000)
    ]
