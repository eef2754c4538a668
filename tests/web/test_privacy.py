"""The pages of being forgotten and of asking from outside, as those read them whom they concern."""

from datetime import timedelta
from html import unescape

from eccoo_node.db import jobs
from eccoo_node.db.rows import insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import actions as links
from eccoo_node.privacy import actions as privacy
from eccoo_node.privacy import leaving
from eccoo_node.privacy.tables import ErasureOut
from eccoo_node.referrals import actions as referrals
from tests.support import make
from tests.support.pair import PairNode
from tests.web.story import Visitor, Walk

assert leaving


async def run(node: PairNode) -> None:
    with node.bound():
        await jobs.drain()


async def test_edith_asks_to_be_forgotten_thinks_it_over_and_asks_again(walk: Walk) -> None:
    await walk.story.ask_far()
    edith = await walk.a.read_as("Edith")
    page = await edith.get("/be-forgotten")
    assert page.acts == ["Ask to be forgotten"]
    assert "We ask these circles to delete it too, and we go on asking until they have: Todmorden circle." in page.text
    assert "Someone else is being asked to come, or is coming." in page.text
    page = await edith.press(page, "Ask to be forgotten")
    assert (page.heading, page.acts) == ("We will forget you", ["Stay after all"])
    assert "as soon as what stands below has ended, on 26 November 2026 at the soonest." in page.text
    page = await edith.press(page, "Stay after all")
    assert "Nothing is deleted." in page.text
    assert page.acts == ["Ask to be forgotten"]
    # A facilitator writes it down for her; her daughter, who may not say what others read, can't.
    fay = await walk.a.read_as("Fay", "Edith", "phone")
    page = await fay.get("/be-forgotten")
    assert page.acts == ["Write down that Edith asks for this"]
    await fay.press(page, "Write down that Edith asks for this")
    ruth = await walk.a.read_as("Ruth", "Edith")
    assert (await ruth.get("/be-forgotten")).status == 403
    # Three days later something is still going on, and every page says so.
    walk.pair.move(timedelta(days=3))
    await run(walk.pair.a)
    assert "Something is still going on, so we wait." in (await edith.get("/be-forgotten")).text
    seen = await (await walk.a.read_as("Fay")).get("/forgotten")
    assert "Something must end first" in seen.text
    assert (await edith.get("/forgotten")).status == 403


async def test_a_facilitator_reads_what_each_circle_answered(walk: Walk) -> None:
    a, b = walk.pair.both
    with a.bound():
        robin = walk.a.people["Robin"]
        await privacy.ask(COMMAND.__class__(person_id=robin), person_id=robin)
    walk.pair.move(timedelta(days=3))
    await run(a)
    fay = await walk.a.read_as("Fay")
    page = await fay.get("/forgotten")
    assert "Someone, asked on 23 November 2026 Deleted everywhere" in page.text
    assert "Robin" not in page.text
    with a.bound():
        assert (await a.rows("SELECT called FROM person WHERE id = ?", robin)) == [("Someone",)]
    assert b.name not in page.text


async def test_a_facilitator_writes_down_what_a_circle_said_whose_node_will_never_answer(walk: Walk) -> None:
    await walk.story.ask_far()
    a, b = walk.pair.both
    await b.stop()
    with a.bound():
        await links.end(COMMAND, walk.pair.link_id)
        robin, erasure = walk.a.people["Robin"], new_id()
        await privacy.ask(COMMAND.__class__(person_id=robin), person_id=robin)
        [(wish,)] = await a.rows("SELECT id FROM forgetting")
        async with write():
            await insert(ErasureOut(id=erasure, forgetting_id=wish, link_id=walk.pair.link_id, asked_at=a.clock()))
    walk.pair.move(timedelta(days=3))
    await run(a)
    fay = await walk.a.read_as("Fay")
    page = await fay.get("/forgotten")
    assert "The link with them has ended. If no answer comes, write down what you heard yourself." in page.text
    assert any(link.endswith(f"/forgotten/{erasure}") for link in page.links)
    with a.bound():
        await make.hat(walk.a.people["Fay"], await make.circle(), "admin")
    # The link's own page leads there, too.
    link = await fay.get(f"/admin/links/{walk.pair.link_id}")
    assert (
        "They have not answered yet. If they told you on the telephone, or nobody is there any more, write that down"
        in link.text
    )
    assert any(path.endswith("/forgotten") for path in link.links)
    assert (await (await walk.a.read_as("Edith")).get(f"/forgotten/{erasure}")).status == 403
    page = await fay.get(f"/forgotten/{erasure}")
    assert (page.heading, page.acts) == ("What did they say?", ["Write it down"])
    page = await fay.press(page, "Write it down", how="nobody")
    # Once above the page, and once at the field.
    assert page.text.count("Write who said so, and when.") == 2
    page = await fay.press(page, "Write it down", how="nobody", words="The village hall: they closed in May.")
    assert page.heading == "Who asked to be forgotten"
    assert "Deleted here. Not every circle has sent a receipt" in page.text
    assert (
        "Nobody is there any more to be asked, Fay wrote on 26 November 2026. Whether it was deleted, we don’t know."
        in page.text
    )
    assert "write down what you heard" not in page.text
    assert (await fay.get(f"/forgotten/{erasure}")).acts == []


