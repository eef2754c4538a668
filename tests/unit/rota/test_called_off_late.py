"""What was called off late is owed also where nothing was set aside for it: out of the credit there is, or once there is more."""

from datetime import timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.escrow import queries
from eccoo_node.escrow.verify import verify
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import patterns, unpaid, weekly
from tests.support.node import MONDAY, Node
from tests.unit.rota.test_patterns import wanted
from tests.unit.rota.test_weekly import THURSDAY, Home


class Late(Home):
    """Ada and Wren agreed that half is due of what is called off within a fortnight."""

    async def begin(self) -> "Late":
        await super().begin()
        for side in (self.books.person, self.books.worker):
            await agree_terms(
                await members.actor_for(side), person_id=self.books.person, worker_id=self.books.worker,
                rate_pence=2000, travel_pence=100, cancel_hours=14 * 24, cancel_bps=5000,
            )  # fmt: skip
        return self

    async def off(self, visit: str) -> None:
        await rota.do_without(await members.actor_for(self.books.person), visit_id=visit)

    async def stands(self, visit: str) -> tuple[str, int, int, int]:
        """The state, what is owed, and what went to the worker and the circle for it."""
        row = await fetch_one("SELECT state, owed_pence, line FROM visit WHERE id = ?", visit)
        line = await queries.line(f"visit:{visit}")
        went = (line.worker_pence, line.circles_pence) if line else (0, 0)
        return (row[0] + row[2], row[1], *went)


async def test_what_is_due_is_paid_out_of_credit_where_the_week_had_no_run_yet(node: Node) -> None:
    home = await Late().begin()
    await home.books.top_up(50_000)
    visit = await home.plan(8)
    assert await home.lines(visit) == ["later"]
    await home.off(visit)
    assert await home.stands(visit) == ("stopped", 0, 850, 150)
    assert await queries.credit_pence(home.books.payer) == 49_000
    assert await weekly.pay_again(weekly.NODE, person_id=home.books.person) == []
    await home.off(visit)
    node.clock.set(THURSDAY)
    await weekly.pay_due_weeks()
    assert await home.stands(visit) == ("stopped", 0, 850, 150)
    await verify()


async def test_too_little_credit_leaves_it_owed_until_more_is_paid_in(node: Node) -> None:
    home = await Late().begin()
    visit = await home.plan(0, 3)
    assert await home.lines(visit) == ["unpaid"]
    await home.off(visit)
    assert await home.stands(visit) == ("stopped", 1000, 0, 0)
    told = await home.told()
    assert [who for who, news in told.items() if "not_paid_for_late" in news] == ["Ada", "Fay", "Wren"]
    (short,) = await unpaid.for_reader(home.books.person)
    assert ([one.id for one in short.visits], short.missing_pence) == ([visit], 1000)
    await home.books.top_up(999)
    await jobs.drain()
    await weekly.pay_due_weeks()
    assert await home.stands(visit) == ("stopped", 1000, 0, 0)
    await home.books.top_up(1, "the last penny")
    await jobs.drain()
    assert await home.stands(visit) == ("stopped", 0, 850, 150)
    assert (await home.told())["Wren"].count("paid_for_late") == 1
    assert await unpaid.for_reader(home.books.person) == []
    await verify()


async def test_in_good_time_or_given_up_by_the_worker_nothing_is_owed(node: Node) -> None:
    home = await Late().begin()
    early, given_up = await home.plan(20), await home.plan(3)
    await home.off(early)
    await rota.cant_come(await members.actor_for(home.books.worker), visit_ids=[given_up])
    await home.off(given_up)
    await home.books.top_up(9000)
    await jobs.drain()
    node.clock.set(MONDAY + timedelta(days=18))
    await weekly.pay_due_weeks()
    assert [await home.stands(one) for one in (early, given_up)] == [("stopped", 0, 0, 0)] * 2
    assert await queries.credit_pence(home.books.payer) == 9000


async def test_credit_kept_for_what_cannot_be_missed_does_not_go_to_it(node: Node) -> None:
    home = await Late().begin()
    await home.books.top_up(1500)
    care, other = await home.plan(2, cannot_be_missed=True), await home.plan(3)
    await home.off(other)
    assert (await home.stands(other))[1] == 1000
    # What was called off is itself no care any more.
    await home.books.top_up(600, "for the care")
    await jobs.drain()
    assert (await home.lines(care), (await home.stands(other))[1]) == (["aside"], 1000)
    await home.books.top_up(1000, "for the rest")
    await jobs.drain()
    assert await home.stands(other) == ("stopped", 0, 850, 150)
    await verify()


async def test_a_standing_week_that_ends_owes_for_each_that_is_so_soon(node: Node) -> None:
    home = await Late().begin()
    await home.books.top_up(1500)
    ada = await members.actor_for(home.books.person)
    pattern = await patterns.plan_weekly(ada, wanted=wanted(home.books, 0))
    await patterns.end_weekly(ada, pattern_id=pattern, from_day=MONDAY.date())
    rows = await fetch("SELECT owed_pence FROM visit ORDER BY starts_at")
    assert [row[0] for row in rows][:3] == [0, 1000, 0]
    assert await queries.credit_pence(home.books.payer) == 500
