"""The bank on its pages: how to pay, a statement from file to books, whose money it is, our accounts, a bank described."""

import re
from datetime import date
from html import unescape

import httpx
import pytest

from eccoo_node.banking import actions, importing, kept, queries
from eccoo_node.banking.statements.model import StatementLine
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import actions as ledgers
from eccoo_node.escrow import queries as escrow
from eccoo_node.escrow import treasury
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from tests.support import make
from tests.support import statements as banks
from tests.support.node import Node
from tests.support.payouts import Circle as Out
from tests.support.payouts import hatted
from tests.support.statements import line
from tests.web.client import Reader
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import act_for_person, acts, text

BANK, INBOX = "/money/bank", "/money/inbox"


async def upload(reader: Reader, to: str, data: bytes, fields: dict[str, str] | None = None) -> httpx.Response:
    """Send the form on this page that goes there, with a file."""
    sent = reader.hidden(to) | (fields or {})
    reader.page = await reader.http.post(to, data=sent, files={"file": ("march.csv", data, "text/csv")})
    return reader.page


def main_text(page: httpx.Response) -> str:
    """As `text`, for a page that refuses something."""
    assert page.status_code in {409, 422}
    found = re.search(r"<main.*?</main>", page.text, flags=re.DOTALL)
    assert found
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found.group(0))).split())


async def accounts(circle: Circle, layout: str = "starling") -> dict[str, str]:
    facts = {"name": "Hebden circle", "sort_code": "08-92-99", "layout": layout}
    made = {}
    for code, number in (("1000", "65432101"), ("1010", "65432102")):
        made[code] = await actions.set_account(circle.books.treasurer, code, account_number=number, **facts)
    await actions.references({})
    return made


async def reference_of(circle: Circle) -> str:
    (one,) = [
        one for one in await queries.everyone_who_pays(circle.books.treasurer) if one.payer_id == circle.books.payer
    ]
    return one.reference


async def test_how_to_pay_is_told_to_whoever_pays_and_whoever_helps_them(circle: Circle, browser_of: SignIn) -> None:
    ada = await browser_of(circle.books.person)
    assert "haven’t written our bank account down" in text(await ada.get("/money/how-to-pay"))
    await accounts(circle)
    reference = await reference_of(circle)
    said = text(await ada.get("/money/how-to-pay"))
    assert "Name of the account Hebden circle Sort code 08-92-99 Account number 65432101" in said
    assert f"Your reference {reference} On the phone: {' '.join(reference[:4])}, " in said
    assert 'href="/money/how-to-pay"' in (await ada.get("/money")).text
    path = f"/money/how-to-pay/{circle.books.payer}"
    fay, mia = await make.person("Fay"), await make.person("Mia")
    await make.hat(fay, await make.circle(), "facilitator")
    helper = await browser_of(fay)
    assert f'href="{path}"' in (await helper.get("/money/how-to-pay")).text
    assert reference in text(await helper.get(path))
    for scope, sees in (("ask_for_cover", False), ("money", True)):
        speaker = await make.person(f"Fern {scope}")
        await make.speaks(speaker, circle.books.person, scope)
        reader = await browser_of(speaker)
        (session,) = await sessions_of(speaker)
        await act_for_person(session, speaker, circle.books.person)
        assert (reference in text(await reader.get("/money/how-to-pay"))) is sees
    stranger = await browser_of(mia)
    assert (await stranger.get(path)).status_code == 404
    said = text(await stranger.get("/money/how-to-pay"))
    assert reference not in said
    assert "you read here where the money is sent" in said


async def sessions_of(person_id: str) -> list[str]:
    return [row[0] for row in await fetch("SELECT id FROM session WHERE person_id = ?", person_id)]


