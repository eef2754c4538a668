"""What our circle saw, signed for one other circle; and what theirs saw, asked for again each day and never kept past it."""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import attestations, bodies, limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.times import wire_time
from eccoo_node.db.rows import as_time, fetch, fetch_one, insert, insert_once, marks
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Actor, Thing
from eccoo_node.links import identity, letters
from eccoo_node.links import queries as links
from eccoo_node.links.letters import Letter
from eccoo_node.members import workers
from eccoo_node.pools.rules import PROOFS_A_MINUTE, VERIFY_AGAIN
from eccoo_node.pools.tables import AttestationIn, AttestationOut
from eccoo_node.record import events
from eccoo_node.record.door import Act, door
from eccoo_node.record.events import Happened

SCOPE = "attest.read"
# What is shown to a person who chooses was asked for within this time, if the other circle answers at all.
FRESH = timedelta(minutes=10)
# A proof that nobody could ask for again so long is not shown as seen.
BELIEVED = 2 * VERIFY_AGAIN
POOL = "pool"
# An answer from another circle is mostly there within this time; then its page need not be asked for again.
WAIT_S = 1.5


# ---- what ours saw


async def lay_out(link_id: str, used_for: str, person_id: str) -> dict[str, str]:
    """Let one circle verify the checks of someone that hold now, for this one use; by check, the name of each proof.

    Nothing where the agreement does not let them. Inside `write()`.
    """
    if await links.may_cross(link_id, "in", SCOPE) is not None:
        return {}
    rows = await fetch(
        "SELECT check_id, reference FROM attestation_out WHERE link_id = ? AND used_for = ? AND ended_at IS NULL",
        link_id, used_for,
    )  # fmt: skip
    known = {row[0]: row[1] for row in rows}
    found = {}
    for check in await workers.checks_of(person_id, clock.now()):
        if check.id not in known:
            known[check.id] = await letters.reference(link_id, "attestation", used_for, check.id)
            await insert(
                AttestationOut(
                    link_id=link_id, reference=known[check.id], check_id=check.id, person_id=person_id,
                    used_for=used_for, made_at=clock.now(),
                )
            )  # fmt: skip
        found[check.id] = known[check.id]
    return found


async def put_away(used_for: str) -> None:
    """This use is over: nobody can verify anything under it any more. Inside `write()`."""
    await fetch(
        "UPDATE attestation_out SET ended_at = ? WHERE used_for = ? AND ended_at IS NULL", clock.now(), used_for
    )


@letters.answers("attestations", scopes=(SCOPE,))
async def answer(actor: Actor, *rest: str) -> dict[str, Any]:
    """One proof, signed anew. Raises ``gone`` once the check or its use is over."""
    row = await fetch_one(
        "SELECT a.ended_at, k.kind, k.seen_at, k.expires_at, k.ended_at FROM attestation_out a "
        "JOIN credential k ON k.id = a.check_id WHERE a.link_id = ? AND a.reference = ?",
        actor.link_id, "/".join(rest),
    )  # fmt: skip
    if row is None:
        raise ProtocolError("not_found")
    now, zone, expires_at = clock.now(), clock.zone(), as_time(row[3])
    if row[0] is not None or row[4] is not None or (expires_at is not None and expires_at <= now):
        raise ProtocolError("gone")
    seen = attestations.Seen(
        kind=row[1],
        seen_on=row[2].astimezone(zone).date().isoformat(),
        expires_on=expires_at.astimezone(zone).date().isoformat() if expires_at else None,
    )
    us = identity.current().node_id
    return letters.sign(attestations.draft(us, actor.link_id, rest[0], seen, now, expires_at))


@events.on("check.lapsed", "check.recorded")
async def _check_changed(happened: Happened) -> None:
    await revoke_gone(NODE, person_id=happened.subject_id)


