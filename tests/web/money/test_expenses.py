"""Shopping on the pages: set aside beforehand, shown by a photo, answered, and told to whom it concerns."""

import io

import httpx
import pytest
from PIL import Image

from eccoo_node.agreements.actions import agree_terms
from eccoo_node.db.counting import counting_queries
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.expenses import actions, queries
from eccoo_node.kernel.access import NODE
from eccoo_node.members import queries as members
from eccoo_node.members.sign_in import start_writing_down
from tests.support import make
from tests.support.pictures import picture
from tests.web.client import Reader
from tests.web.money.conftest import Circle, SignIn
from tests.web.money.test_money_pages import acts, text

TALK = b"53.7413 N, 2.0165 W, 1 Bank Street"
WHERE = "/expenses"


async def team(circle: Circle) -> None:
    await make.hat(circle.books.worker, circle.team, "worker")
    await circle.books.top_up(10_000)


async def upload(reader: Reader, path: str, photo: bytes, name: str = "receipt.jpg", **fields: str) -> httpx.Response:
    """Fill in the form on this page that goes there, with a file, as a browser without scripts sends it."""
    files = {"photo": (name, photo, "image/jpeg")}
    reader.page = await reader.http.post(path, data=reader.hidden(path) | fields, files=files)
    return reader.page


async def test_shopping_from_the_yes_to_the_receipt_to_the_yes(circle: Circle, browser_of: SignIn) -> None:
    await team(circle)
    books = circle.books
    async with write():
        await fetch("UPDATE person SET channel = 'email' WHERE id = ?", books.person)
    ada, wren = await browser_of(books.person), await browser_of(books.worker)
    page = await ada.get("/expenses/new")
    assert acts(page) == ["Yes, set it aside"]
    assert "£100 is there and not set aside." in text(page)
    right = {"purpose": "Shopping on Thursday", "ceiling": "15", "worker": books.worker}
    for field, value, sentence in (
        ("purpose", "", "Say what it is for"), ("ceiling", "lots", "Write the sum in pounds"),
        ("ceiling", "500.01", "Choose a sum above £0 and up to £500."), ("ceiling", "101", "There is less than £101 paid in"),
    ):  # fmt: skip
        page = await ada.send("/expenses/new", right | {field: value})
        assert page.status_code == (409 if value == "101" else 422)
        assert f'<a href="#{field}">{sentence}' in page.text
        assert f'value="{books.worker}" checked' in page.text
    page = await ada.send("/expenses/new", right)
    path = page.headers["location"]
    assert "£15 is set aside, and Wren has been told." in text(await ada.follow())
    follow = await ada.get(f"/money/follow/expense:{path.rpartition('/')[2]}")
    assert (f'href="{path}">See what was bought' in follow.text, "See the visit" in follow.text) == (True, False)
    # The worker's own home leads to the one question.
    assert "What did “Shopping on Thursday” for Ada cost?" in text(await wren.get("/home"))
    page = await wren.get(f"{path}/cost")
    assert 'enctype="multipart/form-data"' in page.text
    page = await upload(wren, f"{path}/cost", picture("JPEG", size=(900, 1600), talk=TALK), cost="£12.45")
    assert page.status_code == 303
    assert "You say it cost £12.45. The other £2.55 goes back." in text(await wren.follow())
    said = text(await ada.get("/home"))
    assert "Wren: “Shopping on Thursday” cost £12.45. Is that right?" in said
    assert "If nobody answers, £12.45 goes to Wren by 6pm on Wednesday." in said
    page = await ada.get(f"{path}/answer")
    assert f'src="{path}/receipt"' in page.text
    photo = await ada.http.get(f"{path}/receipt")
    assert TALK not in photo.content
    with Image.open(io.BytesIO(photo.content)) as drawn:
        assert (drawn.format, drawn.size, dict(drawn.getexif())) == ("WEBP", (900, 1600), {})
    kept = {name: photo.headers[name] for name in ("content-type", "cache-control", "x-content-type-options")}
    assert kept == {
        "content-type": "image/webp", "cache-control": "private, no-store", "x-content-type-options": "nosniff"
    }  # fmt: skip
    assert "default-src 'none'" in photo.headers["content-security-policy"]
    assert (await ada.send(f"{path}/answer", {"answer": "yes"})).status_code == 303
    assert "£12.45 went to you, and £2.55 went back." not in text(await ada.follow())
    assert "£12.45 went to you, and £2.55 went back." in text(await wren.get(path))
    said = text(await wren.get("/money"))
    assert "You have £12.45 for what you laid out, such as mileage or shopping. £12.45 of it is yours and waits" in said
    await circle.books.top_up(6000, "for a visit")
    await escrow.release(NODE, await circle.visit(), "went")
    said = text(await wren.get("/money"))
    assert (
        "You have earned £51 here so far, and have £12.45 for what you laid out, such as mileage or shopping. " in said
    )
    assert "£63.45 of it is yours and waits to be paid out." in said
    assert "Shopping on Thursday (Wren) £12.45 to the worker, £2.55 came back" in text(await ada.get("/money"))


