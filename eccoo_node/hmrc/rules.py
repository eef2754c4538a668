"""Who may tell and read what for HMRC, what can be a tax number, and when what is due. Pure: no table, no clock."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files

import msgspec
from stdnum.gb import utr, vat

from eccoo_node.escrow.rules import keeps_books
from eccoo_node.governance.figures import Figure, declare
from eccoo_node.hmrc.forms import Identity, Operator
from eccoo_node.kernel import access
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Invalid

REIMBURSEMENTS = declare(
    Figure(
        name="report_reimbursements",
        title="Mileage and expenses in what HMRC is told",
        words="Whether what a worker had back for mileage and expenses counts in what HMRC is told they earned. Each "
        "worker’s copy shows it on a line of its own either way.",
        kind="whether",
        first=1,
        least=0,
        most=1,
    )
)
# Two reminders after the first asking, and 60 days since it (SI 2023/817, and the OECD's Model Rules that it adopts).
ASKED_ENOUGH = 3
PATIENCE = timedelta(days=60)
REMIND_MONTHS = (10, 11, 12)
LARGEST_FILE = 100_000_000


@access.rule("hmrc.tell_details")
def _tells(actor: Actor, thing: Thing) -> bool | str:
    """The worker themselves, or a facilitator who writes down what they say on the phone or on paper."""
    return actor.speaks_as(thing.person_id, "") or "Only they can tell this about themselves."


@access.rule("hmrc.read_details")
def _reads_details(actor: Actor, thing: Thing) -> bool | str:
    is_them = bool(actor.person_id) and actor.person_id == thing.person_id and not actor.acting_for
    return is_them or keeps_books(actor) or "Only they and the circle’s treasurer can read this."


@access.rule("hmrc.read_copy")
def _reads_copy(actor: Actor, thing: Thing) -> bool | str:
    allowed = actor.speaks_as(thing.person_id, "") or keeps_books(actor)
    return allowed or "Only they and the circle’s treasurer can read this."


@access.rule("hmrc.see_report", "hmrc.set_operator", "hmrc.make_report", "hmrc.download", "hmrc.mark")
def _treasurer(actor: Actor, thing: Thing) -> bool | str:
    return keeps_books(actor) or "Only the circle’s treasurer deals with what HMRC is told."


@access.rule("hmrc.remind")
def _reminds(actor: Actor, thing: Thing) -> bool:
    return actor.is_node()


# ---------------------------------------------------------------- what can be a number, a name, an address

_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", re.ASCII)
_POSTCODE = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})", re.ASCII)
_COMPANY = re.compile(r"(?:\d{8}|[A-Z]{2}\d{6}|R\d{7}|IP\d{5}R|SP\d{5}R)", re.ASCII)
_OPERATOR_ID = re.compile(r"X[A-Z]DPI\d{10}", re.ASCII)


@cache
def countries() -> dict[str, str]:
    """Countries by their two letters, as the time zones' own list has them; the United Kingdom first."""
    text = (files("tzdata.zoneinfo") / "iso3166.tab").read_text("utf-8")
    found = dict(line.split("\t")[:2] for line in text.splitlines() if line and not line.startswith("#"))
    return {"GB": "United Kingdom"} | {
        code: name for code, name in sorted(found.items(), key=lambda c: c[1]) if code != "GB"
    }


def close(text: str) -> str:
    """A number without the spaces and dashes that people write in it."""
    return re.sub(r"[\s.–—-]", "", text).upper()


def plain(text: str, field: str) -> str:
    """Words on one line. Raises Invalid for signs that no file to HMRC can hold."""
    said = " ".join(text.split())
    # The two joiners belong to names in several scripts; other signs that cannot be seen do not.
    if any(unicodedata.category(sign)[0] == "C" and sign not in "\u200c\u200d" for sign in said):
        raise Invalid("Something here is no letter, digit or sign that we can pass on.", "bad_sign", field=field)
    return said


def postcode(text: str, field: str = "postcode") -> str:
    """A British postcode as it is written: "HX7 8AA"."""
    found = _POSTCODE.fullmatch(close(text))
    if not found:
        raise Invalid("Write the whole postcode, such as HX7 8AA.", "bad_postcode", field=field)
    return f"{found[1]} {found[2]}"


