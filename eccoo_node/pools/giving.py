"""What another circle sees of our workers: only of those who said yes, only what they said yes to, only while it holds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies, jcs, limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.pools import PoolPage, PoolWorker, Stretch
from eccoo_federation.times import wire_time
from eccoo_node.agreements.actions import withdraw_consent
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, fetch_value, insert_once
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.links import letters
from eccoo_node.links import queries as links
from eccoo_node.members import workers
from eccoo_node.pools import attesting
from eccoo_node.pools.rules import SEEN
from eccoo_node.pools.tables import PoolLink
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened

SUBJECT = "pool"
_WORKS = """p.standing <> 'died' AND EXISTS (SELECT 1 FROM hat h JOIN community c ON c.id = h.community_id
 WHERE h.person_id = s.person_id AND c.kind = 'circle' AND h.role = 'worker' AND h.ended_at IS NULL
 AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?))"""


def first_name(called: str) -> str:
    """No second name crosses, whatever somebody likes to be called at home."""
    words = called.split()
    return words[0][:60] if words else "Someone"


async def shown_of(person_id: str) -> PoolWorker | None:
    """Everything that could be shown of a worker, as it would cross; without a reference. None for someone who is none."""
    card = await workers.worker(person_id)
    if card is None:
        return None
    free = (await workers.free_times([person_id])).get(person_id, [])
    return _worker("preview", card.called, card.languages, card.rate_pence, card.goes_to, card.skills, free)


def _worker(
    ref: str, called: str, languages: str, rate: int, goes_to: Iterable[str], skills: Iterable[str], free: Iterable[Any]
) -> PoolWorker:
    hours = tuple(Stretch(weekday=s.weekday, from_minute=s.from_minute, to_minute=s.to_minute) for s in free)
    return PoolWorker(
        worker=ref, first_name=first_name(called), skills=tuple(sorted(skills))[:30],
        languages=tuple(languages.split())[:10], areas=tuple(sorted(goes_to))[:30], rate_pence_per_hour=rate,
        hours=hours[:21],
    )  # fmt: skip


async def shown_to(link_id: str, fields: Iterable[str]) -> list[PoolWorker]:
    """Our workers as that circle sees them, in the order of their references. Three queries however many there are."""
    now, allowed = clock.now(), set(fields)
    rows = await fetch(
        "SELECT s.id, s.reference, s.person_id, s.fields, p.called, w.languages, w.rate_pence, w.goes_to, w.skills "
        "FROM pool_share s JOIN person p ON p.id = s.person_id JOIN worker w ON w.person_id = s.person_id "
        f"WHERE s.link_id = ? AND s.ended_at IS NULL AND w.covers = TRUE AND w.paid = TRUE AND p.standing = 'here' AND {_WORKS}",
        link_id, now, now,
    )  # fmt: skip
    free = await workers.free_times([row["person_id"] for row in rows])
    named: dict[str, list[str]] = {}
    if await links.may_cross(link_id, "in", attesting.SCOPE) is None:
        for use, ref in await fetch(
            "SELECT used_for, reference FROM attestation_out WHERE link_id = ? AND ended_at IS NULL ORDER BY reference",
            link_id,
        ):
            named.setdefault(use, []).append(ref)
    found = []
    for row in rows:
        said = set(msgspec.json.decode(row["fields"]))
        whole = _worker(
            row["reference"], row["called"], row["languages"], row["rate_pence"], msgspec.json.decode(row["goes_to"]),
            msgspec.json.decode(row["skills"]), free.get(row["person_id"], ()),
        )  # fmt: skip
        seen = tuple(named.get(row["id"], ())[:10]) if SEEN in said else ()
        found.append(msgspec.structs.replace(whole.only(said & allowed), attestations=seen))
    return sorted(found, key=lambda one: one.worker)


@letters.answers("pool", scopes=(), bare=True)
async def answer(actor: Actor, *rest: str) -> dict[str, Any]:
    """One page of our pool, behind the reference that was named. Asks the policy itself: of each field its own scope."""
    fields = await links.pool_fields(actor.link_id, "in")
    after = "/".join(rest)
    workers_ = [one for one in await shown_to(actor.link_id, fields) if one.worker > after]
    page, more = workers_[: limits.POOL_PAGE], len(workers_) > limits.POOL_PAGE
    revision = await fetch_value("SELECT revision FROM pool_link WHERE link_id = ?", actor.link_id)
    return PoolPage(
        link=actor.link_id, revision=max(1, revision or 0), at=wire_time(clock.now()), workers=tuple(page),
        next=page[-1].worker if more else None,
    ).as_wire()  # fmt: skip


async def tell_if_changed(link_id: str) -> None:
    """Count up and say so, where that circle would see something else than before. Inside `write()`."""
    await insert_once(PoolLink(link_id=link_id))
    try:
        shown = await shown_to(link_id, await links.pool_fields(link_id, "in"))
    except ProtocolError:
        # They may see nothing, and know it.
        return
    digest = jcs.digest([one.as_wire() for one in shown]) if shown else ""
    row = await fetch_one(
        "UPDATE pool_link SET digest = ?, revision = revision + 1 WHERE link_id = ? AND digest <> ? RETURNING revision",
        digest, link_id, digest,
    )  # fmt: skip
    if row is not None:
        body = bodies.PoolChanged(revision=row[0])
        await letters.send(link_id, body.TYPE, SUBJECT, body.as_wire())
        await letters.finish(link_id, SUBJECT)


async def end_share(actor: Actor, share_id: str, consent_id: str) -> None:
    """This yes is over, with all that could be verified under it. Inside `write()`."""
    await fetch("UPDATE pool_share SET ended_at = ? WHERE id = ? AND ended_at IS NULL", clock.now(), share_id)
    await attesting.put_away(share_id)
    if consent_id and not actor.is_node():
        await withdraw_consent(actor, consent_id)


@events.on(
    "worker.changed", "check.recorded", "check.lapsed", "hat.ended", "person.here", "person.in_hospital", "person.died",
)  # fmt: skip
async def _someone_changed(happened: Happened) -> None:
    if await fetch_value("SELECT 1 FROM pool_share WHERE person_id = ? AND ended_at IS NULL", happened.subject_id):
        await look_again(NODE)


@events.on("link.opened", "link.resumed", "link.narrowed", "link.ended")
async def _link_changed(happened: Happened) -> None:
    await look_again(NODE)


@door("pools.look_again")
async def look_again(act: Act) -> None:
    """What is shown follows from what holds now: who still works here, what was seen of them, which links stand."""
    act.allow(Thing("pool"))
    now = clock.now()
    gone = await fetch(
        "SELECT s.id FROM pool_share s JOIN person p ON p.id = s.person_id JOIN link l ON l.id = s.link_id "
        f"WHERE s.ended_at IS NULL AND (l.state = 'ended' OR NOT ({_WORKS}))",
        now, now,
    )  # fmt: skip
    for row in gone:
        # Whoever comes back later is asked anew.
        await end_share(act.actor, row[0], "")
    live = await fetch("SELECT id, link_id, person_id, fields FROM pool_share WHERE ended_at IS NULL")
    for row in live:
        if SEEN in msgspec.json.decode(row["fields"]):
            await attesting.lay_out(row["link_id"], row["id"], row["person_id"])
    told = {row["link_id"] for row in live}
    told |= {row[0] for row in await fetch("SELECT link_id FROM pool_link WHERE digest <> ''")}
    for link_id in sorted(told):
        await tell_if_changed(link_id)


@jobs.job("pools.look_again", every=timedelta(minutes=10))
async def _now_and_then(payload: dict[str, Any]) -> datetime | None:
    if await fetch_value("SELECT 1 FROM pool_share WHERE ended_at IS NULL LIMIT 1"):
        await look_again(NODE)
    return None
