"""Being forgotten, here and across links: delivered to a circle that is away, paused or ended, and proven by what is left."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eccoo_federation import bodies, jcs
from eccoo_federation.times import wire_time
from eccoo_node.cover import offering
from eccoo_node.cover.tables import OpenRequest
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import between, treasury
from eccoo_node.escrow import queries as money
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_letters
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import COMMAND, NODE
from eccoo_node.kernel.errors import Conflict, Forbidden, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.keys import actions as own
from eccoo_node.links import actions as links
from eccoo_node.links import ending, letters
from eccoo_node.links import erasing as across
from eccoo_node.links import queries as known
from eccoo_node.links.superseding import stands_in_for
from eccoo_node.links.tables import Link, LinkWire
from eccoo_node.privacy import actions as privacy
from eccoo_node.privacy import leaving, say
from eccoo_node.privacy import letters as heard
from eccoo_node.privacy import queries as privacy_queries
from eccoo_node.privacy.tables import ErasureOut, Forgetting
from eccoo_node.record import audit
from eccoo_node.rota import actions as rota
from eccoo_node.settlement.letters import state_all
from tests.support import make
from tests.support.hostile import send, sign
from tests.support.pair import Pair, PairNode
from tests.support.searched import Wire, found_in
from tests.support.story import NINE_TO_ELEVEN, Story, actor

assert heard
assert leaving
EDITH = (
    "Edith",
    "Crabtree",
    "Heights Road",
    "Pecket Well",
    "01422 960222",
    "Key safe by the door",
    "Likes the radio on",
)


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def whole(pair: Pair) -> None:
    """Books, record and letters of both nodes hold."""
    for node in pair.both:
        with node.bound(), node.wire.bound():
            await verify_books()
            await audit.chain_tail({})
            await audit.verify()
            await verify_letters()


async def settled(story: Story) -> None:
    """The visit took place, was paid for, and Edith has her change back."""
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()


async def give_back(story: Story) -> None:
    """What Edith had paid in and did not need goes back to her bank."""
    [(left,)] = await story.a.rows("SELECT balance_pence FROM account WHERE code = '2000' AND holder = ?", story.payer)
    with story.a.bound():
        tess = await actor(story.tess)
        await treasury.refund(tess, story.payer, abs(left), "refund 1")
        await treasury.refund_left(tess, story.payer, abs(left), "refund 1 left")


async def told(node: PairNode, table: str, columns: str) -> list[tuple[Any, ...]]:
    return await node.rows(f"SELECT {columns} FROM {table} ORDER BY 1")


async def test_whoever_asks_is_forgotten_here_and_by_a_circle_that_was_away_and_then_paused(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    await settled(story)
    a, b = story.pair.both
    assert set(await found_in(b, EDITH)) == set(EDITH)
    balances = [await told(node, "account", "id, code, holder, balance_pence") for node in (a, b)]
    with a.bound():
        wish = await privacy.ask(await story.as_edith(), person_id=story.edith)
        assert await privacy.ask(await story.as_edith(), person_id=story.edith) == wish
    story.pair.move(timedelta(days=3))
    await story.pair.settle()
    # Her own money comes back to her first.
    assert [row[0] for row in await told(a, "forgetting", "state")] == ["waits"]
    assert "Edith" in await found_in(a, EDITH)
    await give_back(story)
    with a.bound():
        money = await told(a, "account", "id, code, holder, balance_pence")
    await b.stop()
    story.pair.move(timedelta(days=1))
    await a.settle()
    assert await told(a, "forgetting", "state, gone_at IS NOT NULL") == [("gone", True)]
    assert await told(a, "erasure_out", "state") == [("asked",)]
    assert await found_in(a, EDITH) == []
    assert set(await found_in(b, EDITH)) == set(EDITH)
    # While they are away we pause the link; it is delivered all the same once they are back.
    with a.bound():
        await links.suspend(COMMAND, story.pair.link_id)
    await b.start()
    for _ in range(3):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()
    assert await told(a, "erasure_out", "state, answered_at IS NOT NULL") == [("done", True)]
    assert await told(b, "erasure_in", "state, keep_until") == [("done", None)]
    assert [await found_in(node, EDITH) for node in (a, b)] == [[], []]
    assert "Edith" not in (said := "".join(capsys.readouterr()))
    assert "Heights" not in said
    assert [money, balances[1]] == [await told(node, "account", "id, code, holder, balance_pence") for node in (a, b)]
    await whole(story.pair)
    # The signature is the node's: she is nobody by then.
    assert await a.rows("SELECT called, full_name, address, phone FROM person WHERE id = ?", story.edith) == [
        ("Someone", "", "", "")
    ]


async def ask_to_delete(node: PairNode, link_id: str, *subjects: str) -> str:
    """One node asks the other straight away, as a hostile one may; the name of the asking."""
    erasure = new_id()
    body = bodies.ErasureRequested(erasure=erasure, subjects=subjects).as_wire()
    with node.bound():
        async with write():
            await insert(
                Forgetting(
                    id=erasure, person_id=await make.person("Nobody"), asked_at=node.clock(), due_at=node.clock()
                )
            )
            letter = await letters.send(link_id, "erasure.requested", erasure, body)
            await insert(
                ErasureOut(
                    id=erasure, forgetting_id=erasure, link_id=link_id, subjects=msgspec.json.encode(subjects).decode(),
                    letter_id=letter, asked_at=node.clock(),
                )
            )  # fmt: skip
            await letters.finish(link_id, erasure)
    return erasure


async def test_what_a_visit_ahead_needs_stays_until_it_is_over_and_then_goes_by_itself(story: Story) -> None:
    await story.committed()
    a, b = story.pair.both
    [(reference,)] = await a.rows("SELECT reference FROM asked_circle")
    # Edith's references to Hebden's side, Bea's offer to Todmorden's: each asks the other, and once for what nobody knows.
    asked = {
        await ask_to_delete(a, story.pair.link_id, reference): "kept",
        await ask_to_delete(a, story.pair.link_id, "nobody-knows-this"): "done",
    }
    await ask_to_delete(b, story.pair.link_id, story.offer)
    await story.pair.settle()
    assert dict(await told(a, "erasure_out", "id, state")) == asked
    assert await told(a, "erasure_out", "reason, keep_until") == [("", None), ("visit_ahead", NINE_TO_ELEVEN[1])]
    assert await told(b, "erasure_out", "state, reason") == [("kept", "visit_ahead")]
    # Bea still reads where she is going, and Edith who comes; of what was never known nothing is written down.
    assert "Heights Road" in await found_in(b, EDITH)
    assert (await story.visit_row()).cover_name == "Bea"
    assert len(await told(b, "erasure_in", "id")) == 1
    story.pair.move(timedelta(days=3, hours=4))
    await story.pair.settle()
    assert {row[0] for row in await told(a, "erasure_out", "state")} == {"done"}
    assert await told(b, "erasure_out", "state") == [("done",)]
    assert await found_in(b, EDITH) == []
    assert await found_in(a, ("I grew up there.",)) == []
    assert (await story.visit_row()).cover_name == "Someone"
    # Forgetting paid nobody off: the claim crosses, is confirmed, and both books say the same.
    with b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()
    owed = []
    for node in story.pair.both:
        with node.bound():
            owed.append(await money.owed(story.pair.link_id))
    assert (owed[0].we_owe_pence, owed[1].they_owe_pence) == (6105, 6105)
    await whole(story.pair)


async def test_a_circle_deletes_nothing_but_what_came_over_its_own_link(story: Story) -> None:
    await story.ask_far()
    await story.offers()
    a, b = story.pair.both
    [(reference,)] = await a.rows("SELECT reference FROM asked_circle")
    with b.bound():
        # Another link of Todmorden's holds a request and an offer under the very same references.
        other = await a_second_link(b)
        await b.rows("SELECT 1")
    before = [
        await b.rows("SELECT body, area FROM open_request WHERE link_id = ?", other),
        await b.rows("SELECT * FROM my_offer"),
    ]
    # Hebden names everything it can think of, its own person, the worker's own offer and its own request among it.
    await ask_to_delete(
        a, story.pair.link_id, "theirs", story.offer, story.bea, reference, *[new_id() for _ in range(50)]
    )
    await ask_to_delete(b, story.pair.link_id, reference, story.request, story.edith, story.visit)
    await story.pair.settle()
    assert before[0] == await b.rows("SELECT body, area FROM open_request WHERE link_id = ?", other)
    assert before[1] == await b.rows("SELECT * FROM my_offer")
    assert [row[0] for row in await a.rows("SELECT body <> '' FROM asked_circle")] == [True]
    assert await a.rows("SELECT state FROM cover_request") == [("asking",)]
    assert "Edith" in await found_in(a, EDITH)
    # A receipt for what nobody asked is refused, and one of another link's asking changes nothing.
    with b.bound():
        async with write():
            body = bodies.ErasureCompleted(erasure=new_id(), completed_at=wire_time(b.clock())).as_wire()
            await letters.send(story.pair.link_id, "erasure.completed", body["erasure"], body)
    await story.pair.settle()
    assert ("refused", "unknown_subject") in await b.rows(
        "SELECT state, code FROM letter_out WHERE type = 'erasure.completed'"
    )
    await whole(story.pair)


async def a_second_link(node: PairNode) -> str:
    """A link of another circle, with one request of theirs under a reference."""
    link_id = new_id()
    [row] = await fetch("SELECT body, starts_at, ends_at, go_no_go_at FROM open_request")
    async with write():
        await insert(
            Link(
                id=link_id, state="ended", we_invited=True, node_id="x" * 52, base_url="https://third.example",
                secret=letters.new_link_secret(), asked_at=node.clock(),
            )
        )  # fmt: skip
        await insert(LinkWire(link_id=link_id))
        await insert(
            OpenRequest(
                link_id=link_id, reference="theirs", body=row[0], area="HX7", starts_at=row[1], ends_at=row[2],
                go_no_go_at=row[3], received_at=node.clock(),
            )
        )  # fmt: skip
    return link_id


async def test_an_ended_link_is_still_asked_and_whoever_does_not_answer_is_asked_again(story: Story) -> None:
    await story.ask_far()
    a, b = story.pair.both
    [(reference,)] = await a.rows("SELECT reference FROM asked_circle")
    with a.bound():
        await links.end(COMMAND, story.pair.link_id)
    await story.pair.settle()
    erasure = await ask_to_delete(a, story.pair.link_id, reference)
    await story.pair.settle()
    assert await told(a, "erasure_out", "state") == [("done",)]
    # What nobody had agreed to went with the link already.
    assert await b.rows("SELECT area, state FROM open_request") == []
    # As if their answer had been lost with a backup: a week on they are asked again under the same name.
    with a.bound():
        async with write():
            await fetch("UPDATE erasure_out SET state = 'asked' WHERE id = ?", erasure)
    story.pair.move(timedelta(days=8))
    with a.bound():
        await privacy.chase(NODE)
    await story.pair.settle()
    assert await told(a, "erasure_out", "state, times") == [("done", 2)]


async def closed(story: Story) -> tuple[PairNode, PairNode]:
    """A visit took place, is paid between the circles, and both have closed the link."""
    await settled(story)
    a, b = story.pair.both
    await story.pair.settle()
    story.pair.move(timedelta(days=38))
    for node in (a, b):
        with node.bound():
            await state_all({})
    await story.pair.settle()
    with a.bound():
        await between.paid_circle(await actor(story.tess), story.pair.link_id, 6105, "by hand")
    await story.pair.settle()
    with b.bound():
        await between.circle_paid(await actor(story.kit), story.pair.link_id, 6105, "line 1")
    await story.pair.settle()
    with a.bound():
        await links.end(COMMAND, story.pair.link_id)
    await story.pair.settle()
    await days_pass(story, 1, 20, 20)
    assert [await told(node, "link", "closed_at IS NOT NULL") for node in (a, b)] == [[(True,)], [(True,)]]
    return a, b


async def days_pass(story: Story, *days: int, only: PairNode | None = None) -> None:
    for count in days:
        story.pair.move(timedelta(days=count))
        for node in (only,) if only else story.pair.both:
            with node.bound():
                await jobs.ensure_recurring()
                await jobs.drain()
        await (only or story.pair).settle()


async def test_a_closed_link_still_carries_what_is_to_be_forgotten_and_the_receipt(story: Story) -> None:
    a, b = await closed(story)
    assert await found_in(a, ("Bea",)) == ["Bea"]
    # Both change their keys in the years after: each hears of it from the other, also on a closed link.
    await days_pass(story, 40, 40, 40)
    assert [row[0] for row in await told(a, "letter_out", "type")].count("identity.updated") >= 1
    await ask_to_delete(b, story.pair.link_id, story.offer)
    with b.bound():
        said = [still.sentence for still in await ending.goes_on(story.pair.link_id)]
        assert "We have asked them to delete what they know of one person. They have not answered yet." in said
    await story.pair.settle()
    assert await told(b, "erasure_out", "state, times") == [("done", 1)]
    assert await told(a, "erasure_in", "state") == [("done",)]
    assert (await story.visit_row()).cover_name == "Someone"
    assert await found_in(a, ("Bea",)) == []
    with b.bound():
        assert await ending.goes_on(story.pair.link_id) == []
    # Nothing that the agreement had allowed comes over it again.
    with a.bound():
        refused = await known.may_cross(story.pair.link_id, "out", "cover.request")
        assert refused is not None
        assert refused.code == "link_ended"
    await whole(story.pair)


async def test_a_circle_that_is_gone_for_good_is_asked_for_ever_and_then_somebody_is_told_to_ring(story: Story) -> None:
    await settled(story)
    await give_back(story)
    a, b = story.pair.both
    await b.stop()
    with a.bound():
        await privacy.ask(await story.as_edith(), person_id=story.edith)
        await links.end(COMMAND, story.pair.link_id)
    await days_pass(story, 4, 20, only=a)
    assert await told(a, "erasure_out", "state") == [("asked",)]
    with a.bound():
        fay = await actor(story.fay)
        [wish] = await privacy_queries.wishes(fay)
        assert say.circle(wish.circles[0], wish.gone_at, a.clock(), clock.zone()).endswith("we go on asking.")
    # What else was to be said is given up in time, and the debt is written off by people; this keeps the link from closing.
    await days_pass(story, 40, 40, only=a)
    with a.bound():
        left = await ending.goes_on(story.pair.link_id)
        assert "We have asked them to delete what they know of one person. They have not answered yet." in [
            still.sentence for still in left if still.kind == "kept"
        ]
        [wish] = await privacy_queries.wishes(fay)
        assert say.circle(wish.circles[0], wish.gone_at, a.clock(), clock.zone()) == (
            "First asked on 30 November 2026. No answer yet. We go on asking, and it is time to ring them: please ask them to "
            "delete what they know of someone because of the visit on 26 November 2026."
        )
    assert await told(a, "link", "closed_at IS NULL") == [(True,)]
    # They come back after all.
    await b.start()
    await days_pass(story, 1, 1)
    assert await told(a, "erasure_out", "state") == [("done",)]
    assert await found_in(b, EDITH) == []


async def test_an_ended_link_with_a_circle_that_is_gone_closes_by_what_people_heard_and_a_receipt_still_counts(
    story: Story,
) -> None:
    await settled(story)
    await give_back(story)
    a, b = story.pair.both
    await b.stop()
    with a.bound():
        await privacy.ask(await story.as_edith(), person_id=story.edith)
    await days_pass(story, 4, only=a)
    [(erasure,)] = await told(a, "erasure_out", "id")
    with a.bound():
        fay = await actor(story.fay)
        with pytest.raises(Conflict):
            await privacy.told(fay, erasure=erasure, how="rang", words="Rang Tom on Monday.")
        await links.end(COMMAND, story.pair.link_id)
        with pytest.raises(Forbidden):
            await privacy.told(await actor(story.ruth), erasure=erasure, how="rang", words="Rang Tom on Monday.")
        for how, words in (("wrong", "Rang Tom."), ("nobody", " ")):
            with pytest.raises(Invalid):
                await privacy.told(fay, erasure=erasure, how=how, words=words)
        await between.paid_circle(await actor(story.tess), story.pair.link_id, 6105, "by hand")
    await days_pass(story, 40, 30, only=a)
    assert await told(a, "link", "closed_at IS NULL") == [(True,)]
    with a.bound():
        [still] = [one for one in await ending.goes_on(story.pair.link_id) if one.path]
        assert (still.kind, still.path) == ("kept", "/forgotten")
        for _ in range(2):
            await privacy.told(fay, erasure=erasure, how="rang", words="Rang Tom on Monday.")
        [wish] = await privacy_queries.wishes(fay)
        assert (
            say.state(msgspec.structs.replace(wish, kept=()), clock.zone())[1]
            == "Deleted here. Not every circle has sent a receipt"
        )
        on = say.day(a.clock(), clock.zone())
        assert say.circle(wish.circles[0], wish.gone_at, a.clock(), clock.zone()) == (
            f"They say on the telephone that it is deleted, Fay wrote on {on}. We have no receipt of it."
        )
    # Who wrote what, in the record, once; and nothing of it is an answer of theirs.
    assert await a.rows(
        "SELECT a.actor_id, t.text FROM audit a JOIN audit_text t ON t.audit_id = a.id WHERE a.action = 'privacy.told'"
    ) == [(story.fay, "Rang Tom on Monday.")]
    assert await told(a, "erasure_out", "state, told_how, told_by, answered_at IS NULL") == [
        ("told", "rang", story.fay, True)
    ]
    await days_pass(story, 1, 20, only=a)
    assert await told(a, "link", "closed_at IS NOT NULL") == [(True,)]
    # They are not asked again. What lay ready for them still reaches them, and their own receipt takes the place of our word.
    assert await told(a, "erasure_out", "times") == [(1,)]
    await b.start()
    await days_pass(story, 1, 1)
    assert await told(a, "erasure_out", "state, told_how") == [("done", "rang")]
    assert await found_in(b, EDITH) == []


async def test_where_another_link_takes_the_place_of_one_whose_keys_are_lost_it_is_asked_there(story: Story) -> None:
    await story.ask_far()
    a, b = story.pair.both
    old = story.pair.link_id
    [(reference,)] = await a.rows("SELECT reference FROM asked_circle")
    assert "HX7" in await found_in(b, ("HX7",))
    # Asked on the old link, and not delivered before it was lost.
    await b.stop()
    await ask_to_delete(a, old, reference)
    await b.start()
    with b.bound():
        await own.begin_anew(COMMAND)
    with a.bound():
        invite = await links.make_invite(COMMAND)
    with b.bound():
        story.pair.link_id = await links.accept_invite(COMMAND, invite)
    await story.pair.settle()
    for node in (a, b):
        with node.bound():
            await links.words_same(COMMAND, story.pair.link_id)
    with a.bound():
        await stands_in_for(COMMAND, story.pair.link_id, old)
        await links.propose(COMMAND, story.pair.link_id)
    await story.pair.settle()
    with b.bound():
        await links.agree(COMMAND, story.pair.link_id)
    await story.pair.settle()
    await days_pass(story, 8)
    assert await told(a, "erasure_out", "state, link_id") == [("done", story.pair.link_id)]
    with a.bound():
        assert await across.stands_for(old) == story.pair.link_id
    assert await b.rows("SELECT area FROM open_request WHERE area <> ''") == []


async def test_what_is_kept_for_a_visit_goes_in_time_also_after_a_long_time_off(story: Story) -> None:
    await settled(story)
    await story.pair.b.stop()
    story.pair.move(timedelta(days=200))
    for node in story.pair.both:
        with node.bound():
            async with write():
                # The job of its own died long ago.
                await fetch("DELETE FROM job WHERE kind IN ('cover.forget_in', 'cover.forget_out')")
            await jobs.ensure_recurring()
            await jobs.drain()
    b = story.pair.b
    assert await b.rows("SELECT disclosure, retain_until FROM my_offer") == [("", None)]
    assert await b.rows("SELECT area FROM open_request") == [("",)]
    assert await story.pair.a.rows("SELECT COUNT(*) FROM disclosure_out") == [(0,)]
    assert await story.pair.a.rows("SELECT words, face FROM cover_offer WHERE link_id <> ''") == [("", "")]
    assert await found_in(story.pair.a, ("I grew up there.",)) == []
    # What is not evidence of money has no bytes any more, on either side.
    for node in story.pair.both:
        kept = await node.rows(
            "SELECT i.type FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE r.bytes <> '' "
            "UNION SELECT type FROM letter_out WHERE bytes <> ''"
        )
        assert {row[0] for row in kept} & {"cover.requested", "cover.offered", "disclosure.sent"} == set()
    await whole(story.pair)


async def test_nothing_crosses_before_both_are_sure_that_says_who_or_where(story: Story) -> None:
    wire = Wire(story.pair)
    certificates = ("009876543210", "Sunderland", "1 Bank Street")
    await story.ask_far()
    await story.offers()
    for node in story.pair.both:
        await node.settle()
    assert wire.tells((*EDITH, *certificates)) == []
    assert wire.tells(["HX7", "hoist", "I grew up there.", "Bea"]) == ["HX7", "hoist", "I grew up there.", "Bea"]
    assert wire.tells([story.edith, story.request, story.visit]) == []
    await story.chooses()
    await story.pair.settle()
    # The same ear hears the name once Bea is sure to come, and never a certificate's number.
    assert wire.tells(EDITH) == list(EDITH)
    assert wire.tells(certificates) == []


async def test_no_two_links_or_requests_have_a_reference_in_common(story: Story) -> None:
    await story.ask_far()
    with story.a.bound():
        other = new_id()
        async with write():
            await insert(
                Link(
                    id=other, state="ended", we_invited=True, node_id="x" * 52, base_url="https://third.example",
                    secret=letters.new_link_secret(), asked_at=story.a.clock(),
                )
            )  # fmt: skip
        made = [
            await letters.reference(link, who, what)
            for link in (story.pair.link_id, other)
            for who in (story.edith, story.ruth)
            for what in (story.request, "another")
        ]
        assert len(set(made)) == 8
        assert (await story.a.rows("SELECT reference FROM asked_circle"))[0][0] == made[0]


async def test_what_is_refused_leaves_no_word_behind(story: Story) -> None:
    """A letter of a kind that nobody knows, one sent twice with other bytes and one that can't be stored."""
    a, b = story.pair.both
    for name, body in (("gossip.told", {"who": "Edith Crabtree"}), ("cover.offered", {"own_words": "Edith Crabtree"})):
        event = await forged(a, story.pair.link_id, name, body)
        answer = await send(b.port, sign(a, "POST", f"{b.url}/fed/v1/inbox", jcs.dump({"events": [event]})))
        assert answer.status == 200
        changed = identity_sign(a, {**{k: v for k, v in event.items() if k != "proof"}, "body": {"who": "Crabtree"}})
        answer = await send(b.port, sign(a, "POST", f"{b.url}/fed/v1/inbox", jcs.dump({"events": [changed]})))
        assert answer.code == "event_changed"
    assert await found_in(b, ("Crabtree",)) == []
    assert [row[0] for row in await b.rows("SELECT code FROM link_alarm ORDER BY id")] == ["event_changed"] * 2
    with b.bound(), b.wire.bound():
        await verify_letters()


def identity_sign(node: PairNode, value: dict[str, Any]) -> dict[str, Any]:
    return node.wire.us.sign(value, node.clock())


async def forged(node: PairNode, link_id: str, type_: str, body: dict[str, Any]) -> dict[str, Any]:
    """The next event of a node, by hand; the node itself knows nothing of it."""
    with node.bound():
        async with write():
            [(seq,)] = await fetch("UPDATE link_wire SET seq_out = seq_out + 1 RETURNING seq_out")
        [(them,)] = await fetch("SELECT node_id FROM link")
    return identity_sign(node, {
        "id": new_id(), "link": link_id, "from": node.wire.us.node_id, "to": them, "seq": seq, "subject": f"s-{seq}",
        "rev": 1, "prev": None, "type": type_, "at": wire_time(node.clock()), "body": body,
    })  # fmt: skip