@door("pools.revoke")
async def revoke_gone(act: Act, *, person_id: str) -> None:
    """What does not hold any more is taken back from every circle that could verify it."""
    act.allow(Thing("attestation", "", person_id, worker_id=person_id))
    now = clock.now()
    rows = await fetch(
        "UPDATE attestation_out SET ended_at = ? WHERE person_id = ? AND ended_at IS NULL AND check_id IN "
        "(SELECT id FROM credential WHERE person_id = ? AND (ended_at IS NOT NULL OR expires_at <= ?)) "
        "RETURNING link_id, reference",
        now, person_id, person_id, now,
    )  # fmt: skip
    for link_id, ref in sorted(tuple(row) for row in rows):
        body = bodies.AttestRevoked(attestation=ref, revoked_at=wire_time(now))
        await letters.send(link_id, body.TYPE, ref, body.as_wire())
        # Nobody has a state to pull about it.
        await letters.finish(link_id, ref)


# ---- what theirs saw


class Proof(msgspec.Struct, frozen=True):
    """What another circle saw, as far as we could verify it. Only what `holds` is shown as seen."""

    kind: str
    seen_on: str
    expires_on: str
    holds: bool
    gone: bool


async def note(link_id: str, refs: Iterable[str], used_for: str) -> None:
    """Remember proofs to be fetched. One that was taken back is never asked for again. Inside `write()`."""
    for ref in dict.fromkeys(refs):
        await insert_once(AttestationIn(link_id=link_id, reference=ref, used_for=used_for, made_at=clock.now()))
    if used_for != POOL:
        await ask_now(link_id, refs)


async def ask_now(link_id: str, refs: Iterable[str]) -> int:
    """Fetch those of these proofs that were not asked for lately; how many. Inside `write()`."""
    wanted = list(dict.fromkeys(refs))[:PROOFS_A_MINUTE]
    if not wanted or await links.may_cross(link_id, "out", SCOPE) is not None:
        return 0
    rows = await fetch(
        f"UPDATE attestation_in SET asked_at = ? WHERE link_id = ? AND reference IN ({marks(wanted)}) "
        "AND state <> 'gone' AND (asked_at IS NULL OR asked_at < ?) RETURNING reference",
        clock.now(), link_id, *wanted, clock.now() - FRESH,
    )  # fmt: skip
    for row in rows:
        await letters.pull(link_id, f"attestations/{row[0]}")
    return len(rows)


async def ask_daily() -> None:
    """A few of those whose day has passed, link by link. Inside `write()`."""
    due = clock.now() - VERIFY_AGAIN
    rows = await fetch(
        "SELECT a.link_id, a.reference FROM attestation_in a JOIN link l ON l.id = a.link_id AND l.state = 'open' "
        "WHERE a.state <> 'gone' AND (a.asked_at IS NULL OR a.asked_at < ?) ORDER BY a.asked_at, a.id LIMIT ?",
        due, 50 * PROOFS_A_MINUTE,
    )  # fmt: skip
    by_link: dict[str, list[str]] = {}
    for row in rows:
        by_link.setdefault(row[0], []).append(row[1])
    for link_id, refs in by_link.items():
        await ask_now(link_id, refs)


async def let_go(used_for: str) -> None:
    """The offer that named these is over. Inside `write()`."""
    await fetch("DELETE FROM attestation_in WHERE used_for = ? AND state <> 'gone'", used_for)


async def forget_unused(link_id: str, kept: Collection[str]) -> None:
    """Proofs that nothing here names any more. Those taken back are remembered while an old copy could still seem good."""
    over = clock.now() - limits.ATTESTATION_LIFE - VERIFY_AGAIN
    await fetch("DELETE FROM attestation_in WHERE link_id = ? AND state = 'gone' AND made_at < ?", link_id, over)
    rows = await fetch(
        "SELECT id, reference FROM attestation_in WHERE link_id = ? AND used_for = ? AND state <> 'gone'", link_id, POOL
    )
    gone = [row[0] for row in rows if row[1] not in kept]
    for start in range(0, len(gone), 200):
        some = gone[start : start + 200]
        await fetch(f"DELETE FROM attestation_in WHERE id IN ({marks(some)})", *some)


