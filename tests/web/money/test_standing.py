"""Writing down that someone is in hospital, is home again, or has died: plain, and of a death only after reading what it stops."""

from datetime import timedelta

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import queries
from eccoo_node.members import actions as people
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


async def visit(circle: Circle, days: int) -> str:
    books = circle.books
    starts = MONDAY + timedelta(days=days, hours=1)
    return await rota.plan_visit(
        await members.actor_for(books.person), person_id=books.person, worker_id=books.worker, starts_at=starts,
        ends_at=starts + timedelta(hours=1), what="Breakfast",
    )  # fmt: skip


async def begin(circle: Circle) -> str:
    """Wren comes to Ada, who has paid in; the facilitator's id."""
    books = circle.books
    fay = await make.person("Fay", phone="01422 960333")
    await make.hat(fay, await make.circle(), "facilitator")
    await make.hat(books.worker, circle.team, "worker")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000
        )
    await books.top_up(20_000)
    return fay


async def test_a_facilitator_writes_down_how_someone_is(circle: Circle, browser_of: SignIn, node: Node) -> None:
    helper = await begin(circle)
    books = circle.books
    for days in (2, 3):
        await visit(circle, days)
    fay = await browser_of(helper)
    page = f"/phone/{books.person}/standing"
    assert "Ada is in hospital, is home again, or has died" in text(await fay.get(f"/phone/{books.person}"))
    assert "Ada is at home, as far as we know." in text(await fay.get(page))
    assert "Choose how they are." in (await fay.send(page, {})).text
    wrong = await fay.send(page, {"standing": "in_hospital", "on": "25 November 2026"})
    assert (wrong.status_code, "Write today, or a day before." in wrong.text) == (422, True)
    await fay.send(page, {"standing": "in_hospital", "on": "20 November 2026"})
    assert "Ada is in hospital, since Friday 20 November." in text(await fay.follow())
    read = text(await fay.send(page, {"standing": "died"}))
    assert "Has Ada died? On Monday 23 November. If that is so, we are sorry." in read
    assert "Two visits to come are called off, at no cost to them." in read
    assert "Ada is in hospital" in text(await fay.get(page))
    await fay.send(page, {"standing": "died"})
    await fay.send(page, {"sure": "yes"})
    read = text(await fay.follow())
    assert "Written down. We are sorry. Whoever comes to Ada is being told." in read
    assert "Ada died on Monday 23 November." in read
    await jobs.drain()
    assert [row[0] for row in await fetch("SELECT state FROM visit")] == ["stopped", "stopped"]
    wren = await browser_of(books.worker)
    assert "Ada has died. We are sorry. No more visits take place." in text(await wren.get("/home"))
    # Written down of the wrong person, it is put right on the same page.
    await fay.send(page, {"standing": "here"})
    assert "Written down: Ada is at home." in text(await fay.follow())
    for nobody in (books.person, books.worker, books.treasurer.person_id):
        assert (await (await browser_of(nobody)).get(page)).status_code == 403


async def test_the_treasurer_writes_down_what_is_due(circle: Circle, browser_of: SignIn, node: Node) -> None:
    helper = await begin(circle)
    books = circle.books
    first, second = await visit(circle, 0), await visit(circle, 1)
    node.clock.set(MONDAY + timedelta(days=1, hours=3))
    wren = await members.actor_for(books.worker)
    await rota.say_how_it_went(wren, visit_id=first, answer="as_planned")
    await rota.say_how_it_went(wren, visit_id=second, answer="shorter", minutes=45)
    await people.say_standing(await members.actor_for(helper), books.person, "died")
    await jobs.drain()
    tess = await browser_of(books.treasurer.person_id)
    money = text(await tess.get("/money"))
    assert "What is due for Wren’s visit to Ada" in money
    page = f"/visits/{second}/due"
    assert "What Wren said: it was 45 minutes" in text(await tess.get(page))
    wrong = await tess.send(page, {"due": "part", "because": ""})
    assert (wrong.status_code, "Say how you know." in wrong.text) == (422, True)
    wrong = await tess.send(page, {"due": "part", "because": "Her daughter was there."})
    assert "Write how many minutes." in wrong.text
    await tess.send(page, {"due": "part", "minutes": "30", "because": "Her daughter was there."})
    assert "It is written down." in text(await tess.follow())
    assert "does not wait for anything" in text(await tess.get(page))
    page = f"/visits/{first}/due"
    await tess.get(page)
    await tess.send(page, {"due": "all", "because": "Wren says so, and nobody says otherwise."})
    assert "What is due for" not in text(await tess.follow())
    assert await queries.credit_pence(books.payer) == 20_000 - 2000 - 1000
    assert (await (await browser_of(books.worker)).get(page)).status_code == 403


async def test_of_an_admin_a_second_person_says_it_too(circle: Circle, browser_of: SignIn, node: Node) -> None:
    helper, tess_id = await begin(circle), circle.books.treasurer.person_id
    adam = await make.person("Adam")
    await make.hat(adam, await make.circle(), "admin")
    fay, tess = await browser_of(helper), await browser_of(tess_id)
    page = f"/phone/{adam}/standing"
    assert (await tess.get(page)).status_code == 403
    await fay.get(page)
    await fay.send(page, {"standing": "died"})
    await fay.send(page, {"sure": "yes"})
    read = text(await fay.follow())
    assert "Nothing stops yet: the others who look after the circle are asked whether it is so." in read
    assert "You wrote down on Monday 23 November that Adam has died." in read
    await jobs.drain()
    news = await fetch("SELECT person_id FROM told WHERE news = 'death_told' ORDER BY person_id")
    assert (helper in {row[0] for row in news}, adam in {row[0] for row in news}, tess_id in {row[0] for row in news}) == (
        False, False, True,
    )  # fmt: skip
    assert "Adam is written down as having died." in text(await tess.get("/home"))
    read = text(await tess.get(page))
    assert "Fay wrote down on Monday 23 November that Adam has died." in read
    assert "In hospital" not in read
    await tess.send(page, {"standing": "died"})
    await tess.send(page, {"sure": "yes"})
    assert (await tess.follow()).status_code == 200
    assert (await members.person(adam)).standing == "died"
