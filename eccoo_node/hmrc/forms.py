"""What is filled in for HMRC: by each worker about themselves, and by the treasurer about the circle.

The same structs are what is kept, so that a report can say exactly what was told.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

Short = Annotated[str, msgspec.Meta(max_length=100)]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who someone is to HMRC. A `company` is one that the worker works through."""

    kind: Literal["person", "company"] = "person"
    first_names: Short = ""
    last_name: Short
    address: Short
    address_more: Short = ""
    town: Short
    postcode: Annotated[str, msgspec.Meta(max_length=12)] = ""
    country: Annotated[str, msgspec.Meta(max_length=2)] = "GB"
    birth_date: date | None = None
    # A National Insurance number, or the tax number of the country they live in; of a company its tax reference.
    tax_number: Annotated[str, msgspec.Meta(max_length=30)] = ""
    no_tax_number: Annotated[str, msgspec.Meta(max_length=200)] = ""
    company_name: Short = ""
    company_number: Annotated[str, msgspec.Meta(max_length=12)] = ""
    company_tax_number: Annotated[str, msgspec.Meta(max_length=30)] = ""
    vat_number: Annotated[str, msgspec.Meta(max_length=20)] = ""
    SAY: ClassVar[dict[str, str]] = {
        "last_name": "Write your last name as it stands in your passport or on your bank card.",
        "address": "Write the number or name of the house, and the street.",
        "town": "Write the town or village.",
        "birth_date": "Write a day such as 14 June 1980.",
    }

    @property
    def called(self) -> str:
        """The whole name, or the company's."""
        return self.company_name if self.kind == "company" else f"{self.first_names} {self.last_name}".strip()

    @property
    def number(self) -> str:
        """The number under which the tax office knows them; empty where they have none."""
        return self.company_tax_number if self.kind == "company" else self.tax_number


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Who the circle is to HMRC. `operator_id` is what HMRC gave it when it was registered as a platform."""

    operator_id: Annotated[str, msgspec.Meta(max_length=20)]
    name: Short
    business_name: Short = ""
    tax_number: Annotated[str, msgspec.Meta(max_length=20)]
    address: Short
    address_more: Short = ""
    town: Short
    postcode: Annotated[str, msgspec.Meta(max_length=12)]
    nexus: Literal["", "RPONEX1", "RPONEX2", "RPONEX3", "RPONEX4"] = "RPONEX1"
    SAY: ClassVar[dict[str, str]] = {
        "operator_id": "Write the platform operator ID that HMRC gave you, such as XEDPI0000000001.",
        "name": "Write the co-op’s name as it is registered.",
        "tax_number": "Write the ten digits of its Unique Taxpayer Reference.",
        "address": "Write the number or name of the building, and the street.",
        "town": "Write the town.",
        "postcode": "Write the postcode.",
    }


class MakeForm(msgspec.Struct):
    """Whether to make the report although not everyone has told."""

    without: bool = False


class MarkForm(msgspec.Struct):
    """What became of a report."""

    outcome: Literal["sent", "unsent"]
    reference: Annotated[str, msgspec.Meta(max_length=64)] = ""
    on_day: date | None = None
    SAY: ClassVar[dict[str, str]] = {
        "outcome": "Choose what became of it.",
        "on_day": "Write a day such as 12 January 2027.",
    }
