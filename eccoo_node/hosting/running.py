"""A node spoke to from outside its serving process: opened, bound, and closed again."""

import contextlib
from collections.abc import AsyncIterator

from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.db.migrate import pending
from eccoo_node.federating.wire import open_wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Broken
from eccoo_node.kernel.paths import DataFolder, shipped
from eccoo_node.kernel.settings import Settings
from eccoo_node.links import identity


@contextlib.asynccontextmanager
async def opened(
    folder: DataFolder, settings: Settings, *, migrated: bool = True, keyless: bool = False
) -> AsyncIterator[None]:
    """This node's database, zone, clock and, once it has its keys, its wire, for whatever runs inside.

    Raises Broken when it cannot be opened or, with `migrated`, when its database is of another version.
    `keyless` leaves the keys alone, for whoever makes others.
    """
    engine = engine_for(settings.database.url, folder.database)
    await engine.open()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        stack.enter_context(bound.bound(engine))
        stack.enter_context(clock.zone_bound(settings.zone))
        if settings.demo:
            stack.enter_context(clock.clock_bound(clock.offset_clock(folder.clock)))
        if migrated and (left := await pending(shipped("migrations"))):
            raise Broken(f"The database is {len(left)} steps behind this version. Run: eccoo migrate", "not_migrated")
        if keyless:
            stack.enter_context(identity.identity_bound(identity.Kept(folder, settings, keyless=True)))
        elif identity.exists(folder):
            await stack.enter_async_context(open_wire(identity.Kept(folder, settings)))
        yield
