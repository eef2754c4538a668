"""One way in for every kind of file, the number by which a line is known again, and how statements follow one another."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date

import msgspec

from eccoo_node.banking.statements.camt import read_camt
from eccoo_node.banking.statements.csvs import read_csv
from eccoo_node.banking.statements.model import Statement, StatementLine, whole_file
from eccoo_node.banking.statements.ofx import read_ofx
from eccoo_node.banking.statements.profiles import FORMATS, Profile

MOST_BYTES = 2 * 1024 * 1024


def read_statement(data: bytes, layout: str, profile: Profile | None, *, today: date) -> Statement:
    """What the file says, oldest line first. `layout`: "ofx", "camt053", or a profile's name with the profile.

    Raises Unreadable: a file is taken in whole, or nothing of it is.
    """
    if len(data) > MOST_BYTES:
        raise whole_file("This file is larger than any statement of ours. Choose a shorter time at the bank.")
    if profile is None and layout not in FORMATS:
        raise whole_file("Choose the bank that this account is with.")
    if profile is not None:
        _refuse_another_kind(data, profile)
        return read_csv(data, profile, today=today)
    return read_ofx(data, today=today) if layout == "ofx" else read_camt(data, today=today)


def _refuse_another_kind(data: bytes, profile: Profile) -> None:
    begins = data[:4000].upper()
    if b"<OFX>" in begins or b"OFXHEADER" in begins:
        raise whole_file(f"This is a file of OFX, and this account has files of {profile.title}.")
    if b"CAMT.053" in begins:
        raise whole_file(f"This is a file of CAMT.053, and this account has files of {profile.title}.")


def refuse_another_account(found: Statement, sort_code: str, number: str) -> None:
    """Raises Unreadable where the file says that it is of another account than this one."""
    theirs = found.account_number.rjust(8, "0") if found.account_number else ""
    if (theirs and theirs != number) or (found.sort_code and found.sort_code != sort_code):
        raise whole_file(
            f"This is the statement of another account, whose number ends in {theirs[-4:] or 'other digits'}."
        )


def marks(sort_code: str, number: str, lines: Sequence[StatementLine]) -> list[str]:
    """For each line the number by which it is known again when another file has it too.

    The bank's own where there is one. Else all that the line says, and which of several such lines it is: two payments
    of one sum, day and text are two payments, and each file has both.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for line in lines:
        if line.bank_id:
            said: tuple[str, ...] = ("bank", line.bank_id)
        else:
            said = ("line", line.on.isoformat(), str(line.amount_pence), line.text.upper())
        seen[said] += 1
        whole = [sort_code, number, *said, str(seen[said])]
        found.append(hashlib.sha256(msgspec.json.encode(whole)).hexdigest())
    return found


def sender_mark(line_sender: str) -> str:
    """The number by which a sender is known again: their name as the bank writes it, where it writes one.

    Empty where too little is said to know anyone by. The bank's other words are no name: two people have the same.
    """
    letters = " ".join("".join(c if c.isalpha() else " " for c in line_sender.upper()).split())
    return hashlib.sha256(letters.encode()).hexdigest() if len(letters) >= 4 else ""
