"""Many rows at once, column by column, for a walk over a whole table.

A row at a time, SQLite's driver makes an object of each value by itself, which takes longer than all that is then done
with it. Here SQLite writes a page of rows down as one JSON text, which is read in one go: about twice as fast.
"""

import asyncio
import gc
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from itertools import groupby, islice, pairwise, zip_longest
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from eccoo_node.db.rows import fetch, fetch_value

Item = TypeVar("Item")
_read = msgspec.json.Decoder(list[Any]).decode
_encode = msgspec.json.Encoder().encode


def moment(name: str) -> str:
    """The expression for a moment as text in UTC, alike on both engines."""
    if bound.engine().engine_type == "sqlite":
        return name
    return f"(CAST({name} AT TIME ZONE 'UTC' AS TEXT) || '+00:00')"


class Ask(NamedTuple):
    """What each expression of `wanted` is for the rows of `source` (all that follows SELECT … FROM), column by column.

    Several expressions as a tuple give for each row one JSON array of their values, as text. The rows come in the order
    of the index by which they are found: whoever depends on it asks. With `by`, neighbours for which that is the same are
    one row: first what it is, then their arrays for each tuple of `wanted`, in this `order` and with commas between.
    """

    wanted: Sequence[str | tuple[str, ...]]
    source: str
    params: tuple[Any, ...] = ()
    by: str = ""
    order: str = ""

    @property
    def found(self) -> Sequence[str | tuple[str, ...]]:
        """What there is of each row in the end."""
        return (self.by, *self.wanted) if self.by else self.wanted


Found = list[list[Any]]
# As SQLite writes the columns of several questions down, one after the other; None for no row.
Texts = Sequence[Any]


async def columns(ask: Ask) -> Found:
    """What this asks for."""
    if not isinstance(bound.engine(), NodeSQLite):
        return await _by_row(ask)
    sql, values = _question([ask])
    return _answer([ask], tuple((await fetch(sql, *values))[0]))[0]


def _question(asked: Sequence[Ask]) -> tuple[str, list[Any]]:
    """SQLite answers several questions with one row, so that Python is asked for once."""
    return f"SELECT * FROM {', '.join(map(_part, asked))}", [value for ask in asked for value in ask.params]


def _answer(asked: Sequence[Ask], found: Texts) -> list[Found]:
    texts = iter(found)
    return [
        [
            _read(text) if isinstance(one, str) else text.split("\n") if text else []
            for one, text in zip(ask.found, texts, strict=False)
        ]
        for ask in asked
    ]


async def _by_row(ask: Ask) -> Found:
    flat = [part for one in ask.found for part in ((one,) if isinstance(one, str) else one)]
    order = f" ORDER BY {ask.by}, {ask.order}" if ask.by else ""
    rows = await fetch(f"SELECT {', '.join(flat)} FROM {ask.source}{order}", *ask.params)
    whole = iter([list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in flat])
    found = [
        next(whole)
        if isinstance(one, str)
        else [_encode(row).decode() for row in zip(*(next(whole) for _ in one), strict=True)]
        for one in ask.found
    ]
    if not ask.by:
        return found
    groups = [list(some) for _, some in groupby(zip(*found, strict=True), itemgetter(0))]
    return [[some[0][0] for some in groups]] + [
        [",".join(row[at] for row in some) for some in groups] for at in range(1, len(found))
    ]


# How many pages SQLite reads while one is gone through: with a single one, it stands idle whenever that takes longer.
_AHEAD = 2
Asks = Callable[[int, int], Sequence[Ask]]
# What is being read, the first of it first.
Reading = deque[tuple[Sequence[Ask], "asyncio.Future[list[Any]]"]]


async def ahead(table: str, many: int, asks: Asks, after: int = 0) -> AsyncGenerator[list[Found], None]:
    """What `asks` has for one stretch of the table after the other. While one is gone through, SQLite reads the next, within
    the open transaction.

    Nothing else is asked of the transaction meanwhile, or it waits for that. To be closed at its end (`aclosing`).
    """
    engine = bound.engine()
    if not isinstance(engine, NodeSQLite):
        async for stretch_ in stretches(table, many, after):
            yield [await _by_row(ask) for ask in asks(*stretch_)]
        return
    async with aclosing(_texts(engine, stretches(table, many, after), asks)) as pages:
        async for asked, texts in pages:
            yield _answer(asked, texts)


