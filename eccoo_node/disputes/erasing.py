"""Forgetting in what is in question about money: an open question is ended first, then its words go."""

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow.erasing import LOOKED_AT_AGAIN
from eccoo_node.kernel import clock
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept

_THEIRS = "SELECT q.id FROM money_question q JOIN visit v ON v.id = q.visit_id WHERE v.person_id = ? OR v.worker_id = ?"


@erasing.keeps
async def questions(person_id: str) -> list[Kept]:
    open_ = await fetch_value(
        f"SELECT 1 FROM money_question WHERE state = 'open' AND id IN ({_THEIRS}) LIMIT 1", person_id, person_id
    )
    return [Kept("question_open", clock.now() + LOOKED_AT_AGAIN, whole=True)] if open_ else []


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    for table, by in (("money_question", "id"), ("question_step", "question_id"), ("question_note", "question_id"),
                      ("money_interest", "question_id")):  # fmt: skip
        await fetch(f"UPDATE {table} SET words = '' WHERE words <> '' AND {by} IN ({_THEIRS})", person_id, person_id)
    await fetch("UPDATE money_interest SET words = '' WHERE words <> '' AND person_id = ?", person_id)
