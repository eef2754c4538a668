"""Forgetting in agreements: that somebody said yes stays, with the hash of the words; the words go."""

from eccoo_node.db.rows import fetch
from eccoo_node.members import erasing


@erasing.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    await fetch("UPDATE consent SET words = '' WHERE person_id = ? AND words <> ''", person_id)