async def test_what_is_no_photo_is_refused_and_nothing_is_kept(circle: Circle, browser_of: SignIn) -> None:
    await team(circle)
    books = circle.books
    path = f"{WHERE}/{await agreed(circle)}/cost"
    wren = await browser_of(books.worker)
    await wren.get(path)
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    html = b"<!doctype html><script>alert(1)</script>"
    for bad in (svg, html, bomb.getvalue(), picture("JPEG")[:-40], b"\xff\xd8\xff", b"GIF89a" + b"\0" * 40):
        page = await upload(wren, path, bad, name="../../receipt.svg", cost="12")
        assert page.status_code == 422
        assert "We can’t read this as a photo." in page.text
        assert 'value="12"' in page.text
    page = await upload(wren, path, b"", cost="12")
    assert "Add a photo of the receipt." in page.text
    assert (await upload(wren, path, b"x" * (13 * 1024 * 1024), cost="12")).status_code == 413
    await wren.get(path)
    hidden = wren.hidden(path)
    files = {"photo": ("r.jpg", picture("JPEG"), "image/jpeg")}
    # Only a page that asks for a file is sent one, only by someone signed in, and only with a token of ours.
    assert (await wren.http.post("/expenses/new", data=hidden, files=files)).status_code == 415
    assert (await wren.http.post(path, data={"cost": "12"}, files=files)).status_code == 403
    stranger = Reader(wren.http._transport.app)  # type: ignore[attr-defined]
    assert (await stranger.http.post(path, data=hidden, files=files)).status_code == 415
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    for body in (b"", b"--b\r\n", b"--b\r\nx\r\n\r\n--b--", b"x" * 100):
        assert (await wren.http.post(path, content=body, headers=boundary)).status_code in {400, 403}
    assert await fetch_value("SELECT COUNT(*) FROM expense_photo") == 0
    # What is more than was agreed is said, and asked for anew.
    await wren.get(path)
    await upload(wren, path, picture("WEBP"), cost="17.20")
    page = await wren.follow()
    assert "That is £2.20 more than the £15 that was agreed." in text(page)
    assert acts(page) == ["Ask for £2.20 more"]
    await wren.send(path.replace("/cost", "/more"))
    ada = await browser_of(books.person)
    page = await ada.get(path.replace("/cost", "/answer"))
    assert "Yes, pay all £17.20 Pay the £15 that was agreed Something is wrong" in text(page)


async def agreed(circle: Circle, ceiling_pence: int = 1500) -> str:
    books = circle.books
    return await actions.agree(
        await members.actor_for(books.person), person_id=books.person, worker_id=books.worker,
        purpose="Shopping on Thursday", ceiling_pence=ceiling_pence,
    )  # fmt: skip


