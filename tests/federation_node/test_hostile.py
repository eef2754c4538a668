"""What a stranger, a proxy or a linked circle that lies may send: refused by its name, at once, and nothing is left of it."""

import base64
import contextlib
import time
from typing import Any

import httpcore
import pytest

from eccoo_federation import jcs, limits
from eccoo_federation.client import GuardedClient
from eccoo_federation.errors import ProtocolError
from eccoo_node.federating import requests
from eccoo_node.federating.app import FederationApp
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.errors import Refusal
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import actions
from tests.federation_node.test_attacks import everything
from tests.support.heard import Heard, write_letter
from tests.support.hostile import Request, ping, send, sign
from tests.support.pair import Pair, PairNode


def another_age(request: Request, created: int) -> Request:
    given = request.header("signature-input")
    old = given.split("created=")[1].split(";")[0]
    changed = given.replace(f"created={old}", f"created={created}").replace(
        f"expires={int(old) + 300}", f"expires={created + 300}"
    )
    return request.with_header("signature-input", changed)


def labels(request: Request, count: int) -> Request:
    """That many signatures, each with our tag."""
    params, value = (request.header(name).partition("=")[2] for name in ("signature-input", "signature"))
    return request.with_header("signature-input", ", ".join(f"l{n}={params}" for n in range(count))).with_header(
        "signature", ", ".join(f"l{n}={value}" for n in range(count))
    )


async def straight(node: PairNode, request: Request, parts: list[bytes]) -> tuple[int, int, float]:
    """Past the socket: the status, how many bytes were taken, and the seconds of CPU."""
    said: list[dict[str, Any]] = []
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        part = parts.pop(0)
        taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def answer(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": request.method, "path": request.target, "raw_path": request.target.encode(),
        "query_string": b"", "headers": [(k.lower().encode(), v.encode()) for k, v in request.headers],
    }  # fmt: skip
    with node.bound():
        before = time.process_time()
        await FederationApp()(scope, receive, answer)
        return said[0]["status"], taken, time.process_time() - before


