"""What goes out: numbered, chained and signed when it is first sent, and stored before that.

A number once given is never taken back. What may no longer be sent is replaced, under the same number, by a tombstone.
"""

from typing import Any

import msgspec

from eccoo_federation import events, limits
from eccoo_federation.events import BatchAnswer, Draft, Verdict
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating.inbox import ask_for_state
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import held, identity, letters, queries, rules
from eccoo_node.links.alarms import alarm
from eccoo_node.record import events as happenings

# Envelope and proof around a body, at most.
_AROUND = 1200
# Marks a letter that waits a second time, because the key that had signed it was called back.
SAID_ANEW = "said_anew"


class Sealed(msgspec.Struct, frozen=True):
    """A numbered event, ready for the wire."""

    row: int
    event_id: str
    seq: int
    bytes: bytes


async def next_batch(link_id: str, most: int) -> list[Sealed]:
    """What to send now, oldest first: what was numbered and not answered, then what waits."""
    async with write():
        await held.lock_wire(link_id)
        link = await held.link(link_id)
        await _bury(link)
        sent = await _numbered(link_id, most)
        if len(sent) < most:
            sent += await _number(link, most - len(sent), limits.BATCH_BYTES - sum(len(s.bytes) + 1 for s in sent))
    return sent[: events.fill_batch([s.bytes for s in sent], most)]


async def numbered_after(link_id: str, after: int) -> list[Sealed]:
    """For one who pulls: everything from a number on, what waits included; one batch of it."""
    async with write():
        await held.lock_wire(link_id)
        link = await held.link(link_id)
        await _bury(link)
        await _number(link, limits.BATCH_EVENTS, limits.BATCH_BYTES)
    rows = await fetch(
        "SELECT id, event_id, seq, bytes FROM letter_out WHERE link_id = ? AND seq > ? AND bytes <> '' "
        "ORDER BY seq LIMIT ?",
        link_id, after, limits.BATCH_EVENTS,
    )  # fmt: skip
    found = [Sealed(row[0], row[1], row[2], row[3].encode()) for row in rows]
    return found[: events.fill_batch([s.bytes for s in found])]


async def _numbered(link_id: str, most: int) -> list[Sealed]:
    rows = await fetch(
        "SELECT id, event_id, seq, bytes FROM letter_out WHERE link_id = ? AND state = 'sent' ORDER BY seq LIMIT ?",
        link_id, most,
    )  # fmt: skip
    return [Sealed(row[0], row[1], row[2], row[3].encode()) for row in rows]


async def _number(link: Any, most: int, room: int) -> list[Sealed]:
    """Number and sign what waits and may be sent now; what frees or ends, even about a thing that waits for a pull.

    Words about the link itself go first: what waited for a pause to end would else arrive before the word that ends it.
    """
    rows = await fetch(
        "SELECT o.id, o.event_id, o.type, o.subject, o.at, o.body FROM letter_out o "
        "LEFT JOIN letter_subject s ON s.link_id = o.link_id AND s.subject = o.subject "
        "WHERE o.link_id = ? AND o.state = 'waiting' AND (COALESCE(s.blocked_out, FALSE) = FALSE OR o.type IN "
        "('cover.withdrawn', 'cover.cancelled', 'cover.rescinded', 'tombstone')) "
        "ORDER BY CASE WHEN o.type LIKE 'link.%' THEN 0 ELSE 1 END, o.id LIMIT ?",
        link["id"], 4 * most,
    )  # fmt: skip
    policy, now = queries.policy_of(link), clock.now()
    # A tombstone without an answer may have come too late, and then its subject's chain goes on elsewhere.
    unsettled = {
        row[0]
        for row in await fetch(
            "SELECT subject FROM letter_out WHERE link_id = ? AND state = 'sent' AND type = 'tombstone'", link["id"]
        )
    }
    made: list[Sealed] = []
    for row in rows:
        body = msgspec.json.decode(row["body"])
        if len(made) == most or row["subject"] in unsettled:
            continue
        if rules.refusal(policy, "out", scope_of(row["type"], body), now) is not None:
            continue
        room -= len(row["body"]) + _AROUND
        if room < 0 and made:
            break
        draft = Draft(row["event_id"], link["id"], link["node_id"], row["subject"], row["type"], row["at"], body)
        made.append(await _seal(row["id"], draft, seq=None))
    return made


def scope_of(type_: str, body: dict[str, Any]) -> str:
    final = type_ == "settle.statement" and body.get("final")
    return "settle.final" if final else events.scope_of_type(type_)


