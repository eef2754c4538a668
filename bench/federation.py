"""Between two nodes over loopback HTTP: how soon a request for cover shows on the other side, how fast letters are taken.

Both nodes, with their jobs, and whoever asks share one process here, so that the figures are on the slow side; `bench.linked`, `bench.many`,
`bench.neighbours` and `bench.draining` have more.
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench import draining, linked, many, neighbours
from bench.figures import Figure, least, limit, rate
from bench.linked import at_work, write_letters
from eccoo_federation import events as wire
from eccoo_federation import transport
from eccoo_federation.identity import LogState
from eccoo_federation.proofs import verify_object
from eccoo_node.cover import actions as cover
from eccoo_node.cover import queries
from eccoo_node.db import jobs
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox
from eccoo_node.links import letters
from eccoo_node.links.queries import pinned
from eccoo_node.rota import actions as rota
from tests.support import hostile
from tests.support.node import build
from tests.support.pair import Pair, open_pair
from tests.support.story import NINE_TO_ELEVEN, Story, actor

ASKED = 25
LETTERS, BATCH, ROUNDS = 500, 50, 5


async def _shown_after(story: Story, number: int) -> float:
    """Seconds from the person's yes to the request standing among those that the other circle's workers see."""
    start, end = (at + timedelta(hours=3 * (number % 4), days=number // 4) for at in NINE_TO_ELEVEN)
    with story.a.bound():
        edith = await story.as_edith()
        visit = await rota.plan_visit(
            edith, person_id=story.edith, worker_id=story.wren, starts_at=start, ends_at=end, what="Breakfast"
        )
        await rota.cant_come(await actor(story.wren), visit_ids=[visit])
        await cover.ask(edith, visit_id=visit, worker_ids=[story.sol])
        found = await queries.request_for(visit)
        assert found is not None
        before = len(await _open(story))
        began = time.perf_counter()
        await cover.ask_further(edith, request_id=found.id, words="Yes, ask them")
    while len(await _open(story)) == before:
        await asyncio.sleep(0.001)
    return time.perf_counter() - began


async def _open(story: Story) -> list[queries.Open]:
    with story.b.bound():
        return await queries.open_requests(story.b.clock())


async def _cover_p50(pair: Pair) -> float:
    story = await Story(pair).begin(credit_pence=500_000)
    took = []
    async with at_work(pair.a), at_work(pair.b):
        for number in range(ASKED):
            took.append(await _shown_after(story, number))
            # A minute later: what one minute allows is not what is measured.
            pair.move(timedelta(minutes=1))
            await asyncio.sleep(0.1)
    return statistics.median(took) * 1000


async def _queue(pair: Pair, first: int, count: int) -> None:
    """Letters that wait, and no sender that takes them."""
    with pair.a.bound():
        async with write():
            await write_letters(pair.link_id, first, count)
        async with write():
            await jobs.cancel("federation.send", pair.link_id)


async def events(pair: Pair, folder: Path, *, rounds: int = ROUNDS, count: int = LETTERS) -> tuple[float, float]:
    """Letters a second that the receiving node takes in, and those that the same checks and commits alone would allow.

    By turns, and the best of each: what else the machine does is not what is measured.
    """
    await pair.link()
    with pair.b.bound():
        state = await pinned(pair.link_id)
    ours, floor = 0.0, 0.0
    for number in range(rounds):
        await _queue(pair, number * count, count)
        spent, requests = await _taken_in(pair, count)
        ours = max(ours, count / spent)
        floor = max(floor, count / _floor(pair, state, requests, folder / f"floor{number}.sqlite"))
        # What one minute allows is not what is measured.
        pair.move(timedelta(minutes=1))
    return ours, floor


async def _taken_in(pair: Pair, count: int) -> tuple[float, list[hostile.Request]]:
    """Seconds from each request's being sent to its answer, added up; and the requests."""
    a, b = pair.both
    spent, requests = 0.0, []
    for _ in range(count // BATCH):
        with a.bound():
            batch = await outbox.next_batch(pair.link_id, BATCH)
        request = hostile.sign(a, "POST", f"{b.url}/fed/v1/inbox", wire.write_batch([one.bytes for one in batch]))
        began = time.perf_counter()
        answer = await hostile.send(b.port, request)
        spent += time.perf_counter() - began
        told = wire.read_answer(answer.body)
        assert all(verdict.verdict == "applied" for verdict in told.verdicts), told
        requests.append(request)
        with a.bound():
            await outbox.settle(pair.link_id, batch, told)
    return spent, requests


def _floor(pair: Pair, state: LogState, requests: list[hostile.Request], file: Path) -> float:
    """Seconds for the request's signature, one proof for each event, and one committed transaction for each batch."""
    a, b = pair.both
    raw = sqlite3.connect(file, isolation_level=None)
    raw.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE letter (bytes TEXT, digest TEXT)")
    key = a.wire.us.transport_key
    began = time.perf_counter()
    for request in requests:
        found = transport.check_request("POST", f"{b.url}/fed/v1/inbox", request.headers, request.body, b.clock())
        found.verify(state.key(key.kid, "transport", letters.wire_time(b.clock())))
        raw.execute("BEGIN IMMEDIATE")
        for value in wire.read_batch(request.body):
            verify_object(value, state.resolve_fresh, by=state.node_id)
            event = wire.parse_event(value)
            raw.execute("INSERT INTO letter VALUES (?, ?)", (str(value), event.digest))
        raw.execute("COMMIT")
    took = time.perf_counter() - began
    raw.close()
    return took


async def _measure(folder: Path) -> list[Figure]:
    found = []
    for name in ("cover", "events"):
        for node in ("hebden", "todmorden"):
            (folder / name / node).mkdir(parents=True)
            await build("", folder / name / node)
        async with open_pair(folder / name) as pair:
            if name == "cover":
                found.append(limit("federation.cover_p50", await _cover_p50(pair), 250, "ms"))
            else:
                each_second, floor = await events(pair, folder)
                found.append(rate("federation.events", each_second, floor, 1 / 3))
                found.append(least("federation.events.each_second", each_second, 1000))
    return found


def measure() -> list[Figure]:
    """The figures of the wire."""
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(_measure(Path(name)))
    return found + linked.measure() + many.measure() + neighbours.measure() + draining.measure()
