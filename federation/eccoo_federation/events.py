"""The envelope around every event, its proof, batches and answers.

An event is signed when it is first sent, because only then does it get its ``seq``; from then on its bytes never
change. ``seq`` counts all events of one sender on one link, without a hole. ``rev`` and ``prev`` count and chain the
sender's events about one ``subject``. ``link``, ``from`` and ``to`` stand inside the proof, so an event means nothing
elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from . import jcs, limits
from .bodies import BODIES, Body, SettleStatement
from .errors import ProtocolError
from .keys import SigningKey
from .proofs import ResolveKey, Signer, sign_object, verify_object
from .shapes import Code, Count, CountFrom0, Digest, NodeId, Ref, Shape, Text, Time, read
from .shapes import Uuid7 as EventId
from .times import wire_time

VerdictName = Literal["applied", "duplicate", "refused", "blocked", "buffered"]
# Members that this implementation understands when an event marks them as critical.
UNDERSTOOD: frozenset[str] = frozenset()


class Envelope(Shape, frozen=True, kw_only=True, rename={"from_": "from"}):
    """An event's outer members, its body not yet looked at."""

    id: EventId
    link: EventId
    from_: NodeId
    to: NodeId
    seq: Count
    subject: Ref
    rev: Count
    prev: Digest | None
    type: Code
    at: Time
    body: dict[str, Any]
    crit: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """A parsed event. ``raw`` keeps members unknown here; ``digest`` is that of the whole event, proof included."""

    id: str
    link: str
    from_: str
    to: str
    seq: int
    subject: str
    rev: int
    prev: str | None
    type: str
    at: str
    body: Body
    raw: dict[str, Any]
    digest: str


