"""The books as other programs read them: hledger, beancount, or a table (CSV).

Every entry with its postings, by account and a sub-account that is an id or a code and never a name. Days are the
circle's. Given from a day on, the export opens with what stood on each account before it, so that its totals are the
trial balance in any case; hledger and beancount check that for themselves by what is asserted at the end.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from eccoo_node.db.rows import as_time, fetch
from eccoo_node.db.transaction import snapshot
from eccoo_node.escrow.chart import CHART, Nature
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import Thing
from eccoo_node.kernel.errors import Invalid
from eccoo_node.record.door import Act, door

Format = Literal["hledger", "beancount", "csv"]
ENDINGS: dict[Format, str] = {"hledger": "journal", "beancount": "beancount", "csv": "csv"}
PAGE = 2000
_ROOTS: dict[Nature, str] = {
    "asset": "Assets", "liability": "Liabilities", "equity": "Equity", "income": "Income", "expense": "Expenses",
}  # fmt: skip
_IS_ID = re.compile(r"\d{1,18}|[0-9][0-9a-f]{7}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_COLUMNS = ("day", "entry", "kind", "line", "account", "name", "sub_account", "debit", "credit", "counts_from")


class Period(msgspec.Struct, frozen=True):
    """From the first moment of one local day to the last of another; None where the books have no end there."""

    first: date | None = None
    last: date | None = None

    def check(self) -> None:
        """Raises Invalid for a period that ends before it begins."""
        if self.first and self.last and self.last < self.first:
            raise Invalid("The last day comes before the first.", "bad_period", field="last")

    @property
    def starts_at(self) -> datetime | None:
        return clock.day_bounds(self.first, clock.zone())[0] if self.first else None

    @property
    def ends_at(self) -> datetime | None:
        return clock.day_bounds(self.last, clock.zone())[1] if self.last else None


class _Sub(msgspec.Struct, frozen=True):
    """One account with its sub-account, by the names that leave the node."""

    code: str
    sub: str

    @property
    def path(self) -> str:
        kind = CHART[self.code]
        words = re.sub(r"[^A-Za-z0-9]+", "-", kind.name.replace("’", "")).strip("-")
        return ":".join(part for part in (_ROOTS[kind.nature], f"{self.code}-{words}", self.sub) if part)


class _Entry(msgspec.Struct):
    id: int
    day: date
    counts_from: date
    kind: str
    line: str
    postings: list[tuple[_Sub, int]]


@door("money.export")
async def note_export(act: Act, how: Format, period: Period) -> None:
    """Somebody takes the books elsewhere; who, which and when stands in the record."""
    act.allow(Thing("books", how))
    period.check()
    act.because(f"{period.first or 'the beginning'} to {period.last or 'now'}")


async def export(how: Format, period: Period) -> AsyncIterator[str]:
    """The file, in pieces. Reads one moment of the books and keeps nobody waiting; `note_export` comes first."""
    async with snapshot():
        subs = await _subs()
        before = await _sums(subs, "e.at < ?", period.starts_at) if period.starts_at else {}
        after = await _sums(subs, "e.at < ?", period.ends_at) if period.ends_at else await _sums(subs, "1 = 1")
        first = period.first or await _first_day()
        last = period.last or max(first, clock.today())
        writer = _WRITERS[how]
        yield "".join(writer.head(first, sorted(subs.values(), key=lambda sub: sub.path)))
        if before:
            yield writer.opening(first, _listed(before))
        async for entry in _entries(subs, period):
            yield writer.entry(entry)
        yield "".join(writer.tail(last, _listed(after)))


def _listed(sums: dict[_Sub, int]) -> list[tuple[_Sub, int]]:
    return sorted(((sub, total) for sub, total in sums.items() if total), key=lambda one: one[0].path)


async def _subs() -> dict[int, _Sub]:
    """Each account by its row. What is no id may be somebody's words, such as a fund's, and stays here."""
    found = {}
    for id_, code, holder, awaiting in map(tuple, await fetch("SELECT id, code, holder, awaiting FROM account")):
        sub = holder if not holder or _IS_ID.fullmatch(holder) else f"N{id_}"
        found[id_] = _Sub(code, f"{sub}-awaiting-{awaiting}" if awaiting else sub)
    return found


async def _sums(subs: dict[int, _Sub], where: str, *params: object) -> dict[_Sub, int]:
    rows = await fetch(
        "SELECT p.account_id, CAST(SUM(p.amount_pence) AS BIGINT) FROM posting p JOIN entry e ON e.id = p.entry_id "
        f"WHERE {where} GROUP BY p.account_id",
        *params,
    )
    return {subs[row[0]]: int(row[1]) for row in rows}


async def _first_day() -> date:
    rows = await fetch("SELECT MIN(at) FROM entry")
    return (as_time(rows[0][0]) or clock.now()).astimezone(clock.zone()).date()


async def _entries(subs: dict[int, _Sub], period: Period) -> AsyncIterator[_Entry]:
    bounds = [(sign, at) for sign, at in ((">=", period.starts_at), ("<", period.ends_at)) if at]
    within = "".join(f" AND at {sign} ?" for sign, _ in bounds)
    last = 0
    while rows := await fetch(
        f"SELECT id, at, effective_at, kind, line_id FROM entry WHERE id > ?{within} ORDER BY id LIMIT {PAGE}",
        last, *(at for _, at in bounds),
    ):  # fmt: skip
        found = {row[0]: _Entry(row[0], _day(row[1]), _day(row[2]), row[3], str(row[4] or ""), []) for row in rows}
        for entry_id, account_id, amount in map(tuple, await fetch(
            "SELECT entry_id, account_id, amount_pence FROM posting WHERE entry_id >= ? AND entry_id <= ? ORDER BY id",
            rows[0][0], rows[-1][0],
        )):  # fmt: skip
            if entry_id in found:
                found[entry_id].postings.append((subs[account_id], amount))
        for entry in found.values():
            yield entry
        last = rows[-1][0]


def _day(at: object) -> date:
    return (as_time(at) or clock.now()).astimezone(clock.zone()).date()


def money(pence: int) -> str:
    """Pounds with two decimals, as every program reads them: -1234.50."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}"


