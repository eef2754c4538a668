"""The pages of workers near us: a worker's own yes, looking for someone, asking by name, and what was seen of papers."""

from datetime import timedelta

import pytest

from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions as links
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.members import work
from eccoo_node.members.queries import actor_for
from eccoo_node.pools import reading
from eccoo_node.pools.tables import PoolWorker
from tests.support import make
from tests.web.covering import ask_near
from tests.web.story import Visitor, Walk
from tests.web.test_many import statements

FIELDS = "pool.read:first_name,skills,languages,areas,rate,hours"
YES = "Let them see this"


async def agree(walk: Walk) -> str:
    """Both circles agree that workers may be seen, and what was seen of them be read."""
    both, link_id = (*BOTH_WAYS, "attest.read", FIELDS), walk.pair.link_id
    with walk.a.node.bound():
        await links.propose(COMMAND, link_id, Terms(we_may=both, they_may=both))
    await walk.settle()
    with walk.b.node.bound():
        await links.agree(COMMAND, link_id)
    await minute(walk)
    return link_id


async def minute(walk: Walk) -> None:
    walk.pair.move(timedelta(minutes=1))
    with walk.a.node.bound():
        await reading.keep_fresh({})
    await walk.settle()


async def says_yes(walk: Walk, link_id: str, *fields: str) -> Visitor:
    bea = await walk.b.read_as("Bea")
    await bea.press(await bea.get(f"/shown/{link_id}"), YES, fields=[*fields])
    await minute(walk)
    return bea


async def test_a_worker_reads_what_would_be_seen_and_says_yes_thing_by_thing(walk: Walk) -> None:
    link_id = await agree(walk)
    bea = await walk.b.read_as("Bea")
    assert "/shown" in (await bea.get("/requests")).links
    assert "does not see you" in (await bea.get("/shown")).text
    page = await bea.get(f"/shown/{link_id}")
    assert page.heading == "What may people of Hebden circle see of you?"
    assert page.acts == [YES]
    assert " checked" not in page.html
    for words in (
        "First name Bea", "Skills Moving and handling", "Languages English", "Places HX7", "Rate £30 an hour",
        "Hours Every day 7am to 9pm", "Papers that Todmorden circle saw DBS certificate on 23 November",
    ):  # fmt: skip
        assert words in page.text
    wrong = await bea.press(page, YES)
    assert (wrong.status, "Tick at least one thing" in wrong.text) == (422, True)
    page = await bea.press(page, YES, fields=["first_name", "areas"])
    assert page.heading == "People of Hebden circle see this of you"
    assert ("Bea" in page.text, "£30" in page.text) == (True, False)
    with walk.b.node.bound():
        kept = await fetch_value("SELECT words FROM consent WHERE kind = 'pools.share'")
    assert kept == (
        "People of Hebden circle may see this of me. I can stop it at any time.\nFirst name: Bea\nPlaces: HX7"
    )
    # By phone a facilitator writes it down; nobody who only speaks for her may.
    tom = await walk.b.read_as("Tom", acting_for="Bea", via="phone")
    assert (await tom.get(f"/shown/{link_id}")).acts == ["Record Bea’s answer"]
    tom_himself = await walk.b.read_as("Tom")
    assert (await tom_himself.get(f"/shown/{link_id}")).status == 404
    page = await bea.press(page, "Stop showing me")
    assert "does not see you" in page.text


