"""A whole visit as two circles sign it, and pairs of states that come together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import bodies, cover, jcs
from eccoo_federation.times import wire_time

from . import linking
from .event_bodies import OFFER, OFFERED, REF, REQUESTED
from .events import Row
from .world import LINK, NOW, Case, a, b, case, sign

MINUTE = timedelta(minutes=1)
REQUEST = {
    **REQUESTED,
    "needs": {"hoist": True, "gender": "woman"},
    "cancellation": {"notice_hours": 24, "pay_bps": 5000},
}
OFFERING = {**OFFERED, "travel_pence": 360}
TERMS = {
    "request": REF,
    "offer": OFFER,
    "starts_at": REQUESTED["starts_at"],
    "ends_at": REQUESTED["ends_at"],
    "fee_pence": 6000,
    "travel_pence": 360,
    "rate_pence_per_hour": 3000,
    "schedule": {"worker_deduct_bps": 1500, "payer_add_bps": 0},
    "home_share_bps": 5000,
    "cancellation": {"notice_hours": 24, "pay_bps": 5000},
}
HASH = jcs.digest(TERMS)
CONFIRM_BY = "2026-11-22T11:00:00Z"
SUMS = {"outcome": "as_planned", "minutes": 120, "fee_pence": 6000, "travel_pence": 360, "due_pence": 5910}
PAID = {name: SUMS[name] for name in ("fee_pence", "travel_pence", "due_pence")}
DISCLOSURE = {
    "v": 1,
    "request": REF,
    "n": 1,
    "salt": "c2FsdC1zYWx0LXNhbHQtc2FsdC1zYWx0LXNhbHQtMTI",
    "name": "Alex Example",
    "address": "1 Example Street, HX7 0AA",
    "way_in": "Ring twice.",
    "must_know": ["Hoist in the bedroom."],
    "phone": "01632 960002",
    "called": "Alex",
    "retain_until": "2026-12-10T11:00:00Z",
}


def certificate(at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    value = {
        "v": 1,
        "type": "cover.certificate",
        "request": REF,
        "n": 1,
        "offer": OFFER,
        "link": LINK,
        "from": a().node_id,
        "to": b().node_id,
        "terms_hash": HASH,
        "worker_ref": "w-1",
        "starts_at": REQUESTED["starts_at"],
        "ends_at": REQUESTED["ends_at"],
        "committed_at": wire_time(at),
    }
    return sign(a(), {**value, **changes}, at)


def statement_hash(writer: str, statement: dict[str, Any]) -> str:
    return jcs.digest({"tag": "circle-statement-1", "link": LINK, "from": writer, "statement": statement})


def vectors() -> dict[str, dict[str, Any]]:
    return {
        "cover_story": _story(),
        "certificates": {
            "about": "Certificates as B judges them for its offer.",
            "terms": TERMS,
            "cases": _certificates(),
        },
        "reconcile": {
            "about": "One side’s state (`mine` is what it shows the other; `state` all that it knows, in the words of §16) reads "
            "`theirs`, at `at`. `says` are the events that it then sends, `phase` where it is.",
            "cases": [*_at_asker(), *_at_offerer()],
        },
    }


def _story() -> dict[str, Any]:
    ours, theirs = Row(a(), 0x400), Row(b(), 0x500)
    done = datetime.fromisoformat(REQUESTED["ends_at"])
    award = {"request": REF, "n": 1, "offer": OFFER, "terms_hash": HASH}
    signed = certificate(NOW + 3 * MINUTE)
    made: list[dict[str, Any]] = []

    def said(row: Row, kind: str, body: dict[str, Any], at: datetime, subject: str = REF) -> dict[str, Any]:
        event = row.make(kind, subject, body, at)
        made.append({"by": "a" if row is ours else "b", "event": event, "digest": jcs.digest(event)})
        return body

    said(ours, "cover.requested", REQUEST, NOW)
    said(theirs, "cover.offered", OFFERING, NOW + MINUTE)
    said(ours, "cover.awarded", {**award, "confirm_by": CONFIRM_BY}, NOW + 2 * MINUTE)
    said(theirs, "cover.confirmed", {**award, "worker_ref": "w-1"}, NOW + 2 * MINUTE)
    said(ours, "cover.committed", {"request": REF, "n": 1, "certificate": signed}, NOW + 3 * MINUTE)
    said(
        theirs, "cover.acknowledged", {"request": REF, "n": 1, "certificate_hash": jcs.digest(signed)}, NOW + 3 * MINUTE
    )
    told = {"request": REF, "n": 1, "salted_hash": jcs.digest(DISCLOSURE), "retain_until": DISCLOSURE["retain_until"]}
    said(ours, "disclosure.sent", told, NOW + 3 * MINUTE)
    said(theirs, "visit.claimed", {"request": REF, "n": 1, **SUMS}, done)
    said(ours, "visit.confirmed", {"request": REF, "n": 1, "how": "said_so", **PAID}, done + 60 * MINUTE)
    statement = {
        "period": "2026-11",
        "starts_on": "2026-11-01",
        "ends_on": "2026-11-30",
        "opening_pence": 0,
        "entries": [{"request": REF, "n": 1, "amount_pence": 5910}],
        "closing_pence": 5910,
    }
    later = datetime.fromisoformat("2026-12-01T09:00:00Z")
    said(theirs, "settle.statement", statement, later, "settle.2026-11")
    page = {"period": "2026-11", "statement_hash": statement_hash(b().node_id, statement)}
    said(ours, "settle.agreed", page, later + MINUTE, "settle.2026-11")
    paying = {**page, "amount_pence": 5910}
    said(ours, "settle.paid", {**paying, "payment_ref": "CIRCLE A 2026-11"}, later + 5 * MINUTE, "settle.2026-11")
    said(theirs, "settle.received", paying, later + 24 * 60 * MINUTE, "settle.2026-11")
    return {
        "about": "A asks, B’s worker goes. All that both sign, in the order in which it is sent.",
        "agreement": linking.agreement(),
        "events": made,
        "terms": TERMS,
        "terms_hash": HASH,
        "certificate_hash": jcs.digest(signed),
        "disclosure": DISCLOSURE,
        "shares": {
            "held_pence": 6000, "worker_net_pence": 5100, "home_commission_pence": 450, "asking_commission_pence": 450,
            "home_contribution_pence": 0, "asking_contribution_pence": 0,
        },
        "due_pence": 5910,
        "statement_hash": page["statement_hash"],
    }  # fmt: skip


def _certificates() -> list[Case]:
    good = certificate()
    changes: dict[str, Any] = {"n": 2, "terms_hash": "A" * 43, "worker_ref": "w-2", "request": "ref-9", "link": LINK[:-1] + "3",
               "offer": OFFER[:-1] + "2"}  # fmt: skip
    made = [case("good", certificate=good), case("with a member not known", certificate=certificate(colour="plum"))]
    made += [
        case(f"another {name}", "bad_certificate", certificate=certificate(**{name: value}))
        for name, value in changes.items()
    ]
    made.append(case("to another circle", "bad_certificate", certificate=certificate(to=a().node_id)))
    made.append(case("of another type", "bad_certificate", certificate=certificate(type="cover.certificates")))
    made.append(case("signed by B itself", "bad_proof", certificate=sign(b(), good)))
    made.append(case("changed", "bad_proof", certificate={**good, "ends_at": "2026-11-26T12:00:00Z"}))
    return made


def _run(state: Any, *inputs: Any) -> Any:
    for given in inputs:
        extra: Any = {"sign": lambda value: sign(a(), value)} if isinstance(state, cover.RequesterState) else {}
        state = cover.step(state, given, now=NOW, **extra).state
    return state


def _in(kind: str, **body: Any) -> cover.Incoming:
    given = msgspec.convert({"request": REF, **body}, bodies.BODIES[kind])
    return cover.Incoming(LINK, given, HASH if kind == "cover.offered" else "")


_AWARD: dict[str, Any] = {"n": 1, "offer": OFFER, "terms_hash": HASH}


def _asker(*inputs: Any) -> cover.RequesterState:
    times = {name: REQUESTED[name] for name in ("starts_at", "ends_at", "go_no_go_at")}
    first = cover.RequesterState(us=a().node_id, asked=(cover.Asked(LINK, b().node_id, REF),), **times)
    return _run(first, *inputs)


def _offerer(*inputs: Any) -> cover.OffererState:
    times = {name: REQUESTED[name] for name in ("starts_at", "ends_at", "go_no_go_at", "hold_until")}
    first = cover.OffererState(
        us=b().node_id,
        peer=a().node_id,
        link=LINK,
        request=REF,
        offer=OFFER,
        terms_hash=HASH,
        worker_ref="w-1",
        **times,
    )
    return _run(first, *inputs)


_OFFER = _in("cover.offered", **{key: value for key, value in OFFERING.items() if key != "request"})
_CHOSEN = cover.AwardOffer(LINK, OFFER, CONFIRM_BY)
_CONFIRMED = _in("cover.confirmed", **_AWARD, worker_ref="w-1")
_CLAIM = _in("visit.claimed", n=1, **SUMS)
_AWARDED = _in("cover.awarded", **_AWARD, confirm_by=CONFIRM_BY)
_FREE = cover.Availability(1, True)
_CLAIMS = cover.Claim(cover.Claimed(**SUMS))  # type: ignore[arg-type]


def _commit() -> cover.Incoming:
    return _in("cover.committed", n=1, certificate=certificate())


def _shown(state: Any) -> dict[str, Any]:
    if isinstance(state, cover.RequesterState):
        return cover.requester_document(state, LINK, now=NOW, sign=lambda value: sign(a(), value))
    return cover.offerer_document([state], now=NOW, sign=lambda value: sign(b(), value))


def _known(state: Any) -> dict[str, Any]:
    """All that this side knows, less what is nothing: those words would only have to be explained."""
    return {name: value for name, value in msgspec.to_builtins(state).items() if value}


def _pair(name: str, mine: Any, theirs: Any, phase: str, *says: dict[str, Any], at: datetime = NOW) -> Case:
    side = "requester" if isinstance(mine, cover.RequesterState) else "offerer"
    return case(
        name, side=side, at=wire_time(at), mine=_shown(mine), state=_known(mine), theirs=_shown(theirs),
        phase=phase, says=list(says),
    )  # fmt: skip


def _say(kind: str, **body: Any) -> dict[str, Any]:
    return {"type": kind, "body": {"request": REF, **body}}


def _at_asker() -> list[Case]:
    awarded = _asker(_OFFER, _CHOSEN)
    committed = _asker(_OFFER, _CHOSEN, _CONFIRMED)
    claimed = _asker(_OFFER, _CHOSEN, _CONFIRMED, _CLAIM)
    confirmed = _run(claimed, cover.ConfirmVisit())
    disputed = _run(claimed, cover.DisputeVisit(3000, 3000, "partly"))
    rescinded, cancelled = _run(awarded, cover.Rescind()), _run(awarded, cover.Cancel())
    prepared = _offerer(_AWARDED, _FREE)
    travels, went = _offerer(_AWARDED, _FREE, _commit()), _offerer(_AWARDED, _FREE, _commit(), _CLAIMS)
    confirm = {"n": 1, "how": "said_so", **PAID}
    dispute = {"n": 1, "undisputed_fee_pence": 3000, "disputed_pence": 3000, "reason": "partly"}
    award = _say("cover.awarded", **_AWARD, confirm_by=CONFIRM_BY)
    commit = _say("cover.committed", n=1, certificate=certificate())
    return [
        _pair("nothing has changed", _asker(_OFFER), _offerer(), "open"),
        _pair("the award was not heard", awarded, _offerer(), "awarded", award),
        _pair("the confirmation was not heard", awarded, prepared, "committed", commit),
        _pair("the refusal was not heard", awarded, _offerer(_AWARDED, cover.Availability(1, False)), "open"),
        _pair("the withdrawal was not heard", awarded, _offerer(cover.Withdraw()), "open"),
        _pair("the withdrawal after the certificate was not heard", committed, _run(travels, cover.Withdraw()), "open"),
        _pair("the certificate was not heard", committed, prepared, "committed", commit),
        _pair("the acknowledgement was not heard", committed, travels, "committed"),
        _pair("the claim was not heard", committed, went, "delivered"),
        _pair("the confirmation of the claim was not heard", confirmed, went, "confirmed", _say("visit.confirmed", **confirm)),
        _pair("the dispute was not heard", disputed, went, "delivered", _say("visit.disputed", **dispute)),
        _pair("the rescinding was not heard", rescinded, prepared, "open", _say("cover.rescinded", n=1, offer=OFFER)),
        _pair("the cancelling was not heard", cancelled, prepared, "ended",
              _say("cover.cancelled", cancelled_at=wire_time(NOW), reason="not_said")),
        _pair("restored: its own certificate is taken back", _asker(_OFFER), travels, "committed"),
        _pair("restored: its own certificate is taken back after the visit", _asker(_OFFER), went, "committed"),
        _pair("restored there: the withdrawal was forgotten", _run(committed, _in("cover.withdrawn", offer=OFFER)), travels,
              "open", _say("cover.rescinded", n=1, offer=OFFER)),
    ]  # fmt: skip


def _at_offerer() -> list[Case]:
    awarded, committed = _asker(_OFFER, _CHOSEN), _asker(_OFFER, _CHOSEN, _CONFIRMED)
    claimed = _asker(_OFFER, _CHOSEN, _CONFIRMED, _CLAIM)
    prepared = _offerer(_AWARDED, _FREE)
    travels, went = _offerer(_AWARDED, _FREE, _commit()), _offerer(_AWARDED, _FREE, _commit(), _CLAIMS)
    confirmed = _say("cover.confirmed", **_AWARD, worker_ref="w-1")
    seen = _say("cover.acknowledged", n=1, certificate_hash=jcs.digest(certificate()))
    return [
        _pair("the award was not heard, the worker is free", _offerer(), awarded, "prepared", confirmed),
        _pair("the confirmation was not heard", prepared, awarded, "prepared", confirmed),
        _pair("the certificate was not heard", prepared, committed, "committed", seen),
        _pair("the certificate was heard before the award", _offerer(), committed, "committed", seen),
        _pair("the acknowledgement was not heard", travels, committed, "committed", seen),
        _pair("the rescinding was not heard", prepared, _run(awarded, cover.Rescind()), "offered"),
        _pair("the cancelling was not heard", prepared, _run(awarded, cover.Cancel()), "ended"),
        _pair("the decline was not heard", _offerer(), _asker(_OFFER, cover.DeclineOffer(LINK, OFFER)), "declined"),
        _pair("the offer was not heard", _offerer(), _asker(), "offered", {"type": "cover.offered", "body": {"offer": OFFER}}),
        _pair("the withdrawal was not heard", _offerer(cover.Withdraw()), _asker(_OFFER), "withdrawn",
              _say("cover.withdrawn", offer=OFFER)),
        _pair("the claim was not heard", went, committed, "delivered", _say("visit.claimed", n=1, **SUMS)),
        _pair("the confirmation of the claim was not heard", went, _run(claimed, cover.ConfirmVisit()), "delivered"),
        _pair("called off once the worker has set out", travels, _run(committed, cover.Cancel()), "committed",
              at=datetime.fromisoformat(REQUESTED["starts_at"])),
    ]  # fmt: skip
