"""Three circles: Hebden asks Todmorden to be introduced to Burnley; the one in the middle can use nothing of it."""

from datetime import timedelta

import msgspec
import pytest

from eccoo_federation import invites
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import LinkRequest
from eccoo_node.cover import leaving
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.links import actions, introducing
from eccoo_node.links.arrivals import check_token
from tests.support.three import Three

assert leaving


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
