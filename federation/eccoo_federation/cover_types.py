"""The values that the two cover machines pass around. Times are wire times, which sort as text.

States are plain data: ``msgspec.to_builtins`` stores one, ``msgspec.convert`` brings it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from .bodies import Body

RequesterPhase = Literal["open", "awarded", "committed", "delivered", "confirmed", "settled", "ended"]
OffererPhase = Literal["offered", "locking", "prepared", "committed", "delivered", "withdrawn", "declined", "ended"]
OfferStatus = Literal["live", "refused", "declined", "withdrawn"]
Sign = Callable[[dict[str, Any]], dict[str, Any]]


class Emit(msgspec.Struct, frozen=True):
    """An event to put into the outbox of ``link``."""

    link: str
    type: str
    body: dict[str, Any]


class Effect(msgspec.Struct, frozen=True, tag_field="effect", omit_defaults=True):
    """Something the node carries out in the same transaction as the state change. Each may come twice; do it once."""


class HoldMoney(Effect, frozen=True, tag=True):
    """Set the offer's price aside for award ``n``; the person has just said yes to it."""

    n: int
    link: str
    offer: str


class ReleaseMoney(Effect, frozen=True, tag=True):
    n: int


class ApplyCancellation(Effect, frozen=True, tag=True):
    """The request was cancelled after commit ``n``: the agreed terms say what of the hold is paid."""

    n: int


class LockWorker(Effect, frozen=True, tag=True):
    """Take the worker's slots for ``offer``; tell the machine the outcome with ``Availability(n, free)``."""

    n: int
    offer: str


class ReleaseWorker(Effect, frozen=True, tag=True):
    offer: str


class Tell(Effect, frozen=True, tag=True):
    """News for the people on this side, by code. What the codes mean is listed in docs/protocol.md."""

    news: str
    n: int = 0
    offer: str = ""
    link: str = ""


class SendDisclosure(Effect, frozen=True, tag=True):
    """The certificate exists: make the disclosure ready and announce it."""

    n: int
    link: str


class AskAgain(Effect, frozen=True, tag=True):
    """The request is open again after a commit: those who were told it was filled may be asked anew."""

    links: tuple[str, ...]


class AskHowItWent(Effect, frozen=True, tag=True):
    n: int


class BookVisit(Effect, frozen=True, tag=True):
    """Claim and confirmation agree: one entry, keyed (request, n), in this side's ledger."""

    n: int
    fee_pence: int
    travel_pence: int
    due_pence: int


class ResendOffer(Effect, frozen=True, tag=True):
    """The peer does not know this offer: send the stored ``cover.offered`` body again."""

    offer: str


class RingAlarm(Effect, frozen=True, tag=True):
    """Red on the screen: not sure, or the peer broke a rule. ``why`` is a code listed in docs/protocol.md."""

    why: str
    n: int = 0


class Asked(msgspec.Struct, frozen=True):
    """One link that was asked, and the reference that this request has there."""

    link: str
    peer: str
    request: str


class OfferView(msgspec.Struct, frozen=True):
    """What the requester's machine needs to know of an offer. ``last_n`` is the last award made to it (0: none)."""

    link: str
    offer: str
    terms_hash: str
    hold_until: str
    status: OfferStatus = "live"
    last_n: int = 0


class Award(msgspec.Struct, frozen=True):
    n: int
    link: str
    offer: str
    terms_hash: str
    confirm_by: str


class Claimed(msgspec.Struct, frozen=True):
    """The amounts of a claim, kept until they are confirmed."""

    outcome: str
    minutes: int
    fee_pence: int
    travel_pence: int
    due_pence: int


class RequesterState(msgspec.Struct, frozen=True):
    """One cover request at the circle that asks.

    ``n`` is the highest award number ever used; ``rev`` grows with every change; ``agreed`` is what was booked.
    ``taken_until`` is set where the people agreed to take a claim that came too late, and is its new last moment.
    ``spoken_n`` is the award of which the people of both circles spoke on the telephone: no hour takes it back.
    """

    us: str
    starts_at: str
    ends_at: str
    go_no_go_at: str
    asked: tuple[Asked, ...] = ()
    phase: RequesterPhase = "open"
    n: int = 0
    offers: tuple[OfferView, ...] = ()
    award: Award | None = None
    worker_ref: str = ""
    certificate: dict[str, Any] | None = None
    acknowledged: bool = False
    claim: Claimed | None = None
    dispute: DisputeVisit | None = None
    resolution_ours: Claimed | None = None
    resolution_theirs: Claimed | None = None
    agreed: Claimed | None = None
    ended_at: str = ""
    ended_reason: str = ""
    taken_until: str = ""
    spoken_n: int = 0
    alarmed: bool = False
    rev: int = 0


