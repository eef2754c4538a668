"""One policy for everything that crosses: walked over all that is registered, so that nothing new slips past it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from eccoo_federation import handshake
from eccoo_federation.bodies import BODIES
from eccoo_federation.errors import ProtocolError
from eccoo_node.app import WORKING
from eccoo_node.cover import queries as cover
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.federating import app, inbox, outbox, pulls, sender
from eccoo_node.kernel import clock
from eccoo_node.links import letters, queries, showing
from eccoo_node.links.rules import Terms
from tests.support.pair import Pair

# Everything that is registered is, as in a node that runs.
assert WORKING
ALL = ("cover.offer", "cover.request", "settle", "attest.read", "introduce", "pool.read:first_name")
# A type that crosses even a paused link must be argued for here.
FREES = {
    "identity.updated", "link.narrowed", "link.suspended", "link.resumed", "link.ended", "link.shown", "tombstone",
    "cover.declined", "cover.refused", "cover.rescinded", "cover.acknowledged", "cover.withdrawn", "cover.cancelled",
    "pool.changed", "attest.revoked", "erasure.requested", "erasure.completed", "erasure.partial", "referral.answered",
    "referral.withdrawn", "settle.agreed", "settle.disputed", "settle.paid", "settle.received",
}  # fmt: skip
# And one that outlives the link here.
OUTLIVE = {
    "cover.committed", "disclosure.sent", "visit.claimed", "visit.confirmed", "visit.disputed", "visit.resolved",
    "settle.statement",
}  # fmt: skip
# What pages show of other circles: each says nothing of a link on which it may not cross.
LISTS: dict[str, Callable[[str], Awaitable[Any]]] = {
    "askable": lambda link_id: queries.askable(),
    "open_requests": lambda link_id: cover.open_requests(clock.now()),
    "shown_to": showing.shown_to,
}


def types_of(scopes: frozenset[str]) -> set[str]:
    return {type_ for type_, body in BODIES.items() if body.SCOPE in scopes}


def test_every_type_has_a_scope_and_what_always_crosses_is_named_here() -> None:
    known = handshake.ALWAYS | handshake.OUTLIVES | handshake.PLAIN_SCOPES
    assert {type_ for type_, body in BODIES.items() if body.SCOPE not in known} == set()
    assert types_of(handshake.ALWAYS) == FREES
    assert types_of(handshake.OUTLIVES) == OUTLIVE
    assert set(letters._HANDLERS) <= set(BODIES)
    assert set(letters._PULLED) <= set(letters._ANSWERS)


STATES = {
    "suspended": "suspended_by_us_at = '2026-11-23 00:00:00+00:00'",
    "ended": "state = 'ended'",
    "narrowed": "narrowed = ?",
    "lapsed": "",
}


async def test_nothing_crosses_that_the_policy_refuses(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    link_id = await two_nodes.link(Terms(we_may=ALL, they_may=ALL))
    calls = listen(monkeypatch)
    with two_nodes.a.bound():
        async with write():
            await something_of_theirs(link_id)
        assert [len(await ask(link_id)) for ask in LISTS.values()] == [1, 1, 0]
        for state, change in STATES.items():
            async with write():
                await fetch("DELETE FROM letter_out")
            if state == "lapsed":
                two_nodes.a.clock.move(timedelta(days=366))
            else:
                nodes = [two_nodes.a.wire.us.node_id, two_nodes.b.wire.us.node_id]
                params = [msgspec.json.encode(dict.fromkeys(nodes, ALL)).decode()] if "?" in change else []
                async with write():
                    await fetch(f"UPDATE link SET {change} WHERE id = ?", *params, link_id)
            outlives = OUTLIVE if state in ("ended", "lapsed") else OUTLIVE & {"cover.committed", "disclosure.sent"}
            may = FREES | (set() if state == "suspended" else outlives)
            assert (state, await taken_in(link_id)) == (state, may)
            assert (state, await sent_out(link_id, calls)) == (state, may)
            honoured = set() if state == "suspended" else {"requests", "disclosures"}
            assert (state, await answered(link_id)) == (state, honoured | {"statements"})
            assert (state, await fetched(link_id, calls)) == (state, honoured)
            assert (state, [name for name, ask in LISTS.items() if await ask(link_id)]) == (state, [])
            async with write():
                await fetch(
                    "UPDATE link SET suspended_by_us_at = NULL, state = 'open', narrowed = '{}' WHERE id = ?", link_id
                )


def listen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Stand where the network and the wax are: what would have been called, and which types sealed."""
    calls: list[tuple[str, str]] = []

    async def call(base: str, state: Any, method: str, path: str, *rest: Any) -> Any:
        calls.append((method, path))
        raise ProtocolError("unreachable")

    async def seal(row: int, draft: Any, **kwargs: Any) -> Any:
        calls.append(("seal", draft.type))
        return SimpleNamespace(row=row, event_id=draft.id, seq=1, bytes=b"{}")

    async def peer(*args: Any, **kwargs: Any) -> Any:
        return SimpleNamespace(link_id=PEER[0])

    async def let_in(*args: Any, **kwargs: Any) -> None:
        return None

    for module in (pulls, sender):
        monkeypatch.setattr(module.wire, "call", call)
    monkeypatch.setattr(outbox, "_seal", seal)
    monkeypatch.setattr(app, "prove", peer)
    monkeypatch.setattr(app, "admit", let_in)
    return calls


