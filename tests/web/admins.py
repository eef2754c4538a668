"""Two nodes with all their pages and an admin signed in at each, in one test process."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from eccoo_node.app import Shell, create_app
from eccoo_node.db import jobs
from eccoo_node.db.rows import insert
from eccoo_node.db.transaction import write
from eccoo_node.federating.app import FederationApp
from eccoo_node.members.session_reads import session_actor
from eccoo_node.members.tables import Session
from tests.support import make
from tests.support.pair import Pair, PairNode
from tests.web.client import Reader

TOKEN = "a token that only this test knows"


def put_pages(node: PairNode) -> Shell:
    """Let the node answer with its whole self, pages and wire."""
    federation = FederationApp()
    shell = create_app(
        node.settings, node.folder, engine=node.engine, clock=node.clock, node_id=node.wire.us.node_id,
        load_session=session_actor, mounts={"/fed": federation, "/.well-known/circle-node": federation}, services=(),
    )  # fmt: skip
    shell.bindings.append(node.wire.bound)
    node.app = shell
    return shell


async def sign_in(node: PairNode, person_id: str, token: str = TOKEN) -> None:
    """A session row, as signing in leaves it."""
    now = node.clock()
    with node.bound():
        async with write():
            await insert(
                Session(
                    token_hash=hashlib.sha256(token.encode()).hexdigest(), person_id=person_id, device="", acting_for="",
                    acting_via="", known_by="", signed_in_by="link", created_at=now, seen_at=now,
                    ends_at=now + timedelta(days=30),
                )
            )  # fmt: skip


async def an_admin(node: PairNode, called: str) -> str:
    with node.bound():
        person = await make.person(called)
        await make.hat(person, await make.circle(node.settings.circle.name), "admin")
    await sign_in(node, person)
    return person


@asynccontextmanager
async def admins(pair: Pair) -> AsyncIterator[tuple[Reader, Reader]]:
    """A reader at each node, signed in as its admin, while both nodes' jobs run by themselves."""
    stop = asyncio.Event()
    loops = []
    readers = []
    for node, called in zip(pair.both, ("Ada", "Bronwen"), strict=True):
        shell = put_pages(node)
        await an_admin(node, called)
        with node.bound():
            loops.append(asyncio.create_task(jobs.loop(stop)))
        readers.append(Reader(shell, node.url, cookies={shell.site.session_cookie: TOKEN}))
    try:
        yield readers[0], readers[1]
    finally:
        stop.set()
        for node in pair.both:
            node.engine.changed.set()
        await asyncio.gather(*loops)
        for reader in readers:
            await reader.http.aclose()
