"""In what order events may be applied: pure decisions over one link's incoming row of numbers.

``seq`` is applied without a hole. A refused event still uses up its number; later events about its subject are
``blocked`` until the subject's state was pulled. At most the 64 events behind a missing one wait for it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from . import limits
from .errors import ProtocolError
from .events import Envelope, Verdict, VerdictName

Place = Literal["apply", "duplicate", "blocked", "buffered", "pull"]


class Seen(msgspec.Struct, frozen=True):
    """What is stored of an event received before: the digest of its bytes and the verdict given."""

    digest: str
    verdict: VerdictName
    code: str | None = None


class InboxState(msgspec.Struct, frozen=True):
    """``applied`` is the highest number up to which all are settled; ``waiting`` the later ones that are kept."""

    applied: int = 0
    waiting: frozenset[int] = frozenset()
    blocked: frozenset[str] = frozenset()

    @property
    def next_ready(self) -> int | None:
        """The number of a kept event whose turn has come."""
        return self.applied + 1 if self.applied + 1 in self.waiting else None


def place(state: InboxState, event: Envelope, digest: str, seen: Seen | None) -> Place:
    """What to do with an event that just came, or whose turn has come.

    ``seen`` is what is stored under its id. ``pull``: too far ahead to keep, ask for the states instead. Raises
    ``event_changed`` (same id, other bytes) or ``seq_reused`` (an old number, another id): keep both as evidence.
    """
    if seen is not None:
        if seen.digest != digest:
            raise ProtocolError("event_changed")
        if seen.verdict != "buffered":
            return "duplicate"
    if event.seq <= state.applied:
        # A tombstone may come for an event that we have applied and whose answer got lost; it changes nothing.
        if event.type == "tombstone":
            return "duplicate"
        raise ProtocolError("seq_reused")
    if event.seq > state.applied + 1:
        # A row of that many behind the missing one; so no number, however large, is kept that could not be in it.
        far = event.seq > state.applied + 1 + limits.BUFFERED_EVENTS
        return "pull" if far else "buffered"
    # What frees or ends must not be stuck behind a refusal.
    frees = event.type in ("cover.withdrawn", "cover.cancelled", "cover.rescinded", "tombstone")
    return "blocked" if event.subject in state.blocked and not frees else "apply"


def settle(state: InboxState, event: Envelope, verdict: VerdictName) -> InboxState:
    """The state after ``event`` got its verdict. Raises ValueError when it was not this event's turn."""
    if verdict == "duplicate":
        return state
    if verdict == "buffered":
        return msgspec.structs.replace(state, waiting=state.waiting | {event.seq})
    if event.seq != state.applied + 1:
        raise ValueError("events are settled in order")
    blocked = state.blocked | {event.subject} if verdict == "refused" else state.blocked
    return InboxState(event.seq, state.waiting - {event.seq}, blocked)


def unblock(state: InboxState, subject: str) -> InboxState:
    """After the subject's whole state was pulled and reconciled."""
    return msgspec.structs.replace(state, blocked=state.blocked - {subject})


def resume_after(state: InboxState, peer_sent: int) -> InboxState:
    """After a restore: the peer has sent up to ``peer_sent``; skip what will not come again, and pull instead."""
    applied = max(state.applied, peer_sent)
    return InboxState(applied, frozenset(seq for seq in state.waiting if seq > applied), state.blocked)


def answer_duplicate(event_id: str, seen: Seen) -> Verdict:
    """The stored answer, said again. An event that was applied is a duplicate; a refused one stays refused."""
    if seen.verdict in ("refused", "blocked"):
        return Verdict(event_id, seen.verdict, seen.code)
    return Verdict(event_id, "duplicate")
