"""What the benchmark of many links does, with two of them, so that it still runs when it is wanted."""

from pathlib import Path

from bench import many


async def test_a_request_is_shown_at_every_linked_circle(tmp_path: Path) -> None:
    await many.tables(tmp_path)
    assert await many.shown_at_all(tmp_path, count=2) > 0
