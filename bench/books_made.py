"""Books of a town, made quickly: years of visits written as raw rows, every sum and digest of them right."""

import random
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from eccoo_node.escrow import chart, ledger, rules, sharing
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.lines import STATE
from eccoo_node.escrow.rules import Leg, Posting
from eccoo_node.escrow.sharing import Fund, Shares, State, Terms

BEGAN = datetime(2020, 4, 6, 7, tzinfo=UTC)
RATES = (1600, 1835, 1850, 1900, 2000, 2050, 2150, 2200, 2400, 2600)
MINUTES = (30, 45, 60, 75, 90, 120, 150, 180, 240)
TRAVEL = (0, 0, 0, 0, 225, 360, 585, 600)
PAYERS, WORKERS, LINKS = 300, 120, ("north", "south")
_ENTRY = ("id", *ledger.COLUMNS, "digest")
_LINE = (
    "id", "reference", "origin", "payer_id", "person_id", "worker_id", "link_id", "fee_pence", "contribution_pence",
    "travel_pence", "schedule_id", "payer_add_bps", "worker_deduct_bps", "home_share_bps", "cancelled_bears", "vat_bps",
    "employed", "arrears", "funds", "made_at",
)  # fmt: skip
TERMS = Terms(0, worker_deduct_bps=1500)


@lru_cache(maxsize=4096)
def _shares(terms: Terms, fee_pence: int, travel_pence: int) -> Shares:
    return sharing.shares(terms, fee_pence, travel_pence)


class Visit(msgspec.Struct):
    """One line as it goes through the books."""

    id: int
    payer: str
    worker: str
    terms: Terms
    link: str
    mark: str
    funds: tuple[Fund, ...]


