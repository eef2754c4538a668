"""What the line, the clock and the other side do to letters: nothing is lost, and nothing is done twice."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import h11
import pytest

from eccoo_node.cover import letters as cover_letters
from eccoo_node.db import jobs
from eccoo_node.federating import pulls, sender, wire
from eccoo_node.federating.verify import verify
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions, queries
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair
from tests.support.ports import free_port
from tests.support.proxy import FaultProxy

# Answers to pulls are registered by importing it.
assert cover_letters


@pytest.fixture
async def behind_proxies(
    two_nodes: Pair, fault_proxy: Callable[..., FaultProxy]
) -> tuple[Pair, FaultProxy, FaultProxy]:
    """Each node's public address is a proxy's that can fail; the node itself has moved to another port."""
    proxies = []
    for node in two_nodes.both:
        await node.stop()
        public, node.port = node.port, free_port()
        proxies.append(fault_proxy(node.port, public))
        await node.start()
    return two_nodes, proxies[0], proxies[1]


async def holds(pair: Pair) -> None:
    """What both kept of the wire is whole and signed."""
    for node in pair.both:
        with node.bound():
            await verify()


async def rounds_begin(pair: Pair) -> None:
    """As the job loop does when a node starts."""
    for node in pair.both:
        with node.bound():
            await jobs.ensure_recurring()


async def waited_out(pair: Pair, times: int = 1) -> None:
    for _ in range(times):
        pair.move(timedelta(hours=1))
        await pair.settle()


def as_a_proxy_does(head: h11.Request) -> h11.Request:
    """Its own Host, shouted names, and what it adds, some of it twice."""
    kept = [(name.upper(), value) for name, value in head.headers.raw_items() if name.lower() != b"host"]
    added = [(b"Host", b"127.0.0.1:1"), (b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Host", b"evil.example")]
    added += [(b"X-Forwarded-For", b"203.0.113.7"), (b"X-Forwarded-For", b"127.0.0.1"), (b"Via", b"1.1 front")]
    return h11.Request(method=head.method, target=head.target, headers=[*added, *kept])


def with_path(change: Callable[[bytes], bytes]) -> Callable[[h11.Request], h11.Request]:
    def rewrite(head: h11.Request) -> h11.Request:
        return h11.Request(method=head.method, target=change(head.target), headers=list(head.headers.raw_items()))

    return rewrite


async def test_a_proxy_may_change_what_is_not_signed_and_no_path(
    behind_proxies: tuple[Pair, FaultProxy, FaultProxy], heard: Heard
) -> None:
    pair, *proxies = behind_proxies
    for proxy in proxies:
        proxy.rewrite = as_a_proxy_does
    link_id = await pair.link()
    await write_letter(pair.a, link_id)
    await pair.settle()
    assert heard.letters == [("cover.declined", "req-1", 1)]
    assert await pair.troubles() == []
    changes = (
        lambda target: target.replace(b"/fed/", b"//fed/"),
        lambda target: target.replace(b"/v1/", b"/v1/%2e/"),
        lambda target: target.replace(b"inbox", b"%69nbox"),
        lambda target: target + b"?x=1",
    )
    for number, change in enumerate(changes, 2):
        proxies[1].rewrite = with_path(change)
        await write_letter(pair.a, link_id)
        await pair.settle()
        assert proxies[1].exchanges[-1].status == 401
        assert len(heard.letters) == number - 1
        proxies[1].rewrite = None
        await waited_out(pair)
        assert len(heard.letters) == number
    await holds(pair)


async def test_fifty_lost_acknowledgements_have_one_effect(
    behind_proxies: tuple[Pair, FaultProxy, FaultProxy], heard: Heard
) -> None:
    pair, _, before_b = behind_proxies
    link_id = await pair.link()
    lost = before_b.lose_replies(times=50, path="/fed/v1/inbox")
    await write_letter(pair.a, link_id)
    await pair.settle()
    assert heard.letters == [("cover.declined", "req-1", 1)]
    assert await pair.a.rows("SELECT state FROM letter_out") == [("sent",)]
    await waited_out(pair, 55)
    assert lost.happened == 50
    assert heard.letters == [("cover.declined", "req-1", 1)]
    assert await pair.a.rows("SELECT state FROM letter_out") == [("acked",)]
    posts = [e for e in before_b.exchanges if e.target == "/fed/v1/inbox"]
    assert len({e.body for e in posts}) == 1
    # Each try is signed anew, so that it is never taken for a replay.
    assert len({dict(e.headers)[b"Signature"] for e in posts}) == len(posts) == 51
    await holds(pair)


async def test_requests_that_get_lost_or_come_twice_change_nothing(
    behind_proxies: tuple[Pair, FaultProxy, FaultProxy], heard: Heard
) -> None:
    pair, _, before_b = behind_proxies
    link_id = await pair.link()
    before_b.lose_requests(times=3)
    before_b.duplicate(times=2, path="/fed/v1/inbox")
    for _ in range(3):
        await write_letter(pair.a, link_id)
    await pair.settle()
    await waited_out(pair, 6)
    assert heard.letters == [("cover.declined", "req-1", n) for n in (1, 2, 3)]
    assert {row[0] for row in await pair.a.rows("SELECT state FROM letter_out")} == {"acked"}
    await holds(pair)


async def test_a_letter_changed_on_the_way_is_refused_and_the_true_one_arrives_later(
    behind_proxies: tuple[Pair, FaultProxy, FaultProxy], heard: Heard
) -> None:
    pair, _, before_b = behind_proxies
    link_id = await pair.link()
    before_b.tamper = lambda body: body.replace(b"req-1", b"req-2")
    await write_letter(pair.a, link_id)
    await pair.settle()
    assert heard.letters == []
    assert await pair.a.rows("SELECT trouble FROM link_wire") == [("bad_digest",)]
    before_b.tamper = None
    await waited_out(pair)
    assert heard.letters == [("cover.declined", "req-1", 1)]


async def test_two_answers_that_change_places_are_both_refused(two_nodes: Pair) -> None:
    """The answer covers the request's own signature."""
    link_id = await two_nodes.link()
    a = two_nodes.a
    real, kept, both = a.wire.client.send, {}, asyncio.Barrier(2)

    async def swapping(method: str, url: str, *rest: Any) -> Any:
        mine = asyncio.current_task()
        kept[mine] = await real(method, url, *rest)
        async with asyncio.timeout(10):
            await both.wait()
        return next(answer for task, answer in kept.items() if task is not mine)

    with a.bound():
        state = await queries.pinned(link_id)

        def twice() -> Any:
            calls = [wire.call(two_nodes.b.url, state, "GET", "/fed/v1/events/0") for _ in range(2)]
            return asyncio.gather(*calls, return_exceptions=True)

        assert [answer.json() for answer in await twice()] == [{"events": []}] * 2
        a.wire.client.send = swapping  # type: ignore[method-assign]
        refused = await twice()
    assert [getattr(one, "code", one) for one in refused] == ["bad_signature"] * 2
    assert [answer.status for answer in kept.values()] == [200, 200]


