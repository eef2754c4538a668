"""A world of one asking circle and some offering ones, with a network that loses, repeats and reorders.

It plays the node's part: one transaction for a step, its events and its effects; a lock table for workers; pulls.
The network has no order of its own at all, which is harsher than the inbox that stands before the machines.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from eccoo_federation import bodies, cover, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.times import wire_time

from . import cover_promises as promises

START = datetime(2026, 11, 26, 9, tzinfo=UTC)
ASKER = "a" * 52


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def link_name(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def node_name(number: int) -> str:
    return chr(ord("b") + number) * 52


def sign(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "proof": {"by": "test"}}


@dataclass
class Message:
    link: str
    to_asker: bool
    type: str
    body: dict[str, Any]


@dataclass
class World:
    rng: random.Random
    links: int = 2
    workers: int = 2
    now: datetime = START - timedelta(days=3)
    wire: list[Message] = field(default_factory=list)
    offers: dict[tuple[str, str], cover.OffererState] = field(default_factory=dict)
    locks: dict[tuple[str, int], str] = field(default_factory=dict)
    worker_of: dict[str, int] = field(default_factory=dict)
    made: int = 0
    commits: int = 0
    # Who was told to ring and why: the link of an offering circle, or nothing for the asking one.
    alarms: list[tuple[str, str]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    booked: set[int] = field(default_factory=set)
    booked_there: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    # Every certificate that the asker really signed, and every award that its people really made.
    signed: list[dict[str, Any]] = field(default_factory=list)
    awarded: set[tuple[int, str, str]] = field(default_factory=set)
    # Links whose other side lies; whether the asker does; how often a side was brought back from an older copy.
    liars: frozenset[int] = frozenset()
    asker_lies: bool = False
    restored: int = 0

    def __post_init__(self) -> None:
        asked = tuple(
            cover.Asked(link_name(number), node_name(number), f"ref-{number}") for number in range(self.links)
        )
        self.asker = cover.RequesterState(
            us=ASKER,
            starts_at=wire_time(START),
            ends_at=wire_time(START + timedelta(hours=2)),
            go_no_go_at=wire_time(START - timedelta(hours=2)),
            asked=asked,
        )

    # The node's part

    def ask(self, given: Any) -> bool:
        """One step of the asking side. False when it may not be done now."""
        try:
            step = cover.step(self.asker, given, now=self.now, sign=sign)
        except ProtocolError as error:
            assert error.code == "wrong_state" or self.troubled, error
            return False
        before = self.asker
        self.asker = _stored(step.state)
        if isinstance(given, cover.AwardOffer) and self.asker.award is not None:
            self.awarded.add((self.asker.n, given.link, given.offer))
        if self.asker.certificate is not None and self.asker.certificate != before.certificate:
            self.signed.append(self.asker.certificate)
        for effect in step.effects:
            self._do_at_asker(effect)
        self.wire += [Message(one.link, False, one.type, one.body) for one in step.emit]
        promises.always(self)
        return True

    def offer_side(self, key: tuple[str, str], given: Any) -> bool:
        if isinstance(given, cover.Incoming):
            mine = [state for own, state in self.offers.items() if own[0] == key[0]]
            given = replace(given, another_goes=cover.another_goes(mine, key[1]))
        try:
            step = cover.step(self.offers[key], given, now=self.now)
        except ProtocolError as error:
            assert error.code == "wrong_state" or self.troubled, error
            return False
        self.offers[key] = _stored(step.state)
        self.wire += [Message(one.link, True, one.type, one.body) for one in step.emit]
        for effect in step.effects:
            self._do_at_offerer(key, effect)
        promises.always(self)
        return True

    def _do_at_asker(self, effect: cover.Effect) -> None:
        match effect:
            case cover.HoldMoney(n=n):
                assert not self.held | self.booked, "money is held for one award at a time, and paid once"
                self.held.add(n)
            case cover.ReleaseMoney(n=n) | cover.ApplyCancellation(n=n):
                self.held.discard(n)
            case cover.BookVisit(n=n, fee_pence=fee):
                assert fee <= 6000, "more is booked than was agreed"
                self.booked.add(n)
                self.held.discard(n)
            case cover.RingAlarm(why=why):
                self.alarms.append(("", why))

    def _do_at_offerer(self, key: tuple[str, str], effect: cover.Effect) -> None:
        link, offer = key
        slot = (link, self.worker_of[offer])
        match effect:
            case cover.LockWorker(n=n):
                free = self.locks.setdefault(slot, offer) == offer and self.rng.random() < 0.9
                if not free and self.locks.get(slot) == offer:
                    del self.locks[slot]
                self.offer_side(key, cover.Availability(n, free))
            case cover.ReleaseWorker():
                if self.locks.get(slot) == offer:
                    del self.locks[slot]
            case cover.ResendOffer():
                self._send_offer(self.offers[key])
            case cover.BookVisit(fee_pence=fee, travel_pence=travel, due_pence=due):
                assert key not in self.booked_there, "a visit is booked twice"
                self.booked_there[key] = (fee, travel, due)
            case cover.RingAlarm(why=why):
                self.alarms.append((link, why))

    def new_offer(self, number: int, worker: int) -> None:
        self.made += 1
        link, offer = link_name(number), uuid(self.made)
        self.worker_of[offer] = worker
        state = cover.OffererState(
            us=node_name(number),
            peer=ASKER,
            link=link,
            request=f"ref-{number}",
            offer=offer,
            terms_hash=jcs.digest(offer),
            worker_ref=f"worker-{worker}",
            hold_until=wire_time(START - timedelta(hours=self.rng.choice([1, 24, 60]))),
            go_no_go_at=wire_time(START - timedelta(hours=2)),
            starts_at=wire_time(START),
            ends_at=wire_time(START + timedelta(hours=2)),
        )
        self.offers[(link, offer)] = state
        self._send_offer(state)

    def _send_offer(self, state: cover.OffererState) -> None:
        body = bodies.CoverOffered(
            request=state.request,
            offer=state.offer,
            first_name="Test",
            rate_pence_per_hour=2000,
            fee_pence=6000,
            schedule=bodies.Schedule(worker_deduct_bps=1500, payer_add_bps=0),
            hold_until=state.hold_until,
        )
        self.wire.append(Message(state.link, True, body.TYPE, body.as_wire()))

    # The network's part

    def deliver(self, message: Message) -> None:
        body = msgspec.convert(message.body, bodies.BODIES[message.type])
        if isinstance(body, bodies.CoverCommitted) and not genuine(body.certificate):
            return
        if message.to_asker:
            if isinstance(body, bodies.VisitClaimed) and not fair(body):
                return
            terms = jcs.digest(body.offer) if isinstance(body, bodies.CoverOffered) else ""
            self.ask(cover.Incoming(message.link, body, terms))
            return
        for key, state in list(self.offers.items()):
            if key[0] == message.link and concerns(body, state):
                self.offer_side(key, cover.Incoming(message.link, body))

    def pull_by_asker(self, number: int) -> None:
        states = [state for key, state in self.offers.items() if key[0] == link_name(number)]
        if states:
            document = cover.offerer_document(states, now=self.now, sign=sign)
            self.apply_at_asker(document)

    def apply_at_asker(self, document: dict[str, Any]) -> None:
        for given in cover.reconcile(self.asker, document):
            if isinstance(given, cover.Adopt) and not genuine(given.certificate):
                continue
            claim = given.body if isinstance(given, cover.Incoming) else None
            if not isinstance(claim, bodies.VisitClaimed) or fair(claim):
                self.ask(given)

    def pull_by_offerers(self, number: int) -> None:
        self.apply_at_offerers(number, cover.requester_document(self.asker, link_name(number), now=self.now, sign=sign))

    def apply_at_offerers(self, number: int, document: dict[str, Any]) -> None:
        for key in [key for key in self.offers if key[0] == link_name(number)]:
            for given in cover.reconcile(self.offers[key], document):
                sent = given.body if isinstance(given, cover.Incoming) else None
                if not isinstance(sent, bodies.CoverCommitted) or genuine(sent.certificate):
                    self.offer_side(key, given)

    @property
    def troubled(self) -> bool:
        """Somebody lies, or has forgotten: what the other then says may be refused in any way."""
        return bool(self.liars or self.asker_lies or self.restored)

    # A database that is lost, and an older copy that takes its place

    def copy(self) -> dict[str, Any]:
        return {
            "asker": self.asker, "held": set(self.held), "booked": set(self.booked), "awarded": set(self.awarded),
            "offers": dict(self.offers), "locks": dict(self.locks), "booked_there": dict(self.booked_there),
        }  # fmt: skip

    def bring_back(self, copy: dict[str, Any], number: int | None) -> None:
        """The asking side, or the circle behind one link, wakes up as it was; then it asks the others how they stand."""
        self.restored += 1
        if number is None:
            self.asker, self.held = copy["asker"], set(copy["held"])
            self.booked, self.awarded = set(copy["booked"]), set(copy["awarded"])
            for one in range(self.links):
                self.pull_by_asker(one)
            return
        link = link_name(number)
        for name in ("offers", "locks", "booked_there"):
            own, old = getattr(self, name), copy[name]
            for key in [key for key in own if key[0] == link]:
                del own[key]
            own.update({key: value for key, value in old.items() if key[0] == link})
        self.pull_by_offerers(number)

    def heal(self) -> None:
        """The network works again: everything in flight arrives, and both sides pull until nothing changes."""
        for _ in range(30):
            before = (self.asker, dict(self.offers))
            while self.wire:
                self.deliver(self.wire.pop(0))
            for number in range(self.links):
                self.pull_by_offerers(number)
                self.pull_by_asker(number)
            while self.wire:
                self.deliver(self.wire.pop(0))
            if before == (self.asker, self.offers):
                return
        raise AssertionError(f"no rest after healing: {self.asker} {self.offers}")


def genuine(certificate: dict[str, Any]) -> bool:
    """Whether the asker's own node signed it, as a node checks before its machine sees it."""
    return certificate.get("proof") == {"by": "test"}


def fair(claim: bodies.VisitClaimed) -> bool:
    """Whether a claim keeps to what was agreed, as a node checks before its machine sees it."""
    return claim.fee_pence <= 6000 and not claim.travel_pence


def concerns(body: Any, state: cover.OffererState) -> bool:
    """As a node routes: by offer where the event names one, by certificate, else to every offer to the request."""
    if isinstance(body, bodies.CoverCommitted):
        return bool(body.certificate["offer"] == state.offer)
    offer = getattr(body, "offer", None)
    if isinstance(body, bodies.VisitConfirmed | bodies.VisitDisputed | bodies.VisitResolved):
        return body.n == state.n
    return offer is None or offer == state.offer


def _stored(state: Any) -> Any:
    """Through JSON and back, as a database would keep it."""
    return msgspec.json.decode(msgspec.json.encode(state), type=type(state))
