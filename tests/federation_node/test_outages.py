"""A circle that is away, busy, picky or out of reach from one side: all of it heals without anybody's hand."""

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from eccoo_federation import jcs, limits
from eccoo_node.cover import letters as cover_letters
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox
from eccoo_node.federating.verify import verify
from eccoo_node.links import letters
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair, PairNode

# Answers to pulls are registered by importing it.
assert cover_letters
MINUTE = timedelta(minutes=1)
SQLITE = pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)


async def wire_of(node: PairNode, what: str) -> Any:
    return (await node.row(f"SELECT {what} FROM link_wire"))[0]


async def change(node: PairNode, sql: str, *params: Any) -> int:
    """Write behind the node's back; how many rows it met."""
    with node.bound():
        async with write():
            return len(await fetch(f"{sql} RETURNING id", *params))


async def until(pair: Pair, holds: Callable[[], bool], within: timedelta = timedelta(hours=1)) -> None:
    """Let the clocks of both go on, minute by minute, until it holds."""
    start = pair.b.clock()
    for _ in range(1000):
        for node in (*pair.both, *pair.both):
            await node.settle()
        if holds():
            assert pair.b.clock() - start <= within
            return
        pair.move(MINUTE)
    raise AssertionError("it never came to hold")


async def shut_out(node: PairNode) -> None:
    """As many failures as open the breaker; the other side is away."""
    while await wire_of(node, "failures") < limits.BREAKER_FAILURES:
        await node.settle()
        node.clock.move(timedelta(minutes=31))


