"""Planning visits in the browser: what will be is read before the yes, and what was typed is kept."""

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.node import Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text

WEEKLY = {
    "days": ["0", "3"], "starts": "9am", "ends": "10am", "what": "Breakfast", "first": "14 December 2026",
    "cannot_be_missed": "yes",
}  # fmt: skip


async def test_a_standing_week_is_planned_changed_and_called_off(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    books = circle.books
    await make.hat(books.worker, circle.team, "worker")
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    base = f"/weeks/{books.person}/plan"
    assert "Nobody can be planned yet." in text(await ada.get(f"{base}/weekly"))
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000
        )
    await books.top_up(20_000)
    assert "Plan visits, and who comes every week" in text(await ada.get("/week"))
    assert (await wren.get(base)).status_code == 404
    assert "Nothing is planned for every week yet." in text(await ada.get(base))
    page = text(await ada.get(f"{base}/weekly"))
    assert "Wren £20 an hour, as agreed" in page
    typed = WEEKLY | {"worker": books.worker}
    wrong = await ada.send(f"{base}/weekly", typed | {"days": [], "starts": "soon"})
    assert wrong.status_code == 422
    assert "Tick at least one day." in wrong.text
    assert 'value="Breakfast"' in wrong.text
    wrong = await ada.send(f"{base}/weekly", typed | {"starts": "", "ends": "", "first": ""})
    missing = ("From: write when it begins", "To: write when it ends", "From which day on?", "Please fill this in.")
    assert [words in wrong.text for words in missing] == [True, True, True, False]
    page = text(await ada.send(f"{base}/weekly", typed))
    assert "Days Mondays and Thursdays Hours 9am to 10am From Monday 14 December" in page
    assert "Each visit costs £20, so a week costs £40. £17 of each goes to Wren and £3 to the circle." in page
    assert "Monday 28 December: a bank holiday. Wren comes then too." in page
    assert "Cannot be missed." in page
    assert 'value="Breakfast"' in (await ada.send(f"{base}/weekly", typed | {"again": "yes"})).text
    await ada.send(f"{base}/weekly", typed)
    # The yes is to the price that was read; at another it is read again.
    assert ada.hidden(f"{base}/weekly")["shown"] == "2000-1700"
    page = text(await ada.send(f"{base}/weekly", {"sure": "yes", "shown": "1900-1700"}))
    assert "Each visit costs £20" in page
    await ada.send(f"{base}/weekly", {"sure": "yes", "days": typed["days"]})
    assert ada.page.headers["location"] == "/week?from=2026-12-14"
    assert "It is planned, and Wren is told." in text(await ada.follow())
    assert "Visits to Ada are planned for every week, the first on Monday 14 December at 9am." in text(
        await wren.get("/home")
    )
    page = await ada.get(base)
    assert "Wren: Breakfast Mondays and Thursdays, 9am to 10am, from Monday 14 December" in text(page)
    change = page.text.partition('href="/weekly/')[2].partition("/")[0]
    form = await ada.get(f"/weekly/{change}/change")
    assert 'value="14 December 2026"' in form.text
    changed = typed | {"days": ["0", "4"], "first": "14 December 2026"}
    page = text(await ada.send(f"/weekly/{change}/change", changed))
    assert "Five visits stay as they are. Four are called off. Four are new." in page
    await ada.send(f"/weekly/{change}/change", changed | {"sure": "yes"})
    again = await ada.get(f"/weekly/{change}/change")
    assert again.status_code == 409
    page = await ada.get(base)
    assert "Mondays and Fridays, 9am to 10am" in text(page)
    now = page.text.partition('href="/weekly/')[2].partition("/")[0]
    await ada.get(f"/weekly/{now}/end")
    page = text(await ada.send(f"/weekly/{now}/end", {"day": "21 December 2026"}))
    assert "Seven visits are called off, and no more are planned from Monday 21 December on." in page
    await ada.send(f"/weekly/{now}/end", {"day": "21 December 2026", "sure": "yes"})
    assert "Seven visits called off. Wren is told." in text(await ada.follow())


async def test_one_visit_is_planned_and_moved(circle: Circle, browser_of: SignIn, node: Node) -> None:
    books = circle.books
    await make.hat(books.worker, circle.team, "worker")
    for side in (books.person, books.worker):
        await agree_terms(
            await members.actor_for(side), person_id=books.person, worker_id=books.worker, rate_pence=2000
        )
    await books.top_up(20_000)
    ada, path = await browser_of(books.person), f"/weeks/{books.person}/plan/once"
    typed = {"worker": books.worker, "day": "26 November 2026", "starts": "2pm", "ends": "4pm", "what": "A walk"}
    await ada.get(path)
    assert "When Thursday 26 November, 2pm to 4pm" in text(await ada.send(path, typed))
    # What was typed the wrong way round is a long night: it is said before the yes.
    page = text(await ada.send(path, typed | {"starts": "3pm", "ends": "2pm"}))
    assert "When Thursday 26 November, 3pm to 2pm the next day" in page
    assert "How long 23 hours" in page
    await ada.send(path, typed)
    await ada.send(path, typed | {"sure": "yes"})
    visit = ada.page.headers["location"]
    assert "Move this visit" in text(await ada.follow())
    await ada.get(f"{visit}/move")
    late = await ada.send(f"{visit}/move", {"day": "1 November 2026", "starts": "2pm", "ends": "4pm"})
    assert (late.status_code, "That time has passed." in late.text) == (409, True)
    await ada.send(f"{visit}/move", {"day": "27 November 2026", "starts": "2pm", "ends": "4pm"})
    assert "Friday 27 November, 2pm to 4pm" in text(await ada.follow())
    assert "A visit to Ada has another time now: on Friday at 2pm." in text(
        await (await browser_of(books.worker)).get("/home")
    )
    await ada.get(path)
    again = text(await ada.send(path, typed | {"day": "27 November 2026", "starts": "3pm", "ends": "5pm"}))
    assert "Wren has another visit at this time on Friday 27 November. Please ask Wren first." in again
