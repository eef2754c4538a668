"""Nothing but a circle's public address is ever dialled."""

from __future__ import annotations

from typing import Any

import httpcore
import pytest

from eccoo_federation import net_guard
from eccoo_federation.client import GuardedClient
from eccoo_federation.errors import ProtocolError

from .helpers import refused


class Dialler(httpcore.AsyncNetworkBackend):
    """Writes down what would be dialled, and connects nowhere."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.dialled.append((host, port))
        raise httpcore.ConnectError


async def attempt(url: str, addresses: list[str], **settings: Any) -> tuple[str, list[tuple[str, int]]]:
    """The code of the refusal, and what was dialled before it."""
    dialler = Dialler()

    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    async with GuardedClient(resolve=resolve, dialler=dialler, **settings) as client:
        with pytest.raises(ProtocolError) as caught:
            await client.send("GET", url)
    return caught.value.code, dialler.dialled


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://a.example:8443/",
        "https://a.example:/",
        "https://user@a.example/",
        "https://user:pw@a.example/",
        "https://a.example/#x",
        "https://a.example\\@evil.example/",
        "https://a.example/\r\nX: y",
        "https://a.example/a b",
        " https://a.example/",
        "https://A.EXAMPLE/",
        "https://a.example./",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://intranet/",
        "https://ex\u00e4mple.org/",
        "https://-a.example/",
        "https:///x",
        "//a.example/",
        "",
        "http://127.0.0.1:8000/",
        "http://localhost:8000/",
    ],
)
@pytest.mark.asyncio
async def test_addresses_that_are_not_a_circle_are_refused_unasked(url: str) -> None:
    assert await attempt(url, ["93.184.216.34"]) == ("bad_address", [])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2001:20::1",
        "2002:7f00:1::",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "2a00:1450::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
    ],
)
@pytest.mark.asyncio
async def test_a_name_that_leads_inside_is_not_dialled(address: str) -> None:
    assert not net_guard.address_is_public(address)
    assert await attempt("https://a.example/", [address]) == ("bad_address", [])
    # One bad address among good ones is enough: which one is dialled is not for the attacker to choose.
    assert await attempt("https://a.example/", ["93.184.216.34", address]) == ("bad_address", [])


@pytest.mark.asyncio
async def test_public_addresses_are_dialled_by_number_in_turn() -> None:
    addresses = ["93.184.216.34", "2a00:1450:4009:81f::200e", "64:ff9b::5db8:d822"]
    code, dialled = await attempt("https://a.example/x", addresses)
    assert (code, dialled) == ("unreachable", [(address, 443) for address in addresses])
    assert await attempt("https://a.example/", []) == ("bad_address", [])


@pytest.mark.asyncio
async def test_a_name_is_resolved_once() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    dialler = Dialler()
    backend = net_guard.GuardedBackend(resolve=rebinding, dialler=dialler)
    with pytest.raises(ProtocolError):
        await backend.connect_tcp("a.example", 443)
    assert (asked, dialler.dialled) == (["a.example"], [("93.184.216.34", 443)])


@pytest.mark.asyncio
async def test_loopback_peers_open_loopback_and_nothing_else() -> None:
    def loopback(url: str) -> Any:
        return attempt(url, ["10.0.0.1"], loopback_peers=True)

    assert await loopback("http://127.0.0.1:8001/x") == ("unreachable", [("127.0.0.1", 8001)])
    assert await loopback("http://localhost:8001/x") == ("unreachable", [("127.0.0.1", 8001)])
    assert await loopback("http://[::1]:8001/x") == ("unreachable", [("::1", 8001)])
    for url in (
        "http://a.example/",
        "http://127.0.0.2:80/",
        "http://10.0.0.1/",
        "https://127.0.0.1/",
        "https://a.example/",
    ):
        assert await loopback(url) == ("bad_address", [])


@pytest.mark.asyncio
async def test_proxies_from_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await attempt("https://a.example/", ["93.184.216.34"]) == ("unreachable", [("93.184.216.34", 443)])


def test_a_base_url_is_written_in_one_way() -> None:
    assert net_guard.check_base_url("https://a.example/circle") == "https://a.example/circle"
    assert net_guard.check_base_url("http://127.0.0.1:8000", loopback_peers=True) == "http://127.0.0.1:8000"
    for url in ("https://a.example/", "https://a.example/x?y", "https://a.example//x", "http://127.0.0.1:8000"):
        assert refused(net_guard.check_base_url, url) == "bad_address"
