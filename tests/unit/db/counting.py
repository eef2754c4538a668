"""One process of the hostile test: five tasks that read a number and write it back one higher, for some seconds.

Run as a module with the database's address (or file) and how long; prints how often it wrote.
"""

import asyncio
import sys
from pathlib import Path

from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.db.rows import fetch, fetch_value, locking
from eccoo_node.db.transaction import write

TASKS = 5


async def count(until: float) -> int:
    acts = 0
    while asyncio.get_running_loop().time() < until:
        async with write():
            value = await fetch_value(f"SELECT value FROM counter WHERE id = 1{locking()}")
            # Others get their chance between the read and the write: this is where an act would be lost.
            await asyncio.sleep(0)
            await fetch("UPDATE counter SET value = ? WHERE id = 1", value + 1)
        acts += 1
    return acts


async def main(address: str, seconds: float) -> int:
    url, path = (address, Path()) if "://" in address else ("", Path(address))
    engine = engine_for(url, path)
    await engine.open()
    try:
        with bound.bound(engine):
            until = asyncio.get_running_loop().time() + seconds
            return sum(await asyncio.gather(*(count(until) for _ in range(TASKS))))
    finally:
        await engine.close()


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(main(sys.argv[1], float(sys.argv[2])))))
