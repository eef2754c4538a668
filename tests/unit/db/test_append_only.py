"""Rows that are only ever added: whoever tries to change one is refused by the database itself."""

import pytest

from eccoo_node.db import extras
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from tests.support.node import Node
from tests.support.tables import all_tables


def guarded() -> list[str]:
    all_tables()
    return sorted(extras.append_only_tables())


def test_what_must_never_be_edited_is_guarded() -> None:
    money = {"schedule", "line", "line_fund", "entry", "posting", "entry_chain"}
    assert {"audit", "audit_chain", "event", "consent"} | money <= set(guarded())


@pytest.fixture
async def diary(node: Node) -> None:
    """A table of our own, guarded as the real ones are, so that rows of any shape are not needed."""
    async with write():
        await node.engine.script(
            [
                "CREATE TABLE diary (id INTEGER PRIMARY KEY, words TEXT NOT NULL)",
                *extras.guard_statements("diary", node.engine.engine_type),  # type: ignore[arg-type]
                "INSERT INTO diary VALUES (1, 'as it was')",
            ]
        )


@pytest.mark.usefixtures("diary")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE diary SET words = 'changed'",
        "UPDATE diary SET words = words",
        "DELETE FROM diary",
        "DELETE FROM diary WHERE id = 1",
    ],
)
async def test_no_row_is_changed_or_deleted(statement: str) -> None:
    with pytest.raises(Exception, match="diary is append-only"):
        async with write():
            await fetch(statement)
    assert [tuple(row) for row in await fetch("SELECT * FROM diary")] == [(1, "as it was")]


@pytest.mark.usefixtures("diary")
async def test_no_row_is_replaced(node: Node) -> None:
    statement = {
        "sqlite": "INSERT OR REPLACE INTO diary VALUES (1, 'changed')",
        "postgres": "INSERT INTO diary VALUES (1, 'changed') ON CONFLICT (id) DO UPDATE SET words = 'changed'",
    }[node.engine.engine_type]
    with pytest.raises(Exception, match="diary is append-only"):
        async with write():
            await fetch(statement)
    assert [tuple(row) for row in await fetch("SELECT * FROM diary")] == [(1, "as it was")]


@pytest.mark.usefixtures("diary")
async def test_the_table_is_not_emptied(node: Node) -> None:
    # SQLite has no TRUNCATE: a DELETE without WHERE is its way, and the trigger keeps it from the short cut.
    statement = "TRUNCATE diary" if node.engine.engine_type == "postgres" else "DELETE FROM diary WHERE TRUE"
    with pytest.raises(Exception, match="diary is append-only"):
        async with write():
            await fetch(statement)
    assert await fetch_value("SELECT COUNT(*) FROM diary") == 1


@pytest.mark.usefixtures("diary")
async def test_a_row_is_added_once_more_without_a_word(node: Node) -> None:
    async with write():
        await fetch("INSERT INTO diary VALUES (1, 'again') ON CONFLICT DO NOTHING")
        await fetch("INSERT INTO diary VALUES (2, 'more')")
    assert [tuple(row) for row in await fetch("SELECT * FROM diary ORDER BY id")] == [(1, "as it was"), (2, "more")]


@pytest.mark.usefixtures("diary")
async def test_words_may_be_emptied_where_that_was_said_and_nothing_else(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras._erasable, "letter", ("words",))
    async with write():
        await node.engine.script(
            [
                "CREATE TABLE letter (id INTEGER PRIMARY KEY, words TEXT NOT NULL, sum INTEGER)",
                *([extras._POSTGRES_FORGETTING] if node.engine.engine_type == "postgres" else []),
                *extras.guard_statements("letter", node.engine.engine_type, ("id", "words", "sum")),  # type: ignore[arg-type]
                "INSERT INTO letter VALUES (1, 'as it was', 5)",
            ]
        )
    for statement in ("SET words = 'other'", "SET words = '', sum = 6", "SET sum = NULL, words = ''"):
        with pytest.raises(Exception, match="letter is append-only"):
            async with write():
                await fetch(f"UPDATE letter {statement}")
    async with write():
        await fetch("UPDATE letter SET words = ''")
    assert [tuple(row) for row in await fetch("SELECT * FROM letter")] == [(1, "", 5)]


async def test_every_guarded_table_of_the_node_has_its_triggers(node: Node) -> None:
    all_tables()
    names = {
        "sqlite": "SELECT tbl_name, COUNT(*) FROM sqlite_master WHERE type = 'trigger' GROUP BY tbl_name",
        # One row for each event a trigger fires on: update and delete are one trigger, truncate another.
        "postgres": "SELECT c.relname, COUNT(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal GROUP BY c.relname",
    }[node.engine.engine_type]
    found = {row[0]: row[1] for row in await fetch(names)}
    assert {name: found.get(name, 0) for name in guarded()} == dict.fromkeys(guarded(), 2)