class _Hledger:
    """A journal that `hledger check` passes, also strictly."""

    def head(self, first: date, subs: Sequence[_Sub]) -> Iterator[str]:
        yield "; The books of held money. Account numbers and what they mean: see docs/money.md of the node.\n"
        yield "commodity 1000.00 GBP\n"
        yield from (f"account {sub.path}\n" for sub in subs)

    def _write(self, day: date, words: str, postings: Sequence[tuple[_Sub, int]]) -> str:
        lines = "".join(f"    {sub.path}  {money(amount)} GBP\n" for sub, amount in postings)
        return f"\n{day} * {words}\n{lines}"

    def opening(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> str:
        return self._write(day, "opening balances", sums)

    def entry(self, entry: _Entry) -> str:
        line = f", line:{entry.line}" if entry.line else ""
        words = f"{entry.kind}  ; entry:{entry.id}{line}, counts_from:{entry.counts_from}"
        return self._write(entry.day, words, entry.postings)

    def tail(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> Iterator[str]:
        if sums:
            yield f"\n{day} * what stands on each account\n"
            yield from (f"    {sub.path}  0.00 GBP = {money(total)} GBP\n" for sub, total in sums)


class _Beancount:
    """A file that `bean-check` passes."""

    def head(self, first: date, subs: Sequence[_Sub]) -> Iterator[str]:
        yield 'option "title" "Held money"\noption "operating_currency" "GBP"\n'
        yield from (f"{first} open {sub.path} GBP\n" for sub in subs)

    def _write(self, day: date, words: str, postings: Sequence[tuple[_Sub, int]], about: str = "") -> str:
        lines = "".join(f"  {sub.path}  {money(amount)} GBP\n" for sub, amount in postings)
        return f'\n{day} * "{words}"\n{about}{lines}'

    def opening(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> str:
        return self._write(day, "opening balances", sums)

    def entry(self, entry: _Entry) -> str:
        about = f'  entry: "{entry.id}"\n  counts-from: {entry.counts_from}\n'
        about += f'  line: "{entry.line}"\n' if entry.line else ""
        return self._write(entry.day, entry.kind, entry.postings, about)

    def tail(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> Iterator[str]:
        # A balance is asserted for the morning of its day.
        after = day + timedelta(days=1)
        yield "\n"
        yield from (f"{after} balance {sub.path}  {money(total)} GBP\n" for sub, total in sums)


def cell(text: str) -> str:
    """One cell of a table: quoted where it must be, and never one that a spreadsheet would run as a formula."""
    safe = f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
    return '"' + safe.replace('"', '""') + '"' if re.search(r'[",\r\n]', safe) else safe


class _Table:
    """Comma-separated values with a head, one row a posting; sums stand under debit or credit and bear no sign."""

    def head(self, first: date, subs: Sequence[_Sub]) -> Iterator[str]:
        yield ",".join(_COLUMNS) + "\r\n"

    def _row(self, start: Sequence[str], sub: _Sub, amount: int, end: str) -> str:
        sides = (money(amount), "") if amount > 0 else ("", money(-amount))
        return ",".join(map(cell, (*start, sub.code, CHART[sub.code].name, sub.sub, *sides, end))) + "\r\n"

    def opening(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> str:
        return "".join(self._row((str(day), "", "opening", ""), sub, total, str(day)) for sub, total in sums)

    def entry(self, entry: _Entry) -> str:
        start = (str(entry.day), str(entry.id), entry.kind, entry.line)
        return "".join(self._row(start, sub, amount, str(entry.counts_from)) for sub, amount in entry.postings)

    def tail(self, day: date, sums: Sequence[tuple[_Sub, int]]) -> Iterator[str]:
        yield ""


_WRITERS: dict[Format, _Hledger | _Beancount | _Table] = {
    "hledger": _Hledger(),
    "beancount": _Beancount(),
    "csv": _Table(),
}