async def test_a_page_opened_before_the_cost_was_put_right_is_shown_anew(circle: Circle, browser_of: SignIn) -> None:
    await team(circle)
    id_ = await agreed(circle)
    wren = await members.actor_for(circle.books.worker)
    await actions.say_cost(wren, expense_id=id_, cost_pence=900, photo=b"drawn")
    path = f"{WHERE}/{id_}/answer"
    ada = await browser_of(circle.books.person)
    await ada.get(path)
    await actions.say_cost(wren, expense_id=id_, cost_pence=1400, photo=b"drawn again")
    page = await ada.send(path, {"answer": "yes"})
    assert page.status_code == 409
    assert "Wren has put right what it cost since you opened this page." in page.text
    assert "£14" in page.text
    assert (await ada.send(path, {"answer": "yes"})).status_code == 303
    assert "£14 goes to Wren" in text(await ada.follow())


async def test_something_wrong_is_heard_and_settled_by_the_treasurer(circle: Circle, browser_of: SignIn) -> None:
    await team(circle)
    books = circle.books
    id_ = await agreed(circle)
    wren = await members.actor_for(books.worker)
    await actions.say_cost(wren, expense_id=id_, cost_pence=1245, photo=b"drawn")
    fay = await make.person("Fay")
    await make.hat(fay, await make.circle(), "facilitator")
    path = f"{WHERE}/{id_}"
    ada = await browser_of(books.person)
    await ada.get(f"{path}/answer")
    page = await ada.send(f"{path}/answer", {"answer": "wrong"})
    assert page.headers["location"] == f"{path}/answer?said=wrong"
    await ada.follow()
    page = await ada.send(f"{path}/answer", {"right": "99", "words": "No wine"})
    assert 'href="#right"' in page.text
    assert "No wine</textarea>" in page.text
    await ada.send(f"{path}/answer", {"right": "10", "words": "No wine"})
    assert "£2.45 waits until you have both been heard. £10 went to Wren. " in text(await ada.follow())
    helper = await browser_of(fay)
    assert "Something is not right about a receipt. Please ring both." in text(await helper.get("/home"))
    page = await helper.get(path)
    assert "That you looked is written down." in page.text
    assert "<img" not in page.text[page.text.find("<main") :]
    assert (await helper.get(f"{path}/settle")).status_code == 403
    # The same facilitator, writing down what Wren says, who has a receipt on paper.
    second = await agreed(circle)
    session = await fetch_value("SELECT id FROM session WHERE person_id = ?", fay)
    await start_writing_down(await members.actor_for(fay), session, books.worker, known_by="face_to_face")
    page = await helper.get(f"{WHERE}/{second}/cost")
    assert "I have the receipt on paper before me" in text(page)
    assert acts(page) == ["Record Wren’s answer"]
    await upload(helper, f"{WHERE}/{second}/cost", b"", cost="3", paper="yes")
    assert "Read this back to Wren: Thank you. We’re asking Ada." in text(await helper.follow())
    assert "A facilitator has seen the receipt on paper." in text(await ada.get(f"{WHERE}/{second}/answer"))
    async with write():
        await fetch("UPDATE session SET acting_for = '' WHERE id = ?", session)
    tess = await browser_of(books.treasurer.person_id)
    assert "Shopping on Thursday" in text(await tess.get("/expenses/all"))
    assert acts(await tess.get(path)) == ["Write down what was agreed"]
    await tess.get(f"{path}/settle")
    assert (await tess.send(f"{path}/settle", {"due": "3", "because": "Both said so"})).status_code == 422
    await tess.send(f"{path}/settle", {"due": "1.45", "because": "Both said so by phone"})
    assert "£11.45 went to Wren, and £3.55 went back." in text(await tess.follow())
    for who in (tess, helper):
        assert (await who.get(f"{path}/receipt")).status_code == 200
    looked = await fetch("SELECT actor_id FROM audit WHERE action = 'expenses.look_at_receipt' ORDER BY id")
    assert [row[0] for row in looked] == [books.treasurer.person_id, fay]
    other = await browser_of(books.other)
    for page_path in (path, f"{path}/receipt", f"{path}/cost", f"{path}/answer", f"{path}/settle"):
        assert (await other.get(page_path)).status_code == 404
    for page_path in ("/expenses/all", f"/expenses/plans/{books.payer}"):
        assert (await other.get(page_path)).status_code == 403


