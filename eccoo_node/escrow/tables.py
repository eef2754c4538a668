"""Rows of the books: accounts and what was posted to them, lines of money set aside, and the commission schedule."""

from piccolo.columns import BigInt
from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.governance.tables import Decision


class Schedule(Table, tablename="schedule"):
    """What the circle takes: a share added for the payer and a share off the worker. A change is a new row."""

    id = serial()
    payer_add_bps = number()
    worker_deduct_bps = number()
    # Tax within what is taken, once the circle is registered for it.
    vat_bps = number()
    # Whether pay for a visit called off too late bears commission (the circle's decision, shown beforehand).
    cancelled_bears = flag(True)
    valid_from = moment()
    recorded_at = moment()
    recorded_by = word(36)
    decision_id = ref(Decision)


class Line(Table, tablename="line"):
    """One booking that money is set aside for, with every rate frozen as it was agreed. Never changed.

    `held`: the money lies here. `due`: our worker went for a linked circle, and that circle owes it.
    """

    id = serial()
    reference = word(64)
    origin = word(8)
    payer_id = word(36)
    person_id = word(36)
    worker_id = word(64)
    link_id = word(36)
    fee_pence = pence()
    contribution_pence = pence()
    travel_pence = pence()
    schedule_id = ref(Schedule, null=True)
    payer_add_bps = number()
    worker_deduct_bps = number()
    home_share_bps = number()
    cancelled_bears = flag(True)
    vat_bps = number()
    employed = flag()
    # The payer pays after the visit. Of a line with several funds each row of `line_fund` says so, and `funds` is their
    # digest, which every entry of the line covers.
    arrears = flag()
    funds = word(64)
    made_at = moment()


class LineFund(Table, tablename="line_fund"):
    """One of several funds that a line is set aside out of. A line with one fund has its payer alone."""

    id = serial()
    line_id = ref(Line)
    payer_id = word(36)
    amount_pence = pence()
    arrears = flag()


class LineState(Table, tablename="line_state"):
    """How far a line has got. Every number is the sum of its entries, which `ledger verify` adds up again."""

    line_id = ref(Line, primary_key=True)
    released_fee_pence = pence()
    released_travel_pence = pence()
    free_fee_pence = pence()
    returned_pence = pence()
    disputed_fee_pence = pence()
    disputed_travel_pence = pence()
    disputed_contribution_pence = pence()


class AccountRow(Table, tablename="account"):
    """One account and its balance, which is always the sum of its postings."""

    id = serial()
    code = word(4)
    holder = word(64)
    awaiting = word(36)
    guard = word(6)
    balance_pence = pence()


class Entry(Table, tablename="entry"):
    """One journal entry. It holds no words: who did it and why lies in the audit under the same act."""

    id = serial()
    at = moment()
    effective_at = moment()
    kind = word(24)
    key = word(200)
    body_hash = word(64)
    act_id = word(36)
    line_id = ref(Line, null=True)
    # The part of the line's fee and travel that this entry let go (below 0 where it undoes another), and how much
    # of that fee bears no commission. A line's own numbers are the sums of these.
    fee_pence = pence()
    travel_pence = pence()
    free_fee_pence = pence()
    reverses_id = BigInt(null=True, default=None)
    digest = word(64)


class Posting(Table, tablename="posting"):
    """One line of an entry: positive is debit, negative is credit."""

    id = serial()
    entry_id = ref(Entry)
    account_id = ref(AccountRow)
    amount_pence = pence()


class EntryChain(Table, tablename="entry_chain"):
    """The chain over the entries, in the order in which they were chained."""

    id = serial()
    entry_id = ref(Entry)
    chain = word(64)


class BooksCheck(Table, tablename="books_check"):
    """One time the books were added up, and the first thing that did not hold."""

    id = serial()
    at = moment()
    broken = prose()
    entries = number()


class BooksCheckpoint(Table, tablename="books_checkpoint"):
    """The entries that were found to hold, as JSON (`verify_checkpoint.Checkpoint`). It holds no words."""

    id = serial()
    at = moment()
    told = prose()


class Pause(Table, tablename="pause"):
    """So much of what a line gives its worker is not paid out before a day. It moves nothing in the books."""

    id = key()
    line_id = ref(Line)
    worker_id = word(36)
    amount_pence = pence()
    # The worker's own yes, where it was they who spoke up: how and when it was said.
    worker_yes = prose()
    set_by = word(36)
    from_at = moment()
    until_at = moment()
    ended_at = moment(null=True)
    ended_by = word(36)


TABLES = [
    Schedule,
    Line,
    LineFund,
    LineState,
    AccountRow,
    Entry,
    Posting,
    EntryChain,
    BooksCheck,
    BooksCheckpoint,
    Pause,
]

for _table in ("schedule", "line", "line_fund", "entry", "posting", "entry_chain", "books_check"):
    extras.append_only(_table)
extras.unique("account", "code", "holder", "awaiting")
# Of all the accounts there ever were, few have anything on them now: what a sum over accounts reads.
extras.index("account", "code", "awaiting", "balance_pence", where="balance_pence <> 0")
extras.unique("entry", "key")
extras.unique("entry", "reverses_id", where="reverses_id IS NOT NULL")
extras.unique("entry_chain", "entry_id")
extras.unique("line", "reference")
extras.index("entry", "line_id")
extras.index("line", "payer_id")
extras.index("line", "worker_id")
extras.index("line", "link_id", where="link_id <> ''")
extras.unique("line_fund", "line_id", "payer_id")
extras.index("line_fund", "payer_id")
extras.check("line_fund", "amount_pence > 0")
extras.index("pause", "worker_id", where="ended_at IS NULL")
extras.unique("pause", "line_id", where="ended_at IS NULL")
extras.check("pause", "amount_pence > 0 AND until_at > from_at")
extras.index("posting", "entry_id")
# With the amounts in it, what an account adds up to is read off the index alone.
extras.index("posting", "account_id", "amount_pence")
extras.check("posting", "amount_pence <> 0")
extras.one_of("account", "guard", ("debit", "credit", "any"))
extras.check("account", "(guard <> 'credit' OR balance_pence <= 0) AND (guard <> 'debit' OR balance_pence >= 0)")
extras.one_of("line", "origin", ("held", "due"))
extras.check("line", "fee_pence >= 0 AND travel_pence >= 0 AND contribution_pence >= 0")
extras.check("line", "fee_pence + travel_pence > 0")
for _share in ("payer_add_bps", "worker_deduct_bps", "home_share_bps"):
    extras.check("line", f"{_share} BETWEEN 0 AND 10000")
extras.check("schedule", "vat_bps BETWEEN 0 AND 10000")
extras.check("schedule", "payer_add_bps BETWEEN 0 AND 10000 AND worker_deduct_bps BETWEEN 0 AND 10000")
extras.check(
    "line_state",
    "released_fee_pence >= 0 AND released_travel_pence >= 0 AND returned_pence >= 0 AND free_fee_pence >= 0 "
    "AND free_fee_pence <= released_fee_pence AND disputed_fee_pence >= 0 AND disputed_travel_pence >= 0 "
    "AND disputed_contribution_pence >= 0",
)
