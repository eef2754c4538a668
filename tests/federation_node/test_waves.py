"""Circles asked one after the other, with one yes: the next go at their hour, or once those before have said nobody."""

import asyncio
import sys
from datetime import time, timedelta

import msgspec
import pytest

from eccoo_federation import cover as wire
from eccoo_node.agreements.actions import agree_terms
from eccoo_node.cover import actions as cover
from eccoo_node.cover import erasing, offering, queries, speaking, waves
from eccoo_node.cover.plans import Plan
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.members import erasing as home
from eccoo_node.rota import actions as answering
from eccoo_node.rota import patterns
from eccoo_node.rota import queries as rota
from eccoo_node.rota.standing import Slot, Wanted
from tests.federation_node.test_cover_story import balanced
from tests.support import make
from tests.support.more_links import more_links
from tests.support.pair import Pair
from tests.support.processes import environment
from tests.support.story import NINE_TO_ELEVEN, Story, actor


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def in_waves(story: Story) -> list[str]:
    """Edith asks Todmorden first, then Sowerby, then Halifax."""
    others = await more_links(story.pair, "Sowerby circle", "Halifax circle")
    await story.gap()
    with story.a.bound():
        edith = await story.as_edith()
        assert await cover.ask(edith, visit_id=story.visit, worker_ids=[story.sol]) == "done"
        found = await queries.request_for(story.visit)
        assert found is not None
        story.request = found.id
        plan = Plan(((story.pair.link_id,), *((link,) for link in others)), 120)
        assert await cover.ask_further(edith, request_id=found.id, words="First Todmorden", plan=plan) == "done"
    return [story.pair.link_id, *others]


async def asked(story: Story) -> list[str]:
    rows = await story.a.rows("SELECT link_id FROM asked_circle ORDER BY asked_at, id")
    return [row[0] for row in rows]


async def due(story: Story) -> None:
    with story.a.bound():
        await jobs.run_due()


async def test_the_next_circles_are_asked_at_their_hour_or_once_all_have_said_nobody(story: Story) -> None:
    first, second, third = await in_waves(story)
    assert await asked(story) == [first]
    await story.pair.settle()
    kept = {row[0]: row[1] for row in await story.a.rows("SELECT link_id, body FROM ask_later")}
    story.open = (await story.b.row("SELECT id FROM open_request"))[0]
    with story.b.bound(), pytest.raises(Forbidden):
        await offering.say_nobody(await actor(story.bea), open_request_id=story.open)
    with story.b.bound():
        await offering.say_nobody(await actor(story.tom), open_request_id=story.open)
    await story.b.settle()
    await due(story)
    assert await asked(story) == [first, second]
    # What was agreed is what is sent, but for the hour of the next news; and the last wait for their own hour.
    sent = (await story.a.row("SELECT body FROM asked_circle WHERE link_id = ?", second))[0]
    news = msgspec.json.decode(sent)["reply_by"]
    assert msgspec.json.decode(sent) == msgspec.json.decode(kept[second]) | {"reply_by": news}
    story.pair.move(timedelta(hours=4, minutes=1))
    await due(story)
    assert await asked(story) == [first, second, third]
    assert await story.a.rows("SELECT COUNT(*) FROM consent WHERE kind = 'cover.ask_further'") == [(1,)]


async def test_while_somebody_offers_nobody_else_is_asked_unless_the_person_says_so(story: Story) -> None:
    links = await in_waves(story)
    await story.pair.settle()
    story.open = (await story.b.row("SELECT id FROM open_request"))[0]
    await story.offers()
    story.pair.move(timedelta(hours=5))
    await due(story)
    assert await asked(story) == links[:1]
    # The offer is taken back: by now it is the turn of both.
    with story.b.bound():
        await offering.take_back(await actor(story.bea), offer_id=story.offer)
    await story.b.settle()
    await due(story)
    assert sorted(await asked(story)) == sorted(links)
    with story.a.bound(), pytest.raises(Forbidden):
        await waves.hurry(await actor(story.wren), request_id=story.request)


