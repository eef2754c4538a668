"""What the plans behind public money let be paid, as escrow asks for it and as the nightly check does."""

from collections.abc import Sequence

from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import purity
from eccoo_node.escrow.checking import checks
from eccoo_node.escrow.purity import Plan
from eccoo_node.kernel.errors import Broken


@purity.knows_plans("expense")
async def plans_of(payer_ids: Sequence[str]) -> dict[str, Plan]:
    """The newest word of each."""
    rows = await fetch(
        f"SELECT payer_id, allows, travel FROM plan_allows WHERE payer_id IN ({marks(payer_ids)}) "
        "ORDER BY recorded_at, id",
        *payer_ids,
    )
    return {row[0]: Plan(bool(row[1]), bool(row[2])) for row in rows}


# Set aside out of public money: what is bought while no word had allowed it, and mileage while the newest word forbade it. The
# same visit set aside again, for whoever covers it, keeps what was agreed before that word.
_BEYOND = (
    f"SELECT l.reference FROM ({purity.PAID_BY}) l JOIN payer y ON y.id = l.payer_id "
    f"WHERE l.travel_pence > 0 AND y.fund IN ({purity.PUBLIC}) AND CASE WHEN l.reference LIKE 'expense:%' THEN "
    "NOT EXISTS (SELECT 1 FROM plan_allows a WHERE a.payer_id = y.id AND a.allows AND a.recorded_at <= l.made_at) "
    "ELSE COALESCE((SELECT NOT a.travel FROM plan_allows a WHERE a.payer_id = y.id AND a.recorded_at <= l.made_at "
    "ORDER BY a.recorded_at DESC, a.id DESC LIMIT 1), FALSE) AND NOT EXISTS (SELECT 1 FROM line o WHERE o.id < l.id "
    "AND o.person_id = l.person_id AND o.travel_pence >= l.travel_pence "
    "AND substr(o.reference, 1, 42) = substr(l.reference, 1, 42)) END LIMIT 1"
)


@checks
async def verify_plans() -> None:
    """Raises Broken for public money that was set aside beyond its plan."""
    for (reference,) in await fetch(_BEYOND):
        raise Broken(f"Line {reference} takes public money beyond what its plan allows.", "beyond_plan")