async def _seal(row_id: int, draft: Draft, *, seq: int | None, replaces: str = "") -> Sealed:
    """Give it its number (the next one, or the one it takes over), its place in the chain, and our proof."""
    us, now = identity.current(), clock.now()
    subject = await letters.follow(draft.link, draft.subject)
    rev, prev = subject["rev_out"] + 1, subject["head_out"] or None
    if seq is None:
        rows = await fetch("UPDATE link_wire SET seq_out = seq_out + 1 WHERE link_id = ? RETURNING seq_out", draft.link)
        seq = int(rows[0][0])
    event, raw = events.seal(draft, from_=us.node_id, seq=seq, rev=rev, prev=prev, key=us.object_key, now=now)
    await fetch(
        "UPDATE letter_out SET state = 'sent', seq = ?, rev = ?, digest = ?, bytes = ?, sent_at = ? WHERE id = ?",
        seq, rev, event.digest, raw.decode(), now, row_id,
    )  # fmt: skip
    await fetch(
        "INSERT INTO letter_seal (link_id, event_id, seq, subject, rev, prev, digest, replaces, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        draft.link, draft.id, seq, draft.subject, rev, prev or "", event.digest, replaces, now,
    )  # fmt: skip
    await fetch(
        "UPDATE letter_subject SET rev_out = ?, head_out = ?, changed_at = ? WHERE link_id = ? AND subject = ?",
        rev, event.digest, now, draft.link, draft.subject,
    )  # fmt: skip
    return Sealed(row_id, draft.id, seq, raw)


async def _bury(link: Any) -> None:
    """Numbered events that may no longer cross give their number to a tombstone, so that nothing is stuck behind them.

    Of each subject all numbered events go from the first such one on: the chain behind it would not hold.
    """
    rows = await fetch(
        "SELECT * FROM letter_out WHERE link_id = ? AND state = 'sent' AND type <> 'tombstone' ORDER BY seq", link["id"]
    )
    policy, now = queries.policy_of(link), clock.now()
    dead: set[str] = set()
    void = _void_kids() if rows else frozenset()
    for row in rows:
        body = msgspec.json.decode(row["body"])
        may_not = rules.refusal(policy, "out", scope_of(row["type"], body), now) is not None
        if row["subject"] in dead or may_not or (void and _signed_by(row["bytes"]) in void):
            dead.add(row["subject"])
            await bury(link, row, "tombstone", "" if may_not else SAID_ANEW)
            if not may_not:
                # Signed by a key that we have called back since: nobody would believe it. It is said again, signed anew.
                draft = events.draft(link["id"], link["node_id"], row["subject"], row["type"], body, now)
                await fetch(
                    "INSERT INTO letter_out (link_id, event_id, type, subject, at, body, state, digest, bytes, code, "
                    "written_at) VALUES (?, ?, ?, ?, ?, ?, 'waiting', '', '', '', ?)",
                    link["id"], draft.id, row["type"], row["subject"], row["at"], row["body"], now,
                )  # fmt: skip


def _void_kids() -> frozenset[str]:
    return frozenset(key.kid for key in identity.current().state.keys if key.revoked_at is not None)


def _signed_by(text: str) -> str:
    method: str = msgspec.json.decode(text)["proof"]["verificationMethod"]
    return method.rpartition("#")[2]


async def bury(link: Any, row: Any, state: str, code: str) -> None:
    """Replace a numbered, unanswered event by a tombstone with the same number, revision and predecessor."""
    seal = await held.seal(row["event_id"])
    await fetch(
        "UPDATE letter_out SET state = ?, seq = NULL, code = ?, answered_at = ? WHERE id = ?",
        state, code, clock.now(), row["id"],
    )  # fmt: skip
    # One buried before it in the same subject has set the chain back already.
    await fetch(
        "UPDATE letter_subject SET rev_out = ?, head_out = ? WHERE link_id = ? AND subject = ? AND rev_out >= ?",
        seal["rev"] - 1, seal["prev"], link["id"], row["subject"], seal["rev"],
    )  # fmt: skip
    body = {"replaces": row["event_id"]}
    draft = events.draft(link["id"], link["node_id"], row["subject"], "tombstone", body, clock.now())
    made = await fetch(
        "INSERT INTO letter_out (link_id, event_id, type, subject, at, body, state, digest, bytes, code, written_at) "
        "VALUES (?, ?, 'tombstone', ?, ?, ?, 'waiting', '', '', '', ?) RETURNING id",
        link["id"], draft.id, row["subject"], draft.at, msgspec.json.encode(body).decode(), clock.now(),
    )  # fmt: skip
    await _seal(made[0][0], draft, seq=row["seq"], replaces=row["event_id"])


