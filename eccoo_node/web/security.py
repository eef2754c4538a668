"""The outermost layer of every answer: who really asks, where we live, what the browser may do with the page."""

import gzip
import ipaddress
from typing import Any

from eccoo_node.kernel.settings import Settings
from eccoo_node.web.asgi import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# No inline script or style, nothing from elsewhere, no frame around us.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_ZIP_FROM = 1400  # What fits into one packet gains nothing.


class Proxies:
    """Whom we believe when they say for whom they ask. Raises ValueError for an entry that is no address or network."""

    def __init__(self, trusted: list[str]) -> None:
        self.networks: list[Network] = [
            ipaddress.ip_network(entry.strip(), strict=False) for entry in trusted if entry.strip()
        ]

    def trusts(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def client(self, peer: str, forwarded: str) -> str:
        """The address that asked: walked back from the nearest, as far as each hop is one we trust.

        What stands left of the first untrusted hop was written by a stranger.
        """
        address = peer
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not self.trusts(address):
                break
            address = hop
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            return peer


class Outermost:
    """Finds the client's address, takes the sub-path off, and sets the headers of every answer, errors included."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.base = settings.base_path
        self.proxies = Proxies(settings.web.trusted_proxies)
        extra = {"strict-transport-security": "max-age=31536000"} if settings.secure else {}
        self.headers = [(name.encode(), value.encode()) for name, value in (HEADERS | extra).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        inner: Any = dict(scope)
        inner["path"] = self._below_base(scope["path"])
        inner["root_path"] = ""
        headers = dict(scope["headers"])
        client = scope.get("client") or ("", 0)
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        inner["client"] = (self.proxies.client(client[0], forwarded), client[1])
        head = scope["method"] == "HEAD"
        if head:
            inner["method"] = "GET"
        zips = b"gzip" in headers.get(b"accept-encoding", b"")
        await self.app(inner, receive, _Finish(send, self.headers, zips=zips, head=head))

    def _below_base(self, path: str) -> str:
        """The path within the node, whether or not the proxy has taken the sub-path off."""
        if self.base and (path == self.base or path.startswith(f"{self.base}/")):
            return path[len(self.base) :] or "/"
        return path


class _Finish:
    """Sends an answer with the headers that every answer has, zipped where that makes it smaller."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], *, zips: bool, head: bool) -> None:
        self.send = send
        self.headers = headers
        self.zips = zips
        self.head = head
        self.start: Any = None

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            headers = [*message["headers"], *((name, value) for name, value in self.headers if name not in own)]
            # Held back until the body is there, whose length may change.
            self.start = {**message, "headers": headers}
            return
        body, start = message.get("body", b""), self.start
        if start is not None:
            self.start = None
            whole = not message.get("more_body", False)
            if whole and self.zips and len(body) >= _ZIP_FROM and _zippable(start):
                body = gzip.compress(body, 5, mtime=0)
                kept = [(n, v) for n, v in start["headers"] if n.lower() not in {b"content-length", b"vary"}]
                start["headers"] = [
                    *kept, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding, cookie"),
                    (b"content-length", str(len(body)).encode()),
                ]  # fmt: skip
            await self.send(start)
        await self.send({**message, "body": b"" if self.head else body})


def _zippable(start: Any) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    # What another circle signed its name to must arrive as it was signed.
    whole = headers.keys() & {b"content-encoding", b"content-digest", b"signature"}
    return not whole and headers.get(b"content-type", b"").startswith((b"text/html", b"application/json"))
