"""The side that asks. It alone decides the award, so there is at most one.

open → awarded(n) → committed(n) → delivered → confirmed → settled. A rescinded, refused or withdrawn award leads back
to open; cancelling leads to ended, from where nothing is awarded any more. After the certificate for n only the
offerer's own withdrawal reopens the request. Every incoming event may come late, twice or never: each handler looks at
what holds now.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from . import bodies as b
from . import cover_types as t
from . import jcs
from .cover_terms import Certificate
from .cover_visits import (
    asked_on,
    claim_until,
    claimed,
    confirm_visit,
    dispute_visit,
    emit,
    lapse,
    resolve_visit,
    settled,
    take_after_all,
    their_resolution,
    unclaimed,
    visit_holds,
)
from .errors import ProtocolError
from .shapes import read

MOST_OFFERS = 200
LOST_NUMBERS = 1000


def requester_step(state: t.RequesterState, given: t.RequesterInput, now: str, sign: t.Sign) -> t.RequesterStep:
    """One step. ``now`` is a wire time, ``sign`` adds our object proof to the certificate. Raises ``wrong_state``."""
    match given:
        case t.Incoming():
            step = _incoming(state, given, now, sign)
        case t.AddLink():
            step = _add_link(state, given)
        case t.AwardOffer():
            step = _award(state, given, now)
        case t.Rescind():
            step = _rescind(state, "rescinded")
        case t.Cancel():
            step = _cancel(state, given.reason, now)
        case t.DeclineOffer():
            step = _decline(state, given)
        case t.ConfirmVisit():
            step = confirm_visit(state, given)
        case t.DisputeVisit():
            step = dispute_visit(state, given)
        case t.ResolveVisit():
            step = resolve_visit(state, given)
        case t.TakeAfterAll():
            step = take_after_all(state, now)
        case t.Spoken():
            step = _spoken(state)
        case t.Settled():
            step = settled(state)
        case t.Tick():
            step = _tick(state, now)
        case t.Resend():
            told = what_holds(state, given.link, given.offer, given.n)
            step = t.RequesterStep(_learn(state, given.n), told)
        case t.Adopt():
            step = _adopt(state, given)
    if step.state == state:
        return step
    return replace(step, state=replace(step.state, rev=state.rev + 1))


def what_holds(state: t.RequesterState, link: str, offer: str, n: int = 0) -> tuple[t.Emit, ...]:
    """The event that says what holds now about this offer; ``n`` is an award that the peer may still believe in."""
    asked = asked_on(state, link)
    if asked is None:
        return ()
    view = _view(state, link, offer)
    award = state.award
    ours = award is not None and (award.link, award.offer) == (link, offer)
    if ours and state.claim is not None:
        return visit_holds(state)
    if state.phase == "ended":
        return (emit(state, link, _cancelled_body(state, asked)),)
    if award is not None and ours:
        if state.phase == "awarded":
            return (emit(state, link, _awarded_body(asked, award)),)
        assert state.certificate is not None
        body = b.CoverCommitted(request=asked.request, n=award.n, certificate=state.certificate)
        return (emit(state, link, body),)
    if view is not None and view.status == "withdrawn" and not n:
        return ()
    if view is not None and view.status == "declined":
        return (emit(state, link, b.CoverDeclined(request=asked.request, offer=offer, reason="filled")),)
    if n:
        # Not ours any more, or never: dead for this offer, whatever the number is worth elsewhere.
        return (emit(state, link, b.CoverRescinded(request=asked.request, n=n, offer=offer)),)
    return ()


def _incoming(state: t.RequesterState, given: t.Incoming, now: str, sign: t.Sign) -> t.RequesterStep:
    asked = asked_on(state, given.link)
    if asked is None or getattr(given.body, "request", None) != asked.request:
        raise ProtocolError("unknown_subject")
    match given.body:
        case b.CoverOffered() as body:
            return _offered(state, given.link, body, given.terms_hash)
        case b.CoverConfirmed() as body:
            return _confirmed(state, given.link, body, now, sign)
        case b.CoverRefused() as body:
            return _refused(state, given.link, body)
        case b.CoverWithdrawn() as body:
            return _withdrawn(state, given.link, body)
        case b.CoverDeclined():
            return t.RequesterStep(state, effects=(t.Tell("nobody_there", link=given.link),))
        case b.CoverAcknowledged() as body:
            return _acknowledged(state, given.link, body)
        case b.VisitClaimed() as body:
            return claimed(state, given.link, body)
        case b.VisitResolved() as body:
            return their_resolution(state, given.link, body)
    raise ProtocolError("wrong_state", "The asking side does not take this kind of event.")


def _add_link(state: t.RequesterState, given: t.AddLink) -> t.RequesterStep:
    if state.phase not in ("open", "awarded"):
        raise ProtocolError("wrong_state", "Nobody more can be asked now.")
    if asked_on(state, given.asked.link) is not None:
        return t.RequesterStep(state)
    return t.RequesterStep(replace(state, asked=(*state.asked, given.asked)))


def _offered(state: t.RequesterState, link: str, body: b.CoverOffered, terms_hash: str) -> t.RequesterStep:
    if _view(state, link, body.offer) is not None or state.phase == "ended":
        return t.RequesterStep(state, what_holds(state, link, body.offer))
    if not terms_hash:
        raise ValueError("an offer needs the hash of its terms")
    view = t.OfferView(link, body.offer, terms_hash, body.hold_until)
    if state.phase in ("open", "awarded") and len(state.offers) < MOST_OFFERS:
        added = replace(state, offers=(*state.offers, view))
        return t.RequesterStep(added, effects=(t.Tell("offer_arrived", offer=body.offer),))
    if len(state.offers) >= 2 * MOST_OFFERS:
        raise ProtocolError("too_many")
    closed = replace(state, offers=(*state.offers, replace(view, status="declined")))
    return t.RequesterStep(closed, what_holds(closed, link, body.offer))


def _award(state: t.RequesterState, given: t.AwardOffer, now: str) -> t.RequesterStep:
    view, asked = _view(state, given.link, given.offer), asked_on(state, given.link)
    if state.phase != "open" or view is None or asked is None:
        raise ProtocolError("wrong_state", "Someone else is being asked already, or the request is closed.")
    if view.status != "live" or view.hold_until <= now:
        raise ProtocolError("wrong_state", "This offer can no longer be taken up.")
    if not now < given.confirm_by <= state.ends_at:
        raise ProtocolError("wrong_state", "The time to confirm must lie between now and the visit.")
    award = t.Award(state.n + 1, given.link, given.offer, view.terms_hash, given.confirm_by)
    offers = _with(state.offers, replace(view, last_n=award.n))
    awarded = replace(state, phase="awarded", n=award.n, award=award, offers=offers, acknowledged=False)
    effects = (t.HoldMoney(award.n, award.link, award.offer),)
    return t.RequesterStep(awarded, (emit(state, given.link, _awarded_body(asked, award)),), effects)


def _confirmed(state: t.RequesterState, link: str, body: b.CoverConfirmed, now: str, sign: t.Sign) -> t.RequesterStep:
    award = state.award
    if award is None or state.phase != "awarded" or (award.n, award.link, award.offer) != (body.n, link, body.offer):
        # A late confirmation gets the present state back, so that the worker is freed or told again.
        return t.RequesterStep(_learn(state, body.n), what_holds(state, link, body.offer, body.n))
    if body.terms_hash != award.terms_hash:
        step = _rescind(state, "other_terms")
        return replace(step, effects=(*step.effects, t.RingAlarm("other_terms", award.n)))
    asked = asked_on(state, link)
    assert asked is not None
    certificate = sign(
        Certificate(
            request=asked.request,
            n=award.n,
            offer=award.offer,
            link=link,
            from_=state.us,
            to=asked.peer,
            terms_hash=award.terms_hash,
            worker_ref=body.worker_ref,
            starts_at=state.starts_at,
            ends_at=state.ends_at,
            committed_at=now,
        ).as_wire()
    )
    committed = replace(
        state,
        phase="committed",
        certificate=certificate,
        worker_ref=body.worker_ref,
        offers=_close_others(state, award),
    )
    told = (*what_holds(committed, link, award.offer), *_tell_others(state, award))
    return t.RequesterStep(committed, told, (t.SendDisclosure(award.n, link), t.Tell("committed", award.n)))


def _acknowledged(state: t.RequesterState, link: str, body: b.CoverAcknowledged) -> t.RequesterStep:
    award = state.award
    fits = award is not None and (award.n, award.link) == (body.n, link)
    if not fits or state.phase != "committed" or state.acknowledged:
        return t.RequesterStep(state)
    if body.certificate_hash != jcs.digest(state.certificate):
        return t.RequesterStep(state, effects=(t.RingAlarm("other_certificate", body.n),))
    return t.RequesterStep(replace(state, acknowledged=True), effects=(t.Tell("coming", body.n),))


def _learn(state: t.RequesterState, n: int) -> t.RequesterState:
    # After a restore the peer knows award numbers that we forgot, and none may be used twice. The bound keeps a lying
    # peer from using them all up.
    return replace(state, n=n) if state.n < n <= state.n + LOST_NUMBERS else state


def _refused(state: t.RequesterState, link: str, body: b.CoverRefused) -> t.RequesterStep:
    award = state.award
    if award is None or state.phase != "awarded" or (award.n, award.link, award.offer) != (body.n, link, body.offer):
        return t.RequesterStep(state)
    opened = _reopened(state, award, "refused")
    return t.RequesterStep(opened, effects=(t.ReleaseMoney(award.n), t.Tell("refused", award.n, award.offer)))


def _withdrawn(state: t.RequesterState, link: str, body: b.CoverWithdrawn) -> t.RequesterStep:
    view, award = _view(state, link, body.offer), state.award
    if view is None:
        # The withdrawal overtook the offer: remember it, or the offer would come back to life.
        if len(state.offers) >= 2 * MOST_OFFERS:
            raise ProtocolError("too_many")
        gone = t.OfferView(link, body.offer, "", "", "withdrawn")
        return t.RequesterStep(replace(state, offers=(*state.offers, gone)))
    if award is None or (award.link, award.offer) != (link, body.offer) or state.phase in ("open", "ended"):
        return t.RequesterStep(replace(state, offers=_with(state.offers, replace(view, status="withdrawn"))))
    if state.phase not in ("awarded", "committed"):
        return t.RequesterStep(state, effects=(t.RingAlarm("withdrawn_after_visit", award.n),))
    effects: tuple[t.Effect, ...] = (t.ReleaseMoney(award.n), t.Tell("withdrew", award.n, award.offer))
    if state.phase == "committed":
        effects = (*effects, t.AskAgain(tuple(asked.link for asked in state.asked)))
    return t.RequesterStep(_reopened(state, award, "withdrawn"), effects=effects)


def _rescind(state: t.RequesterState, news: str) -> t.RequesterStep:
    award = state.award
    if state.phase != "awarded" or award is None:
        raise ProtocolError("wrong_state", "There is no award that could be taken back.")
    opened = _reopened(state, award, "live")
    effects = (t.ReleaseMoney(award.n), t.Tell(news, award.n, award.offer))
    return t.RequesterStep(opened, what_holds(opened, award.link, award.offer, award.n), effects)


def _cancel(state: t.RequesterState, reason: str, now: str) -> t.RequesterStep:
    if state.phase == "ended":
        return t.RequesterStep(state)
    if state.phase not in ("open", "awarded", "committed"):
        raise ProtocolError("wrong_state", "The visit took place; say how it went instead.")
    effects: tuple[t.Effect, ...] = (t.Tell("cancelled", state.n),)
    award = state.award
    if award is not None and state.phase == "awarded":
        effects = (t.ReleaseMoney(award.n), *effects)
    if award is not None and state.phase == "committed":
        effects = (t.ApplyCancellation(award.n), *effects)
    kept = award if state.phase == "committed" else None
    ended = replace(state, phase="ended", award=kept, ended_at=now, ended_reason=reason)
    told = tuple(emit(ended, asked.link, _cancelled_body(ended, asked)) for asked in state.asked)
    return t.RequesterStep(ended, told, effects)


def _decline(state: t.RequesterState, given: t.DeclineOffer) -> t.RequesterStep:
    view, asked = _view(state, given.link, given.offer), asked_on(state, given.link)
    award = state.award
    if view is None or asked is None or (award and (award.link, award.offer) == (given.link, given.offer)):
        raise ProtocolError("wrong_state", "This offer cannot be declined now.")
    if view.status in ("declined", "withdrawn"):
        return t.RequesterStep(state)
    declined = replace(state, offers=_with(state.offers, replace(view, status="declined")))
    body = b.CoverDeclined(request=asked.request, offer=given.offer, reason="not_chosen")
    return t.RequesterStep(declined, (emit(state, given.link, body),))


def _spoken(state: t.RequesterState) -> t.RequesterStep:
    if state.phase not in ("awarded", "committed") or state.award is None:
        raise ProtocolError("wrong_state", "Nobody is chosen of whom you could have spoken.")
    return t.RequesterStep(replace(state, spoken_n=state.award.n))


def _tick(state: t.RequesterState, now: str) -> t.RequesterStep:
    if unclaimed(state, now):
        return lapse(state, now)
    step = t.RequesterStep(state)
    award = state.award
    if state.phase == "awarded" and award is not None:
        # Whoever was sent after a telephone call may be claimed for as any.
        answer_by = claim_until(state.ends_at) if state.spoken_n == award.n else award.confirm_by
        step = _rescind(state, "no_answer") if answer_by < now else step
    if step.state.phase == "open" and now >= state.ends_at:
        ended = _cancel(step.state, "window_passed", now)
        return replace(ended, emit=(*step.emit, *ended.emit), effects=(*step.effects, *ended.effects))
    unsure = step.state.phase in ("open", "awarded") or (
        step.state.phase == "committed" and not step.state.acknowledged
    )
    if now >= state.go_no_go_at and unsure and not state.alarmed:
        why = "nobody_found" if step.state.phase == "open" else "not_confirmed"
        alarm = t.RingAlarm(why, step.state.award.n if step.state.award else 0)
        step = replace(step, state=replace(step.state, alarmed=True), effects=(*step.effects, alarm))
    return step


def _adopt(state: t.RequesterState, given: t.Adopt) -> t.RequesterStep:
    certificate = read(given.certificate, Certificate, "bad_certificate")
    asked = asked_on(state, given.link)
    if asked is None or (certificate.link, certificate.from_, certificate.request) != (
        given.link,
        state.us,
        asked.request,
    ):
        raise ProtocolError("bad_certificate")
    if state.phase != "open" or certificate.n <= state.n:
        why = "two_certificates" if certificate.n > state.n else "old_certificate"
        return t.RequesterStep(state, effects=(t.RingAlarm(why, certificate.n),))
    award = t.Award(certificate.n, given.link, certificate.offer, certificate.terms_hash, state.go_no_go_at)
    view = t.OfferView(given.link, award.offer, award.terms_hash, state.ends_at, "live", award.n)
    known = replace(state, offers=_with(state.offers, view), n=award.n, award=award)
    adopted = replace(
        known,
        phase="committed",
        certificate=given.certificate,
        worker_ref=certificate.worker_ref,
        acknowledged=True,
        offers=_close_others(known, award),
    )
    return t.RequesterStep(adopted, _tell_others(known, award), (t.Tell("adopted", award.n),))


def _reopened(state: t.RequesterState, award: t.Award, status: t.OfferStatus) -> t.RequesterState:
    view = _view(state, award.link, award.offer)
    assert view is not None
    return replace(
        state,
        phase="open",
        award=None,
        certificate=None,
        worker_ref="",
        acknowledged=False,
        alarmed=False,
        offers=_with(state.offers, replace(view, status=status)),
    )


def _close_others(state: t.RequesterState, award: t.Award) -> tuple[t.OfferView, ...]:
    return tuple(
        replace(view, status="declined")
        if view.status in ("live", "refused") and (view.link, view.offer) != (award.link, award.offer)
        else view
        for view in state.offers
    )


def _tell_others(state: t.RequesterState, award: t.Award) -> tuple[t.Emit, ...]:
    """Every other offer learns that it is not needed; so does each link that was asked and made none."""
    told = []
    for asked in state.asked:
        mine = [view for view in state.offers if view.link == asked.link and view.status in ("live", "refused")]
        others: list[str | None] = [view.offer for view in mine if (view.link, view.offer) != (award.link, award.offer)]
        if not others and asked.link != award.link:
            others = [None]
        for offer in others:
            told.append(emit(state, asked.link, b.CoverDeclined(request=asked.request, offer=offer, reason="filled")))
    return tuple(told)


def _awarded_body(asked: t.Asked, award: t.Award) -> b.CoverAwarded:
    return b.CoverAwarded(
        request=asked.request,
        n=award.n,
        offer=award.offer,
        terms_hash=award.terms_hash,
        confirm_by=award.confirm_by,
    )


def _cancelled_body(state: t.RequesterState, asked: t.Asked) -> b.CoverCancelled:
    said: Any = state.ended_reason
    return b.CoverCancelled(request=asked.request, cancelled_at=state.ended_at, reason=said)


def _view(state: t.RequesterState, link: str, offer: str) -> t.OfferView | None:
    return next((view for view in state.offers if (view.link, view.offer) == (link, offer)), None)


def _with(offers: tuple[t.OfferView, ...], changed: t.OfferView) -> tuple[t.OfferView, ...]:
    if not any((view.link, view.offer) == (changed.link, changed.offer) for view in offers):
        return (*offers, changed)
    return tuple(changed if (v.link, v.offer) == (changed.link, changed.offer) else v for v in offers)
