"""The report to HMRC: right by its schema and by the books, frozen, corrected by a later one that names it."""

import asyncio
import re
from datetime import UTC, datetime

import msgspec
import pytest

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions as escrow
from eccoo_node.escrow import clawback, corrections
from eccoo_node.escrow.actions import Across
from eccoo_node.governance.actions import decide_figure
from eccoo_node.hmrc import actions, queries, rules, say
from eccoo_node.hmrc.forms import Identity
from eccoo_node.hmrc.reckoning import Quarter, total
from eccoo_node.kernel.access import NODE, Actor
from eccoo_node.kernel.errors import Broken, Conflict, Forbidden, Invalid
from eccoo_node.members import queries as members
from eccoo_node.payouts.giving import confirm_details, give_details
from tests.support import make
from tests.support.escrow import Books, open_books
from tests.support.node import Node
from tests.support.payouts import hatted
from tests.unit.hmrc.said import CIRCLE, COMPANY, WREN, but, schema

JANUARY = datetime(2027, 1, 4, 9, tzinfo=UTC)
HOSTILE = but(
    WREN, first_names="]]><!-- & --", last_name="O’Brien <b>\"x\"</b> /* &#38; */", address="1 & 2 'Mill' Lane",
    town="Ynys Môn 長", tax_number="", no_tax_number="None yet",
)  # fmt: skip


async def worked(node: Node, books: Books, line: str, at: datetime, fee: int, travel: int = 0) -> None:
    """A visit that was agreed and went ahead at a moment."""
    node.clock.set(at)
    await books.top_up(fee * 2 + travel, key=f"for {line}")
    assert await books.set_aside(line, fee, travel)
    await escrow.release(NODE, line, f"went {line}")


async def a_year(node: Node) -> Books:
    """2026, with work in each quarter: the last minutes of 2025 and the first of 2027 are not of it."""
    node.clock.set(datetime(2025, 12, 1, 9, tzinfo=UTC))
    books = await open_books(payer_add_bps=750, worker_deduct_bps=1750, vat_bps=2000)
    await worked(node, books, "visit:before", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), 9900)
    await worked(node, books, "visit:1", datetime(2026, 1, 1, 0, 0, tzinfo=UTC), 6000)
    await worked(node, books, "visit:2", datetime(2026, 3, 31, 22, 59, tzinfo=UTC), 2001, 360)
    # A quarter of an hour past midnight on 1 April in Hebden.
    await worked(node, books, "visit:3", datetime(2026, 3, 31, 23, 15, tzinfo=UTC), 3333)
    node.clock.set(datetime(2026, 8, 4, 9, tzinfo=UTC))
    # Robin went to another circle. Its own worker, and one with a wage, are not ours to tell of.
    await escrow.owe_worker_from(
        NODE, "todmorden", "away:1", books.other, 4001, 0, payer_add_bps=0, worker_deduct_bps=1500,
        home_share_bps=5000, key="claim",
    )  # fmt: skip
    await books.top_up(20_000)
    await books.set_aside("visit:theirs", 5000, across=Across("todmorden"))
    await escrow.release(NODE, "visit:theirs", "went theirs")
    await books.set_aside("visit:wage", 5000, employed=True)
    await escrow.release(NODE, "visit:wage", "went wage")
    await worked(node, books, "visit:4", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), 6000)
    await worked(node, books, "visit:after", datetime(2027, 1, 1, 0, 0, tzinfo=UTC), 8800)
    node.clock.set(JANUARY)
    return books


async def tells(person_id: str, identity: Identity = WREN) -> None:
    await actions.tell_details(Actor(person_id=person_id), person_id, identity)


async def ready(node: Node) -> Books:
    books = await a_year(node)
    await tells(books.worker)
    await tells(books.other, COMPANY)
    await actions.set_operator(books.treasurer, CIRCLE)
    return books


async def file(books: Books, report_id: int) -> str:
    """The file of a report, which is the same to the byte each time and right by HMRC's schema."""
    _, body = await actions.download(books.treasurer, report_id)
    assert (await actions.download(books.treasurer, report_id))[1] == body
    text = body.decode()
    assert list(schema().iter_errors(text)) == []
    assert not re.search(r"<!--|--|/\*|&#", text)
    return text


def numbers(text: str, name: str) -> list[list[int]]:
    """Of each worker in a file, the four quarters of one kind of sum."""
    found = [int(value) for value in re.findall(rf"<dpi:{name}Q\d[^>]*>(-?\d+)<", text)]
    return [found[at : at + 4] for at in range(0, len(found), 4)]


