"""The cover story end to end: two nodes, two databases, real HTTP between them, every step through its door."""

import asyncio
from datetime import timedelta

import pytest

from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, queries, settling
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.actions import top_up
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.links import actions as linking
from eccoo_node.record import audit
from eccoo_node.rota import actions as rota
from eccoo_node.rota import news, say
from eccoo_node.rota import queries as rota_queries
from eccoo_node.rota.queries import Visit
from eccoo_node.rota.say import Reader
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor
from tests.support.tables import all_tables


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def balanced(story: Story) -> None:
    """Each node's books hold, and what one owes is what the other is owed."""
    owed = []
    for node in story.pair.both:
        with node.bound():
            await verify_books()
            await audit.verify()
            owed.append(await money.owed(story.pair.link_id))
    assert (owed[0].we_owe_pence, owed[0].they_owe_pence) == (owed[1].they_owe_pence, owed[1].we_owe_pence)


async def test_cover_crosses_the_hill(story: Story) -> None:
    await story.committed()
    assert await story.states() == ("covered", "coming", "coming")
    visit = await story.visit_row()
    assert (visit.cover_name, visit.cover_circle) == ("Bea", "Todmorden circle")
    with story.b.bound():
        mine = await queries.mine(story.offer)
        assert mine.told is not None
        assert (mine.told["full_name"], mine.told["address"]) == ("Edith Crabtree", "14 Heights Road, Pecket Well")
        await offering.read_and_coming(await actor(story.bea), offer_id=story.offer)
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    assert await story.states() == ("said", "coming", "said")
    with story.a.bound():
        assert await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes") == "settled"
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        owed = await money.owed(story.pair.link_id)
        # £66 at Bea's own rate; 15% is £9.90, shared half and half, and the rest goes to her circle for her.
        assert (owed.we_owe_pence, owed.they_owe_pence) == (6105, 0)
    await balanced(story)


async def test_a_paid_worker_cannot_ask_whatever_other_hats_they_wear(story: Story) -> None:
    await story.gap()
    with story.a.bound():
        for worker, via in ((story.wren, "screen"), (story.sol, "screen"), (story.sol, "phone")):
            acting = {"acting_for": story.edith, "known_by": "agreed_words"} if via == "phone" else {}
            with pytest.raises(Forbidden, match="Only the person supported"):
                await cover.ask(await actor(worker, via=via, **acting), visit_id=story.visit, worker_ids=[story.sol])
        refused = await story.a.rows("SELECT action, outcome FROM audit WHERE outcome = 'refused'")
    assert refused == [("cover.ask", "refused")] * 3


async def test_an_offer_names_nobody_who_needs_support_and_no_certificate(story: Story) -> None:
    await story.ask_far()
    with story.b.bound():
        asked = await queries.open_request(story.open)
    assert asked.area == "HX7"
    await story.offers()
    searched = ["Edith", "Crabtree", "Heights Road", "Pecket Well", "01422 960222"]
    assert [word for word in searched if await found_in(story.b, word)] == []
    assert [await found_in(node, "009876543210") for node in story.pair.both] == [False, True]
    assert await story.chooses() == "done"
    await story.pair.settle()
    # The same search finds the name and street once Bea is sure to come, so it would have found them before.
    assert [word for word in searched if await found_in(story.b, word)] == searched
    assert not await found_in(story.a, "009876543210")


async def found_in(node: PairNode, word: str) -> bool:
    """Whether a word lies anywhere in a node: its folder with database, WAL and keys, or every row of its server."""
    if node.engine.engine_type == "sqlite":
        return any(word.encode() in path.read_bytes() for path in node.folder.home.rglob("*") if path.is_file())
    for table in all_tables():
        if any(word in str(row) for row in await node.rows(f'SELECT * FROM "{table._meta.tablename}"')):
            return True
    return False


