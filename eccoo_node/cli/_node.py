"""What every command that works on a node begins with: its folder, its settings, its database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
import msgspec

from eccoo_node.db import bound
from eccoo_node.db.engine import NodeEngine, engine_for
from eccoo_node.db.migrate import pending
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken, Refusal
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import Settings, home_folder, load

T = TypeVar("T")


class Opened(msgspec.Struct, frozen=True):
    """A node that a command may work on."""

    settings: Settings
    folder: DataFolder
    engine: Any


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    """The node of the data folder that ECCOO_HOME names, its database open and bound. Raises Broken."""
    folder = DataFolder(home_folder())
    settings, _ = load(folder)
    if not settings.database.url and not folder.database.exists():
        raise Broken(f"There is no node in {folder.home}. Make one with `eccoo init`, or set ECCOO_HOME.", "no_node")
    engine: NodeEngine = engine_for(settings.database.url, folder.database)
    await engine.open()
    try:
        clock.set_zone(settings.zone)
        with bound.bound(engine):
            if left := await pending(shipped("migrations")):
                raise Broken(f"The database is {len(left)} steps behind. Run `eccoo migrate`.", "not_migrated")
            yield Opened(settings, folder, engine)
    finally:
        await engine.close()


def run(work: Callable[[Opened], Awaitable[T]]) -> T:
    """Do this with the opened node. What cannot be done is one plain sentence and the exit code 1."""

    async def whole() -> T:
        async with opened() as node:
            return await work(node)

    try:
        return asyncio.run(whole())
    except (Broken, Refusal) as why:
        raise click.ClickException(why.sentence) from None
