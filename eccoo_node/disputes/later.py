"""What was missing of a visit and came later: each on a line of its own, out of the money of whoever said yes to it."""

from collections.abc import Sequence

from eccoo_node.db.rows import fetch, marks


def line_of_more(visit_id: str, question_id: str) -> str:
    """The line of what was missing of a visit and came later, once whoever pays had said yes."""
    return f"visit:{visit_id}:more:{question_id[-8:]}"


async def lines_of_more(visit_ids: Sequence[str]) -> dict[str, list[str]]:
    """By visit, the lines of what came for it later. One statement."""
    found: dict[str, list[str]] = {}
    for visit_id, id_ in await fetch(
        f"SELECT visit_id, id FROM money_question WHERE visit_id IN ({marks(visit_ids)}) AND stands = 'more' "
        "AND state = 'ended' AND given_fee_pence + given_travel_pence > 0",
        *visit_ids,
    ):
        found.setdefault(visit_id, []).append(line_of_more(visit_id, id_))
    return found
