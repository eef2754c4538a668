"""Forgetting where somebody's money went: kept as long as the law asks to keep what was paid, then emptied."""

from eccoo_node.db.rows import fetch
from eccoo_node.kernel import clock
from eccoo_node.members import erasing


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    await fetch("UPDATE payout_left_out SET words = '' WHERE words <> '' AND person_id = ?", person_id)
    await fetch("UPDATE recovery_yes SET ended_at = COALESCE(ended_at, ?) WHERE worker_id = ?", clock.now(), person_id)
    if "money_record" not in still:
        await fetch(
            "UPDATE bank_details SET name = '', sort_code = '', account_number = '' WHERE person_id = ?", person_id
        )
        await fetch("UPDATE recovery_yes SET words = '' WHERE worker_id = ?", person_id)
