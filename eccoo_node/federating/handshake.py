"""The handshake's calls: fetching who the other circle is, asking in, revealing, and carrying agreements across."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation import handshake, jcs, limits
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import LinkAnswer, LinkRequest, Reveal, WordsAgain
from eccoo_federation.identity import Log, LogState, dump_log, parse_log, verify_document, verify_log
from eccoo_federation.net_guard import check_base_url
from eccoo_federation.shapes import read
from eccoo_node.db.jobs import job
from eccoo_node.db.rows import as_time, fetch, fetch_one
from eccoo_node.db.transaction import write
from eccoo_node.federating import wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.ids import new_id
from eccoo_node.kernel.words import plain_line
from eccoo_node.links import actions, held, identity, letters, queries
from eccoo_node.links.arrivals import compare, pin_keys
from eccoo_node.links.rules import FINAL, caps_of

_RNG = random.Random()  # noqa: S311 spreads retries, guards nothing
GIVE_UP = timedelta(hours=48)
ASK_AGAIN = timedelta(hours=1)


async def look_up(base_url: str, node_id: str) -> tuple[Log, LogState, dict[str, Any]]:
    """Who answers at this address, which must be the node expected, living at this very address.

    Raises ProtocolError. Nothing is called but `base_url`.
    """
    check_base_url(base_url, loopback_peers=wire.current().us.loopback_peers)
    log = parse_log(await wire.get_unsigned(f"{base_url}/.well-known/circle-node/log"))
    # A long one takes a while to look at, and whoever shows it is a stranger still: pages go in between.
    state = await asyncio.to_thread(verify_log, log)
    if state.node_id != node_id:
        raise ProtocolError("wrong_node")
    if state.base_url != base_url:
        raise ProtocolError("bad_address", "That circle says that it lives at another address.")
    raw = await wire.get_unsigned(f"{base_url}/.well-known/circle-node")
    document = verify_document(jcs.parse(raw), state, clock.now())
    return log, state, document


async def shake_hands(link_id: str) -> str:
    """Go as far as the six words; the state the link is in then. Safe to call again. Raises ProtocolError."""
    link = await _link(link_id)
    if link is None or link["state"] != "asked" or link["we_invited"]:
        return link["state"] if link else "ended"
    if not link["log"]:
        log, state, document = await look_up(link["base_url"], link["node_id"])
        async with write():
            await fetch(
                "UPDATE link SET log = ?, name = ?, phone = ?, caps = ? WHERE id = ?",
                dump_log(log).decode(), plain_line(document["name"])[:120],
                plain_line(str(document.get("phone") or ""))[:40], caps_of(document), link_id,
            )  # fmt: skip
            await pin_keys(link_id, state)
        link = await held.link(link_id)
    state = queries.read_log(link["log"])
    if not link["their_commitment"]:
        await _ask_in(link, state)
        link = await held.link(link_id)
    await _reveal(link, state)
    return "words"


async def new_words(link_id: str) -> None:
    """After a move: promise, and reveal, within the link that stands. Safe to call again. Raises ProtocolError."""
    link = await _link(link_id)
    if link is None or link["state"] != "open" or link["we_invited"] or link["words"]:
        return
    state = queries.read_log(link["log"])
    if not link["their_commitment"]:
        ours = WordsAgain(link=link_id, log_head=link["our_head"], commitment=link["our_commitment"])
        path = f"/fed/v1/links/{link_id}/words"
        response = await wire.call(link["base_url"], state, "POST", path, jcs.dump(ours.as_wire()))
        theirs = read(response.json(), WordsAgain)
        if theirs.link != link_id or theirs.log_head not in state.digests:
            raise ProtocolError("wrong_node")
        async with write():
            await fetch(
                "UPDATE link SET their_commitment = ?, their_head = ? WHERE id = ? AND our_commitment = ?",
                theirs.commitment, theirs.log_head, link_id, link["our_commitment"],
            )  # fmt: skip
        link = await held.link(link_id)
    await _reveal(link, state)


@job("federation.words")
async def _new_words(payload: dict[str, Any]) -> datetime | None:
    try:
        await new_words(payload["link"])
    except ProtocolError as refused:
        return await trouble(payload["link"], refused)
    await calm(payload["link"])
    return None


async def _reveal(link: Any, state: LogState) -> None:
    link_id = link["id"]
    reveal = Reveal(link=link_id, nonce=link["our_nonce"])
    response = await wire.call(
        link["base_url"], state, "POST", f"/fed/v1/links/{link_id}/reveal", jcs.dump(reveal.as_wire())
    )
    theirs = read(response.json(), Reveal)
    handshake.check_reveal(link["their_commitment"], link_id, link["node_id"], link["their_head"], theirs.nonce)
    async with write():
        fresh = await _link(link_id)
        if (
            fresh is not None
            and fresh["state"] in ("asked", "open")
            and fresh["our_nonce"] == link["our_nonce"]
            and not fresh["words"]
        ):
            await compare(fresh, theirs.nonce)


async def _ask_in(link: Any, state: LogState) -> None:
    us = identity.current()
    request = LinkRequest(
        token=link["token"], link=link["id"], node_id=us.node_id, base_url=us.state.base_url, log_head=link["our_head"],
        commitment=link["our_commitment"],
    )  # fmt: skip
    response = await wire.call(link["base_url"], state, "POST", "/fed/v1/links", jcs.dump(request.as_wire()))
    answer = read(response.json(), LinkAnswer)
    if (answer.link, answer.node_id) != (link["id"], state.node_id) or answer.log_head not in state.digests:
        raise ProtocolError("wrong_node")
    async with write():
        await fetch(
            "UPDATE link SET their_commitment = ?, their_head = ? WHERE id = ? AND their_commitment = ''",
            answer.commitment, answer.log_head, link["id"],
        )  # fmt: skip


async def _link(link_id: str) -> Any:
    return await fetch_one("SELECT * FROM link WHERE id = ?", link_id)


@job("federation.handshake")
async def _handshake(payload: dict[str, Any]) -> datetime | None:
    """Keep trying to reach the circle whose invitation was taken up, for as long as the invitation lives."""
    link_id = payload["link"]
    try:
        await shake_hands(link_id)
    except ProtocolError as refused:
        return await trouble(link_id, refused)
    await calm(link_id)
    return None


async def trouble(link_id: str, refused: ProtocolError) -> datetime | None:
    """Note for the admin what stands in the way; when to try again, or None when it is of no use."""
    now = clock.now()
    async with write():
        row = await fetch_one(
            "UPDATE link_wire SET trouble = ?, failures = failures + 1, last_try_at = ? WHERE link_id = ? "
            "RETURNING failures",
            refused.code[:32], now, link_id,
        )  # fmt: skip
        if refused.code == "link_ended" and wire.OF_ANSWER not in refused.detail:
            await held.mark_ended(new_id(), link_id, by_them=True)
    link = await _link(link_id)
    asked_at = as_time(link["asked_at"]) if link else None
    if row is None or asked_at is None or refused.code in FINAL or link["state"] == "ended":
        return None
    if link["state"] == "asked" and now - asked_at > GIVE_UP:
        return None
    return now + limits.next_retry(row["failures"], _RNG)


async def calm(link_id: str) -> None:
    """They have answered, and nothing stands in the way."""
    async with write():
        await fetch(
            "UPDATE link_wire SET trouble = '', failures = 0, reached_at = ? WHERE link_id = ?", clock.now(), link_id
        )


async def carry(link_id: str) -> bool:
    """Bring our proposal, or the agreement that we have signed as second, to the other side; False where there is nothing
    to bring, so that nobody has answered. Raises ProtocolError."""
    link = await _link(link_id)
    if link is None or link["state"] == "ended" or not link["log"]:
        return False
    state = queries.read_log(link["log"])
    waiting = link["agreement"] if link["agreement"] and not link["agreement_told"] else ""
    for text in (waiting, link["our_proposal"]):
        if not text:
            continue
        body = jcs.dump({"v": 1, "agreement": msgspec.json.decode(text)})
        try:
            await wire.call(link["base_url"], state, "POST", f"/fed/v1/links/{link_id}/agreement", body)
        except ProtocolError as refused:
            if refused.code == "bad_agreement" and text == waiting and wire.OF_ANSWER not in refused.detail:
                # They had suggested something else by then: what they signed before goes on.
                async with write():
                    await actions.go_back(link_id, waiting)
            raise
    if waiting:
        async with write():
            await fetch("UPDATE link SET agreement_told = TRUE WHERE id = ? AND agreement = ?", link_id, waiting)
            await letters.wake(link_id)
    return bool(waiting or link["our_proposal"])


@job("federation.agree")
async def _agree(payload: dict[str, Any]) -> datetime | None:
    link_id = payload["link"]
    try:
        if not await carry(link_id):
            return None
    except ProtocolError as refused:
        return await trouble(link_id, refused)
    await calm(link_id)
    link = await _link(link_id)
    # Nobody writes to us before something is agreed: that they ended it meanwhile is learnt by asking again.
    waits = link is not None and link["state"] == "agreeing" and link["our_proposal"]
    return clock.now() + ASK_AGAIN if waits else None
