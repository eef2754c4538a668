"""How each bank's CSV is laid out, as data. A circle whose bank is not here describes its own."""

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One layout. Columns go by their headings, as the bank writes them.

    Either `amount` (above 0 came in, unless `turned`) or `paid_in` and `paid_out`, both above 0. `texts` together are
    what the bank says of a payment; `sender` is one of them, where it names the other side alone.
    """

    name: str
    title: str
    day: str
    day_form: str = "dd/mm/yyyy"
    amount: str = ""
    turned: bool = False
    paid_in: str = ""
    paid_out: str = ""
    balance: str = ""
    texts: tuple[str, ...] = ()
    sender: str = ""
    sort_code: str = ""
    account_number: str = ""
    # Lines above the headings.
    skip: int = 0
    # Every heading, in order. What the bank adds after them is left aside.
    headings: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        named = (self.day, self.amount, self.paid_in, self.paid_out, self.balance, *self.texts)
        return tuple(dict.fromkeys(one for one in (*named, self.sort_code, self.account_number) if one))


STARLING = Profile(
    name="starling", title="Starling (CSV)", day="Date", amount="Amount (GBP)", balance="Balance (GBP)",
    texts=("Counter Party", "Reference"), sender="Counter Party",
    headings=("Date", "Counter Party", "Reference", "Type", "Amount (GBP)", "Balance (GBP)"),
)  # fmt: skip
LLOYDS = Profile(
    name="lloyds", title="Lloyds or Halifax (CSV)", day="Transaction Date", paid_in="Credit Amount",
    paid_out="Debit Amount", balance="Balance", texts=("Transaction Description",), sort_code="Sort Code",
    account_number="Account Number",
    headings=(
        "Transaction Date", "Transaction Type", "Sort Code", "Account Number", "Transaction Description", "Debit Amount",
        "Credit Amount", "Balance",
    ),
)  # fmt: skip
NATWEST = Profile(
    name="natwest", title="NatWest (CSV)", day="Date", amount="Value", balance="Balance", texts=("Description",),
    account_number="Account Number",
    headings=("Date", "Type", "Description", "Value", "Balance", "Account Name", "Account Number"),
)  # fmt: skip

PROFILES = {one.name: one for one in (STARLING, LLOYDS, NATWEST)}
# What is no CSV, and needs no description.
FORMATS = {"ofx": "OFX, of any bank", "camt053": "CAMT.053, of any bank"}