PEER = [""]


async def something_of_theirs(link_id: str) -> None:
    """A visit that they ask about, so that there is something to show."""
    now = clock.now()
    await fetch(
        "INSERT INTO open_request (id, link_id, reference, body, area, starts_at, ends_at, go_no_go_at, state, received_at) "
        "VALUES ('o1', ?, 'r1', '{}', 'HX7', ?, ?, ?, 'open', ?)",
        link_id, now + timedelta(days=400), now + timedelta(days=400, hours=1), now + timedelta(days=399), now,
    )  # fmt: skip


async def taken_in(link_id: str) -> set[str]:
    """The types of which the inbox would let an event in."""
    taken, batch = set(), inbox.Batch(link_id, 0, {})
    for type_ in BODIES:
        try:
            await batch.check(SimpleNamespace(event=SimpleNamespace(type=type_, body=None)))  # type: ignore[arg-type]
            taken.add(type_)
        except ProtocolError:
            pass
    return taken


async def sent_out(link_id: str, calls: list[tuple[str, str]]) -> set[str]:
    """The types that the sender would number and sign."""
    async with write():
        for type_ in BODIES:
            await fetch(
                "INSERT INTO letter_out (link_id, event_id, type, subject, at, body, state, digest, bytes, code, written_at) "
                "VALUES (?, ?, ?, ?, '', '{}', 'waiting', '', '', '', ?)",
                link_id, f"e-{type_}", type_, f"s-{type_}", clock.now(),
            )  # fmt: skip
    calls.clear()
    await outbox.next_batch(link_id, len(BODIES))
    return {type_ for what, type_ in calls if what == "seal"}


async def answered(link_id: str) -> set[str]:
    """The kinds of signed GET to which somebody would answer."""
    PEER[0] = link_id
    found = set()
    for kind in letters._ANSWERS:
        try:
            await app._pulled(SimpleNamespace(), kind, ["x"])  # type: ignore[arg-type]
            found.add(kind)
        except ProtocolError as refused:
            if refused.code not in ("link_suspended", "link_ended", "scope_denied"):
                found.add(kind)
        except Exception:
            found.add(kind)
    return found


async def fetched(link_id: str, calls: list[tuple[str, str]]) -> set[str]:
    """The kinds that a job would call out for; a ping is always allowed."""
    calls.clear()
    for kind in letters._PULLED:
        try:
            await pulls.get_one({"link": link_id, "path": f"{kind}/x/1"})
        except ProtocolError:
            continue
    async with write():
        await letters.follow(link_id, "x")
    peer = await sender.peer_of(link_id)
    assert peer is not None
    await asyncio.gather(pulls._pull_state(peer, "x"), return_exceptions=True)
    return {path.split("/")[3] for method, path in calls if method == "GET"}
