"""One process that does the jobs of a test and writes down when it did which. Runs until it is killed."""

import asyncio
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from eccoo_node.db import bound, jobs
from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch
from eccoo_node.db.transaction import write

HOLD_S = 0.01


@jobs.job("test.ran")
async def ran(payload: dict[str, Any]) -> datetime | None:
    began = time.time_ns() // 1_000_000
    async with write():
        await fetch("INSERT INTO ran VALUES (?, ?, ?, NULL)", str(payload["number"]), os.getpid(), began)
    await asyncio.sleep(HOLD_S)
    async with write():
        await fetch(
            "UPDATE ran SET ended = ? WHERE key = ? AND pid = ? AND began = ?",
            time.time_ns() // 1_000_000, str(payload["number"]), os.getpid(), began,
        )  # fmt: skip
    return None


async def main(address: str) -> None:
    url, path = (address, Path()) if "://" in address else ("", Path(address))
    engine = engine_for(url, path)
    await engine.open()
    with bound.bound(engine):
        await jobs.loop(asyncio.Event())


if __name__ == "__main__":
    jobs.LEASE = timedelta(seconds=float(sys.argv[2]))
    HOLD_S = float(sys.argv[3])
    asyncio.run(main(sys.argv[1]))
