"""A cover request between circles: at most one worker, then both sides agree on what happened.

The two machines are pure: ``step(state, input, now=…)`` gives the next state, the events to send and the effects for
the node to carry out, all inside the node's own transaction. Push is for speed; for truth each side pulls the other's
signed ``state_document`` and feeds what ``reconcile`` makes of it back into ``step``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, overload

from . import bodies as b
from . import jcs
from .cover_offerer import another_goes, offerer_step
from .cover_requester import requester_step, what_holds
from .cover_terms import Certificate, Terms, read_certificate, terms_hash, terms_of, verify_certificate
from .cover_types import (
    AddLink,
    Adopt,
    ApplyCancellation,
    AskAgain,
    Asked,
    AskHowItWent,
    Availability,
    Award,
    AwardOffer,
    BookVisit,
    Cancel,
    Claim,
    Claimed,
    ConfirmVisit,
    DeclineOffer,
    DisputeVisit,
    Effect,
    Emit,
    HoldMoney,
    Incoming,
    LetGo,
    LockWorker,
    OffererInput,
    OffererState,
    OffererStep,
    OfferView,
    ReleaseMoney,
    ReleaseWorker,
    RequesterInput,
    RequesterState,
    RequesterStep,
    Rescind,
    Resend,
    ResendOffer,
    ResolveVisit,
    RingAlarm,
    SendDisclosure,
    Settled,
    Sign,
    Spoken,
    TakeAfterAll,
    Tell,
    Tick,
    Withdraw,
)
from .cover_visits import lapsed
from .errors import ProtocolError
from .shapes import Count, Digest, Ref, Shape, Time, Uuid, read
from .times import wire_time

__all__ = [
    "AddLink",
    "Adopt",
    "ApplyCancellation",
    "AskAgain",
    "AskHowItWent",
    "Asked",
    "Availability",
    "Award",
    "AwardOffer",
    "BookVisit",
    "Cancel",
    "Certificate",
    "Claim",
    "Claimed",
    "ConfirmVisit",
    "DeclineOffer",
    "DisputeVisit",
    "Effect",
    "Emit",
    "HoldMoney",
    "Incoming",
    "LetGo",
    "LockWorker",
    "OfferView",
    "OffererState",
    "OffererStep",
    "ReleaseMoney",
    "ReleaseWorker",
    "RequesterState",
    "RequesterStep",
    "Rescind",
    "Resend",
    "ResendOffer",
    "ResolveVisit",
    "RingAlarm",
    "SendDisclosure",
    "Settled",
    "Sign",
    "Spoken",
    "TakeAfterAll",
    "Tell",
    "Terms",
    "Tick",
    "Withdraw",
    "another_goes",
    "lapsed",
    "offerer_document",
    "read_certificate",
    "reconcile",
    "requester_document",
    "step",
    "terms_hash",
    "terms_of",
    "verify_certificate",
    "what_holds",
]


def _unsigned(_: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("a commit certificate needs a signature: pass sign=")


@overload
def step(state: RequesterState, given: RequesterInput, *, now: datetime, sign: Sign = ...) -> RequesterStep: ...
@overload
def step(state: OffererState, given: OffererInput, *, now: datetime) -> OffererStep: ...
def step(state: Any, given: Any, *, now: datetime, sign: Sign = _unsigned) -> Any:
    """The next state of either machine. ``sign`` adds this node's object proof; only a commit needs it.

    Raises ``wrong_state`` for what cannot be done now, ``bad_certificate``, ``wrong_amount``, ``unknown_subject``.
    Nothing has changed then.
    """
    if isinstance(state, RequesterState):
        return requester_step(state, given, wire_time(now), sign)
    return offerer_step(state, given, wire_time(now))


class _AwardShown(Shape, frozen=True, kw_only=True, omit_defaults=False):
    n: Count
    offer: Uuid
    terms_hash: Digest
    confirm_by: Time


class _OfferShown(Shape, frozen=True, kw_only=True, omit_defaults=False):
    offer: Uuid
    status: str


class _EndedShown(Shape, frozen=True, kw_only=True, omit_defaults=False):
    ended_at: Time
    reason: str


class RequesterDocument(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """What the asker shows one link of its state. ``phase`` is ``filled`` when another link's worker is coming."""

    v: int = 1
    type: str = "cover.state"
    side: str = "requester"
    request: Ref
    link: str
    rev: int
    at: Time
    phase: str
    last_n: int
    offers: tuple[_OfferShown, ...]
    award: _AwardShown | None
    certificate: dict[str, Any] | None
    acknowledged: bool
    dispute: DisputeVisit | None
    resolution: Claimed | None
    agreed: Claimed | None
    ended: _EndedShown | None


