"""The sentences in which pages speak of the bank. Pure."""

from collections.abc import Mapping

from eccoo_node.banking import sent
from eccoo_node.banking.checking import Looked
from eccoo_node.banking.kept import HalfWritten, Imported, Open, Said, Standing
from eccoo_node.banking.lines import Line
from eccoo_node.banking.planning import Planned
from eccoo_node.banking.queries import HowToPay
from eccoo_node.banking.rules import CLIENT
from eccoo_node.banking.statements.model import Statement
from eccoo_node.kernel.money import pounds
from eccoo_node.kernel.words import count, many
from eccoo_node.members.say import say_date
from eccoo_node.payouts.rules import ACCOUNTS

# A page shows so many of a kind; the rest is as the first of them are.
SHOWN = 60


def payments(number: int) -> str:
    return many(number, "payment", none="0")


def spelt(reference: str) -> str:
    """A reference as one says it aloud: "K 7 M 2, P 9 X D"."""
    return ", ".join(" ".join(part) for part in reference.split("-"))


def whose_reference(one: HowToPay, subject: str) -> str:
    """Which reference it is, as this reader says it."""
    return "Your reference" if one.person_id == subject else f"The reference for {one.person_called}’s support"


def wait(number: int) -> str:
    """ "Four payments wait"."""
    return f"{payments(number).capitalize()} {'waits' if number == 1 else 'wait'}"


def days(found: Statement) -> str:
    """ "on 2 November 2026", "from 2 November 2026 to 9 November 2026"."""
    if found.first_on == found.last_on:
        return f"on {say_date(found.first_on)}"
    return f"from {say_date(found.first_on)} to {say_date(found.last_on)}"


def will_be(looked: Looked) -> list[tuple[str, str]]:
    """What a file comes to, before it is written: how many of each kind, and how much."""

    waits, theirs = looked.of("waits"), looked.of("top_up")
    came = [one for one in waits if one.line.amount_pence > 0]
    left = [one for one in waits if one.line.amount_pence < 0]
    return [
        ("To the payers whose it is", _sum([one for one in theirs if one.same_entry is None])),
        ("Written down by hand before", _sum([one for one in theirs if one.same_entry is not None])),
        ("Nobody’s yet", _sum(looked.of("received"))),
        ("Came in, and waits for you to say what it was", _sum(came)),
        ("Refunds that have been sent", _sum(looked.of("refund_left"))),
        ("Payments that have been sent", _sum(looked.of("payout"))),
        ("Payments that came back", _sum(looked.of("came_back"))),
        ("Left the bank, and waits for you to say what it was", _sum(left)),
        ("Moved no money", payments(len(looked.of("nothing"))) if looked.of("nothing") else ""),
        ("Written in the books before", payments(len(looked.of("before"))) if looked.of("before") else ""),
    ]


def _sum(found: list[Planned]) -> str:
    total = pounds(abs(sum(one.line.amount_pence for one in found)))
    return f"{total}, {payments(len(found))}" if found else ""


def line(one: Planned) -> str:
    """ "2 November 2026: MRS A SUNDERLAND K7M2-P9XD"."""
    return f"{say_date(one.line.on)}: {one.line.text or 'no words'}"


def where_to(one: Planned, called: Mapping[str, str]) -> str:
    """ "£100 to Ada", and how that is known where no reference says so; "£51. The payment to Wren"."""
    if one.payment:
        offer = sent.Offer(one.what, one.payment.payment_id, [one.payment], likely=True)
        return f"{pounds(abs(one.line.amount_pence))}. {offer.words}"
    to = f"{pounds(abs(one.line.amount_pence))} to {called.get(one.payer_id, 'a payer')}"
    return f"{to}, as you said of this sender before" if one.how == "sender" else to


def balance(found: Statement, gaps: list[str]) -> str:
    """What the file says of the balance; empty where it says nothing."""
    if found.opening_pence is None or found.closing_pence is None:
        return "This file says nothing of the balance, so it can’t be checked whether it is whole."
    begins = f"It begins at {pounds(found.opening_pence)} and ends at {pounds(found.closing_pence)}"
    return f"{begins}." if gaps else f"{begins}, and that adds up."


def imported(one: Imported) -> str:
    """ "From 2 to 9 November: twelve payments, four of them new. By Tess."."""
    some = count(one.lines_new, none="none")
    new = "all of them new" if one.lines_new == one.lines_read else f"{some} of them new"
    by = f" By {one.by}." if one.by else ""
    when = say_date(one.first_on)
    if one.last_on != one.first_on:
        when += f" to {say_date(one.last_on)}"
    return f"{when}: {payments(one.lines_read)}, {new}.{by}"


def writing(one: HalfWritten) -> str:
    """ "march.csv: 300 of 20,000 lines are in the books. The rest follows by itself."."""
    name = one.file_name or "A file"
    return f"{name}: {one.reached:,} of {one.lines:,} lines are in the books. The rest follows by itself."


def standing(one: Standing) -> list[str]:
    """Whether bank and books agree about an account."""
    bank = f"On {say_date(one.on)} the bank had {pounds(one.bank_pence)}, and the books have {pounds(one.books_pence)}."
    said = [bank]
    if one.waits_pence:
        said.append(f"{pounds(abs(one.waits_pence))} of the difference waits for you to say what it was.")
    if one.apart_pence and one.code == CLIENT:
        if one.apart_pence > 0:
            than = (
                "more than it should. Either a transfer from this account to another of ours is still to be made, or "
            )
            than += "something was there before the first file."
        else:
            than = (
                "less than it should. Either a transfer to this account from another of ours is still to be made, or "
            )
            than += "something is written down that the bank has not received, or not yet."
        said.append(f"The bank has {pounds(abs(one.apart_pence))} {than}")
    return said


def open_title(one: Open) -> str:
    """ "£42 came in on 3 November 2026"."""
    if one.line.amount_pence < 0:
        return f"{pounds(-one.line.amount_pence)} left the bank on {say_date(one.line.on)}"
    if one.left_pence != one.line.amount_pence:
        return f"{pounds(one.left_pence)} of {pounds(one.line.amount_pence)} that came in on {say_date(one.line.on)}"
    return f"{pounds(one.line.amount_pence)} came in on {say_date(one.line.on)}"


def line_title(line: Line) -> str:
    """ "£42 came in on 3 November 2026"."""
    return open_title(Open(line, line.amount_pence))


_WAS_SAID = {
    "own": "A transfer between our own accounts",
    "by_hand": "It stands in the books already",
    "other": "Something else of the circle’s own",
    "elsewhere": "Meant for the account in which we look after money",
    "own_in": "Something of the circle’s own, sent to the wrong account",
    "own_cost": "Something the circle paid for itself",
}


def was_said(one: Said) -> str:
    """What somebody said that a line was, where that wrote nothing in the books."""
    return _WAS_SAID[one.what]


def account(code: str) -> str:
    return ACCOUNTS[code]
