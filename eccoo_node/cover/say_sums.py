"""What two circles say of the money for one visit, in words."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eccoo_federation import cover as wire
from eccoo_node.cover.sums import Step
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds


class Told(msgspec.Struct, frozen=True):
    """Who is who, as the reader knows them; and how long of it the person says was as it should be, where we know."""

    worker: str
    person: str
    circle: str
    minutes: int = 0
    # No node of theirs will ever write anything more.
    alone: bool = False


def sums(fee_pence: int, travel_pence: int) -> str:
    """ "£50", "£50, and £6 for the travel"."""
    return pounds(fee_pence) + (f", and {pounds(travel_pence)} for the travel" if travel_pence else "")


def minutes(number: int) -> str:
    """ "2 hours", "1 hour and 30 minutes", "45 minutes"."""
    hours, rest = divmod(number, 60)
    parts = [f"{hours} hour{'' if hours == 1 else 's'}"] if hours else []
    parts += [f"{rest} minute{'' if rest == 1 else 's'}"] if rest or not hours else []
    return " and ".join(parts)


def claimed(claim: wire.Claimed) -> str:
    """What the worker said of the visit."""
    said = {
        "as_planned": f"it went as planned, {minutes(claim.minutes)}", "shorter": f"it was {minutes(claim.minutes)}",
        "no_answer": "nobody opened the door", "cancelled_late": "it was called off too late",
    }.get(claim.outcome, "they did not go")  # fmt: skip
    return f"{said}: {sums(claim.fee_pence, claim.travel_pence)}"


def differs(claim: wire.Claimed, sure_pence: int, reason: str = "", said_minutes: int = 0) -> str:
    """What stands against it. `reason` and `said_minutes` are known at the circle that asked."""
    if sure_pence == claim.fee_pence:
        return "the time is right, and the travel is in question"
    if sure_pence:
        long = f"{minutes(said_minutes)} of {minutes(claim.minutes)}, so " if said_minutes < claim.minutes else ""
        return f"{long if said_minutes else ''}{pounds(sure_pence)} of the {pounds(claim.fee_pence)} is right"
    return {"not_came": "nobody came", "something_wrong": "something was wrong"}.get(
        reason, "nobody came, or something was wrong"
    )


def step(one: Step, told: Told, claim: wire.Claimed, reason: str, *, here: bool) -> str:
    """One step, as everybody reads it who may."""
    sum_ = sums(one.fee_pence, one.travel_pence)
    match one.kind:
        case "differs":
            return (
                f"{told.person if here else told.circle} said: {differs(claim, one.fee_pence, reason, told.minutes)}."
            )
        case "ours":
            return f"Our circle wrote {sum_}."
        case "theirs":
            return f"{told.circle} wrote {sum_}."
        case "agreed":
            return (
                f"{sum_} it is. It is settled in our books."
                if told.alone
                else f"Both circles have come to {sum_}. It is settled."
            )
    return "Somebody of our circle has a part in this, and leaves it to someone else."


def day(at: datetime) -> str:
    zone = clock.zone()
    return f"{clock.say_day(at, zone)}, {clock.say_time(at, zone)}"


def newest(steps: Sequence[Step], kind: str) -> Step | None:
    return next((one for one in reversed(steps) if one.kind == kind), None)


def same(steps: Sequence[Step]) -> bool:
    """Whether both circles wrote one sum, whether or not word of it is back already."""
    ours, theirs = newest(steps, "ours"), newest(steps, "theirs")
    if ours is None or theirs is None:
        return False
    return (ours.fee_pence, ours.travel_pence) == (theirs.fee_pence, theirs.travel_pence)


def stands(steps: Sequence[Step], told: Told) -> tuple[str, str]:
    """How far the two have got: the kind of line, and its words. Nothing while nobody has written anything."""
    ours, theirs = newest(steps, "ours"), newest(steps, "theirs")
    if same(steps):
        return "waiting", "Both circles have written the same. It is being written into both circles’ books."
    if ours and theirs:
        return (
            "gap",
            f"We wrote {sums(ours.fee_pence, ours.travel_pence)}, and {told.circle} wrote "
            f"{sums(theirs.fee_pence, theirs.travel_pence)}. Please ring them once more.",
        )
    if theirs:
        return "waiting", f"{told.circle} wrote {sums(theirs.fee_pence, theirs.travel_pence)}. Is that your sum too?"
    if ours:
        wrote = sums(ours.fee_pence, ours.travel_pence)
        return "waiting", f"We wrote {wrote}. Once {told.circle} has written the same, the money moves."
    return "", ""
