"""Whether it went ahead is asked of the person; whoever else pays learns what it costs and by when they can ask about it."""

from datetime import timedelta

import pytest

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.disputes import actions as questions
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import queries as books
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from eccoo_node.rota import news, queries
from eccoo_node.rota.say import Reader
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.unit.rota.test_weekly import Home

NOON = MONDAY + timedelta(hours=4)


class Charged(Home):
    """Joan pays two thirds of each visit, £14 of £21, and Ada the rest; both read mail."""

    async def begin(self) -> "Charged":
        await super().begin()
        self.joan = await make.person("Joan", channel="email")
        other = await make.payer(self.books.person, self.joan, fund="family", share_bps=6667)
        async with write():
            await fetch("UPDATE payer SET share_bps = 3333 WHERE id = ?", self.books.payer)
            await fetch("UPDATE person SET channel = 'email' WHERE id = ?", self.books.person)
        await self.books.top_up(700)
        await escrow.top_up(self.books.treasurer, other, 1400, "Joan's")
        self.visit = await self.plan(0)
        return self

    async def wren_says(self, node: Node, answer: str = "as_planned") -> None:
        node.clock.set(NOON)
        await rota.say_how_it_went(await members.actor_for(self.books.worker), visit_id=self.visit, answer=answer)

    async def ada_says_yes(self, node: Node) -> str:
        node.clock.set(NOON)
        return await rota.answer_visit(await members.actor_for(self.books.person), visit_id=self.visit, answer="yes")

    async def joan_reads(self, node: Node) -> list[str]:
        found = await queries.news_of(self.joan, MONDAY)
        reader = Reader(self.joan, "Joan")
        return [news.sentence(one, reader, node.clock()) for one in found if one.news == "charge"]


async def test_who_pays_reads_their_sum_and_by_when_they_can_ask(node: Node) -> None:
    home = await Charged().begin()
    await home.wren_says(node)
    told = "You pay up to £14 for the visit to Ada today at 9am. If that is not right, you can ask about it"
    assert await home.joan_reads(node) == [f"{told} by 6pm on Wednesday."]
    assert [who for who, codes in (await home.told()).items() if "charge" in codes] == ["Joan"]
    await home.ada_says_yes(node)
    assert await home.joan_reads(node) == [f"{told}."]


async def test_who_pays_is_told_also_where_the_person_spoke_first_and_once(node: Node) -> None:
    home = await Charged().begin()
    assert await home.ada_says_yes(node) == "settled"
    assert len(await home.joan_reads(node)) == 1


async def test_who_pays_and_speaks_for_the_person_is_asked_first_and_reads_the_sum_once_another_answered(
    node: Node,
) -> None:
    home = await Charged().begin()
    await make.speaks(home.joan, home.books.person, "say_visit_went")
    await home.wren_says(node)
    assert (await home.told())["Joan"] == ["how_did_it_go"]
    await home.ada_says_yes(node)
    assert (await home.told())["Joan"] == ["charge", "how_did_it_go"]


async def test_of_a_visit_that_was_not_there_is_nothing_to_pay(node: Node) -> None:
    home = await Charged().begin()
    await home.wren_says(node, "did_not_go")
    assert await home.joan_reads(node) == []


async def test_who_pays_after_the_visit_has_it_on_their_invoice(node: Node) -> None:
    home = await Charged().begin()
    async with write():
        await fetch("UPDATE payer SET arrears = TRUE, arrears_decision = 'x' WHERE payer_person_id = ?", home.joan)
    await home.wren_says(node)
    assert await home.joan_reads(node) == []


@pytest.mark.parametrize("first", [True, False])
async def test_the_yes_of_the_person_leaves_what_whoever_pays_asks_about(node: Node, first: bool) -> None:
    """Asked before it is settled, that part waits; asked after, it is a question all the same, and nothing is taken back."""
    home = await Charged().begin()
    await home.wren_says(node)
    if not first:
        await home.ada_says_yes(node)
    joan = await members.actor_for(home.joan)
    await questions.raise_question(joan, visit_id=home.visit, part="sum", sum_pence=500, words="It was agreed for less")
    if first:
        await home.ada_says_yes(node)
    line = await books.line(f"visit:{home.visit}")
    assert line is not None
    assert (line.state, line.disputed_pence) == (("disputed", 500) if first else ("released", 0))
