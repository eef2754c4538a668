"""Two circles' books are the mirror of one another, however their letters travel (money.md A5.10)."""

import asyncio
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.db.transaction import write
from eccoo_node.escrow import actions, queries
from eccoo_node.escrow.actions import Across
from eccoo_node.escrow.verify import check_inside
from eccoo_node.kernel.access import NODE
from tests.support.escrow import open_books
from tests.support.node import build
from tests.support.postgres import PostgresServer
from tests.unit.escrow.test_invariants import RolledBack, rolled_back

bps = st.sampled_from([0, 333, 750, 1500, 1750, 5000, 10_000])
# One visit: which circle asked, fee, travel, how much of it took place, and the agreed shares.
VISIT = st.tuples(
    st.booleans(), st.integers(1, 9_999), st.integers(0, 500), st.integers(0, 10_000), st.booleans(), bps, bps, bps
)


async def play(urls: tuple[str, str], folders: tuple[Path, Path], visits: list[tuple], seed: int) -> None:
    engines = [engine_for(url, folder / "node.sqlite") for url, folder in zip(urls, folders, strict=True)]
    for engine in engines:
        await engine.open()
    try:
        with rolled_back(), bound.bound(engines[0]):
            async with write():
                with bound.bound(engines[1]):
                    async with write():
                        await exchange(engines, visits, random.Random(seed))
                        raise RolledBack
    finally:
        for engine in engines:
            await engine.close()


async def exchange(engines: list, visits: list[tuple], chance: random.Random) -> None:
    books, letters = [], []
    for engine in engines:
        with bound.bound(engine):
            books.append(await open_books())
            await books[-1].top_up(1_000_000)
    for number, (b_asks, fee, travel, part, whole, add, deduct, home) in enumerate(visits):
        asking, line = int(b_asks), f"visit:{number}"
        with bound.bound(engines[asking]):
            terms = Across(f"link {asking}", home, add, deduct)
            assert await books[asking].set_aside(line, fee, travel, across=terms)
            went = fee if whole else fee * part // 10_000
            given_ = await actions.release(NODE, line, f"went {number}", part_pence=went)
        if given_.due_pence or (add == 0 and went):
            letters.append((1 - asking, f"link {1 - asking}", number, went, travel, add, deduct, home))
    # Letters are lost and sent again, arrive twice and in another order.
    letters = letters + [letter for letter in letters if chance.random() < 0.5]
    chance.shuffle(letters)
    for home_circle, link, number, went, travel, add, deduct, home in letters:
        with bound.bound(engines[home_circle]):
            await actions.owe_worker_from(
                NODE, link, f"claim:{number}", books[home_circle].worker, went, travel, key=f"claim {number}",
                payer_add_bps=add, worker_deduct_bps=deduct, home_share_bps=home,
            )  # fmt: skip
    owed = []
    for side, engine in enumerate(engines):
        with bound.bound(engine):
            await check_inside()
            found = await queries.owed(f"link {side}")
            assert sum(entry.amount_pence for entry in found.entries) == found.we_owe_pence - found.they_owe_pence
            assert all(e.worker_pence + e.ours_pence + e.theirs_pence == took(e, visits) for e in found.entries)
            owed.append(found)
    assert (owed[0].we_owe_pence, owed[0].they_owe_pence) == (owed[1].they_owe_pence, owed[1].we_owe_pence)


def took(entry: queries.OwedEntry, visits: list[tuple]) -> int:
    """What worker and circles had of it: the fee, and what the payer added."""
    return entry.fee_pence + entry.fee_pence * visits[int(entry.reference.partition(":")[2])][5] // 10_000


def check_pairs(urls: tuple[str, str], folders: tuple[Path, Path], examples: int) -> None:
    @given(st.lists(VISIT, min_size=1, max_size=6), st.integers())
    @settings(max_examples=examples)
    def check(visits: list[tuple], seed: int) -> None:
        asyncio.run(play(urls, folders, visits, seed))

    check()


def test_what_we_owe_them_is_what_they_are_owed(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()
        asyncio.run(build("", folder))
    check_pairs(("", ""), folders, 30)


def test_a_circle_on_postgresql_mirrors_one_on_sqlite(tmp_path: Path, postgres_server: PostgresServer) -> None:
    asyncio.run(build("", tmp_path))
    url = postgres_server.create_database(
        template=postgres_server.template("core", lambda made: asyncio.run(build(made)))
    )
    check_pairs((url, ""), (tmp_path, tmp_path), 10)
    postgres_server.drop_database(url)
