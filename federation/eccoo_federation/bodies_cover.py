"""Bodies of the events about cover: asking, offering, awarding, going, and what it came to.

There is no field here for a surname, an address, a certificate number or free text about the person asked for.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Annotated, Any, Literal

from msgspec import Meta

from .body_base import Body, Minutes, Outward
from .limits import FACE_BYTES, INVITED
from .shapes import Bps, Code, Count, Date, Digest, Language, Name, Pence, Ref, Shape, Text, Time, Uuid


class Needs(Shape, frozen=True, kw_only=True):
    """What a worker must know before offering, as codes.

    ``safety_review_on`` is the day the home was last looked at.
    """

    two_people: bool = False
    hoist: bool = False
    stairs: bool = False
    pets: Annotated[tuple[Code, ...], Meta(max_length=10)] = ()
    smoke: bool = False
    languages: Annotated[tuple[Language, ...], Meta(max_length=10)] = ()
    gender: Literal["any", "woman", "man"] = "any"
    safety_review_on: Date | None = None


class Travel(Shape, frozen=True, kw_only=True):
    """What the asker pays towards travel: nothing, pence a mile up to a ceiling, or one sum."""

    kind: Literal["none", "per_mile", "fixed"] = "none"
    per_mile_pence: Pence = 0
    most_pence: Pence = 0


class Cancellation(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Cancelled within ``notice_hours`` of the start, the asker pays ``pay_bps`` of the fee."""

    notice_hours: Annotated[int, Meta(ge=0, le=336)] = 24
    pay_bps: Bps = 0


