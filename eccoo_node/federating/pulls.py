"""Push for speed, pull for truth: what we fetch from the other side, and when."""

import random
from datetime import datetime, timedelta
from typing import Any

from eccoo_federation import limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.events import read_batch
from eccoo_federation.handshake import POOL_FIELDS
from eccoo_node.db.jobs import MAX_ATTEMPTS, add, job
from eccoo_node.db.rows import as_time, fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.federating import inbox, moves, refetch, sender, wire  # noqa: F401 moves registers its job
from eccoo_node.federating.sender import Peer, peer_of
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Refusal
from eccoo_node.links import held, identity, letters, queries
from eccoo_node.links.arrivals import circle_actor

_RNG = random.Random()  # noqa: S311 spreads calls, guards nothing
# Nobody still waits for an answer about something this old.
FOLLOW_FOR = timedelta(days=60)
AT_ONCE = 20
# Of one circle, at one time.
MOST_GETS = 4
# A circle with which nothing is going on is asked less often: a letter of theirs comes by itself, unless they can't call.
IDLE_EVERY = timedelta(minutes=30)


def _next_round(every: timedelta = limits.PULL_EVERY) -> datetime:
    return clock.now() + every * _RNG.uniform(0.8, 1.2)


async def follows_any(link_id: str) -> bool:
    """Whether something is going on with this circle that either side may wait for."""
    return bool(await fetch_value("SELECT 1 FROM letter_subject WHERE link_id = ? AND followed LIMIT 1", link_id))


@job("federation.pull")
async def pull_states(payload: dict[str, Any]) -> datetime | None:
    """Ping one link and compare the state of everything that is still going on with it; then again in five minutes."""
    link_id = payload["link"]
    peer = await peer_of(link_id)
    if peer is None or (peer.link_state == "ended" and not await follows_any(link_id)):
        return None
    if peer.pace.must_knock and peer.waiting:
        # The sender's own probe finds out first whether anybody is there.
        return _next_round()
    try:
        await sender.ping(peer)
        await _ask_whether_paused(peer)
        for subject in await _followed(link_id):
            await _pull_state(peer, subject)
    except ProtocolError as refused:
        await _note(link_id, refused)
        if refused.status >= 500 and await _long_away(peer):
            return clock.now() + limits.next_retry(len(limits.RETRIES_S), _RNG)
        return _next_round()
    return _next_round(IDLE_EVERY) if await _is_idle(link_id) else _next_round()


# Nothing waits for an answer on either side, and the last call went well both here and there.
_IDLE = (
    "w.failures = 0 AND w.trouble = '' AND l.suspended_by_them_at IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM letter_subject s WHERE s.link_id = l.id AND (s.followed OR s.blocked_in OR s.blocked_out)) "
    "AND NOT EXISTS (SELECT 1 FROM letter_out o WHERE o.link_id = l.id AND o.state IN ('waiting', 'sent'))"
)


async def _is_idle(link_id: str) -> bool:
    row = await fetch_value(
        f"SELECT 1 FROM link l JOIN link_wire w ON w.link_id = l.id WHERE l.id = ? AND {_IDLE}", link_id
    )
    return row is not None


async def _long_away(peer: Peer) -> bool:
    """Not heard of for an hour: many circles that are away must not keep those that are there waiting."""
    seen = as_time(await fetch_value("SELECT last_seen_at FROM link_wire WHERE link_id = ?", peer.link_id))
    return seen is None or clock.now() - seen > limits.LONG_AWAY


async def _ask_whether_paused(peer: Peer) -> None:
    """We may have been turned away just before their word arrived that the link goes on. Then nothing else tells us.

    What they said in a letter is believed; what only a refusal said is asked again.
    """
    heard = await fetch_value(
        "SELECT i.type FROM letter_in i JOIN letter_read r ON r.letter_id = i.id WHERE i.link_id = ? "
        "AND r.verdict = 'applied' AND i.type IN ('link.suspended', 'link.resumed') ORDER BY i.seq DESC LIMIT 1",
        peer.link_id,
    )
    paused = await fetch_value("SELECT suspended_by_them_at FROM link WHERE id = ?", peer.link_id)
    if paused is None or heard == "link.suspended":
        return
    try:
        await wire.call(peer.base_url, peer.state, "GET", "/fed/v1/requests/none")
    except ProtocolError as refused:
        if refused.code == "link_suspended" or refused.status not in (403, 404):
            return
    async with write():
        await fetch("UPDATE link SET suspended_by_them_at = NULL WHERE id = ?", peer.link_id)
        await letters.wake(peer.link_id)


