"""A circle stays the same circle: while its keys change, when it moves, when it has lost them; and nobody else becomes it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eccoo_federation.identity import create_identity, move, parse_log, recover
from eccoo_federation.keys import SigningKey
from eccoo_federation.times import wire_time
from eccoo_node.db import jobs
from eccoo_node.db.engine import engine_for
from eccoo_node.db.transaction import write
from eccoo_node.federating.verify import verify
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.keys import actions as own
from eccoo_node.links import actions, identity, letters, moves, queries, words_again
from tests.support import hostile
from tests.support.heard import Heard, write_letter
from tests.support.node import build
from tests.support.pair import Pair, PairNode
from tests.support.ports import free_port

DAY = timedelta(days=1)


async def recurring(pair: Pair) -> None:
    for node in pair.both:
        with node.bound():
            await jobs.ensure_recurring()


async def alarms(node: PairNode) -> list[str]:
    return [code for (code,) in await node.rows("SELECT code FROM link_alarm ORDER BY id")]


def us(node: PairNode) -> identity.Identity:
    with node.bound():
        return identity.current()


@asynccontextmanager
async def a_stranger(port: int, seen: list[str]) -> AsyncIterator[None]:
    """Somebody who holds a circle's old address, and writes down what is asked there."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readline()).decode().split()[1])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


def files(node: PairNode) -> set[str]:
    return {path.name for path in node.folder.keys.iterdir()}


async def verified(pair: Pair) -> None:
    for node in pair.both:
        with node.bound():
            await verify()


async def test_keys_are_renewed_under_load_and_no_letter_is_lost(two_nodes: Pair, heard: Heard) -> None:
    await two_nodes.link()
    await recurring(two_nodes)
    a, b = two_nodes.both
    first, old_files, begun = us(a).transport_key, files(a), a.clock()
    # Most is on its way when the next key is published, when it takes over, and when the old one has ended.
    letters = {0: 3, 75: 3, 75.5: 30, 77: 30, 80: 3, 91: 30, 92: 3}
    for day, many in letters.items():
        two_nodes.move(begun + timedelta(days=day) - a.clock())
        for n in range(many):
            await write_letter(a, two_nodes.link_id, f"day-{day}-{n}")
        await asyncio.gather(a.settle(), b.settle())
        await two_nodes.settle()
    assert [told[1] for told in heard.letters] == [f"day-{d}-{n}" for d, many in letters.items() for n in range(many)]
    assert us(a).transport_key.kid != first.kid
    assert f"{first.kid}.transport" not in files(a)
    assert all((a.folder.keys / name).stat().st_mode & 0o777 == 0o600 for name in files(a))
    assert old_files & files(a) == {"log.jsonl", f"{us(a).object_key.kid}.object"}
    # Old public keys stay in the log for ever, and the old private one opens nothing any more.
    assert first.kid in {key.kid for key in queries.read_log((await b.row("SELECT log FROM link"))[0]).keys}
    assert (await hostile.send(b.port, hostile.ping(a, b, two_nodes.link_id, key=first))).code == "unknown_key"
    assert await alarms(b) == []
    await verified(two_nodes)


@pytest.mark.parametrize("pair_urls", ["sqlite"], indirect=True)
async def test_within_a_year_every_key_was_renewed_by_itself_and_each_counts_until_its_end(
    two_nodes: Pair, heard: Heard
) -> None:
    await two_nodes.link()
    await recurring(two_nodes)
    a, b = two_nodes.both
    first, begun = us(a), a.clock()
    for day in (76, 77.5, 160, 240, 320, 336, 338):
        two_nodes.move(begun + timedelta(days=day) - a.clock())
        await two_nodes.settle()
        await write_letter(a, two_nodes.link_id, f"day-{day}")
        await two_nodes.settle()
        # The next key signs already, and until its last day the old one opens the door as before.
        answer = await hostile.send(b.port, hostile.ping(a, b, two_nodes.link_id, key=first.transport_key))
        assert (day, answer.code) == (day, "" if day < 90 else "unknown_key")
        assert (us(a).transport_key.kid != first.transport_key.kid) == (day > 76)
        assert (us(a).object_key.kid != first.object_key.kid) == (day > 336)
    assert len(heard.letters) == 7
    assert f"{first.object_key.kid}.object" not in files(a)
    assert await alarms(b) == []
    await verified(two_nodes)


