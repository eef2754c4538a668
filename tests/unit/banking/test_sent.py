"""Payments of ours in what the bank says: each is confirmed once and comes back once, whichever file is read first."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from eccoo_node.banking import arriving, checking, importing, kept, leaving, queries, sent, todo
from eccoo_node.banking.sent import Moved, Sent
from eccoo_node.banking.statements.model import StatementLine
from eccoo_node.db.rows import fetch
from eccoo_node.escrow import treasury
from eccoo_node.escrow.verify import verify
from eccoo_node.kernel.errors import Conflict, Forbidden
from eccoo_node.payouts import actions as payouts
from eccoo_node.payouts.queries import InTransit
from tests.support.banking import Bank, open_bank
from tests.support.escrow import shares_out
from tests.support.node import Node
from tests.support.payouts import TODAY, Circle, hatted, payments, trial
from tests.support.statements import line

DAY = TODAY.isoformat()


async def open_both() -> tuple[Bank, Circle]:
    bank = await open_bank()
    return bank, Circle(bank.books, await hatted("Fay", "facilitator"))


async def of_two(circle: Circle, key: str = "b1") -> tuple[str, list[str], list[str]]:
    """A sent batch of £51 to Wren and £25.50 to Robin; its payments and their references, Robin's first."""
    await circle.earns(circle.books.worker, 6000)
    await circle.earns(circle.books.other, 3000)
    await circle.details(circle.books.worker)
    await circle.details(circle.books.other, "87651234")
    batch = await circle.sent(key)
    references = await fetch("SELECT reference FROM payout_payment WHERE batch_id = ? ORDER BY n", batch)
    return batch, await payments(batch), [row[0] for row in references]


async def states(batch: str) -> list[str]:
    return [row[0] for row in await fetch("SELECT state FROM payout_payment WHERE batch_id = ? ORDER BY n", batch)]


async def offered(bank: Bank, line_id: int) -> list[tuple[str, str]]:
    """What the page says that a line which left may have been, before what any line may be."""
    found = (await kept.waiting_line(bank.books.treasurer, line_id)).line
    options = leaving.options(found, await leaving.waiting(bank.books.treasurer), [], await queries.called(), False)
    return [(one.what, one.words) for one in options if one.what in {"payout", "batch", "refund_left", "share_paid"}]


async def planned(bank: Bank, lines: list[StatementLine]) -> list[str]:
    one = await queries.draft(bank.books.treasurer, await bank.reads(lines))
    return [each.what for each in (await checking.look(bank.books.treasurer, one.account, one.statement)).planned]


async def test_a_batch_is_confirmed_line_by_line_over_two_files_and_a_payment_comes_back(node: Node) -> None:
    bank, circle = await open_both()
    batch, (of_robin, of_wren), (robins, wrens) = await of_two(circle)
    first = line(DAY, -5100, f"{wrens.lower()} FP", "WREN BIRD")
    rest = [
        first, line(DAY, -2550, robins, "ROBIN"), line(DAY, -2550, robins, "ROBIN"),
        line(DAY, 5100, f"RETURNED {wrens}", "WREN BIRD"),
    ]  # fmt: skip
    assert await planned(bank, rest) == ["payout", "payout", "waits", "came_back"]
    assert (await bank.imports([first])).lines_new == 1
    assert await states(batch) == ["sent", "paid"]
    assert await trial() == {"1000": 3900, "2290": -2550, "4000": -1350}
    # Two imports of the longer file at once write it once; a payment that leaves a second time is asked about.
    drafts = [await bank.reads(rest) for _ in range(2)]
    written = await asyncio.gather(*(importing.write_statement(bank.books.treasurer, one) for one in drafts))
    assert sorted(one.lines_new for one in written) == [0, 3]
    assert await states(batch) == ["paid", "bounced"]
    assert await trial() == {"1000": 6450, "2200": -5100, "4000": -1350}
    assert await bank.ends() == [
        (-5100, "payout", 5100), (-2550, "payout", 2550), (-2550, None, None), (5100, "came_back", 5100),
    ]  # fmt: skip
    assert await offered(bank, await bank.line(-2550)) == []
    linked = await fetch(
        "SELECT x.about, e.kind FROM bank_line_end x JOIN entry e ON e.id = x.entry_id WHERE x.what = 'payout' ORDER BY x.id"
    )
    assert [tuple(row) for row in linked] == [(of_wren, "payout_paid"), (of_robin, "payout_paid")]
    assert (await bank.imports(rest)).lines_new == 0
    await verify()


