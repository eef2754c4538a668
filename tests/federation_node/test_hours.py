"""What an hour may not change: a certificate that is still unanswered, a worker at two doors, an offer that comes late."""

import asyncio
import shutil
import uuid
from datetime import timedelta

import msgspec
import pytest

from eccoo_federation import bodies
from eccoo_federation import cover as wire
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import actions as cover
from eccoo_node.cover import machine, offering, queries
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.federating.verify import verify
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import letters
from eccoo_node.rota import actions as rota
from eccoo_node.rota import queries as visits
from tests.federation_node.test_cover_story import balanced
from tests.support.pair import Pair
from tests.support.story import NINE_TO_ELEVEN, Story, actor

AFTER = timedelta(days=3, hours=4)


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def certificate_without_receipt(story: Story) -> None:
    """B's worker has the certificate, and A has not heard so: then both are cut off."""
    await story.ask_far()
    await story.offers()
    assert await story.chooses() == "done"
    for _ in range(20):
        await story.a.settle()
        if (await story.b.row("SELECT state FROM my_offer WHERE id = ?", story.offer))[0] == "coming":
            break
        await story.b.settle()
    else:
        raise AssertionError("The certificate never came.")
    await story.a.stop()
    await story.b.stop()


async def said_and_answered(story: Story, worker: str) -> None:
    with story.b.bound():
        await offering.say_how_it_went(await actor(worker), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()


async def test_whoever_came_on_a_certificate_is_paid_however_late_its_receipt(story: Story) -> None:
    await certificate_without_receipt(story)
    story.pair.move(AFTER)
    await story.a.settle()
    await story.a.start()
    await story.b.start()
    for _ in range(4):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()
    await said_and_answered(story, story.bea)
    assert await story.states() == ("settled", "ended", "settled")
    await balanced(story)


async def test_a_visit_that_began_on_a_certificate_is_not_called_off(story: Story) -> None:
    await certificate_without_receipt(story)
    story.pair.move(NINE_TO_ELEVEN[0] - story.a.clock() + timedelta(minutes=30))
    with story.a.bound(), pytest.raises(Conflict, match="begun"):
        await cover.end(await story.as_edith(), visit_id=story.visit)


async def test_nobody_withdraws_from_a_visit_that_began(story: Story) -> None:
    await story.committed()
    story.pair.move(AFTER)
    await story.pair.settle()
    with story.b.bound(), pytest.raises(Conflict, match="begun"):
        await offering.cant_after_all(await actor(story.bea), offer_id=story.offer)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_a_node_brought_back_from_a_copy_pays_whoever_came(story: Story) -> None:
    await story.ask_far()
    await story.offers(story.cass, rate_pence=2800)
    home = story.a.folder.home
    copy = home.with_name("copy")
    await story.a.stop()
    await story.a.engine.close()
    shutil.copytree(home, copy)
    await story.a.engine.open()
    await story.a.start()
    assert await story.chooses() == "done"
    await story.pair.settle()
    await story.a.stop()
    await story.a.engine.close()
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    await story.a.engine.open()
    await story.a.start()
    reference = (await story.a.row("SELECT reference FROM asked_circle"))[0]

    async def pull() -> None:
        with story.a.bound():
            async with write():
                await letters.pull(story.pair.link_id, f"requests/{reference}")

    await pull()
    for _ in range(6):
        story.pair.move(timedelta(minutes=20))
        await story.pair.settle()
    story.pair.move(AFTER)
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.cass), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    await pull()
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()
    with story.a.bound():
        assert (await money.owed(story.pair.link_id)).we_owe_pence > 0
    await balanced(story)


async def two_yeses_of_sol(story: Story) -> list[str]:
    """Sol says yes to two visits whose hours meet; the two offers."""
    await story.ask_far()
    with story.a.bound():
        second = await rota.plan_visit(
            await actor(story.edith), person_id=story.edith, worker_id=story.wren,
            starts_at=NINE_TO_ELEVEN[0] + timedelta(minutes=30), ends_at=NINE_TO_ELEVEN[1], what="Shopping",
        )  # fmt: skip
        await rota.cant_come(await actor(story.wren), visit_ids=[second])
        await cover.ask(await story.as_edith(), visit_id=second, worker_ids=[story.sol])
        found = []
        for visit in (story.visit, second):
            request = await queries.request_for(visit)
            assert request is not None
            near = (await queries.near_asks(request.id))[0]
            await cover.answer_near(await actor(story.sol), ask_id=near.id, yes=True)
            found.append((await queries.offers(request.id))[0].id)
    return found


