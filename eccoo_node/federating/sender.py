"""The one sender of each link: a leased job that empties the outbox, gives way to trouble and never gives up.

Woken right after the commit that wrote a letter. A peer that is away is tried again by the library's schedule, for
ever; after five failures only a signed ping goes out until it is answered.
"""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import events, jcs, limits, pace
from eccoo_federation.errors import ProtocolError
from eccoo_federation.events import Ping
from eccoo_federation.identity import LogState
from eccoo_federation.pace import Pace
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating import outbox, refetch, wire
from eccoo_node.federating.inbox import ask_for_more, ask_for_state
from eccoo_node.federating.outbox import Sealed
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import queries
from eccoo_node.links.alarms import alarm
from eccoo_node.links.held import mark_ended

_RNG = random.Random()  # noqa: S311 spreads retries, guards nothing
# One turn ends after this, so that the lease never runs out under a sender at work.
TURN = timedelta(seconds=40)
SKEW_RETRY_S = 60
_SPLIT = {400, 409, 413, 422}
# What somebody else at their address would answer.
_NOT_THEM = ("unsigned_response", "unknown_key", "bad_signature", "redirected", "wrong_node")
_PAUSES = {("link_suspended", 403), ("link_ended", 410)}


class Peer(msgspec.Struct, frozen=True):
    """The other end of a link, as the sender needs it."""

    link_id: str
    base_url: str
    state: LogState
    link_state: str
    agreement_told: bool
    pace: Pace
    seq_in: int
    seq_out: int
    acked_out: int
    waiting: int
    # Somebody else may live at their address: it proves itself by a ping, which tells nothing, before any letter goes.
    doubtful: bool = False


async def peer_of(link_id: str) -> Peer | None:
    """None for a link that is not far enough to send anything."""
    row = await fetch_one(
        "SELECT l.base_url, l.moving_to, l.superseded_by, l.log, l.state, l.agreement, l.agreement_told, w.*, (SELECT COUNT(*) FROM letter_out o "
        "WHERE o.link_id = l.id AND o.state IN ('waiting', 'sent')) AS waiting "
        "FROM link l JOIN link_wire w ON w.link_id = l.id WHERE l.id = ?",
        link_id,
    )
    if row is None or not row["log"] or not row["agreement"] or row["superseded_by"]:
        return None
    if not queries.in_our_name(row["agreement"]):
        return None
    return Peer(
        link_id=link_id, base_url=row["base_url"], state=queries.read_log(row["log"]), link_state=row["state"],
        agreement_told=bool(row["agreement_told"]), pace=pace_of(row), seq_in=row["seq_in"], seq_out=row["seq_out"],
        acked_out=row["acked_out"], waiting=row["waiting"],
        # With nothing to send, nothing else shows that what was wrong is over.
        doubtful=bool(row["moving_to"]) or (row["trouble"] in _NOT_THEM if row["waiting"] else bool(row["trouble"])),
    )  # fmt: skip


def pace_of(row: Any) -> Pace:
    """From a row of `link_wire`."""
    return Pace(row["failures"], max(1, row["batch_size"]), as_time(row["next_try_at"]), as_time(row["open_until"]))


async def _keep(link_id: str, now_: Pace) -> None:
    await fetch(
        "UPDATE link_wire SET failures = ?, batch_size = ?, next_try_at = ?, open_until = ? WHERE link_id = ?",
        now_.failures, now_.batch_size, now_.next_try_at, now_.open_until, link_id,
    )  # fmt: skip


@job("federation.send")
async def send_letters(payload: dict[str, Any]) -> datetime | None:
    """Send what waits on one link; the moment to try again when the other side cannot take it now."""
    link_id, until = payload["link"], clock.now() + TURN
    while clock.now() <= until:
        peer = await peer_of(link_id)
        if peer is None:
            return None
        if not peer.agreement_told:
            # They would refuse everything until they hold the agreement; telling it wakes this job.
            return None
        if (later := peer.pace.waits_until(clock.now())) is not None:
            return later if peer.waiting else None
        try:
            if peer.pace.must_knock:
                await knock(peer)
                continue
            if peer.doubtful:
                await ping(peer)
            batch = await outbox.next_batch(link_id, peer.pace.batch_size)
            if not batch:
                if peer.pace.open_until is not None:
                    await _all_is_well(peer)
                return None
            moved = await _post(peer, batch)
        except ProtocolError as refused:
            again = await _setback(peer, refused)
            if again is not None:
                return again
            continue
        if not moved:
            # Everything waits there for an earlier number: the next ping finds out which.
            return clock.now() + timedelta(seconds=5)
    return clock.now()


