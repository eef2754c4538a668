"""One of several processes that say yes to offers at once; run by the test of awards.

`python -m tests.support.chooser HOME URL ADDRESS PERSON OFFER…`: twenty-five yeses at one moment, each to the next of the offers;
prints how many were taken as the choice.
"""

import asyncio
import sys
from itertools import cycle, islice
from pathlib import Path

from eccoo_federation.client import GuardedClient
from eccoo_node.cover import actions as cover
from eccoo_node.db import bound
from eccoo_node.db.engine import engine_for
from eccoo_node.federating.wire import Wire
from eccoo_node.kernel import clock
from eccoo_node.kernel.errors import Conflict
from eccoo_node.kernel.paths import DataFolder
from eccoo_node.kernel.settings import FederationSettings, Settings, WebSettings
from eccoo_node.links import identity
from eccoo_node.members import queries as members
from tests.support.node import MONDAY, MovableClock

YESES = 25


async def choose(home: Path, url: str, address: str, person: str, offers: list[str]) -> int:
    engine = engine_for(url, home / "node.sqlite")
    await engine.open()
    with bound.bound(engine), clock.clock_bound(MovableClock(MONDAY)):
        settings = Settings(web=WebSettings(public_url=address), federation=FederationSettings(loopback_peers=True))
        wire = Wire(identity.load(DataFolder(home), settings), GuardedClient(loopback_peers=True, timeout_s=5))
        with wire.bound():
            actor = await members.actor_for(person)
            asked = [cover.choose(actor, offer_id=one, words="Yes") for one in islice(cycle(offers), YESES)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
        await wire.client.aclose()
    await engine.close()
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Conflict):
            raise answer
    return sum(answer == "done" for answer in answers)


if __name__ == "__main__":
    home_, *others = sys.argv[1:]
    sys.stdout.write(str(asyncio.run(choose(Path(home_), others[0], others[1], others[2], others[3:]))))
