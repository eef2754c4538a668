"""What comes in: each event once, in order, in one transaction with all that it causes.

The request's own signature was verified before anything here runs; here every event's proof is, against the pinned log.
"""

from typing import Any

import msgspec
import structlog

from eccoo_federation import events, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.events import BatchAnswer, Envelope, Verdict
from eccoo_federation.identity import LogState
from eccoo_federation.inbox import InboxState, Seen, answer_duplicate, place
from eccoo_federation.proofs import verify_object
from eccoo_node.db import jobs
from eccoo_node.db.engine import DATABASE_ERRORS, DEADLOCKS
from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.federating import refetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Refusal, place_of
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import held, letters, queries
from eccoo_node.links.actions import alarm
from eccoo_node.links.arrivals import circle_actor
from eccoo_node.links.letters import Letter
from eccoo_node.record import events as happenings

log = structlog.get_logger("inbox")
RETRIES = 5


async def receive(link_id: str, us: str, values: list[dict[str, Any]]) -> BatchAnswer:
    """Take in a batch. Raises ProtocolError when nothing of it, or nothing more of it, may be taken in.

    What was taken in before the error stays, and is answered as a duplicate when it comes again.
    """
    state = await queries.pinned(link_id)
    batch = sorted(((events.read_envelope(value), value) for value in values), key=lambda pair: pair[0].seq)
    try:
        for envelope, value in batch:
            _check_origin(envelope, value, link_id, us, state)
    except ProtocolError as error:
        if error.code == "unknown_key":
            async with write():
                await refetch.ask(link_id)
        raise
    verdicts = []
    for envelope, value in batch:
        # Asked anew for each: the one before it may have ended a pause, or begun one.
        await _check_policy(envelope, value, link_id)
        verdict = await _take(link_id, envelope, value)
        if verdict is None:
            break
        verdicts.append(verdict)
    verdicts += await _take_kept(link_id)
    applied = int(await fetch_value("SELECT seq_in FROM link_wire WHERE link_id = ?", link_id))
    return BatchAnswer(applied, tuple(verdicts))


def _check_origin(envelope: Envelope, value: dict[str, Any], link_id: str, us: str, state: LogState) -> None:
    if (envelope.link, envelope.from_, envelope.to) != (link_id, state.node_id, us):
        raise ProtocolError("wrong_link", detail={"id": envelope.id})
    try:
        verify_object(value, state.resolve_fresh, by=state.node_id)
    except ProtocolError as error:
        error.detail["id"] = envelope.id
        raise


async def _check_policy(envelope: Envelope, value: dict[str, Any], link_id: str) -> None:
    try:
        scope = events.scope_of(events.parse_event(value))
    except ProtocolError:
        # Not readable: it will be refused under its number, which needs no scope.
        return
    refused = await queries.may_cross(link_id, "in", scope)
    if refused is not None:
        refused.detail["id"] = envelope.id
        raise refused


async def _take(link_id: str, envelope: Envelope, value: dict[str, Any]) -> Verdict | None:
    """One event, in one transaction. None when it lies too far ahead to be kept."""
    try:
        for attempt in range(RETRIES):
            try:
                async with write():
                    return await _place(link_id, envelope, value)
            except DEADLOCKS:
                if attempt == RETRIES - 1:
                    raise
    except ProtocolError as error:
        if error.code in ("event_changed", "seq_reused"):
            async with write():
                await alarm(link_id, error.code, envelope.id, _evidence(envelope, value))
        error.detail["id"] = envelope.id
        raise
    raise AssertionError("unreachable")


def _evidence(envelope: Envelope, value: dict[str, Any]) -> str:
    """The letter as it came; of one about a person its body's digest alone, because evidence is kept for good."""
    if letters.of_someone(envelope.type):
        value = {**value, "body": {"digest": jcs.digest(value["body"])}}
    return jcs.dump(value).decode()


async def _place(link_id: str, envelope: Envelope, value: dict[str, Any]) -> Verdict | None:
    wire = await held.lock_wire(link_id)
    digest = jcs.digest(value)
    known = await fetch_one(
        "SELECT i.digest, r.verdict, r.code FROM letter_in i JOIN letter_read r ON r.letter_id = i.id "
        "WHERE i.link_id = ? AND i.event_id = ?",
        link_id, envelope.id,
    )  # fmt: skip
    seen = Seen(known["digest"], known["verdict"], known["code"] or None) if known else None
    subject = await _subject(link_id, envelope.subject)
    waiting: frozenset[int] = frozenset()
    if envelope.seq > wire["seq_in"] + 1:
        waiting = frozenset(row[0] for row in await _kept(link_id, wire["seq_in"]))
        other = await fetch_value(
            "SELECT event_id FROM letter_in WHERE link_id = ? AND seq = ?", link_id, envelope.seq
        )  # fmt: skip
        if other not in (None, envelope.id):
            raise ProtocolError("seq_reused")
    blocked = frozenset({envelope.subject}) if subject["blocked_in"] else frozenset[str]()
    where = place(InboxState(wire["seq_in"], waiting, blocked), envelope, digest, seen)
    if where == "duplicate":
        return await _again(link_id, envelope, seen)
    if where == "pull":
        await ask_for_more(link_id)
        return None
    if where == "buffered":
        if seen is None:
            await _store(link_id, envelope, value, digest, "buffered", "")
        return Verdict(envelope.id, "buffered")
    return await _settle(link_id, envelope, value, digest, subject, blocked=where == "blocked", kept=seen is not None)


