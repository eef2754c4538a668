"""A table is made anew with all that was in it and on it, or nothing has changed."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eccoo_node.db import bound
from eccoo_node.db.engine import DATABASE_ERRORS, NodePostgres, NodeSQLite, engine_for
from eccoo_node.db.migrate import migrate, pending
from eccoo_node.db.rebuild import Rebuild, rebuild_table
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from eccoo_node.kernel.errors import Broken
from tests.support.catalogue import catalogue

Engine = NodeSQLite | NodePostgres

# A parent that refers to itself, with an index of each kind and a guard; a child; and a stranger whose trigger reads it.
_TABLES = (
    'CREATE TABLE "home" ("id" INTEGER PRIMARY KEY NOT NULL, "street" VARCHAR(40) NOT NULL, "old" INTEGER, '
    '"next_to" INTEGER REFERENCES "home" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT)',
    'CREATE TABLE "visit" ("id" INTEGER PRIMARY KEY NOT NULL, "home_id" INTEGER NOT NULL '
    'REFERENCES "home" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT)',
    'CREATE UNIQUE INDEX "home_one_street_where" ON "home" ("street") WHERE "street" <> \'\'',
    'CREATE INDEX "home_by_next_to" ON "home" ("next_to")',
)
_SQLITE = (
    'CREATE TRIGGER "home_keeps_delete" BEFORE DELETE ON "home" BEGIN SELECT RAISE(ABORT, \'home is append-only\'); END',
    'CREATE TRIGGER "visit_looks" AFTER INSERT ON "visit" BEGIN SELECT COUNT(*) FROM "home"; END',
)
_ROWS = (
    "INSERT INTO home VALUES (1, 'Bank Street', 1, NULL), (2, 'Heptonstall Road', 2, 1), (3, '', NULL, 2)",
    "INSERT INTO visit VALUES (1, 1), (2, 2), (3, 2)",
)
CREATE = (
    'CREATE TABLE "home" ("id" INTEGER PRIMARY KEY NOT NULL, "street" VARCHAR(80), "old" INTEGER NOT NULL, '
    '"next_to" INTEGER REFERENCES "home" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT, "since" INTEGER, '
    'CHECK ("old" >= 0))'
)
_ALTER = [
    "UPDATE home SET old = 0 WHERE old IS NULL",
    'ALTER TABLE home ALTER COLUMN street TYPE VARCHAR(80), ALTER COLUMN street DROP NOT NULL, ALTER COLUMN old SET NOT NULL, '
    "ADD COLUMN since INTEGER, ADD CHECK (old >= 0)",
]  # fmt: skip
WIDER = Rebuild("home", CREATE, copies={"old": "COALESCE(old, 0)"})


def step(
    folder: Path, name: str, *rebuilds: Rebuild, sqlite: object = (), postgres: object = (), more: str = ""
) -> None:
    (folder / f"{name}.py").write_text(
        "from eccoo_node.db.rebuild import Rebuild\n"
        f"STATEMENTS = {{'sqlite': {list(sqlite)!r}, 'postgres': {list(postgres)!r}}}\n"  # type: ignore[call-overload]
        f"REBUILDS = {rebuilds!r}\n{more}"
    )


@pytest.fixture
def chain_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "chain"
    folder.mkdir()
    step(folder, "core_1", sqlite=(*_TABLES, *_SQLITE, *_ROWS), postgres=(*_TABLES, *_ROWS))
    return folder


async def _begun(engine: Engine, folder: Path) -> AsyncIterator[Engine]:
    await engine.open()
    with bound.bound(engine):
        await migrate(folder)
        yield engine
    await engine.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def either(request: pytest.FixtureRequest, tmp_path: Path, chain_folder: Path) -> AsyncIterator[Engine]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    async for engine in _begun(engine_for(url, tmp_path / "node.sqlite"), chain_folder):
        yield engine


@pytest.fixture
async def sqlite(tmp_path: Path, chain_folder: Path) -> AsyncIterator[Engine]:
    async for engine in _begun(engine_for("", tmp_path / "node.sqlite"), chain_folder):
        yield engine


async def rows(*columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await fetch(f"SELECT {', '.join(columns)} FROM home ORDER BY id")]


async def everything() -> tuple[Any, ...]:
    visits = [tuple(row) for row in await fetch("SELECT id, home_id FROM visit ORDER BY id")]
    return await catalogue(without=()), await rows("*"), visits


async def refers() -> None:
    """A visit to no home is refused again, and so is a home taken from under a visit."""
    for broken in ("INSERT INTO visit VALUES (9, 77)", "DELETE FROM home WHERE id = 1"):
        with pytest.raises(DATABASE_ERRORS):
            async with write():
                await fetch(broken)


async def test_rows_children_indexes_and_triggers_are_all_there_in_the_new_shape(
    either: Engine, chain_folder: Path
) -> None:
    before = await catalogue()
    step(chain_folder, "core_2", WIDER, postgres=_ALTER)
    assert await migrate(chain_folder) == ["core_2"]
    assert await rows("id", "street", "old", "next_to", "since") == [
        (1, "Bank Street", 1, None, None), (2, "Heptonstall Road", 2, 1, None), (3, "", 0, 2, None),
    ]  # fmt: skip
    assert [tuple(row) for row in await fetch("SELECT id, home_id FROM visit ORDER BY id")] == [(1, 1), (2, 2), (3, 2)]
    after = await catalogue()
    assert after["visit"] == before["visit"]
    for kept in ("key", "references", "indexes", "triggers"):
        assert after["home"][kept] == before["home"][kept], kept
    assert (before["home"]["checks"] != after["home"]["checks"], sorted(after["home"]["columns"])) == (
        True, ["id", "next_to", "old", "since", "street"],
    )  # fmt: skip
    assert sorted(after) == sorted(before)
    await refers()
    assert await pending(chain_folder) == []


async def test_a_reference_that_would_break_takes_everything_back(sqlite: Engine, chain_folder: Path) -> None:
    before = await everything()
    step(
        chain_folder, "core_2", Rebuild("home", CREATE, copies={"id": "id + 10", "old": "0", "next_to": "next_to + 10"}),
        sqlite=["INSERT INTO visit VALUES (4, 1)"],
    )  # fmt: skip
    with pytest.raises(Broken) as told:
        await migrate(chain_folder)
    assert told.value.code == "broken_reference"
    assert "4 rows would refer to nothing, the first in visit to home" in told.value.sentence
    assert await everything() == before
    await refers()
    assert [path.stem for path in await pending(chain_folder)] == ["core_2"]


NO_STREET = CREATE.replace('"street" VARCHAR(80), ', "")
LOSSY = CREATE.replace("CHECK", 'UNIQUE ("old") ON CONFLICT IGNORE, CHECK')


@pytest.mark.parametrize(
    "rebuild, told",
    [
        (Rebuild("home", CREATE), "NOT NULL constraint failed"),
        (Rebuild("home", NO_STREET, {"old": "0"}), "Nobody said what becomes of street"),
        (
            Rebuild("home", NO_STREET, {"old": "0"}, leaving=("street",)),
            "home_one_street_where of home is about street",
        ),
        (Rebuild("home", LOSSY, {"old": "0"}), "Rows were lost"),
        (Rebuild("home", CREATE, {"old": "nonsense"}), "no such column: nonsense"),
        (Rebuild("home", CREATE.replace('"home"', "home"), {"old": "0"}), "begins with CREATE TABLE"),
    ],
)
async def test_what_would_lose_something_unnamed_is_refused_and_changes_nothing(
    sqlite: Engine, chain_folder: Path, rebuild: Rebuild, told: str
) -> None:
    before = await everything()
    step(chain_folder, "core_2", rebuild)
    with pytest.raises((Broken, sqlite3.Error, RuntimeError), match=told):
        await migrate(chain_folder)
    assert await everything() == before
    await refers()


async def test_a_column_goes_with_its_index_when_both_are_named(sqlite: Engine, chain_folder: Path) -> None:
    step(
        chain_folder, "core_2",
        Rebuild("home", NO_STREET, {"old": "0"}, leaving=("street",), without=("home_one_street_where",)),
    )  # fmt: skip
    await migrate(chain_folder)
    home = (await catalogue())["home"]
    assert ("street" in home["columns"], sorted(home["indexes"])) == (False, ["home_by_next_to"])


async def test_in_an_ordinary_transaction_nothing_is_rebuilt(sqlite: Engine) -> None:
    """There it would empty the child table, or be refused for its guard; neither may depend on luck."""
    before = await everything()
    with pytest.raises(RuntimeError, match="references=False"):
        async with write():
            await rebuild_table(WIDER)
    with pytest.raises(RuntimeError, match="before a transaction begins"):
        async with write(), write(references=False):
            pass
    assert await everything() == before


async def test_whoever_writes_meanwhile_writes_with_references(sqlite: Engine, chain_folder: Path) -> None:
    step(
        chain_folder, "core_2", WIDER,
        more="import asyncio\nasync def forwards():\n    for _ in range(20):\n        await asyncio.sleep(0.001)\n",
    )  # fmt: skip

    async def orphan() -> str:
        try:
            async with write():
                await fetch("INSERT INTO visit VALUES (9, 77)")
        except sqlite3.IntegrityError as error:
            return str(error)
        return "written"

    done = await asyncio.gather(migrate(chain_folder), *(orphan() for _ in range(3)))
    assert done == [["core_2"], *["FOREIGN KEY constraint failed"] * 3]
    assert await fetch_value("PRAGMA foreign_keys") == 1


_DIES = """
import asyncio, os, sys
from pathlib import Path
from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite, engine_for
from eccoo_node.db.migrate import migrate

plain = NodeSQLite.execute

async def execute(self, sql, params=()):
    found = await plain(self, sql, params)
    if sql.startswith(sys.argv[3]):
        os._exit(9)
    return found

NodeSQLite.execute = execute

async def main():
    engine = engine_for("", Path(sys.argv[1]))
    await engine.open()
    with bound.bound(engine):
        await migrate(Path(sys.argv[2]))

asyncio.run(main())
"""


@pytest.mark.parametrize("after", ['INSERT INTO "rebuilt__', "DROP TABLE", "ALTER TABLE", "PRAGMA foreign_key_check"])
async def test_a_process_that_dies_midway_leaves_the_old_table_whole(
    sqlite: Engine, chain_folder: Path, tmp_path: Path, after: str
) -> None:
    before = await everything()
    step(chain_folder, "core_2", WIDER)
    died = subprocess.run(
        [sys.executable, "-c", _DIES, str(tmp_path / "node.sqlite"), str(chain_folder), after],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False, timeout=60,
    )  # fmt: skip
    assert died.returncode == 9
    assert await everything() == before
    assert await fetch_value("PRAGMA integrity_check") == "ok"
    # And the next start walks the chain to its end.
    assert await migrate(chain_folder) == ["core_2"]
    await refers()