async def test_a_new_key_is_published_a_day_before_it_is_used_and_one_who_was_away_still_lets_us_in(
    two_nodes: Pair, heard: Heard
) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    first = us(a).transport_key.kid
    await b.stop()
    with a.bound():
        assert await own.renew(COMMAND) == 2
        with pytest.raises(Conflict):
            await own.renew(COMMAND)
    published = {key.kid for key in us(a).state.live_keys()}
    assert len(published) == 4
    two_nodes.move(DAY)
    assert us(a).transport_key.kid == first
    two_nodes.move(timedelta(hours=2))
    with a.bound():
        assert us(a).transport_key.kid != first
    await b.start()
    await write_letter(a, two_nodes.link_id, "after")
    await two_nodes.settle()
    # They let us in by the old key, fetched our log, and now know the new one.
    two_nodes.move(timedelta(minutes=1))
    await two_nodes.settle()
    assert [told[1] for told in heard.letters] == ["after"]
    assert (await a.row("SELECT knows_kid FROM link_wire"))[0] == us(a).transport_key.kid
    assert await alarms(b) == []


async def test_with_the_words_lost_keys_come_back_and_the_other_circle_is_told_to_ring(
    two_nodes: Pair, heard: Heard
) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    thief = us(a)
    # A letter is under way that was signed by the key that is about to be called back.
    await b.stop()
    await write_letter(a, two_nodes.link_id, "under-way")
    await a.settle()
    two_nodes.move(timedelta(minutes=1))
    with a.bound():
        with pytest.raises(Invalid):
            await own.recover(COMMAND, b.words)
        await own.recover(COMMAND, a.words)
    await b.start()
    for _ in range(3):
        two_nodes.move(timedelta(minutes=11))
        await two_nodes.settle()
    assert [told[1] for told in heard.letters] == ["under-way"]
    assert await alarms(b) == ["keys_replaced"]
    with b.bound():
        page = await queries.page(two_nodes.link_id)
        assert page.loud == "keys_replaced"
        await moves.heard_alarms(COMMAND, two_nodes.link_id, page.alarms[0].id)
        with pytest.raises(NotFound):
            await moves.heard_alarms(COMMAND, "é", 1)
        assert (await queries.page(two_nodes.link_id)).loud == ""
    refused = await hostile.send(b.port, hostile.ping(a, b, two_nodes.link_id, key=thief.transport_key))
    assert refused.code == "unknown_key"
    await verified(two_nodes)


async def test_a_circle_moves_and_whoever_takes_its_old_address_gets_nothing(two_nodes: Pair, heard: Heard) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    old_url, new_port = a.url, free_port()
    new_url = f"http://127.0.0.1:{new_port}"
    with a.bound():
        await own.move(COMMAND, a.words, new_url)
    await two_nodes.settle()
    row = await b.row("SELECT base_url, moving_to FROM link")
    assert tuple(row) == (old_url, new_url)
    await a.stop()
    a.port, old_port = new_port, a.port
    await a.start()
    # Somebody else answers at the old address before the admin has asked: the ping is all that they ever see.
    seen: list[str] = []
    async with a_stranger(old_port, seen):
        await write_letter(b, two_nodes.link_id, "secret")
        await b.settle()
        assert [path for path in seen if "inbox" in path] == []
        with b.bound():
            with pytest.raises(Conflict):
                await moves.follow_move(COMMAND, two_nodes.link_id, "http://127.0.0.1:1")
            await moves.follow_move(COMMAND, two_nodes.link_id, new_url)
        await two_nodes.settle()
        seen.clear()
        two_nodes.move(timedelta(hours=2))
        await two_nodes.settle()
        await write_letter(a, two_nodes.link_id, "on")
        await two_nodes.settle()
        assert seen == []
    assert tuple(await b.row("SELECT base_url, moving_to, node_id FROM link")) == (new_url, "", us(a).node_id)
    assert sorted(told[1] for told in heard.letters) == ["on", "secret"]
    await verified(two_nodes)
    # Something new is agreed only over new words.
    with b.bound():
        await actions.propose(COMMAND, two_nodes.link_id)
    await two_nodes.settle()
    with a.bound():
        with pytest.raises(Conflict, match="compare new words"):
            await actions.agree(COMMAND, two_nodes.link_id)
        await words_again.begin(COMMAND, two_nodes.link_id)
    await two_nodes.settle()
    words = [tuple(await node.row("SELECT words, state FROM link")) for node in two_nodes.both]
    assert words[0] == words[1]
    assert (len(words[0][0].split()), words[0][1]) == (6, "open")
    with b.bound(), pytest.raises(Conflict):
        await actions.propose(COMMAND, two_nodes.link_id)
    for node in two_nodes.both:
        with node.bound():
            await actions.words_same(COMMAND, two_nodes.link_id)
    with b.bound():
        await actions.propose(COMMAND, two_nodes.link_id)
    await two_nodes.settle()
    with a.bound():
        await actions.agree(COMMAND, two_nodes.link_id)
    await two_nodes.settle()
    for node in two_nodes.both:
        with node.bound():
            page = await queries.page(two_nodes.link_id)
            assert (page.moved_since, page.circle.standing) == (False, "open")
            with pytest.raises(Conflict):
                await words_again.begin(COMMAND, two_nodes.link_id)
    await verified(two_nodes)