async def test_those_not_chosen_are_told_kindly_and_forgotten(story: Story) -> None:
    await story.ask_far()
    bea, cass = await story.offers(), await story.offers(story.cass, rate_pence=2800)
    await story.chooses(bea)
    await story.pair.settle()
    with story.a.bound():
        kept = {o.id: (o.state, o.first_name, o.words) for o in await queries.offers(story.request)}
    assert kept == {bea: ("chosen", "Bea", "I grew up there."), cass: ("closed", "", "")}
    assert (await story.news(story.b, story.cass))[-1] == "not_chosen"
    assert (await story.news(story.b, story.bea))[-1] == "chosen"
    with story.b.bound():
        assert (await queries.mine(cass)).state == "closed"
        assert [o.state for o in [await queries.open_request(story.open)]] == ["closed"]
    await balanced(story)


async def test_our_own_who_were_asked_are_told_kindly_when_someone_comes_from_elsewhere(story: Story) -> None:
    await story.ask_far()
    with story.a.bound():
        more = {name: await make.worker(name) for name in ("Ann", "Ben")}
        await cover.ask(await story.as_edith(), visit_id=story.visit, worker_ids=list(more.values()))
        asks = {near.worker_id: near.id for near in await queries.near_asks(story.request)}
        # Ann offers, Ben can't, Sol says nothing.
        await cover.answer_near(await actor(more["Ann"]), ask_id=asks[more["Ann"]], yes=True)
        await cover.answer_near(await actor(more["Ben"]), ask_id=asks[more["Ben"]], yes=False)
    await story.offers()
    assert await story.chooses() == "done"
    await story.pair.settle()
    heard = [await story.news(story.a, who) for who in (more["Ann"], more["Ben"], story.sol)]
    assert heard[:2] == [["asked", "someone_else"], ["asked"]]
    assert [news for news in heard[2] if news in {"asked", "filled", "someone_else"}] == ["asked", "filled"]
    with story.b.bound():
        await offering.cant_after_all(await actor(story.bea), offer_id=story.offer)
    await story.pair.settle()
    with story.a.bound():
        # Whoever was let go may be asked anew, and hears of it.
        await cover.ask(await story.as_edith(), visit_id=story.visit, worker_ids=[more["Ann"]])
        await cover.answer_near(await actor(more["Ann"]), ask_id=asks[more["Ann"]], yes=True)
        assert [o.state for o in await queries.offers(story.request) if o.worker_id] == ["closed", "live"]
    assert (await story.news(story.a, more["Ann"]))[-1] == "asked"


async def test_nobody_who_is_paid_in_the_team_says_the_payers_yes(story: Story) -> None:
    await story.ask_far()
    await story.offers(rate_pence=4000)
    with story.a.bound():
        async with write():
            await fetch("UPDATE speaks_for SET ended_at = ? WHERE scope = 'money'", story.a.clock())
        assert await cover.choose(await story.as_ruth(), offer_id=story.offer, words="Yes") == "wants_payer"
        circle = await make.circle()
        for role in ("treasurer", "panel"):
            await make.hat(story.sol, circle, role)
        await make.hat(story.sol, story.team, "coordinator")
        await make.speaks(story.sol, story.edith, "money")
        sol = [
            await actor(story.sol),
            await actor(story.sol, acting_for=story.edith),
            await actor(story.sol, via="phone", acting_for=story.edith, known_by="agreed_words"),
        ]
        for who in sol:
            with pytest.raises(Forbidden, match="does not answer about its price"):
                await cover.pay_more(who, offer_id=story.offer, words="Yes")
        async with write():
            # Even where the money itself is in their name.
            await fetch("UPDATE payer SET payer_person_id = ? WHERE id = ?", story.sol, story.payer)
        with pytest.raises(Forbidden, match="does not answer about its price"):
            await cover.pay_more(sol[0], offer_id=story.offer, words="Yes")
        assert (await queries.request(story.request)).state == "wants_payer"


