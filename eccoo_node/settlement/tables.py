"""Rows of what we and each linked circle have stated, agreed, set off and paid."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, pence, prose, ref, serial, word

PAGE_STATES = ("waiting", "answered", "refused")
ENTRY_STATES = ("waiting", "agreed", "disputed")


class SettleAccount(Table, tablename="settle_account"):
    """One circle: what is agreed on either account and neither set off nor received."""

    id = serial()
    link_id = word(36)
    ours_open_pence = pence()
    theirs_open_pence = pence()
    closed_at = moment(null=True)
    # When the treasurers were told that the agreed limit is reached; empty while it is not.
    limit_told_at = moment(null=True)


class SettlePage(Table, tablename="settle_page"):
    """One statement, of either side. What stands on it never changes; what becomes of it does."""

    id = key()
    link_id = word(36)
    ours = flag()
    k = number()
    period = word(48)
    starts_on = day()
    ends_on = day()
    final = flag()
    opening_pence = pence()
    closing_pence = pence()
    hash = word(64)
    prev = word(64)
    state = word(16, default="waiting")
    code = word(32)
    # The last entry of our own books that was looked at.
    read_entry = number()
    made_at = moment()
    answered_at = moment(null=True)
    # Set off together with the page of the other side that has the same number, and what was left then.
    even_at = moment(null=True)
    off_pence = pence(None, null=True)
    left_pence = pence(None, null=True)
    # What the other side signed, as it came: its statement, or its answer to ours.
    evidence = prose()


class SettleEntry(Table, tablename="settle_entry"):
    """One line of a statement; `other_pence` is what the books of whoever answered say of it."""

    id = serial()
    page_id = ref(SettlePage)
    request = word(80)
    n = number()
    amount_pence = pence()
    other_pence = pence(None, null=True)
    state = word(16, default="waiting")
    # What our treasurer found: "ours", "theirs" or nothing yet.
    answer = word(8)
    answered_by = word(36)
    answered_at = moment(null=True)


class SettlePayment(Table, tablename="settle_payment"):
    """That something was sent, or has arrived, as we or they said."""

    id = key()
    link_id = word(36)
    page_id = ref(SettlePage)
    kind = word(8)
    ours = flag()
    amount_pence = pence()
    reference = word(18)
    at = moment()


class CircleBank(Table, tablename="circle_bank"):
    """Where a circle's money goes, as its treasurer said by telephone. Never taken from the wire."""

    id = key()
    link_id = word(36)
    name = word(70)
    sort_code = word(6)
    account_number = word(8)
    given_by = word(36)
    given_at = moment()
    state = word(16, default="waits")
    how = word(16)
    ended_by = word(36)
    ended_at = moment(null=True)


TABLES = [SettleAccount, SettlePage, SettleEntry, SettlePayment, CircleBank]

extras.unique("settle_account", "link_id")
extras.one_of("settle_page", "state", PAGE_STATES)
extras.unique("settle_page", "link_id", "ours", "k", where="state <> 'refused'")
extras.index("settle_page", "link_id")
extras.one_of("settle_entry", "state", ENTRY_STATES)
extras.unique("settle_entry", "page_id", "request", "n")
extras.one_of("settle_payment", "kind", ("paid", "received"))
extras.unique("settle_payment", "page_id", "kind", "ours", "reference")
extras.append_only("settle_payment")
extras.one_of("circle_bank", "state", ("waits", "confirmed", "wrong"))
extras.index("circle_bank", "link_id")
