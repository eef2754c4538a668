"""A treasurer's weeks in a browser: a statement is read, money finds its payer, next week is paid ahead, a visit is in
question and settled, workers are paid, one payment comes back, and everyone has their paper."""

import re
from collections.abc import Awaitable, Callable

from eccoo_node.demo.cast import HEBDEN
from tests.journeys.walking import Walk, plain

NewWalk = Callable[..., Awaitable[Walk]]
HEADINGS = "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP)"


class Bank:
    """What the bank's site gives for download: payments in and out, and what was there after each."""

    def __init__(self) -> None:
        self.there = 0

    def file(self, *lines: tuple[str, str, str, int]) -> bytes:
        rows = [HEADINGS]
        for day, who, words, pence in lines:
            self.there += pence
            rows.append(f"{day},{who},{words},FASTER PAYMENT,{pence / 100:.2f},{self.there / 100:.2f}")
        return ("\r\n".join(rows) + "\r\n").encode()


def in_figures(walk: Walk, days: int) -> str:
    return f"{walk.demo.day(days):%d/%m/%Y}"


async def reads_statement(walk: Walk, file: bytes, *sentences: str) -> None:
    """The treasurer looks at the bank's file, and writes it in the books."""
    await walk.be("Nasreen")
    await walk.press("Money")
    await walk.press("Read a bank statement")
    await walk.reads("What does the bank say?", act="Look at the file")
    await walk.page.set_input_files(
        "input[type=file]", {"name": "november.csv", "mimeType": "text/csv", "buffer": file}
    )
    await walk.press("Look at the file")
    await walk.reads(
        "What will be written in the books", "Nothing is in the books yet.", *sentences, act="Write it in the books"
    )
    await walk.press("Write it in the books")


async def money_comes_in(walk: Walk, bank: Bank) -> None:
    """The weekly run had left four of Vernon's visits: his payment says whose it is, and they are paid for at once. Of
    another payment nobody knows whose it is, until the treasurer does."""
    await walk.be("Nasreen")
    await walk.open("/money/weekly")
    await walk.says(f"On {walk.day(-4)} at 9am", "Vernon: four visits", "£130 more is needed.")
    file = await (await walk.page.request.get(f"{walk.demo.url(HEBDEN)}/demo/statement")).body()
    bank.there = round(float(file.decode().split()[-1].rpartition(",")[2]) * 100)
    await reads_statement(walk, file, "To the payers whose it is £150, one payment")
    await walk.open("/money/bank")
    assert "than it should" not in await walk.text()
    await walk.open("/money/weekly")
    await walk.until_it_no_longer_says("Vernon", heading="Paying a week ahead")
    await walk.press("Money")
    await walk.press("Whose money is this?")
    await walk.press(walk.page.locator("main .cards a").filter(has_text="£40"))
    await walk.page.get_by_label("Whose is it?").select_option(index=1)
    await walk.press("It is theirs")
    await walk.open("/money/inbox")
    await walk.says("Nothing waits.")


async def next_week_has_its_turn(walk: Walk) -> None:
    await walk.move_on("Thursday, noon")
    await walk.be("Nasreen")
    await walk.open("/money/weekly")
    await walk.until_it_says(f"of the week {walk.demo.day(7).day} {walk.demo.day(7):%B}")
    # Edith's Friday was short, until the money of the Thursday on which nobody came went back.
    await walk.says("One was not paid for then.")


async def a_visit_is_in_question(walk: Walk) -> None:
    """Monday's visit was shorter: an hour of two. Half of it waits, and Maryam says that this is right."""
    await walk.be("Maryam")
    week = walk.page.get_by_role("link", name="Week", exact=True)
    await walk.press(week)
    monday = walk.page.locator(".week > li").filter(has_text=walk.day(0))
    await walk.press(monday.get_by_role("link", name="Edith"))
    visit = walk.path
    await walk.open(f"{visit}/went")
    await walk.choose("As planned")
    await walk.press("Send")
    await walk.be("Edith")
    await walk.open(f"{visit}/answer")
    await walk.choose("Partly")
    await walk.press("Send my answer")
    await walk.fill("Minutes", "60")
    await walk.press("Send my answer")
    await walk.be("Maryam")
    await walk.open(f"{visit}/money")
    await walk.says("£30")
    await walk.press("Yes, that is right")
    await walk.open(f"/money/follow/visit:{visit.rpartition('/')[2]}")
    await walk.says("Set aside", "£25.50 to the worker", "£30 back to whoever pays")


