"""Members' shares, debts that are let go, and what somebody who no longer pays has left: each on the page of whom it concerns."""

from html import unescape

import msgspec

from eccoo_node.db.rows import fetch_value
from eccoo_node.escrow import queries, treasury
from eccoo_node.escrow.rules import SHARES_OUT
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import NODE
from tests.support import make
from tests.support.escrow import entries
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text

SHARES, OWED = "/money/shares-of-members", "/money/owed"


async def test_shares_come_in_are_allotted_and_go_out(circle: Circle, browser_of: SignIn) -> None:
    books, by, ada_ = circle.books, circle.books.treasurer, circle.books.person
    hebden = await make.circle()
    await make.hat(ada_, hebden, "member")
    await make.hat(by.person_id, hebden, "member")
    tess, ada = await browser_of(by.person_id), await browser_of(ada_)
    assert "Nobody has shares yet." in text(await tess.get(SHARES))
    assert "What became of it" not in text(await ada.get("/money"))
    await treasury.share_applied(by, ada_, 5000, "applied")
    # Of one's own another treasurer writes it down.
    another = msgspec.structs.replace(by, person_id=await make.person("Theo"))
    await treasury.share_applied(another, by.person_id, 1000, "applied by Tess")
    page = await tess.get("/money")
    assert "Ada has sent £50 for shares" in text(page)
    page = await tess.get(SHARES)
    assert (acts(page), "To be allotted Ada £50 to be allotted" in text(page)) == (["See what Ada sent"], True)
    # There is no decision that somebody else wrote down.
    path = f"{SHARES}/{ada_}"
    decided = await make.decision("Ada is one of us.")
    page = await tess.get(path)
    assert "£50 that they sent for shares waits to be allotted." in text(page)
    wrong = await tess.send(f"{path}/allot", {"amount": "60", "decision": decided})
    assert (wrong.status_code, 'value="60"' in wrong.text, f'value="{decided}" selected' in wrong.text) == (
        409,
        True,
        True,
    )
    assert "There is £50, and £60 is needed." in unescape(wrong.text)
    sent = await tess.send(f"{path}/allot", {"amount": "50", "decision": decided})
    assert sent.headers["location"].endswith(SHARES)
    said = text(await tess.follow())
    assert "£50 is in shares, of one member." in said
    # Nobody allots their own.
    page = await tess.get(f"{SHARES}/{by.person_id}")
    assert ("Another treasurer allots it" in text(page), f"{by.person_id}/allot" in page.text) == (True, False)
    assert (await tess.get(f"{SHARES}/{by.person_id}/out")).status_code == 403
    # Taking out.
    page = await tess.get(f"{path}/out")
    assert "No decision about this has been written down by somebody else" in text(page)
    out = await make.decision("We can pay what we owe.", about=SHARES_OUT.name)
    page = await tess.get(f"{path}/out")
    assert (acts(page), "own money would cover £50 now" in text(page)) == (["Take these shares out"], True)
    typed = {"amount": "20", "decision": out, "because": ""}
    wrong = await tess.send(f"{path}/out", typed)
    assert (wrong.status_code, 'value="20"' in wrong.text) == (422, True)
    assert "Say why they take it out" in unescape(wrong.text)
    for _ in range(2):
        sent = await tess.send(f"{path}/out", typed | {"because": "She moves away."})
        assert sent.status_code == 303
        tess.page = wrong
    said = text(await tess.get(SHARES))
    assert "On its way out Ada £20 on its way" in said
    assert "£30 is in shares, of one member." in said
    found = [(kind, sorted((code, amount) for code, _, _, amount in posted)) for kind, posted in await entries(books)]
    assert found[2:] == [
        ("allotted", [("1010", 5000), ("1020", -5000), ("2610", 5000), ("3000", -5000)]),
        ("withdrawn", [("2600", -2000), ("3000", 2000)]),
    ]
    # What the member reads, with what became of it; nobody else does.
    said = text(await ada.get("/money"))
    assert "You have £30 in shares of the circle. £20 that you take out is on its way to you." in said
    assert "£20 was taken out, to be paid back" in said
    assert "£50 became shares" in said
    assert "£50 was sent for shares" in said
    wren = await browser_of(books.worker)
    assert "What became of it" not in text(await wren.get("/money"))
    assert [(await ada.get(one)).status_code for one in (SHARES, path, f"{path}/out", OWED)] == [403] * 4
    # While the circle has suspended it there is no form.
    await decide_figure(NODE, SHARES_OUT, 0, decision_id=out)
    assert "nobody takes shares out for now" in text(await tess.get(f"{path}/out"))
    assert acts(tess.page) == []
    assert "nobody takes shares out for now" in text(await tess.get(SHARES))
    assert await fetch_value("SELECT COUNT(*) FROM audit WHERE action = 'money.trace_shares' AND person_id = ?", ada_)
    await verify()


