"""Banks' files as tests write them: the same lines as CSV of each bank, OFX of both kinds, and CAMT.053."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from xml.sax.saxutils import escape

from eccoo_node.banking.statements.model import StatementLine

SORT_CODE, NUMBER = "089299", "65432101"


def pounds(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}"


def _csv(headings: str, rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headings.split(","))
    writer.writerows(rows)
    return out.getvalue().encode()


def balanced(lines: Sequence[StatementLine], opening_pence: int = 0) -> list[tuple[StatementLine, int]]:
    reached, found = opening_pence, []
    for line in lines:
        reached += line.amount_pence
        found.append((line, reached))
    return found


def starling(lines: Sequence[StatementLine], opening_pence: int = 0) -> bytes:
    """Oldest first, with two columns that it added later."""
    return _csv(
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes",
        [
            [f"{line.on:%d/%m/%Y}", line.sender, line.text, "FASTER PAYMENT", pounds(line.amount_pence), pounds(after), "", ""]
            for line, after in balanced(lines, opening_pence)
        ],
    )  # fmt: skip


def lloyds(lines: Sequence[StatementLine], opening_pence: int = 0) -> bytes:
    """Newest first, with an apostrophe before the sort code and a comma at the end of each line."""
    rows = [
        [
            f"{line.on:%d/%m/%Y}", "FPI", f"'{SORT_CODE[:2]}-{SORT_CODE[2:4]}-{SORT_CODE[4:]}", NUMBER, line.text,
            pounds(-line.amount_pence) if line.amount_pence < 0 else "",
            pounds(line.amount_pence) if line.amount_pence >= 0 else "", pounds(after), "",
        ]
        for line, after in reversed(balanced(lines, opening_pence))
    ]  # fmt: skip
    return _csv(
        "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount,Balance,",
        rows,
    )


def natwest(lines: Sequence[StatementLine], opening_pence: int = 0) -> bytes:
    return _csv(
        "Date,Type,Description,Value,Balance,Account Name,Account Number",
        [
            [f"{line.on:%d/%m/%Y}", "BAC", line.text, pounds(line.amount_pence), pounds(after), "CIRCLE", f"'{SORT_CODE}-{NUMBER}"]
            for line, after in balanced(lines, opening_pence)
        ],
    )  # fmt: skip


_OFX = """<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0{c}<SEVERITY>INFO{s}</STATUS><DTSERVER>20261123000000{d}<LANGUAGE>ENG{l}
</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1{t}<STATUS><CODE>0{c}<SEVERITY>INFO{s}</STATUS><STMTRS>
<CURDEF>GBP{cur}<BANKACCTFROM><BANKID>{sort_code}{b}<ACCTID>{number}{a}<ACCTTYPE>CHECKING{y}</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20000101{ds}<DTEND>20261231{de}
{rows}
</BANKTRANLIST><LEDGERBAL><BALAMT>{closing}{ba}<DTASOF>20261123{da}</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
_ENDS = {
    "c": "CODE", "s": "SEVERITY", "d": "DTSERVER", "l": "LANGUAGE", "t": "TRNUID", "cur": "CURDEF", "b": "BANKID",
    "a": "ACCTID", "y": "ACCTTYPE", "ds": "DTSTART", "de": "DTEND", "ba": "BALAMT", "da": "DTASOF",
}  # fmt: skip


def ofx(lines: Sequence[StatementLine], opening_pence: int = 0, *, version: int = 1) -> bytes:
    """Version 1 leaves tags open, version 2 closes them."""

    def tag(name: str, value: str) -> str:
        return f"<{name}>{escape(value)}" + (f"</{name}>" if version == 2 else "")

    rows = "\n".join(
        "<STMTTRN>" + tag("TRNTYPE", "CREDIT" if line.amount_pence > 0 else "DEBIT") + tag("DTPOSTED", f"{line.on:%Y%m%d}120000")
        + tag("TRNAMT", pounds(line.amount_pence)) + tag("FITID", line.bank_id or f"id{at}") + tag("NAME", line.sender or "X")
        + (tag("MEMO", line.text) if line.text else "") + "</STMTTRN>"
        for at, line in enumerate(lines)
    )  # fmt: skip
    closing = pounds(opening_pence + sum(line.amount_pence for line in lines))
    ends = {key: f"</{name}>" if version == 2 else "" for key, name in _ENDS.items()}
    body = _OFX.format(sort_code=SORT_CODE, number=NUMBER, rows=rows, closing=closing, **ends)
    if version == 2:
        head = (
            ("OFXHEADER", "200"),
            ("VERSION", "220"),
            ("SECURITY", "NONE"),
            ("OLDFILEUID", "NONE"),
            ("NEWFILEUID", "NONE"),
        )
        said = " ".join(f'{name}="{value}"' for name, value in head)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<?OFX {said}?>\n{body}'.encode()
    head = ("OFXHEADER:100", "DATA:OFXSGML", "VERSION:102", "SECURITY:NONE", "ENCODING:UNICODE", "CHARSET:NONE",
            "COMPRESSION:NONE", "OLDFILEUID:NONE", "NEWFILEUID:NONE")  # fmt: skip
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def camt(lines: Sequence[StatementLine], opening_pence: int = 0, *, version: str = "02") -> bytes:
    def money(pence: int) -> str:
        return f'<Amt Ccy="GBP">{pounds(abs(pence))}</Amt><CdtDbtInd>{"CRDT" if pence >= 0 else "DBIT"}</CdtDbtInd>'

    def entry(line: StatementLine) -> str:
        side = "Dbtr" if line.amount_pence > 0 else "Cdtr"
        name = f"<Nm>{escape(line.sender)}</Nm>"
        other = f"<RltdPties><{side}>{name if version == '02' else f'<Pty>{name}</Pty>'}</{side}></RltdPties>"
        state = "BOOK" if version == "02" else "<Cd>BOOK</Cd>"
        ref = f"<AcctSvcrRef>{escape(line.bank_id)}</AcctSvcrRef>" if line.bank_id else ""
        words = f"<RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf>" if line.text else ""
        return (
            f"<Ntry>{money(line.amount_pence)}<Sts>{state}</Sts><BookgDt><Dt>{line.on}</Dt></BookgDt>{ref}"
            f"<NtryDtls><TxDtls>{other}{words}</TxDtls></NtryDtls></Ntry>\n"
        )

    closing = opening_pence + sum(line.amount_pence for line in lines)
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{money(pence)}<Dt><Dt>{on}</Dt></Dt></Bal>"
        for code, pence, on in (("OPBD", opening_pence, lines[0].on), ("CLBD", closing, lines[-1].on))
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        f"<BkToCstmrStmt><Stmt><Acct><Id><IBAN>GB33BUKB{SORT_CODE}{NUMBER}</IBAN></Id><Ccy>GBP</Ccy></Acct>{balances}\n"
        f"{''.join(map(entry, lines))}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def line(on: str, amount_pence: int, text: str = "", sender: str = "", bank_id: str = "") -> StatementLine:
    return StatementLine(0, date.fromisoformat(on), amount_pence, text, sender, bank_id)
