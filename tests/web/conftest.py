"""The gallery on a node's floor."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.node import Node
from tests.web.client import Reader
from tests.web.gallery.app import GalleryController, gallery


@pytest.fixture(autouse=True)
def nothing_done() -> Iterator[None]:
    GalleryController.done.clear()
    yield
    GalleryController.done.clear()


@pytest.fixture
async def reader(node: Node, tmp_path: Path) -> AsyncIterator[Reader]:
    """Someone who reads the gallery, not signed in."""
    async with Reader(gallery(tmp_path, engine=node.engine)) as made:
        yield made
