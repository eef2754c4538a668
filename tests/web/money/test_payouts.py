"""From a worker's bank account to the bank and back, in the browser, with everyone who has a part in it."""

import re
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import httpx
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Invalid
from eccoo_node.members import actions as people
from eccoo_node.members import queries as members
from eccoo_node.members import sign_in
from eccoo_node.payouts import changing, giving
from tests.support import make
from tests.support.escrow import shares_out
from tests.support.node import Node
from tests.support.payouts import Circle as Payers
from tests.support.payouts import hatted
from tests.web.money.conftest import Circle, SignIn
from tests.web.test_many import counted


def text(page: httpx.Response) -> str:
    """What the page's main part says, with single spaces."""
    main = re.search(r"<main.*?</main>", page.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.group(0))).split()) if main else page.text


NUMBER = {"name": "Wren Bird", "sort_code": "20-30-40", "account_number": "12349876"}


async def _earned(circle: Circle, fee_pence: int = 60_000) -> None:
    await circle.books.top_up(fee_pence)
    await escrow.release(NODE, await circle.visit(fee_pence=fee_pence), "went")


async def test_money_reaches_a_worker_and_comes_back(node: Node, circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    fay = await make.person("Fay", phone="01422 496111")
    await make.hat(fay, await make.circle(), "facilitator")
    await _earned(circle)
    wren, tess, helper = (
        await browser_of(books.worker),
        await browser_of(books.treasurer.person_id),
        await browser_of(fay),
    )
    # Wren says where it goes; what was typed wrongly is kept and said at its place.
    asked = "Your money waits for your bank account It can’t be sent before you have said where it goes."
    assert f"{asked} Say where it goes" in text(await wren.get("/home"))
    assert "waits for your bank account" not in text(await tess.get("/home"))
    page = await wren.get("/money")
    assert "Where your money goes" in text(page)
    await wren.get("/money/where-to")
    page = await wren.send("/money/where-to", {**NUMBER, "account_number": "1234"})
    assert (page.status_code, "put a 0 in front" in text(page), 'value="20-30-40"' in page.text) == (422, True, True)
    page = await wren.send("/money/where-to", {"name": "", "sort_code": "2030", "account_number": "1234"})
    told = text(page)
    assert all(
        words in told for words in ("Write the name", "put a 0 in front", "Write the six digits of the sort code")
    ), told
    # What looks odd is asked about before it is written down.
    odd = {**NUMBER, "account_number": "12345678"}
    page = await wren.send("/money/where-to", odd)
    assert (page.status_code, "This does not look like an account number." in text(page)) == (422, True)
    assert "I have looked again, and it is right" in text(page)
    assert "12345678" not in (await wren.get("/money/where-to")).text
    assert (await wren.send("/money/where-to", odd | {"right": "yes"})).status_code == 303
    await wren.get("/money/where-to")
    await wren.send("/money/where-to", NUMBER)
    page = await wren.follow()
    assert all(words in text(page) for words in ("It is written down.", "12349876", "We ring you to make sure"))
    await node.settle()
    home = text(await wren.get("/home"))
    assert ("was changed. If that was not you" in home, "waits for your bank account" in home) == (True, False)
    # Nothing goes there until a facilitator has made sure, who never sees the number.
    page = await tess.get("/money/payouts")
    assert "Nothing is ready to be paid out." in text(page)
    assert "Nobody has made sure of their bank account yet. Wren: £510" in text(page)
    page = await helper.get("/home")
    assert "Is this really Wren’s bank account?" in text(page)
    path = f"/money/details/{books.worker}"
    page = await helper.get(path)
    assert ("ends in 76" in page.text, "12349876" in page.text) == (True, False)
    page = await helper.send(path, {"how": "unreached"})
    assert "stays on the list" in text(await helper.follow())
    assert "did not reach them" in text(await helper.get(path))
    page = await helper.send(path, {"how": "paper", "sort_code": "20 30 40", "account_number": "12349867"})
    assert (page.status_code, "not what we have" in text(page)) == (422, True)
    page = await helper.send(path, {"how": "paper", **NUMBER})
    assert page.headers["location"] == "/money/details"
    # Tess makes a batch; two clicks are one batch.
    page = await tess.get("/money/payouts")
    assert "£510 is ready for one person." in text(page)
    await tess.get("/money/payouts/new")
    form = {**tess.hidden("/money/payouts/new"), "who": f"worker:{books.worker}", "pay_on": "23 November 2026"}
    page = await tess.post("/money/payouts/new", {**form, "pay_on": "28 November 2026"})
    assert (page.status_code, "Banks pay on working days" in text(page)) == (422, True)
    first = await tess.post("/money/payouts/new", form)
    again = await tess.post("/money/payouts/new", form)
    batch = first.headers["location"]
    assert again.headers["location"] == batch
    page = await tess.get(batch)
    assert all(
        words in text(page)
        for words in ("Waits for a second person", "20-30-40 12349876", "£510 to one person", "Fay: 01422 496111")
    )
    page = await tess.send(f"{batch}/back")
    assert page.status_code == 303
    await tess.get("/money/payouts/new")
    batch = (await tess.post("/money/payouts/new", {**form, **tess.hidden("/money/payouts/new")})).headers["location"]
    # Above the limit a second person says yes, on their own screen.
    assert (await tess.get(f"{batch}/yes")).status_code == 403
    page = await helper.get("/home")
    assert "£510 to one person: may it be sent?" in text(page)
    page = await helper.get(f"{batch}/yes")
    assert "Within a week one person may pay out £500 alone. The circle has not decided otherwise." in text(page)
    assert text(page).index("£510 to Wren Bird") < text(page).index("Yes, it may be sent") < text(page).index("Not yet")
    assert ("May this be sent?" in text(page), "12349876" in page.text, "ends in 76" in page.text) == (
        True,
        False,
        True,
    )
    await helper.send(f"{batch}/yes")
    await node.settle()
    assert "have their yes, and can be sent" in text(await tess.get("/home"))
    # Their own account is known by now, and no Bacs user number.
    await changing.set_account(
        circle.books.treasurer, "1000", name="Hebden circle", sort_code="608301", account_number="20123456"
    )
    # What waits for the treasurer's own hand is no gap.
    assert 'class="state waiting">Its file can be made<' in (await tess.get(batch)).text
    await tess.send(f"{batch}/make")
    assert "have their yes, and can be sent" not in text(await tess.get("/home"))
    page = await tess.get(batch)
    assert all(words in text(page) for words in ("Take the file", "On its way", "ends in 76", "Fay said yes"))
    assert "12349876" not in page.text
    assert ("ISO 20022 (pain.001)" in text(page), "For a Bacs file, write down our Bacs user number" in text(page)) == (
        True,
        True,
    )
    made = await tess.get(f"{batch}/file/csv")
    assert made.text == "203040,12349876,WREN BIRD,510.00,HEBDEN CIRCLE 2-1,23/11/2026\r\n"
    assert made.headers["content-disposition"] == 'attachment; filename="batch-2.csv"'
    assert (await tess.get(f"{batch}/file/bacs")).status_code == 409
    assert (await tess.get(f"{batch}/file/nothing")).status_code == 404
    assert "£510 of it is on its way to your bank." in text(await wren.get("/money"))
    # The bank paid it; then it came back after all.
    await tess.get(f"{batch}/sent")
    await tess.send(f"{batch}/sent", {"on": "23 November 2026"})
    assert "£510 has been paid out to you." in text(await wren.get("/money"))
    payment = f"/money/payments/{await fetch_value('SELECT id FROM payout_payment WHERE n = 1 ORDER BY id DESC')}"
    await tess.get(payment)
    page = await tess.send(payment, {"what": "back", "on": "23 November 2026"})
    assert (page.status_code, "Say what the bank says of it." in text(page)) == (422, True)
    await tess.send(payment, {"what": "back", "on": "23 November 2026", "because": "Account closed"})
    page = await tess.follow()
    assert ("Came back on 23 November 2026" in text(page), "Done" in text(page)) == (True, False)
    assert f'href="/money/details/{books.worker}">Make sure of Wren’s account' in unescape(page.text)
    assert "£510 came back from the bank" in text(await tess.get("/money"))
    await node.settle()
    assert "A payment to this account came back." in text(await wren.get("/money/where-to"))
    page = await wren.get("/money")
    assert ("£510 of it is yours and waits to be paid out." in text(page), "paid out to you" in text(page)) == (
        True,
        False,
    )
    assert "The bank sent a payment back. Please give us your bank account again." in text(page)
    home = text(await wren.get("/home"))
    back = "A payment to you came back from the bank Your money is safe. Please look at your bank account here."
    assert (home.count("came back"), f"{back} See my bank account" in home) == (1, True)
    assert "A payment to Wren came back from the bank." in text(await helper.get("/home"))
    assert "The last payment came back." in text(await tess.get("/money/payouts"))
    await verify()


async def test_a_number_that_was_changed_with_the_account_is_not_the_one_that_is_rung(
    node: Node, circle: Circle, browser_of: SignIn
) -> None:
    """Whoever has got into somebody's session changes their number, then where the money goes, and waits for the call."""
    fay = await hatted("Fay", "facilitator")
    wren = await make.person("Wren Two", phone="01422 496222")
    own, path = await members.actor_for(wren), f"/money/details/{wren}"
    await people.correct_person(own, wren, phone="07700 900999")
    await people.correct_person(own, wren, phone="07700 900998")
    await giving.give_details(own, wren, name="Wren", sort_code="203040", account_number="12349876")
    helper = await browser_of(fay.person_id)
    said = text(await helper.get(path))
    assert (
        "Their number was changed on Monday 23 November, to 07700 900998, written down by Wren Two. "
        "Ring the earlier one: 01422 496222." in said
    )
    assert "Ring Wren Two on 01422 496222 , the number that stood before." in said
    assert "Ring the earlier one: 01422 496222." in text(await helper.get(f"/phone/{wren}"))
    # Where there was none before, nobody can be rung.
    new = await make.person("Robin Two")
    theirs = await members.actor_for(new)
    await people.correct_person(theirs, new, phone="07700 900997")
    await giving.give_details(theirs, new, name="Robin", sort_code="203040", account_number="12349876")
    assert "There was none before, so see it face to face." in text(await helper.get(f"/money/details/{new}"))
    with pytest.raises(Invalid, match="no number"):
        await giving.confirm_details(fay, new, how="rang", sort_code="203040", account_number="12349876")
    # What was changed long before is the number we know.
    node.clock.move(timedelta(days=3))
    await giving.give_details(own, wren, name="Wren", sort_code="203040", account_number="12349800")
    assert "the number we know" in text(await helper.get(path))


async def test_whoever_printed_the_code_reads_that_somebody_else_makes_sure(circle: Circle, browser_of: SignIn) -> None:
    fay, fred, wren = await hatted("Fay", "facilitator"), await hatted("Fred", "facilitator"), circle.books.worker
    printed = await sign_in.print_code(fay, wren)
    assert await sign_in.sign_in_with_code(printed.code)
    own, path = await members.actor_for(wren), f"/money/details/{wren}"
    await giving.give_details(own, wren, name="Wren", sort_code="203040", account_number="12349876")
    helper = await browser_of(fay.person_id)
    page = await helper.get(path)
    assert (page.status_code, "You gave them the code they signed in with." in text(page)) == (403, True)
    assert path not in (await helper.get("/money/details")).text
    assert path in (await (await browser_of(fred.person_id)).get("/money/details")).text


async def test_each_sees_only_what_is_theirs(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    await _earned(circle, 6000)
    wren, robin = await browser_of(books.worker), await browser_of(books.other)
    tess = await browser_of(books.treasurer.person_id)
    await wren.get("/money/where-to")
    await wren.send("/money/where-to", NUMBER)
    assert "12349876" not in (await robin.get("/money/where-to")).text
    for path in (
        "/money/payouts",
        "/money/payouts/new",
        "/money/details",
        f"/money/details/{books.worker}",
    ):
        assert (await robin.get(path)).status_code == 403
    assert (await wren.get(f"/money/details/{books.worker}")).status_code == 403
    # Nothing is to be given back, and nobody can say yes for somebody else.
    assert "Nothing is to be given back" in text(await wren.get("/money/give-back"))
    async with write():
        await fetch("INSERT INTO books_check (at, broken, entries) VALUES (?, 'Entry 3 is gone.', 0)", clock.now())
    page = await tess.get("/money/payouts")
    assert ("do not add up" in text(page), "Make a batch" in unescape(page.text)) == (True, False)


async def test_a_worker_agrees_how_to_give_back_and_takes_it_back(circle: Circle, browser_of: SignIn) -> None:
    worker = circle.books.worker
    async with write():
        await fetch(
            "INSERT INTO account (code, holder, awaiting, guard, balance_pence) VALUES ('1300', ?, '', 'debit', 5100)",
            worker,
        )
    wren = await browser_of(worker)
    assert "£51 is to be given back." in text(await wren.get("/money"))
    await wren.get("/money/give-back")
    page = await wren.send("/money/give-back", {"most": "10"})
    assert (page.status_code, "Tick this if you agree" in text(page), 'value="10"' in page.text) == (422, True, True)
    await wren.send("/money/give-back", {"most": "10", "yes": "yes"})
    page = await wren.follow()
    assert giving.words_of_yes(1000) in text(page)
    await wren.send("/money/give-back/stop")
    assert "What was agreed" not in text(await wren.follow())
    assert await fetch_value("SELECT COUNT(*) FROM recovery_yes WHERE ended_at IS NULL") == 0


async def test_a_page_asks_no_more_for_many_than_for_one(
    node: Node, circle: Circle, browser_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six people to pay, six batches and six accounts to make sure of, in as many statements as one."""
    books, here = circle.books, SimpleNamespace(node=node)
    keeper = Payers(books, await hatted("Fay", "facilitator"))
    tess = await browser_of(books.treasurer.person_id)

    async def ask(batch: str) -> list[int]:
        found = []
        for path in ("/money/payouts", "/money/payouts/new", "/money/details", f"/money/payouts/{batch}", "/home"):
            with counted(here, monkeypatch) as asked:  # type: ignore[arg-type]
                assert (await tess.get(path)).status_code == 200
            found.append(len(asked))
        return found

    async def more(n: int) -> str:
        workers = [await make.worker(f"W{n}{i}") for i in range(n)]
        for worker in workers:
            await keeper.earns(worker, 1000)
            await keeper.details(worker)
        batch = await keeper.sent(f"b{n}")
        for worker in workers:
            await keeper.earns(worker, 1100)
            await keeper.details(worker, "99887766", sure=worker == workers[0])
        return batch

    few = await ask(await more(1))
    assert await ask(await more(6)) == few


async def test_members_shares_are_a_batch_of_their_own(node: Node, circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    tess = await browser_of(books.treasurer.person_id)
    assert "Out of the circle’s own account" not in text(await tess.get("/money/payouts"))
    await shares_out(books, 2500)
    # Nobody is paid to an account that nobody has made sure of, shares no sooner than pay.
    said = text(await tess.get("/money/payouts"))
    assert ("Ada: £25" in said, "They take out shares." in said) == (True, False)
    await Payers(books, await hatted("Fay", "facilitator")).details(books.person, name="Ada")
    page = await tess.get("/money/payouts")
    assert "Out of the circle’s own account £25 is ready for one person. They take out shares. Make a batch" in text(
        page
    )
    assert 'href="/money/payouts/new?source=own"' in page.text
    assert "£25" in text(await tess.get("/money/payouts/new?source=own"))
