"""Rows of the bank's side: payers' references, statements as they were read, and what became of each line."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, pence, prose, ref, serial, word
from eccoo_node.escrow.tables import Entry
from eccoo_node.members.tables import Payer
from eccoo_node.payouts.tables import BankAccount


class BankFiles(Table, tablename="bank_files"):
    """How an account's statements come, from a moment on. The newest holds."""

    id = serial()
    # The account of the chart.
    code = word(4)
    # A bank's name, a format, or the id of a description of our own.
    layout = word(36)
    recorded_at = moment()
    recorded_by = word(36)


class BankLayout(Table, tablename="bank_layout"):
    """A bank's CSV as the circle described it. Never changed: another description takes its place."""

    id = key()
    title = word(60)
    profile = prose()
    recorded_at = moment()
    recorded_by = word(36)


class PayerReference(Table, tablename="payer_reference"):
    """What a payer writes beside a transfer. Given once and for ever."""

    id = serial()
    payer_id = ref(Payer)
    reference = word(18)
    given_at = moment()


class StatementDraft(Table, tablename="statement_draft"):
    """A file that was read and waits for the treasurer's word. It goes when it is written in the books, or after a day.

    Once its writing has begun it stays until the last line is written: `reached` of its lines are.
    """

    id = key()
    account_id = ref(BankAccount)
    file_name = word(120)
    layout = word(36)
    statement = prose()
    read_at = moment()
    read_by = word(36)
    begun_at = moment(null=True)
    begun_by = word(36)
    reached = number()
    # Which lines are what somebody wrote down by hand, as the treasurer saw and left it: the entry by the line's mark, in JSON.
    by_hand = prose("{}")


class StatementImport(Table, tablename="statement_import"):
    """One file that was written in the books."""

    id = key()
    account_id = ref(BankAccount)
    file_name = word(120)
    layout = word(36)
    first_on = day()
    last_on = day()
    opening_pence = pence(None, null=True)
    closing_pence = pence(None, null=True)
    lines_read = number()
    lines_new = number()
    # Where the balances did not add up, as it was told before it was written, in JSON.
    gaps = prose("[]")
    imported_at = moment()
    imported_by = word(36)


class BankLine(Table, tablename="bank_line"):
    """One line of a statement, once, with the import that it first came with. Its words lie in `bank_words`."""

    id = serial()
    import_id = ref(StatementImport)
    code = word(4)
    mark = word(64)
    on_day = day()
    amount_pence = pence()
    balance_pence = pence(None, null=True)
    # Its place in the file, and whom it came from as a number: equal for equal senders, and no name.
    place = number()
    sender_mark = word(64)


class BankWords(Table, tablename="bank_words"):
    """What the bank says of a line, apart from it: words about people can be erased, what was paid can't."""

    line_id = ref(BankLine, primary_key=True)
    text = prose()


class BankLineEnd(Table, tablename="bank_line_end"):
    """What became of a line, or of a part of it, with the entry that says so in the books. One without is none of ours."""

    id = serial()
    line_id = ref(BankLine)
    what = word(24)
    amount_pence = pence()
    entry_id = ref(Entry, null=True)
    # Whom or what it was about: a payer, a payment, a refund. And whether the machine knew, or somebody said so.
    about = word(64)
    by_hand = flag()
    at = moment()
    by = word(36)


class BankLineOpened(Table, tablename="bank_line_opened"):
    """What was said of a line, and wrote nothing in the books, is taken back. An end that wrote an entry is undone with it."""

    id = serial()
    end_id = ref(BankLineEnd)
    at = moment()
    by = word(36)


class KnownSender(Table, tablename="known_sender"):
    """Whose money a sender's is, as a treasurer once said. One who sends for two payers has two rows, and is asked about."""

    id = serial()
    sender_mark = word(64)
    payer_id = word(36)
    said_at = moment()
    said_by = word(36)


TABLES = [
    BankFiles, BankLayout, PayerReference, StatementDraft, StatementImport, BankLine, BankWords, BankLineEnd, BankLineOpened, KnownSender,
]  # fmt: skip

for _table in (
    "bank_files", "bank_layout", "payer_reference", "bank_line", "bank_line_end", "bank_line_opened", "known_sender",
):  # fmt: skip
    extras.append_only(_table)
extras.append_only("statement_import", but=("file_name",))
extras.one_of("bank_files", "code", ("1000", "1010", "1020"))
extras.one_of("bank_line", "code", ("1000", "1010", "1020"))
extras.unique("payer_reference", "payer_id")
extras.unique("payer_reference", "reference")
extras.index("statement_import", "account_id")
extras.unique("bank_line", "mark")
extras.index("bank_line", "import_id")
extras.index("bank_line", "code", "on_day")
extras.index("bank_line", "sender_mark", where="sender_mark <> ''")
extras.index("bank_line_end", "line_id")
extras.index("bank_line_end", "entry_id", where="entry_id IS NOT NULL")
extras.unique("bank_line_opened", "end_id")
extras.index("known_sender", "sender_mark")
