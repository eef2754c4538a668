"""The sentences in which pages speak of money that is in question. Both sides read the same ones, by names and roles."""

from datetime import datetime

import msgspec

from eccoo_node.disputes import rules
from eccoo_node.disputes.queries import Keeper, Question, Split, Step
from eccoo_node.escrow import sharing
from eccoo_node.escrow.queries import Booking
from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.rota import say
from eccoo_node.rota.say import names

_ROLES = {
    "treasurer": "The treasurer", "convenor": "The convenor", "facilitator": "A facilitator", "circle": "The circle",
    "node": "",
}  # fmt: skip


def who(one: Question, role: str, by_id: str = "") -> str:
    """A side by its name, the circle's people by their role. Of several who pay, the one who did it."""
    if role == "worker":
        return one.worker_called or "The worker"
    if role == "payer":
        return one.payers.get(by_id) or names(list(one.payers.values())) or one.person_called
    return _ROLES.get(role, one.person_called)


def day(at: datetime) -> str:
    """ "Thursday 3 December at 6pm"."""
    return f"{clock.say_day(at, clock.zone())} at {clock.say_time(at, clock.zone())}"


def when(one: Question) -> str:
    return clock.say_when(one.starts_at, one.ends_at, clock.zone())


def title(one: Question) -> str:
    """What the page is about, in a few words."""
    if one.stands == "apart":
        return f"{pounds(one.apart_pence)} of this waits"
    if one.stands == "more":
        return f"{who(one, 'worker')} says that {pounds(one.whole_pence)} is missing"
    return f"{pounds(one.whole_pence)} of this is in question"


def first(one: Question, line: Booking | None = None) -> str:
    """What has happened to the money so far. `line` tells the circle's part of what went."""
    worker = who(one, "worker")
    if one.stands == "apart":
        given = sharing.so_far(line.terms, line.state) if line else None
        part = given.commission_pence + given.contribution_pence if given else 0
        circle = f", and {pounds(part)} to the circle" if part else ""
        gone = f" {pounds(one.let_go_pence)} went to {worker} at once{circle}." if one.let_go_pence else ""
        return f"{pounds(one.apart_pence)} is kept apart until this is settled.{gone}"
    if one.stands == "paid":
        return f"It has gone to {worker} already. It comes back only if {worker} says yes."
    if one.stands == "unpaid":
        return "Nothing is set aside for the visit yet. What is agreed here is what is then owed for it."
    if one.stands == "more":
        yes = "say yes, each for their part" if len(one.payers) > 1 else "says yes"
        return f"It is not set aside. It is paid once {who(one, 'payer')} {yes}."
    return "All of it is still set aside. Once the visit is confirmed, only this part waits."


def asked(one: Question, part: str, minutes: int, sum_pence: int) -> str:
    length = clock.minutes_between(one.starts_at, one.ends_at)
    return {
        "minutes": f"It was {minutes} of the {length} minutes",
        "travel": "The travel is in question",
        "whole": "All of it is in question",
        "sum": f"{pounds(sum_pence)} of the charge is in question",
    }.get(part, "")


def step(one: Question, found: Step) -> str:
    """One step in one sentence; its words, where there are some, stand below it."""
    name, sums = who(one, found.role, found.by_id), f"{pounds(found.sum_pence)} of {pounds(found.of_pence)}"
    if found.kind.startswith("asked_"):
        return f"{name} said: {asked(one, found.kind.removeprefix('asked_'), found.sum_pence, found.of_pence)}."
    worker = who(one, "worker")
    return {
        "apart": f"{pounds(found.sum_pence)} was kept apart.",
        "let_go": f"{pounds(found.sum_pence)} went to {worker} at once.",
        "said": f"{name} said:",
        "proposed": f"{name} proposed {sums} for {worker}.",
        "agreed": f"{name} said yes to {sums} for {worker}.",
        "withdrawn": f"{name} let it rest.",
        "rested": f"{name} let their part of it rest.",
        "heard": f"{name} has heard both.",
        "resolved": f"{name} decided: {sums} for {worker}.",
        "aside": f"{name} has a part in this, and keeps out of it.",
        "to_ring": "Nobody had answered. A facilitator was asked to ring.",
        "moved_apart": f"The money went so: {sums} was {worker}’s, before the circle’s part.",
        "moved_paid": f"The money went so: {worker} kept {sums}, before the circle’s part.",
        "moved_more": f"The money went so: {sums} more was paid, before the circle’s part.",
        "moved_unpaid": f"It was settled: {sums} is due, before the circle’s part. It is paid once the money is there.",
        "moved_waiting": "Nothing is in question any more.",
    }.get(found.kind, "")


class Outcome(msgspec.Struct, frozen=True):
    """Where the money goes by a split."""

    worker_pence: int
    circle_pence: int
    back_pence: int


