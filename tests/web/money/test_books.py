"""Whether the books add up, as a treasurer and an admin read it: a break, who is told, and what is mended."""

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import checking
from eccoo_node.members import queries as members
from tests.support import make
from tests.support.node import Node
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text


async def set_bank(pence: int) -> None:
    async with write():
        await fetch("UPDATE account SET balance_pence = ? WHERE code = '1000'", pence)


async def test_a_break_is_told_to_those_who_see_to_it_until_it_is_mended(
    node: Node, circle: Circle, browser_of: SignIn
) -> None:
    books, keeper = circle.books, circle.books.treasurer.person_id
    admin = await make.person("Asha", email="asha@example.org", phone="01422 496 0199")
    await make.hat(admin, await members.circle_id(), "admin")
    tess, asha, ada = [await browser_of(one) for one in (keeper, admin, books.person)]
    await books.top_up(1000)
    assert "The books have not been added up yet. It happens each night." in text(await tess.get("/money"))
    await tess.send("/money/books")
    said = text(await tess.follow())
    assert "every penny is where it should be" in said
    assert "The books were last added up on Monday 23 November at 8am, and every penny" in said

    await set_bank(999)
    assert (await checking.check()).broken == (await checking.check()).broken
    broken = "Account 1000 says £9.99, but its entries add up to £10."
    page = await tess.get("/money")
    assert text(page).startswith(
        f"Money The books don’t add up. We saw it on Monday 23 November at 8am. {broken} Nothing is paid out until this "
        "is mended. Money can still come in, visits go on, and each is written down as always. Please ring Asha on "
        "01422 496 0199 , who looks after this node."
    )
    assert (await tess.get("/home")).text.count("The books don’t add up") == 1
    assert acts(await tess.get("/home"))[0] == "See what to do"
    # An admin reads that it is so, and whom it concerns, without a sum.
    told = text(await asha.get("/money/books"))
    assert "The books don’t add up." in told
    assert "£" not in told
    assert "The books don’t add up" in text(await asha.get("/home"))
    assert "The books don’t add up" not in text(await ada.get("/home"))
    assert (await ada.get("/money/books")).status_code == 403
    # Each has a mail, once, that says nothing of it.
    mails = await fetch("SELECT payload FROM job WHERE kind = 'mail.news' AND payload LIKE '%/money/books%'")
    assert len(mails) == 2
    # What comes in goes on.
    await books.top_up(500, "more")

    await set_bank(1500)
    await asha.get("/money/books")
    await asha.send("/money/books")
    said = text(await asha.follow())
    assert "The books don’t add up" not in said
    assert await checking.books_break() == ""
    assert "every penny is where it should be" in text(await tess.get("/money"))
    assert "The books don’t add up" not in text(await tess.get("/home"))
