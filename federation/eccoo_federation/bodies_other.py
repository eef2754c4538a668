"""Bodies of the events about links, settlement, pools, attestations, erasure and referral."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .body_base import Body, Outward
from .shapes import Code, Count, Date, Digest, NodeId, Pence, Ref, Shape, SignedPence, Time, Url, Uuid, Uuid7


class IdentityUpdated(Body, frozen=True, kw_only=True):
    """The key log has grown: fetch it from the pinned address, check that it extends the one known."""

    TYPE = "identity.updated"
    SCOPE = "link"
    seq: Annotated[int, Meta(ge=0)]
    head: Digest
    # After a move: where the log lies now. A receiver calls it only once its own admin has asked the sender's.
    base_url: Url | None = None


class LinkNarrowed(Body, frozen=True, kw_only=True):
    """``taken[node]`` are scopes that ``node`` may no longer use. Counts from arrival, without an answer."""

    TYPE = "link.narrowed"
    SCOPE = "link"
    taken: dict[NodeId, tuple[str, ...]]


class LinkSuspended(Body, frozen=True, kw_only=True):
    TYPE = "link.suspended"
    SCOPE = "link"
    reason: Code = "not_said"


class LinkResumed(Body, frozen=True, kw_only=True):
    """Lifts the sender's own suspension, not the receiver's."""

    TYPE = "link.resumed"
    SCOPE = "link"


class LinkEnded(Body, frozen=True, kw_only=True):
    TYPE = "link.ended"
    SCOPE = "link"
    reason: Code = "not_said"


class Tombstone(Body, frozen=True, kw_only=True):
    """Takes the ``seq`` of an event that was numbered and will not be sent any more, so that the row has no hole."""

    TYPE = "tombstone"
    SCOPE = "link"
    replaces: Uuid7 | None = None


# Settlement between circles


class StatementEntry(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """``amount_pence`` is positive when the statement's sender is owed."""

    request: Ref
    n: Count
    amount_pence: SignedPence


class SettleStatement(Body, frozen=True, kw_only=True):
    """A page of what its sender is owed: opening + entries = closing, refused otherwise.

    ``prev`` chains the pages of one sender; a page without entries answers one of the other side.
    """

    TYPE = "settle.statement"
    SCOPE = "settle"
    period: Code
    starts_on: Date
    ends_on: Date
    opening_pence: SignedPence
    entries: Annotated[tuple[StatementEntry, ...], Meta(max_length=1000)]
    closing_pence: SignedPence
    prev: Digest | None = None
    final: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.opening_pence + sum(entry.amount_pence for entry in self.entries) != self.closing_pence:
            raise ValueError("the statement does not add up")
        if len({(entry.request, entry.n) for entry in self.entries}) != len(self.entries):
            raise ValueError("the statement holds an entry twice")


class SettleAgreed(Body, frozen=True, kw_only=True):
    TYPE = "settle.agreed"
    SCOPE = "settle.final"
    period: Code
    statement_hash: Digest


class SettleDisputed(Body, frozen=True, kw_only=True):
    """Only the entries named here wait; the amounts are what the sender's own ledger says (0: not known there)."""

    TYPE = "settle.disputed"
    SCOPE = "settle.final"
    period: Code
    statement_hash: Digest
    entries: Annotated[tuple[StatementEntry, ...], Meta(min_length=1, max_length=1000)]


class SettlePaid(Body, frozen=True, kw_only=True):
    TYPE = "settle.paid"
    SCOPE = "settle.final"
    period: Code
    statement_hash: Digest
    amount_pence: Pence
    payment_ref: Annotated[str, Meta(pattern=r"^[A-Za-z0-9 -]{1,18}\Z")]


class SettleReceived(Body, frozen=True, kw_only=True):
    TYPE = "settle.received"
    SCOPE = "settle.final"
    period: Code
    statement_hash: Digest
    amount_pence: Pence


# Pools, attestations, erasure, referral


class PoolChanged(Body, frozen=True, kw_only=True):
    """Says only that a pull is worth while."""

    TYPE = "pool.changed"
    SCOPE = "ping"
    revision: Count


class AttestRevoked(Body, frozen=True, kw_only=True):
    TYPE = "attest.revoked"
    SCOPE = "ping"
    attestation: Ref
    revoked_at: Time


class ErasureRequested(Body, frozen=True, kw_only=True):
    """References of this link whose personal data the receiver is to delete. An unknown one is done already."""

    TYPE = "erasure.requested"
    SCOPE = "erasure"
    erasure: Uuid
    subjects: Annotated[tuple[Ref, ...], Meta(min_length=1, max_length=200)]


class ErasureCompleted(Body, frozen=True, kw_only=True):
    TYPE = "erasure.completed"
    SCOPE = "erasure"
    erasure: Uuid
    completed_at: Time


class ErasurePartial(Body, frozen=True, kw_only=True):
    """Something must be kept, by this rule, until then."""

    TYPE = "erasure.partial"
    SCOPE = "erasure"
    erasure: Uuid
    reason: Code
    keep_until: Time


class ReferralSent(Body, frozen=True, kw_only=True):
    """A person of ``area`` asked to be put in touch. Their name and number are pulled as a disclosure is."""

    TYPE = "referral.sent"
    SCOPE = "cover.request"
    referral: Ref
    area: Outward
    consent_hash: Digest
    salted_hash: Digest
    retain_until: Time


class ReferralAnswered(Body, frozen=True, kw_only=True):
    """What became of it, in the receiver's one word, which the person reads. The receiver deletes who it was with it."""

    TYPE = "referral.answered"
    SCOPE = "release"
    referral: Ref
    answer: Literal["taken_up", "could_not_reach", "not_ours"]


class ReferralWithdrawn(Body, frozen=True, kw_only=True):
    """The person took their consent back: whatever was fetched is deleted, and nothing more can be."""

    TYPE = "referral.withdrawn"
    SCOPE = "erasure"
    referral: Ref
