"""Many rows at once, column by column, for a walk over a whole table.

A row at a time, SQLite's driver makes an object of each value by itself, which takes longer than all that is then done
with it. Here SQLite writes a page of rows down as one JSON text, which is read in one go: about twice as fast.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch, fetch_value

_read = msgspec.json.Decoder(list[Any]).decode
_encode = msgspec.json.Encoder().encode


def moment(name: str) -> str:
    """The expression for a moment as text in UTC, alike on both engines."""
    if bound.engine().engine_type == "sqlite":
        return name
    return f"(CAST({name} AT TIME ZONE 'UTC' AS TEXT) || '+00:00')"


async def columns(wanted: Sequence[str | tuple[str, ...]], source: str, *params: Any) -> list[list[Any]]:
    """What each expression is for the rows of `source` (all that follows SELECT … FROM), column by column.

    Several expressions as a tuple give for each row one JSON array of their values, as text. The rows come in the order
    of the index by which they are found: whoever depends on it asks.
    """
    if bound.engine().engine_type == "sqlite":
        row = (await fetch(f"SELECT {', '.join(map(_grouped, wanted))} FROM {source}", *params))[0]
        return [
            _read(text) if isinstance(one, str) else text.split("\n") if text else []
            for one, text in zip(wanted, row, strict=True)
        ]
    flat = [part for one in wanted for part in ((one,) if isinstance(one, str) else one)]
    rows = await fetch(f"SELECT {', '.join(flat)} FROM {source}", *params)
    whole = iter([list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in flat])
    return [
        next(whole)
        if isinstance(one, str)
        else [_encode(row).decode() for row in zip(*(next(whole) for _ in one), strict=True)]
        for one in wanted
    ]


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
    """The ids of a table in stretches of so many rows, as (after, up to). Between two the node answers whoever waits."""
    last = 0
    while (next_ := await stretch(table, last, many)) is not None:
        yield last, next_
        last = next_
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