async def ask(visitor: Visitor, outward: str = "OL14") -> str:
    """Somebody outside fills in the form; the address of their own page."""
    page = await visitor.get("/ask-us")
    assert page.acts == ["Send it"]
    sent = await visitor.send(page, "Send it", wish="give", name="Gwen Roe", reach="07700 900461", outward=outward)
    assert sent.status == 303
    return sent.headers["location"]


async def test_somebody_outside_is_put_in_touch_and_reads_the_answer(walk: Walk) -> None:
    a, b = walk.pair.both
    with b.bound():
        await referrals.set_areas(COMMAND, text="OL14")
        bron = await make.person("Bron")
        await make.hat(bron, await make.circle(), "admin")
    walk.b.people["Bron"] = bron
    for node in (a, b):
        with node.bound():
            await jobs.ensure_recurring()
    await walk.settle()
    bron_reads = await walk.b.read_as("Bron")
    page = await bron_reads.get("/admin/places")
    assert "OL14" in page.html
    page = await bron_reads.send(page, "Keep this", areas="OL14 nowhere")
    assert (page.status, "NOWHERE is not the first half of a postcode" in page.text) == (422, True)
    gwen = Visitor(walk.a._bound)
    empty = await gwen.send(await gwen.get("/ask-us"), "Send it", name="Gwen", outward="Todmorden")
    assert empty.status == 422
    assert "Choose what you would like." in empty.text
    assert "Gwen" in empty.html
    own = await ask(gwen)
    page = await gwen.get(own)
    assert page.acts == ["Yes, tell Todmorden circle"]
    assert "You may give Todmorden circle my name" in page.text
    page = await gwen.press(page, "Yes, tell Todmorden circle")
    assert (page.heading, page.acts) == ("Todmorden circle gets in touch with you", ["Take it back"])
    assert "They have not read your name yet." in page.text
    await walk.settle()
    assert "They have your name" in (await gwen.get(own)).text
    tom = await walk.b.read_as("Tom")
    page = await tom.get("/enquiries")
    assert "Gwen Roe, from Hebden circle" in page.text
    await tom.press(page, "We couldn’t reach them")
    await walk.settle()
    assert "Todmorden circle could not reach you. We try ourselves." in (await gwen.get(own)).text
    fay = await walk.a.read_as("Fay")
    page = await fay.get("/enquiries")
    assert "Todmorden circle could not reach them." in page.text
    assert "Gwen" not in (await tom.get("/enquiries")).text
    page = await fay.press(page, "We have been in touch")
    assert "Nobody is waiting for an answer." in page.text
    page = await gwen.get(own)
    assert page.heading == "We have been in touch"
    # Somebody nearer is not passed on, and takes back what they wrote.
    own = await ask(gwen, "LS1 4DY")
    page = await gwen.get(own)
    assert page.heading == "Thank you, Gwen Roe"
    page = await gwen.press(page, "Delete what I wrote")
    assert page.heading == "It is deleted"
    assert "Gwen" not in unescape(page.html)
    assert (await gwen.get("/ask-us/made-up")).status == 404


async def test_a_flood_from_one_place_is_stopped_kindly(walk: Walk) -> None:
    flood = Visitor(walk.a._bound)
    for _ in range(5):
        await ask(flood)
    page = await flood.send(
        await flood.get("/ask-us"), "Send it", wish="give", name="Gwen Roe", reach="1", outward="OL14"
    )
    assert page.status == 429
    assert "Wait a little, or ring us." in page.text
