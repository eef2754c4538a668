"""The chain of migrations builds the same database as the classes, on both engines, and every table is as ours must be."""

# A difference is made and taken back: several statements by nature.

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from piccolo.columns import ForeignKey, OnDelete, OnUpdate

from eccoo_node.db import bound
from eccoo_node.db.engine import NodePostgres, NodeSQLite, engine_for
from eccoo_node.db.extras import create_statements
from eccoo_node.db.migrate import MigrationDone, chain, migrate, pending
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import shipped
from tests.support import draft_migration
from tests.support.catalogue import catalogue
from tests.support.node import Node
from tests.support.tables import all_tables

Engine = NodeSQLite | NodePostgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """A database with nothing in it, opened and bound."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    (tmp_path / "empty").mkdir()
    engine = engine_for(url, tmp_path / "empty" / "node.sqlite")
    await engine.open()
    with bound.bound(engine):
        yield engine
    await engine.close()


async def test_the_chain_builds_what_the_classes_say(empty: Engine, tmp_path: Path) -> None:
    await migrate(shipped("migrations"))
    by_chain = await catalogue()
    async with write():
        await empty.script(_dropping(empty.engine_type, sorted(by_chain)))
    async with write():
        await empty.script(create_statements(all_tables(), empty.engine_type))
    by_classes = await catalogue()
    assert sorted(by_chain) == sorted(by_classes)
    for name, table in by_classes.items():
        assert by_chain[name] == table, f"{name}: draft the first migration again, or write the next one."


def _dropping(dialect: str, names: list[str]) -> list[str]:
    if dialect == "postgres":
        return [f'DROP TABLE "{name}" CASCADE' for name in names]
    # Children first would need an order; without rows nothing refers to anything.
    return ["PRAGMA defer_foreign_keys = 1", *(f'DROP TABLE "{name}"' for name in names)]


def test_until_the_first_release_the_first_migration_is_drafted_from_the_classes() -> None:
    assert draft_migration.FIRST.read_text() == draft_migration.draft(), "python -m tests.support.draft_migration"


async def test_a_drift_is_seen(empty: Engine) -> None:
    """The comparison must notice each kind of difference, or its agreement means nothing."""
    async with write():
        await empty.script(create_statements(all_tables(), empty.engine_type))
    whole = await catalogue()
    changes = [
        'ALTER TABLE "visit" ADD COLUMN "more" TEXT',
        'DROP INDEX "visit_by_person_id_starts_at"',
        'CREATE INDEX "extra" ON "visit" ("what")',
        'DROP TRIGGER "said_keeps_update"'
        if empty.engine_type == "sqlite"
        else 'DROP TRIGGER "said_keeps_all" ON "said"',
        'ALTER TABLE "visit" RENAME COLUMN "what" TO "purpose"',
    ]
    if empty.engine_type == "postgres":
        changes += [
            'ALTER TABLE "visit" DROP CONSTRAINT "visit_check"',
            'ALTER TABLE "visit" ALTER COLUMN "what" DROP NOT NULL',
            """ALTER TABLE "visit" ALTER COLUMN "what" SET DEFAULT ''""",
            'ALTER TABLE "visit" ALTER COLUMN "what" TYPE VARCHAR(121)',
            'ALTER TABLE "visit" DROP CONSTRAINT "visit_person_id_fkey", ADD CONSTRAINT "visit_person_id_fkey" '
            'FOREIGN KEY ("person_id") REFERENCES "person" ("id") ON DELETE CASCADE ON UPDATE RESTRICT',
        ]
    for change in changes:
        with pytest.raises(ZeroDivisionError):
            async with write():
                await empty.script([change])
                assert await catalogue() != whole, change
                raise ZeroDivisionError
    assert await catalogue() == whole


async def test_every_reference_forbids_deleting_what_it_points_at(node: Node) -> None:
    for name, table in (await catalogue()).items():
        for reference in table["references"]:
            said = reference if isinstance(reference, str) else f"ON UPDATE {reference[4]} ON DELETE {reference[3]}"
            assert "ON UPDATE RESTRICT ON DELETE RESTRICT" in said, f"{name}: {reference}"


def test_every_reference_says_so_in_its_class() -> None:
    loose = [
        f"{table._meta.tablename}.{column._meta.name}"
        for table in [*all_tables(), MigrationDone]
        for column in table._meta.foreign_key_columns
        if (column._foreign_key_meta.on_delete, column._foreign_key_meta.on_update)
        != (OnDelete.restrict, OnUpdate.restrict)
    ]
    assert loose == []
    assert any(isinstance(column, ForeignKey) for table in all_tables() for column in table._meta.columns)


async def test_every_table_has_a_key(node: Node) -> None:
    assert [name for name, table in (await catalogue()).items() if not table["key"]] == []


async def test_no_column_has_a_default_that_somebody_forgot_to_write(node: Node) -> None:
    found = []
    for name, table in (await catalogue(without=())).items():
        for column, shape in table["columns"].items():
            if shape[-1] is not None and not (column == "id" and "nextval" in str(shape[-1])):
                found.append(f"{name}.{column}: {shape[-1]}")
    assert found == []


def test_every_sum_of_money_is_an_amount_and_every_amount_says_so() -> None:
    wrong = [
        f"{table._meta.tablename}.{column._meta.name}"
        for table in all_tables()
        for column in table._meta.columns
        if (type(column).__name__ == "Amount") != column._meta.name.endswith("_pence")
    ]
    assert wrong == []


# ---------------------------------------------------------------- walking the chain


def step(folder: Path, name: str, *statements: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(
        f"STATEMENTS = {{'sqlite': {list(statements)!r}, 'postgres': {list(statements)!r}}}\n"
    )


async def test_each_step_runs_once_and_in_order(empty: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    step(folder, "core_2026_01_01_a", "CREATE TABLE a (id INTEGER PRIMARY KEY)")
    step(folder, "other_2026_01_01_x", "CREATE TABLE x (id INTEGER PRIMARY KEY)")
    assert await migrate(folder) == ["core_2026_01_01_a"]
    step(folder, "core_2026_01_02_b", "INSERT INTO a VALUES (1)")
    step(folder, "core_2026_01_03_c", "UPDATE a SET id = id + 1")
    assert [path.stem for path in await pending(folder)] == ["core_2026_01_02_b", "core_2026_01_03_c"]
    assert await migrate(folder) == ["core_2026_01_02_b", "core_2026_01_03_c"]
    assert await migrate(folder) == []
    assert await fetch_value("SELECT id FROM a") == 2
    # Another part's history begins beside the core's.
    assert await migrate(folder, "other") == ["other_2026_01_01_x"]


async def test_a_step_that_fails_leaves_nothing_of_itself(empty: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    step(folder, "core_2026_01_01_a", "CREATE TABLE a (id INTEGER PRIMARY KEY)")
    await migrate(folder)
    step(folder, "core_2026_01_02_b", "CREATE TABLE b (id INTEGER PRIMARY KEY)", "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(Exception, match="nowhere"):
        await migrate(folder)
    assert "b" not in await catalogue()
    assert [path.stem for path in await pending(folder)] == ["core_2026_01_02_b"]


async def test_a_database_of_something_else_is_left_alone(empty: Engine) -> None:
    async with write():
        await fetch("CREATE TABLE photographs (id INTEGER PRIMARY KEY)")
    with pytest.raises(Broken) as told:
        await migrate(shipped("migrations"))
    assert told.value.code == "foreign_database"
    assert list(await catalogue()) == ["photographs"]


async def test_a_database_of_a_newer_version_is_left_alone(empty: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    step(folder, "core_2026_01_01_a", "CREATE TABLE a (id INTEGER PRIMARY KEY)")
    step(folder, "core_2031_01_01_z", "CREATE TABLE z (id INTEGER PRIMARY KEY)")
    await migrate(folder)
    (folder / "core_2031_01_01_z.py").unlink()
    with pytest.raises(Broken) as told:
        await migrate(folder)
    assert told.value.code == "newer_database"
    assert "core_2031_01_01_z" in told.value.sentence


def test_names_of_steps_begin_with_their_part_and_are_in_order() -> None:
    names = [path.stem for path in chain(shipped("migrations"), "core")]
    assert names == sorted(names)
    assert names[0] == "core_2026_11_21_first"
