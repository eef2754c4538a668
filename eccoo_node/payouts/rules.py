"""Who may send money where, what an account number looks like, and what words a bank can read. Pure."""

import re
import unicodedata
from datetime import date, timedelta

from eccoo_node.escrow.rules import another_treasurer, keeps_books
from eccoo_node.governance import figures
from eccoo_node.governance.figures import Figure
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.days import is_working_day
from eccoo_node.kernel.errors import Invalid
from eccoo_node.kernel.money import MAX_PENCE
from eccoo_node.members.rules import as_self, own_words

PAYOUT_ALONE = figures.declare(
    Figure(
        name="payout_alone",
        title="What one person may pay out alone",
        words="What leaves the bank within a week beyond this needs the yes of a second person.",
        kind="pence",
        first=50_000,
        least=0,
        most=MAX_PENCE,
        two_people=True,
    )
)
# What is sent on one person's word within so long counts together, so that a large sum is not sent as many small ones.
COUNTS_TOGETHER = timedelta(days=7)
LATEST = timedelta(days=31)
# A bank sends back what can't be paid in within days. So long a line that came in is compared with what was sent.
MAY_COME_BACK = timedelta(days=60)
# Whose second yes counts.
SECONDS = ("treasurer", "convenor", "facilitator")
HOW_SURE = ("rang", "paper")
NOT_SURE = ("unreached", "wrong")
REFERENCE = 18


# ---------------------------------------------------------------- who may


@access.rule("payouts.give_details", "payouts.see_details", "payouts.agree_recovery", "payouts.stop_recovery")
def _own(actor: Actor, thing: Thing) -> bool | str:
    return own_words(actor, thing.person_id) or "Only they themselves say where their money goes."


@access.rule("payouts.confirm_details", "payouts.not_sure")
def _confirms(actor: Actor, thing: Thing) -> bool | str:
    """`thing.worker_id` is whoever wrote the details down, `thing.parties` whoever printed a code by which they may have
    been given: two people see to it."""
    if not (as_self(actor) and actor.wears("treasurer", "facilitator")):
        return "The treasurer or a facilitator makes sure of bank details."
    if actor.person_id in {thing.person_id, thing.worker_id}:
        return "Someone else makes sure of these: two people see to each change."
    if actor.person_id in thing.parties:
        return "You gave them the code they signed in with. Somebody else rings them, or sees it face to face."
    return True


