"""What the lines of money set aside for shopping are for, in words."""

from collections.abc import Sequence

from eccoo_node.escrow import telling
from eccoo_node.escrow.telling import Told
from eccoo_node.expenses import queries
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor


@telling.tells("expense")
async def tell_expenses(actor: Actor, references: Sequence[str]) -> dict[str, Told]:
    """References are "expense:{id}" and, where its line was opened anew, "expense:{id}:…"."""
    found = {}
    for reference, one in (await queries.told_by_line(list(references))).items():
        told = Told("Something that was bought", one.agreed_at, bought=True)
        if access.may(actor, "expenses.see", one.thing):
            who = one.person_called if actor.person_id == one.worker_id else one.worker_called
            told = Told(one.purpose, one.agreed_at, who, f"/expenses/{one.id}", bought=True)
        found[reference] = told
    return found
