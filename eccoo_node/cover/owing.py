"""What two circles owe each other and soon will, against what they agreed at most. It stops new cover, never a confirmation."""

from eccoo_federation import claims
from eccoo_node.cover import queries
from eccoo_node.escrow import queries as money
from eccoo_node.kernel.money import pounds
from eccoo_node.links import queries as links


async def past_limit(link_id: str) -> str:
    """Why new visits between the two have to wait, as whoever asks or offers reads it; empty where they have not.

    What is chosen and not yet in the books counts too, each way by itself: it may all take place, or only one way.
    """
    circle, owed = await links.circle(link_id), await _owed(link_id)
    name = circle.name or "the other circle"
    start, most = f"{name[:1].upper()}{name[1:]}", pounds(circle.credit_limit_pence)
    if abs(owed) >= circle.credit_limit_pence:
        if owed > 0:
            return (
                f"We owe {name} {pounds(owed)}. Both circles agreed that new visits wait at {most}, "
                "until we have paid. Our treasurer knows. A facilitator can help you meanwhile."
            )
        return (
            f"{start} owes us {pounds(-owed)}. Both circles agreed that new visits wait at "
            f"{most}, until it has paid. Both treasurers know."
        )
    we_will, they_will = owed + await money.aside_for(link_id), await _to_come(link_id) - owed
    if max(we_will, they_will) < circle.credit_limit_pence:
        return ""
    who = f"we will owe {name} {pounds(we_will)}" if we_will >= they_will else f"{name} will owe us {pounds(they_will)}"
    return (
        f"Once the visits that are agreed have taken place, {who}. Both circles agreed that new visits wait at {most}, "
        "until some of it is paid. A facilitator can help you meanwhile."
    )


async def reached(link_id: str) -> bool:
    """Whether what is in the books is as much as was agreed, so that somebody has to pay."""
    return abs(await _owed(link_id)) >= (await links.circle(link_id)).credit_limit_pence


async def _owed(link_id: str) -> int:
    we_owe, _, they_owe, _ = (await money.owed_by_link()).get(link_id, (0, 0, 0, 0))
    return we_owe - they_owe


async def _to_come(link_id: str) -> int:
    """What they will owe us for our workers who go there, or went and are not in the books yet."""
    return sum(
        claims.due_pence(one.fee_pence, one.travel_pence, one.worker_deduct_bps, one.payer_add_bps, one.home_share_bps)
        for one in await queries.mine_to_come(link_id)
    )