@letters.pulled("attestations")
async def _read_proof(actor: Actor, path: str, body: dict[str, Any]) -> None:
    await take_proof(actor, ref=path.partition("/")[2], body=body)


@door("pools.hear_proof")
async def take_proof(act: Act, *, ref: str, body: dict[str, Any]) -> None:
    """A proof has come. One that does not hold up is not shown, and one that was taken back stays so."""
    link_id = act.actor.link_id
    act.allow(Thing("attestation", link_id=link_id))
    state, now = await links.pinned(link_id), clock.now()
    try:
        seen, until = attestations.check(
            body, issuer=state.node_id, link=link_id, ref=ref, resolve_key=state.resolve_fresh, now=now
        )
    except ProtocolError:
        await _set(link_id, ref, "asked")
        return
    await fetch(
        "UPDATE attestation_in SET state = 'seen', kind = ?, seen_on = ?, expires_on = ?, valid_until = ?, checked_at = ? "
        "WHERE link_id = ? AND reference = ? AND state <> 'gone'",
        seen.kind, seen.seen_on, seen.expires_on or "", until, now, link_id, ref,
    )  # fmt: skip


@letters.denied("attestations")
async def _denied(actor: Actor, path: str, error: ProtocolError) -> None:
    over = error.code in ("gone", "not_found")
    await _set(actor.link_id, path.partition("/")[2], "gone" if over else "asked")


@letters.handles("attest.revoked")
async def _hear_revoked(actor: Actor, letter: Letter) -> None:
    await take_revoked(actor, letter=letter)


@door("pools.hear_revoked")
async def take_revoked(act: Act, *, letter: Letter) -> None:
    """They take back what they said they saw: from now on nobody is shown it."""
    act.allow(Thing("attestation", link_id=letter.link_id))
    ref = letter.body["attestation"]
    if await gone(letter.link_id, ref):
        await act.tell("attestation.gone", "attestation", ref, link=letter.link_id)
    await letters.finish(letter.link_id, letter.subject)


async def gone(link_id: str, ref: str) -> bool:
    """Nothing of this proof is known any more, for good; whether anything was. Inside `write()`."""
    return await _set(link_id, ref, "gone")


async def _set(link_id: str, ref: str, state: str) -> bool:
    rows = await fetch(
        "UPDATE attestation_in SET state = ?, kind = '', seen_on = '', expires_on = '', valid_until = NULL, "
        "checked_at = NULL WHERE link_id = ? AND reference = ? AND state <> 'gone' RETURNING id",
        state, link_id, ref,
    )  # fmt: skip
    return bool(rows)


async def a_moment(refs: Collection[tuple[str, str]]) -> None:
    """Wait until these have been answered, or for as long as a reader waits for a page. Outside of any transaction."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_S
    while loop.time() < deadline:
        if all(p.holds or p.gone for p in (await proofs(refs)).values()):
            return
        await asyncio.sleep(0.05)


async def proofs(refs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Proof]:
    """What is known of these, by link and name. One query, and one for the policy of each circle."""
    if not refs:
        return {}
    names, now = [ref for _, ref in refs], clock.now()
    may = {link: await links.may_cross(link, "out", SCOPE) is None for link in {link for link, _ in refs}}
    rows = await fetch(
        "SELECT link_id, reference, state, kind, seen_on, expires_on, valid_until, checked_at FROM attestation_in "
        f"WHERE reference IN ({marks(names)})",
        *names,
    )
    return {
        (row[0], row[1]): Proof(row[3], row[4], row[5], may[row[0]] and _holds(row, now), row[2] == "gone")
        for row in rows
        if (row[0], row[1]) in refs
    }


def _holds(row: Any, now: datetime) -> bool:
    until, checked = as_time(row[6]), as_time(row[7])
    if row[2] != "seen" or until is None or checked is None:
        return False
    ends = row[5]
    return (
        until > now
        and checked > now - BELIEVED
        and (not ends or ends >= now.astimezone(clock.zone()).date().isoformat())
    )
