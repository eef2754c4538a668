"""Every linked visit ends by some hour, and its money is accounted for, whatever nobody says."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, queries, settling
from eccoo_node.escrow import queries as money
from eccoo_node.kernel.errors import Conflict
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as rota_queries
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair
from tests.support.story import Story, actor

AFTER = timedelta(days=3, hours=4)
FORTNIGHT = timedelta(days=14, hours=1)


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def says(story: Story, answer: str, minutes: int | None = None) -> None:
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer=answer, minutes=minutes)
    await story.pair.settle()


async def answers(story: Story, answer: str, minutes: int | None = None) -> None:
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer=answer, minutes=minutes)
    await story.pair.settle()


async def nothing_is_held(story: Story) -> None:
    """All of it is the payer's again, neither circle owes anything, and nobody waits for the other's word."""
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 0
    for node in story.pair.both:
        assert await node.rows("SELECT subject FROM letter_subject WHERE followed") == []
    await balanced(story)


@pytest.mark.parametrize("answer", ["", "no", "yes"])
async def test_who_did_not_go_is_not_paid_and_it_ends_whatever_the_person_says(story: Story, answer: str) -> None:
    await story.committed()
    story.pair.move(AFTER)
    await says(story, "did_not_go")
    if answer:
        await answers(story, answer)
    else:
        await story.edith_is_rung()
        story.pair.move(timedelta(days=5))
        await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "closed")
    assert ("something_wrong" in await story.news(story.a, story.fay)) == (answer != "")
    await nothing_is_held(story)


async def test_what_nobody_speaks_of_goes_back_after_a_fortnight(story: Story) -> None:
    await story.committed()
    for by in (timedelta(days=2, hours=12), timedelta(hours=16), AFTER):
        story.pair.move(by)
        await story.pair.settle()
    assert (await story.states())[0] == "covered"
    story.pair.move(FORTNIGHT)
    await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "closed")
    heard = await story.news(story.b, story.bea)
    assert [news for news in heard if news.endswith("_away")] == [
        "asked_away",
        *["say_how_it_went_away"] * 2,
        "unclaimed_away",
    ]
    assert (await story.news(story.a, story.fay))[-1] == "unclaimed"
    with story.b.bound(), pytest.raises(Conflict, match="not waiting for you any more"):
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await nothing_is_held(story)


async def test_a_share_for_calling_off_late_that_nobody_claims_goes_back_after_a_fortnight(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=2, hours=20))
    await story.b.stop()
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
        assert await money.credit_pence(story.payer) == 50_000 - 6600
    await story.a.settle()
    story.pair.move(timedelta(hours=8) + FORTNIGHT)
    await story.a.settle()
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
    assert (await story.news(story.a, story.fay))[-1] == "unclaimed"
    await story.b.start()
    for _ in range(3):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "closed")
    await nothing_is_held(story)


async def test_whoever_had_set_out_before_word_reached_them_is_paid_what_both_circles_come_to(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=2, hours=20))
    await story.b.stop()
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    await story.a.settle()
    story.pair.move(timedelta(hours=8))
    await story.b.start()
    await story.pair.settle()
    assert (await story.states())[2] == "coming"
    await says(story, "as_planned")
    assert await story.states() == ("stopped", "ended", "said")
    assert (await story.news(story.a, story.fay))[-1] == "something_wrong"
    with story.a.bound():
        # Half was sure, as for any late call; she went in good faith, so they settle on more.
        await settling.resolve(await actor(story.fay), request_id=story.request, fee_pence=6000, travel_pence=0)
    with story.b.bound():
        await settling.resolve_away(await actor(story.tom), offer_id=story.offer, fee_pence=6000, travel_pence=0)
    await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "settled")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 6000
    await balanced(story)


async def test_a_door_that_stayed_shut_is_asked_about_and_paid_after_a_fortnight(story: Story) -> None:
    await story.committed()
    story.pair.move(AFTER)
    await says(story, "no_answer")
    await story.edith_is_rung()
    story.pair.move(timedelta(days=5))
    await story.pair.settle()
    assert (await story.states())[0] == "said"
    assert (await story.news(story.a, story.fay)).count("please_ask") == 1
    story.pair.move(FORTNIGHT)
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000 - 6600
    await balanced(story)


@pytest.mark.parametrize("answer,minutes,sure", [("no", None, 0), ("partly", 60, 3300)])
async def test_who_spoke_first_is_not_asked_again_and_only_what_differs_waits(
    story: Story, answer: str, minutes: int | None, sure: int
) -> None:
    await story.committed()
    story.pair.move(AFTER)
    await answers(story, answer, minutes)
    await says(story, "as_planned")
    story.pair.move(timedelta(days=5))
    await story.pair.settle()
    assert await story.states() == ("said", "coming", "said")
    with story.a.bound():
        state = (await queries.request(story.request)).machine
    assert f'"undisputed_fee_pence":{sure}' in state.replace(" ", "")


async def test_a_gap_that_nobody_filled_ends_with_its_hour(story: Story) -> None:
    await story.ask_far()
    story.pair.move(AFTER)
    await story.pair.settle()
    assert (await story.states())[:2] == ("stopped", "ended")
    await nothing_is_held(story)
    assert (await story.news(story.a, story.edith))[-1] == "nobody_came"
    assert (await story.news(story.a, story.fay))[-1] == "nobody_came"
    with story.a.bound():
        # Edith has a telephone and no screen: what she was never told by then, a facilitator rings to say.
        waiting = {one.news for one in await rota_queries.news_to_bring() if one.person_id == story.edith}
    assert waiting == {"nobody_came"}


async def test_a_certificate_whose_receipt_is_lost_tells_the_one_who_waits_and_nobody_else(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    assert await story.chooses() == "done"
    await story.a.settle()
    await story.b.settle()
    # Todmorden has the certificate, and from now on nothing of what it says gets through.
    ours = story.a.app
    story.a.app = deaf
    await story.a.settle()
    await story.b.settle()
    assert await story.states() == ("gap", "telling", "coming")
    story.pair.move(timedelta(days=2, hours=10, minutes=5))
    for node in story.pair.both:
        await node.settle()
    assert "not_sure" in await story.news(story.a, story.edith)
    assert "not_sure" in await story.news(story.a, story.fay)
    with story.a.bound():
        assert (await queries.request(story.request)).unsure
    # Bea is sure: she has it, signed, that she is expected.
    assert "not_sure_away" not in await story.news(story.b, story.bea)
    story.a.app = ours
    for _ in range(3):
        story.pair.move(timedelta(minutes=30))
        await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
    with story.a.bound():
        assert not (await queries.request(story.request)).unsure
    await balanced(story)


async def deaf(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
