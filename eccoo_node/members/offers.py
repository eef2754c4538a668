"""Roles that somebody is offered and has not yet answered."""

from datetime import datetime

from eccoo_node.db.rows import fetch


async def open_offers(person_id: str) -> list[tuple[str, str, str, datetime]]:
    """Roles that wait for this person's yes: offer, role, whose team or which circle, when."""
    rows = await fetch(
        "SELECT o.id, o.role, COALESCE(p.called, c.name), o.offered_at FROM hat_offer o "
        "JOIN community c ON c.id = o.community_id LEFT JOIN person p ON p.id = c.person_id "
        "WHERE o.person_id = ? AND o.closed_at IS NULL ORDER BY o.offered_at, o.id",
        person_id,
    )
    return [tuple(row) for row in rows]
