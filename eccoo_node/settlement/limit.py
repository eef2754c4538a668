"""The most that two circles agreed to owe each other: past it new cover waits, and nothing else does."""

from eccoo_node.cover import owing
from eccoo_node.db.rows import fetch, insert_once
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.record.door import Act, door
from eccoo_node.settlement import queries
from eccoo_node.settlement.actions import news
from eccoo_node.settlement.tables import SettleAccount


@door("settlement.look")
async def look(act: Act, link_id: str) -> None:
    """Tell our treasurers once when the limit is reached; the other circle's node tells its own."""
    act.allow(Thing("link", link_id, link_id=link_id))
    await insert_once(SettleAccount(link_id=link_id))
    told = (await queries.standing(link_id, lock=True)).limit_told_at is not None
    reached = await owing.reached(link_id)
    if reached == told:
        return
    now = clock.now() if reached else None
    await fetch("UPDATE settle_account SET limit_told_at = ? WHERE link_id = ?", now, link_id)
    if reached:
        await news(link_id, "settle_limit")