def one(text: str, name: str) -> list[str]:
    return re.findall(rf"<(?:dpi|stf):{name}[^>]*>([^<]*)<", text)


async def agrees_with_the_books(books: Books) -> None:
    """What is told of all years together is what the accounts and entries of the books say, to the penny."""
    for worker in (books.worker, books.other):
        told = total([q for year in (2025, 2026, 2027) for q in (await queries.quarters(year)).get(worker, ())])
        for code, sum_ in (("2200", told.net_pence), ("2210", told.reimbursed_pence)):
            stands = await fetch_value(
                "SELECT CAST(COALESCE(SUM(-balance_pence), 0) AS BIGINT) FROM account WHERE code = ? AND holder = ?",
                code,
                worker,
            )
            assert stands == sum_
        fees = await fetch_value(
            "SELECT CAST(COALESCE(SUM(e.fee_pence), 0) AS BIGINT) FROM entry e JOIN line l ON l.id = e.line_id "
            "WHERE l.worker_id = ? AND l.employed = FALSE AND (l.link_id = '' OR l.origin = 'due')",
            worker,
        )
        assert fees == told.gross_pence


async def test_a_year_is_told_by_quarter_to_the_pound_and_stays_as_it_was(node: Node) -> None:
    books = await ready(node)
    found = await queries.quarters(2026)
    # 17.5% of the fee is kept from Wren; a sixth of that is VAT. The mileage is apart.
    assert found[books.worker] == (
        Quarter(6601, 1167, 233, 360, 2), Quarter(2750, 486, 97, 0, 1), Quarter(), Quarter(4950, 875, 175, 0, 1),
    )  # fmt: skip
    assert found[books.other] == (Quarter(), Quarter(), Quarter(3401, 550, 50, 0, 1), Quarter())
    assert set(found) == {books.worker, books.other}
    assert total(found[books.worker]).gross_pence == 6000 + 2001 + 3333 + 6000
    await agrees_with_the_books(books)
    (made,) = await actions.make_report(books.treasurer, 2026)
    text = await file(books, made)
    order = sorted([books.worker, books.other]).index(books.worker)
    assert numbers(text, "Cons")[order] == [70, 28, 0, 50]
    assert numbers(text, "Fees")[order] == [12, 5, 0, 9]
    assert numbers(text, "Tax")[order] == [2, 1, 0, 2]
    assert numbers(text, "Numb")[order] == [2, 1, 0, 1]
    assert one(text, "MessageTypeIndic") == ["DPI401"]
    assert one(text, "ReportingPeriod") == ["2026-12-31"]
    assert one(text, "Timestamp") == ["2027-01-04T09:00:00Z"]
    assert one(text, "DocTypeIndic") == ["OECD1"] * 3
    assert one(text, "SendingEntityIN") == ["XEDPI0000000001"]
    assert one(text, "TIN")[0] == "1955839661"
    assert sorted(one(text, "TIN")[1:]) == ["1955839661", "AB123456C"]
    refs = [*one(text, "MessageRefId"), *one(text, "DocRefId")]
    assert len(set(refs)) == 4
    assert all(ref.startswith("GB2026GB-XEDPI0000000001") for ref in refs)
    # Nothing that comes later changes it: other details, other rates, other numbers.
    await tells(books.worker, but(WREN, town="Todmorden"))
    await escrow.set_schedule(books.treasurer, 0, 100, decision_id=await make.decision(), vat_bps=0)
    assert await queries.quarters(2026) == found
    await corrections.reverse(
        books.treasurer, await fetch_value("SELECT MAX(id) FROM entry WHERE kind = 'released' AND line_id = 2"), "undo",
        because="By mistake",
    )  # fmt: skip
    assert await file(books, made) == text
    with pytest.raises(Exception, match="append-only"):
        async with write():
            await fetch("UPDATE tax_report_seller SET quarters = '[]'")
    async with write():
        await fetch("UPDATE tax_report_identity SET identity = replace(identity, 'Mill', 'Bill')")
    with pytest.raises(Broken):
        await actions.download(books.treasurer, made)


