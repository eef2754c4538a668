"""Reads of what was told for HMRC and of what it was told. Each page is a constant number of statements.

What anyone told of themselves is read by the doors alone (`actions`), which put each reading in the record.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, marks
from eccoo_node.escrow import earned
from eccoo_node.hmrc import reckoning, xml
from eccoo_node.hmrc.accounts import Account, accounts_of
from eccoo_node.hmrc.forms import Identity, Operator
from eccoo_node.hmrc.reckoning import Year, in_pounds, year_bounds
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Broken, NotFound


class Who(msgspec.Struct, frozen=True):
    """A worker as a report names them."""

    identity: Identity
    account: Account | None = None


class Frozen(msgspec.Struct, frozen=True):
    """What one report says of one worker. `who` is None once it was erased."""

    person_id: str
    report_id: int
    doc: xml.Doc
    quarters: Year
    reimbursed: bool
    who: Who | None

    @property
    def amounts(self) -> reckoning.InPounds:
        return in_pounds(self.quarters, reimbursed=self.reimbursed)


class Report(msgspec.Struct, frozen=True):
    """One report and what became of it: "" while nobody has said."""

    id: int
    year: int
    number: int
    kind: str
    message_ref: str
    corrects: int | None
    reimbursed: bool
    operator: Operator
    operator_doc: xml.Doc
    made_at: datetime
    digest: str
    outcome: str = ""
    reference: str = ""
    on_day: date | None = None


class Asked(msgspec.Struct, frozen=True):
    """Someone who is paid here: whether they have told, when they were asked, and when that reached them."""

    person_id: str
    called: str
    told_at: datetime | None
    asked: tuple[datetime, ...] = ()
    reached: tuple[datetime, ...] = ()
    died: bool = False


# ---------------------------------------------------------------- what workers told


async def told_at(person_id: str) -> datetime | None:
    """When someone last told their details; that, and not what they said."""
    row = await fetch_one("SELECT MAX(told_at) FROM tax_details WHERE person_id = ?", person_id)
    return as_time(row[0]) if row else None


async def identities(person_ids: Iterable[str]) -> dict[str, Identity]:
    """What each told last. For doors that have asked who reads."""
    wanted = sorted(set(person_ids))
    rows = await fetch(
        f"SELECT person_id, identity FROM tax_details WHERE person_id IN ({marks(wanted)}) ORDER BY told_at, id",
        *wanted,
    )
    return {row[0]: msgspec.json.decode(row[1], type=Identity) for row in rows}


async def who_are(person_ids: Sequence[str]) -> dict[str, Who]:
    """Those of them who have told, with their accounts as far as they are known."""
    known = await identities(person_ids)
    accounts = await accounts_of(sorted(known))
    return {id_: Who(identity, accounts.get(id_)) for id_, identity in known.items()}


_LIVE_HAT = "h.ended_at IS NULL AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?)"
_PAID = f"h.role = 'worker' AND (w.paid IS NULL OR w.paid = TRUE) AND {_LIVE_HAT}"


async def is_paid(person_id: str) -> bool:
    """Whether someone is paid here, or ever was: whom HMRC may want to know of."""
    now = clock.now()
    row = await fetch_one(
        f"SELECT 1 WHERE EXISTS (SELECT 1 FROM hat h LEFT JOIN worker w ON w.person_id = h.person_id "
        f"WHERE h.person_id = ? AND {_PAID}) OR EXISTS (SELECT 1 FROM line l WHERE l.worker_id = ?)",
        person_id, now, now, person_id,
    )  # fmt: skip
    return row is not None


async def workers(earning: Iterable[str] = ()) -> list[Asked]:
    """Everyone who is paid here now, and these others, by name. Of those who have died only the others."""
    now, others = clock.now(), sorted(set(earning))
    rows = await fetch(
        "SELECT p.id, p.called, (SELECT MAX(d.told_at) FROM tax_details d WHERE d.person_id = p.id), "
        f"p.standing FROM person p WHERE p.id IN ({marks(others)}) OR (p.standing <> 'died' AND p.id IN "
        f"(SELECT h.person_id FROM hat h LEFT JOIN worker w ON w.person_id = h.person_id WHERE {_PAID})) "
        "ORDER BY p.called, p.id",
        *others, now, now,
    )  # fmt: skip
    asked: dict[str, list[datetime]] = {}
    reached: dict[str, list[datetime]] = {}
    for person_id, at, done in await fetch(
        "SELECT person_id, at, told_at FROM told WHERE news = 'tax_details' ORDER BY at, id"
    ):
        asked.setdefault(person_id, []).append(as_time(at) or now)
        if done:
            reached.setdefault(person_id, []).append(as_time(done) or now)
    return [
        Asked(
            row[0],
            row[1],
            as_time(row[2]),
            tuple(asked.get(row[0], ())),
            tuple(reached.get(row[0], ())),
            row[3] == "died",
        )
        for row in rows
    ]


async def called(person_ids: Iterable[str]) -> dict[str, str]:
    """Names, also of those who have died."""
    wanted = sorted(set(person_ids))
    return {
        row[0]: row[1] for row in await fetch(f"SELECT id, called FROM person WHERE id IN ({marks(wanted)})", *wanted)
    }


# ---------------------------------------------------------------- what was earned and told


async def quarters(year: int, person_id: str = "") -> dict[str, Year]:
    """What each worker, or one, earned in a year of the circle, as the books stand now."""
    zone = clock.zone()
    return reckoning.by_quarter(await earned.earned(*year_bounds(year, zone), person_id), zone)


async def operator() -> Operator | None:
    """Who the circle is to HMRC."""
    row = await fetch_one("SELECT operator FROM tax_operator ORDER BY id DESC LIMIT 1")
    return msgspec.json.decode(row[0], type=Operator) if row else None


_REPORT = (
    "SELECT r.id, r.year, r.ordinal, r.kind, r.message_ref, r.corrects, r.reimbursed, r.operator, r.operator_doc_type, "
    "r.operator_doc_ref, r.operator_corrects_ref, r.made_at, r.digest, m.outcome, m.reference, m.on_day FROM tax_report r "
    "LEFT JOIN tax_report_mark m ON m.id = (SELECT MAX(n.id) FROM tax_report_mark n WHERE n.report_id = r.id)"
)


def _report(row: Any) -> Report:
    on_day = row["on_day"]
    return Report(
        row["id"], row["year"], row["ordinal"], row["kind"], row["message_ref"], row["corrects"], bool(row["reimbursed"]),
        msgspec.json.decode(row["operator"], type=Operator),
        xml.Doc(row["operator_doc_type"], row["operator_doc_ref"], row["operator_corrects_ref"]),
        as_time(row["made_at"]) or clock.now(), row["digest"], row["outcome"] or "", row["reference"] or "",
        date.fromisoformat(on_day) if on_day else None,
    )  # fmt: skip


async def reports(year: int | None = None) -> list[Report]:
    """The reports of a year, or of all, in the order in which they were made."""
    where, params = ("", ()) if year is None else (" WHERE r.year = ?", (year,))
    return [_report(row) for row in await fetch(f"{_REPORT}{where} ORDER BY r.id", *params)]


async def report(report_id: int) -> Report:
    """Raises NotFound."""
    # A number from an address may be greater than any that a database counts to.
    row = await fetch_one(f"{_REPORT} WHERE r.id = ?", report_id) if report_id < 2**31 else None
    if row is None:
        raise NotFound("There is no such report.", "no_report")
    return _report(row)


def identity_hash(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


async def _frozen(where: str, *params: object) -> list[Frozen]:
    rows = await fetch(
        "SELECT s.person_id, s.report_id, s.doc_type, s.doc_ref, s.corrects_ref, s.quarters, s.identity_hash, "
        "r.reimbursed, i.salt, i.identity FROM tax_report_seller s JOIN tax_report r ON r.id = s.report_id "
        f"LEFT JOIN tax_report_identity i ON i.seller_id = s.id WHERE {where} ORDER BY s.id",
        *params,
    )
    found = []
    for row in rows:
        if row["identity"] is not None and identity_hash(row["salt"], row["identity"]) != row["identity_hash"]:
            raise Broken(f"Report {row['report_id']} does not name whom it named.", "report_changed")
        who = msgspec.json.decode(row["identity"], type=Who) if row["identity"] is not None else None
        doc = xml.Doc(row["doc_type"], row["doc_ref"], row["corrects_ref"])
        quarters_ = msgspec.json.decode(row["quarters"], type=Year)
        found.append(Frozen(row["person_id"], row["report_id"], doc, quarters_, bool(row["reimbursed"]), who))
    return found


async def frozen(report_id: int) -> list[Frozen]:
    """What one report says of whom, in its order."""
    return await _frozen("s.report_id = ?", report_id)


_LAST_SENT = "(SELECT m.outcome FROM tax_report_mark m WHERE m.report_id = r.id ORDER BY m.id DESC LIMIT 1) = 'sent'"


async def told(year: int, person_id: str = "") -> dict[str, Frozen]:
    """What HMRC was last told of each worker, or of one, about a year. Whoever was taken out again is not there."""
    one, params = (" AND s.person_id = ?", [year, person_id]) if person_id else ("", [year])
    found = {row.person_id: row for row in await _frozen(f"r.year = ? AND {_LAST_SENT}{one}", *params)}
    return {id_: row for id_, row in found.items() if row.doc.doc_type != "OECD3"}


async def file_of(one: Report) -> bytes:
    """The report's file, made anew. Raises Broken where it is not what it was, NotFound once who it names was erased."""
    sellers = []
    for row in await frozen(one.id):
        if row.who is None:
            raise NotFound("What workers told for this report is not kept any more.", "erased")
        sellers.append(xml.Seller(row.who.identity, row.who.account, row.amounts, row.doc))
    body = xml.build(
        xml.Report(one.year, one.kind, one.message_ref, one.made_at, one.operator, one.operator_doc, tuple(sellers))
    )
    if one.digest and hashlib.sha256(body).hexdigest() != one.digest:
        raise Broken(f"Report {one.number} of {one.year} is not as it was made.", "report_changed")
    return body


