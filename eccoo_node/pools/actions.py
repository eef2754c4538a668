"""A worker says yes to being seen by one linked circle, field by field, and takes it back with one word."""

from collections.abc import Iterable

import msgspec

from eccoo_federation.errors import ProtocolError
from eccoo_node.agreements.actions import give_consent
from eccoo_node.db.rows import insert
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict, Invalid
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.members import workers
from eccoo_node.pools import attesting, giving, queries
from eccoo_node.pools.rules import SEEN
from eccoo_node.pools.tables import PoolShare
from eccoo_node.record.door import Act, door


def _thing(link_id: str, worker_id: str) -> Thing:
    return Thing("pool", link_id, worker_id, worker_id=worker_id)


async def fields_for(link_id: str) -> tuple[str, ...]:
    """What people of that circle could be shown of a worker who says yes. Raises Conflict where it is nothing."""
    try:
        fields = await links.pool_fields(link_id, "in")
    except ProtocolError:
        raise Conflict("This circle is not shown anyone just now.", "not_agreed") from None
    return (*fields, SEEN) if await links.may_cross(link_id, "in", attesting.SCOPE) is None else fields


@door("pools.share")
async def share(act: Act, *, link_id: str, worker_id: str, fields: Iterable[str], words: str) -> None:
    """Let people of one linked circle see these fields, from now until it is taken back.

    `words` is what was read, value by value, and is kept with the yes. Another choice takes the place of the one before,
    under a new reference.
    """
    act.allow(_thing(link_id, worker_id))
    allowed, wanted = await fields_for(link_id), set(fields)
    if not wanted <= set(allowed):
        raise Invalid("What this circle may see has changed. Please look again.", "not_agreed", field="fields")
    if not wanted - {SEEN}:
        raise Invalid("Tick at least one thing that they may see.", "nothing_chosen", field="fields")
    card = await workers.worker(worker_id)
    if card is None or not card.paid:
        raise Conflict("This is for workers of the circle.", "not_a_worker")
    await workers.lock_worker(worker_id)
    before, chosen = await queries.share_with(link_id, worker_id), tuple(f for f in allowed if f in wanted)
    if before is not None:
        if before.fields == chosen:
            return
        await giving.end_share(act.actor, before.id, before.consent_id)
    consent = await give_consent(
        act.actor, person_id=worker_id, kind="pools.share", words=words, subject_kind="link", subject_id=link_id
    )
    id_ = new_id()
    await insert(
        PoolShare(
            id=id_, link_id=link_id, person_id=worker_id, reference=await letters.reference(link_id, "pool", id_),
            fields=msgspec.json.encode(chosen).decode(), consent_id=consent, from_at=clock.now(),
        )
    )  # fmt: skip
    if SEEN in wanted:
        await attesting.lay_out(link_id, id_, worker_id)
    await giving.tell_if_changed(link_id)
    await act.tell("pool.shared", "person", worker_id, link=link_id)


@door("pools.stop")
async def stop(act: Act, *, link_id: str, worker_id: str) -> None:
    """Be seen by that circle no longer, from now on: no reason, no mark. Twice is once."""
    act.allow(_thing(link_id, worker_id))
    found = await queries.share_with(link_id, worker_id)
    if found is None:
        return
    await giving.end_share(act.actor, found.id, found.consent_id)
    await giving.tell_if_changed(link_id)
    await act.tell("pool.stopped", "person", worker_id, link=link_id)
