"""A death stops what was planned, at nobody's cost; being in hospital stops nothing but the clock."""

from datetime import date, time, timedelta

import pytest

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.disputes import actions as raising
from eccoo_node.disputes import queries as disputes
from eccoo_node.disputes import resolving
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import corrections, queries, treasury, undoing
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members import actions as people
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import died, due, patterns, weekly
from eccoo_node.rota import queries as visits
from eccoo_node.rota.standing import Wanted
from eccoo_node.rota.todo import of_the_dead
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.unit.rota.test_weekly import THURSDAY, Home


async def say(home: Home, standing: str, person: str = "", on: date | None = None) -> None:
    await people.say_standing(await members.actor_for(home.fay), person or home.books.person, standing, on)


async def states(person: str) -> list[tuple[str, bool]]:
    rows = await fetch("SELECT state, line FROM visit WHERE person_id = ? ORDER BY starts_at", person)
    return [(row[0], bool(row[1])) for row in rows]


async def credit(home: Home) -> int:
    return await queries.credit_pence(home.books.payer)


async def weekly_by(home: Home, worker: str = "") -> str:
    wanted = Wanted(
        person_id=home.books.person, worker_id=worker or home.books.worker, weekdays=(0, 3), starts=time(9),
        ends=time(10), what="Breakfast", first=MONDAY.date() + timedelta(days=1),
    )  # fmt: skip
    return await patterns.plan_weekly(await members.actor_for(home.books.person), wanted=wanted)


async def test_a_death_ends_every_week_and_gives_back_what_was_set_aside(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(50_000)
    await weekly_by(home)
    node.clock.set(THURSDAY)
    await weekly.pay_due_weeks()
    await jobs.drain()
    before = await states(home.books.person)
    assert sum(aside for _, aside in before) > 1
    # A visit of the next hours: a charge for calling off so late is not the person's, who called nothing off.
    await home.plan(3, 2)
    await say(home, "died")
    await jobs.drain()
    now = node.clock()
    left = await visits.visits("v.person_id = ? AND v.starts_at > ?", home.books.person, now)
    assert {(visit.state, visit.line) for visit in left} == {("stopped", "")}
    begun = await visits.visits("v.person_id = ? AND v.starts_at <= ?", home.books.person, now)
    held = sum(visit.fee_pence + visit.travel_pence for visit in begun if visit.line)
    assert await credit(home) == 50_000 - held
    assert (await home.told())["Wren"].count("died") == 1
    assert "died" not in (await home.told()).get("Ada", [])
    for _ in range(30):
        node.clock.move(timedelta(days=1))
        await patterns.make_due_visits()
        await weekly.pay_due_weeks()
        await jobs.drain()
    assert len(await visits.visits("v.person_id = ?", home.books.person)) == len(left) + len(begun)
    assert (await patterns.patterns_of(home.books.person, node.clock().date())) == []
    assert await credit(home) == 50_000 - held
    assert (await home.told())["Wren"].count("died") == 1
    await verify()


async def test_nothing_is_planned_for_someone_who_has_died_or_by_them(node: Node) -> None:
    home = await Home().begin()
    wren = home.books.worker
    await weekly_by(home)
    await say(home, "died", wren)
    await jobs.drain()
    assert {state for state, _ in await states(home.books.person)} == {"gap"}
    assert await patterns.patterns_of(home.books.person, MONDAY.date()) == []
    with pytest.raises(Conflict, match="in the team"):
        await home.plan(5)
    await say(home, "died")
    with pytest.raises(Conflict, match="Nothing more is planned"):
        await rota.plan_visit(
            NODE, person_id=home.books.person, worker_id=wren, starts_at=MONDAY + timedelta(days=5),
            ends_at=MONDAY + timedelta(days=5, hours=1), what="Breakfast",
        )  # fmt: skip


async def test_a_death_taken_back_before_anything_was_done_stops_nothing(node: Node) -> None:
    home = await Home().begin()
    await home.plan(3)
    await say(home, "died")
    await say(home, "here")
    await jobs.drain()
    assert {state for state, _ in await states(home.books.person)} == {"planned"}
    with pytest.raises(Forbidden):
        await died.let_rest(await members.actor_for(home.fay), person_id=home.books.person)


async def test_the_day_is_kept_and_none_to_come_is_taken(node: Node) -> None:
    home = await Home().begin()
    with pytest.raises(Invalid):
        await say(home, "in_hospital", on=MONDAY.date() + timedelta(days=1))
    for _ in range(2):
        await say(home, "in_hospital", on=date(2026, 11, 20))
    row = await fetch("SELECT standing, standing_on FROM person WHERE id = ?", home.books.person)
    assert [tuple(one) for one in row] == [("in_hospital", "2026-11-20")]
    assert len(await fetch("SELECT id FROM event WHERE kind = 'person.in_hospital'")) == 1
    await say(home, "here")
    row = await fetch("SELECT standing, standing_on FROM person WHERE id = ?", home.books.person)
    assert [tuple(one) for one in row] == [("here", "")]


async def _said(home: Home, node: Node) -> str:
    """A visit of Monday that Wren has said went as planned."""
    visit = await home.plan(0)
    node.clock.set(MONDAY + timedelta(hours=3))
    await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer="as_planned")
    await _is_rung(home)
    return visit