async def test_one_worker_is_chosen_for_one_visit_at_a_time(story: Story) -> None:
    offers = await two_yeses_of_sol(story)
    with story.a.bound():
        edith = await story.as_edith()
        chosen = await asyncio.gather(
            *(cover.choose(edith, offer_id=one, words="yes") for one in offers), return_exceptions=True
        )
        assert sorted(type(one) for one in chosen if one != "done") == [Conflict]
        assert len(await visits.visits("v.worker_id = ? AND v.state = 'planned'", story.sol)) == 1


async def test_whoever_is_expected_by_another_circle_is_not_chosen_at_home(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = await two_yeses_of_sol(story)

    async def away(workers: list[str], *span: object) -> set[str]:
        return set(workers)

    monkeypatch.setattr(queries, "busy_away", away)
    with story.a.bound(), pytest.raises(Conflict, match="elsewhere"):
        await cover.choose(await story.as_edith(), offer_id=offers[0], words="yes")


async def test_a_certificate_that_nobody_signed_makes_nobody_come(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    with story.a.bound():
        async with write():
            request = await queries.request(story.request)
            state = msgspec.json.decode(request.machine, type=wire.RequesterState)
            terms = next(view for view in state.offers if view.offer == story.offer).terms_hash
            asked = state.asked[0]
            theirs = (await story.b.row("SELECT machine FROM my_offer WHERE id = ?", story.offer))[0]
            forged = {
                "v": 1, "type": "cover.certificate", "request": asked.request, "n": 1, "offer": story.offer,
                "link": asked.link, "to": asked.peer, "from": state.us, "terms_hash": terms,
                "worker_ref": msgspec.json.decode(theirs, type=wire.OffererState).worker_ref,
                "starts_at": state.starts_at, "ends_at": state.ends_at, "committed_at": state.starts_at,
                "proof": {"type": "DataIntegrityProof", "proofValue": "nonsense"},
            }  # fmt: skip
            award = wire.Award(1, asked.link, story.offer, terms, state.starts_at)
            lying = msgspec.structs.replace(
                state, phase="committed", n=1, rev=state.rev + 5, award=award, certificate=forged
            )
            await machine.set_request(request.id, machine=msgspec.json.encode(lying).decode())
    with story.b.bound():
        async with write():
            await letters.pull(story.pair.link_id, f"requests/{asked.request}")
    await story.b.settle()
    assert (await story.b.row("SELECT state FROM my_offer WHERE id = ?", story.offer))[0] == "offered"


async def test_an_offer_that_comes_after_the_choice_is_forgotten(story: Story) -> None:
    await story.committed()
    with story.b.bound():
        late = await offering.offer(
            await actor(story.cass), open_request_id=story.open, worker_id=story.cass, own_words="I know the hill.",
            rate_pence=2800, words="yes",
        )  # fmt: skip
    await story.pair.settle()
    assert await story.a.rows("SELECT state, first_name, words FROM cover_offer WHERE id = ?", late) == [
        ("closed", "", "")
    ]
    # Nor does the letter it came in say a word any more; which it was and what became of it is still known.
    assert await story.a.rows(
        "SELECT i.type, r.verdict, r.bytes, r.forgotten_at IS NOT NULL FROM letter_in i "
        "JOIN letter_read r ON r.letter_id = i.id JOIN cover_offer o ON o.letter_id = i.event_id WHERE o.id = ?", late
    ) == [("cover.offered", "applied", "", True)]  # fmt: skip
    for node in story.pair.both:
        with node.bound():
            await verify()


async def test_a_flood_of_withdrawals_does_not_grow_what_is_remembered(story: Story) -> None:
    await story.ask_far()
    with story.a.bound():
        state = msgspec.json.decode((await queries.request(story.request)).machine, type=wire.RequesterState)
    asked = state.asked[0]
    with pytest.raises(ProtocolError, match="too_many"):
        for _ in range(1000):
            gone = bodies.CoverWithdrawn(request=asked.request, offer=str(uuid.uuid4()))
            state = wire.step(state, wire.Incoming(asked.link, gone), now=story.a.clock()).state
    assert len(state.offers) <= 400
