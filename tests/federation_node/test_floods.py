"""A linked circle that says too much, too soon, too late or again: it fills nothing, and keeps nobody waiting."""

import asyncio
import sqlite3
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from eccoo_federation import events as wire_events
from eccoo_federation import limits, spoken
from eccoo_federation.errors import ProtocolError
from eccoo_node.cover import letters as cover_letters
from eccoo_node.cover import queries
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox, pulls
from eccoo_node.federating.pulls import MOST_GETS
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions as links
from eccoo_node.links import alarms, letters
from eccoo_node.links.arrivals import circle_actor
from eccoo_node.links.letters import Letter
from eccoo_node.privacy import letters as privacy
from eccoo_node.rota import link_news
from eccoo_node.settlement import letters as settlement
from tests.support import make
from tests.support.hostile import Answer, send, sign
from tests.support.more_links import more_links
from tests.support.pair import Pair
from tests.support.story import Story

assert link_news
assert privacy
assert settlement
ERASURE = "01a2044c-b8e3-7390-a762-e1bb8952974b"
ASKED: dict[str, Any] = {
    "area": "HX7", "starts_at": "2026-11-26T09:00:00Z", "ends_at": "2026-11-26T11:00:00Z", "needs": {}, "fee_pence": 6000,
    "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0}, "reply_by": "2026-11-25T09:00:00Z",
    "hold_until": "2026-11-26T09:00:00Z", "go_no_go_at": "2026-11-25T18:00:00Z",
}  # fmt: skip


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def written(story: Story, *said: tuple[str, str, dict[str, Any]]) -> list[bytes]:
    """Letters of Todmorden, numbered and signed, that nobody has sent."""
    with story.b.bound():
        async with write():
            for type_, subject, body in said:
                await letters.send(story.pair.link_id, type_, subject, body)
        return [sealed.bytes for sealed in await outbox.next_batch(story.pair.link_id, 50)]


async def brought(story: Story, *sealed: bytes) -> Answer:
    request = sign(story.b, "POST", f"{story.a.url}/fed/v1/inbox", wire_events.write_batch(sealed))
    return await send(story.a.port, request)


async def verdicts(story: Story) -> list[tuple[str, str]]:
    rows = await story.a.rows(
        "SELECT r.verdict, r.code FROM letter_in i JOIN letter_read r ON r.letter_id = i.id ORDER BY seq"
    )
    return [(str(row[0]), str(row[1])) for row in rows]


