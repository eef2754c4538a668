"""What an award fixes, and the certificate that makes it count."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from . import jcs
from .bodies import Cancellation, CoverOffered, CoverRequested, Schedule
from .errors import ProtocolError
from .proofs import ResolveKey, verify_object
from .shapes import Count, Digest, NodeId, Ref, Shape, Time, Uuid, Uuid7, read


class Certificate(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """The commit certificate, as signed by the requester. A worker travels on this and on nothing else."""

    v: Literal[1] = 1
    type: Literal["cover.certificate"] = "cover.certificate"
    request: Ref
    n: Count
    offer: Uuid
    link: Uuid7 | Ref
    from_: NodeId | Ref = msgspec.field(name="from")
    to: NodeId | Ref
    terms_hash: Digest
    worker_ref: Ref
    starts_at: Time
    ends_at: Time
    committed_at: Time


class Terms(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Everything that costs or binds, and nothing about a person. Both sides hash the same."""

    request: Ref
    offer: Uuid
    starts_at: Time
    ends_at: Time
    fee_pence: int
    travel_pence: int
    rate_pence_per_hour: int
    schedule: Schedule
    home_share_bps: int
    cancellation: Cancellation


def terms_of(
    request: CoverRequested, offer: CoverOffered, *, schedule: Literal["home", "asking"], home_share_bps: int
) -> Terms:
    """The terms that an award of ``offer`` would fix. ``schedule`` and ``home_share_bps`` come from the link agreement.

    Raises ``wrong_amount`` if the worker would be charged above their home circle's own rate.
    """
    applies = offer.schedule if schedule == "home" else request.schedule
    if applies.worker_deduct_bps > offer.schedule.worker_deduct_bps:
        raise ProtocolError("wrong_amount", "A worker is never charged above their own circle’s rate.")
    return Terms(
        request=request.request,
        offer=offer.offer,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        fee_pence=offer.fee_pence,
        travel_pence=offer.travel_pence,
        rate_pence_per_hour=offer.rate_pence_per_hour,
        schedule=applies,
        home_share_bps=home_share_bps,
        cancellation=request.cancellation,
    )


def terms_hash(terms: Terms) -> str:
    return jcs.digest(terms.as_wire())


def read_certificate(value: Any, *, request: str, n: int, offer: str, terms: str, worker_ref: str) -> Certificate:
    """The certificate, if it is for exactly this award. Raises ``bad_certificate``; the proof is checked apart."""
    certificate = read(value, Certificate, "bad_certificate")
    given = (certificate.request, certificate.n, certificate.offer, certificate.terms_hash, certificate.worker_ref)
    if given != (request, n, offer, terms, worker_ref):
        raise ProtocolError("bad_certificate")
    return certificate


def verify_certificate(value: Any, resolve_key: ResolveKey, *, link: str, from_: str, to: str) -> Certificate:
    """A certificate made by ``from_`` for ``to`` on this link.

    Raises ``bad_certificate``, ``bad_proof``, ``unknown_key``.
    """
    certificate = read(value, Certificate, "bad_certificate")
    if (certificate.link, certificate.from_, certificate.to) != (link, from_, to):
        raise ProtocolError("bad_certificate")
    verify_object(value, resolve_key, by=from_)
    return certificate
