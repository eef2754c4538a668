"""The books elsewhere: hledger and beancount read them, their totals are the trial balance, and they name nobody."""

import csv
import io
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, corrections, queries, treasury
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.export import Format, Period, cell, export, money, note_export
from eccoo_node.kernel.access import COMMAND, NODE, Actor
from eccoo_node.kernel.errors import Forbidden, Invalid
from tests.support.escrow import Books, open_books
from tests.support.node import Node
from tests.support.required import leave_out

FUND = '=HYPERLINK("http://x","Ada, Sunderland")'


async def busy_books(node: Node) -> Books:
    """A few days of every kind of account, across a change of clocks and a midnight that is one only here."""
    node.clock.set(datetime(2026, 3, 28, 12, tzinfo=UTC))
    books = await open_books(payer_add_bps=750, worker_deduct_bps=1750)
    await books.top_up(50_000)
    await books.set_aside("visit:1", 6001, 360)
    await actions.release(NODE, "visit:1", "went 1")
    # A quarter past midnight on the 1st in Hebden, and still March in UTC.
    node.clock.set(datetime(2026, 3, 31, 23, 15, tzinfo=UTC))
    await books.set_aside("visit:2", 3000)
    await corrections.dispute(NODE, "visit:2", "wrong", fee_pence=1000)
    await treasury.donation(books.treasurer, 12_345, "gift", fund=FUND)
    await treasury.receive_unmatched(books.treasurer, "receipt:Ada’s aunt", 777, "unknown")
    node.clock.set(datetime(2026, 4, 9, 12, tzinfo=UTC))
    await actions.owe_worker_from(
        NODE, "0190aaaa-0000-7000-8000-000000000000", "away:1", books.worker, 4001, 90, payer_add_bps=0,
        worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    await books.set_aside("visit:3", 5000, across=Across("0190aaaa-0000-7000-8000-000000000000"))
    await actions.release(NODE, "visit:3", "went 3", part_pence=2500)
    return books


async def taken(how: Format, first: date | None = None, last: date | None = None) -> str:
    return "".join([part async for part in export(how, Period(first, last))])


def by_code(rows: list[dict[str, str]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        pence = round(float(row["debit"] or 0) * 100) - round(float(row["credit"] or 0) * 100)
        totals[row["account"]] = totals.get(row["account"], 0) + pence
    return totals


def bean_check(path: Path) -> None:
    """Through the program itself, as a treasurer would."""
    program = Path(sys.executable).with_name("bean-check")
    done = subprocess.run([str(program), "--no-cache", str(path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr + done.stdout) == (0, "")


def hledger(path: Path, *asked: str) -> str:
    program = shutil.which("hledger")
    if program is None:
        leave_out("no hledger was found: install Debian's hledger.")
    done = subprocess.run([program, "-f", str(path), *asked], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def test_its_totals_are_the_trial_balance_and_it_names_nobody(node: Node) -> None:
    books = await busy_books(node)
    trial = {code: total for code, total in (await queries.trial_balance()).items() if total}
    for first, last in ((None, None), (date(2026, 4, 1), None), (date(2026, 4, 2), date(2026, 4, 30))):
        rows = list(csv.DictReader(io.StringIO(await taken("csv", first, last))))
        assert {code: total for code, total in by_code(rows).items() if total} == trial
        assert {row["kind"] for row in rows if row["entry"] == ""} == ({"opening"} if first else set())
    # The period that ends with March has nothing of the first quarter of an hour of April.
    march = by_code(list(csv.DictReader(io.StringIO(await taken("csv", None, date(2026, 3, 31))))))
    assert "1020" not in march
    april = list(csv.DictReader(io.StringIO(await taken("csv", date(2026, 4, 1), date(2026, 4, 1)))))
    assert {row["day"] for row in april if row["entry"]} == {"2026-04-01"}
    for how in ("csv", "hledger", "beancount"):
        text = await taken(how)  # type: ignore[arg-type]
        assert not re.search(r"Ada|Wren|Robin|Tess|Sunderland|HYPERLINK|aunt|Bank Street", text)
        assert books.payer in text
    # Nobody's being forgotten changes a balance.
    before = await taken("beancount")
    async with write():
        await fetch("UPDATE person SET called = 'Someone', full_name = '', address = '', phone = '', email = ''")
    assert await taken("beancount") == before


async def test_other_programs_read_it_and_come_to_the_same_totals(node: Node, tmp_path: Path) -> None:
    await busy_books(node)
    trial = {code: total for code, total in (await queries.trial_balance()).items() if total}
    for number, (first, last) in enumerate(((None, None), (date(2026, 4, 1), date(2026, 4, 9)))):
        beans, journal = tmp_path / f"{number}.beancount", tmp_path / f"{number}.journal"
        beans.write_text(await taken("beancount", first, last))
        journal.write_text(await taken("hledger", first, last))
        bean_check(beans)
        hledger(journal, "check", "--strict")
        told = hledger(journal, "balance", "--flat", "-O", "csv", "--layout", "bare", "-N")
        rows = list(csv.reader(io.StringIO(told)))[1:]
        totals: dict[str, int] = {}
        for account, _, amount in rows:
            code = account.split(":")[1][:4]
            totals[code] = totals.get(code, 0) + round(float(amount) * 100)
        assert {code: total for code, total in totals.items() if total} == trial
    # What is told to be there is looked at: with a penny more it is refused.
    beans.write_text(re.sub(r"(balance Assets:1000\S*  \d+\.)\d\d", r"\g<1>99", beans.read_text()))
    with pytest.raises(AssertionError):
        bean_check(beans)


async def test_empty_books_can_be_taken_too(node: Node, tmp_path: Path) -> None:
    for how, ending in (("beancount", "beancount"), ("hledger", "journal")):
        path = tmp_path / f"empty.{ending}"
        path.write_text(await taken(how))  # type: ignore[arg-type]
        bean_check(path) if how == "beancount" else hledger(path, "check")
    assert (await taken("csv")).count("\r\n") == 1


async def test_only_a_treasurer_takes_them_and_it_stands_in_the_record(node: Node) -> None:
    books = await open_books()
    with pytest.raises(Forbidden):
        await note_export(Actor(person_id=books.worker), "csv", Period())
    with pytest.raises(Invalid):
        await note_export(books.treasurer, "csv", Period(date(2026, 4, 2), date(2026, 4, 1)))
    await note_export(books.treasurer, "csv", Period(date(2026, 4, 2), None))
    await note_export(COMMAND, "hledger", Period())
    rows = await fetch("SELECT actor_id, outcome, thing_id FROM audit WHERE action = 'money.export' ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (books.worker, "refused", "csv"), (books.treasurer.person_id, "done", "csv"), ("", "done", "hledger"),
    ]  # fmt: skip


def test_sums_have_two_decimals_and_no_cell_is_a_formula() -> None:
    assert [money(pence) for pence in (0, 5, -5, 123_456, -100)] == ["0.00", "0.05", "-0.05", "1234.56", "-1.00"]
    told = [cell(text) for text in ("plain", "=1+1", "+44", "-5", "@x", 'a "b", c', "two\nlines")]
    assert told == ["plain", "'=1+1", "'+44", "'-5", "'@x", '"a ""b"", c"', '"two\nlines"']


def test_the_command_writes_a_file_and_refuses_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eccoo_node.cli import main

    monkeypatch.setenv("ECCOO_HOME", str(tmp_path / "none"))
    done = CliRunner().invoke(main, ["ledger", "export", "--format", "csv"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    done = CliRunner().invoke(main, ["ledger", "export", "--format", "xls"])
    assert done.exit_code == 2
