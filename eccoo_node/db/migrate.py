"""The chain of migrations: hand-written files, each run once, in order, in a transaction of its own.

Piccolo's automatic migrations break on SQLite beyond adding or renaming a column, and its runner prints and
exits, so the chain is walked here.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

from piccolo.table import Table

from eccoo_node.db import bound
from eccoo_node.db.columns import moment, serial, word
from eccoo_node.db.rebuild import rebuild_table, refuse_broken_references
from eccoo_node.db.rows import fetch, insert
from eccoo_node.db.transaction import write
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken


class MigrationDone(Table, tablename="migration_done"):
    """One row for each migration that has run on this database."""

    id = serial()
    app = word()
    name = word(200)
    at = moment()


_MAKE = {
    "sqlite": """CREATE TABLE "migration_done" ("id" INTEGER PRIMARY KEY NOT NULL,
        "app" VARCHAR(64) NOT NULL, "name" VARCHAR(200) NOT NULL, "at" TIMESTAMPTZ NOT NULL, UNIQUE ("app", "name"))""",
    "postgres": """CREATE TABLE "migration_done" ("id" BIGSERIAL PRIMARY KEY NOT NULL,
        "app" VARCHAR(64) NOT NULL, "name" VARCHAR(200) NOT NULL, "at" TIMESTAMPTZ NOT NULL, UNIQUE ("app", "name"))""",
}
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def chain(folder: Path, app: str) -> list[Path]:
    """The migrations of one app, oldest first. Names begin with the app's own, so that no two files share one."""
    return sorted(folder.glob(f"{app}_*.py"))


async def pending(folder: Path, app: str = "core") -> list[Path]:
    """What has yet to run. Raises Broken for a database that is not ours or is newer than this code."""
    engine = bound.engine()
    tables = {row[0] for row in await fetch(_TABLES[engine.engine_type])}
    if "migration_done" not in tables:
        if tables:
            raise Broken("This database holds something else, not a circle node.", "foreign_database")
        return chain(folder, app)
    done = {row[0] for row in await fetch("SELECT name FROM migration_done WHERE app = ?", app)}
    known = {path.stem for path in chain(folder, app)}
    if app == "core" and done - known:
        raise Broken(
            f"This database was made by a newer version of the node ({max(done - known)}). Install that version.",
            "newer_database",
        )
    return [path for path in chain(folder, app) if path.stem not in done]


async def migrate(folder: Path, app: str = "core") -> list[str]:
    """Run what is pending, each in one transaction; the names that ran."""
    names = []
    for path in await pending(folder, app):
        module = _load(path)
        rebuilds = getattr(module, "REBUILDS", ())
        async with write(references=not rebuilds):
            # Another process may have walked the chain while this one waited for its turn.
            if path not in await pending(folder, app):
                continue
            await bound.engine().script(module.STATEMENTS[bound.engine().engine_type])
            for rebuild in rebuilds:
                await rebuild_table(rebuild)
            if hasattr(module, "forwards"):
                await module.forwards()
            if rebuilds:
                await refuse_broken_references()
            if path in chain(folder, "core")[:1]:
                await bound.engine().script([_MAKE[bound.engine().engine_type]])
            await insert(MigrationDone(app=app, name=path.stem, at=clock.now()))
        names.append(path.stem)
    return names


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"eccoo_migration_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise Broken(f"{path} is not a migration.", "bad_migration")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
