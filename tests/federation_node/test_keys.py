"""The other circle's keys change: learnt from its own log, at the pinned address, and on no stranger's word."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from eccoo_federation import limits
from eccoo_federation.identity import add_keys, create_identity, verify_log
from eccoo_federation.keys import SigningKey
from eccoo_federation.times import wire_time
from eccoo_node.db import jobs
from eccoo_node.db.transaction import write
from eccoo_node.federating import refetch
from eccoo_node.federating.verify import verify
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions, held, identity, letters, queries
from tests.support import hostile
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair, PairNode


def _us(node: PairNode) -> identity.Identity:
    with node.bound():
        return identity.current()


def rotate(node: PairNode, *uses: str) -> None:
    """New keys in the log and in use at once, as after a loss; nobody was told ahead."""
    us, now = _us(node), node.clock()
    fresh = {use: SigningKey.generate(use) for use in uses}  # type: ignore[arg-type]
    dates = wire_time(now - timedelta(hours=1)), wire_time(now + limits.TRANSPORT_KEY_LIFE)
    log = add_keys(us.log, [key.public(*dates) for key in fresh.values()], us.object_key, now)
    changed = {f"{use}_key": key for use, key in fresh.items()}
    node.wire = Wire(msgspec.structs.replace(us, log=log, state=verify_log(log), **changed), node.wire.client)


async def reaches(pair: Pair, heard: Heard) -> bool:
    before = len(heard.letters)
    await write_letter(pair.a, pair.link_id, f"req-{before}")
    await pair.settle()
    return len(heard.letters) == before + 1


@pytest.mark.parametrize("use", ["transport", "object"])
async def test_letters_go_on_after_a_new_key_that_nobody_was_told_of(two_nodes: Pair, heard: Heard, use: str) -> None:
    await two_nodes.link()
    assert await reaches(two_nodes, heard)
    rotate(two_nodes.a, use)
    await write_letter(two_nodes.a, two_nodes.link_id, "after")
    for node in two_nodes.both:
        with node.bound():
            await jobs.ensure_recurring()
    for _ in range(4):
        two_nodes.move(timedelta(minutes=7))
        await two_nodes.settle()
    assert heard.letters[-1] == ("cover.declined", "after", 1)
    assert await two_nodes.b.rows("SELECT code FROM link_alarm") == []
    for node in two_nodes.both:
        with node.bound():
            await verify()


async def test_a_signed_word_about_new_keys_is_followed_at_once_and_not_more_than_once_in_ten_minutes(
    two_nodes: Pair, heard: Heard
) -> None:
    await two_nodes.link()
    fetched = []
    real = two_nodes.b.wire.client.send

    async def counting(method: str, url: str, *rest: object) -> object:
        fetched.append(url)
        return await real(method, url, *rest)  # type: ignore[arg-type]

    two_nodes.b.wire.client.send = counting  # type: ignore[assignment,method-assign]
    for _ in range(3):
        us, now = _us(two_nodes.a), two_nodes.a.clock()
        spare = SigningKey.generate("transport")
        log = add_keys(us.log, [spare.public(wire_time(now), wire_time(now + timedelta(days=9)))], us.object_key, now)
        two_nodes.a.wire = Wire(msgspec.structs.replace(us, log=log, state=verify_log(log)), two_nodes.a.wire.client)
        state = _us(two_nodes.a).state
        with two_nodes.a.bound():
            async with write():
                await letters.send(
                    two_nodes.link_id, "identity.updated", "identity", {"seq": state.seq, "head": state.head}
                )
        await two_nodes.settle()
    logs = [url for url in fetched if url.endswith("/log")]
    assert len(logs) == 1
    two_nodes.move(limits.REFETCH_EVERY)
    await two_nodes.settle()
    assert len([url for url in fetched if url.endswith("/log")]) == 2
    assert (await two_nodes.b.row("SELECT log FROM link"))[0].count("\n") == 4
    assert await reaches(two_nodes, heard)


async def test_another_history_at_the_pinned_address_is_an_alarm_and_changes_nothing(two_nodes: Pair) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    before = await b.row("SELECT log FROM link")
    with a.bound():
        async with write():
            await letters.send(two_nodes.link_id, "identity.updated", "identity", {"seq": 1, "head": "A" * 43})
    await a.settle()
    # Whoever holds the address now shows a log of their own.
    forged = create_identity(a.url, "Hebden circle", a.clock())
    a.wire = Wire(msgspec.structs.replace(_us(a), log=forged.log), a.wire.client)
    await b.settle()
    assert await b.rows("SELECT code FROM link_alarm") == [("log_forked",)]
    assert await b.row("SELECT log FROM link") == before


async def test_a_request_with_an_unknown_key_causes_no_fetch(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    stranger = SigningKey.generate("transport")
    assert (await hostile.send(b.port, hostile.ping(a, b, link_id, key=stranger))).code == "unknown_key"
    assert await b.rows("SELECT kind FROM job WHERE kind = 'federation.refetch'") == []


async def test_a_longer_log_is_pinned_while_a_letter_is_taken_in(two_nodes: Pair) -> None:
    """Both change the same two rows; neither waits for the other for ever."""
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    rotate(a, "transport")
    taken = asyncio.Event()

    async def take_in() -> None:
        with b.bound():
            async with write():
                await held.lock_wire(link_id)
                taken.set()
                await asyncio.sleep(0.3)
                await held.lock_link(link_id)

    async def look() -> None:
        await taken.wait()
        with b.bound():
            await refetch.refetch({"link": link_id})

    async def call_now() -> None:
        await taken.wait()
        with b.bound():
            await actions.try_now(COMMAND, link_id)

    await asyncio.gather(take_in(), look(), call_now())
    with b.bound():
        assert (await queries.pinned(link_id)).seq == _us(a).state.seq
