"""What is to be forgotten goes on where another link takes the place of one whose keys are lost."""

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.privacy import actions, leaving
from eccoo_node.privacy.tables import ErasureIn, ErasureOut, Forgetting
from eccoo_node.record import events
from tests.support import make
from tests.support.node import Node

# Imported so that each registers its own.
assert actions
assert leaving


async def test_who_asked_again_on_the_new_link_before_it_was_looked_at_holds_up_nothing_else(node: Node) -> None:
    now = clock.now()
    async with write():
        wish = Forgetting(person_id=await make.person("Nobody"), asked_at=now, due_at=now)
        await insert(wish)
        for letter in ("a", "b"):
            await insert(
                ErasureOut(
                    id=letter, forgetting_id=wish.id, link_id="old", subjects="[]", letter_id=letter, asked_at=now
                )
            )
        for link_id, erasure, state in (
            ("old", "both", "kept"), ("new", "both", "kept"), ("old", "done-there", "kept"),
            ("new", "done-there", "done"), ("old", "alone", "kept"), ("old", "over", "done"), ("new", "over", "done"),
        ):  # fmt: skip
            await insert(ErasureIn(link_id=link_id, erasure=erasure, state=state, received_at=now))
        await events.tell(new_id(), "link.superseded", "link", "old", by="new")
    await jobs.drain()
    assert [tuple(row) for row in await fetch("SELECT id, link_id FROM erasure_out ORDER BY id")] == [
        ("a", "new"), ("b", "new"),
    ]  # fmt: skip
    assert [tuple(row) for row in await fetch("SELECT erasure, link_id, state FROM erasure_in ORDER BY 1, 2")] == [
        ("alone", "new", "kept"), ("both", "new", "kept"), ("done-there", "new", "done"),
        ("over", "new", "done"), ("over", "old", "done"),
    ]  # fmt: skip
    assert await fetch("SELECT kind FROM job WHERE kind LIKE '%superseded%'") == []
