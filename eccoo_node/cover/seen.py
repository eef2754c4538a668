"""What was seen of a worker's papers, as it stands when somebody chooses: verified anew, and never shown once it is over."""

import msgspec

from eccoo_federation import cover as wire
from eccoo_node.cover import offering, queries
from eccoo_node.cover.doors import Act, door
from eccoo_node.cover.queries import Offer
from eccoo_node.cover.rules import NEEDED_CHECKS
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members import queries as members
from eccoo_node.members import workers
from eccoo_node.pools import attesting
from eccoo_node.record import events
from eccoo_node.record.events import Happened
from eccoo_node.rota import queries as rota
from eccoo_node.rota.queries import Visit
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
    for one in await queries.mine_of(happened.subject_id, "offered", "preparing", "coming"):
        await check_gone(NODE, offer_id=one.id)
    if happened.kind == "check.lapsed" and happened.payload["what"] in NEEDED_CHECKS:
        await ring_at_home(NODE, worker_id=happened.subject_id, kind=happened.payload["what"])


@door("cover.check_gone")
async def check_gone(act: Act, *, offer_id: str) -> None:
    """A worker of ours who lacks a check for the visit is not offered for it any more.

    Where they are sure to come nothing is called off by itself: people look at it.
    """
    mine = await queries.lock_mine(offer_id)
    act.allow(mine.thing)
    over = mine.state not in {"offered", "preparing", "coming"} or mine.ends_at <= clock.now()
    if over or await workers.checks_hold(mine.worker_id, NEEDED_CHECKS, mine.ends_at):
        return
    if mine.state == "coming":
        path = f"/coming/{mine.id}"
        if ringing := await _to_ring(mine.worker_id, "papers_ended_ring_away", about=mine.id):
            await tell(ringing, None, "papers_ended_ring_away", about=mine.id, path=path)
        return
    await offering.step(act, mine, wire.Withdraw())
    await tell({mine.worker_id}, None, "papers_ended_away", about=mine.id, path=f"/coming/{mine.id}")


async def _to_ring(but: str, news: str, *, visit: str | None = None, about: str = "") -> set[str]:
    """The facilitators who have not heard this yet, other than the one it is about."""
    which, of = ("visit_id", visit) if visit else ("about_id", about)
    told = await fetch(f"SELECT person_id FROM told WHERE news = ? AND {which} = ?", news, of)
    return {one.person_id for one in await members.facilitators()} - {but} - {row[0] for row in told}


@door("cover.ring_at_home")
async def ring_at_home(act: Act, *, worker_id: str, kind: str) -> None:
    """A check of a worker ended, and they are planned for visits after it: of each person the first is told."""
    act.allow(Thing("person", worker_id, worker_id=worker_id))
    ahead = await rota.visits("v.worker_id = ? AND v.state = 'planned' AND v.ends_at > ?", worker_id, clock.now())
    first: dict[str, Visit] = {}
    for visit in ahead:
        if visit.person_id not in first and not await workers.checks_hold(worker_id, [kind], visit.ends_at):
            first[visit.person_id] = visit
    for visit in first.values():
        # Several checks may end at one moment: the second waits here, and finds that all have heard.
        await rota.lock_visit(visit.id)
        if ringing := await _to_ring(worker_id, "papers_ended", visit=visit.id):
            await tell(ringing, visit.id, "papers_ended")


@events.on("attestation.gone")
async def _proof_gone(happened: Happened) -> None:
    await ring_their_circle(NODE, link_id=happened.payload["link"], ref=happened.subject_id)


@door("cover.ring_their_circle")
async def ring_their_circle(act: Act, *, link_id: str, ref: str) -> None:
    """Another circle took back what it saw of a worker who is sure to come here."""
    act.allow(Thing("attestation", link_id=link_id))
    for row in await fetch(
        "SELECT o.id, v.id AS visit_id FROM cover_offer o JOIN cover_request r ON r.chosen_offer = o.id "
        "JOIN visit v ON v.id = r.visit_id WHERE o.link_id = ? AND r.state IN ('telling', 'coming') AND v.ends_at > ?",
        link_id,
        clock.now(),
    ):
        named = {one.get("attestation"): one["kind"] for one in (await queries.offer(row["id"])).seen}
        if named.get(ref) not in NEEDED_CHECKS:
            continue
        await rota.lock_visit(row["visit_id"])
        if ringing := await _to_ring("", "papers_ended_coming", visit=row["visit_id"]):
            await tell(ringing, row["visit_id"], "papers_ended_coming")
