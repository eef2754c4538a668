"""Requests that must be refused before any work: each leaves no row, and the honest one beside it is taken."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from eccoo_federation import handshake, invites, jcs
from eccoo_federation.handshake import LinkRequest
from eccoo_federation.keys import SigningKey
from eccoo_federation.transport import new_nonce
from eccoo_node.federating.requests import Peer, admit
from eccoo_node.kernel.access import COMMAND
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import actions, queries
from tests.support import hostile
from tests.support.heard import Heard, write_letter
from tests.support.hostile import Request, ping, send, sign
from tests.support.pair import Pair, PairNode
from tests.support.tables import all_tables


async def everything(node: PairNode) -> dict[str, int]:
    """How many rows each table of a node has."""
    counts = {}
    for table in all_tables():
        name = table._meta.tablename
        counts[name] = (await node.row(f'SELECT COUNT(*) FROM "{name}"'))[0]
    return counts


def flipped(text: str, at: int = 3) -> str:
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]


def another_signature(request: Request) -> Request:
    raw = bytearray(base64.b64decode(request.header("signature").split(":")[1]))
    raw[0] ^= 1
    return request.with_header("signature", f"circle=:{base64.b64encode(raw).decode()}:")


async def test_one_byte_changed_anywhere_is_refused_and_leaves_nothing(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    good = ping(a, b, link_id)
    read = sign(a, "GET", f"{b.url}/fed/v1/events/0")
    changed = {
        "body": good.but(body=good.body.replace(b'"sent":0', b'"sent":1')),
        "method": good.but(method="PUT"),
        "method of a read": read.but(method="DELETE"),
        "path": read.but(target="/fed/v1/events/1"),
        "another path": good.but(target="/fed/v1/inbox"),
        "query": read.but(target="/fed/v1/events/0?x=1"),
        "encoded path": read.but(target="/fed/v1/%65vents/0"),
        "doubled slash": read.but(target="/fed/v1//events/0"),
        "host that was signed": sign(a, "GET", f"{two_nodes.a.url}/fed/v1/events/0"),
        "content type": good.with_header("content-type", "application/jsom"),
        "digest": good.with_header("content-digest", hostile.digest_of(b"other")),
        "a second digest that is wrong": good.with_header(
            "content-digest", f"{good.header('content-digest')}, sha-512=:{base64.b64encode(bytes(64)).decode()}:"
        ),
        "signature": another_signature(good),
        "key's name": good.with_header("signature-input", good.header("signature-input").replace('keyid="', 'keyid="x')),
    }  # fmt: skip
    before = await everything(b)
    found = {name: (await send(b.port, request)).status for name, request in changed.items()}
    assert found == dict.fromkeys(changed, 401)
    assert await everything(b) == before
    # A Host header of a proxy's own choosing changes nothing: what is signed is the public address.
    assert [(await send(b.port, request)).status for request in (good.but(host="elsewhere"), read)] == [200, 200]


async def test_a_signature_that_covers_too_little_is_refused(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    thin: list[dict[str, Any]] = [{"parts": [p for p in hostile.PARTS if p != part]} for part in hostile.PARTS]
    thin += [{"without": [name]} for name in ("created", "expires", "nonce", "keyid", "alg", "tag")]
    before = await everything(b)
    answers = [await send(b.port, ping(a, b, link_id, **how)) for how in thin]
    assert [answer.status for answer in answers] == [401] * len(thin)
    assert {answer.code for answer in answers} == {"missing_component", "unsigned"}
    assert await everything(b) == before


async def test_strangers_and_the_unsigned_are_refused_whatever_they_ask(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    stranger = SigningKey.generate("transport")
    good = ping(a, b, link_id)
    before = await everything(b)
    assert (await send(b.port, good.but(headers=(("content-type", "application/json"),)))).code == "unsigned"
    for method, path in (
        ("GET", "events/0"),
        ("GET", "requests/x"),
        ("GET", "nothing"),
        ("POST", "inbox"),
        ("PUT", "ping"),
    ):
        unsigned = Request(method, f"/fed/v1/{path}", (), b"{}" if method != "GET" else b"", host="x")
        forged = sign(a, method, f"{b.url}/fed/v1/{path}", unsigned.body, key=stranger)
        assert [(await send(b.port, request)).code for request in (unsigned, forged)] == ["unsigned", "unknown_key"]
    refused = await send(b.port, ping(a, b, link_id, key=stranger))
    # Even a refusal is signed, so that nobody in between can make it up.
    assert refused.headers["signature-input"].startswith("circle=(")
    assert await everything(b) == before


async def test_a_request_for_one_circle_is_worth_nothing_at_another(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    captured = ping(b, a, link_id)
    assert (await send(b.port, captured)).status == 401
    assert (await send(a.port, captured)).status == 200


async def test_the_same_request_counts_once_also_a_hundred_times_at_once(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    once = ping(a, b, link_id)
    answers = await asyncio.gather(*(send(b.port, once) for _ in range(100)))
    assert sorted(answer.code for answer in answers) == [""] + ["replayed"] * 99
    # Whoever says their words again does not use up what is theirs.
    assert (await send(b.port, ping(a, b, link_id))).status == 200
    assert (await send(b.port, once)).code == "replayed"
    two_nodes.move(timedelta(seconds=299))
    assert (await send(b.port, once)).code == "replayed"
    two_nodes.move(timedelta(seconds=2))
    assert (await send(b.port, once)).code == "clock_skew"


@pytest.mark.parametrize("created_in_s, code", [(-301, "clock_skew"), (-299, ""), (59, ""), (61, "clock_skew")])
async def test_the_bounds_of_the_clock_are_exact(two_nodes: Pair, created_in_s: int, code: str) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    answer = await send(b.port, ping(a, b, link_id, created_in_s=created_in_s))
    assert answer.code == code
    if code:
        detail = jcs.parse(answer.body)["error"]["detail"]
        assert (detail["offset_s"], detail["server_time"]) == (created_in_s, "2026-11-23T08:00:00Z")
    assert (await b.row("SELECT state, clock_offset_s FROM link JOIN link_wire ON link_id = link.id"))[:2] == (
        "open",
        created_in_s,
    )


async def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    good = ping(a, b, link_id)
    before = await everything(b)
    claimed = await send(b.port, good.but(body=b"x" * 1000), length=10_000_000)
    assert (claimed.status, claimed.code, claimed.headers["connection"]) == (413, "too_large", "close")
    # One byte more than is taken in, of a body that never says how long it is and never ends.
    endless = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 4 + b"1\r\nx\r\n"
    streamed = await send(b.port, good.but(body=endless).with_header("Transfer-Encoding", "chunked"))
    assert (streamed.status, streamed.code) == (413, "too_large")
    assert await everything(b) == before


async def test_more_than_sixty_requests_a_minute_are_asked_to_wait(two_nodes: Pair) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    two_nodes.move(timedelta(minutes=2))
    answers = [await send(b.port, ping(a, b, link_id)) for _ in range(61)]
    assert [answer.status for answer in answers] == [200] * 60 + [429]
    assert answers[-1].headers["retry-after"] == "60"
    before = await everything(b)
    assert [(await send(b.port, ping(a, b, link_id))).status for _ in range(5)] == [429] * 5
    assert await everything(b) == before
    # Nor does it touch what another link may do.
    for number in range(10):
        with b.bound():
            await admit(Peer("another", "kid", f"nonce-{number}", int(b.clock().timestamp())), events=50)
    two_nodes.move(timedelta(minutes=1))
    assert (await send(b.port, ping(a, b, link_id))).status == 200


# ---- invitations ----


class Dialled:
    """Counts what a node's client calls, instead of calling."""

    def __init__(self, node: PairNode, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        original = node.wire.client.send

        async def counting(method: str, url: str, *rest: Any) -> Any:
            self.calls.append(url)
            return await original(method, url, *rest)

        monkeypatch.setattr(node.wire.client, "send", counting)


def link_request(node: PairNode, to: PairNode, token: str, link_id: str = "") -> Request:
    us = node.wire.us
    link_id = link_id or new_id()
    commitment = handshake.new_nonce_commitment(link_id, us.node_id, us.state.head, new_nonce())
    request = LinkRequest(
        token=token, link=link_id, node_id=us.node_id, base_url=us.base_url, log_head=us.state.head, commitment=commitment
    )  # fmt: skip
    return sign(node, "POST", f"{to.url}/fed/v1/links", jcs.dump(request.as_wire()))


async def an_invite(node: PairNode) -> invites.Invite:
    with node.bound():
        return invites.read_invite(await actions.make_invite(COMMAND), node.clock())


async def test_a_forged_expired_or_used_invitation_makes_no_call_and_leaves_nothing(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = two_nodes.both
    used = await an_invite(a)
    assert (await send(a.port, link_request(b, a, used.token))).status == 200
    with a.bound():
        [link] = await queries.circles()
        await actions.end(COMMAND, link.id)
    old = await an_invite(a)
    two_nodes.move(timedelta(hours=48, minutes=1))
    fresh = await an_invite(a)
    dialled = Dialled(a, monkeypatch)
    before = await everything(a)
    tokens = {"forged": new_nonce(), "expired": old.token, "used": used.token}
    found = {name: (await send(a.port, link_request(b, a, token))).code for name, token in tokens.items()}
    assert found == dict.fromkeys(tokens, "bad_invite")
    assert dialled.calls == []
    assert await everything(a) == before
    # The same search sees the calls and rows of an invitation that is good.
    assert (await send(a.port, link_request(b, a, fresh.token))).status == 200
    assert len(dialled.calls) == 2
    assert (await everything(a))["link"] == before["link"] + 1


async def test_an_invitation_used_twice_at_once_makes_one_link(two_nodes: Pair) -> None:
    a, b = two_nodes.both
    token = (await an_invite(a)).token
    answers = await asyncio.gather(*(send(a.port, link_request(b, a, token)) for _ in range(5)))
    assert sorted(answer.code for answer in answers) == [""] + ["bad_invite"] * 4
    assert (await everything(a))["link"] == 1


async def test_a_used_invitation_is_answered_from_what_is_pinned_and_makes_no_call(
    two_nodes: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = two_nodes.both
    token = (await an_invite(a)).token
    first = link_request(b, a, token)
    url, asked = f"{a.url}/fed/v1/links", jcs.parse(first.body)
    answer = await send(a.port, first)
    dialled = Dialled(a, monkeypatch)

    async def again(**changes: str) -> hostile.Answer:
        return await send(a.port, sign(b, "POST", url, jcs.dump({**asked, **changes})))

    # Whose answer was lost asks again; nobody else does, at whichever address.
    assert (await again()).body == answer.body
    assert (await again(base_url="http://127.0.0.1:9")).code == "bad_invite"
    assert (await again(node_id=a.wire.us.node_id)).code == "bad_invite"
    with a.bound():
        await actions.end(COMMAND, asked["link"])
    before = await everything(a)
    found = {(await again(base_url=f"http://127.0.0.1:{9 + n % 5}")).code for n in range(50)}
    assert (found, dialled.calls) == ({"bad_invite"}, [])
    assert await everything(a) == before


async def test_one_token_opens_only_a_few_connections(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a token but not the keys they claim cannot make us call out for ever."""
    a, b = two_nodes.both
    token = (await an_invite(a)).token
    dialled = Dialled(a, monkeypatch)
    forged = SigningKey.generate("transport")
    for _ in range(10):
        request = link_request(b, a, token)
        await send(a.port, sign(b, "POST", f"{a.url}/fed/v1/links", request.body, key=forged))
    assert len(dialled.calls) == 10
    assert (await everything(a))["link"] == 0


async def test_a_captured_letter_sent_again_in_a_new_request_has_no_second_effect(
    two_nodes: Pair, heard: Heard
) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    await write_letter(a, link_id)
    await two_nodes.settle()
    [(stored,)] = await a.rows("SELECT bytes FROM letter_out")
    url = f"{b.url}/fed/v1/inbox"
    again = await send(b.port, sign(a, "POST", url, b'{"events":[' + stored.encode() + b"]}"))
    assert (again.status, jcs.parse(again.body)["verdicts"][0]["verdict"]) == (200, "duplicate")
    forged = stored.replace("2026-11-23T08:00:00Z", "2026-11-23T07:00:00Z", 1)
    other = await send(b.port, sign(a, "POST", url, b'{"events":[' + forged.encode() + b"]}"))
    assert other.code == "bad_proof"
    assert heard.letters == [("cover.declined", "req-1", 1)]


async def test_the_same_number_with_other_bytes_is_kept_as_evidence(two_nodes: Pair, heard: Heard) -> None:
    link_id = await two_nodes.link()
    a, b = two_nodes.both
    event_id = await write_letter(a, link_id)
    await two_nodes.settle()
    [(stored,)] = await a.rows("SELECT bytes FROM letter_out")
    value = jcs.parse(stored.encode())
    url = f"{b.url}/fed/v1/inbox"
    of_someone = {**value, "type": "cover.offered", "body": {"first_name": "Zebedee"}}
    lies = [
        ("event_changed", a.wire.us.sign({**value, "subject": "req-2"}, a.clock())),
        ("event_changed", a.wire.us.sign(of_someone, a.clock())),
        ("seq_reused", a.wire.us.sign({**value, "id": new_id()}, a.clock())),
    ]
    for code, lie in lies:
        answer = await send(b.port, sign(a, "POST", url, b'{"events":[' + jcs.dump(lie) + b"]}"))
        assert (answer.status, answer.code) == (409, code)
    kept = await b.rows("SELECT code, evidence FROM link_alarm ORDER BY id")
    assert [code for code, _ in kept] == ["event_changed", "event_changed", "seq_reused"]
    # Evidence is kept for good: of a letter about a person it is the digest of what was said.
    assert "Zebedee" not in str(kept)
    assert jcs.digest({"first_name": "Zebedee"}) in kept[1][1]
    assert await b.rows("SELECT event_id FROM letter_in") == [(event_id,)]
    assert len(heard.letters) == 1


# ---- a scripted middleman ----


async def test_somebody_between_the_two_shows_in_the_words(two_nodes: Pair, tmp_path: Any) -> None:
    """M stands at A's address for B, with keys of its own on both legs; each leg is a whole handshake that succeeds."""
    from tests.support.node import build
    from tests.support.pair import open_pair

    for name in ("hebden", "todmorden"):
        (tmp_path / "m" / name).mkdir(parents=True)
        await build("", tmp_path / "m" / name)
    async with open_pair(tmp_path / "m") as middle:
        m_for_b, m_for_a = middle.both
        a, b = two_nodes.both
        words = []
        for inviting, invited in ((m_for_b, b), (a, m_for_a)):
            with inviting.bound():
                invite = await actions.make_invite(COMMAND)
            with invited.bound():
                await actions.accept_invite(COMMAND, invite)
            for _ in range(5):
                await inviting.settle()
                await invited.settle()
            words.append([(await node.row("SELECT words FROM link"))[0] for node in (inviting, invited)])
        # On each leg the two ends agree, as the middleman wants; between A and B, who read aloud, they do not.
        assert [one == other for one, other in words] == [True, True]
        assert words[0][1] != words[1][0]
        # Nor can M carry A's invitation on as it is: B calls the address in it and looks for A's own identity.
        with a.bound():
            real = invites.read_invite(await actions.make_invite(COMMAND), a.clock())
        redirected = invites.write_invite(invites.Invite(
            url=m_for_b.url, node_id=real.node_id, token=real.token, expires_at=real.expires_at,
        ))  # fmt: skip
        with b.bound():
            other = await actions.accept_invite(COMMAND, redirected)
        await b.settle()
        assert await b.rows("SELECT trouble FROM link_wire WHERE link_id = ?", other) == [("wrong_node",)]
