"""Every write goes through db's own write().

Piccolo's bare transaction is deferred: of 200 concurrent read-then-write transactions 174 failed with "locked". And a
connection opened past db/ has neither the foreign keys nor the append-only triggers' settings.
"""

import ast

from tests.support.sources import name_of, python_files

ALLOWED = "eccoo_node/db/"


def bare_uses(source: str) -> list[str]:
    """Each `.transaction(` call and each import of sqlite3, aiosqlite or asyncpg, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"transaction", "atomic"}
        ):
            found.append(f"{node.lineno}: .{node.func.attr}(")
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        for module in modules:
            if module.split(".")[0] in {"sqlite3", "aiosqlite", "asyncpg"}:
                found.append(f"{node.lineno}: import {module}")
    return found


def test_only_db_opens_transactions_and_connections() -> None:
    found = {
        name_of(path): uses
        for path in python_files()
        if not name_of(path).startswith(ALLOWED) and (uses := bare_uses(path.read_text()))
    }
    assert found == {}


def test_the_search_sees_what_it_looks_for() -> None:
    planted = (
        "import sqlite3\nfrom asyncpg import connect\nasync def f(DB):\n    async with DB.transaction():\n        ...\n"
    )
    assert sorted(bare_uses(planted)) == ["1: import sqlite3", "2: import asyncpg", "4: .transaction("]
    assert bare_uses("from eccoo_node.db import write\nprint(tx.transaction_id)\n") == []
