"""`/fed/v1` and the two public documents as one small ASGI app, so that every answer is signed, refusals included."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from eccoo_federation import events, jcs, limits, transport
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import AgreementMessage, Reveal, WordsAgain, read_link_request
from eccoo_federation.identity import Log, LogState, dump_log
from eccoo_federation.shapes import read
from eccoo_federation.transport import SignedRequest
from eccoo_node.federating import handshake, inbox, outbox, sender, wire
from eccoo_node.federating.requests import Asked, Peer, admit, prove
from eccoo_node.kernel import clock
from eccoo_node.kernel.courtesy import let_pages_pass
from eccoo_node.kernel.errors import Conflict, Forbidden, NotFound, Refusal, place_of
from eccoo_node.links import arrivals, held, identity, letters, queries, words_again
from eccoo_node.links.arrivals import circle_actor

log = structlog.get_logger("federation")

DOCUMENT = "/.well-known/circle-node"
BASE = "/fed/v1"
# A whole body is here within this time, or whoever sends it drop by drop holds a place for nothing.
BODY_S: float = limits.CALL_TIMEOUT_S
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = dict[str, Any] | bytes


class FederationApp:
    """Reads the bound wire, engine and clock; holds nothing itself. Mount it so that `raw_path` stays as it came."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        us = identity.current()
        raw = (scope.get("raw_path") or quote(scope["path"]).encode()).split(b"?")[0].decode("latin-1")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        # A circle that has not followed us to another address yet calls the one that it knows.
        base = us.base_for(transport.header(headers, "host") or "")
        prefix = identity.prefix_of(base)
        path = raw.removeprefix(prefix) if prefix and raw.startswith(f"{prefix}/") else raw
        query = scope.get("query_string", b"").decode("latin-1")
        target = identity.origin_of(base) + prefix + path + (f"?{query}" if query else "")
        asked = Asked(scope["method"], target, path, headers, b"")
        if path in (DOCUMENT, f"{DOCUMENT}/log") and scope["method"] in ("GET", "HEAD"):
            await _public(path, send)
            return
        status, answer = 200, b""
        try:
            body = await _read(headers, receive)
            asked = Asked(scope["method"], target, path, headers, body)
            given = await _route(asked)
            answer = given if isinstance(given, bytes) else jcs.dump(given)
        except ProtocolError as refused:
            status, answer = refused.status, jcs.dump(refused.as_body())
            log.info("refused", path=path[:80], code=refused.code)
            await _reply(send, status, answer, asked, retry_after=refused.detail.get("retry_after"))
            return
        except Refusal as refused:
            error = _as_protocol(refused)
            status, answer = error.status, jcs.dump(error.as_body())
        except Exception as error:
            # The kind of the error, never its text: that may hold a name.
            log.error("failed", path=path[:80], error=type(error).__name__, where=place_of(error))
            failed = ProtocolError("failed")
            status, answer = failed.status, jcs.dump(failed.as_body())
        await _reply(send, status, answer, asked)


def _as_protocol(refused: Refusal) -> ProtocolError:
    """A domain's refusal on the wire: the code goes, the sentence stays here, because it may speak of a person."""
    codes = {NotFound: "unknown_subject", Forbidden: "scope_denied", Conflict: "wrong_state"}
    return ProtocolError(codes.get(type(refused), "bad_body"), detail={"code": refused.code})


async def _public(path: str, send: Send) -> None:
    us = identity.current()
    if path == DOCUMENT:
        body, kind = jcs.dump(us.document(clock.now())), b"application/json"
    else:
        body, kind = dump_log(us.log), b"application/jsonl"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"max-age=60")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(headers: tuple[tuple[str, str], ...], receive: Receive) -> bytes:
    """The body, counted while it streams. Raises ``too_large`` after 256 KiB at most."""
    length = transport.header(headers, "content-length")
    if length is not None and (not length.isdigit() or int(length[:12]) > limits.BODY_BYTES):
        raise ProtocolError("too_large")
    parts: list[bytes] = []
    size = 0
    deadline = asyncio.get_running_loop().time() + BODY_S
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise ProtocolError("bad_body", "The message came too slowly.") from None
        if message["type"] == "http.disconnect":
            raise ProtocolError("bad_body", "The message broke off.")
        part = message.get("body", b"")
        size += len(part)
        if size > limits.BODY_BYTES:
            raise ProtocolError("too_large")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _reply(send: Send, status: int, body: bytes, asked: Asked, retry_after: Any = None) -> None:
    plain = [("Content-Type", transport.JSON), ("Cache-Control", "no-store")]
    if isinstance(retry_after, int):
        plain.append(("Retry-After", str(retry_after)))
    if status == 413:
        # What is still on its way is not read.
        plain.append(("Connection", "close"))
    key, now = wire.current().us.transport_key, clock.now()
    headers: Sequence[tuple[str, str]] = plain
    for request in (asked.as_signed(), SignedRequest(asked.method, asked.target)):
        # Such fields, or such an address, nobody can have signed: whoever asks is refused, and that as it can be.
        with contextlib.suppress(Exception):
            headers = transport.sign_response(status, plain, body, request, key, now)
            break
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})


