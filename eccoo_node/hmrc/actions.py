"""The doors of what HMRC is told. What anyone told of themselves is read here alone, and each reading is an act."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import date

import msgspec

from eccoo_node.db.rows import fetch, insert
from eccoo_node.governance import queries as governance
from eccoo_node.hmrc import queries, rules, xml
from eccoo_node.hmrc.forms import Identity, Operator
from eccoo_node.hmrc.queries import Frozen, Report, Who
from eccoo_node.hmrc.reckoning import NOTHING, Year, in_pounds, year_bounds
from eccoo_node.hmrc.tables import TaxDetails
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE, Thing
from eccoo_node.kernel.errors import Conflict, Invalid, NotFound
from eccoo_node.kernel.ids import new_id
from eccoo_node.record.door import Act, door
from eccoo_node.rota.telling import tell


def _details(person_id: str) -> Thing:
    return Thing("tax_details", person_id, person_id)


@door("hmrc.tell_details")
async def tell_details(act: Act, person_id: str, identity: Identity) -> None:
    """A worker tells what HMRC needs, by screen, on the phone or on paper. The newest holds; none is written over."""
    act.allow(_details(person_id))
    if not await queries.is_paid(person_id):
        raise NotFound("HMRC wants to know this of paid workers only.", "not_paid")
    kept = rules.checked(identity, clock.today())
    await insert(
        TaxDetails(
            person_id=person_id, identity=msgspec.json.encode(kept).decode(), told_at=clock.now(),
            told_by=act.actor.person_id, via=act.actor.via, known_by=act.actor.known_by,
        )
    )  # fmt: skip
    await act.tell("hmrc.details_told", "person", person_id)


@door("hmrc.read_details")
async def read_details(act: Act, person_id: str) -> Who | None:
    """What someone told of themselves, with the account they are paid into; None when they have told nothing."""
    act.allow(_details(person_id))
    return (await queries.who_are([person_id])).get(person_id)


class Copy(msgspec.Struct, frozen=True):
    """What HMRC was or will be told about one worker and year: as it was last sent, and as the books stand now.

    `report` is the one that last said it. `who` is whom it named, or will name; None while they have not told.
    """

    year: int
    who: Who | None
    quarters: Year
    reimbursed: bool
    report: Report | None
    now: Year

    @property
    def differs(self) -> bool:
        """Whether a correction is to come."""
        told, now = (in_pounds(of, reimbursed=self.reimbursed) for of in (self.quarters, self.now))
        return self.report is not None and told != now


@door("hmrc.read_copy")
async def read_copy(act: Act, person_id: str, year: int) -> Copy | None:
    """A worker's copy of a year; None where there is nothing to tell of them."""
    act.allow(Thing("tax_copy", str(year), person_id))
    told = (await queries.told(year, person_id)).get(person_id)
    now = (await queries.quarters(year, person_id)).get(person_id, NOTHING)
    if told:
        return Copy(year, told.who, told.quarters, told.reimbursed, await queries.report(told.report_id), now)
    if now == NOTHING:
        return None
    who = (await queries.who_are([person_id])).get(person_id)
    return Copy(year, who, now, bool(await governance.figure(rules.REIMBURSEMENTS)), None, now)


@door("hmrc.set_operator")
async def set_operator(act: Act, operator: Operator) -> None:
    """Write down who the circle is to HMRC. A report that was made keeps what it was made with."""
    act.allow(Thing("tax_operator"))
    kept = rules.checked_operator(operator)
    await fetch(
        "INSERT INTO tax_operator (operator, recorded_at, recorded_by) VALUES (?, ?, ?)",
        msgspec.json.encode(kept).decode(), clock.now(), act.actor.person_id,
    )  # fmt: skip
    await act.tell("hmrc.operator_set", "circle", "")


# ---------------------------------------------------------------- the report


class _Line(msgspec.Struct, frozen=True):
    """What a report that is being made says of one worker."""

    person_id: str
    who: Who
    quarters: Year
    doc_type: str
    corrects: str = ""


class _Plan(msgspec.Struct, frozen=True):
    """One report to be made."""

    kind: str
    operator: Operator
    operator_doc: xml.Doc
    lines: list[_Line]
    corrects: int | None = None


