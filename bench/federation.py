"""Between two nodes over loopback HTTP: how soon a request for cover shows on the other side, how fast letters are taken.

Both nodes, with their jobs, and whoever asks share one process here, so that the figures are on the slow side.
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.figures import Figure, limit, rate
from eccoo_federation import events, transport
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
LETTERS = 500


async def _nothing(*_: object) -> None:
    """Stands where a domain would act on a letter."""


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
    stop = asyncio.Event()
    loops = []
    for node in pair.both:
        with node.bound():
            loops.append(asyncio.create_task(jobs.loop(stop)))
    took = []
    for number in range(ASKED):
        took.append(await _shown_after(story, number))
        # A minute later: what one minute allows is not what is measured.
        pair.move(timedelta(minutes=1))
        await asyncio.sleep(0.1)
    stop.set()
    for node in pair.both:
        node.engine.changed.set()
    await asyncio.gather(*loops)
    return statistics.median(took) * 1000


async def _queue(pair: Pair) -> None:
    """Letters that wait, and no sender that takes them."""
    with pair.a.bound():
        async with write():
            for number in range(LETTERS):
                await letters.send(
                    pair.link_id, "cover.declined", f"bench-{number % 20}", {"request": f"bench-{number % 20}"}
                )
        async with write():
            await jobs.cancel("federation.send", pair.link_id)


async def _events(pair: Pair, folder: Path) -> tuple[float, float]:
    """Letters a second that the receiving node takes in, and those that the same checks and commits alone would allow."""
    await pair.link()
    letters._HANDLERS["cover.declined"] = _nothing
    await _queue(pair)
    a, b = pair.both
    spent = 0.0
    requests = []
    for _ in range(LETTERS // 50):
        with a.bound():
            batch = await outbox.next_batch(pair.link_id, 50)
        request = hostile.sign(a, "POST", f"{b.url}/fed/v1/inbox", events.write_batch([one.bytes for one in batch]))
        began = time.perf_counter()
        answer = await hostile.send(b.port, request)
        spent += time.perf_counter() - began
        assert answer.status == 200
        requests.append(request)
        with a.bound():
            await outbox.settle(pair.link_id, batch, events.read_answer(answer.body))
    with b.bound():
        state = await pinned(pair.link_id)
    raw = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    raw.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE letter (bytes TEXT, digest TEXT)")
    key = a.wire.us.transport_key
    began = time.perf_counter()
    for request in requests:
        found = transport.check_request("POST", f"{b.url}/fed/v1/inbox", request.headers, request.body, b.clock())
        found.verify(state.key(key.kid, "transport", letters.wire_time(b.clock())))
        for value in events.read_batch(request.body):
            raw.execute("BEGIN IMMEDIATE")
            verify_object(value, state.resolve_fresh, by=state.node_id)
            event = events.parse_event(value)
            raw.execute("INSERT INTO letter VALUES (?, ?)", (str(value), event.digest))
            raw.execute("COMMIT")
    floor = LETTERS / (time.perf_counter() - began)
    raw.close()
    return LETTERS / spent, floor


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
                found.append(rate("federation.events", *await _events(pair, folder), 0.33))
    return found


def measure() -> list[Figure]:
    """The figures of the wire."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name)))
