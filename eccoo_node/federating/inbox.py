"""What comes in: each event once, in order, in one transaction with all that it causes.

The request's own signature was verified before anything here runs; here every event's proof is, against the pinned log.
"""

from typing import Any

import msgspec
import structlog

from eccoo_federation import events, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.events import BatchAnswer, Envelope, Event, Verdict
from eccoo_federation.handshake import CLOSED
from eccoo_federation.identity import LogState
from eccoo_federation.inbox import InboxState, Seen, answer_duplicate, place
from eccoo_federation.proofs import verify_object
from eccoo_node.db import jobs
from eccoo_node.db.engine import DATA_ERRORS, DATABASE_ERRORS, DEADLOCKS
from eccoo_node.db.rows import fetch, fetch_value, marks
from eccoo_node.db.transaction import write
from eccoo_node.federating import refetch
from eccoo_node.kernel import clock
from eccoo_node.kernel.courtesy import let_pages_pass
from eccoo_node.kernel.errors import Refusal, place_of
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import held, letters, queries, rules
from eccoo_node.links.alarms import alarm
from eccoo_node.links.arrivals import circle_actor
from eccoo_node.links.letters import Letter
from eccoo_node.links.rules import Policy
from eccoo_node.record import events as happenings

log = structlog.get_logger("inbox")
RETRIES = 5
MOST_REFUSED_BYTES = 8192


class Arrived(msgspec.Struct, frozen=True):
    """One event as it came: read once, written out once. `text` is its bytes, `event` None where it makes no sense."""

    envelope: Envelope
    value: dict[str, Any]
    text: bytes
    digest: str
    event: Event | None
    unread: ProtocolError | None = None
    # It waited here for its turn, and is answered under its number whatever the policy says by now.
    kept: bool = False


class Batch:
    """What is asked once for all events of one transaction, and kept up while they are settled."""

    def __init__(self, link_id: str, seq_in: int, seen: dict[str, Seen]) -> None:
        self.link_id, self.seq_in, self.seen = link_id, seq_in, seen
        self._policy: Policy | None = None
        self._refusals: dict[str, ProtocolError | None] = {}

    async def check(self, one: Arrived) -> None:
        """Raises what the policy says. Asked anew once a word about the link itself may have changed it."""
        if one.event is None:
            # Not readable: it will be refused under its number, which needs no scope.
            return
        self._policy = self._policy or await queries.policy(self.link_id)
        if self._policy is None:
            raise ProtocolError("unknown_link")
        scope = events.scope_of(one.event)
        if scope not in self._refusals:
            self._refusals[scope] = rules.refusal(self._policy, "in", scope, clock.now())
        refused = self._refusals[scope]
        if refused is not None:
            raise refused

    def settled(self, one: Arrived, verdict: Verdict) -> None:
        self.seen[one.envelope.id] = Seen(one.digest, verdict.verdict, verdict.code)
        if verdict.verdict != "buffered":
            self.seq_in = one.envelope.seq
        if one.event is None or events.scope_of(one.event) == "link":
            self._policy = None
            self._refusals.clear()


async def receive(link_id: str, us: str, values: list[dict[str, Any]]) -> BatchAnswer:
    """Take in a batch. Raises ProtocolError when nothing of it, or nothing more of it, may be taken in.

    What was taken in before the error stays, and is answered as a duplicate when it comes again.
    """
    state = await queries.pinned(link_id)
    batch = []
    for value in values:
        batch.append(_read(value))
        await let_pages_pass()
    batch.sort(key=lambda one: one.envelope.seq)
    try:
        for one in batch:
            _check_origin(one, link_id, us, state)
            # A batch is many times a page's work: pages go in between.
            await let_pages_pass()
    except ProtocolError as error:
        if error.code == "unknown_key":
            async with write():
                await refetch.ask(link_id)
        raise
    verdicts = await _take(link_id, batch)
    verdicts += await _take_kept(link_id)
    applied = int(await fetch_value("SELECT seq_in FROM link_wire WHERE link_id = ?", link_id))
    return BatchAnswer(applied, tuple(verdicts))


def _read(value: dict[str, Any]) -> Arrived:
    envelope, text = events.read_envelope(value), jcs.dump(value)
    digest = jcs.digest_bytes(text)
    try:
        return Arrived(envelope, value, text, digest, events.open_envelope(envelope, value, digest))
    except ProtocolError as error:
        return Arrived(envelope, value, text, digest, None, error)


def _read_again(value: dict[str, Any], state: LogState) -> Arrived:
    """One that waited here. Keys may have been called back since it came."""
    one = msgspec.structs.replace(_read(value), kept=True)
    try:
        verify_object(value, state.resolve_fresh, by=state.node_id)
    except ProtocolError as error:
        return msgspec.structs.replace(one, event=None, unread=error)
    return one


