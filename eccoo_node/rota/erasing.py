"""Forgetting in the rota: visits stay as hours and sums, without where they were, what was done or what was said."""

from datetime import timedelta

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.kernel import clock
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept

# So long the sides of a visit may still say how it went.
SAID_WITHIN = timedelta(days=14)


@erasing.keeps
async def visits_ahead(person_id: str) -> list[Kept]:
    last = as_time(
        await fetch_value(
            "SELECT MAX(ends_at) FROM visit WHERE (person_id = ? OR worker_id = ?) "
            "AND state IN ('planned', 'gap', 'covered', 'said')",
            person_id,
            person_id,
        )
    )
    return [Kept("visit_ahead", last + SAID_WITHIN, whole=True)] if last else []


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    now = clock.now()
    await fetch(
        "UPDATE visit SET what = '', address = '', cover_name = CASE cover_name WHEN '' THEN '' ELSE ? END "
        "WHERE person_id = ?",
        erasing.FORGOTTEN,
        person_id,
    )
    await fetch(
        "UPDATE pattern SET what = CASE person_id WHEN ? THEN '' ELSE what END, ended_at = COALESCE(ended_at, ?) "
        "WHERE person_id = ? OR worker_id = ?",
        person_id, now, person_id, person_id,
    )  # fmt: skip
    await fetch(
        "UPDATE said SET words = '' WHERE words <> '' AND (said_by = ? OR visit_id IN "
        "(SELECT id FROM visit WHERE person_id = ?))",
        person_id,
        person_id,
    )
    await fetch("UPDATE told SET told_at = COALESCE(told_at, ?) WHERE person_id = ?", now, person_id)
