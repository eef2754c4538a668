"""The files that a bank takes, as pure functions of what is sent: the same order gives the same bytes, always.

Layouts: the bulk list of Unity Trust Bank's own guide (no header, dd/mm/yyyy, two-digit pence); Bacs Standard 18 (labels of
80 characters, records of 100 for one day or 106 with a day of their own); ISO 20022 pain.001.001.09.
"""

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Literal
from xml.sax.saxutils import escape

import msgspec

from eccoo_node.kernel.errors import Conflict
from eccoo_node.payouts.rules import plain

Form = Literal["csv", "bacs", "bacs-multi", "pain"]
ENDS = "\r\n"


class Line(msgspec.Struct, frozen=True):
    """One payment of an order."""

    name: str
    sort_code: str
    account_number: str
    amount_pence: int
    reference: str


class Order(msgspec.Struct, frozen=True):
    """All that a file is made of. `ours` is the account it is paid from; None where nobody has written it down."""

    id: str
    number: int
    made_at: datetime
    pay_on: date
    lines: tuple[Line, ...]
    ours: "Ours | None" = None

    @property
    def total_pence(self) -> int:
        return sum(line.amount_pence for line in self.lines)


class Ours(msgspec.Struct, frozen=True):
    """The account of ours that is paid from."""

    name: str
    sort_code: str
    account_number: str
    service_user: str = ""


class Made(msgspec.Struct, frozen=True):
    """A file: its name, its kind and its bytes."""

    name: str
    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


# ---------------------------------------------------------------- a list of payments


class Profile(msgspec.Struct, frozen=True):
    """How one bank wants its list: the columns in their order, and how a day and a sum are written."""

    columns: tuple[str, ...]
    day: str = "%d/%m/%Y"
    header: bool = False
    separator: str = ","


PROFILES = {"unity": Profile(("sort_code", "account_number", "name", "amount", "reference", "day"))}


def bulk_list(order: Order, profile: Profile = PROFILES["unity"]) -> bytes:
    """One line for each payment. Every cell is digits or plain words that begin with a letter or a digit."""
    rows = [",".join(profile.columns)] if profile.header else []
    for line in order.lines:
        cells = {
            "sort_code": _digits(line.sort_code, 6),
            "account_number": _digits(line.account_number, 8),
            "name": plain(line.name),
            "amount": f"{line.amount_pence // 100}.{line.amount_pence % 100:02}",
            "reference": plain(line.reference),
            "day": order.pay_on.strftime(profile.day),
        }
        rows.append(profile.separator.join(cells[column] for column in profile.columns))
    return "".join(f"{row}{ENDS}" for row in rows).encode("ascii")


def _digits(text: str, length: int) -> str:
    if not (len(text) == length and text.isascii() and text.isdigit()):
        raise ValueError("bank details have the wrong shape")
    return text


# ---------------------------------------------------------------- Bacs Standard 18

_KEPT = timedelta(days=7)
_CREDIT, _CONTRA = "99", "17"


def standard_18(order: Order, *, multi: bool = False) -> bytes:
    """A whole Bacs file of one day, or with `multi` one whose records each carry their own day.

    Raises Conflict where the circle's account, or the number under which it sends to Bacs, is not written down.
    """
    ours = order.ours
    if ours is None or not ours.service_user:
        raise Conflict(
            "For a Bacs file write down the circle’s account and its Bacs user number first. "
            "It counts from the next batch on; for this one take the list.",
            "no_service_user",
        )
    user, serial = _digits(ours.service_user, 6), f"{order.number % 1_000_000:06}"
    name = _fixed(ours.name, 18)
    account = f"{_digits(ours.sort_code, 6)}{_digits(ours.account_number, 8)}"
    on = _day(order.pay_on) if multi else ""
    records = [
        f"{_digits(line.sort_code, 6)}{_digits(line.account_number, 8)}0{_CREDIT}{account}    {_sum(line.amount_pence, 11)}"
        f"{name}{_fixed(line.reference, 18)}{_fixed(line.name, 18)}{on}"
        for line in order.lines
    ]
    total, length = order.total_pence, 106 if multi else 100
    batch = _fixed(f"BATCH {order.number}", 18)
    records.append(f"{account}0{_CONTRA}{account}    {_sum(total, 11)}{batch}{'CONTRA':18}{name}{on}")
    made = order.made_at.date()
    first = f"1A{user}S  1{user}{serial}00010001{'':6}{_day(made)}{_day(made + _KEPT)} 000000{'':20}"
    second = f"2F{length * 20:05}{length:05}{'':35}00{'':28}"
    labels = [
        f"VOL1{serial}{'':27}{'':4}{user}{'':4}{'':28}1",
        f"HDR{first}",
        f"HDR{second}",
        f"UHL1{'':6}999999    00000000{'4 MULTI  '}001{'':40}"
        if multi
        else f"UHL1{_day(order.pay_on)}999999    00000000{'1 DAILY  '}001{'':40}",
    ]
    trailers = [
        f"EOF{first}",
        f"EOF{second}",
        f"UTL1{_sum(total, 13)}{_sum(total, 13)}{1:07}{len(order.lines):07}{'':36}",
    ]
    return "".join(f"{row}{ENDS}" for row in [*labels, *records, *trailers]).encode("ascii")


