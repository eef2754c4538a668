"""A page's slowest hundredth while another circle's letters come in as fast as they are taken.

What one minute allows of a link is lifted here: by the limits of the protocol ten thousand letters take seventeen minutes.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import town
from bench.figures import Figure, limit
from bench.linked import Elsewhere, RealClock, write_letters
from bench.load import slowest
from eccoo_federation import events
from eccoo_federation.events import BatchAnswer
from eccoo_node.db import jobs
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox
from tests.support import hostile
from tests.support.node import build
from tests.support.pair import Pair, PairNode

LETTERS, BATCH = 10_000, 50
SLICE_S, TURNS = 3.0, 6
_SERVE = (
    "from eccoo_federation import limits; limits.REQUESTS_PER_MIN = limits.EVENTS_PER_MIN = 10**9; "
    "from eccoo_node.cli import main; main()"
)


@contextmanager
def _serving(home: Path, port: int) -> Iterator[None]:
    environ = {**os.environ, "ECCOO_HOME": str(home), "ECCOO_WEB_PORT": str(port)}
    environ |= {"ECCOO_WEB_PUBLIC_URL": f"http://127.0.0.1:{port}", "ECCOO_FEDERATION_LOOPBACK_PEERS": "true"}
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, "serve"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.perf_counter() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.perf_counter() > end:
                    raise
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _sealed(a: PairNode, link_id: str, count: int) -> list[bytes]:
    """The bodies of so many letters, numbered and signed beforehand: what they cost their sender is not measured here."""
    bodies = []
    with a.bound():
        async with write():
            await write_letters(link_id, 0, count)
        async with write():
            await jobs.cancel("federation.send", link_id)
        for _ in range(count // BATCH):
            batch = await outbox.next_batch(link_id, BATCH)
            bodies.append(events.write_batch([one.bytes for one in batch]))
            await outbox.settle(link_id, batch, BatchAnswer(batch[-1].seq))
    return bodies


async def _drain(a: PairNode, port: int, bodies: list[bytes], may: asyncio.Event) -> None:
    for body in bodies:
        await may.wait()
        answer = await hostile.send(port, hostile.sign(a, "POST", f"http://127.0.0.1:{port}/fed/v1/inbox", body))
        told = events.read_answer(answer.body)
        assert all(verdict.verdict == "applied" for verdict in told.verdicts), told


async def times_slower(folder: Path, *, letters: int = LETTERS, seconds: float = SLICE_S, turns: int = TURNS) -> float:
    """How many times as long the slowest hundredth of a week's pages takes while the letters come in."""
    made = await asyncio.to_thread(town.build, folder / "town")
    port = made.settings.web.port
    (folder / "hebden").mkdir()
    await build("", folder / "hebden")
    a = PairNode("Hebden", folder / "hebden", NodeSQLite(folder / "hebden" / "node.sqlite"))
    a.clock = RealClock()
    await a.open()
    await a.start()
    b = Elsewhere(made.folder.home, port, NodeSQLite(made.folder.database))
    await b.open()
    await b.start()
    pair = Pair(a, b)
    await pair.link()
    await b.close()
    bodies = await _sealed(a, pair.link_id, letters)
    # Nothing is fetched, all of it is brought.
    await a.stop()
    with _serving(made.folder.home, port):
        ask = (port, "/week", seconds, made.cookie)
        await asyncio.to_thread(slowest, *ask)
        may = asyncio.Event()
        draining = asyncio.create_task(_drain(a, port, bodies, may))
        quiet, busy = [], []
        for _ in range(turns):
            # By turns, so that what else the machine does falls on both.
            may.clear()
            quiet.append(await asyncio.to_thread(slowest, *ask))
            may.set()
            busy.append(await asyncio.to_thread(slowest, *ask))
            if draining.done():
                # What was measured last was no longer beside letters.
                busy.pop()
                break
        await draining
    await a.close()
    return statistics.median(busy) / statistics.median(quiet)


def measure() -> list[Figure]:
    """The figure of a page beside a link."""
    with tempfile.TemporaryDirectory() as name:
        return [limit("federation.page_p99", asyncio.run(times_slower(Path(name))), 1.5, "times")]