@access.rule(
    "payouts.make_batch",
    "payouts.take_back",
    "payouts.file",
    "payouts.take_file",
    "payouts.confirm_paid",
    "payouts.confirm_batch",
)
def _sends(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer sends money out."


@access.rule("payouts.bounced")
def _came_back(actor: Actor, thing: Thing) -> bool | str:
    """`thing.parties` as for money that a treasurer decides on: what came back is paid again. The node writes what the
    bank's own line says of it by its reference: nobody decides that."""
    return (actor.is_node() and actor.via != "command") or another_treasurer(actor, thing)


# The accounts of the chart that are accounts at a bank.
ACCOUNTS = {
    "1000": "Money we look after",
    "1010": "The circle’s own money",
    "1020": "Money kept apart",
}


def sets_accounts(actor: Actor) -> bool:
    return actor.wears("treasurer", "admin") and not actor.acting_for


@access.rule("payouts.set_account", "banking.set_account", "banking.describe_bank")
def _sets_account(actor: Actor, thing: Thing) -> bool | str:
    return sets_accounts(actor) or "The circle’s bank accounts are written down by its treasurer or an admin."


def sees_account_changes(actor: Actor) -> bool:
    return as_self(actor) and actor.wears("treasurer", "convenor", "facilitator", "admin")


@access.rule("payouts.see_account_change")
def _sees_account_change(actor: Actor, thing: Thing) -> bool | str:
    return sees_account_changes(actor) or "A treasurer, a convenor, a facilitator or an admin makes sure of this."


@access.rule("payouts.confirm_account", "payouts.turn_down_account")
def _makes_sure_of_ours(actor: Actor, thing: Thing) -> bool | str:
    """`thing.worker_id` asked for the change: two people see to it."""
    if not sees_account_changes(actor) or actor.via != "screen":
        return "A treasurer, a convenor, a facilitator or an admin makes sure of this, on their own screen."
    return actor.person_id != thing.worker_id or "You wrote this down. Somebody else makes sure of it."


@access.rule("payouts.take_back_account")
def _takes_back_ours(actor: Actor, thing: Thing) -> bool | str:
    mine = as_self(actor) and actor.person_id == thing.worker_id
    return mine or "Whoever wrote this down can take it back."


@access.rule("payouts.see")
def _sees(actor: Actor, thing: Thing) -> bool | str:
    return actor.is_node() or keeps_books(actor) or "Only the circle’s treasurer sees what is paid out."


def may_be_second(actor: Actor) -> bool:
    return actor.via == "screen" and as_self(actor) and actor.wears(*SECONDS)


@access.rule("payouts.approve")
def _approves(actor: Actor, thing: Thing) -> bool | str:
    """`thing.worker_id` made the batch, `thing.parties` are paid by it or speak for somebody who is."""
    if not may_be_second(actor):
        return "The second yes is a treasurer’s, a convenor’s or a facilitator’s, on their own screen."
    if actor.person_id == thing.worker_id:
        return "You made this one. The second yes is somebody else’s."
    if actor.person_id in thing.parties:
        return "You are paid by this one, or speak for somebody who is. The second yes is somebody else’s."
    return True


# ---------------------------------------------------------------- what an account looks like


def read_sort_code(text: str) -> str:
    """ "12-34-56" or "12 34 56" is 123456. Raises Invalid."""
    digits = re.sub(r"[\s.\u2010-\u2015-]", "", text)
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise Invalid("Write the six digits of the sort code, such as 12-34-56.", "bad_sort_code", field="sort_code")
    return digits


def say_sort_code(digits: str) -> str:
    """ "12-34-56"; nothing for none."""
    return "-".join((digits[:2], digits[2:4], digits[4:])) if digits else ""


def read_account_number(text: str) -> str:
    """Eight digits. Raises Invalid."""
    digits = re.sub(r"\s", "", text)
    if not (len(digits) == 8 and digits.isascii() and digits.isdigit()):
        raise Invalid(
            "Write the eight digits of the account number. If it has only seven, put a 0 in front.",
            "bad_account_number",
            field="account_number",
        )
    return digits


def read_name(text: str) -> str:
    """The name on an account, of which a bank must be able to read something. Raises Invalid."""
    name = " ".join(text.split())
    if any(unicodedata.category(c).startswith("C") for c in name) or len(name) > 70:
        raise Invalid("Write the name as it stands on the bank card.", "bad_name", field="name")
    if not any(c.isalpha() for c in plain(name, 70)):
        raise Invalid("Write the name on the account, in the letters A to Z.", "bad_name", field="name")
    return name


def read_service_user(text: str) -> str:
    """Six digits, or nothing. Raises Invalid."""
    digits = text.strip()
    if digits and not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise Invalid("It has six digits. Leave it empty if you have none.", "bad_service_user", field="service_user")
    return digits


def doubt(sort_code: str, account_number: str) -> str:
    """What looks odd about details that have the right shape, in a sentence; nothing where nothing does. Never a no."""
    whole = sort_code + account_number
    if len(set(account_number)) == 1 or len(set(sort_code)) == 1 or account_number in {"12345678", "87654321"}:
        return "This does not look like an account number. Please look at it again."
    if account_number.startswith(sort_code):
        return "The account number begins like the sort code. Please look at it again."
    return "" if len(set(whole)) > 2 else "There are few different digits in this. Please look at it again."


def ending(account_number: str) -> str:
    """All that most people read of an account number."""
    return f"ends in {account_number[-2:]}" if account_number else ""


# A reason may be read by others than the one it was told to: an account number has no place in it.
_NUMBER = re.compile(r"\d(?:[\s\-\u2010-\u2015]*\d){5,}")


def without_numbers(text: str) -> str:
    return _NUMBER.sub("…", text.strip())


# ---------------------------------------------------------------- what a bank can read

_LETTERS = str.maketrans({
    "Ø": "O", "Ł": "L", "Æ": "AE", "Œ": "OE", "Đ": "D", "Ð": "D", "Þ": "TH", "’": "", "‘": "", "'": "", "`": "",
})  # fmt: skip
_NOT_BACS = re.compile(r"[^A-Z0-9.&/ -]")


def plain(text: str, most: int = REFERENCE) -> str:
    """Text in the characters that Bacs takes: A to Z, digits, and . & / - between them.

    It begins with a letter or a digit, so that no program that opens a list of payments takes it for a sum to work out.
    """
    upper = unicodedata.normalize("NFKD", text.upper().translate(_LETTERS))
    bare = "".join(c for c in upper.translate(_LETTERS) if not unicodedata.combining(c))
    words = " ".join(_NOT_BACS.sub(" ", bare).split())
    return words.lstrip(".&/ -")[:most].rstrip()


def reference(circle: str, number: int, n: int) -> str:
    """What stands on the bank statement of whoever is paid: the circle, the batch and the line. 18 characters at most."""
    code = f"{number}-{n}"
    return f"{plain(circle, REFERENCE - 1 - len(code))} {code}".strip()


# ---------------------------------------------------------------- how much, and when


def recovered(pay_pence: int, owes_pence: int, most_pence: int) -> int:
    """How much of a payout goes towards what a worker is to give back, by their yes. Travel money is never touched."""
    return max(0, min(pay_pence, owes_pence, most_pence))


def check_pay_on(day: date, today: date) -> None:
    """Raise Invalid for a day on which no bank pays, or one too far off."""
    if day < today or day > today + LATEST:
        raise Invalid("Choose a day from today to a month from now.", "bad_pay_on", field="pay_on")
    if not is_working_day(day):
        raise Invalid("Banks pay on working days. Choose one.", "bad_pay_on", field="pay_on")
