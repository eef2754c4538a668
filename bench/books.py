"""The books of years, added up again, and read at a glance."""

import asyncio
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.books_made import Maker
from bench.figures import Figure, limit
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.escrow import queries
from eccoo_node.escrow.verify import verify
from tests.support.node import build

ENTRIES, TIMES = 100_000, 9
FEW, MANY = 10_000, 1_000_000
BAR, WHOLE = 100_000, 0.6
_ROWS = (
    "SELECT * FROM entry ORDER BY id",
    "SELECT * FROM posting ORDER BY entry_id, id",
    "SELECT * FROM line l JOIN line_state s ON s.line_id = l.id ORDER BY l.id",
    "SELECT * FROM account ORDER BY id",
    "SELECT * FROM entry_chain ORDER BY id",
)


def read_raw(path: Path) -> float:
    """Entries a second where the same rows are only read once and hashed, each by itself."""
    began = time.perf_counter()
    with closing(sqlite3.connect(path)) as db:
        for sql in _ROWS:
            for row in db.execute(sql):
                hashlib.sha256(repr(row).encode()).hexdigest()
    return ENTRIES / (time.perf_counter() - began)


async def _on(path: Path, function: Callable[[], Awaitable[object]]) -> float:
    """How long this takes on the books there, in seconds."""
    engine = NodeSQLite(path)
    await engine.open()
    try:
        with bound.bound(engine):
            began = time.perf_counter()
            await function()
            return time.perf_counter() - began
    finally:
        await engine.close()


def _made(folder: Path, entries: int) -> Path:
    folder.mkdir()
    asyncio.run(build("", folder))
    Maker(folder / "node.sqlite").fill(entries)
    return folder / "node.sqlite"


def verified(folder: Path) -> list[Figure]:
    """`ledger verify` on books of some years, as on most nights and as on one of the week; beside it, what reading the very
    same rows costs. The best of several, by turns."""
    path = _made(folder / "verify", ENTRIES)
    ours, wholes, raws = [], [], []
    for _ in range(TIMES):
        wholes.append(ENTRIES / asyncio.run(_on(path, partial(verify, whole=True))))
        ours.append(ENTRIES / asyncio.run(_on(path, verify)))
        raws.append(read_raw(path))
    rate, whole, raw = max(ours), max(wholes), max(raws)
    return [
        Figure("ledger.verify", round(rate, 1), "/s", round(raw, 1), round(rate / raw, 3), BAR, rate >= BAR),
        Figure(
            "ledger.verify.whole",
            round(whole, 1),
            "/s",
            round(raw, 1),
            round(whole / raw, 3),
            WHOLE,
            whole / raw >= WHOLE,
        ),
    ]


def repeat(path: Path, times: int) -> None:
    """The same years again and again, each with lines and accounts of its own. The sums of a balance stay as they are."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        db.execute("CREATE TEMP TABLE again AS WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n "
                   f"WHERE k < {times - 1}) SELECT k FROM n")  # fmt: skip
        entries, accounts = [db.execute(f"SELECT MAX(id) FROM {name}").fetchone()[0] for name in ("entry", "account")]
        own = "code IN ('2100', '2110')"
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO account (id, code, holder, awaiting, guard, balance_pence) SELECT a.id + k * ?, code, "
            f"'again ' || k || ' ' || holder, awaiting, guard, 0 FROM again, account a WHERE {own} ORDER BY k, a.id",
            (accounts,),
        )
        db.execute(
            "INSERT INTO entry (id, at, effective_at, kind, key, body_hash, act_id, line_id, fee_pence, travel_pence, "
            "free_fee_pence, reverses_id, digest) SELECT e.id + k * ?, at, effective_at, kind, k || ' ' || key, body_hash, "
            "act_id, line_id, fee_pence, travel_pence, free_fee_pence, NULL, digest FROM again, entry e ORDER BY k, e.id",
            (entries,),
        )
        db.execute(
            "INSERT INTO posting (entry_id, account_id, amount_pence) SELECT p.entry_id + k * ?, "
            f"CASE WHEN {own} THEN a.id + k * ? ELSE a.id END, amount_pence "
            "FROM again, posting p JOIN account a ON a.id = p.account_id ORDER BY k, p.id",
            (entries, accounts),
        )
        db.execute("COMMIT")


async def _balances() -> None:
    """What a page asks for: a payer's credit, and every account of the chart."""
    payer = Maker.payer(0)
    for _ in range(50):
        await queries.credit_pence(payer)
        await queries.trial_balance()


def balances(folder: Path) -> Figure:
    """The same reads on books a hundred times as long: in milliseconds, at most twice as many."""
    path = _made(folder / "balances", FEW)
    few = min(asyncio.run(_on(path, _balances)) for _ in range(7))
    repeat(path, MANY // FEW)
    many = min(asyncio.run(_on(path, _balances)) for _ in range(7))
    found = limit("ledger.balances", many / few, 2, "times")
    found.floor, found.ratio = 1, round(few / many, 3)
    return found


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return [*verified(Path(name)), balances(Path(name))]