class Draft(msgspec.Struct, frozen=True):
    """What an act leaves in the outbox: everything but number, chain and signature."""

    id: str
    link: str
    to: str
    subject: str
    type: str
    at: str
    body: dict[str, Any]


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    id: EventId
    verdict: VerdictName
    code: Code | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /fed/v1/inbox``. ``applied`` is the highest ``seq`` up to which nothing is missing."""

    applied: CountFrom0
    # Those of this batch, and those that had waited there for it.
    verdicts: Annotated[tuple[Verdict, ...], Meta(max_length=limits.BATCH_EVENTS + limits.BUFFERED_EVENTS)] = ()


class Ping(msgspec.Struct, frozen=True):
    """Body and answer of ``POST /fed/v1/ping``, each seen from its sender: highest seq sent, highest seq applied."""

    link: str
    sent: CountFrom0
    applied: CountFrom0


class Disclosure(Shape, frozen=True, kw_only=True):
    """What the holder of a certificate pulls once, and nobody logs.

    ``salt`` makes the hash in the event unguessable. ``name`` is the full one, ``called`` what they like to be called;
    ``ring`` is the number of whoever helps when something is not as it should be, ``ring_called`` what they are called.
    """

    v: Literal[1] = 1
    request: Ref
    n: Count
    salt: Digest
    name: Text
    address: Text
    way_in: Text = ""
    must_know: tuple[Text, ...] = ()
    phone: Text = ""
    called: Text = ""
    ring: Text = ""
    ring_called: Text = ""
    retain_until: Time

    def as_wire(self) -> dict[str, Any]:
        return {**super().as_wire(), "v": 1}


def new_event_id(now: datetime) -> str:
    """A UUIDv7 (RFC 9562 section 5.7)."""
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def draft(link: str, to: str, subject: str, type: str, body: dict[str, Any], now: datetime) -> Draft:
    """Raises ``bad_body`` or ``unknown_type``: what we would refuse, we do not send."""
    read_body(type, body)
    return Draft(new_event_id(now), link, to, subject, type, wire_time(now), body)


def seal(
    draft: Draft, *, from_: str, seq: int, rev: int, prev: str | None, key: SigningKey, now: datetime
) -> tuple[Event, bytes]:
    """Number, chain and sign, once. Store the bytes before they are sent; every retry sends the same ones."""
    value = {
        "id": draft.id,
        "link": draft.link,
        "from": from_,
        "to": draft.to,
        "seq": seq,
        "subject": draft.subject,
        "rev": rev,
        "prev": prev,
        "type": draft.type,
        "at": draft.at,
        "body": draft.body,
    }
    signed = sign_object(value, key, from_, now)
    return parse_event(signed), jcs.dump(signed)


def read_body(type: str, value: Any) -> Body:
    """Raises ``unknown_type`` or ``bad_body``."""
    shape = BODIES.get(type)
    if shape is None:
        raise ProtocolError("unknown_type", detail={"type": type[:48]})
    return read(value, shape)


def read_envelope(value: Any) -> Envelope:
    """Enough to place an event and to record a refusal under its ``seq``, even when its body makes no sense."""
    return read(value, Envelope)


def parse_event(value: Any) -> Event:
    """Envelope and body, checked; the proof is not (``verify_event``).

    Raises ``bad_body``, ``unknown_type``, ``crit_unknown``.
    """
    return open_envelope(read_envelope(value), value, jcs.digest(value))


def open_envelope(envelope: Envelope, value: dict[str, Any], digest: str) -> Event:
    """The rest of ``parse_event``, for whoever has read the envelope and taken the digest already."""
    unknown = sorted(set(envelope.crit) - UNDERSTOOD)
    if unknown:
        raise ProtocolError("crit_unknown", detail={"crit": [name[:48] for name in unknown[:8]]})
    if (envelope.rev == 1) != (envelope.prev is None):
        raise ProtocolError("chain_broken", "The first event about something, and only that, has none before it.")
    body = read_body(envelope.type, envelope.body)
    return Event(
        envelope.id, envelope.link, envelope.from_, envelope.to, envelope.seq, envelope.subject, envelope.rev,
        envelope.prev, envelope.type, envelope.at, body, value, digest,
    )  # fmt: skip


def verify_event(event: Event, resolve_key: ResolveKey, *, link: str, from_: str, to: str) -> Signer:
    """The event was made by ``from_``, for ``to``, on this link.

    Raises ``wrong_link``, ``bad_proof`` or ``unknown_key``.
    """
    if (event.link, event.from_, event.to) != (link, from_, to):
        raise ProtocolError("wrong_link")
    return verify_object(event.raw, resolve_key, by=from_)


def scope_of(event: Event) -> str:
    """The scope that the sender needs (for ``handshake.allowed``)."""
    if isinstance(event.body, SettleStatement) and event.body.final:
        return "settle.final"
    return scope_of_type(event.type)


def scope_of_type(type: str) -> str:
    """Raises ``unknown_type``."""
    shape = BODIES.get(type)
    if shape is None:
        raise ProtocolError("unknown_type", detail={"type": type[:48]})
    return shape.SCOPE


def write_batch(events: Sequence[bytes]) -> bytes:
    """``{"events":[…]}`` around stored bytes, which are spliced in unchanged. Raises ``too_large``."""
    body = b'{"events":[' + b",".join(events) + b"]}"
    if len(events) > limits.BATCH_EVENTS or len(body) > limits.BATCH_BYTES:
        raise ProtocolError("too_large")
    return body


def fill_batch(events: Sequence[bytes], most: int = limits.BATCH_EVENTS) -> int:
    """How many of ``events``, from the first, fit into one batch: at least one, so that one too large surfaces."""
    size, count = len(b'{"events":[]}'), 0
    for event in events[: min(most, limits.BATCH_EVENTS)]:
        size += len(event) + 1
        if size > limits.BATCH_BYTES and count:
            break
        count += 1
    return count


def read_batch(body: bytes) -> list[dict[str, Any]]:
    """The events as values; each one's bytes are ``jcs.dump`` of it. Raises as ``jcs.parse``, or ``bad_body``."""
    value = jcs.parse(body)
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= limits.BATCH_EVENTS:
        raise ProtocolError("bad_body", "A batch holds 1 to 50 events.")
    if not all(isinstance(event, dict) for event in events):
        raise ProtocolError("bad_body", "A batch holds events.")
    return events


def write_answer(answer: BatchAnswer) -> bytes:
    return jcs.dump(msgspec.to_builtins(answer))


def read_answer(body: bytes) -> BatchAnswer:
    """Raises ``bad_body``."""
    try:
        return msgspec.convert(jcs.parse(body), BatchAnswer)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad_body", "The answer to the batch cannot be read.") from error


def disclosure_hash(disclosure: Disclosure) -> str:
    """``salted_hash`` of ``disclosure.sent``: the digest of the disclosure, whose salt has 256 random bits."""
    return jcs.digest(disclosure.as_wire())


def check_disclosure(value: Any, salted_hash: str) -> Disclosure:
    """Raises ``bad_body``, or ``event_changed`` when it is not the one that the event announced."""
    disclosure = read(value, Disclosure)
    if jcs.digest(value) != salted_hash:
        raise ProtocolError("event_changed", "This is not the disclosure that was announced.")
    return disclosure
