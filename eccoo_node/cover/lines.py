"""What a linked circle owes us for, in words: a visit that one of our workers made to someone there."""

from collections.abc import Sequence

from eccoo_node.cover.queries import MINE, Mine
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


async def known_to_both(link_id: str) -> dict[str, tuple[str, int]]:
    """By reference of a line: how we and the linked circle both call that visit, request and number."""
    away = await fetch(
        "SELECT m.id, o.reference, m.n FROM my_offer m JOIN open_request o ON o.id = m.open_request_id "
        "WHERE m.link_id = ? AND EXISTS (SELECT 1 FROM line l WHERE l.reference = 'away:' || m.id)",
        link_id,
    )
    here = await fetch(
        "SELECT l.reference, c.reference FROM line l JOIN asked_circle c ON c.link_id = l.link_id "
        "JOIN cover_request r ON r.id = c.request_id "
        "WHERE l.link_id = ? AND l.origin = 'held' "
        "AND l.reference LIKE 'visit:' || r.visit_id || ':' || substr(r.id, 29, 8) || ':%'",
        link_id,
    )
    found = {f"away:{row[0]}": (row[1], int(row[2])) for row in away}
    for reference, request in here:
        number = reference.rsplit(":", 1)[1].partition("+")[0]
        if number.isdigit():
            found[reference] = (request, int(number))
    return found