async def test_what_changes_later_is_put_right_by_a_report_that_names_the_first(node: Node) -> None:
    books = await ready(node)
    await worked(node, books, "visit:late", datetime(2026, 12, 5, 9, tzinfo=UTC), 5000)
    node.clock.set(JANUARY)
    (first,) = await actions.make_report(books.treasurer, 2026)
    with pytest.raises(Conflict, match="what became"):
        await actions.make_report(books.treasurer, 2026)
    told = await file(books, first)
    with pytest.raises(Invalid):
        await actions.mark(books.treasurer, first, "sent", reference="  ")
    await actions.mark(books.treasurer, first, "sent", reference="HMRC-77")
    with pytest.raises(Conflict, match="Nothing has changed"):
        await actions.make_report(books.treasurer, 2026)
    rows = await fetch("SELECT person_id, channel, told_at FROM told WHERE news = 'tax_copy'")
    assert {tuple(row) for row in rows} == {(books.worker, "phone", None), (books.other, "phone", None)}
    # In March the whole of December is taken back from Wren, who has moved; Robin's visit is undone; Sol worked there too.
    node.clock.set(datetime(2027, 3, 3, 9, tzinfo=UTC))
    await clawback.claw_back(NODE, "visit:late", "back", fee_pence=5000, because="Both agreed")
    await clawback.owe_back(NODE, "away:1", "back too", fee_pence=4001)
    await agrees_with_the_books(books)
    operator = msgspec.structs.replace(CIRCLE, town="Todmorden")
    await actions.set_operator(books.treasurer, operator)
    (second,) = await actions.make_report(books.treasurer, 2026)
    text = await file(books, second)
    assert one(text, "MessageTypeIndic") == ["DPI402"]
    assert (await queries.report(second)).corrects == 1
    assert numbers(text, "Cons")[[books.worker, books.other].index(min(books.worker, books.other))] == (
        [70, 28, 0, 50] if books.worker < books.other else [0, 0, 34, 0]
    )
    assert sorted(one(text, "DocTypeIndic")) == ["OECD2", "OECD2", "OECD3"]
    assert set(one(text, "CorrDocRefId")) == set(one(told, "DocRefId"))
    assert not set(one(text, "DocRefId")) & set(one(told, "DocRefId"))
    # It was never sent: the next begins from the first again, with names of its own, and Robin comes back as well.
    await actions.mark(books.treasurer, second, "unsent")
    (third,) = await actions.make_report(books.treasurer, 2026)
    again = await file(books, third)
    assert set(one(again, "CorrDocRefId")) == set(one(told, "DocRefId"))
    assert not set(one(again, "DocRefId")) & set(one(text, "DocRefId"))
    await actions.mark(books.treasurer, third, "sent", reference="HMRC-78")
    assert set(await queries.told(2026)) == {books.worker}
    with pytest.raises(Conflict, match="later report"):
        await actions.mark(books.treasurer, first, "unsent")
    # What is new after that comes apart from what is put right, with the circle sent once more as it was.
    await worked(node, books, "visit:new", datetime(2026, 7, 1, 9, tzinfo=UTC), 1000)
    await escrow.owe_worker_from(
        NODE, "todmorden", "away:2", books.other, 4000, 0, payer_add_bps=0, worker_deduct_bps=1500,
        home_share_bps=5000, key="claim 2",
    )  # fmt: skip
    node.clock.set(datetime(2027, 4, 1, 9, tzinfo=UTC))
    new, fixed = await actions.make_report(books.treasurer, 2026)
    text = await file(books, new)
    assert (one(text, "MessageTypeIndic"), sorted(one(text, "DocTypeIndic"))) == (["DPI401"], ["OECD0", "OECD1"])
    assert one(text, "DocRefId")[0] == one(again, "DocRefId")[0]
    text = await file(books, fixed)
    assert (one(text, "MessageTypeIndic"), sorted(one(text, "DocTypeIndic"))) == (["DPI402"], ["OECD0", "OECD2"])
    refs = [row[0] for row in await fetch("SELECT doc_ref FROM tax_report_seller")]
    assert len(refs) == len(set(refs)) == 8


async def test_what_is_in_question_and_settled_later_corrects_the_same_quarter(node: Node) -> None:
    books = await ready(node)
    before = (await queries.quarters(2026))[books.worker]
    node.clock.set(datetime(2027, 2, 3, 9, tzinfo=UTC))
    await clawback.claw_back(NODE, "visit:4", "back", fee_pence=6000, because="Both agreed")
    assert (await queries.quarters(2026))[books.worker][3] == Quarter()
    node.clock.set(datetime(2027, 5, 3, 9, tzinfo=UTC))
    await corrections.resolve(NODE, "visit:4", "settled", fee_pence=4000, because="Both agreed")
    assert (await queries.quarters(2026))[books.worker] == (*before[:3], Quarter(3300, 584, 116, 0, 1))
    assert (await queries.quarters(2027))[books.worker][1] == Quarter()
    await agrees_with_the_books(books)


