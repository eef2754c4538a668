"""HTTP message signatures: who sent this, here, now (RFC 9421), over exactly these bytes (RFC 9530).

The signing library's defaults are not this protocol's policy (without being told, it takes an uncovered body and a
day-old signature), so every rule below is checked here first, before any key is looked up; the library then builds the
signature base and checks the signature. The caller keeps the nonces: a request is new only once (link, kid, nonce) was
stored.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import http_sf
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from . import jcs, limits
from .errors import ProtocolError
from .keys import SigningKey, screen_public_key
from .times import wire_time

TAG = "circle-fed-1"
LABEL = "circle"
JSON = "application/json"

Headers = Sequence[tuple[str, str]]
ResolveTransportKey = Callable[[str], bytes | None]

_NONCE = re.compile(r"^[A-Za-z0-9_-]{22}\Z")
_KID = re.compile(r"^[A-Za-z0-9_-]{43}\Z")
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_REQUEST_PARTS = ("@method", "@target-uri", "content-digest")
_RESPONSE_PARTS = ("@status", "content-digest", '"@method";req', '"@target-uri";req')


class SignedRequest(msgspec.Struct, frozen=True):
    """The request that a response answers, as it went over the wire. ``headers`` is empty for an unsigned one."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """``created`` and ``expires`` are Unix seconds. ``nonce`` is empty for a response."""

    kid: str
    nonce: str
    created: int
    expires: int


class _Fields:
    """The header list in the shape the signing library reads: repeated lines kept apart and in order."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __contains__(self, name: str) -> bool:
        return any(known.lower() == name.lower() for known, _ in self._pairs)


class _Request:
    def __init__(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> None:
        self.method = method
        self.url = url
        self.headers = _Fields(headers)


class _Response:
    def __init__(self, status: int, headers: Iterable[tuple[str, str]], request: SignedRequest) -> None:
        self.status_code = status
        self.headers = _Fields(headers)
        self.request = _Request(request.method, request.url, request.headers)


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return self._key


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Nothing: it would read the machine's clock; ``_check_times`` has judged by the clock that was supplied."""


class Unchecked:
    """A message whose form is in order and whose signature awaits the key. ``kid`` says which key to look up."""

    def __init__(self, message: _Request | _Response, claimed: Verified) -> None:
        self._message = message
        self._claimed = claimed
        self.kid = claimed.kid
        self.nonce = claimed.nonce

    def verify(self, raw_key: bytes | None) -> Verified:
        """Raises ``unknown_key`` (for None), ``bad_key`` or ``bad_signature``."""
        if raw_key is None:
            raise ProtocolError("unknown_key", detail={"kid": self.kid})
        verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=_OneKey(screen_public_key(raw_key)))
        try:
            results = verifier.verify(self._message, max_age=None, expect_tag=TAG)
        except HTTPMessageSignaturesException as error:
            raise ProtocolError("bad_signature") from error
        if len(results) != 1:
            raise ProtocolError("bad_signature")
        return self._claimed


def new_nonce() -> str:
    """128 random bits, base64url."""
    return jcs.b64url(os.urandom(16))


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    key: SigningKey,
    now: datetime,
    nonce: str | None = None,
) -> list[tuple[str, str]]:
    """``headers`` with Content-Digest, Signature-Input and Signature added; Content-Type too where there is a body.

    ``url`` must be, byte for byte, what goes over the wire. A retry signs again with a fresh ``nonce``.
    """
    fields = _with_content(headers, body)
    parts = [*_REQUEST_PARTS, "content-type"] if body else list(_REQUEST_PARTS)
    return _signed(_Request(method, url, fields), fields, parts, key, now, nonce or new_nonce())


def sign_response(
    status: int, headers: Headers, body: bytes, request: SignedRequest, key: SigningKey, now: datetime
) -> list[tuple[str, str]]:
    """As ``sign_request``. The request's own signature is covered, so that two answers cannot change places."""
    fields = _with_content(headers, body)
    parts = _response_parts(body, request)
    return _signed(_Response(status, fields, request), fields, parts, key, now, None)


