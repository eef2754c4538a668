"""A whole circle as a test plays it: every door that moves money, a step each, with the invariants of money.md A5 after it."""

import csv
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import eccoo_node.expenses.plans  # noqa: F401 (who knows what plans allow)
from eccoo_node.db.rows import fetch, fetch_value, insert
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, between, clawback, corrections, owing, queries, treasury
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.rules import FRONT_LIMIT
from eccoo_node.escrow.sharing import Fund
from eccoo_node.escrow.tables import Pause
from eccoo_node.escrow.verify import check_inside
from eccoo_node.expenses.actions import allow_plan
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Refusal
from eccoo_node.members import queries as members
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts import giving
from eccoo_node.payouts.rules import PAYOUT_ALONE
from tests.support import make
from tests.support import statements as banks
from tests.support.banking import Bank
from tests.support.escrow_invariants import (
    Seen,
    a5_13_each_release_in_one_period,
    a5_14_hours_and_weeks_are_local,
    a5_15_erasing_and_exports_change_nothing,
    hold,
    see,
    spare_pence,
)  # fmt: skip
from tests.support.node import Node
from tests.support.pages_agree import pages_agree
from tests.support.payouts import Circle

# The clocks go forward on the 29th, and a tax year ends on the 5th of April.
START = datetime(2026, 3, 25, 9, tzinfo=UTC)
# Both ends of this link lie in these books, so that each is the mirror of the other; of the other one only ours does.
MIRROR, AWAY = "mirror", "away"


