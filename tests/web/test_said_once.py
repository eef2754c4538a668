"""One matter is said once, and nobody is sent to themselves."""

from datetime import timedelta

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from tests.web.covering import ask_far, ask_near, choose, gap, offer
from tests.web.story import Visitor, Walk
from tests.web.test_rota import worker_says


async def test_whoever_pays_and_speaks_for_someone_reads_of_a_price_once_and_then_has_nothing_to_do(walk: Walk) -> None:
    with walk.a.node.bound():
        async with write():
            await fetch("UPDATE payer SET payer_person_id = ?", walk.a.people["Ruth"])
    told = await ask_far(walk)
    await offer(walk, told, "Bea", "33")
    assert (await choose(walk, told, "Bea")).heading == "Ruth is asked first"
    ruth = await walk.a.read_as("Ruth")
    home = await ruth.get("/home")
    assert (home.heading, home.acts) == ("Bea costs more on Thursday for Edith", ["See what it costs"])
    assert (home.text.count("Bea costs more"), "Also waiting" in home.text) == (1, False)
    page = await ruth.get(next(link for link in home.links if "/cover/offers/" in link))
    done = await ruth.press(page, "Yes, set £6 more aside")
    assert (done.path, done.heading, done.acts) == ("/home", "We’re telling Bea about Thursday", [])
    assert "It says so here when we are sure. Speak for Edith" in done.text


FAY = ("Talk to Fay", "Ring Fay", "ring Fay", "Fay rings", "Fay will ring", "Fay has been told", "960333")


async def read(reader: Visitor, *paths: str) -> list[str]:
    """What on these pages sends the reader to Fay."""
    pages = [await reader.get(path) for path in paths]
    assert [page.status for page in pages if page.status not in {200, 403}] == []
    return [f"{page.path}: {words}" for page in pages for words in FAY if words in page.text]


async def test_a_facilitator_is_not_told_to_ring_herself(walk: Walk) -> None:
    told = await ask_near(walk)
    visit = walk.a.visits["Thursday"]
    own, phone = await walk.a.read_as("Fay"), await walk.a.read_as("Fay", "Edith", "phone")
    here = [f"/visits/{visit}{tail}" for tail in ("", "/told", "/talk", "/another-time", "/without")]
    assert await read(own, *here, told.search) == []
    assert await read(phone, *here, told.search, "/speaks-for-me") == []
    # To everyone else she is the one to ring.
    edith = await walk.a.read_as("Edith")
    assert "Talk to Fay" in (await edith.get(told.search)).text
    page = await phone.get(f"/visits/{visit}/another-time")
    done = await phone.press(page, "Record Edith’s answer", words="Friday morning")
    assert done.text.startswith("Read this back to Edith: That is written down.")


async def test_on_the_phone_the_choice_is_between_what_is_not_being_done_already(walk: Walk) -> None:
    visit = await gap(walk)
    phone = await walk.a.read_as("Fay", "Edith", "phone")
    page = await phone.get(f"/visits/{visit}/choose")
    assert "Someone else comes Another time Do without Continue" in page.text
    own = await walk.a.read_as("Fay")
    page = await own.get(f"/visits/{visit}/choose")
    assert (page.status, page.acts) == (403, ["Write down what Edith says"])
    assert (await own.get(f"/phone/{walk.a.people['Edith']}")).heading == "How do you know it’s Edith?"


async def test_what_was_wrong_is_read_back_without_a_promise_to_ring(walk: Walk) -> None:
    await worker_says(walk)
    walk.pair.move(timedelta(minutes=1))
    phone = await walk.a.read_as("Fay", "Edith", "phone")
    path = f"/visits/{walk.a.visits['Thursday']}/answer"
    assert await read(phone, path, f"{path}?said=wrong") == []
    sure = await phone.press(await phone.get(path), "Record Edith’s answer", answer="no")
    done = await phone.press(sure, "Record Edith’s answer")
    assert done.text.startswith("The visit Read this back to Edith: Thank you. Only the part in question waits.")