async def test_a_treasurer_writes_our_accounts_down(circle: Circle, browser_of: SignIn, node: Node) -> None:
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get(BANK)
    assert acts(page) == ["Write our accounts down"]
    page = await tess.get("/money/bank/accounts")
    assert acts(page) == ["Write this account down"]
    form = "/money/bank/accounts/1000"
    await tess.get(form)
    good = {"name": "Hebden circle", "sort_code": "08 92 99", "account_number": "65432101", "layout": "lloyds"}
    wrong = await tess.send(form, good | {"account_number": "6543"})
    assert "Write the eight digits of the account number." in main_text(wrong)
    assert 'value="08 92 99"' in wrong.text
    assert (await tess.send(form, good)).status_code == 303
    said = text(await tess.follow())
    assert "Name Hebden circle Sort code 08-92-99 Account number 65432101" in said
    assert "Its statements come as Lloyds or Halifax (CSV)" in said
    await tess.get(form)
    wrong = await tess.send(form, good | {"service_user": "12"})
    assert ("It has six digits" in main_text(wrong), 'value="12"' in wrong.text) == (True, True)
    await tess.send(form, good | {"service_user": "123456"})
    assert "Bacs user number 123456" in text(await tess.get("/money/bank/accounts"))
    await _is_changed_by_two(
        node, circle, browser_of, tess, good | {"service_user": "123456", "account_number": "99998888"}
    )
    assert (await tess.get("/money/bank/accounts/9999")).status_code == 404
    ada = await browser_of(circle.books.person)
    for path in (BANK, INBOX, "/money/bank/accounts", form, "/money/bank/describe"):
        assert (await ada.get(path)).status_code == 403, path


async def _is_changed_by_two(
    node: Node, circle: Circle, browser_of: SignIn, tess: Reader, asked: dict[str, str]
) -> None:
    """A payer reads the old number until somebody else has compared old and new."""
    connie = await make.person("Connie", phone="01422 496001")
    await make.hat(connie, await make.circle(), "convenor")
    ada, second = await browser_of(circle.books.person), await browser_of(connie)
    await tess.get("/money/bank/accounts/1000")
    path = str((await tess.send("/money/bank/accounts/1000", asked)).headers["location"])
    mine = await tess.get(path)
    assert ("You wrote this down" in text(mine), acts(mine)) == (True, [])
    assert "A change waits for a second person" in text(await tess.get("/money/bank/accounts"))
    assert (await ada.get(path)).status_code == 403
    assert "65432101" in text(await ada.get("/money/how-to-pay"))
    await node.settle()
    page = await second.get("/home")
    assert ("Somebody asks to change one of the circle’s" in text(page), f'href="{path}"' in page.text) == (True, True)
    page = await second.get(path)
    assert ("Account number 65432101 99998888" in text(page), acts(page)) == (True, ["It is right"])
    assert "Name Hebden circle the same" in text(page)
    assert "Choose how you know" in main_text(await second.send(path, {}))
    assert (await second.send(path, {"how": "paper"})).status_code == 303
    assert "Connie made sure of it on" in text(await second.follow())
    await node.settle()
    said = text(await second.get("/home"))
    assert ("Two people made sure of it." in said, "Somebody asks" in said) == (True, False)
    assert "Two people made sure of it." in text(await tess.get("/home"))
    said = text(await ada.get("/money/how-to-pay"))
    assert ("99998888" in said, "65432101" in said) == (True, False)
    # The next one is taken back, the one after is turned down.
    for number, who, end in (("99997777", tess, "back"), ("99996666", second, "no")):
        await tess.get("/money/bank/accounts/1000")
        path = str(
            (await tess.send("/money/bank/accounts/1000", asked | {"account_number": number})).headers["location"]
        )
        await who.get(path)
        await who.send(f"{path}/{end}")
        assert "Nothing has changed" in text(await who.follow())
    assert "99998888" in text(await ada.get("/money/how-to-pay"))