def _check_origin(one: Arrived, link_id: str, us: str, state: LogState) -> None:
    envelope = one.envelope
    if (envelope.link, envelope.from_, envelope.to) != (link_id, state.node_id, us):
        raise ProtocolError("wrong_link", detail={"id": envelope.id})
    try:
        verify_object(one.value, state.resolve_fresh, by=state.node_id)
    except ProtocolError as error:
        error.detail["id"] = envelope.id
        raise


async def _take(link_id: str, batch: list[Arrived]) -> list[Verdict]:
    """In order, in one transaction. Fewer verdicts than events when one lies too far ahead to be kept."""
    try:
        return await _together(link_id, batch)
    except DATABASE_ERRORS:
        if len(batch) == 1:
            raise
    # The database did not take all of it: no event is to wait for one behind it.
    verdicts: list[Verdict] = []
    for one in batch:
        found = await _alone(link_id, one)
        if not found:
            break
        verdicts += found
    return verdicts


async def _alone(link_id: str, one: Arrived) -> list[Verdict]:
    for _ in range(RETRIES - 1):
        try:
            return await _together(link_id, [one])
        except DEADLOCKS:
            continue
    return await _together(link_id, [one])


async def _together(link_id: str, batch: list[Arrived]) -> list[Verdict]:
    """Raises ProtocolError about the first event that may not come in, once what came before it is committed."""
    verdicts: list[Verdict] = []
    refused: ProtocolError | None = None
    async with write():
        wire = await held.lock_wire(link_id)
        hand = Batch(link_id, wire["seq_in"], await _seen(link_id, batch))
        for one in batch:
            try:
                one = await _may_come(hand, one)
                async with write():
                    verdict = await _place(hand, one)
            except ProtocolError as error:
                error.detail["id"] = one.envelope.id
                refused = error
                break
            if verdict is None:
                break
            verdicts.append(verdict)
            await let_pages_pass()
        if hand.seq_in != wire["seq_in"]:
            await fetch("UPDATE link_wire SET seq_in = ? WHERE link_id = ?", hand.seq_in, link_id)
        if refused is not None and refused.code in ("event_changed", "seq_reused"):
            await alarm(link_id, refused.code, one.envelope.id, _evidence(one.envelope, one.value))
    if refused is not None:
        raise refused
    return verdicts


async def _may_come(hand: Batch, one: Arrived) -> Arrived:
    """Raises what the policy says of one that comes now. One that has waited here has its number, and is refused under it;
    so is what only a closed link keeps out, or its sender would bring it for ever, and hold up what is to be forgotten."""
    try:
        await hand.check(one)
    except ProtocolError as refused:
        if not one.kept and refused.detail.get("code") != CLOSED:
            raise
        return msgspec.structs.replace(one, event=None, unread=refused)
    return one


async def _seen(link_id: str, batch: list[Arrived]) -> dict[str, Seen]:
    """What is known of these events from before, by their ids."""
    ids = [one.envelope.id for one in batch]
    rows = await fetch(
        "SELECT i.event_id, i.digest, r.verdict, r.code FROM letter_in i JOIN letter_read r ON r.letter_id = i.id "
        f"WHERE i.link_id = ? AND i.event_id IN ({marks(ids)})",
        link_id, *ids,
    )  # fmt: skip
    return {row["event_id"]: Seen(row["digest"], row["verdict"], row["code"] or None) for row in rows}


def _evidence(envelope: Envelope, value: dict[str, Any]) -> str:
    """The letter as it came; of one about a person its body's digest alone, because evidence is kept for good."""
    if letters.of_someone(envelope.type):
        value = {**value, "body": {"digest": jcs.digest(value["body"])}}
    return jcs.dump(value).decode()


async def _place(hand: Batch, one: Arrived) -> Verdict | None:
    """None when it lies too far ahead to be kept."""
    link_id, envelope, seen = hand.link_id, one.envelope, hand.seen.get(one.envelope.id)
    subject = await letters.follow(link_id, envelope.subject)
    if envelope.seq > hand.seq_in + 1:
        other = await fetch_value(
            "SELECT event_id FROM letter_in WHERE link_id = ? AND seq = ?", link_id, envelope.seq
        )  # fmt: skip
        if other not in (None, envelope.id):
            raise ProtocolError("seq_reused")
    blocked = frozenset({envelope.subject}) if subject["blocked_in"] else frozenset[str]()
    where = place(InboxState(hand.seq_in, blocked=blocked), envelope, one.digest, seen)
    if where == "duplicate":
        return await _again(link_id, envelope, seen)
    if where == "pull":
        await ask_for_more(link_id)
        return None
    if where == "buffered":
        verdict = Verdict(envelope.id, "buffered")
        if seen is None:
            await _store(link_id, one, "buffered", "")
    else:
        verdict = await _settle(link_id, one, subject, blocked=where == "blocked", kept=seen is not None)
    hand.settled(one, verdict)
    return verdict


