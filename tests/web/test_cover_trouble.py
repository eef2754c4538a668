"""The pages of cover where it does not go smoothly: what is missing, what differs, and whom to ring."""

import re
from datetime import timedelta

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.db.transaction import write
from tests.support import make
from tests.web.covering import Told, ask_far, choose, gap, offer
from tests.web.story import Answer, Walk


async def pat_is_asked_to_pay(walk: Walk) -> Told:
    """Pat pays for Edith, and Bea offers to come for more than is set aside."""
    with walk.a.node.bound():
        walk.a.people["Pat"] = await make.person("Pat", channel="email", email="pat@example.test")
        async with write():
            await fetch("UPDATE payer SET payer_person_id = ?", walk.a.people["Pat"])
    told = await ask_far(walk)
    await offer(walk, told, "Bea", "33")
    return told


async def test_the_payer_says_yes_first_when_it_costs_more_and_they_are_someone_else(walk: Walk) -> None:
    told = await pat_is_asked_to_pay(walk)
    page = await choose(walk, told, "Bea")
    assert page.heading == "Pat is asked first"
    assert "Bea costs more than is set aside for Thursday. Bea is told once Pat has said yes." in page.text
    pat = await walk.a.read_as("Pat")
    home = await pat.get("/home")
    assert (home.heading, home.acts) == ("Bea costs more on Thursday for Edith", ["See what it costs"])
    page = await pat.get(next(link for link in home.links if "/cover/offers/" in link))
    assert (page.heading, page.acts) == ("Is it all right to pay for Bea?", ["Yes, set £6 more aside"])
    assert (await pat.get(told.search)).heading == "Is it all right to pay for Bea?"
    done = await pat.press(page, "Yes, set £6 more aside")
    assert done.text.startswith("Thank you. We’re telling Bea.")
    await walk.settle()
    edith = await walk.a.read_as("Edith")
    assert (await edith.get(told.search)).heading == "Bea is coming on Thursday"


async def test_the_payers_no_sets_nothing_more_aside_and_the_person_chooses_again(walk: Walk) -> None:
    told = await pat_is_asked_to_pay(walk)
    await choose(walk, told, "Bea")
    pat, edith = await walk.a.read_as("Pat"), await walk.a.read_as("Edith")
    page = await pat.get(told.search)
    assert "If you say no, nothing more is set aside, and Edith is told and can choose again." in page.text
    assert "Bea is told nothing of it." in page.text
    with walk.a.node.bound():
        before = [tuple(row) for row in await fetch("SELECT id, balance_pence FROM account ORDER BY id")]
    walk.pair.move(timedelta(minutes=5))
    done = await pat.press(page, "No")
    assert done.text.startswith("Nothing more is set aside. Edith is told, and can choose again.")
    assert "Bea" not in done.text
    # The page that was still open in another window: the same answer again is the same answer.
    assert (await pat.send(page, "No")).status == 303
    assert (await pat.get(page.path)).heading == "This one has closed"
    assert (await pat.send(page, "Yes, set £6 more aside")).status == 409
    said = "Whoever pays says no to the higher price of the visit on Thursday at 9am. You can choose again."
    assert said in (await edith.get("/home")).text
    with walk.a.node.bound():
        assert [tuple(row) for row in await fetch("SELECT id, balance_pence FROM account ORDER BY id")] == before
    assert (await edith.get(told.search)).heading == "Bea offers to come on Thursday"
    await walk.settle()
    with walk.b.node.bound():
        assert [row[0] for row in await fetch("SELECT state FROM my_offer")] == ["offered"]
    # They talked, and she asks for the same again: only now does Pat say yes.
    assert (await choose(walk, told, "Bea")).heading == "Pat is asked first"
    await pat.press(await pat.get(told.search), "Yes, set £6 more aside")
    await walk.settle()
    assert (await edith.get(told.search)).heading == "Bea is coming on Thursday"


