"""Letters to and from linked circles: how every other domain speaks to them.

A letter is written in the transaction of the act that causes it and leaves once that is committed. One that comes is
handed to its handler inside the transaction that records it, so that the act and the receipt stand or fall together.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import events, handshake
from eccoo_federation.bodies import BODIES, Body
from eccoo_federation.errors import ProtocolError
from eccoo_federation.proofs import Signer, verify_object
from eccoo_federation.times import wire_time
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch, fetch_one, marks
from eccoo_node.db.transaction import current, write
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Actor
from eccoo_node.kernel.errors import NotFound
from eccoo_node.links import identity, queries

# How soon something that was refused may be said again.
SAID_AGAIN = timedelta(days=1)
# Letters of references, sums, hashes and hours alone: the evidence of what was agreed and is owed. Every other kind, those
# that we don't know included, may have somebody's name, face, needs or words in it: of one that is not taken in nothing is
# kept but which it was, and its bytes go when somebody asks to be forgotten.
_WORDY = frozenset({"cover.requested", "cover.offered"})
EVIDENCE = tuple(
    sorted(
        type_ for type_ in BODIES
        if type_.partition(".")[0] in ("link", "identity", "cover", "visit", "settle", "erasure", "tombstone")
        and type_ not in _WORDY
    )
)  # fmt: skip


def of_someone(type_: str) -> bool:
    """Whether a letter of this type may say something of a person."""
    return type_ not in EVIDENCE


class Letter(msgspec.Struct, frozen=True):
    """One event of another circle that passed every check of link, signature, scope and order.

    `body` is what it says as plain values, `read` the same as the library's struct; `event` is the whole signed event.
    """

    link_id: str
    id: str
    type: str
    subject: str
    rev: int
    at: str
    body: dict[str, Any]
    read: Body
    event: dict[str, Any]


class Answerer(msgspec.Struct, frozen=True):
    """Who answers a signed GET, and the scopes of which the asking circle needs one."""

    function: Callable[..., Awaitable[dict[str, Any]]]
    scopes: tuple[str, ...]
    bare: bool = False


Handler = Callable[[Actor, Letter], Awaitable[None]]
Pulled = Callable[[Actor, str, dict[str, Any]], Awaitable[None]]
Denied = Callable[[Actor, str, ProtocolError], Awaitable[None]]
_HANDLERS: dict[str, Handler] = {}
_ANSWERS: dict[str, Answerer] = {}
_PULLED: dict[str, Pulled] = {}
_DENIED: dict[str, Denied] = {}


def handles(*types: str) -> Callable[[Handler], Handler]:
    """Register who reads letters of these types: `async (actor, letter)`, inside the inbox's `write()`.

    The actor is the other circle: `link_id` set, via "federation". Raising ProtocolError or a Refusal refuses the
    letter: nothing the handler wrote is kept, and the other side is told the code.
    """

    def register(function: Handler) -> Handler:
        for type_ in types:
            if _HANDLERS.setdefault(type_, function) is not function:
                raise RuntimeError(f"two handlers for {type_}")
        return function

    return register


def answers(
    kind: str, *, scopes: tuple[str, ...] = ("cover.request", "cover.offer"), bare: bool = False
) -> Callable[[Callable[..., Awaitable[dict[str, Any]]]], Callable[..., Awaitable[dict[str, Any]]]]:
    """Register who answers `GET /fed/v1/<kind>/…`: `async (actor, *rest_of_path) -> dict`, outside `write()`.

    Asked only when the agreement lets the other circle do one of `scopes`; with none of them, the function asks the
    policy itself. `bare`: also asked for the kind alone. Raises ProtocolError or a Refusal.
    """

    def register(function: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
        if kind in _ANSWERS:
            raise RuntimeError(f"two answers for {kind}")
        _ANSWERS[kind] = Answerer(function, scopes, bare)
        return function

    return register


def pulled(kind: str) -> Callable[[Pulled], Pulled]:
    """Register who reads what was pulled from `<kind>/…`: `async (actor, path, body)`, inside `write()`."""

    def register(function: Pulled) -> Pulled:
        if kind in _PULLED:
            raise RuntimeError(f"two readers for {kind}")
        _PULLED[kind] = function
        return function

    return register


def denied(kind: str) -> Callable[[Denied], Denied]:
    """Register who hears that what was asked for under `<kind>/…` was refused for good: `async (actor, path, error)`,
    inside `write()`."""

    def register(function: Denied) -> Denied:
        if kind in _DENIED:
            raise RuntimeError(f"two who hear what is denied of {kind}")
        _DENIED[kind] = function
        return function

    return register


def denial_of(kind: str) -> Denied | None:
    return _DENIED.get(kind)


def handler_of(type_: str) -> Handler | None:
    return _HANDLERS.get(type_)


def answerer_of(kind: str) -> Answerer | None:
    return _ANSWERS.get(kind)


def reader_of(kind: str) -> Pulled | None:
    return _PULLED.get(kind)


async def send(link_id: str, type_: str, subject: str, body: dict[str, Any]) -> str:
    """Queue a letter, inside `write()`; its id. Numbered, signed and sent once the act is committed.

    Kept while the link is suspended or the other side is away. Raises ProtocolError for a body that the other side
    would refuse (a mistake of ours) and NotFound for a link we do not know. On a link that another one stands in for
    nothing is queued: nobody has its keys any more; nor on a closed one what crosses it no more.
    """
    if current() is None:
        raise RuntimeError("a letter is written in the transaction that causes it")
    row = await fetch_one("SELECT node_id, superseded_by, closed_at FROM link WHERE id = ?", link_id)
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    now = clock.now()
    draft = events.draft(link_id, row[0], subject, type_, body, now)
    over = row["closed_at"] is not None and events.scope_of_type(type_) not in handshake.FORGETS
    if row["superseded_by"] or over:
        return draft.id
    await fetch(
        "INSERT INTO letter_out (link_id, event_id, type, subject, at, body, state, digest, bytes, code, written_at) "
        "VALUES (?, ?, ?, ?, ?, ?, 'waiting', '', '', '', ?)",
        link_id, draft.id, type_, subject, draft.at, msgspec.json.encode(body).decode(), now,
    )  # fmt: skip
    if events.scope_of_type(type_) != "link":
        await follow(link_id, subject)
    await wake(link_id)
    return draft.id


async def refused_lately(link_id: str, type_: str, subject: str, body: dict[str, Any]) -> bool:
    """Whether the other circle refused this very letter within a day. Saying it again at once would be answered the same
    way, and the refusal would make us say it again."""
    row = await fetch_one(
        "SELECT 1 FROM letter_out WHERE link_id = ? AND subject = ? AND type = ? AND body = ? AND state = 'refused' "
        "AND answered_at > ? LIMIT 1",
        link_id, subject, type_, msgspec.json.encode(body).decode(), clock.now() - SAID_AGAIN,
    )  # fmt: skip
    return row is not None


async def wake(link_id: str) -> None:
    """Let the sender of this link run as soon as the open transaction is committed."""
    await jobs.wake("federation.send", link_id, link=link_id)


async def follow(link_id: str, subject: str) -> Any:
    """Pull the other side's state about this from time to time, until `finish`. Its row. Inside `write()`."""
    rows = await fetch(
        "INSERT INTO letter_subject (link_id, subject, rev_out, head_out, rev_in, head_in, blocked_out, blocked_in, "
        "followed, changed_at) VALUES (?, ?, 0, '', 0, '', FALSE, FALSE, TRUE, ?) "
        "ON CONFLICT (link_id, subject) DO UPDATE SET changed_at = excluded.changed_at RETURNING *",
        link_id, subject, clock.now(),
    )  # fmt: skip
    return rows[0]


