"""Reads of what is stated, agreed and paid between us and linked circles."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from eccoo_federation.bodies import SettleStatement, StatementEntry
from eccoo_federation.settling import Account, Key
from eccoo_node.cover.lines import known_to_both
from eccoo_node.db.rows import as_time, fetch, fetch_one, fetch_value, locking, marks
from eccoo_node.escrow import between
from eccoo_node.kernel import clock
from eccoo_node.links.ending import Still, given_up, still_going


class Page(msgspec.Struct, frozen=True):
    """One statement, without its lines. `ours`: of what we are owed."""

    id: str
    link_id: str
    ours: bool
    k: int
    period: str
    starts_on: str
    ends_on: str
    final: bool
    opening_pence: int
    closing_pence: int
    hash: str
    prev: str
    state: str
    code: str
    read_entry: int
    made_at: datetime
    answered_at: datetime | None
    even_at: datetime | None
    off_pence: int | None
    left_pence: int | None


class Line(msgspec.Struct, frozen=True):
    id: int
    page_id: str
    request: str
    n: int
    amount_pence: int
    other_pence: int | None
    state: str
    answer: str
    answered_by: str
    answered_at: datetime | None

    @property
    def key(self) -> Key:
        return self.request, self.n


class Payment(msgspec.Struct, frozen=True):
    page_id: str
    kind: str
    ours: bool
    amount_pence: int
    reference: str
    at: datetime


class Standing(msgspec.Struct, frozen=True):
    """Both accounts with one circle, as the pure rules read them, and our rows behind them."""

    link_id: str
    ours: Account
    theirs: Account
    our_page: Page | None
    their_page: Page | None
    closed_at: datetime | None = None
    limit_told_at: datetime | None = None


_PAGE = (
    "SELECT id, link_id, ours, k, period, starts_on, ends_on, final, opening_pence, closing_pence, hash, prev, state, code, "
    "read_entry, made_at, answered_at, even_at, off_pence, left_pence FROM settle_page"
)


def _page(row: Any) -> Page:
    values = list(row)
    values[2], values[7] = bool(row[2]), bool(row[7])
    values[15] = as_time(row[15]) or clock.now()
    values[16], values[17] = as_time(row[16]), as_time(row[17])
    return Page(*values)


async def standing(link_id: str, *, lock: bool = False) -> Standing:
    """Both accounts with one circle; both empty where nothing was ever stated."""
    account = await fetch_one(
        "SELECT ours_open_pence, theirs_open_pence, closed_at, limit_told_at FROM settle_account WHERE link_id = ?"
        + (locking() if lock else ""),
        link_id,
    )
    opens = (int(account[0]), int(account[1])) if account else (0, 0)
    last = await _last_pages(link_id)
    stated = await stated_by_side(link_id)
    lines = await lines_of([page.id for page in last.values()])
    accounts = {}
    for ours, open_ in ((True, opens[0]), (False, opens[1])):
        page = last.get(ours)
        body = statement(page, [one for one in lines if one.page_id == page.id]) if page is not None else None
        accounts[ours] = Account(
            open_pence=open_, stated=stated[ours], head=page.hash if page else None, ends_on=page.ends_on if page else "",
            count=page.k if page else 0, page=body, answered=page is None or page.state == "answered",
            even=page is None or page.even_at is not None,
        )  # fmt: skip
    return Standing(
        link_id, accounts[True], accounts[False], last.get(True), last.get(False),
        as_time(account[2]) if account else None, as_time(account[3]) if account else None,
    )  # fmt: skip


async def _last_pages(link_id: str) -> dict[bool, Page]:
    rows = await fetch(
        f"{_PAGE} p WHERE p.link_id = ? AND p.state <> 'refused' AND p.k = (SELECT MAX(q.k) FROM settle_page q "
        "WHERE q.link_id = p.link_id AND q.ours = p.ours AND q.state <> 'refused')",
        link_id,
    )
    return {page.ours: page for page in map(_page, rows)}


async def stated_by_side(link_id: str) -> dict[bool, dict[Key, int]]:
    """What agreed entries came to, visit by visit, on either account."""
    rows = await fetch(
        "SELECT p.ours, e.request, e.n, CAST(SUM(e.amount_pence) AS BIGINT) FROM settle_entry e "
        "JOIN settle_page p ON p.id = e.page_id WHERE p.link_id = ? AND e.state = 'agreed' GROUP BY p.ours, e.request, e.n",
        link_id,
    )
    found: dict[bool, dict[Key, int]] = {True: {}, False: {}}
    for ours, request, n, pence in rows:
        found[bool(ours)][(request, int(n))] = int(pence)
    return found


def statement(page: Page, lines: Sequence[Line]) -> SettleStatement:
    """The page as it was signed."""
    return SettleStatement(
        period=page.period, starts_on=page.starts_on, ends_on=page.ends_on, opening_pence=page.opening_pence,
        entries=tuple(StatementEntry(request=one.request, n=one.n, amount_pence=one.amount_pence) for one in lines),
        closing_pence=page.closing_pence, prev=page.prev or None, final=page.final,
    )  # fmt: skip


async def pages(link_id: str) -> list[Page]:
    """Every statement of one circle, newest first."""
    return [_page(row) for row in await fetch(f"{_PAGE} WHERE link_id = ? ORDER BY made_at DESC, id DESC", link_id)]


async def page_by_hash(link_id: str, hash_: str, *, ours: bool) -> Page | None:
    row = await fetch_one(
        f"{_PAGE} WHERE link_id = ? AND hash = ? AND ours = ? AND state <> 'refused'", link_id, hash_, ours
    )
    return _page(row) if row else None


async def lines_of(page_ids: Sequence[str]) -> list[Line]:
    rows = await fetch(
        "SELECT id, page_id, request, n, amount_pence, other_pence, state, answer, answered_by, answered_at "
        f"FROM settle_entry WHERE page_id IN ({marks(page_ids)}) ORDER BY id",
        *page_ids,
    )
    found = []
    for row in rows:
        values = list(row)
        values[9] = as_time(row[9])
        found.append(Line(*values))
    return found


async def payments(link_id: str) -> list[Payment]:
    rows = await fetch(
        "SELECT page_id, kind, ours, amount_pence, reference, at FROM settle_payment WHERE link_id = ? ORDER BY id",
        link_id,
    )
    return [Payment(row[0], row[1], bool(row[2]), row[3], row[4], as_time(row[5]) or clock.now()) for row in rows]


class Books(msgspec.Struct, frozen=True):
    """What our books hold of each visit, on either account; by what both circles call it, and the line it stands on."""

    ours: dict[Key, int]
    theirs: dict[Key, int]
    references: dict[Key, str]


async def books(link_id: str, up_to: int) -> Books:
    """What is owed visit by visit, in the order of the books, up to this entry."""
    called = await known_to_both(link_id)
    found = Books({}, {}, {})
    for due in await between.due_by_line(link_id, up_to):
        key = called.get(due.reference)
        if key is None:
            continue
        side = found.ours if due.ours else found.theirs
        side[key] = side.get(key, 0) + due.pence
        found.references[key] = due.reference
    return found


class Waiting(msgspec.Struct, frozen=True):
    """One circle with which something is going on, for lists: what is due, and what waits. Only what is even is due: of
    statements that are still compared what was open before them, until nobody will ever answer."""

    link_id: str
    name: str
    ours_due_pence: int
    theirs_due_pence: int
    on_its_way_pence: int
    disputed: int
    # Since when it is due: the last pair that was made even, or what stands for one.
    even_at: datetime | None
    # What our bank has ever sent them.
    sent_pence: int = 0


_BEFORE = (
    "(SELECT p.opening_pence FROM settle_page p WHERE p.link_id = l.id AND {} p.ours AND p.state <> 'refused' "
    "AND p.even_at IS NULL)"
)


async def waiting() -> list[Waiting]:
    """Every circle with something open or in question that nobody has looked at. A constant number of statements."""
    rows = await fetch(
        "SELECT l.id AS link_id, COALESCE(a.ours_open_pence, 0) AS ours_open_pence, "
        "COALESCE(a.theirs_open_pence, 0) AS theirs_open_pence, l.name, l.state, l.superseded_by, "
        "l.carried_at, l.ended_at, w.last_seen_at, w.reached_at, "
        f"{_BEFORE.format('')} AS ours_before, {_BEFORE.format('NOT')} AS theirs_before, "
        "(SELECT CAST(COALESCE(SUM(y.amount_pence), 0) AS BIGINT) FROM settle_payment y "
        "WHERE y.link_id = l.id AND y.kind = 'received' AND NOT y.ours) AS came, "
        "(SELECT COUNT(*) FROM settle_entry e JOIN settle_page p ON p.id = e.page_id WHERE p.link_id = l.id "
        "AND e.state = 'disputed' AND e.answer = '') AS disputed, "
        "(SELECT MAX(p.even_at) FROM settle_page p WHERE p.link_id = l.id) AS even_at, "
        "(SELECT MAX(p.answered_at) FROM settle_page p WHERE p.link_id = l.id) AS answered_at "
        "FROM link l LEFT JOIN settle_account a ON a.link_id = l.id LEFT JOIN link_wire w ON w.link_id = l.id "
        "WHERE a.id IS NOT NULL OR l.carried_at IS NOT NULL ORDER BY l.name, l.id"
    )
    paid = await between.paid_by_link([row["link_id"] for row in rows]) if rows else {}
    carried = [row["link_id"] for row in rows if row["carried_at"]]
    began = await between.carried_over(carried) if carried else {}
    return [_waiting(row, began.get(row["link_id"], 0), *paid[row["link_id"]]) for row in rows]


def _waiting(row: Any, began: int, came: int, went: int) -> Waiting:
    """`began`: what they owed us when the link took another's place or, below zero, we them; `came`, `went`: what was paid."""
    link_id, name, disputed = row["link_id"], row["name"] or "another circle", int(row["disputed"])
    if row["superseded_by"]:
        return Waiting(link_id, name, 0, 0, 0, disputed, None)
    heard = (as_time(row[at]) for at in ("ended_at", "last_seen_at", "reached_at"))
    gone = row["state"] == "ended" and given_up(*heard) is not None
    due = [
        int(row[f"{side}_open_pence"] if gone or row[f"{side}_before"] is None else row[f"{side}_before"])
        for side in ("ours", "theirs")
    ]
    since = next((at for at in ("even_at", "answered_at" if gone else "", "carried_at") if at and row[at]), "")
    ours, theirs = max(0, began), max(0, -began)
    return Waiting(
        link_id, name, due[0] + max(0, ours - came), due[1] + max(0, theirs - went),
        max(0, went - theirs - int(row["came"])), disputed,
        as_time(row[since]) if since else None, went,
    )  # fmt: skip


