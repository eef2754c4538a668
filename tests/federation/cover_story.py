"""One request, one offer, fixed keys: the pieces that the cover tests tell their stories with."""

from __future__ import annotations

from typing import Any

import msgspec

from eccoo_federation import bodies as b
from eccoo_federation import cover, identity, jcs, proofs
from eccoo_federation.cover import Effect, Emit

from .helpers import NOW, circle

A, B, C = circle("a"), circle("b"), "c" * 52
LINK_B, LINK_C = "01a20074-c523-7ebe-a48f-28326f1f95b5", "01a20074-c523-7ebe-a48f-28326f1f95b6"
OFFER, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
REF = "ref-b"
RESOLVE = identity.resolver(identity.verify_log(A.log))
CONFIRM_BY = "2026-11-22T11:00:00Z"

REQUEST = b.CoverRequested(
    request=REF,
    area="HX7",
    starts_at="2026-11-26T09:00:00Z",
    ends_at="2026-11-26T11:00:00Z",
    needs=b.Needs(hoist=True, gender="woman"),
    fee_pence=6000,
    cancellation=b.Cancellation(notice_hours=24, pay_bps=5000),
    schedule=b.Schedule(worker_deduct_bps=1500, payer_add_bps=0),
    reply_by="2026-11-24T16:00:00Z",
    hold_until="2026-11-25T09:00:00Z",
    go_no_go_at="2026-11-26T07:00:00Z",
)
OFFERED = b.CoverOffered(
    request=REF,
    offer=OFFER,
    first_name="Sam",
    rate_pence_per_hour=3000,
    fee_pence=6000,
    travel_pence=360,
    schedule=b.Schedule(worker_deduct_bps=1500, payer_add_bps=0),
    hold_until="2026-11-25T09:00:00Z",
)
TERMS = cover.terms_of(REQUEST, OFFERED, schedule="home", home_share_bps=5000)
HASH = cover.terms_hash(TERMS)
CLAIMED = cover.Claimed("as_planned", 120, 6000, 360, 5910)


def sign(value: dict[str, Any]) -> dict[str, Any]:
    return proofs.sign_object(value, A.object_key, A.node_id, NOW)


def asker() -> cover.RequesterState:
    return cover.RequesterState(
        us=A.node_id,
        starts_at=REQUEST.starts_at,
        ends_at=REQUEST.ends_at,
        go_no_go_at=REQUEST.go_no_go_at,
        asked=(cover.Asked(LINK_B, B.node_id, REF), cover.Asked(LINK_C, C, "ref-c")),
    )


def offerer(**changes: Any) -> cover.OffererState:
    state = cover.OffererState(
        us=B.node_id,
        peer=A.node_id,
        link=LINK_B,
        request=REF,
        offer=OFFER,
        terms_hash=HASH,
        worker_ref="w-1",
        hold_until=OFFERED.hold_until,
        go_no_go_at=REQUEST.go_no_go_at,
        starts_at=REQUEST.starts_at,
        ends_at=REQUEST.ends_at,
    )
    return msgspec.structs.replace(state, **changes)


def run(state: Any, *inputs: Any, now: Any = NOW) -> tuple[Any, list[Emit], list[Effect]]:
    told: list[Emit] = []
    effects: list[Effect] = []
    for given in inputs:
        extra = {"sign": sign} if isinstance(state, cover.RequesterState) else {}
        step = cover.step(state, given, now=now, **extra)
        state = step.state
        told += step.emit
        effects += step.effects
    return state, told, effects


def arrives(body: b.Body, link: str = LINK_B) -> cover.Incoming:
    return cover.Incoming(link, body, HASH if isinstance(body, b.CoverOffered) else "")


OFFER_IN = arrives(OFFERED)
OTHER_IN = cover.Incoming(LINK_C, msgspec.structs.replace(OFFERED, request="ref-c", offer=OTHER), HASH)
AWARD = cover.AwardOffer(LINK_B, OFFER, CONFIRM_BY)
CONFIRMED = arrives(b.CoverConfirmed(request=REF, n=1, offer=OFFER, terms_hash=HASH, worker_ref="w-1"))
AWARDED_BODY: dict[str, Any] = {"request": REF, "n": 1, "offer": OFFER, "terms_hash": HASH, "confirm_by": CONFIRM_BY}


def committed() -> tuple[cover.RequesterState, cover.OffererState]:
    ours, told, _ = run(asker(), OFFER_IN, AWARD, CONFIRMED)
    certificate = next(one for one in told if one.type == "cover.committed").body["certificate"]
    theirs, _, _ = run(
        offerer(),
        arrives(b.CoverAwarded(**AWARDED_BODY)),
        cover.Availability(1, True),
        arrives(b.CoverCommitted(request=REF, n=1, certificate=certificate)),
    )
    acknowledged = b.CoverAcknowledged(request=REF, n=1, certificate_hash=jcs.digest(certificate))
    ours, _, _ = run(ours, arrives(acknowledged))
    return ours, theirs
