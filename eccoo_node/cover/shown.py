"""What is shown to whom: the open question without a name or a place, and what only the one who is coming reads."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from eccoo_federation import bodies, events
from eccoo_federation.bodies import Body
from eccoo_federation.shapes import read
from eccoo_federation.times import wire_time
from eccoo_node.cover.rules import CONFIRM_WITHIN, RETAIN, Hours
from eccoo_node.escrow.queries import Schedule
from eccoo_node.kernel.errors import Conflict
from eccoo_node.members.cards import CareCodes, Helper, MustKnow
from eccoo_node.rota.queries import Visit

B = TypeVar("B", bound=Body)
# The longest text on the wire.
LINE = 600


def open_question(
    visit: Visit,
    outward: str,
    codes: CareCodes,
    schedule: Schedule,
    hours: Hours,
    reference: str,
    zone: ZoneInfo,
    invited: Sequence[str] = (),
) -> dict[str, Any]:
    """The body that linked circles get: where roughly, when, what is needed, for how much. Nothing else is known there.

    Raises Conflict when the person's outward postcode is not known.
    """
    if not outward:
        raise Conflict("We need the first half of the postcode, such as HX7, before we can ask.", "no_area")
    review = codes.safety_review_at
    needs = bodies.Needs(
        two_people="two_people" in codes.facts,
        hoist="hoist" in codes.facts,
        stairs="stairs" in codes.facts,
        pets=("pets",) if "pets" in codes.facts else (),
        smoke="smoke" in codes.facts,
        languages=(codes.language,),
        gender="woman" if codes.gender_wished == "woman" else "man" if codes.gender_wished == "man" else "any",
        safety_review_on=review.astimezone(zone).date().isoformat() if review else None,
    )
    return bodies.CoverRequested(
        request=reference,
        area=outward,
        starts_at=wire_time(visit.starts_at),
        ends_at=wire_time(visit.ends_at),
        needs=needs,
        skills=tuple(sorted(codes.skills)),
        fee_pence=visit.fee_pence - visit.on_the_way_pence,
        travel=bodies.Travel(kind="fixed", most_pence=visit.travel_pence) if visit.travel_pence else bodies.Travel(),
        cancellation=bodies.Cancellation(notice_hours=visit.cancel_hours, pay_bps=visit.cancel_bps),
        schedule=bodies.Schedule(worker_deduct_bps=schedule.worker_deduct_bps, payer_add_bps=schedule.payer_add_bps),
        reply_by=wire_time(hours.next_news_at),
        hold_until=wire_time(hours.hold_until),
        confirm_within_s=int(CONFIRM_WITHIN.total_seconds()),
        go_no_go_at=wire_time(hours.go_no_go_at),
        invited=tuple(invited),
    ).as_wire()


class Disclosed(msgspec.Struct, frozen=True):
    """What the worker who is coming may read, until `retain_until`, as their own circle keeps it."""

    called: str
    full_name: str
    address: str
    phone: str
    way_in: str
    must_know: str
    ring: str
    ring_called: str
    retain_until: str


def disclosure(facts: MustKnow, visit: Visit, ring: Helper, ref: str, n: int) -> events.Disclosure:
    """Only what this visit needs: who, where, how to get in, what must be known, and whom to ring. Moves once, only
    against a certificate."""
    way_in, *more = _parts(facts.way_in) or [""]
    return events.Disclosure(
        request=ref,
        n=n,
        salt=secrets.token_urlsafe(32),
        name=facts.full_name,
        called=facts.called,
        address=visit.address,
        phone=facts.phone,
        way_in=way_in,
        must_know=(*more, *_parts(facts.must_know)),
        ring=ring.phone,
        ring_called=ring.called,
        retain_until=wire_time(visit.ends_at + RETAIN),
    )


def disclosed(told: events.Disclosure) -> Disclosed:
    return Disclosed(
        called=told.called or told.name,
        full_name=told.name,
        address=told.address,
        phone=told.phone,
        way_in=told.way_in,
        must_know="\n".join(told.must_know),
        ring=told.ring,
        ring_called=told.ring_called,
        retain_until=told.retain_until,
    )


def _parts(text: str) -> list[str]:
    """A text in pieces that the wire takes: a line each, a long line cut."""
    return [line[at : at + LINE] for line in text.splitlines() for at in range(0, max(len(line), 1), LINE)]


def stored(body: str, shape: type[B]) -> B:
    """A stored body as the protocol's own shape. It was checked when it came."""
    return read(msgspec.json.decode(body), shape)


def confirm_by(now: datetime, starts_at: datetime) -> str:
    """By when an award must be confirmed: within the hours agreed, and before the visit begins."""
    return wire_time(min(now + CONFIRM_WITHIN, starts_at))
