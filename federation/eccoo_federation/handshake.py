"""From an invitation to a signed agreement, and the one function that says what a link allows.

B pastes A's invitation, pins A, and posts a ``LinkRequest`` with a commitment to a nonce; A checks the token before it
fetches anything, pins B, and answers with a commitment of its own. B reveals, A reveals in its answer, and both screens
show six words. Without the commitments somebody between the two could choose keys on both legs until the words collide
(about 2**33 tries); with them there is one try at 2**-66.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from . import jcs, limits
from .errors import ProtocolError
from .identity import CAPS
from .invites import Token
from .proofs import ResolveKey, verify_cosigned
from .shapes import Bps, Code, Count, Digest, NodeId, Pence, Shape, SignedPence, Time, Url, Uuid7, read
from .times import parse_time, wire_time
from .words import six_words_of

POOL_FIELDS = ("first_name", "skills", "languages", "areas", "rate", "hours")
# What keeps people safe or frees them crosses a link whatever its state, from the first agreement on.
ALWAYS = frozenset({"link", "ping", "erasure", "release", "settle.final"})
# Of that, all that crosses once an ended link is closed: who and where somebody is, and what is to be forgotten. Nothing is
# owed there any more, so no sum may be said.
FORGETS = frozenset({"link", "ping", "erasure"})
# What follows from a yes that both gave. It outlives the link and the agreement, but waits while a link is paused.
HONOUR = "honour"
OUTLIVES = frozenset({HONOUR, "settle"})
UNKNOWN_SCOPE = "The agreement names something that circles cannot allow each other."
NO_AGREEMENT = "There is no agreement in force between the two circles."
CLOSED = "closed"
PLAIN_SCOPES = frozenset({"cover.request", "cover.offer", "attest.read", "settle", "introduce"})
_CAPS_OF = {
    "cover": "cover-1", "pool": "pool-1", "attest": "attest-1", "settle": "settle-1", "introduce": "introduce-1",
}  # fmt: skip

Scope = Annotated[str, Meta(max_length=200)]
Direction = Literal["in", "out"]
Status = Literal["pending", "active", "suspended", "ended", "closed"]


class LinkRequest(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Body of ``POST /fed/v1/links``, from the side that was invited. ``link`` is chosen by it."""

    v: Literal[1] = 1
    token: Token
    link: Uuid7
    node_id: NodeId
    base_url: Url
    log_head: Digest
    commitment: Digest


