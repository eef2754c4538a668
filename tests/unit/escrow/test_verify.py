"""`ledger verify` holds on true books, and each thing it checks can fail and is named."""

import asyncio
import contextvars
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from typing import Any

import pytest

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch, fetch_one, fetch_value
from eccoo_node.db.transaction import snapshot, write
from eccoo_node.escrow import actions, corrections, ledger, queries
from eccoo_node.escrow import verify as verifying
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.chart import Account
from eccoo_node.escrow.verify import check_inside, verify
from eccoo_node.kernel import clock
from eccoo_node.kernel.access import NODE
from eccoo_node.kernel.errors import Broken
from tests.support.escrow import Books, last_entry, open_books
from tests.support.node import Node
from tests.unit.escrow.test_invariants import RolledBack, rolled_back

only_sqlite = pytest.mark.parametrize("node_url", ["sqlite"], indirect=True)


async def true_books() -> Books:
    """Books with one line of every sort, and everything chained."""
    books = await open_books(1750, 750)
    await books.top_up(100_000)
    for number in range(1, 7):
        await books.set_aside(f"visit:{number}", 6000, 100)
    await actions.release(NODE, "visit:1", "went 1")
    await actions.release(NODE, "visit:2", "went 2", part_pence=4111)
    await actions.return_line(NODE, "visit:3", "off 3")
    await corrections.dispute(NODE, "visit:4", "wrong 4", fee_pence=1111)
    await actions.pay_cancelled(NODE, "visit:5", 5000, "late 5")
    entry = await last_entry("visit:5")
    assert entry is not None
    await corrections.reverse(books.treasurer, entry, "undo 5", because="It was not late")
    await actions.move_line(NODE, "visit:6", "visit:6:cover", "someone", 6600, 0, "cover", across=Across("circle B"))
    await actions.release(NODE, "visit:6:cover", "went 6")
    await actions.owe_worker_from(
        NODE, "circle B", "claim:1", books.worker, 4001, 10,
        payer_add_bps=0, worker_deduct_bps=1500, home_share_bps=5000, key="claim",
    )  # fmt: skip
    return books


async def test_true_books_hold(node: Node) -> None:
    await true_books()
    counts = await verify()
    assert counts == {"entries": 18, "postings": 58, "accounts": 18, "lines": 8, "chained": 0, "unchained": 18}
    await node.settle()
    assert await verify() == {**counts, "chained": 18, "unchained": 0}


async def test_empty_books_hold(node: Node) -> None:
    assert set((await verify()).values()) == {0}


_OURS = "('entry', 'posting', 'account', 'line', 'line_state', 'entry_chain', 'schedule')"


