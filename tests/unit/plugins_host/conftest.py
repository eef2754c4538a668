"""A shelf for plugins, and a running app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plugins import Shelf, shelf


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Shelf]:
    with shelf(tmp_path / "shelf") as made:
        yield made
