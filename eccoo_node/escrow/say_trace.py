"""The words in which one line's money is followed. Pure."""

from collections.abc import Mapping

from eccoo_node.escrow.say import day, visit
from eccoo_node.escrow.telling import Told
from eccoo_node.escrow.tracing import Part, Step
from eccoo_node.kernel.money import pounds

_CAME = {
    "top_up": "came by bank transfer",
    "matched": "came by bank transfer",
    "by_card": "was paid by card",
    "goodwill": "was given by the circle",
}
_HEADS = {
    "set_aside": "Set aside",
    "released": "It went ahead",
    "returned": "It did not take place",
    "cancelled": "It was called off too late to be free",
    "disputed": "Part of it was in question",
    "resolved": "What was in question was settled",
    "clawed_back": "It was put in question after it was let go",
    "owed": "The other circle said that it went ahead",
    "owed_back": "The other circle took some of it back",
    "borne": "The circle bears what the other one does not pay",
    "ready": "The other circle has paid, or we put it up",
    "carried": "The other circle was linked anew",
    "reversed": "A mistake was put right",
}
_LEFT = {
    "payout": "was sent to the worker’s bank",
    "clawed_back": "was put in question after it was let go",
    "given_back": "went towards what the worker gives back",
}
_THEN = {"payout_paid": "The bank confirmed it", "payout_bounced": "It came back from the bank"}


def came(part: Part, told: Mapping[str, Told]) -> tuple[str, str]:
    """The day, and how so much of it came in."""
    if part.reference:
        return day(part.at), f"{pounds(part.amount_pence)} came back from {visit(told[part.reference])}"
    return day(part.at), f"{pounds(part.amount_pence)} {_CAME.get(part.kind, 'was written down')}"


def step(one: Step) -> tuple[str, str]:
    """The day with what happened, and who got what of it."""
    gave = [
        f"{pounds(pence)} {to}"
        for pence, to in (
            (one.worker_pence, "to the worker"),
            (one.circle_pence, "to the circle"),
            (one.other_circle_pence, "to the worker’s own circle"),
            (one.back_pence if one.kind != "set_aside" else 0, "back to whoever pays"),
            (one.question_pence, "waits until it is clear what happened"),
            (one.aside_pence if one.kind == "set_aside" else 0, "of what was paid in"),
        )
        if pence and (pence > 0 or one.kind == "reversed")
    ]
    return f"{day(one.at)}: {_HEADS.get(one.kind, 'Written down')}", ", ".join(gave) or "Nothing changed hands."


def left(part: Part) -> tuple[str, str]:
    """The day, and how so much of the worker's part left."""
    then = "".join(f". {_THEN[kind]} on {day(at)}" for kind, at in part.then if kind in _THEN)
    return day(
        part.at
    ), f"{pounds(part.amount_pence)} {_LEFT.get(part.kind, 'was taken off what the worker is owed')}{then}"
