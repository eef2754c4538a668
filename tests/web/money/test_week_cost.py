"""What a week costs, as each of those who have a say in it reads it, and nobody else."""

from datetime import date, timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.cover import costs
from eccoo_node.db.counting import counting_queries
from eccoo_node.disputes import actions as disputes
from eccoo_node.expenses import actions as expenses
from eccoo_node.kernel import access
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota.weekly import pay_due_weeks
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.support.questions import THURSDAY, cast
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


async def test_a_week_says_what_each_visit_costs_and_what_is_still_to_be_paid_in(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    books = circle.books
    nell, joan, cousin = [await make.person(called) for called in ("Nell", "Joan", "Cousin")]
    await make.hat(books.worker, circle.team, "worker")
    await make.speaks(nell, books.person, "money")
    await make.hat(cousin, circle.team, "family")
    await make.speaks(cousin, books.person, "say_visit_went")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000, miles=4
        )
    own = await members.actor_for(books.person)
    await books.top_up(8000)

    async def planned(days: int) -> str:
        at = MONDAY + timedelta(days=days, hours=1)
        return await rota.plan_visit(
            own, person_id=books.person, worker_id=books.worker, starts_at=at, ends_at=at + timedelta(hours=1), what="Tea"
        )  # fmt: skip

    first, off, *_ = [await planned(days) for days in (0, 3, 4, 8, 10)]
    await rota.do_without(own, visit_id=off)
    await expenses.agree(own, person_id=books.person, worker_id=books.worker, purpose="Soap", ceiling_pence=1500)
    node.clock.set(MONDAY + timedelta(hours=3))
    ada, path = await browser_of(books.person), f"/weeks/{books.person}/cost"
    assert "Monday 23 November, 9am to 10am Wren £21.80 we’re asking how it went" in text(await ada.get(path))
    await rota.say_how_it_went(await members.actor_for(books.worker), visit_id=first, answer="as_planned")
    page = text(await ada.get(path))
    assert "This week, 23 November to 29 November This week costs £58.60. All of it is set aside." in page
    assert "Monday 23 November, 9am to 10am Wren £21.80 did they come?" in page
    assert "Thursday 26 November, 9am to 10am Wren nothing called off" in page
    assert "Friday 27 November, 9am to 10am Wren £21.80 set aside" in page
    assert "Soap Wren £15 set aside, at most In all £58.60" in page
    assert "Visits £43.60 Of that, mileage and travel £3.60 Shopping and errands £15" in page
    assert "Next week, 30 November to 6 December Next week costs £43.60. £43.60 is not set aside yet." in page
    assert "£21.80 paid ahead Thursday 26 November" in page
    assert "Please pay in £22.20 by Thursday 26 November. How to pay in" in page
    speaking = await members.actor_for(nell, acting_for=books.person)
    assert access.may(speaking, "rota.see_cost", await costs.thing_for(books.person))
    assert "What this week costs" in text(await ada.get("/home"))
    assert "What this week costs" in text(await ada.get("/week"))
    assert "What this week costs , and the next." in text(await ada.get("/money"))
    for other in (joan, cousin, books.worker):
        assert (await (await browser_of(other)).get(path)).status_code == 404
    # Joan pays from now on. She reads what it costs, and not who comes.
    await make.payer(books.person, joan)
    paying = await browser_of(joan)
    page = text(await paying.get(path))
    assert "£21.80 set aside" in page
    assert "Wren" not in page
    assert "Please pay in £43.60 by Thursday 26 November" in page
    node.clock.set(MONDAY + timedelta(days=3, hours=2))
    await pay_due_weeks()
    await rota.answer_visit(own, visit_id=first, answer="yes")
    page = text(await ada.get(path))
    assert "Wren £21.80 paid" in page
    assert "£21.80 not paid for yet" in page
    assert "Joan is to pay in £43.60 by Tuesday 1 December." in page
    node.clock.move(timedelta(days=7))
    page = text(await ada.get(f"{path}?from=2026-11-23"))
    assert "What that week cost" in page
    assert "Next week" not in page
    with counting_queries() as before:
        await ada.get(path)
    for days in (11, 12, 13):
        await planned(days)
    with counting_queries() as after:
        await ada.get(path)
    assert len(after) == len(before)


async def test_a_week_costs_what_came_later_too_and_no_travel_that_was_not_due(node: Node) -> None:
    """Of 90 minutes at £20 an hour 60 were paid; then Ada says yes to 25 more. Friday’s is called off too late."""
    them = await cast(node)
    ada = await them.be("Ada")
    for called in ("Ada", "Wren"):
        await agree_terms(
            await them.be(called), person_id=them.ids["Ada"], worker_id=them.ids["Wren"], rate_pence=2000,
            travel_pence=360, payer_id=them.payer, cancel_hours=24, cancel_bps=5000,
        )  # fmt: skip
    late = await them.visit(days=1)
    visit = await them.went("shorter", minutes=60)
    await rota.answer_visit(ada, visit_id=visit, answer="partly", minutes=60)
    await disputes.raise_question(await them.be("Wren"), visit_id=visit, part="minutes", minutes=85)
    assert await them.agree("Ada", await them.question(visit))
    node.clock.set(THURSDAY + timedelta(hours=23))
    await rota.do_without(ada, visit_id=late)
    [week] = (await costs.costs_of(ada, await costs.thing_for(them.ids["Ada"]), [date(2026, 11, 23)])).weeks
    thursday, friday = week.visits
    assert (thursday.pence, thursday.travel_pence) == (2000 + 360 + 833, 360)
    credit = -(await them.sums())["2000"]
    assert (friday.pence, friday.travel_pence, week.total_pence) == (1500, 0, 10_000 - credit)
