"""What the doors of a question share: its steps as both sides read them, whose turn it is, and who is told."""

from collections.abc import Collection

from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, insert
from eccoo_node.disputes import rules
from eccoo_node.disputes.queries import Question
from eccoo_node.disputes.tables import MoneyAsk, MoneySplit, QuestionStep, SplitYes
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import queries as members
from eccoo_node.rota.telling import tell

ENDED = "This is settled already. Nothing has changed."


async def step(
    question_id: str, role: str, by_id: str, kind: str, *, sum_pence: int = 0, of_pence: int = 0, words: str = ""
) -> None:
    """One more line of what both sides read."""
    await insert(
        QuestionStep(
            question_id=question_id, at=clock.now(), role=role, by_id=by_id, kind=kind, sum_pence=sum_pence,
            of_pence=of_pence, words=words.strip(),
        )
    )  # fmt: skip


async def wait_for(one: Question, whom: str) -> None:
    """Whose turn it is, and when a facilitator is told to ring if nothing comes."""
    at = rules.next_look(clock.now(), clock.zone())
    await fetch("UPDATE money_question SET waits_for = ?, next_at = ? WHERE id = ?", whom, at, one.id)
    await jobs.cancel("disputes.unanswered", one.id)
    await jobs.add("disputes.unanswered", one.id, run_at=at, question=one.id)


async def people_of(one: Question, side: str) -> set[str]:
    """Who reads news for one side: the worker; or the person, everyone who pays, and who speaks for them."""
    if side == "worker":
        return {one.worker_id}
    speakers = await members.speakers_for(one.person_id, "say_visit_went")
    return ({one.person_id, *one.payers} | speakers) - {"", one.worker_id}


async def tell_sides(one: Question, news: str, sides: tuple[str, ...], but: str = "") -> None:
    people = {who for side in sides for who in await people_of(one, side)} - {but}
    # News is told by its code; each has its sentence in rota.news.
    await tell(people, one.visit_id, news, about=one.id, path=f"/visits/{one.visit_id}/money")


def other(side: str) -> str:
    return "theirs" if side == "worker" else "worker"


async def open_one(one: Question) -> None:
    if not one.open:
        raise Conflict(ENDED, "ended")


async def write_ask(question_id: str, side: str, person_id: str, by_id: str, sums: tuple[int, int]) -> None:
    await insert(
        MoneyAsk(
            question_id=question_id, side=side, person_id=person_id, by_id=by_id, fee_pence=sums[0],
            travel_pence=sums[1], at=clock.now(),
        )
    )  # fmt: skip


async def write_split(
    one: Question, side: str, by_id: str, given: tuple[int, int], yes: Collection[str], via: str = ""
) -> None:
    """A proposal takes the older's place, with the yes of whoever makes it."""
    row = MoneySplit(
        question_id=one.id, side=side, by_id=by_id, fee_pence=given[0], travel_pence=given[1], at=clock.now()
    )
    await insert(row)
    for key in sorted(yes):
        await insert(SplitYes(split_id=row.id, side=key, by_id=by_id, via=via, at=clock.now()))