async def test_what_is_owed_is_listed_and_let_go(circle: Circle, browser_of: SignIn) -> None:
    books, by = circle.books, circle.books.treasurer
    tess = await browser_of(by.person_id)
    assert "Nobody owes the circle anything." in text(await tess.get(OWED))
    fern = await make.person("Fern")
    payer = await make.payer(books.person, fern)
    await treasury.finders_fee(by, payer, 25_000, "fee")
    page = await tess.get(OWED)
    assert "The circle is owed £250." in text(page)
    assert "Fern, for Ada owes £250 Since 23 November 2026." in text(page)
    path = f"{OWED}/payers/{payer}"
    page = await tess.get(path)
    assert (acts(page), 'value="250"' in page.text) == (["Let it go"], True)
    wrong = await tess.send(path, {"amount": "100", "because": " "})
    assert (wrong.status_code, 'value="100"' in wrong.text) == (422, True)
    for _ in range(2):
        sent = await tess.send(path, {"amount": "250", "because": "The meeting of 20 November."})
        assert sent.headers["location"].endswith(OWED)
        tess.page = wrong
    assert "£250 is let go, and not owed any more." in (await tess.get(OWED)).text
    trial = {code: pence for code, pence in (await queries.trial_balance()).items() if pence}
    assert trial == {"4100": -25_000, "5100": 25_000}
    assert [(await tess.get(f"{OWED}/{one}")).status_code for one in (f"workers/{books.worker}", "payers/x")] == [
        404
    ] * 2
    # Nobody lets go of what they owe themselves.
    own = await make.payer(by.person_id)
    await treasury.bounce(by, own, 500, "bounced")
    assert (await tess.get(f"{OWED}/payers/{own}")).status_code == 403
    await verify()


async def test_a_payer_who_leaves_with_credit_has_it_back(circle: Circle, browser_of: SignIn) -> None:
    books, by = circle.books, circle.books.treasurer
    await books.top_up(10_000)
    await circle.visit()
    ada, tess = await browser_of(books.person), await browser_of(by.person_id)
    await ada.get("/who-pays/change")
    assert "has back what is left of theirs" in text(ada.page)
    await ada.send("/who-pays/change", {"who1": books.person, "fund1": "direct_payment", "percent1": "100"})
    told = (
        "£40 that Ada paid in is left over. It goes back to where it came from: the treasurer is told, and sends it. "
        "£60 more stays set aside for visits that were agreed."
    )  # fmt: skip
    assert told in text(await ada.follow())
    page = await tess.get("/money")
    assert "Ada no longer pays here and has £40 left" in text(page)
    path = f"/money/write/refund?payer={books.payer}"
    assert path in unescape(page.text)
    page = await tess.get(path)
    assert (f'<option value="{books.payer}" selected>' in page.text, 'value="40"' in page.text) == (True, True)
    for pounds_, left in (("15", "£25 left"), ("25", "")):
        await tess.get(path)
        assert (await tess.send("/money/write/refund", {"payer": books.payer, "amount": pounds_})).status_code == 303
        said = text(await tess.get("/money"))
        assert ("no longer pays here" in said, left in said) == (bool(left), True)
    assert "left over" not in text(await ada.get("/who-pays"))
    await verify()
