"""What was seen of a worker's papers, as it stands when somebody chooses: verified anew, and never shown once it is over."""

import msgspec

from eccoo_federation import cover as wire
from eccoo_node.cover import offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.queries import Offer
from eccoo_node.cover.rules import NEEDED_CHECKS
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import workers
from eccoo_node.pools import attesting
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota.telling import tell

LAPSED = "What was seen of their papers does not hold any more. Please choose someone else."


class Papers(msgspec.Struct, frozen=True):
    """What may be shown as seen, and the kinds of which we could not be sure."""

    seen: tuple[dict[str, str], ...] = ()
    unsure: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def _refs(offer: Offer) -> set[tuple[str, str]]:
    return (
        {(offer.link_id, one["attestation"]) for one in offer.seen if one.get("attestation")}
        if offer.link_id
        else set()
    )


async def papers_of(offer: Offer) -> Papers:
    """Of an offer from elsewhere: what its circle signed and still stands by. One that names no proof is their word in
    the offer itself, which they signed, and is shown until its day."""
    found, today = await attesting.proofs(_refs(offer)), clock.today().isoformat()
    seen, unsure, gone = [], [], []
    for one in offer.seen:
        proof = found.get((offer.link_id, one["attestation"])) if one.get("attestation") else None
        if proof is not None and proof.holds:
            seen.append({"kind": proof.kind, "seen_on": proof.seen_on, "expires_on": proof.expires_on})
        elif proof is not None and proof.gone:
            gone.append(one["kind"])
        elif one.get("attestation"):
            unsure.append(one["kind"])
        elif one.get("expires_on", today) >= today:
            seen.append({k: one[k] for k in ("kind", "seen_on", "expires_on") if k in one})
        else:
            gone.append(one["kind"])
    return Papers(tuple(seen), tuple(unsure), tuple(gone))


async def refuse_gone(offer: Offer) -> None:
    """Raises Conflict where their circle has taken back something without which nobody is asked to come."""
    if set((await papers_of(offer)).gone) & set(NEEDED_CHECKS):
        raise Conflict(LAPSED, "seen_gone")


async def look_again(offer: Offer) -> None:
    """Ask their circle again before somebody chooses, and give it a moment; outside of any transaction."""
    refs = _refs(offer)
    if refs:
        async with write():
            asked = await attesting.ask_now(offer.link_id, [ref for _, ref in refs])
        if asked:
            await attesting.a_moment(refs)


@events.on("check.lapsed", "check.recorded")
async def _check_changed(happened: Happened) -> None:
    for one in await queries.mine_of(happened.subject_id, "offered", "preparing"):
        await check_gone(NODE, offer_id=one.id)


@door("cover.check_gone")
async def check_gone(act: Act, *, offer_id: str) -> None:
    """A worker of ours who lacks a check for the visit is not offered for it any more."""
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    if mine.state not in {"offered", "preparing"}:
        return
    if await workers.checks_hold(mine.worker_id, NEEDED_CHECKS, mine.ends_at):
        return
    await offering.step(act, mine, wire.Withdraw())
    await tell({mine.worker_id}, None, "papers_ended_away", about=mine.id, path=f"/coming/{mine.id}")
