"""A node with many links: a request for cover to fifty circles, and what a thousand links cost that nobody uses.

The other circles are one process that answers for all of them, each at an address below its own path, with real
signatures both ways. Run as `python -m bench.many FILE`; it writes a line for each request for cover that it took.
"""

import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from bench.figures import Figure, limit
from bench.linked import RealClock, at_work, elsewhere, linked
from eccoo_federation import events, identity, jcs, transport
from eccoo_federation.keys import SigningKey
from eccoo_federation.proofs import verify_object
from eccoo_node.cover import actions as cover
from eccoo_node.cover import queries
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.federating import pulls
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import identity as own
from eccoo_node.rota import actions as rota
from tests.support.node import build
from tests.support.pair import PairNode, open_pair
from tests.support.ports import free_port
from tests.support.story import Story, actor

LINKED, IDLE = 50, 1000
# A whole minute, for what is done once in each.
IDLE_S = 60.0


class Circle(msgspec.Struct):
    """One of the simulated: enough to sign as it."""

    link: str
    node_id: str
    transport_seed: str
    object_seed: str
    applied: int = 0


class Simulated(msgspec.Struct):
    """All of them, and whom they are linked with."""

    port: int
    log: str
    circles: list[Circle]


async def add_links(node: PairNode, model: str, port: int, count: int) -> Simulated:
    """Copies of a link that was agreed, each with another circle: a key log of its own, at an address of its own."""
    circles, now = [], node.clock()
    for number in range(count):
        base = f"http://127.0.0.1:{port}/c{number}"
        made = identity.create_identity(base, f"Circle {number}", now - timedelta(days=1))
        link_id = new_id()
        row = dict(await _row(model))
        agreement = row["agreement"].replace(row["node_id"], made.node_id).replace(row["base_url"], base)
        row |= {
            "id": link_id, "node_id": made.node_id, "base_url": base, "name": f"Circle {number}", "agreement": agreement,
            "log": identity.dump_log(made.log).decode(), "secret": os.urandom(32).hex(), "state": "open",
        }  # fmt: skip
        async with write():
            await fetch(f"INSERT INTO link ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
            await fetch(
                "INSERT INTO link_wire (link_id, seq_out, acked_out, seq_in, failures, batch_size, trouble, knows_kid) "
                "VALUES (?, 0, 0, 0, 0, 50, '', '')",
                link_id,
            )
            await fetch(
                "INSERT INTO link_key (link_id, kid, shown) VALUES (?, ?, TRUE)", link_id, made.transport_key.kid
            )
        seeds = [base64.b64encode(key.seed).decode() for key in (made.transport_key, made.object_key)]
        circles.append(Circle(link_id, made.node_id, *seeds))
    return Simulated(port, identity.dump_log(own.current().log).decode(), circles)


async def _row(link_id: str) -> Any:
    return await fetch_one("SELECT * FROM link WHERE id = ?", link_id)


@contextmanager
def simulated(folder: Path, circles: Simulated) -> Iterator[Path]:
    """Run them; the file that gets a line for each request for cover."""
    file, seen = folder / "circles.json", folder / "seen"
    file.write_bytes(msgspec.json.encode(circles))
    with seen.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.many", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not seen.stat().st_size:
                time.sleep(0.02)
            yield seen
        finally:
            process.terminate()
            process.wait(timeout=30)


class Answering:
    """What the simulated circles answer: letters are checked and taken, a ping is told our number, no state is known."""

    def __init__(self, circles: Simulated) -> None:
        self.circles = circles
        self.state = identity.verify_log(identity.parse_log(circles.log.encode()))
        self.keys = [SigningKey.from_seed(base64.b64decode(one.transport_seed), "transport") for one in circles.circles]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), bool(message.get("more_body"))
        path = scope["path"]
        headers = tuple((name.decode(), value.decode()) for name, value in scope["headers"])
        number = int(path.split("/")[1][1:])
        target, now = f"http://127.0.0.1:{self.circles.port}{path}", datetime.now(UTC)
        unchecked = transport.check_request(scope["method"], target, headers, body, now)
        unchecked.verify(self.state.key(unchecked.kid, "transport", transport.wire_time(now)))
        status, answer = self._answer(self.circles.circles[number], path, body)
        asked = transport.SignedRequest(scope["method"], target, headers)
        plain = [("Content-Type", transport.JSON)]
        signed = transport.sign_response(status, plain, answer, asked, self.keys[number], now)
        told = [(name.lower().encode(), value.encode()) for name, value in signed]
        told.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, circle: Circle, path: str, body: bytes) -> tuple[int, bytes]:
        if path.endswith("/ping"):
            return 200, jcs.dump({"link": circle.link, "sent": 0, "applied": circle.applied})
        if not path.endswith("/inbox"):
            return 404, jcs.dump({"error": {"code": "not_found", "message": ""}})
        verdicts = []
        for value in events.read_batch(body):
            verify_object(value, self.state.resolve_fresh, by=self.state.node_id)
            event = events.parse_event(value)
            circle.applied = max(circle.applied, event.seq)
            verdicts.append(events.Verdict(event.id, "applied"))
            if event.type == "cover.requested":
                sys.stdout.write(".\n")
                sys.stdout.flush()
        return 200, events.write_answer(events.BatchAnswer(circle.applied, tuple(verdicts)))


