"""The side that offers. It alone decides whether its worker is free.

offered → locking(n) → prepared(n) → committed(n) → delivered, and from anywhere before delivered → withdrawn, for good.
``locking`` lasts only while the node takes the worker's slots, inside the same transaction. One state for each offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec.structs import replace

from . import bodies as b
from . import cover_types as t
from . import jcs
from .bodies_cover import RefusedBecause
from .cover_terms import read_certificate
from .cover_visits import claim_until
from .errors import ProtocolError


def offerer_step(state: t.OffererState, given: t.OffererInput, now: str) -> t.OffererStep:
    """One step. ``now`` is a wire time. Raises ``wrong_state``, ``bad_certificate`` or ``wrong_amount``."""
    match given:
        case t.Incoming():
            step = _incoming(state, given, now)
        case t.Availability():
            step = _availability(state, given)
        case t.Withdraw():
            step = t.OffererStep(state) if state.phase == "declined" else _withdraw(state, "not_said")
        case t.Claim():
            step = _claim(state, given)
        case t.ResolveVisit():
            step = _resolve_visit(state, given)
        case t.LetGo():
            step = _let_go(state)
        case t.Spoken():
            step = _spoken(state)
        case t.Tick():
            step = _tick(state, now)
        case t.Resend():
            step = _what_holds(state)
    if step.state == state:
        return step
    return replace(step, state=replace(step.state, rev=state.rev + 1))


def _incoming(state: t.OffererState, given: t.Incoming, now: str) -> t.OffererStep:
    if given.link != state.link:
        raise ProtocolError("wrong_link")
    if getattr(given.body, "request", None) != state.request:
        raise ProtocolError("unknown_subject")
    match given.body:
        case b.CoverAwarded() as body:
            return _awarded(state, body, given.another_goes)
        case b.CoverRescinded() as body:
            return _rescinded(state, body.n)
        case b.CoverCommitted() as body:
            return _committed(state, body, given.another_goes)
        case b.CoverDeclined() as body:
            return _declined(state, body.offer)
        case b.CoverCancelled():
            return _cancelled(state, now)
        case b.VisitConfirmed() as body:
            return _visit_confirmed(state, body)
        case b.VisitDisputed() as body:
            if state.claim is None or body.n != state.n:
                raise ProtocolError("wrong_state", "Nothing was claimed that could be disputed.")
            if state.disputed or state.agreed is not None:
                return t.OffererStep(state)
            return t.OffererStep(replace(state, disputed=True), effects=(t.Tell("disputed", body.n),))
        case b.VisitResolved() as body:
            return _their_resolution(state, body)
    raise ProtocolError("wrong_state", "The offering side does not take this kind of event.")


def another_goes(states: Sequence[t.OffererState], offer: str) -> int:
    """The award for which another of our offers to the same request holds a certificate; 0 where none does.

    An asker that keeps to the rules then makes no award and signs nothing for this one: of one circle no two workers set
    out to one visit.
    """
    others = [state for state in states if state.offer != offer and state.phase in ("committed", "delivered")]
    return max((state.n for state in others), default=0)


def _awarded(state: t.OffererState, body: b.CoverAwarded, another: int) -> t.OffererStep:
    if body.offer != state.offer:
        raise ProtocolError("wrong_state", "The award names another offer.")
    if state.phase == "withdrawn" or (state.phase != "ended" and body.n == state.refused_n):
        return _what_holds(state)
    if state.phase in ("ended", "declined"):
        return t.OffererStep(state, (_emit(state, _refused_body(state, body.n, "lapsed")),))
    if body.n <= state.dead_n:
        return t.OffererStep(state)
    if state.phase in ("committed", "delivered"):
        if body.n <= state.n:
            return t.OffererStep(state)
        # An honest asker awards nothing new while our certificate stands.
        alarm = t.RingAlarm("award_after_commit", body.n)
        return t.OffererStep(state, (_emit(state, _refused_body(state, body.n, "not_free")),), (alarm,))
    if another:
        step = _refuse(state, body.n, "not_free")
        # An award from before that certificate may come late from anybody.
        if body.n < another:
            return step
        return replace(step, effects=(*step.effects, t.RingAlarm("award_after_commit", body.n)))
    if body.terms_hash != state.terms_hash:
        return _refuse(state, body.n, "other_terms")
    if body.n < state.n:
        return t.OffererStep(state)
    if state.phase == "prepared":
        # The worker is locked already; only the number may be new, and the old award is dead with it.
        dead = max(state.dead_n, state.n) if body.n > state.n else state.dead_n
        again = replace(state, n=body.n, dead_n=dead)
        return t.OffererStep(again, (_emit(state, _confirmed_body(again)),))
    locking = replace(state, phase="locking", n=body.n)
    return t.OffererStep(locking, effects=(t.LockWorker(body.n, state.offer),))


def _availability(state: t.OffererState, given: t.Availability) -> t.OffererStep:
    if state.phase != "locking" or given.n != state.n:
        raise ProtocolError("wrong_state", "No award is waiting for this worker.")
    if state.certificate is not None:
        # The certificate came for an award that a restored node had forgotten.
        if given.free:
            return _commit(state, state.certificate)
        return _withdraw(state, "not_said")
    if not given.free:
        return _refuse(state, given.n, given.why)
    prepared = replace(state, phase="prepared")
    return t.OffererStep(prepared, (_emit(state, _confirmed_body(prepared)),), (t.Tell("prepared", given.n),))


def _rescinded(state: t.OffererState, n: int) -> t.OffererStep:
    if state.phase in ("committed", "delivered") and n == state.n:
        return t.OffererStep(state, effects=(t.RingAlarm("rescinded_after_commit", n),))
    dead = replace(state, dead_n=max(state.dead_n, n))
    if state.phase not in ("locking", "prepared") or n < state.n:
        return t.OffererStep(dead)
    freed = replace(dead, phase="offered", n=0, certificate=None, spoken=False)
    return t.OffererStep(freed, effects=(t.ReleaseWorker(state.offer), t.Tell("rescinded", n)))


def _committed(state: t.OffererState, body: b.CoverCommitted, another: int) -> t.OffererStep:
    certificate = read_certificate(
        body.certificate,
        request=state.request,
        n=body.n,
        offer=state.offer,
        terms=state.terms_hash,
        worker_ref=state.worker_ref,
    )
    if (certificate.link, certificate.from_, certificate.to) != (state.link, state.peer, state.us):
        raise ProtocolError("bad_certificate")
    if state.phase in ("withdrawn", "ended"):
        return _what_holds(state)
    if state.phase in ("committed", "delivered"):
        if body.n == state.n:
            return _what_holds(state)
        return t.OffererStep(state, effects=(t.RingAlarm("two_certificates", body.n),))
    if another or state.phase == "declined" or body.n <= state.dead_n:
        # A certificate for an award that we know to be dead, or beside another one of ours, binds nobody; say so, or the
        # asker waits for a worker.
        step = _withdraw(replace(state, n=body.n), "not_said")
        why = "two_certificates" if another else "dead_certificate"
        return replace(step, effects=(*step.effects, t.RingAlarm(why, body.n)))
    if state.phase == "prepared":
        return _commit(replace(state, n=body.n), body.certificate)
    locking = replace(state, phase="locking", n=body.n, certificate=body.certificate)
    return t.OffererStep(locking, effects=(t.LockWorker(body.n, state.offer),))


def _commit(state: t.OffererState, certificate: dict[str, Any]) -> t.OffererStep:
    committed = replace(state, phase="committed", certificate=certificate)
    return t.OffererStep(committed, (_emit(state, _acknowledged_body(committed)),), (t.Tell("coming", state.n),))


def _declined(state: t.OffererState, offer: str | None) -> t.OffererStep:
    if offer is None:
        # It closes the asking, not an offer: one that crossed it on the way gets an answer of its own.
        return t.OffererStep(state)
    if offer != state.offer:
        raise ProtocolError("wrong_state", "The decline names another offer.")
    if state.phase in ("committed", "delivered"):
        return t.OffererStep(state, effects=(t.RingAlarm("declined_after_commit", state.n),))
    if state.phase not in ("offered", "locking", "prepared"):
        return t.OffererStep(state)
    declined = replace(state, phase="declined", dead_n=max(state.dead_n, state.n), n=0, certificate=None)
    return t.OffererStep(declined, effects=(t.ReleaseWorker(state.offer), t.Tell("not_chosen", offer=state.offer)))


def _cancelled(state: t.OffererState, now: str) -> t.OffererStep:
    if state.phase not in ("offered", "locking", "prepared", "committed"):
        return t.OffererStep(state)
    if state.phase == "committed" and state.starts_at <= now:
        # The worker has gone there by now, whatever the event says of when it was written: they say how it went.
        return t.OffererStep(state)
    ended = replace(state, phase="ended")
    return t.OffererStep(ended, effects=(t.ReleaseWorker(state.offer), t.Tell("cancelled", state.n)))


def _withdraw(state: t.OffererState, reason: Literal["lapsed", "not_said"]) -> t.OffererStep:
    if state.phase == "delivered":
        raise ProtocolError("wrong_state", "The visit took place; say how it went instead.")
    if state.phase in ("withdrawn", "ended"):
        return t.OffererStep(state)
    gone = replace(state, phase="withdrawn", certificate=None)
    body = b.CoverWithdrawn(request=state.request, offer=state.offer, n=state.n or None, reason=reason)
    effects = (t.ReleaseWorker(state.offer), t.Tell("withdrawn", state.n, state.offer))
    return t.OffererStep(gone, (_emit(state, body),), effects)


def _refuse(state: t.OffererState, n: int, reason: RefusedBecause) -> t.OffererStep:
    refused = replace(state, phase="offered", n=0, dead_n=max(state.dead_n, n), refused_n=n, spoken=False)
    effects = (t.ReleaseWorker(state.offer),) if state.phase in ("locking", "prepared") else ()
    return t.OffererStep(refused, (_emit(state, _refused_body(state, n, reason)),), effects)


def _claim(state: t.OffererState, given: t.Claim) -> t.OffererStep:
    late = state.phase == "ended" and state.certificate is not None and given.claimed.outcome == "cancelled_late"
    if (state.phase != "committed" and not late) or state.claim is not None:
        raise ProtocolError("wrong_state", "Only a visit with a certificate can be claimed, and once.")
    claimed = replace(state, phase="ended" if late else "delivered", claim=given.claimed)
    return t.OffererStep(claimed, (_emit(state, _claimed_body(claimed, given.claimed)),))


def _visit_confirmed(state: t.OffererState, body: b.VisitConfirmed) -> t.OffererStep:
    claim = state.claim
    if claim is None or body.n != state.n:
        raise ProtocolError("wrong_state", "Nothing was claimed that could be confirmed.")
    if state.agreed is not None:
        return t.OffererStep(state)
    said = replace(claim, fee_pence=body.fee_pence, travel_pence=body.travel_pence, due_pence=body.due_pence)
    if said not in (claim, *state.proposed):
        raise ProtocolError("wrong_amount")
    agreed = said
    return t.OffererStep(replace(state, agreed=agreed), effects=(_book(state.n, agreed),))


def _resolve_visit(state: t.OffererState, given: t.ResolveVisit) -> t.OffererStep:
    claim = state.claim
    if claim is None or state.let_go or not (state.disputed or given.alone) or state.agreed is not None:
        raise ProtocolError("wrong_state", "Nothing is in dispute.")
    ours = replace(claim, fee_pence=given.fee_pence, travel_pence=given.travel_pence, due_pence=given.due_pence)
    if given.alone:
        agreed = replace(state, proposed=(*state.proposed, ours), agreed=ours)
        return t.OffererStep(agreed, effects=(_book(state.n, ours),))
    told = (_emit(state, _resolved_body(state, ours)),)
    return t.OffererStep(replace(state, proposed=(*state.proposed, ours)), told)


def _let_go(state: t.OffererState) -> t.OffererStep:
    if state.let_go:
        return t.OffererStep(state)
    if state.claim is None or state.disputed or state.agreed is not None:
        raise ProtocolError("wrong_state", "There is no claim that could be let go.")
    return t.OffererStep(replace(state, let_go=True))


def _their_resolution(state: t.OffererState, body: b.VisitResolved) -> t.OffererStep:
    claim = state.claim
    if claim is None or body.n != state.n:
        raise ProtocolError("wrong_state", "Nothing was claimed that could be disputed.")
    if state.agreed is not None:
        return t.OffererStep(state)
    theirs = replace(claim, fee_pence=body.fee_pence, travel_pence=body.travel_pence, due_pence=body.due_pence)
    if theirs == state.resolution_theirs:
        return t.OffererStep(state)
    heard = replace(state, resolution_theirs=theirs)
    return t.OffererStep(heard, effects=(t.Tell("resolution_proposed", state.n),))


def _spoken(state: t.OffererState) -> t.OffererStep:
    if state.phase not in ("offered", "locking", "prepared", "committed"):
        raise ProtocolError("wrong_state", "This offer does not stand any more.")
    return t.OffererStep(replace(state, spoken=True))


def _tick(state: t.OffererState, now: str) -> t.OffererStep:
    last = claim_until(state.ends_at)
    if state.phase == "committed" and last < now:
        over = replace(state, phase="ended")
        return t.OffererStep(over, effects=(t.ReleaseWorker(state.offer), t.Tell("unclaimed", state.n)))
    if state.phase == "offered" and (last if state.spoken else state.hold_until) < now:
        return _withdraw(state, "lapsed")
    if state.phase in ("locking", "prepared") and (last if state.spoken else state.ends_at) < now:
        # The hour has passed and no certificate came: nobody travelled, the worker is free.
        return _withdraw(state, "lapsed")
    if state.phase in ("locking", "prepared") and now >= state.go_no_go_at and not state.alarmed:
        return t.OffererStep(replace(state, alarmed=True), effects=(t.RingAlarm("no_certificate", state.n),))
    return t.OffererStep(state)


def _what_holds(state: t.OffererState) -> t.OffererStep:
    """The event that says what holds now about this offer, for a peer that missed it."""
    body: b.Body | None = None
    if state.phase == "withdrawn":
        body = b.CoverWithdrawn(request=state.request, offer=state.offer, n=state.n or None)
    elif state.proposed and state.agreed is None:
        body = _resolved_body(state, state.proposed[-1])
    elif state.claim is not None and state.agreed is None:
        body = None if state.let_go else _claimed_body(state, state.claim)
    elif state.phase == "prepared":
        body = _confirmed_body(state)
    elif state.phase in ("committed", "delivered"):
        body = _acknowledged_body(state)
    elif state.phase == "offered" and state.refused_n:
        body = _refused_body(state, state.refused_n, "not_free")
    elif state.phase == "offered":
        return t.OffererStep(state, effects=(t.ResendOffer(state.offer),))
    return t.OffererStep(state, (_emit(state, body),) if body is not None else ())


def _emit(state: t.OffererState, body: b.Body) -> t.Emit:
    return t.Emit(state.link, body.TYPE, body.as_wire())


def _book(n: int, claim: t.Claimed) -> t.BookVisit:
    return t.BookVisit(n, claim.fee_pence, claim.travel_pence, claim.due_pence)


def _confirmed_body(state: t.OffererState) -> b.CoverConfirmed:
    return b.CoverConfirmed(
        request=state.request,
        n=state.n,
        offer=state.offer,
        terms_hash=state.terms_hash,
        worker_ref=state.worker_ref,
    )


def _refused_body(state: t.OffererState, n: int, reason: RefusedBecause) -> b.CoverRefused:
    return b.CoverRefused(request=state.request, n=n, offer=state.offer, reason=reason)


def _acknowledged_body(state: t.OffererState) -> b.CoverAcknowledged:
    return b.CoverAcknowledged(request=state.request, n=state.n, certificate_hash=jcs.digest(state.certificate))


def _resolved_body(state: t.OffererState, ours: t.Claimed) -> b.VisitResolved:
    return b.VisitResolved(
        request=state.request,
        n=state.n,
        fee_pence=ours.fee_pence,
        travel_pence=ours.travel_pence,
        due_pence=ours.due_pence,
    )


def _claimed_body(state: t.OffererState, claim: t.Claimed) -> b.VisitClaimed:
    outcome: Any = claim.outcome
    return b.VisitClaimed(
        request=state.request,
        n=state.n,
        outcome=outcome,
        minutes=claim.minutes,
        fee_pence=claim.fee_pence,
        travel_pence=claim.travel_pence,
        due_pence=claim.due_pence,
    )
