"""Many processes and tasks write at once: nothing is lost, and nobody is told that the database is locked."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch, fetch_value
from eccoo_node.db.transaction import write
from tests.support.node import Node
from tests.support.processes import ROOT, environment

SECONDS = 10
PROCESSES = 4


async def test_no_act_is_lost_among_four_processes_of_five_tasks(node: Node, node_url: str, tmp_path: Path) -> None:
    async with write():
        await fetch("CREATE TABLE counter (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
        await fetch("INSERT INTO counter VALUES (1, 0)")
    address = node_url or str(tmp_path / "node.sqlite")
    command = [sys.executable, "-m", "tests.unit.db.counting", address, str(SECONDS)]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    told = [process.communicate(timeout=SECONDS + 60) for process in started]
    assert [errors for _, errors in told] == [""] * PROCESSES
    acts = [int(count) for count, _ in told]
    assert await fetch_value("SELECT value FROM counter") == sum(acts)
    # Each had its turns: a process that starves for ten seconds would look like a node that hangs.
    assert min(acts) >= 20


def test_a_file_is_opened_while_others_open_and_close_it(tmp_path: Path) -> None:
    """Whoever closes it last has it alone for a moment: two commands beside each other, or one as the node stops."""

    async def open_and_close() -> None:
        for _ in range(100):
            engine = engine_for("", tmp_path / "node.sqlite")
            await engine.open()
            await engine.close()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(asyncio.run, open_and_close()) for _ in range(4)]:
            done.result()


@pytest.mark.parametrize("address", ["", "x"])
async def test_the_counting_process_fails_when_it_cannot_count(address: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.db.counting", str(tmp_path / f"{address}none" / "x"), "1"],
        cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode != 0