@pytest.mark.parametrize("goes", ["with the person", "with the visit"])
async def test_what_a_circle_was_to_be_shown_later_is_not_kept(story: Story, goes: str) -> None:
    links = await in_waves(story)
    with story.a.bound():
        await erasing.let_go({})
        assert sorted(one.link_id for one in await queries.ask_later(story.request)) == sorted(links[1:])
        if goes == "with the person":
            async with write():
                await home.erase(story.edith, frozenset())
        else:
            story.pair.move((await rota.visit(story.visit)).ends_at - clock.now())
            await erasing.let_go({})
        assert await queries.ask_later(story.request) == []


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_the_order_is_changed_stopped_or_hurried_and_no_circle_is_asked_twice(story: Story) -> None:
    first, second, third = await in_waves(story)
    with story.a.bound():
        edith = await story.as_edith()
        later = Plan(((), (third,)), 60)
        assert await cover.ask_further(edith, request_id=story.request, words="Only Halifax", plan=later) == "done"
        assert [one.link_id for one in await queries.ask_later(story.request)] == [third]
        await waves.stop_asking(edith, request_id=story.request)
        assert await queries.ask_later(story.request) == []
        again = Plan(((second,), (third,)))
        assert await cover.ask_further(edith, request_id=story.request, words="Both", plan=again) == "done"
        await waves.hurry(edith, request_id=story.request)
        await waves.hurry(edith, request_id=story.request)
    assert await asked(story) == [first, second, third]
    with story.a.bound():
        assert await cover.ask_further(edith, request_id=story.request, words="Again") == "done"
        await cover.end(edith, visit_id=story.visit)
        with pytest.raises(Conflict):
            await waves.hurry(edith, request_id=story.request)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_where_nobody_is_free_the_circle_says_so_by_itself(story: Story) -> None:
    with story.b.bound():
        async with write():
            await fetch("UPDATE worker SET paid = FALSE")
    links = await in_waves(story)
    await story.pair.settle()
    assert await story.a.rows("SELECT answer FROM asked_circle WHERE link_id = ?", links[0]) == [("nobody",)]
    assert await asked(story) == links[:2]


# ---- many yeses at once ----


async def test_fifty_yeses_in_two_processes_make_one_award(story: Story, pair_urls: tuple[str, str]) -> None:
    await story.ask_far()
    offers = [await story.offers(), await story.offers(story.cass, rate_pence=2800)]
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.chooser", str(story.a.folder.home), pair_urls[0], story.a.url,
            story.edith, *offers, env=environment(story.a.folder.home), stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [await one.communicate() for one in started]
    assert [one.returncode for one in started] == [0, 0]
    # Each yes to the one that was chosen is told "done", and no yes to the other.
    assert {int(out) for out, _ in said} <= {0, 12, 13}
    assert sum(int(out) for out, _ in said) >= 12
    with story.a.bound():
        state = msgspec.json.decode((await queries.request(story.request)).machine, type=wire.RequesterState)
        assert (state.phase, state.n) == ("awarded", 1)
    assert await story.a.rows("SELECT COUNT(*) FROM cover_offer WHERE state = 'chosen'") == [(1,)]
    assert await story.a.rows("SELECT COUNT(*) FROM letter_out WHERE type = 'cover.awarded'") == [(1,)]
    assert await story.a.rows("SELECT COUNT(*) FROM consent WHERE kind = 'cover.choose'") == [(1,)]
    await story.pair.settle()
    assert await story.b.rows("SELECT COUNT(*) FROM my_offer WHERE state = 'coming'") == [(1,)]


# ---- on the telephone ----


