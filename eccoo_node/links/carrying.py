"""A circle that lost its identity is linked anew: which of our links it was, what each book says, and carrying it over.

The new agreement names the lost identity, who it has become, and the sum that both admins sign (`supersedes`).
"""

from typing import Any

import msgspec

from eccoo_federation.errors import ProtocolError
from eccoo_federation.handshake import Supersedes
from eccoo_node.db.rows import fetch, fetch_one
from eccoo_node.escrow import carrying as books
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Refusal
from eccoo_node.kernel.ids import new_id
from eccoo_node.links import held, identity
from eccoo_node.links.queries import in_our_name, who_we_were
from eccoo_node.record import events

# In place of an old link: our admin said that we lost everything, our books and links too.
ALL_OF_IT = "we-lost-everything"


class Carried(msgspec.Struct, frozen=True):
    """What is to be carried over, as an admin reads it. Sums are what the other circle owes us; None: nothing known.

    `old_stands`: the link that would end still stands. `said`: our own admin named just this link, and not the other
    circle alone.
    """

    we_lost: bool
    signed_pence: int
    book_pence: int | None
    old_name: str
    old_stands: bool = False
    said: bool = True

    @property
    def same_sum(self) -> bool:
        return self.book_pence is None or self.book_pence == self.signed_pence

    @property
    def agrees(self) -> bool:
        return self.said and self.same_sum


async def proposed(link: Any) -> Supersedes | None:
    """What our first proposal says about the link that this one stands in for, by our own books."""
    if link["instead_of"] in ("", ALL_OF_IT) or link["agreement"]:
        return None
    old, us = await held.link(link["instead_of"]), identity.current().node_id
    owed = await books.balance_pence(old["id"])
    if old["node_id"] != link["node_id"]:
        return Supersedes(node_id=old["node_id"], became=link["node_id"], balance_pence=owed)
    return Supersedes(node_id=who_we_were(old), became=us, balance_pence=-owed)


async def check(link: Any, value: dict[str, Any]) -> None:
    """Raises ``bad_agreement`` unless our admin said which link this one stands in for, and our books say the sum.

    Who lost everything, the books too, may sign the other's sum once our admin has said that it is so.
    """
    found = value.get("supersedes")
    if not found:
        return
    if value["rev"] != 1:
        raise ProtocolError("bad_agreement", "What was lost is carried over when the link begins, and not later.")
    if found["became"] not in value["parties"] or found["node_id"] in value["parties"]:
        raise ProtocolError("bad_agreement", "The agreement names a lost circle that cannot be one of the two.")
    if await fetch_one(
        "SELECT 1 FROM link WHERE superseded_by NOT IN ('', ?) AND node_id = ?", link["id"], found["node_id"]
    ):
        raise ProtocolError("bad_agreement", "What stood with that circle has been carried over already.")
    shown = await look(link, value)
    if shown is not None and not shown.said:
        # Any newcomer can write another circle's name: that it is the same one is for our admin to say.
        raise ProtocolError("bad_agreement", "We have not said that this link stands in for that one.")
    if shown is not None and not shown.agrees:
        raise ProtocolError("bad_agreement", "The two books say different sums. Find the difference before you agree.")


async def look(link: Any, value: dict[str, Any] | None) -> Carried | None:
    """What a proposal would carry over, with what our own book says; None when nothing."""
    found = value.get("supersedes") if value else None
    if not found:
        return None
    we_lost = found["became"] != link["node_id"]
    signed = -found["balance_pence"] if we_lost else found["balance_pence"]
    old = await _old(link, found)
    if old is None:
        return Carried(we_lost, signed, None, "", said=we_lost and link["instead_of"] == ALL_OF_IT)
    # Who we were in that agreement is our own knowledge; who they were is not.
    said = we_lost or link["instead_of"] == old["id"]
    book = await books.balance_pence(old["id"])
    return Carried(we_lost, signed, book, old["name"], old["state"] != "ended", said)


async def shown(link_id: str) -> Carried | None:
    """What the proposal that lies before our admin would carry over: theirs, ours, or the one that we would make."""
    link = await held.link(link_id)
    text = link["their_proposal"] or link["our_proposal"]
    if text:
        return await look(link, msgspec.json.decode(text))
    ours = await proposed(link)
    return await look(link, {"supersedes": msgspec.to_builtins(ours)}) if ours else None


async def carry_over(link_id: str, value: dict[str, Any]) -> None:
    """Both have signed: what stood under the lost link stands under this one, which takes its place. Once."""
    link, found = await held.lock_link(link_id), value.get("supersedes")
    if not found or link["carried_at"]:
        return
    shown, old = await look(link, value), await _old(link, found)
    if shown is None:
        return
    now = clock.now()
    try:
        if old is not None:
            await books.carry_circle(NODE, old["id"], link_id, shown.signed_pence)
        else:
            await books.take_on_circle(NODE, link_id, shown.signed_pence)
    except Refusal as refused:
        raise ProtocolError("bad_agreement", refused.sentence) from None
    await fetch("UPDATE link SET carried_at = ? WHERE id = ?", now, link_id)
    if old is not None:
        await fetch(
            "UPDATE link SET superseded_by = ?, state = 'ended', ended_at = COALESCE(ended_at, ?) WHERE id = ?",
            link_id, now, old["id"],
        )  # fmt: skip
        # Whoever has the lost keys says nothing more to us.
        await fetch("DELETE FROM link_key WHERE link_id = ?", old["id"])
        if old["state"] != "ended":
            await events.tell(new_id(), "link.ended", "link", old["id"], by="us", superseded_by=link_id)
        # Said to every admin: whoever signed on either side was one alone, and what it leaves open is for all of them.
        await events.tell(new_id(), "link.superseded", "link", old["id"], by=link_id)


async def before(link_id: str) -> list[Any]:
    """Links that this one could stand in for: agreed once, and not carried over yet. Those of the same address come first."""
    return await fetch(
        "SELECT id, name, base_url, state, opened_at, base_url = (SELECT base_url FROM link WHERE id = ?) AS at_home "
        "FROM link WHERE id <> ? AND agreement <> '' AND superseded_by = '' ORDER BY at_home DESC, name, id",
        link_id, link_id,
    )  # fmt: skip


async def to_link_anew() -> list[str]:
    """Circles whose link ended because we lost who we were on it, and whom no other link has brought back."""
    rows = await fetch(
        "SELECT name, agreement FROM link l WHERE state = 'ended' AND agreement <> '' AND superseded_by = '' AND closed_at IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM link n WHERE n.state <> 'ended' AND n.base_url = l.base_url) ORDER BY name"
    )
    return [row["name"] for row in rows if not in_our_name(row["agreement"])]


async def _old(link: Any, found: dict[str, Any]) -> Any | None:
    """The link that was lost: theirs under their old id, or ours, which the old agreement names."""
    if found["became"] == link["node_id"]:
        return await fetch_one(
            "SELECT * FROM link WHERE node_id = ? AND id <> ? AND superseded_by = '' AND agreement <> '' "
            "ORDER BY CASE WHEN id = ? THEN 0 ELSE 1 END, opened_at DESC LIMIT 1",
            found["node_id"], link["id"], link["instead_of"],
        )  # fmt: skip
    rows = await fetch(
        "SELECT * FROM link WHERE node_id = ? AND id <> ? AND superseded_by = '' AND agreement <> '' "
        "ORDER BY opened_at DESC",
        link["node_id"], link["id"],
    )  # fmt: skip
    return next((row for row in rows if who_we_were(row) == found["node_id"]), None)
