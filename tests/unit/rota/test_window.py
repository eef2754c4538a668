"""The confirmation window: from when it runs, for whom it never lapses, and who is asked when nobody says anything."""

from datetime import datetime, timedelta

import pytest

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import queries
from eccoo_node.members import queries as members
from eccoo_node.rota import actions as rota
from tests.support import make
from tests.support.node import MONDAY, Node
from tests.unit.rota.test_weekly import Home

# Six in the evening of the Wednesday, and of the Monday after; in November London keeps UTC.
SECOND_DAY, FIFTH_DAY = MONDAY + timedelta(days=2, hours=10), MONDAY + timedelta(days=7, hours=10)
YES = 1700 + 100


async def change(sql: str, *params: object) -> None:
    async with write():
        await fetch(sql, *params)


class Asked(Home):
    """A visit on Monday at 9 that is paid for, and of which Wren said at noon that it went as planned."""

    async def came(self, node: Node, channel: str = "email", answer: str = "as_planned") -> "Asked":
        await self.begin()
        await self.books.top_up(2100)
        await change("UPDATE person SET channel = ? WHERE id = ?", channel, self.books.person)
        self.visit = await self.plan(0)
        node.clock.set(MONDAY + timedelta(hours=4))
        await rota.say_how_it_went(await members.actor_for(self.books.worker), visit_id=self.visit, answer=answer)
        return self

    async def at(self, node: Node, when: datetime) -> str:
        """How the visit stands then."""
        node.clock.set(when)
        await node.settle()
        return str(await fetch_value("SELECT state FROM visit"))

    async def settles_at(self) -> datetime | None:
        return as_time(await fetch_value("SELECT settles_at FROM visit"))

    async def reached(self) -> None:
        """Fay has rung, or put the letter in the post."""
        told = await fetch_value(
            "SELECT id FROM told WHERE person_id = ? AND news = 'how_did_it_go'", self.books.person
        )
        await rota.mark_told(await members.actor_for(self.fay), told_id=told)

    async def had(self) -> int:
        line = await queries.line(f"visit:{self.visit}")
        return line.worker_pence if line.state == "released" else 0


async def test_silence_is_a_yes_at_6pm_of_the_second_working_day(node: Node) -> None:
    home = await Asked().came(node)
    assert await home.at(node, SECOND_DAY - timedelta(seconds=1)) == "said"
    assert (await home.at(node, SECOND_DAY), await home.had()) == ("settled", YES)


@pytest.mark.parametrize("channel, days", [("phone", 2), ("face_to_face", 2), ("post", 7)])
async def test_the_window_runs_from_when_the_question_reached_them(node: Node, channel: str, days: int) -> None:
    home = await Asked().came(node, channel)
    told = "SELECT told_at FROM told WHERE person_id = ?"
    assert (await fetch_value(told, home.books.person), await home.settles_at()) == (None, None)
    # Nobody was asked, so nothing is answered by silence, and it stays on the list of whoever rings.
    assert await home.at(node, MONDAY + timedelta(days=21)) == "said"
    assert [news.person_id for news in await rota.queries.news_to_bring()].count(home.books.person) == 1
    await home.reached()
    asked = node.clock()
    at = await home.settles_at()
    assert at == asked.replace(hour=18) + timedelta(days=days)
    assert await home.at(node, at - timedelta(seconds=1)) == "said"
    assert (await home.at(node, at), await home.had()) == ("settled", YES)


async def test_news_that_comes_after_an_answer_begins_no_window(node: Node) -> None:
    home = await Asked().came(node, "phone")
    ada = await members.actor_for(home.books.person)
    await rota.answer_visit(ada, visit_id=home.visit, answer="wrong", part="whole")
    await home.reached()
    assert (await home.settles_at(), await home.at(node, MONDAY + timedelta(days=28))) == (None, "said")


async def test_a_call_written_down_twice_moves_nothing(node: Node) -> None:
    home = await Asked().came(node, "phone")
    await home.reached()
    node.clock.move(timedelta(days=1))
    await home.reached()
    assert await home.settles_at() == SECOND_DAY


@pytest.mark.parametrize("standing", ["in_hospital", "died"])
async def test_nothing_lapses_of_someone_in_hospital_or_who_has_died(node: Node, standing: str) -> None:
    home = await Asked().came(node)
    await change("UPDATE person SET standing = ? WHERE id = ?", standing, home.books.person)
    assert (await home.at(node, SECOND_DAY), await home.settles_at()) == ("said", None)
    assert await home.had() == 0
    # Whoever has died is asked nothing: a treasurer writes down what is due.
    assert (await home.told()).get("Fay") == (["please_ask"] if standing == "in_hospital" else None)


async def test_nothing_lapses_of_someone_for_whom_the_one_who_is_paid_speaks(node: Node) -> None:
    home = await Asked().came(node)
    await make.speaks(home.books.worker, home.books.person, "say_visit_went")
    assert (await home.at(node, SECOND_DAY), await home.settles_at(), await home.had()) == ("said", None, 0)
    assert (await home.told())["Fay"] == ["please_ask"]


async def test_a_closed_door_is_asked_about_for_a_fortnight(node: Node) -> None:
    home = await Asked().came(node, answer="no_answer")
    fortnight = MONDAY + timedelta(days=14, hours=2)
    assert (await home.at(node, SECOND_DAY), await home.settles_at()) == ("said", fortnight)
    assert (await home.told())["Fay"] == ["no_answer", "please_ask"]
    assert (await home.at(node, fortnight), await home.had()) == ("settled", YES)


async def test_a_worker_who_says_nothing_is_asked_a_day_later_and_once(node: Node) -> None:
    home = await Home().begin()
    await home.plan(0)
    ends = MONDAY + timedelta(hours=2)
    for when, asked in (
        (ends + timedelta(hours=23), 0),
        (ends + timedelta(hours=24), 1),
        (ends + timedelta(days=9), 1),
    ):
        node.clock.set(when)
        await node.settle()
        assert (await home.told())["Wren"].count("say_how_it_went") == asked, when


async def test_a_worker_who_has_said_how_it_went_is_not_asked(node: Node) -> None:
    home = await Asked().came(node)
    await home.at(node, MONDAY + timedelta(days=3))
    assert "say_how_it_went" not in (await home.told())["Wren"]
    assert tuple(await fetch_one("SELECT COUNT(*) FROM said")) == (1,)