async def _route(asked: Asked) -> Answer:
    parts = asked.path.removeprefix(f"{BASE}/").split("/") if asked.path.startswith(f"{BASE}/") else [""]
    match (asked.method, *parts):
        case ("POST", "links"):
            return await _links(asked)
        case ("POST", "links", link_id, "reveal"):
            return await _reveal(asked, link_id)
        case ("POST", "links", link_id, "words"):
            return await _words(asked, link_id)
        case ("POST", "links", link_id, "agreement"):
            return await _agreement(asked, link_id)
        case ("POST", "inbox"):
            return await _inbox(asked)
        case ("POST", "ping"):
            return await _ping(asked)
        case ("GET", "events", after):
            return await _events(asked, after)
        case ("GET", kind, *rest) if _answered(kind, rest):
            return await _pulled(asked, kind, rest)
    # What is there and what is not is for linked circles to know.
    await prove(asked)
    known = parts[0] in ("links", "inbox", "ping", "events") or letters.answerer_of(parts[0]) is not None
    raise ProtocolError("bad_method" if known else "not_found")


def _answered(kind: str, rest: list[str]) -> bool:
    answerer = letters.answerer_of(kind)
    return answerer is not None and (bool(rest) or answerer.bare)


async def _links(asked: Asked) -> Answer:
    """A link request. The token is looked at before anything is fetched, the signature before anything is kept."""
    unchecked = transport.check_request(asked.method, asked.target, asked.headers, asked.body, clock.now())
    request = read_link_request(jcs.parse(asked.body))
    pinned = await arrivals.check_token(request)
    looked: tuple[Log, LogState, dict[str, Any]] = (
        ([], pinned, {}) if pinned is not None else await handshake.look_up(request.base_url, request.node_id)
    )
    known, state, document = looked
    claimed = unchecked.verify(wire.transport_key(state, unchecked.kid))
    if request.log_head not in state.digests:
        raise ProtocolError("bad_log")
    await admit(Peer(request.link, claimed.kid, claimed.nonce, claimed.created))
    answer = await arrivals.let_in(circle_actor(request.link), request, known, state, document)
    return answer.as_wire()


async def _reveal(asked: Asked, link_id: str) -> Answer:
    peer = await prove(asked, link_id=link_id)
    reveal = read(jcs.parse(asked.body), Reveal)
    await admit(peer, named=True)
    return (await arrivals.hear_reveal(circle_actor(peer.link_id), peer.link_id, reveal)).as_wire()


async def _words(asked: Asked, link_id: str) -> Answer:
    peer = await prove(asked, link_id=link_id)
    again = read(jcs.parse(asked.body), WordsAgain)
    await admit(peer, named=True)
    return (await words_again.hear(circle_actor(peer.link_id), peer.link_id, again)).as_wire()


async def _agreement(asked: Asked, link_id: str) -> Answer:
    peer = await prove(asked, link_id=link_id)
    message = read(jcs.parse(asked.body), AgreementMessage)
    await admit(peer, named=True)
    return await arrivals.hear_agreement(circle_actor(peer.link_id), peer.link_id, message)


async def _inbox(asked: Asked) -> Answer:
    peer = await prove(asked)
    # A full batch is several pages' work before its first letter is even looked at: pages go in between here too.
    await let_pages_pass()
    values = events.read_batch(asked.body)
    await let_pages_pass()
    named = all(value.get("link") == peer.link_id for value in values)
    await admit(peer, events=len(values), named=named)
    await _requires_agreement(peer)
    await let_pages_pass()
    async with wire.current().turns.turn(len(values)):
        answer = await inbox.receive(peer.link_id, identity.current().node_id, values)
    await let_pages_pass()
    return events.write_answer(answer)


async def _requires_agreement(peer: Peer) -> None:
    """Before both admins have signed nothing is taken in or told: ``link`` is what always crosses afterwards."""
    refused = await queries.may_cross(peer.link_id, "in", "link")
    if refused is not None:
        raise refused


async def _ping(asked: Asked) -> Answer:
    peer = await prove(asked)
    sender.read_ping(jcs.parse(asked.body), peer.link_id)
    await admit(peer, named=True)
    row = await held.wire(peer.link_id)
    answer: dict[str, Any] = msgspec.to_builtins(events.Ping(peer.link_id, row["seq_out"], row["seq_in"]))
    return answer


async def _events(asked: Asked, after: str) -> Answer:
    """The events of this link after a number, for a peer that we cannot reach or that has a hole in its row."""
    peer = await prove(asked)
    await admit(peer)
    await _requires_agreement(peer)
    if not after.isdigit() or len(after) > 15:
        raise ProtocolError("not_found")
    found = await outbox.numbered_after(peer.link_id, int(after))
    return events.write_batch([sealed.bytes for sealed in found])


async def _pulled(asked: Asked, kind: str, rest: list[str]) -> Answer:
    peer = await prove(asked)
    await admit(peer)
    await _requires_agreement(peer)
    answerer = letters.answerer_of(kind)
    if answerer is None:
        raise ProtocolError("not_found")
    refusals = [await queries.may_cross(peer.link_id, "in", scope) for scope in answerer.scopes]
    if refusals and refusals[0] is not None and None not in refusals:
        raise refusals[0]
    return await answerer.function(circle_actor(peer.link_id), *rest)
