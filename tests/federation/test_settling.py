"""Making even: two circles' books, pages that cross, get lost, come twice and lie."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccoo_federation import settling
from eccoo_federation.bodies import SettleDisputed, SettleStatement, StatementEntry
from eccoo_federation.errors import ProtocolError
from eccoo_federation.settling import Account, Key

DAY = date(2026, 12, 1)


@dataclass
class Side:
    """One circle: its books with the other, both accounts, what it has sent and what waits to be taken in."""

    name: str
    ours: Account = field(default_factory=Account)
    theirs: Account = field(default_factory=Account)
    # What the books say each owes the other for visits, by visit; and what was set off and paid, by key.
    owed_us: dict[Key, int] = field(default_factory=dict)
    we_owe: dict[Key, int] = field(default_factory=dict)
    off: dict[str, int] = field(default_factory=dict)
    came: int = 0
    said: int = 0
    out: deque[Any] = field(default_factory=deque)
    last_our_hash: str = ""
    last_their_hash: str = ""

    def write(self, day: date) -> None:
        if not settling.may_write(self.ours, self.theirs) or self.ours.ends_on >= day.isoformat():
            return
        behind = self.theirs.count > self.ours.count
        if not behind and not settling.unstated(self.ours.stated, self.owed_us):
            return
        starts = self.ours.ends_on and (date.fromisoformat(self.ours.ends_on) + timedelta(days=1)).isoformat()
        page = settling.write(
            self.ours,
            self.owed_us,
            period=f"p{self.ours.count}",
            starts_on=starts or "2026-01-01",
            ends_on=day.isoformat(),
        )
        self.last_our_hash = settling.statement_hash("link", self.name, page.as_wire())
        self.ours = settling.wrote(self.ours, page, self.last_our_hash)
        self.out.append(page)

    def take(self, told: Any, day: date) -> None:
        match told:
            case SettleStatement():
                settling.check(self.theirs, self.ours, told, day)
                other = "b" if self.name == "a" else "a"
                self.last_their_hash = settling.statement_hash("link", other, told.as_wire())
                self.theirs = settling.wrote(self.theirs, told, self.last_their_hash)
                wrong = settling.differences(self.theirs.stated, told, self.we_owe)
                self.theirs = settling.answer(self.theirs, [(one.request, one.n) for one in wrong])
                self.out.append(("answer", wrong, self.last_their_hash))
                self.write(day)
            case ("answer", wrong, hash_):
                if hash_ != self.ours.head:
                    raise ProtocolError("wrong_state")
                assert self.ours.page is not None
                settling.check_dispute(
                    self.ours.page, SettleDisputed(period="p", statement_hash=hash_, entries=wrong)
                ) if wrong else None
                self.ours = settling.answer(self.ours, [(one.request, one.n) for one in wrong])
            case ("received", pence):
                self.theirs = settling.receive(self.theirs, pence)
        self.go_on()

    def go_on(self) -> None:
        off = settling.to_set_off(self.ours, self.theirs)
        if off is not None:
            key = settling.pair_key(self.last_our_hash, self.last_their_hash)
            assert key not in self.off
            self.off[key] = off
            self.ours, self.theirs = settling.set_off(self.ours, off), settling.set_off(self.theirs, off)
        if self.ours.quiet and (pence := min(self.came - self.said, self.ours.open_pence)) > 0:
            self.ours = settling.receive(self.ours, pence)
            self.said += pence
            self.out.append(("received", pence))


class World:
    def __init__(self) -> None:
        self.a, self.b = Side("a"), Side("b")
        self.sent: dict[str, int] = {"a": 0, "b": 0}
        self.day = DAY

    def deliver(self, sender: Side, keep: bool) -> None:
        """The wire keeps a sender's order; a lost one stays queued and is sent again, a doubled one is known by its id."""
        other = self.b if sender is self.a else self.a
        if keep and sender.out:
            other.take(sender.out.popleft(), self.day)

    def rest(self) -> None:
        while self.a.out or self.b.out:
            self.deliver(self.a, True)
            self.deliver(self.b, True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("visit", "fix", "lie", "write", "deliver", "deliver", "pay", "day")),
        st.booleans(), st.integers(0, 5), st.integers(1, 9_000),
    ),
    max_size=60,
)  # fmt: skip


@given(STEPS)
def test_two_books_stay_even_whatever_crosses(steps: list[tuple[str, bool, int, int]]) -> None:
    world = World()
    for what, first, n, pence in steps:
        one, other = (world.a, world.b) if first else (world.b, world.a)
        key = (f"r{n}", 1)
        if what == "visit":
            one.owed_us[key] = other.we_owe[key] = pence
        elif what == "fix":
            one.owed_us.update(other.we_owe)
        elif what == "lie":
            one.owed_us[key] = pence
        elif what == "write":
            one.write(world.day)
        elif what == "pay":
            one.came += min(pence, max(0, other.theirs.open_pence))
        elif what == "day":
            world.day += timedelta(days=7)
        else:
            world.deliver(one, n > 1)
    world.rest()
    for _ in range(3):
        for side in (world.a, world.b):
            # Both come to hold the same: the books of the one who asked lead.
            other = world.b if side is world.a else world.a
            side.owed_us = dict(other.we_owe)
        world.day += timedelta(days=7)
        world.a.write(world.day)
        world.b.write(world.day)
        world.rest()
    for one, other in ((world.a, world.b), (world.b, world.a)):
        assert one.ours.quiet
        # What one is owed as it sees it is what the other owes, and all of it is what the books hold.
        assert (one.ours.open_pence, one.ours.stated) == (other.theirs.open_pence, other.theirs.stated)
        assert {k: v for k, v in one.ours.stated.items() if v} == {k: v for k, v in one.owed_us.items() if v}
        assert one.ours.open_pence == sum(one.owed_us.values()) - sum(one.off.values()) - one.said
    assert world.a.off == world.b.off


