"""The file that HMRC takes: the OECD's schema for digital platforms, version 1.0.

Written by hand so that the same report gives the same bytes for ever, on every version of everything below it. It has no
comments, and none of the pairs of signs that HMRC turns a file away for (`--`, `/*`, `&#`).
"""

from datetime import UTC, datetime

import msgspec

from eccoo_node.hmrc.accounts import Account
from eccoo_node.hmrc.forms import Identity, Operator
from eccoo_node.hmrc.reckoning import InPounds


class Doc(msgspec.Struct, frozen=True):
    """The name of one part of a report. OECD0 sent before, OECD1 new, OECD2 corrects, OECD3 takes out."""

    doc_type: str
    ref: str
    corrects: str = ""


class Seller(msgspec.Struct, frozen=True):
    """One worker in a report."""

    identity: Identity
    account: Account | None
    amounts: InPounds
    doc: Doc


class Report(msgspec.Struct, frozen=True):
    """All that a file says."""

    year: int
    kind: str
    message_ref: str
    made_at: datetime
    operator: Operator
    operator_doc: Doc
    sellers: tuple[Seller, ...] = ()


def build(report: Report) -> bytes:
    """The file."""
    operator = report.operator
    spec = _all(
        _one("SendingEntityIN", operator.operator_id),
        _one("TransmittingCountry", "GB"),
        _one("ReceivingCountry", "GB"),
        _one("MessageType", "DPI"),
        _one("MessageRefId", report.message_ref),
        _one("MessageTypeIndic", report.kind),
        _one("ReportingPeriod", f"{report.year}-12-31"),
        _one("Timestamp", report.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    )
    body = _in("PlatformOperator", _operator(operator), _doc(report.operator_doc))
    body += "".join(_seller(seller) for seller in report.sellers)
    names = 'version="1.0" xmlns:dpi="urn:oecd:ties:dpi:v1" xmlns:stf="urn:oecd:ties:dpistf:v1"'
    whole = f"<dpi:DPI_OECD {names}>\n{_in('MessageSpec', spec)}{_in('DPIBody', body)}</dpi:DPI_OECD>\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}'.encode()


def _text(text: str) -> str:
    """Words as they stand in a file."""
    while "--" in text:
        text = text.replace("--", "-")
    text = text.replace("/*", "/ *").replace("&#", "& #")
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, instead)
    return text


def _one(name: str, text: str, prefix: str = "dpi", **attributes: str) -> str:
    """One element with words in it; nothing where there are none."""
    if not text:
        return ""
    told = "".join(f' {key}="{_text(value)}"' for key, value in attributes.items())
    return f"<{prefix}:{name}{told}>{_text(text)}</{prefix}:{name}>\n"


def _in(name: str, *parts: str, **attributes: str) -> str:
    told = "".join(f' {key}="{_text(value)}"' for key, value in attributes.items())
    return f"<dpi:{name}{told}>\n{_all(*parts)}</dpi:{name}>\n"


def _all(*parts: str) -> str:
    return "".join(parts)


def _doc(doc: Doc) -> str:
    return _in(
        "DocSpec",
        _one("DocTypeIndic", doc.doc_type, "stf"),
        _one("DocRefId", doc.ref, "stf"),
        _one("CorrDocRefId", doc.corrects, "stf"),
    )


def _operator(operator: Operator) -> str:
    return _all(
        _one("ResCountryCode", "GB"),
        _tin(operator.tax_number, "GB"),
        _one("Name", operator.name),
        _one("PlatformBusinessName", operator.business_name),
        _address(operator, "GB", "OECD304"),
        _one("Nexus", operator.nexus),
        _one("AssumedReporting", "false"),
    )


def _tin(number: str, country: str) -> str:
    if number:
        return _one("TIN", number, issuedBy=country, unknown="false")
    return _one("TIN", "NOTIN", unknown="true")


def _address(of: Identity | Operator, country: str, kind: str) -> str:
    street = ", ".join(part for part in (of.address, of.address_more) if part)
    fixed = _in("AddressFix", _one("Street", street), _one("PostCode", of.postcode), _one("City", of.town))
    return _in("Address", _one("CountryCode", country), fixed, legalAddressType=kind)


def _seller(seller: Seller) -> str:
    one = seller.identity
    if one.kind == "company":
        who = _in("EntitySeller", _in("Standard", _in("EntSellerID", _company(one)), _account(seller)))
    else:
        who = _in("IndividualSeller", _in("Standard", _in("IndSellerID", _person(one)), _account(seller)))
    earned = _in("RelevantActivities", _in("PersonalServices", _amounts(seller.amounts)))
    return _in("ReportableSeller", _in("Identity", who), earned, _doc(seller.doc))


def _person(one: Identity) -> str:
    # Someone with one name only: the schema wants two, and NFN ("no first name") is what stands for none.
    name = _in("Name", _one("FirstName", one.first_names or "NFN"), _one("LastName", one.last_name))
    return _all(
        _one("ResCountryCode", one.country),
        _tin(one.tax_number, one.country),
        _one("VAT", one.vat_number),
        name,
        _address(one, one.country, "OECD302"),
        _in("BirthInfo", _one("BirthDate", one.birth_date.isoformat() if one.birth_date else "")),
    )


def _company(one: Identity) -> str:
    return _all(
        _one("ResCountryCode", one.country),
        _tin(one.company_tax_number, "GB"),
        _one("IN", one.company_number, issuedBy="GB", INType="BRN"),
        _one("VAT", one.vat_number),
        _one("Name", one.company_name),
        _address(one, one.country, "OECD303"),
    )


def _account(seller: Seller) -> str:
    account = seller.account
    if account is None:
        return ""
    return _in(
        "FinancialIdentifier",
        _one("Identifier", f"{account.sort_code} {account.number}", AccountNumberType="Sort code and account number"),
        _one("AccountHolderName", account.holder or seller.identity.called),
    )


def _amounts(amounts: InPounds) -> str:
    def four(name: str, short: str, values: tuple[int, ...]) -> str:
        money = {} if short == "Numb" else {"currCode": "GBP"}
        return _in(name, *(_one(f"{short}Q{at}", str(value), **money) for at, value in enumerate(values, 1)))

    return _all(
        four("Consideration", "Cons", amounts.consideration),
        four("NumberOfActivities", "Numb", amounts.visits),
        four("Fees", "Fees", amounts.fees),
        four("Taxes", "Tax", amounts.taxes),
    )
