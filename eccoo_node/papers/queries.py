"""Reads of papers. A list asks for each line whether the reader may; another's paper is read through a door."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, marks
from eccoo_node.escrow import periods
from eccoo_node.kernel import access, clock
from eccoo_node.kernel.access import Actor, Thing
from eccoo_node.kernel.errors import Broken, NotFound
from eccoo_node.papers.rules import Period, called, paid_of
from eccoo_node.papers.sheet import Sheet, days

SHOWN = 50
TITLES = {"payer": "Statement", "invoice": "Invoice", "worker": "What you earned"}


class Line(msgspec.Struct, frozen=True):
    """One paper in a list."""

    id: str
    series: str
    number: int
    for_id: str
    for_called: str
    person_id: str
    payer_id: str
    period: Period
    owed_pence: int
    replaces: str
    by_post: bool
    made_at: datetime
    replaced_by: str
    replaced_number: int

    @property
    def called(self) -> str:
        return called(self.series, self.number)

    @property
    def replaced_called(self) -> str:
        return called(self.series, self.replaced_number) if self.replaced_by else ""

    @property
    def title(self) -> str:
        """ "Statement for 16 to 22 November 2026"."""
        if self.series == "invoice":
            return f"{'Credit' if self.owed_pence < 0 else 'Invoice'} of {days(Period(self.period.last, self.period.last))}"
        return f"{TITLES[self.series]}, {days(self.period)}"

    @property
    def thing(self) -> Thing:
        if self.series == "worker":
            return Thing("paper_to_post" if self.by_post else "paper", self.id, worker_id=self.for_id)
        return Thing("paper_to_post" if self.by_post else "paper", self.id, self.person_id, payer_id=self.for_id)


class Paper(Line, frozen=True):
    """A whole paper with its words, as it was made."""

    sheet: Sheet
    large_print: bool


_LINE = (
    "SELECT p.id, p.series, p.number, p.for_id, f.called, p.person_id, p.payer_id, p.from_day, p.to_day, p.owed_pence, "
    "p.replaces, p.by_post, p.made_at, COALESCE(n.id, ''), COALESCE(n.number, 0)"
)
_FROM = " FROM paper p JOIN person f ON f.id = p.for_id LEFT JOIN paper n ON n.replaces = p.id "


def _fields(row: Any) -> list[Any]:
    made = as_time(row[12]) or clock.now()
    period = Period(date.fromisoformat(row[7]), date.fromisoformat(row[8]))
    return [*list(row)[:7], period, row[9], row[10], bool(row[11]), made, row[13], row[14]]


def digest(series: str, number: int, for_id: str, payer_id: str, period: Period, replaces: str, facts: str) -> str:
    """The hash of everything that a paper says, and of its number."""
    told = [series, number, for_id, payer_id, period.first.isoformat(), period.last.isoformat(), replaces, facts]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


async def paper(paper_id: str) -> Paper:
    """One paper; whoever asks has made sure who reads it. Raises NotFound, and Broken where it was tampered with."""
    row = await fetch_one(
        f"{_LINE}, p.facts, p.digest, f.large_print{_FROM}WHERE p.id = ?",
        paper_id,
    )
    if row is None:
        raise NotFound("There is no such paper.", "no_paper")
    if not row[15]:
        raise NotFound("What stood on this paper is not kept any more.", "erased")
    line = Line(*_fields(row))
    if row[16] != digest(line.series, line.number, line.for_id, line.payer_id, line.period, line.replaces, row[15]):
        raise Broken(f"The paper {line.called} is not as it was written.", "paper_changed")
    words = msgspec.convert(msgspec.json.decode(row[15])["sheet"], Sheet)
    return Paper(**msgspec.structs.asdict(line), sheet=words, large_print=bool(row[17]))


async def own(actor: Actor, skip: int = 0) -> tuple[list[Line], bool]:
    """The papers of the reader, or of the person they speak for about money, newest first; whether there are older ones."""
    subject = actor.acting_for or actor.person_id
    rows = await fetch(
        f"{_LINE}{_FROM} WHERE p.for_id = ? OR p.person_id = ? ORDER BY p.made_at DESC, p.number DESC LIMIT {SHOWN + 1} OFFSET ?",
        subject, subject, skip,
    )  # fmt: skip
    lines = [Line(*_fields(row)) for row in rows[:SHOWN]]
    return [line for line in lines if access.may(actor, "papers.see", line.thing)], len(rows) > SHOWN


async def found(actor: Actor, text: str = "", *, whose: str = "", year: str = "", skip: int = 0) -> list[Line]:
    """The newest papers whose number or reader's name begins with what was typed; of one person or one year where these
    are named. One more than is shown, where there are more. For the treasurer alone."""
    access.requires(actor, "papers.keep", Thing("paper"))
    typed = text.strip().lower()
    rows = await fetch(
        f"{_LINE}{_FROM} WHERE (? = '' OR p.for_id = ?) AND p.to_day LIKE ? AND (? = '' OR lower(f.called) LIKE ? OR lower(f.full_name) LIKE ? "
        "OR (CASE p.series WHEN 'payer' THEN 's-' WHEN 'invoice' THEN 'inv-' ELSE 'y-' END) || CAST(p.number AS VARCHAR) = ?) "
        f"ORDER BY p.to_day DESC, p.made_at DESC, p.number DESC LIMIT {SHOWN + 1} OFFSET ?",
        whose, whose, f"{_literal(year)}%", typed, f"{_literal(typed)}%", f"{_literal(typed)}%", typed, skip,
    )  # fmt: skip
    return [Line(*_fields(row)) for row in rows]


async def shelves(actor: Actor) -> tuple[list[tuple[str, str]], list[str]]:
    """For whom there are papers, by name, and of which years, the newest first. For the treasurer alone."""
    access.requires(actor, "papers.keep", Thing("paper"))
    people = await fetch(
        "SELECT f.id, f.called FROM person f WHERE f.id IN (SELECT for_id FROM paper) ORDER BY lower(f.called), f.id"
    )
    years = await fetch("SELECT DISTINCT substr(to_day, 1, 4) FROM paper ORDER BY 1 DESC")
    return [(row[0], row[1]) for row in people], [row[0] for row in years]


def _literal(typed: str) -> str:
    return typed.replace("%", "").replace("_", "")


async def missing(actor: Actor) -> list[str]:
    """Every number of a series that no paper has. There is none, unless somebody has been at the database."""
    access.requires(actor, "papers.keep", Thing("paper"))
    rows = await fetch(
        "SELECT s.name, s.last, (SELECT COUNT(*) FROM paper p WHERE p.series = s.name), "
        "COALESCE((SELECT MAX(p.number) FROM paper p WHERE p.series = s.name), 0) FROM paper_series s ORDER BY s.name"
    )
    gaps = []
    for series, last, count, most in rows:
        if not last == count == most:
            have = {row[0] for row in await fetch("SELECT number FROM paper WHERE series = ?", series)}
            gaps += [called(series, number) for number in range(1, max(last, most) + 1) if number not in have]
    return gaps


class ToPost(msgspec.Struct, frozen=True):
    """A paper that waits to be posted, and where it goes."""

    line: Line
    full_name: str
    address: str
    safe: bool
    note: str


async def to_post(actor: Actor) -> list[ToPost]:
    """What waits for the post, oldest first. Raises Forbidden for whoever posts nothing."""
    access.requires(actor, "papers.posted", Thing("paper"))
    rows = await fetch(
        f"{_LINE}, f.full_name, f.address, COALESCE(c.safe, TRUE), COALESCE(c.note, ''){_FROM} "
        "LEFT JOIN paper_posted d ON d.paper_id = p.id "
        "LEFT JOIN safe_contact c ON c.person_id = p.for_id AND c.channel = 'post' "
        "WHERE p.by_post = TRUE AND d.paper_id IS NULL AND n.id IS NULL AND f.standing <> 'died' "
        f"ORDER BY p.made_at, p.number LIMIT {SHOWN}"
    )
    return [ToPost(Line(*_fields(row)), row[15], row[16], bool(row[17]), row[18]) for row in rows]


async def paid(lines: Sequence[Line]) -> dict[str, int]:
    """How much of each of these invoices is paid, by what has come in from whoever owes it: the oldest first."""
    payers = sorted({line.payer_id for line in lines if line.series == "invoice"})
    if not payers:
        return {}
    standing: dict[str, list[tuple[str, int]]] = {}
    for id_, payer_id, owed in await fetch(
        "SELECT p.id, p.payer_id, p.owed_pence FROM paper p WHERE p.series = 'invoice' "
        f"AND p.payer_id IN ({marks(payers)}) AND NOT EXISTS (SELECT 1 FROM paper n WHERE n.replaces = p.id) "
        "ORDER BY p.number",
        *payers,
    ):
        standing.setdefault(payer_id, []).append((id_, owed))
    came = await periods.paid_by(payers)
    found: dict[str, int] = {}
    for payer_id, invoices in standing.items():
        parts = paid_of([owed for _, owed in invoices], came.get(payer_id, 0))
        found |= dict(zip((id_ for id_, _ in invoices), parts, strict=True))
    return found


async def made(series: str, period: Period) -> set[str]:
    """For which payers or workers a paper of this time was made."""
    rows = await fetch(
        "SELECT CASE WHEN payer_id = '' THEN for_id ELSE payer_id END FROM paper WHERE series = ? AND from_day = ? AND to_day = ?",
        series, period.first.isoformat(), period.last.isoformat(),
    )  # fmt: skip
    return {row[0] for row in rows}


async def newest_week() -> date | None:
    """The Monday of the newest week of which there are statements."""
    found = await fetch_value("SELECT MAX(from_day) FROM paper WHERE series = 'payer'")
    return date.fromisoformat(found) if found else None


async def first_earned(actor: Actor) -> datetime | None:
    """When anyone first earned anything here. For the treasurer's form."""
    access.requires(actor, "papers.keep", Thing("paper"))
    return as_time(
        await fetch_value(
            "SELECT MIN(e.at) FROM entry e JOIN posting o ON o.entry_id = e.id JOIN account a ON a.id = o.account_id "
            "WHERE a.code IN ('1300', '2200', '2210', '2290')"
        )
    )


async def workers(actor: Actor) -> list[tuple[str, str]]:
    """Everyone who has earned anything here, by name. For the treasurer's form."""
    access.requires(actor, "papers.keep", Thing("paper"))
    rows = await fetch(
        "SELECT DISTINCT p.id, p.called FROM person p JOIN account a ON a.holder = p.id "
        "WHERE a.code IN ('1300', '2200', '2210', '2290') ORDER BY p.called, p.id"
    )
    return [(row[0], row[1]) for row in rows]