async def _is_rung(home: Home) -> None:
    """Fay asks Ada how it went."""
    sql = "SELECT id FROM told WHERE person_id = ? AND news = 'how_did_it_go' AND told_at IS NULL"
    told = await fetch_value(sql, home.books.person)
    await rota.mark_told(await members.actor_for(home.fay), told_id=told)


async def test_what_is_due_is_not_written_down_for_somebody_who_can_still_be_asked(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await _said(home, node)
    for standing in ("in_hospital", "here"):
        await say(home, standing)
        # Also once the time for the answer has passed.
        node.clock.move(timedelta(days=4))
        await jobs.drain()
        assert (await visits.visit(visit)).settles_at is None
        assert await due.waiting(home.books.treasurer) == []
        with pytest.raises(Conflict):
            await due.write_due(home.books.treasurer, visit_id=visit, minutes=60, because="x")
    await verify()


async def test_in_hospital_visits_stay_and_home_again_the_question_is_put_anew(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(50_000)
    visit = await _said(home, node)
    other = await home.plan(20)
    await say(home, "in_hospital")
    node.clock.move(timedelta(days=10))
    await jobs.drain()
    assert [(await visits.visit(one)).state for one in (visit, other)] == ["said", "planned"]
    assert (await home.told())["Fay"] == ["please_ask"]
    await say(home, "here")
    await jobs.drain()
    assert (await home.told())["Ada"].count("how_did_it_go") == 2
    # As at first, nothing settles itself before the question has reached her.
    node.clock.move(timedelta(days=10))
    await jobs.drain()
    assert ((await visits.visit(visit)).state, (await visits.visit(visit)).settles_at) == ("said", None)
    await _is_rung(home)
    at = (await visits.visit(visit)).settles_at
    assert at is not None
    assert at > node.clock() + timedelta(days=1)
    node.clock.set(at)
    await jobs.drain()
    assert (await visits.visit(visit)).state == "settled"


@pytest.mark.parametrize("minutes,paid", [(60, 2100), (30, 1100), (0, 0)])
async def test_what_a_worker_said_before_a_death_is_written_down_and_the_rest_is_the_estates(
    node: Node, minutes: int, paid: int
) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await _said(home, node)
    treasurer = home.books.treasurer
    with pytest.raises(Conflict):
        await due.write_due(treasurer, visit_id=visit, minutes=minutes, because="x")
    await say(home, "died")
    node.clock.move(timedelta(days=10))
    await jobs.drain()
    assert (await visits.visit(visit)).state == "said"
    assert [task.path for task in await of_the_dead(treasurer)] == [f"/visits/{visit}/due"]
    for wrong, because in ((61, "x"), (-1, "x"), (minutes, " ")):
        with pytest.raises(Invalid):
            await due.write_due(treasurer, visit_id=visit, minutes=wrong, because=because)
    for nobody in (home.books.worker, home.fay):
        with pytest.raises(Forbidden):
            await due.write_due(await members.actor_for(nobody), visit_id=visit, minutes=minutes, because="x")
    await due.write_due(treasurer, visit_id=visit, minutes=minutes, because="Her daughter was there.")
    await jobs.drain()
    assert (await visits.visit(visit)).state == ("settled" if minutes else "stopped")
    assert await credit(home) == 10_000 - paid
    assert await of_the_dead(treasurer) == []
    await treasury.refund(
        treasurer, home.books.payer, 10_000 - paid, "estate", because="Probate seen: to her daughter."
    )
    assert await credit(home) == 0
    await verify()


async def test_a_treasurer_with_a_part_in_it_writes_nothing_down(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await _said(home, node)
    await make.hat(home.books.worker, home.circle, "treasurer")
    await say(home, "died")
    with pytest.raises(Forbidden, match="another treasurer"):
        await due.write_due(await members.actor_for(home.books.worker), visit_id=visit, minutes=60, because="x")
    assert await due.waiting(await members.actor_for(home.books.worker)) == []


async def test_a_worker_who_says_nothing_after_a_death_does_not_keep_the_money_waiting(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await home.plan(0)
    node.clock.set(MONDAY + timedelta(hours=3))
    await say(home, "died")
    await jobs.drain()
    assert (await visits.visit(visit)).state == "planned"
    assert await due.waiting(home.books.treasurer) == []
    node.clock.move(timedelta(days=2))
    assert [one.id for one in await due.waiting(home.books.treasurer)] == [visit]
    # For a visit that costs nothing there is nothing to write down.
    async with write():
        await fetch("UPDATE visit SET rate_pence = 0")
    assert await due.waiting(home.books.treasurer) == []
    with pytest.raises(Conflict):
        await due.write_due(home.books.treasurer, visit_id=visit, minutes=0, because="x")
    async with write():
        await fetch("UPDATE visit SET rate_pence = 2000")
    await due.write_due(home.books.treasurer, visit_id=visit, minutes=0, because="Wren found nobody in.")
    assert await credit(home) == 10_000


@pytest.mark.parametrize("first", ["the worker", "the person", "nobody paid"])
@pytest.mark.parametrize("minutes", [60, 0])
async def test_what_the_person_only_said_was_wrong_is_written_down_once_they_have_died(
    node: Node, first: str, minutes: int
) -> None:
    home = await Home().begin()
    treasurer = home.books.treasurer
    if first != "nobody paid":
        await home.books.top_up(10_000)
    visit = await home.plan(0)
    node.clock.set(MONDAY + timedelta(hours=3))
    if first != "the person":
        await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer="as_planned")
    ada = await members.actor_for(home.books.person)
    assert await rota.answer_visit(ada, visit_id=visit, answer="wrong", words="She shouted.") == "said"
    with pytest.raises(Conflict):
        await due.write_due(treasurer, visit_id=visit, minutes=minutes, because="x")
    await say(home, "died")
    node.clock.move(timedelta(days=60))
    await jobs.drain()
    assert [task.path for task in await of_the_dead(treasurer)] == [f"/visits/{visit}/due"]
    await due.write_due(treasurer, visit_id=visit, minutes=minutes, because="Her daughter was there.")
    if first == "nobody paid":
        await home.books.top_up(10_000)
    await jobs.drain()
    assert (await visits.visit(visit)).state == ("settled" if minutes else "stopped")
    assert await credit(home) == 10_000 - (2100 if minutes else 0)
    assert "2100" not in {code for code, pence in (await queries.trial_balance()).items() if pence}
    assert await of_the_dead(treasurer) == []
    await verify()


@pytest.mark.parametrize("paid", [True, False])
async def test_what_was_in_question_when_somebody_died_is_decided_and_not_written_down(node: Node, paid: bool) -> None:
    home = await Home().begin()
    if paid:
        await home.books.top_up(10_000)
    visit = await _said(home, node)
    await rota.answer_visit(await members.actor_for(home.books.person), visit_id=visit, answer="no")
    await say(home, "died")
    node.clock.move(timedelta(days=60))
    await jobs.drain()
    treasurer = home.books.treasurer
    assert await due.waiting(treasurer) == []
    with pytest.raises(Conflict):
        await due.write_due(treasurer, visit_id=visit, minutes=60, because="x")
    one = await disputes.open_of_visit(visit)
    assert one is not None
    await resolving.have_heard_both(
        await members.actor_for(home.fay), question_id=one.id, person_words="Has died.", worker_words="I was there."
    )
    await resolving.resolve(treasurer, question_id=one.id, sum_pence=one.whole_pence, words="Wren was there.")
    if not paid:
        await home.books.top_up(10_000)
        await jobs.drain()
    assert ((await visits.visit(visit)).state, await credit(home)) == ("settled", 7_900)
    await verify()


async def undo(home: Home) -> None:
    entry = await fetch_value("SELECT MAX(id) FROM entry WHERE kind IN ('released', 'returned')")
    [words] = await undoing.says(entry)
    assert "what was written down as due for Monday 23 November, 9am to 10am" in words
    await corrections.reverse(home.books.treasurer, entry, f"undo:{entry}", because="A slip")
    assert await undoing.says(entry) == []


@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("slips", [(0,), (6,), (0, 6, 0)])
async def test_a_slip_is_undone_and_what_is_due_is_written_down_anew(
    node: Node, slips: tuple[int, ...], paid: bool
) -> None:
    home = await Home().begin()
    treasurer = home.books.treasurer
    if paid:
        await home.books.top_up(10_000)
    visit = await _said(home, node)
    await say(home, "died")
    if not paid:
        # Whatever was due was paid only later.
        await due.write_due(treasurer, visit_id=visit, minutes=60, because="x")
        await home.books.top_up(10_000)
        await jobs.drain()
        await undo(home)
    for minutes in slips:
        assert await of_the_dead(treasurer)
        await due.write_due(treasurer, visit_id=visit, minutes=minutes, because="x")
        with pytest.raises(Conflict):
            await due.write_due(treasurer, visit_id=visit, minutes=60, because="I meant 60")
        await jobs.drain()
        await undo(home)
        assert (await credit(home), (await queries.trial_balance())["2100"]) == (7_900, -2100)
        await verify()
    await due.write_due(treasurer, visit_id=visit, minutes=60, because="I meant 60")
    assert ((await visits.visit(visit)).state, await credit(home)) == ("settled", 7_900)
    assert (await queries.trial_balance())["2100"] == 0
    await verify()


async def test_what_a_worker_misses_by_a_slip_ends_with_it(node: Node) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await _said(home, node)
    await say(home, "died")
    await due.write_due(home.books.treasurer, visit_id=visit, minutes=6, because="x")
    wren = await members.actor_for(home.books.worker)
    await raising.raise_question(wren, visit_id=visit, part="minutes", minutes=60)
    await undo(home)
    assert await disputes.open_of_visit(visit) is None
    await due.write_due(home.books.treasurer, visit_id=visit, minutes=60, because="I meant 60")
    assert (await visits.visit(visit)).state == "settled"
    await verify()


@pytest.mark.parametrize("worker", ["as_planned", "did_not_go"])
async def test_a_death_taken_back_after_a_slip_leaves_the_visit_to_its_person(node: Node, worker: str) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await home.plan(0)
    node.clock.set(MONDAY + timedelta(hours=3))
    await rota.say_how_it_went(await members.actor_for(home.books.worker), visit_id=visit, answer=worker)
    await _is_rung(home)
    await say(home, "died")
    await due.write_due(home.books.treasurer, visit_id=visit, minutes=60 if worker == "as_planned" else 0, because="x")
    await undo(home)
    await say(home, "here")
    await jobs.drain()
    await _is_rung(home)
    node.clock.move(timedelta(days=4))
    await jobs.drain()
    settled = ("settled", 7_900) if worker == "as_planned" else ("stopped", 10_000)
    assert ((await visits.visit(visit)).state, await credit(home)) == settled
    assert (await queries.trial_balance())["2100"] == 0
    await verify()


async def test_who_spoke_for_someone_about_money_neither_writes_what_is_due_nor_gives_back_what_is_left(
    node: Node,
) -> None:
    home = await Home().begin()
    await home.books.top_up(10_000)
    visit = await _said(home, node)
    mia = await make.person("Mia")
    await make.hat(mia, home.circle, "treasurer")
    tess = home.books.treasurer.person_id
    await make.speaks(tess, home.books.person, "money")
    await say(home, "died")
    await jobs.drain()
    # However long it takes until somebody has shown that they may have what is left.
    node.clock.move(timedelta(days=800))
    await jobs.drain()
    spoke = await members.actor_for(tess)
    assert await of_the_dead(spoke) == []
    with pytest.raises(Forbidden, match="another treasurer"):
        await due.write_due(spoke, visit_id=visit, minutes=0, because="Mother said that nobody came.")
    with pytest.raises(Forbidden, match="Another treasurer"):
        await treasury.refund(spoke, home.books.payer, 100, "k1", because="Probate seen: to her daughter Tess.")
    other = await members.actor_for(mia)
    assert [task.path for task in await of_the_dead(other)] == [f"/visits/{visit}/due"]
    await due.write_due(other, visit_id=visit, minutes=60, because="Wren’s notes.")
    with pytest.raises(Forbidden, match="Another treasurer"):
        entry = await fetch_value("SELECT MAX(id) FROM entry WHERE kind = 'released'")
        await corrections.reverse(spoke, entry, "u", because="Mother said that nobody came.")
    await treasury.refund(other, home.books.payer, 7_900, "k2", because="Probate seen: to her daughter Tess.")
    await verify()


async def test_who_speaks_for_another_who_pays_a_part_has_a_part_in_it(node: Node) -> None:
    home = await Home().begin()
    bill = await make.person("Bill")
    other = await make.payer(home.books.person, bill, fund="family", share_bps=5000)
    async with write():
        await fetch("UPDATE payer SET share_bps = 5000 WHERE id = ?", home.books.payer)
    await home.books.top_up(10_000)
    await escrow.top_up(NODE, other, 10_000, "Bill's")
    visit = await _said(home, node)
    await make.speaks(home.books.treasurer.person_id, bill, "money")
    await say(home, "died")
    with pytest.raises(Forbidden, match="another treasurer"):
        await due.write_due(home.books.treasurer, visit_id=visit, minutes=0, because="x")
