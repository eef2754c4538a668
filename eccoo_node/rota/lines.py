"""What the lines of money set aside for visits are for, in words."""

from collections.abc import Sequence

from eccoo_node.db.rows import marks
from eccoo_node.escrow import telling
from eccoo_node.escrow.telling import Told
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor
from eccoo_node.rota import queries, say
from eccoo_node.rota.queries import Visit


@telling.tells("visit")
async def tell_visits(actor: Actor, references: Sequence[str]) -> dict[str, Told]:
    """References are "visit:{id}" and, for each who covered it in turn, "visit:{id}:…"."""
    ids = {reference: reference.split(":")[1] for reference in references}
    wanted = sorted(set(ids.values()))
    found = {
        visit.id: visit for visit in await queries.visits(f"v.id IN ({marks(wanted)})", *wanted, limit=len(wanted))
    }
    return {reference: _told(actor, found[id_]) for reference, id_ in ids.items() if id_ in found}


def _told(actor: Actor, visit: Visit) -> Told:
    """Whoever keeps the books reads when a visit was; who came to whom is for those who may see the visit."""
    given_up = visit.state in {"gap", "stopped"}
    if not access.may(actor, "rota.see_visit", visit.thing):
        return Told(say.when(visit), visit.starts_at, given_up=given_up)
    who = visit.person_called if actor.person_id == visit.worker_id else visit.who
    return Told(say.when(visit), visit.starts_at, who, f"/visits/{visit.id}", given_up=given_up)
