"""Reading and writing rows so that both engines answer alike."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from piccolo.table import Table

from eccoo_node.db import bound
from eccoo_node.db.proxy import DB


async def fetch(sql: str, *params: Any) -> list[Any]:
    """Rows of a hand-written statement with `?` placeholders; each row answers by name and by position."""
    return await bound.engine().execute(sql, params)


async def fetch_one(sql: str, *params: Any) -> Any | None:
    rows = await bound.engine().execute(sql, params)
    return rows[0] if rows else None


async def fetch_value(sql: str, *params: Any) -> Any:
    """The first column of the first row, or None."""
    rows = await bound.engine().execute(sql, params)
    return rows[0][0] if rows else None


def marks(values: Sequence[Any]) -> str:
    """`?, ?, ?` for an IN list. An empty list gives NULL, which nothing equals."""
    return ", ".join("?" * len(values)) or "NULL"


def locking() -> str:
    """ " FOR UPDATE" where rows must be locked by name; SQLite's writer already has the whole file."""
    return " FOR UPDATE" if bound.engine().engine_type == "postgres" else ""


def _table_of(row: Table) -> type[Table]:
    table = type(row)
    table._meta.db = DB
    return table


async def insert(row: Table) -> None:
    await _table_of(row).insert(row)


async def insert_once(row: Table) -> bool:
    """Insert unless a unique key already holds it; True when it was inserted.

    A caught unique violation would kill a PostgreSQL transaction, so the conflict is never raised.
    """
    table = _table_of(row)
    inserted = await table.insert(row).on_conflict(action="DO NOTHING").returning(table._meta.primary_key)
    return bool(inserted)


def as_time(value: Any) -> datetime | None:
    """A moment in UTC from either engine, also where SQLite forgot the type (MAX, COALESCE, a subquery)."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
