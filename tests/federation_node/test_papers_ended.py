"""A check ends after its worker was sure to come: people of both circles are told, and nothing is called off by itself."""

from datetime import timedelta

from eccoo_node.cover import seen
from eccoo_node.cover.web.home import for_facilitator
from eccoo_node.db.rows import fetch
from eccoo_node.links.rules import BOTH_WAYS, Terms
from eccoo_node.members import work
from eccoo_node.rota import actions as rota
from eccoo_node.rota.say import Reader
from tests.support.pair import Pair, PairNode
from tests.support.story import NINE_TO_ELEVEN, Story, actor

assert seen
MAY = (*BOTH_WAYS, "attest.read")


async def ends(node: PairNode, by: str, worker: str, *kinds: str) -> None:
    for kind in kinds:
        with node.bound():
            [(check,)] = await fetch("SELECT id FROM credential WHERE person_id = ? AND kind = ?", worker, kind)
            await work.end_check(await actor(by), check)


async def told(node: PairNode, news: str) -> list[tuple[str, str | None]]:
    rows = await node.rows("SELECT person_id, visit_id FROM told WHERE news = ? ORDER BY id", news)
    return [(row[0], row[1]) for row in rows]


async def test_both_circles_hear_once_that_papers_ended_and_the_visit_stands(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin(terms=Terms(we_may=MAY, they_may=MAY))
    await story.committed()
    a, b = two_nodes.both
    before = await story.states()
    await ends(b, story.tom, story.bea, "dbs_enhanced", "insurance", "right_to_work")
    await two_nodes.settle()
    assert await told(b, "papers_ended_ring_away") == [(story.tom, None)]
    assert sorted(await told(a, "papers_ended_coming")) == sorted([(story.fay, story.visit), (story.sol, story.visit)])
    assert await story.states() == before
    with b.bound():
        desk = await for_facilitator(await actor(story.tom), Reader(story.tom, "Tom"), b.clock())
    assert [line[0] for line in desk.to_do] == [
        "One of ours goes to HX7 on Thursday at 9am, and what we saw of their papers has ended. "
        "Please ring both. Nothing is called off by itself."
    ]


async def test_at_home_the_first_visit_to_each_is_told_and_stays_planned(two_nodes: Pair) -> None:
    story = await Story(two_nodes).begin()
    a = two_nodes.a
    with a.bound():
        starts, ended = (at + timedelta(days=1) for at in NINE_TO_ELEVEN)
        await rota.plan_visit(
            await story.as_edith(), person_id=story.edith, worker_id=story.wren, starts_at=starts, ends_at=ended,
            what="Breakfast",
        )  # fmt: skip
    await ends(a, story.fay, story.wren, "dbs_enhanced", "insurance")
    await a.settle()
    assert sorted(await told(a, "papers_ended")) == sorted([(story.fay, story.visit), (story.sol, story.visit)])
    with a.bound():
        desk = await for_facilitator(await actor(story.fay), Reader(story.fay, "Fay"), a.clock())
    assert [line[0] for line in desk.to_do] == [
        "Wren comes to Edith on Thursday at 9am, and what we saw of their papers has ended. "
        "Nothing is called off by itself."
    ]
    assert [row[0] for row in await a.rows("SELECT DISTINCT state FROM visit")] == ["planned"]
