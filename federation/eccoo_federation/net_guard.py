"""Which addresses this node may dial. An allow-list: deny-lists leak (Mastodon, Fedify), and Python's ``is_global`` is
true for ``::7f00:1``, ``64:ff9b::7f00:1``, ``2002:7f00:1::`` and multicast.

A name is resolved once, every address it has must pass, and the one that passed is dialled, so a name that changes its
address between check and use gains nothing. TLS still asks for the name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import msgspec

from .errors import ProtocolError

Resolve = Callable[[str, int], Awaitable[list[str]]]

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_LABEL = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_RAW_TARGET = re.compile(r"^/[A-Za-z0-9._~!$&'()*+,;=:@/%?-]*\Z")

# IANA special-purpose registries (RFC 6890 and later), as of 2026: nothing in them is a circle's public node.
_V4_SPECIAL = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
_V6_GLOBAL = ipaddress.IPv6Network("2000::/3")
_V6_SPECIAL = [
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Target(msgspec.Struct, frozen=True):
    """A URL that may be dialled. ``host`` is as in the URL; ``raw_target`` is path and query, byte for byte."""

    scheme: str
    host: str
    port: int
    raw_target: str
    loopback: bool


def check_url(url: str, *, loopback_peers: bool = False) -> Target:
    """Raises ``bad_address``. Allowed: https, port 443, a host name with a dot, no user, no fragment.

    With ``loopback_peers``, also plain http to 127.0.0.1, localhost or [::1] on any port, and nothing more.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ProtocolError("bad_address") from error
    # Rebuilt and compared: whatever urlsplit forgave (blanks, tabs, backslashes, an empty port) is refused here.
    raw_target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    rebuilt = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    if rebuilt != url or not url.isascii() or "@" in parts.netloc or not _RAW_TARGET.match(raw_target):
        raise ProtocolError("bad_address")
    host = parts.netloc if port is None else parts.netloc.removesuffix(f":{port}")
    if loopback_peers and parts.scheme == "http" and host in LOOPBACK_HOSTS:
        return Target("http", host, 80 if port is None else port, raw_target, True)
    if parts.scheme != "https" or port not in (None, 443) or not _is_public_name(host):
        raise ProtocolError("bad_address")
    return Target("https", host, 443, raw_target, False)


def check_base_url(url: str, *, loopback_peers: bool = False) -> str:
    """A base URL fit to be published or pinned: as ``check_url``, without query or trailing slash."""
    check_url(url, loopback_peers=loopback_peers)
    if url.endswith("/") or "?" in url or "//" in url.split("://", 1)[1]:
        raise ProtocolError("bad_address", "The address must have no slash at its end and no question mark.")
    return url


def address_is_public(address: str) -> bool:
    """Whether an IP address in its usual spelling is one that a circle's node can have on the internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _V4_SPECIAL)
    if parsed.scope_id is not None:
        return False
    if parsed in _NAT64:
        # A host on an IPv6-only network sees the IPv4 internet there; judge the address inside.
        return address_is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return parsed in _V6_GLOBAL and not any(parsed in network for network in _V6_SPECIAL)


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Every address the system's resolver knows, v4 and v6."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for an httpcore pool, to addresses that passed and to no other."""

    def __init__(
        self,
        *,
        loopback_peers: bool = False,
        resolve: Resolve = resolve_by_system,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._loopback_peers = loopback_peers
        self._resolve = resolve
        self._dialler = dialler or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ``bad_address`` when one of the name's addresses does not pass, ``unreachable`` when none answers."""
        for address in await self._addresses(host, port):
            try:
                return await self._dialler.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError):
                continue
        raise ProtocolError("unreachable")

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise ProtocolError("bad_address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._loopback_peers and f"[{host}]" == "[::1]":
            return ["::1"]
        if self._loopback_peers and host in LOOPBACK_HOSTS:
            # Never resolved: what "localhost" means is not for a hosts file to say.
            return ["127.0.0.1"]
        if not _is_public_name(host) or port != 443:
            raise ProtocolError("bad_address")
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise ProtocolError("unreachable") from error
        if not addresses or not all(address_is_public(address) for address in addresses):
            raise ProtocolError("bad_address")
        return addresses


def _is_public_name(host: str) -> bool:
    labels = host.split(".")
    if len(host) > 253 or len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        return False
    # 127.0.0.1, 0x7f.1, 2130706433 and 0177.1 end in a number; no name on the internet does (WHATWG URL, "ends in a
    # number").
    return not re.match(r"^(0x[0-9a-f]*|[0-9]+)\Z", labels[-1])
