"""Agreed terms in words, as both sides read them before they say yes. Pure."""

from eccoo_node.agreements.queries import TermsCard
from eccoo_node.kernel.money import percent, pounds, price_pence


def lines(card: TermsCard, mileage_pence: int) -> list[tuple[str, str]]:
    """Each number with what it means. `mileage_pence` is what the circle pays for a mile now."""
    way, late = price_pence(card.rate_pence, card.travel_minutes), card.cancel_bps
    return [
        ("Rate", f"{pounds(card.rate_pence)} an hour"),
        ("Time on the way", f"{card.travel_minutes} minutes at the same rate: {pounds(way)} a visit" if way else ""),
        (
            "Miles",
            f"{card.miles} at {mileage_pence}p: {pounds(card.miles * mileage_pence)} a visit" if card.miles else "",
        ),
        ("Travel", f"{pounds(card.travel_pence)} a visit" if card.travel_pence else ""),
        ("Called off late", f"{percent(late)} of the fee, less than {card.cancel_hours} hours before" if late else ""),
    ]
