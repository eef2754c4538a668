"""What a database really holds, read from its own catalogue: what the drift test compares."""

import re
from typing import Any

from eccoo_node.db import bound
from eccoo_node.db.rows import fetch

Catalogue = dict[str, dict[str, Any]]


async def catalogue(*, without: tuple[str, ...] = ("migration_done",)) -> Catalogue:
    """Each table by its name: columns, key, checks, references, indexes and triggers. The order of columns is no part of it."""
    read = _sqlite if bound.engine().engine_type == "sqlite" else _postgres
    return {name: table for name, table in (await read()).items() if name not in without}


def _plain(sql: str) -> str:
    """A piece of SQL without the differences that mean nothing."""
    return re.sub(r"\s+", " ", sql.replace('"', "")).strip()


def _checks(create: str) -> list[str]:
    """The CHECKs in a CREATE TABLE; SQLite keeps them nowhere else."""
    found = []
    for start in re.finditer(r"\bCHECK\s*\(", create):
        depth, end = 1, start.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(create[end], 0)
            end += 1
        found.append(_plain(create[start.end() : end - 1]))
    return sorted(found)


async def _sqlite() -> Catalogue:
    found: Catalogue = {}
    for name, sql in await fetch(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ):
        columns = await fetch(f'PRAGMA table_xinfo("{name}")')
        references = await fetch(f'PRAGMA foreign_key_list("{name}")')
        indexes = {}
        for index in await fetch(f'PRAGMA index_list("{name}")'):
            parts = [row["name"] for row in await fetch(f'PRAGMA index_info("{index["name"]}")')]
            [(text,)] = await fetch("SELECT sql FROM sqlite_master WHERE name = ?", index["name"]) or [(None,)]
            where = _plain(text).partition(" WHERE ")[2] if text else ""
            indexes[index["name"]] = (bool(index["unique"]), parts, where)
        triggers = await fetch("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", name)
        found[name] = {
            "columns": {c["name"]: (c["type"], bool(c["notnull"]), c["dflt_value"]) for c in columns},
            "key": [c["name"] for c in sorted(columns, key=lambda c: int(c["pk"])) if c["pk"]],
            "checks": _checks(sql),
            "references": sorted(
                (r["from"], r["table"], r["to"] or "id", r["on_delete"], r["on_update"]) for r in references
            ),
            "indexes": indexes,
            "triggers": {t["name"]: _plain(t["sql"]) for t in triggers},
        }
    return found


async def _postgres() -> Catalogue:
    found: Catalogue = {}
    for (name,) in await fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    ):
        columns = await fetch(
            "SELECT column_name, data_type, character_maximum_length, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?", name
        )  # fmt: skip
        constraints = await fetch(
            "SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(?::text AS regclass) "
            "ORDER BY 2", f'"{name}"'
        )  # fmt: skip
        indexes = await fetch("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ?", name)
        triggers = await fetch(
            "SELECT tgname, pg_get_triggerdef(oid), pg_get_functiondef(tgfoid) FROM pg_trigger "
            "WHERE NOT tgisinternal AND tgrelid = CAST(?::text AS regclass)", f'"{name}"'
        )  # fmt: skip

        def of(kind: str, rows: list[Any] = constraints) -> list[str]:
            return [_plain(text) for contype, text in rows if contype == kind]

        found[name] = {
            "columns": {c[0]: (c[1], c[2], c[3] == "NO", c[4]) for c in columns},
            "key": of("p"),
            "checks": of("c"),
            "unique": of("u"),
            "references": of("f"),
            "indexes": {row[0]: _plain(row[1]) for row in indexes},
            "triggers": {row[0]: (_plain(row[1]), _plain(row[2])) for row in triggers},
        }
    return found