async def unguard() -> None:
    """Take away every trigger, unique index, CHECK and reference that stands between raw SQL and the books."""
    if bound.engine().engine_type == "sqlite":
        with closing(sqlite3.connect(bound.engine().path, isolation_level=None)) as raw:
            listed = "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR (type = 'index' AND name LIKE '%_one_%' AND sql <> '')"
            for kind, name in raw.execute(listed).fetchall():
                raw.execute(f"DROP {kind} {name}")
        return
    async with write():
        for table, name in await fetch(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE '%keeps%'"
        ):
            await fetch(f"DROP TRIGGER {name} ON {table}")
        for table, name in await fetch(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('c', 'f') "
            f"AND conrelid::regclass::text IN {_OURS}"
        ):
            await fetch(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for (name,) in await fetch(
            f"SELECT indexname FROM pg_indexes WHERE indexname LIKE '%one%' AND tablename IN {_OURS}"
        ):
            await fetch(f"DROP INDEX {name}")


async def corrupt(*statements: str) -> None:
    """Run raw SQL as someone with the database in hands would."""
    await unguard()
    if bound.engine().engine_type == "sqlite":
        with closing(sqlite3.connect(bound.engine().path, isolation_level=None)) as raw:
            raw.execute("PRAGMA ignore_check_constraints = 1")
            for statement in statements:
                raw.execute(statement)
        return
    async with write():
        for statement in statements:
            await fetch(statement)


async def forge(kind: str, postings: Sequence[tuple[Account, int]], **more: Any) -> None:
    """Write an entry whose digest and balances are right, as someone who knows the code would."""
    async with write() as tx:
        if bound.engine().engine_type == "sqlite":
            tx.connection.execute("PRAGMA ignore_check_constraints = 1")
        at = clock.now().replace(microsecond=0)
        fields = {
            "at": at, "effective_at": at, "kind": kind, "key": f"forged {kind}", "body_hash": "", "act_id": "",
            "line_id": None, "fee_pence": 0, "travel_pence": 0, "free_fee_pence": 0, "reverses_id": None, **more,
        }  # fmt: skip
        values = [fields[name] for name in ledger.COLUMNS]
        mark = ""
        if fields["line_id"]:
            reference = await fetch_value("SELECT reference FROM line WHERE id = ?", fields["line_id"])
            mark = (await queries.booking(reference)).mark
        await fetch(
            f"INSERT INTO entry ({', '.join(ledger.COLUMNS)}, digest) VALUES ({', '.join('?' * 12)})",
            *values,
            ledger.digest([ledger.moment_text(at)] * 2 + values[2:], mark, ledger.told(postings)),
        )
        entry = await fetch_value("SELECT MAX(id) FROM entry")
        for account, amount in postings:
            names = (account.code, account.holder, account.awaiting)
            if not await fetch_one("SELECT 1 FROM account WHERE code = ? AND holder = ? AND awaiting = ?", *names):
                await fetch(
                    "INSERT INTO account (code, holder, awaiting, guard, balance_pence) VALUES (?, ?, ?, ?, 0)",
                    *names,
                    account.kind.guard,
                )
            rows = await fetch(
                "UPDATE account SET balance_pence = balance_pence + ? WHERE code = ? AND holder = ? AND awaiting = ? "
                "RETURNING id",
                amount,
                *names,
            )
            await fetch(
                "INSERT INTO posting (entry_id, account_id, amount_pence) VALUES (?, ?, ?)", entry, rows[0][0], amount
            )


async def named(change: Callable[[], Awaitable[None]], check: Callable[[], Awaitable[object]] = check_inside) -> str:
    """What verify names once this has been done to books without guards; all of it is then taken back."""
    told = ""
    with rolled_back():
        async with write() as tx:
            if bound.engine().engine_type == "sqlite":
                tx.connection.execute("PRAGMA ignore_check_constraints = 1")
                tx.connection.execute("PRAGMA defer_foreign_keys = 1")
            await change()
            told = await broken(check)
            raise RolledBack
    return told


async def broken(check: Callable[[], Awaitable[object]] = verify) -> str:
    with pytest.raises(Broken) as caught:
        await check()
    assert re.fullmatch(r"[A-Z].*\.", caught.value.sentence)
    return caught.value.code


# What is done to the rows, and the invariant that verify names. Each changes one row.
CORRUPTIONS = {
    "entry_balance": "UPDATE posting SET amount_pence = amount_pence - 1 WHERE id = 2",
    "entry_lines": "UPDATE posting SET amount_pence = 0 WHERE id = 2",
    "entry_lines one is left": "DELETE FROM posting WHERE id = 2",
    "entry_lines none is left": "DELETE FROM posting WHERE entry_id = 3",
    "entry_balance one is gone": "DELETE FROM posting WHERE id = (SELECT MAX(id) FROM posting)",
    "entry_balance its account is gone": "DELETE FROM account WHERE code = '4000'",
    "entry_digest kind": "UPDATE entry SET kind = 'gift' WHERE id = 1",
    "entry_digest when": "UPDATE entry SET effective_at = '2026-01-01 00:00:00+00:00' WHERE id = 2",
    "entry_digest who": "UPDATE account SET holder = 'robber' WHERE code = '2200' AND awaiting = ''",
    "entry_digest worker of a line": "UPDATE line SET worker_id = 'robber' WHERE reference = 'visit:3'",
    "entry_digest fee of a line": "UPDATE line SET fee_pence = fee_pence - 100 WHERE reference = 'visit:3'",
    "entry_digest body": "UPDATE entry SET body_hash = 'other' WHERE id = 3",
    "entry_line": "UPDATE entry SET line_id = 99 WHERE id = 2",
    "posting_orphan after the last": "INSERT INTO posting (entry_id, account_id, amount_pence) VALUES (9999, 1, 5)",
    "posting_orphan before the first": "INSERT INTO posting (entry_id, account_id, amount_pence) VALUES (0, 1, 5)",
    "posting_orphan between": "DELETE FROM entry WHERE id = 3",
    "posting_orphan of no account": "INSERT INTO posting (entry_id, account_id, amount_pence) VALUES (1, 9999, 5)",
    "account_balance": "UPDATE account SET balance_pence = balance_pence - 1 WHERE code = '4000'",
    "account_guard": "UPDATE account SET guard = 'any' WHERE code = '2000'",
    "account_unknown": "UPDATE account SET code = '9999' WHERE code = '4000'",
    "account_unknown somebody’s": "UPDATE account SET holder = 'x' WHERE code = '4000'",
    "account_unknown nobody’s": "UPDATE account SET holder = '' WHERE code = '2000'",
    "line_state": "UPDATE line_state SET released_fee_pence = released_fee_pence + 1 WHERE line_id = 2",
    "line_shares returned": "UPDATE line_state SET returned_pence = returned_pence + 1 WHERE line_id = 2",
    "line_shares disputed": "UPDATE line_state SET disputed_fee_pence = disputed_fee_pence - 1 WHERE line_id = 4",
    "line_missing": "DELETE FROM line_state WHERE line_id = 3",
    "line_missing another’s": "UPDATE line_state SET line_id = 999 WHERE line_id = 3",
    "line_payer": "UPDATE payer SET person_id = (SELECT id FROM person WHERE called = 'Tess')",
    "line_rates": "UPDATE line SET contribution_pence = contribution_pence + 1 WHERE id = 1",
    "line_rates schedule": "UPDATE schedule SET worker_deduct_bps = 9000",
    "entry_chain": "UPDATE entry_chain SET chain = 'x' WHERE entry_id = 3",
    "entry_chain left out": "DELETE FROM entry_chain WHERE entry_id = 3",
    "entry_chain order": "UPDATE entry_chain SET id = 1000 WHERE entry_id = 3",
    "entry_chain order of pages": "UPDATE entry_chain SET id = 1000 WHERE entry_id = 5",
    "entry_missing": "UPDATE entry_chain SET entry_id = 9999 WHERE entry_id = 3",
    "entry_unchained": "DELETE FROM entry_chain WHERE id = (SELECT MAX(id) FROM entry_chain)",
}  # fmt: skip


@pytest.mark.parametrize("page", [verifying.PAGE, 5])
async def test_one_changed_row_is_named(node: Node, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    await true_books()
    await node.settle()
    await unguard()
    monkeypatch.setattr(verifying, "PAGE", page)
    # These books are shorter than the stretch in which a latecomer may still be chained.
    monkeypatch.setattr(ledger, "LOOK_BACK", -1)
    found = {invariant: await named(partial(fetch, sql)) for invariant, sql in CORRUPTIONS.items()}
    assert found == {invariant: invariant.split()[0] for invariant in CORRUPTIONS}
    await verify()


# SQLite keeps anything in any column.
STRANGE = {
    "entry_lines words": "UPDATE posting SET amount_pence = 'five' WHERE id = 2",
    "entry_lines bytes": "UPDATE posting SET amount_pence = x'00' WHERE id = 2",
    "entry_lines beyond all numbers": "UPDATE posting SET amount_pence = 1e300 WHERE id = 2",
    "entry_digest bytes": "UPDATE entry SET digest = x'00' WHERE id = 3",
    "entry_digest number": "UPDATE entry SET key = 5 WHERE id = 3",
}


@only_sqlite
async def test_what_is_no_text_and_no_number_is_named(node: Node) -> None:
    await true_books()
    await unguard()
    found = {invariant: await named(partial(fetch, sql)) for invariant, sql in STRANGE.items()}
    assert found == {invariant: invariant.split()[0] for invariant in STRANGE}


async def test_parts_of_a_penny_are_named(node: Node) -> None:
    await true_books()
    await corrupt("UPDATE posting SET amount_pence = amount_pence + 0.5 WHERE id = 1")
    # PostgreSQL stores whole numbers only, so there it is a whole penny too much.
    assert await broken() == ("entry_lines" if bound.engine().engine_type == "sqlite" else "entry_balance")


async def test_an_entry_that_was_taken_out_is_missed(node: Node) -> None:
    await true_books()
    await node.settle()
    entry = await fetch_value("SELECT id FROM entry WHERE kind = 'returned' ORDER BY id LIMIT 1")
    # The postings go too, so that only the chain and the sums still know of it.
    await corrupt(f"DELETE FROM posting WHERE entry_id = {entry}", f"DELETE FROM entry WHERE id = {entry}")
    assert await broken() == "account_balance"


async def test_the_last_entry_taken_out_with_its_sums_is_missed_by_the_chain(node: Node) -> None:
    books = await open_books()
    await books.top_up(500)
    await books.top_up(700)
    await node.settle()
    await corrupt(
        "DELETE FROM posting WHERE entry_id = 2",
        "DELETE FROM entry WHERE id = 2",
        "UPDATE account SET balance_pence = 500 WHERE code = '1000'",
        "UPDATE account SET balance_pence = -500 WHERE code = '2000'",
    )
    assert await broken() == "entry_missing"


def of(books: Books, code: str) -> Account:
    holder = {"2000": books.payer, "2200": books.worker, "2300": "circle B", "2100": "1"}.get(code, "")
    return Account(code, holder)


async def undone_before_it_was(books: Books) -> None:
    entry = await fetch_value("SELECT MAX(id) FROM entry")
    await forge("reversed", [(of(books, "1000"), -5), (of(books, "2000"), 5)], reverses_id=entry + 2)
    await forge("top_up", [(of(books, "1000"), 5), (of(books, "2000"), -5)])


async def undone_in_part(books: Books, **more: Any) -> None:
    """All that a release moved goes back, and not all that the release says of its line."""
    entry = await last_entry("visit:1")
    assert entry is not None
    back = sorted((Account(*names), -amount) for *names, amount in await queries.postings_of(entry))
    await forge("reversed", back, reverses_id=entry, **more)


FORGERIES: dict[str, Callable[[Books], Awaitable[None]]] = {
    "entry_lines one": lambda b: forge("gift", [(of(b, "1000"), 5)]),
    "entry_lines none": lambda b: forge("gift", []),
    "entry_lines zero": lambda b: forge("gift", [(of(b, "1000"), 5), (of(b, "2000"), -5), (of(b, "4000"), 0)]),
    "entry_balance": lambda b: forge("gift", [(of(b, "1000"), 5), (of(b, "2000"), -4)]),
    # A payer who spends more than they gave.
    "account_negative": lambda b: forge("gift", [(of(b, "2000"), 900_000), (of(b, "2200"), -900_000)]),
    # The circle takes client money for itself.
    "cash_short": lambda b: forge("sweep", [(of(b, "1000"), -50_000), (of(b, "1010"), 50_000)]),
    # A worker is paid from a line that was let go already, with the payer's credit behind it.
    "line_held": lambda b: forge("gift", [(of(b, "2000"), 700), (of(b, "2100"), -700)]),
    "line_held open": lambda b: forge("gift", [(Account("2100", "5"), 700), (of(b, "2000"), -700)]),
    "line_held of no line": lambda b: forge("gift", [(of(b, "2000"), 700), (Account("2100", "99"), -700)]),
    # Who pays in advance owes nothing for it.
    "line_shares owed": lambda b: forge("gift", [(Account("1100", b.payer), 7), (of(b, "2000"), -7)], line_id=1),
    "line_shares": lambda b: forge("gift", [(of(b, "2000"), 700), (of(b, "2200"), -700)], line_id=1),
    # Commission is taken twice, out of what the worker is owed.
    "commission": lambda b: forge("fee", [(of(b, "2200"), 60), (of(b, "4000"), -60)], line_id=1),
    # A worker waits for more than that circle owes.
    "awaiting_uncovered": lambda b: forge(
        "promise", [(of(b, "5100"), 9000), (Account("2200", b.worker, "circle B"), -9000)]
    ),
    "entry_mirror of another sum": partial(undone_in_part, line_id=1, fee_pence=-5999, travel_pence=-100),
    "entry_mirror of another line": partial(undone_in_part, fee_pence=-6000, travel_pence=-100),
    "entry_mirror of what came later": undone_before_it_was,
    "entry_mirror of nothing": lambda b: forge("reversed", [(of(b, "1000"), 5), (of(b, "2000"), -5)], reverses_id=9999),
    "entry_mirror": lambda b: forge("reversed", [(of(b, "1000"), -5), (of(b, "2000"), 5)], reverses_id=1),
}


async def test_an_entry_that_should_not_be_is_named_even_with_a_right_digest(node: Node) -> None:
    books = await true_books()
    await unguard()
    found = {invariant: await named(partial(forged, books)) for invariant, forged in FORGERIES.items()}
    assert found == {invariant: invariant.split()[0] for invariant in FORGERIES}
    await verify()


@only_sqlite
async def test_half_pennies_that_balance_are_named(node: Node) -> None:
    books = await true_books()
    await unguard()
    halves = [(of(books, "1000"), 0.5), (of(books, "2000"), -0.5)]
    assert await named(partial(forge, "gift", halves)) == "entry_lines"  # type: ignore[arg-type]


async def test_numbers_that_were_never_used_are_no_break(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large act that was rolled back leaves such a gap, longer than a page."""
    await true_books()
    counts = await verify()
    await unguard()
    monkeypatch.setattr(verifying, "PAGE", 2)
    with rolled_back():
        async with write() as tx:
            if bound.engine().engine_type == "sqlite":
                tx.connection.execute("PRAGMA defer_foreign_keys = 1")
            await fetch("UPDATE posting SET entry_id = entry_id + 12 WHERE entry_id > 13")
            await fetch("UPDATE entry SET id = id + 12 WHERE id > 13")
            assert await check_inside() == counts
            # What was posted to one of them, or chained, belongs to nothing.
            await fetch("INSERT INTO posting (entry_id, account_id, amount_pence) VALUES (20, 1, 5)")
            assert await broken(check_inside) == "posting_orphan"
            await fetch("DELETE FROM posting WHERE entry_id = 20")
            await fetch("INSERT INTO entry_chain (entry_id, chain) VALUES (20, 'x')")
            assert await broken(check_inside) == "entry_missing"
            raise RolledBack


async def test_each_link_of_the_chain_covers_all_before_it(node: Node) -> None:
    books = await open_books()
    for pence in (500, 700, 900):
        await books.top_up(pence)
        await node.settle()
    head = ""
    for digest, chain in await fetch(
        "SELECT e.digest, c.chain FROM entry_chain c JOIN entry e ON e.id = c.entry_id ORDER BY c.id"
    ):
        head = sha256(f"{head}{digest}".encode()).hexdigest()
        assert chain == head
    await books.top_up(1100)
    counts = await verify()
    assert (counts["chained"], counts["unchained"]) == (3, 1)


@pytest.mark.parametrize("page", [verifying.PAGE, 2])
async def test_an_entry_that_was_committed_late_may_be_chained_late(
    node: Node, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(verifying, "PAGE", page)
    books = await open_books()
    for pence in (500, 700, 900, 1100, 1300):
        await books.top_up(pence)
    digests = {row[0]: row[1] for row in await fetch("SELECT id, digest FROM entry")}

    async def chain(*order: int) -> None:
        head = ""
        for entry in order:
            head = ledger.chained(head, digests[entry])
            await fetch("INSERT INTO entry_chain (entry_id, chain) VALUES (?, ?)", entry, head)

    # What is chained, and whether one was left out that is no latecomer any more.
    orders = {
        (1, 2, 4, 3, 5): False, (2, 1): False, (2, 3): True, (3, 4, 5): True, (1, 2, 4, 5): True, (2, 1, 4, 5): True,
    }  # fmt: skip
    for order, left_out in orders.items():
        with rolled_back():
            async with write():
                await chain(*order)
                assert (await check_inside())["chained"] == len(order)
                with monkeypatch.context() as later:
                    later.setattr(ledger, "LOOK_BACK", 1)
                    if left_out:
                        assert await broken(check_inside) == "entry_unchained"
                    else:
                        await check_inside()
                raise RolledBack


async def test_a_key_used_twice_is_named(node: Node) -> None:
    books = await true_books()
    key = await fetch_value("SELECT key FROM entry WHERE id = 1")
    await unguard()
    await forge("top_up", [(of(books, "1000"), 5), (of(books, "2000"), -5)], key=key)
    assert await broken() == "entry_key"


async def test_an_entry_undone_twice_is_named(node: Node) -> None:
    books = await open_books()
    entry = await books.top_up(500)
    await books.top_up(501)
    back = [(of(books, "1000"), -500), (of(books, "2000"), 500)]
    await corrections.reverse(books.treasurer, entry, "undo", because="Not ours")
    await verify()
    await unguard()
    await forge("again", back, reverses_id=entry)
    assert await broken() == "entry_mirror"


async def test_verify_holds_up_nobody_and_sees_one_moment(node: Node) -> None:
    books = await true_books()
    outside = contextvars.copy_context()
    async with snapshot():
        before = await check_inside()
        await asyncio.create_task(books.top_up(777), context=outside)
        assert await check_inside() == before
    assert (await verify())["entries"] == before["entries"] + 1


async def test_verify_is_not_asked_inside_an_act(node: Node) -> None:
    async with write():
        with pytest.raises(RuntimeError):
            await verify()
