"""Rows of our own accounts, of where money goes and of what was sent there. No row of an account is ever changed or taken out."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.members.tables import Person

# The accounts of ours that money leaves: what we look after for others, and the circle's own.
BANKS = ("1000", "1010")
KINDS = ("worker", "refund", "share")
STATES = ("listed", "sent", "paid", "bounced", "taken_back")


class BankDetails(Table, tablename="bank_details"):
    """Where someone's money goes. The newest row of a person holds; a change is a new row."""

    id = key()
    person_id = ref(Person)
    name = word(70)
    sort_code = word(6)
    account_number = word(8)
    given_by = word(36)
    given_via = word(16)
    known_by = word(24)
    given_at = moment()


class DetailsCheck(Table, tablename="bank_details_check"):
    """Somebody made sure that details are that person's own, heard that they are not, or a payment to them came back.

    The newest row holds; that somebody could not reach them ("unreached") is kept beside it and changes nothing.
    """

    id = serial()
    details_id = ref(BankDetails)
    outcome = word(16)
    how = word(16)
    checked_by = word(36)
    checked_at = moment()


class BankAccount(Table, tablename="bank_account"):
    """One of the circle's own accounts, as it stood from a moment on. A change is a new row; the greatest id holds."""

    id = serial()
    # The account of the chart that it is: 1000, 1010 or 1020.
    code = word(4)
    # The name that a payer's bank checks.
    name = word(70)
    sort_code = word(6)
    account_number = word(8)
    # The number under which the circle, or its bureau, sends Bacs files; empty where it has none.
    service_user = word(6)
    recorded_at = moment()
    recorded_by = word(36)


class AccountChange(Table, tablename="bank_account_change"):
    """A change of one of our accounts that somebody asked for. It counts once a second person has made sure of it."""

    id = key()
    code = word(4)
    # What stood when it was asked for.
    before_id = ref(BankAccount)
    name = word(70)
    sort_code = word(6)
    account_number = word(8)
    asked_by = word(36)
    asked_at = moment()
    # waits, confirmed, turned_down or taken_back; and how whoever confirmed it knew.
    state = word(16)
    how = word(16)
    ended_by = word(36)
    ended_at = moment(null=True)


class RecoveryYes(Table, tablename="recovery_yes"):
    """A worker's yes to so much of each payout going towards what they are to give back. It can be withdrawn."""

    id = key()
    worker_id = ref(Person)
    most_pence = pence()
    words = prose()
    said_at = moment()
    said_via = word(16)
    known_by = word(24)
    recorded_by = word(36)
    ended_at = moment(null=True)
    ended_by = word(36)


class Batch(Table, tablename="payout_batch"):
    """Payments that go to the bank together, in one file. What is in it never changes."""

    id = key()
    number = number()
    bank = word(4)
    key = word(200)
    body_hash = word(64)
    pay_on = day()
    made_by = word(36)
    made_at = moment()
    approved_by = word(36)
    approved_at = moment(null=True)
    filed_by = word(36)
    filed_at = moment(null=True)
    account_id = ref(BankAccount, null=True)
    ended_by = word(36)
    ended_at = moment(null=True)


class Payment(Table, tablename="payout_payment"):
    """One line of a batch: to whom, how much, and what it consists of."""

    id = key()
    batch_id = ref(Batch)
    n = number()
    kind = word(8)
    # Whose account in the books: a worker's, a payer's or a member's id.
    holder = word(64)
    person_id = ref(Person)
    details_id = ref(BankDetails)
    pay_pence = pence()
    expenses_pence = pence()
    recovered_pence = pence()
    amount_pence = pence()
    yes_id = ref(RecoveryYes, null=True)
    reference = word(18)
    state = word(16)
    paid_on = day()
    paid_key = word(200)
    bounced_on = day()
    bounced_key = word(200)


class LeftOut(Table, tablename="payout_left_out"):
    """Someone who had money ready and is not in a batch, and why."""

    id = serial()
    batch_id = ref(Batch)
    kind = word(8)
    holder = word(64)
    person_id = word(36)
    amount_pence = pence()
    reason = word(24)
    words = prose()


class FileMade(Table, tablename="payout_file"):
    """What a file of a batch was when it was first made, so that the same is given out ever after."""

    id = serial()
    batch_id = ref(Batch)
    form = word(16)
    digest = word(64)


class Turn(Table, tablename="payout_turn"):
    """A row for what is done by one at a time: whoever makes, sends or settles a batch has it in hand, so that two never
    count the same money; and whoever changes our accounts."""

    id = serial()
    name = word(8)


TABLES = [
    BankDetails, DetailsCheck, BankAccount, AccountChange, RecoveryYes, Batch, Payment, LeftOut, FileMade, Turn,
]  # fmt: skip

for _table in ("bank_details_check", "bank_account", "payout_file"):
    extras.append_only(_table)
extras.append_only("bank_details", but=("name", "sort_code", "account_number"))
extras.append_only("payout_left_out", but=("words",))
extras.index("bank_details", "person_id")
extras.index("bank_details_check", "details_id")
# Whole, or forgotten.
extras.check(
    "bank_details",
    "(length(sort_code) = 6 AND length(account_number) = 8 AND name <> '') OR sort_code || account_number || name = ''",
)
extras.one_of("bank_details_check", "outcome", ("confirmed", "bounced", "unreached", "wrong"))
extras.one_of("bank_account", "code", ("1000", "1010", "1020"))
extras.check("bank_account", "length(sort_code) = 6 AND length(account_number) = 8 AND name <> ''")
extras.index("bank_account", "code")
extras.one_of("bank_account_change", "state", ("waits", "confirmed", "turned_down", "taken_back"))
extras.check("bank_account_change", "length(sort_code) = 6 AND length(account_number) = 8 AND name <> ''")
extras.unique("bank_account_change", "code", where="state = 'waits'")
extras.unique("recovery_yes", "worker_id", where="ended_at IS NULL")
extras.check("recovery_yes", "most_pence > 0")
extras.unique("payout_batch", "key")
extras.unique("payout_batch", "number")
extras.one_of("payout_batch", "bank", BANKS)
extras.index("payout_payment", "batch_id")
extras.index("payout_payment", "state")
extras.one_of("payout_payment", "kind", KINDS)
extras.one_of("payout_payment", "state", STATES)
# Nobody's money lies in two batches that have no file yet.
extras.unique("payout_payment", "kind", "holder", where="state = 'listed'")
extras.check(
    "payout_payment",
    "amount_pence = pay_pence + expenses_pence - recovered_pence AND amount_pence >= 0 AND pay_pence >= 0 "
    "AND expenses_pence >= 0 AND recovered_pence >= 0 AND recovered_pence <= pay_pence",
)
extras.index("payout_left_out", "batch_id")
extras.unique("payout_file", "batch_id", "form")
extras.unique("payout_turn", "name")