async def _followed(link_id: str) -> list[str]:
    rows = await fetch(
        "SELECT subject FROM letter_subject WHERE link_id = ? AND (followed OR blocked_in OR blocked_out) "
        "AND changed_at > ? ORDER BY changed_at DESC LIMIT ?",
        link_id, clock.now() - FOLLOW_FOR, AT_ONCE,
    )  # fmt: skip
    return [row[0] for row in rows]


async def _pull_state(peer: Peer, subject: str) -> None:
    """The whole signed state of one subject. Afterwards nothing about it is blocked any more."""
    if await may_pull(peer.link_id, "requests") is not None:
        # It is compared once the link goes on.
        return
    body = None
    if letters.reader_of("requests") is not None:
        try:
            body = (await wire.call(peer.base_url, peer.state, "GET", f"/fed/v1/requests/{subject}")).json()
        except ProtocolError as refused:
            if refused.status not in (403, 404, 410, 422):
                raise
    await _read(peer.link_id, f"requests/{subject}", body)
    async with write():
        rows = await fetch(
            "UPDATE letter_subject SET blocked_in = FALSE, blocked_out = FALSE WHERE link_id = ? AND subject = ? "
            "AND (blocked_in OR blocked_out) RETURNING id",
            peer.link_id, subject,
        )  # fmt: skip
        if rows:
            await letters.wake(peer.link_id)


async def _read(link_id: str, path: str, body: Any) -> None:
    reader = letters.reader_of(path.partition("/")[0])
    if reader is None or not isinstance(body, dict):
        return
    try:
        async with write():
            await reader(circle_actor(link_id), path, body)
    except (ProtocolError, Refusal):
        # A state that does not fit changes nothing; the next one may.
        return


# What is answered under no scope of its own is a pool, whose fields are asked one by one.
POOL_SCOPES = tuple(f"pool.read:{field}" for field in POOL_FIELDS)


async def may_pull(link_id: str, kind: str) -> ProtocolError | None:
    """The policy about fetching what this kind answers: what they would need towards us, we need towards them."""
    answerer = letters.answerer_of(kind)
    scopes = answerer.scopes if answerer is not None else ()
    refusals = [await queries.may_cross(link_id, "out", scope) for scope in scopes or POOL_SCOPES]
    return None if None in refusals else refusals[0]


async def _note(link_id: str, refused: ProtocolError) -> None:
    await refetch.on_unknown_key(link_id, refused)
    async with write():
        await fetch("UPDATE link_wire SET trouble = ? WHERE link_id = ?", refused.code[:32], link_id)


@job("federation.fetch")
async def fetch_events(payload: dict[str, Any]) -> datetime | None:
    """Fetch the events that did not get through: a hole in the row, a peer that can't call us or won't be let in.

    Nothing new is fetched from a circle whose clock is out of bounds; what is going on already is.
    """
    link_id = payload["link"]
    peer = await peer_of(link_id)
    if peer is None or (await _too_fast(link_id) and not await follows_any(link_id)):
        return None
    us = identity.current().node_id
    for _ in range(AT_ONCE):
        before = (await held.wire(link_id))["seq_in"]
        try:
            response = await wire.call(peer.base_url, peer.state, "GET", f"/fed/v1/events/{before}")
            if response.body == b'{"events":[]}':
                return None
            values = read_batch(response.body)
            if not await _room_for(link_id, len(values)):
                return clock.now() + timedelta(minutes=1)
            async with wire.current().turns.turn(len(values)):
                answer = await inbox.receive(link_id, us, values)
        except ProtocolError as refused:
            await _note(link_id, refused)
            return None
        if answer.applied == before:
            return None
    return clock.now()


