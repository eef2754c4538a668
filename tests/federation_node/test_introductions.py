"""Three circles: Hebden asks Todmorden to be introduced to Burnley; the one in the middle can use nothing of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from eccoo_federation import invites
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import LinkRequest
from eccoo_node.cover import leaving
from eccoo_node.db import jobs
from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.links import actions, introducing, showing
from eccoo_node.links.arrivals import check_token
from eccoo_node.links.rules import BOTH_WAYS, Terms
from tests.support.node import build
from tests.support.pair import Pair, PairNode

assert leaving
INTRODUCE = Terms(we_may=(*BOTH_WAYS, "introduce"), they_may=(*BOTH_WAYS, "introduce"))


class Three:
    """Hebden and Burnley each know Todmorden, and nothing of each other."""

    def __init__(self, *nodes: PairNode) -> None:
        self.x, self.y, self.z = nodes
        self.xy, self.yz = Pair(self.x, self.y), Pair(self.z, self.y)

    @property
    def all(self) -> tuple[PairNode, ...]:
        return self.x, self.y, self.z

    async def settle(self) -> None:
        for _ in range(30):
            if not sum([await node.settle() for node in self.all]):
                return

    async def shown(self) -> None:
        """Burnley lets itself be heard of through Todmorden, and Todmorden shows it."""
        with self.z.bound():
            await showing.set_shown(COMMAND, self.yz.link_id, shown_there=True, we_show=False)
        await self.settle()
        with self.y.bound():
            await showing.set_shown(COMMAND, self.yz.link_id, shown_there=False, we_show=True)
        await self.settle()

    async def heard(self) -> list[introducing.Heard]:
        with self.x.bound():
            await showing.look(COMMAND, self.xy.link_id)
        await self.settle()
        with self.x.bound():
            return await introducing.heard(self.xy.link_id)

    async def ask(self, why: str = "We share a valley.") -> str:
        [one] = await self.heard()
        with self.x.bound():
            id_ = await introducing.ask(COMMAND, self.xy.link_id, reference=one.reference, why=why)
        await self.settle()
        return id_


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        nodes = []
        for name in ("Hebden", "Todmorden", "Burnley"):
            home = tmp_path / name.lower()
            home.mkdir()
            await asyncio.to_thread(lambda home=home: asyncio.run(build("", home)))
            node = PairNode(name, home, engine_for("", home / "node.sqlite"))
            await node.open()
            stack.push_async_callback(node.close)
            await node.start()
            nodes.append(node)
        made = Three(*nodes)
        for pair in (made.xy, made.yz):
            await pair.link(INTRODUCE)
        yield made


async def test_a_circle_is_introduced_and_the_middle_can_use_nothing(three: Three) -> None:
    assert await three.heard() == []
    await three.shown()
    ours = await three.ask("We share\u202e a valley.\u200b")
    with three.z.bound():
        [asked] = (await introducing.listed())[0]
        told = (asked.name, asked.phone, asked.why, asked.by)
        assert told == ("Hebden circle", "01422 900000", "We share a valley.", "Todmorden circle")
        await introducing.answer(COMMAND, asked.id, yes=True)
        await introducing.answer(COMMAND, asked.id, yes=True)
    await three.z.settle()
    [(event,)] = await three.y.rows("SELECT event_id FROM letter_out WHERE type = 'introduce.answered'")
    [(body,)] = await three.y.rows("SELECT body FROM letter_out WHERE event_id = ?", event)
    invite = invites.read_invite(msgspec.json.decode(body)["invite"], three.y.clock())
    assert invite.url == three.z.url
    # The middle reads the token, and it is of no use to it or to anybody else: nothing is even called.
    us = three.y.wire.us
    with three.z.bound(), pytest.raises(ProtocolError, match="bad_invite"):
        await check_token(
            LinkRequest(
                token=invite.token, link="01937b2c-0000-7000-8000-000000000001", node_id=us.node_id, base_url=three.y.url,
                log_head=us.state.head, commitment="A" * 43,
            )
        )  # fmt: skip
    await three.settle()
    with three.x.bound():
        link_id = await introducing.take_up(COMMAND, ours)
        with pytest.raises(NotFound):
            await introducing.take_up(COMMAND, ours)
    await three.settle()
    words = [(await node.row("SELECT words FROM link WHERE id = ?", link_id))[0] for node in (three.x, three.z)]
    assert words[0] == words[1] != ""
    for node in three.all:
        node.clock.move(timedelta(days=31))
        with node.bound():
            await introducing.tidy({})
            await jobs.drain()
        assert await node.rows("SELECT id FROM introduction") == []
        for table in ("letter_read", "letter_out"):
            kept = await node.rows(f"SELECT bytes FROM {table}")
            assert not any("valley" in row[0] or invite.token in row[0] for row in kept), (node.name, table)


async def test_words_put_into_their_mouth_do_not_make_a_link(three: Three) -> None:
    await three.shown()
    ours = await three.ask()
    with three.z.bound():
        [asked] = (await introducing.listed())[0]
        async with write():
            [(text,)] = await fetch("SELECT asking FROM introduction WHERE id = ?", asked.id)
            changed = {**msgspec.json.decode(text), "phone": "01282 000000"}
            await fetch("UPDATE introduction SET asking = ?", msgspec.json.encode(changed).decode())
        await introducing.answer(COMMAND, asked.id, yes=True)
    await three.settle()
    with three.x.bound():
        link_id = await introducing.take_up(COMMAND, ours)
    await three.settle()
    assert await three.z.rows("SELECT id FROM link WHERE id = ?", link_id) == []
    assert await three.x.rows("SELECT w.trouble FROM link_wire w WHERE w.link_id = ?", link_id) == [("bad_invite",)]


async def test_a_no_a_flood_and_a_link_that_ends(three: Three) -> None:
    await three.shown()
    await three.ask()
    with three.x.bound():
        [one] = await introducing.heard(three.xy.link_id)
        with pytest.raises(Conflict, match="asked already"):
            await introducing.ask(COMMAND, three.xy.link_id, reference=one.reference, why="Again.")
        with pytest.raises(Invalid):
            await introducing.ask(COMMAND, three.xy.link_id, reference="nobody", why="Again.")
    with three.z.bound():
        [asked] = (await introducing.listed())[0]
        await introducing.answer(COMMAND, asked.id, yes=False)
    await three.settle()
    assert await three.x.rows("SELECT state, invite FROM introduction") == [("no", "")]
    # Asked again within the month, the middle refuses, and that is a no as well.
    await three.ask()
    assert [row[0] for row in await three.x.rows("SELECT state FROM introduction")] == ["no", "no"]
    assert await three.z.rows("SELECT COUNT(*) FROM introduction") == [(1,)]
    with three.y.bound():
        async with write():
            await fetch("DELETE FROM introduction")
    await three.ask()
    assert await three.z.rows("SELECT state FROM introduction WHERE state = 'waiting'") == [("waiting",)]
    with three.z.bound():
        await actions.end(COMMAND, three.yz.link_id)
    await three.settle()
    assert "waiting" not in [row[0] for row in await three.x.rows("SELECT state FROM introduction")]
    assert await three.heard() == []