async def test_a_statement_goes_from_its_file_into_the_books(circle: Circle, browser_of: SignIn) -> None:
    ours = await accounts(circle)
    reference = await reference_of(circle)
    await circle.books.top_up(2_500)
    tess = await browser_of(circle.books.treasurer.person_id)
    lines = [
        line("2026-11-18", 10_000, reference.lower().replace("-", " "), "MRS SUNDERLAND"),
        line("2026-11-19", 4_200, "for <b>wednesday</b>", "B HILL"),
        line("2026-11-20", -900, "to somebody", "SOMEBODY"),
        line("2026-11-22", 2_500, reference, "MRS SUNDERLAND"),
    ]
    page = await tess.get(BANK)
    assert acts(page) == ["Look at the file"]
    wrong = main_text(await upload(tess, BANK, b"Date,Nothing\n1,2\n", {"account": ours["1000"]}))
    assert "Line 1: This is not a file of Starling (CSV)" in wrong
    assert "This file can’t be read. Nothing of it has been taken in." in wrong
    await tess.get(BANK)
    assert "Choose the file that you fetched" in main_text(await upload(tess, BANK, b"", {"account": ours["1000"]}))
    await tess.get(BANK)
    assert (await upload(tess, BANK, banks.starling(lines), {"account": "nowhere"})).status_code == 422
    await tess.get(BANK)
    done = await upload(tess, BANK, banks.starling(lines, 700), {"account": ours["1000"]})
    assert done.status_code == 303, done.text
    page = await tess.follow()
    said = text(page)
    assert acts(page) == ["Write it in the books"]
    assert "march.csv, from 18 November 2026 to 22 November 2026. Nothing is in the books yet." in said
    assert (
        "To the payers whose it is £100, one payment Written down by hand before £25, one payment Nobody’s yet £42"
        in said
    )
    assert "Left the bank, and waits for you to say what it was £9, one payment" in said
    assert "It begins at £7 and ends at £165, and that adds up." in said
    assert "You wrote as much down by hand. Is any of it other money? What you don’t tick" in said
    assert "18 November 2026: MRS SUNDERLAND " + reference.lower().replace("-", " ") + " £100 to Ada" in said
    assert "&lt;b&gt;wednesday" in page.text
    path = str(page.url.path)
    assert await escrow.credit_pence(circle.books.payer) == 2_500
    assert (await tess.send(path)).headers["location"] == INBOX
    assert await escrow.credit_pence(circle.books.payer) == 12_500
    assert "Four payments written down. What nobody has explained waits here." in (await tess.follow()).text
    # Going back in the browser finds that it is written.
    assert (await tess.get(path)).headers["location"] == BANK
    assert "This file is in the books already." in text(await tess.get(BANK))
    assert (await tess.get(f"{BANK}/files/nothing")).status_code == 404
    said = text(await tess.get(BANK))
    assert "Two payments wait for you to say what they were." in said
    assert "On 22 November 2026 the bank had £165, and the books have £167." in said
    assert "The bank has £7 more than it should." in said
    assert "The circle’s own" not in said.partition("Files that are in the books")[2]
    assert (
        "Money we look after: march.csv 18 November 2026 to 22 November 2026: four payments, all of them new. By Tess."
        in said
    )
    # Once more, with the same file: nothing is new.
    await upload(tess, BANK, banks.starling(lines, 700), {"account": ours["1000"]})
    page = await tess.follow()
    assert "All of this is in the books already." in text(page)
    assert acts(page) == ["Choose another file"]
    await verify()


async def written(circle: Circle, lines: list[StatementLine], code: str = "1000") -> list[kept.Open]:
    ours = await queries.accounts()
    tess = circle.books.treasurer
    await importing.write_statement(tess, await actions.read_statement(tess, ours[code].id, "x", banks.starling(lines)))
    return await kept.waiting_lines(tess)


