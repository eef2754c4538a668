"""The invariants of money.md A5, each by its number, as a reader of the bare rows sees them: the first twelve ask nothing of the
code that keeps them."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

import eccoo_node.privacy.actions  # noqa: F401 (all who forget somebody)
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import earned, export
from eccoo_node.escrow.weeks import mondays
from eccoo_node.hmrc.reckoning import by_quarter
from eccoo_node.kernel import clock
from eccoo_node.members.erasing import erase

LIABILITIES = "2"
CASH = {"1000", "1050"}
CLAIMS = {"2000", "2090", "2100", "2110", "2200", "2210", "2290", "2300", "2500"}
PUBLIC = {"council", "local_authority", "direct_payment", "nhs"}
Name = tuple[str, str, str]


class Post(NamedTuple):
    id: int
    entry: int
    kind: str
    line: int | None
    reverses: int | None
    name: Name
    pence: int

    @property
    def code(self) -> str:
        return self.name[0]


class Seen:
    """The books as they are now, in bare rows."""

    def __init__(self, posts: list[Post], lines: list[dict[str, Any]], stored: dict[Name, int], payers: dict[str, Any]):
        self.posts, self.lines, self.stored, self.payers = posts, lines, stored, payers
        self.balances: Counter[Name] = Counter()
        self.by_entry: dict[int, list[Post]] = defaultdict(list)
        self.by_line: dict[int, Counter[str]] = defaultdict(Counter)
        for post in posts:
            self.balances[post.name] += post.pence
            self.by_entry[post.entry].append(post)
            if post.line:
                self.by_line[post.line][post.code] += post.pence

    def on(self, *codes: str) -> int:
        return sum(pence for name, pence in self.balances.items() if name[0] in codes)


_POSTS = (
    "SELECT p.id, p.entry_id, e.kind, e.line_id, e.reverses_id, a.code, a.holder, a.awaiting, p.amount_pence FROM posting p "
    "JOIN entry e ON e.id = p.entry_id JOIN account a ON a.id = p.account_id ORDER BY p.id"
)
_STANDS = "SELECT code, holder, awaiting, balance_pence FROM account ORDER BY id"
_LINE = (
    "id", "reference", "origin", "payer_id", "person_id", "link_id", "fee_pence", "travel_pence", "payer_add_bps",
    "worker_deduct_bps", "employed", "cancelled_bears", "released_fee_pence", "released_travel_pence", "free_fee_pence",
    "returned_pence", "disputed_fee_pence", "disputed_travel_pence", "disputed_contribution_pence",
)  # fmt: skip


async def see() -> Seen:
    posts = [Post(*row[:5], (row[5], row[6], row[7]), row[8]) for row in map(tuple, await fetch(_POSTS))]
    lines = [
        dict(zip(_LINE, tuple(row), strict=True))
        for row in await fetch(f"SELECT {', '.join(_LINE)} FROM line JOIN line_state ON line_id = id ORDER BY id")
    ]
    stored = {
        tuple(row)[:3]: row[3]
        for row in await fetch("SELECT code, holder, awaiting, balance_pence FROM account WHERE balance_pence <> 0")
    }
    payers = {row[0]: tuple(row)[1:] for row in await fetch("SELECT id, person_id, fund FROM payer")}
    return Seen(posts, lines, stored, payers)


def a5_1_entries_balance_and_stay(seen: Seen, before: Seen | None) -> None:
    for posts in seen.by_entry.values():
        assert sum(post.pence for post in posts) == 0
        assert len(posts) >= 2
        assert all(type(post.pence) is int and post.pence for post in posts)
    assert {name: pence for name, pence in seen.balances.items() if pence} == seen.stored
    assert before is None or seen.posts[: len(before.posts)] == before.posts


def a5_2_no_liability_below_nothing(seen: Seen) -> None:
    assert not [name for name, pence in seen.balances.items() if name[0][0] == LIABILITIES and pence > 0]


def a5_4_each_penny_leaves_once(seen: Seen) -> None:
    for line in seen.lines:
        if line["origin"] != "held":
            continue
        had, fee, travel = seen.by_line[line["id"]], line["released_fee_pence"], line["released_travel_pence"]
        extra = fee - line["free_fee_pence"]
        contribution = 0 if line["employed"] else extra * line["payer_add_bps"] // 10_000
        whole = line["fee_pence"] + line["fee_pence"] * line["payer_add_bps"] // 10_000 + line["travel_pence"]
        apart = sum(line[f"disputed_{name}_pence"] for name in ("fee", "travel", "contribution"))
        gone = fee + travel + contribution
        # Held is what is left when worker and circles have theirs, the payer has theirs back and the rest is disputed.
        assert -had["2100"] == whole - gone - line["returned_pence"] - apart
        assert -had["2110"] == apart
        assert had["2000"] + had["1100"] == whole - line["returned_pence"]
        if gone + line["returned_pence"] + apart:
            assert had["2100"] == 0, "a closed hold is 0"


def a5_5_commission_is_what_was_agreed(seen: Seen) -> None:
    for line in seen.lines:
        if line["origin"] != "held" or line["link_id"]:
            continue
        had, fee = seen.by_line[line["id"]], line["released_fee_pence"] - line["free_fee_pence"]
        if line["employed"]:
            assert -had["4050"] == line["released_fee_pence"] + line["released_travel_pence"]
            assert had["4000"] == had["4010"] == had["2400"] == 0
            continue
        taken = -(had["4000"] + had["4010"] + had["2400"])
        added = fee * line["payer_add_bps"] // 10_000
        assert 0 <= fee * line["worker_deduct_bps"] - 10_000 * (taken - added) < 10_000
        # What the worker had of it is the rest, whatever way it went; what was set aside by other circles waits.
        assert -(had["2200"] + had["2210"] + had["1300"]) == (
            line["released_fee_pence"] + line["released_travel_pence"] - (taken - added)
        )
        assert not line["cancelled_bears"] or line["free_fee_pence"] == 0


def a5_6_a_reversal_mirrors_once(seen: Seen) -> None:
    undone = Counter(posts[0].reverses for posts in seen.by_entry.values() if posts[0].reverses)
    assert not undone or max(undone.values()) == 1
    for posts in seen.by_entry.values():
        if of := posts[0].reverses:
            assert sorted((post.name, -post.pence) for post in posts) == sorted(
                (post.name, post.pence) for post in seen.by_entry[of]
            )


def spare_pence(seen: Seen) -> int:
    """What is in the bank and nobody else’s."""
    claims = sum(pence for name, pence in seen.balances.items() if name[0] in CLAIMS and not name[2])
    return seen.on(*CASH) + claims


def a5_7_cash_alone_covers(seen: Seen) -> None:
    assert spare_pence(seen) >= 0
    waiting: Counter[str] = Counter()
    for name, pence in seen.balances.items():
        if name[2]:
            waiting[name[2]] -= pence
    assert all(pence <= seen.balances["1200", link, ""] for link, pence in waiting.items())
    # 1020 never fronts: in it lies what it is kept apart for, and nothing else.
    assert seen.on("1020") == -seen.on("2610", "3200")


def a5_8_funds_are_pure(seen: Seen) -> None:
    people = {line["id"]: line["person_id"] for line in seen.lines}
    for posts in seen.by_entry.values():
        payers = {post.name[1] for post in posts if post.code in {"2000", "1100"}}
        if line := posts[0].line:
            assert all(seen.payers[payer][0] == people[line] for payer in payers), "nobody pays for another"
        spent = {post.name[1] for post in posts if post.code == "2000" and post.pence > 0}
        if any(seen.payers[payer][1] in PUBLIC for payer in spent) and not posts[0].reverses:
            assert not {post.code for post in posts} & {"3000", "2610", "4100", "4200"}


def a5_9_refunds_and_disputes(seen: Seen) -> None:
    for posts in seen.by_entry.values():
        moved = {post.name[1]: post.pence for post in posts if post.code == "2500"}
        if posts[0].kind == "refunded":
            assert moved == {post.name[1]: -post.pence for post in posts if post.code == "2000"}
        if any(post.code == "2110" and post.pence > 0 for post in posts):
            assert posts[0].kind == "resolved"
    out: Counter[str] = Counter()
    for post in seen.posts:
        if post.code == "2500" and post.name[1] in seen.payers:
            out[post.name[1]] -= post.pence if post.kind in {"refunded", "reversed"} and post.pence < 0 else 0
    for payer, pence in out.items():
        came = sum(p.pence for p in seen.posts if p.name == ("2000", payer, "") and p.pence < 0)
        assert pence <= -came


def a5_10_two_circles_say_the_same(seen: Seen, link: str) -> None:
    """Both ends of one link lie in these books: what is owed by one end is what the other says it has to come."""
    assert seen.balances["2300", link, ""] + seen.balances["1200", link, ""] == 0


async def a5_12_what_was_sent_is_on_its_way(seen: Seen) -> None:
    rows = await fetch(
        "SELECT holder, CAST(SUM(amount_pence) AS BIGINT) FROM payout_payment WHERE kind = 'worker' AND state = 'sent' "
        "GROUP BY holder"
    )
    sent = {row[0]: row[1] for row in rows if row[1]}
    assert sent == {name[1]: -pence for name, pence in seen.balances.items() if name[0] == "2290" and pence}


async def hold(before: Seen | None, link: str) -> Seen:
    """Every invariant that the rows alone can show, after one step."""
    seen = await see()
    a5_1_entries_balance_and_stay(seen, before)
    a5_2_no_liability_below_nothing(seen)
    a5_4_each_penny_leaves_once(seen)
    a5_5_commission_is_what_was_agreed(seen)
    a5_6_a_reversal_mirrors_once(seen)
    a5_7_cash_alone_covers(seen)
    a5_8_funds_are_pure(seen)
    a5_9_refunds_and_disputes(seen)
    a5_10_two_circles_say_the_same(seen, link)
    await a5_12_what_was_sent_is_on_its_way(seen)
    return seen


# In 2026 the clocks are an hour ahead where the second, third and fourth quarter begin.
QUARTERS = [
    datetime(2026, 1, 1, tzinfo=UTC), *(datetime(2026, n, day, 23, tzinfo=UTC) for n, day in ((3, 31), (6, 30), (9, 30))),
    datetime(2027, 1, 1, tzinfo=UTC),
]  # fmt: skip


async def a5_13_each_release_in_one_period(start: datetime, now: datetime) -> None:
    """Each part that was let go lies in exactly one week, tax year and quarter, and gross is all there is of it."""
    zone = clock.zone()
    whole = sorted(map(repr, await earned.earned(start - timedelta(days=9), now)))
    weeks, monday = [], clock.week_of(start, zone)
    while clock.day_bounds(monday, zone)[0] < now:
        bounds = [clock.day_bounds(monday + timedelta(days=7 * n), zone)[0] for n in (0, 1)]
        weeks += await earned.earned(*bounds)
        monday += timedelta(days=7)
    assert sorted(map(repr, weeks)) == whole
    april = clock.day_bounds(datetime(2026, 4, 6, tzinfo=zone).date(), zone)[0]
    years = [
        *await earned.earned(start - timedelta(days=9), april),
        *await earned.earned(april, now + timedelta(days=1)),
    ]
    assert sorted(map(repr, years)) == whole
    let_go = [
        (line["released_fee_pence"], line["released_travel_pence"])
        for line in (await see()).lines
        if not line["employed"] and (line["origin"] == "due" or not line["link_id"])
    ]
    shares = [part.shares for part in weeks]
    assert sum(fee for fee, _ in let_go) == sum(one.fee_pence for one in shares)
    assert sum(travel for _, travel in let_go) == sum(one.travel_pence for one in shares)
    this_year = [part for part in weeks if part.at < QUARTERS[-1]]
    for worker, quarters in by_quarter(this_year, zone).items():
        for quarter, begins, ends in zip(quarters, QUARTERS[:-1], QUARTERS[1:], strict=True):
            mine = [part.shares for part in this_year if part.worker_id == worker and begins <= part.at < ends]
            assert quarter.gross_pence == sum(one.fee_pence for one in mine)
            assert quarter.reimbursed_pence == sum(one.travel_pence for one in mine)


def a5_14_hours_and_weeks_are_local(now: datetime) -> None:
    zone = clock.zone()
    assert all(day.weekday() == 0 for day in mondays(now))
    assert clock.week_of(datetime(2026, 3, 29, 23, 30, tzinfo=UTC), zone) == date(2026, 3, 30)
    for day, hours in ((28, 23), (29, 24)):
        nights = [datetime(2026, 3, n, 22, tzinfo=zone) for n in (day, day + 1)]
        assert clock.minutes_between(*nights) == hours * 60
    for day_, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)):
        begins, ends = clock.day_bounds(day_, zone)
        assert ends - begins == timedelta(hours=hours)


async def a5_15_erasing_and_exports_change_nothing(people: Sequence[str]) -> None:
    """Who is forgotten is so with the same balances, and what is exported adds up to them."""
    before = await fetch(_STANDS)
    for person in people:
        await erase(person, frozenset())
    assert [tuple(row) for row in await fetch(_STANDS)] == [tuple(row) for row in before]
    told: Counter[str] = Counter()
    # An example is one transaction, in which it can't begin to look at one moment.
    with patch.object(export, "snapshot", nullcontext):
        text = "".join([piece async for piece in export.export("csv", export.Period(None, None))])
    for row in csv.DictReader(text.splitlines()):
        told[row["account"]] += round((float(row["debit"] or 0) - float(row["credit"] or 0)) * 100)
    stands: Counter[str] = Counter()
    for code, _, _, pence in before:
        stands[code] += pence
    assert {code: n for code, n in told.items() if n} == {code: n for code, n in stands.items() if n}