class Play:
    """A circle of two people, and what happens in it, step by step. She has money of her own, the council’s ahead and a fund
    that pays after; he has his own."""

    def __init__(self, node: Node, bank: Bank, circle: Circle) -> None:
        self.node, self.bank, self.circle = node, bank, circle
        self.books, self.by = bank.books, circle.treasurer
        self.made = 0
        self.plan_allows = (False, True)
        self.lines: list[str] = []
        self.across_: list[tuple[str, int]] = []
        self.owed_: list[tuple[str, int]] = []
        self.imported: list[Any] = []
        self.done: list[tuple[Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]] = []
        self.seen: Seen | None = None

    async def begin(self) -> "Play":
        self.bill = await make.person("Bill")
        self.employed = await make.worker("Lark")
        council = await make.payer(self.books.person, fund="council")
        after = await make.payer(self.books.person, await make.person("Council"), fund="nhs")
        self.payers = [self.books.payer, council, after, await make.payer(self.bill)]
        self.workers = [self.books.worker, self.books.other, self.employed]
        for worker, number in zip(self.workers[:2], ("12349876", "55667788"), strict=True):
            await self.circle.details(worker, number)
        for figure in (FRONT_LIMIT, PAYOUT_ALONE):
            await decide_figure(NODE, figure, 10_000_00, decision_id=await make.decision("As much as that."))
        self.decision = await make.decision("Shares may go out.")
        return self

    async def do(self, name: str, given_: tuple[Any, ...], may_be: Collection[str], ran: Counter[str]) -> str:
        """One step and every invariant after it; the code with which it was refused, one of `may_be`, or nothing."""
        self.made += 1
        try:
            async with write():
                if await getattr(self, name)(f"key {self.made}", *given_) is not False:
                    ran[name] += 1
        except Refusal as refused:
            if refused.code not in may_be:
                raise
            return refused.code
        self.seen = await hold(self.seen, MIRROR)
        return ""

    async def act(self, door: Callable[..., Awaitable[Any]], *sure: Any, pence_: int, key: str, **more: Any) -> Any:
        """A door that takes a sum and a key; kept, to be asked again."""
        answer = await door(*sure, pence_, key, **more)
        self.done.append((partial(door, *sure, pence_, key, **more), partial(door, *sure, pence_ + 1, key, **more)))
        return answer

    async def line_act(self, door: Callable[..., Awaitable[Any]], line: str, key: str, name: str, **given_: Any) -> Any:
        """The same for what is done to a line; `name`: which of its sums is another, asked once more."""
        answer = await door(NODE, line, key=key, **given_)
        other = given_ | {name: given_[name] + 1}
        self.done.append((partial(door, NODE, line, key=key, **given_), partial(door, NODE, line, key=key, **other)))
        return answer

    @staticmethod
    def one_of(found: list[Any], number: int) -> Any:
        return found[number % len(found)]

    async def again(self, key: str, number: int, same: bool) -> bool | None:
        """A5.3: the same key and body give the same and change nothing; another body is refused."""
        if not self.done:
            return False
        await self.once_more(*self.one_of(self.done, number), same)
        return None

    async def once_more(
        self, call: Callable[[], Awaitable[Any]], other: Callable[[], Awaitable[Any]], same: bool
    ) -> None:
        before = await fetch_value("SELECT COUNT(*) FROM posting")
        if same:
            await call()
        else:
            with pytest.raises(Refusal) as refused:
                await other()
            assert refused.value.code == "key_reused"
        assert await fetch_value("SELECT COUNT(*) FROM posting") == before

    async def days(self, key: str, number: int) -> None:
        self.node.clock.move(timedelta(days=number, hours=7))

    async def midnight(self, key: str, quarter: bool, before: bool) -> bool | None:
        """The moment in which the next quarter begins, or the next week; or the last second before it."""
        zone, now = clock.zone(), clock.now()
        day = clock.week_of(now, zone) + timedelta(days=7)
        if quarter:
            month = now.astimezone(zone).replace(day=1)
            while month <= now or month.month % 3 != 1:
                month = (month + timedelta(days=32)).replace(day=1)
            day = month.date()
        at = clock.day_bounds(day, zone)[0] - timedelta(seconds=int(before))
        if at <= now:
            return False
        self.node.clock.set(at)
        return None

    async def top_up(self, key: str, payer: int, amount: int) -> None:
        await self.act(actions.top_up, self.by, self.payers[payer], pence_=amount, key=key)

    async def schedule(self, key: str, add: int, deduct: int, bears: bool, vat: int) -> None:
        await actions.set_schedule(
            self.by, add, deduct, decision_id=self.decision, cancelled_bears=bears, vat_bps=vat
        )  # fmt: skip

    async def plan(self, key: str, shopping: bool, travel: bool) -> None:
        await allow_plan(self.by, payer_id=self.payers[1], allows=shopping, travel=travel, rests_on="A letter")
        self.plan_allows = shopping, travel

    async def aside(
        self, key: str, reference: str, payer: int, worker: str, fee: int, travel: int, **more: Any
    ) -> bool:
        person = self.bill if payer == 3 else self.books.person
        done = await actions.set_aside(
            NODE, reference, self.payers[payer], person, worker, fee, travel, key, **more
        )  # fmt: skip
        # A5.8: public money went to 2210 only within its plan.
        paying = [fund.payer_id for fund in more.get("funds", ())] or [self.payers[payer]]
        if done and travel and self.payers[1] in paying:
            assert self.plan_allows[reference.startswith("visit")]
        return done

    async def visit(self, key: str, payer: int, worker: int, fee: int, travel: int, both: bool) -> bool:
        now, reference = await queries.schedule_now(), f"visit:{self.made}"
        employed, funds = worker == 2, []
        whole = fee + travel + (0 if employed else fee * now.payer_add_bps // 10_000)
        if both and payer < 3 and whole > 3:
            pays = (1, 2) if payer == 2 else (payer, 2)
            parts = (whole - whole // 3, whole // 3)
            funds = [Fund(self.payers[n], pence_, n == 2) for n, pence_ in zip(pays, parts, strict=True)]
            payer = pays[0]
        done = await self.aside(
            key, reference, payer, self.workers[worker], fee, travel, employed=employed, funds=funds,
            arrears=payer == 2 and not funds,
        )  # fmt: skip
        if done:
            self.lines.append(reference)
        return done

    async def stray(self, key: str, payer: int, fee: int) -> None:
        """A5.8: nobody pays for another."""
        other = self.books.person if payer == 3 else self.bill
        with pytest.raises(Refusal) as refused:
            await actions.set_aside(NODE, f"visit:{self.made}", self.payers[payer], other, self.workers[0], fee, 0, key)
        assert refused.value.code == "not_their_payer"

    async def shop(self, key: str, payer: int, ceiling: int) -> bool:
        done = await self.aside(key, f"expense:{self.made}", payer, self.books.worker, 0, ceiling)
        if done:
            self.lines.append(f"expense:{self.made}")
        return done

    async def line(self, number: int) -> queries.Booking:
        return await queries.booking(self.one_of(self.lines, number) if self.lines else "none", lock=True)

    async def cover(self, key: str, number: int, fee: int, travel: int) -> bool:
        old, new = await self.line(number), f"visit:{self.made}"
        done = await actions.move_line(NODE, old.reference, new, self.books.other, fee, travel, key)
        if done:
            self.lines.append(new)
        return done

    async def went(self, key: str, number: int, share: int) -> None:
        found = await self.line(number)
        due = found.terms.fee_pence * share // 100
        await self.line_act(actions.release, found.reference, key, "part_pence", part_pence=due)

    async def off(self, key: str, number: int) -> None:
        await actions.return_line(NODE, (await self.line(number)).reference, key)

    async def late(self, key: str, number: int, share: int) -> None:
        line = (await self.line(number)).reference
        await self.line_act(actions.pay_cancelled, line, key, "share_bps", share_bps=share)

    async def wrong(self, key: str, number: int, share: int) -> None:
        found = await self.line(number)
        fee = found.terms.fee_pence * share // 100
        await self.line_act(corrections.dispute, found.reference, key, "fee_pence", fee_pence=fee)

    async def agreed(self, key: str, number: int, share: int, keep: bool) -> bool | None:
        if not self.lines:
            return False
        found = await self.line(number)
        fee, travel = found.state.disputed_fee_pence * share // 100, found.state.disputed_travel_pence * share // 100
        await self.line_act(
            corrections.resolve, found.reference, key, "fee_pence", fee_pence=fee, travel_pence=travel, because="Both",
            keep_rest=keep,
        )  # fmt: skip
        return None

    async def back(self, key: str, number: int, share: int, travel: int) -> bool | None:
        if not self.lines:
            return False
        found = await self.line(number)
        fee, way = self.of(found, share, travel)
        await self.line_act(
            clawback.claw_back,
            found.reference,
            key,
            "fee_pence",
            fee_pence=fee,
            travel_pence=way,
            because="Both agreed",
        )
        return None

    @staticmethod
    def of(found: queries.Booking, share: int, travel: int) -> tuple[int, int]:
        """So many hundredths of the fee and of the travel that was let go."""
        return found.state.released_fee_pence * share // 100, found.state.released_travel_pence * travel // 100

    # ------------------------------------------------------------ circles

    async def across(self, key: str, fee: int, travel: int, add: int, deduct: int, home: int) -> bool:
        reference = f"visit:{self.made}"
        if not await self.aside(key, reference, 0, "theirs", fee, travel, across=Across(MIRROR, home, add, deduct)):
            return False
        await actions.release(NODE, reference, f"{key} went")
        await actions.owe_worker_from(
            NODE, MIRROR, f"claim:{self.made}", self.books.worker, fee, travel, payer_add_bps=add,
            worker_deduct_bps=deduct, home_share_bps=home, key=f"{key} owed",
        )  # fmt: skip
        self.across_.append((reference, self.made))
        return True

    async def across_back(self, key: str, number: int, share: int, travel: int) -> bool | None:
        if not self.across_:
            return False
        reference, n = self.one_of(self.across_, number)
        fee, way = self.of(await queries.booking(reference), share, travel)
        both = {"fee_pence": fee, "travel_pence": way}
        await clawback.claw_back(NODE, reference, key, **both, because="Both circles agreed")
        await clawback.owe_back(NODE, f"claim:{n}", f"{key} there", **both)
        await corrections.resolve(NODE, reference, f"{key} settled", fee_pence=0, because="Both circles agreed")
        return None

    async def set_off(self, key: str, amount: int) -> None:
        await self.act(between.set_off, self.by, MIRROR, pence_=amount, key=key)

    async def made_even(self, key: str, amount: int) -> None:
        await between.circle_paid(self.by, MIRROR, amount, key)
        await between.paid_circle(self.by, MIRROR, amount, f"{key} sent")

    async def owed(self, key: str, fee: int, travel: int) -> None:
        await actions.owe_worker_from(
            NODE, AWAY, f"claim:{self.made}", self.books.other, fee, travel, payer_add_bps=0, worker_deduct_bps=1500,
            home_share_bps=5000, key=key,
        )  # fmt: skip
        self.owed_.append((f"claim:{self.made}", fee))

    async def owed_back(self, key: str, number: int, share: int, travel: int) -> bool | None:
        if not self.owed_:
            return False
        reference, _ = self.one_of(self.owed_, number)
        fee, way = self.of(await queries.booking(reference), share, travel)
        await self.line_act(clawback.owe_back, reference, key, "fee_pence", fee_pence=fee, travel_pence=way)
        return None

    async def circle_paid(self, key: str, amount: int) -> None:
        await self.act(between.circle_paid, self.by, AWAY, pence_=amount, key=key)

    async def front(self, key: str, amount: int) -> None:
        await self.act(between.front, self.by, AWAY, pence_=amount, key=key)

    # ------------------------------------------------------------ the bank

    async def batch(self, key: str) -> None:
        """A5.12: the file's total is the batch's and what the entries moved; made again, it is the same to the byte."""
        before = await self.in_transit()
        made = await payouts.make_batch(self.by, pay_on=clock.today(), key=key)
        await payouts.file_batch(self.by, made)
        amounts = [row[0] for row in await fetch("SELECT amount_pence FROM payout_payment WHERE batch_id = ?", made)]
        assert await self.in_transit() - before == sum(amounts) - await fetch_value(
            "SELECT COALESCE(SUM(amount_pence), 0) FROM payout_payment WHERE batch_id = ? AND kind <> 'worker'", made
        )
        if sum(amounts):
            file, twice = [await payouts.take_file(self.by, made, "csv") for _ in range(2)]
            assert file.data == twice.data
            rows = csv.reader(file.data.decode().splitlines())
            assert sum(round(float(row[3]) * 100) for row in rows) == sum(amounts)

    async def in_transit(self) -> int:
        return -int(await fetch_value("SELECT COALESCE(SUM(balance_pence), 0) FROM account WHERE code = '2290'"))

    async def payment(self, number: int) -> str:
        rows = await fetch(
            "SELECT id FROM payout_payment WHERE state IN ('sent', 'paid') AND amount_pence > 0 ORDER BY id"
        )
        return str(rows[number % len(rows)][0]) if rows else ""

    async def paid(self, key: str, number: int) -> bool | None:
        if not (one := await self.payment(number)):
            return False
        await payouts.confirm_paid(self.by, one, on=clock.today(), key=key)
        return None

    async def bounced(self, key: str, number: int) -> bool | None:
        if not (one := await self.payment(number)):
            return False
        await payouts.bounced(self.by, one, on=clock.today(), key=key, because="Came back")
        worker = await fetch_value("SELECT person_id FROM payout_payment WHERE id = ?", one)
        if worker in self.workers:
            await self.circle.sure(worker, ("12349876", "55667788")[self.workers.index(worker)])
        return None

    async def recover(self, key: str, most: int) -> None:
        own = await members.actor_for(self.books.worker)
        await giving.agree_recovery(own, self.books.worker, most_pence=most)

    async def pause(self, key: str, number: int, amount: int) -> bool | None:
        if not self.lines:
            return False
        found = await self.line(number)
        if await fetch("SELECT 1 FROM pause WHERE line_id = ?", found.id):
            return False
        await insert(
            Pause(
                line_id=found.id, worker_id=found.worker_id, amount_pence=amount, set_by="s", from_at=clock.now(),
                until_at=clock.now() + timedelta(days=7), ended_at=None,
            )
        )  # fmt: skip
        return None

    async def statement(self, key: str, amount: int) -> None:
        """A5.11: two identical lines are both kept, and files that overlap change nothing twice."""
        before = await fetch_value("SELECT COUNT(*) FROM bank_line")
        self.imported += [banks.line("2026-03-25", amount, "from somebody")] * 2
        assert (await self.bank.imports(self.imported)).lines_new == 2
        postings = await fetch_value("SELECT COUNT(*) FROM posting")
        assert (await self.bank.imports(self.imported)).lines_new == 0
        assert await fetch_value("SELECT COUNT(*) FROM posting") == postings
        rows = await fetch("SELECT amount_pence, balance_pence FROM bank_line ORDER BY id")
        assert len(rows) == before + 2
        assert rows[-1][1] == sum(row[0] for row in rows), "opening + lines = closing"

    # ------------------------------------------------------------ what a treasurer writes

    async def write_off(self, key: str, amount: int) -> None:
        await self.act(owing.write_off, self.by, self.books.worker, pence_=amount, key=key, because="The meeting")

    async def refund(self, key: str, payer: int, amount: int) -> None:
        await self.act(treasury.refund, self.by, self.payers[payer], pence_=amount, key=key)

    async def goodwill(self, key: str, payer: int, amount: int) -> None:
        await self.act(treasury.goodwill, self.by, self.payers[payer], pence_=amount, key=key, because="Sorry")

    async def gift(self, key: str, amount: int, restricted: bool) -> None:
        await self.act(treasury.donation, self.by, pence_=amount, key=key, fund="hoists" if restricted else "")

    async def sweep(self, key: str, share: int) -> bool | None:
        """A5.7: of what is spare any part may be swept, and not a penny more than all of it."""
        spare = spare_pence(await see())
        with pytest.raises(Refusal) as refused:
            await treasury.sweep(self.by, spare + 1, f"{key} more")
        assert refused.value.code in {"cash_short", "short_1000"}
        if not (amount := spare * share // 100):
            return False
        await self.act(treasury.sweep, self.by, pence_=amount, key=key)
        return None

    async def card(self, key: str, payer: int, amount: int) -> None:
        await self.act(treasury.gateway_top_up, self.by, self.payers[payer], pence_=amount, key=key)

    async def left(self, key: str, payer: int, amount: int) -> None:
        await self.act(treasury.refund_left, self.by, self.payers[payer], pence_=amount, key=key)

    async def finder(self, key: str, payer: int, amount: int, yes: bool) -> None:
        agreed = "They said yes by phone" if yes else ""
        await self.act(treasury.finders_fee, self.by, self.payers[payer], pence_=amount, key=key, agreed=agreed)

    async def share(self, key: str, amount: int) -> None:
        await treasury.share_applied(self.by, self.bill, amount, key)
        await treasury.share_allotted(
            self.by, self.bill, amount - amount // 3, f"{key} allotted", decision_id=self.decision
        )

    async def share_out(self, key: str, amount: int) -> None:
        decided = await make.decision(about="shares_out")
        await treasury.share_withdrawn(self.by, self.bill, amount, key, decision_id=decided, because="She moves away.")

    async def undo(self, key: str, number: int) -> bool | None:
        entries = [row[0] for row in await fetch("SELECT id FROM entry ORDER BY id DESC LIMIT 13")]
        if not entries:
            return False
        entry = self.one_of(entries, number)
        link = await fetch_value(
            "SELECT l.link_id FROM entry e LEFT JOIN line l ON l.id = e.line_id WHERE e.id = ?", entry
        )
        if link == MIRROR:
            # One end of a link is not undone without the other.
            return False
        await corrections.reverse(self.by, entry, key, because="A slip")
        # A5.6: a second full reversal is refused.
        with pytest.raises(Refusal):
            await corrections.reverse(self.by, entry, f"{key} twice", because="A slip")
        return None

    async def end(self) -> None:
        """What is asked once; and `verify` finds nothing either."""
        for call, other in self.done:
            await self.once_more(call, other, same=True)
            await self.once_more(call, other, same=False)
        await pages_agree(self.by, self.payers, self.workers[:2])
        now = clock.now() + timedelta(seconds=1)
        await a5_13_each_release_in_one_period(START, now)
        a5_14_hours_and_weeks_are_local(now)
        await a5_15_erasing_and_exports_change_nothing([self.books.person, self.bill, self.books.worker])
        await check_inside()
