"""What two circles owe each other, against what they agreed at most. It stops new cover, never a confirmation."""

from eccoo_node.escrow import queries as money
from eccoo_node.kernel.money import pounds
from eccoo_node.links import queries as links


async def past_limit(link_id: str) -> str:
    """Why new visits between the two have to wait, as whoever asks or offers reads it; empty where they have not."""
    we_owe, _, they_owe, _ = (await money.owed_by_link()).get(link_id, (0, 0, 0, 0))
    circle, owed = await links.circle(link_id), we_owe - they_owe
    if abs(owed) < circle.credit_limit_pence:
        return ""
    name = circle.name or "the other circle"
    if owed > 0:
        return (
            f"We owe {name} {pounds(owed)}. Both circles agreed that new visits wait at {pounds(circle.credit_limit_pence)}, "
            "until we have paid. Our treasurer knows. A facilitator can help you meanwhile."
        )
    return (
        f"{name[:1].upper()}{name[1:]} owes us {pounds(-owed)}. Both circles agreed that new visits wait at "
        f"{pounds(circle.credit_limit_pence)}, until it has paid. Both treasurers know."
    )