async def follow_again(link_id: str, subject: str) -> None:
    """What had been finished goes on after all. Inside `write()`."""
    await fetch(
        "UPDATE letter_subject SET followed = TRUE, changed_at = ? WHERE link_id = ? AND subject = ?",
        clock.now(), link_id, subject,
    )  # fmt: skip


async def finish(link_id: str, subject: str) -> None:
    """Nothing more will happen about this: its state is no longer pulled. Inside `write()`."""
    await fetch("UPDATE letter_subject SET followed = FALSE WHERE link_id = ? AND subject = ?", link_id, subject)


async def pull(link_id: str, path: str) -> None:
    """Fetch `path` (such as "disclosures/{request}/1") once this is committed; the kind's reader gets the body."""
    if reader_of(path.partition("/")[0]) is None:
        raise RuntimeError(f"nobody reads what is pulled from {path}")
    key = f"{link_id}:{path}"
    await jobs.wake("federation.get", key, link=link_id, path=path)


async def reference(link_id: str, *parts: str) -> str:
    """What the other circle calls this person's request: it tells them nothing, and no two links share one."""
    row = await fetch_one("SELECT secret FROM link WHERE id = ?", link_id)
    if row is None:
        raise NotFound("We know no such circle.", "unknown_link")
    return handshake.link_secret_ref(bytes.fromhex(row[0]), *parts)