async def raw(ends: Sequence[int], asks: Asks) -> AsyncGenerator[bytes, None]:
    """As `ahead`, for stretches that end just there, each as it is written down and without being read."""
    engine = bound.engine()
    if not isinstance(engine, NodeSQLite):
        async for stretch_ in _between(ends):
            yield _encode([await _by_row(ask) for ask in asks(*stretch_)])
        return
    async with aclosing(_texts(engine, _between(ends), asks)) as pages:
        async for _, texts in pages:
            yield "\n\n".join(text or "" for text in texts).encode()


async def _between(ends: Sequence[int]) -> AsyncIterator[tuple[int, int]]:
    for both in pairwise((0, *ends)):
        yield both
        await asyncio.sleep(0)


async def _texts(
    engine: NodeSQLite, stretches_: AsyncIterator[tuple[int, int]], asks: Asks
) -> AsyncGenerator[tuple[Sequence[Ask], Texts], None]:
    reading: Reading = deque()
    try:
        async for stretch_ in stretches_:
            asked = asks(*stretch_)
            reading.append((asked, engine.begin_reading(*_question(asked))))
            if len(reading) > _AHEAD:
                yield await _read_first(reading)
        while reading:
            yield await _read_first(reading)
    finally:
        if reading:
            await asyncio.wait([future for _, future in reading])


async def _read_first(reading: Reading) -> tuple[Sequence[Ask], Texts]:
    asked, future = reading[0]
    # Shielded: whoever is cancelled here would else take it for ended while the thread still reads.
    rows = await asyncio.shield(future)
    reading.popleft()
    return asked, tuple(rows[0])


@asynccontextmanager
async def meanwhile(*statements: str) -> AsyncIterator[AsyncIterator[list[Any]]]:
    """The rows of each of these, in their order. SQLite reads them while whoever asked goes on; then too, nothing else is
    asked of the transaction, or it waits for that."""
    engine = bound.engine()
    begun = [engine.begin_reading(sql) for sql in statements] if isinstance(engine, NodeSQLite) else []

    async def answers() -> AsyncIterator[list[Any]]:
        for sql, future in zip_longest(statements, begun):
            yield await (fetch(sql) if future is None else asyncio.shield(future))

    try:
        yield answers()
    finally:
        if begun:
            await asyncio.wait(begun)


def _part(ask: Ask) -> str:
    """All its columns, each as one text. JSON has no line break within it, so one stands between two rows."""
    if not ask.by:
        columns_ = [
            f"json_group_array({one})" if isinstance(one, str) else f"group_concat({_array(one)}, char(10))"
            for one in ask.wanted
        ]
        return f"(SELECT {', '.join(columns_)} FROM {ask.source})"
    names = [f"part{number}" for number in range(len(ask.wanted))]
    parts = [f"group_concat({_array(one)}) AS {name}" for one, name in zip(ask.wanted, names, strict=True)]
    rows = f"(SELECT {ask.by} AS owner, {', '.join(parts)} FROM {ask.source} GROUP BY owner ORDER BY owner)"
    return f"(SELECT json_group_array(owner), {', '.join(f'group_concat({name}, char(10))' for name in names)} FROM {rows})"


def _array(one: str | tuple[str, ...]) -> str:
    return f"json_array({', '.join(one)})"


async def stretch(table: str, after: int, many: int) -> int | None:
    """The id up to which there are so many more rows after this one; None where there are none."""
    bound_ = await fetch_value(
        f"SELECT MAX(id) FROM (SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT ?) AS next", after, many
    )
    return None if bound_ is None else int(bound_)


async def stretches(table: str, many: int, after: int = 0) -> AsyncIterator[tuple[int, int]]:
    """The ids of a table beyond that one in stretches of at most so many rows, as (after, up to). Between two the node answers whoever
    waits."""
    rows, largest = (await fetch(f"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM {table}"))[0]
    # Ids without gaps to speak of need not be looked up.
    close = largest <= 2 * rows + many
    last = after
    while last < largest:
        next_ = min(last + many, largest) if close else await stretch(table, last, many)
        if next_ is None:
            return
        yield last, next_
        last = next_
        await asyncio.sleep(0)


async def in_turns(items: Iterable[Item], many: int = 5000) -> AsyncIterator[list[Item]]:
    """So many of them at a time. Between two the node answers whoever waits."""
    rest = iter(items)
    while some := list(islice(rest, many)):
        yield some
        await asyncio.sleep(0)


@contextmanager
def no_sweeping() -> Iterator[None]:
    """Python looks for garbage after every 700 new tuples and lists; inside, where thousands are made and all are kept
    or dropped by count, it does not. Never across an await."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