class LinkAnswer(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """The signed answer to it, from the inviting side."""

    v: Literal[1] = 1
    link: Uuid7
    node_id: NodeId
    log_head: Digest
    commitment: Digest


class Reveal(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Body of ``POST /fed/v1/links/{id}/reveal`` and of its answer."""

    v: Literal[1] = 1
    link: Uuid7
    nonce: Token


class WordsAgain(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Body of ``POST /fed/v1/links/{id}/words`` and of its answer: new words within a link, after a move."""

    v: Literal[1] = 1
    link: Uuid7
    log_head: Digest
    commitment: Digest


class Commission(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Whose schedule applies to a visit, and how many parts of 10,000 of each commission the worker's circle keeps."""

    schedule: Literal["home", "asking"] = "home"
    home_share_bps: Bps = 5000


class Supersedes(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """After everything was lost: the old identity, the party that it has become, and the balance that both admins sign
    (pence that it owed the other)."""

    node_id: NodeId
    became: NodeId
    balance_pence: SignedPence


class Agreement(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """What both sign. ``may[X]`` is what node X may do towards the other, ``caps`` what both can do: no scope is given
    that needs another. ``rev`` counts agreements of this link.

    ``credit_limit_pence`` is the most that either may owe the other before new commits stop; confirmations never stop.
    """

    v: Literal[1] = 1
    type: Literal["link.agreement"] = "link.agreement"
    link: Uuid7
    rev: Count = 1
    prev: Digest | None = None
    parties: tuple[NodeId, NodeId]
    base_urls: dict[str, Url]
    words_hash: Digest
    may: dict[str, tuple[Scope, ...]]
    caps: tuple[Code, ...] = CAPS
    limits: dict[str, int]
    currency: Literal["GBP"] = "GBP"
    credit_limit_pence: Pence
    statement_period: Literal["week", "month"] = "month"
    data_terms_hash: Digest
    commission: Commission
    supersedes: Supersedes | None = None
    agreed_at: Time
    expires_at: Time


class AgreementMessage(Shape, frozen=True, kw_only=True, omit_defaults=False):
    """Body of ``POST /fed/v1/links/{id}/agreement``: with one proof it proposes, with two it concludes."""

    v: Literal[1] = 1
    agreement: dict[str, Any]


class LinkState(msgspec.Struct, frozen=True):
    """A link as one side sees it; ``closed`` where it has ended and all is through. ``narrowed[X]`` lists scopes taken
    back since the agreement, by either side."""

    us: str
    them: str
    status: Status = "pending"
    narrowed: dict[str, tuple[str, ...]] = {}


def new_nonce_commitment(link: str, node_id: str, log_head: str, nonce: str) -> str:
    """What one side promises before it has seen anything of the other's."""
    return jcs.digest(
        {"tag": "circle-commit-1", "link": link, "node_id": node_id, "log_head": log_head, "nonce": nonce}
    )


def check_reveal(commitment: str, link: str, node_id: str, log_head: str, nonce: str) -> None:
    """Raises ``bad_reveal`` unless ``nonce`` is the one that ``commitment`` promised for this side of this link."""
    if not hmac.compare_digest(commitment, new_nonce_commitment(link, node_id, log_head, nonce)):
        raise ProtocolError("bad_reveal")


class Side(msgspec.Struct, frozen=True, order=True):
    """One side's part in the words."""

    node_id: str
    log_head: str
    nonce: str


def words_hash(link: str, one: Side, other: Side) -> str:
    """The transcript that both screens' words stand for; the agreement carries it."""
    return jcs.digest_bytes(_transcript(link, one, other))


def six_words(link: str, one: Side, other: Side) -> tuple[str, ...]:
    """The same six words on both screens, in whichever order the sides are given; read out over the phone."""
    return six_words_of(_transcript(link, one, other))


def scopes_are_known(scopes: Iterable[str]) -> bool:
    return all(_known_scope(scope) for scope in scopes)


def cap_of(scope: str) -> str:
    """The capability that both must have before this scope can be given."""
    return _CAPS_OF[scope.partition(".")[0]]


def within(scopes: Iterable[str], caps: Iterable[str]) -> tuple[str, ...]:
    """Those of these scopes that nodes with these capabilities can give each other, sorted."""
    both = set(caps)
    return tuple(sorted(scope for scope in scopes if cap_of(scope) in both))


def check_agreement(value: Any, parties: Iterable[str], link: str, now: datetime) -> Agreement:
    """The agreement, if both could sign it now. Raises ``bad_agreement``. Proofs are checked by ``conclude``."""
    agreement = read(value, Agreement, "bad_agreement")
    pair = tuple(sorted(parties))
    if agreement.link != link or agreement.parties != pair or len(set(pair)) != 2:
        raise ProtocolError("bad_agreement", "The agreement is not between these two circles.")
    if set(agreement.may) != set(pair) or set(agreement.base_urls) != set(pair):
        raise ProtocolError("bad_agreement", "The agreement does not name both directions.")
    if not all(scopes_are_known(scopes) for scopes in agreement.may.values()):
        raise ProtocolError("bad_agreement", UNKNOWN_SCOPE)
    both = set(agreement.caps)
    if not both <= set(CAPS) or any(cap_of(scope) not in both for scopes in agreement.may.values() for scope in scopes):
        raise ProtocolError("bad_agreement", "The agreement names something that one of the two cannot do.")
    agreed, expires = parse_time(agreement.agreed_at), parse_time(agreement.expires_at)
    if not agreed < expires <= agreed + limits.AGREEMENT_LIFE or expires <= now:
        raise ProtocolError("bad_agreement", "An agreement runs for a year at most.")
    return agreement


def conclude(
    value: Any, parties: Iterable[str], link: str, resolve_key: ResolveKey, now: datetime, *, previous: Any = None
) -> Agreement:
    """An agreement in force: both proofs hold, and it follows ``previous`` (the signed object that it replaces, or
    None).

    Raises ``bad_agreement``, ``bad_proof`` or ``unknown_key``. Widening always comes this way, with two signatures.
    """
    pair = sorted(parties)
    agreement = check_agreement(value, pair, link, now)
    verify_cosigned(value, resolve_key, pair)
    expected = (1, None) if previous is None else (previous["rev"] + 1, jcs.digest(previous))
    if (agreement.rev, agreement.prev) != expected:
        raise ProtocolError("bad_agreement", "The agreement does not follow the one before it.")
    moved = previous is not None and previous["base_urls"] != agreement.base_urls
    if moved and previous["words_hash"] == agreement.words_hash:
        # A moved address is where a middleman would step in: people must read out new words.
        raise ProtocolError("bad_agreement", "A circle has moved: compare new words before you widen anything.")
    return agreement


def propose_agreement(
    *,
    link: str,
    base_urls: Mapping[str, str],
    words: str,
    may: Mapping[str, Iterable[str]],
    credit_limit_pence: int,
    data_terms_hash: str,
    now: datetime,
    commission: Commission | None = None,
    statement_period: Literal["week", "month"] = "month",
    previous: dict[str, Any] | None = None,
    supersedes: Supersedes | None = None,
    caps: Iterable[str] = CAPS,
) -> dict[str, Any]:
    """The object to sign. ``words`` is ``words_hash`` of the handshake; ``caps`` are what both can do, and of ``may`` what
    needs others is left out. Raises ``bad_agreement``."""
    if not all(scopes_are_known(scopes) for scopes in may.values()):
        raise ProtocolError("bad_agreement", UNKNOWN_SCOPE)
    pair = sorted(base_urls)
    agreement = Agreement(
        link=link,
        rev=previous["rev"] + 1 if previous else 1,
        prev=jcs.digest(previous) if previous else None,
        parties=(pair[0], pair[1]),
        base_urls=dict(base_urls),
        words_hash=words,
        may={node: within(scopes, caps) for node, scopes in may.items()},
        caps=tuple(sorted(set(caps))),
        limits=limits.advertised(),
        credit_limit_pence=credit_limit_pence,
        statement_period=statement_period,
        data_terms_hash=data_terms_hash,
        commission=commission or Commission(),
        supersedes=supersedes,
        agreed_at=wire_time(now),
        expires_at=wire_time(now + limits.AGREEMENT_LIFE),
    )
    value = agreement.as_wire()
    check_agreement(value, pair, link, now)
    return value


def narrow(link: LinkState, taken: Mapping[str, Iterable[str]]) -> LinkState:
    """The link with scopes taken back: ``taken[X]`` is what node X may no longer do. One side alone may do this, at
    once.

    Raises ``scope_denied`` for what cannot be taken back (release, erasure, ping, the final settlement).
    """
    narrowed = {node: set(scopes) for node, scopes in link.narrowed.items()}
    for node, scopes in taken.items():
        if node not in (link.us, link.them) or not scopes_are_known(scopes):
            raise ProtocolError("scope_denied", "That is not something this link could ever allow.")
        narrowed.setdefault(node, set()).update(scopes)
    return msgspec.structs.replace(link, narrowed={node: tuple(sorted(scopes)) for node, scopes in narrowed.items()})


def allowed(agreement: Agreement | None, link: LinkState, direction: Direction, scope: str, now: datetime) -> bool:
    """The one policy function, as yes or no. ``refusal`` is the same with its reason."""
    return refusal(agreement, link, direction, scope, now) is None


def refusal(
    agreement: Agreement | None, link: LinkState, direction: Direction, scope: str, now: datetime
) -> ProtocolError | None:
    """None when ``scope`` may cross, else the error to raise or to show.

    ``direction`` is ``in`` for what the peer does towards us, ``out`` for what we do towards it. Called for inbound
    requests, outbox sends, scheduled jobs, pool reads and rendered lists alike; a rule kept in one of them only is a
    leak.
    """
    if agreement is None:
        # Nothing was agreed yet: whoever may compare six words with us has sent us nothing, and reads nothing of ours.
        over = link.status in ("ended", "closed")
        return ProtocolError("link_ended") if over else ProtocolError("scope_denied", NO_AGREEMENT)
    if scope in (FORGETS if link.status == "closed" else ALWAYS):
        return None
    if link.status == "closed":
        # What an ended link would have carried its sender could not know to be over.
        return ProtocolError("link_ended", detail={"code": CLOSED} if scope in ALWAYS | OUTLIVES else {})
    if link.status == "suspended":
        return ProtocolError("link_suspended")
    outlives = scope in OUTLIVES
    if link.status == "ended" and not outlives:
        return ProtocolError("link_ended")
    lapsed = agreement.expires_at <= wire_time(now)
    if link.status == "pending" or (lapsed and not outlives):
        return ProtocolError("scope_denied", NO_AGREEMENT)
    if scope == HONOUR:
        return None
    actor = link.them if direction == "in" else link.us
    given, taken = agreement.may.get(actor, ()), link.narrowed.get(actor, ())
    if not _covers(given, scope) or _touches(taken, scope):
        return ProtocolError("scope_denied", detail={"scope": scope})
    return None


def link_secret_ref(secret: bytes, *parts: str) -> str:
    """A reference that means nothing to the peer: HMAC-SHA256 over the parts with a secret of this link, base64url.

    Two links never share a reference, and the same person's next request has another.
    """
    return jcs.b64url(hmac.new(secret, jcs.dump(list(parts)), sha256).digest())


def read_link_request(value: Any) -> LinkRequest:
    return read(value, LinkRequest)


def _transcript(link: str, one: Side, other: Side) -> bytes:
    sides = [msgspec.to_builtins(side) for side in sorted((one, other))]
    return jcs.dump({"tag": "circle-words-1", "link": link, "sides": sides})


def _pool_fields(scope: str) -> set[str] | None:
    if not scope.startswith("pool.read:"):
        return None
    return set(scope.removeprefix("pool.read:").split(","))


def _known_scope(scope: str) -> bool:
    fields = _pool_fields(scope)
    return scope in PLAIN_SCOPES if fields is None else bool(fields) and fields <= set(POOL_FIELDS)


def _covers(given: Iterable[str], scope: str) -> bool:
    wanted = _pool_fields(scope)
    if wanted is None:
        return scope in set(given)
    return wanted <= {field for one in given for field in _pool_fields(one) or ()}


def _touches(taken: Iterable[str], scope: str) -> bool:
    wanted = _pool_fields(scope)
    if wanted is None:
        return scope in set(taken)
    return bool(wanted & {field for one in taken for field in _pool_fields(one) or ()})
