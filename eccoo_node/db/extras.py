"""What a table needs beyond its columns: unique and plain indexes, CHECKs, and triggers that forbid change.

Each domain says so beside its tables; the first migration and the drift test both read it from here.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from piccolo.table import Table, sort_table_classes

Dialect = Literal["sqlite", "postgres"]


class _Index(msgspec.Struct, frozen=True):
    table: str
    columns: tuple[str, ...]
    where: str
    unique: bool

    @property
    def name(self) -> str:
        kind = "one" if self.unique else "by"
        suffix = "_where" if self.where else ""
        return f"{self.table}_{kind}_{'_'.join(self.columns)}{suffix}"[:60]


_indexes: dict[str, _Index] = {}
_checks: dict[str, list[str]] = {}
_append_only: list[str] = []
# Columns of append-only tables that may be emptied, and only that: words that somebody may ask to have forgotten.
_erasable: dict[str, tuple[str, ...]] = {}


def unique(table: str, *columns: str, where: str = "") -> None:
    """At most one row has these values (among those `where` holds for)."""
    index = _Index(table, columns, where, unique=True)
    _indexes[index.name] = index


def index(table: str, *columns: str, where: str = "") -> None:
    found = _Index(table, columns, where, unique=False)
    _indexes[found.name] = found


def check(table: str, expression: str) -> None:
    """A row for which the expression is false cannot be written."""
    if expression not in _checks.setdefault(table, []):
        _checks[table].append(expression)


def one_of(table: str, column: str, values: Iterable[str]) -> None:
    """The column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    check(table, f'"{column}" IN ({listed})')


def append_only(table: str, *, but: tuple[str, ...] = ()) -> None:
    """Rows are added and never changed: a correction is a new row that names the old.

    The words in the columns `but` may be forgotten: set to nothing, and to nothing else.
    """
    if table not in _append_only:
        _append_only.append(table)
    if but:
        _erasable[table] = but


_POSTGRES_FUNCTION = """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""
# The columns that it names may be emptied; to everything else it answers as the one above.
_POSTGRES_FORGETTING = """CREATE OR REPLACE FUNCTION refuse_change_but() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE named text[] := TG_ARGV; one text; kept boolean := TG_OP = 'UPDATE';
BEGIN
  IF kept THEN
    kept := to_jsonb(NEW) - named = to_jsonb(OLD) - named;
    FOREACH one IN ARRAY named LOOP kept := kept AND to_jsonb(NEW)->>one = ''; END LOOP;
    IF kept THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$"""


def create_statements(tables: Sequence[type[Table]], dialect: Dialect) -> list[str]:
    """Every statement that builds these tables from nothing, in an order that satisfies references.

    Needs an engine (or anything with an `engine_type`) of that dialect bound.
    """
    names = {table._meta.tablename for table in tables}
    found: list[str] = []
    for table in sort_table_classes(list(tables)):
        found.append(_create_table(table))
    # By name, because the order in which domains are imported is nobody's promise.
    for index_ in sorted(_indexes.values(), key=lambda index: index.name):
        if index_.table in names:
            columns = ", ".join(f'"{column}"' for column in index_.columns)
            where = f" WHERE {index_.where}" if index_.where else ""
            kind = "UNIQUE INDEX" if index_.unique else "INDEX"
            found.append(f'CREATE {kind} "{index_.name}" ON "{index_.table}" ({columns}){where}')
    guarded = sorted(name for name in _append_only if name in names)
    if guarded and dialect == "postgres":
        found += [_POSTGRES_FUNCTION, *([_POSTGRES_FORGETTING] if any(n in _erasable for n in guarded) else [])]
    all_columns = {t._meta.tablename: tuple(c._meta.db_column_name for c in t._meta.columns) for t in tables}
    for name in guarded:
        found += guard_statements(name, dialect, all_columns[name])
    return found


def _create_table(table: type[Table]) -> str:
    columns = [_without_default(column.ddl) for column in table._meta.columns]
    checks = [f"CHECK ({expression})" for expression in _checks.get(table._meta.tablename, ())]
    body = ",\n  ".join([*columns, *checks])
    return f'CREATE TABLE "{table._meta.tablename}" (\n  {body}\n)'


def _without_default(ddl: str) -> str:
    # Piccolo writes the default of the class into the table; a callable's would be frozen to one value.
    return ddl.partition(" DEFAULT ")[0]


def guard_statements(table: str, dialect: Dialect, columns: tuple[str, ...] = ()) -> list[str]:
    """The triggers that make a table append-only. `columns`: all of them, where some may be emptied."""
    but = _erasable.get(table, ())
    if dialect == "sqlite":
        changed = [f"NEW.\"{name}\" <> ''" for name in but]
        changed += [f'NEW."{name}" IS NOT OLD."{name}"' for name in columns if name not in but]
        when = f"WHEN {' OR '.join(changed)} " if but else ""
        return [
            f'CREATE TRIGGER "{table}_keeps_{verb.lower()}" BEFORE {verb} ON "{table}" {when if verb == "UPDATE" else ""}'
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    named = ", ".join(f"'{name}'" for name in but)
    function = f"refuse_change_but({named})" if but else "refuse_change()"
    return [
        f'CREATE TRIGGER "{table}_keeps_rows" BEFORE UPDATE OR DELETE ON "{table}" '
        f"FOR EACH ROW EXECUTE FUNCTION {function}",
        f'CREATE TRIGGER "{table}_keeps_all" BEFORE TRUNCATE ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    ]


def append_only_tables() -> list[str]:
    return list(_append_only)


class Drawing(msgspec.Struct):
    """Stands in for an engine while statements are only written down, not run."""

    engine_type: Any
