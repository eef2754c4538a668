"""The accounts of a circle's books, as data: what each is for, and what may never happen to it.

An account of the chart is opened once for each holder (a payer, a line, a worker, a linked circle) the first time
something is posted to it. A new kind of entry needs a row here at most, never a new table.
"""

from typing import Literal

import msgspec

Nature = Literal["asset", "liability", "equity", "income", "expense"]
# Which way a balance may lean. Postings are positive for debit and negative for credit.
Guard = Literal["debit", "credit", "any"]


class Kind(msgspec.Struct, frozen=True):
    """One account of the chart.

    `cash` is client money in the bank; `claim` is what that money must always cover (money.md A5.7). `short` is the
    sentence for whoever asks for more than is there.
    """

    code: str
    name: str
    nature: Nature
    guard: Guard
    holder: str = ""
    cash: bool = False
    claim: bool = False
    short: str = "There is not that much there."


_CREDIT = "There is not enough credit for this."
_HELD = "This is more than is set aside."
_OWING = "That circle does not owe us that much."
_OWED = "We do not owe that circle that much."
_UNKNOWN = "Not that much came in under this."
_REFUND = "Not that much is on its way back."
_OWES = "They do not owe us that much."
_SHARES = "There are not that many of these shares."
_WORKER = "This is more than the worker is owed now; some of it may be on its way to them already."

CHART: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("1000", "Bank: money we look after", "asset", "debit", cash=True, short="There is not that much in the bank."),
        Kind("1010", "Bank: operating", "asset", "any"),
        Kind("1020", "Bank: ring-fenced", "asset", "debit", short="There is not that much in what is kept apart."),
        Kind("1050", "Gateway clearing", "asset", "any", cash=True),
        Kind("1100", "Receivable", "asset", "debit", holder="payer", short=_OWES),
        Kind("1200", "Due from a circle", "asset", "debit", holder="link", short=_OWING),
        Kind("1300", "Worker receivable", "asset", "debit", holder="worker", short=_OWES),
        Kind("2000", "Payer credit", "liability", "credit", holder="payer", claim=True, short=_CREDIT),
        Kind("2090", "Unmatched receipts", "liability", "credit", holder="receipt", claim=True, short=_UNKNOWN),
        Kind("2100", "Set aside", "liability", "credit", holder="line", claim=True, short=_HELD),
        Kind("2110", "Set aside, in question", "liability", "credit", holder="line", claim=True, short=_HELD),
        Kind("2200", "Worker payable", "liability", "credit", holder="worker", claim=True, short=_WORKER),
        Kind("2210", "Worker expenses payable", "liability", "credit", holder="worker", claim=True, short=_WORKER),
        Kind("2290", "Payouts in transit", "liability", "credit", holder="worker", claim=True),
        Kind("2300", "Due to a circle", "liability", "credit", holder="link", claim=True, short=_OWED),
        Kind("2400", "VAT output", "liability", "credit", short="Not that much VAT is owed."),
        Kind("2500", "Refunds in transit", "liability", "credit", holder="payer", claim=True, short=_REFUND),
        Kind("2600", "Share withdrawals payable", "liability", "credit", holder="member", short=_SHARES),
        Kind("2610", "Share applications", "liability", "credit", holder="member", short=_SHARES),
        Kind("3000", "Share capital", "equity", "credit", holder="member", short=_SHARES),
        Kind("3100", "Reserves", "equity", "any"),
        Kind("3200", "Restricted funds", "equity", "credit", holder="fund"),
        # An income or a cost may lean either way within a period: a correction can exceed what came in.
        Kind("4000", "Commission, worker side", "income", "any"),
        Kind("4010", "Contribution, payer side", "income", "any"),
        Kind("4050", "Care income", "income", "any"),
        Kind("4100", "Finder’s fees", "income", "any"),
        Kind("4200", "Donations", "income", "any"),
        Kind("5100", "Goodwill and write-offs", "expense", "any"),
        Kind("5200", "Processing fees", "expense", "any"),
        Kind("5300", "Share interest", "expense", "any"),
    )
}  # fmt: skip


class Account(msgspec.Struct, frozen=True, order=True):
    """One account with its sub-ledger. `awaiting` is the circle that has yet to pay what stands here.

    Ordered by code first: accounts are locked in this order everywhere, so that two writers never wait for each
    other, and the busy income accounts come last and are held for the shortest time.
    """

    code: str
    holder: str = ""
    awaiting: str = ""

    @property
    def kind(self) -> Kind:
        return CHART[self.code]

    @property
    def claims_cash(self) -> bool:
        """Whether client money must cover it now. What a circle has yet to pay us is no claim on others' money."""
        return self.kind.claim and not self.awaiting


BANK = Account("1000")
OPERATING = Account("1010")
RING_FENCED = Account("1020")
GATEWAY = Account("1050")
VAT = Account("2400")
RESERVES = Account("3100")
COMMISSION = Account("4000")
CONTRIBUTION = Account("4010")
CARE_INCOME = Account("4050")
FINDERS_FEES = Account("4100")
DONATIONS = Account("4200")
GOODWILL = Account("5100")
FEES = Account("5200")


def credit(payer_id: str) -> Account:
    """What a payer has given that is not yet set aside; theirs to have back."""
    return Account("2000", payer_id)


def unmatched(receipt: str) -> Account:
    """What came in under this receipt and is nobody's yet."""
    return Account("2090", receipt)


def receivable(payer_id: str) -> Account:
    """What a payer owes us."""
    return Account("1100", payer_id)


def refunds(of: str) -> Account:
    """What is on its way back to a payer, or to whoever sent a receipt."""
    return Account("2500", of)


def worker_owes(worker_id: str) -> Account:
    """What a worker is to give back."""
    return Account("1300", worker_id)


def applied(member_id: str) -> Account:
    return Account("2610", member_id)


def shares(member_id: str) -> Account:
    return Account("3000", member_id)


def leaving(member_id: str) -> Account:
    """Shares that a member takes out, until the bank has sent the money."""
    return Account("2600", member_id)


def restricted(fund: str) -> Account:
    """What was given for one purpose."""
    return Account("3200", fund)


def held(line_id: int) -> Account:
    return Account("2100", str(line_id))


def disputed(line_id: int) -> Account:
    return Account("2110", str(line_id))


def worker(worker_id: str, *, awaiting: str = "") -> Account:
    return Account("2200", worker_id, awaiting)


def expenses(worker_id: str, *, awaiting: str = "") -> Account:
    return Account("2210", worker_id, awaiting)


def due_to(link_id: str) -> Account:
    return Account("2300", link_id)


def due_from(link_id: str) -> Account:
    return Account("1200", link_id)