async def _room_for(link_id: str, letters_: int) -> bool:
    """Counts what is fetched with what is brought: a minute allows as many letters of one circle, whichever way they come."""
    minute = clock.now().replace(second=0, microsecond=0)
    async with write():
        rows = await fetch(
            "INSERT INTO link_rate (link_id, minute, requests, events) VALUES (?, ?, 0, ?) ON CONFLICT (link_id, minute) "
            "DO UPDATE SET events = link_rate.events + excluded.events WHERE link_rate.events + excluded.events <= ? "
            "RETURNING events",
            link_id, minute, letters_, limits.EVENTS_PER_MIN,
        )  # fmt: skip
    return bool(rows)


async def _too_fast(link_id: str) -> bool:
    offset = await fetch_value("SELECT clock_offset_s FROM link_wire WHERE link_id = ?", link_id)
    return offset is not None and offset > limits.CLOCK_FUTURE_S


@job("federation.get")
async def get_one(payload: dict[str, Any]) -> datetime | None:
    """Fetch one thing that a domain asked for and hand it to its reader. Tried again while the other side is away."""
    link_id, path = payload["link"], payload["path"]
    peer = await peer_of(link_id)
    if peer is None:
        return None
    if await may_pull(link_id, path.partition("/")[0]) is not None:
        return None
    getting = wire.current().getting
    if getting[link_id] >= MOST_GETS:
        # One circle that answers slowly leaves the others their turns.
        return clock.now() + timedelta(seconds=1)
    getting[link_id] += 1
    try:
        response = await wire.call(peer.base_url, peer.state, "GET", f"/fed/v1/{path}")
    except ProtocolError as error:
        if error.status in (400, 403, 404, 405, 409, 410, 422):
            denied = letters.denial_of(path.partition("/")[0])
            if denied is None:
                await _note(link_id, error)
                return None
            async with write():
                await denied(circle_actor(link_id), path, error)
            return None
        if isinstance(asked := error.detail.get("retry_after"), int):
            return clock.now() + timedelta(seconds=min(max(1, asked), limits.RETRY_AFTER_CAP_S))
        raise
    finally:
        getting[link_id] -= 1
    reader, body = letters.reader_of(path.partition("/")[0]), response.json()
    if reader is not None and isinstance(body, dict):
        async with write():
            await reader(circle_actor(link_id), path, body)
    return None


@job("federation.round", every=timedelta(minutes=1))
async def start_rounds(payload: dict[str, Any]) -> datetime | None:
    """Each open link is pinged and pulled from every five minutes, or half an hour while it is idle; at once after a start."""
    now = clock.now()
    async with write():
        # Where something has begun on an idle link, it is asked sooner; who is long away is asked as rarely as before.
        await fetch(
            "UPDATE job SET run_at = ? WHERE kind = 'federation.pull' AND run_at > ? AND leased_by = '' AND key IN "
            f"(SELECT l.id FROM link l JOIN link_wire w ON w.link_id = l.id WHERE w.last_seen_at > ? AND NOT ({_IDLE}))",
            _next_round(), now + 1.2 * limits.PULL_EVERY, now - limits.LONG_AWAY,
        )  # fmt: skip
        for row in await fetch(
            "SELECT l.id FROM link l WHERE (l.state = 'open' OR (l.state = 'ended' AND l.closed_at IS NULL)) AND NOT EXISTS "
            "(SELECT 1 FROM job j WHERE j.kind = 'federation.pull' AND j.key = l.id)"
        ):
            await add("federation.pull", row[0], link=row[0])
        for row in await fetch(
            "SELECT DISTINCT o.link_id FROM letter_out o JOIN link_wire w ON w.link_id = o.link_id "
            "WHERE o.state IN ('waiting', 'sent') AND (w.next_try_at IS NULL OR w.next_try_at <= ?)",
            clock.now(),
        ):
            await add("federation.send", row[0], link=row[0])
        # What has been tried often is tried each hour from then on: a circle may be away for weeks.
        await fetch(
            "UPDATE job SET dead = FALSE, attempts = ? WHERE dead = TRUE AND kind IN ('federation.send', 'federation.pull', "
            "'federation.fetch', 'federation.get', 'federation.refetch')",
            MAX_ATTEMPTS - 1,
        )
        await fetch("DELETE FROM nonce_seen WHERE keep_until < ?", clock.now())
        await fetch("DELETE FROM link_rate WHERE minute < ?", clock.now() - timedelta(minutes=5))
    return None
