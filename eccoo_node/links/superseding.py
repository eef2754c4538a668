"""Which link of before a new one stands in for: said by our admin before anything is signed."""

from eccoo_node.db.rows import fetch
from eccoo_node.kernel.errors import Conflict, NotFound
from eccoo_node.links import carrying
from eccoo_node.links.actions import load, thing
from eccoo_node.record.door import Act, door


@door("links.instead_of")
async def stands_in_for(act: Act, link_id: str, old_id: str) -> None:
    """This circle, or we, were linked before and lost everything; "" takes it back. What we suggested so far is void.

    `carrying.ALL_OF_IT`: we lost it all, and know no link of before.
    """
    act.allow(thing(link_id))
    link = await load(link_id)
    if link["agreement"] or link["state"] == "ended":
        raise Conflict("What was agreed before can be carried over only when a link begins.", "wrong_state")
    if old_id not in {"", carrying.ALL_OF_IT} | {row["id"] for row in await carrying.before(link_id)}:
        raise NotFound("We know no such circle.", "unknown_link")
    await fetch("UPDATE link SET instead_of = ?, our_proposal = '', crossing = '' WHERE id = ?", old_id, link_id)
