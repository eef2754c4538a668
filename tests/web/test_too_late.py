"""What a worker said reached the other circle after its fortnight: what each of them reads, and the two buttons."""

from datetime import timedelta

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions as links
from tests.web.covering import Told, coming
from tests.web.story import Walk


async def said_in_vain(walk: Walk) -> Told:
    """Bea has come and says how it went, while the circle that asked for her is away."""
    told = await coming(walk)
    walk.pair.move(timedelta(days=3, hours=4))
    await walk.settle()
    await walk.a.node.stop()
    bea = await walk.b.read_as("Bea")
    await bea.press(await bea.get(f"{told.offers['Bea']}/went"), "Send", answer="as_planned")
    return told


async def came_too_late(walk: Walk) -> Told:
    told = await said_in_vain(walk)
    for by in (timedelta(minutes=5), timedelta(days=14, hours=1)):
        walk.pair.move(by)
        await walk.b.node.settle()
        await walk.a.node.settle()
    await walk.a.node.start()
    for _ in range(3):
        walk.pair.move(timedelta(hours=1))
        await walk.settle()
    return told


async def test_whoever_can_settle_it_reads_what_happened_and_whom_to_ring(walk: Walk) -> None:
    told = await came_too_late(walk)
    mine = told.offers["Bea"]
    bea = await (await walk.b.read_as("Bea")).get(mine)
    assert (bea.heading, bea.acts) == ("Your visit in HX7 on Thursday 26 November is not settled", [])
    assert "reached Hebden circle more than a fortnight after it" in bea.text
    for name in ("Tom", "Kit"):
        page = await (await walk.b.read_as(name)).get(mine)
        assert page.heading == "Bea’s visit in HX7 on Thursday 26 November is not settled"
        assert page.acts == ["We agreed that nothing is paid"]
    assert (await (await walk.b.read_as("Cass")).get(mine)).status == 404
    for name in ("Bea", "Tom", "Kit"):
        assert mine in (await (await walk.b.read_as(name)).get("/home")).links
    fay = await walk.a.read_as("Fay")
    assert told.search in (await fay.get("/home")).links
    assert (await fay.get(told.search)).acts == ["We agreed that it is paid"]
    assert "We agreed" not in (await (await walk.a.read_as("Edith")).get(told.search)).text


async def test_the_two_buttons_write_down_what_was_agreed(walk: Walk) -> None:
    told = await came_too_late(walk)
    fay = await walk.a.read_as("Fay")
    page = await fay.press(await fay.get(told.search), "We agreed that it is paid")
    assert page.text.startswith("Written down. The money is set aside again.")
    for _ in range(3):
        await walk.settle()
    edith = await walk.a.read_as("Edith")
    page = await edith.get(f"/visits/{walk.a.visits['Thursday']}/answer")
    assert "When you say it went ahead, £56.10 goes to Bea" in page.text
    bea = await (await walk.b.read_as("Bea")).get(told.offers["Bea"])
    assert bea.heading.startswith("Thank you.")


async def test_what_is_let_go_says_so_to_the_worker(walk: Walk) -> None:
    told = await came_too_late(walk)
    tom = await walk.b.read_as("Tom")
    page = await tom.press(await tom.get(told.offers["Bea"]), "We agreed that nothing is paid")
    assert page.text.startswith("Written down. Bea is told that nothing is paid.")
    bea = await (await walk.b.read_as("Bea")).get(told.offers["Bea"])
    assert "Your circle and Hebden circle agreed that nothing is paid for it." in bea.text


async def test_where_the_circles_were_linked_anew_the_page_says_so_and_promises_nothing(walk: Walk) -> None:
    told = await coming(walk)
    mine = told.offers["Bea"]
    with walk.b.node.bound():
        async with write():
            # As `carrying.carry_over` and `leaving.leave_open` leave it.
            await fetch("UPDATE link SET superseded_by = id, carried_at = ?, state = 'ended'", walk.b.node.clock())
            await fetch("UPDATE my_offer SET state = 'too_late', disclosure = '', retain_until = NULL")
    for name in ("Bea", "Tom"):
        text = (await (await walk.b.read_as(name)).get(mine)).text
        assert "One of the two circles lost everything before it was settled, and they were linked anew." in text
        assert "If it is to be paid, a facilitator writes down how much, and our treasurers see to it." in text
        assert "fortnight" not in text
        assert "all goes on here by itself" not in text


async def gone(walk: Walk) -> Told:
    """Bea said how it went to a circle that never answered; its link was ended, and two months have passed."""
    told = await said_in_vain(walk)
    with walk.b.node.bound():
        await links.end(COMMAND, walk.pair.link_id)
    for days in (1, 61, 1):
        walk.pair.move(timedelta(days=days))
        with walk.b.node.bound():
            await jobs.ensure_recurring()
            await jobs.drain()
        await walk.b.node.settle()
    return told


async def test_what_a_circle_that_is_gone_agreed_to_is_written_down_here_alone(walk: Walk) -> None:
    told = await gone(walk)
    mine = told.offers["Bea"]
    bea = await (await walk.b.read_as("Bea")).get(mine)
    assert "The link with Hebden circle has ended, and their node has not answered for two months." in bea.text
    assert bea.acts == []
    tom = await walk.b.read_as("Tom")
    page = await tom.get(mine)
    assert page.acts == ["Write down what is paid"]
    assert any(link.endswith(f"{mine}/between") for link in page.links)
    page = await tom.get(f"{mine}/between")
    assert (page.heading, page.acts) == (
        "What is paid for this visit?",
        ["Write this sum down"],
    )
    assert "What you write down counts at once, in our books alone." in page.text
    assert (
        "Write who agreed to it, and when." in (await tom.press(page, "Write this sum down", fee="50", travel="0")).text
    )
    page = await tom.press(page, "Write this sum down", fee="50", travel="0", words="Rang Fay at home.")
    assert "Written down. It is settled." in page.text
    assert page.heading == "£50 is written down"
    assert "£50 it is. It is settled in our books." in page.text
    bea = await (await walk.b.read_as("Bea")).get(mine)
    assert "is yours." in bea.text