def check_request(method: str, target_uri: str, headers: Headers, body: bytes, now: datetime) -> Unchecked:
    """Everything that can be refused without a key, cheapest first.

    ``target_uri`` is the node's public origin plus the raw path and query, never anything taken from ``Host``. Raises
    ``headers_too_large``, ``too_large``, ``bad_encoding``, ``unsigned``, ``bad_signature``, ``missing_component``,
    ``bad_digest`` or ``clock_skew``.
    """
    _check_sizes(headers, body, limits.BODY_BYTES)
    components, params = _our_signature(headers)
    claimed = _claims(params, nonce_needed=True)
    _check_components(components, [*_REQUEST_PARTS, "content-type"] if body else list(_REQUEST_PARTS))
    _check_times(claimed, now)
    _check_digest(headers, body)
    return Unchecked(_Request(method, target_uri, headers), claimed)


def verify_request(
    method: str,
    target_uri: str,
    headers: Headers,
    body: bytes,
    resolve_key: ResolveTransportKey,
    now: datetime,
) -> Verified:
    """``check_request`` and the key in one step, for a caller whose keys are at hand."""
    unchecked = check_request(method, target_uri, headers, body, now)
    return unchecked.verify(resolve_key(unchecked.kid))


def check_response(status: int, headers: Headers, body: bytes, request: SignedRequest, now: datetime) -> Unchecked:
    """As ``check_request``. An answer without our signature is ``unsigned_response``: a proxy's, or not our peer's."""
    _check_sizes(headers, body, limits.RESPONSE_BYTES)
    try:
        components, params = _our_signature(headers)
    except ProtocolError as error:
        if error.code != "unsigned":
            raise
        raise ProtocolError("unsigned_response", detail={"status": status}) from error
    claimed = _claims(params, nonce_needed=False)
    _check_components(components, _response_parts(body, request))
    _check_times(claimed, now)
    _check_digest(headers, body)
    return Unchecked(_Response(status, headers, request), claimed)


def verify_response(
    status: int,
    headers: Headers,
    body: bytes,
    request: SignedRequest,
    resolve_key: ResolveTransportKey,
    now: datetime,
) -> Verified:
    unchecked = check_response(status, headers, body, request, now)
    return unchecked.verify(resolve_key(unchecked.kid))


def header(headers: Headers, name: str) -> str | None:
    """All lines of one field, joined as RFC 9110 section 5.2 says; None when there is none."""
    values = [value.strip(" \t") for known, value in headers if known.lower() == name]
    return ", ".join(values) if values else None


def _response_parts(body: bytes, request: SignedRequest) -> list[str]:
    parts = list(_RESPONSE_PARTS)
    if body:
        parts.append("content-type")
    if header(request.headers, "signature") is not None:
        parts.append('"signature";req')
    return parts


def _with_content(headers: Headers, body: bytes) -> list[tuple[str, str]]:
    skip = {"content-digest", "signature", "signature-input"}
    fields = [(name, value) for name, value in headers if name.lower() not in skip]
    if body and header(fields, "content-type") is None:
        fields.append(("Content-Type", JSON))
    return [*fields, ("Content-Digest", content_digest(body))]


def _signed(
    message: _Request | _Response,
    fields: list[tuple[str, str]],
    parts: list[str],
    key: SigningKey,
    now: datetime,
    nonce: str | None,
) -> list[tuple[str, str]]:
    created = int(now.timestamp())
    try:
        prepared = HTTPMessageSigner(signature_algorithm=algorithms.ED25519).prepare(
            message,
            key_id=key.kid,
            created=datetime.fromtimestamp(created, UTC),
            expires=datetime.fromtimestamp(created + limits.SIGNATURE_LIFE_S, UTC),
            nonce=nonce,
            label=LABEL,
            tag=TAG,
            covered_component_ids=parts,
            use_existing_digest=True,
        )
    except HTTPMessageSignaturesException as error:
        raise ProtocolError("bad_address", "That request cannot be signed as it stands.") from error
    signature = base64.b64encode(key.sign(prepared.signature_base)).decode()
    return [
        *fields,
        ("Signature-Input", f"{LABEL}={prepared.signature_params}"),
        ("Signature", f"{LABEL}=:{signature}:"),
    ]


