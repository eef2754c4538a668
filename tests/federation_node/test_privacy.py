"""Being forgotten, here and across links: delivered to a circle that is away, paused or ended, and proven by what is left."""

from datetime import timedelta
from typing import Any

import pytest

from eccoo_node.cover import offering
from eccoo_node.escrow import treasury
from eccoo_node.escrow.verify import verify as verify_books
from eccoo_node.federating.verify import verify as verify_letters
from eccoo_node.kernel.access import COMMAND
from eccoo_node.links import actions as links
from eccoo_node.privacy import actions as privacy
from eccoo_node.privacy import letters as heard
from eccoo_node.record import audit
from eccoo_node.rota import actions as rota
from tests.support.pair import Pair, PairNode
from tests.support.story import Story, actor
from tests.support.tables import all_tables

assert heard
EDITH = (
    "Edith",
    "Crabtree",
    "Heights Road",
    "Pecket Well",
    "01422 960222",
    "Key safe by the door",
    "Likes the radio on",
)


@pytest.fixture
async def story(two_nodes: Pair) -> Story:
    return await Story(two_nodes).begin()


async def found_in(node: PairNode, words: tuple[str, ...]) -> list[str]:
    """Which of these lie anywhere in a node: every byte of its folder, or every row of its server."""
    if node.engine.engine_type == "sqlite":
        files = [path.read_bytes() for path in node.folder.home.rglob("*") if path.is_file()]
        return [word for word in words if any(word.encode() in file for file in files)]
    rows = [str(await node.rows(f'SELECT * FROM "{table._meta.tablename}"')) for table in all_tables()]
    return [word for word in words if any(word in row for row in rows)]


async def whole(pair: Pair) -> None:
    """Books, record and letters of both nodes hold."""
    for node in pair.both:
        with node.bound(), node.wire.bound():
            await verify_books()
            await audit.chain_tail({})
            await audit.verify()
            await verify_letters()


async def settled(story: Story) -> None:
    """The visit took place, was paid for, and Edith has her change back."""
    await story.committed()
    story.pair.move(timedelta(days=3, hours=4))
    with story.b.bound():
        await offering.say_how_it_went(await actor(story.bea), offer_id=story.offer, answer="as_planned")
    await story.pair.settle()
    with story.a.bound():
        await rota.answer_visit(await story.as_edith(), visit_id=story.visit, answer="yes")
    await story.pair.settle()


async def give_back(story: Story) -> None:
    """What Edith had paid in and did not need goes back to her bank."""
    [(left,)] = await story.a.rows("SELECT balance_pence FROM account WHERE code = '2000' AND holder = ?", story.payer)
    with story.a.bound():
        tess = await actor(story.tess)
        await treasury.refund(tess, story.payer, abs(left), "refund 1")
        await treasury.refund_left(tess, story.payer, abs(left), "refund 1 left")


async def told(node: PairNode, table: str, columns: str) -> list[tuple[Any, ...]]:
    return await node.rows(f"SELECT {columns} FROM {table} ORDER BY 1")


async def test_whoever_asks_is_forgotten_here_and_by_a_circle_that_was_away_and_then_paused(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    await settled(story)
    a, b = story.pair.both
    assert set(await found_in(b, EDITH)) == set(EDITH)
    balances = [await told(node, "account", "id, code, holder, balance_pence") for node in (a, b)]
    with a.bound():
        wish = await privacy.ask(await story.as_edith(), person_id=story.edith)
        assert await privacy.ask(await story.as_edith(), person_id=story.edith) == wish
    story.pair.move(timedelta(days=3))
    await story.pair.settle()
    # Her own money comes back to her first.
    assert [row[0] for row in await told(a, "forgetting", "state")] == ["waits"]
    assert "Edith" in await found_in(a, EDITH)
    await give_back(story)
    with a.bound():
        money = await told(a, "account", "id, code, holder, balance_pence")
    await b.stop()
    story.pair.move(timedelta(days=1))
    await a.settle()
    assert await told(a, "forgetting", "state, gone_at IS NOT NULL") == [("gone", True)]
    assert await told(a, "erasure_out", "state") == [("asked",)]
    assert await found_in(a, EDITH) == []
    assert set(await found_in(b, EDITH)) == set(EDITH)
    # While they are away we pause the link; it is delivered all the same once they are back.
    with a.bound():
        await links.suspend(COMMAND, story.pair.link_id)
    await b.start()
    for _ in range(3):
        story.pair.move(timedelta(hours=1))
        await story.pair.settle()
    assert await told(a, "erasure_out", "state, answered_at IS NOT NULL") == [("done", True)]
    assert await told(b, "erasure_in", "state, keep_until") == [("done", None)]
    assert [await found_in(node, EDITH) for node in (a, b)] == [[], []]
    assert "Edith" not in (said := "".join(capsys.readouterr()))
    assert "Heights" not in said
    assert [money, balances[1]] == [await told(node, "account", "id, code, holder, balance_pence") for node in (a, b)]
    await whole(story.pair)
    # The signature is the node's: she is nobody by then.
    assert await a.rows("SELECT called, full_name, address, phone FROM person WHERE id = ?", story.edith) == [
        ("Someone", "", "", "")
    ]
