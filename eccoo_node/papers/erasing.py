"""Invoices and statements: what stands on them goes when no law asks to keep it. Number, sum and digest stay."""

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.escrow.erasing import kept_until
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept


@erasing.keeps
async def papers(person_id: str) -> list[Kept]:
    last = as_time(
        await fetch_value("SELECT MAX(made_at) FROM paper WHERE for_id = ? OR person_id = ?", person_id, person_id)
    )
    return [Kept("money_record", kept_until(last))] if last else []


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    if "money_record" not in still:
        await fetch(
            "UPDATE paper SET facts = '' WHERE facts <> '' AND (for_id = ? OR person_id = ?)", person_id, person_id
        )