async def _post(peer: Peer, batch: list[Sealed]) -> bool:
    body = events.write_batch([sealed.bytes for sealed in batch])
    try:
        response = await wire.call(peer.base_url, peer.state, "POST", "/fed/v1/inbox", body)
    except ProtocolError as refused:
        if not await _judged(peer, batch, refused):
            raise
        return True
    await _reached(peer.link_id)
    answer = events.read_answer(response.body)
    moved = await outbox.settle(peer.link_id, batch, answer)
    await went_well(peer, response, sent=len(batch))
    return moved


async def _judged(peer: Peer, batch: list[Sealed], refused: ProtocolError) -> bool:
    """A refusal of what was sent, not of us: find the one letter it is about. False when it is about the link."""
    denied = refused.status == 403 and refused.code == "scope_denied"
    if not denied and refused.status not in _SPLIT:
        return False
    if len(batch) == 1:
        await outbox.dead_letter(peer.link_id, batch[0], refused.code)
    async with write():
        # They are there and have read it: that is no failure of the line.
        await _keep(peer.link_id, Pace(batch_size=max(1, len(batch) // 2)))
    return True


async def _setback(peer: Peer, refused: ProtocolError) -> datetime | None:
    """Note the trouble; when to try again, or None to go on at once with what may still be sent."""
    now = clock.now()
    await refetch.on_unknown_key(peer.link_id, refused)
    if (refused.code, refused.status) in _PAUSES and await _paused(peer, refused.code):
        return None
    asked = refused.detail.get("retry_after")
    after = pace.failed(
        peer.pace, now, _RNG, retry_after=asked if isinstance(asked, int) else None,
        # Nothing is wrong with the line: it goes on as soon as somebody has mended the clock.
        at_most=SKEW_RETRY_S if refused.code == "clock_skew" else None,
    )  # fmt: skip
    offset = refused.detail.get("offset_s") if refused.code == "clock_skew" else None
    async with write():
        await _keep(peer.link_id, after)
        await fetch(
            "UPDATE link_wire SET trouble = ?, last_try_at = ? WHERE link_id = ?", refused.code[:32], now, peer.link_id
        )
        if isinstance(offset, int) and abs(offset) <= limits.CLOCK_FAR_S:
            # They see us so many seconds ahead, so their clock is as many behind ours.
            await fetch(
                "UPDATE link_wire SET clock_offset_s = ?, clock_seen_at = ? WHERE link_id = ?",
                -offset, now, peer.link_id,
            )  # fmt: skip
    return after.next_try_at


async def _paused(peer: Peer, code: str) -> bool:
    """The other side says the link is suspended or ended; True when that was news to us."""
    async with write():
        if code == "link_ended":
            return await mark_ended(new_id(), peer.link_id, by_them=True)
        else:
            rows = await fetch(
                "UPDATE link SET suspended_by_them_at = ? WHERE id = ? AND suspended_by_them_at IS NULL "
                "AND suspended_by_us_at IS NULL RETURNING id",
                clock.now(), peer.link_id,
            )  # fmt: skip
    return bool(rows)


async def went_well(peer: Peer, answer: wire.Answer, *, sent: int = 0) -> None:
    """The other side let us in: failures count anew, batches may grow again; its clock and which key of ours it knows."""
    now = clock.now()
    async with write():
        await _keep(peer.link_id, pace.went_well(peer.pace, sent))
        await fetch(
            "UPDATE link_wire SET trouble = '', last_try_at = ?, last_seen_at = ?, clock_offset_s = ?, "
            "clock_seen_at = ?, knows_kid = ? WHERE link_id = ?",
            now, now, answer.offset_s, now, answer.kid, peer.link_id,
        )  # fmt: skip
        if peer.pace.failures >= limits.BREAKER_FAILURES:
            await ask_for_state(peer.link_id)


async def _all_is_well(peer: Peer) -> None:
    """They answered, and nothing may be sent that could show whether they take it. Else no state is ever pulled again."""
    async with write():
        await _keep(peer.link_id, pace.went_well(peer.pace))
        await fetch("UPDATE link_wire SET trouble = '' WHERE link_id = ?", peer.link_id)


async def knock(peer: Peer) -> None:
    """One signed ping after many failures. Answered, what waits goes out within a minute. Raises ProtocolError."""
    await ping(peer)
    if not peer.waiting:
        await _all_is_well(peer)
        return
    async with write():
        await _keep(peer.link_id, pace.knocked(peer.pace, clock.now(), _RNG))


async def ping(peer: Peer) -> Ping:
    """Both sides' numbers, signed. Finds out what a restored node has lost. Raises ProtocolError."""
    body = jcs.dump({"link": peer.link_id, "sent": peer.seq_out, "applied": peer.seq_in})
    response = await wire.call(peer.base_url, peer.state, "POST", "/fed/v1/ping", body)
    answer = read_ping(response.json(), peer.link_id)
    reached, knows, trouble = await _told_of(peer.link_id)
    if reached and knows == response.kid and not trouble and not _forgot(peer, answer):
        # An idle link is asked for ever: what is known already is not written once more.
        return answer
    async with write():
        await fetch(
            "UPDATE link_wire SET reached_at = ?, knows_kid = ?, trouble = '' WHERE link_id = ?",
            clock.now(), response.kid, peer.link_id,
        )  # fmt: skip
        await _reckon(peer, answer)
    return answer


async def _reached(link_id: str) -> None:
    """They answered a call of ours. Written at most once in five minutes."""
    if not (await _told_of(link_id))[0]:
        async with write():
            await fetch("UPDATE link_wire SET reached_at = ? WHERE link_id = ?", clock.now(), link_id)


async def _told_of(link_id: str) -> tuple[bool, str, str]:
    """Whether it was written within five minutes that they answered, which transport key of ours they let in last, and what
    was wrong at the last call that failed."""
    row = await fetch_one("SELECT reached_at, knows_kid, trouble FROM link_wire WHERE link_id = ?", link_id)
    if row is None:
        return False, "", ""
    at = as_time(row["reached_at"])
    return at is not None and clock.now() - at < timedelta(minutes=5), row["knows_kid"], row["trouble"]


def read_ping(value: Any, link_id: str) -> Ping:
    """Raises ``bad_body`` or ``wrong_link``."""
    try:
        found = msgspec.convert(value, Ping)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad_body") from error
    if found.link != link_id:
        raise ProtocolError("wrong_link")
    return found


def _forgot(before: Peer, theirs: Ping) -> bool:
    """Whether one side has letters that the other has not."""
    return theirs.applied > before.seq_out or theirs.applied < before.acked_out or theirs.sent > before.seq_in


async def _reckon(before: Peer, theirs: Ping) -> None:
    """Compare their numbers with what ours were before we asked, inside `write()`."""
    link_id = before.link_id
    if theirs.applied > before.seq_out:
        # We have forgotten letters that they hold: a backup was restored here. Never use a number twice.
        await fetch(
            "UPDATE link_wire SET seq_out = ?, acked_out = ? WHERE link_id = ? AND seq_out < ?",
            theirs.applied, theirs.applied, link_id, theirs.applied,
        )  # fmt: skip
        await alarm(link_id, "restored_here", f"{before.seq_out} {theirs.applied}")
    elif theirs.applied < before.acked_out:
        # They have forgotten letters of ours: those go out again, with the bytes they had.
        await fetch(
            "UPDATE letter_out SET state = 'sent' WHERE link_id = ? AND seq > ? AND state IN ('acked', 'refused') "
            "AND bytes <> ''",
            link_id, theirs.applied,
        )  # fmt: skip
        await fetch("UPDATE link_wire SET acked_out = ? WHERE link_id = ?", theirs.applied, link_id)
        await alarm(link_id, "restored_there", f"{before.acked_out} {theirs.applied}")
    if theirs.sent > before.seq_in:
        await ask_for_more(link_id)