async def test_what_costs_much_to_read_is_refused_before_any_key_is_looked_up(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    good = ping(a, b, link_id)
    before = await everything(b)

    async def never(kid: str, link_id: str) -> Any:
        raise AssertionError("a key was looked up")

    monkeypatch.setattr(requests, "_key", never)
    heavy = {
        "two with our tag": (labels(good, 2), 401),
        "five hundred labels": (labels(good, 500), 431),
        "a megabyte of headers": (good.with_header("x-filler", "x" * 2**20), 431),
        "from the year 31,690,000": (another_age(good, 10**15 - 301), 401),
        "from before the year 1": (another_age(good, -(10**12)), 401),
    }
    for name, (request, status) in heavy.items():
        tries = [await straight(b, request, [request.body]) for _ in range(3)]
        assert {found for found, _, _ in tries} == {status}, name
        assert min(spent for _, _, spent in tries) < 0.005, name
    # Over the wire a megabyte does not even get that far.
    with contextlib.suppress(ConnectionError):
        flooded = await send(b.port, good.with_header("x-filler", "x" * 2**20))
        assert flooded.status in (400, 431)
    # Of a body without end 256 KiB are read, and after them the one piece that tells that there is more.
    for piece in (65_536, 1000, 1):
        endless = [b"x" * 65_536] * 4 + [b"x" * piece] * 100
        status, taken, _ = await straight(b, good, endless)
        assert (status, taken - piece) == (413, limits.BODY_BYTES), piece
    large = good.with_header("content-length", "10000000")
    assert (await straight(b, large, [b"x"]))[:2] == (413, 0)
    assert await everything(b) == before


async def test_what_a_proxy_adds_or_tidies_up_changes_nothing(two_nodes: Pair) -> None:
    await two_nodes.link()
    a, b = two_nodes.both

    def read() -> Request:
        return sign(a, "GET", f"{b.url}/fed/v1/events/0")

    spoofed = read().but(host="evil.example")
    for name, value in {
        "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Prefix": "/other", "X-Original-URL": "/fed/v1/inbox", "Forwarded": "host=evil.example;proto=https",
    }.items():  # fmt: skip
        spoofed = spoofed.with_header(name, value)
    assert (await send(b.port, spoofed)).status == 200
    tidied = [
        "/fed/v1/%65vents/0",
        "/fed/v1//events/0",
        "/fed/v1/./events/0",
        "/fed/v1/x/../events/0",
        "/fed/v1/%2e/events/0",
    ]
    tidied += ["/fed/v1/events%2F0", "/fed/v1/events/0/", "/fed/v1/events/0?"]
    found = {target: (await send(b.port, read().but(target=target))).status for target in tidied}
    # An empty query is the same address to the server, and the same request.
    assert found == {**dict.fromkeys(tidied, 401), "/fed/v1/events/0?": 200}


async def test_bodies_that_two_readers_could_read_in_two_ways_are_refused_by_name(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    before = await everything(b)
    bodies = {
        b'{"events":[],"events":[]}': "not_canonical", b'{"b":1,"a":1}': "not_canonical", b'{"a":1.5}': "bad_json",
        b'{"a":1e2}': "bad_json", b'{"a":"\\ud800"}': "bad_json", b"\xef\xbb\xbf{}": "bad_json",
        b"[" * 100_000: "too_deep", b'{"a":9007199254740992}': "bad_json", b"\x00": "bad_json",
    }  # fmt: skip
    # The same beside what is asked, where a member that nobody knows is kept: whoever is lax about it could read on.
    ends = {
        b'"\\ud800"': "bad_json", b'"\\udc00\\ud800"': "bad_json", b'{"\\udfff":1}': "bad_json",
        b'"\xed\xa0\x80"': "bad_json", b'"\\ud83d\\ude00"': "not_canonical", b'{"b":1,"b":1}': "not_canonical",
        b"[" * 16 + b"]" * 16: "too_deep", b'{"a":' * 40_000: "too_deep", b"NaN": "bad_json", b"-0": "not_canonical",
        b'"\xc0\x80"': "bad_json", b'0,"link":"x"': "not_canonical",
    }  # fmt: skip
    asked = jcs.dump({"applied": 0, "events": [], "link": link_id, "sent": 0, "v": 1})
    bodies |= {asked[:-1] + b',"z":' + end + b"}": code for end, code in ends.items()}
    here = f"links/{link_id}"
    for path in ("inbox", "ping", "links", f"{here}/reveal", f"{here}/words", f"{here}/agreement"):
        for body, code in bodies.items():
            answer = await send(b.port, sign(a, "POST", f"{b.url}/fed/v1/{path}", body))
            assert (answer.status, answer.code) == (400, code), (path, body[-30:])
    assert await everything(b) == before
    assert (await send(b.port, ping(a, b, link_id))).code == ""


async def test_an_address_that_nobody_can_sign_is_refused_like_any_other(two_nodes: Pair) -> None:
    await two_nodes.link()
    a, b = two_nodes.both
    before, good = await everything(b), sign(a, "GET", f"{b.url}/fed/v1/events/0")
    found = {}
    for odd in ("\\ud800", "%", "%zz", "%00", '"', "<>", "[", "^`{|}", ";a=1", "#x"):
        for request in (good, good.but(headers=())):
            answer = await send(b.port, request.but(target=f"/fed/v1/events/{odd}"))
            found[(odd, bool(request.headers))] = (answer.status, answer.code)
    codes = {True: "bad_signature", False: "unsigned"}
    assert found == {(odd, signed): (401, codes[signed]) for odd, signed in found}
    assert await everything(b) == before


async def test_numbers_that_no_row_has_are_not_kept(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    await write_letter(a, link_id)
    await two_nodes.settle()
    [(stored,)] = await a.rows("SELECT bytes FROM letter_out")
    value = {name: given for name, given in jcs.parse(stored.encode()).items() if name != "proof"}
    before = await b.rows("SELECT COUNT(*) FROM letter_in")
    found = []
    for number in (67, 2**31 - 1, 2**31, 2**53 - 1):
        lie = a.wire.us.sign({**value, "id": new_id(), "seq": number}, a.clock())
        answer = await send(b.port, sign(a, "POST", f"{b.url}/fed/v1/inbox", b'{"events":[' + jcs.dump(lie) + b"]}"))
        found.append((answer.status, answer.code))
    assert found == [(200, ""), (200, ""), (422, "bad_body"), (422, "bad_body")]
    numbers = [{"link": link_id, "sent": sent, "applied": 0} for sent in (-1, 2**31)]
    for body in numbers:
        answer = await send(b.port, sign(a, "POST", f"{b.url}/fed/v1/ping", jcs.dump(body)))
        assert (answer.status, answer.code) == (422, "bad_body")
    assert await b.rows("SELECT COUNT(*) FROM letter_in") == before


class Dialler(httpcore.AsyncNetworkBackend):
    """Writes down what would be dialled, and connects nowhere."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.dialled.append((host, port))
        raise httpcore.ConnectError


INSIDE = [
    "http://169.254.169.254", "https://10.0.0.1", "https://0x7f.1", "https://2130706433", "https://[::1]",
    "http://127.0.0.2:80", "https://localhost", "https://inside.example", "ftp://a.example",
]  # fmt: skip


async def test_an_invitation_leads_nobody_inside(two_nodes: Pair) -> None:
    """Whoever pastes it is refused, or their node tries and calls nobody. A name with one address inside counts."""
    a, b = two_nodes.both
    with a.bound():
        honest = await actions.make_invite(COMMAND)
    told = jcs.parse(base64.urlsafe_b64decode(honest.rpartition(":")[2] + "=="))
    dialler = Dialler()

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    kept = b.wire
    async with GuardedClient(loopback_peers=True, resolve=resolve, dialler=dialler) as client:
        b.wire = Wire(kept.us, client)
        for number, url in enumerate(INSIDE):
            forged = jcs.dump({**told, "url": url, "node_id": told["node_id"][:-1] + "abcdefghi"[number]})
            with b.bound(), contextlib.suppress(ProtocolError, Refusal):
                await actions.accept_invite(
                    COMMAND, "circle-invite:1:" + base64.urlsafe_b64encode(forged).decode().rstrip("=")
                )
        await b.settle()
    b.wire = kept
    assert dialler.dialled == []
    troubles = await b.rows("SELECT trouble FROM link_wire")
    assert set(troubles) == {("bad_address",)}
    assert len(troubles) >= 2
