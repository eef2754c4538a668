"""What is due for a visit called off late is said before, and stands on every page where its money would, until it is paid."""

from datetime import timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db import jobs
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


async def test_what_is_due_is_said_before_and_after(circle: Circle, browser_of: SignIn, node: Node) -> None:
    books = circle.books
    await make.hat(books.worker, circle.team, "worker")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000,
            cancel_hours=14 * 24, cancel_bps=5000,
        )  # fmt: skip
    at = MONDAY + timedelta(days=8, hours=1)
    visit = await rota.plan_visit(
        await members.actor_for(books.person), person_id=books.person, worker_id=books.worker, starts_at=at,
        ends_at=at + timedelta(hours=1), what="Tea",
    )  # fmt: skip
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    asked = await ada.get(f"/visits/{visit}/without")
    assert (
        "It is late, so £10 goes to Wren, as agreed. It comes out of what is paid in, or is paid as soon as that is enough."
        in text(asked)
    )
    await rota.do_without(await members.actor_for(books.person), visit_id=visit)
    due = "It was called off late, so £10 is due."
    assert f"{due} Wren has it as soon as it is paid in." in text(await ada.get(f"/visits/{visit}"))
    assert f"{due} You have it as soon as it is paid in." in text(await wren.get(f"/visits/{visit}"))
    home = text(await ada.get("/home"))
    late = "What is due for the visit on Tuesday 1 December, called off late, is not paid for yet"
    assert f"{late} Please pay in £10 more, by Tuesday 1 December. Nothing else is needed." in home
    assert "Nobody has called it off" not in home
    costs = text(await ada.get(f"/weeks/{books.person}/cost"))
    assert "Tuesday 1 December, 9am to 10am Wren £10 not paid for yet" in costs
    await books.top_up(1000)
    await jobs.drain()
    assert "£8.50 went to Wren and £1.50 to the circle." in text(await ada.get(f"/visits/{visit}"))
    assert late not in text(await ada.get("/home"))
    assert "Wren £10 called off late, paid as agreed" in text(await ada.get(f"/weeks/{books.person}/cost"))
    # One that was paid ahead says why only a part went back.
    await books.top_up(2000, "ahead")
    at = MONDAY + timedelta(days=4, hours=1)
    visit = await rota.plan_visit(
        await members.actor_for(books.person), person_id=books.person, worker_id=books.worker, starts_at=at,
        ends_at=at + timedelta(hours=1), what="Tea",
    )  # fmt: skip
    await rota.do_without(await members.actor_for(books.person), visit_id=visit)
    page = text(await ada.get(f"/visits/{visit}"))
    assert "£10 went back, as agreed for a visit that is called off late." in page