async def test_nothing_to_tell_is_told_too_and_who_has_not_told_is_left_out_only_knowingly(node: Node) -> None:
    books = await a_year(node)
    with pytest.raises(Conflict, match="own details"):
        await actions.make_report(books.treasurer, 2026)
    await actions.set_operator(books.treasurer, CIRCLE)
    with pytest.raises(Conflict, match="not over"):
        await actions.make_report(books.treasurer, 2027)
    with pytest.raises(Conflict, match="Not everyone"):
        await actions.make_report(books.treasurer, 2026)
    (nil,) = await actions.make_report(books.treasurer, 2024)
    text = await file(books, nil)
    assert (one(text, "MessageTypeIndic"), "ReportableSeller" in text) == (["DPI403"], False)
    await tells(books.worker, HOSTILE)
    (first,) = await actions.make_report(books.treasurer, 2026, without=True)
    text = await file(books, first)
    assert one(text, "FirstName") == ["]]&gt;&lt;!- &amp; -"]
    assert one(text, "LastName") == ["O’Brien &lt;b&gt;&quot;x&quot;&lt;/b&gt; / * &amp; #38; */"]
    assert '<dpi:TIN unknown="true">NOTIN</dpi:TIN>' in text
    assert len(numbers(text, "Cons")) == 1
    await actions.mark(books.treasurer, first, "sent", reference="HMRC-1")
    await tells(books.other, COMPANY)
    (second,) = await actions.make_report(books.treasurer, 2026)
    assert one(await file(books, second), "MessageTypeIndic") == ["DPI401"]
    for nobody in (Actor(person_id=books.worker), Actor(person_id=books.treasurer.person_id, acting_for=books.person)):
        for asked in (
            actions.make_report(nobody, 2026), actions.download(nobody, second), actions.mark(nobody, second, "sent"),
            actions.set_operator(nobody, CIRCLE), actions.read_copy(nobody, books.other, 2026),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                await asked


async def test_mileage_counts_as_the_circle_decides_and_an_account_is_named_where_it_is_known(node: Node) -> None:
    books = await ready(node)
    wren = await members.actor_for(books.worker)
    await give_details(wren, books.worker, name="Mr & Mrs Holt", sort_code="20-00-00", account_number="12345678")
    # Until somebody has made sure of it nobody reads it in the report.
    before = await actions.read_copy(books.treasurer, books.worker, 2026)
    assert before
    assert before.who
    assert before.who.account is None
    fay = await hatted("Fay", "facilitator")
    await confirm_details(fay, books.worker, how="paper", sort_code="200000", account_number="12345678")
    (first,) = await actions.make_report(books.treasurer, 2026)
    text = await file(books, first)
    assert (one(text, "Identifier"), one(text, "AccountHolderName")) == (["200000 12345678"], ["Mr &amp; Mrs Holt"])
    await actions.mark(books.treasurer, first, "sent", reference="HMRC-1")
    await decide_figure(books.treasurer, rules.REIMBURSEMENTS, 0, decision_id=await make.decision())
    (second,) = await actions.make_report(books.treasurer, 2026)
    text = await file(books, second)
    # £66.01 without the £3.60 for mileage; Robin had none, and is not told of again.
    assert (numbers(text, "Cons"), one(text, "MessageTypeIndic")) == ([[66, 28, 0, 50]], ["DPI402"])
    copy = await actions.read_copy(Actor(person_id=books.worker), books.worker, 2026)
    assert copy
    assert copy.who
    # The treasurer prints all of it but the account, of which the end is enough.
    shown = [dict(say.who(copy.who, whole=True, own=own))["Bank account"] for own in (True, False)]
    assert shown == ["200000 12345678, in the name of Mr & Mrs Holt", "ends in 678, in the name of Mr & Mrs Holt"]
    assert (copy.reimbursed, copy.report and copy.report.number, copy.differs) == (True, 1, False)
    assert say.copy_rows(copy.quarters, reimbursed=copy.reimbursed)[0] == (
        "January to March",
        "£70 for two visits, after £12 that went to the circle and £2 VAT. £3.60 for mileage and expenses are in it.",
    )


async def test_two_treasurers_make_one_report(node: Node) -> None:
    books = await ready(node)
    made = await asyncio.gather(*(actions.make_report(books.treasurer, 2026) for _ in range(3)), return_exceptions=True)
    assert sorted(isinstance(one, Conflict) for one in made) == [False, True, True]
    assert await fetch_value("SELECT COUNT(*) FROM tax_report") == 1