async def test_a_no_may_be_said_where_too_little_is_paid_in_and_news_goes_on(walk: Walk) -> None:
    told = await ask_far(walk)
    await offer(walk, told, "Bea", "33")
    edith = await walk.a.read_as("Edith")
    with walk.a.node.bound():
        async with write():
            # Its hour for news goes by while the price waits.
            await fetch(
                "UPDATE cover_request SET state = 'wants_payer', next_news_at = ?, "
                "chosen_offer = (SELECT id FROM cover_offer WHERE first_name = 'Bea')",
                walk.a.node.clock() - timedelta(minutes=1),
            )
        offered = await fetch_value("SELECT id FROM cover_offer WHERE first_name = 'Bea'")
    page = await edith.get(f"/cover/offers/{offered}")
    assert "nothing more is set aside, and you can choose again." in page.text
    done = await edith.press(page, "No")
    assert done.path == told.search
    assert "Nothing more is set aside. You can choose again." in done.text
    with walk.a.node.bound():
        news = await fetch_value("SELECT next_news_at FROM cover_request")
        assert as_time(news) > walk.a.node.clock()
        assert await fetch_value("SELECT 1 FROM job WHERE kind = 'cover.news' AND run_at = ?", news) == 1
        # Nobody tells her what she said herself.
        assert not await fetch("SELECT 1 FROM told WHERE news = 'price_no' AND person_id = ?", walk.a.people["Edith"])


async def test_too_little_paid_in_is_said_with_the_sum_that_is_missing(walk: Walk) -> None:
    with walk.a.node.bound():
        async with write():
            # Everything but £4 has gone elsewhere: the sum of credit and its account stay the same to the books.
            credit = await fetch_value("SELECT -balance_pence FROM account WHERE code = '2000'")
    told = await ask_far(walk)
    # £60 is set aside; all that is paid in would not be enough for this.
    rate = (credit + 6000) // 200 + 2
    await offer(walk, told, "Bea", str(rate))
    edith = await walk.a.read_as("Edith")
    page = await edith.get(told.search)
    if rate <= 200:
        page = await choose(walk, told, "Bea", edith)
        assert page.heading == "Is it all right to pay for Bea?"
        assert "is missing." in page.text
        assert page.acts == []


async def test_the_persons_own_no_stands_against_whoever_speaks_for_them(walk: Walk) -> None:
    visit = await gap(walk)
    edith, ruth = await walk.a.read_as("Edith"), await walk.a.read_as("Ruth", "Edith")
    page = await ruth.get(f"/cover/ask?visit={visit}")
    done = await edith.press(await edith.get(f"/visits/{visit}/without"), "Yes, do without")
    assert done.text.startswith("Nobody comes on Thursday. Those who were asked know.")
    sent = await ruth.press(page, "Ask them", workers=[walk.a.people["Sol"]])
    assert (sent.status, sent.heading) == (409, "Edith has chosen otherwise")
    assert "Edith’s own choice stands, so nothing was changed. Fay has been told and will ring." in sent.text
    fay = await walk.a.read_as("Fay")
    assert (
        "Ruth and Edith want different things on Thursday at 9am. Edith’s own choice stands."
        in (await fay.get("/home")).text
    )


def spoken(page: Answer) -> str:
    """The words that a page shows to be read out."""
    return re.findall(r'class="spoken">([a-z ]+)<', page.html)[0]


