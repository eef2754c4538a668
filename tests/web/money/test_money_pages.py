"""Money as each reads it: payer, person, who speaks for them, worker, treasurer. Nobody reads another's."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pytest

from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import actions, bank_lines, corrections, payers, queries, treasury
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.schedules import schedules
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from eccoo_node.members.sign_in import start_speaking_for
from tests.support import make
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.money.conftest import Circle, SignIn


def text(page: httpx.Response) -> str:
    """What the page's main part says, with single spaces."""
    assert page.status_code == 200, page.text
    main = re.search(r"<main.*?</main>", page.text, flags=re.DOTALL)
    assert main
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.group(0))).split())


def acts(page: httpx.Response) -> list[str]:
    """The words of the plum buttons."""
    return re.findall(r'class="(?:button )?act"[^>]*>([^<]*)<', page.text)


# ---------------------------------------------------------------- payer and person


async def test_a_person_reads_what_is_set_aside_and_where_it_will_go(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(10_000)
    await circle.visit()
    ada = await browser_of(circle.books.person)
    said = text(await ada.get("/money"))
    assert (
        "£60 is set aside for Thursday 26 November. When you say it went ahead, £51 goes to the worker and £9 to the "
        "circle. £40 more is there and not set aside for anything." in said
    )
    assert "belongs to others" not in said


async def test_several_visits_are_summed_up_and_listed(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(18_000)
    first = await circle.visit()
    await circle.visit(1)
    await circle.visit(2)
    await actions.release(NODE, first, "went", part_pence=5000)
    ada = await browser_of(circle.books.person)
    said = text(await ada.get("/money"))
    assert "£120 is set aside for two visits. £60 is set aside for Friday 27 November." in said
    assert "Thursday 26 November, 9am to 11am (Wren) £42.50 to the worker, £7.50 to the circle, £10 came back" in said


async def test_who_pays_for_someone_else_reads_whose_it_is(circle: Circle, browser_of: SignIn) -> None:
    fern = await make.person("Fern")
    await make.payer(circle.books.person, fern)
    reader = await browser_of(fern)
    said = text(await reader.get("/money"))
    assert "What is paid for Ada Nothing is paid in at present." in said


async def test_what_is_owed_and_what_is_on_its_way_back_is_told_to_the_payer_and_the_treasurer(
    circle: Circle, browser_of: SignIn
) -> None:
    books, by = circle.books, circle.books.treasurer
    fern = await make.payer(circle.books.person, await make.person("Fern"))
    await treasury.own_money(by, 10_000, "own", because="Reserves")
    await books.top_up(3_000)
    await treasury.bounce(by, books.payer, 4_000, "bounced")
    await books.top_up(5_000)
    await treasury.refund(by, books.payer, 1_200, "refund")
    await treasury.finders_fee(by, fern, 700, "leaves")
    await payers.pays_after(by, fern, True, decision_id=await make.decision(about="pays_after"))
    ada, tess = await browser_of(books.person), await browser_of(by.person_id)
    said = text(await ada.get("/money"))
    assert "£38 is there and not set aside for anything. £12 is on its way back to you. £10 is still to be paid" in said
    assert "£7 is still to be paid to the circle, which pays ahead for visits." in said
    said = text(await tess.get(f"/money/payers/{books.payer}"))
    assert "£12 is on its way back to Ada. £10 is still to be paid to the circle." in said
    assert "Ada £0 set aside, £38 not, £10 still to be paid" in text(await tess.get("/money"))
    # Who owes nothing is not offered.
    await treasury.paid_owing(by, fern, 700, "paid")
    assert re.findall(r"<option[^>]*>([^<]*)", (await tess.get("/money/write/paid-owing")).text) == [
        "Choose",
        "Ada: £10",
    ]
    page = await tess.send("/money/write/paid-owing", {"amount": "5", "owing": fern})
    assert (page.status_code, "Choose who paid what they owed." in page.text) == (422, True)
    await treasury.paid_owing(by, books.payer, 1_000, "paid too")
    assert "Nobody owes the circle anything" in text(await tess.get("/money/write/paid-owing"))


async def test_a_disputed_part_is_told_neutrally(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(6000)
    line = await circle.visit()
    await corrections.dispute(NODE, line, "wrong", fee_pence=2000)
    for who in (circle.books.person, circle.books.worker):
        said = text(await (await browser_of(who)).get("/money"))
        assert "in question" in said or "£20 of Thursday 26 November waits until it is clear what happened." in said


async def test_what_is_in_question_stands_apart_from_what_is_set_aside(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(12_000)
    line = await circle.visit()
    await circle.visit(1)
    await corrections.dispute(NODE, line, "wrong", fee_pence=2000)
    said = text(await (await browser_of(circle.books.person)).get("/money"))
    assert "£60 is set aside for Friday 27 November." in said
    assert (
        "Set aside Friday 27 November, 9am to 11am (Wren) £51 to the worker, £9 to the circle In question "
        "Thursday 26 November, 9am to 11am (Wren) £20 waits. £34 went to the worker and £6 to the circle"
    ) in said
    said = text(await (await browser_of(circle.books.worker)).get("/money"))
    assert "£51 more is set aside for you, for one visit." in said
    assert "In question Thursday 26 November, 9am to 11am" in said


async def test_who_speaks_for_someone_reads_money_only_with_their_yes_to_it(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(6000)
    await circle.visit()
    for number, (scope, sees) in enumerate((("ask_for_cover", False), ("money", True))):
        daughter = await make.person(f"Fern{number}")
        await make.speaks(daughter, circle.books.person, scope)
        reader = await browser_of(daughter)
        session = await fetch_value("SELECT id FROM session WHERE person_id = ?", daughter)
        await act_for_person(session, daughter, circle.books.person)
        said = text(await reader.get("/money"))
        assert ("£60 is set aside for Thursday" in said) is sees
        assert ("When Ada says it went ahead" in said) is sees


async def act_for_person(session: str, speaker: str, person: str) -> None:
    await start_speaking_for(await members.actor_for(speaker), session, person)


# ---------------------------------------------------------------- worker


async def test_a_worker_reads_earned_on_its_way_and_to_come(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(20_000)
    first = await circle.visit()
    await circle.visit(1, travel_pence=360)
    await actions.release(NODE, first, "went")
    link = await circle.link()
    await actions.owe_worker_from(
        NODE, link, "away:gone", circle.books.worker, 4000, 0,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    wren = await browser_of(circle.books.worker)
    said = text(await wren.get("/money"))
    assert (
        "You have earned £85 here so far. £51 of it is yours and waits to be paid out. £34 of it comes once Todmorden "
        "circle has settled with us. £54.60 more is set aside for you, for one visit. We don’t know yet to which bank account your money goes."
        in said
    )
    assert "Set aside for you Friday 27 November, 9am to 11am (Ada) £54.60" in said
    assert "Thursday 26 November, 9am to 11am (Ada) £51" in said
    assert "What is paid" not in said


async def test_nobody_reads_what_another_earns_or_pays(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(6000)
    await circle.visit()
    facilitator = await make.person("Ivy")
    await make.hat(facilitator, await make.circle(), "facilitator")
    for person in (circle.books.other, facilitator):
        said = text(await (await browser_of(person)).get("/money"))
        assert "£" not in said
        assert "you read here how much and where it goes" in said


# ---------------------------------------------------------------- treasurer


async def test_a_treasurer_reads_what_is_looked_after(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(20_000)
    first = await circle.visit()
    await circle.visit(1)
    await actions.release(NODE, first, "went")
    link = await circle.link()
    across = await circle.visit(2, across=Across(link))
    await actions.release(NODE, across, "went too")
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get("/money")
    said = text(page)
    assert "We look after £186.50 that belongs to others." in said
    assert "Paid in and not set aside £20" in said
    assert "Set aside for one visit £60" in said
    assert "Earned by workers, to be paid out or on its way £51" in said
    assert "Owed to other circles £55.50" in said
    assert "£13.50 in the same bank account is the circle’s own." in said
    assert "We owe Todmorden circle £55.50 for one visit" in said
    assert acts(page) == ["See who they are"]
    # The treasurer keeps the books and is not told who comes to whom.
    assert "Wren" not in said


async def test_what_we_owe_a_circle_and_where_it_came_from(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(20_000)
    link = await circle.link()
    for day in (0, 1):
        line = await circle.visit(day, across=Across(link), travel_pence=360 * day)
        await actions.release(NODE, line, f"went {day}")
    await actions.owe_worker_from(
        NODE, link, "away:gone", circle.books.worker, 4001, 0,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get(f"/money/circles/{link}")
    said = text(page)
    assert "We owe Todmorden circle £114.60 for two visits." in said
    assert "Todmorden circle owes us £37.01 for one visit." in said
    assert acts(page) == ["See where it came from"]
    said = text(await tess.get(f"/money/circles/{link}/where"))
    assert (
        "Thursday 26 November, 9am to 11am Of the fee of £60, their worker has £51, Todmorden circle keeps £4.50 and we "
        "keep £4.50. So we owe £55.50." in said
    )
    assert "we keep £4.50. With £3.60 for travel, we owe £59.10." in said
    assert "Friday 27 November, 9am to 11am £60 £3.60 £51 £4.50 £4.50 £59.10" in said
    assert (
        "Of the fee of £40.01, our worker has £34.01, Todmorden circle keeps £3 and we keep £3. So they owe £37.01."
        in said
    )
    rows = await fetch("SELECT actor_id, thing_id FROM audit WHERE action = 'money.trace'")
    assert [tuple(row) for row in rows] == [(circle.books.treasurer.person_id, link)]


async def test_a_circle_that_nothing_is_owed_with_has_no_page(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    assert (await tess.get("/money/circles/none")).status_code == 404


@pytest.mark.parametrize("path", ["/money/top-up", "/money/circles/x", "/money/circles/x/where"])
async def test_the_books_are_the_treasurers_alone(circle: Circle, browser_of: SignIn, path: str) -> None:
    for person in (circle.books.person, circle.books.worker):
        assert (await (await browser_of(person)).get(path)).status_code == 403
    worker = await browser_of(circle.books.worker)
    assert (await Reader(worker.http._transport.app).get(path)).headers["location"].startswith("/sign-in")  # type: ignore[attr-defined]


# ---------------------------------------------------------------- top-up


async def test_a_treasurer_writes_down_what_came_in_once(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get("/money/top-up")
    assert acts(page) == ["Write it down"]
    fields = {"payer": circle.books.payer, "amount": "£1,017.50", "note": "BACS SUNDERLAND A"}
    await tess.send("/money/top-up", fields)
    assert tess.page.status_code == 303
    said = text(await tess.follow())
    assert "£1,017.50 is written down for Ada. There is now £1,017.50." in said
    # The same page sent again, as a second click or a reload does.
    await tess.get("/money/top-up")
    hidden = tess.hidden("/money/top-up")
    for _ in range(2):
        await tess.post("/money/top-up", hidden | {"payer": circle.books.payer, "amount": "5"})
    assert await queries.credit_pence(circle.books.payer) == 102_250
    assert (await verify())["entries"] == 2


async def test_the_same_sum_from_the_same_payer_is_asked_about_once(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    fields = {"payer": circle.books.payer, "amount": "50", "note": "BACS ADA"}
    await tess.get("/money/top-up")
    await tess.send("/money/top-up", fields)
    node.clock.move(timedelta(days=4))
    await tess.get("/money/top-up")
    page = await tess.send("/money/top-up", fields)
    doubt = "£50 from Ada on Monday 23 November stands in the books already. Is this another one?"
    assert (page.status_code, doubt in unescape(page.text)) == (422, True)
    assert "Yes, this is another £50" in page.text
    # Nothing that was typed is lost.
    assert 'value="BACS ADA"' in page.text
    assert f'<option value="{circle.books.payer}" selected>' in page.text
    assert await queries.credit_pence(circle.books.payer) == 5000
    # Another sum is no doubt; nor is this page, sent again.
    hidden = tess.hidden("/money/top-up")
    for _ in range(2):
        page = await tess.post("/money/top-up", hidden | fields | {"another": "yes"})
        assert page.status_code == 303
    await tess.get("/money/top-up")
    assert (await tess.send("/money/top-up", fields | {"amount": "51"})).status_code == 303
    # What comes every week is nothing to ask about.
    node.clock.move(timedelta(days=5))
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get("/money/top-up")
    assert (await tess.send("/money/top-up", fields)).status_code == 303
    assert await queries.credit_pence(circle.books.payer) == 20_100


SLIPS = [
    ("amount", "", "Write how much came in, such as 100 or 17.50."),
    ("amount", "ten", "Write the sum in pounds and pence, such as 20 or 17.50."),
    ("amount", "17,50", "Write the sum in pounds and pence, such as 20 or 17.50."),
    ("amount", "-5", "Write the sum in pounds and pence, such as 20 or 17.50."),
    ("amount", "0", "Write a sum above £0 and up to £100,000."),
    ("amount", "100000.01", "This is more than £100,000. Please check the sum."),
    ("payer", "", "Choose whose money it is."),
    ("payer", "nobody", "Choose whose money it is."),
]


async def test_a_slip_is_named_and_what_was_typed_stays(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get("/money/top-up")
    right = {"payer": circle.books.payer, "amount": "12", "note": "BACS 77"}
    for field, value, sentence in SLIPS:
        page = await tess.send("/money/top-up", right | {field: value})
        assert page.status_code == 422
        assert "<title>Error: Money that came in" in page.text
        assert f'<a href="#{field}">{sentence}</a>' in page.text
        assert 'value="BACS 77"' in page.text
        if field == "amount":
            assert f'<option value="{circle.books.payer}" selected>' in page.text
    assert await fetch("SELECT 1 FROM entry") == []
    # Put right, the same form goes through.
    await tess.send("/money/top-up", right)
    assert tess.page.status_code == 303


async def test_the_page_asks_no_more_of_the_database_however_much_there_is(circle: Circle, browser_of: SignIn) -> None:
    await circle.books.top_up(400_000)
    await circle.visit()
    counts = []
    readers = [
        await browser_of(person)
        for person in (circle.books.person, circle.books.worker, circle.books.treasurer.person_id)
    ]
    for more in (0, 30):
        for day in range(1, more):
            await circle.visit(day)
        for reader in readers:
            with counting_queries() as seen:
                await reader.get("/money")
            counts.append(len(seen))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 35


# ---------------------------------------------------------------- what the circle takes


async def test_anyone_reads_what_the_circle_takes_and_by_which_decision(circle: Circle, browser_of: SignIn) -> None:
    wren = await browser_of(circle.books.worker)
    page = await wren.get("/money/shares")
    assert (
        "Money Hebden circle What the circle takes Of each worker’s fee 15% goes to the circle. Nothing is added for whoever pays. Of what "
        "is paid for a visit called off too late it takes the same share. Since 23 November 2026, as decided: Agreed by "
        "the circle." in text(page)
    )
    assert "Change what" not in page.text
    assert (await wren.get("/money/shares/change")).status_code == 403
    decision = re.search(r'href="(/decisions/[^"]+)"', page.text)
    assert decision
    assert "Decided 23 November 2026 By The circle’s meeting" in text(await wren.get(decision.group(1)))


async def test_a_treasurer_changes_it_with_a_decision(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    asked = {"words": "We take 7.5% of each, from May.", "decided_by": "The meeting", "review_on": "3 November 2027"}
    await tess.get("/decisions/new")
    refused = await tess.send("/decisions/new", {**asked, "decided_on": "24/11/2026"})
    assert (refused.status_code, "This day is yet to come" in refused.text) == (422, True)
    assert "We take 7.5% of each, from May." in refused.text
    made = await tess.send("/decisions/new", {**asked, "decided_on": "23 November 2026"})
    decision = made.headers["location"].rpartition("/")[2]
    await tess.get("/money/shares/change")
    shares = {
        "worker": "7.5",
        "payer": "7.5%",
        "decision": decision,
        "from_day": "3 May 2027",
        "cancelled": "no",
        "vat": "20",
    }
    for wrong, sentence in (
        ({"worker": "101"}, "Write a share in percent from 0 to 100"),
        ({"payer": "a bit"}, "Write a share in percent from 0 to 100"),
        ({"decision": ""}, "Choose the decision that this rests on"),
        ({"decision": "another"}, "Choose the decision that this rests on"),
        ({"from_day": "3 May 2020"}, "This can’t begin in the past"),
        ({"from_day": "in May"}, "Write a day such as 3 May 2027"),
    ):
        page = await tess.send("/money/shares/change", {**shares, **wrong})
        assert (page.status_code, sentence in unescape(page.text)) == (422, True), wrong
    await tess.send("/money/shares/change", shares)
    assert (
        "To come Of each worker’s fee 7.5% goes to the circle. VAT of 20% is within what it takes. Whoever pays adds 7.5% of the fee, for the circle."
        in (text(await tess.get("/money/shares")))
    )
    assert [one.standing for one in await schedules()] == ["to_come", "now"]
    assert (await queries.schedule_now()).worker_deduct_bps == 1500


async def test_the_treasurer_reads_first_what_waits_for_them(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    assert "Nothing waits for you." in text(await tess.get("/money"))
    await treasury.goodwill(circle.books.treasurer, circle.books.payer, 500, "sorry", because="Late twice")
    said = text(await tess.get("/money"))
    assert "We look after £5 that belongs to others. The circle’s own account stands at −£5 More" in said
    # The same stands on their first page.
    home = await tess.get("/home")
    assert ("The circle’s own account stands at −£5" in text(home), acts(home)) == (True, ["Write it down"])
    await treasury.own_money(circle.books.treasurer, 500, "began", because="What we had when we began")
    assert "Nothing waits for you." in text(await tess.get("/money"))


async def test_what_the_circle_has_among_the_money_it_looks_after_stands_in_for_its_own_account(
    circle: Circle, browser_of: SignIn
) -> None:
    tess, by = await browser_of(circle.books.treasurer.person_id), circle.books.treasurer
    await circle.books.top_up(6000)
    await actions.release(NODE, await circle.visit(), "went")
    assert "£9 in the same bank account is the circle’s own." in text(await tess.get("/money"))
    await bank_lines.bank_charge(by, "1000", 120, "charge")
    said = text(await tess.get("/money"))
    assert "£7.80 in the same bank account is the circle’s own." in said
    assert "own account stands" not in said
    await treasury.goodwill(by, circle.books.payer, 1000, "sorry", because="Late twice")
    said = text(await tess.get("/money"))
    assert "The circle’s own account stands at −£11.20" in said
    assert "in the same bank account is" not in said


async def test_what_is_looked_after_is_the_sum_of_what_stands_below_it(circle: Circle, browser_of: SignIn) -> None:
    books, by = circle.books, circle.books.treasurer
    await books.top_up(30_000)
    await treasury.receive_unmatched(by, "r1", 2500, "unknown")
    await treasury.refund(by, books.payer, 1100, "refund")
    await actions.release(NODE, await circle.visit(travel_pence=360), "went")
    await corrections.dispute(NODE, await circle.visit(1), "wrong", fee_pence=1000)
    await circle.visit(2)
    tess = await browser_of(by.person_id)
    page = (await tess.get("/money")).text
    whole, *_ = re.findall(r"We look after £([0-9,.]+)", page)
    rows = re.search(r'<dl class="rows">(.*?)</dl>', page, flags=re.DOTALL)
    assert rows
    parts = [float(one.replace(",", "")) for one in re.findall(r"<dd>£([0-9,.]+)</dd>", rows[1])]
    assert (round(sum(parts), 2), len(parts)) == (float(whole.replace(",", "")), 6)