async def say(story: Story, *said: tuple[str, str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Todmorden says this, whatever its own machine would; what became of each at Hebden."""
    before = len(await verdicts(story))
    await brought(story, *await written(story, *said))
    return (await verdicts(story))[before:]


async def test_what_was_sent_ahead_does_not_slip_in_after_a_pause(story: Story) -> None:
    ours, ahead = await written(
        story,
        ("erasure.requested", ERASURE, {"erasure": ERASURE, "subjects": ["nobody"]}),
        ("cover.requested", "r1", {"request": "r1", **ASKED}),
    )
    await brought(story, ahead)
    assert await verdicts(story) == [("buffered", "")]
    with story.a.bound():
        await links.suspend(COMMAND, story.pair.link_id)
    assert (await brought(story, ours)).status == 200
    assert await verdicts(story) == [("applied", ""), ("refused", "link_suspended")]
    assert await story.a.rows("SELECT COUNT(*) FROM open_request") == [(0,)]


@pytest.mark.parametrize("error", [sqlite3.DataError("long"), asyncpg.StringDataRightTruncationError("long")])
async def test_a_word_that_no_column_takes_is_refused_alone(
    story: Story, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "r" * 80
    assert await say(story, ("cover.requested", long, {"request": long, **ASKED})) == [("applied", "")]

    async def too_long(*_: object) -> None:
        raise error

    monkeypatch.setattr(queries, "has_room", too_long)
    first, last = (
        ("cover.requested", "r1", {"request": "r1", **ASKED}),
        ("cover.cancelled", long, {"request": long, "cancelled_at": "2026-11-23T08:00:00Z"}),
    )
    assert await say(story, first, last) == [("refused", "bad_body"), ("applied", "")]


async def test_what_is_ready_for_nobody_of_ours_is_not_fetched(story: Story) -> None:
    said = [("disclosure.sent", f"r{n}", {"request": f"r{n}", "n": 1, "salted_hash": "A" * 43,
             "retain_until": "2026-12-26T09:00:00Z"}) for n in range(4)]  # fmt: skip
    assert set(await say(story, *said)) == {("refused", "unknown_subject")}
    assert await story.a.rows("SELECT COUNT(*) FROM job WHERE kind = 'federation.get'") == [(0,)]


async def test_a_last_statement_comes_only_when_it_is_the_last(story: Story) -> None:
    page = {"period": "2026-11", "starts_on": "2026-11-01", "ends_on": "2026-11-30", "opening_pence": 0, "entries": [],
            "closing_pence": 0, "final": True}  # fmt: skip
    with story.a.bound():
        await links.suspend(COMMAND, story.pair.link_id)
    assert await say(story, ("settle.statement", "settlement", page)) == [("refused", "wrong_state")]
    assert await story.a.rows("SELECT COUNT(*) FROM settle_page") == [(0,)]


async def test_news_of_one_circle_does_not_bury_a_worker(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "TOLD_A_DAY", 3)
    for number in range(6):
        ref = f"r{number}"
        assert await say(story, ("cover.requested", ref, {"request": ref, **ASKED}),
                         ("cover.cancelled", ref, {"request": ref, "cancelled_at": "2026-11-23T08:00:00Z"})) == [("applied", "")] * 2  # fmt: skip
    told = await story.a.rows("SELECT COUNT(*) FROM told WHERE news = 'asked_away' GROUP BY person_id")
    assert told
    assert set(told) == {(3,)}
    # A pause and its end by turns is one piece of news in an hour.
    with story.a.bound():
        await make.hat(story.fay, await make.circle(), "admin")
    for _ in range(3):
        assert await say(story, ("link.suspended", "link", {}), ("link.resumed", "link", {})) == [("applied", "")] * 2
        await story.a.settle()
    assert (await story.news(story.a, story.fay)).count("link_paused") == 1


async def test_no_circle_takes_back_what_another_has_offered(story: Story) -> None:
    [other] = await more_links(story.pair, "Burnley circle")
    await story.ask_far()
    offer = await story.offers()
    with story.a.bound():
        ref = str((await story.a.row("SELECT reference FROM asked_circle WHERE link_id = ?", other))[0])
        said = {"request": ref, "offer": offer}
        read = wire_events.read_body("cover.withdrawn", said)
        with pytest.raises(ProtocolError, match="unknown_subject"):
            await cover_letters.hear_for_asking(
                circle_actor(other), Letter(other, "e1", "cover.withdrawn", ref, 1, letters.stamp(), said, read, {})
            )
    assert (await story.a.row("SELECT state FROM cover_offer WHERE id = ?", offer))[0] == "live"


async def test_neither_alarms_nor_fetched_letters_fill_a_disk(story: Story) -> None:
    link_id = story.pair.link_id
    with story.a.bound():
        async with write():
            for number in range(30):
                await alarms.alarm(link_id, "event_changed", str(number), "{}")
            await alarms.alarm(link_id, "seq_reused")
        assert await story.a.rows("SELECT code, COUNT(*) FROM link_alarm GROUP BY code ORDER BY code") == [
            ("event_changed", alarms.ALARMS_A_DAY), ("seq_reused", 1),
        ]  # fmt: skip
        story.pair.move(timedelta(minutes=1))
        assert await pulls._room_for(link_id, limits.EVENTS_PER_MIN)
        assert not await pulls._room_for(link_id, 1)
        story.pair.move(timedelta(minutes=1))
        assert await pulls._room_for(link_id, 50)
        # Only so many things are fetched of one circle at one time.
        story.a.wire.getting[link_id] = MOST_GETS
        async with asyncio.timeout(1):
            again = await pulls.get_one({"link": link_id, "path": "requests/none"})
        assert again is not None
        assert story.a.wire.getting[link_id] == MOST_GETS


async def test_an_old_request_said_again_moves_no_clock(story: Story) -> None:
    old = sign(story.b, "POST", f"{story.a.url}/fed/v1/ping", msgspec.json.encode({"applied": 0}))
    story.pair.move(timedelta(days=1))
    await send(story.a.port, sign(story.b, "GET", f"{story.a.url}/fed/v1/requests/none"))
    before = await story.a.row("SELECT clock_offset_s, clock_seen_at FROM link_wire")
    assert (await send(story.a.port, old)).code == "clock_skew"
    assert tuple(await story.a.row("SELECT clock_offset_s, clock_seen_at FROM link_wire")) == tuple(before)
    # Their clock itself, gone wrong since, is noticed.
    await send(story.a.port, sign(story.b, "GET", f"{story.a.url}/fed/v1/requests/none", created_in_s=400))
    assert (await story.a.row("SELECT clock_offset_s FROM link_wire"))[0] == 400


def test_words_read_out_are_the_same_however_they_are_typed() -> None:
    assert spoken.plain_words("One-two, THREE") == spoken.plain_words(" one two three ") == "one two three"