async def test_whatever_the_other_side_was_away_for_the_first_letter_comes_within_the_hour(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    for away, number in ((timedelta(hours=1), 1), (timedelta(days=8), 2)):
        await b.stop()
        await write_letter(a, link_id, f"req-{number}")
        back = a.clock() + away
        while a.clock() < back:
            await a.settle()
            two_nodes.move(min(back - a.clock(), max(away / 24, timedelta(minutes=11))))
        await b.start()
        await until(two_nodes, lambda number=number: len(heard.letters) == number)
    assert await a.rows("SELECT DISTINCT state FROM letter_out") == [("acked",)]
    assert await wire_of(a, "failures") == 0


async def many(node: PairNode, link_id: str, count: int) -> None:
    with node.bound():
        async with write():
            for number in range(count):
                await letters.send(link_id, "cover.declined", f"req-{number}", {"request": f"req-{number}"})


async def test_a_batch_that_is_refused_is_halved_down_to_the_one_letter(
    two_nodes: Pair, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    await many(a, link_id, 20)
    with a.bound():
        sealed = (await outbox.next_batch(link_id, 50))[13]
    broken = jcs.dump({**jcs.parse(sealed.bytes), "rev": 0}).decode()
    assert await change(a, "UPDATE letter_out SET bytes = ? WHERE id = ?", broken, sealed.row) == 1
    await two_nodes.settle()
    assert sorted(s for _, s, _ in heard.letters) == sorted(f"req-{n}" for n in range(20) if n != 13)
    assert await a.rows("SELECT code, detail FROM link_alarm") == [("dead_letter", "cover.declined bad_body")]
    assert (await wire_of(a, "failures"), await wire_of(b, "seq_in")) == (0, await wire_of(a, "seq_out"))
    # One that takes less at a time than it says gets less at a time, and loses nothing.
    heard.letters.clear()
    monkeypatch.setattr(limits, "BODY_BYTES", 4000)
    await many(a, link_id, 20)
    await two_nodes.settle()
    assert len(heard.letters) == 20
    assert len(await a.rows("SELECT code FROM link_alarm")) == 1


async def test_a_busy_circle_is_left_alone_for_as_long_as_it_says(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    ours, asked = b.app, []
    said = ""

    async def busy(scope: Any, receive: Any, send: Any) -> None:
        asked.append(a.clock())
        headers = [(b"retry-after", said.encode("latin-1")), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    in_20_minutes = format_datetime(a.clock() + timedelta(hours=2, minutes=20), usegmt=True)
    waits = {"1800": 1800, "999999": 3600, "\xb2": 5, in_20_minutes: 1200}
    two_nodes.move(timedelta(minutes=29, seconds=55))
    for number, (said, seconds) in enumerate(waits.items(), 1):
        b.app = busy
        await write_letter(a, link_id)
        start = a.clock()
        await a.settle()
        assert await wire_of(a, "trouble") == "unsigned_response"
        two_nodes.move(timedelta(seconds=seconds - 1))
        await a.settle()
        assert asked == [start], said
        b.app = ours
        two_nodes.move(timedelta(seconds=1))
        await a.settle()
        assert len(heard.letters) == number
        asked.clear()


async def test_both_had_given_up_on_each_other_and_find_back(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    for node in two_nodes.both:
        await node.stop()
        await write_letter(node, link_id, node.name)
    for node in two_nodes.both:
        await shut_out(node)
    late = max(node.clock() for node in two_nodes.both)
    for node in two_nodes.both:
        node.clock.move(late - node.clock())
        await node.start()
    await until(two_nodes, lambda: len(heard.letters) == 2)
    await two_nodes.settle()
    for node in two_nodes.both:
        assert await node.rows("SELECT state FROM letter_out") == [("acked",)]


async def test_what_cannot_be_pushed_one_way_is_fetched_the_other_way_and_pushed_again_later(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    for node in two_nodes.both:
        with node.bound():
            await jobs.ensure_recurring()
    # B reaches nobody; A reaches B.
    await a.stop()
    await write_letter(b, link_id)
    await shut_out(b)
    a.clock.move(b.clock() - a.clock())
    await until(two_nodes, lambda: len(heard.letters) == 1, timedelta(minutes=10))
    # That A calls does not mean that A hears.
    assert await wire_of(b, "failures") >= limits.BREAKER_FAILURES
    assert await b.rows("SELECT state FROM letter_out") == [("sent",)]
    await a.start()
    await write_letter(b, link_id)
    await until(two_nodes, lambda: len(heard.letters) == 2)
    await two_nodes.settle()
    assert await b.rows("SELECT DISTINCT state FROM letter_out") == [("acked",)]
    for node in two_nodes.both:
        with node.bound():
            await verify()


async def test_no_letter_is_left_behind_an_open_breaker_or_a_job_that_failed_too_often(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    a = two_nodes.a
    with a.bound():
        await jobs.ensure_recurring()
    await write_letter(a, link_id)
    # The other side is well again, but what waits may go out only once the states were compared.
    assert await change(a, "UPDATE letter_subject SET blocked_out = TRUE") == 1
    assert await change(a, "UPDATE link_wire SET failures = 7") == 1
    await until(two_nodes, lambda: len(heard.letters) == 1, timedelta(minutes=10))
    await write_letter(a, link_id)
    assert await change(a, "UPDATE job SET dead = TRUE WHERE kind = 'federation.send'") == 1
    await until(two_nodes, lambda: len(heard.letters) == 2, timedelta(minutes=10))


@SQLITE
async def test_answers_that_no_honest_circle_gives_stop_nobody(
    two_nodes: Pair, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id = await two_nodes.link()
    a = two_nodes.a
    from eccoo_node.federating import app

    real = app.events.write_answer
    for number, lie in enumerate([b"[]", b"not json", b'{"applied":2147483647}', b'{"applied":9007199254740991}']):
        monkeypatch.setattr(app.events, "write_answer", lambda _, lie=lie: lie)
        await write_letter(a, link_id, f"req-{number}")
        await a.settle()
        monkeypatch.setattr(app.events, "write_answer", real)
        two_nodes.move(timedelta(hours=1))
        await two_nodes.settle()
    assert await a.rows("SELECT DISTINCT state FROM letter_out") == [("acked",)]
    assert await wire_of(a, "acked_out") == await wire_of(a, "seq_out") == 4
    with a.bound():
        await verify()