async def test_not_sure_by_the_hour_says_whom_to_ring_on_both_sides_and_a_facilitator_notes_what_they_heard(
    walk: Walk,
) -> None:
    told = await ask_far(walk)
    await offer(walk, told, "Bea", "30")
    walk.pair.move(timedelta(days=2, hours=9, minutes=30))
    await walk.settle()
    await choose(walk, told, "Bea")
    await walk.b.node.stop()
    walk.pair.move(timedelta(minutes=31))
    await walk.a.node.settle()
    edith, fay = await walk.a.read_as("Edith"), await walk.a.read_as("Fay")
    page = await edith.get(told.search)
    assert (page.heading, page.acts) == ("We can’t be sure Bea is coming tomorrow", [])
    assert "Todmorden circle, 01422 900000 Fay, 01422 960333" in page.text
    assert "If nobody can come and it cannot be missed Ring, in this order:" in page.text
    assert "The council’s emergency duty team Someone is in danger now: 999" in page.text
    assert (await edith.get("/home")).heading == "We can’t be sure Bea is coming tomorrow"
    home = await fay.get("/home")
    assert "We can’t be sure anyone is coming to Edith tomorrow at 9am." in home.text
    page = await fay.get(told.search)
    assert page.acts == ["I ring them now"]
    page = await fay.get(f"{told.search}/override")
    # What Hebden reads out is not what it waits for; nor is nothing, nor what Todmorden shows about somebody else.
    for said, why in (("", "Write the three words"), (spoken(page), "These are not the words")):
        wrong = await fay.press(page, "Yes, Bea is coming", code=said)
        assert (wrong.status, why in wrong.text) == (422, True)
    tom, bea = await walk.b.read_as("Tom"), await walk.b.read_as("Bea")
    opened = await tom.get(told.opened)
    theirs = await tom.get(next(link for link in opened.links if link.endswith("/by-phone")))
    page = await fay.press(wrong, "Yes, Bea is coming", code=spoken(theirs).title(), words="Tom, at 6")
    assert page.heading == "Bea is coming to Edith tomorrow"
    assert "We rang Todmorden circle to be sure, today at 6.01pm." in (await edith.get(told.search)).text
    ours = spoken(await fay.get(f"{told.search}/override"))
    done = await tom.press(theirs, "Yes, Bea is going", code=ours, words="Fay")
    assert done.heading == "Bea is expected in HX7 tomorrow"
    assert (await bea.get(told.offers["Bea"])).heading == "You are expected in HX7 tomorrow"
    with walk.a.node.bound():
        kept = [tuple(r) for r in await fetch("SELECT override_n, state, chosen_offer <> '' FROM cover_request")]
    assert kept == [(1, "telling", 1)]
    ruth = await walk.a.read_as("Ruth", "Edith")
    assert (await ruth.get(f"{told.search}/override")).status == 403


async def test_what_is_asked_and_offered_is_private(walk: Walk) -> None:
    told = await ask_far(walk)
    await offer(walk, told, "Bea", "30")
    edith = await walk.a.read_as("Edith")
    one = next(link for link in (await edith.get(told.search)).links if "/offers/" in link)
    for name in ("Wren", "Sol", "Robin", "Tomasz", "Tess", "Ruth"):
        reader = await walk.a.read_as(name)
        found = [
            (await reader.get(path)).status
            for path in (told.search, f"{told.search}/further", one, f"{told.search}/override")
        ]
        assert found == [404] * 4, name
    cass = await walk.b.read_as("Cass")
    assert [(await cass.get(told.offers["Bea"] + tail)).status for tail in ("", "/went", "/cant-come")] == [404] * 3


async def test_on_the_phone_each_question_is_read_aloud_and_the_button_records(walk: Walk) -> None:
    visit = await gap(walk)
    fay = await walk.a.read_as("Fay", "Edith", "phone")
    home = await fay.get("/home")
    assert home.text.startswith(
        "Monday 23 November Read this to Edith: Wren can’t come on Thursday at 9am You can choose"
    )
    page = await fay.get(f"/cover/ask?visit={visit}")
    assert page.acts == ["Record Edith’s answer"]
    search = await fay.press(page, "Record Edith’s answer", workers=[walk.a.people["Sol"]])
    page = await fay.get(f"{search.path}/further")
    assert (page.acts, "They do not see your name or address." in page.text) == (["Record Edith’s answer"], True)
    page = await fay.press(page, "Record Edith’s answer")
    assert page.text.startswith("Read this back to Edith: We’ve asked Todmorden circle.")
    with walk.a.node.bound():
        kept = await fetch("SELECT person_id, said_by, via, known_by FROM consent WHERE kind = 'cover.ask_further'")
    assert [tuple(row) for row in kept] == [(walk.a.people["Edith"], walk.a.people["Fay"], "phone", "rang_back")]
