"""Broken off anywhere, or handed over in any order: each letter has one effect, and both nodes hold the same rows."""

import contextlib
import hashlib
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation import events
from eccoo_node.cover import letters as cover_letters
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox, sender, wire
from eccoo_node.federating.app import FederationApp
from eccoo_node.federating.verify import verify
from eccoo_node.kernel.access import Actor
from eccoo_node.links import letters
from eccoo_node.links.letters import Letter
from tests.support.heard import Heard, write_letter
from tests.support.pair import Pair, PairNode

# Answers to pulls are registered by importing it.
assert cover_letters


class Axe(BaseException):
    """Nothing that is ours catches it."""


class BreaksOff:
    """The node dies before its `at`-th statement from now; `fell` once it has."""

    def __init__(self, node: PairNode, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.fell = False
        kind, real = type(node.engine), type(node.engine).execute

        async def execute(engine: Any, sql: str, params: Sequence[Any] = ()) -> list[Any]:
            if engine is node.engine:
                self.left -= 1
                if self.left == 0:
                    self.fell = True
                    raise Axe
            return await real(engine, sql, params)

        monkeypatch.setattr(kind, "execute", execute)

    def at(self, statement: int) -> None:
        self.left, self.fell = statement, False


async def echo(actor: Actor, letter: Letter) -> None:
    """One letter in, one letter out: what the handler writes shares the letter's fate."""
    await letters.send(letter.link_id, "cover.cancelled", letter.subject, {
        "request": letter.subject, "cancelled_at": letter.at,
    })  # fmt: skip


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("side", ["sender", "receiver"])
async def test_broken_off_before_any_statement_each_letter_has_one_effect(
    two_nodes: Pair, heard: Heard, monkeypatch: pytest.MonkeyPatch, side: str, every: int
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    monkeypatch.setattr(letters, "_HANDLERS", {**letters._HANDLERS, "cover.declined": echo})
    axe = BreaksOff(a if side == "sender" else b, monkeypatch)

    async def dying(scope: Any, receive: Any, send: Any) -> None:
        try:
            await FederationApp()(scope, receive, send)
        except Axe:
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    b.app = dying
    number = 0
    while axe.fell or not number:
        number += 1
        await write_letter(a, link_id, f"req-{number}")
        with a.bound():
            async with write():
                await fetch("UPDATE link_wire SET failures = 0, next_try_at = NULL, open_until = NULL")
        axe.at(1 + (number - 1) * every)
        with a.bound(), contextlib.suppress(Axe):
            await sender.send_letters({"link": link_id})
        axe.left = 0
        two_nodes.move(timedelta(minutes=2))
        if number % 8 == 0:
            two_nodes.move(timedelta(hours=1))
            await two_nodes.settle()
    two_nodes.move(timedelta(hours=1))
    await two_nodes.settle()
    assert number * every > 20
    subjects = sorted(f"req-{one}" for one in range(1, number + 1))
    for node, kind in ((a, "cover.declined"), (b, "cover.cancelled")):
        sent = await node.rows("SELECT subject, state FROM letter_out WHERE type = ?", kind)
        assert sorted(sent) == [(subject, "acked") for subject in subjects]
    assert sorted(subject for _, subject, _ in heard.letters) == subjects
    for node in two_nodes.both:
        with node.bound():
            await verify()


async def shape_of(node: PairNode, table: str) -> str:
    """One digest of everything that is for good: which letters, in which row, in which chain."""
    rows = await node.rows(f"SELECT seq, event_id, subject, rev, prev, digest FROM {table} ORDER BY seq")
    return hashlib.sha256(repr(rows).encode()).hexdigest()


async def hand_over(to: PairNode, of: PairNode, link_id: str, rng: random.Random) -> None:
    """Everything `of` has written, over the wire in handfuls: out of order, some twice, some never, some answers lost."""
    everything: list[outbox.Sealed] = []
    with of.bound():
        while found := await outbox.numbered_after(link_id, everything[-1].seq if everything else 0):
            everything += found
        peer = await sender.peer_of(link_id)
        assert peer
    # Near its place rather than anywhere: what lies too far ahead is left to be fetched.
    piles = sorted(everything, key=lambda sealed: sealed.seq + rng.uniform(0, 60))
    while piles:
        size = rng.randint(1, 40)
        pile, piles = piles[:size], piles[size:]
        batch = [sealed for sealed in pile if rng.random() > 0.2]
        batch += rng.sample(batch, k=len(batch) // 5)
        rng.shuffle(batch)
        if not batch:
            continue
        with of.bound():
            body = events.write_batch([one.bytes for one in batch])
            answer = await wire.call(peer.base_url, peer.state, "POST", "/fed/v1/inbox", body)
            if rng.random() < 0.5:
                await outbox.settle(link_id, batch, events.read_answer(answer.body))
        # As far apart as the limits of either side ask.
        for node in (of, to):
            node.clock.move(timedelta(seconds=5))


# A thousand letters on SQLite; PostgreSQL, where each takes longer, gets as many as show it.
COUNTS = [
    ("sqlite", 500),
    pytest.param("postgres", 150, marks=pytest.mark.postgres),
    pytest.param("postgres", 500, marks=[pytest.mark.postgres, pytest.mark.long]),
]


@pytest.mark.parametrize("pair_urls,count", COUNTS, indirect=["pair_urls"])
async def test_letters_in_any_order_leave_the_same_rows_on_both_nodes(
    two_nodes: Pair, heard: Heard, count: int
) -> None:
    """`count` letters each way."""
    link_id = await two_nodes.link()
    rng = random.Random(25)
    a, b = two_nodes.both
    for node in two_nodes.both:
        with node.bound():
            async with write():
                for number in range(count):
                    subject = f"{node.name}-{number % 7}"
                    await letters.send(link_id, "cover.declined", subject, {"request": subject})
    for of, to in ((a, b), (b, a)):
        await hand_over(to, of, link_id, rng)
    two_nodes.move(timedelta(hours=1))
    await two_nodes.settle()
    for of, to in ((a, b), (b, a)):
        assert await of.rows("SELECT state, COUNT(*) FROM letter_out GROUP BY state") == [("acked", count)]
        assert await shape_of(of, "letter_seal") == await shape_of(to, "letter_in")
        heads = [
            await node.rows(f"SELECT subject, rev_{way}, head_{way} FROM letter_subject WHERE rev_{way} > 0 ORDER BY subject")
            for node, way in ((of, "out"), (to, "in"))
        ]  # fmt: skip
        assert heads[0] == heads[1]
        once = [rev for _, subject, rev in heard.letters if subject == f"{of.name}-3"]
        assert once == list(range(1, len(once) + 1))
    assert len(heard.letters) == 2 * count
    for node in two_nodes.both:
        with node.bound():
            await verify()
