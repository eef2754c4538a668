"""What another circle does to its link with us: asking in, revealing, proposing, narrowing, suspending, ending.

Whoever calls these has verified the request's signature; the actor is the other circle.
"""

from datetime import datetime
from typing import Any

import msgspec

from eccoo_federation import handshake, invites, jcs
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import AgreementMessage, LinkAnswer, LinkRequest, Reveal, Side
from eccoo_federation.identity import Log, LogState, dump_log
from eccoo_federation.proofs import cosign_object, verify_cosigned
from eccoo_federation.transport import new_nonce
from eccoo_node.db.rows import as_time, fetch, fetch_one, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.words import plain_line
from eccoo_node.links import carrying, held, identity, introducing, letters, queries
from eccoo_node.links.actions import (
    SUBJECT,
    carry,
    conclude,
    fits,
    make_room,
    put_in_force,
    still_ours,
    take_back,
    unsigned_digest,
)
from eccoo_node.links.alarms import alarm_once
from eccoo_node.links.letters import Letter, handles
from eccoo_node.links.rules import caps_of, same_terms
from eccoo_node.links.tables import Link, LinkKey, LinkWire
from eccoo_node.record.door import Act, door

TRIES = 5
# Whoever got no answer asks again, ever less often, for as long as the invitation lives.
ASKED_AGAIN = 100


@access.rule("links.hear_words_again", "links.let_in", "links.hear_reveal", "links.hear_agreement", "links.hear")
def _that_circle(actor: Actor, thing: Thing) -> bool:
    return actor.via == "federation" and bool(actor.link_id) and actor.link_id == thing.link_id


def circle_actor(link_id: str) -> Actor:
    return Actor(via="federation", link_id=link_id)


async def check_token(request: LinkRequest) -> LogState | None:
    """Asked before anything is fetched: the token is ours, fresh, and unused; or used by this very link, which is where
    it was. Then its pinned log is the answer, and nothing is fetched.

    Raises ``bad_invite``. Each asking counts, so that one token opens few connections.
    """
    token, now = invites.token_hash(request.token), clock.now()
    async with write():
        fresh = await fetch_one(
            "UPDATE invite SET tries = tries + 1 WHERE token_hash = ? AND used_at IS NULL AND expires_at > ? "
            "AND tries < ? AND for_node IN ('', ?) RETURNING id",
            token, now, TRIES, request.node_id,
        )  # fmt: skip
        if fresh is not None:
            return None
        again = await fetch_one(
            "UPDATE invite SET tries = tries + 1 WHERE token_hash = ? AND used_by = ? AND expires_at > ? AND tries < ? "
            "RETURNING id",
            token, request.link, now, TRIES + ASKED_AGAIN,
        )  # fmt: skip
    row = again and await fetch_one(
        "SELECT log FROM link WHERE id = ? AND we_invited AND state = 'asked' AND node_id = ? AND base_url = ?",
        request.link, request.node_id, request.base_url,
    )  # fmt: skip
    if row is None:
        raise ProtocolError("bad_invite")
    return queries.read_log(row["log"])


@door("links.let_in")
async def let_in(act: Act, request: LinkRequest, log: Log, state: LogState, document: dict[str, Any]) -> LinkAnswer:
    """Use the invitation up and pin the circle that came with it. The same request again gets the same answer."""
    act.allow(Thing("link", request.link, link_id=request.link))
    us, now = identity.current(), clock.now()
    used = await fetch_one(
        "UPDATE invite SET used_at = ?, used_by = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ? "
        "RETURNING id, made_by",
        now, request.link, invites.token_hash(request.token), now,
    )  # fmt: skip
    if used is None:
        row = await fetch_one("SELECT * FROM link WHERE id = ? AND we_invited", request.link)
        if row is None or (row["node_id"], row["their_commitment"]) != (request.node_id, request.commitment):
            raise ProtocolError("bad_invite")
        return LinkAnswer(
            link=row["id"], node_id=us.node_id, log_head=row["our_head"], commitment=row["our_commitment"]
        )
    await introducing.has_come(used["id"], state)
    await make_room(request.node_id, now)
    nonce = new_nonce()
    commitment = handshake.new_nonce_commitment(request.link, us.node_id, us.state.head, nonce)
    await insert(
        Link(
            id=request.link, state="asked", we_invited=True, node_id=request.node_id, base_url=request.base_url,
            name=plain_line(document["name"])[:120], phone=plain_line(str(document.get("phone") or ""))[:40], log=dump_log(log).decode(),
            our_nonce=nonce, our_commitment=commitment, our_head=us.state.head, their_commitment=request.commitment,
            their_head=request.log_head, secret=letters.new_link_secret(), asked_by=used["made_by"], asked_at=now, caps=caps_of(document),
        )
    )  # fmt: skip
    await insert(LinkWire(link_id=request.link))
    await pin_keys(request.link, state)
    await act.tell("link.asked", SUBJECT, request.link)
    return LinkAnswer(link=request.link, node_id=us.node_id, log_head=us.state.head, commitment=commitment)