@door("hmrc.make_report")
async def make_report(act: Act, year: int, *, without: bool = False) -> list[int]:
    """Make what HMRC is to be told of a year, from what the books say and what HMRC was told before; the reports' ids.

    First everything, or that there is nothing. After that only what is new and what has changed, which HMRC wants apart, so
    there may be two. Raises Conflict while the year lasts, while the circle's own details are missing, while nobody has
    said what became of the last one, when nothing has changed, and, unless `without`, while someone has not told.
    """
    act.allow(Thing("tax_report", str(year)))
    if clock.now() < year_bounds(year, clock.zone())[1]:
        raise Conflict(f"{year} is not over yet. The report can be made from 1 January {year + 1}.", "not_over")
    operator = await queries.operator()
    if operator is None:
        raise Conflict("Write down the circle’s own details first.", "no_operator")
    before = await queries.reports(year)
    if any(not one.outcome for one in before):
        raise Conflict("Say first what became of the last report: was it sent?", "not_marked")
    reimbursed = bool(await governance.figure(rules.REIMBURSEMENTS))
    plans = await _plans(year, operator, [one for one in before if one.outcome == "sent"], reimbursed, without=without)
    if not plans:
        raise Conflict("Nothing has changed since HMRC was told.", "nothing_changed")
    made = []
    for number, plan in enumerate(plans, len(before) + 1):
        made.append(await _freeze(act, year, number, plan, reimbursed))
        await act.tell("hmrc.report_made", "tax_report", str(made[-1]), year=year)
    return made


async def _plans(
    year: int, operator: Operator, sent: Sequence[Report], reimbursed: bool, *, without: bool
) -> list[_Plan]:
    found = {
        id_: quarters
        for id_, quarters in sorted((await queries.quarters(year)).items())
        if not in_pounds(quarters, reimbursed=reimbursed).empty
    }
    told = await queries.told(year)
    who = await queries.who_are([*found])
    missing = [id_ for id_ in found if id_ not in who and id_ not in told]
    if missing and not without:
        raise Conflict(
            "Not everyone has told us what HMRC needs. Say below whether to make it without them.", "missing"
        )
    new = [_Line(id_, who[id_], of, "OECD1") for id_, of in found.items() if id_ not in told and id_ in who]
    if not sent:
        kind = "DPI401" if new else "DPI403"
        return [_Plan(kind, operator, xml.Doc("OECD1", ""), new)]
    last = sent[-1]
    again = xml.Doc("OECD0", last.operator_doc.ref)
    plans = [_Plan("DPI401", last.operator, again, new)] if new else []
    changed = _changed(found, told, who, reimbursed)
    fixed = xml.Doc("OECD2", "", last.operator_doc.ref) if operator != last.operator else again
    if changed or fixed is not again:
        plans.append(_Plan("DPI402", operator, fixed, changed, last.number))
    return plans


def _changed(found: dict[str, Year], told: dict[str, Frozen], who: dict[str, Who], reimbursed: bool) -> list[_Line]:
    """What HMRC was told and is not so, or not any more."""
    lines = []
    for id_, row in sorted(told.items()):
        now = who.get(id_) or row.who
        if now is None:
            continue
        if id_ not in found:
            lines.append(_Line(id_, row.who or now, row.quarters, "OECD3", row.doc.ref))
        elif now != row.who or in_pounds(found[id_], reimbursed=reimbursed) != row.amounts:
            lines.append(_Line(id_, now, found[id_], "OECD2", row.doc.ref))
    return lines


