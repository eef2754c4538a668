"""Changing a table in a way that SQLite cannot change it in place: a column's nullability, a CHECK, a reference.

The table is made anew under another name, its rows are copied, the old one goes and the new one takes its name. While
foreign keys are on, dropping the old table empties every table that refers to it, and inside a transaction they cannot
be turned off: so a migration that rebuilds says so in its `REBUILDS`, and the chain opens its transaction without them.

    REBUILDS = (Rebuild("visit", CREATE, copies={"what": "COALESCE(what, '')"}),)

PostgreSQL changes its tables in place, so there a rebuild does nothing: the same migration writes its ALTER TABLE in
STATEMENTS["postgres"].
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.kernel.errors import Broken

_NEW = "rebuilt__{}"


class Rebuild(msgspec.Struct, frozen=True):
    """One table in its new shape. `create` is its whole CREATE TABLE, under the name it has.

    A column is copied from the one of its name, or from the SQL over the old row that `copies` has for it. Columns that
    go are named in `leaving`, indexes and triggers that go in `without`: whatever is not named is kept or the rebuild
    is refused.
    """

    table: str
    create: str
    copies: Mapping[str, str] = {}
    leaving: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


async def rebuild_table(rebuild: Rebuild) -> None:
    """Make the table anew with every row, index and trigger it had. On PostgreSQL nothing.

    Inside `write(references=False)`; raises RuntimeError in any other, where it would empty other tables, and Broken
    where a row, a column or an index would be lost. Whether all references still hold is asked by
    `refuse_broken_references`, at the end of the whole migration.
    """
    if bound.engine().engine_type != "sqlite":
        return
    if await fetch_value("PRAGMA foreign_keys"):
        raise RuntimeError("a table is rebuilt inside write(references=False)")
    table, new = rebuild.table, _NEW.format(rebuild.table)
    beside = await fetch(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL "
        "ORDER BY type, name",
        table,
    )
    kept = {name: sql for name, sql in beside if name not in rebuild.without}
    _refuse_leftovers(rebuild, kept)
    counted = await _counts(table)
    await fetch(_renamed(rebuild.create, table, new))
    await _copy(rebuild, new)
    await fetch(f'DROP TABLE "{table}"')
    # Triggers of other tables may speak of the one that is missing just now; SQLite's newer way of renaming refuses that.
    await fetch("PRAGMA legacy_alter_table = 1")
    try:
        await fetch(f'ALTER TABLE "{new}" RENAME TO "{table}"')
    finally:
        await fetch("PRAGMA legacy_alter_table = 0")
    for sql in kept.values():
        await fetch(sql)
    if await _counts(table) != counted:
        raise Broken(f"Rows were lost while the table {table} was made anew; nothing was changed.", "rows_lost")


async def refuse_broken_references() -> None:
    """Raise Broken when a row refers to one that is not there. For the end of a transaction without foreign keys."""
    if bound.engine().engine_type != "sqlite":
        return
    broken = await fetch("PRAGMA foreign_key_check")
    if broken:
        child, _, parent, _ = broken[0]
        sentence = f"{len(broken)} rows would refer to nothing, the first in {child} to {parent}; nothing was changed."
        raise Broken(sentence, "broken_reference")


def _refuse_leftovers(rebuild: Rebuild, kept: Mapping[str, str]) -> None:
    """SQLite reads a quoted name that is no column as text: the index would be made again, of a word, and say nothing."""
    for name, sql in kept.items():
        for column in rebuild.leaving:
            if re.search(rf"\b{re.escape(column)}\b", sql):
                raise Broken(f"{name} of {rebuild.table} is about {column}, which goes.", "index_left")


def _renamed(create: str, table: str, new: str) -> str:
    head = f'CREATE TABLE "{table}"'
    if not create.startswith(head):
        raise RuntimeError(f"a rebuild’s statement begins with {head}")
    return create.replace(head, f'CREATE TABLE "{new}"', 1)


async def _copy(rebuild: Rebuild, new: str) -> None:
    """Every row of the old table into the new one. Raises Broken for a column of which nobody said what becomes of it."""
    had, has = await _columns(rebuild.table), await _columns(new)
    lost = sorted(set(had) - set(has) - set(rebuild.leaving))
    if lost:
        raise Broken(f"Nobody said what becomes of {', '.join(lost)} in {rebuild.table}.", "column_lost")
    # A column that is new and has no source takes its default; where it must not be empty, the copy fails.
    taken = {name: rebuild.copies.get(name, f'"{name}"') for name in has if name in rebuild.copies or name in had}
    into = ", ".join(f'"{name}"' for name in taken)
    await fetch(f'INSERT INTO "{new}" ({into}) SELECT {", ".join(taken.values())} FROM "{rebuild.table}"')


async def _columns(table: str) -> Sequence[str]:
    return [row["name"] for row in await fetch(f'PRAGMA table_info("{table}")')]


async def _counts(table: str) -> dict[str, int]:
    """How many rows the table has, and every table that refers to it."""
    tables = [row[0] for row in await fetch("SELECT name FROM sqlite_master WHERE type = 'table'")]
    children = [
        name
        for name in tables
        if any(reference["table"] == table for reference in await fetch(f'PRAGMA foreign_key_list("{name}")'))
    ]
    return {name: await fetch_value(f'SELECT COUNT(*) FROM "{name}"') for name in sorted({table, *children})}