async def pin_keys(link_id: str, state: LogState) -> None:
    """Note which transport keys may speak for this link, inside `write()`.

    A key that another circle has shown to hold stays that circle's; one that several list is nobody's yet.
    """
    kids = {key.kid for key in state.live_keys() if key.use == "transport"}
    pinned = {row[0] for row in await fetch("SELECT kid FROM link_key WHERE link_id = ?", link_id)}
    for kid in sorted(pinned - kids):
        await fetch("DELETE FROM link_key WHERE link_id = ? AND kid = ?", link_id, kid)
    for kid in sorted(kids - pinned):
        if any(row["shown"] for row in await _of_others(kid, state.node_id)):
            await alarm_once(link_id, "key_of_another", kid)
        else:
            await insert(LinkKey(link_id=link_id, kid=kid))


async def shown(link_id: str, kid: str) -> None:
    """A request that names this link was signed with this key, inside `write()`: it speaks for this circle alone from now
    on. Whoever listed it without holding it is told of."""
    link = await held.link(link_id)
    others = await _of_others(kid, link["node_id"])
    if any(row["shown"] for row in others):
        return
    await fetch("UPDATE link_key SET shown = TRUE WHERE link_id = ? AND kid = ?", link_id, kid)
    for row in others:
        await fetch("DELETE FROM link_key WHERE link_id = ? AND kid = ?", row["link_id"], kid)
        await alarm_once(row["link_id"], "key_of_another", kid)


async def _of_others(kid: str, node_id: str) -> list[Any]:
    return await fetch(
        "SELECT k.link_id, k.shown FROM link_key k JOIN link l ON l.id = k.link_id WHERE k.kid = ? AND l.node_id <> ?",
        kid, node_id,
    )  # fmt: skip


async def compare(link: Any, their_nonce: str) -> None:
    """Both numbers are known: the words that both screens show."""
    us = identity.current()
    ours = Side(us.node_id, link["our_head"], link["our_nonce"])
    theirs = Side(link["node_id"], link["their_head"], their_nonce)
    words = " ".join(handshake.six_words(link["id"], ours, theirs))
    await fetch(
        "UPDATE link SET their_nonce = ?, words = ?, words_hash = ?, token = ?, "
        "state = CASE state WHEN 'open' THEN 'open' ELSE 'words' END WHERE id = ?",
        their_nonce, words, handshake.words_hash(link["id"], ours, theirs),
        invites.token_hash(link["token"]) if link["token"] else "", link["id"],
    )  # fmt: skip


@door("links.hear_reveal")
async def hear_reveal(act: Act, link_id: str, reveal: Reveal) -> Reveal:
    """The other side shows the number it promised; we answer with ours. Raises ``bad_reveal``."""
    link = await _locked(link_id)
    act.allow(Thing("link", link_id, link_id=link_id))
    if not link["we_invited"] or reveal.link != link_id:
        raise ProtocolError("bad_reveal")
    if link["their_nonce"]:
        if link["their_nonce"] != reveal.nonce:
            raise ProtocolError("bad_reveal")
        return Reveal(link=link_id, nonce=link["our_nonce"])
    handshake.check_reveal(link["their_commitment"], link_id, link["node_id"], link["their_head"], reveal.nonce)
    await compare(link, reveal.nonce)
    await act.tell("link.words", SUBJECT, link_id)
    return Reveal(link=link_id, nonce=link["our_nonce"])


async def _locked(link_id: str) -> Any:
    row = await held.lock_link(link_id)
    if row["state"] == "ended":
        raise ProtocolError("link_ended")
    return row


