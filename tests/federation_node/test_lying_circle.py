"""A linked circle that lies: what it says costs nobody here money, time or a secret."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from eccoo_federation import claims, jcs, limits
from eccoo_federation import cover as wire
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import actions as cover
from eccoo_node.cover import offering, queries
from eccoo_node.cover.letters import read_state
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import letters
from eccoo_node.links.arrivals import circle_actor
from eccoo_node.rota import actions as rota
from tests.support.pair import Pair
from tests.support.story import Story, actor


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def from_b(story: Story, type_: str, ref: str, body: dict[str, Any]) -> str:
    """Todmorden sends this, whatever its own machine would say; what became of it at Hebden."""
    with story.b.bound():
        async with write():
            event = await letters.send(story.pair.link_id, type_, ref, body)
    await story.pair.settle()
    row = await story.a.row(
        "SELECT r.verdict, r.code FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE i.event_id = ?", event
    )
    return str(row[1] or row[0])


async def asked_as(story: Story) -> str:
    return str((await story.a.row("SELECT reference FROM asked_circle WHERE request_id = ?", story.request))[0])


async def claims_from_b(story: Story, outcome: str, minutes: int, fee: int, travel: int = 0) -> str:
    due = claims.due_pence(fee, travel, 1500, 0, 5000)
    ref = await asked_as(story)
    return await from_b(story, "visit.claimed", ref, {
        "request": ref, "n": 1, "outcome": outcome, "minutes": minutes, "fee_pence": fee, "travel_pence": travel,
        "due_pence": due,
    })  # fmt: skip


async def test_nothing_is_claimed_for_a_visit_that_has_not_begun(story: Story) -> None:
    await story.committed()
    assert await claims_from_b(story, "as_planned", 120, 6600) == "wrong_state"
    assert (await story.visit_row()).state == "covered"


@pytest.mark.parametrize(
    "outcome,minutes,fee",
    [("shorter", 30, 6600), ("shorter", 30, 1651), ("did_not_go", 0, 6600), ("as_planned", 30, 6600),
     ("shorter", 500, 6600), ("no_answer", 0, 6600)],
)  # fmt: skip
async def test_the_fee_that_is_claimed_follows_from_the_minutes(
    story: Story, outcome: str, minutes: int, fee: int
) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    assert await claims_from_b(story, outcome, minutes, fee) == "wrong_amount"
    assert (await story.visit_row()).state == "covered"


async def test_a_share_for_calling_off_late_bears_no_travel(story: Story) -> None:
    await story.ask_far()
    with story.b.bound():
        async with write():
            await fetch("UPDATE worker SET travel_pence = 500 WHERE person_id = ?", story.bea)
    await story.offers()
    assert await story.chooses() == "done"
    await story.pair.settle()
    with story.a.bound():
        async with write():
            # As if they had gone: the node of the other circle makes up its own letters.
            await fetch("UPDATE visit SET state = 'stopped' WHERE id = ?", story.visit)
    assert await claims_from_b(story, "cancelled_late", 0, 3300, 500) == "wrong_amount"


async def test_a_request_longer_than_a_day_is_refused_before_anyone_counts_its_minutes(story: Story) -> None:
    body = {
        "request": "r1", "area": "OL14", "starts_at": "2026-11-26T09:00:00Z", "ends_at": "2099-11-26T09:00:00Z",
        "needs": {}, "fee_pence": 6000, "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0},
        "reply_by": "2026-11-25T09:00:00Z", "hold_until": "2026-11-26T09:00:00Z", "go_no_go_at": "2026-11-25T18:00:00Z",
    }  # fmt: skip
    assert await from_b(story, "cover.requested", "r1", body) == "bad_body"
    assert await story.a.rows("SELECT COUNT(*) FROM open_request") == [(0,)]


async def test_the_same_question_many_times_tells_a_worker_once(story: Story) -> None:
    await story.ask_far()
    body = msgspec.json.decode((await story.a.row("SELECT body FROM asked_circle"))[0])
    with story.a.bound():
        async with write():
            for _ in range(5):
                await letters.send(story.pair.link_id, "cover.requested", body["request"], body)
    await story.pair.settle()
    assert (await story.news(story.b, story.bea)).count("asked_away") == 1


async def test_an_offer_is_not_taken_for_another_request_nor_kept_open_after_its_visit(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    ref = await asked_as(story)
    sent = msgspec.json.decode((await story.b.row("SELECT body FROM my_offer WHERE id = ?", story.offer))[0])
    other = {**sent, "offer": story.visit, "hold_until": "2098-01-01T00:00:00Z", "first_name": "B\u202eea\u0007 "}
    assert await from_b(story, "cover.offered", ref, other) == "applied"
    with story.a.bound():
        found = await queries.offer(story.visit)
        assert found.hold_until == (await story.visit_row()).starts_at
        assert found.first_name == "Bea"
        async with write():
            # An offer of somebody else under this very id.
            await fetch("UPDATE cover_offer SET link_id = '', worker_id = ? WHERE id = ?", story.sol, story.offer)
    assert await from_b(story, "cover.offered", ref, sent) == "unknown_subject"


async def test_what_was_disclosed_is_out_of_reach_once_the_visit_is_called_off(story: Story) -> None:
    await story.committed()
    assert await story.a.rows("SELECT COUNT(*) FROM disclosure_out") == [(1,)]
    with story.a.bound():
        await cover.end(await story.as_edith(), visit_id=story.visit)
    assert await story.a.rows("SELECT COUNT(*) FROM disclosure_out") == [(0,)]


async def disclosed_anew(story: Story, *, announced: bool) -> None:
    """Hebden changes what it discloses, and signs for it or not; Todmorden fetches it again."""
    ref, link = await asked_as(story), story.pair.link_id
    with story.a.bound():
        body = msgspec.json.decode((await story.a.row("SELECT body FROM disclosure_out"))[0])
        body |= {"retain_until": "2099-01-01T00:00:00Z", "name": "Somebody Else"}
        hashed = jcs.digest(body) if announced else jcs.digest({**body, "address": "Another"})
        told = {"request": ref, "n": 1, "salted_hash": hashed, "retain_until": body["retain_until"]}
        async with write():
            await fetch("UPDATE disclosure_out SET body = ?", msgspec.json.encode(body).decode())
            await letters.send(link, "disclosure.sent", ref, told)
    await story.pair.settle()


async def test_what_is_disclosed_is_kept_no_longer_than_a_visit_needs(story: Story) -> None:
    await story.committed()
    await disclosed_anew(story, announced=True)
    with story.b.bound():
        mine = await queries.mine(story.offer)
        assert mine.told is not None
        assert mine.told["full_name"] == "Somebody Else"
        assert mine.retain_until == mine.ends_at + timedelta(days=14)


async def test_what_is_disclosed_is_what_was_signed_for_or_nobody_reads_it(story: Story) -> None:
    await story.committed()
    await disclosed_anew(story, announced=False)
    with story.b.bound():
        mine = await queries.mine(story.offer)
        assert mine.told is not None
        assert mine.told["full_name"] == "Edith Crabtree"
    assert await story.b.rows("SELECT code FROM link_alarm") == [("other_disclosure",)]


async def test_an_offer_that_is_refused_leaves_no_word_behind(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    with story.b.bound():
        body = msgspec.json.decode((await queries.mine(story.offer)).body)
    assert await from_b(story, "cover.offered", "r1", {**body, "request": "r1"}) == "unknown_subject"
    assert await from_b(story, "cover.offered", "r1", {**body, "request": "r1"}) in {"unknown_subject", "blocked"}
    kept = await story.a.rows(
        "SELECT r.bytes FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE i.subject = 'r1'"
    )
    assert kept == [("",), ("",)]
    # One that comes again is kept in the letter in which it came first, and in no other.
    assert await from_b(story, "cover.offered", body["request"], body) == "applied"
    kept = await story.a.rows(
        "SELECT r.bytes <> '' FROM letter_in i JOIN letter_read r ON r.letter_id = i.id "
        "WHERE i.subject = ? AND i.type = 'cover.offered' ORDER BY i.seq", body["request"]
    )  # fmt: skip
    assert [bool(row[0]) for row in kept] == [True, False]
    with story.a.bound():
        await verify()


async def test_a_circle_asks_for_no_more_at_one_time_than_the_limit(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OPEN_REQUESTS", 2)
    body = {
        "area": "HX7", "starts_at": "2026-11-26T09:00:00Z", "ends_at": "2026-11-26T11:00:00Z", "needs": {},
        "fee_pence": 6000, "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0},
        "reply_by": "2026-11-25T09:00:00Z", "hold_until": "2026-11-26T09:00:00Z", "go_no_go_at": "2026-11-25T18:00:00Z",
    }  # fmt: skip
    asked = [(ref, await from_b(story, "cover.requested", ref, {"request": ref, **body})) for ref in ("r1", "r2", "r3")]
    assert asked == [("r1", "applied"), ("r2", "applied"), ("r3", "too_many")]
    refused = await story.b.row("SELECT state, code FROM letter_out WHERE subject = 'r3'")
    assert tuple(refused) == ("refused", "too_many")
    # The same question again takes no more room, and one that has ended makes some.
    assert await from_b(story, "cover.requested", "r2", {"request": "r2", **body}) == "applied"
    ended = {"request": "r1", "cancelled_at": "2026-11-23T08:00:00Z", "reason": "not_needed"}
    assert await from_b(story, "cover.cancelled", "r1", ended) == "applied"
    assert await from_b(story, "cover.requested", "r4", {"request": "r4", **body}) == "applied"


async def test_no_visit_is_called_off_once_it_has_begun(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.a.bound(), pytest.raises(Conflict, match="begun"):
        await cover.end(await story.as_edith(), visit_id=story.visit)
    assert (await story.visit_row()).state == "covered"


async def test_our_own_worker_is_paid_for_a_visit_that_began(story: Story) -> None:
    story.pair.move(timedelta(days=3, hours=4))
    with story.a.bound():
        for stop in (rota.do_without, cover.end):
            with pytest.raises(Conflict, match="begun"):
                await stop(await story.as_edith(), visit_id=story.visit)
        assert (await story.visit_row()).line


async def test_a_second_search_for_one_visit_sets_its_own_money_aside(story: Story) -> None:
    await story.committed()
    with story.b.bound():
        await offering.cant_after_all(await actor(story.bea), offer_id=story.offer)
    await story.pair.settle()
    with story.a.bound():
        [near] = await queries.near_asks(story.request)
        async with write():
            await fetch("UPDATE near_ask SET answer = '' WHERE id = ?", near.id)
        await cover.answer_near(await actor(story.sol), ask_id=near.id, yes=True)
        [offer] = [o for o in await queries.offers(story.request) if o.worker_id]
        assert await cover.choose(await story.as_edith(), offer_id=offer.id, words="Yes, ask Sol") == "done"
        await rota.cant_come(await actor(story.sol), visit_ids=[story.visit])
        assert await cover.ask(await story.as_edith(), visit_id=story.visit, worker_ids=[story.wren]) == "done"
        found = await queries.request_for(story.visit)
        assert found is not None
        story.request = found.id
        await cover.ask_further(await story.as_edith(), request_id=found.id, words="Yes, ask them")
    await story.pair.settle()
    ref = await asked_as(story)
    with story.b.bound():
        [story.open] = [o.id for o in await queries.open_requests(story.b.clock()) if o.ref == ref]
    await story.offers()
    assert await story.chooses() == "done"
    await story.pair.settle()
    assert (await story.states())[:2] == ("covered", "coming")
    with story.a.bound():
        held = await money.find((await story.visit_row()).line)
        assert held is not None
        assert held.held_pence == 6600
        assert await money.credit_pence(story.payer) == 50_000 - 6600
        await verify_books()


async def called_off_by_a(story: Story, said_at: str) -> None:
    """Hebden calls the visit off on the wire alone, with a date of its choosing."""
    ref = await asked_as(story)
    with story.a.bound():
        async with write():
            await letters.send(
                story.pair.link_id, "cover.cancelled", ref,
                {"request": ref, "cancelled_at": said_at, "reason": "not_needed"},
            )  # fmt: skip
    await story.pair.settle()


async def claimed_by_b(story: Story) -> list[tuple[str, int]]:
    rows = await story.b.rows("SELECT machine FROM my_offer")
    found = [msgspec.json.decode(row[0], type=wire.OffererState).claim for row in rows]
    return [(claim.outcome, claim.fee_pence) for claim in found if claim]


async def test_a_date_that_the_other_circle_wrote_does_not_take_a_late_share_away(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=2, hours=20))
    await called_off_by_a(story, "2026-11-23T09:00:00Z")
    assert await claimed_by_b(story) == [("cancelled_late", 3300)]


async def test_nor_does_a_state_that_is_pulled_instead_of_the_letter(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=2, hours=20))
    ref = await asked_as(story)
    with story.a.bound():
        request = await queries.request(story.request)
        state = msgspec.json.decode(request.machine, type=wire.RequesterState)
        ended = replace(state, phase="ended", ended_at="2026-11-23T09:00:00Z", ended_reason="not_needed")
        shown = wire.requester_document(ended, story.pair.link_id, now=story.a.clock(), sign=letters.sign)
    with story.b.bound():
        async with write():
            await read_state(circle_actor(story.pair.link_id), f"requests/{ref}", shown)
    assert await claimed_by_b(story) == [("cancelled_late", 3300)]


async def test_what_was_on_its_way_for_a_moment_counts_from_when_it_was_written(story: Story) -> None:
    await story.committed()
    # Four minutes before the last moment for calling it off, told two minutes after it.
    story.pair.move(timedelta(days=2, hours=1, minutes=2))
    await called_off_by_a(story, "2026-11-25T08:58:00Z")
    assert await claimed_by_b(story) == []


async def test_a_visit_that_has_begun_is_not_called_off_from_elsewhere(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=2))
    await called_off_by_a(story, "2026-11-23T09:00:00Z")
    assert (await story.states())[2] == "coming"
    assert await claimed_by_b(story) == []


async def test_a_claim_in_a_pulled_state_is_looked_at_like_one_in_a_letter(story: Story) -> None:
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    ref = await asked_as(story)
    with story.b.bound():
        state = msgspec.json.decode((await queries.mine(story.offer)).machine, type=wire.OffererState)
        due = claims.due_pence(6600, 0, 1500, 0, 5000)
        too_much = wire.Claimed("shorter", 30, 6600, 0, due)
        claiming = replace(state, phase="delivered", claim=too_much)
        shown = wire.offerer_document([claiming], now=story.b.clock(), sign=letters.sign)
    with story.a.bound(), pytest.raises(ProtocolError, match="wrong_amount"):
        async with write():
            await read_state(circle_actor(story.pair.link_id), f"requests/{ref}", shown)
    assert (await story.visit_row()).state == "covered"


async def test_a_circle_that_signs_for_two_of_ours_gets_one(story: Story) -> None:
    await story.ask_far()
    bea, cass = await story.offers(), await story.offers(story.cass)
    link, ref = story.pair.link_id, await asked_as(story)
    for n, offer in ((1, bea), (2, cass), (3, bea), (4, bea)):
        state = msgspec.json.decode(
            (await story.b.row("SELECT machine FROM my_offer WHERE id = ?", offer))[0], type=wire.OffererState
        )
        with story.a.bound():
            async with write():
                made = wire.Certificate(
                    request=ref, n=n, offer=offer, link=link, from_=state.peer, to=state.us, terms_hash=state.terms_hash,
                    worker_ref=offer, starts_at=state.starts_at, ends_at=state.ends_at, committed_at=state.go_no_go_at,
                )  # fmt: skip
                body = {"request": ref, "n": n, "certificate": letters.sign(made.as_wire())}
                await letters.send(link, "cover.committed", ref, body)
        await story.pair.settle()
    assert await story.b.rows("SELECT id, state FROM my_offer ORDER BY created_at, id") == [
        (bea, "coming"), (cass, "taken_back"),
    ]  # fmt: skip
    assert await story.b.rows("SELECT DISTINCT offer_id FROM worker_slot") == [(bea,)]
    # One alarm for each of the two offers, and none for the same said twice.
    assert (await story.news(story.b, story.tom)).count("not_sure_away") == 2