def _check_sizes(headers: Headers, body: bytes, most: int) -> None:
    # First of all, and without parsing: 500 signatures cost the library 64 ms, counting bytes costs nothing.
    if sum(len(name) + len(value) + 4 for name, value in headers) > limits.HEADER_BYTES:
        raise ProtocolError("headers_too_large")
    if len(body) > most:
        raise ProtocolError("too_large")
    if header(headers, "content-encoding") not in (None, "identity"):
        raise ProtocolError("bad_encoding")


def _dictionary(text: str, code: str) -> dict[str, Any]:
    def refuse_twice(key: str, context: str) -> None:
        if context == "dictionary":
            raise ValueError(f"{key} is there twice")

    try:
        parsed = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse_twice)
    except ValueError as error:
        raise ProtocolError(code) from error
    if not isinstance(parsed, dict):
        raise ProtocolError(code)
    return parsed


def _our_signature(headers: Headers) -> tuple[list[Any], dict[str, Any]]:
    """The covered components and parameters of the one signature that carries our tag, whatever its label."""
    given, signatures = header(headers, "signature-input"), header(headers, "signature")
    if given is None or signatures is None:
        raise ProtocolError("unsigned")
    inputs, values = _dictionary(given, "bad_signature"), _dictionary(signatures, "bad_signature")
    if len(inputs) > limits.SIGNATURE_LABELS or inputs.keys() != values.keys():
        raise ProtocolError("bad_signature", "The message carries too many signatures, or half of one.")
    members = [member for member in inputs.values() if isinstance(member, tuple) and isinstance(member[0], list)]
    ours = [(parts, params) for parts, params in members if params.get("tag") == TAG]
    if not ours:
        raise ProtocolError("unsigned")
    if len(ours) > 1:
        raise ProtocolError("bad_signature", "The message carries two signatures of this protocol.")
    return ours[0]


def _claims(params: dict[str, Any], *, nonce_needed: bool) -> Verified:
    needed = {"created", "expires", "keyid", "alg", "tag"} | ({"nonce"} if nonce_needed else set())
    if set(params) != needed:
        raise ProtocolError("missing_component", "The signature’s parameters are not the ones required.")
    created, expires, kid, nonce = params["created"], params["expires"], params["keyid"], params.get("nonce", "")
    if type(created) is not int or type(expires) is not int or not 0 < expires - created <= limits.SIGNATURE_LIFE_S:
        raise ProtocolError("bad_signature", "The signature may be good for five minutes at most.")
    if type(kid) is not str or not _KID.match(kid) or params["alg"] != "ed25519":
        raise ProtocolError("bad_signature", "The signature names no Ed25519 key.")
    if nonce_needed and (type(nonce) is not str or not _NONCE.match(nonce)):
        raise ProtocolError("bad_signature", "The nonce must be 128 bits.")
    return Verified(kid, nonce, created, expires)


def _check_components(given: list[Any], required: list[str]) -> None:
    # Exactly these, in any order: what is not needed is a way in for what was not thought of.
    named = []
    for part in given:
        name, params = part if isinstance(part, tuple) else (part, {})
        named.append(f'"{name}";req' if dict(params) == {"req": True} else name if not params else "?")
    if len(set(named)) != len(named) or set(named) != set(required):
        raise ProtocolError("missing_component", detail={"required": sorted(required)})


def _check_times(claimed: Verified, now: datetime) -> None:
    moment = now.timestamp()
    offset = claimed.created - moment
    if abs(offset) > limits.CLOCK_FAR_S:
        raise ProtocolError("bad_signature", "The signature was made in another age.")
    # A clock four minutes slow still works; four minutes fast would let a captured request be kept for later.
    if offset < -limits.SIGNATURE_LIFE_S or offset > limits.CLOCK_FUTURE_S or moment > claimed.expires:
        raise ProtocolError("clock_skew", detail={"server_time": wire_time(now), "offset_s": round(offset)})


def _check_digest(headers: Headers, body: bytes) -> None:
    text = header(headers, "content-digest")
    if text is None:
        raise ProtocolError("bad_digest", "The message has no content digest.")
    recognised = 0
    for name, member in _dictionary(text, "bad_digest").items():
        hasher = _HASHES.get(name)
        if hasher is None:
            continue
        recognised += 1
        if not isinstance(member, tuple) or member[0] != hasher(body).digest():
            raise ProtocolError("bad_digest")
    if not recognised:
        raise ProtocolError("bad_digest", "The message has no content digest known here.")
