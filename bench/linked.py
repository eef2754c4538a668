"""Two linked nodes in two processes over loopback: how soon a letter is seen, a burst, and pages while a link drains.

Run as `python -m bench.linked FOLDER PORT`, it is the node that receives, with its jobs, until its input ends.
"""

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure, limit
from eccoo_federation.client import GuardedClient
from eccoo_node.app import node_app  # noqa: F401 every domain's handlers and jobs are registered by importing it
from eccoo_node.db import bound, jobs
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.settings import Settings
from eccoo_node.links import identity, letters, queries
from tests.support.node import MovableClock, build
from tests.support.pair import Pair, PairNode, open_pair

PACED, PACE_S = 40, 0.1
BURST = 500
WAIT_S = 120


class RealClock(MovableClock):
    """The time that it is, so that two processes agree."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Elsewhere(PairNode):
    """A node that has its keys already, taken up again by another process."""

    def __init__(self, folder: Path, port: int, engine: NodeSQLite | None = None) -> None:
        super().__init__("Todmorden", folder, engine or NodeSQLite(folder / "node.sqlite"))
        self.clock, self.port = RealClock(), port
        web = self.settings.web.__class__(port=port, public_url=f"http://127.0.0.1:{port}")
        self.settings = Settings(circle=self.settings.circle, web=web, federation=self.settings.federation)

    async def open(self) -> None:
        await self.engine.open()
        with bound.bound(self.engine), clock.clock_bound(self.clock):
            kept = identity.Kept(self.folder, self.settings)
        self.wire = Wire(kept, GuardedClient(loopback_peers=True, timeout_s=5))


@contextmanager
def elsewhere(folder: Path, port: int) -> Iterator[int]:
    """The node of this folder in a process of its own; its number."""
    command = [sys.executable, "-m", "bench.linked", str(folder), str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(timeout=30)


@asynccontextmanager
async def at_work(node: PairNode) -> AsyncIterator[None]:
    """Its jobs run meanwhile, in this process."""
    stop = asyncio.Event()
    with node.bound():
        loop = asyncio.create_task(jobs.loop(stop))
    yield
    stop.set()
    node.engine.changed.set()
    await loop


async def _serve(folder: Path, port: int) -> None:
    node = Elsewhere(folder, port)
    await node.open()
    await node.start()
    with node.bound():
        # As after its first round of all links: the key log of each has been checked once and is kept in memory.
        for (log,) in await fetch("SELECT log FROM link WHERE log <> ''"):
            queries.read_log(log)
    async with at_work(node):
        sys.stdout.write("here\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    await node.close()


async def write_letters(link_id: str, first: int, count: int) -> None:
    """Inside `write()`. Of all events this one has least to do: through its own door, and nothing is found to take back."""
    for number in range(first, first + count):
        body = {"attestation": f"bench-{number}", "revoked_at": letters.stamp()}
        await letters.send(link_id, "attest.revoked", f"bench-{number % 20}", body)


class Watch:
    """The other node's numbers, read from its own file: what stands there is committed and seen by every reader."""

    def __init__(self, path: Path, link_id: str) -> None:
        self._file = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._link = link_id

    def applied(self) -> int:
        return int(self._file.execute("SELECT seq_in FROM link_wire WHERE link_id = ?", (self._link,)).fetchone()[0])

    async def until(self, number: int) -> float:
        """The moment at which it was there. Raises TimeoutError."""
        end = time.perf_counter() + WAIT_S
        while self.applied() < number:
            if time.perf_counter() > end:
                raise TimeoutError(f"letter {number} did not arrive")
            await asyncio.sleep(0.0005)
        return time.perf_counter()

    def in_order(self) -> bool:
        """Each came once, in its order, without a gap, and was applied."""
        rows = self._file.execute(
            "SELECT i.seq, r.verdict FROM letter_in i JOIN letter_read r ON r.letter_id = i.id ORDER BY i.id"
        ).fetchall()
        return rows == [(number, "applied") for number in range(1, len(rows) + 1)]

    def close(self) -> None:
        self._file.close()


@asynccontextmanager
async def watched(folder: Path, pair: Pair) -> AsyncIterator[Watch]:
    """Node A is at work here and speaks, node B in a process of its own; what B has is watched."""
    with pair.a.bound(), elsewhere(folder / "todmorden", pair.b.port):
        async with at_work(pair.a):
            watch = Watch(folder / "todmorden" / "node.sqlite", pair.link_id)
            yield watch
            watch.close()


async def _sending(a: PairNode, link_id: str, watch: Watch, *, paced: int, burst: int) -> tuple[float, float, bool]:
    """Milliseconds from an act to its letter being seen (the median, one at a time), seconds for a burst to its last."""
    took = []
    seq = watch.applied()
    for number in range(paced):
        await asyncio.sleep(PACE_S)
        began = time.perf_counter()
        async with write():
            await write_letters(link_id, number, 1)
        seq += 1
        took.append(await watch.until(seq) - began)
    began = time.perf_counter()
    async with write():
        await write_letters(link_id, paced, burst)
    last = await watch.until(seq + burst) - began
    return statistics.median(took) * 1000, last, watch.in_order()


async def linked(folder: Path, pair: Pair) -> None:
    """Link the two by the time that it is, and let the second one go."""
    for node in pair.both:
        node.clock = RealClock()
        with bound.bound(node.engine), clock.clock_bound(node.clock):
            for file in (*node.folder.keys.iterdir(),):
                file.unlink()
            identity.create(node.folder, node.settings)
            node.wire = Wire(identity.Kept(node.folder, node.settings), node.wire.client)
    await pair.link()


async def measure_sending(folder: Path, *, paced: int = PACED, burst: int = BURST) -> tuple[float, float, bool]:
    for name in ("hebden", "todmorden"):
        (folder / name).mkdir(parents=True)
        await build("", folder / name)
    async with open_pair(folder) as pair:
        await linked(folder, pair)
        await pair.b.stop()
        async with watched(folder, pair) as watch:
            # One that is not counted, for all that is done once.
            async with write():
                await write_letters(pair.link_id, 0, 1)
            await watch.until(1)
            return await _sending(pair.a, pair.link_id, watch, paced=paced, burst=burst)


def measure() -> list[Figure]:
    """The figures of two processes."""
    with tempfile.TemporaryDirectory() as name:
        seen, last, in_order = asyncio.run(measure_sending(Path(name)))
    if not in_order:
        raise RuntimeError("the burst did not arrive in order and whole")
    return [limit("federation.send_to_seen", seen, 25, "ms"), limit("federation.burst", last, 1.3, "s")]


def main(arguments: list[str]) -> Any:
    asyncio.run(_serve(Path(arguments[0]), int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
