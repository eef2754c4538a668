"""What a treasurer, a worker and a second person read of money going out."""

from collections import Counter
from collections.abc import Collection
from datetime import date

from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.members.say import say_date
from eccoo_node.payouts.details import Details
from eccoo_node.payouts.ours import Change
from eccoo_node.payouts.queries import Batch, Out, Payment
from eccoo_node.payouts.ready import Ready

_NUMBERS = ("nobody", "one person", "two people", "three people", "four people", "five people", "six people")

_TIMES = {2: "twice", 3: "three times"}

# Why somebody who has money ready is not paid by a batch.
REASONS = {
    "no_details": "We don’t know their bank account yet.",
    "not_sure": "Nobody has made sure of their bank account yet.",
    "came_back": "The last payment came back. Make sure of their bank account.",
    "said_wrong": "They said that their bank account here is not right, and are asked for it again.",
    "died": "They have died, or whoever it was for. It goes by hand, on evidence of who may have it.",
    "public": "Public money goes back to where it came from, by hand.",
    "nobody": "Nobody here. It goes back to the account it came from, by hand.",
}
MENDED = frozenset({"not_sure", "came_back"})


def people(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number} people"


def weekday(day: date) -> str:
    """ "Monday 23 November 2026"."""
    return f"{day:%A} {say_date(day)}"


def of(kind: str) -> str:
    """What a payment is, where it is no pay."""
    return {"refund": "money back", "share": "shares"}.get(kind, "")


def consists(one: Ready | Payment) -> str:
    """What is in a sum besides pay, in a line; nothing where it is pay alone."""
    parts = [part for part in (of(one.kind),) if part]
    if one.expenses_pence:
        parts.append(f"{pounds(one.expenses_pence)} of it for travel and expenses")
    if one.recovered_pence:
        parts.append(f"{pounds(one.recovered_pence)} was taken off, by their yes, for what they give back")
    return "; ".join(parts)


def ready(found: list[Ready]) -> str:
    """The first sentence of the treasurer's page."""
    able = [one for one in found if not one.reason]
    if not able:
        return "Nothing is ready to be paid out."
    return f"{pounds(sum(one.amount_pence for one in able))} is ready for {people(len(able))}."


def out(one: Out) -> str:
    return f"{pounds(one.amount_pence)}. {one.words or REASONS.get(one.reason, '')}"


def batch(one: Batch) -> str:
    return f"{pounds(one.total_pence)} to {people(len(one.paid_people))}"


def state(one: Batch, again: Collection[Payment] = ()) -> tuple[str, str]:
    """How a batch stands; `again`: what of it came back and still has to be paid again."""
    if again and one.state == "over":
        return "open", f"{pounds(sum(back.amount_pence for back in again))} came back"
    return {
        "waits": ("waiting", "Waits for a second person"),
        "ready": ("waiting", "Its file can be made"),
        "sent": ("waiting", "On its way"),
        "over": ("certain", "Done"),
        "taken_back": ("certain", "Taken back"),
    }[one.state]


def twice(one: Batch) -> list[str]:
    """That two payments of one sum to one person are both meant, where the bank or its reader may take them for one."""
    same = Counter((row.person_id, row.called, row.amount_pence) for row in one.payments if row.amount_pence)
    found = []
    for (person_id, called, pence), number in same.items():
        if number > 1:
            rows = [row for row in one.payments if (row.person_id, row.amount_pence) == (person_id, pence)]
            parts = ", ".join(f"“{row.reference}” is {of(row.kind) or 'pay'}" for row in rows)
            found.append(
                f"{pounds(pence)} goes to {called} {_TIMES.get(number, f'{number} times')}, and each is meant: {parts}."
            )
    return found


def became(one: Payment) -> tuple[str, str]:
    """How far one payment has got."""
    if one.state == "paid" and not one.amount_pence:
        return "certain", "Nothing to send"
    return {
        "listed": ("waiting", "Not sent yet"),
        "sent": ("waiting", "On its way"),
        "paid": ("certain", f"Paid on {_day(one.paid_on)}"),
        "bounced": ("open", f"Came back on {_day(one.bounced_on)}"),
        "taken_back": ("certain", "Taken back"),
    }[one.state]


def _day(text: str) -> str:
    return say_date(date.fromisoformat(text)) if text else "a day"


def sure(one: Details, *, yours: bool) -> tuple[str, str]:
    """How certain we are of someone's details, for themselves."""
    whose = "you" if yours else "them"
    if one.sure and one.checked_at:
        how = "on the phone" if one.how == "rang" else "on paper"
        return "certain", f"We made sure of this with {whose} {how} on {clock.say_day(one.checked_at, clock.zone())}."
    if one.outcome == "bounced":
        return "gap", "A payment to this account came back. Please look whether it is right."
    if one.outcome == "wrong":
        return "gap", f"{'You' if yours else 'They'} told us that this is not right. Please give it to us again."
    return "waiting", f"We ring {whose} to make sure before anything is paid to it."


def account_change(one: Change) -> tuple[str, str]:
    """What became of a change of our own account."""
    day = clock.say_day(one.ended_at, clock.zone()) if one.ended_at else ""
    how = f"after ringing {one.asker}" if one.how == "rang" else "from the bank’s own paper"
    return {
        "waits": ("waiting", "It waits for a second person."),
        "confirmed": ("certain", f"{one.ender} made sure of it on {day}, {how}. It counts since then."),
        "turned_down": ("gap", f"{one.ender} found on {day} that it is not right. Nothing has changed."),
        "taken_back": ("plain", f"{one.ender} took it back on {day}. Nothing has changed."),
    }[one.state]
