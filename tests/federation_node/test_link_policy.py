"""One policy for everything that crosses: walked over all that is registered, so that nothing new slips past it."""

import ast
import asyncio
import re
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
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.federating import app, inbox, outbox, pulls, sender
from eccoo_node.kernel import clock
from eccoo_node.links import introducing, letters, queries, showing
from eccoo_node.links.rules import Terms
from eccoo_node.links.tables import HeardCircle, Introduction
from eccoo_node.pools import queries as pools
from eccoo_node.pools.tables import PoolWorker
from tests.support.more_links import more_links
from tests.support.pair import Pair
from tests.support.sources import ROOT

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
# And one that crosses even a closed link here: who and where they are, and what is to be forgotten. No sum, no visit.
FORGETS = {
    "identity.updated", "link.narrowed", "link.suspended", "link.resumed", "link.ended", "link.shown", "tombstone",
    "pool.changed", "attest.revoked", "erasure.requested", "erasure.completed", "erasure.partial", "referral.withdrawn",
}  # fmt: skip
# What pages show of other circles: each says nothing of a link on which it may not cross.
LISTS: dict[str, Callable[[str], Awaitable[Any]]] = {
    "links/queries.py:askable": lambda link_id: askable(link_id),
    "links/showing.py:shown_to": lambda link_id: showing.shown_to(THIRD[0]),
    "links/introducing.py:heard": introducing.heard,
    "links/introducing.py:listed": lambda link_id: asking_for_us(),
    "cover/queries.py:open_requests": lambda link_id: cover.open_requests(clock.now()),
    "pools/queries.py:_readable": lambda link_id: pools.to_invite([link_id]),
}
# Where a circle's own things lie that it lets us see. A list made from one of these is named above, or argued for here.
THEIRS = ("open_request", "pool_worker", "heard_circle", "introduction")
NOT_SHOWN = {
    "cover/erasing.py:days_of": "of which visits a circle was told that is to forget them, for whoever rings it",
    "cover/erasing.py:still_going_on": "what keeps somebody from being forgotten; no page shows it",
    "cover/leaving.py:visits": "what both have agreed to, which is honoured when a link ends",
    "cover/leaving.py:_only_asked": "what is forgotten when a link ends",
    "cover/lines.py:known_to_both": "the names of payments, which are settled whatever the link allows",
    "cover/queries.py:mine_for": "our own workers' offers",
    "cover/queries.py:mine_of": "our own workers' offers",
    "cover/queries.py:mine_to_come": "our own workers' visits, counted towards what may be owed",
}


# Another link, on which everything may cross.
THIRD = [""]


async def askable(link_id: str) -> list[str]:
    return [one.id for one in await queries.askable() if one.id == link_id]


async def asking_for_us() -> list[introducing.Shown]:
    return (await introducing.listed())[0]


def _text(lines: list[str], part: ast.stmt) -> str:
    return "\n".join(lines[part.lineno - 1 : part.end_lineno])


def lists() -> set[str]:
    """Every function of the node that makes a list from what other circles let us see."""
    found = set()
    tables = re.compile(rf"(FROM|JOIN) ({'|'.join(THEIRS)})\b")
    for path in sorted((ROOT / "eccoo_node").rglob("*.py")):
        text = path.read_text()
        if not tables.search(text):
            continue
        lines, tree = text.splitlines(), ast.parse(text)
        queries_ = {
            f"{{{target.id}}}"
            for one in tree.body if isinstance(one, ast.Assign) and tables.search(_text(lines, one))
            for target in one.targets if isinstance(target, ast.Name)
        }  # fmt: skip
        for one in ast.walk(tree):
            if not isinstance(one, ast.AsyncFunctionDef) or one.returns is None:
                continue
            body = _text(lines, one)
            reads = tables.search(body) or any(query in body for query in queries_)
            if reads and re.search(r"\b(list|dict|tuple|frozenset)\[", ast.unparse(one.returns)):
                found.add(f"{path.relative_to(ROOT / 'eccoo_node').as_posix()}:{one.name}")
    return found


def test_every_list_of_what_other_circles_show_is_asked_below() -> None:
    assert lists() - {*LISTS, *NOT_SHOWN} == set()
    assert set(NOT_SHOWN) - lists() == set()


def types_of(scopes: frozenset[str]) -> set[str]:
    return {type_ for type_, body in BODIES.items() if body.SCOPE in scopes}


def test_every_type_has_a_scope_and_what_always_crosses_is_named_here() -> None:
    known = handshake.ALWAYS | handshake.OUTLIVES | handshake.PLAIN_SCOPES
    assert {type_ for type_, body in BODIES.items() if body.SCOPE not in known} == set()
    assert types_of(handshake.ALWAYS) == FREES
    assert types_of(handshake.OUTLIVES) == OUTLIVE
    assert types_of(handshake.FORGETS) == FORGETS
    assert set(letters._HANDLERS) <= set(BODIES)
    assert set(letters._PULLED) <= set(letters._ANSWERS)


STATES = {
    "suspended": "suspended_by_us_at = '2026-11-23 00:00:00+00:00'",
    "ended": "state = 'ended'",
    "closed": "state = 'ended', closed_at = '2026-11-23 00:00:00+00:00'",
    "narrowed": "narrowed = ?",
    "lapsed": "",
}


async def test_nothing_crosses_that_the_policy_refuses(two_nodes: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    link_id = await two_nodes.link(Terms(we_may=ALL, they_may=ALL))
    calls = listen(monkeypatch)
    THIRD[:] = await more_links(two_nodes, "Halifax circle")
    with two_nodes.a.bound():
        async with write():
            await something_of_theirs(link_id)
        assert [len(await ask(link_id)) for ask in LISTS.values()] == [1] * len(LISTS)
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
            may = FORGETS if state == "closed" else FREES | (set() if state == "suspended" else outlives)
            assert (state, await taken_in(link_id)) == (state, may)
            assert (state, await sent_out(link_id, calls)) == (state, may)
            honoured = set() if state in ("suspended", "closed") else {"requests", "disclosures"}
            assert (state, await answered(link_id)) == (
                state,
                honoured | (set() if state == "closed" else {"statements"}),
            )
            assert (state, await fetched(link_id, calls)) == (state, honoured)
            assert (state, [name for name, ask in LISTS.items() if await ask(link_id)]) == (state, [])
            async with write():
                await fetch(
                    "UPDATE link SET suspended_by_us_at = NULL, state = 'open', closed_at = NULL, narrowed = '{}' WHERE id = ?",
                    link_id,
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
    await fetch("UPDATE pool_link SET asked_at = ?, read_at = ? WHERE link_id = ?", now, now, link_id)
    await insert(PoolWorker(link_id=link_id, reference="w1", first_name="Cass"))
    await insert(HeardCircle(link_id=link_id, reference="c1", name="Burnley circle", place="", heard_at=now))
    await insert(
        Introduction(role="asked", number="n1", link_id=link_id, name="Sowerby circle", at=now, keep_until=now + timedelta(days=900))
    )  # fmt: skip
    await fetch("UPDATE link SET name = 'Todmorden circle', shown_here = TRUE, we_show = TRUE WHERE id = ?", link_id)


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
