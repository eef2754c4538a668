"""A circle that is gone for good: its link was ended here, nobody there answers, and people bring it to its close."""

from datetime import timedelta

import pytest

from eccoo_node.cover import leaving, offering, settling
from eccoo_node.escrow import between
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_letters
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import actions as links
from eccoo_node.links import ending
from eccoo_node.rota import actions as rota
from eccoo_node.settlement import letters as statements
from eccoo_node.settlement import righting
from eccoo_node.settlement.checking import verify as verify_statements
from tests.federation_node.test_lost_everything import linked_anew
from tests.federation_node.test_privacy import days_pass
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor

assert leaving
assert statements
WHEN = "Thursday 26 November, 9am to 11am"


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    """Bea has been there."""
    story = await Story(two_nodes).begin()
    await story.committed()
    two_nodes.move(timedelta(days=3, hours=4))
    return story


async def left(node: PairNode, link_id: str) -> list[tuple[str, str]]:
    with node.bound():
        return [(still.kind, still.sentence) for still in await ending.goes_on(link_id)]


async def whole(node: PairNode) -> None:
    with node.bound(), node.wire.bound():
        await verify_books()
        await verify_letters()
        await verify_statements()


async def test_what_our_worker_said_to_a_circle_that_is_gone_is_paid_by_what_people_wrote_and_the_link_closes(
    story: Story,
) -> None:
    b, link = story.b, story.pair.link_id
    await story.a.stop()
    with b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
        await links.end(COMMAND, link)
    await days_pass(story, 20, 20, only=b)
    # For two months they may still answer, and nobody writes it alone.
    assert ("certain", f"{WHEN}: the visit there is still to be settled.") in await left(b, link)
    with b.bound(), pytest.raises(Conflict):
        await settling.resolve_away(
            await actor(story.tom), offer_id=story.offer, fee_pence=6000, travel_pence=0, words="Rang Fay."
        )
    await days_pass(story, 30, 1, only=b)
    assert await left(b, link) == [
        ("open", f"{WHEN}: the visit there is not settled."),
        *[one for one in await left(b, link) if one[0] == "letters"],
    ]
    told = [(await story.news(b, who))[-1] for who in (story.bea, story.tom, story.kit)]
    assert told == ["too_late_away", "too_late_ring_away", "too_late_away"]
    for _ in range(2):
        with b.bound():
            await settling.resolve_away(
                await actor(story.tom), offer_id=story.offer, fee_pence=6000, travel_pence=0, words="Rang Fay."
            )
    assert await b.rows("SELECT kind, fee_pence, words FROM sum_step ORDER BY id") == [
        ("ours", 6000, "Rang Fay."),
        ("agreed", 6000, ""),
    ]
    # It is owed like any other visit: they pay, or the treasurer writes down what our circle bears.
    with b.bound():
        owed = (await money.owed(link)).they_owe_pence
        assert owed > 0
        kit = await actor(story.kit)
        await between.circle_paid(kit, link, 1000, "their last cheque")
    await days_pass(story, 1, only=b)
    # It was stated to them, and nobody answers it; what does not come our circle bears, and Bea has all of her pay.
    [(entry, state)] = await b.rows("SELECT id, state FROM settle_entry")
    assert state == "waiting"
    with b.bound():
        await righting.bear(kit, link, entry, amount_pence=owed - 1000, because="Nobody pays there.", key="1")
        assert await between.waiting(link) == []
    await days_pass(story, 1, 1, only=b)
    assert await left(b, link) == [] or {kind for kind, _ in await left(b, link)} == {"letters"}
    assert await b.row("SELECT 1 FROM link WHERE id = ? AND closed_at IS NOT NULL", link)
    await whole(b)
    # Their node comes back after all: what was written stays, and nothing is booked twice.
    await story.a.start()
    await days_pass(story, 1, 1)
    assert (await b.row("SELECT state FROM my_offer WHERE id = ?", story.offer))[0] == "settled"
    with b.bound():
        assert (await money.owed(link)).they_owe_pence == 0
    await whole(b)


async def test_a_question_with_a_circle_that_is_gone_is_settled_by_what_people_wrote(story: Story) -> None:
    a, link = story.a, story.pair.link_id
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="no")
    await story.pair.settle()
    await story.b.stop()
    with a.bound():
        fay = await actor(story.fay)
        await settling.resolve(fay, request_id=story.request, fee_pence=3000, travel_pence=0, words="Rang Tom.")
        await links.end(COMMAND, link)
    await days_pass(story, 20, 50, only=a)
    assert await left(a, link) == [
        ("open", f"{WHEN}: the visit here is not settled."),
        *[one for one in await left(a, link) if one[0] in {"letters", "kept"}],
    ]
    with a.bound():
        await settling.resolve(fay, request_id=story.request, fee_pence=2000, travel_pence=0, words="Rang Tom at home.")
        assert (await money.owed(link)).we_owe_pence > 0
    assert await story.visit_row()
    assert await a.rows("SELECT state, ended_reason FROM cover_request") == [("ended", "settled")]
    assert "open" not in {kind for kind, _ in await left(a, link)}
    await whole(a)


async def test_a_visit_on_a_link_whose_place_another_took_is_paid_by_what_people_wrote(story: Story) -> None:
    b, old = story.b, story.pair.link_id
    with b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    new = await linked_anew(story.pair, old, say=story.pair.both)
    with story.a.bound():
        await links.propose(COMMAND, new)
    await story.pair.settle()
    with b.bound():
        await links.agree(COMMAND, new)
    await story.pair.settle()
    with b.bound():
        tom, kit = await actor(story.tom), await actor(story.kit)
        await settling.resolve_away(tom, offer_id=story.offer, fee_pence=5000, travel_pence=0, words="Rang Fay.")
        owed = (await money.owed(old)).they_owe_pence
        assert owed > 0
    for _ in range(3):
        story.pair.move(timedelta(days=40))
        with b.bound():
            await statements.state_all({})
        await story.pair.settle()
    # Nothing of it crosses, and it stands on one page for whoever bears it.
    assert await b.rows("SELECT type FROM letter_out WHERE link_id = ? AND type LIKE 'settle.%'", old) == []
    [(entry,)] = await b.rows("SELECT id FROM settle_entry")
    with b.bound():
        await righting.bear(kit, old, entry, amount_pence=owed, because="They lost their books.", key="1")
        assert await between.waiting(old) == []
    assert await left(b, old) == []
    await whole(b)