async def _again(link_id: str, envelope: Envelope, seen: Seen | None) -> Verdict:
    if seen is not None:
        return answer_duplicate(envelope.id, seen)
    # A tombstone for something that had arrived after all: its sender must go on from the original.
    original = await fetch_value(
        "SELECT event_id FROM letter_in WHERE link_id = ? AND seq = ?", link_id, envelope.seq
    )  # fmt: skip
    return Verdict(envelope.id, "duplicate", "was_applied" if original == envelope.body.get("replaces") else None)


async def _settle(link_id: str, one: Arrived, subject: Any, *, blocked: bool, kept: bool) -> Verdict:
    """Its turn has come: hand it over, and record what became of it."""
    envelope = one.envelope
    code = "blocked"
    if not blocked:
        code = await _hand_over(link_id, one, subject)
    verdict: events.VerdictName = "blocked" if blocked else "refused" if code else "applied"
    if kept:
        await fetch(
            "UPDATE letter_read SET verdict = ?, code = ?, read_at = ? WHERE letter_id = "
            "(SELECT id FROM letter_in WHERE link_id = ? AND event_id = ?)",
            verdict, code, clock.now(), link_id, envelope.id,
        )  # fmt: skip
    else:
        await _store(link_id, one, verdict, code)
    await fetch(
        "UPDATE letter_subject SET rev_in = ?, head_in = ?, blocked_in = ?, changed_at = ? "
        "WHERE link_id = ? AND subject = ?",
        envelope.rev, one.digest, bool(subject["blocked_in"]) or verdict == "refused", clock.now(),
        link_id, envelope.subject,
    )  # fmt: skip
    if verdict != "applied":
        if letters.of_someone(envelope.type):
            await letters.forget(link_id, envelope.id)
        await happenings.tell(
            new_id(), "letter.not_taken", "link", link_id,
            event=envelope.id, type=envelope.type, subject=envelope.subject, code=code,
        )  # fmt: skip
        await ask_for_state(link_id)
    return Verdict(envelope.id, verdict, code or None)


async def _hand_over(link_id: str, one: Arrived, subject: Any) -> str:
    """Run the handler; the code of the refusal, or "". Nothing that a refusing handler wrote is kept."""
    try:
        if one.event is None:
            raise one.unread or ProtocolError("bad_body")
        event, value = one.event, one.value
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
    except DATA_ERRORS:
        # A word longer than any of ours: this letter alone, and whatever is behind it goes on.
        return "bad_body"
    except DATABASE_ERRORS:
        # Nothing is known about the letter then; the other side sends it again.
        raise
    except Exception as error:
        # A mistake of ours about one letter must not hold up all those behind it.
        log.error("letter failed", type=one.envelope.type, error=type(error).__name__, where=place_of(error))
        await alarm(link_id, "failed", one.envelope.id)
        return "failed"
    return ""


async def _store(link_id: str, one: Arrived, verdict: str, code: str) -> None:
    now, envelope = clock.now(), one.envelope
    rows = await fetch(
        "INSERT INTO letter_in (link_id, event_id, seq, subject, rev, prev, type, digest, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        link_id, envelope.id, envelope.seq, envelope.subject, envelope.rev, envelope.prev or "", envelope.type,
        one.digest, now,
    )  # fmt: skip
    await fetch(
        "INSERT INTO letter_read (letter_id, verdict, code, bytes, read_at) VALUES (?, ?, ?, ?, ?)",
        rows[0][0], verdict, code, _kept_text(one, verdict), None if verdict == "buffered" else now,
    )  # fmt: skip


def _kept_text(one: Arrived, verdict: str) -> str:
    """Its words, or nothing where it was not taken in and is longer than what we could have meant: its digest says which."""
    refused = verdict in ("refused", "blocked")
    return "" if refused and len(one.text) > MOST_REFUSED_BYTES else one.text.decode()


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
        rows = await _kept(link_id, applied)
        ready = [row[1] for place_, row in enumerate(rows, applied + 1) if row[0] == place_]
        if not ready:
            return verdicts
        state = await queries.pinned(link_id)
        found = await _take(link_id, [_read_again(msgspec.json.decode(text), state) for text in ready])
        verdicts += found
        if len(found) < len(ready):
            return verdicts


async def ask_for_more(link_id: str) -> None:
    """Fetch the events that are missing here, as a job, inside `write()`."""
    await jobs.wake("federation.fetch", link_id, link=link_id)


async def ask_for_state(link_id: str) -> None:
    """Compare states with the other side soon, inside `write()`."""
    await jobs.wake("federation.pull", link_id, link=link_id)