async def _again(link_id: str, envelope: Envelope, seen: Seen | None) -> Verdict:
    if seen is not None:
        return answer_duplicate(envelope.id, seen)
    # A tombstone for something that had arrived after all: its sender must go on from the original.
    original = await fetch_value(
        "SELECT event_id FROM letter_in WHERE link_id = ? AND seq = ?", link_id, envelope.seq
    )  # fmt: skip
    return Verdict(envelope.id, "duplicate", "was_applied" if original == envelope.body.get("replaces") else None)


async def _settle(
    link_id: str, envelope: Envelope, value: dict[str, Any], digest: str, subject: Any, *, blocked: bool, kept: bool
) -> Verdict:
    """Its turn has come: hand it over, and record what became of it."""
    code = "blocked"
    if not blocked:
        code = await _hand_over(link_id, envelope, value, subject)
    verdict: events.VerdictName = "blocked" if blocked else "refused" if code else "applied"
    if kept:
        await fetch(
            "UPDATE letter_read SET verdict = ?, code = ?, read_at = ? WHERE letter_id = "
            "(SELECT id FROM letter_in WHERE link_id = ? AND event_id = ?)",
            verdict, code, clock.now(), link_id, envelope.id,
        )  # fmt: skip
    else:
        await _store(link_id, envelope, value, digest, verdict, code)
    await fetch(
        "UPDATE letter_subject SET rev_in = ?, head_in = ?, blocked_in = ?, changed_at = ? "
        "WHERE link_id = ? AND subject = ?",
        envelope.rev, digest, bool(subject["blocked_in"]) or verdict == "refused", clock.now(),
        link_id, envelope.subject,
    )  # fmt: skip
    await fetch("UPDATE link_wire SET seq_in = ? WHERE link_id = ?", envelope.seq, link_id)
    if verdict != "applied":
        if letters.of_someone(envelope.type):
            await letters.forget(link_id, envelope.id)
        await happenings.tell(
            new_id(), "letter.not_taken", "link", link_id,
            event=envelope.id, type=envelope.type, subject=envelope.subject, code=code,
        )  # fmt: skip
        await ask_for_state(link_id)
    return Verdict(envelope.id, verdict, code or None)


async def _hand_over(link_id: str, envelope: Envelope, value: dict[str, Any], subject: Any) -> str:
    """Run the handler; the code of the refusal, or "". Nothing that a refusing handler wrote is kept."""
    try:
        event = events.parse_event(value)
        if (event.rev, event.prev) != (subject["rev_in"] + 1, subject["head_in"] or None):
            raise ProtocolError("chain_broken")
        handler = letters.handler_of(event.type)
        if handler is None:
            raise ProtocolError("unknown_type", detail={"type": event.type})
        letter = Letter(
            link_id, event.id, event.type, event.subject, event.rev, event.at, value["body"], event.body, value
        )
        async with write():
            await handler(circle_actor(link_id), letter)
    except (ProtocolError, Refusal) as refused:
        return refused.code
    except DATABASE_ERRORS:
        # Nothing is known about the letter then; the other side sends it again.
        raise
    except Exception as error:
        # A mistake of ours about one letter must not hold up all those behind it.
        log.error("letter failed", type=envelope.type, error=type(error).__name__, where=place_of(error))
        await alarm(link_id, "failed", envelope.id)
        return "failed"
    return ""


async def _subject(link_id: str, subject: str) -> Any:
    await letters.follow(link_id, subject)
    return await held.subject(link_id, subject)


async def _store(link_id: str, envelope: Envelope, value: dict[str, Any], digest: str, verdict: str, code: str) -> None:
    now = clock.now()
    rows = await fetch(
        "INSERT INTO letter_in (link_id, event_id, seq, subject, rev, prev, type, digest, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        link_id, envelope.id, envelope.seq, envelope.subject, envelope.rev, envelope.prev or "", envelope.type, digest,
        now,
    )  # fmt: skip
    await fetch(
        "INSERT INTO letter_read (letter_id, verdict, code, bytes, read_at) VALUES (?, ?, ?, ?, ?)",
        rows[0][0], verdict, code, jcs.dump(value).decode(), None if verdict == "buffered" else now,
    )  # fmt: skip


async def _kept(link_id: str, after: int) -> list[Any]:
    return await fetch(
        "SELECT i.seq, r.bytes FROM letter_in i JOIN letter_read r ON r.letter_id = i.id "
        "WHERE i.link_id = ? AND i.seq > ? AND r.verdict = 'buffered' ORDER BY i.seq",
        link_id, after,
    )  # fmt: skip


async def _take_kept(link_id: str) -> list[Verdict]:
    """Events that waited for an earlier one and whose turn has come."""
    verdicts: list[Verdict] = []
    while True:
        applied = await fetch_value("SELECT seq_in FROM link_wire WHERE link_id = ?", link_id)
        kept = await _kept(link_id, applied)
        if not kept or kept[0][0] != applied + 1:
            return verdicts
        value = msgspec.json.decode(kept[0][1])
        verdict = await _take(link_id, events.read_envelope(value), value)
        if verdict is None:
            return verdicts
        verdicts.append(verdict)


async def ask_for_more(link_id: str) -> None:
    """Fetch the events that are missing here, as a job, inside `write()`."""
    if not await jobs.add("federation.fetch", link_id, link=link_id):
        await jobs.hurry("federation.fetch", link_id)


async def ask_for_state(link_id: str) -> None:
    """Compare states with the other side soon, inside `write()`."""
    if not await jobs.add("federation.pull", link_id, link=link_id):
        await jobs.hurry("federation.pull", link_id)
