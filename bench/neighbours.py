"""A letter of one circle while twenty others come back at one moment, each with as much to say as a minute allows it.

The twenty are simulated here, with real keys and signatures; the node that takes it all in is a process of its own.
"""

import asyncio
import base64
import random
import statistics
import tempfile
import time
from pathlib import Path

from bench.figures import Figure, limit
from bench.linked import Watch, linked, watched, write_letters
from bench.many import Circle, add_links, tables
from eccoo_federation import events, limits
from eccoo_federation.keys import SigningKey
from eccoo_node.db.transaction import write
from eccoo_node.links.letters import stamp
from tests.support import hostile
from tests.support.pair import Pair, PairNode, open_pair
from tests.support.ports import free_port

# So that all of it stays below the sixty requests that a minute allows the one as well.
NEIGHBOURS, PAUSE_S, QUIET = 20, 0.4, 20
# They are told of the return within a moment of each other; by themselves they would spread over a minute.
WITHIN_S = 2.0


def _bodies(us: PairNode, circle: Circle, to: str) -> list[bytes]:
    """All that one of them may send in a minute."""
    key, now = SigningKey.from_seed(base64.b64decode(circle.object_seed), "object"), us.clock()
    sealed, heads = [], dict[str, tuple[int, str | None]]()
    for seq in range(1, limits.EVENTS_PER_MIN + 1):
        subject = f"away-{seq % 20}"
        rev, prev = heads.get(subject, (0, None))
        body = {"attestation": f"away-{seq}", "revoked_at": stamp()}
        draft = events.draft(circle.link, to, subject, "attest.revoked", body, now)
        event, raw = events.seal(draft, from_=circle.node_id, seq=seq, rev=rev + 1, prev=prev, key=key, now=now)
        heads[subject] = rev + 1, event.digest
        sealed.append(raw)
    each = limits.BATCH_EVENTS
    return [events.write_batch(sealed[first : first + each]) for first in range(0, len(sealed), each)]


async def _comes_back(us: PairNode, circle: Circle, port: int, bodies: list[bytes], after_s: float) -> None:
    key = SigningKey.from_seed(base64.b64decode(circle.transport_seed), "transport")
    await asyncio.sleep(after_s)
    for body in bodies:
        request = hostile.sign(us, "POST", f"http://127.0.0.1:{port}/fed/v1/inbox", body, key=key)
        answer = await hostile.send(port, request)
        assert answer.status == 200, answer.body
        assert all(verdict.verdict == "applied" for verdict in events.read_answer(answer.body).verdicts)


async def _seen_after(link_id: str, watch: Watch, number: int) -> float:
    """Milliseconds from an act to its letter's standing in the other node's database."""
    began = time.perf_counter()
    async with write():
        await write_letters(link_id, number, 1)
    return (await watch.until(number + 1) - began) * 1000


async def _measured(pair: Pair, watch: Watch, made: list[Circle], to: str) -> tuple[float, float]:
    bodies = [_bodies(pair.a, one, to) for one in made]
    quiet, busy = [], []
    for number in range(QUIET):
        quiet.append(await _seen_after(pair.link_id, watch, number))
        await asyncio.sleep(PAUSE_S)
    away = [
        asyncio.create_task(_comes_back(pair.a, one, pair.b.port, of_one, random.uniform(0, WITHIN_S)))
        for one, of_one in zip(made, bodies, strict=True)
    ]
    number = QUIET
    while not all(task.done() for task in away):
        busy.append(await _seen_after(pair.link_id, watch, number))
        number += 1
        await asyncio.sleep(PAUSE_S)
    await asyncio.gather(*away)
    return _p95(quiet), _p95(busy)


def _p95(found: list[float]) -> float:
    return statistics.quantiles(found, n=20)[-1]


async def beside(folder: Path, *, count: int = NEIGHBOURS) -> tuple[float, float]:
    """Milliseconds within which 95 of 100 letters are seen: in peace, and while so many come back."""
    await tables(folder)
    async with open_pair(folder) as pair:
        await linked(folder, pair)
        with pair.b.bound():
            to = pair.b.wire.us.node_id
            made = (await add_links(pair.b, pair.link_id, free_port(), count)).circles
        await pair.b.stop()
        async with watched(folder, pair) as watch:
            return await _measured(pair, watch, made, to)


def measure() -> list[Figure]:
    """The figure of a neighbour."""
    with tempfile.TemporaryDirectory() as name:
        quiet, busy = asyncio.run(beside(Path(name)))
    return [limit("federation.neighbours", busy, 250, "ms", quiet)]
