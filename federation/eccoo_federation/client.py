"""The one part that dials out: a guarded HTTP client, and a call that signs, sends and verifies the signed answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any

import httpcore
import msgspec

from . import jcs, limits
from .errors import ProtocolError, error_from_body
from .keys import SigningKey
from .net_guard import GuardedBackend, Resolve, check_url, resolve_by_system
from .pace import retry_after
from .transport import Headers, ResolveTransportKey, SignedRequest, check_response, header, sign_request


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        """Raises as ``jcs.parse``; an empty body is None."""
        return jcs.parse(self.body) if self.body else None


class GuardedClient:
    """No redirects, no proxies, no cookies, no decompression, nothing from the environment; 256 KiB and 15 s in all.

    Use as ``async with``, or call ``aclose``. One client serves any number of peers.
    """

    def __init__(
        self,
        *,
        loopback_peers: bool = False,
        timeout_s: float = limits.CALL_TIMEOUT_S,
        max_bytes: int = limits.RESPONSE_BYTES,
        resolve: Resolve = resolve_by_system,
        ssl_context: ssl.SSLContext | None = None,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._loopback_peers = loopback_peers
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=32,
            max_keepalive_connections=8,
            keepalive_expiry=30,
            network_backend=GuardedBackend(loopback_peers=loopback_peers, resolve=resolve, dialler=dialler),
        )

    async def __aenter__(self) -> GuardedClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def send(self, method: str, url: str, headers: Headers = (), body: bytes = b"") -> Response:
        """Raises ``bad_address``, ``unreachable``, ``timed_out``, ``redirected``, ``too_large`` or ``bad_encoding``."""
        target = check_url(url, loopback_peers=self._loopback_peers)
        default_port = {"https": 443, "http": 80}[target.scheme]
        authority = target.host if target.port == default_port else f"{target.host}:{target.port}"
        fields = [("Host", authority), ("Accept-Encoding", "identity"), *headers]
        if body or method in ("POST", "PUT"):
            fields.append(("Content-Length", str(len(body))))
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=target.scheme.encode(),
                host=target.host.strip("[]").encode(),
                port=target.port,
                target=target.raw_target.encode(),
            ),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in fields],
            content=body,
        )
        try:
            # One deadline over everything: a peer that drips a byte a second never trips a read timeout.
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(request)
        except TimeoutError as error:
            raise ProtocolError("timed_out") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, ssl.SSLError) as error:
            raise ProtocolError("unreachable") from error

    async def _exchange(self, request: httpcore.Request) -> Response:
        response = await self._pool.handle_async_request(request)
        try:
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
            if 300 <= response.status < 400:
                raise ProtocolError("redirected")
            if header(headers, "content-encoding") not in (None, "identity"):
                raise ProtocolError("bad_encoding")
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_stream():
                size += len(part)
                if size > self._max_bytes:
                    raise ProtocolError("too_large")
                parts.append(part)
            return Response(response.status, headers, b"".join(parts))
        finally:
            await response.aclose()


async def signed_call(
    client: GuardedClient,
    method: str,
    url: str,
    *,
    body: bytes = b"",
    key: SigningKey,
    resolve_key: ResolveTransportKey,
    now: Callable[[], datetime],
) -> Response:
    """Sign with our transport key, send, and verify that the answer is the peer's and answers this request.

    Returns any status that the peer signed. Raises as ``GuardedClient.send`` and ``transport.check_response``; an
    ``unsigned_response`` tells the status and ``retry_after`` in its detail, because a proxy's 503 is worth a retry.
    """
    headers = sign_request(method, url, [], body, key, now())
    response = await client.send(method, url, headers, body)
    request = SignedRequest(method, url, tuple(headers))
    try:
        unchecked = check_response(response.status, response.headers, response.body, request, now())
    except ProtocolError as error:
        wait = retry_after(header(response.headers, "retry-after"), now())
        if error.code == "unsigned_response" and wait is not None:
            error.detail["retry_after"] = wait
        raise
    unchecked.verify(resolve_key(unchecked.kid))
    return response


def raise_for_error(response: Response) -> Response:
    """``response`` again if it is a success, else the error that the peer's body names, its status kept."""
    if response.status < 400:
        return response
    try:
        body = response.json()
    except ProtocolError:
        body = None
    raise error_from_body(response.status, body)
