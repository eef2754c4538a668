"""Against a real socket on loopback: what a hostile or broken peer sends costs little and never gets through."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from eccoo_federation import jcs, transport
from eccoo_federation.client import GuardedClient, Response, raise_for_error, signed_call
from eccoo_federation.errors import ProtocolError
from eccoo_federation.transport import SignedRequest

from .helpers import NOW, circle

CHUNK = bytes(65_536)
A, B = circle("a"), circle("b")
Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(handler: Handler) -> AsyncIterator[str]:
    """A server that reads one request head, then does as told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await handler(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def saying(*parts: bytes) -> Handler:
    async def handler(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        await writer.drain()

    return handler


async def get(base: str, **settings: float) -> Response:
    async with GuardedClient(loopback_peers=True, **settings) as client:  # type: ignore[arg-type]
        return await client.send("GET", base + "/x")


async def code_of(handler: Handler, **settings: float) -> str:
    async with peer(handler) as base:
        with pytest.raises(ProtocolError) as caught:
            await get(base, **settings)
    return caught.value.code


@pytest.mark.asyncio
async def test_a_plain_answer_arrives_whole() -> None:
    async with peer(saying(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}")) as base:
        response = await get(base)
    assert response == Response(200, (("X-A", "1"), ("Content-Length", "2")), b"{}")
    assert response.json() == {}


@pytest.mark.asyncio
async def test_redirects_are_not_followed() -> None:
    reply = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert await code_of(saying(reply)) == "redirected"


@pytest.mark.asyncio
async def test_compressed_answers_are_refused_unopened() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    assert await code_of(saying(reply, bomb)) == "bad_encoding"


@pytest.mark.asyncio
async def test_an_endless_answer_is_cut_off_at_256_kib() -> None:
    async def endless(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    assert await code_of(endless) == "too_large"


@pytest.mark.asyncio
async def test_a_dripping_answer_is_cut_off_by_the_total_deadline() -> None:
    async def drip(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert await code_of(drip, timeout_s=0.3) == "timed_out"


@pytest.mark.asyncio
async def test_whatever_a_peer_answers_takes_no_memory_and_no_more_than_fifteen_seconds() -> None:
    async def endless(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(CHUNK)
            await writer.drain()

    async def drip(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" + gzip.compress(bytes(10**7))
    tracemalloc.start()
    try:
        answered = [await code_of(handler, timeout_s=0.2) for handler in (endless, drip, saying(bomb))]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answered == ["too_large", "timed_out", "bad_encoding"]
    assert peak < 4 * 2**20
    assert inspect.signature(GuardedClient).parameters["timeout_s"].default == 15


@pytest.mark.asyncio
async def test_a_silent_and_a_babbling_peer_are_unreachable() -> None:
    async def silent(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert await code_of(silent, timeout_s=0.2) == "timed_out"
    assert await code_of(saying(b"hello\r\n\r\n")) == "unreachable"
    assert await code_of(saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000)) == "unreachable"


def signing_peer(status: int, answer: bytes, key: object = B.transport_key) -> Handler:
    """Verifies the request as a node would, and signs its answer."""

    async def handler(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.decode().rstrip().split("\r\n")
        method, target, _ = first.split()
        headers = [(name, value) for name, value in (line.split(": ", 1) for line in lines)]
        body = await reader.readexactly(int(transport.header(headers, "content-length") or 0))
        url = f"http://{transport.header(headers, 'host')}{target}"
        transport.verify_request(method, url, headers, body, lambda kid: A.transport_key.public_raw, NOW)
        request = SignedRequest(method, url, tuple(headers))
        signed = transport.sign_response(status, [], answer, request, key, NOW)  # type: ignore[arg-type]
        fields = "".join(f"{name}: {value}\r\n" for name, value in signed)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n{fields}\r\n".encode() + answer)
        await writer.drain()

    return handler


async def call(handler: Handler, path: str = "/fed/v1/ping?x=%2e") -> Response:
    def keys_of_b(kid: str) -> bytes | None:
        return B.transport_key.public_raw if kid == B.transport_key.kid else None

    async with peer(handler) as base, GuardedClient(loopback_peers=True) as client:
        return await signed_call(
            client,
            "POST",
            base + path,
            body=jcs.dump({"a": 1}),
            key=A.transport_key,
            resolve_key=keys_of_b,
            now=lambda: NOW,
        )


@pytest.mark.asyncio
async def test_a_signed_call_comes_back_verified() -> None:
    response = await call(signing_peer(200, b'{"applied":3}'))
    assert (response.status, response.json()) == (200, {"applied": 3})
    assert raise_for_error(response) is response


@pytest.mark.asyncio
async def test_an_answer_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        await call(signing_peer(200, b"{}", circle("a").object_key))
    assert caught.value.code == "unknown_key"


@pytest.mark.asyncio
async def test_an_unsigned_error_of_a_proxy_tells_when_to_come_back() -> None:
    reply = b"HTTP/1.1 503 Busy\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n"

    async def busy(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(7)
        writer.write(reply)
        await writer.drain()

    with pytest.raises(ProtocolError) as caught:
        await call(busy)
    assert (caught.value.code, caught.value.detail) == ("unsigned_response", {"status": 503, "retry_after": 3600})


@pytest.mark.asyncio
async def test_a_signed_refusal_is_the_peers_own_word() -> None:
    said = ProtocolError("scope_denied", detail={"scope": "settle"})
    response = await call(signing_peer(403, jcs.dump(said.as_body())))
    with pytest.raises(ProtocolError) as caught:
        raise_for_error(response)
    error = caught.value
    assert (error.code, error.sentence, error.status, error.detail) == (said.code, said.sentence, 403, said.detail)


@pytest.mark.asyncio
async def test_a_refusal_from_a_later_version_is_not_mistaken() -> None:
    body = b'{"error":{"code":"quite_new","sentence":"Something new."}}'
    with pytest.raises(ProtocolError) as caught:
        raise_for_error(Response(422, (), body))
    assert (caught.value.code, caught.value.status, caught.value.detail) == ("failed", 422, {"peer_code": "quite_new"})
    for odd in (b"<html>", b"[]", b"", b'{"error":7}'):
        with pytest.raises(ProtocolError) as caught:
            raise_for_error(Response(500, (), odd))
        assert (caught.value.code, caught.value.status) == ("failed", 500)
