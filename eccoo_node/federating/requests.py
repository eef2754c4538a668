"""Who is asking: every check of a signed request, before any work is done for it."""

from datetime import datetime, timedelta

import msgspec

from eccoo_federation import jcs, limits, pace, transport
from eccoo_federation.errors import ProtocolError
from eccoo_federation.transport import SignedRequest
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.federating import inbox, pulls, sender, wire
from eccoo_node.kernel import clock
from eccoo_node.links import arrivals, letters, queries
from eccoo_node.links.arrivals import note_skew

# A nonce outlives every signature that could carry it, whatever the two clocks say.
KEEP_NONCE = timedelta(hours=1)


class Asked(msgspec.Struct, frozen=True):
    """A request as it came. `target` is our public address and the raw path; `path` is what lies below our prefix."""

    method: str
    target: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def as_signed(self) -> SignedRequest:
        return SignedRequest(self.method, self.target, self.headers)


class Peer(msgspec.Struct, frozen=True):
    """The circle that is proven to ask."""

    link_id: str
    kid: str
    nonce: str
    created: int
    # Whether this link has been seen to hold the key before.
    shown: bool = True


async def prove(asked: Asked, *, link_id: str = "") -> Peer:
    """Whose signature it is; nothing is written but a clock that is out. `link_id`, when given, must be that link.

    Raises as ``transport.check_request``, and ``unknown_key`` or ``bad_signature``.
    """
    now = clock.now()
    try:
        unchecked = transport.check_request(asked.method, asked.target, asked.headers, asked.body, now)
    except ProtocolError as error:
        if error.code == "clock_skew":
            await _skewed(asked, now, error, link_id)
        raise
    found, raw_key, shown = await _key(asked, unchecked.kid, link_id)
    claimed = unchecked.verify(raw_key)
    return Peer(found, claimed.kid, claimed.nonce, claimed.created, shown)


async def _key(asked: Asked, kid: str, link_id: str) -> tuple[str, bytes | None, bool]:
    """The link that is meant, the key if it is good there, and whether that link has shown before that it holds it.

    A link that the path names is looked at alone. Else the key is the circle's that has shown to hold it, or that alone
    lists it, and of that circle's links one that stands comes before one that has ended. Where several list a key that
    none has shown, what the message names decides; who listed it first says nothing.
    """
    if link_id:
        row = await fetch_one(
            "SELECT l.log, (SELECT k.shown FROM link_key k WHERE k.link_id = l.id AND k.kid = ?) AS shown FROM link l "
            "WHERE l.id = ? AND l.log <> '' AND l.superseded_by = ''",
            kid, link_id,
        )  # fmt: skip
        return (link_id, _good(row["log"], kid), bool(row["shown"])) if row else (link_id, None, False)
    rows = await fetch(
        "SELECT l.id, l.node_id, l.log, k.shown, MAX(CASE WHEN k.shown THEN 1 ELSE 0 END) OVER (PARTITION BY l.node_id) AS held "
        "FROM link_key k JOIN link l ON l.id = k.link_id WHERE k.kid = ? "
        "ORDER BY held DESC, CASE l.state WHEN 'ended' THEN 1 ELSE 0 END, l.asked_at DESC",
        kid,
    )  # fmt: skip
    if rows and not rows[0]["held"] and len({row["node_id"] for row in rows}) > 1:
        named = _named(asked)
        rows = [row for row in rows if row["id"] == named]
    return (rows[0]["id"], _good(rows[0]["log"], kid), bool(rows[0]["shown"])) if rows else ("", None, False)


def _good(log: str, kid: str) -> bytes | None:
    state = queries.read_log(log)
    live = any(key.kid == kid for key in state.live_keys())
    return wire.transport_key(state, kid) if live else None


def _named(asked: Asked) -> str:
    """The link that a batch or a ping says it belongs to; its signature is not looked at yet."""
    try:
        said = jcs.parse(asked.body) if asked.path in ("/fed/v1/inbox", "/fed/v1/ping") else {}
        link = said["events"][0]["link"] if "events" in said else said.get("link")
    except (ProtocolError, AttributeError, IndexError, KeyError, TypeError):
        return ""
    return link if isinstance(link, str) else ""


