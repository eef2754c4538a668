"""What stands between two circles, in words."""

from datetime import date, datetime

import msgspec

from eccoo_node.kernel import clock
from eccoo_node.kernel.money import pounds
from eccoo_node.settlement import rules
from eccoo_node.settlement.queries import Line, Page, Payment, Waiting


class Step(msgspec.Struct, frozen=True):
    """The next thing to do, and when it should be done."""

    kind: str
    title: str
    words: str
    button: str
    late: bool = False


def step(one: Waiting) -> Step | None:
    """What our treasurer does next; None where it is the other circle's turn, or nobody's."""
    pay = one.theirs_due_pence - one.on_its_way_pence
    if one.disputed:
        what = "one visit" if one.disputed == 1 else f"{one.disputed} visits"
        return Step(
            "differs",
            f"{one.name} and we differ about {what}",
            "The rest is agreed. Only this waits.",
            "See what differs",
        )
    if pay > 0:
        by, late = _by(one.even_at)
        return Step(
            "pay",
            f"Pay {one.name} {pounds(pay)}",
            f"{'It was due' if late else 'Please pay it'} by {by}.",
            "See how",
            late,
        )
    if one.ours_due_pence > 0:
        by, late = _by(one.even_at)
        if late:
            return Step(
                "late", f"{one.name} was to pay us {pounds(one.ours_due_pence)} by {by}",
                "Look for it in the bank. If it is not there, ring them.", "See it", late,
            )  # fmt: skip
    return None


def _by(even_at: datetime | None) -> tuple[str, bool]:
    due = (even_at or clock.now()) + rules.PAID_WITHIN
    return clock.say_day(due, clock.zone()), due < clock.now()


def by(even_at: datetime | None) -> str:
    return _by(even_at)[0]


def period(page: Page) -> str:
    """ "1 to 30 November 2026", as both circles call it."""
    first, last = date.fromisoformat(page.starts_on), date.fromisoformat(page.ends_on)
    if first == last:
        return f"{last.day} {last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B} to {last.day} {last:%B %Y}"


def state(page: Page, disputed: int) -> tuple[str, str]:
    if page.state == "refused":
        return "open", "not taken"
    if page.state == "waiting":
        return "waiting", "being compared"
    if disputed:
        return "open", f"agreed but for {'one visit' if disputed == 1 else f'{disputed} visits'}"
    return "certain", "agreed"


def waits(one: Waiting, pages: list[Page], name: str) -> str:
    """What the other circle does next, where it is its turn."""
    if any(page.state == "waiting" and page.ours for page in pages):
        return f"{name} is comparing our statement with its own books."
    if any(page.ours and page.state == "answered" and page.even_at is None for page in pages):
        return f"{name} has answered, and states next what we owe."
    if one.ours_due_pence > 0:
        return f"{name} pays us {pounds(one.ours_due_pence)} by {by(one.even_at)}."
    pay = one.theirs_due_pence - one.on_its_way_pence
    if pay > 0:
        return f"We pay {name} the rest, {pounds(pay)}, by {by(one.even_at)}."
    if one.theirs_due_pence > 0:
        return f"{pounds(one.theirs_due_pence)} is on its way to {name}. It says when it has arrived."
    return ""


def both(line: Line, *, ours: bool) -> tuple[int, int]:
    """What our books say of a line that differs, and what theirs do."""
    other = line.other_pence or 0
    return (line.amount_pence, other) if ours else (other, line.amount_pence)


def differs(line: Line, *, ours: bool) -> str:
    mine, theirs = both(line, ours=ours)
    return f"Our books: {pounds(mine)}. Theirs: {pounds(theirs)}."


def answered(line: Line) -> tuple[str, str]:
    if not line.answer:
        return "open", "please look"
    return "waiting", "we put ours right" if line.answer == "theirs" else "they put theirs right"


def payment(one: Payment, name: str) -> tuple[str, str]:
    """One payment as a row: the day, and who said what."""
    said = {
        ("paid", True): f"We sent {pounds(one.amount_pence)}, {one.reference}",
        ("paid", False): f"{name} says it sent {pounds(one.amount_pence)}, {one.reference}",
        ("received", True): f"{pounds(one.amount_pence)} reached us",
        ("received", False): f"{pounds(one.amount_pence)} reached {name}",
    }[(one.kind, one.ours)]
    return clock.say_day(one.at, clock.zone()), said