def _page(**changes: Any) -> SettleStatement:
    entries = (StatementEntry(request="r", n=1, amount_pence=100), StatementEntry(request="s", n=1, amount_pence=200))
    page = SettleStatement(
        period="2026-11",
        starts_on="2026-11-01",
        ends_on="2026-11-30",
        opening_pence=0,
        closing_pence=300,
        entries=entries,
    )
    return msgspec.structs.replace(page, **changes)


def test_a_penny_freezes_its_own_entry_alone() -> None:
    page = _page()
    wrong = settling.differences({}, page, {("r", 1): 99, ("s", 1): 200})
    assert [(one.request, one.amount_pence) for one in wrong] == [("r", 99)]
    account = settling.answer(settling.wrote(Account(), page, "h"), [("r", 1)])
    assert (account.open_pence, account.stated) == (200, {("s", 1): 200})
    # The same claim on the next page is told apart from one that was agreed: what was agreed is not owed twice.
    again = settling.differences(account.stated, _page(), {("r", 1): 99, ("s", 1): 200})
    assert [(one.request, one.amount_pence) for one in again] == [("r", 99), ("s", 0)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"prev": "x" * 43}, "wrong_state"),
        ({"opening_pence": 1, "closing_pence": 301}, "wrong_amount"),
        ({"starts_on": "2026-12-05"}, "wrong_state"),
        ({"ends_on": "2026-12-03"}, "wrong_state"),
    ],
)
def test_a_page_that_does_not_follow_is_refused(changes: dict[str, Any], code: str) -> None:
    settling.check(Account(), Account(), _page(), DAY)
    with pytest.raises(ProtocolError) as refused:
        settling.check(Account(), Account(), _page(**changes), DAY)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "changes", "fits"),
    [
        ("month", {}, True),
        ("month", {"ends_on": "2026-11-29"}, False),
        ("week", {"ends_on": "2026-11-29"}, True),
        ("week", {}, False),
        ("month", {"starts_on": "2026-10-01", "ends_on": "2026-10-31"}, False),
        ("month", {"starts_on": "2026-12-01", "ends_on": "2027-02-28"}, True),
        # The last one is written on any day.
        ("month", {"ends_on": "2026-11-24", "final": True}, True),
        ("month", {"ends_on": "2026-11-20", "final": True}, False),
    ],
)
def test_a_page_ends_with_a_period_and_not_before_the_link(kind: str, changes: dict[str, Any], fits: bool) -> None:
    page, since = _page(**changes), date(2026, 11, 23)
    try:
        settling.check_days(Account(), Account(), page, kind, since)
    except ProtocolError as refused:
        assert (refused.code, fits) == ("wrong_state", False)
    else:
        assert fits


def test_an_answer_to_our_page_has_the_days_of_ours() -> None:
    ours = settling.wrote(Account(), _page(), "h")
    settling.check_days(Account(), ours, _page(ends_on="2026-11-29"), "month", date(2026, 11, 23))


def test_no_page_runs_ahead_and_nothing_is_received_or_answered_twice() -> None:
    page = _page()
    waits = settling.wrote(Account(), page, "h")
    later = _page(prev="h", starts_on="2026-12-01", ends_on="2026-12-01")
    for account in (waits, settling.answer(waits), msgspec.structs.replace(settling.answer(waits), even=True)):
        with pytest.raises(ProtocolError, match="settled yet"):
            settling.check(account, Account(), later, DAY)
    even = settling.set_off(settling.answer(waits), 0)
    assert settling.to_set_off(settling.answer(waits), even) is None
    with pytest.raises(ProtocolError):
        settling.answer(even)
    with pytest.raises(ProtocolError):
        settling.receive(settling.receive(even, 300), 1)
    with pytest.raises(ProtocolError):
        settling.receive(waits, 1)
    for told in (("r", 1, 100), ("q", 1, 5)):
        said = SettleDisputed(
            period="p",
            statement_hash="h" * 43,
            entries=(StatementEntry(request=told[0], n=told[1], amount_pence=told[2]),),
        )
        if told[0] == "r":
            with pytest.raises(ProtocolError):
                settling.check_dispute(page, said)


def test_periods_that_are_over() -> None:
    assert settling.period_over("month", date(2026, 12, 1)) == ("2026-11", date(2026, 11, 1), date(2026, 11, 30))
    assert settling.period_over("week", date(2027, 1, 4)) == ("2026-w53", date(2026, 12, 28), date(2027, 1, 3))
