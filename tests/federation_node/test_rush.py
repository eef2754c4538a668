"""Twenty circles at once ask for more than they may, and one asks for what it may: only the twenty are told to wait."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eccoo_federation import events, limits
from eccoo_federation.client import Response
from eccoo_node.db.engine import engine_for
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox, sender
from eccoo_node.links import letters
from tests.support.heard import Heard, write_letter
from tests.support.hostile import Answer, Request, ping, send, sign
from tests.support.node import MONDAY, build
from tests.support.pair import Pair, PairNode

TWENTY = 20
GOOD = 3


async def neighbour(of: PairNode, name: str, folder: Path, stack: AsyncExitStack) -> tuple[PairNode, str]:
    """A circle with keys of its own that is linked with `of`, and the link's id. Its own database is SQLite."""
    folder.mkdir()
    await build("", folder)
    node = PairNode(name, folder, engine_for("", folder / "node.sqlite"))
    await node.open()
    stack.push_async_callback(node.close)
    node.clock.set(of.clock())
    await node.start()
    link_id = await Pair(of, node).link()
    await node.stop()
    return node, link_id


async def full_batch(node: PairNode, link_id: str) -> bytes:
    with node.bound():
        async with write():
            for number in range(limits.BATCH_EVENTS):
                await letters.send(link_id, "cover.declined", f"{node.name}-{number}", {"request": f"{number}"})
        return events.write_batch([one.bytes for one in await outbox.next_batch(link_id, limits.BATCH_EVENTS)])


# Twenty handshakes on PostgreSQL take as long as many another test.
ENGINES = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.long])]


@pytest.mark.parametrize("pair_urls", ENGINES, indirect=True)
async def test_twenty_circles_that_ask_too_much_at_once_are_told_to_wait_and_a_twenty_first_is_not(
    two_nodes: Pair, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, b = two_nodes.both
    link_id = await two_nodes.link()
    async with AsyncExitStack() as stack:
        rushing = [await neighbour(b, f"circle-{n}", tmp_path / f"n{n}", stack) for n in range(TWENTY)]
        for node in (good, b, *(node for node, _ in rushing)):
            node.clock.set(MONDAY + timedelta(hours=1, seconds=20))
        # Fewer than they are, which takes less time; the numbers themselves are tested with one circle elsewhere.
        monkeypatch.setattr(limits, "REQUESTS_PER_MIN", 12)
        monkeypatch.setattr(limits, "EVENTS_PER_MIN", 150)
        # Half ask too often; half send too many letters, the same full batch again and again.
        batches = {node: await full_batch(node, id_) for node, id_ in rushing[: TWENTY // 2]}
        answers: dict[PairNode, list[Answer]] = {node: [] for node, _ in rushing}
        arrived = asyncio.Event()

        def request(node: PairNode, id_: str) -> Request:
            if node in batches:
                return sign(node, "POST", f"{b.url}/fed/v1/inbox", batches[node])
            return ping(node, b, id_)

        def allowed(node: PairNode) -> int:
            return limits.EVENTS_PER_MIN // limits.BATCH_EVENTS if node in batches else limits.REQUESTS_PER_MIN

        async def rush(node: PairNode, id_: str) -> None:
            # Until the last letter of the twenty-first is there, so that all of them arrive in the rush.
            while len(answers[node]) < allowed(node) + 3 or not arrived.is_set():
                answers[node].append(await send(b.port, request(node, id_)))
                if len(answers[node]) > allowed(node) + 3:
                    await asyncio.sleep(0.2)

        # However busy the machine that runs all of them is.
        good.wire.client._timeout_s = 60
        statuses, real = [], good.wire.client.send

        async def noting(*what: Any) -> Response:
            answer = await real(*what)
            statuses.append(answer.status)
            return answer

        good.wire.client.send = noting  # type: ignore[method-assign]

        async def writes() -> None:
            while not any(answer.status == 429 for said in answers.values() for answer in said):
                await asyncio.sleep(0.01)
            for number in range(GOOD):
                await write_letter(good, link_id, f"good-{number}")
                with good.bound():
                    assert await sender.send_letters({"link": link_id}) is None
                assert ("cover.declined", f"good-{number}", 1) in heard.letters
            arrived.set()

        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for node, id_ in rushing:
                group.create_task(rush(node, id_))
            group.create_task(writes())

        assert statuses == [200] * GOOD
        assert await good.rows("SELECT state, COUNT(*) FROM letter_out GROUP BY state") == [("acked", GOOD)]
        assert await good.rows("SELECT failures, trouble FROM link_wire") == [(0, "")]
        for node, said in answers.items():
            assert [answer.status for answer in said[: allowed(node)]] == [200] * allowed(node)
            refused = {(one.status, one.code, one.headers.get("retry-after")) for one in said[allowed(node) :]}
            assert refused == {(429, "too_many", "40")}
        # Of each letter that came again and again there was one effect, and none was lost.
        assert Counter(heard.letters).most_common(1)[0][1] == 1
        assert len(heard.letters) == GOOD + len(batches) * limits.BATCH_EVENTS
        # No circle was let in more often than the limits say, and once they have waited, each is.
        most = await b.rows(
            "SELECT MAX(requests), MAX(events) FROM link_rate WHERE minute >= ?", MONDAY + timedelta(hours=1)
        )
        assert most == [(limits.REQUESTS_PER_MIN, limits.EVENTS_PER_MIN)]
        for node in (b, *answers):
            node.clock.move(timedelta(seconds=40))
        assert {(await send(b.port, request(node, id_))).status for node, id_ in rushing} == {200}
