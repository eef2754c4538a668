"""Many rows at once: the same on both engines, whatever gaps there are, and no thread goes on reading afterwards."""

import asyncio
import threading
import time
from contextlib import aclosing

import pytest

from eccoo_node.db import bulk
from eccoo_node.db.bulk import Ask
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import current, snapshot, write
from tests.support.node import Node

only_sqlite = pytest.mark.parametrize("node_url", ["sqlite"], indirect=True)

_PARTS = "part WHERE whole > ? AND whole <= ?"


def parts(after: int, upto: int) -> list[Ask]:
    return [
        Ask(("id", ("id", "word")), "whole WHERE id > ? AND id <= ? ORDER BY id", (after, upto)),
        Ask((("word", "pence"), ("pence",)), _PARTS, (after, upto), by="whole", order="id"),
    ]


async def kept(wholes: list[tuple[int, str]], parts_: list[tuple[int, int, str, int]]) -> None:
    async with write():
        await fetch("CREATE TABLE whole (id INTEGER PRIMARY KEY, word TEXT NOT NULL)")
        await fetch("CREATE TABLE part (id INTEGER PRIMARY KEY, whole INTEGER, word TEXT NOT NULL, pence BIGINT)")
        await fetch("CREATE INDEX part_whole ON part (whole)")
        for row in wholes:
            await fetch("INSERT INTO whole VALUES (?, ?)", *row)
        for row_ in parts_:
            await fetch("INSERT INTO part VALUES (?, ?, ?, ?)", *row_)


# The parts of 2 are not neighbours, those of 900 were written before them, 7 has none, and nothing is called 3.
_WHOLES = [(2, 'a "b"'), (7, "c\nd"), (900, "é"), (901, "")]
_KEPT = [(1, 900, "x,y", 5), (4, 2, "]", -1), (5, 3, "lost", 9), (6, 2, "\\", 10**12), (9, 900, "z", -5)]


async def test_rows_of_one_owner_come_together_in_their_order_whatever_lies_between(node: Node) -> None:
    await kept(_WHOLES, _KEPT)
    async with snapshot():
        wholes, of = [await bulk.columns(ask) for ask in parts(0, 1000)]
        assert wholes == [[2, 7, 900, 901], ['[2,"a \\"b\\""]', '[7,"c\\nd"]', '[900,"é"]', '[901,""]']]
        assert of == [
            [2, 3, 900],
            ['["]",-1],["\\\\",1000000000000]', '["lost",9]', '["x,y",5],["z",-5]'],
            ["[-1],[1000000000000]", "[9]", "[5],[-5]"],
        ]
        assert await bulk.columns(parts(3, 899)[1]) == [[], [], []]


@pytest.mark.parametrize("many", [1, 2, 3, 500, 5000])
async def test_each_row_is_in_one_stretch_with_all_that_is_its_own(node: Node, many: int) -> None:
    await kept(_WHOLES, _KEPT)
    async with snapshot():
        whole = [await bulk.columns(ask) for ask in parts(0, 1000)]
        async with aclosing(bulk.ahead("whole", many, parts)) as pages:
            found = [page async for page in pages]
    assert [[[one for page in found for one in page[n][at]] for at in range(len(whole[n]))] for n in (0, 1)] == whole
    assert len(found) >= -(-len(_WHOLES) // many)


async def test_of_nothing_there_is_no_stretch(node: Node) -> None:
    await kept([], _KEPT)
    async with snapshot(), aclosing(bulk.ahead("whole", 2, parts)) as pages:
        assert [page async for page in pages] == []


@only_sqlite
@pytest.mark.parametrize("stretch", [1, 2])
async def test_who_is_cancelled_ends_only_when_nobody_reads_any_more(node: Node, stretch: int) -> None:
    """The connection is closed then, and must not be under a thread that still reads from it."""
    await kept([(1, "a"), (2, "b"), (3, "c")], [])
    reads, may_end = threading.Event(), threading.Event()
    asked, told = 0, False

    def slow() -> int:
        nonlocal told
        reads.set()
        # Told by the loop: whoever closed the connection meanwhile would stop it until this is over.
        told = may_end.wait(5)
        return 1

    def asks(after: int, upto: int) -> list[Ask]:
        nonlocal asked
        asked += 1
        return [Ask(("slow()" if asked == stretch else "1",), "whole WHERE id > ? AND id <= ?", (after, upto))]

    async def walk() -> None:
        async with snapshot():
            tx = current()
            assert tx is not None
            tx.connection.create_function("slow", 0, slow)
            async with aclosing(bulk.ahead("whole", 1, asks)) as pages:
                async for _ in pages:
                    pass

    walking = asyncio.create_task(walk())
    while not reads.is_set():
        await asyncio.sleep(0.001)
    # By now whoever walks waits for what is being read.
    await asyncio.sleep(0.01)
    walking.cancel()
    asyncio.get_running_loop().call_later(0.05, may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await walking
    assert told


async def test_what_is_read_meanwhile_comes_in_its_order(node: Node) -> None:
    await kept(_WHOLES, [])
    async with snapshot(), bulk.meanwhile("SELECT COUNT(*) FROM whole", "SELECT 1 WHERE 1 = 0", "SELECT 5") as answers:
        assert [[tuple(row) for row in rows] async for rows in answers] == [[(4,)], [], [(5,)]]


@only_sqlite
async def test_who_fails_meanwhile_ends_only_when_nobody_reads_any_more(node: Node) -> None:
    reads, told = threading.Event(), []

    def slow() -> int:
        reads.set()
        time.sleep(0.05)
        told.append(True)
        return 1

    with pytest.raises(ValueError, match="meanwhile"):
        async with snapshot():
            tx = current()
            assert tx is not None
            tx.connection.create_function("slow", 0, slow)
            async with bulk.meanwhile("SELECT slow()", "SELECT slow()"):
                reads.wait(5)
                raise ValueError("meanwhile")
    assert told == [True, True]