# ---------------------------------------------------------------- the treasurer's page


class Standing(msgspec.Struct, frozen=True):
    """How far a year has got."""

    year: int
    operator: Operator | None
    workers: list[Asked]
    names: dict[str, str]
    quarters: dict[str, Year]
    reports: list[Report]
    differs: bool
    reimbursed: bool
    copies_waiting: int

    @property
    def missing(self) -> list[Asked]:
        return [one for one in self.workers if one.told_at is None]

    @property
    def unmarked(self) -> Report | None:
        return next((one for one in self.reports if not one.outcome), None)

    @property
    def sent(self) -> list[Report]:
        return [one for one in self.reports if one.outcome == "sent"]


def copy_of(year: int) -> str:
    """What the news of a copy is about, by which it is found again."""
    return f"tax:copy:{year}"


async def standing(actor: Actor, year: int, *, reimbursed: bool) -> Standing:
    """Raises Forbidden for anyone but the treasurer. Names who has told, never what."""
    access.requires(actor, "hmrc.see_report", Thing("tax_report", str(year)))
    found = await quarters(year)
    now_told = await told(year)
    amounts = {id_: in_pounds(of, reimbursed=reimbursed) for id_, of in found.items()}
    known = {
        row[0]
        for row in await fetch(
            f"SELECT DISTINCT person_id FROM tax_details WHERE person_id IN ({marks(list(amounts))})", *amounts
        )
    }
    should = {id_: of for id_, of in amounts.items() if not of.empty and id_ in known | set(now_told)}
    made = await reports(year)
    last_made = max((one.made_at for one in made if one.outcome == "sent"), default=None)
    again = bool(last_made) and bool(
        await fetch(
            f"SELECT 1 FROM tax_details WHERE told_at > ? AND person_id IN ({marks(list(now_told))}) LIMIT 1",
            last_made, *now_told,
        )
    )  # fmt: skip
    waiting = await fetch_one(
        "SELECT COUNT(DISTINCT person_id) FROM told WHERE news = 'tax_copy' AND told_at IS NULL AND about_id = ?",
        copy_of(year),
    )
    return Standing(
        year, await operator(), await workers(found), await called(found), found, made,
        bool(last_made) and (again or should != {id_: row.amounts for id_, row in now_told.items()}),
        reimbursed, int(waiting[0]) if waiting else 0,
    )  # fmt: skip