class Schedule(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Commission: taken off the worker's fee, and added for the payer. Parts of 10,000."""

    worker_deduct_bps: Bps
    payer_add_bps: Bps


class CoverRequested(Body, frozen=True, kw_only=True):
    """The open question. ``reply_by`` is when the asker promised the person the next news.

    ``hold_until`` is how long offers should stay good; ``confirm_within_s`` how long an award waits for its
    confirmation; at ``go_no_go_at`` whoever is not sure rings the other. ``schedule`` is the asking circle's own.
    ``invited`` are workers of the receiver's pool whom the person asks by name; one that is not known means nobody.
    """

    TYPE = "cover.requested"
    SCOPE = "cover.request"
    request: Ref
    area: Outward
    starts_at: Time
    ends_at: Time
    needs: Needs
    skills: Annotated[tuple[Code, ...], Meta(max_length=30)] = ()
    fee_pence: Pence
    travel: Travel = Travel()
    cancellation: Cancellation = Cancellation()
    schedule: Schedule
    reply_by: Time
    hold_until: Time
    confirm_within_s: Annotated[int, Meta(ge=60, le=172_800)] = 3600
    go_no_go_at: Time
    invited: Annotated[tuple[Ref, ...], Meta(max_length=INVITED)] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.starts_at < self.ends_at or not self.go_no_go_at <= self.starts_at or self.reply_by > self.ends_at:
            raise ValueError("the times of the request are not in order")


class Attested(Shape, frozen=True, kw_only=True):
    """ "The circle saw this": a kind and days, never a number. ``attestation`` names the proof of it, to be fetched."""

    kind: Code
    seen_on: Date
    expires_on: Date | None = None
    attestation: Ref | None = None


class Face(Shape, frozen=True, kw_only=True):
    """A small picture, standard base64, at most 8 KiB decoded; the first bytes must be those of the kind it says."""

    media: Literal["image/webp", "image/jpeg"]
    data: Annotated[str, Meta(max_length=4 * FACE_BYTES // 3 + 4)]

    def __post_init__(self) -> None:
        try:
            raw = b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError("the picture is not base64") from error
        webp = raw[:4] == b"RIFF" and raw[8:12] == b"WEBP"
        if len(raw) > FACE_BYTES or (not webp if self.media == "image/webp" else raw[:3] != b"\xff\xd8\xff"):
            raise ValueError("the picture is too large or not what it says")


class CoverOffered(Body, frozen=True, kw_only=True):
    """One worker's offer, shown with their yes.

    ``schedule`` is the home circle's; the agreement says which one applies.
    """

    TYPE = "cover.offered"
    SCOPE = "cover.offer"
    request: Ref
    offer: Uuid
    first_name: Name
    face: Face | None = None
    own_words: Text = ""
    languages: Annotated[tuple[Language, ...], Meta(max_length=10)] = ()
    rate_pence_per_hour: Pence
    fee_pence: Pence
    travel_pence: Pence = 0
    attested: Annotated[tuple[Attested, ...], Meta(max_length=20)] = ()
    schedule: Schedule
    hold_until: Time


class CoverDeclined(Body, frozen=True, kw_only=True):
    """From the asker: this offer (or, without one, the whole link) is not needed: how those not chosen learn of it.

    From the asked, always without an offer: nobody here can come.
    """

    TYPE = "cover.declined"
    SCOPE = "release"
    request: Ref
    offer: Uuid | None = None
    reason: Literal["filled", "not_chosen", "nobody", "too_late"] = "not_chosen"


class CoverAwarded(Body, frozen=True, kw_only=True):
    TYPE = "cover.awarded"
    SCOPE = "cover.request"
    request: Ref
    n: Count
    offer: Uuid
    terms_hash: Digest
    confirm_by: Time


class CoverConfirmed(Body, frozen=True, kw_only=True):
    """The worker's time is locked for award ``n``. ``worker_ref`` is a reference that only the sender can read."""

    TYPE = "cover.confirmed"
    SCOPE = "cover.offer"
    request: Ref
    n: Count
    offer: Uuid
    terms_hash: Digest
    worker_ref: Ref


RefusedBecause = Literal["not_free", "credit_limit", "other_terms", "lapsed"]


class CoverRefused(Body, frozen=True, kw_only=True):
    TYPE = "cover.refused"
    SCOPE = "release"
    request: Ref
    n: Count
    offer: Uuid
    reason: RefusedBecause = "not_free"


class CoverRescinded(Body, frozen=True, kw_only=True):
    """Award ``n`` is dead. Only ever sent for an award that has no certificate and never will."""

    TYPE = "cover.rescinded"
    SCOPE = "release"
    request: Ref
    n: Count
    offer: Uuid


class CoverCommitted(Body, frozen=True, kw_only=True):
    """Carries the commit certificate, a signed object of its own (``certificates``). A worker travels only on one."""

    TYPE = "cover.committed"
    SCOPE = "honour"
    request: Ref
    n: Count
    certificate: dict[str, Any]


class CoverAcknowledged(Body, frozen=True, kw_only=True):
    TYPE = "cover.acknowledged"
    SCOPE = "release"
    request: Ref
    n: Count
    certificate_hash: Digest


class CoverWithdrawn(Body, frozen=True, kw_only=True):
    """The offer is gone for good; with ``n``, so is the worker from that award. Cannot be taken back."""

    TYPE = "cover.withdrawn"
    SCOPE = "release"
    request: Ref
    offer: Uuid
    n: Count | None = None
    reason: Literal["lapsed", "not_said"] = "not_said"


class CoverCancelled(Body, frozen=True, kw_only=True):
    """The request has ended and will never be awarded again.

    What is paid follows from the agreed cancellation terms.
    """

    TYPE = "cover.cancelled"
    SCOPE = "release"
    request: Ref
    cancelled_at: Time
    reason: Literal["not_needed", "moved", "hospital", "died", "window_passed", "not_said"] = "not_said"


class DisclosureSent(Body, frozen=True, kw_only=True):
    """The disclosure is ready to be pulled. Its salt lies with it, so deleting both leaves a hash of nothing."""

    TYPE = "disclosure.sent"
    SCOPE = "honour"
    request: Ref
    n: Count
    salted_hash: Digest
    retain_until: Time


# After the visit


class VisitClaimed(Body, frozen=True, kw_only=True):
    """``due_pence`` is what the asking circle will owe for it (``claims.due_pence``): a wrong one is refused."""

    TYPE = "visit.claimed"
    SCOPE = "settle"
    request: Ref
    n: Count
    outcome: Literal["as_planned", "shorter", "no_answer", "did_not_go", "cancelled_late"]
    minutes: Minutes
    fee_pence: Pence
    travel_pence: Pence = 0
    due_pence: Pence


class VisitConfirmed(Body, frozen=True, kw_only=True):
    """The sums of the claim, or of one of the claimant's ``visit.resolved``, said by the asking side.

    Together they are one entry in two ledgers.
    """

    TYPE = "visit.confirmed"
    SCOPE = "settle"
    request: Ref
    n: Count
    how: Literal["said_so", "window_lapsed", "facilitator", "resolved"]
    fee_pence: Pence
    travel_pence: Pence = 0
    due_pence: Pence


class VisitDisputed(Body, frozen=True, kw_only=True):
    """How much of the claimed fee is sure, and how much of it is in question. Nothing is booked by it: one confirmation
    follows for the whole visit."""

    TYPE = "visit.disputed"
    SCOPE = "settle"
    request: Ref
    n: Count
    undisputed_fee_pence: Pence
    disputed_pence: Pence
    reason: Literal["not_came", "partly", "something_wrong", "amount"]


class VisitResolved(Body, frozen=True, kw_only=True):
    """Sums that the sender signs for, for the whole visit, while a dispute lasts. It may send others later.

    Nothing is booked by it: the asking side alone concludes, with ``visit.confirmed`` over sums the other has signed.
    """

    TYPE = "visit.resolved"
    SCOPE = "settle"
    request: Ref
    n: Count
    fee_pence: Pence
    travel_pence: Pence = 0
    due_pence: Pence
