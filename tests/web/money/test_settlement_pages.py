"""The treasurer's pages of one linked circle: what is stated, what differs, what to pay, and where to."""

import re
from datetime import timedelta

import pytest

from eccoo_node.cover.owing import past_limit
from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, between
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.carrying import carry_circle
from eccoo_node.escrow.lines import Across
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.money import pounds
from eccoo_node.settlement import queries
from eccoo_node.settlement.limit import look
from eccoo_node.settlement.tables import SettleAccount, SettleEntry, SettlePage, SettlePayment
from tests.support import make
from tests.support.node import Node
from tests.web.client import Reader
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import text


@pytest.fixture
async def stated(circle: Circle) -> str:
    """Todmorden stated November: £55.50 is agreed, and of another visit our books say something else. The link."""
    await circle.books.top_up(20_000)
    link = await circle.link()
    for day in (0, 1):
        line = await circle.visit(day, across=Across(link), travel_pence=360 * day)
        await actions.release(NODE, line, f"went {day}")
    now = clock.now()
    page = SettlePage(
        link_id=link, k=1, period="2026-11", starts_on="2026-11-01", ends_on="2026-11-30", closing_pence=11550,
        hash="h" * 43, state="answered", made_at=now, answered_at=now, even_at=now, off_pence=0, left_pence=5550,
    )  # fmt: skip
    async with write():
        await insert(SettleAccount(link_id=link, theirs_open_pence=5550))
        await insert(page)
        await insert(SettleEntry(page_id=page.id, request="r1", n=1, amount_pence=5550, state="agreed"))
        await insert(
            SettleEntry(page_id=page.id, request="r2", n=1, amount_pence=6000, other_pence=5910, state="disputed")
        )
    return link


def ours_of_november(link_id: str) -> SettlePage:
    """Our own statement beside theirs, which they have not answered yet."""
    return SettlePage(
        link_id=link_id, k=1, ours=True, period="2026-11", starts_on="2026-11-01", ends_on="2026-11-30", hash="j" * 43,
        made_at=clock.now(),
    )  # fmt: skip