def new_link_secret() -> str:
    return secrets.token_hex(32)


def sign(value: dict[str, Any]) -> dict[str, Any]:
    """A copy with our own proof, as evidence that outlives the connection."""
    return identity.current().sign(value, clock.now())


async def verify(value: Any, link_id: str, *, archived: bool = False) -> Signer:
    """Who signed, which must be the other circle of this link, with a key of its pinned log. Raises ProtocolError.

    `archived` takes a key that was revoked after the proof was made: for evidence that was checked when it came.
    """
    state = await queries.pinned(link_id)
    resolve = state.resolve_object if archived else state.resolve_fresh
    return verify_object(value, resolve, by=state.node_id)


def verify_own(value: Any) -> Signer:
    """The proof is our own, now or earlier. Raises ProtocolError."""
    state = identity.current().state
    return verify_object(value, state.resolve_object, by=state.node_id)


async def forget(link_id: str, event_id: str) -> None:
    """Delete the words of one letter, either way, inside `write()`. Its digest stays, so the chain stays whole.

    A letter whose handler asks for this is not stored yet: its words go as soon as it is.
    """
    if not await forget_if_taken(link_id, event_id):
        # Only the two together name a letter: another circle may use the same id.
        await jobs.add("links.forget", f"{link_id}:{event_id}", link=link_id, event=event_id)


async def forget_if_taken(link_id: str, event_id: str) -> bool:
    """The same, but only now: whether there was such a letter, and one of ours had been answered."""
    came = await fetch(
        "UPDATE letter_read SET bytes = '', forgotten_at = ? WHERE letter_id IN "
        "(SELECT id FROM letter_in WHERE link_id = ? AND event_id = ?) RETURNING id",
        clock.now(), link_id, event_id,
    )  # fmt: skip
    went = await fetch(
        "UPDATE letter_out SET body = '', bytes = '' "
        "WHERE link_id = ? AND event_id = ? AND state IN ('acked', 'refused', 'tombstone') RETURNING id",
        link_id, event_id,
    )  # fmt: skip
    return bool(came or went)


async def forget_subjects(link_id: str, subjects: Sequence[str]) -> bool:
    """Delete the words of all letters about these, either way, but for the evidence of what is owed. Inside `write()`.

    What waits unnumbered is not sent any more. False while something lies between the two nodes: a letter that was sent
    and not answered goes out with the bytes it has, and is forgotten when this is asked again.
    """
    named = f"link_id = ? AND subject IN ({marks(subjects)}) AND type NOT IN ({marks(EVIDENCE)})"
    which = (link_id, *subjects, *EVIDENCE)
    await fetch(
        "UPDATE letter_read SET bytes = '', forgotten_at = ? WHERE forgotten_at IS NULL AND verdict <> 'buffered' AND "
        f"letter_id IN (SELECT id FROM letter_in WHERE {named})",
        clock.now(), *which,
    )  # fmt: skip
    await fetch(f"DELETE FROM letter_out WHERE {named} AND state = 'waiting'", *which)
    await fetch(f"UPDATE letter_out SET body = '', bytes = '' WHERE {named} AND body <> '' AND state <> 'sent'", *which)
    return not await fetch(f"SELECT 1 FROM letter_out WHERE {named} AND state = 'sent' LIMIT 1", *which)


@jobs.job("links.forget")
async def _forget_handled(payload: dict[str, Any]) -> datetime | None:
    async with write():
        await forget_if_taken(payload["link"], payload["event"])
    return None


def stamp() -> str:
    """The present moment as the wire writes it."""
    return wire_time(clock.now())