def _fork(node: PairNode, words: str) -> list[list[dict[str, Any]]]:
    """What somebody else could show at a circle's address."""
    ours, now = us(node), node.clock()
    stranger = create_identity(node.url, "Hebden circle", now)
    spare = SigningKey.generate("object").public(wire_time(now), wire_time(now + DAY))
    transport = SigningKey.generate("transport").public(wire_time(now), wire_time(now + DAY))
    forked = move(ours.log[:1], words, "http://127.0.0.1:9", now)
    promised = [*ours.log, {**recover(ours.log, words, [spare, transport], now)[-1], "next_root_hash": "A" * 43}]
    swapped = [stranger.log[0], *ours.log[1:]]
    return [ours.log[:1], forked, promised, swapped, stranger.log]


async def test_fork_rollback_wrong_promise_and_swapped_identity_are_refused_with_one_alarm(two_nodes: Pair) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    with a.bound():
        await own.renew(COMMAND)
    await two_nodes.settle()
    before = await b.row("SELECT log FROM link")
    assert before[0].count("\n") == 2
    shown = _fork(a, a.words)
    real = a.wire
    for log in shown:
        two_nodes.move(timedelta(minutes=11))
        with a.bound():
            async with write():
                await letters.send(two_nodes.link_id, "identity.updated", "identity", {"seq": 9, "head": "A" * 43})
        await a.settle()
        shows = Wire(msgspec.structs.replace(us(a), log=log), real.client)
        a.wire = shows
        await b.settle()
        a.wire = real
    assert await b.row("SELECT log FROM link") == before
    found = await b.rows("SELECT code, detail FROM link_alarm ORDER BY id")
    assert set(found) == {("log_forked", "log_forked"), ("log_forked", "bad_proof"), ("log_forked", "bad_log")}
    assert len(found) == 3
    with b.bound():
        assert (await queries.page(two_nodes.link_id)).loud == "log_forked"


async def test_a_node_that_was_lost_and_made_anew_on_the_same_address_is_not_taken_for_the_old_one(
    two_nodes: Pair, heard: Heard, tmp_path: Path
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    # B's disk is gone. Somebody sets it up again, at the same address, with new keys and an empty database.
    await b.stop()
    home = tmp_path / "anew"
    home.mkdir()
    await build("", home)
    anew = PairNode("Todmorden", home, engine_for("", home / "node.sqlite"))
    anew.port, anew.settings = b.port, b.settings
    await anew.open()
    await anew.start()
    try:
        await write_letter(a, link_id, "for-the-old-one")
        for _ in range(3):
            two_nodes.move(timedelta(minutes=11))
            anew.clock.set(a.clock())
            await a.settle()
        assert heard.letters == []
        assert await alarms(a) == ["log_forked"]
        with a.bound():
            invite = await actions.make_invite(COMMAND)
        with anew.bound():
            fresh = await actions.accept_invite(COMMAND, invite)
        await anew.settle()
        assert await a.rows("SELECT id, state, node_id FROM link ORDER BY id") == [
            (link_id, "open", us(b).node_id), (fresh, "words", us(anew).node_id),
        ]  # fmt: skip
    finally:
        await anew.close()


async def test_a_longer_copy_of_our_log_from_a_linked_circle_helps_after_an_old_backup(two_nodes: Pair) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    backup = {path.name: path.read_bytes() for path in a.folder.keys.iterdir()}
    with a.bound():
        await own.renew(COMMAND)
    await two_nodes.settle()
    for path in a.folder.keys.iterdir():
        path.unlink()
    for name, content in backup.items():
        (a.folder.keys / name).write_bytes(content)
    kept = parse_log((await b.row("SELECT log FROM link"))[0].encode())
    with a.bound():
        with pytest.raises(Conflict):
            await own.renew(COMMAND)
        with pytest.raises(Conflict):
            await own.recover(COMMAND, a.words)
        await own.recover(COMMAND, a.words, longer=kept)
    two_nodes.move(timedelta(minutes=11))
    await two_nodes.settle()
    assert await alarms(b) == ["keys_replaced"]
    assert (await b.row("SELECT log FROM link"))[0].count("\n") == 3