async def test_a_neighbour_is_found_asked_by_name_and_seen_with_what_that_does_not_say(walk: Walk) -> None:
    link_id = await agree(walk)
    bea = await says_yes(walk, link_id, "first_name", "areas", "hours", "seen")
    edith, wren = await walk.a.read_as("Edith"), await walk.a.read_as("Wren")
    assert (await wren.get("/near")).status == 403
    page = await edith.get("/near")
    assert "Todmorden circle, goes to HX7. " in page.text
    assert "Todmorden circle: as of just now" in page.text
    assert "HX9: nobody of 1." in (await edith.get("/near?area=HX9")).text
    assert "HX7, Thursday, in the morning: 1 of 1." in (await edith.get("/near?area=hx7&day=3&part=morning")).text
    page = await edith.get(next(link for link in page.links if link.startswith("/near/")))
    assert page.heading == "Bea"
    assert (
        "Todmorden circle saw Bea’s DBS certificate, insurance papers and papers that allow work here on 23 November."
        in page.text
    )
    assert "It is not the paper itself: ask Bea to show it to you." in page.text
    search = (await ask_near(walk)).search
    page = await edith.get(f"{search}/further")
    [named] = [part.split('"')[0] for part in page.html.split('name="invited" value="')[1:]]
    page = await edith.press(page, "Yes, ask them", invited=[named])
    await walk.settle()
    with walk.a.node.bound():
        kept = await fetch_value("SELECT words FROM consent WHERE kind = 'cover.ask_further'")
    assert kept.endswith("\nAsked for by name: Bea")
    # She reads that it is for her, her colleague what is asked of all; and nothing tells Edith of either.
    cass = await walk.b.read_as("Cass")
    assert "A neighbour in HX7 asks for you on Thursday at 9am" in (await bea.get("/home")).text
    assert "asks for you" not in (await cass.get("/home")).text
    [asked] = {link for link in (await bea.get("/requests")).links if link.startswith("/requests/")}
    assert (await bea.get(asked)).heading == "A neighbour in Hebden circle asks for you"
    assert (await cass.get(asked)).heading == "Someone in HX7 needs a worker"
    await bea.press(await bea.get(f"{asked}/offer"), "Send my offer", rate="30", own_words="Hello.")
    await walk.settle()
    offer = next(link for link in (await edith.get(search)).links if "/offers/" in link)
    page = await edith.get(offer)
    assert "ask Bea to show it to you" in page.text
    assert "DBS certificate until 23 November 2027" in page.text
    with walk.a.node.bound():
        async with write():
            await fetch("UPDATE attestation_in SET state = 'asked' WHERE kind = 'dbs_enhanced'")
        page = await edith.get(offer)
        assert "We are not sure yet about all of the papers that Todmorden circle saw." in page.text
        assert "DBS certificate" not in page.text
        async with write():
            await fetch("UPDATE attestation_in SET state = 'seen' WHERE kind = 'dbs_enhanced'")
    # Her certificate is withdrawn at home: at once nobody is shown it, and her offer goes.
    with walk.b.node.bound():
        check = await fetch_value(
            "SELECT id FROM credential WHERE kind = 'dbs_enhanced' AND person_id = ?", walk.b.people["Bea"]
        )
        await work.end_check(await actor_for(walk.b.people["Tom"]), check)
    with walk.a.node.bound():
        async with write():
            await fetch("UPDATE attestation_in SET state = 'gone' WHERE kind = 'dbs_enhanced'")
    assert "does not hold any more" in (await edith.get(offer)).text
    refused = await edith.send(page, "Yes, ask Bea to come")
    assert (refused.status, "does not hold any more" in refused.html) == (409, True)
    await walk.settle()
    assert (await edith.get(offer)).heading != "Bea"
    assert "What was seen of your papers has ended" in (await bea.get("/home")).text


async def test_what_is_old_says_so_and_fifty_neighbours_cost_what_one_does(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id = await agree(walk)
    await says_yes(walk, link_id, "first_name")
    fay = await walk.a.read_as("Fay")
    assert (await statements(walk.a, fay, "/near", monkeypatch))[0] == 200
    one = await statements(walk.a, fay, "/near", monkeypatch)
    with walk.a.node.bound():
        async with write():
            for n in range(50):
                await insert(PoolWorker(link_id=link_id, reference=f"r{n}", first_name=f"Ann{n:02}", reading=1))
        assert await fetch_value("SELECT COUNT(*) FROM pool_link") == 1
    assert await statements(walk.a, fay, "/near", monkeypatch) == one
    page = await fay.get("/near")
    assert sum(link.startswith("/near/") for link in page.links) == 25
    assert (await fay.get("/near?page=2")).text.count("Ann") == 0
    walk.pair.move(timedelta(days=2))
    page = await fay.get("/near")
    assert "and may have changed since" in page.text
    assert 'class="old"' in page.html


async def test_an_admin_chooses_which_fields_of_a_worker_may_be_seen(walk: Walk) -> None:
    link_id = await agree(walk)
    with walk.a.node.bound():
        ada = await make.person("Ada")
        await make.hat(ada, await make.circle(), "admin")
    walk.a.people["Ada"] = ada
    reader = await walk.a.read_as("Ada")
    page = await reader.get(f"/admin/links/{link_id}/terms")
    assert "What may we see of their workers?" in page.text
    page = await reader.press(page, "Change this", they_pool=["first_name", "skills"])
    assert "That counts from now on." in page.html
    assert "Of our workers who say yes to it, Todmorden circle may see: first name, skills." in page.text
    await walk.settle()
    with walk.b.node.bound():
        assert await links.queries.pool_fields(link_id, "out") == ("first_name", "skills")