def outcome(one: Question, line: Booking, found: Split) -> Outcome:
    """Where the money would go by this split, at the rates that were agreed."""
    fee, travel = found.fee_pence, found.travel_pence
    if one.stands == "paid":
        given, _ = sharing.give_back(line.terms, line.state, one.fee_pence - fee, one.travel_pence - travel)
        back = given.fee_pence + given.travel_pence + given.contribution_pence
        return Outcome(given.worker_pence + given.travel_pence, given.commission_pence + given.contribution_pence, back)
    if one.stands == "apart":
        given, _ = sharing.resolve(line.terms, line.state, fee, travel)
    else:
        given = sharing.shares(line.terms, fee, travel)
    circle = given.commission_pence + given.contribution_pence
    return Outcome(given.worker_pence + given.travel_pence, circle, given.returned_pence)


def split(one: Question, line: Booking | None, found: Split) -> str:
    """The split on the table, and what it would come to."""
    worker = who(one, "worker")
    if one.stands == "waiting":
        return ""
    name = who(one, found.side, found.by_id)
    by = f"{name} proposes {pounds(found.sum_pence)} of the {pounds(one.whole_pence)} for {worker}."
    if one.stands == "unpaid" and not found.sum_pence:
        by = f"{name} proposes that nothing of the {pounds(one.whole_pence)} is due."
    if line is None:
        return by
    if one.stands != "more" and not found.sum_pence:
        by = f"{name} proposes that all of it goes back."
    comes = outcome(one, line, found)
    if one.stands == "paid":
        if not comes.back_pence:
            return f"{by} Then nothing changes."
        return f"{by} Then {pounds(comes.worker_pence)} comes back from {worker} and {pounds(comes.circle_pence)} from the circle."
    parts = [f"{pounds(comes.worker_pence)} goes to {worker}"] if comes.worker_pence else []
    parts += [f"{pounds(comes.circle_pence)} to the circle"] if comes.circle_pence else []
    parts += [f"{pounds(comes.back_pence)} goes back"] if comes.back_pence else []
    return f"{by} Then {names(parts)}." if comes.worker_pence or comes.circle_pence else by


def _theirs(one: Question) -> str:
    """Those besides the worker whose yes it needs, by name."""
    called = [one.payers[id_] for id_ in one.payers if id_ in one.needed]
    return names(([one.person_called] if "theirs" in one.needed else []) + called)


def waits(one: Question) -> str:
    """Whose turn it is, and what happens by which day if nothing comes."""
    both = f"{who(one, 'worker')} and {_theirs(one)}"
    turn = {
        "worker": who(one, "worker"),
        "theirs": _theirs(one),
        "both": both,
    }.get(one.waits_for)
    if turn is None:
        return f"Both have been heard. Someone of the circle decides, by {day(one.next_at)}."
    return f"It waits for {turn}. If nothing comes by {day(one.next_at)}, a facilitator rings."


def rest(one: Question) -> str:
    """What follows when whoever asked lets it rest."""
    worker = who(one, "worker")
    if len(one.asked) > 1:
        return "Then only what someone else asked about stays in question."
    if one.stands == "unpaid":
        return f"Then it is owed to {worker}, as if nobody had asked."
    if one.stands == "apart":
        return f"Then it goes to {worker} and the circle, as if nobody had asked."
    return "Then nothing is in question any more."


def ended(one: Question) -> str:
    how = {
        "agreed": "Both sides agreed", "resolved": "It was decided", "withdrawn": f"{who(one, one.side)} let it rest",
    }.get(one.ended, "It is settled")  # fmt: skip
    at = clock.say_day(one.ended_at, clock.zone()) if one.ended_at else ""
    return f"{how} on {at}."


def paused(until: datetime) -> str:
    """The words and the day that both sides read of a sum that the safeguarding lead lets wait, and nothing else."""
    return f"{rules.NEUTRAL} It is looked at again by {day(until)}."


def may_decide(found: list[Keeper], second: bool, asked_instead: list[Keeper], reader: str) -> str:
    """Who decides, as this reader is told; and where nobody is left, who can be asked to find someone."""
    if found:
        role = "convenor, because the treasurer has a part in it" if second else "treasurer"
        if [one.id for one in found] == [reader]:
            return f"You decide, as {role}."
        return f"{names([one.called for one in found], 'or')} decides, as {role}."
    other = names([one.called for one in asked_instead], "or")
    return "Everyone who could decide this has a part in it. " + (
        f"{other} can ask someone else of the circle to be its treasurer for this."
        if other
        else "Please ring the circle."
    )


def card(one: Question) -> str:
    """One line of the list."""
    return f"{one.person_called} and {who(one, 'worker')}: {pounds(one.apart_pence or one.whole_pence)}, {say.of_day(one.starts_at, clock.now())}"


def elsewhere(pence: int, circle: str) -> str:
    """A sum that waits between two circles, for whoever keeps the books: nothing here is theirs to decide."""
    name = circle or "the other circle"
    return (
        f"{pounds(pence)} for a visit waits until {name} and we have come to one sum. "
        "The facilitators of both circles talk about it."
    )