@door("links.hear_agreement")
async def hear_agreement(act: Act, link_id: str, message: AgreementMessage) -> dict[str, Any]:
    """A proposal signed by them, or the agreement signed by both. Raises ``bad_agreement`` or ``bad_proof``."""
    link = await _locked(link_id)
    act.allow(Thing("link", link_id, link_id=link_id))
    us, value, now = identity.current(), message.agreement, clock.now()
    if not link["words"]:
        raise ProtocolError("bad_agreement", "The six words have not been compared yet.")
    if link["agreement"] and jcs.dump(value) == jcs.dump(msgspec.json.decode(link["agreement"])):
        return _heard(link_id, value, "open")
    proofs = value.get("proof")
    if isinstance(proofs, list) and len(proofs) == 2:
        conclude(link, value, now)
        still_ours(link, value)
        await carrying.check(link, value)
        if _theirs_wins(link, value):
            await put_in_force(link, value, told=True)
            await act.tell("link.opened", SUBJECT, link_id)
        return _heard(link_id, value, "open")
    agreement = handshake.check_agreement(value, (us.node_id, link["node_id"]), link_id, now)
    fits(link, agreement)
    state = queries.read_log(link["log"])
    verify_cosigned(value, state.resolve_fresh, (link["node_id"],))
    current = msgspec.json.decode(link["agreement"]) if link["agreement"] else None
    if (agreement.rev, agreement.prev) != ((current["rev"] + 1, jcs.digest(current)) if current else (1, None)):
        raise ProtocolError("bad_agreement", "The proposal does not follow the agreement in force.")
    theirs = msgspec.json.encode(value).decode()
    if theirs != link["their_proposal"]:
        await fetch("UPDATE link SET their_proposal = ? WHERE id = ?", theirs, link_id)
        await act.tell("link.proposed", SUBJECT, link_id)
    ours = msgspec.json.decode(link["our_proposal"]) if link["our_proposal"] else None
    if ours and link["node_id"] < us.node_id and same_terms(ours, value):
        # Both admins pressed Agree to the same at once: one of the two papers is enough, and both pick the same one.
        await _sign_theirs(link, value, now)
    return _heard(link_id, value, "proposed")


async def _sign_theirs(link: Any, value: dict[str, Any], now: datetime) -> None:
    us = identity.current()
    signed = cosign_object(value, us.object_key, us.node_id, now)
    conclude(link, signed, now)
    await carrying.check(link, signed)
    await put_in_force(link, signed, told=False)
    # The job that carried our own proposal may be done already, and they do not know yet that we signed theirs.
    await carry(link["id"])


def _theirs_wins(link: Any, value: dict[str, Any]) -> bool:
    """Two agreements of one revision can cross on the way; both sides keep the one with the smaller digest."""
    if not link["agreement"]:
        return True
    ours = msgspec.json.decode(link["agreement"])
    if ours["rev"] != value["rev"]:
        return True
    return unsigned_digest(value) < unsigned_digest(ours)


def _heard(link_id: str, value: dict[str, Any], state: str) -> dict[str, Any]:
    return {"v": 1, "link": link_id, "state": state, "agreement_hash": unsigned_digest(value)}


@door("links.hear")
async def _hear(act: Act, letter: Letter) -> None:
    """The other circle narrows, suspends, resumes or ends."""
    link = await _locked(letter.link_id) if letter.type != "link.ended" else await held.lock_link(letter.link_id)
    act.allow(Thing("link", letter.link_id, link_id=letter.link_id))
    now = clock.now()
    if letter.type == "link.narrowed":
        await take_back(link, {node: tuple(scopes) for node, scopes in letter.body["taken"].items()})
        theirs = queries.read_agreement(link["their_proposal"])
        if theirs is not None and theirs["agreed_at"] < letter.at:
            # They would not take it any more.
            await fetch("UPDATE link SET their_proposal = '' WHERE id = ?", link["id"])
    elif letter.type == "link.suspended":
        await fetch("UPDATE link SET suspended_by_them_at = ? WHERE id = ?", now, link["id"])
    elif letter.type == "link.resumed":
        await fetch("UPDATE link SET suspended_by_them_at = NULL WHERE id = ?", link["id"])
        # What they turned away while they paused is no trouble any more.
        await fetch("UPDATE link_wire SET trouble = '' WHERE link_id = ? AND trouble = 'link_suspended'", link["id"])
    await letters.wake(link["id"])
    if letter.type == "link.ended":
        await held.mark_ended(act.id, link["id"], by_them=True)
    else:
        await act.tell(letter.type, SUBJECT, link["id"], by="them")


@handles("link.narrowed", "link.suspended", "link.resumed", "link.ended")
async def _link_letter(actor: Actor, letter: Letter) -> None:
    await _hear(actor, letter)


@handles("tombstone")
async def _tombstone(actor: Actor, letter: Letter) -> None:
    """It only takes up a number."""


async def note_skew(link_id: str, offset_s: int) -> None:
    """The other side's clock, as its own signed request shows it. Written at most once a minute."""
    row = await fetch_one("SELECT clock_offset_s, clock_seen_at FROM link_wire WHERE link_id = ?", link_id)
    if row is None:
        return
    seen = as_time(row["clock_seen_at"])
    if row["clock_offset_s"] == offset_s and seen is not None and (clock.now() - seen).total_seconds() < 60:
        return
    async with write():
        await fetch(
            "UPDATE link_wire SET clock_offset_s = ?, clock_seen_at = ? WHERE link_id = ?",
            offset_s, clock.now(), link_id,
        )  # fmt: skip


__all__ = [
    "check_token", "circle_actor", "compare", "hear_agreement", "hear_reveal", "let_in", "note_skew",
    "pin_keys", "shown",
]  # fmt: skip