def _fixed(text: str, length: int) -> str:
    return plain(text, length).ljust(length)


def _sum(pence: int, length: int) -> str:
    """Raises Conflict for a sum that has no room in the file."""
    if not 0 <= pence < 10**length:
        raise Conflict("This sum is too large for a Bacs file.", "too_large")
    return f"{pence:0{length}}"


def _day(day: date) -> str:
    """A day as Bacs writes it: a blank, two digits of the year and the day of the year."""
    return f" {day:%y%j}"


# ---------------------------------------------------------------- ISO 20022

_PAIN = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
# The clearing system of UK sort codes, from ISO 20022's external code sets.
_SORT_CODES = "GBDSC"


def credit_transfer(order: Order) -> bytes:
    """A pain.001 message in pounds, with sort codes and account numbers. Raises Conflict as `standard_18`."""
    ours = order.ours
    if ours is None:
        raise Conflict(
            "For this file write down the circle’s account first. It counts from the next batch on.", "no_account"
        )
    id_, total, count = order.id.replace("-", ""), _pounds(order.total_pence), str(len(order.lines))
    sums = _tag("NbOfTxs", count) + _tag("CtrlSum", total)
    party = _tag("Nm", plain(ours.name, 70))
    head = (
        _tag("MsgId", id_)
        + _tag("CreDtTm", order.made_at.replace(microsecond=0).isoformat())
        + sums
        + _raw("InitgPty", party)
    )
    information = (
        _tag("PmtInfId", f"BATCH-{order.number}")
        + _tag("PmtMtd", "TRF")
        + sums
        + _raw("ReqdExctnDt", _tag("Dt", order.pay_on.isoformat()))
        + _raw("Dbtr", party)
        + _raw("DbtrAcct", _account(ours.account_number) + _tag("Ccy", "GBP"))
        + _raw("DbtrAgt", _bank(ours.sort_code))
        + "".join(_transfer(line) for line in order.lines)
    )
    body = _raw("CstmrCdtTrfInitn", _raw("GrpHdr", head) + _raw("PmtInf", information))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_PAIN}">{body}</Document>\n'.encode()


def _transfer(line: Line) -> str:
    return _raw(
        "CdtTrfTxInf",
        _raw("PmtId", _tag("EndToEndId", plain(line.reference)))
        + _raw("Amt", f'<InstdAmt Ccy="GBP">{_pounds(line.amount_pence)}</InstdAmt>')
        + _raw("CdtrAgt", _bank(line.sort_code))
        + _raw("Cdtr", _tag("Nm", plain(line.name, 70)))
        + _raw("CdtrAcct", _account(line.account_number))
        + _raw("RmtInf", _tag("Ustrd", plain(line.reference))),
    )


def _bank(sort_code: str) -> str:
    member = _raw("ClrSysId", _tag("Cd", _SORT_CODES)) + _tag("MmbId", _digits(sort_code, 6))
    return _raw("FinInstnId", _raw("ClrSysMmbId", member))


def _account(number: str) -> str:
    return _raw("Id", _raw("Othr", _tag("Id", _digits(number, 8)) + _raw("SchmeNm", _tag("Cd", "BBAN"))))


def _pounds(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02}"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _raw(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


# ---------------------------------------------------------------- by name

_MAKERS: dict[Form, tuple[Callable[[Order], bytes], str, str]] = {
    "csv": (bulk_list, "csv", "text/csv"),
    "bacs": (standard_18, "txt", "text/plain"),
    "bacs-multi": (lambda order: standard_18(order, multi=True), "multi.txt", "text/plain"),
    "pain": (credit_transfer, "xml", "application/xml"),
}
FORMS: tuple[Form, ...] = tuple(_MAKERS)


def make(order: Order, form: Form) -> Made:
    """Raises Conflict where the form needs something that nobody has written down, or nothing is sent."""
    if not order.lines:
        raise Conflict("Nothing is sent to the bank for this one.", "nothing_sent")
    write, ending, media_type = _MAKERS[form]
    return Made(f"batch-{order.number}.{ending}", media_type, write(order))