async def test_a_whole_batch_in_one_line_is_offered_and_one_payment_by_its_sum(node: Node) -> None:
    bank, circle = await open_both()
    batch, (_, of_wren), _ = await of_two(circle)
    by = bank.books.treasurer
    await bank.imports([line(DAY, -7650, "FASTER PAYMENTS"), line(DAY, -5100, "WREN BIRD")])
    assert await states(batch) == ["sent", "sent"]
    whole, single = await bank.line(-7650), await bank.line(-5100)
    assert await offered(bank, whole) == [("batch", "All 2 payments of the batch of 23 November 2026")]
    assert await offered(bank, single) == [("payout", "The payment to Wren")]
    with pytest.raises(Conflict, match="of another sum"):
        await leaving.explain(by, single, "batch", batch)
    for _ in range(2):
        await leaving.explain(by, whole, "batch", batch)
    with pytest.raises(Conflict):
        await leaving.explain(by, single, "payout", of_wren)
    assert await offered(bank, single) == []
    assert await states(batch) == ["paid", "paid"]
    assert await trial() == {"1000": 1350, "4000": -1350}
    # It comes back with nothing that says so: nobody's, until somebody says which payment it was.
    await bank.imports([line(DAY, 5100, "UNABLE TO APPLY")])
    back = await bank.line(5100)
    assert (await trial())["2090"] == -5100
    for _ in range(2):
        await arriving.explain(by, back, "came_back", payment_id=of_wren)
    with pytest.raises(Conflict, match="already said"):
        await arriving.explain(by, back, "gift")
    assert await states(batch) == ["paid", "bounced"]
    assert await trial() == {"1000": 6450, "2200": -5100, "4000": -1350}
    await verify()


async def test_ones_own_payment_comes_back_by_its_reference_and_not_by_ones_own_word(node: Node) -> None:
    bank, circle = await open_both()
    by, theo = bank.books.treasurer, await hatted("Theo", "treasurer")
    for fee, number in ((6000, "b1"), (2000, "b2")):
        await circle.earns(by.person_id, fee)
        await circle.details(by.person_id)
        await payouts.file_batch(theo, await payouts.make_batch(theo, pay_on=TODAY, key=number))
    first, second = [tuple(row) for row in await fetch("SELECT id, reference FROM payout_payment ORDER BY reference")]
    await bank.imports([line(DAY, -5100, first[1]), line(DAY, -1700, second[1])])
    await bank.imports([line(DAY, 5100, f"RETURNED {first[1]}"), line(DAY, 1700, "UNABLE TO APPLY")])
    back = await bank.line(1700)
    assert [row[0] for row in await fetch("SELECT state FROM payout_payment ORDER BY reference")] == ["bounced", "paid"]
    with pytest.raises(Forbidden, match="Another treasurer"):
        await arriving.explain(by, back, "came_back", payment_id=second[0])
    await arriving.explain(theo, back, "came_back", payment_id=second[0])
    assert {row[0] for row in await fetch("SELECT state FROM payout_payment")} == {"bounced"}
    await verify()


async def test_what_comes_back_before_it_was_seen_to_leave_moves_the_books_once(node: Node) -> None:
    bank, circle = await open_both()
    batch, (of_robin, _), (robins, wrens) = await of_two(circle)
    # One file, the return first; and one that came back before the line of the whole batch.
    await bank.imports([line(DAY, 5100, wrens), line(DAY, -5100, wrens)])
    assert await states(batch) == ["sent", "bounced"]
    assert await trial() == {"1000": 9000, "2200": -5100, "2290": -2550, "4000": -1350}
    # A treasurer's own word comes before the statement: the line is that payment, and nothing moves.
    await payouts.confirm_paid(bank.books.treasurer, of_robin, on=TODAY, key="by hand")
    await bank.imports([line(DAY, -2550, robins)])
    assert (await bank.ends())[-1] == (-2550, "payout", 2550)
    assert await trial() == {"1000": 6450, "2200": -5100, "4000": -1350}
    await circle.sure(circle.books.worker)
    await circle.earns(circle.books.other, 4000)
    second = await circle.sent("b2")
    (robins, wrens) = [
        row[0] for row in await fetch("SELECT reference FROM payout_payment WHERE batch_id = ? ORDER BY n", second)
    ]
    await bank.imports([line(DAY, 5100, wrens), line(DAY, -8500, f"BATCH 2 {circle.books.other}")])
    whole = await bank.line(-8500)
    assert (await offered(bank, whole))[0] == ("batch", "All 2 payments of the batch of 23 November 2026")
    await leaving.explain(bank.books.treasurer, whole, "batch", second)
    assert await states(second) == ["paid", "bounced"]
    assert await trial() == {"1000": 7050, "2200": -5100, "4000": -1950}
    assert await kept.waiting_lines(bank.books.treasurer) == []
    await verify()


