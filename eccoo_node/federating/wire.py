"""Our end of the wire: who we are and the one client that dials out, bound beside the database."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import msgspec

from eccoo_federation import jcs
from eccoo_federation.client import GuardedClient, Response, raise_for_error
from eccoo_federation.errors import ProtocolError
from eccoo_federation.identity import LogState
from eccoo_federation.keys import SigningKey
from eccoo_federation.pace import retry_after
from eccoo_federation.times import wire_time
from eccoo_federation.transport import Headers, SignedRequest, Unchecked, check_response, header, sign_request
from eccoo_node.db.transaction import outside
from eccoo_node.federating.turns import Turns
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
    # The key of ours that they let in.
    kid: str = ""

    def json(self) -> Any:
        """Raises as `jcs.parse`; an empty body is None."""
        return jcs.parse(self.body) if self.body else None


class Wire:
    """Identity and client of one node. `bind()` makes both those of the present context."""

    def __init__(self, us: Identity | Callable[[], Identity], client: GuardedClient) -> None:
        self._us: Callable[[], Identity] = (lambda: us) if isinstance(us, Identity) else us
        self.client = client
        self.turns = Turns()
        # How many things are being fetched from each linked circle just now.
        self.getting: Counter[str] = Counter()

    @property
    def us(self) -> Identity:
        """Who we are at this moment: a key may have been renewed since."""
        return self._us()

    def bind(self) -> None:
        identity.bind(self._us)
        _wire.set(self)

    @contextmanager
    def bound(self) -> Iterator["Wire"]:
        token = _wire.set(self)
        try:
            with identity.identity_bound(self._us):
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
async def open_wire(us: identity.Kept) -> AsyncIterator[Wire]:
    """A client for as long as the app or the command runs, bound here."""
    async with GuardedClient(loopback_peers=us.settings.federation.loopback_peers) as client:
        with Wire(us, client).bound() as wire:
            yield wire


def transport_key(state: LogState, kid: str) -> bytes | None:
    """A transport key of the pinned log that is good now."""
    now = clock.now()
    return state.key(kid, "transport", wire_time(now)) or state.key(kid, "transport", wire_time(now + KEY_SLACK))


async def call(base_url: str, state: LogState, method: str, path: str, body: bytes = b"") -> Answer:
    """One signed request and its verified answer. Raises ProtocolError, also for a refusal that they signed.

    Where they do not know our present key yet, it is asked once more with each one from before that is here still: so
    nothing is lost to a circle that was away when we told of the new one.
    """
    us = current().us
    try:
        return await _call(base_url, state, method, path, body, us.transport_key)
    except ProtocolError as refused:
        if not _our_key_is_news(refused):
            raise
        for older in us.older_keys:
            try:
                return await _call(base_url, state, method, path, body, older)
            except ProtocolError as again:
                if not _our_key_is_news(again):
                    raise
        raise


def _our_key_is_news(refused: ProtocolError) -> bool:
    """They do not know the key of our request; not that of a letter in it, nor we the one of their answer."""
    return refused.code == "unknown_key" and not {OF_ANSWER, "id"} & refused.detail.keys()


async def _call(base_url: str, state: LogState, method: str, path: str, body: bytes, key: SigningKey) -> Answer:
    outside("a call to another circle")
    here, url = current(), base_url + path
    headers = sign_request(method, url, [], body, key, clock.now())
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
    return Answer(response.body, round(verified.created - clock.now().timestamp()), key.kid)


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


__all__ = ["Answer", "Headers", "Wire", "call", "current", "get_unsigned", "open_wire", "transport_key"]
