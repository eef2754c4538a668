"""What a lying circle may say on its own link: events nobody asked for, sums too high, certificates forged or old, and
signed states that contradict all that was said before."""

from __future__ import annotations

import random
from typing import Any

from msgspec.structs import replace

from eccoo_federation import bodies, cover, jcs
from eccoo_federation.times import wire_time

from .cover_world import START, Message, World, link_name, sign, uuid

OUTCOMES = ("as_planned", "shorter", "no_answer", "did_not_go", "cancelled_late")


def _n(world: World, rng: random.Random) -> int:
    return max(1, world.asker.n + rng.choice((-2, -1, 0, 0, 0, 1, 2, 900, 5000)))


def _offer(world: World, rng: random.Random) -> str:
    """One that exists, on whatever link; or none at all."""
    known = [view.offer for view in world.asker.offers] or [uuid(999)]
    return rng.choice([*known, uuid(999)])


def _sums(rng: random.Random) -> dict[str, int]:
    fee = rng.choice((0, 3000, 6000, 60_000))
    return {"fee_pence": fee, "travel_pence": rng.choice((0, 5000)), "due_pence": rng.choice((0, 5550, fee))}


def of_an_offerer(world: World, number: int, rng: random.Random) -> None:
    """The circle behind this link lies to the one that asks."""
    request, offer, n = f"ref-{number}", _offer(world, rng), _n(world, rng)
    terms = rng.choice((jcs.digest(offer), jcs.digest("other")))
    made: bodies.Body
    match rng.randrange(8):
        case 0:
            made = bodies.CoverConfirmed(request=request, n=n, offer=offer, terms_hash=terms, worker_ref="somebody")
        case 1:
            made = bodies.CoverAcknowledged(request=request, n=n, certificate_hash=terms)
        case 2:
            made = bodies.CoverWithdrawn(request=request, offer=offer, n=rng.choice((None, n)))
        case 3:
            made = bodies.CoverRefused(request=request, n=n, offer=offer)
        case 4:
            outcome: Any = rng.choice(OUTCOMES)
            made = bodies.VisitClaimed(request=request, n=n, outcome=outcome, minutes=120, **_sums(rng))
        case 5:
            made = bodies.VisitResolved(request=request, n=n, **_sums(rng))
        case 6:
            made = bodies.CoverDeclined(request=request, reason="nobody")
        case _:
            world.apply_at_asker(_their_state(world, number, rng))
            return
    world.deliver(Message(link_name(number), True, made.TYPE, made.as_wire()))


def _their_state(world: World, number: int, rng: random.Random) -> dict[str, Any]:
    """A whole state that never was; its certificate is forged, or an old one of ours."""
    offer, n = _offer(world, rng), _n(world, rng)
    forged = _certificate(world, number, offer, n) | {"proof": {"by": "liar"}}
    claim = cover.Claimed(rng.choice(OUTCOMES), 120, **_sums(rng)) if rng.random() < 0.5 else None
    phase: Any = rng.choice(("offered", "prepared", "committed", "delivered", "withdrawn", "ended"))
    state = cover.OffererState(
        us="x", peer=world.asker.us, link=link_name(number), request=f"ref-{number}", offer=offer,
        terms_hash=rng.choice((jcs.digest(offer), jcs.digest("other"))), worker_ref="somebody",
        hold_until=wire_time(START), go_no_go_at=wire_time(START), starts_at=wire_time(START), ends_at=wire_time(START),
        phase=phase, n=n, refused_n=rng.choice((0, n)), certificate=rng.choice((None, forged, *world.signed)),
        claim=claim, agreed=claim if rng.random() < 0.3 else None, rev=rng.randrange(100),
    )  # fmt: skip
    return cover.offerer_document([state], now=world.now, sign=sign)


def _certificate(world: World, number: int, offer: str, n: int) -> dict[str, Any]:
    return cover.Certificate(
        request=f"ref-{number}", n=n, offer=offer, link=link_name(number), from_=world.asker.us,
        to=chr(ord("b") + number) * 52, terms_hash=jcs.digest(offer), worker_ref="worker-0",
        starts_at=world.asker.starts_at, ends_at=world.asker.ends_at, committed_at=wire_time(world.now),
    ).as_wire()  # fmt: skip


def of_the_asker(world: World, number: int, rng: random.Random) -> None:
    """The circle that asks lies to those who offer on this link."""
    request, offer, n = f"ref-{number}", _offer(world, rng), _n(world, rng)
    forged = _certificate(world, number, offer, n) | {"proof": {"by": "liar"}}
    made: bodies.Body
    match rng.randrange(10):
        case 0:
            terms = rng.choice((jcs.digest(offer), jcs.digest("other")))
            made = bodies.CoverAwarded(
                request=request, n=n, offer=offer, terms_hash=terms, confirm_by=wire_time(world.now)
            )
        case 1:
            made = bodies.CoverCommitted(request=request, n=n, certificate=rng.choice((forged, *world.signed)))
        case 9:
            made = bodies.CoverCommitted(request=request, n=n, certificate=_signed_for_two(world, number, n, rng))
        case 2:
            made = bodies.CoverRescinded(request=request, n=n, offer=offer)
        case 3:
            made = bodies.CoverDeclined(request=request, offer=rng.choice((None, offer)), reason="filled")
        case 4:
            made = bodies.CoverCancelled(request=request, cancelled_at=wire_time(START), reason="not_needed")
        case 5:
            made = bodies.VisitConfirmed(request=request, n=n, how="resolved", **_sums(rng))
        case 6:
            made = bodies.VisitResolved(request=request, n=n, **_sums(rng))
        case 7:
            made = bodies.VisitDisputed(
                request=request, n=n, undisputed_fee_pence=0, disputed_pence=6000, reason="not_came"
            )
        case _:
            phase: Any = rng.choice(("open", "awarded", "committed", "ended"))
            award = cover.Award(n, link_name(number), offer, jcs.digest(offer), wire_time(START))
            lie = replace(
                world.asker, phase=phase, n=n, award=rng.choice((None, award)), ended_at=wire_time(world.now),
                certificate=rng.choice((None, forged, *world.signed)), rev=world.asker.rev + rng.randrange(9),
            )  # fmt: skip
            world.apply_at_offerers(number, cover.requester_document(lie, link_name(number), now=world.now, sign=sign))
            return
    world.deliver(Message(link_name(number), False, made.TYPE, made.as_wire()))


def _signed_for_two(world: World, number: int, n: int, rng: random.Random) -> dict[str, Any]:
    """A certificate that really bears the asker's proof, for an offer of this circle that nobody need have chosen."""
    theirs = [state for key, state in sorted(world.offers.items()) if key[0] == link_name(number)]
    if not theirs:
        return _certificate(world, number, uuid(999), n) | {"proof": {"by": "liar"}}
    state = rng.choice(theirs)
    made = sign(_certificate(world, number, state.offer, n) | {"worker_ref": state.worker_ref})
    world.signed.append(made)
    return made
