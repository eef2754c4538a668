"""What a linked circle owes us for, in words: a visit that one of our workers made to someone there."""

from collections.abc import Sequence

from eccoo_node.cover.queries import _MINE as MINE
from eccoo_node.cover.queries import Mine
from eccoo_node.db.rows import fetch, marks
from eccoo_node.escrow import telling
from eccoo_node.escrow.telling import Told
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor


@telling.tells("away")
async def tell_visits_away(actor: Actor, references: Sequence[str]) -> dict[str, Told]:
    """References are "away:{offer}". Their person is never named here; who of ours went is."""
    ids = {reference: reference.split(":")[1] for reference in references}
    rows = await fetch(f"{MINE} WHERE m.id IN ({marks(list(ids.values()))})", *ids.values())
    found = {row[0]: Mine(*row) for row in rows}
    return {reference: _told(actor, found[id_]) for reference, id_ in ids.items() if id_ in found}


def _told(actor: Actor, mine: Mine) -> Told:
    own = actor.person_id == mine.worker_id
    words = clock.say_when(mine.starts_at, mine.ends_at, clock.zone())
    return Told(words, mine.starts_at, mine.area if own else mine.called, f"/coming/{mine.id}" if own else "")
