"""The asking side after the visit: claimed, confirmed or disputed, booked once, settled."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from . import bodies as b
from . import cover_types as t
from .errors import ProtocolError
from .limits import CLAIM_WITHIN
from .times import parse_time, wire_time


def asked_on(state: t.RequesterState, link: str) -> t.Asked | None:
    return next((asked for asked in state.asked if asked.link == link), None)


def emit(state: t.RequesterState, link: str, body: b.Body) -> t.Emit:
    return t.Emit(link, body.TYPE, body.as_wire())


def claimed(state: t.RequesterState, link: str, body: b.VisitClaimed) -> t.RequesterStep:
    award = state.award
    if lapsed(state, link, body.n):
        raise ProtocolError("too_late")
    if award is None or (award.n, award.link) != (body.n, link) or state.certificate is None:
        raise ProtocolError("wrong_state", "There is no certificate for the visit that is claimed.")
    claim = t.Claimed(body.outcome, body.minutes, body.fee_pence, body.travel_pence, body.due_pence)
    if state.claim is not None:
        if state.claim != claim:
            raise ProtocolError("wrong_state", "This visit was claimed before, with other amounts.")
        return t.RequesterStep(state, visit_holds(state))
    phase: t.RequesterPhase = "ended" if state.phase == "ended" else "delivered"
    delivered = replace(state, phase=phase, claim=claim, acknowledged=True)
    return t.RequesterStep(delivered, effects=(t.AskHowItWent(award.n),))


def confirm_visit(state: t.RequesterState, given: t.ConfirmVisit) -> t.RequesterStep:
    if state.agreed is not None:
        return t.RequesterStep(state)
    award, claim = state.award, state.claim
    if award is None or claim is None or state.dispute is not None:
        raise ProtocolError("wrong_state", "There is no claim that could be confirmed, or it is disputed.")
    asked = asked_on(state, award.link)
    assert asked is not None
    told = emit(state, award.link, _confirmed_body(asked.request, award, claim, given.how))
    return t.RequesterStep(_booked(state, claim), (told,), (_book(award.n, claim), t.Tell("confirmed", award.n)))


def dispute_visit(state: t.RequesterState, given: t.DisputeVisit) -> t.RequesterStep:
    award, claim = state.award, state.claim
    if award is None or claim is None or state.agreed is not None or state.dispute is not None:
        raise ProtocolError("wrong_state", "There is no claim that could be disputed.")
    if given.undisputed_fee_pence + given.disputed_pence != claim.fee_pence:
        raise ProtocolError("wrong_amount")
    disputed = replace(state, dispute=given)
    return t.RequesterStep(disputed, visit_holds(disputed))


def resolve_visit(state: t.RequesterState, given: t.ResolveVisit) -> t.RequesterStep:
    claim = state.claim
    if claim is None or state.dispute is None or state.agreed is not None:
        raise ProtocolError("wrong_state", "Nothing is in dispute.")
    ours = replace(claim, fee_pence=given.fee_pence, travel_pence=given.travel_pence, due_pence=given.due_pence)
    return _settle_dispute(replace(state, resolution_ours=ours), alone=given.alone)


def their_resolution(state: t.RequesterState, link: str, body: b.VisitResolved) -> t.RequesterStep:
    award, claim = state.award, state.claim
    fits = award is not None and (award.n, award.link) == (body.n, link)
    if not fits or claim is None or state.dispute is None:
        raise ProtocolError("wrong_state", "Nothing is in dispute.")
    if state.agreed is not None:
        return t.RequesterStep(state)
    theirs = replace(claim, fee_pence=body.fee_pence, travel_pence=body.travel_pence, due_pence=body.due_pence)
    return _settle_dispute(replace(state, resolution_theirs=theirs))


def claim_until(ends_at: str) -> str:
    """The last moment at which a visit is claimed."""
    return wire_time(parse_time(ends_at) + CLAIM_WITHIN)


def unclaimed(state: t.RequesterState, now: str) -> bool:
    """A worker was sure to come, or the visit was called off after that, and by now nobody claims anything for it."""
    waits = state.phase in ("committed", "ended") and state.award is not None and state.certificate is not None
    return waits and state.claim is None and (state.taken_until or claim_until(state.ends_at)) < now


def lapsed(state: t.RequesterState, link: str = "", n: int = 0) -> bool:
    """A certificate for which nothing was claimed in time; with ``link`` and ``n``, this very one."""
    past = state.certificate
    if state.phase != "ended" or state.award is not None or past is None:
        return False
    return not link or (past["link"], past["n"]) == (link, n)


def lapse(state: t.RequesterState, now: str) -> t.RequesterStep:
    """End what is `unclaimed`; a claim that comes now is refused (``too_late``)."""
    award = state.award
    assert award is not None
    effects = (t.Tell("unclaimed", award.n), t.ReleaseMoney(award.n))
    ended = replace(state, phase="ended", award=None)
    if state.phase == "ended":
        return t.RequesterStep(ended, effects=effects)
    ended = replace(ended, ended_at=now, ended_reason="window_passed")
    told = tuple(
        emit(ended, asked.link, b.CoverCancelled(request=asked.request, cancelled_at=now, reason="window_passed"))
        for asked in state.asked
    )
    return t.RequesterStep(ended, told, effects)


def take_after_all(state: t.RequesterState, now: str) -> t.RequesterStep:
    """The award that `lapse` ended stands again under its own number; it is claimed and confirmed as any other."""
    if state.award is not None and state.taken_until:
        return t.RequesterStep(state)
    past, asked = state.certificate, asked_on(state, str((state.certificate or {}).get("link")))
    if not lapsed(state) or past is None or asked is None:
        raise ProtocolError("wrong_state", "Nothing came too late here.")
    award = t.Award(past["n"], asked.link, past["offer"], past["terms_hash"], state.go_no_go_at)
    again = replace(state, award=award, taken_until=claim_until(now))
    effects = (t.HoldMoney(award.n, award.link, award.offer), t.Tell("taken_after_all", award.n, award.offer))
    if state.ended_reason != "window_passed":
        # It had been called off, and stays so: the other side's claim is pulled.
        return t.RequesterStep(again, effects=effects)
    again = replace(again, phase="committed", ended_at="", ended_reason="")
    told = b.CoverCommitted(request=asked.request, n=award.n, certificate=past)
    return t.RequesterStep(again, (emit(again, asked.link, told),), effects)


def visit_holds(state: t.RequesterState) -> tuple[t.Emit, ...]:
    """What this side has said about the claim, said again: nothing, confirmed, or disputed and perhaps resolved."""
    award = state.award
    asked = asked_on(state, award.link) if award is not None else None
    if award is None or asked is None or state.claim is None:
        return ()
    if state.agreed is not None:
        how = "said_so" if state.dispute is None else "resolved"
        return (emit(state, award.link, _confirmed_body(asked.request, award, state.agreed, how)),)
    told: tuple[t.Emit, ...] = ()
    if state.dispute is not None:
        disputed = b.VisitDisputed(
            request=asked.request,
            n=award.n,
            undisputed_fee_pence=state.dispute.undisputed_fee_pence,
            disputed_pence=state.dispute.disputed_pence,
            reason=state.dispute.reason,
        )
        told = (emit(state, award.link, disputed),)
    ours = state.resolution_ours
    if ours is not None:
        resolved = b.VisitResolved(
            request=asked.request,
            n=award.n,
            fee_pence=ours.fee_pence,
            travel_pence=ours.travel_pence,
            due_pence=ours.due_pence,
        )
        told = (*told, emit(state, award.link, resolved))
    return told


def settled(state: t.RequesterState) -> t.RequesterStep:
    if state.phase != "confirmed":
        raise ProtocolError("wrong_state", "Only a confirmed visit can be settled.")
    return t.RequesterStep(replace(state, phase="settled"))


def _confirmed_body(request: str, award: t.Award, claim: t.Claimed, how: Any = "said_so") -> b.VisitConfirmed:
    return b.VisitConfirmed(
        request=request,
        n=award.n,
        how=how,
        fee_pence=claim.fee_pence,
        travel_pence=claim.travel_pence,
        due_pence=claim.due_pence,
    )


def _settle_dispute(state: t.RequesterState, *, alone: bool = False) -> t.RequesterStep:
    # One side concludes, on sums that the other has signed: two sides that each wait for the other's latest word could
    # book different sums. The claim itself is such a word.
    assert state.award is not None
    ours, n = state.resolution_ours, state.award.n
    if ours is not None and (alone or ours in (state.resolution_theirs, state.claim)):
        concluded = _booked(state, ours)
        return t.RequesterStep(concluded, visit_holds(concluded), (_book(n, ours), t.Tell("confirmed", n)))
    return t.RequesterStep(state, visit_holds(state)[1:], (t.Tell("resolution_proposed", n),))


def _booked(state: t.RequesterState, agreed: t.Claimed) -> t.RequesterState:
    phase: t.RequesterPhase = "ended" if state.phase == "ended" else "confirmed"
    return replace(state, phase=phase, agreed=agreed)


def _book(n: int, claim: t.Claimed) -> t.BookVisit:
    return t.BookVisit(n, claim.fee_pence, claim.travel_pence, claim.due_pence)