# ---- clocks ----


async def test_a_clock_four_minutes_slow_loses_nothing_either_way(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    a.clock.move(timedelta(minutes=-4))
    await write_letter(a, link_id)
    await write_letter(a, link_id)
    await two_nodes.settle()
    assert heard.letters == [("cover.declined", "req-1", 1), ("cover.declined", "req-1", 2)]
    await write_letter(b, link_id)
    await two_nodes.settle()
    # Todmorden's letter looks to come from the future, so Hebden fetches it instead.
    assert heard.letters[2:] == [("cover.declined", "req-1", 1)]
    assert await offsets(two_nodes) == (240, -240)
    await holds(two_nodes)


async def offsets(pair: Pair) -> tuple[int, int]:
    """How far each sees the other's clock ahead."""
    found = [(await node.row("SELECT clock_offset_s FROM link_wire"))[0] for node in pair.both]
    return found[0], found[1]


async def test_a_clock_four_minutes_fast_is_refused_named_and_mended(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    a.clock.move(timedelta(minutes=4))
    await write_letter(a, link_id)
    await a.settle()
    assert heard.letters == []
    assert await a.rows("SELECT trouble FROM link_wire") == [("clock_skew",)]
    assert await offsets(two_nodes) == (-240, 240)
    assert await b.rows("SELECT COUNT(*) FROM letter_in") == [(0,)]
    assert await a.rows("SELECT state FROM link") == [("open",)]
    a.clock.move(timedelta(minutes=-4))
    two_nodes.move(timedelta(minutes=5))
    await two_nodes.settle()
    assert heard.letters == [("cover.declined", "req-1", 1)]
    assert (await offsets(two_nodes), await two_nodes.troubles()) == ((0, 0), [])
    await holds(two_nodes)


async def test_trying_now_finds_out_that_the_clock_was_mended_also_with_nothing_to_send(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, _ = two_nodes.both
    a.clock.move(timedelta(minutes=10))
    with a.bound():
        await pulls.pull_states({"link": link_id})
    assert await a.rows("SELECT trouble FROM link_wire") == [("clock_skew",)]
    a.clock.move(timedelta(minutes=-10))
    with a.bound():
        await actions.try_now(COMMAND, link_id)
        await sender.send_letters({"link": link_id})
    assert await a.rows("SELECT trouble FROM link_wire") == [("",)]
    await holds(two_nodes)


# ---- pausing ----


async def test_a_pause_stops_all_but_what_frees_people_both_ways_and_going_on_delivers(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    for suspender, other in (two_nodes.both, two_nodes.both[::-1]):
        heard.letters.clear()
        with suspender.bound():
            await actions.suspend(COMMAND, link_id)
        await two_nodes.settle()
        for node in two_nodes.both:
            # What would begin something waits; a withdrawal of a yes goes through.
            await write_letter(node, link_id, f"new-{node.name}-{suspender.name}", "disclosure.sent")
            await write_letter(node, link_id, f"off-{node.name}-{suspender.name}", "cover.cancelled")
        await two_nodes.settle()
        await waited_out(two_nodes, 2)
        assert sorted(heard.letters) == sorted(
            [("cover.cancelled", f"off-{node.name}-{suspender.name}", 1) for node in two_nodes.both]
        )
        for node in two_nodes.both:
            with node.bound():
                assert await queries.askable() == []
        with suspender.bound():
            await actions.resume(COMMAND, link_id)
        await two_nodes.settle()
        assert sorted(s for kind, s, _ in heard.letters if kind == "disclosure.sent") == sorted(
            f"new-{node.name}-{suspender.name}" for node in two_nodes.both
        )
        assert other is not suspender
    await holds(two_nodes)


async def test_what_was_sent_before_a_pause_and_never_answered_does_not_block_the_row(
    behind_proxies: tuple[Pair, FaultProxy, FaultProxy], heard: Heard
) -> None:
    pair, _, before_b = behind_proxies
    link_id = await pair.link()
    before_b.lose_requests(times=1, path="/fed/v1/inbox")
    await write_letter(pair.a, link_id, "before", "disclosure.sent")
    await pair.settle()
    with pair.a.bound():
        await actions.suspend(COMMAND, link_id)
    await write_letter(pair.a, link_id, "off", "cover.cancelled")
    await waited_out(pair, 2)
    assert heard.letters == [("cover.cancelled", "off", 1)]
    assert await pair.b.rows("SELECT suspended_by_them_at IS NOT NULL FROM link") in ([(1,)], [(True,)])
    await holds(pair)


async def test_a_refusal_that_comes_later_than_the_word_to_go_on_does_not_pause_for_ever(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    with b.bound():
        await actions.suspend(COMMAND, link_id)
        await actions.resume(COMMAND, link_id)
    await two_nodes.settle()
    with a.bound():
        # As the sender leaves it when the refusal was under way while the word to go on arrived.
        await sender._paused((await sender.peer_of(link_id)), "link_suspended")  # type: ignore[arg-type]
        assert await queries.askable() == []
    await write_letter(a, link_id, "new", "disclosure.sent")
    await two_nodes.settle()
    assert heard.letters == []
    await rounds_begin(two_nodes)
    two_nodes.move(timedelta(minutes=7))
    await two_nodes.settle()
    assert heard.letters == [("disclosure.sent", "new", 1)]


async def test_a_pause_that_only_a_refusal_told_of_lasts_as_long_as_the_pause(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    with b.bound():
        await actions.suspend(COMMAND, link_id)
    # Todmorden's word cannot arrive: Hebden's door is shut; but Hebden can call out.
    await a.stop()
    await write_letter(a, link_id, "new", "disclosure.sent")
    await rounds_begin(two_nodes)
    for _ in range(3):
        await a.settle()
        two_nodes.move(timedelta(minutes=7))
    assert heard.letters == []
    with a.bound():
        assert (await queries.circle(link_id)).standing == "suspended_by_them"