async def test_public_money_says_kindly_why_not_and_the_treasurer_what_allows_it(
    circle: Circle, browser_of: SignIn
) -> None:
    await team(circle)
    books = circle.books
    async with write():
        await fetch("UPDATE payer SET fund = 'nhs'")
    ada, tess = await browser_of(books.person), await browser_of(books.treasurer.person_id)
    await ada.get("/expenses/new")
    right = {"purpose": "Milk", "ceiling": "5", "worker": books.worker}
    page = await ada.send("/expenses/new", right)
    assert page.status_code == 409
    assert "The money that pays for this support is for care only, as far as we know." in page.text
    assert "Ada: NHS budget Nothing is written down yet. care only" in text(await tess.get("/expenses/all"))
    path = f"/expenses/plans/{books.payer}"
    await tess.get(path)
    assert (await tess.send(path, {"allows": "yes"})).status_code == 422
    await tess.send(path, {"allows": "yes", "travel": "no", "rests_on": "Calderdale’s letter of 3 November"})
    assert "Calderdale’s letter of 3 November shopping is allowed" in text(await tess.follow())
    await ada.get("/expenses/new")
    assert (await ada.send("/expenses/new", right)).status_code == 303


async def test_lists_ask_the_same_few_questions_however_long_they_are(circle: Circle, browser_of: SignIn) -> None:
    await team(circle)
    readers = [
        await browser_of(p) for p in (circle.books.person, circle.books.worker, circle.books.treasurer.person_id)
    ]

    async def counted() -> list[int]:
        found = []
        for reader, path in zip(readers, ("/expenses", "/expenses", "/expenses/all"), strict=True):
            with counting_queries() as count:
                assert (await reader.get(path)).status_code == 200
            found.append(len(count))
        return found

    await agreed(circle, 100)
    one = await counted()
    for _ in range(20):
        await agreed(circle, 100)
    assert await counted() == one
    assert len(await queries.list_for(await members.actor_for(circle.books.worker))) == 21


async def test_both_read_the_way_and_the_miles_before_they_say_yes(circle: Circle, browser_of: SignIn) -> None:
    books = circle.books
    offer = await agree_terms(
        await members.actor_for(books.worker), person_id=books.person, worker_id=books.worker, rate_pence=2000,
        travel_minutes=18, miles=8, payer_id=books.payer,
    )  # fmt: skip
    ada, wren, other = [await browser_of(p) for p in (books.person, books.worker, books.other)]
    words = (
        "Rate £20 an hour Time on the way 18 minutes at the same rate: £6 a visit Miles 8 at 45p: £3.60 a visit "
        "Called off late 50% of the fee, less than 24 hours before"
    )
    page = await wren.get("/agreed")
    assert f"Ada waits for Ada You have £17 of each hour. £3 goes to the circle. {words}" in text(page)
    assert acts(page) == []
    page = await ada.get("/agreed")
    pays = "You pay £20 an hour in all: £17 to Wren and £3 to the circle."
    assert f"Wren waits for your yes {pays} {words}" in text(page)
    assert acts(page) == ["Yes, I agree"]
    hidden = ada.hidden(f"/agreed/{offer.id}")
    await other.get("/agreed")
    assert "£" not in text(other.page)
    assert (await ada.post(f"/agreed/{offer.id}", hidden)).status_code == 303
    assert f"Wren you both said yes {pays} {words}" in text(await ada.follow())
    await wren.get("/agreed")
    assert (await ada.post(f"/agreed/{offer.id}", hidden | {"again": "1"})).status_code == 404


@pytest.mark.parametrize("travel", [(18, 8)])
async def test_a_visit_says_line_by_line_what_it_is_made_of(
    circle: Circle, browser_of: SignIn, travel: tuple[int, int]
) -> None:
    await team(circle)
    line = await circle.visit(fee_pence=4600, travel_pence=360)
    async with write():
        await fetch("UPDATE visit SET rate_pence = 2000, travel_minutes = ?, miles = ?, mileage_pence = 45", *travel)
    reader = await browser_of(circle.books.worker)
    said = text(await reader.get(f"/visits/{line.partition(':')[2]}"))
    assert "The visit, 9am to 11am £40 Time on the way, 18 minutes £6 8 miles at 45p £3.60" in said
