"""What tests of HMRC's report share: who someone is, who the circle is, and HMRC's own schema."""

import os
from datetime import date
from functools import cache
from pathlib import Path

import msgspec
import xmlschema

from eccoo_node.hmrc.forms import Identity, Operator
from tests.support.required import leave_out

SCHEMAS = os.environ.get("ECCOO_SCHEMAS") or str(Path(__file__).resolve().parents[3].parent / "shared" / "schemas")
SCHEMA = Path(SCHEMAS) / "hmrc-dpi" / "DPIXML_v1.0.xsd"

WREN = Identity(
    first_names="Wren Alice", last_name="Holt", address="2 Mill Lane", town="Hebden Bridge", postcode="hx7 8aa",
    birth_date=date(1987, 5, 3), tax_number="ab 12 34 56 c",
)  # fmt: skip
CIRCLE = Operator(
    operator_id="xedpi0000000001", name="Hebden Care Co-operative Limited", business_name="Hebden circle",
    tax_number="1955839661", address="Town Hall", town="Hebden Bridge", postcode="HX7 7BY",
)  # fmt: skip
COMPANY = Identity(
    kind="company", last_name="Holt", address="2 Mill Lane", town="Hebden Bridge", postcode="HX7 8AA",
    company_name="Holt & Daughters Ltd", company_number="01234567", company_tax_number="1955839661",
    vat_number="GB 980 7806 84",
)  # fmt: skip


def but(of: Identity, **changes: object) -> Identity:
    return msgspec.structs.replace(of, **changes)


@cache
def schema() -> xmlschema.XMLSchema:
    if not SCHEMA.exists():
        leave_out(f"HMRC’s schema was not found at {SCHEMA}: set ECCOO_SCHEMAS.")
    return xmlschema.XMLSchema(str(SCHEMA))