async def settle(link_id: str, batch: list[Sealed], answer: BatchAnswer) -> bool:
    """Record what the other side says of a batch; True when at least one event was answered for good."""
    told = {verdict.id: verdict for verdict in answer.verdicts}
    moved = False
    async with write():
        # Nobody has applied what we never numbered, whatever they say.
        applied = min(answer.applied, int((await held.lock_wire(link_id))["seq_out"]))
        for sealed in batch:
            verdict = told.pop(sealed.event_id, None)
            if verdict is None and sealed.seq > applied:
                continue
            moved = await _answered(link_id, sealed.event_id, verdict or Verdict(sealed.event_id, "duplicate")) or moved
        for verdict in told.values():
            # Events of earlier batches that had waited there and were applied now.
            moved = await _answered(link_id, verdict.id, verdict) or moved
        await fetch(
            "UPDATE link_wire SET acked_out = CASE WHEN acked_out < ? THEN ? ELSE acked_out END WHERE link_id = ?",
            applied, applied, link_id,
        )  # fmt: skip
    return moved


async def _answered(link_id: str, event_id: str, verdict: Verdict) -> bool:
    if verdict.verdict == "buffered":
        return False
    taken = verdict.verdict in ("applied", "duplicate")
    rows = await fetch(
        "UPDATE letter_out SET state = ?, code = ?, answered_at = ? "
        "WHERE link_id = ? AND event_id = ? AND state = 'sent' RETURNING type, subject, body",
        "acked" if taken else "refused", "" if taken else (verdict.code or verdict.verdict)[:32], clock.now(),
        link_id, event_id,
    )  # fmt: skip
    if not rows:
        return False
    row = rows[0]
    if row["type"] == "tombstone" and verdict.code == "was_applied":
        await _unbury(link_id, event_id, row)
    if not taken:
        await tell_refused(link_id, event_id, row["type"], row["subject"], (verdict.code or verdict.verdict)[:32])
    return True


async def _unbury(link_id: str, tombstone_id: str, row: Any) -> None:
    """The tombstone came too late: the original had been applied, and the subject's chain goes on from it."""
    original = msgspec.json.decode(row["body"])["replaces"]
    seal = await held.seal(original)
    await fetch("UPDATE letter_out SET state = 'tombstone', seq = NULL WHERE event_id = ?", tombstone_id)
    known = await fetch(
        "UPDATE letter_out SET state = 'acked', seq = ? WHERE event_id = ? RETURNING type, body, code",
        seal["seq"],
        original,
    )
    if known and known[0]["code"] == SAID_ANEW:
        await fetch(
            "DELETE FROM letter_out WHERE id = (SELECT MIN(id) FROM letter_out WHERE link_id = ? AND subject = ? "
            "AND type = ? AND body = ? AND state = 'waiting')",
            link_id, row["subject"], known[0]["type"], known[0]["body"],
        )  # fmt: skip
    await fetch(
        "UPDATE letter_subject SET head_out = ?, rev_out = ? WHERE link_id = ? AND subject = ? AND head_out = "
        "(SELECT digest FROM letter_seal WHERE event_id = ?)",
        seal["digest"], seal["rev"], link_id, row["subject"], tombstone_id,
    )  # fmt: skip


async def dead_letter(link_id: str, sealed: Sealed, code: str) -> None:
    """The other side cannot even store it: an alarm, a tombstone in its place, and its subject waits for a pull."""
    async with write():
        await held.lock_wire(link_id)
        link = await held.link(link_id)
        row = await fetch_one("SELECT * FROM letter_out WHERE id = ? AND state = 'sent'", sealed.row)
        if row is None:
            return
        # Evidence is kept for good, and what somebody said of themselves is not.
        evidence = row["digest"] if letters.of_someone(row["type"]) else row["bytes"]
        await alarm(link_id, "dead_letter", f"{row['type']} {code}", evidence)
        if row["type"] == "tombstone":
            await fetch("UPDATE letter_out SET state = 'refused', code = ? WHERE id = ?", code, sealed.row)
            return
        later = await fetch(
            "SELECT * FROM letter_out WHERE link_id = ? AND subject = ? AND state = 'sent' AND seq >= ? ORDER BY seq",
            link_id, row["subject"], row["seq"],
        )  # fmt: skip
        await bury(link, row, "refused", code)
        for behind in later[1:]:
            await bury(link, behind, "refused", "blocked")
        await fetch(
            "UPDATE letter_subject SET blocked_out = TRUE WHERE link_id = ? AND subject = ?", link_id, row["subject"]
        )
        await tell_refused(link_id, row["event_id"], row["type"], row["subject"], code)


async def tell_refused(link_id: str, event_id: str, type_: str, subject: str, code: str) -> None:
    """Let whoever wrote the letter know, and compare states with the other side soon."""
    await happenings.tell(
        new_id(), "letter.refused", "link", link_id, event=event_id, type=type_, subject=subject, code=code
    )
    await ask_for_state(link_id)