class Maker:
    """Writes visit after visit. Rows are kept until there are some thousands of them."""

    def __init__(self, path: Path, seed: int = 7) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("PRAGMA cache_size = -200000")
        self.chance = random.Random(seed)
        self.ids: dict[Account, int] = {}
        self.balances: dict[Account, int] = {}
        self.entry = self.visits = 0
        self.head = ""
        self.at = BEGAN
        self.rows: dict[str, list[Sequence[Any]]] = {}
        self.payers = [self.payer(n) for n in range(PAYERS)]
        self.person = f"01900000-0000-7000-7000-{0:012x}"
        self.workers = [f"01900000-0000-7000-9000-{n:012x}" for n in range(WORKERS)]

    @staticmethod
    def payer(number: int) -> str:
        return f"01900000-0000-7000-8000-{number:012x}"

    def fill(self, entries: int) -> None:
        """Until there are at least so many entries; then all of it is on the disk."""
        self.db.execute("BEGIN")
        schedule = (1, 0, 1500, 0, True, str(BEGAN), str(BEGAN), "", "bench")
        self.db.execute("PRAGMA defer_foreign_keys = 1")
        self.db.execute(
            "INSERT INTO schedule (id, payer_add_bps, worker_deduct_bps, vat_bps, cancelled_bears, valid_from, "
            "recorded_at, recorded_by, decision_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            schedule,
        )
        self.db.executemany(
            "INSERT INTO payer (id, person_id, payer_person_id, fund, said_yes_via, share_bps, arrears, arrears_decision, from_at) "
            "VALUES (?, ?, ?, 'own', '', 10000, FALSE, '', ?)",
            [(payer, self.person, self.person, str(BEGAN)) for payer in self.payers],
        )
        while self.entry < entries:
            self.visit()
            if self.visits % 4000 == 0:
                self.flush()
        self.flush()
        self.db.executemany(
            "INSERT INTO account (id, code, holder, awaiting, guard, balance_pence) VALUES (?, ?, ?, ?, ?, ?)",
            [(id_, of.code, of.holder, of.awaiting, of.kind.guard, self.balances[of]) for of, id_ in self.ids.items()],
        )
        self.db.execute("COMMIT")
        self.db.close()

    def flush(self) -> None:
        for into, rows in self.rows.items():
            self.db.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        self.rows.clear()

    def keep(self, into: str, row: Sequence[Any]) -> None:
        self.rows.setdefault(into, []).append(row)

    def visit(self) -> None:
        """One visit from the day it is agreed to the day it is settled, with the money that comes in for it."""
        self.visits += 1
        self.at += timedelta(seconds=self.chance.randrange(60, 4000))
        chance = self.chance.random()
        fee = RATES[self.chance.randrange(10)] * MINUTES[self.chance.randrange(9)] // 60
        terms = msgspec.structs.replace(TERMS, fee_pence=fee, travel_pence=TRAVEL[self.chance.randrange(8)])
        link = LINKS[self.visits % 2] if chance < 0.1 else ""
        if link:
            terms = msgspec.structs.replace(terms, across=True, home_share_bps=5000, at_home=chance < 0.05)
        if terms.at_home:
            self.owed(terms, link)
            return
        funds = self.funds(terms.total_pence) if 0.1 <= chance < 0.2 else ()
        one = self.set_aside(terms, link, funds)
        outcome = self.chance.random()
        if outcome < 0.82:
            self.let_go(one, fee, terms.travel_pence)
        elif outcome < 0.88:
            self.let_go(one, fee * 2 // 3, terms.travel_pence)
        elif outcome < 0.93:
            self.let_go(one, 0, 0, kind="returned")
        elif outcome < 0.95:
            self.let_go(one, fee // 2, 0, kind="cancelled")
        elif outcome < 0.98:
            self.dispute(one)
        elif outcome < 0.99:
            self.undo(one)
        else:
            self.state(one, State())
        self.now_and_then()

    def pay_in(self, payer: str, pence: int) -> None:
        while -self.balances.get(chart.credit(payer), 0) < pence:
            amount = 5000 * self.chance.randrange(2, 40)
            self.post("top_up", [Leg(chart.BANK, chart.credit(payer), amount)])

    def funds(self, total: int) -> tuple[Fund, ...]:
        first, second = self.chance.sample(self.payers, 2)
        return (Fund(first, total - total // 5), Fund(second, total // 5))

    def set_aside(self, terms: Terms, link: str, funds: tuple[Fund, ...]) -> Visit:
        payer = funds[0].payer_id if funds else self.chance.choice(self.payers)
        one = self.line(terms, "held", payer, link, funds)
        giving = funds or (Fund(payer, terms.total_pence),)
        for fund in giving:
            self.pay_in(fund.payer_id, fund.amount_pence)
        legs = rules.fund_legs(chart.held(one.id), giving, [fund.amount_pence for fund in giving])
        self.post("set_aside", legs, one)
        return one

    def line(self, terms: Terms, origin: str, payer: str, link: str, funds: tuple[Fund, ...] = ()) -> Visit:
        worker, reference = self.chance.choice(self.workers), f"visit:{self.visits:036d}"
        funded = sharing.funds_mark(funds)
        named = (reference, origin, payer, self.person if payer else "", worker, link)
        mark = ledger.line_mark((*named, funded), terms, False)
        self.keep(
            f"line ({', '.join(_LINE)})",
            (
                self.visits, *named, terms.fee_pence, terms.contribution_pence, terms.travel_pence,
                None if terms.at_home else 1, terms.payer_add_bps, terms.worker_deduct_bps, terms.home_share_bps, True, 0,
                False, False, funded, str(self.at),
            ),
        )  # fmt: skip
        for fund in funds:
            self.keep(
                "line_fund (line_id, payer_id, amount_pence, arrears)",
                (self.visits, fund.payer_id, fund.amount_pence, False),
            )
        return Visit(self.visits, payer, worker, terms, link, mark, funds)

    def state(self, one: Visit, state: State) -> None:
        self.keep(f"line_state (line_id, {', '.join(STATE)})", (one.id, *msgspec.structs.astuple(state)))

    def owed(self, terms: Terms, link: str) -> None:
        one = self.line(terms, "due", "", link)
        given = _shares(terms, terms.fee_pence, terms.travel_pence)
        legs = rules.due_legs(link, one.worker, given, terms)
        self.post("owed", legs, one, terms.fee_pence, terms.travel_pence)
        self.state(one, State(terms.fee_pence, terms.travel_pence))

    def given(self, one: Visit, source: Account, given: Shares, back: int) -> list[Leg]:
        """What a line lets go, and what goes back."""
        legs = (
            rules.across_legs(source, one.link, given, one.terms)
            if one.link
            else rules.release_legs(source, one.worker, given)
        )
        giving = one.funds or (Fund(one.payer, one.terms.total_pence),)
        parts = sharing.parts_of(back, [fund.amount_pence for fund in giving])
        return [*legs, *rules.fund_legs(source, giving, parts, back=True)]

    def let_go(self, one: Visit, fee: int, travel: int, kind: str = "released") -> None:
        back = one.terms.total_pence - fee - travel
        given = _shares(one.terms, fee, travel)
        self.post(kind, self.given(one, chart.held(one.id), given, back), one, fee, travel)
        self.state(one, State(fee, travel, returned_pence=back))

    def dispute(self, one: Visit) -> None:
        """Half of it is in question; then it is the worker's after all."""
        apart, (fee, travel) = one.terms.fee_pence // 2, (one.terms.fee_pence, one.terms.travel_pence)
        held, disputed = chart.held(one.id), chart.disputed(one.id)
        before, after = _shares(one.terms, fee - apart, travel), _shares(one.terms, fee, travel)
        legs = [Leg(held, disputed, apart), *self.given(one, held, before, 0)]
        self.post("disputed", legs, one, fee - apart, travel)
        legs = self.given(one, disputed, sharing.between(before, after), 0)
        self.post("resolved", legs, one, apart)
        self.state(one, State(fee, travel))

    def undo(self, one: Visit) -> None:
        """Let go by mistake, taken back, and then given back whole."""
        fee, travel = one.terms.fee_pence, one.terms.travel_pence
        legs = self.given(one, chart.held(one.id), _shares(one.terms, fee, travel), 0)
        found = rules.postings(legs)
        entry = self.write("released", found, one, fee, travel)
        self.write("reversed", sorted((of, -amount) for of, amount in found), one, -fee, -travel, entry)
        self.let_go(one, 0, 0, kind="returned")

    def now_and_then(self) -> None:
        """What a treasurer writes."""
        if self.visits % 50 == 0:
            payer = self.payers[self.visits // 50 % PAYERS]
            if (there := -self.balances.get(chart.credit(payer), 0)) > 2000:
                self.post("refunded", [Leg(chart.credit(payer), chart.refunds(payer), there // 2)])
                self.post("refund_left", [Leg(chart.refunds(payer), chart.BANK, there // 2)])
            self.post(
                "goodwill", [Leg(chart.GOODWILL, chart.credit(payer), 500), Leg(chart.BANK, chart.OPERATING, 500)]
            )

    def post(self, kind: str, legs: list[Leg], one: Visit | None = None, fee: int = 0, travel: int = 0) -> int:
        return self.write(kind, rules.postings(legs), one, fee, travel)

    def write(
        self, kind: str, found: list[Posting], one: Visit | None, fee: int, travel: int, reverses: int | None = None
    ) -> int:
        self.entry += 1
        at = str(self.at)
        values = (
            at, at, kind, f"{kind}:{self.entry:036d}", f"{self.entry * 7919:064x}", f"{self.entry:036x}",
            one.id if one else None, fee, travel, 0, reverses,
        )  # fmt: skip
        digest = ledger.digest(values, one.mark if one else "", ledger.told(found))
        self.keep(f"entry ({', '.join(_ENTRY)})", (self.entry, *values, digest))
        for account, amount in found:
            id_ = self.ids.setdefault(account, len(self.ids) + 1)
            self.balances[account] = self.balances.get(account, 0) + amount
            self.keep("posting (entry_id, account_id, amount_pence)", (self.entry, id_, amount))
        self.head = ledger.chained(self.head, digest)
        self.keep("entry_chain (entry_id, chain)", (self.entry, self.head))
        return self.entry
