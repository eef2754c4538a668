"""OFX, 1.x (whose tags need not be closed) and 2.x (which is XML). Only what a statement needs of it is read.

Read by our own few lines, so that each reason can name its line and nothing in the file can call for anything outside it.
"""

import re
from collections.abc import Iterator
from datetime import date

from eccoo_node.banking.statements.model import (
    LONGEST_TEXT,
    MOST_BALANCE,
    MOST_LINES,
    Reader,
    Statement,
    StatementLine,
    Trouble,
    Unreadable,
    account_digits,
    decode,
    in_order,
    plain_text,
    short,
    whole_file,
)

Token = tuple[int, str, str]  # The line it stands on; the tag, with "/" where it closes; what follows it.
_TAG = re.compile(r"<(/?[A-Za-z0-9.]+)>([^<]*)")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&apos;": "'", "&nbsp;": " "}
_ENTITY = re.compile("|".join(_ENTITIES))
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d{1,2})?", re.ASCII)
# What one payment says of itself.
_WANTED = frozenset({"DTPOSTED", "TRNAMT", "FITID", "NAME", "MEMO", "CHECKNUM", "REFNUM"})


def tokens(text: str) -> Iterator[Token]:
    at, line = 0, 1
    for found in _TAG.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        yield line, found[1].upper(), _plain(found[2])


def _plain(value: str) -> str:
    # Once only: what was written as "&amp;lt;" is "&lt;", and stays so.
    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], value).strip()


def read_ofx(data: bytes, *, today: date) -> Statement:
    """The statement, oldest line first. Raises Unreadable with each line that is wrong, and why."""
    text = decode(data)
    if "<OFX>" not in text.upper():
        raise whole_file("This is not a file of OFX.")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise whole_file("This file defines signs of its own, which no bank does.")
    reader, facts, payments = Reader(today), dict[str, list[Token]](), list[list[Token]]()
    one: list[Token] | None = None
    for token in tokens(text):
        tag = token[1]
        if tag == "STMTTRN":
            one = []
            payments.append(one)
            if len(payments) > MOST_LINES:
                raise whole_file(f"This file has more than {MOST_LINES:,} lines. Choose a shorter time at the bank.")
            one.append(token)
        elif tag in {"/STMTTRN", "/BANKTRANLIST"}:
            one = None
        elif one is not None:
            one.append(token)
        else:
            facts.setdefault(tag, []).append(token)
    _refuse_others(facts, text)
    lines = [line for payment in payments if (line := _line(reader, payment))]
    closing = _closing(reader, facts)
    reader.end()
    if not lines:
        raise whole_file("There is no payment in this file.")
    sort_code = account_digits(_first(facts, "BANKID"))
    number = account_digits(_first(facts, "ACCTID"))
    if len(number) == 14:
        sort_code, number = number[:6], number[6:]
    opening = None if closing is None else closing - sum(line.amount_pence for line in lines)
    return Statement(in_order(lines), sort_code[-6:], number, opening, closing)


def _first(facts: dict[str, list[Token]], tag: str) -> str:
    return facts[tag][0][2] if tag in facts else ""


def _refuse_others(facts: dict[str, list[Token]], text: str) -> None:
    """Raises Unreadable for another currency, more than one account, and a file that breaks off."""
    if "CCSTMTRS" in facts or "CREDITCARDMSGSRSV1" in facts:
        raise whole_file("This is the statement of a credit card, not of a bank account.")
    for line, _, currency in facts.get("CURDEF", []):
        if currency.upper() != "GBP":
            raise Unreadable(Trouble(line, f"This account is kept in {short(currency)}, and ours are in pounds."))
    if len({(tag, value) for tag in ("ACCTID", "BANKID") for _, _, value in facts.get(tag, [])}) > 2:
        raise whole_file("This file has more than one account. Choose one account at the bank.")
    if "</OFX>" not in text.upper():
        raise whole_file("This file breaks off before its end. Fetch it from the bank again.")


def _closing(reader: Reader, facts: dict[str, list[Token]]) -> int | None:
    """The balance at the end, of the last statement in the file."""
    if "LEDGERBAL" not in facts:
        return None
    begins = facts["LEDGERBAL"][-1][0]
    for line, _, value in facts.get("BALAMT", []):
        if line >= begins:
            return _amount(reader, line, value, MOST_BALANCE)
    return None


def _line(reader: Reader, payment: list[Token]) -> StatementLine | None:
    number = payment[0][0]
    said: dict[str, Token] = {}
    for token in payment:
        if token[1] in {"CURRENCY", "ORIGCURRENCY"}:
            reader.wrong(token[0], "This payment is in another currency.")
            return None
        if token[1] in _WANTED:
            said.setdefault(token[1], token)
    for tag, words in (("DTPOSTED", "day"), ("TRNAMT", "sum")):
        if tag not in said:
            reader.wrong(number, f"This payment has no {words}.")
            return None
    on = reader.day(said["DTPOSTED"][0], said["DTPOSTED"][2][:8], "yyyymmdd")
    amount = _amount(reader, said["TRNAMT"][0], said["TRNAMT"][2])
    name, memo = (said[tag][2] if tag in said else "" for tag in ("NAME", "MEMO"))
    if len(name) + len(memo) > LONGEST_TEXT:
        reader.wrong(number, f"“{short(name or memo)}” is longer than any bank writes.")
    if on is None or amount is None:
        return None
    text = plain_text(name, "" if memo == name else memo)
    bank_id = said["FITID"][2][:255] if "FITID" in said else ""
    return StatementLine(number, on, amount, text, plain_text(name), bank_id)


def _amount(reader: Reader, line: int, typed: str, most: int | None = None) -> int | None:
    # OFX allows a comma for the point, and no signs between thousands.
    plain = typed.replace(",", ".") if _NUMBER.fullmatch(typed) else f"“{typed}”"
    return reader.amount(line, plain) if most is None else reader.amount(line, plain, most=most)
