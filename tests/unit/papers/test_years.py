"""A worker's tax year: each release in one week, quarter and year, and all of it adds up to the books."""

from datetime import UTC, date, datetime

from eccoo_node.db.rows import fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import chart, clawback, ledger
from eccoo_node.escrow.rules import Leg
from eccoo_node.kernel.access import NODE
from eccoo_node.papers import actions, queries, worker
from eccoo_node.papers.rules import tax_year
from eccoo_node.papers.sheet import Row
from eccoo_node.record.door import Act
from tests.support import make
from tests.unit.papers.conftest import Circle

YEAR = tax_year(date(2026, 4, 6))


async def pay_out(circle: Circle, amount: int, key: str) -> None:
    """The entries of a payout file and of the bank, which pays it."""
    who, act = circle.books.worker, Act(NODE, "test.pay_out", f"pay {key}")
    async with write():
        for kind, leg in (
            ("paid_out", Leg(chart.worker(who), chart.Account("2290", who), amount)),
            ("payout_sent", Leg(chart.Account("2290", who), chart.BANK, amount)),
        ):
            await ledger.post(act, ledger.Draft(kind=kind, key=f"{kind} {key}", body={}), [leg])


async def test_mileage_and_shopping_stand_apart(circle: Circle) -> None:
    books = circle.books
    await books.top_up(20_000)
    await circle.went(await circle.visit(travel_pence=360))
    line = "expense:1"
    assert await escrow.set_aside(NODE, line, books.payer, books.person, books.worker, 0, 1500, "shopping")
    await escrow.release(NODE, line, "bought", travel_pence=1245)
    earned, _ = await worker.reckon(books.worker, YEAR)
    assert (earned.whole.travel_pence, earned.whole.expenses_pence, earned.closing_pence) == (360, 1245, 5100 + 1605)
    circle.node.clock.set(datetime(2027, 4, 6, 9, tzinfo=UTC))
    blocks = (await queries.paper(await actions.make_year(NODE, books.worker, 2026))).sheet.blocks
    assert blocks[0].rows[-2:] == [Row("Mileage and tickets", "£3.60"), Row("Expenses, such as shopping", "£12.45")]
    for block, ends in (
        (blocks[1], ["£51.00", "£3.60", "£12.45", "£0.00"]),
        (blocks[2], ["£51.00", "£3.60", "£12.45"]),
    ):
        assert block.tables[0].rows[0][-len(ends) :] == ends
        assert block.tables[0].head[-len(ends) :] == ["Yours", "Travel", "Expenses", "Paid out"][: len(ends)]


async def test_the_year_turns_between_two_visits_and_quarters_add_up(circle: Circle) -> None:
    who, keeper, clock = circle.books.worker, circle.books.treasurer, circle.node.clock
    clock.set(datetime(2026, 4, 1, 9, tzinfo=UTC))
    await escrow.set_schedule(keeper, 750, 1500, decision_id=await make.decision())
    await circle.books.top_up(100_000)
    lines = [await circle.visit(day, travel_pence=360) for day in range(6)]
    # Half past eleven at night by the circle's clock, and an hour later: 5 and 6 April.
    for line, at in zip(lines, (datetime(2026, 4, 5, 22, 30), datetime(2026, 4, 5, 23, 30)), strict=False):  # noqa: DTZ001
        clock.set(at.replace(tzinfo=UTC))
        await circle.went(line)
    clock.set(datetime(2026, 7, 5, 22, 59, 59, tzinfo=UTC))
    await circle.went(lines[2])
    clock.set(datetime(2026, 7, 5, 23, tzinfo=UTC))
    await escrow.pay_cancelled(NODE, lines[3], 5000, "late")
    await pay_out(circle, 4000, "july")
    link = "0" * 36
    await escrow.owe_worker_from(
        NODE, link, "away:1", who, 4000, 0, payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="away"
    )
    clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    await clawback.claw_back(NODE, lines[2], "back", fee_pence=1000, because="Both agreed")
    await circle.node.settle()
    clock.set(datetime(2027, 4, 6, 9, tzinfo=UTC))
    await circle.went(lines[4])

    earned, did = await worker.reckon(who, YEAR)
    assert earned.opening_pence == 5460
    whole = earned.whole
    assert (whole.fees_pence, whole.cancelled_pence, whole.taken_back_pence) == (19_000, 3000, 1000)
    assert (whole.commission_pence, whole.net_pence) == (2700, 15_300)
    assert (whole.travel_pence, whole.paid_pence, whole.other_pence) == (720, 4000, 0)
    assert [(period.first, sums.fees_pence) for period, sums in earned.quarters] == [
        (date(2026, 4, 6), 12_000), (date(2026, 7, 6), 7000), (date(2026, 10, 6), 0),
    ]  # fmt: skip
    assert sum((sums for _, sums in earned.quarters), worker.Sums()) == whole
    assert [(part.period.first, part.payer, part.sums.fees_pence) for part in earned.parts] == [
        (date(2026, 4, 6), "Ada", 6000), (date(2026, 6, 6), "Ada", 6000), (date(2026, 7, 6), "Ada", 3000),
        (date(2026, 7, 6), "another circle", 4000), (date(2026, 11, 6), "Ada", 0),
    ]  # fmt: skip
    assert len(did) == 5
    books = await fetch_value(
        "SELECT CAST(SUM(-balance_pence) AS BIGINT) FROM account WHERE holder = ? AND code IN ('1300', '2200', '2210', '2290')",
        who,
    )
    assert earned.closing_pence == books - 5460
    assert earned.books_entry > 0

    paper = await queries.paper(await actions.make_year(NODE, who, 2026))
    assert (paper.called, paper.title) == ("Y-1", "What you earned, 6 April 2026 to 5 April 2027")
    assert paper.sheet.lead[1] == "This does not include income from elsewhere."
    assert paper.sheet.blocks[0].rows == [
        Row("Owed to you on 6 April 2026", "£54.60"),
        Row("Fees for your visits", "£190.00", "£30.00 of it for visits that were called off too late."),
        Row("Fees that were taken back", "−£10.00"),
        Row("What the circle takes of them", "−£27.00"),
        Row("Mileage and tickets", "£7.20"),
        Row("Paid out to you", "−£40.00"),
    ]
    assert paper.sheet.blocks[0].total == Row("Owed to you on 5 April 2027", "£174.80")
    assert any(len(line.rpartition(" ")[2]) == 64 for line in paper.sheet.foot)
