"""Agreed terms in words, as both sides read them before they say yes. Pure."""

from eccoo_node.agreements.hours import Hour
from eccoo_node.agreements.queries import TermsCard
from eccoo_node.kernel.money import percent, pounds, price_pence


def comes_to(hour: Hour, side: str, other: str, *, pays: bool) -> str:
    """What an hour comes to for this side: for the person's what is paid in all, for the worker what they have of it.

    `other`: the other side's name. `pays`: the reader is whoever pays, and alone.
    """
    circle = hour.price_pence - hour.worker_pence
    if side == "worker":
        if hour.employed:
            return "You have your wage from the circle. What is paid for your visits is the circle’s."
        if not circle:
            return f"You have the whole {pounds(hour.worker_pence)} of each hour. The circle takes nothing."
        return f"You have {pounds(hour.worker_pence)} of each hour. {_for_the_circle(hour.fee_pence - hour.worker_pence, hour.added_pence)}"
    costs = f"{'You pay' if pays else 'It costs'} {pounds(hour.price_pence)} an hour in all"
    if hour.employed:
        return f"{costs}, to the circle. It pays {other} a wage."
    return f"{costs}: {_to(hour.worker_pence, circle, other)}."


def late_comes_to(hour: Hour, card: TermsCard, side: str, other: str, *, pays: bool) -> str:
    """The same of an hour that is called off late; empty where nothing is due then."""
    if not hour.late_fee_pence:
        return ""
    late = f"Called off less than {card.cancel_hours} hours before,"
    circle = hour.late_price_pence - hour.late_worker_pence
    if hour.employed:
        return f"{late} {pounds(hour.late_price_pence)} is due for each hour, to the circle."
    free = " The circle takes nothing of that." if not circle and hour.price_pence > hour.worker_pence else ""
    if side == "worker":
        said = f"{late} you have {pounds(hour.late_worker_pence)} for each hour."
        more = hour.late_fee_pence - hour.late_worker_pence, hour.late_added_pence
        return f"{said} {_for_the_circle(*more)}" if circle else f"{said}{free}"
    costs = f"{late} {'you pay' if pays else 'it costs'} {pounds(hour.late_price_pence)} for each hour"
    return f"{costs}: {_to(hour.late_worker_pence, circle, other)}.{free}"


def _to(worker_pence: int, circle_pence: int, other: str) -> str:
    if not circle_pence:
        return f"all of it to {other}"
    return f"{pounds(worker_pence)} to {other} and {pounds(circle_pence)} to the circle"


def _for_the_circle(taken_pence: int, added_pence: int) -> str:
    """Where the rest goes, as a worker reads it."""
    if not added_pence:
        return f"{pounds(taken_pence)} goes to the circle."
    if not taken_pence:
        return f"Whoever pays adds {pounds(added_pence)} for the circle."
    return f"{pounds(taken_pence)} goes to the circle, and whoever pays adds {pounds(added_pence)} for it."


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