async def test_who_was_sent_by_telephone_is_paid_once_the_nodes_hear_of_each_other(story: Story) -> None:
    """The confirmation never reaches Hebden. Both circles speak; Bea goes; days later it is one award, paid once."""
    await story.ask_far()
    await story.offers()
    story.pair.move(timedelta(days=2, hours=9, minutes=30))
    await story.pair.settle()
    await story.a.stop()
    assert await story.chooses() == "done"
    await story.a.settle()
    await story.b.settle()
    story.pair.move(timedelta(minutes=31))
    for node in story.pair.both:
        await node.settle()
    ref = str((await story.a.row("SELECT reference FROM asked_circle"))[0])
    with story.a.bound():
        theirs = await speaking.our_words(story.pair.link_id, ref, story.offer)
    with story.b.bound():
        tom = await actor(story.tom)
        ours = await speaking.our_words(story.pair.link_id, ref, story.offer)
        await speaking.spoken_away(tom, offer_id=story.offer, code=theirs, words="Fay")
        with pytest.raises(Forbidden):
            await speaking.spoken_away(await actor(story.kit), offer_id=story.offer, code=theirs, words="Kit")
    with story.a.bound():
        fay = await actor(story.fay)
        held = (await story.visit_row()).line
        for said, why in ((theirs, "These are not"), ("", "three words")):
            with pytest.raises(Invalid, match=why):
                await speaking.override(fay, request_id=story.request, code=said, words="Tom")
        await speaking.override(fay, request_id=story.request, code=ours, words="Tom")
        await speaking.override(fay, request_id=story.request, code=ours, words="Tom")
    story.pair.move(timedelta(days=1))
    for node in story.pair.both:
        await node.settle()
    # The visit is over, and neither clock has taken anything back: the same award, the same money, no other.
    assert (await story.visit_row()).line == held
    assert await story.a.rows("SELECT state, override_n FROM cover_request") == [("telling", 1)]
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(8,)]
    await story.a.start()
    for _ in range(3):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
    # Nobody needs the address any more.
    assert await story.a.rows("SELECT COUNT(*) FROM disclosure_out") == [(0,)]
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await answering.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    await balanced(story)


# ---- one worker, two circles and the week at home ----


async def test_what_is_promised_elsewhere_stands_whatever_is_planned_at_home(story: Story) -> None:
    """Bea is sure to come to Edith. At home she is neither planned nor moved into that time, and a standing week leaves a
    gap there, which the team sees."""
    await story.committed()
    with story.b.bound():
        ada = await own_team(story)
        own = await actor(ada)
        start, end = NINE_TO_ELEVEN
        half = timedelta(minutes=30)
        with pytest.raises(Conflict, match="promised"):
            await patterns.arrange_visit(
                own, person_id=ada, worker_id=story.bea, slot=Slot(end - half, end + half), what="Lunch"
            )
        fits = await patterns.arrange_visit(
            own, person_id=ada, worker_id=story.bea, slot=Slot(end, end + half), what="Lunch"
        )
        with pytest.raises(Conflict, match="promised"):
            await patterns.move_visit(own, visit_id=fits, slot=Slot(start - half, start + half))
        assert (await rota.visit(fits)).state == "planned"
        thursdays = Wanted(ada, story.bea, (3,), time(10), time(12), "Lunch", start.date())
        await patterns.plan_weekly(own, wanted=thursdays)
        made = await rota.visits("v.pattern_id IS NOT NULL")
        assert [one.state for one in made] == ["gap", "planned", "planned", "planned", "planned"]
    assert "gap" in await story.news(story.b, ada)


async def own_team(story: Story) -> str:
    """Bea works at home too; whom she comes to there."""
    ada = await make.person("Ada")
    team, payer = await make.team(ada), await make.payer(ada)
    await make.hat(story.bea, team, "worker")
    for side in (ada, story.bea):
        await agree_terms(
            await actor(side), person_id=ada, worker_id=story.bea, rate_pence=3000, payer_id=payer, cancel_bps=0
        )
    return ada
