"""Many writers at once: nobody's money is spent twice, and every entry is accounted for."""

import asyncio
import collections
import subprocess
import sys
from pathlib import Path

import msgspec

from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.escrow import actions, queries
from eccoo_node.escrow.verify import verify
from eccoo_node.governance.actions import decide_figure
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Conflict
from eccoo_node.payouts.rules import PAYOUT_ALONE
from tests.support import make
from tests.support.banking import open_bank
from tests.support.escrow import open_books
from tests.support.escrow_invariants import hold
from tests.support.node import Node
from tests.support.payouts import Circle, hatted
from tests.support.processes import ROOT, environment

PROCESSES = 8
ACTS = 25
# Of the other circle: how often each was done depends on who came first.
BETWEEN = ("owed", "circle_paid", "ready", "owed_back")


async def test_eight_processes_share_one_payers_credit(node: Node, node_url: str, tmp_path: Path) -> None:
    bank = await open_bank()
    books, circle = bank.books, Circle(bank.books, await hatted("Fay", "facilitator"))
    await decide_figure(NODE, PAYOUT_ALONE, 10_000_00, decision_id=await make.decision("As much as that."))
    await circle.details(books.worker)
    await circle.details(books.other, "55667788")
    await books.top_up(3000)
    command = [sys.executable, "-m", "tests.support.escrow_writer", str(tmp_path), node_url]
    writers = [
        subprocess.Popen(
            [*command, msgspec.json.encode(bank).decode(), str(number), str(ACTS)],
            env=environment(tmp_path),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    told = [await asyncio.to_thread(writer.communicate) for writer in writers]
    assert [(writer.returncode, said[1][-300:]) for writer, said in zip(writers, told, strict=True)] == (
        [(0, "")] * PROCESSES
    )
    made: collections.Counter[str] = collections.Counter()
    shared: dict[str, set[int]] = {}
    for said, _ in told:
        done = msgspec.json.decode(said)
        made.update(done["made"])
        for key, entry in done["shared"].items():
            shared.setdefault(key, set()).add(entry)
    # Whoever used a key first made the entry; all the others were told of the same one.
    assert {key: len(entries) for key, entries in shared.items()} == dict.fromkeys(shared, 1)
    kinds = {row[0]: row[1] for row in await fetch("SELECT kind, COUNT(*) FROM entry GROUP BY kind")}
    undone = kinds.pop("reversed", 0)
    assert undone == await fetch_value("SELECT COUNT(DISTINCT reverses_id) FROM entry WHERE reverses_id IS NOT NULL")
    # What follows from a payment, and what the bank's files and batches hold, is entered once each.
    sent = "payout_payment p JOIN payout_batch b ON b.id = p.batch_id WHERE b.filed_at IS NOT NULL"
    for kind, table in (("received", "bank_line"), ("payout", sent), ("payout_paid", sent)):
        assert kinds.pop(kind) == await fetch_value(f"SELECT COUNT(*) FROM {table}"), kind
    kinds.pop("set_off", 0)
    for kind in BETWEEN:
        assert kinds.pop(kind), kind
    assert kinds == {**{kind: count for kind, count in made.items() if count}, "top_up": 1 + len(shared)}
    assert await fetch("SELECT 1 FROM account WHERE code LIKE '2%' AND balance_pence > 0") == []
    await node.settle()
    counts = await verify()
    assert counts["unchained"] == 0
    assert counts["entries"] == await fetch_value("SELECT COUNT(*) FROM entry")
    await hold(None, "mirror")


async def test_the_last_pounds_are_set_aside_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)

    async def try_it(number: int) -> bool:
        return await books.set_aside(f"visit:{number}", 600)

    assert sorted(await asyncio.gather(*map(try_it, range(10)))) == [False] * 9 + [True]
    assert await queries.credit_pence(books.payer) == 400


async def test_two_clicks_at_once_let_go_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    same = await asyncio.gather(*(actions.release(NODE, "visit:1", "went") for _ in range(5)))
    assert [given.worker_pence for given in same] == [850] * 5
    assert await fetch_value("SELECT COUNT(*) FROM entry WHERE kind = 'released'") == 1


async def test_two_answers_at_once_move_the_money_once(node: Node) -> None:
    books = await open_books()
    await books.top_up(1000)
    await books.set_aside("visit:1", 1000)
    told = await asyncio.gather(
        actions.release(NODE, "visit:1", "went"),
        actions.return_line(NODE, "visit:1", "off"),
        return_exceptions=True,
    )
    assert [type(answer) for answer in told if isinstance(answer, Exception)] == [Conflict]
    await verify()