async def _skewed(asked: Asked, now: datetime, error: ProtocolError, link_id: str) -> None:
    """If the request is a linked circle's own, note its clock, and fetch what can't get through."""
    offset = error.detail["offset_s"]
    theirs = now + timedelta(seconds=offset)
    try:
        unchecked = transport.check_request(asked.method, asked.target, asked.headers, asked.body, theirs)
        found, raw_key, _ = await _key(asked, unchecked.kid, link_id)
        unchecked.verify(raw_key)
    except ProtocolError:
        return
    if await _said_before(found, unchecked, offset):
        return
    await note_skew(found, offset)
    if asked.path == "/fed/v1/inbox" and await pulls.follows_any(found):
        async with write():
            await inbox.ask_for_more(found)


async def _said_before(link_id: str, unchecked: transport.Unchecked, offset_s: int) -> bool:
    """Whether this may be an old request of theirs that somebody says again: its nonce is known, or too old to be known
    while others of theirs come with the right time."""
    if offset_s < -KEEP_NONCE.total_seconds():
        seen = as_time(await fetch_value("SELECT last_seen_at FROM link_wire WHERE link_id = ?", link_id))
        return seen is not None and clock.now() - seen < KEEP_NONCE
    return bool(
        await fetch_value(
            "SELECT 1 FROM nonce_seen WHERE link_id = ? AND kid = ? AND nonce = ?",
            link_id, unchecked.kid, unchecked.nonce,
        )
    )  # fmt: skip


async def admit(peer: Peer, *, events: int = 0, named: bool = False) -> None:
    """Let a proven request in, once: its nonce is stored before any work. Raises ``replayed`` or ``too_many``.

    `named`: the request itself says which link it is of, so its signature shows whose key it is.
    """
    now = clock.now()
    minute = now.replace(second=0, microsecond=0)
    used = await fetch_one(
        "SELECT requests, events FROM link_rate WHERE link_id = ? AND minute = ?", peer.link_id, minute
    )  # fmt: skip
    if used and not _room(used["requests"] + 1, used["events"] + events):
        # Read, not written: a flood leaves nothing behind, and the smaller batch that fits is still let in.
        raise _too_many(now - minute)
    async with write():
        fresh = await fetch(
            "INSERT INTO nonce_seen (link_id, kid, nonce, keep_until) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING "
            "RETURNING id",
            peer.link_id, peer.kid, peer.nonce, now + KEEP_NONCE,
        )  # fmt: skip
        if not fresh:
            # Whoever says their words again must not use up what is theirs.
            raise ProtocolError("replayed")
        rates = await fetch(
            "INSERT INTO link_rate (link_id, minute, requests, events) VALUES (?, ?, 1, ?) "
            "ON CONFLICT (link_id, minute) DO UPDATE SET requests = link_rate.requests + 1, "
            "events = link_rate.events + excluded.events RETURNING requests, events",
            peer.link_id, minute, events,
        )  # fmt: skip
        if not _room(rates[0]["requests"], rates[0]["events"]):
            raise _too_many(now - minute)
        if named and not peer.shown:
            await arrivals.shown(peer.link_id, peer.kid)
        await _seen(peer, now)


def _room(requests: int, events: int) -> bool:
    return requests <= limits.REQUESTS_PER_MIN and events <= limits.EVENTS_PER_MIN


def _too_many(into_minute: timedelta) -> ProtocolError:
    return ProtocolError("too_many", detail={"retry_after": max(1, 60 - int(into_minute.total_seconds()))})


async def _seen(peer: Peer, now: datetime) -> None:
    """They are there. A sender that had given up for now tries again soon; its count of failures stays."""
    offset = round(peer.created - now.timestamp())
    seen = as_time(await fetch_value("SELECT last_seen_at FROM link_wire WHERE link_id = ?", peer.link_id))
    row = await fetch_one(
        "UPDATE link_wire SET last_seen_at = ?, clock_seen_at = ?, clock_offset_s = ? WHERE link_id = ? "
        "RETURNING failures, batch_size, next_try_at, open_until, last_try_at",
        now, now, offset, peer.link_id,
    )  # fmt: skip
    if row is None:
        return
    if seen is not None and now - seen > limits.LONG_AWAY:
        # They are back: what may have changed is asked at once.
        await inbox.ask_for_state(peer.link_id)
    before = sender.pace_of(row)
    after = pace.heard(before, now, as_time(row["last_try_at"]))
    if after != before:
        await fetch("UPDATE link_wire SET next_try_at = ? WHERE link_id = ?", after.next_try_at, peer.link_id)
        await letters.wake(peer.link_id)


__all__ = ["Asked", "Peer", "admit", "prove"]
