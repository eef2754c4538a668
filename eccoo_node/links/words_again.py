"""After a move: six new words within the link that stands, so that the two circles can agree something new.

What is agreed goes on meanwhile. Only where an address is another than the agreement names are new words made.
"""

from typing import Any

import msgspec

from eccoo_federation import handshake
from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import WordsAgain
from eccoo_federation.transport import new_nonce
from eccoo_node.db import jobs
from eccoo_node.db.rows import fetch
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Conflict
from eccoo_node.links import held, identity
from eccoo_node.links.actions import load, thing
from eccoo_node.record.door import Act, door


def moved_since(link: Any) -> bool:
    """Whether one of the two lives elsewhere than the agreement in force says."""
    if link["state"] != "open" or not link["agreement"]:
        return False
    us, named = identity.current(), msgspec.json.decode(link["agreement"])["base_urls"]
    return bool(named != {us.node_id: us.state.base_url, link["node_id"]: link["base_url"]})


@door("links.words_again")
async def begin(act: Act, link_id: str) -> None:
    """Make new words with this circle; the calls follow as a job."""
    act.allow(thing(link_id))
    link = await load(link_id)
    if not moved_since(link):
        raise Conflict("Nobody has moved since you agreed. The words of then still count.", "wrong_state")
    await _anew(link, we_answer=False, their_head="", commitment="")
    await jobs.wake("federation.words", link_id, link=link_id)


@door("links.hear_words_again")
async def hear(act: Act, link_id: str, asked: WordsAgain) -> WordsAgain:
    """The other circle begins; our own promise is the answer. The same call again gets the same answer."""
    act.allow(Thing("link", link_id, link_id=link_id))
    link = await held.lock_link(link_id)
    if asked.link != link_id or not moved_since(link):
        raise ProtocolError("wrong_state")
    if link["their_commitment"] != asked.commitment:
        await _anew(link, we_answer=True, their_head=asked.log_head, commitment=asked.commitment)
        link = await held.link(link_id)
    return WordsAgain(link=link_id, log_head=link["our_head"], commitment=link["our_commitment"])


async def _anew(link: Any, *, we_answer: bool, their_head: str, commitment: str) -> None:
    us, nonce = identity.current(), new_nonce()
    await fetch(
        "UPDATE link SET we_invited = ?, our_nonce = ?, our_head = ?, our_commitment = ?, their_nonce = '', their_head = ?, "
        "their_commitment = ?, words = '', words_before = words_hash, words_said_by = '', words_said_at = NULL, "
        "our_proposal = '', their_proposal = '' WHERE id = ?",
        we_answer, nonce, us.state.head,
        handshake.new_nonce_commitment(link["id"], us.node_id, us.state.head, nonce), their_head, commitment, link["id"],
    )  # fmt: skip
