"""Rows of what is bought for someone, the receipts, and whose plan allows it."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import flag, key, moment, pence, prose, ref, word
from eccoo_node.members.tables import Payer, Person

# agreed: the money is set aside. said: the worker said what it cost. questioned: something is not right.
# settled: what it cost has gone to the worker. back: all of it has gone back.
STATES = ("agreed", "said", "questioned", "settled", "back")
# How what it cost was shown: by a photo, or on paper to a facilitator.
SHOWN = ("", "photo", "paper")
ANSWERS = ("", "yes", "ceiling", "wrong", "nobody")


class Expense(Table, tablename="expense"):
    """One thing that a worker buys for someone, up to a ceiling they both know."""

    id = key()
    person_id = ref(Person)
    worker_id = ref(Person)
    payer_id = ref(Payer)
    purpose = prose()
    ceiling_pence = pence()
    state = word(12, default="agreed")
    # Escrow's name for the line that the money lies on.
    line = word(64)
    agreed_by = word(36)
    agreed_via = word(16)
    agreed_at = moment()
    back_at = moment()
    cost_pence = pence()
    shown = word(8)
    seen_by = word(36)
    said_by = word(36)
    said_via = word(16)
    said_at = moment(null=True)
    # The worker asks for all that it cost, which is more than was agreed.
    more = flag()
    settles_at = moment(null=True)
    answer = word(8)
    # What the person says was right of it, where something was wrong, and their words.
    right_pence = pence()
    words = prose()
    answered_by = word(36)
    answered_via = word(16)
    answered_at = moment(null=True)
    paid_pence = pence()
    ended_at = moment(null=True)


class ExpensePhoto(Table, tablename="expense_photo"):
    """A photo of a receipt as base64, drawn anew, apart from the rows that every page reads. The newest is shown."""

    id = key()
    expense_id = ref(Expense)
    media_type = word(32)
    data = prose()
    made_at = moment()


class PlanAllows(Table, tablename="plan_allows"):
    """Whether the plan of a payer with public money lets shopping and mileage be paid out of it, and what says so. The newest holds."""

    id = key()
    payer_id = ref(Payer)
    allows = flag()
    # And whether it pays for the miles to a visit.
    travel = flag(True)
    # The decision or the funder's letter, by its date and name.
    rests_on = prose()
    recorded_by = word(36)
    recorded_at = moment()


TABLES = [Expense, ExpensePhoto, PlanAllows]

extras.one_of("expense", "state", STATES)
extras.one_of("expense", "shown", SHOWN)
extras.one_of("expense", "answer", ANSWERS)
extras.check("expense", "purpose <> '' AND ceiling_pence > 0 AND cost_pence >= 0 AND right_pence >= 0")
extras.check("expense", "paid_pence BETWEEN 0 AND ceiling_pence")
extras.index("expense", "person_id", "agreed_at")
extras.index("expense", "worker_id", "agreed_at")
extras.index("expense", "payer_id")
extras.index("expense", "line")
extras.index("expense_photo", "expense_id", "made_at")
extras.append_only("plan_allows", but=("rests_on",))
extras.index("plan_allows", "payer_id", "recorded_at")
