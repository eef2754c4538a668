"""The gallery on a node's floor, and the story of cover on two."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from eccoo_node.db.engine import NodeSQLite
from tests.support.node import Node, build
from tests.support.pair import Pair, open_pair
from tests.web.client import Reader
from tests.web.gallery.app import GalleryController, gallery
from tests.web.story import Walk, open_walk


@pytest.fixture
def node_url(tmp_path: Path) -> str:
    """Pages are read and sent on SQLite. test_postgres.py reads each of them on PostgreSQL too."""
    asyncio.run(build("", tmp_path))
    return ""


@pytest.fixture(autouse=True)
def nothing_done() -> Iterator[None]:
    GalleryController.done.clear()
    yield
    GalleryController.done.clear()


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Reader]:
    """Someone who only looks: what is shown in the gallery asks no database, so there is none."""
    async with Reader(gallery(tmp_path, engine=NodeSQLite(tmp_path / "none.sqlite"))) as made:
        yield made


@pytest.fixture
async def reader(node: Node, tmp_path: Path) -> AsyncIterator[Reader]:
    """Someone who reads the gallery, not signed in."""
    async with Reader(gallery(tmp_path, engine=node.engine)) as made:
        yield made


@pytest.fixture
async def walk(tmp_path: Path) -> AsyncIterator[Walk]:
    """Two linked circles in their week, with pages for everyone in it."""
    for name in ("hebden", "todmorden"):
        (tmp_path / name).mkdir()
        await build("", tmp_path / name)
    async with open_pair(tmp_path) as pair, open_walk(pair) as made:
        yield made


@pytest.fixture
async def walk_on_either(two_nodes: Pair) -> AsyncIterator[Walk]:
    """The same on each engine, for what is read in lists."""
    async with open_walk(two_nodes) as made:
        yield made
