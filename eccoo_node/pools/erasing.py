"""Forgetting in pools: whoever asks is shown to nobody any more, and copies of another circle's workers go with them."""

from collections.abc import Iterable, Sequence

from eccoo_node.db.rows import fetch, marks
from eccoo_node.kernel import clock
from eccoo_node.links import erasing
from eccoo_node.links.erasing import Deleted
from eccoo_node.members import erasing as home
from eccoo_node.pools import attesting, giving


@erasing.refers
async def shown_to(person_id: str) -> Iterable[tuple[str, str]]:
    """Under which references linked circles were ever shown a worker, or let verify what was seen of their papers."""
    shares = await fetch("SELECT link_id, reference FROM pool_share WHERE person_id = ?", person_id)
    proofs = await fetch("SELECT link_id, reference FROM attestation_out WHERE person_id = ?", person_id)
    return [(row[0], row[1]) for row in (*shares, *proofs)]


@erasing.deletes
async def delete_copies(link_id: str, subjects: Sequence[str]) -> Deleted:
    """Another circle's workers as they were shown to us, and what it said it saw of them."""
    named = f"link_id = ? AND reference IN ({marks(subjects)})"
    copies = await fetch(f"DELETE FROM pool_worker WHERE {named} RETURNING reference", link_id, *subjects)
    proofs = await fetch(f"SELECT reference FROM attestation_in WHERE {named}", link_id, *subjects)
    for row in proofs:
        await attesting.gone(link_id, row[0])
    return Deleted(bool(copies or proofs))


@home.erases
async def forget_person(person_id: str, still: frozenset[str]) -> None:
    """No reason is given to those circles: from their next reading on this worker is not among ours."""
    shares = await fetch("SELECT link_id FROM pool_share WHERE person_id = ? AND ended_at IS NULL", person_id)
    await fetch(
        "UPDATE pool_share SET fields = '[]', ended_at = COALESCE(ended_at, ?) WHERE person_id = ?",
        clock.now(), person_id,
    )  # fmt: skip
    await fetch(
        "UPDATE attestation_out SET ended_at = ? WHERE person_id = ? AND ended_at IS NULL", clock.now(), person_id
    )
    for link_id in sorted({row[0] for row in shares}):
        await giving.tell_if_changed(link_id)