async def test_a_file_of_another_account_of_ours_is_asked_about(circle: Circle, browser_of: SignIn) -> None:
    ours = await accounts(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    first = actions.read_statement(
        circle.books.treasurer, ours["1000"], "x", banks.starling([line("2026-11-18", 10_000, "x", "S HALL")], 700)
    )
    await importing.write_statement(circle.books.treasurer, await first)
    next_ = banks.starling([line("2026-11-19", 300, "y", "S HALL")], 10_700)
    await tess.get(BANK)
    await upload(tess, BANK, next_, {"account": ours["1010"]})
    page = await tess.follow()
    path = str(page.url.path)
    assert "Is it the right account?" in text(page)
    assert "Tick this if it is of" in main_text(await tess.send(path))
    assert len(await fetch("SELECT id FROM bank_line")) == 1
    assert (await tess.send(path, {"this": "yes"})).status_code == 303
    # The one it goes on from takes it without a question.
    await tess.get(BANK)
    await upload(tess, BANK, next_, {"account": ours["1000"]})
    assert "Is it the right account?" not in text(await tess.follow())


async def test_a_treasurer_says_whose_money_it_is(circle: Circle, browser_of: SignIn) -> None:
    await accounts(circle)
    fern = await make.person("Fern", full_name="Fern Hall")
    other = await make.payer(fern)
    found = await written(
        circle,
        [
            line("2026-11-18", 10_000, "for both", "S HALL"),
            line("2026-11-19", 300, "gift"),
            line("2026-11-20", -500, "?"),
        ],
    )
    both, gift, left = (f"{INBOX}/{one.line.id}" for one in found)
    tess = await browser_of(circle.books.treasurer.person_id)
    said = text(await tess.get(INBOX))
    assert "Came in £100 came in on 18 November 2026 S HALL for both. Money we look after." in said
    assert "Left the bank £5 left the bank on 20 November 2026" in said
    page = await tess.get(both)
    assert acts(page) == ["It is theirs"]
    assert "The bank says: S HALL for both." in text(page)
    assert f'<option value="{other}">Fern: Fern Hall</option>' in page.text
    for wrong, told in (
        ({"payer": "", "amount": "60"}, "Choose whose money it is."),
        ({"payer": other, "amount": "100.01"}, "There is £100 of it."),
        ({"payer": "made up", "amount": "60"}, "Choose whose money it is."),
        ({"payer": other, "amount": "-1"}, "Write the sum in pounds and pence"),
    ):
        await tess.get(both)
        page = await tess.send(both, wrong)
        assert told in main_text(page)
        assert f'value="{wrong["amount"]}"' in page.text
    assert (await tess.send(both, {"payer": other, "amount": "60", "remember": "yes"})).headers["location"] == INBOX
    assert "£60 is written down for Fern." in (await tess.follow()).text
    page = await tess.get(both)
    said = text(page)
    assert "£40 of £100 that came in on 18 November 2026" in said
    # The first part of this very payment is nothing that came before.
    assert "had money from the same sender before" not in said
    assert 'value="40.00"' in page.text
    assert "A gift to the circle" not in said
    assert "so the rest is a payer’s too, or goes back. If that is not so, undo that part" in said
    # Whoever had money from that sender is named and stands first, and nobody is chosen before the treasurer chooses.
    assert (
        '<option value="" selected>Choose</option>' in page.text.partition('name="payer"')[2].partition("</select>")[0]
    )
    await tess.send(f"{both}/what", {"what": "send_back"})
    assert "Say why it goes back." in main_text(tess.page)
    await tess.get(both)
    await tess.send(f"{both}/what", {"what": "send_back", "because": "They sent too much."})
    await tess.get(gift)
    assert "Choose what it was." in main_text(await tess.send(f"{gift}/what", {"what": "owing", "who": other}))
    await treasury.finders_fee(circle.books.treasurer, other, 300, "owes")
    await tess.get(gift)
    assert "Choose who owed it." in main_text(await tess.send(f"{gift}/what", {"what": "owing"}))
    await tess.get(gift)
    assert "Choose what it was." in main_text(await tess.send(f"{gift}/what", {"what": "other"}))
    await tess.get(gift)
    # What becomes the circle's own at one press is said before it does.
    page = await tess.send(f"{gift}/what", {"what": "gift", "purpose": ""})
    assert "£3 becomes the circle’s own. Nobody’s visits are paid for with it." in text(page)
    assert (await escrow.trial_balance()).get("4200", 0) == 0
    assert acts(page) == ["It is a gift: write it down"]
    again = tess.hidden(f"{gift}/what")
    assert (await tess.send(f"{gift}/what")).status_code == 303
    await tess.follow()
    # Going back in the browser, or pressing twice, finds that it is written.
    assert (await tess.post(f"{gift}/what", again)).headers["location"] == INBOX
    assert (await tess.get(gift)).headers["location"] == INBOX
    assert "It is written down already" in text(await tess.get(INBOX))
    page = await tess.get(left)
    assert acts(page) == ["Write it down"]
    assert "Was it moved between our own accounts? Read the other account’s statement" in text(page)
    assert "It stands in the books already" not in text(page)
    assert "Choose whose money it was." in main_text(await tess.send(f"{left}/what", {"what": "bounced"}))
    await tess.get(left)
    assert (await tess.send(f"{left}/what", {"what": "bounced", "who": other})).status_code == 303
    page = await tess.follow()
    assert "Nothing waits." in text(page)
    assert acts(page) == ["Read a bank statement"]
    assert (await tess.get(both)).headers["location"] == INBOX
    for path in (f"{INBOX}/0", f"{INBOX}/x", f"{INBOX}/٣"):
        assert (await tess.get(path)).status_code == 404, path
    assert await escrow.credit_pence(other) == 5_500
    assert (await escrow.trial_balance())["4200"] == -300
    await verify()


async def test_money_in_the_circles_own_account_has_its_own_choices(circle: Circle, browser_of: SignIn) -> None:
    await accounts(circle)
    await make.hat(circle.books.worker, await make.circle(), "member")
    lines = [
        line("2026-11-18", 77, "gross interest"), line("2026-11-18", -55, "rent"), line("2026-11-18", 500, "shares"),
        line("2026-11-18", -12, "fee"), line("2026-11-18", 900, "council"),
    ]  # fmt: skip
    found = await written(circle, lines, "1010")
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get(f"{INBOX}/{found[0].line.id}")
    assert acts(page) == ["Write it down"]
    assert "Whose is it?" not in text(page)
    await tess.send(f"{INBOX}/{found[0].line.id}/what", {"what": "interest"})
    await tess.get(f"{INBOX}/{found[1].line.id}")
    await tess.send(f"{INBOX}/{found[1].line.id}/what", {"what": "other"})
    shares = f"{INBOX}/{found[2].line.id}"
    await tess.get(shares)
    for member in ("", circle.books.person):
        wrong = await tess.send(f"{shares}/what", {"what": "applied", "member": member})
        assert "Choose who applies for shares." in main_text(wrong)
    await tess.send(f"{shares}/what", {"what": "applied", "member": circle.books.worker})
    for at, more in ((3, {"what": "charge"}), (4, {"what": "grant", "purpose": "hoists"})):
        await tess.get(f"{INBOX}/{found[at].line.id}")
        assert (await tess.send(f"{INBOX}/{found[at].line.id}/what", more)).status_code == 303
    totals = await escrow.trial_balance()
    assert [totals[code] for code in ("1020", "2610", "3200", "5200")] == [1_400, -500, -900, 12]
    assert await kept.waiting_lines(circle.books.treasurer) == []
    assert (await escrow.trial_balance())["1010"] == 77 - 12


async def test_what_the_books_have_already_is_named_and_taken_back(circle: Circle, browser_of: SignIn) -> None:
    await accounts(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    assert "stands here once somebody has said so" in text(await tess.get(f"{INBOX}/said"))
    await circle.books.top_up(2_000)
    await treasury.bounce(circle.books.treasurer, circle.books.payer, 2_000, "by hand")
    (unpaid, moved) = await written(
        circle, [line("2026-11-20", -2_000, "UNPAID"), line("2026-11-20", -70, "to 65432102")]
    )
    (*_, there) = await written(circle, [line("2026-11-21", 70, "from 65432101")], "1010")
    path, other = f"{INBOX}/{unpaid.line.id}", f"{INBOX}/{moved.line.id}"
    page = await tess.get(path)
    assert "It stands in the books already The bank took a payment back, Ada, 23 November 2026." in text(page)
    entry = re.findall(r"by_hand:\d+", page.text)[0]
    assert (await tess.send(f"{path}/what", {"what": entry})).headers["location"] == INBOX
    page = await tess.get(other)
    assert (
        "A transfer between our own accounts The books have it where it is now. Its other side: the circle’s own money, 21 November 2026."
        in text(page)
    )
    await tess.send(f"{other}/what", {"what": f"own:line:{there.line.id}"})
    page = await tess.get(f"{INBOX}/said")
    assert text(page).count("A transfer between our own accounts") == 2
    page = await tess.get(f"{path}/said")
    assert "See what the books have of it Was it a mistake?" in text(page)
    assert "Said 23 November 2026, by Tess" in text(page)
    assert "Say why it is taken back." in main_text(await tess.send(f"{path}/said", {"because": ""}))
    await tess.get(f"{path}/said")
    done = await tess.send(f"{path}/said", {"because": "It was another payment."})
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert "It is taken back. Now say here what it was." in text(await tess.follow())
    page = await tess.get(f"{other}/said")
    assert "Its other side £0.70 came in on 21 November 2026. The circle’s own money." in text(page)
    assert "So does the one on the other side" in text(page)
    await tess.send(f"{other}/said", {"because": "It was rent."})
    waits = await kept.waiting_lines(circle.books.treasurer)
    assert [one.line.amount_pence for one in waits] == [-2_000, -70, 70]
    assert (await tess.get(f"{other}/said")).status_code == 404
    assert (await tess.get(f"{INBOX}/x/said")).status_code == 404
    await verify()


async def test_a_bank_is_described_from_one_of_its_files(circle: Circle, browser_of: SignIn, node: Node) -> None:
    await accounts(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    describe = "/money/bank/describe"
    data = b'Account 1234,,,\nDate,Details,Paid in,Paid out\n18 Nov 2026,"B HILL, LTD",12.00,\n19 Nov 2026,OUT,,3.00\n'
    await tess.get(describe)
    assert "Choose one of this bank’s files." in main_text(await upload(tess, describe, b""))
    await tess.get(describe)
    assert "There is no line of headings here" in main_text(await upload(tess, describe, b"1,2,3\n4,5,6\n"))
    await tess.get(describe)
    page = await upload(tess, describe, data)
    said = text(page)
    assert "What stands in which column?" in said
    assert "Details (such as B HILL, LTD)" in said
    assert re.findall(r'<option value="([^"]*)" selected', page.text)[:4] == ["Date", "dd Mon yyyy", "", "Paid in"]
    good = {
        "title": "Calder Bank", "day": "Date", "day_form": "dd Mon yyyy", "paid_in": "Paid in", "paid_out": "Paid out",
        "texts": ["Details"],
    }  # fmt: skip
    assert "Write what you call this bank." in main_text(await tess.send(describe, good | {"title": ""}))
    assert "By this the lines can’t be read. Line 3: " in main_text(
        await tess.send(describe, good | {"day_form": "dd/mm/yyyy"})
    )
    assert "Choose one of the columns." in main_text(await tess.send(describe, good | {"balance": "Made up"}))
    assert (await tess.send(describe, good)).status_code == 303
    layouts = await queries.layouts()
    (own,) = [name for name, title in layouts.items() if title == "Calder Bank"]
    profile = await queries.profile(own)
    assert profile is not None
    assert (profile.skip, profile.texts, profile.day_form) == (1, ("Details",), "dd Mon yyyy")


@pytest.mark.parametrize("kind", ["no such boundary", "half"])
async def test_a_form_with_a_file_that_is_none_is_refused(circle: Circle, browser_of: SignIn, kind: str) -> None:
    await accounts(circle)
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get(BANK)
    headers = {"content-type": "multipart/form-data" if kind != "half" else "multipart/form-data; boundary=x"}
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    assert (await tess.http.post(BANK, content=body, headers=headers)).status_code == 400
    assert (await tess.http.post(BANK, content=b"x" * 3_000_000, headers=headers)).status_code == 413
    stranger = Reader(tess.http._transport.app)  # type: ignore[attr-defined]
    async with stranger:
        assert (await stranger.http.post(BANK, content=body, headers=headers)).status_code == 415


async def test_what_was_paid_out_is_named_alike_before_and_after_it_is_written(
    circle: Circle, browser_of: SignIn
) -> None:
    ours = await accounts(circle)
    out = Out(circle.books, await hatted("Fay", "facilitator"))
    await out.earns(circle.books.worker, 6000)
    await out.earns(circle.books.other, 3000)
    await out.details(circle.books.worker)
    await out.details(circle.books.other, "87651234")
    await out.sent(pay_on=date(2026, 11, 23))
    (_robins, wrens) = [row[0] for row in await fetch("SELECT reference FROM payout_payment ORDER BY n")]
    day = clock.now().date().isoformat()
    lines = [
        line(day, -5100, wrens), line(day, 5100, wrens), line(day, -2550, "ROBIN"), line(day, 2550, "ROBIN RETURNED"),
        line(day, -7650, "BATCH 1"),
    ]  # fmt: skip
    tess = await browser_of(circle.books.treasurer.person_id)
    await tess.get(BANK)
    await upload(tess, BANK, banks.starling(lines), {"account": ours["1000"]})
    said = text(page := await tess.follow())
    assert "Payments that have been sent £51, one payment Payments that came back £51, one payment" in said
    assert f"{wrens} £51. The payment to Wren" in said
    assert f"{wrens} £51. The payment to Wren, come back" in said
    await tess.send(str(page.url.path))
    assert "One payment nobody has explained" not in (said := text(await tess.get("/money")))
    assert "Three payments nobody has explained" in said
    waiting = {
        one.line.amount_pence: f"{INBOX}/{one.line.id}" for one in await kept.waiting_lines(circle.books.treasurer)
    }
    page = await tess.get(waiting[-2550])
    assert "The payment to Robin £25.50, in the batch of 23 November 2026." in text(page)
    assert "All 2 payments of the batch" not in text(await tess.get(waiting[-7650]))
    choice = re.findall(r'value="(payout:[^"]+)"', page.text)
    await tess.get(waiting[-2550])
    assert (await tess.send(f"{waiting[-2550]}/what", {"what": choice[0]})).status_code == 303
    page = await tess.get(waiting[2550])
    assert "It is something else" in text(page)
    assert "The payment to Robin, come back £25.50, in the batch of 23 November 2026." in text(page)
    back = re.findall(r'value="(came_back:[^"]+)"', page.text)
    assert (await tess.send(f"{waiting[2550]}/what", {"what": back[0]})).status_code == 303
    states = [row[0] for row in await fetch("SELECT state FROM payout_payment ORDER BY n")]
    assert states == ["bounced", "bounced"]
    await verify()


async def test_just_what_another_circle_owes_us_is_offered_first(circle: Circle, browser_of: SignIn) -> None:
    await accounts(circle)
    link = await circle.link()
    terms = {"payer_add_bps": 0, "worker_deduct_bps": 1500, "home_share_bps": 5000}
    await ledgers.owe_worker_from(NODE, link, "claim", circle.books.worker, 6000, 0, key="claim", **terms)
    owed = (await escrow.owed(link)).they_owe_pence
    found = await written(circle, [line("2026-11-18", owed, "ECCOO 12AB"), line("2026-11-18", owed - 1, "x")], "1000")
    tess = await browser_of(circle.books.treasurer.person_id)
    page = await tess.get(f"{INBOX}/{found[0].line.id}")
    offered = re.findall(r'name="what" value="([^"]*)"', page.text)
    assert offered[0] == f"circle_paid:{link}"
    assert "<h2>It is something else</h2>" in page.text
    other = await tess.get(f"{INBOX}/{found[1].line.id}")
    assert re.findall(r'name="what" value="([^"]*)"', other.text)[0] != f"circle_paid:{link}"
    await tess.get(f"{INBOX}/{found[0].line.id}")
    assert (await tess.send(f"{INBOX}/{found[0].line.id}/what", {"what": offered[0]})).status_code == 303
    assert (await escrow.owed(link)).they_owe_pence == 0
    await verify()
