"""The sentences in which pages speak of members' shares and of who owes the circle. Pure."""

from eccoo_node.escrow import say
from eccoo_node.escrow.capital import Holding, Step
from eccoo_node.escrow.owing import Owes
from eccoo_node.kernel.money import pounds

_BECAME = {
    "applied": "was sent for shares",
    "share_back": "was not allotted, and went back",
    "allotted": "became shares",
    "withdrawn": "was taken out, to be paid back",
    "share_paid": "was paid back by the bank",
    "payout_paid": "was paid back by the bank",
    "payout_bounced": "came back from the bank, and is paid anew",
}


def holding(one: Holding, *, yours: bool) -> list[str]:
    """What somebody has in shares, for themselves or for the treasurer."""
    has, sent, take = ("You have", "you sent", "you take") if yours else (f"{one.called} has", "they sent", "they take")
    them = "you" if yours else "them"
    said = [f"{has} {pounds(one.shares_pence)} in shares of the circle."] if one.shares_pence else []
    if one.applied_pence:
        said.append(
            f"{pounds(one.applied_pence)} that {sent} for shares waits to be allotted. Until then it is kept apart and can "
            f"go back to {them}."
        )
    if one.leaving_pence:
        said.append(f"{pounds(one.leaving_pence)} that {take} out is on its way to {them}.")
    return said or [f"{has} no shares in the circle now."]


def step(one: Step) -> tuple[str, str]:
    """("3 November 2026", "£50 became shares")."""
    became = _BECAME.get(one.undone or one.kind, "moved")
    words = f"{pounds(one.amount_pence)} {became}"
    return say.day_and_year(one.at), f"Put right: that {words}" if one.undone else words


def owes(one: Owes) -> str:
    """ "Fern, for Ada (direct payment) owes £70"."""
    out_of = say.fund(one.fund)
    return f"{one.called}{f' ({out_of})' if out_of else ''} owes {pounds(one.amount_pence)}"


def since(one: Owes) -> str:
    said = f"Since {say.day_and_year(one.since)}"
    if one.aside_pence:
        said += f". {pounds(one.aside_pence)} of it is for visits that are not settled yet"
    return f"{said}."
