"""The words in which pages speak of what is bought for someone. Pure: the same expense, reader and moment, the same words."""

from datetime import datetime

from eccoo_node.expenses.queries import Expense
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.rota.say import Reader, State, by_time, on_day


def sentence(one: Expense, reader: Reader, now: datetime) -> str:
    """Where its money is and where it goes, first of all."""
    worker = reader.you(one.worker_id, one.worker_called)
    asks = "You say" if reader.is_you(one.worker_id) else f"{one.worker_called} says"
    if one.state == "agreed":
        says = "you say" if reader.is_you(one.worker_id) else f"{one.worker_called} says"
        return f"{pounds(one.ceiling_pence)} is set aside. Once {says} what it cost, that goes to {worker} and the rest back."
    if one.state == "said":
        rest = one.ceiling_pence - one.claimed_pence
        told = f"{asks} it cost {pounds(one.cost_pence)}."
        if one.over_pence:
            return f"{told} That is {pounds(one.over_pence)} more than the {pounds(one.ceiling_pence)} that was agreed."
        return told + (f" The other {pounds(rest)} goes back." if rest else " That is all that was set aside.")
    if one.state == "questioned":
        waits = one.claimed_pence - one.right_pence
        gone = f" {pounds(one.right_pence)} went to {worker}." if one.right_pence else ""
        both = "you have both" if reader.id in {one.person_id, one.worker_id} else "both have"
        return f"{pounds(waits)} waits until {both} been heard.{gone}"
    if one.state == "back":
        return f"All {pounds(one.ceiling_pence)} went back. Nothing was paid."
    rest = one.ceiling_pence - one.paid_pence
    return f"{pounds(one.paid_pence)} went to {worker}" + (f", and {pounds(rest)} went back." if rest else ".")


def state(one: Expense, reader: Reader) -> State:
    """One shape and a few words."""
    buys = reader.is_you(one.worker_id)
    if one.state == "agreed":
        return ("waiting", "say what it cost" if buys else "set aside")
    if one.state == "said":
        return ("waiting", "waits for an answer" if buys else "is that right?")
    return {
        "questioned": ("waiting", "in question"), "settled": ("certain", "settled"), "back": ("over", "went back"),
    }[one.state]  # fmt: skip


def money(one: Expense) -> str:
    """The sum that a list says beside it."""
    if one.state == "agreed":
        return f"Up to {pounds(one.ceiling_pence)}"
    if one.state == "settled":
        return pounds(one.paid_pence)
    if one.state == "back":
        return "Nothing spent"
    return pounds(one.cost_pence)


def rows(one: Expense) -> list[tuple[str, str]]:
    """The sums, line by line."""
    cost = pounds(one.cost_pence) if one.said_at and one.state != "back" else ""
    shown = {"photo": "A photo", "paper": "Seen on paper by a facilitator"}.get(one.shown, "")
    return [
        ("Agreed, at most", pounds(one.ceiling_pence)), ("What it cost", cost), ("The receipt", shown),
        ("Paid", pounds(one.paid_pence) if one.paid_pence else ""),
    ]  # fmt: skip


def settles(one: Expense, now: datetime, *, to_tell: bool = False) -> str:
    """By when it settles itself where nobody says anything. `to_tell`: what it cost has not reached the person yet."""
    if one.state == "agreed":
        return f"Without a word from {one.worker_called} it all goes back {on_day(one.back_at, now)}."
    if one.state != "said" or one.settles_at is None:
        return f"This does not settle itself before {one.person_called} has been asked." if to_tell else ""
    return (
        f"If nobody answers, {pounds(one.claimed_pence)} goes to {one.worker_called} by {by_time(one.settles_at, now)}."
    )


def day(at: datetime) -> str:
    return clock.say_day(at, clock.zone())