class _OffererShown(Shape, frozen=True, kw_only=True, omit_defaults=False):
    offer: Uuid
    phase: str
    n: int
    dead_n: int
    refused_n: int
    terms_hash: Digest
    worker_ref: Ref
    certificate: dict[str, Any] | None
    claim: Claimed | None
    resolution: Claimed | None
    agreed: Claimed | None


class OffererDocument(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """What the offering side shows of all its offers to one request."""

    v: int = 1
    type: str = "cover.state"
    side: str = "offerer"
    request: Ref
    link: str
    rev: int
    at: Time
    offers: tuple[_OffererShown, ...]


def requester_document(state: RequesterState, link: str, *, now: datetime, sign: Sign) -> dict[str, Any]:
    """The answer to a pull by ``link``, signed. Shows nothing of other links. Raises ``unknown_subject``."""
    asked = next((asked for asked in state.asked if asked.link == link), None)
    if asked is None:
        raise ProtocolError("unknown_subject")
    award = state.award if state.award is not None and state.award.link == link else None
    phase = state.phase if award is not None or state.phase in ("open", "ended") else "filled"
    if award is None and state.phase == "awarded":
        phase = "open"
    shown_award = None
    if award is not None:
        shown_award = _AwardShown(
            n=award.n, offer=award.offer, terms_hash=award.terms_hash, confirm_by=award.confirm_by
        )
    shown = RequesterDocument(
        request=asked.request,
        link=link,
        rev=state.rev,
        at=wire_time(now),
        phase=phase,
        last_n=state.n,
        offers=tuple(_OfferShown(offer=v.offer, status=v.status) for v in state.offers if v.link == link),
        award=shown_award,
        certificate=state.certificate if award is not None else None,
        acknowledged=state.acknowledged and award is not None,
        dispute=state.dispute if award is not None else None,
        resolution=state.resolution_ours if award is not None else None,
        agreed=state.agreed if award is not None else None,
        ended=_EndedShown(ended_at=state.ended_at, reason=state.ended_reason) if state.phase == "ended" else None,
    )
    return sign(shown.as_wire())


def offerer_document(states: Sequence[OffererState], *, now: datetime, sign: Sign) -> dict[str, Any]:
    """All our offers to one request of one link, signed. Raises ``unknown_subject`` when there are none."""
    if not states:
        raise ProtocolError("unknown_subject")
    first = states[0]
    shown = OffererDocument(
        request=first.request,
        link=first.link,
        rev=sum(state.rev + 1 for state in states),
        at=wire_time(now),
        offers=tuple(
            _OffererShown(
                offer=state.offer,
                phase=state.phase,
                n=state.n,
                dead_n=state.dead_n,
                refused_n=state.refused_n,
                terms_hash=state.terms_hash,
                worker_ref=state.worker_ref,
                certificate=state.certificate,
                claim=None if state.let_go else state.claim,
                resolution=state.proposed[-1] if state.proposed else None,
                agreed=state.agreed,
            )
            for state in sorted(states, key=lambda one: one.offer)
        ),
    )
    return sign(shown.as_wire())


@overload
def reconcile(local: RequesterState, remote: dict[str, Any]) -> tuple[RequesterInput, ...]: ...
@overload
def reconcile(local: OffererState, remote: dict[str, Any]) -> tuple[OffererInput, ...]: ...
def reconcile(local: Any, remote: dict[str, Any]) -> Any:
    """Inputs for ``step``, in order, that bring ``local`` and the peer together. Empty when they agree.

    ``remote`` is the peer's pulled document; the caller has verified its proof, its link and, for ``Adopt``, our own
    proof on the certificate. Feeding in a stale document changes nothing that is decided. Raises ``bad_body``.
    """
    if isinstance(local, RequesterState):
        document = read(remote, OffererDocument)
        return tuple(given for entry in document.offers for given in _for_requester(local, document, entry))
    return tuple(_for_offerer(local, read(remote, RequesterDocument)))


def _for_requester(state: RequesterState, document: OffererDocument, theirs: _OffererShown) -> list[RequesterInput]:
    link, request = document.link, document.request
    view = next((v for v in state.offers if (v.link, v.offer) == (link, theirs.offer)), None)
    award = state.award if state.award and (state.award.link, state.award.offer) == (link, theirs.offer) else None
    again: list[RequesterInput] = [Resend(link, theirs.offer, theirs.n)]
    if theirs.phase == "withdrawn":
        if view is None or view.status == "withdrawn":
            return []
        return [Incoming(link, b.CoverWithdrawn(request=request, offer=theirs.offer, n=theirs.n or None))]
    if award is not None and state.phase == "awarded":
        if theirs.refused_n == award.n:
            return [Incoming(link, b.CoverRefused(request=request, n=award.n, offer=theirs.offer))]
        if theirs.phase == "prepared" and theirs.n == award.n:
            confirmed = b.CoverConfirmed(
                request=request,
                n=award.n,
                offer=theirs.offer,
                terms_hash=theirs.terms_hash,
                worker_ref=theirs.worker_ref,
            )
            return [Incoming(link, confirmed)]
        return again
    if theirs.phase in ("committed", "delivered", "ended") and theirs.claim is not None and award is not None:
        if state.claim is None:
            claimed: dict[str, Any] = {name: getattr(theirs.claim, name) for name in Claimed.__struct_fields__}
            return [Incoming(link, b.VisitClaimed(request=request, n=theirs.n, **claimed))]
        pending = state.dispute is not None and state.agreed is None
        if pending and theirs.resolution is not None and theirs.resolution != state.resolution_theirs:
            return [Incoming(link, _resolved(request, theirs.n, theirs.resolution))]
        return again if theirs.agreed is None and (state.agreed or state.dispute) else []
    if theirs.phase == "delivered" and award is None and theirs.certificate is not None:
        # A visit on a certificate that we do not know any more: ours again, or people must speak.
        return [] if lapsed(state, link, theirs.n) else [Adopt(link, theirs.certificate)]
    if theirs.phase == "committed":
        if award is not None and state.phase == "committed":
            if state.acknowledged:
                return []
            seen = jcs.digest(theirs.certificate)
            return [Incoming(link, b.CoverAcknowledged(request=request, n=theirs.n, certificate_hash=seen))]
        if state.phase != "ended" and theirs.certificate is not None and theirs.n > state.n:
            return [Adopt(link, theirs.certificate)]
        # Calling it off came too late for a worker who has set out; nothing that is said again changes that.
        return [] if state.phase == "ended" and document.at >= state.starts_at else again
    return again if theirs.phase in ("offered", "locking", "prepared") else []


def _for_claimant(state: OffererState, theirs: RequesterDocument) -> list[OffererInput]:
    link, request, n = state.link, state.request, state.n
    if state.agreed is not None:
        return []
    found: list[OffererInput] = []
    if theirs.dispute is not None and not state.disputed:
        disputed: dict[str, Any] = {name: getattr(theirs.dispute, name) for name in DisputeVisit.__struct_fields__}
        found.append(Incoming(link, b.VisitDisputed(request=request, n=n, **disputed)))
    if theirs.resolution is not None and theirs.resolution != state.resolution_theirs:
        found.append(Incoming(link, _resolved(request, n, theirs.resolution)))
    if theirs.agreed is not None:
        agreed = theirs.agreed
        confirmed = b.VisitConfirmed(
            request=request,
            n=n,
            how="resolved" if theirs.dispute else "said_so",
            fee_pence=agreed.fee_pence,
            travel_pence=agreed.travel_pence,
            due_pence=agreed.due_pence,
        )
        found.append(Incoming(link, confirmed))
    return found


def _resolved(request: str, n: int, sums: Claimed) -> b.VisitResolved:
    return b.VisitResolved(
        request=request, n=n, fee_pence=sums.fee_pence, travel_pence=sums.travel_pence, due_pence=sums.due_pence
    )


def _for_offerer(state: OffererState, theirs: RequesterDocument) -> list[OffererInput]:
    link, request = state.link, state.request
    view = next((one for one in theirs.offers if one.offer == state.offer), None)
    again: list[OffererInput] = [Resend(link, state.offer, state.n)]
    if state.phase == "withdrawn":
        return again if view is not None and view.status != "withdrawn" else []
    if state.claim is not None and theirs.award is not None and theirs.award.n == state.n:
        return _for_claimant(state, theirs) or (again if theirs.phase == "committed" else [])
    if theirs.ended is not None:
        reason: Any = theirs.ended.reason
        if state.phase not in ("offered", "locking", "prepared", "committed"):
            return []
        return [Incoming(link, b.CoverCancelled(request=request, cancelled_at=theirs.ended.ended_at, reason=reason))]
    award = theirs.award if theirs.award is not None and theirs.award.offer == state.offer else None
    if award is not None and theirs.certificate is not None:
        if state.phase in ("committed", "delivered") and theirs.acknowledged:
            return []
        return [Incoming(link, b.CoverCommitted(request=request, n=award.n, certificate=theirs.certificate))]
    if award is not None:
        awarded = b.CoverAwarded(
            request=request, n=award.n, offer=award.offer, terms_hash=award.terms_hash, confirm_by=award.confirm_by
        )
        return [Incoming(link, awarded)]
    if state.phase in ("committed", "delivered"):
        return []
    if view is not None and view.status == "declined":
        return [Incoming(link, b.CoverDeclined(request=request, offer=state.offer))]
    if state.phase in ("locking", "prepared") and theirs.last_n >= state.n:
        return [Incoming(link, b.CoverRescinded(request=request, n=state.n, offer=state.offer))]
    if state.phase == "offered" and view is None:
        return [Resend(link, state.offer)]
    return []
