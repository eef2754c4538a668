"""CAMT.053, the statement of ISO 20022, in any of its versions. The file can define nothing and fetch nothing."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

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
    in_order,
    plain_text,
    short,
    whole_file,
)

DEEPEST = 40


class _Builder(TreeBuilder):
    """Keeps the line on which each element begins, names without their namespace, and nothing that lies too deep."""

    def __init__(self) -> None:
        super().__init__()
        self.expat: Any = None
        self.depth = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self.depth += 1
        if self.depth > DEEPEST:
            raise whole_file("This file is nested deeper than any statement is.")
        return super().start(tag.rpartition("}")[2], {**attrs, "line": str(self.expat.CurrentLineNumber)})

    def end(self, tag: Any, /) -> Element:
        self.depth -= 1
        return super().end(tag.rpartition("}")[2])


def _tree(data: bytes) -> Element:
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    builder.expat = parser.parser
    try:
        parser.feed(data)
        found: Element = parser.close()
    except DefusedXmlException:
        raise whole_file("This file defines signs of its own, which no bank does.") from None
    except ParseError as error:
        raise Unreadable(Trouble(error.position[0], "This is not XML. Fetch the file from the bank again.")) from None
    except (LookupError, ValueError):
        # A writing that is not known, or not the one it says it is.
        raise whole_file("This file is not written in the way it says it is.") from None
    return found


def _at(element: Element) -> int:
    return int(element.attrib["line"])


def _text(element: Element | None, path: str) -> str:
    found = element.find(path) if element is not None else None
    return (found.text or "").strip() if found is not None else ""


def read_camt(data: bytes, *, today: date) -> Statement:
    """The statement, oldest line first. Raises Unreadable with each line that is wrong, and why."""
    if not data.strip():
        raise whole_file("The file is empty.")
    root = _tree(data)
    statements = root.findall("BkToCstmrStmt/Stmt")
    if root.tag != "Document" or not statements:
        raise whole_file("This is not a file of CAMT.053.")
    accounts = {_account(one) for one in statements}
    if len(accounts) > 1:
        raise whole_file("This file has more than one account. Choose one account at the bank.")
    if sum(len(one.findall("Ntry")) for one in statements) > MOST_LINES:
        raise whole_file(f"This file has more than {MOST_LINES:,} lines. Choose a shorter time at the bank.")
    statements = _in_time(statements)
    reader, lines, pending = Reader(today), list[StatementLine](), 0
    for one in statements:
        currency = _text(one, "Acct/Ccy")
        if currency not in {"", "GBP"}:
            reader.wrong(_at(one), f"This account is kept in {short(currency)}, and ours are in pounds.")
        for entry in one.findall("Ntry"):
            if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) in {"PDNG", "INFO"}:
                pending += 1
            elif line := _line(reader, entry):
                lines.append(line)
    opening = _balance(reader, statements[0], "OPBD", "PRCD")
    closing = _balance(reader, statements[-1], "CLBD")
    reader.end()
    if not lines:
        raise whole_file("There is no payment in this file.")
    return Statement(in_order(lines), *accounts.pop(), opening, closing, pending)


def _in_time(statements: list[Element]) -> list[Element]:
    """Oldest first: some banks write the newest first. They stay as they stand where one tells no day."""
    days = [_last_day(one) for one in statements]
    if not all(days):
        return statements
    told = list(zip(days, statements, strict=True))
    # Those of one day follow the way of the whole file.
    return [one for _, one in sorted(told[::-1] if days[0] > days[-1] else told, key=lambda two: two[0])]


def _last_day(statement: Element) -> str:
    """The last day of which it tells; days are written so that they sort as text."""
    paths = ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")
    days = [next(filter(None, (_text(one, path) for path in paths)), "")[:10] for one in statement.findall("Ntry")]
    booked = [one for one in statement.findall("Bal") if _text(one, "Tp/CdOrPrtry/Cd") in {"OPBD", "PRCD", "CLBD"}]
    return max(days + [(_text(one, "Dt/Dt") or _text(one, "Dt/DtTm"))[:10] for one in booked], default="")


def _account(statement: Element) -> tuple[str, str]:
    iban = _text(statement, "Acct/Id/IBAN").replace(" ", "").upper()
    if iban.startswith("GB") and len(iban) == 22:
        return iban[8:14], iban[14:]
    digits = account_digits(_text(statement, "Acct/Id/Othr/Id"))
    # An IBAN of another country is some account, and none of ours.
    return (digits[:6], digits[6:]) if len(digits) == 14 else ("", digits or iban)


def _signed(reader: Reader, element: Element, most: int | None = None) -> int | None:
    """The amount of an entry or a balance, below 0 where it is a debit."""
    amount, side = element.find("Amt"), _text(element, "CdtDbtInd")
    if amount is None or side not in {"CRDT", "DBIT"}:
        reader.wrong(_at(element), "It does not say how much came in or went out.")
        return None
    if amount.get("Ccy", "GBP") != "GBP":
        reader.wrong(_at(amount), f"This is in {short(amount.get('Ccy', ''))}, and our accounts are in pounds.")
        return None
    typed = (amount.text or "").strip()
    if not typed[:1].isdigit():
        # The side says which way it went; a sign of its own would say it twice, or the opposite.
        reader.wrong(_at(amount), f"“{short(typed)}” is not a sum in pounds and pence.")
        return None
    whole, _, rest = typed.partition(".")
    # A file may write 12.50 as 12.50000, and that is the same.
    typed = f"{whole}.{rest[:2]}" if rest and not rest[2:].strip("0") else typed
    found = reader.amount(_at(amount), typed) if most is None else reader.amount(_at(amount), typed, most=most)
    return -found if found is not None and side == "DBIT" else found


def _balance(reader: Reader, statement: Element, *codes: str) -> int | None:
    for code in codes:
        for one in statement.findall("Bal"):
            if _text(one, "Tp/CdOrPrtry/Cd") == code:
                return _signed(reader, one, MOST_BALANCE)
    return None


def _day(reader: Reader, entry: Element) -> date | None:
    for path in ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"):
        if typed := _text(entry, path):
            return reader.day(_at(entry), typed[:10], "yyyy-mm-dd")
    reader.wrong(_at(entry), "This payment has no day.")
    return None


def _line(reader: Reader, entry: Element) -> StatementLine | None:
    on, amount = _day(reader, entry), _signed(reader, entry)
    if on is None or amount is None:
        return None
    senders = [name for details in entry.iterfind("NtryDtls/TxDtls") if (name := _other_side(details, amount))]
    said = list(_said(entry))
    if sum(len(one) for one in said) > 20 * LONGEST_TEXT:
        reader.wrong(_at(entry), "The words of this payment are longer than any bank writes.")
    text = plain_text(*dict.fromkeys([*senders, *said]))
    bank_id = _text(entry, "AcctSvcrRef") or _text(entry, "NtryDtls/TxDtls/Refs/AcctSvcrRef")
    sender = senders[0] if len(set(senders)) == 1 else ""
    return StatementLine(_at(entry), on, amount, text, plain_text(sender), bank_id[:255])


def _other_side(details: Element, amount: int) -> str:
    side = "Dbtr" if amount > 0 else "Cdtr"
    return _text(details, f"RltdPties/{side}/Nm") or _text(details, f"RltdPties/{side}/Pty/Nm")


def _said(entry: Element) -> Iterator[str]:
    for details in entry.iterfind("NtryDtls/TxDtls"):
        for path in ("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "AddtlTxInf", "Refs/EndToEndId"):
            for found in details.iterfind(path):
                if (said := (found.text or "").strip()) and said != "NOTPROVIDED":
                    yield said
    if extra := _text(entry, "AddtlNtryInf"):
        yield extra
