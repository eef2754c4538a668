"""A data folder with a node in it."""

import asyncio
from pathlib import Path

import pytest

from eccoo_node.db import bound
from eccoo_node.db.engine import NodeSQLite
from tests.support.node import Node, build
from tests.support.plugins import migrations_begun


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()

    async def make() -> None:
        await build("", folder)
        engine = NodeSQLite(folder / "node.sqlite")
        await engine.open()
        with bound.bound(engine):
            await migrations_begun(Node(engine, None))  # type: ignore[arg-type]
        await engine.close()

    asyncio.run(make())
    return folder
