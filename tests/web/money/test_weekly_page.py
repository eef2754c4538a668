"""What is paid ahead and what is not paid for yet, as each of those concerned reads it."""

from datetime import timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow.verify import verify
from eccoo_node.expenses.actions import allow_plan
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota.weekly import pay_due_weeks
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text


async def planned(circle: Circle, days: int) -> str:
    books, starts = circle.books, MONDAY + timedelta(days=days, hours=1)
    return await rota.plan_visit(
        await members.actor_for(books.person), person_id=books.person, worker_id=books.worker, starts_at=starts,
        ends_at=starts + timedelta(hours=1), what="Breakfast",
    )  # fmt: skip


async def test_a_visit_the_week_and_home_say_plainly_what_is_paid_for(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    books = circle.books
    fay, hub = await make.person("Fay", phone="01422 960333"), await make.circle()
    await make.hat(fay, hub, "facilitator")
    await make.hat(books.worker, circle.team, "worker")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000
        )
    await books.top_up(4000)
    this, *later = [await planned(circle, days) for days in (3, 8, 9, 10)]
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    tess, helper = await browser_of(books.treasurer.person_id), await browser_of(fay)
    assert "£20 is set aside for Thursday." in text(await ada.get(f"/visits/{this}"))
    ahead = "Nothing is set aside for it yet. It is paid ahead on Thursday 26 November."
    for reader in (ada, wren):
        assert ahead in text(await reader.get(f"/visits/{later[0]}"))
        assert "paid ahead Thursday 26 November" in text(await reader.get("/week?from=2026-11-30"))
    assert "is coming set aside" in text(await ada.get("/week"))
    assert "What was set aside stands here. The next time is on Thursday at 9am." in text(
        await tess.get("/money/weekly")
    )
    comes = await ada.get("/money")
    assert "Please pay in £40 by Thursday 26 November. How to pay in £20 is set aside for Thursday 26" in text(comes)
    assert "On Thursday 26 November £60 is to be set aside for three visits next week." in text(comes)
    assert acts(comes) == ["How to pay in"]
    node.clock.set(MONDAY + timedelta(days=3, hours=1))
    await pay_due_weeks()
    page = text(await tess.get("/money/weekly"))
    assert (
        "On Thursday 26 November at 9am £20 was set aside for one visit of the week 30 November to 6 December." in page
    )
    assert "Two were not paid for then. The next time is on Thursday 3 December at 9am." in page
    assert "£40 more is needed. These visits take place all the same." in page
    assert "Ada: two visits, the first on Wednesday at 9am. £40 more is needed. Please ring Ada." in page
    to_do = "Two visits are not paid for yet £40 more is needed. See whom to ring"
    assert to_do in text(await tess.get("/money"))
    assert to_do in text(await tess.get("/home"))
    home = text(await ada.get("/home"))
    assert "Two visits are not paid for yet Please pay in £40 more, by Wednesday 2 December. Nothing else" in home
    assert "See how to pay in" in home
    assert "Not paid for yet Ada: two visits, the first on Wednesday at 9am." in text(await helper.get("/home"))
    assert "Some visits to Ada are not paid for yet, the first of them on Wednesday at 9am." in text(
        await wren.get("/home")
    )
    not_yet = "This visit is not paid for yet. Whoever pays has been told."
    assert f"{not_yet} You choose whether you come." in text(await wren.get(f"/visits/{later[1]}"))
    assert f"{not_yet} Wren knows. It is not called off." in text(await ada.get(f"/visits/{later[1]}"))
    assert "is coming not paid for yet" in text(await ada.get("/week?from=2026-11-30"))
    for reader in (ada, wren):
        assert (await reader.get("/money/weekly")).status_code == 403
    page = text(await ada.get("/money"))
    assert "Please pay in £40 by Wednesday 2 December. How to pay in" in page
    assert "next week" not in page
    node.clock.set(MONDAY + timedelta(days=9))
    assert "Please pay in £40 today. How to pay in" in text(await ada.get("/money"))
    assert "Please pay in £40 more today. Nothing else" in text(await ada.get("/home"))
    node.clock.set(MONDAY + timedelta(days=4))
    await books.top_up(4000, "in time")
    page = text(await tess.get("/money/weekly"))
    assert (
        "Ada: two visits, the first on Wednesday at 9am. The money is there and is set aside in a few minutes." in page
    )
    assert "Please ring" not in page
    await jobs.drain()
    assert "Not paid for yet" not in text(await helper.get("/home"))
    assert "not paid for yet" not in text(await ada.get("/home"))
    assert "No visit is short of money now." in text(await tess.get("/money/weekly"))


async def test_why_a_visit_stays_without_money_because_of_its_mileage_stands_wherever_it_is_told(
    circle: Circle, browser_of: SignIn
) -> None:
    """Its payer's money is public, there is enough of it, and its plan does not let mileage be paid."""
    books = circle.books
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    await make.hat(books.worker, circle.team, "worker")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side),
            person_id=books.person,
            worker_id=books.worker,
            rate_pence=2000,
            travel_pence=300,
        )
    async with write():
        await fetch("UPDATE payer SET fund = 'council' WHERE id = ?", books.payer)
    await allow_plan(books.treasurer, payer_id=books.payer, allows=False, travel=False, rests_on="Plan of 1 November")
    await books.top_up(10_000)
    visit = await planned(circle, 3)
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    tess, helper = await browser_of(books.treasurer.person_id), await browser_of(fay)
    why = "The money for it may not pay mileage, because its plan says so. It is paid for once somebody else pays, or once it"
    for reader in (ada, wren):
        page = text(await reader.get(f"/visits/{visit}"))
        assert f"This visit is not paid for yet. {why} is agreed without mileage. Ring us" in page
    assert f"is not paid for yet {why}" in text(await ada.get("/home"))
    told = "is not paid for yet: its money may not pay mileage."
    assert told in text(await wren.get("/home"))
    page = text(await ada.get(f"/weeks/{books.person}/cost"))
    assert f"Some visits are not paid for yet. {why}" in page
    assert "Nothing more has to be paid in now." not in page
    assert "Please pay in" not in page
    ring = "The plan of the money that pays does not let the mileage be paid. Somebody else can pay, it can be agreed without"
    assert ring in text(await helper.get("/home"))
    page = text(await tess.get("/money/weekly"))
    assert (
        f"Ada: one visit, on Thursday at 9am. {ring} mileage, or the plan can be looked at again. Please ring Ada."
        in page
    )
    task = "One visit is not paid for yet One cannot be, because the money for it may not pay mileage. See whom to ring"
    assert task in text(await tess.get("/money"))
    # Once the plan allows it, it is paid for like any other.
    await allow_plan(
        books.treasurer, payer_id=books.payer, allows=False, travel=True, rests_on="New plan of 20 November"
    )
    await books.top_up(1, "again")
    await jobs.drain()
    assert "is set aside for Thursday." in text(await ada.get(f"/visits/{visit}"))
    await verify()