class Bank(msgspec.Struct, frozen=True):
    id: str
    link_id: str
    name: str
    sort_code: str
    account_number: str
    given_by: str
    given_at: datetime
    state: str
    how: str


async def bank(link_id: str, *, state: str = "") -> Bank | None:
    """Where a circle's money goes: what was written down last, or last in this state."""
    row = await fetch_one(
        "SELECT id, link_id, name, sort_code, account_number, given_by, given_at, state, how FROM circle_bank "
        "WHERE link_id = ?" + (" AND state = ?" if state else "") + " ORDER BY id DESC LIMIT 1",
        link_id, *([state] if state else []),
    )  # fmt: skip
    if row is None:
        return None
    values = list(row)
    values[6] = as_time(row[6]) or clock.now()
    return Bank(*values)


async def told_lately(people: list[str], link_id: str, what: str) -> set[str]:
    """Which of them were told this about the circle within a day."""
    rows = await fetch(
        f"SELECT person_id FROM told WHERE person_id IN ({marks(people)}) AND at > ? AND about_id = ? AND news = ?",
        *people, clock.now() - timedelta(days=1), link_id, what,
    )  # fmt: skip
    return {row[0] for row in rows}


@still_going
async def unanswered(link_id: str) -> list[Still]:
    """What the two have still to say about the last statements: once the link is closed nothing of it crosses any more."""
    found = await fetch_value(
        "SELECT 1 FROM link l JOIN settle_account s ON s.link_id = l.id WHERE l.id = ? AND l.state = 'ended' "
        "AND l.closed_at IS NULL AND l.superseded_by = '' AND s.closed_at IS NULL AND EXISTS (SELECT 1 FROM settle_page p WHERE p.link_id = l.id)",
        link_id,
    )
    said = "The last statements are not all answered yet, or a payment is still to be confirmed."
    return [Still("letters", said)] if found else []
