"""Many rows at once, column by column, for a walk over a whole table.

A row at a time, SQLite's driver makes an object of each value by itself, which takes longer than all that is then done
with it. Here SQLite writes a page of rows down as one JSON text, which is read in one go: about twice as fast.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch

_read = msgspec.json.Decoder(list[Any]).decode
_read_raw = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def moment(name: str) -> str:
    """The expression for a moment as text in UTC, alike on both engines."""
    if bound.engine().engine_type == "sqlite":
        return name
    return f"(CAST({name} AT TIME ZONE 'UTC' AS TEXT) || '+00:00')"


async def columns(wanted: Sequence[str | tuple[str, ...]], source: str, *params: Any) -> list[list[Any]]:
    """What each expression is for the rows of the query `source`, in their order.

    Several expressions as a tuple give for each row one JSON array of their values, still as text.
    """
    if bound.engine().engine_type == "sqlite":
        listed = ", ".join(f"json_group_array({one if isinstance(one, str) else _array(one)})" for one in wanted)
        row = (await fetch(f"SELECT {listed} FROM ({source})", *params))[0]
        return [_read(text) if isinstance(one, str) else _read_raw(text) for one, text in zip(wanted, row, strict=True)]
    rows = await fetch(f"SELECT {', '.join(_flat(wanted))} FROM ({source}) AS source", *params)
    whole = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in _flat(wanted)]
    found, at = [], 0
    for one in wanted:
        if isinstance(one, str):
            found.append(whole[at])
            at += 1
        else:
            found.append([msgspec.Raw(_encode(row)) for row in zip(*whole[at : at + len(one)], strict=True)])
            at += len(one)
    return found


def _array(expressions: Sequence[str]) -> str:
    return f"json_array({', '.join(expressions)})"


def _flat(wanted: Sequence[str | tuple[str, ...]]) -> list[str]:
    return [part for one in wanted for part in ((one,) if isinstance(one, str) else one)]
