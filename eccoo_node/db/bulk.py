"""Many rows at once, column by column, for a walk over a whole table.

A row at a time, SQLite's driver makes an object of each value by itself, which takes longer than all that is then done
with it. Here SQLite writes a page of rows down as one JSON text, which is read in one go: about twice as fast.
"""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from eccoo_node.db import bound
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
    of the index by which they are found: whoever depends on it asks.
    """

    wanted: Sequence[str | tuple[str, ...]]
    source: str
    params: tuple[Any, ...] = ()


Found = list[list[Any]]


async def columns(wanted: Sequence[str | tuple[str, ...]], source: str, *params: Any) -> Found:
    """What this asks for."""
    return (await _finished(_begun([Ask(wanted, source, params)], at_once=False)))[0]


class _Begun(NamedTuple):
    """Reads under way. SQLite answers several questions with one row, so that Python is asked for once."""

    asked: Sequence[Ask]
    one: Awaitable[list[Any]] | None


def _begun(asked: Sequence[Ask], *, at_once: bool) -> _Begun:
    if bound.engine().engine_type != "sqlite":
        return _Begun(asked, None)
    parts = [f"(SELECT {', '.join(map(_grouped, ask.wanted))} FROM {ask.source})" for ask in asked]
    sql, params = f"SELECT * FROM {', '.join(parts)}", [value for ask in asked for value in ask.params]
    return _Begun(asked, bound.engine().begin_reading(sql, params) if at_once else fetch(sql, *params))


async def _finished(begun: _Begun) -> list[Found]:
    if begun.one is None:
        return [await _by_row(ask) for ask in begun.asked]
    texts = iter(tuple((await begun.one)[0]))
    return [
        [
            _read(text) if isinstance(one, str) else text.split("\n") if text else []
            for one, text in zip(ask.wanted, texts, strict=False)
        ]
        for ask in begun.asked
    ]


async def _by_row(ask: Ask) -> Found:
    flat = [part for one in ask.wanted for part in ((one,) if isinstance(one, str) else one)]
    rows = await fetch(f"SELECT {', '.join(flat)} FROM {ask.source}", *ask.params)
    whole = iter([list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in flat])
    return [
        next(whole)
        if isinstance(one, str)
        else [_encode(row).decode() for row in zip(*(next(whole) for _ in one), strict=True)]
        for one in ask.wanted
    ]


async def ahead(table: str, many: int, asks: Callable[[int, int], Sequence[Ask]]) -> AsyncGenerator[list[Found], None]:
    """What `asks` has for one stretch of the table after the other. While one is gone through, SQLite reads the next.

    Nothing else is asked of the transaction meanwhile, or it waits for that. To be closed at its end (`aclosing`).
    """
    next_: _Begun | None = None
    try:
        async for after, upto in stretches(table, many):
            found = None if next_ is None else await _finished(next_)
            next_ = _begun(asks(after, upto), at_once=True)
            if found is not None:
                yield found
        if next_ is not None:
            last, next_ = next_, None
            yield await _finished(last)
    finally:
        if next_ is not None and isinstance(next_.one, asyncio.Future):
            await asyncio.wait([next_.one])


def _grouped(one: str | tuple[str, ...]) -> str:
    """JSON has no line break within it, so one stands between two rows."""
    return (
        f"json_group_array({one})" if isinstance(one, str) else f"group_concat(json_array({', '.join(one)}), char(10))"
    )


async def stretch(table: str, after: int, many: int) -> int | None:
    """The id up to which there are so many more rows after this one; None where there are none."""
    bound_ = await fetch_value(
        f"SELECT MAX(id) FROM (SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT ?) AS next", after, many
    )
    return None if bound_ is None else int(bound_)


async def stretches(table: str, many: int) -> AsyncIterator[tuple[int, int]]:
    """The ids of a table in stretches of at most so many rows, as (after, up to). Between two the node answers whoever
    waits."""
    rows, largest = (await fetch(f"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM {table}"))[0]
    # Ids without gaps to speak of need not be looked up.
    close = largest <= 2 * rows + many
    last = 0
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
