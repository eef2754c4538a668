"""Our end of the wire: who we are and the one client that dials out, bound beside the database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import msgspec

from eccoo_federation import jcs
from eccoo_federation.client import GuardedClient, Response, raise_for_error
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState
from eccoo_federation.pace import retry_after
from eccoo_federation.times import wire_time
from eccoo_federation.transport import Headers, SignedRequest, Unchecked, check_response, header, sign_request
from eccoo_node.db.transaction import outside
from eccoo_node.kernel import clock
from eccoo_node.links import identity
from eccoo_node.links.identity import Identity

# A key whose first second lies this far ahead by our clock is good already by a neighbour's.
KEY_SLACK = timedelta(minutes=5)
# Marks an error as ours, about an answer, not one that the other side told us of our request.
OF_ANSWER = "of_answer"


class Answer(msgspec.Struct, frozen=True):
    """What the other circle answered and signed. `offset_s`: how far its clock was ahead of ours."""

    body: bytes
    offset_s: int

    def json(self) -> Any:
        """Raises as `jcs.parse`; an empty body is None."""
        return jcs.parse(self.body) if self.body else None


class Wire:
    """Identity and client of one node. `bind()` makes both those of the present context."""

    def __init__(self, us: Identity, client: GuardedClient) -> None:
        self.us = us
        self.client = client

    def bind(self) -> None:
        identity.bind(self.us)
        _wire.set(self)

    @contextmanager
    def bound(self) -> Iterator["Wire"]:
        token = _wire.set(self)
        try:
            with identity.identity_bound(self.us):
                yield self
        finally:
            _wire.reset(token)


_wire: ContextVar[Wire] = ContextVar("wire")


def current() -> Wire:
    """Raises RuntimeError when none is bound here."""
    try:
        return _wire.get()
    except LookupError:
        raise RuntimeError("no wire is bound in this context") from None


@asynccontextmanager
async def open_wire(us: Identity) -> AsyncIterator[Wire]:
    """A client for as long as the app or the command runs, bound here."""
    async with GuardedClient(loopback_peers=us.loopback_peers) as client:
        with Wire(us, client).bound() as wire:
            yield wire


def transport_key(state: LogState, kid: str) -> bytes | None:
    """A transport key of the pinned log that is good now."""
    now = clock.now()
    return state.key(kid, "transport", wire_time(now)) or state.key(kid, "transport", wire_time(now + KEY_SLACK))


async def call(base_url: str, state: LogState, method: str, path: str, body: bytes = b"") -> Answer:
    """One signed request and its verified answer. Raises ProtocolError, also for a refusal that they signed."""
    outside("a call to another circle")
    here, url = current(), base_url + path
    headers = sign_request(method, url, [], body, here.us.transport_key, clock.now())
    response = await here.client.send(method, url, headers, body)
    unchecked = _checked(response, SignedRequest(method, url, tuple(headers)))
    try:
        verified = unchecked.verify(transport_key(state, unchecked.kid))
    except ProtocolError as error:
        error.detail[OF_ANSWER] = True
        raise
    try:
        raise_for_error(response)
    except ProtocolError as refused:
        _note_wait(refused, response)
        raise
    return Answer(response.body, round(verified.created - clock.now().timestamp()))


def _checked(response: Response, request: SignedRequest) -> Unchecked:
    """The answer covers our own signature with its nonce, so it is fresh whatever its clock says."""
    now = clock.now()
    try:
        return check_response(response.status, response.headers, response.body, request, now)
    except ProtocolError as error:
        if error.code == "clock_skew":
            theirs = now + timedelta(seconds=error.detail["offset_s"])
            return check_response(response.status, response.headers, response.body, request, theirs)
        _note_wait(error, response)
        raise


def _note_wait(refused: ProtocolError, response: Response) -> None:
    """How long they ask us to wait, or what stands before them does."""
    wait = retry_after(header(response.headers, "retry-after"), clock.now())
    if wait is not None:
        refused.detail["retry_after"] = wait


async def get_unsigned(url: str) -> bytes:
    """A public document. Raises ProtocolError for anything but a 200."""
    outside("a call to another circle")
    response = await current().client.send("GET", url)
    if response.status != 200:
        raise ProtocolError("unreachable", detail={"status": response.status})
    return response.body


def as_body(value: dict[str, Any]) -> bytes:
    return jcs.dump(value)


__all__ = ["Answer", "Headers", "Wire", "as_body", "call", "current", "get_unsigned", "open_wire", "transport_key"]