async def shown_at_all(folder: Path, *, count: int = LINKED) -> float:
    """Seconds from the person's yes until each of so many circles has the request."""
    async with open_pair(folder) as pair:
        for node in pair.both:
            node.clock = RealClock()
        story = Story(pair)
        await linked(folder, pair)
        with pair.b.bound():
            await pair.b.stop()
        with pair.a.bound():
            await story._hebden(500_000, 5000)
            async with write():
                await fetch("DELETE FROM job")
                await fetch("UPDATE link SET state = 'ended'")
            async with write():
                circles = await add_links(pair.a, pair.link_id, free_port(), count)
            request = await _asking(story)
            with simulated(folder, circles) as seen:
                before = seen.stat().st_size
                async with at_work(pair.a):
                    await asyncio.sleep(0.2)
                    edith = await story.as_edith()
                    began = time.perf_counter()
                    await cover.ask_further(edith, request_id=request, words="Yes, ask them")
                    while seen.stat().st_size < before + 2 * count:
                        if time.perf_counter() > began + 60:
                            raise TimeoutError("not every circle was asked")
                        await asyncio.sleep(0.002)
                    return time.perf_counter() - began


async def _asking(story: Story) -> str:
    """A visit that nobody here can do."""
    start = clock.now().replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=2)
    edith = await story.as_edith()
    visit = await rota.plan_visit(
        edith, person_id=story.edith, worker_id=story.wren, starts_at=start, ends_at=start + timedelta(hours=1),
        what="Breakfast",
    )  # fmt: skip
    await rota.cant_come(await actor(story.wren), visit_ids=[visit])
    await cover.ask(edith, visit_id=visit, worker_ids=[story.sol])
    found = await queries.request_for(visit)
    assert found is not None
    return found.id


async def tables(folder: Path) -> None:
    for name in ("hebden", "todmorden"):
        (folder / name).mkdir(parents=True)
        await build("", folder / name)


async def idle(folder: Path, *, count: int = IDLE, seconds: float = IDLE_S) -> tuple[float, float]:
    """Of one core in percent, and megabytes: a node with so many links and nothing to say, less the same node without."""
    async with open_pair(folder) as pair:
        await linked(folder, pair)
        for node in pair.both:
            await node.stop()
        home, port = folder / "todmorden", pair.b.port
        with pair.b.bound():
            async with write():
                await fetch("DELETE FROM job")
                await fetch("UPDATE link SET state = 'ended'")
        bare_cpu, bare_mb = await _watched(home, port, seconds)
        with pair.b.bound():
            async with write():
                circles = await add_links(pair.b, pair.link_id, free_port(), count)
                # As after a while: each link's next round somewhere in the time between two.
                for number, one in enumerate(circles.circles):
                    at = clock.now() + pulls.IDLE_EVERY * ((number + 0.5) / count)
                    await jobs.add("federation.pull", one.link, run_at=at, link=one.link)
        with simulated(folder, circles):
            cpu, mb = await _watched(home, port, seconds)
            with pair.b.bound():
                assert not await fetch_value("SELECT COUNT(*) FROM link_wire WHERE trouble <> ''")
    return cpu - bare_cpu, mb - bare_mb


async def _watched(home: Path, port: int, seconds: float) -> tuple[float, float]:
    with elsewhere(home, port) as pid:
        # All that is done once after a start is over by then.
        await asyncio.sleep(10)
        before = _cpu_s(pid)
        await asyncio.sleep(seconds)
        used = _cpu_s(pid) - before
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return 100 * used / seconds, pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(folder: Path) -> list[Figure]:
    await tables(folder / "cover")
    took = await shown_at_all(folder / "cover")
    await tables(folder / "idle")
    cpu, mb = await idle(folder / "idle")
    return [
        limit("federation.cover_50", took, 2, "s"),
        limit("federation.idle_1000.cpu", cpu, 1, "%"),
        limit("federation.idle_1000.memory", mb, 50, "MB"),
    ]


def measure() -> list[Figure]:
    """The figures of many links."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_measure(Path(name)))


def main(arguments: list[str]) -> None:
    circles = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Simulated)
    app = Answering(circles)

    async def here() -> None:
        server = uvicorn.Server(
            uvicorn.Config(app, port=circles.port, lifespan="off", log_config=None, access_log=False)  # type: ignore[arg-type]
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        sys.stdout.write("here\n")
        sys.stdout.flush()
        await serving

    asyncio.run(here())


if __name__ == "__main__":
    main(sys.argv[1:])
