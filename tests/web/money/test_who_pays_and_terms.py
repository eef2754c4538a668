"""Terms are offered, met and ended on a page; who pays, when, and who has a wage are changed where one looks for it."""

from datetime import timedelta
from html import unescape

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow.rules import PAYS_AFTER
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import NODE
from eccoo_node.members.payers import who_pays
from tests.support import make
from tests.support.node import Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text

TERMS = {
    "rate": "20", "travel_minutes": "15", "miles": "6", "travel": "1.50", "cancel_hours": "24", "cancel_percent": "50",
}  # fmt: skip


async def test_a_worker_offers_terms_the_person_says_yes_and_either_ends_them(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    books = circle.books
    await make.hat(books.worker, circle.team, "worker")
    wren, ada = await browser_of(books.worker), await browser_of(books.person)
    assert "/agreed/new" in (await wren.get("/agreed")).text
    page = await wren.get("/agreed/new")
    assert page.text.count('class="act"') <= 1
    assert "Ada" in unescape(page.text)
    who = f"{books.person}:{books.worker}"
    page = await wren.send("/agreed/new", TERMS | {"who": who, "rate": "twenty"})
    assert page.status_code == 422
    assert 'value="twenty"' in page.text
    assert 'value="15"' in page.text
    page = await wren.send("/agreed/new", TERMS | {"who": who, "cancel_percent": "over 9"})
    assert (page.status_code, 'value="over 9"' in page.text) == (422, True)
    page = await wren.send("/agreed/new", TERMS | {"who": who, "cancel_percent": "33.35"})
    # Nothing is offered before it was read what it comes to; and what was typed is kept for whoever goes back.
    assert "You have £17 of each hour. £3 goes to the circle." in text(page)
    assert "Called off less than 24 hours before, you have £5.67 for each hour. £1 goes to the circle." in text(page)
    assert await fetch_value("SELECT COUNT(*) FROM terms") == 0
    page = await wren.send("/agreed/new", {"again": "yes"})
    assert ('value="33.35"' in page.text, 'value="15"' in page.text) == (True, True)
    await wren.send("/agreed/new", TERMS | {"who": who, "cancel_percent": "33.35"})
    sent = await wren.send("/agreed/new", {"sure": "yes"})
    assert sent.headers["location"].endswith("/agreed")
    page = await ada.get("/agreed")
    assert "15 minutes at the same rate: £5 a visit" in unescape(page.text)
    assert "33.35% of the fee" in unescape(page.text)
    assert "You pay £20 an hour in all: £17 to Wren and £3 to the circle." in text(page)
    terms = str(await fetch_value("SELECT id FROM terms"))
    # A yes is to what was shown: where the circle has come to take something else, it is read again first.
    node.clock.set(node.clock() + timedelta(hours=1))
    await escrow.set_schedule(books.treasurer, 1000, 1500, decision_id=await make.decision(), cancelled_bears=False)
    await ada.send(f"/agreed/{terms}")
    assert await fetch_value("SELECT from_at FROM terms WHERE id = ?", terms) is None
    page = await ada.follow()
    assert "What goes to the circle has changed." in text(page)
    assert "You pay £22 an hour in all: £17 to Wren and £5 to the circle." in text(page)
    assert "you pay £6.67 for each hour: all of it to Wren. The circle takes nothing of that." in text(page)
    await ada.send(f"/agreed/{terms}")
    assert await fetch_value("SELECT from_at FROM terms WHERE id = ?", terms)
    # The page to suggest something else has what holds in it.
    page = await ada.get(f"/agreed/new?who={who}")
    assert ('value="15"' in page.text, 'value="33.35"' in page.text) == (True, True)
    assert (await (await browser_of(books.other)).get("/agreed/new")).status_code == 404
    await ada.get("/agreed")
    await ada.send(f"/agreed/{terms}/end")
    assert await fetch_value("SELECT ended_at FROM terms WHERE id = ?", terms)


async def test_who_pays_is_shared_and_somebody_else_only_by_their_own_yes(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    joan = await make.person("Joan")
    await make.hat(joan, circle.team, "family")
    await make.speaks(joan, books.person, "money")
    await books.top_up(20_000)
    ada = await browser_of(books.person)
    assert "/who-pays" in (await ada.get("/money")).text
    await ada.get("/who-pays")
    await ada.get("/who-pays/change")
    fields = {"who1": books.person, "fund1": "own", "percent1": "60", "who2": joan, "fund2": "family", "percent2": "30"}
    page = await ada.send("/who-pays/change", fields)
    assert "The parts add up to 100 percent." in unescape(page.text)
    assert 'value="60"' in page.text
    page = await ada.send("/who-pays/change", fields | {"percent2": "40"})
    assert "Someone else pays only by their own yes." in unescape(page.text)
    page = await ada.send("/who-pays/change", fields | {"who2": "", "percent2": "40"})
    assert "Choose who pays this part." in unescape(page.text)
    page = await ada.send(
        "/who-pays/change",
        fields | {"percent1": "60", "who2": books.person, "fund2": "direct_payment", "percent2": "40"},
    )
    assert page.headers["location"].endswith("/who-pays")
    assert [one.share_bps for one in (await who_pays([books.person]))[books.person]] == [6000, 4000]
    assert "60% of each visit" in text(await ada.get("/who-pays"))


async def test_a_treasurer_says_when_a_payer_pays_and_who_has_a_wage(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    await make.decision("Biscuits on Thursdays.")
    tess = await browser_of(books.treasurer.person_id)
    path = f"/money/payers/{books.payer}/when"
    assert path in (await tess.get(f"/money/payers/{books.payer}")).text
    # A decision about something else is none, and isn’t offered.
    page = await tess.get(path)
    assert "No decision about it stands at present. Somebody else writes it down first" in text(page)
    assert ("Biscuits" in page.text, f'action="{path}"' in page.text) == (False, False)
    decision = await make.decision("The council pays after each visit.", about="pays_after")
    page = await tess.get(path)
    assert "The council pays after each visit." in text(page)
    assert "Decided on 23 November 2026 by The circle’s meeting" in text(page)
    page = await tess.send(path, {"when": "after", "decision": ""})
    assert "Choose the decision that this rests on." in unescape(page.text)
    page = await tess.send(path, {"when": "after", "decision": decision})
    assert page.status_code == 303
    assert [bool(row[0]) for row in await fetch("SELECT arrears FROM payer WHERE id = ?", books.payer)] == [True]
    # What is decided against it keeps nobody from paying ahead again.
    await decide_figure(NODE, PAYS_AFTER, 0, decision_id=decision)
    page = await tess.get(path)
    assert "The circle has decided that nobody new pays after the visit." in text(page)
    assert (await tess.send(path, {})).status_code == 303
    assert [bool(row[0]) for row in await fetch("SELECT arrears FROM payer WHERE id = ?", books.payer)] == [False]
    assert "/money/wages" in (await tess.get("/money")).text
    await tess.get("/money/wages")
    await tess.send("/money/wages", {"employed": [books.worker]})
    employed = await fetch("SELECT person_id FROM worker WHERE employed = TRUE")
    assert [row[0] for row in employed] == [books.worker]
    await tess.get("/money/wages")
    await tess.send("/money/wages", {})
    assert await fetch("SELECT person_id FROM worker WHERE employed = TRUE") == []
    ada = await browser_of(books.person)
    assert [(await ada.get(one)).status_code for one in ("/money/wages", path)] == [403, 403]


async def test_whoever_writes_it_down_finds_somebody_new_by_name(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    nia, fay = await make.person("Nia"), await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    helper = await browser_of(fay)
    await helper.get(f"/phone/{books.person}")
    assert (await helper.send(f"/phone/{books.person}", {"known_by": "letter"})).status_code == 303
    assert "Nia" not in (await helper.get("/who-pays/change")).text
    page = await helper.send("/who-pays/find", {"name": "zz"})
    assert "Nobody here answers to that." in unescape(page.text)
    page = await helper.send("/who-pays/find", {"name": "nia"})
    assert "You can choose below now: Nia." in unescape(page.text)
    assert page.text.count('class="act"') == 1
    fields = {"who1": books.person, "percent1": "50", "who2": nia, "fund2": "family", "percent2": "40", "said": "phone"}
    page = await helper.send("/who-pays/change", fields)
    assert f'<option value="{nia}" selected>' in page.text
    assert (await helper.send("/who-pays/change", fields | {"percent2": "50"})).status_code == 303
    assert {one.payer_person_id for one in (await who_pays([books.person]))[books.person]} == {books.person, nia}
    ada = await browser_of(books.person)
    assert "/who-pays/find" not in (await ada.get("/who-pays/change")).text
