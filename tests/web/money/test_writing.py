"""Each thing that a treasurer writes by hand reaches the books through its page; what is wrong is said at its place."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.escrow import actions, queries, treasury
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.rules import FRONT_LIMIT
from eccoo_node.escrow.verify import verify
from eccoo_node.escrow.web.writing import KINDS
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import NODE
from tests.support import make
from tests.support.node import Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text

# What the books say after £25 of it, on top of what is there before.
EXPECTED = {
    "unknown": {"1000": 2500, "2090": -2500},
    "match": {"2090": 2500, "2000": -2500},
    "send-back": {"2090": 2500, "2500": -2500},
    "refund": {"2000": 2500, "2500": -2500},
    "refund-sent": {"1000": -2500, "2500": 2500},
    "bounced": {"1000": -2500, "2000": 2500},
    "paid-owing": {"1010": 2500, "1100": -2500},
    "goodwill": {"5100": 2500, "2000": -2500, "1000": 2500, "1010": -2500},
    "swept": {"1000": -2500, "1010": 2500},
    "own": {"1010": 2500, "3100": -2500},
    "gift": {"1010": 2500, "4200": -2500},
    "shares": {"1020": 2500, "2610": -2500},
    "vat": {"1010": -2500, "2400": 2500},
    "interest": {"1010": 2500, "4200": -2500},
    "card": {"1050": 2500, "2000": -2500},
    "card-sent": {"1050": -2500, "1000": 2500, "1010": -50, "5200": 50},
    "finders-fee": {"2000": 2500, "4100": -2500},
    "circle-paid": {"1000": 2500, "1200": -2500},
    "paid-circle": {"1000": -2500, "2300": 2500},
    "put-up": {"1000": 2500, "1010": -2500},
}


async def _before(circle: Circle) -> str:
    """Enough of everything for each kind; the linked circle."""
    books, by = circle.books, circle.books.treasurer
    await treasury.finders_fee(by, books.payer, 5000, "owing")
    await books.top_up(16_000)
    await treasury.receive_unmatched(by, "r1", 5000, "unknown")
    await treasury.refund(by, books.payer, 3000, "refund")
    await treasury.gateway_top_up(by, books.payer, 2600, "card")
    await treasury.finders_fee(by, books.payer, 3000, "own", agreed="Yes")
    link = await circle.link()
    await actions.release(NODE, await circle.visit(across=Across(link)), "went")
    await actions.owe_worker_from(
        NODE,
        link,
        "claim",
        books.worker,
        6000,
        0,
        payer_add_bps=0,
        worker_deduct_bps=1500,
        home_share_bps=5000,
        key="claim",
    )
    await make.hat(books.person, await make.circle(), "member")
    await _vat(circle)
    await decide_figure(NODE, FRONT_LIMIT, 2500, decision_id=await make.decision())
    return link


async def _vat(circle: Circle) -> None:
    """£30 of VAT is in what the circle takes of a visit."""
    books, by = circle.books, circle.books.treasurer
    await actions.set_schedule(by, 0, 5000, decision_id=await make.decision(), vat_bps=2000)
    await books.top_up(36_000)
    await actions.release(NODE, await circle.visit(fee_pence=36_000), "went for VAT")
    await actions.set_schedule(by, 0, 1500, decision_id=await make.decision())


@pytest.mark.parametrize("kind", KINDS)
async def test_each_thing_is_written_once_however_often_it_is_sent(
    circle: Circle, browser_of: SignIn, kind: str
) -> None:
    link = await _before(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    before = await queries.trial_balance()
    form = await tess.get(f"/money/write/{kind}")
    assert KINDS[kind].title in text(form)
    filled = {
        "amount": "25", "payer": circle.books.payer, "owing": circle.books.payer, "receipt": "r1", "refund": circle.books.payer, "fee": "0.50",
        "because": "As agreed on 20 November", "purpose": "", "circle": link,
        "member": circle.books.person, "day": "20 November 2026",
    }  # fmt: skip
    asked = {"amount", "because", *KINDS[kind].asks}
    sent = await tess.send(f"/money/write/{kind}", {name: value for name, value in filled.items() if name in asked})
    assert (sent.status_code, sent.headers["location"]) == (303, "/money/write"), text(sent)
    assert "£25 is written down." in (await tess.get("/money/write")).text
    after = await queries.trial_balance()
    changed = {code: total - before.get(code, 0) for code, total in after.items() if total != before.get(code, 0)}
    assert changed == EXPECTED[kind]
    if kind == "put-up":
        assert "£25 of the circle’s own money stands in for it" in text(await tess.get(f"/money/circles/{link}"))
    await verify()


# Where nobody owes anything there is no form.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "paid-owing"])
async def test_a_sum_or_a_choice_that_is_none_is_said_at_its_place_and_kept(
    circle: Circle, browser_of: SignIn, kind: str
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get(f"/money/write/{kind}")
    page = await tess.send(f"/money/write/{kind}", {"amount": "a lot", "because": "Because of Ada"})
    assert (page.status_code, "Write the sum in pounds" in page.text) == (422, True)
    assert 'value="a lot"' in page.text
    assert ("Because of Ada" in page.text) == ("because" in KINDS[kind].asks)
    page = await tess.send(
        f"/money/write/{kind}",
        {"amount": "5", "payer": "nobody", "receipt": "r9", "refund": "r9", "circle": "c9", "member": "m9"},
    )
    if {"payer", "receipt", "refund", "circle", "member"} & set(KINDS[kind].asks):
        assert (page.status_code, "Choose w" in unescape(page.text)) == (422, True)
        assert await fetch("SELECT id FROM entry") == []


async def test_an_empty_form_says_all_that_is_missing(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    for kind, missing in (
        ("match", ["Choose which money it was.", "Choose whose money it is.", "Write a sum, such as 100 or 17.50."]),
        ("goodwill", ["Choose whose money it is.", "Write a sum, such as 100", "Say why the circle gives this."]),
        ("unknown", ["Write the day on which it came, such as 3 May 2027.", "Write a sum, such as 100"]),
    ):
        await tess.get(f"/money/write/{kind}")
        page = await tess.send(f"/money/write/{kind}", {})
        said = unescape(page.text)
        assert page.status_code == 422
        places = [said.find(words) for words in missing]
        assert (min(places) > 0, places) == (True, sorted(places)), kind


async def test_the_same_sum_twice_in_a_row_is_asked_about(circle: Circle, browser_of: SignIn, node: Node) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    typed = {"amount": "7.13", "day": "20 November 2026", "because": "MRS ? for mum"}
    await tess.get("/money/write/unknown")
    assert (await tess.send("/money/write/unknown", typed)).status_code == 303
    await tess.get("/money/write/unknown")
    page = await tess.send("/money/write/unknown", typed)
    doubt = "£7.13 of Friday 20 November stands in the books already. Is this another one?"
    assert doubt in page.text
    assert await fetch_value("SELECT COUNT(*) FROM entry") == 1
    assert (await tess.send("/money/write/unknown", {**typed, "another": "yes"})).status_code == 303
    node.clock.move(timedelta(days=2))
    await tess.get("/money/write/unknown")
    assert doubt in (await tess.send("/money/write/unknown", typed)).text
    assert (await tess.send("/money/write/unknown", {**typed, "another": "yes"})).status_code == 303
    days = [as_time(row[0]) for row in await fetch("SELECT effective_at FROM entry")]
    assert days == [datetime(2026, 11, 20, 12, tzinfo=UTC)] * 3
    assert "The bank says MRS ? for mum" in text(await tess.get("/money/entries/1"))
    # A day that is yet to come is none on which anything came.
    await tess.get("/money/write/unknown")
    page = await tess.send("/money/write/unknown", {**typed, "amount": "8", "day": "20 November 2027"})
    assert "This day is yet to come." in page.text


async def test_what_came_in_is_asked_about_whichever_way_it_was_written(circle: Circle, browser_of: SignIn) -> None:
    books, by = circle.books, circle.books.treasurer
    await books.top_up(2500)
    await treasury.receive_unmatched(by, "r1", 5000, "unknown")
    await treasury.finders_fee(by, books.payer, 5000, "owing")
    await treasury.paid_owing(by, books.payer, 1200, "bank")
    tess = await browser_of(by.person_id)
    for kind, fields, doubt in (
        ("card", {"payer": books.payer, "amount": "25"}, "£25 from Ada on Monday 23 November"),
        ("match", {"receipt": "r1", "payer": books.payer, "amount": "25"}, "£25 from Ada on Monday 23 November"),
        ("paid-owing", {"owing": books.payer, "amount": "12"}, "£12 from Ada on Monday 23 November"),
        ("unknown", {"amount": "50", "day": "21 November 2026"}, "£50 of Monday 23 November"),
    ):
        await tess.get(f"/money/write/{kind}")
        before = await fetch_value("SELECT COUNT(*) FROM entry")
        page = await tess.send(f"/money/write/{kind}", fields)
        said = f"{doubt} stands in the books already. Is this another one?"
        assert (page.status_code, said in unescape(page.text)) == (422, True), kind
        assert await fetch_value("SELECT COUNT(*) FROM entry") == before
        page = await tess.send(f"/money/write/{kind}", {**fields, "another": "yes"})
        assert page.status_code == 303, kind


async def test_money_that_goes_out_is_asked_about_for_a_few_minutes(
    circle: Circle, browser_of: SignIn, node: Node
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    typed = {"amount": "7.13", "because": "What it had when they began"}
    for moved, status in ((0, 303), (0, 422), (11, 303)):
        node.clock.move(timedelta(minutes=moved))
        await tess.get("/money/write/own")
        page = await tess.send("/money/write/own", typed)
        assert page.status_code == status
        assert status == 303 or "£7.13 was written down here a few minutes ago. Is this another?" in page.text


async def test_what_the_books_refuse_is_said_and_nothing_is_written(circle: Circle, browser_of: SignIn) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get("/money/write/swept")
    page = await tess.send("/money/write/swept", {"amount": "5"})
    assert (page.status_code, "There is not that much in the bank" in page.text) == (409, True)
    await circle.books.top_up(1000)
    page = await tess.send("/money/write/swept", {"amount": "5"})
    assert (page.status_code, "looked after for someone else" in page.text) == (409, True)
    assert await fetch_value("SELECT COUNT(*) FROM entry") == 1
    assert (await tess.get("/money/write/nothing")).status_code == 404


async def test_nobody_else_writes_in_the_books(circle: Circle, browser_of: SignIn) -> None:
    for who in (circle.books.person, circle.books.worker):
        reader = await browser_of(who)
        for path in ("/money/write", "/money/write/goodwill"):
            assert (await reader.get(path)).status_code == 403
    assert await fetch("SELECT id FROM entry") == []