async def test_what_differs_is_seen_side_by_side_and_the_rest_is_paid(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    path = f"/money/circles/{stated}"
    assert "Todmorden circle and we differ about one visit" in text(await tess.get("/money"))
    said = text(await tess.get(path))
    assert "1 to 30 November 2026 What we owe them: £115.50 agreed but for one visit" in said
    page = await fetch_value("SELECT id FROM settle_page")
    assert "Our books: £59.10. Theirs: £60." in text(await tess.get(f"{path}/statements/{page}"))
    entry = await fetch_value("SELECT id FROM settle_entry WHERE state = 'disputed'")
    assert "Our books say £59.10 Todmorden circle says £60" in text(await tess.get(f"{path}/lines/{entry}"))
    assert (await tess.send(f"{path}/lines/{entry}", {})).status_code == 422
    assert (await tess.send(f"{path}/lines/{entry}", {"whose": "ours"})).status_code == 303
    # Now the rest is to be paid; but first two people make sure of where it goes.
    said = text(await tess.get(path))
    assert "Pay Todmorden circle £55.50 We don’t know yet where their money goes." in said
    account = {"name": "Todmorden circle", "sort_code": "20-30-02", "account_number": "4588"}
    await tess.get(f"{path}/account")
    page_ = await tess.send(f"{path}/account", account)
    assert (page_.status_code, "Todmorden circle" in page_.text) == (422, True)
    assert (await tess.send(f"{path}/account", {**account, "account_number": "00004588"})).status_code == 303
    bank = await fetch_value("SELECT id FROM circle_bank")
    assert "A second person makes sure of it" in text(await tess.get(f"{path}/account"))
    assert "00004588" not in text(await tess.get(path))
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    second = await browser_of(fay)
    assert (await second.get(path)).status_code == 403
    assert "20-30-02" in text(await second.get(f"{path}/account"))
    assert (await second.send(f"{path}/account/{bank}", {"how": "rang"})).status_code == 303
    shown = await tess.get(path)
    assert "Account number 00004588 Reference ECCOO" in text(shown)
    assert (await tess.send(path)).status_code == 303
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'paid_circle'") == 1
    with counting_queries() as first:
        await tess.get(path)
    for day in range(2, 12):
        line = await circle.visit(day, fee_pence=100, across=Across(stated))
        await actions.release(NODE, line, f"went {day}")
    with counting_queries() as later:
        await tess.get(path)
    assert len(later) == len(first) <= 25


async def test_what_is_still_compared_is_not_asked_for_and_what_was_owed_before_is(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    """They stated December and we agreed; until they have answered our own statement nothing of it is to be paid."""
    tess = await browser_of(circle.books.treasurer.person_id)
    path, now = f"/money/circles/{stated}", clock.now()
    december = {
        "link_id": stated, "period": "2026-12", "starts_on": "2026-12-01", "ends_on": "2026-12-31", "made_at": now,
    }  # fmt: skip
    async with write():
        await fetch("UPDATE settle_entry SET state = 'agreed', other_pence = NULL")
        await fetch("UPDATE settle_account SET theirs_open_pence = 5550 + 3000")
        theirs = SettlePage(
            **december, k=2, opening_pence=5550, closing_pence=8550, hash="i" * 43, state="answered", answered_at=now
        )
        await insert(theirs)
        await insert(SettlePage(**december, k=2, ours=True, hash="j" * 43))
    assert "Pay Todmorden circle £55.50" in text(await tess.get("/money"))
    assert "Pay Todmorden circle £55.50" in text(await tess.get(path))
    # Sent now, it is not asked for again, though they can be told of it only when all is compared.
    await between.paid_circle(circle.books.treasurer, stated, 5550, "sent meanwhile")
    assert "Pay Todmorden circle" not in text(await tess.get("/money")) + text(await tess.get(path))


async def test_of_a_first_statement_that_is_still_compared_nothing_is_to_be_paid(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    """It was a fault once, for as long as they were silent."""
    tess = await browser_of(circle.books.treasurer.person_id)
    async with write():
        await fetch("UPDATE settle_entry SET state = 'agreed', other_pence = NULL")
        await fetch("UPDATE settle_page SET even_at = NULL, off_pence = NULL, left_pence = NULL")
        await insert(ours_of_november(stated))
    assert "Pay Todmorden circle" not in text(await tess.get("/money"))
    said = text(await tess.get(f"/money/circles/{stated}"))
    assert "Todmorden circle is comparing our statement with its own books." in said
    assert "Pay Todmorden circle" not in said


async def test_what_they_owe_is_not_due_before_their_own_statement_came(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    now = clock.now()
    async with write():
        await fetch("DELETE FROM settle_entry")
        await fetch("UPDATE settle_page SET ours = true, even_at = NULL")
        await fetch("UPDATE settle_account SET theirs_open_pence = 0, ours_open_pence = 11550")
    said = text(await tess.get(f"/money/circles/{stated}"))
    assert "Todmorden circle has answered, and states next what we owe." in said
    assert "pays us" not in said
    async with write():
        await fetch("UPDATE settle_page SET even_at = ?, left_pence = 11550", now)
    assert "Todmorden circle pays us £115.50 by" in text(await tess.get(f"/money/circles/{stated}"))


async def asked_for(reader: Reader, link_id: str) -> tuple[str, ...]:
    """What the page of the circle and the page of money ask a treasurer to pay."""
    pages = [text(await reader.get(path)) for path in (f"/money/circles/{link_id}", "/money")]
    found = [re.search(r"Pay Todmorden circle (£[0-9.,]*[0-9])", page) for page in pages]
    assert (found[0] and found[0][1]) == (found[1] and found[1][1])
    return tuple(one[1] for one in found[:1] if one)


async def test_what_they_say_has_arrived_is_not_asked_for_again(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    """Also where our own books do not hold yet what our bank has sent."""
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await fetch_value("SELECT id FROM settle_page")
    async with write():
        await fetch("UPDATE settle_entry SET state = 'agreed', other_pence = NULL")
    assert await asked_for(tess, stated) == ("£55.50",)
    async with write():
        await fetch("UPDATE settle_account SET theirs_open_pence = 0")
        said = {"kind": "received", "ours": False, "amount_pence": 5550, "reference": "1", "at": clock.now()}
        await insert(SettlePayment(link_id=stated, page_id=page, **said))
    assert await asked_for(tess, stated) == ()


async def test_what_a_circle_that_is_gone_never_answered_is_still_to_be_paid(
    circle: Circle, stated: str, browser_of: SignIn, node: Node
) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    async with write():
        await fetch("UPDATE settle_entry SET state = 'agreed', other_pence = NULL")
        await fetch("UPDATE settle_page SET even_at = NULL, off_pence = NULL, left_pence = NULL")
        await fetch("UPDATE link SET state = 'ended', ended_at = ?", clock.now())
    # Nothing was open before this statement, so nothing is due while they may answer.
    async with write():
        await insert(ours_of_november(stated))
    assert await asked_for(tess, stated) == ()
    node.clock.move(timedelta(days=61))
    tess = await browser_of(circle.books.treasurer.person_id)
    assert await asked_for(tess, stated) == ("£55.50",)
    assert "It was due by Monday 7 December." in text(await tess.get(f"/money/circles/{stated}"))


async def test_what_went_over_to_another_link_is_asked_for_there_alone(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    """No statement of the new link says it; what is paid is that first, and only the rest belongs to a statement."""
    tess, now = await browser_of(circle.books.treasurer.person_id), clock.now()
    async with write():
        await fetch("UPDATE settle_entry SET state = 'agreed', other_pence = NULL")
        await fetch("UPDATE link SET superseded_by = 'the-new-one', state = 'ended'")
    new = await circle.link()
    async with write():
        await fetch("UPDATE link SET carried_at = ? WHERE id = ?", now, new)
        await insert(SettleAccount(link_id=new))
    whole = (await money.owed(stated)).we_owe_pence
    await carry_circle(NODE, stated, new, -whole)
    assert "Pay Todmorden" not in text(await tess.get(f"/money/circles/{stated}"))
    assert await asked_for(tess, new) == (pounds(whole),)
    await between.paid_circle(circle.books.treasurer, new, 2000, "some of it")
    assert await asked_for(tess, new) == (pounds(whole - 2000),)
    await between.paid_circle(circle.books.treasurer, new, whole - 2000, "the rest of it")
    assert await between.paid_both_ways(new) == (0, 0)
    assert await asked_for(tess, new) == ()
    async with write():
        december = SettlePage(
            link_id=new, k=1, period="2026-12", starts_on="2026-12-01", ends_on="2026-12-31", closing_pence=3000,
            hash="k" * 43, state="answered", made_at=now, answered_at=now, even_at=now, off_pence=0, left_pence=3000,
        )  # fmt: skip
        await insert(december)
        await fetch("UPDATE settle_account SET theirs_open_pence = 3000 WHERE link_id = ?", new)
    assert await asked_for(tess, new) == ("£30",)


async def test_past_what_was_agreed_new_visits_wait_until_it_is_paid(circle: Circle, node: Node) -> None:
    await circle.books.top_up(60_000)
    link = await circle.link()
    line = await circle.visit(fee_pence=54_100, across=Across(link))
    await actions.release(NODE, line, "went")
    assert await past_limit(link) == (
        "We owe Todmorden circle £500.43. Both circles agreed that new visits wait at £500, until we have paid. "
        "Our treasurer knows. A facilitator can help you meanwhile."
    )
    for _ in range(2):
        await look(NODE, link)
    assert [tuple(row) for row in await fetch("SELECT person_id, news FROM told WHERE news = 'settle_limit'")] == [
        (circle.books.treasurer.person_id, "settle_limit")
    ]
    await between.paid_circle(circle.books.treasurer, link, 100, "some of it")
    await look(NODE, link)
    assert await past_limit(link) == ""
    assert await fetch_value("SELECT limit_told_at FROM settle_account") is None


async def test_what_was_settled_and_wrong_is_put_right_or_borne(
    circle: Circle, stated: str, browser_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, [here] = circle.books, [row[0] for row in await fetch("SELECT reference FROM line ORDER BY id LIMIT 1")]
    await actions.owe_worker_from(
        NODE,
        stated,
        "away:1",
        books.worker,
        4000,
        0,
        payer_add_bps=0,
        worker_deduct_bps=1500,
        home_share_bps=5000,
        key="k",
    )
    async with write():
        page = SettlePage(
            link_id=stated, ours=True, k=1, period="2026-11", starts_on="2026-11-01", ends_on="2026-11-30",
            closing_pence=3700, hash="o" * 43, state="answered", made_at=clock.now(), even_at=clock.now(),
        )  # fmt: skip
        await insert(page)
        await insert(
            SettleEntry(page_id=page.id, request="r3", n=1, amount_pence=3700, other_pence=0, state="disputed")
        )

    async def known(link_id: str) -> dict[str, tuple[str, int]]:
        return {here: ("r1", 1), "away:1": ("r3", 1)}

    monkeypatch.setattr(queries, "known_to_both", known)
    tess, path = await browser_of(books.treasurer.person_id), f"/money/circles/{stated}"
    theirs = await fetch_value("SELECT id FROM settle_page WHERE NOT ours")
    ids = {row[0]: row[1] for row in await fetch("SELECT request, id FROM settle_entry")}
    right = f"{path}/lines/{ids['r1']}/right"
    assert right in (await tess.get(f"{path}/statements/{theirs}")).text
    said = text(await tess.get(right))
    assert "How much was right?" in said
    assert "Written for the visit £60 Of it Todmorden circle has £55.50" in said
    for fee, why, told in (
        ("60.01", "x", "Write a sum from £0 to £60."),
        ("40", " ", "Write who agreed"),
        ("60", "x", "stands there already"),
    ):
        refused = await tess.send(right, {"fee": fee, "because": why})
        assert (refused.status_code, told in refused.text, f'value="{fee}"' in refused.text) == (422, True, True)
    before = await money.credit_pence(books.payer)
    assert (await tess.send(right, {"fee": "40", "because": "Kit and Tess on Monday"})).status_code == 303
    assert await money.credit_pence(books.payer) == before + 2000
    assert (await money.owed(stated)).we_owe_pence == 5550 + 5910 - 1850
    # Of what they owe us they pay nothing: our circle bears it.
    line = f"{path}/lines/{ids['r3']}"
    assert "You put ours right on the next page." in text(await tess.get(line))
    assert (await tess.send(line, {"whose": "theirs"})).headers["location"].endswith(f"{line}/right")
    await tess.get(f"{line}/right")
    assert (await tess.send(f"{line}/bear", {"amount": "37", "why": "We agreed with Kit"})).status_code == 303
    assert (await money.owed(stated)).they_owe_pence == 0
    # Whoever has a part in the visit does neither.
    await make.hat(books.worker, await make.circle(), "treasurer")
    wren = await browser_of(books.worker)
    assert (await wren.get(right)).status_code == (await wren.get(f"{line}/right")).status_code == 403


async def test_a_link_whose_place_another_took_leads_there_and_compares_nothing(
    circle: Circle, stated: str, browser_of: SignIn
) -> None:
    async with write():
        await fetch("UPDATE link SET superseded_by = 'the-new-one', state = 'ended' WHERE id = ?", stated)
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get(f"/money/circles/{stated}")
    assert "What was owed went over to the link that took the place of this one" in text(page)
    assert 'href="/money/circles/the-new-one"' in page.text
    assert "compare" not in text(page)