def _utr(text: str, field: str) -> str:
    number = close(text).removesuffix("K")
    if not utr.is_valid(number):
        raise Invalid("A Unique Taxpayer Reference has ten digits. Please check it.", "bad_utr", field=field)
    return number


def _vat(text: str) -> str:
    number = close(text).removeprefix("GB")
    if number and not vat.is_valid(number):
        raise Invalid("Please check this VAT number. It has nine digits.", "bad_vat", field="vat_number")
    return number


def checked(said: Identity, today: date) -> Identity:
    """What was told, as it is kept. Raises Invalid beside the first field that can't be so."""
    changes: dict[str, object] = {
        name: plain(getattr(said, name), name)
        for name in ("first_names", "last_name", "address", "address_more", "town", "no_tax_number", "company_name")
    }
    if said.country not in countries():
        raise Invalid("Choose the country you live in.", "bad_country", field="country")
    at_home = said.country == "GB"
    changes["postcode"] = postcode(said.postcode) if at_home else plain(said.postcode, "postcode")
    changes["vat_number"] = _vat(said.vat_number)
    if said.kind == "company":
        changes |= _company(said)
    else:
        changes |= _person(said, today, at_home=at_home)
    return msgspec.structs.replace(said, **changes)


def _person(said: Identity, today: date, *, at_home: bool) -> dict[str, object]:
    if said.birth_date is None:
        raise Invalid("Write the day you were born, such as 14 June 1980.", "no_birth_date", field="birth_date")
    if not 14 <= (today - said.birth_date).days / 365.25 <= 110:
        raise Invalid("Please check the year you were born.", "bad_birth_date", field="birth_date")
    number = close(said.tax_number)
    if not number and not said.no_tax_number.strip():
        raise Invalid(
            "Write the number. If you have none, say why below: a few words are enough.",
            "no_number",
            field="tax_number",
        )
    if number and at_home and not _NINO.fullmatch(number):
        raise Invalid(
            "A National Insurance number is two letters, then six digits, then one letter from A to D.",
            "bad_nino", field="tax_number",
        )  # fmt: skip
    if number and not number.isalnum():
        raise Invalid("Please check this number.", "bad_number", field="tax_number")
    return {
        "tax_number": number, "no_tax_number": "" if number else " ".join(said.no_tax_number.split()),
        "company_name": "", "company_number": "", "company_tax_number": "",
    }  # fmt: skip


def _company(said: Identity) -> dict[str, object]:
    if not said.company_name.strip():
        raise Invalid("Write the company’s name as it is registered.", "no_company", field="company_name")
    number = close(said.company_number)
    if not _COMPANY.fullmatch(number):
        raise Invalid(
            "A company number has eight digits, or two letters and six digits.", "bad_company", field="company_number"
        )
    return {
        "company_number": number, "company_tax_number": _utr(said.company_tax_number, "company_tax_number"),
        "tax_number": "", "no_tax_number": "",
    }  # fmt: skip


def checked_operator(said: Operator) -> Operator:
    """The circle's own details, as they are kept. Raises Invalid beside the first field that can't be so."""
    id_ = close(said.operator_id)
    if not _OPERATOR_ID.fullmatch(id_):
        raise Invalid("A platform operator ID looks like XEDPI0000000001.", "bad_operator_id", field="operator_id")
    words = {
        name: plain(getattr(said, name), name) for name in ("name", "business_name", "address", "address_more", "town")
    }
    return msgspec.structs.replace(
        said, operator_id=id_, tax_number=_utr(said.tax_number, "tax_number"), postcode=postcode(said.postcode), **words
    )


# ---------------------------------------------------------------- when what is due


def months_asked(asked: Sequence[date]) -> set[tuple[int, int]]:
    return {(day.year, day.month) for day in asked}


def asks_now(asked: Sequence[date], today: date) -> bool:
    """Whether someone who has not told is asked today: at once when they never were, then each month from October on."""
    if not asked:
        return True
    return today.month in REMIND_MONTHS and (today.year, today.month) not in months_asked(asked)


def patience_over(reached: Sequence[datetime], now: datetime) -> bool:
    """Whether the law lets a platform do more than ask: two reminders have reached them, and 60 days are over."""
    # What a facilitator brought in one go was one asking.
    return len({at.date() for at in reached}) >= ASKED_ENOUGH and now - reached[0] >= PATIENCE