async def _freeze(act: Act, year: int, number: int, plan: _Plan, reimbursed: bool) -> int:
    """Write a report that can never change, with the digest of its file."""
    at = clock.now().replace(microsecond=0)
    ref = f"GB{year}GB-{plan.operator.operator_id}N{number:03}T{new_id().replace('-', '')}"
    doc = (
        plan.operator_doc
        if plan.operator_doc.ref
        else msgspec.structs.replace(plan.operator_doc, ref=f"{ref}_Operator")
    )
    sellers = [
        (line, xml.Doc(line.doc_type, f"{ref}_Seller{at_:05}", line.corrects)) for at_, line in enumerate(plan.lines, 1)
    ]
    body = xml.build(
        xml.Report(
            year, plan.kind, ref, at, plan.operator, doc,
            tuple(
                xml.Seller(line.who.identity, line.who.account, in_pounds(line.quarters, reimbursed=reimbursed), name)
                for line, name in sellers
            ),
        )
    )  # fmt: skip
    if len(body) > rules.LARGEST_FILE:
        raise Conflict("The file would be larger than HMRC takes.", "too_large")
    columns = {
        "year": year, "ordinal": number, "kind": plan.kind, "message_ref": ref, "corrects": plan.corrects,
        "reimbursed": reimbursed, "operator": msgspec.json.encode(plan.operator).decode(),
        "operator_doc_type": doc.doc_type, "operator_doc_ref": doc.ref, "operator_corrects_ref": doc.corrects,
        "made_at": at, "made_by": act.actor.person_id, "digest": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    rows = await fetch(
        f"INSERT INTO tax_report ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        "ON CONFLICT DO NOTHING RETURNING id",
        *columns.values(),
    )
    if not rows:
        raise Conflict("Somebody else has just made it. Please look again.", "made_twice")
    for line, name in sellers:
        await _freeze_line(int(rows[0][0]), line, name)
    return int(rows[0][0])


async def _freeze_line(report_id: int, line: _Line, name: xml.Doc) -> None:
    salt, text = secrets.token_hex(16), msgspec.json.encode(line.who).decode()
    rows = await fetch(
        "INSERT INTO tax_report_seller (report_id, person_id, doc_type, doc_ref, corrects_ref, quarters, identity_hash) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        report_id, line.person_id, name.doc_type, name.ref, name.corrects, msgspec.json.encode(line.quarters).decode(),
        queries.identity_hash(salt, text),
    )  # fmt: skip
    await fetch(
        "INSERT INTO tax_report_identity (seller_id, salt, identity) VALUES (?, ?, ?)", int(rows[0][0]), salt, text
    )


@door("hmrc.download")
async def download(act: Act, report_id: int) -> tuple[Report, bytes]:
    """The file of a report, the same to the byte each time. Raises NotFound, and Broken where it is not as it was."""
    act.allow(Thing("tax_report", str(report_id)))
    one = await queries.report(report_id)
    return one, await queries.file_of(one)


@door("hmrc.mark")
async def mark(act: Act, report_id: int, outcome: str, *, reference: str = "", on_day: date | None = None) -> None:
    """Say what became of a report: sent, with the reference HMRC gave, or not. Each worker in it then has their copy.

    What was not sent, HMRC does not know: the next report begins from the last that was. Raises Conflict once a later
    one rests on it.
    """
    act.allow(Thing("tax_report", str(report_id)))
    one = await queries.report(report_id)
    said = rules.plain(reference, "reference")
    if outcome == "sent" and not said:
        raise Invalid("Write the reference that HMRC gave you for it.", "no_reference", field="reference")
    day = on_day or clock.today()
    if not one.made_at.astimezone(clock.zone()).date() <= day <= clock.today():
        raise Invalid("Write the day it was sent: not before it was made, nor after today.", "bad_day", field="on_day")
    if one.outcome and any(later.number > one.number for later in await queries.reports(one.year)):
        raise Conflict("A later report rests on this one.", "too_late")
    await fetch(
        'INSERT INTO tax_report_mark (report_id, outcome, reference, on_day, at, "by") VALUES (?, ?, ?, ?, ?, ?)',
        report_id, outcome, said, day.isoformat(), clock.now(), act.actor.person_id,
    )  # fmt: skip
    if outcome == "sent" and one.outcome != "sent":
        sellers = {row.person_id for row in await queries.frozen(report_id)}
        await tell(sellers, None, "tax_copy", about=queries.copy_of(one.year), path="/money/told-hmrc")
    await act.tell("hmrc.report_marked", "tax_report", str(report_id), outcome=outcome)


# ---------------------------------------------------------------- asking


@door("hmrc.remind")
async def remind(act: Act, person_id: str) -> None:
    """Ask someone who has not told: as news, on a facilitator's list for those who are rung or written to."""
    act.allow(_details(person_id))
    await tell([person_id], None, "tax_details", about="tax:details", path="/money/tax-details")


async def remind_all() -> int:
    """Ask everyone who is to be asked today; how many. Run again on the same day, it asks nobody twice."""
    today, zone, asked = clock.today(), clock.zone(), 0
    for one in await queries.workers():
        days = [at.astimezone(zone).date() for at in one.asked]
        if one.told_at is None and rules.asks_now(days, today):
            await remind(NODE, one.person_id)
            asked += 1
    return asked
