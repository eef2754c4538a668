"""What workers told for HMRC: kept as long as the law asks, then deleted. A report keeps its sums and a digest."""

from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.escrow.erasing import kept_until
from eccoo_node.members import erasing
from eccoo_node.members.erasing import Kept


@erasing.keeps
async def told(person_id: str) -> list[Kept]:
    last = as_time(await fetch_value("SELECT MAX(told_at) FROM tax_details WHERE person_id = ?", person_id))
    return [Kept("tax_record", kept_until(last))] if last else []


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    if "tax_record" in still:
        return
    await fetch("DELETE FROM tax_details WHERE person_id = ?", person_id)
    await fetch(
        "DELETE FROM tax_report_identity WHERE seller_id IN (SELECT id FROM tax_report_seller WHERE person_id = ?)",
        person_id,
    )
