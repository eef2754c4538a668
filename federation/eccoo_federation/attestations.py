"""Attestations: a circle says what it saw of a worker, on which day, and nothing more.

A Verifiable Credential (W3C VC Data Model 2.0) with an eddsa-jcs-2022 proof, of which only this one form is known here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from . import limits
from .errors import ProtocolError
from .proofs import ResolveKey, verify_object
from .shapes import Code, Date, Ref, Shape, Time, Uuid7, read
from .times import parse_time, wire_time

CONTEXT = ("https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2")
TYPE = ("VerifiableCredential", "CircleAttestation")
# What it does not say is a part of what is signed, so that nobody can show the one without the other.
CAVEAT = "The issuing circle saw this on the day that is named. It is not the certificate: ask to see it."


class Seen(Shape, frozen=True, kw_only=True):
    """What was seen: a kind and days, never a number. ``expires_on`` is the end that the paper itself names."""

    kind: Code
    seen_on: Date
    expires_on: Date | None = None


class Subject(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Somebody of the issuing circle, for as long as the attestation is good; nothing tells who."""

    id: str
    link: Uuid7
    seen: Seen


class Credential(Shape, frozen=True, kw_only=True):
    context: tuple[str, ...] = msgspec.field(name="@context")
    id: str
    type: tuple[str, ...]
    issuer: str
    description: Literal[
        "The issuing circle saw this on the day that is named. It is not the certificate: ask to see it."
    ]
    valid_from: Time = msgspec.field(name="validFrom")
    valid_until: Time = msgspec.field(name="validUntil")
    subject: Subject = msgspec.field(name="credentialSubject")
    proof: dict[str, Any]


def draft(
    node_id: str, link: str, ref: Ref, seen: Seen, now: datetime, expires_at: datetime | None = None
) -> dict[str, Any]:
    """The object to sign: good for 90 days, or until what was seen ends itself."""
    until = min(now + limits.ATTESTATION_LIFE, expires_at or now + limits.ATTESTATION_LIFE)
    return {
        "@context": list(CONTEXT),
        "id": _id(node_id, ref),
        "type": list(TYPE),
        "issuer": f"urn:circle:{node_id}",
        "description": CAVEAT,
        "validFrom": wire_time(now),
        "validUntil": wire_time(until),
        "credentialSubject": {"id": f"{_id(node_id, ref)}:subject", "link": link, "seen": seen.as_wire()},
    }


def check(
    value: Any, *, issuer: str, link: str, ref: str, resolve_key: ResolveKey, now: datetime
) -> tuple[Seen, datetime]:
    """What was seen, and until when that may be shown. Raises ``bad_proof``, ``unknown_key``, ``wrong_link``,
    ``bad_body`` or ``gone`` (its time is over)."""
    verify_object(value, resolve_key, by=issuer)
    found = read(value, Credential)
    names = (found.context, found.type, found.issuer, found.id, found.subject.id)
    if names != (CONTEXT, TYPE, f"urn:circle:{issuer}", _id(issuer, ref), f"{_id(issuer, ref)}:subject"):
        raise ProtocolError("bad_body", "This is not the attestation that was asked for.")
    if found.subject.link != link:
        raise ProtocolError("wrong_link")
    begins, until = parse_time(found.valid_from), parse_time(found.valid_until)
    if not begins < until <= begins + limits.ATTESTATION_LIFE or begins > now + limits.CLOCK_SLACK:
        raise ProtocolError("bad_body", "An attestation is good for 90 days at most.")
    if until <= now:
        raise ProtocolError("gone")
    return found.subject.seen, until


def _id(node_id: str, ref: str) -> str:
    return f"urn:circle:{node_id}:attestation:{ref}"
