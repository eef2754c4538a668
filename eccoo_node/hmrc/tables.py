"""Rows of what workers told for HMRC and of what HMRC was told."""

from piccolo.table import Table

from eccoo_node.db import extras
from eccoo_node.db.columns import day, flag, key, moment, number, prose, ref, serial, word
from eccoo_node.members.tables import Person


class TaxDetails(Table, tablename="tax_details"):
    """What someone who earns here told of themselves for HMRC, as JSON (`forms.Identity`). The newest holds."""

    id = key()
    person_id = ref(Person)
    identity = prose()
    told_at = moment()
    told_by = word(36)
    via = word(16)
    known_by = word(24)


class TaxOperator(Table, tablename="tax_operator"):
    """Who the circle is to HMRC, as JSON (`forms.Operator`). The newest holds."""

    id = serial()
    operator = prose()
    recorded_at = moment()
    recorded_by = word(36)


class TaxReport(Table, tablename="tax_report"):
    """One report, frozen: numbered within its year, with the digest of its file, which is made anew from these rows."""

    id = serial()
    year = number()
    ordinal = number()
    # DPI401 new, DPI402 correction, DPI403 nothing to tell.
    kind = word(8)
    message_ref = word(170)
    corrects = number(null=True)
    # Whether mileage and expenses count as earned in it.
    reimbursed = flag()
    operator = prose()
    operator_doc_type = word(8)
    operator_doc_ref = word(200)
    operator_corrects_ref = word(200)
    made_at = moment()
    made_by = word(36)
    digest = word(64)


class TaxReportSeller(Table, tablename="tax_report_seller"):
    """What one report says of one worker, in pence by quarter as JSON. Who they are lies beside it, by a salted digest."""

    id = serial()
    report_id = ref(TaxReport)
    person_id = word(36)
    doc_type = word(8)
    doc_ref = word(200)
    corrects_ref = word(200)
    quarters = prose()
    identity_hash = word(64)


class TaxReportIdentity(Table, tablename="tax_report_identity"):
    """Who a worker was in a report, as JSON. Apart, so that it can be erased once the law no longer asks to keep it."""

    id = serial()
    seller_id = ref(TaxReportSeller)
    salt = word(64)
    identity = prose()


class TaxReportMark(Table, tablename="tax_report_mark"):
    """What became of a report: sent, with HMRC's own reference, or not. The newest holds."""

    id = serial()
    report_id = ref(TaxReport)
    outcome = word(8)
    reference = word(64)
    on_day = day()
    at = moment()
    by = word(36)


TABLES = [TaxDetails, TaxOperator, TaxReport, TaxReportSeller, TaxReportIdentity, TaxReportMark]

for _table in ("tax_operator", "tax_report", "tax_report_seller", "tax_report_mark"):
    extras.append_only(_table)
extras.index("tax_details", "person_id")
extras.unique("tax_report", "message_ref")
extras.unique("tax_report", "year", "ordinal")
extras.unique("tax_report_seller", "doc_ref")
extras.index("tax_report_seller", "report_id")
extras.index("tax_report_seller", "person_id")
extras.unique("tax_report_identity", "seller_id")
extras.index("tax_report_mark", "report_id")
extras.one_of("tax_report", "kind", ("DPI401", "DPI402", "DPI403"))
extras.one_of("tax_report_seller", "doc_type", ("OECD1", "OECD2", "OECD3"))
extras.one_of("tax_report_mark", "outcome", ("sent", "unsent"))