async def workers_are_paid(walk: Walk) -> str:
    """Maryam says where her money goes, Ruth makes sure, and the batch has a second yes. Its file, as it is handed out."""
    await walk.be("Maryam")
    await walk.open("/money/where-to")
    await walk.fill("Name on the account", "M Siddiq")
    await walk.fill("Sort code", "20-30-40")
    await walk.fill("Account number", "12345679")
    await walk.press("Write it down")
    await walk.be("Ruth")
    await walk.open("/money/details")
    await walk.press("Begin with Maryam")
    await walk.page.get_by_role("radio").first.check()
    await walk.fill("Sort code", "203040")
    await walk.fill("Account number", "12345679")
    await walk.press("Write it down")
    await walk.be("Nasreen")
    await walk.open("/money/payouts")
    await walk.press("Make a batch")
    await walk.press("Make the batch")
    batch = walk.path
    if "needs the yes of a second person" in await walk.text():
        await walk.be("Ruth")
        await walk.open(f"{batch}/yes")
        await walk.press("Yes, it may be sent")
        await walk.be("Nasreen")
        await walk.open(batch)
    await walk.press("Make the file")
    async with walk.page.expect_download() as download:
        await walk.one("Take the file").click()
    taken = (await (await download.value).path()).read_text()
    assert "12345679" in taken
    return batch


async def one_comes_back(walk: Walk, bank: Bank, batch: str) -> None:
    """The statement shows that both were paid; the day after, that Maryam's came back."""
    await walk.open(batch)
    sent = {}
    for card in await walk.page.locator("main .cards a").all():
        words = plain(await card.inner_text())
        found = re.search(r"£([0-9]+(?:\.[0-9]{2})?) .*“(.+)” on their statement", words)
        assert found, words
        sent["M SIDDIQ" if "Maryam" in words else "T SCARHOLME"] = round(float(found[1]) * 100), found[2]
    today = in_figures(walk, 3)
    amount, reference = sent["M SIDDIQ"]
    await reads_statement(walk, bank.file(*((today, name, words, -pence) for name, (pence, words) in sent.items())))
    await walk.open(batch)
    await walk.says("Nothing of it is on its way any more.")
    await reads_statement(walk, bank.file((today, "M SIDDIQ", f"RETURNED {reference}", amount)), "came back")
    await walk.be("Maryam")
    await walk.until_it_says("A payment to you came back from the bank Your money is safe.")


async def everyone_has_their_paper(walk: Walk) -> None:
    await walk.be("Nasreen")
    await walk.open("/papers/make/statement")
    await walk.page.get_by_label("Which payer?").select_option(index=1)
    last = walk.demo.day(-3)
    await walk.fill("Which week?", f"{last.day} {last:%B} {last.year}")
    await walk.press("Make it")
    await walk.says("Statement of held money", "Number: S-", "At the end, Sunday")
    pdf = await walk.page.request.get(f"{walk.page.url}/pdf")
    assert (pdf.status, (await pdf.body())[:5]) == (200, b"%PDF-")


async def test_a_treasurers_weeks(new_walk: NewWalk) -> None:
    walk, bank = await new_walk(width=1280), Bank()
    await money_comes_in(walk, bank)
    await next_week_has_its_turn(walk)
    await a_visit_is_in_question(walk)
    batch = await workers_are_paid(walk)
    await one_comes_back(walk, bank, batch)
    await everyone_has_their_paper(walk)