class OffererState(msgspec.Struct, frozen=True):
    """One offer at the circle that offers. ``n`` is the award it is in, ``dead_n`` the highest one known to be dead.

    Refused awards are dead too; ``refused_n`` remembers the last, so that it can be said again. ``proposed`` keeps all
    sums that we signed for in a dispute: the asker may conclude on any of them. ``let_go``: our people agreed to be paid
    nothing; the claim is shown and said no more, and booked only if the asker had taken it before it could know.
    ``spoken``: the people of both circles know by telephone that the worker comes; no hour takes the offer back.
    """

    us: str
    peer: str
    link: str
    request: str
    offer: str
    terms_hash: str
    worker_ref: str
    hold_until: str
    go_no_go_at: str
    starts_at: str
    ends_at: str
    phase: OffererPhase = "offered"
    n: int = 0
    dead_n: int = 0
    refused_n: int = 0
    certificate: dict[str, Any] | None = None
    claim: Claimed | None = None
    disputed: bool = False
    let_go: bool = False
    proposed: tuple[Claimed, ...] = ()
    resolution_theirs: Claimed | None = None
    agreed: Claimed | None = None
    spoken: bool = False
    alarmed: bool = False
    rev: int = 0


class Incoming(msgspec.Struct, frozen=True):
    """A peer's event that passed every check of link, proof, scope and order. ``link`` is where it came in.

    ``terms_hash`` goes with ``cover.offered`` alone: the hash of the terms that awarding it would fix.
    ``another_goes`` goes with ``cover.awarded`` and ``cover.committed``: what ``another_goes`` says of this circle's offers.
    """

    link: str
    body: Body
    terms_hash: str = ""
    another_goes: int = 0


class AddLink(msgspec.Struct, frozen=True):
    """Ask one more link. The node sends ``cover.requested`` itself, because only it knows the words."""

    asked: Asked


class AwardOffer(msgspec.Struct, frozen=True):
    """The person chose this offer."""

    link: str
    offer: str
    confirm_by: str


class Rescind(msgspec.Struct, frozen=True):
    """Take the award back. Possible only while there is no certificate."""


class Cancel(msgspec.Struct, frozen=True):
    reason: str = "not_said"


class DeclineOffer(msgspec.Struct, frozen=True):
    link: str
    offer: str


class ConfirmVisit(msgspec.Struct, frozen=True):
    """The visit went as claimed, or the window for saying otherwise has passed."""

    how: Literal["said_so", "window_lapsed", "facilitator"] = "said_so"


class DisputeVisit(msgspec.Struct, frozen=True):
    undisputed_fee_pence: int
    disputed_pence: int
    reason: Literal["not_came", "partly", "something_wrong", "amount"]


class ResolveVisit(msgspec.Struct, frozen=True):
    """Sums that this side signs for in a dispute: fee, travel and debt of the whole visit.

    ``alone``: no node of the other side will ever answer, so what people agreed concludes here, disputed or not.
    """

    fee_pence: int
    travel_pence: int
    due_pence: int
    alone: bool = False


class TakeAfterAll(msgspec.Struct, frozen=True):
    """The people of both circles agreed that a claim which came too late is taken after all."""


class LetGo(msgspec.Struct, frozen=True):
    """The people of both circles agreed that nothing is paid for a claim which came too late."""


class Spoken(msgspec.Struct, frozen=True):
    """The people of both circles spoke, and the worker comes although neither machine is sure. Creates nothing: what is
    set aside for the award stays so until nobody may claim any more."""


class Settled(msgspec.Struct, frozen=True):
    """A statement that holds this visit was paid and received."""


class Availability(msgspec.Struct, frozen=True):
    """The outcome of ``LockWorker`` for award ``n``, and why not."""

    n: int
    free: bool
    why: Literal["not_free", "credit_limit"] = "not_free"


class Withdraw(msgspec.Struct, frozen=True):
    """The worker can't after all, or takes the offer back. For good."""


class Claim(msgspec.Struct, frozen=True):
    """How the worker says it went. ``due_pence`` comes from ``claims.due_pence``."""

    claimed: Claimed


class Tick(msgspec.Struct, frozen=True):
    """Time has passed."""


class Resend(msgspec.Struct, frozen=True):
    """Say again what holds now about this offer. ``n`` names an award the peer still believes in (0: none)."""

    link: str
    offer: str
    n: int = 0


class Adopt(msgspec.Struct, frozen=True):
    """A restored requester finds its own certificate in the offerer's hands.

    The caller has verified our proof on it.
    """

    link: str
    certificate: dict[str, Any]


RequesterInput = (
    Incoming
    | AddLink
    | AwardOffer
    | Rescind
    | Cancel
    | DeclineOffer
    | ConfirmVisit
    | DisputeVisit
    | ResolveVisit
    | TakeAfterAll
    | Spoken
    | Settled
    | Tick
    | Resend
    | Adopt
)
OffererInput = Incoming | Availability | Withdraw | Claim | ResolveVisit | LetGo | Spoken | Tick | Resend


class RequesterStep(msgspec.Struct, frozen=True):
    state: RequesterState
    emit: tuple[Emit, ...] = ()
    effects: tuple[Effect, ...] = ()


class OffererStep(msgspec.Struct, frozen=True):
    state: OffererState
    emit: tuple[Emit, ...] = ()
    effects: tuple[Effect, ...] = ()
