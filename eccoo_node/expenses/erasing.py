"""Forgetting in what was bought for someone: sums stay, receipts and words go once nothing of it is open."""

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow.erasing import LOOKED_AT_AGAIN
from eccoo_node.kernel import clock
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept


@erasing.keeps
async def receipts(person_id: str) -> list[Kept]:
    open_ = await fetch_value(
        "SELECT 1 FROM expense WHERE (person_id = ? OR worker_id = ?) AND state NOT IN ('settled', 'back') LIMIT 1",
        person_id, person_id,
    )  # fmt: skip
    return [Kept("money_open", clock.now() + LOOKED_AT_AGAIN, whole=True)] if open_ else []


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    await fetch("UPDATE expense SET purpose = '', words = '' WHERE person_id = ?", person_id)
    await fetch("DELETE FROM expense_photo WHERE expense_id IN (SELECT id FROM expense WHERE person_id = ?)", person_id)
    if "money_record" not in still:
        await fetch(
            "UPDATE plan_allows SET rests_on = '' WHERE rests_on <> '' AND payer_id IN "
            "(SELECT id FROM payer WHERE person_id = ? OR payer_person_id = ?)",
            person_id, person_id,
        )  # fmt: skip