async def test_a_refund_and_shares_in_a_batch_are_written_once(node: Node) -> None:
    bank, circle = await open_both()
    books, by = bank.books, bank.books.treasurer
    await circle.details(books.person, name="Ada")
    await books.top_up(10_000)
    await treasury.refund(by, books.payer, 4000, "refund")
    await shares_out(books, 2500)
    refunds, shares = await circle.sent(), await circle.sent("b2", bank="1010")
    (reference,) = [row[0] for row in await fetch("SELECT reference FROM payout_payment WHERE batch_id = ?", shares)]
    before = await trial()
    for again in (
        treasury.refund_left(by, books.payer, 4000, "by hand"), treasury.share_paid(by, books.person, 2500, "by hand"),
    ):  # fmt: skip
        with pytest.raises(Conflict, match="on its way in a batch"):
            await again
    assert await trial() == before
    # Of another sum it is only offered; to the penny it is the payment, also with the payer's own reference.
    theirs = await bank.reference()
    await bank.imports([line(DAY, -3999, theirs), line(DAY, -4000, "ADA"), line(DAY, -4000, theirs)])
    assert await states(refunds) == ["paid"]
    assert await bank.ends() == [(-3999, None, None), (-4000, None, None), (-4000, "payout", 4000)]
    assert await offered(bank, await bank.line(-3999)) == []
    await bank.imports([line(DAY, -2500, reference), line(DAY, 2500, reference)], code="1010")
    assert await states(shares) == ["bounced"]
    after = await trial()
    assert after == {code: total for code, total in before.items() if code != "2500"} | {"1000": before["1000"] - 4000}
    await verify()


async def test_the_treasurer_is_told_what_waits_and_that_no_file_was_read(node: Node) -> None:
    bank, _ = await open_both()
    by = bank.books.treasurer
    assert await todo.for_treasurer(by) == []
    await bank.imports([line("2026-11-02", 100, "x"), line("2026-11-02", 200, "y")])
    node.clock.move(timedelta(days=11))
    told = [(one.title, one.path, one.words) for one in await todo.for_treasurer(by)]
    assert told == [
        ("Two payments nobody has explained", "/money/inbox", "Say whose money it is, or what it was."),
        (
            "The bank’s file has not been read for a while", "/money/bank",
            "Money we look after: not for 11 days. The circle’s own money: not for 11 days. Money kept apart: not for 11 days.",
        ),
    ]  # fmt: skip
    await bank.imports([line("2026-11-03", 100, "x")])
    assert (await todo.for_treasurer(by))[
        1
    ].words == "The circle’s own money: not for 11 days. Money kept apart: not for 11 days."


@pytest.mark.parametrize(
    "text, reference, carries",
    [
        ("TO WREN, hebden circle 12-3, FP", "HEBDEN CIRCLE 12-3", True),
        ("HEBDENCIRCLE12-3", "HEBDEN CIRCLE 12-3", True),
        ("HEBDEN CIRCLE 12 3 23/11", "HEBDEN CIRCLE 12-3", True),
        ("HEBDEN CIRCLE 12-31", "HEBDEN CIRCLE 12-3", False),
        ("HEBDEN CIRCLE 12-3-4", "HEBDEN CIRCLE 12-3", False),
        ("HEBDEN CIRCLE 112-3", "HEBDEN CIRCLE 12-3", False),
        ("HEBDEN CIRCLE 123", "HEBDEN CIRCLE 12-3", False),
        ("OLDHEBDEN CIRCLE 12-3", "HEBDEN CIRCLE 12-3", False),
        ("TEAM 1 2-3", "TEAM 1 2-3", True),
        ("TEAM 12-3", "TEAM 1 2-3", False),
        ("paid on 12-3", "12-3", False),
        ("A.B 1-1", "A.B 1-1", True),
        ("AXB 1-1", "A.B 1-1", False),
    ],
)
def test_a_reference_is_carried_whole_or_not_at_all(text: str, reference: str, carries: bool) -> None:
    assert sent.carries(text, reference) is carries


def test_a_line_is_a_payment_only_of_its_account_its_day_and_its_payer() -> None:
    filed = datetime(2026, 11, 23, 12, tzinfo=UTC)
    one = InTransit(
        "p", "b", 1, "1000", "worker", "wren", "Wren", "W Bird", 5100, "HEBDEN 1-1", TODAY, filed, "sent", False
    )
    other = Sent(InTransit(*[getattr(one, name) for name in one.__struct_fields__[:9]], "HEBDEN 1-2", TODAY, filed, "sent", False))  # fmt: skip
    mine, line_ = Sent(one), Moved("1000", TODAY, 5100, "HEBDEN 1-1")
    assert sent.that_left(line_, [mine, other]) == mine
    assert sent.that_came_back(line_, [mine, other], "wren") == mine
    assert sent.that_came_back(line_, [mine], "ada") is None
    for wrong in (
        Moved("1010", TODAY, 5100, "HEBDEN 1-1"), Moved("1000", date(2026, 11, 22), 5100, "HEBDEN 1-1"),
        Moved("1000", TODAY, 5101, "HEBDEN 1-1"), Moved("1000", TODAY, 5100, "HEBDEN 1-1 HEBDEN 1-2"),
    ):  # fmt: skip
        assert sent.that_left(wrong, [mine, other]) is None
    assert [one.of for one in sent.may_have_left(Moved("1000", TODAY, 10_200, "BATCH 1"), [mine, other])] == ["b"]
    assert [one.likely for one in sent.may_have_left(Moved("1000", TODAY, 5100, "w bird"), [mine])] == [True]