async def test_two_yeses_at_one_moment_choose_one_worker(story: Story) -> None:
    await story.ask_far()
    bea, cass = await story.offers(), await story.offers(story.cass, rate_pence=3300)
    with story.a.bound():
        edith, ruth = await story.as_edith(), await story.as_ruth()
        outcomes = await asyncio.gather(
            cover.choose(edith, offer_id=bea, words="Yes"),
            cover.choose(ruth, offer_id=cass, words="Yes"),
            return_exceptions=True,
        )
    assert sorted(type(o).__name__ for o in outcomes) == ["Conflict", "str"]
    await story.pair.settle()
    live = await story.b.rows("SELECT COUNT(*) FROM my_offer WHERE state = 'coming'")
    assert live == [(1,)]
    await balanced(story)


async def test_the_request_waits_for_a_circle_that_is_away(story: Story) -> None:
    await story.b.stop()
    await story.ask_far()
    assert story.open == ""
    await story.b.start()
    story.pair.move(timedelta(hours=1))
    await story.pair.settle()
    with story.b.bound():
        [asked] = await queries.open_requests(story.b.clock())
    story.open = asked.id
    await story.offers()
    assert await story.chooses() == "done"
    await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")


async def test_when_only_the_line_failed_nobody_is_said_to_have_said_no(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    await story.b.stop()
    assert await story.chooses() == "done"
    story.pair.move(timedelta(days=1))
    await story.a.settle()
    assert await story.states() == ("gap", "asking", "offered")
    for who in (story.edith, story.ruth):
        assert "no_word" in await story.news(story.a, who)
    # Fay reads it out to Edith, who is rung.
    with story.a.bound():
        [told] = [
            one for one in await rota_queries.news_to_bring() if one.news == "no_word" and one.person_id == story.edith
        ]
        assert news.sentence(told, Reader(story.edith, "Edith"), story.a.clock()) == (
            "No answer came in time from the other circle about the visit on Thursday at 9am. Perhaps we could not reach it. "
            "Nobody has said no. You can choose again."
        )
        assert "not_after_all" not in await story.news(story.a, story.edith)
    # Bea's offer stood all the while: once the line is back she is chosen again.
    await story.b.start()
    story.pair.move(timedelta(hours=1))
    await story.pair.settle()
    assert await story.chooses() == "done"
    await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
    # What was overtaken is not rung about.
    with story.a.bound():
        assert [one for one in await rota_queries.news_to_bring() if one.news == "no_word"] == []


async def test_the_worker_withdraws_after_all_and_cover_opens_again(story: Story) -> None:
    await story.committed()
    with story.b.bound():
        await offering.cant_after_all(await actor(story.bea), offer_id=story.offer)
    await story.pair.settle()
    assert await story.states() == ("gap", "asking", "taken_back")
    assert await story.b.rows("SELECT COUNT(*) FROM worker_slot") == [(0,)]
    if story.b.engine.engine_type == "sqlite":
        assert await story.b.rows("SELECT disclosure FROM my_offer WHERE id = ?", story.offer) == [("",)]
    assert (await story.news(story.a, story.edith))[-1] == "gap_again"
    with story.b.bound():
        [asked] = await queries.open_requests(story.b.clock())
        assert asked.id == story.open
    await story.offers(story.cass, rate_pence=3000)
    assert await story.chooses() == "done"
    await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
    assert (await story.visit_row()).cover_name == "Cass"
    await balanced(story)


async def test_the_person_does_without_before_anyone_is_sure(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    with story.a.bound():
        before = await money.credit_pence(story.payer)
        await cover.end(await story.as_edith(), visit_id=story.visit)
        assert await money.credit_pence(story.payer) == before + 6000
    await story.pair.settle()
    assert await story.states() == ("stopped", "ended", "closed")
    assert (await story.news(story.b, story.bea))[-1] == "cancelled_away"
    await balanced(story)


async def test_called_off_in_good_time_everything_goes_back(story: Story) -> None:
    await story.committed()
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    await story.pair.settle()
    with story.a.bound():
        assert await money.credit_pence(story.payer) == 50_000
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 0
    await balanced(story)


async def test_called_off_late_the_agreed_share_is_paid_across(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=2, hours=20))
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    await story.pair.settle()
    with story.a.bound():
        # Half of £66 is Bea's: £33, of which Hebden keeps half of 15%.
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 3053
        assert await money.credit_pence(story.payer) == 50_000 - 3300
    await balanced(story)


async def test_her_own_no_stands_against_her_daughters_yes(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
        assert await cover.choose(await story.as_ruth(), offer_id=story.offer, words="Yes") == "differs"
        assert await cover.ask(await story.as_ruth(), visit_id=story.visit, worker_ids=[story.sol]) == "differs"
    await story.pair.settle()
    assert (await story.states())[:2] == ("stopped", "ended")
    assert (await story.news(story.a, story.fay)).count("differ") == 2


async def test_what_costs_more_waits_for_the_payer(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    await story.a.rows("SELECT 1")
    await story.ask_far()
    await story.offers(rate_pence=4000)
    with story.a.bound():
        async with write():
            await fetch("UPDATE speaks_for SET ended_at = ? WHERE scope = 'money'", story.a.clock())
        assert await cover.choose(await story.as_ruth(), offer_id=story.offer, words="Yes") == "wants_payer"
    await story.pair.settle()
    assert await story.states() == ("gap", "wants_payer", "offered")
    with story.a.bound():
        assert await cover.pay_more(await story.as_edith(), offer_id=story.offer, words="Yes") == "done"
    await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
    await balanced(story)


async def test_nothing_is_awarded_while_credit_is_short(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin(credit_pence=6200)
    await story.ask_far()
    await story.offers(rate_pence=4000)
    assert await story.chooses() == "wants_payer"
    with story.a.bound(), pytest.raises(Conflict, match="not enough"):
        await cover.pay_more(await story.as_edith(), offer_id=story.offer, words="Yes")
    await story.pair.settle()
    assert await story.states() == ("gap", "wants_payer", "offered")
    # Until it is paid in, much may change: the payer's yes is asked again what the person's was.
    with story.a.bound():
        await top_up(await actor(story.tess), story.payer, 50_000, key="top up 2")
        await linking.suspend(COMMAND, story.pair.link_id)
        with pytest.raises(Conflict) as refused:
            await cover.pay_more(await story.as_edith(), offer_id=story.offer, words="Yes")
        assert refused.value.code == "link_closed"
        await linking.resume(COMMAND, story.pair.link_id)
        async with write():
            gone = '[{"kind":"right_to_work","seen_on":"2025-01-01","expires_on":"2026-01-01"}]'
            await fetch("UPDATE cover_offer SET attested = ? WHERE id = ?", gone, story.offer)
        with pytest.raises(Conflict) as refused:
            await cover.pay_more(await story.as_edith(), offer_id=story.offer, words="Yes")
        assert refused.value.code == "seen_gone"
    await story.pair.settle()
    assert await story.states() == ("gap", "wants_payer", "offered")
    await balanced(story)


async def test_nobody_sure_by_the_set_hour_tells_both_sides_to_ring(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    await story.a.stop()
    assert await story.chooses() == "done"
    # The award reaches Todmorden, whose answer finds the door of Hebden shut.
    await story.a.settle()
    await story.b.settle()
    story.pair.move(timedelta(hours=1, minutes=30))
    await story.b.settle()
    story.pair.move(timedelta(days=2, hours=9))
    await story.b.settle()
    await story.a.settle()
    assert "not_sure" in await story.news(story.a, story.edith)
    assert "not_sure_away" in await story.news(story.b, story.bea)
    await story.a.start()
    story.pair.move(timedelta(hours=1))
    await story.pair.settle()
    committed = await story.b.rows("SELECT COUNT(*) FROM my_offer WHERE state = 'coming'")
    assert committed[0][0] <= 1
    await balanced(story)


async def test_a_visit_without_an_answer_settles_by_itself(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="shorter", minutes=60)
    await story.pair.settle()
    await story.edith_is_rung()
    story.pair.move(timedelta(days=5))
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 3300 - 495 + 248
    await balanced(story)


async def visit_of(story: Story) -> Visit:
    with story.a.bound():
        return await story.visit_row()


@pytest.mark.parametrize("first", ["worker", "person"])
@pytest.mark.parametrize("answer", [{"answer": "yes"}, {"answer": "partly", "minutes": 90}])
async def test_a_yes_to_less_than_was_planned_is_a_yes_to_what_is_claimed(
    story: Story, first: str, answer: dict[str, object]
) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))

    async def worker() -> None:
        with story.b.bound():
            await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="shorter", minutes=60)
        await story.pair.settle()

    async def person() -> None:
        with story.a.bound():
            await rota.answer_visit(await story.as_edith(), visit_id=story.visit, **answer)  # type: ignore[arg-type]
        await story.pair.settle()

    for says in (worker, person) if first == "worker" else (person, worker):
        await says()
        if says is worker:
            # What their worker costs is not reckoned at the rate of ours.
            assert "£" not in say.for_shorter(await visit_of(story), 60)
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 3300 - 495 + 248
    await balanced(story)


async def test_the_person_answers_first(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    await balanced(story)


async def test_the_two_differ_and_both_write_what_they_came_to(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="partly", minutes=60)
    await story.pair.settle()
    assert (await story.states())[0] == "said"
    with story.a.bound():
        await settling.resolve(await actor(story.fay), request_id=story.request, fee_pence=5000, travel_pence=0)
    with story.b.bound():
        await settling.resolve_away(await actor(story.tom), offer_id=story.offer, fee_pence=5000, travel_pence=0)
    await story.pair.settle()
    assert await story.states() == ("settled", "ended", "settled")
    with story.a.bound():
        assert (await money.owed(story.pair.link_id)).we_owe_pence == 5000 - 750 + 375
    await balanced(story)


async def test_one_of_our_own_comes_at_their_own_rate(story: Story) -> None:
    await story.gap()
    with story.a.bound():
        await cover.ask(await story.as_edith(), visit_id=story.visit, worker_ids=[story.sol])
        found = await queries.request_for(story.visit)
        assert found is not None
        [near] = await queries.near_asks(found.id)
        await cover.answer_near(await actor(story.sol), ask_id=near.id, yes=True)
        [offer] = await queries.offers(found.id)
        assert await cover.choose(await story.as_ruth(), offer_id=offer.id, words="Yes, ask Sol") == "done"
        visit = await story.visit_row()
        assert (visit.state, visit.who, visit.worker_id) == ("planned", "Sol", story.sol)
    await story.pair.settle()
    await balanced(story)


async def test_the_facilitator_writes_down_every_step_of_the_person(story: Story) -> None:
    await story.gap()
    with story.a.bound():
        fay = await actor(story.fay, via="phone", acting_for=story.edith, known_by="agreed_words")
        await cover.ask(fay, visit_id=story.visit, worker_ids=[story.sol])
        found = await queries.request_for(story.visit)
        assert found is not None
        story.request = found.id
        await cover.ask_further(fay, request_id=found.id, words="Yes, ask them")
    await story.pair.settle()
    with story.b.bound():
        [asked] = await queries.open_requests(story.b.clock())
    story.open = asked.id
    await story.offers()
    with story.a.bound():
        assert await cover.choose(fay, offer_id=story.offer, words="Yes") == "done"
        rows = await story.a.rows("SELECT via, known_by, said_by, person_id FROM consent WHERE kind = 'cover.choose'")
    assert rows == [("phone", "agreed_words", story.fay, story.edith)]
    await story.pair.settle()
    assert await story.states() == ("covered", "coming", "coming")
